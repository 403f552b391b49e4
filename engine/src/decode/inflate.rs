//! Turns one deflate stream (RFC 1951), bare or in its zlib wrapping (RFC 1950), into bytes.
//!
//! The decompressor lives as long as its owner and is reset between streams: a fresh one costs more than a small file.

use flate2::{Decompress, FlushDecompress, Status};

use super::codec::{Codec, Fault, Step, StepError};

/// A bare deflate stream.
pub(super) struct Inflate {
    decompress: Decompress,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Inflate {
            decompress: Decompress::new(false),
        }
    }
}

impl Codec for Inflate {
    const FORMAT: &'static str = "deflate";
    const IS_CONCATENABLE: bool = false;

    fn begin(&mut self) {
        self.decompress.reset(false);
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        step(&mut self.decompress, input, output)
    }
}

/// A deflate stream in its zlib wrapping; its Adler-32 is checked.
pub(super) struct ZlibInflate {
    decompress: Decompress,
}

impl ZlibInflate {
    pub(super) fn new() -> Self {
        ZlibInflate {
            decompress: Decompress::new(true),
        }
    }
}

impl Codec for ZlibInflate {
    const FORMAT: &'static str = "zlib";
    const IS_CONCATENABLE: bool = false;

    fn begin(&mut self) {
        self.decompress.reset(true);
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        step(&mut self.decompress, input, output)
    }
}

fn step(decompress: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
    let (total_in, total_out) = (decompress.total_in(), decompress.total_out());
    let result = decompress.decompress(input, output, FlushDecompress::None);
    // Both differences are bounded by the slices' lengths.
    let consumed = (decompress.total_in() - total_in) as usize;
    let produced = (decompress.total_out() - total_out) as usize;
    let fault = match result {
        Ok(Status::StreamEnd) => {
            return Ok(Step {
                consumed,
                produced,
                has_ended: true,
            });
        }
        Ok(Status::Ok | Status::BufError) => {
            let is_stuck = consumed == 0 && produced == 0 && !input.is_empty() && !output.is_empty();
            if !is_stuck {
                return Ok(Step {
                    consumed,
                    produced,
                    has_ended: false,
                });
            }
            Fault::Corrupt("the deflate stream does not go on".to_owned())
        }
        Err(error) if error.needs_dictionary().is_some() => Fault::Unsupported("a preset dictionary".to_owned()),
        Err(error) => Fault::Corrupt(error.message().unwrap_or("invalid deflate data").to_owned()),
    };
    Err(StepError {
        fault,
        consumed: consumed.min(input.len()),
    })
}
