//! The text of the current file that has not been read yet, and where it stands in the file.

use super::automaton::Automaton;
use crate::parse::charset::{Malformed, Transcoder};
use crate::position::{PlaceInFile, Position};
use encoding_rs::Encoding;
use std::sync::Arc;

/// Unread text up to this length is looked at again with every chunk. A longer record that is still incomplete is looked at
/// again when twice as much of it is there, so that the time it takes does not grow with the square of its length.
const RETRY_BYTES: usize = 4 * 1024;

/// One file at a time, as text.
pub(super) struct Input {
    transcoder: Transcoder,
    /// Shared with batches whose rows say what their records were. It is changed only while it is not.
    text: Arc<String>,
    /// Everything before it in `text` has been read.
    start: usize,
    /// Offset of `text` in the text of the file.
    text_offset: u64,
    is_complete: bool,
    /// No look before the unread text is that long.
    retry_length: usize,
    file: Arc<str>,
    /// The line at `start`, from 1.
    line: u64,
    /// Records before `start`.
    num_records: u64,
    header_lines_left: u64,
    /// The rest of the file cannot be read.
    has_failed: bool,
}

impl Input {
    pub(super) fn new(charset: &'static Encoding) -> Input {
        Input {
            transcoder: Transcoder::new(charset),
            text: Arc::default(),
            start: 0,
            text_offset: 0,
            is_complete: true,
            retry_length: 0,
            file: Arc::from(""),
            line: 1,
            num_records: 0,
            header_lines_left: 0,
            has_failed: false,
        }
    }

    pub(super) fn begin(&mut self, file: Arc<str>, header_lines: u64) {
        self.transcoder.begin();
        self.drop_text();
        self.text_offset = 0;
        self.is_complete = false;
        self.retry_length = 0;
        self.file = file;
        self.line = 1;
        self.num_records = 0;
        self.header_lines_left = header_lines;
        self.has_failed = false;
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        if !self.has_failed {
            self.forget_read_text();
            self.transcoder.decode(chunk, Arc::make_mut(&mut self.text));
        }
    }

    pub(super) fn finish(&mut self) {
        if !self.has_failed {
            self.forget_read_text();
            self.transcoder.finish(Arc::make_mut(&mut self.text));
        }
        self.is_complete = true;
        self.retry_length = 0;
    }

    /// What of the text handed in since the last call was malformed.
    pub(super) fn take_malformed(&mut self) -> Malformed {
        self.transcoder.take_malformed()
    }

    /// Drops the file: what is left of it cannot be read.
    pub(super) fn fail(&mut self) {
        self.has_failed = true;
        self.drop_text();
        self.header_lines_left = 0;
    }

    /// The text that has not been read yet; empty while more of a long record must come first.
    pub(super) fn unread(&self) -> &str {
        let unread = &self.text[self.start..];
        if unread.len() < self.retry_length { "" } else { unread }
    }

    /// The text that holds the unread text, and where it begins there. It stays what it is as long as it is held.
    pub(super) fn shared(&self) -> (&Arc<String>, usize) {
        (&self.text, self.start)
    }

    /// The file's name.
    pub(super) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Nothing comes after the unread text.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Says that the unread text holds no complete record.
    pub(super) fn wait_for_more(&mut self) {
        let length = self.text.len() - self.start;
        self.retry_length = if length < RETRY_BYTES { length + 1 } else { length * 2 };
    }

    pub(super) fn header_lines_left(&self) -> u64 {
        self.header_lines_left
    }

    pub(super) fn header_line_skipped(&mut self) {
        self.header_lines_left -= 1;
    }

    /// Marks the first `length` bytes of the unread text, which hold `num_lines` line ends and `num_records` records, as read.
    pub(super) fn advance(&mut self, length: usize, num_lines: u64, num_records: u64) {
        self.start += length;
        self.line += num_lines;
        self.num_records += num_records;
        self.retry_length = 0;
    }

    /// The same, counting the lines.
    pub(super) fn advance_past(&mut self, automaton: &Automaton, length: usize, num_records: u64) {
        let num_lines = automaton.num_line_ends(&self.text[self.start..self.start + length]);
        self.advance(length, num_lines, num_records);
    }

    /// The place in the file of the unread byte at `offset`, `num_lines` lines and `num_records` records (the one that begins
    /// there included) after the start of the unread text.
    pub(super) fn place(&self, offset: usize, num_lines: u64, num_records: u64) -> PlaceInFile {
        PlaceInFile {
            line: self.line + num_lines,
            byte: self
                .transcoder
                .source_offset(self.text_offset + (self.start + offset) as u64),
            record: self.num_records + num_records,
        }
    }

    /// The same with the file.
    pub(super) fn position(&self, offset: usize, num_lines: u64, num_records: u64) -> Position {
        let PlaceInFile { line, byte, record } = self.place(offset, num_lines, num_records);
        Position {
            file: Arc::clone(&self.file),
            line,
            byte,
            record,
        }
    }

    /// Records read so far.
    pub(super) fn num_records(&self) -> u64 {
        self.num_records
    }

    fn forget_read_text(&mut self) {
        let read = self.start;
        match Arc::get_mut(&mut self.text) {
            Some(text) => drop(text.drain(..read)),
            None => {
                let mut text = String::with_capacity(self.text.capacity());
                text.push_str(&self.text[read..]);
                self.text = Arc::new(text);
            }
        }
        self.text_offset += read as u64;
        self.transcoder.forget_before(self.text_offset);
        self.start = 0;
    }

    /// Drops the text, read and unread.
    fn drop_text(&mut self) {
        self.start = self.text.len();
        self.forget_read_text();
    }
}
