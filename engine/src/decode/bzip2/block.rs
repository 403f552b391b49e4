//! Reads one block: its tables, then its symbols, which are the bytes of the block after the Burrows-Wheeler transform.
//!
//! Symbols are moved to the front of a list when they come, so that frequent ones are small numbers, and runs of the first one are
//! counted in a number system of its own.

use super::bits::{Bits, NeedsInput};
use super::code::{Code, MAX_BITS, MAX_SYMBOLS};
use super::inverse::Transformed;

/// Symbols that one code is used for before the next selector names another.
const GROUP_SYMBOLS: u32 = 50;

const MIN_CODES: u32 = 2;
const MAX_CODES: u32 = 6;

/// Selectors that a block of the largest size can use; more are read and left out, as some writers round up.
const MAX_SELECTORS: usize = 18_002;

/// Longer runs do not fit into any block.
const MAX_RUN_WEIGHT: u32 = 2 * 1024 * 1024;

/// Moves in the list over fewer places than this are done one by one.
const FEW_PLACES: usize = 16;

/// Why nothing more was read.
#[derive(Debug)]
pub(super) enum Stop {
    NeedsInput,
    /// The block is invalid.
    Invalid,
}

impl From<NeedsInput> for Stop {
    fn from(_: NeedsInput) -> Stop {
        Stop::NeedsInput
    }
}

/// A block that is being read.
pub(super) struct Block {
    codes: Vec<Code>,
    /// Which code each group uses.
    selectors: Vec<u8>,
    group: usize,
    num_left_in_group: u32,
    /// Bytes, those that came last first.
    recent: [u8; 256],
    end_symbol: u16,
    run: u32,
    run_weight: u32,
    max_bytes: usize,
    transformed: Transformed,
}

impl Block {
    /// Reads what stands before the symbols of a block of at most `max_bytes`. Room for them comes from `spare`.
    pub(super) fn begin(bits: &mut Bits<'_>, max_bytes: usize, spare: &mut Vec<Vec<u32>>) -> Result<Block, Stop> {
        let checksum = bits.take_words::<2>()? as u32;
        let is_randomised = bits.take(1)? == 1;
        let origin = bits.take(24)? as usize;
        let mut recent = [0; 256];
        let num_used = read_used(bits, &mut recent)?;
        let num_codes = bits.take(3)?;
        let num_selectors = bits.take(15)? as usize;
        if num_used == 0 || !(MIN_CODES..=MAX_CODES).contains(&num_codes) || num_selectors == 0 {
            return Err(Stop::Invalid);
        }
        let selectors = read_selectors(bits, num_codes, num_selectors)?;
        let num_symbols = num_used + 2;
        let codes = (0..num_codes)
            .map(|_| read_code(bits, num_symbols))
            .collect::<Result<_, _>>()?;
        let mut room = spare.pop().unwrap_or_default();
        room.clear();
        Ok(Block {
            codes,
            selectors,
            group: 0,
            num_left_in_group: GROUP_SYMBOLS,
            recent,
            end_symbol: num_symbols as u16 - 1,
            run: 0,
            run_weight: 1,
            max_bytes,
            transformed: Transformed {
                links: room,
                counts: [0; 256],
                origin,
                is_randomised,
                checksum,
            },
        })
    }

    /// Reads symbols up to the end of the block. After [`Stop::NeedsInput`] it goes on with more of it.
    pub(super) fn read(&mut self, bits: &mut Bits<'_>) -> Result<(), Stop> {
        loop {
            let selector = *self.selectors.get(self.group).ok_or(Stop::Invalid)?;
            let code = &self.codes[usize::from(selector)];
            while self.num_left_in_group > 0 {
                let found = code.symbol(bits);
                let num_left = bits.num_left();
                let Some((symbol, length)) = found.filter(|(_, length)| *length as usize <= num_left) else {
                    // Behind the last bit there seem to be zeros, which may be the beginning of another symbol.
                    return Err(match num_left < MAX_BITS as usize {
                        true => Stop::NeedsInput,
                        false => Stop::Invalid,
                    });
                };
                bits.skip(length);
                self.num_left_in_group -= 1;
                if symbol <= 1 {
                    if self.run_weight > MAX_RUN_WEIGHT {
                        return Err(Stop::Invalid);
                    }
                    self.run += self.run_weight << symbol;
                    self.run_weight <<= 1;
                    continue;
                }
                if self.run > 0 {
                    let num_bytes = std::mem::take(&mut self.run) as usize;
                    self.run_weight = 1;
                    if !self.transformed.push(self.recent[0], num_bytes, self.max_bytes) {
                        return Err(Stop::Invalid);
                    }
                }
                if symbol == self.end_symbol {
                    return match self.transformed.origin < self.transformed.links.len() {
                        true => Ok(()),
                        false => Err(Stop::Invalid),
                    };
                }
                let byte = move_to_front(&mut self.recent, usize::from(symbol) - 1);
                if !self.transformed.push(byte, 1, self.max_bytes) {
                    return Err(Stop::Invalid);
                }
            }
            self.group += 1;
            self.num_left_in_group = GROUP_SYMBOLS;
        }
    }

    /// The checksum of what the block means.
    pub(super) fn checksum(&self) -> u32 {
        self.transformed.checksum
    }

    /// What was read.
    pub(super) fn into_transformed(self) -> Transformed {
        self.transformed
    }
}

/// Reads which bytes the block has, and gives their number.
fn read_used(bits: &mut Bits<'_>, used: &mut [u8; 256]) -> Result<usize, NeedsInput> {
    let is_set = |map: u32, index: u32| map >> (15 - index) & 1 == 1;
    let ranges = bits.take(16)?;
    let mut num_used = 0;
    for range in (0..16).filter(|range| is_set(ranges, *range)) {
        let map = bits.take(16)?;
        for index in (0..16).filter(|index| is_set(map, *index)) {
            used[num_used] = (range * 16 + index) as u8;
            num_used += 1;
        }
    }
    Ok(num_used)
}

fn read_selectors(bits: &mut Bits<'_>, num_codes: u32, num_selectors: usize) -> Result<Vec<u8>, Stop> {
    let mut recent = [0, 1, 2, 3, 4, 5];
    let mut selectors = Vec::with_capacity(num_selectors.min(MAX_SELECTORS));
    for _ in 0..num_selectors {
        let mut place = 0;
        while bits.take(1)? == 1 {
            place += 1;
            if place >= num_codes {
                return Err(Stop::Invalid);
            }
        }
        if selectors.len() < MAX_SELECTORS {
            selectors.push(move_to_front(&mut recent, place as usize));
        }
    }
    Ok(selectors)
}

fn read_code(bits: &mut Bits<'_>, num_symbols: usize) -> Result<Code, Stop> {
    let mut lengths = [0; MAX_SYMBOLS];
    let mut length = bits.take(5)?;
    for symbol_length in &mut lengths[..num_symbols] {
        loop {
            if !(1..=MAX_BITS).contains(&length) {
                return Err(Stop::Invalid);
            }
            if bits.take(1)? == 0 {
                break;
            }
            match bits.take(1)? {
                0 => length += 1,
                _ => length -= 1,
            }
        }
        *symbol_length = length as u8;
    }
    Ok(Code::new(&lengths[..num_symbols]))
}

/// Takes what stands at `place` to the front of the list.
#[inline(always)]
fn move_to_front(list: &mut [u8], place: usize) -> u8 {
    let moved = list[place];
    if place < FEW_PLACES {
        for index in (0..place).rev() {
            list[index + 1] = list[index];
        }
    } else {
        list.copy_within(..place, 1);
    }
    list[0] = moved;
    moved
}
