//! Reads JSON lines: one value a line, each line on its own, so that a bad line costs one record.
//!
//! A line ends with LF, CRLF or a lone CR, as in `csv`; valid JSON has no raw line end inside strings, and white space between
//! the parts of a value that contains one makes two (bad) lines of it. Lines without anything but white space are no records.
//! Where arrays are flattened, all elements of a line have the position of their line.

use super::elements::{Elements, Step, Stop};
use super::encoding::{Decoded, Form, Transcoder};
use super::extract::{Extractor, root_pointer};
use super::fault::Fault;
use super::rows::{Place, Refusal, Rows, no_root, not_an_array};
use super::walk::Walker;
use super::{JsonOptions, JsonOptionsError, effective_max_record_bytes};
use crate::parse::charset::Malformed;
use crate::parse::condition::RowCondition;
use crate::parse::drift::OnBadValue;
use crate::parse::reject::RejectCode;
use crate::parse::{ParseError, Parsed, Parser};
use encoding_rs::UTF_8;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The fast reader of JSON lines.
///
/// **Cost**: a line is walked over once, where it lies in the chunk; only lines cut by a chunk's end are copied.
pub struct JsonLinesParser {
    transcoder: Transcoder,
    lines: Lines,
}

/// What reads decoded text.
struct Lines {
    rows: Rows,
    extractor: Extractor,
    /// `None`: a line is a record.
    elements: Option<Elements>,
    root: String,
    on_bad_value: OnBadValue,
    max_record_bytes: usize,
    form: Form,
    /// The beginning of a line that was cut.
    carry: Vec<u8>,
    /// Where the next line begins.
    place: Place,
    /// The last line ended with a CR: an LF that follows belongs to it.
    is_after_cr: bool,
    has_failed: bool,
}

impl JsonLinesParser {
    /// A reader of lines.
    ///
    /// **Errors**: the options contradict themselves, see [`JsonOptionsError`].
    pub fn new(options: &JsonOptions) -> Result<JsonLinesParser, JsonOptionsError> {
        let extractor = Extractor::new(options)?;
        let max_record_bytes = effective_max_record_bytes(options);
        let mut elements = None;
        if options.flatten_json_array {
            // The length of lines is limited already, and repairing a line may make it longer.
            elements = Some(Elements::new(
                root_pointer(options)?,
                true,
                extractor.escapes(),
                usize::MAX,
            ));
        }
        Ok(JsonLinesParser {
            transcoder: Transcoder::new(Some(options.charset.unwrap_or(UTF_8))),
            lines: Lines {
                rows: Rows::new(options)?,
                extractor,
                elements,
                root: options.root.clone().unwrap_or_default(),
                on_bad_value: options.on_bad_value,
                max_record_bytes,
                form: Form::Utf8,
                carry: Vec::new(),
                place: Place { line: 1, byte: 0 },
                is_after_cr: false,
                has_failed: false,
            },
        })
    }
}

impl Parser for JsonLinesParser {
    fn set_condition(&mut self, condition: Box<dyn RowCondition>) {
        self.lines.set_condition(condition);
    }

    fn begin_file(&mut self, name: Arc<str>) {
        self.transcoder.begin_file();
        self.lines.rows.begin_file(name);
        self.lines.carry.clear();
        self.lines.place = Place { line: 1, byte: 0 };
        self.lines.is_after_cr = false;
        self.lines.has_failed = false;
    }

    fn push(&mut self, chunk: &[u8]) {
        let decoded = self.transcoder.push(chunk);
        self.lines.push(decoded);
    }

    fn finish_file(&mut self) {
        let decoded = self.transcoder.finish();
        self.lines.push(decoded);
        self.lines.finish();
    }

    fn next_batch(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.lines.rows.next_batch()
    }

    fn flush(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.lines.rows.flush()
    }

    fn take_malformed(&mut self) -> Malformed {
        self.transcoder.take_malformed()
    }

    fn num_held_rows(&self) -> usize {
        self.lines.rows.num_held()
    }
}

impl Lines {
    fn set_condition(&mut self, condition: Box<dyn RowCondition>) {
        let may_wait = self.rows.set_condition(condition, self.on_bad_value);
        // Elements of arrays are read by themselves.
        if self.elements.is_none() {
            self.extractor.set_waiting(may_wait);
        }
    }

    fn push(&mut self, decoded: Decoded<'_>) {
        let mut rest = decoded.text;
        self.form = decoded.form;
        self.place.byte += decoded.mark_bytes;
        if rest.is_empty() || self.has_failed {
            return;
        }
        if self.is_after_cr {
            self.is_after_cr = false;
            if rest[0] == b'\n' {
                self.place.byte += self.form.num_bytes(b"\n");
                rest = &rest[1..];
            }
        }
        if !self.carry.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', rest);
            self.carry.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            let Some(end) = end else {
                return self.check_carry();
            };
            let carry = std::mem::take(&mut self.carry);
            self.line(&carry, 0..carry.len(), false);
            self.carry = carry;
            self.carry.clear();
            rest = self.pass_line_end(rest, end);
        }
        // One check of many lines costs less than many checks of one.
        let end_of_last = memchr::memrchr2(b'\n', b'\r', rest).unwrap_or(0);
        let whole = rest;
        let is_text = simdutf8::basic::from_utf8(&whole[..end_of_last]).is_ok();
        while !self.has_failed
            && let Some(end) = memchr::memchr2(b'\n', b'\r', rest)
        {
            let start = whole.len() - rest.len();
            self.line(whole, start..start + end, is_text);
            rest = self.pass_line_end(rest, end);
        }
        self.complete(whole);
        if !self.has_failed {
            self.carry.extend_from_slice(rest);
            self.check_carry();
        }
    }

    fn finish(&mut self) {
        if !self.has_failed && !self.carry.is_empty() {
            let carry = std::mem::take(&mut self.carry);
            self.line(&carry, 0..carry.len(), false);
        }
    }

    /// Counts the line end at `end` of `rest`, and gives what follows it.
    fn pass_line_end<'t>(&mut self, rest: &'t [u8], end: usize) -> &'t [u8] {
        let mut next = end + 1;
        if rest[end] == b'\r' {
            match rest.get(next) {
                Some(b'\n') => next += 1,
                Some(_) => {}
                None => self.is_after_cr = true,
            }
        }
        self.place.line += 1;
        self.place.byte += self.form.num_bytes(&rest[end..next]);
        &rest[next..]
    }

    fn check_carry(&mut self) {
        if self.carry.len() > self.max_record_bytes {
            self.fail_too_long();
        }
    }

    fn fail_too_long(&mut self) {
        let Place { line, byte } = self.place;
        self.fail(ParseError::RecordTooLong {
            limit_bytes: self.max_record_bytes,
            line,
            byte,
        });
    }

    fn fail(&mut self, error: ParseError) {
        self.has_failed = true;
        self.carry = Vec::new();
        self.rows.fail(error);
    }

    /// Reads one line of `whole` without its end; `is_text`: it is known to be UTF-8, and `whole` stays until [`Lines::complete`].
    fn line(&mut self, whole: &[u8], line: Range<usize>, is_text: bool) {
        let raw = &whole[line.clone()];
        if raw.len() > self.max_record_bytes {
            return self.fail_too_long();
        }
        let place = self.place;
        self.place.byte += self.form.num_bytes(raw);
        let text = if is_text { Cow::Borrowed(raw) } else { repaired(raw) };
        let text = text.as_ref();
        let mut walker = Walker::new(text, self.extractor.escapes());
        walker.space();
        if walker.at() == text.len() {
            return;
        }
        let found = match self.elements {
            None => self.extractor.find(&mut walker),
            Some(_) => walker.any_value(),
        };
        if let Err(fault) = found.and_then(|_| walker.end()) {
            return self.rows.reject(place, not_json(&fault, text), text);
        }
        if self.elements.is_some() {
            self.flattened(text, place);
        } else if is_text && !self.extractor.waiting().columns().is_empty() {
            self.part_of_record(whole, line, place);
        } else {
            self.record(text, place);
        }
    }

    /// As [`Lines::record`], with some of the columns waiting.
    fn part_of_record(&mut self, whole: &[u8], line: Range<usize>, place: Place) {
        let record = &whole[line.clone()];
        if let Some(name) = self.extractor.forbidden_member(record) {
            return self.fail(ParseError::NewColumn { name, line: place.line });
        }
        // What the condition says of the rows before may not be mixed up with what it says of these.
        if self.extractor.waiting().is_empty()
            && let Err(error) = self.rows.judge()
        {
            return self.fail(error);
        }
        self.rows.push_part(
            |columns| self.extractor.append_early(record, line.start, columns),
            || (place, record),
        );
        if self.extractor.waiting().are_many() || self.rows.room() == 0 {
            self.complete(whole);
        }
    }

    /// Makes the columns that wait, of the rows to keep. These stand in `whole`.
    fn complete(&mut self, whole: &[u8]) {
        if !self.extractor.waiting().is_empty() {
            self.rows
                .complete(|kept, columns| self.extractor.append_waiting(whole, kept, columns));
        }
    }

    /// Makes a row or a reject of a record that was noted.
    fn record(&mut self, record: &[u8], place: Place) {
        match self.extractor.forbidden_member(record) {
            None => self
                .rows
                .push(|columns| self.extractor.append(record, columns), || (place, record)),
            Some(name) => self.fail(ParseError::NewColumn { name, line: place.line }),
        }
    }

    /// Reads the records of a line that is known to be valid.
    fn flattened(&mut self, text: &[u8], place: Place) {
        let mut at = 0;
        if let Some(elements) = &mut self.elements {
            elements.reset();
        }
        while let Some(elements) = &mut self.elements {
            match elements.step(text, &mut at, true) {
                Ok(Step::Begin) => {}
                Ok(Step::Record) => {
                    let record = &text[at..];
                    let mut walker = Walker::new(record, self.extractor.escapes());
                    if let Err(fault) = self.extractor.find(&mut walker) {
                        return self.rows.reject(place, not_json(&fault, record), record);
                    }
                    at += walker.at();
                    elements.passed();
                    self.record(&record[..walker.at()], place);
                    if self.has_failed {
                        return;
                    }
                }
                Ok(Step::NotAnArray(kind, range)) => self.rows.reject(place, not_an_array(kind), &text[range]),
                Ok(Step::NoRoot) => self.rows.reject(place, no_root(&self.root), text),
                Ok(Step::More) => return,
                // Not to be expected of a line that is valid as a whole, but no reason to lose records silently.
                Err(Stop::Fault(fault)) => return self.rows.reject(place, not_json(&fault, text), text),
                Err(Stop::TooLong(_)) => return self.fail_too_long(),
            }
        }
    }
}

/// The refusal of a line that is no JSON value.
pub(super) fn not_json(fault: &Fault, text: &[u8]) -> Refusal {
    let before = &text[..fault.offset.min(text.len())];
    let character = 1 + before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    let reason = fault.reason(text, "the end of the line");
    let reason = format!("not valid JSON: {reason} at character {character}");
    Refusal::of_record(RejectCode::NotJson, reason)
}

/// `raw` with U+FFFD for what is not UTF-8.
pub(super) fn repaired(raw: &[u8]) -> Cow<'_, [u8]> {
    if simdutf8::basic::from_utf8(raw).is_ok() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(String::from_utf8_lossy(raw).into_owned().into_bytes())
}
