//! Where a record or a byte stands in its input.

use std::fmt;
use std::sync::Arc;

/// The place of one record in one decoded file.
///
/// **Units**: `line` counts physical lines from 1, headers included; `byte` counts decoded bytes from 0 and points at the
/// record's first byte; `record` counts records from 1, rejected ones included, headers, comments and blank lines not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file's name as users know it: `s3://bucket/key` or a path; an archive's entry follows after `!`.
    pub file: Arc<str>,
    /// Physical line, from 1.
    pub line: u64,
    /// Offset of the record's first byte in the decoded file, from 0.
    pub byte: u64,
    /// Ordinal of the record in its file, from 1.
    pub record: u64,
}

/// A [`Position`] without its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceInFile {
    pub(crate) line: u64,
    pub(crate) byte: u64,
    pub(crate) record: u64,
}

impl Position {
    /// The same without the file.
    pub(crate) fn place(&self) -> PlaceInFile {
        PlaceInFile {
            line: self.line,
            byte: self.byte,
            record: self.record,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} line {}, byte {}", self.file, self.line, self.byte)
    }
}
