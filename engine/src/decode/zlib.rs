//! Turns a zlib file (RFC 1950) into bytes.
//!
//! The format knows no concatenation, so bytes after the stream are an error. It is never detected: its two header bytes are no
//! magic (`x\x9c` may begin a text in some charset).

use super::codec::Streams;
use super::inflate::ZlibInflate;
use super::{DecodeError, Decoder, Progress};

/// The decoder of zlib; see the module.
pub struct ZlibDecoder {
    streams: Streams<ZlibInflate>,
}

impl ZlibDecoder {
    /// Makes one, ready for its first file.
    pub fn new() -> Self {
        ZlibDecoder {
            streams: Streams::new(ZlibInflate::new()),
        }
    }
}

impl Default for ZlibDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for ZlibDecoder {
    fn begin(&mut self) {
        self.streams.begin();
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError> {
        self.streams.decode(input, output)
    }

    fn finish(&mut self) -> Result<(), DecodeError> {
        self.streams.finish()
    }
}
