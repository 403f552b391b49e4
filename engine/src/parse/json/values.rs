//! Reads JSON values one after the other, with white space of any kind between and inside them.
//!
//! A value that lies in the chunk as a whole is walked over where it lies. Of a value that is cut the beginning is kept, and its
//! end looked for without looking at a byte twice; then it is walked over again. What is not JSON ends the file, since no later
//! record can be found with certainty; what came before it counts.

use super::elements::{Elements, Step, Stop};
use super::encoding::{Decoded, Form, Transcoder};
use super::extract::{Extractor, root_pointer};
use super::lines::repaired;
use super::rows::{Place, Rows, no_root, not_an_array};
use super::scan::ValueEnd;
use super::walk::Walker;
use super::{JsonOptions, JsonOptionsError, effective_max_record_bytes};
use crate::parse::charset::Malformed;
use crate::parse::condition::RowCondition;
use crate::parse::drift::OnBadValue;
use crate::parse::reject::RecordText;
use crate::parse::{ParseError, Parsed, Parser};
use std::borrow::Cow;
use std::sync::Arc;

/// The fast reader of streams of JSON values.
///
/// **Cost**: values are copied only if a chunk's end cuts them. Elements of a flattened array are read one by one, however long
/// the array is.
pub struct JsonValuesParser {
    transcoder: Transcoder,
    values: Values,
}

/// What reads decoded text.
struct Values {
    rows: Rows,
    extractor: Extractor,
    elements: Elements,
    root: String,
    /// A value without root is a reject, and its text is wanted although it was not kept.
    has_far_root: bool,
    max_record_bytes: usize,
    tracker: Tracker,
    /// A token that was cut, from its first byte.
    carry: Vec<u8>,
    carry_end: ValueEnd,
    /// Where the value of the stream began, and the first bytes of it.
    begin: Place,
    head: Vec<u8>,
    /// Bytes of the value so far, those beyond `head` included.
    num_head_bytes: u64,
    has_failed: bool,
}

/// Counts lines and bytes; brought up to date only when somebody wants to know.
struct Tracker {
    place: Place,
    form: Form,
    is_after_cr: bool,
}

impl JsonValuesParser {
    /// A reader of values.
    ///
    /// **Errors**: the options contradict themselves, see [`JsonOptionsError`].
    pub fn new(options: &JsonOptions) -> Result<JsonValuesParser, JsonOptionsError> {
        let extractor = Extractor::new(options)?;
        let root = root_pointer(options)?;
        let max_record_bytes = effective_max_record_bytes(options);
        let has_far_root = options.flatten_json_array && !root.tokens.is_empty();
        let escapes = options.invalid_string_escapes;
        Ok(JsonValuesParser {
            transcoder: Transcoder::new(options.charset),
            values: Values {
                rows: Rows::new(options)?,
                extractor,
                elements: Elements::new(root, options.flatten_json_array, escapes, max_record_bytes),
                root: options.root.clone().unwrap_or_default(),
                has_far_root,
                max_record_bytes,
                tracker: Tracker::new(),
                carry: Vec::new(),
                carry_end: ValueEnd::default(),
                begin: Place { line: 1, byte: 0 },
                head: Vec::new(),
                num_head_bytes: 0,
                has_failed: false,
            },
        })
    }
}

impl Parser for JsonValuesParser {
    fn set_condition(&mut self, condition: Box<dyn RowCondition>) {
        // Whole rows are judged: nothing waits for it.
        self.values.rows.set_condition(condition, OnBadValue::Reject);
    }

    fn begin_file(&mut self, name: Arc<str>) {
        self.transcoder.begin_file();
        self.values.rows.begin_file(name);
        self.values.elements.reset();
        self.values.tracker = Tracker::new();
        self.values.carry.clear();
        self.values.has_failed = false;
    }

    fn push(&mut self, chunk: &[u8]) {
        let decoded = self.transcoder.push(chunk);
        self.values.push(decoded);
    }

    fn finish_file(&mut self) {
        let decoded = self.transcoder.finish();
        self.values.push(decoded);
        self.values.finish();
    }

    fn next_batch(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.values.rows.next_batch()
    }

    fn flush(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.values.rows.flush()
    }

    fn take_malformed(&mut self) -> Malformed {
        self.transcoder.take_malformed()
    }

    fn num_held_rows(&self) -> usize {
        self.values.rows.num_held()
    }
}

impl Values {
    fn push(&mut self, decoded: Decoded<'_>) {
        self.tracker.form = decoded.form;
        self.tracker.place.byte += decoded.mark_bytes;
        let mut rest = decoded.text;
        while !rest.is_empty() && !self.has_failed {
            if self.carry.is_empty() {
                let num_read = self.read(rest, false);
                return self.keep(&rest[num_read..]);
            }
            let num_wanted = self.carry_end.push(rest);
            let (wanted, behind) = rest.split_at(num_wanted.unwrap_or(rest.len()));
            self.carry.extend_from_slice(wanted);
            rest = behind;
            if num_wanted.is_none() && self.carry.len() <= self.max_record_bytes {
                return;
            }
            let mut carry = std::mem::take(&mut self.carry);
            let num_read = self.read(&carry, false);
            if num_read < carry.len() {
                self.keep(&carry[num_read..]);
            } else {
                carry.clear();
                self.carry = carry;
            }
        }
    }

    fn finish(&mut self) {
        let carry = std::mem::take(&mut self.carry);
        if !self.has_failed {
            self.read(&carry, true);
        }
    }

    /// Keeps the beginning of a token until the rest comes.
    fn keep(&mut self, token: &[u8]) {
        if token.is_empty() || self.has_failed {
            return;
        }
        self.carry.extend_from_slice(token);
        self.carry_end = ValueEnd::default();
        // Gives `None`: the walk did not find the end either.
        self.carry_end.push(token);
    }

    /// Reads as many tokens of `text` as are complete, and gives their length.
    fn read(&mut self, text: &[u8], is_last: bool) -> usize {
        let mut at = 0;
        let mut tracked = 0;
        let mut head_from = 0;
        while !self.has_failed {
            let step = match self.elements.step(text, &mut at, is_last) {
                Ok(step) => step,
                Err(stop) => {
                    self.fail(stop, text, tracked);
                    break;
                }
            };
            match step {
                Step::More => break,
                Step::Begin if self.has_far_root => {
                    self.tracker.advance(&text[tracked..at]);
                    tracked = at;
                    head_from = at;
                    self.begin = self.tracker.place;
                    self.head.clear();
                    self.num_head_bytes = 0;
                }
                Step::Begin => {}
                Step::Record => {
                    let extractor = &mut self.extractor;
                    let found = self.elements.whole(text, at, is_last, |walker| extractor.find(walker));
                    let end = match found {
                        Ok(Some((_, end))) => end,
                        Ok(None) => break,
                        Err(stop) => {
                            self.fail(stop, text, tracked);
                            break;
                        }
                    };
                    self.record(text, at, end, &mut tracked);
                    at = end;
                    self.elements.passed();
                }
                Step::NotAnArray(kind, range) => {
                    self.tracker.advance(&text[tracked..range.start]);
                    tracked = range.start;
                    self.rows.reject(self.tracker.place, not_an_array(kind), &text[range]);
                }
                Step::NoRoot => {
                    self.keep_head(&text[head_from..at]);
                    let mut record = RecordText::of_bytes(&self.head);
                    if self.num_head_bytes > self.head.len() as u64 {
                        record.num_bytes = self.num_head_bytes;
                    }
                    self.rows.reject_kept(self.begin, no_root(&self.root), record);
                }
            }
        }
        self.tracker.advance(&text[tracked..at]);
        if self.has_far_root {
            self.keep_head(&text[head_from..at]);
        }
        at
    }

    /// Makes a row or a reject of the record between `start` and `end`.
    fn record(&mut self, text: &[u8], start: usize, end: usize, tracked: &mut usize) {
        let raw = &text[start..end];
        let record = repaired(raw);
        let is_repaired = matches!(record, Cow::Owned(_));
        let record = record.as_ref();
        if is_repaired {
            // What was noted is of the raw text.
            let mut walker = Walker::new(record, self.extractor.escapes());
            if let Err(fault) = self.extractor.find(&mut walker) {
                return self.fail(
                    Stop::Fault(super::fault::Fault { offset: start, ..fault }),
                    text,
                    *tracked,
                );
            }
        }
        if let Some(name) = self.extractor.forbidden_member(record) {
            self.tracker.advance(&text[*tracked..start]);
            *tracked = start;
            self.has_failed = true;
            let line = self.tracker.place.line;
            return self.rows.fail(ParseError::NewColumn { name, line });
        }
        let extractor = &mut self.extractor;
        let tracker = &mut self.tracker;
        self.rows.push(
            |columns| extractor.append(record, columns),
            || {
                tracker.advance(&text[*tracked..start]);
                *tracked = start;
                (tracker.place, record)
            },
        );
    }

    fn keep_head(&mut self, text: &[u8]) {
        self.num_head_bytes += text.len() as u64;
        // One byte more than is kept, so that it is seen to be cut.
        let room = (RecordText::MAX_BYTES + 1).saturating_sub(self.head.len());
        self.head.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn fail(&mut self, stop: Stop, text: &[u8], tracked: usize) {
        self.has_failed = true;
        let offset = match stop {
            Stop::Fault(fault) => fault.offset,
            Stop::TooLong(start) => start,
        };
        self.tracker.advance(&text[tracked..offset]);
        let Place { line, byte } = self.tracker.place;
        self.rows.fail(match stop {
            Stop::Fault(fault) => ParseError::Syntax {
                format: "json",
                reason: fault.reason(text, "the end of the file"),
                line,
                byte,
            },
            Stop::TooLong(_) => ParseError::RecordTooLong {
                limit_bytes: self.max_record_bytes,
                line,
                byte,
            },
        });
    }
}

impl Tracker {
    fn new() -> Tracker {
        Tracker {
            place: Place { line: 1, byte: 0 },
            form: Form::Utf8,
            is_after_cr: false,
        }
    }

    /// Moves behind `text`.
    fn advance(&mut self, text: &[u8]) {
        let Some(last) = text.last() else {
            return;
        };
        self.place.byte += self.form.num_bytes(text);
        if self.is_after_cr && text[0] == b'\n' {
            // Half of a line end that was counted already.
            self.place.line -= 1;
        }
        self.is_after_cr = *last == b'\r';
        self.place.line += memchr::memchr_iter(b'\n', text).count() as u64;
        self.place.line += memchr::memchr_iter(b'\r', text)
            .filter(|at| text.get(at + 1) != Some(&b'\n'))
            .count() as u64;
    }
}
