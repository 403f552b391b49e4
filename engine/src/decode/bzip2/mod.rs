//! Turns a bzip2 file (any number of streams) into bytes.
//!
//! Unlike `bzip2 -d`, which only warns, bytes after a complete stream that are no stream are an error: they are as likely the
//! damaged rest of the data.
//!
//! A stream is a number of blocks, each of which is read as a whole and inverted as a whole. Blocks are inverted several at a time, for
//! which the processor waits less than for one after the other; the first one of a stream by itself, so that its rows are there soon.
//!
//! Reading order: `bits`, `code`, `block` (from bits to transformed bytes), `inverse` with `randomised` (to plain ones), `output` with
//! `checksum` (to the caller), and the codec.
//!
//! Source: Seward: bzip2 1.0.8; Tsai: "BZIP2: Format specification", 2016.

mod bits;
mod block;
mod checksum;
mod code;
mod inverse;
mod output;
mod randomised;
#[cfg(test)]
mod tests;

use self::bits::Bits;
use self::block::{Block, Stop};
use self::inverse::{MAX_TOGETHER, Plain, Transformed, invert};
use self::output::Output;
use super::codec::{Codec, Fault, Step, StepError};
use std::collections::VecDeque;

const INVALID_BLOCK: &str = "a block is invalid or its checksum is wrong";

/// The first bytes of a stream; its level follows, a digit.
const STREAM_MAGIC: &[u8; 3] = b"BZh";
const BLOCK_MAGIC: u64 = 0x3141_5926_5359;
const END_MAGIC: u64 = 0x1772_4538_5090;

/// Bytes of a block for each level.
const LEVEL_BYTES: usize = 100_000;

/// One bzip2 stream.
pub(super) struct Bzip2Codec {
    /// Input that was taken and whose bits were not all used yet.
    taken: Vec<u8>,
    /// Bits of it that were.
    at: usize,
    stage: Stage,
    max_block_bytes: usize,
    /// Of the checksums of all blocks.
    checksum: u32,
    /// Blocks that were read, to be inverted together.
    transformed: Vec<Transformed>,
    num_together: usize,
    /// Blocks to hand out.
    plain: VecDeque<Plain>,
    output: Output,
    spare: Vec<Vec<u32>>,
}

/// What stands next in the stream.
enum Stage {
    Magic,
    Block,
    Symbols(Box<Block>),
    End,
}

/// Why a stream is not read on.
enum Read {
    NeedsInput,
    /// There are blocks enough, or no more.
    IsEnough,
}

impl Bzip2Codec {
    pub(super) fn new() -> Self {
        Bzip2Codec {
            taken: Vec::new(),
            at: 0,
            stage: Stage::Magic,
            max_block_bytes: 0,
            checksum: 0,
            transformed: Vec::new(),
            num_together: 1,
            plain: VecDeque::new(),
            output: Output::default(),
            spare: Vec::new(),
        }
    }

    /// Reads blocks as far as the input goes, until there are as many as are inverted together or the stream ends.
    fn read(&mut self) -> Result<Read, &'static str> {
        let taken = std::mem::take(&mut self.taken);
        let mut bits = Bits::new(&taken, self.at);
        let outcome = loop {
            if let Stage::End = self.stage {
                break Ok(Read::IsEnough);
            }
            match self.read_part(&mut bits) {
                Ok(()) if self.transformed.len() == self.num_together => break Ok(Read::IsEnough),
                Ok(()) => {}
                Err(Stop::NeedsInput) => break Ok(Read::NeedsInput),
                Err(Stop::Invalid) => {
                    break Err(match self.stage {
                        Stage::Magic => "not the first bytes of a bzip2 stream",
                        _ => INVALID_BLOCK,
                    });
                }
            }
        };
        self.at = bits.at;
        self.taken = taken;
        outcome
    }

    /// Reads what stands next in the stream. Of the symbols of a block those that are there; of anything else nothing until all of it is.
    fn read_part(&mut self, bits: &mut Bits<'_>) -> Result<(), Stop> {
        let mut ahead = *bits;
        match &mut self.stage {
            Stage::Magic => {
                for byte in STREAM_MAGIC {
                    if ahead.take(8)? != u32::from(*byte) {
                        return Err(Stop::Invalid);
                    }
                }
                let level = ahead.take(8)?.wrapping_sub(u32::from(b'0'));
                if !(1..=9).contains(&level) {
                    return Err(Stop::Invalid);
                }
                self.max_block_bytes = level as usize * LEVEL_BYTES;
                self.stage = Stage::Block;
            }
            Stage::Block => self.begin_block(&mut ahead)?,
            Stage::Symbols(block) => {
                block.read(bits)?;
                if let Stage::Symbols(block) = std::mem::replace(&mut self.stage, Stage::Block) {
                    self.transformed.push(block.into_transformed());
                }
                return Ok(());
            }
            Stage::End => {}
        }
        *bits = ahead;
        Ok(())
    }

    /// Reads the beginning of a block, or the end of the stream.
    fn begin_block(&mut self, bits: &mut Bits<'_>) -> Result<(), Stop> {
        match bits.take_words::<3>()? {
            BLOCK_MAGIC => {
                let block = Block::begin(bits, self.max_block_bytes, &mut self.spare)?;
                self.checksum = self.checksum.rotate_left(1) ^ block.checksum();
                self.stage = Stage::Symbols(Box::new(block));
                Ok(())
            }
            END_MAGIC => {
                let checksum = bits.take_words::<2>()? as u32;
                if checksum != self.checksum {
                    return Err(Stop::Invalid);
                }
                bits.at = bits.at.next_multiple_of(8);
                self.stage = Stage::End;
                Ok(())
            }
            _ => Err(Stop::Invalid),
        }
    }

    /// Hands blocks out. Gives the number of bytes; less than the room only if there is no block left.
    ///
    /// **Errors**: the checksum of one is wrong.
    fn hand_out(&mut self, room: &mut [u8]) -> Result<usize, ()> {
        let mut produced = 0;
        while let Some(block) = self.plain.front() {
            produced += self.output.hand_out(&block.bytes, &mut room[produced..]);
            if !self.output.is_complete(&block.bytes) {
                break;
            }
            if self.output.checksum() != block.checksum {
                return Err(());
            }
            self.plain.pop_front();
            self.output = Output::default();
        }
        Ok(produced)
    }

    /// Forgets the bytes whose bits were all used.
    fn forget_used(&mut self) {
        self.taken.drain(..self.at / 8);
        self.at %= 8;
    }
}

impl Codec for Bzip2Codec {
    const FORMAT: &'static str = "bzip2";
    const IS_CONCATENABLE: bool = true;

    fn begin(&mut self) {
        let spare = std::mem::take(&mut self.spare);
        *self = Bzip2Codec {
            spare,
            ..Bzip2Codec::new()
        };
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        let mut consumed = 0;
        let mut produced = 0;
        loop {
            let corrupt = |reason: &str, consumed| StepError {
                fault: Fault::Corrupt(reason.to_owned()),
                consumed,
            };
            produced += self
                .hand_out(&mut output[produced..])
                .map_err(|()| corrupt(INVALID_BLOCK, consumed))?;
            if !self.plain.is_empty() {
                return Ok(Step {
                    consumed,
                    produced,
                    has_ended: false,
                });
            }
            if let Stage::End = self.stage {
                return Ok(Step::last(consumed, produced));
            }
            let num_before = self.taken.len();
            self.taken.extend_from_slice(&input[consumed..]);
            match self.read() {
                Ok(Read::NeedsInput) => {
                    self.forget_used();
                    return match Step::onwards(input.len(), produced, input, output) {
                        Some(step) => Ok(step),
                        None => Err(corrupt("the stream does not go on", consumed)),
                    };
                }
                Ok(Read::IsEnough) => {
                    let num_used = self.at.div_ceil(8);
                    consumed += num_used.saturating_sub(num_before);
                    self.taken.truncate(num_used);
                    self.forget_used();
                    self.num_together = (2 * self.num_together).min(MAX_TOGETHER);
                    self.plain
                        .extend(invert(std::mem::take(&mut self.transformed), &mut self.spare));
                }
                Err(reason) => {
                    let used = self.at / 8;
                    return Err(corrupt(reason, consumed + used.saturating_sub(num_before)));
                }
            }
        }
    }
}
