//! Hands bytes on as they are.

use super::codec::Io;
use super::{DecodeError, Decoder, Event, Progress};

/// The decoder of a file that is not compressed; it can neither fail nor be cut short.
#[derive(Clone, Debug, Default)]
pub struct PlainDecoder {}

impl PlainDecoder {
    /// Makes one; it keeps nothing.
    pub fn new() -> Self {
        PlainDecoder {}
    }
}

impl Decoder for PlainDecoder {
    fn begin(&mut self) {}

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        let mut io = Io::new(input, output);
        io.copy(u64::MAX);
        let event = if io.input().is_empty() {
            Event::NeedsInput
        } else {
            Event::OutputFull
        };
        Ok(io.progress(event))
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        Ok(())
    }
}
