//! The plain reader: one character after the other, one record after the other.
//!
//! It is the specification in code, the twin that every result of the fast reader is compared with, and what the fast reader
//! does with a record that is out of the ordinary.

use super::automaton::{Automaton, Outcome, RecordFields};
use super::header::{HeaderFault, HeaderMatcher};
use super::input::Input;
use super::rows::{Refusal, Rows};
use super::{CsvOptions, CsvOptionsError, MAX_RECORD_BYTES};
use crate::parse::charset::Malformed;
use crate::parse::condition::RowCondition;
use crate::parse::{ParseError, Parsed, Parser};
use std::sync::Arc;

/// The CSV parser that is easy to trust, and slow.
///
/// Positions count the bytes of the decoded file; for character sets other than UTF-8, the bytes of its text in UTF-8.
pub struct ReferenceCsvParser {
    reader: RecordReader,
}

impl ReferenceCsvParser {
    /// A parser without rows.
    ///
    /// **Errors**: the options contradict each other, or the format of a timestamp column cannot be used.
    pub fn new(options: &CsvOptions) -> Result<ReferenceCsvParser, CsvOptionsError> {
        Ok(ReferenceCsvParser {
            reader: RecordReader::new(options)?,
        })
    }

    #[cfg(test)]
    pub(super) fn set_max_record_bytes(&mut self, max_record_bytes: usize) {
        self.reader.set_max_record_bytes(max_record_bytes);
    }
}

impl Parser for ReferenceCsvParser {
    fn set_condition(&mut self, condition: Box<dyn RowCondition>) {
        self.reader.rows.set_condition(condition);
    }

    fn begin_file(&mut self, name: Arc<str>) {
        self.reader.begin_file(name);
    }

    fn push(&mut self, chunk: &[u8]) {
        self.reader.input.push(chunk);
    }

    fn finish_file(&mut self) {
        self.reader.input.finish();
    }

    fn next_batch(&mut self) -> Result<Option<Parsed>, ParseError> {
        loop {
            if self.reader.rows.is_full()? {
                return self.reader.rows.take();
            }
            match self.reader.read_one()? {
                Step::Advanced => {}
                Step::NeedsMore => return Ok(None),
            }
        }
    }

    fn flush(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.reader.rows.take()
    }

    fn take_malformed(&mut self) -> Malformed {
        self.reader.input.take_malformed()
    }

    fn num_held_rows(&self) -> usize {
        self.reader.rows.num_held()
    }
}

/// Text in, rows and rejects out, one record at a time.
pub(super) struct RecordReader {
    pub(super) automaton: Automaton,
    pub(super) input: Input,
    pub(super) rows: Rows,
    fields: RecordFields,
    skip_header_lines: u64,
    /// `None`: columns are found by their place.
    matcher: Option<HeaderMatcher>,
    /// The next record of the file is its header.
    is_header_next: bool,
    /// Names in the header of the file that no column has.
    new_names: Vec<String>,
}

/// What a step of a reader did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It read something.
    Advanced,
    /// Nothing can be read before more is handed in.
    NeedsMore,
}

impl RecordReader {
    pub(super) fn new(options: &CsvOptions) -> Result<RecordReader, CsvOptionsError> {
        Ok(RecordReader {
            automaton: Automaton::new(options)?,
            input: Input::new(options.charset),
            rows: Rows::new(options)?,
            fields: RecordFields::default(),
            skip_header_lines: options.skip_header_lines,
            matcher: HeaderMatcher::new(options),
            is_header_next: false,
            new_names: Vec::new(),
        })
    }

    #[cfg(test)]
    pub(super) fn set_max_record_bytes(&mut self, max_record_bytes: usize) {
        self.automaton.set_max_record_bytes(max_record_bytes);
    }

    pub(super) fn begin_file(&mut self, name: Arc<str>) {
        self.input.begin(name, self.skip_header_lines);
        self.is_header_next = self.matcher.is_some();
        self.new_names.clear();
    }

    /// Names in the header of the file that no column has.
    pub(super) fn new_names(&self) -> &[String] {
        &self.new_names
    }

    /// Whether what comes next must be read one by one: lines to skip, or the header.
    pub(super) fn is_before_records(&self) -> bool {
        self.input.header_lines_left() > 0 || self.is_header_next
    }

    /// Takes the header of the file, which ends at `end` of the unread text.
    fn read_header(&mut self, end: usize, next: usize) -> Result<(), ParseError> {
        self.is_header_next = false;
        let line = self.input.position(0, 0, 0).line;
        let matched = match &self.matcher {
            Some(matcher) => matcher.read(&self.fields),
            None => return Ok(()),
        };
        match matched {
            Ok(columns) => {
                self.new_names = columns.new.iter().map(|(_, name)| name.clone()).collect();
                self.rows.begin_columns(columns, &self.input.unread()[..end]);
                self.input.advance_past(&self.automaton, next, 0);
                Ok(())
            }
            Err(fault) => {
                self.input.fail();
                Err(match fault {
                    HeaderFault::NewColumn(name) => ParseError::NewColumn { name, line },
                    HeaderFault::NoKnownColumn(reason) => ParseError::Header { reason, line },
                })
            }
        }
    }

    /// Reads one record, empty line, comment or header line. There must be room for a row.
    pub(super) fn read_one(&mut self) -> Result<Step, ParseError> {
        let text = self.input.unread();
        let is_complete = self.input.is_complete();
        let is_skipped = self.input.header_lines_left() > 0;
        let outcome = if is_skipped {
            self.automaton.skip_line(text, is_complete)
        } else {
            self.automaton.read(text, is_complete, &mut self.fields)
        };
        match outcome {
            Outcome::Incomplete => {
                if !text.is_empty() {
                    self.input.wait_for_more();
                }
                return Ok(Step::NeedsMore);
            }
            Outcome::End => return Ok(Step::NeedsMore),
            Outcome::NoRecord { next } => {
                if is_skipped {
                    self.input.header_line_skipped();
                }
                self.input.advance_past(&self.automaton, next, 0);
            }
            Outcome::Record { end, next } if self.is_header_next => self.read_header(end, next)?,
            Outcome::Broken { reason, .. } if self.is_header_next => {
                let line = self.input.position(0, 0, 0).line;
                self.is_header_next = false;
                self.input.fail();
                return Err(ParseError::Header {
                    reason: reason.to_string(),
                    line,
                });
            }
            Outcome::Record { end, next } => {
                let position = self.input.position(0, 0, 1);
                self.rows.append_record(&self.fields, &text[..end], position);
                self.input.advance_past(&self.automaton, next, 1);
            }
            Outcome::Broken { reason, end, next } => {
                let position = self.input.position(0, 0, 1);
                let refusal = Refusal::of_record(reason.code(), reason.to_string());
                self.rows.reject(position, refusal, &text[..end]);
                self.input.advance_past(&self.automaton, next, 1);
            }
            Outcome::TooLong => {
                let position = self.input.position(0, 0, 1);
                self.input.fail();
                return Err(ParseError::RecordTooLong {
                    limit_bytes: MAX_RECORD_BYTES,
                    line: position.line,
                    byte: position.byte,
                });
            }
        }
        Ok(Step::Advanced)
    }
}

/// One field of a record that has not been typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitField {
    /// The field without quotes and escapes.
    pub text: String,
    /// It stood in quotes.
    pub is_quoted: bool,
}

/// Cuts a whole text into records, as a parser with these options would, without typing them.
///
/// **Shape**: header lines, comments, empty lines and broken records are left out; records may differ in their number of
/// fields. Options that a parser refuses give no records. `columns` and what concerns types is not looked at.
pub fn split_records(text: &str, options: &CsvOptions) -> Vec<Vec<SplitField>> {
    let mut records = Vec::new();
    let Ok(automaton) = Automaton::new(options) else {
        return records;
    };
    let mut fields = RecordFields::default();
    let mut header_lines_left = options.skip_header_lines;
    let mut rest = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    loop {
        let outcome = if header_lines_left > 0 {
            header_lines_left -= 1;
            automaton.skip_line(rest, true)
        } else {
            automaton.read(rest, true, &mut fields)
        };
        match outcome {
            Outcome::Incomplete | Outcome::End | Outcome::TooLong => return records,
            Outcome::NoRecord { next } | Outcome::Broken { next, .. } => rest = &rest[next..],
            Outcome::Record { next, .. } => {
                let mut record = Vec::with_capacity(fields.len());
                for index in 0..fields.len() {
                    let (text, is_quoted) = fields.get(index).expect("the index is below the number of fields");
                    record.push(SplitField {
                        text: text.to_owned(),
                        is_quoted,
                    });
                }
                records.push(record);
                rest = &rest[next..];
            }
        }
    }
}
