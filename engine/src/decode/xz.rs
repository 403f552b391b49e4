//! Turns an xz file (any number of streams, padding between and after them) into bytes.

use ::liblzma::stream::{Action, Error, Status, Stream};

use super::codec::{Codec, Fault, Step, StepError};

/// Largest dictionary accepted: what `xz -9` writes, twice. It is the only memory that a file can ask for here.
const MAX_DICTIONARY_BYTES: u64 = 128 * 1024 * 1024;

/// What the library needs beside the dictionary.
const OTHER_MEMORY_BYTES: u64 = 1024 * 1024;

/// One xz stream, or the padding behind one.
pub(super) struct XzCodec {
    stream: Stream,
    is_used: bool,
    /// A stream of the file has ended, so zeros may follow.
    is_behind_stream: bool,
}

impl XzCodec {
    pub(super) fn new() -> Self {
        XzCodec {
            stream: Stream::new_stream_decoder(MAX_DICTIONARY_BYTES + OTHER_MEMORY_BYTES, 0)
                .expect("a decoder without flags fails for want of a few kilobytes of memory only"),
            is_used: false,
            is_behind_stream: false,
        }
    }
}

impl Codec for XzCodec {
    const FORMAT: &'static str = "xz";
    const IS_CONCATENABLE: bool = true;

    fn begin_file(&mut self) {
        self.is_behind_stream = false;
    }

    fn begin(&mut self) {
        // The library cannot reset one; its cost disappears beside a block of xz.
        if self.is_used {
            *self = XzCodec {
                is_behind_stream: self.is_behind_stream,
                ..XzCodec::new()
            };
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        if self.is_behind_stream && !self.is_used {
            let num_zeros = input.iter().take_while(|byte| **byte == 0).count();
            if num_zeros > 0 {
                return Ok(Step::last(num_zeros, 0));
            }
        }
        self.is_used = true;
        let (total_in, total_out) = (self.stream.total_in(), self.stream.total_out());
        let result = self.stream.process(input, output, Action::Run);
        // Both differences are bounded by the slices' lengths.
        let consumed = (self.stream.total_in() - total_in) as usize;
        let produced = (self.stream.total_out() - total_out) as usize;
        let fault = match result {
            Ok(Status::StreamEnd) => {
                self.is_behind_stream = true;
                return Ok(Step::last(consumed, produced));
            }
            Ok(_) => match Step::onwards(consumed, produced, input, output) {
                Some(step) => return Ok(step),
                None => Fault::Corrupt("the stream does not go on".to_owned()),
            },
            Err(Error::Format) => {
                // The stream's begin, or the chunk's if they are not in the same.
                let begin = consumed.saturating_sub(usize::try_from(self.stream.total_in()).unwrap_or(usize::MAX));
                return Err(StepError {
                    fault: Fault::Corrupt("not the first bytes of an xz stream".to_owned()),
                    consumed: begin,
                });
            }
            Err(error) => fault(&error),
        };
        Err(StepError { fault, consumed })
    }
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::MemLimit => Fault::Unsupported(format!(
            "a dictionary of more than `{}` MiB",
            MAX_DICTIONARY_BYTES / (1024 * 1024)
        )),
        Error::Options => Fault::Unsupported("a filter or a check that is not known".to_owned()),
        _ => Fault::Corrupt("a block is invalid or its checksum is wrong".to_owned()),
    }
}
