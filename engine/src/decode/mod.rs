//! Turns the compressed bytes of a file into plain bytes, and an archive into its entries.
//!
//! A decoder is a synchronous kernel: it is handed slices of input cut anywhere and a buffer to fill, and says how far it came.
//! It never takes the end of its input for the end of the file: that is what [`Decoder::finish`] checks, so a stream that was
//! cut short is an error with its place and never a short read. Memory does not depend on the file: sizes that a file declares
//! are checked and never allocated.
//!
//! Reading order: `chain` (the whole way of one file), `magic`; one file per format: `gzip`, `zlib`,
//! `bzip2`, `zstd`, `xz`, `zip`, `tar`; and what they share: `codec`, `inflate`, `entry`. Deliberately not here: charsets (see
//! `parse`), extensions of file names (nobody looks at them), and writing any of these formats.

mod bzip2;
mod chain;
mod codec;
mod entry;
mod gzip;
mod inflate;
mod magic;
mod tar;
mod xz;
mod zip;
mod zlib;
mod zstd;

#[cfg(test)]
mod tests;

pub use self::chain::FileDecoder;
pub use self::magic::detect;

use crate::pattern::Pattern;

/// Which decoders a file goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeOptions {
    /// By the magic bytes of each file, layer by layer.
    Auto,
    /// These, outermost first; an empty list hands the bytes on as they are.
    Listed(Vec<DecoderOptions>),
}

/// One decoder of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecoderOptions {
    /// RFC 1952, any number of members.
    Gzip,
    /// bzip2, any number of streams.
    Bzip2,
    /// RFC 8878, any number of frames, skippable ones included.
    Zstd,
    /// xz, any number of streams.
    Xz,
    /// RFC 1950.
    Zlib,
    /// A zip archive; every entry is a file for the parser.
    Zip(EntryOptions),
    /// A tar archive (ustar, GNU, pax); every regular entry is a file for the parser.
    Tar(EntryOptions),
}

impl DecoderOptions {
    /// The word of the configuration, and the name of the format in messages.
    pub fn name(&self) -> &'static str {
        match self {
            DecoderOptions::Gzip => "gzip",
            DecoderOptions::Bzip2 => "bzip2",
            DecoderOptions::Zstd => "zstd",
            DecoderOptions::Xz => "xz",
            DecoderOptions::Zlib => "zlib",
            DecoderOptions::Zip(_) => "zip",
            DecoderOptions::Tar(_) => "tar",
        }
    }
}

/// Which entries of an archive are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryOptions {
    /// Found anywhere in the entry's name; `None` reads every entry.
    pub match_name: Option<Pattern>,
}

/// How far one call of [`Decoder::decode`] came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes taken from the input.
    pub consumed: usize,
    /// Bytes written to the front of the output.
    pub produced: usize,
    /// Why the call returned.
    pub event: Event,
}

/// Why a call of [`Decoder::decode`] returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// All input is consumed.
    NeedsInput,
    /// The output is full; input may be left.
    OutputFull,
    /// The bytes that follow (not those produced by this call) belong to a new archive entry of this name.
    Entry(String),
}

/// What is wrong with a compressed file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not what the format allows.
    #[error("corrupt {format} data at byte {byte}: {reason}")]
    Corrupt {
        /// Name of the format.
        format: &'static str,
        /// What was found.
        reason: String,
        /// Offset in this decoder's input, from 0.
        byte: u64,
    },
    /// The input ended inside the stream.
    #[error("{format} data ends too early, after {byte} bytes")]
    Truncated {
        /// Name of the format.
        format: &'static str,
        /// Bytes of input seen.
        byte: u64,
    },
    /// The archive uses something that is not supported.
    #[error("unsupported {format} feature at byte {byte}: {reason}")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// The feature, by name.
        reason: String,
        /// Offset in this decoder's input, from 0.
        byte: u64,
    },
}

/// One compression or archive format.
pub trait Decoder: Send {
    /// Forgets the stream read so far and is ready for the next; allocations are kept.
    fn begin(&mut self);

    /// Decodes some of `input` into the front of `output`.
    ///
    /// After [`Event::OutputFull`] more may follow without further input, so it is called again (with an empty `input` if all is
    /// consumed) before [`finish`](Decoder::finish). After an error only [`begin`](Decoder::begin) makes sense.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, DecodeError>;

    /// Says that no input is left.
    ///
    /// **Errors**: [`DecodeError::Truncated`] if the stream is not complete.
    fn finish(&mut self) -> Result<(), DecodeError>;
}
