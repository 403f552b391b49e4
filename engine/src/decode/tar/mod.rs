//! Turns a tar archive (ustar, GNU, pax) into the bytes of its regular files.
//!
//! An archive is a row of 512-byte blocks: a header, then the entry's bytes filled up to whole blocks. Names and sizes that do
//! not fit a header come before it in entries of their own (GNU `L`, pax `x` and `g`). Directories, links and devices are passed
//! over. Sparse files are refused: their bytes are not what the archive holds. Whatever is not understood is an error, because a
//! reader that guesses would take data for headers.

pub(super) mod header;
mod pax;

use self::header::{BLOCK_BYTES, Header};
use self::pax::Pax;
use super::codec::{Fault, Io};
use super::{DecodeError, Decoder, EntryOptions, Event, Progress};

const FORMAT: &str = "tar";

/// Most bytes of a GNU long name or of a pax header. Real ones have some hundred; this is the only part of an archive that is
/// kept in memory.
const MAX_META_BYTES: u64 = 1 << 20;

/// The decoder of tar; see the module.
pub(super) struct TarDecoder {
    entries: EntryOptions,
    state: State,
    block: [u8; BLOCK_BYTES],
    /// Bytes of an entry that says something about the next one.
    meta: Vec<u8>,
    /// What such entries said.
    upcoming: Upcoming,
    /// From pax `g` entries; holds for all that follows.
    global: Pax,
    /// An entry was seen, of any type.
    has_entry: bool,
    /// Bytes of input seen by earlier calls.
    byte: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// With the number of bytes of the block that were read.
    Header(usize),
    /// After one block of zeros, with the same number.
    SecondZeros(usize),
    /// An entry to be given.
    Data {
        left: u64,
        padding: u64,
    },
    /// An entry to be passed over, padding included.
    Skip {
        left: u64,
    },
    Meta {
        kind: MetaKind,
        left: u64,
        padding: u64,
    },
    /// After both blocks of zeros.
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MetaKind {
    GnuName,
    Pax,
    PaxGlobal,
}

#[derive(Default)]
struct Upcoming {
    gnu_name: Option<String>,
    pax: Pax,
    /// Something was said, so an entry must follow.
    is_said: bool,
}

impl TarDecoder {
    /// Makes one, ready for its first file.
    pub(super) fn new(options: &EntryOptions) -> Self {
        TarDecoder {
            entries: options.clone(),
            state: State::Header(0),
            block: [0; BLOCK_BYTES],
            meta: Vec::new(),
            upcoming: Upcoming::default(),
            global: Pax::default(),
            has_entry: false,
            byte: 0,
        }
    }

    fn run(&mut self, io: &mut Io<'_>) -> Result<Event, Fault> {
        loop {
            match self.state {
                State::Header(have) => {
                    let have = self.read_block(have, io);
                    self.state = State::Header(have);
                    if have < BLOCK_BYTES {
                        return Ok(Event::NeedsInput);
                    }
                    if let Some(name) = self.begin_entry()? {
                        return Ok(Event::Entry(name));
                    }
                }
                State::SecondZeros(have) => {
                    let have = self.read_block(have, io);
                    self.state = State::SecondZeros(have);
                    if have < BLOCK_BYTES {
                        return Ok(Event::NeedsInput);
                    }
                    if self.block.iter().any(|&byte| byte != 0) {
                        return Err(Fault::Corrupt("a lone block of zeros before an entry".to_owned()));
                    }
                    self.state = State::End;
                }
                State::Data { left: 0, padding } => self.state = skip(padding),
                State::Data { left, padding } => {
                    let count = io.copy(left).len() as u64;
                    self.state = State::Data {
                        left: left - count,
                        padding,
                    };
                    if left > count {
                        return Ok(if io.input().is_empty() {
                            Event::NeedsInput
                        } else {
                            Event::OutputFull
                        });
                    }
                }
                State::Skip { left } => {
                    let count = clamp(left, io.input().len());
                    io.consumed += count;
                    self.state = skip(left - count as u64);
                    if left > count as u64 {
                        return Ok(Event::NeedsInput);
                    }
                }
                State::Meta { kind, left: 0, padding } => {
                    self.end_meta(kind)?;
                    self.state = skip(padding);
                }
                State::Meta { kind, left, padding } => {
                    let input = io.input();
                    let count = clamp(left, input.len());
                    self.meta.extend_from_slice(&input[..count]);
                    io.consumed += count;
                    self.state = State::Meta {
                        kind,
                        left: left - count as u64,
                        padding,
                    };
                    if left > count as u64 {
                        return Ok(Event::NeedsInput);
                    }
                }
                State::End => {
                    // Archives are filled up with zeros to a whole record, of 10 KiB as a rule.
                    let input = io.input();
                    let num_zeros = input.iter().take_while(|&&byte| byte == 0).count();
                    io.consumed += num_zeros;
                    if num_zeros < input.len() {
                        return Err(Fault::Corrupt("data after the end of the archive".to_owned()));
                    }
                    return Ok(Event::NeedsInput);
                }
            }
        }
    }

    fn read_block(&mut self, have: usize, io: &mut Io<'_>) -> usize {
        let input = io.input();
        let count = input.len().min(BLOCK_BYTES - have);
        self.block[have..have + count].copy_from_slice(&input[..count]);
        io.consumed += count;
        have + count
    }

    /// Acts on a complete header block; gives the name of an entry that is to be read.
    fn begin_entry(&mut self) -> Result<Option<String>, Fault> {
        if self.block.iter().all(|&byte| byte == 0) {
            if self.upcoming.is_said {
                return Err(Fault::Corrupt("an extended header without an entry".to_owned()));
            }
            self.state = State::SecondZeros(0);
            return Ok(None);
        }
        let header = Header::parse(&self.block)?;
        match header.type_flag {
            b'L' => self.begin_meta(MetaKind::GnuName, &header)?,
            // The target of a link is not wanted, and it is said in the same way.
            b'K' => {
                self.upcoming.is_said = true;
                self.state = skip_entry(header.size);
            }
            b'x' | b'X' => self.begin_meta(MetaKind::Pax, &header)?,
            b'g' => self.begin_meta(MetaKind::PaxGlobal, &header)?,
            _ => return self.begin_real_entry(header),
        }
        Ok(None)
    }

    fn begin_meta(&mut self, kind: MetaKind, header: &Header) -> Result<(), Fault> {
        if header.size > MAX_META_BYTES {
            let reason = format!(
                "an extended header of `{}` bytes, more than `{MAX_META_BYTES}`",
                header.size
            );
            return Err(Fault::Unsupported(reason));
        }
        self.meta.clear();
        self.state = State::Meta {
            kind,
            left: header.size,
            padding: padding(header.size),
        };
        Ok(())
    }

    fn end_meta(&mut self, kind: MetaKind) -> Result<(), Fault> {
        match kind {
            MetaKind::GnuName => {
                let name = self.meta.split(|&byte| byte == 0).next().unwrap_or_default();
                self.upcoming.gnu_name = Some(String::from_utf8_lossy(name).into_owned());
                self.upcoming.is_said = true;
            }
            MetaKind::Pax => {
                self.upcoming.pax.read(&self.meta)?;
                self.upcoming.is_said = true;
            }
            MetaKind::PaxGlobal => {
                self.global.read(&self.meta)?;
                // An archive of nothing but a global header (an empty commit of `git archive`) is complete.
                self.has_entry = true;
            }
        }
        Ok(())
    }

    fn begin_real_entry(&mut self, header: Header) -> Result<Option<String>, Fault> {
        let said = std::mem::take(&mut self.upcoming);
        let size = said.pax.size.or(self.global.size).unwrap_or(header.size);
        let is_sparse = said.pax.is_sparse || self.global.is_sparse;
        let name = (said.pax.path)
            .or(said.gnu_name)
            .or_else(|| self.global.path.clone())
            .unwrap_or(header.name);
        self.has_entry = true;
        match header.type_flag {
            // Before ustar, a directory was a file whose name ends with a slash.
            b'\0' if name.ends_with('/') => self.state = skip_entry(size),
            b'0' | b'\0' | b'7' => {
                if !self.entries.admit(&name)? {
                    self.state = skip_entry(size);
                    return Ok(None);
                }
                if is_sparse {
                    return Err(Fault::Unsupported(format!("sparse entry `{name}`")));
                }
                // An empty entry ends here, so that the end of input after it is the archive's end.
                let is_empty = size == 0;
                self.state = if is_empty {
                    State::Header(0)
                } else {
                    State::Data {
                        left: size,
                        padding: padding(size),
                    }
                };
                return Ok(Some(name));
            }
            // Links, devices, directories and pipes have no blocks, whatever their size says.
            b'1'..=b'6' => self.state = State::Header(0),
            // GNU: names of a dumped directory, volume label, old long names.
            b'D' | b'V' | b'N' => self.state = skip_entry(size),
            b'S' => return Err(Fault::Unsupported(format!("sparse entry `{name}`"))),
            b'M' => {
                return Err(Fault::Unsupported(format!(
                    "entry `{name}` goes on from another volume"
                )));
            }
            other => {
                return Err(Fault::Unsupported(format!(
                    "type `{}` of entry `{name}`",
                    char::from(other).escape_default()
                )));
            }
        }
        Ok(None)
    }
}

impl Decoder for TarDecoder {
    fn begin(&mut self) {
        self.state = State::Header(0);
        self.upcoming = Upcoming::default();
        self.global = Pax::default();
        self.has_entry = false;
        self.byte = 0;
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut io = Io::new(input, output);
        let result = self.run(&mut io);
        io.outcome(result, FORMAT, &mut self.byte)
    }

    /// A missing end mark is accepted after whole entries: some writers leave it out.
    fn finish(&mut self) -> Result<(), DecodeError> {
        let is_complete = match self.state {
            State::End => true,
            State::Header(0) | State::SecondZeros(0) => self.has_entry && !self.upcoming.is_said,
            _ => false,
        };
        if is_complete {
            Ok(())
        } else {
            Err(DecodeError::Truncated {
                format: FORMAT,
                byte: self.byte,
            })
        }
    }
}

/// Bytes that fill an entry up to whole blocks.
fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK_BYTES as u64) - size
}

fn skip_entry(size: u64) -> State {
    skip(size + padding(size))
}

fn skip(left: u64) -> State {
    if left == 0 {
        State::Header(0)
    } else {
        State::Skip { left }
    }
}

fn clamp(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}
