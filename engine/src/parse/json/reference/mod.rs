//! Reads JSON in the plainest way: whole file in memory, one value after the other into a tree, one field after the other.
//!
//! It exists to be compared with the fast readers, and shares with them what has tests of its own: transcoding, pointers, the
//! reading of numbers from text, and the gathering of batches. The grammar is written down here once more, byte by byte.
//! `serde_json` cannot be asked for it, because it knows no `NaN`, no raw control characters and no lone surrogates, and forgets
//! the text of numbers; it writes the strings, and a test compares both on what it does know.

mod grammar;

use self::grammar::{Found, Grammar, Node, Stopped, Value};
use super::cells::Cells;
use super::encoding::{Form, Transcoder};
use super::extract::{field_pointers, rescued_index, rescued_key, root_pointer};
use super::fault::Expected;
use super::pointer::{Pointer, Token};
use super::rows::{Place, Refusal, Rows, no_root, not_an_array, not_an_object, projected_columns, untypable};
use super::unexpected::{ExpectedMembers, Member};
use super::{InvalidStringEscapes, JsonLayout, JsonOptions, JsonOptionsError, effective_max_record_bytes};
use crate::parse::charset::Malformed;
use crate::parse::columns::ColumnType;
use crate::parse::columns::texts::FieldText;
use crate::parse::condition::RowCondition;
use crate::parse::drift::{OnBadValue, OnNewColumns, RescuedValues};
use crate::parse::reject::RejectCode;
use crate::parse::{ParseError, Parsed, Parser};
use encoding_rs::UTF_8;
use std::sync::Arc;

/// The plain reader of both layouts.
///
/// **Cost**: whole files in memory, several times; meant for tests.
pub struct ReferenceJsonParser {
    transcoder: Transcoder,
    rows: Rows,
    reader: Reader,
    text: Vec<u8>,
    mark_bytes: u64,
    form: Form,
    /// The rest of the file cannot be read.
    has_failed: bool,
}

/// What the options say.
struct Reader {
    layout: JsonLayout,
    root: Pointer,
    root_text: String,
    fields: Vec<Pointer>,
    /// The members that each column keeps; empty: all.
    kept: Vec<Vec<String>>,
    is_flattened: bool,
    escapes: InvalidStringEscapes,
    max_record_bytes: usize,
    on_new_columns: OnNewColumns,
    on_bad_value: OnBadValue,
    expected: ExpectedMembers,
    rescued: Option<usize>,
    keys: Vec<String>,
}

impl ReferenceJsonParser {
    /// A reader of the layout of `options`.
    ///
    /// **Errors**: the options contradict themselves, see [`JsonOptionsError`].
    pub fn new(options: &JsonOptions) -> Result<ReferenceJsonParser, JsonOptionsError> {
        let charset = match options.layout {
            JsonLayout::Lines => Some(options.charset.unwrap_or(UTF_8)),
            JsonLayout::Values => options.charset,
        };
        Ok(ReferenceJsonParser {
            transcoder: Transcoder::new(charset),
            rows: Rows::new(options)?,
            reader: Reader {
                layout: options.layout,
                root: root_pointer(options)?,
                root_text: options.root.clone().unwrap_or_default(),
                fields: field_pointers(options)?,
                kept: projected_columns(options)?
                    .into_iter()
                    .map(|column| column.members)
                    .collect(),
                is_flattened: options.flatten_json_array,
                escapes: options.invalid_string_escapes,
                max_record_bytes: effective_max_record_bytes(options),
                on_new_columns: options.on_new_columns,
                on_bad_value: options.on_bad_value,
                expected: ExpectedMembers::new(options)?,
                rescued: rescued_index(options)?,
                keys: projected_columns(options)?.iter().map(rescued_key).collect(),
            },
            text: Vec::new(),
            mark_bytes: 0,
            form: Form::Utf8,
            has_failed: false,
        })
    }

    fn place(&self, offset: usize) -> Place {
        let before = &self.text[..offset];
        let mut line = 1;
        for (at, byte) in before.iter().enumerate() {
            // The LF of a CRLF belongs to the CR.
            if *byte == b'\r' || (*byte == b'\n' && (at == 0 || before[at - 1] != b'\r')) {
                line += 1;
            }
        }
        Place {
            line,
            byte: self.mark_bytes + self.form.num_bytes(before),
        }
    }

    fn read_lines(&mut self) {
        let text = self.text.clone();
        let mut start = 0;
        while start < text.len() && !self.has_failed {
            let end = (start..text.len())
                .find(|at| matches!(text[*at], b'\n' | b'\r'))
                .unwrap_or(text.len());
            let place = self.place(start);
            if end - start > self.reader.max_record_bytes {
                let limit_bytes = self.reader.max_record_bytes;
                self.rows.fail(ParseError::RecordTooLong {
                    limit_bytes,
                    line: place.line,
                    byte: place.byte,
                });
                return;
            }
            self.read_line(String::from_utf8_lossy(&text[start..end]).as_bytes(), place);
            start = end + if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        }
    }

    fn read_line(&mut self, line: &[u8], place: Place) {
        let mut grammar = Grammar::new(line, &self.reader);
        grammar.space();
        if grammar.at == line.len() {
            return;
        }
        let node = grammar.value(0).and_then(|node| {
            grammar.space();
            if grammar.at < line.len() {
                Err(grammar.fault(Expected::End))
            } else {
                Ok(node)
            }
        });
        let node = match node {
            Ok(node) => node,
            Err(fault) => {
                let character = String::from_utf8_lossy(&line[..fault.offset]).chars().count() + 1;
                let reason = fault.reason(line, "the end of the line");
                let reason = format!("not valid JSON: {reason} at character {character}");
                self.rows
                    .reject(place, Refusal::of_record(RejectCode::NotJson, reason), line);
                return;
            }
        };
        if !self.reader.is_flattened {
            return self.push(&node, place, line);
        }
        let mut found = Vec::new();
        self.reader.flatten(&node, &self.reader.root.tokens, &mut found);
        if found.is_empty() {
            self.rows.reject(place, no_root(&self.reader.root_text), line);
        }
        for found_at_root in found {
            if self.has_failed {
                return;
            }
            match &found_at_root.value {
                Value::Array(elements) => {
                    for element in elements {
                        self.push(element, place, &line[element.range.clone()]);
                    }
                }
                _ => self.rows.reject(
                    place,
                    not_an_array(found_at_root.kind()),
                    &line[found_at_root.range.clone()],
                ),
            }
        }
    }

    fn read_values(&mut self) {
        let text = self.text.clone();
        let mut grammar = Grammar::new(&text, &self.reader);
        let mut found = Vec::new();
        let stopped = grammar.stream(&mut found);
        for item in found {
            if self.has_failed {
                return;
            }
            match item {
                Found::Record(node) => {
                    let place = self.place(node.range.start);
                    self.push(&node, place, &text[node.range.clone()]);
                }
                Found::NotAnArray(node) => {
                    let place = self.place(node.range.start);
                    self.rows
                        .reject(place, not_an_array(node.kind()), &text[node.range.clone()]);
                }
                Found::NoRoot(range) => {
                    let place = self.place(range.start);
                    self.rows.reject(place, no_root(&self.reader.root_text), &text[range]);
                }
            }
        }
        match stopped {
            _ if self.has_failed => {}
            Ok(()) => {}
            Err(Stopped::Fault(fault)) => {
                let Place { line, byte } = self.place(fault.offset);
                let reason = fault.reason(&text, "the end of the file");
                self.rows.fail(ParseError::Syntax {
                    format: "json",
                    reason,
                    line,
                    byte,
                });
            }
            Err(Stopped::TooLong { start }) => {
                let Place { line, byte } = self.place(start);
                let limit_bytes = self.reader.max_record_bytes;
                self.rows.fail(ParseError::RecordTooLong {
                    limit_bytes,
                    line,
                    byte,
                });
            }
        }
    }

    fn push(&mut self, node: &Node, place: Place, text: &[u8]) {
        if self.has_failed {
            return;
        }
        if let Some(name) = self.reader.forbidden_member(node) {
            self.has_failed = true;
            let line = place.line;
            return self.rows.fail(ParseError::NewColumn { name, line });
        }
        // As in the fast reader, what is shown is what was read.
        let text = String::from_utf8_lossy(text).into_owned();
        let reader = &self.reader;
        self.rows
            .push(|columns| reader.append(node, columns), || (place, text.as_bytes()));
    }
}

impl Parser for ReferenceJsonParser {
    fn set_condition(&mut self, condition: Box<dyn RowCondition>) {
        // Whole rows are judged: nothing waits for it.
        self.rows.set_condition(condition, OnBadValue::Reject);
    }

    fn begin_file(&mut self, name: Arc<str>) {
        self.transcoder.begin_file();
        self.rows.begin_file(name);
        self.text.clear();
        self.mark_bytes = 0;
        self.has_failed = false;
    }

    fn push(&mut self, chunk: &[u8]) {
        let decoded = self.transcoder.push(chunk);
        self.form = decoded.form;
        self.mark_bytes += decoded.mark_bytes;
        self.text.extend_from_slice(decoded.text);
    }

    fn finish_file(&mut self) {
        let decoded = self.transcoder.finish();
        self.form = decoded.form;
        self.mark_bytes += decoded.mark_bytes;
        self.text.extend_from_slice(decoded.text);
        match self.reader.layout {
            JsonLayout::Lines => self.read_lines(),
            JsonLayout::Values => self.read_values(),
        }
    }

    fn next_batch(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.rows.next_batch()
    }

    fn flush(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.rows.flush()
    }

    fn take_malformed(&mut self) -> Malformed {
        self.transcoder.take_malformed()
    }

    fn num_held_rows(&self) -> usize {
        self.rows.num_held()
    }
}

impl Reader {
    /// Where the record stands in a value.
    fn record<'n>(&self, node: &'n Node) -> Option<&'n Node> {
        match self.is_flattened {
            true => Some(node),
            false => node.at(&self.root),
        }
    }

    fn unexpected<'n>(&self, record: &'n Node) -> Vec<Member<'n, &'n Node>> {
        let Value::Object(members) = &record.value else {
            return Vec::new();
        };
        let members = members.iter().map(|(name, value)| Member {
            name: name.as_str().into(),
            is_null: matches!(value.value, Value::Null),
            value,
        });
        self.expected.unexpected(members)
    }

    fn forbidden_member(&self, node: &Node) -> Option<String> {
        if self.on_new_columns != OnNewColumns::Fail {
            return None;
        }
        let unexpected = self.unexpected(self.record(node)?);
        unexpected.into_iter().next().map(|member| member.name.into_owned())
    }

    fn append(&self, node: &Node, columns: &mut [Cells]) -> Result<(), Refusal> {
        let record = self.record(node).ok_or_else(|| no_root(&self.root_text))?;
        if !matches!(record.value, Value::Object(_)) {
            return Err(not_an_object(record.kind()));
        }
        let mut values = RescuedValues::default();
        for (index, (pointer, cells)) in self.fields.iter().zip(columns.iter_mut()).enumerate() {
            if Some(index) == self.rescued {
                continue;
            }
            match record.at(pointer) {
                None | Some(Node { value: Value::Null, .. }) => cells.push_null(),
                Some(field) => {
                    let text = match &field.value {
                        Value::String(content) if cells.column_type() != ColumnType::Json => content.clone(),
                        Value::Number { text, .. } if cells.column_type() != ColumnType::Json => text.clone(),
                        _ if !self.kept[index].is_empty() => field.json_of(&self.kept[index]),
                        _ => field.json(),
                    };
                    if cells.push_text(FieldText::from(text.as_str())).is_ok() {
                        continue;
                    }
                    if self.on_bad_value == OnBadValue::Reject {
                        return Err(untypable(index, cells, text.as_bytes()));
                    }
                    cells.push_null();
                    if self.on_bad_value == OnBadValue::Rescue {
                        let json = field.json();
                        values.add_json(&self.keys[index], |out| out.extend_from_slice(json.as_bytes()));
                    }
                }
            }
        }
        if let Some(rescued) = self.rescued {
            if self.on_new_columns == OnNewColumns::Rescue {
                for member in self.unexpected(record) {
                    let json = member.value.json();
                    values.add_json(&member.name, |out| out.extend_from_slice(json.as_bytes()));
                }
            }
            match values.object() {
                None => columns[rescued].push_null(),
                Some(object) => columns[rescued]
                    .push_text(FieldText::of(object))
                    .expect("the column holds text"),
            }
        }
        Ok(())
    }

    /// Adds to `found` what stands at the end of the way `tokens`, every member of a name counting.
    fn flatten<'n>(&self, node: &'n Node, tokens: &[Token], found: &mut Vec<&'n Node>) {
        let Some((token, tokens)) = tokens.split_first() else {
            found.push(node);
            return;
        };
        match &node.value {
            Value::Object(members) => {
                for (_, member) in members.iter().filter(|(name, _)| *name == token.name) {
                    self.flatten(member, tokens, found);
                }
            }
            Value::Array(elements) => {
                if let Some(element) = token.index.and_then(|index| elements.get(index)) {
                    self.flatten(element, tokens, found);
                }
            }
            _ => {}
        }
    }
}
