//! Turns a bzip2 file (any number of streams) into bytes.
//!
//! Unlike `bzip2 -d`, which only warns, bytes after a complete stream that are no stream are an error: they are as likely the
//! damaged rest of the data.

use ::bzip2::{Decompress, Error, Status};

use super::codec::{Codec, Fault, Step, StepError};

/// One bzip2 stream.
pub(super) struct Bzip2Codec {
    decompress: Decompress,
    is_used: bool,
}

impl Bzip2Codec {
    pub(super) fn new() -> Self {
        Bzip2Codec {
            decompress: Decompress::new(false),
            is_used: false,
        }
    }
}

impl Codec for Bzip2Codec {
    const FORMAT: &'static str = "bzip2";
    const IS_CONCATENABLE: bool = true;

    fn begin(&mut self) {
        // The library cannot reset one; its cost disappears beside a block of bzip2.
        if self.is_used {
            *self = Bzip2Codec::new();
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        self.is_used = true;
        let (total_in, total_out) = (self.decompress.total_in(), self.decompress.total_out());
        let result = self.decompress.decompress(input, output);
        // Both differences are bounded by the slices' lengths.
        let consumed = (self.decompress.total_in() - total_in) as usize;
        let produced = (self.decompress.total_out() - total_out) as usize;
        let mut fault_at = consumed.min(input.len());
        let reason = match result {
            Ok(Status::StreamEnd) => return Ok(Step::last(consumed, produced)),
            Ok(Status::MemNeeded) => "a block that does not fit into memory",
            Ok(_) => match Step::onwards(consumed, produced, input, output) {
                Some(step) => return Ok(step),
                None => "the stream does not go on",
            },
            Err(Error::DataMagic) => {
                // The stream's begin, or the chunk's if they are not in the same.
                fault_at = fault_at.saturating_sub(usize::try_from(self.decompress.total_in()).unwrap_or(usize::MAX));
                "not the first bytes of a bzip2 stream"
            }
            Err(_) => "a block is invalid or its checksum is wrong",
        };
        Err(StepError {
            fault: Fault::Corrupt(reason.to_owned()),
            consumed: fault_at,
        })
    }
}
