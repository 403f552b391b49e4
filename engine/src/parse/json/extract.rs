//! Finds the fields of a record, and appends what they mean to the columns.

use super::cells::Cells;
use super::fault::Fault;
use super::late::WaitingRows;
use super::pointer::{Pointer, Token};
use super::rows::{Refusal, no_root, not_an_object, projected_columns, untypable};
use super::unexpected::{ExpectedMembers, Member, Members};
use super::walk::{Kind, Walker};
use super::wanted::{KeptIndex, NodeIndex, Slot, Slots, Wanted};
use super::{InvalidStringEscapes, JsonOptions, JsonOptionsError, text};
use crate::parse::columns::texts::FieldText;
use crate::parse::columns::{ColumnOptions, ColumnType};
use crate::parse::drift::{OnBadValue, OnNewColumns, RESCUED_COLUMN_NAME, RescuedValues};
use std::ops::Range;

/// The fields that the columns want, and where they stood in the last record.
pub(super) struct Extractor {
    wanted: Wanted,
    slots: Slots,
    /// Where the record stands in a value.
    record: NodeIndex,
    /// Where the field of each column stands.
    fields: Vec<Field>,
    root: String,
    escapes: InvalidStringEscapes,
    scratch: Vec<u8>,
    on_new_columns: OnNewColumns,
    on_bad_value: OnBadValue,
    expected: ExpectedMembers,
    /// Index of the column for what is rescued; beyond all columns where there is none.
    rescued: usize,
    /// What the value of each column is called there.
    keys: Vec<String>,
    values: RescuedValues,
    waiting: WaitingRows,
}

/// Where the field of a column stands.
struct Field {
    node: NodeIndex,
    /// The text of an object or array, where the column keeps some members only.
    kept: Option<KeptIndex>,
}

impl Extractor {
    /// Wants the fields of `options`. Where arrays are flattened a value is a record, otherwise `root` leads from one to the other.
    ///
    /// **Errors**: a pointer is none, or a column of the projection does not exist.
    pub(super) fn new(options: &JsonOptions) -> Result<Extractor, JsonOptionsError> {
        let mut wanted = Wanted::new();
        let mut record = 0;
        let root = root_pointer(options)?;
        if !options.flatten_json_array {
            record = wanted.add(0, &root);
        }
        let mut fields = Vec::new();
        let columns = projected_columns(options)?;
        for (pointer, column) in field_pointers(options)?.iter().zip(&columns) {
            let node = wanted.add(record, pointer);
            let kept = (!column.members.is_empty()).then(|| wanted.keep(node, &column.members));
            fields.push(Field { node, kept });
        }
        Ok(Extractor {
            slots: Slots::new(&wanted),
            wanted,
            record,
            fields,
            root: options.root.clone().unwrap_or_default(),
            escapes: options.invalid_string_escapes,
            scratch: Vec::new(),
            on_new_columns: options.on_new_columns,
            on_bad_value: options.on_bad_value,
            expected: ExpectedMembers::new(options)?,
            rescued: rescued_index(options)?.unwrap_or(usize::MAX),
            keys: columns.iter().map(rescued_key).collect(),
            values: RescuedValues::default(),
            waiting: WaitingRows::default(),
        })
    }

    /// Lets columns wait until rows are judged; see [`Extractor::append_early`].
    pub(super) fn set_waiting(&mut self, mut columns: Vec<usize>) {
        // A text of some members is made while the record is read, and is there as long as the record.
        columns.retain(|column| self.fields[*column].kept.is_none());
        self.waiting = WaitingRows::new(columns, self.fields.len());
    }

    /// Rows of which some columns are not made yet.
    pub(super) fn waiting(&self) -> &WaitingRows {
        &self.waiting
    }

    /// What is done with invalid escapes.
    pub(super) fn escapes(&self) -> InvalidStringEscapes {
        self.escapes
    }

    /// Passes the value at which `walker` stands, and notes its fields.
    pub(super) fn find(&mut self, walker: &mut Walker<'_>) -> Result<Kind, Fault> {
        walker.value(&self.wanted, &mut self.slots)
    }

    /// Appends the fields that were noted in `text`, one to each of `columns`.
    pub(super) fn append(&mut self, text: &[u8], columns: &mut [Cells]) -> Result<(), Refusal> {
        self.append_fields::<false>(text, columns)
    }

    /// As [`Extractor::append`], but for the columns that wait. `text` stands at `start` of a text that is there until
    /// [`Extractor::append_waiting`] is called.
    pub(super) fn append_early(&mut self, text: &[u8], start: usize, columns: &mut [Cells]) -> Result<(), Refusal> {
        let appended = self.append_fields::<true>(text, columns);
        match &appended {
            Ok(()) => self.waiting.end_row(start),
            Err(_) => self.waiting.forget_row(),
        }
        appended
    }

    #[inline]
    fn append_fields<const HAS_WAITING: bool>(&mut self, text: &[u8], columns: &mut [Cells]) -> Result<(), Refusal> {
        match self.slots.get(self.record) {
            None => return Err(no_root(&self.root)),
            Some(record) if record.kind != Kind::Object => return Err(not_an_object(record.kind)),
            Some(_) => {}
        }
        for (index, (field, cells)) in self.fields.iter().zip(columns.iter_mut()).enumerate() {
            if index == self.rescued {
                // What it gets is known when all others have theirs.
                continue;
            }
            let slot = self.slots.get(field.node);
            if HAS_WAITING && self.waiting.waits(index) {
                self.waiting.push_field(slot);
                continue;
            }
            let Some(slot) = slot.filter(|slot| slot.kind != Kind::Null) else {
                cells.push_null();
                continue;
            };
            let field_text = match field.kept {
                Some(kept) if matches!(slot.kind, Kind::Array | Kind::Object) => FieldText::of(self.slots.kept(kept)),
                _ => field_text(text, slot, cells.column_type(), self.escapes, &mut self.scratch),
            };
            if cells.push_text(field_text).is_err() {
                if self.on_bad_value == OnBadValue::Reject {
                    return Err(untypable(index, cells, field_text.bytes()));
                }
                cells.push_null();
                if self.on_bad_value == OnBadValue::Rescue {
                    let raw = &text[slot.range.clone()];
                    self.values
                        .add_json(&self.keys[index], |out| text::compact(raw, self.escapes, out));
                }
            }
        }
        if let Some(cells) = columns.get_mut(self.rescued) {
            self.rescue(text, cells);
        }
        self.values.clear();
        Ok(())
    }

    /// Appends the columns that waited, of those rows that `kept` lists; `None`: of all. `whole` is the text that they stand in.
    pub(super) fn append_waiting(&mut self, whole: &[u8], kept: Option<&[usize]>, columns: &mut [Cells]) {
        let all: Vec<usize>;
        let kept = match kept {
            Some(kept) => kept,
            None => {
                all = (0..self.waiting.starts.len()).collect();
                &all
            }
        };
        for (place, column) in self.waiting.columns().iter().enumerate() {
            let cells = &mut columns[*column];
            for row in kept {
                let record = &whole[self.waiting.starts[*row]..];
                let Some(slot) = self.waiting.field(*row, place).filter(|slot| slot.kind != Kind::Null) else {
                    cells.push_null();
                    continue;
                };
                let text = field_text(record, slot, cells.column_type(), self.escapes, &mut self.scratch);
                if cells.push_text(text).is_err() {
                    // Where this would be more than a null, the column did not wait.
                    cells.push_null();
                }
            }
        }
        self.waiting.clear();
    }

    /// Appends to `cells` what was rescued of the record that was noted in `text`.
    fn rescue(&mut self, text: &[u8], cells: &mut Cells) {
        if self.on_new_columns == OnNewColumns::Rescue
            && let Some(record) = self.slots.get(self.record)
        {
            let record = &text[record.range.clone()];
            for member in self.unexpected(record) {
                let raw = &record[member.value];
                self.values
                    .add_json(&member.name, |out| text::compact(raw, self.escapes, out));
            }
        }
        match self.values.object() {
            None => cells.push_null(),
            Some(object) => cells.push_text(FieldText::of(object)).expect("the column holds text"),
        }
    }

    /// The first member of the record that was noted in `text` which no column takes, where that ends the file.
    pub(super) fn forbidden_member(&self, text: &[u8]) -> Option<String> {
        if self.on_new_columns != OnNewColumns::Fail {
            return None;
        }
        let record = self
            .slots
            .get(self.record)
            .filter(|record| record.kind == Kind::Object)?;
        let first = self.unexpected(&text[record.range.clone()]).into_iter().next();
        first.map(|member| member.name.into_owned())
    }

    fn unexpected<'t>(&self, record: &'t [u8]) -> Vec<Member<'t, Range<usize>>> {
        self.expected.unexpected(Members::new(record, self.escapes))
    }
}

/// Which of the projected columns is the one for what is rescued.
pub(super) fn rescued_index(options: &JsonOptions) -> Result<Option<usize>, JsonOptionsError> {
    if options.all_columns().len() == options.columns.len() || options.columns.is_empty() {
        return Ok(None);
    }
    let columns = projected_columns(options)?;
    Ok(columns.iter().position(|column| column.name == RESCUED_COLUMN_NAME))
}

/// What the value of a column is called where it is rescued: by the column's name, or by the pointer to it.
pub(super) fn rescued_key(column: &ColumnOptions) -> String {
    column.element_at.as_ref().unwrap_or(&column.name).clone()
}

/// What a value is as text: the content of a string, compact JSON of an object or array, the text of anything else.
#[inline(always)]
fn field_text<'t>(
    text: &'t [u8],
    slot: &Slot,
    column_type: ColumnType,
    escapes: InvalidStringEscapes,
    scratch: &'t mut Vec<u8>,
) -> FieldText<'t> {
    let raw = &text[slot.range.clone()];
    let (start, length) = (slot.range.start, raw.len());
    let is_json = column_type == ColumnType::Json;
    match slot.kind {
        Kind::String if !is_json => {
            if slot.is_plain {
                return FieldText::new(&text[start + 1..], length - 2);
            }
            scratch.clear();
            text::decode(&raw[1..length - 1], escapes, scratch);
        }
        Kind::String | Kind::Array | Kind::Object => {
            if slot.is_compact && !text::has_control(raw) {
                return FieldText::new(&text[start..], length);
            }
            scratch.clear();
            text::compact(raw, escapes, scratch);
        }
        Kind::NonFinite if is_json => {
            scratch.clear();
            text::compact(raw, escapes, scratch);
        }
        _ => return FieldText::new(&text[start..], length),
    }
    FieldText::of(scratch)
}

/// The way from a value to its record or to its array of records.
pub(super) fn root_pointer(options: &JsonOptions) -> Result<Pointer, JsonOptionsError> {
    let text = options.root.as_deref().unwrap_or_default();
    Pointer::parse(text).map_err(|fault| JsonOptionsError::Pointer {
        option: "root".to_owned(),
        pointer: text.to_owned(),
        reason: fault.to_string(),
    })
}

/// The way from a record to the field of each column.
pub(super) fn field_pointers(options: &JsonOptions) -> Result<Vec<Pointer>, JsonOptionsError> {
    let mut pointers = Vec::new();
    let has_record_column = options.columns.is_empty();
    for column in projected_columns(options)? {
        pointers.push(match has_record_column {
            true => Pointer::default(),
            false => field_pointer(&column)?,
        });
    }
    Ok(pointers)
}

/// The way from a record to the field of one column.
pub(super) fn field_pointer(column: &ColumnOptions) -> Result<Pointer, JsonOptionsError> {
    match &column.element_at {
        None => Ok(Pointer {
            tokens: vec![Token::member(&column.name)],
        }),
        Some(text) => Pointer::parse(text).map_err(|fault| JsonOptionsError::Pointer {
            option: format!("element_at of column `{}`", column.name),
            pointer: text.clone(),
            reason: fault.to_string(),
        }),
    }
}
