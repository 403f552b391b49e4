//! Turns one deflate stream (RFC 1951) into bytes.
//!
//! The decoder is our own, since it is a fifth of the time of most loads: it decodes straight into the caller's
//! output, at the speed of libraries that need the whole stream at once, but can be stopped and taken up at any byte.
//!
//! Reading order: `table` (codes), `bits` (input), `window` (output and what matches refer to), here the way through a stream's blocks,
//! and `fast`, which does nearly all the work. The rare zlib wrapping is left to the library (`zlib`).

mod bits;
mod fast;
mod table;
mod window;

#[cfg(test)]
mod tests;

use self::bits::{Bits, Input};
use self::table::{BadCode, Code, Entry, LENGTH_CODE_SYMBOLS};
use self::window::{Output, Window};
use super::codec::{Codec, Fault, Step, StepError};

/// A bare deflate stream.
pub(super) struct Inflate {
    state: State,
    is_last_block: bool,
    /// Taken from the input by earlier calls.
    bits: Bits,
    tables: Box<Tables>,
    lengths: CodeLengths,
    window: Window,
}

/// What comes next.
#[derive(Clone, Copy)]
enum State {
    BlockHeader,
    StoredLength,
    /// With the number of bytes left.
    Stored(usize),
    /// Numbers of code lengths.
    Counts,
    /// The lengths of the code of the code lengths.
    LengthCode,
    CodeLengths,
    Symbols,
    /// The rest of a match, for which there was no room.
    Match {
        distance: usize,
        length: usize,
    },
    Ended,
}

/// Why a call returns.
enum Stop {
    NeedsInput,
    OutputFull,
    Ended,
}

/// The codes of a block.
struct Tables {
    literals: [Entry; table::LITERAL_ENTRIES],
    distances: [Entry; table::DISTANCE_ENTRIES],
    length_code: [Entry; table::LENGTH_CODE_ENTRIES],
    /// Bits of each literal's code.
    literal_bits: [u8; END],
}

/// The description of the codes of a block, as far as it is read.
struct CodeLengths {
    lengths: [u8; table::LITERAL_SYMBOLS + table::DISTANCE_SYMBOLS],
    num_read: usize,
    num_literals: usize,
    num_distances: usize,
    num_length_codes: usize,
}

/// The order in which the lengths of the code of the code lengths stand.
const LENGTH_CODE_ORDER: [u8; LENGTH_CODE_SYMBOLS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The symbol that ends a block; those before it are the literals.
const END: usize = 256;

impl Inflate {
    pub(super) fn new() -> Self {
        Inflate {
            state: State::BlockHeader,
            is_last_block: false,
            bits: Bits::default(),
            tables: Box::new(Tables {
                literals: [Entry(0); table::LITERAL_ENTRIES],
                distances: [Entry(0); table::DISTANCE_ENTRIES],
                length_code: [Entry(0); table::LENGTH_CODE_ENTRIES],
                literal_bits: [0; END],
            }),
            lengths: CodeLengths {
                lengths: [0; table::LITERAL_SYMBOLS + table::DISTANCE_SYMBOLS],
                num_read: 0,
                num_literals: 0,
                num_distances: 0,
                num_length_codes: 0,
            },
            window: Window::new(),
        }
    }
}

impl Codec for Inflate {
    const FORMAT: &'static str = "deflate";
    const IS_CONCATENABLE: bool = false;

    fn begin(&mut self) {
        self.state = State::BlockHeader;
        self.is_last_block = false;
        self.bits = Bits::default();
        self.window.clear();
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        debug_assert!(
            !output.is_empty(),
            "bits of an earlier call could not be used, nor given back"
        );
        let mut input = Input {
            bytes: input,
            at: 0,
            bits: self.bits,
        };
        let mut given = Output {
            bytes: &mut *output,
            at: 0,
            window: &self.window,
        };
        let blocks = Blocks {
            state: &mut self.state,
            is_last_block: &mut self.is_last_block,
            tables: &mut self.tables,
            lengths: &mut self.lengths,
        };
        let result = blocks.run(&mut input, &mut given);
        if !matches!(result, Ok(Stop::NeedsInput)) {
            input.give_back();
        }
        self.bits = input.bits;
        let (consumed, produced) = (input.at, given.at);
        match result {
            Ok(Stop::Ended) => Ok(Step {
                consumed,
                produced,
                has_ended: true,
            }),
            Ok(Stop::NeedsInput | Stop::OutputFull) => {
                self.window.push(&output[..produced]);
                Ok(Step {
                    consumed,
                    produced,
                    has_ended: false,
                })
            }
            Err(fault) => Err(StepError { fault, consumed }),
        }
    }
}

/// The parts of [`Inflate`] that a call changes while it reads the window.
struct Blocks<'a> {
    state: &'a mut State,
    is_last_block: &'a mut bool,
    tables: &'a mut Tables,
    lengths: &'a mut CodeLengths,
}

impl Blocks<'_> {
    fn run(self, input: &mut Input<'_>, output: &mut Output<'_>) -> Result<Stop, Fault> {
        loop {
            let next = match *self.state {
                State::BlockHeader => {
                    let Some(header) = input.take(3) else {
                        return Ok(Stop::NeedsInput);
                    };
                    *self.is_last_block = header & 1 != 0;
                    match header >> 1 {
                        0 => {
                            input.align();
                            State::StoredLength
                        }
                        1 => {
                            self.tables.be_fixed()?;
                            State::Symbols
                        }
                        2 => State::Counts,
                        _ => return Err(corrupt("a block of the type 3, which does not exist")),
                    }
                }
                State::StoredLength => {
                    let Some(lengths) = input.take(32) else {
                        return Ok(Stop::NeedsInput);
                    };
                    let (length, complement) = (lengths & 0xffff, lengths >> 16);
                    if length != complement ^ 0xffff {
                        return Err(corrupt("a stored block whose length and its complement do not match"));
                    }
                    input.give_back();
                    State::Stored(length as usize)
                }
                State::Stored(0) => self.block_end(),
                State::Stored(left) => {
                    let room = output.bytes.len() - output.at;
                    let count = left.min(room).min(input.bytes.len() - input.at);
                    output.bytes[output.at..output.at + count]
                        .copy_from_slice(&input.bytes[input.at..input.at + count]);
                    input.at += count;
                    output.at += count;
                    *self.state = State::Stored(left - count);
                    match () {
                        () if count == left => continue,
                        () if output.is_full() => return Ok(Stop::OutputFull),
                        () => return Ok(Stop::NeedsInput),
                    }
                }
                State::Counts => {
                    let Some(counts) = input.take(14) else {
                        return Ok(Stop::NeedsInput);
                    };
                    self.lengths.begin(counts)?;
                    State::LengthCode
                }
                State::LengthCode => {
                    if !self.lengths.read_length_code(input) {
                        return Ok(Stop::NeedsInput);
                    }
                    let lengths = &self.lengths.lengths[..LENGTH_CODE_SYMBOLS];
                    let table = &mut self.tables.length_code;
                    let code = Code::new(lengths).map_err(bad_code)?;
                    code.fill(table, table::LENGTH_CODE_BITS, table::plain_symbol);
                    self.lengths.num_read = 0;
                    State::CodeLengths
                }
                State::CodeLengths => {
                    if !self.lengths.read(&self.tables.length_code, input)? {
                        return Ok(Stop::NeedsInput);
                    }
                    self.tables.be(self.lengths)?;
                    State::Symbols
                }
                State::Symbols => {
                    if fast::run(self.tables, input, output)? {
                        self.block_end()
                    } else {
                        match self.tables.symbol(input)? {
                            None => return Ok(Stop::NeedsInput),
                            // It is taken by the next call: the end of a block is found although there is no room.
                            Some((Symbol::Literal(_) | Symbol::Match { .. }, _)) if output.is_full() => {
                                return Ok(Stop::OutputFull);
                            }
                            Some((Symbol::Literal(byte), num_bits)) => {
                                input.skip(num_bits);
                                output.bytes[output.at] = byte;
                                output.at += 1;
                                continue;
                            }
                            Some((Symbol::Match { distance, length }, num_bits)) => {
                                input.skip(num_bits);
                                State::Match { distance, length }
                            }
                            Some((Symbol::End, num_bits)) => {
                                input.skip(num_bits);
                                self.block_end()
                            }
                        }
                    }
                }
                State::Match { distance, length } => {
                    let num_copied = output.copy(distance, length).map_err(|_| too_far())?;
                    if num_copied < length {
                        *self.state = State::Match {
                            distance,
                            length: length - num_copied,
                        };
                        return Ok(Stop::OutputFull);
                    }
                    State::Symbols
                }
                State::Ended => return Ok(Stop::Ended),
            };
            *self.state = next;
        }
    }

    fn block_end(&self) -> State {
        match *self.is_last_block {
            true => State::Ended,
            false => State::BlockHeader,
        }
    }
}

enum Symbol {
    Literal(u8),
    Match { distance: usize, length: usize },
    End,
}

impl Tables {
    /// The codes of section 3.2.6.
    fn be_fixed(&mut self) -> Result<(), Fault> {
        let mut lengths = [8; table::LITERAL_SYMBOLS];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.build(&lengths, &[5; table::DISTANCE_SYMBOLS])
    }

    /// The codes that a block describes.
    fn be(&mut self, lengths: &CodeLengths) -> Result<(), Fault> {
        let (literals, rest) = lengths.lengths.split_at(lengths.num_literals);
        if literals[END] == 0 {
            return Err(corrupt("a block without a code for its end"));
        }
        self.build(literals, &rest[..lengths.num_distances])
    }

    fn build(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), Fault> {
        let code = Code::new(literals).map_err(bad_code)?;
        code.fill(&mut self.literals, table::LITERAL_BITS, table::literal_symbol);
        code.pair_literals(&mut self.literals, table::LITERAL_BITS);
        self.literal_bits.copy_from_slice(&literals[..END]);
        let code = Code::new(distances).map_err(bad_code)?;
        code.fill(&mut self.distances, table::DISTANCE_BITS, table::distance_symbol);
        Ok(())
    }

    /// The next symbol and the number of its bits, none of which is used; `None`: the input ends within it.
    fn symbol(&self, input: &mut Input<'_>) -> Result<Option<(Symbol, u32)>, Fault> {
        input.refill();
        let Bits { buffer, count } = input.bits;
        let first_symbol = |entry: Entry| entry.first_symbol(&self.literal_bits);
        let literals = Index {
            table: &self.literals,
            bits: table::LITERAL_BITS,
        };
        let Some((entry, bits, num_bits)) = literals.look_up(buffer, count, 0, first_symbol)? else {
            return Ok(None);
        };
        if entry.is_literal() {
            return Ok(Some((Symbol::Literal(entry.literal()), num_bits)));
        }
        if entry.is_end() {
            return Ok(Some((Symbol::End, num_bits)));
        }
        let length = entry.length(bits);
        let distances = Index {
            table: &self.distances,
            bits: table::DISTANCE_BITS,
        };
        let Some((entry, bits, num_bits)) = distances.look_up(buffer, count, num_bits, |entry| entry)? else {
            return Ok(None);
        };
        let distance = entry.distance(bits);
        Ok(Some((Symbol::Match { distance, length }, num_bits)))
    }
}

/// A table and the number of bits that index it.
struct Index<'a> {
    table: &'a [Entry],
    bits: u32,
}

impl Index<'_> {
    /// The entry of the code that begins after `num_used` bits, the bits from its own table on, and the number of all bits up to its
    /// end. `None`: there are not so many. `first_symbol` leaves of an entry its first symbol.
    fn look_up(
        &self,
        buffer: u64,
        count: u32,
        num_used: u32,
        first_symbol: impl Fn(Entry) -> Entry,
    ) -> Result<Option<(Entry, u64, u32)>, Fault> {
        let mut bits = buffer >> num_used;
        let mut entry = first_symbol(self.table[(bits & ((1 << self.bits) - 1)) as usize]);
        let mut num_bits = num_used + entry.num_bits();
        if entry.is_second() {
            bits >>= self.bits;
            entry = self.table[entry.second(bits)];
            num_bits += entry.num_bits();
        }
        let is_unused = entry.is_exception() && !entry.is_end();
        // Above the bits that are there stand zeros, which may have led anywhere. Fifteen bits decide.
        if num_bits > count || (is_unused && count < num_used + 15) {
            return Ok(None);
        }
        match is_unused {
            true => Err(unused_code()),
            false => Ok(Some((entry, bits, num_bits))),
        }
    }
}

impl CodeLengths {
    fn begin(&mut self, counts: u32) -> Result<(), Fault> {
        self.num_literals = (counts & 0x1f) as usize + 257;
        self.num_distances = (counts >> 5 & 0x1f) as usize + 1;
        self.num_length_codes = (counts >> 10) as usize + 4;
        if self.num_literals > 286 || self.num_distances > 30 {
            return Err(corrupt("more codes than there are symbols"));
        }
        self.lengths[..LENGTH_CODE_SYMBOLS].fill(0);
        self.num_read = 0;
        Ok(())
    }

    /// False: the input ends before.
    fn read_length_code(&mut self, input: &mut Input<'_>) -> bool {
        while self.num_read < self.num_length_codes {
            let Some(length) = input.take(3) else {
                return false;
            };
            self.lengths[usize::from(LENGTH_CODE_ORDER[self.num_read])] = length as u8;
            self.num_read += 1;
        }
        true
    }

    /// False: the input ends before.
    fn read(&mut self, table: &[Entry], input: &mut Input<'_>) -> Result<bool, Fault> {
        let num_lengths = self.num_literals + self.num_distances;
        let length_code = Index {
            table,
            bits: table::LENGTH_CODE_BITS,
        };
        while self.num_read < num_lengths {
            input.refill();
            let Bits { buffer, count } = input.bits;
            let Some((entry, _, num_bits)) = length_code.look_up(buffer, count, 0, |entry| entry)? else {
                return Ok(false);
            };
            let symbol = entry.symbol();
            let (extra_bits, min_repeats) = match symbol {
                0..16 => (0, 1),
                16 => (2, 3),
                17 => (3, 3),
                _ => (7, 11),
            };
            if num_bits + extra_bits > count {
                return Ok(false);
            }
            let extra = (buffer >> num_bits) & ((1 << extra_bits) - 1);
            input.skip(num_bits + extra_bits);
            let length = match symbol {
                0..16 => symbol as u8,
                16 if self.num_read == 0 => return Err(corrupt("the first code length repeats one before it")),
                16 => self.lengths[self.num_read - 1],
                _ => 0,
            };
            let end = self.num_read + min_repeats + extra as usize;
            if end > num_lengths {
                return Err(corrupt("more code lengths than were announced"));
            }
            self.lengths[self.num_read..end].fill(length);
            self.num_read = end;
        }
        Ok(true)
    }
}

fn corrupt(reason: &str) -> Fault {
    Fault::Corrupt(reason.to_owned())
}

fn too_far() -> Fault {
    corrupt("a match refers to bytes before the first")
}

fn unused_code() -> Fault {
    corrupt("bits that are no code of the block")
}

fn bad_code(bad: BadCode) -> Fault {
    match bad {
        BadCode::Oversubscribed => corrupt("code lengths of more codes than there can be"),
        BadCode::Incomplete => corrupt("code lengths that leave some bits without a meaning"),
    }
}
