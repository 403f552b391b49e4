//! Turns a gzip file (RFC 1952, any number of members) into bytes.
//!
//! Header and trailer are read here, the deflate stream between them by `inflate`: so header checksums are checked, errors have places, and the checksum is computed by `crc32fast` over whole output slices. As `gzip -d` does, zero bytes after the
//! last member (padding of tapes and block stores) are ignored; anything else there is an error, where `gzip -d` warns.

use crc32fast::Hasher;

use super::codec::{Codec, Fault, Io};
use super::inflate::Inflate;
use super::{DecodeError, Decoder, Event, Progress};

const FORMAT: &str = "gzip";

/// Length of CRC-32 and size at a member's end.
const TRAILER_BYTES: usize = 8;

/// The decoder of gzip; see the module.
pub(super) struct GzipDecoder {
    inflate: Inflate,
    state: State,
    header: HeaderReader,
    trailer: [u8; TRAILER_BYTES],
    crc: Hasher,
    /// Bytes given by the current member.
    member_bytes: u64,
    num_members: u64,
    /// Bytes of input seen by earlier calls.
    byte: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the file's start or after a member's end.
    Between,
    Header,
    Body,
    /// With the number of its bytes that were read.
    Trailer(usize),
    Padding,
}

impl GzipDecoder {
    /// Makes one, ready for its first file.
    pub(super) fn new() -> Self {
        GzipDecoder {
            inflate: Inflate::new(),
            state: State::Between,
            header: HeaderReader::new(),
            trailer: [0; TRAILER_BYTES],
            crc: Hasher::new(),
            member_bytes: 0,
            num_members: 0,
            byte: 0,
        }
    }

    fn run(&mut self, io: &mut Io<'_>) -> Result<Event, Fault> {
        loop {
            match self.state {
                State::Between => {
                    let Some(&first) = io.input().first() else {
                        return Ok(Event::NeedsInput);
                    };
                    if first == 0 && self.num_members > 0 {
                        self.state = State::Padding;
                        continue;
                    }
                    self.header.begin();
                    self.state = State::Header;
                }
                State::Header => {
                    let (consumed, result) = self.header.read(io.input());
                    io.consumed += consumed;
                    match result {
                        Ok(true) => {
                            self.inflate.begin();
                            self.crc.reset();
                            self.member_bytes = 0;
                            self.state = State::Body;
                        }
                        Ok(false) => return Ok(Event::NeedsInput),
                        Err(HeaderFault::Magic) if self.num_members > 0 => return Err(garbage()),
                        Err(HeaderFault::Magic) => {
                            return Err(Fault::Corrupt("not the first bytes of a gzip member".to_owned()));
                        }
                        Err(HeaderFault::Other(fault)) => return Err(fault),
                    }
                }
                State::Body => {
                    if io.is_output_full() {
                        return Ok(Event::OutputFull);
                    }
                    let (input, output) = io.split();
                    let step = match self.inflate.step(input, output) {
                        Ok(step) => step,
                        Err(error) => {
                            io.consumed += error.consumed;
                            return Err(error.fault);
                        }
                    };
                    self.crc.update(&output[..step.produced]);
                    self.member_bytes += step.produced as u64;
                    io.consumed += step.consumed;
                    io.produced += step.produced;
                    if step.has_ended {
                        self.state = State::Trailer(0);
                    } else if io.is_output_full() {
                        return Ok(Event::OutputFull);
                    } else if io.input().is_empty() {
                        return Ok(Event::NeedsInput);
                    }
                }
                State::Trailer(have) => {
                    let input = io.input();
                    let count = input.len().min(TRAILER_BYTES - have);
                    self.trailer[have..have + count].copy_from_slice(&input[..count]);
                    io.consumed += count;
                    self.state = State::Trailer(have + count);
                    if have + count < TRAILER_BYTES {
                        return Ok(Event::NeedsInput);
                    }
                    check_trailer(self.trailer, self.crc.clone().finalize(), self.member_bytes)?;
                    self.num_members += 1;
                    self.state = State::Between;
                }
                State::Padding => {
                    let input = io.input();
                    let num_zeros = input.iter().take_while(|&&byte| byte == 0).count();
                    io.consumed += num_zeros;
                    if num_zeros < input.len() {
                        return Err(garbage());
                    }
                    return Ok(Event::NeedsInput);
                }
            }
        }
    }
}

impl Decoder for GzipDecoder {
    fn begin(&mut self) {
        self.state = State::Between;
        self.num_members = 0;
        self.byte = 0;
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut io = Io::new(input, output);
        let result = self.run(&mut io);
        io.outcome(result, FORMAT, &mut self.byte)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        match self.state {
            State::Between | State::Padding if self.num_members > 0 => Ok(()),
            _ => Err(DecodeError::Truncated {
                format: FORMAT,
                byte: self.byte,
            }),
        }
    }
}

fn garbage() -> Fault {
    Fault::Corrupt("garbage after a complete member: neither another member nor zero padding".to_owned())
}

/// Compares a member's trailer with what it gave.
fn check_trailer(trailer: [u8; TRAILER_BYTES], crc: u32, member_bytes: u64) -> Result<(), Fault> {
    let [c0, c1, c2, c3, s0, s1, s2, s3] = trailer;
    let declared_crc = u32::from_le_bytes([c0, c1, c2, c3]);
    if declared_crc != crc {
        return Err(Fault::Corrupt(format!(
            "checksum is `{crc:08x}` but the trailer says `{declared_crc:08x}`"
        )));
    }
    // The size is kept modulo 2^32.
    let declared_size = u32::from_le_bytes([s0, s1, s2, s3]);
    if u64::from(declared_size) != member_bytes & u64::from(u32::MAX) {
        let reason = format!("member has `{member_bytes}` bytes but the trailer says `{declared_size}`");
        return Err(Fault::Corrupt(reason));
    }
    Ok(())
}

/// What is wrong with a header.
enum HeaderFault {
    /// It is none: the first two bytes are others.
    Magic,
    Other(Fault),
}

/// Reads the header of a member, cut anywhere.
struct HeaderReader {
    part: Part,
    flags: u8,
    /// Over all header bytes, if the header has a checksum.
    crc: Hasher,
    fixed: [u8; 10],
    /// Little-endian number being read: length of the extra field, or the checksum.
    number: u16,
}

#[derive(Clone, Copy)]
enum Part {
    /// With the number of bytes read, as in the parts below.
    Fixed(usize),
    ExtraLength(usize),
    /// With the number of bytes left.
    Extra(u16),
    Name,
    Comment,
    Checksum(usize),
}

const HAS_CHECKSUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
/// None of them is set in a header.
const RESERVED_FLAGS: u8 = 0b1110_0000;

impl HeaderReader {
    fn new() -> Self {
        HeaderReader {
            part: Part::Fixed(0),
            flags: 0,
            crc: Hasher::new(),
            fixed: [0; 10],
            number: 0,
        }
    }

    fn begin(&mut self) {
        self.part = Part::Fixed(0);
        self.flags = 0;
        self.number = 0;
        self.crc.reset();
    }

    /// Says how many bytes were read and whether the header is complete; on a fault, how many bytes stand before it.
    fn read(&mut self, input: &[u8]) -> (usize, Result<bool, HeaderFault>) {
        for (index, &byte) in input.iter().enumerate() {
            match self.read_byte(byte) {
                Ok(true) => return (index + 1, Ok(true)),
                Ok(false) => {}
                Err(fault) => return (index, Err(fault)),
            }
        }
        (input.len(), Ok(false))
    }

    fn read_byte(&mut self, byte: u8) -> Result<bool, HeaderFault> {
        if self.flags & HAS_CHECKSUM != 0 && !matches!(self.part, Part::Fixed(_) | Part::Checksum(_)) {
            self.crc.update(&[byte]);
        }
        match self.part {
            Part::Fixed(index) => {
                self.read_fixed(index, byte)?;
                if index + 1 < self.fixed.len() {
                    self.part = Part::Fixed(index + 1);
                    return Ok(false);
                }
                if self.flags & HAS_CHECKSUM != 0 {
                    self.crc.update(&self.fixed);
                }
                Ok(self.enter(HAS_EXTRA))
            }
            Part::ExtraLength(0) => {
                self.number = u16::from(byte);
                self.part = Part::ExtraLength(1);
                Ok(false)
            }
            Part::ExtraLength(_) => {
                self.number |= u16::from(byte) << 8;
                if self.number == 0 {
                    return Ok(self.enter(HAS_NAME));
                }
                self.part = Part::Extra(self.number);
                Ok(false)
            }
            Part::Extra(1) => Ok(self.enter(HAS_NAME)),
            Part::Extra(left) => {
                self.part = Part::Extra(left - 1);
                Ok(false)
            }
            Part::Name => Ok(byte == 0 && self.enter(HAS_COMMENT)),
            Part::Comment => Ok(byte == 0 && self.enter(HAS_CHECKSUM)),
            Part::Checksum(0) => {
                self.number = u16::from(byte);
                self.part = Part::Checksum(1);
                Ok(false)
            }
            Part::Checksum(_) => {
                let declared = self.number | u16::from(byte) << 8;
                // RFC 1952 takes the two low bytes.
                let computed = (self.crc.clone().finalize() & 0xffff) as u16;
                if declared != computed {
                    let reason = format!("header's checksum is `{computed:04x}` but it says `{declared:04x}`");
                    return Err(HeaderFault::Other(Fault::Corrupt(reason)));
                }
                Ok(true)
            }
        }
    }

    fn read_fixed(&mut self, index: usize, byte: u8) -> Result<(), HeaderFault> {
        self.fixed[index] = byte;
        match index {
            0 if byte != 0x1f => Err(HeaderFault::Magic),
            1 if byte != 0x8b => Err(HeaderFault::Magic),
            2 if byte != 8 => Err(HeaderFault::Other(Fault::Unsupported(format!(
                "compression method `{byte}`"
            )))),
            3 if byte & RESERVED_FLAGS != 0 => Err(HeaderFault::Other(Fault::Corrupt(format!(
                "reserved flags are set in `{byte:08b}`"
            )))),
            3 => {
                self.flags = byte;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Goes to the part of this flag, or to the next one that the header has; true: there is none.
    fn enter(&mut self, flag: u8) -> bool {
        let parts = [
            (HAS_EXTRA, Part::ExtraLength(0)),
            (HAS_NAME, Part::Name),
            (HAS_COMMENT, Part::Comment),
            (HAS_CHECKSUM, Part::Checksum(0)),
        ];
        let first = parts
            .iter()
            .position(|(candidate, _)| *candidate == flag)
            .unwrap_or(parts.len());
        for (candidate, part) in &parts[first..] {
            if self.flags & candidate != 0 {
                self.part = *part;
                return false;
            }
        }
        true
    }
}
