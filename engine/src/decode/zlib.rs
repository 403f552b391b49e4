//! Turns a zlib file (RFC 1950) into bytes.
//!
//! The format knows no concatenation, so bytes after the stream are an error. It is never detected: its two header bytes are no
//! magic (`x\x9c` may begin a text in some charset).

use flate2::{Decompress, FlushDecompress, Status};

use super::codec::{Codec, Fault, Step, StepError};

/// A deflate stream in its zlib wrapping; its Adler-32 is checked.
pub(super) struct ZlibCodec {
    decompress: Decompress,
}

impl ZlibCodec {
    pub(super) fn new() -> Self {
        ZlibCodec {
            decompress: Decompress::new(true),
        }
    }
}

impl Codec for ZlibCodec {
    const FORMAT: &'static str = "zlib";
    const IS_CONCATENABLE: bool = false;

    fn begin(&mut self) {
        self.decompress.reset(true);
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
        library_step(&mut self.decompress, input, output)
    }
}

/// Goes on with a stream of the library's, wrapped or bare.
pub(super) fn library_step(decompress: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Step, StepError> {
    let (total_in, total_out) = (decompress.total_in(), decompress.total_out());
    let result = decompress.decompress(input, output, FlushDecompress::None);
    // Both differences are bounded by the slices' lengths.
    let consumed = (decompress.total_in() - total_in) as usize;
    let produced = (decompress.total_out() - total_out) as usize;
    let fault = match result {
        Ok(Status::StreamEnd) => return Ok(Step::last(consumed, produced)),
        Ok(Status::Ok | Status::BufError) => match Step::onwards(consumed, produced, input, output) {
            Some(step) => return Ok(step),
            None => Fault::Corrupt("the deflate stream does not go on".to_owned()),
        },
        Err(error) if error.needs_dictionary().is_some() => Fault::Unsupported("a preset dictionary".to_owned()),
        Err(error) => Fault::Corrupt(error.message().unwrap_or("invalid deflate data").to_owned()),
    };
    Err(StepError {
        fault,
        consumed: consumed.min(input.len()),
    })
}
