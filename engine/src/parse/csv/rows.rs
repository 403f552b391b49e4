//! Gathers records, row by row or many at once, into a batch and its rejects.

use super::automaton::RecordFields;
use super::header::{FileColumns, NO_FIELD, nameless};
use super::{CsvOptions, CsvOptionsError};
use crate::parse::columns::writer::{ColumnWriter, FieldText};
use crate::parse::drift::{OnBadValue, OnNewColumns, RescuedValues};
use crate::parse::origin::Origins;
use crate::parse::reject::{Reject, RejectCode};
use crate::parse::{ParseError, Parsed};
use crate::position::Position;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use std::sync::Arc;

/// Text at which a batch is full, however few its rows: several batches are on their way to the table at a time, and they should not
/// take more memory because the values are long.
const MAX_BATCH_TEXT_BYTES: usize = 8 * 1024 * 1024;

/// Rejects, in bytes of their text and in number, at which a batch is handed on, so that a file of nothing but rejects does not
/// fill the memory.
const MAX_REJECT_BYTES: usize = 16 * 1024 * 1024;
const MAX_REJECTS: usize = 65_536;

/// Rows and rejects of the batch under construction.
pub(super) struct Rows {
    schema: SchemaRef,
    /// The columns of the batch.
    columns: Vec<Column>,
    /// Indices into `columns`, in the order of their fields: the first field that does not fit is the one to report.
    fill_order: Vec<usize>,
    /// Where the batch has a column for what is rescued.
    rescue: Option<Rescue>,
    on_bad_value: OnBadValue,
    on_new_columns: OnNewColumns,
    /// Fields that a record of the current file should have.
    num_fields: usize,
    /// The header of the current file, where columns are found by it.
    header: Option<Arc<str>>,
    allow_optional_columns: bool,
    allow_extra_columns: bool,
    null_string: Option<String>,
    batch_rows: usize,
    num_rows: usize,
    record_numbers: Option<Vec<i64>>,
    origins: Option<Origins>,
    rejects: Vec<Reject>,
    reject_bytes: usize,
}

struct Column {
    name: String,
    /// Index in the options.
    index: usize,
    /// Index of its field in a record of the current file.
    field_index: usize,
    writer: ColumnWriter,
}

/// What has no place in the columns, on its way into a column of its own.
struct Rescue {
    /// Index in `columns` of the column for it.
    column: usize,
    /// Fields of the current file that no column takes.
    new_fields: Vec<(usize, String)>,
    /// What is rescued of one record: the index of each field, its name, its text.
    found: Vec<(usize, String, String)>,
    values: RescuedValues,
}

impl Rescue {
    /// Appends what was found of a record, in the order of its fields.
    fn append(&mut self, writer: &mut ColumnWriter) {
        self.found.sort_by_key(|(field_index, _, _)| *field_index);
        self.values.clear();
        for (_, name, text) in self.found.drain(..) {
            self.values.add_text(&name, &text);
        }
        let object = self.values.object().map(|object| FieldText::new(object, object.len()));
        let has_fitted = writer.append(object);
        debug_assert!(has_fitted, "an object of texts is JSON");
    }
}

/// Fields of many records that are known to be rows: right in number, and cut well.
pub(super) trait Run {
    /// Number of rows.
    fn num_rows(&self) -> usize;

    /// Appends the fields at `field_index` to `writer`; tells `refuse` the row of each that does not fit.
    fn append_column(&mut self, field_index: usize, writer: &mut ColumnWriter, refuse: &mut dyn FnMut(usize));

    /// The value of one field; `None` if it is null.
    fn value(&mut self, row_index: usize, field_index: usize) -> Option<String>;

    /// Fields of one row.
    fn num_fields(&self, row_index: usize) -> usize;

    /// Ordinal of the row's record in its file.
    fn record_number(&self, row_index: usize) -> u64;

    /// Where the row's record begins, and its text. Asked for in the order of the rows.
    fn origin(&mut self, row_index: usize) -> (Position, &str);
}

/// What is wrong with a record.
pub(super) struct Refusal {
    /// The column at fault and the text of its field; `None`: the record as a whole.
    pub(super) field: Option<(String, String)>,
    pub(super) code: RejectCode,
    pub(super) reason: String,
}

impl Refusal {
    /// A record that is no row, whatever its fields are.
    pub(super) fn of_record(code: RejectCode, reason: String) -> Refusal {
        Refusal {
            field: None,
            code,
            reason,
        }
    }

    /// A field that does not fit its column.
    fn of_field(column: &Column, value: &str) -> Refusal {
        Refusal {
            field: Some((column.name.clone(), Reject::value_text(value))),
            code: RejectCode::BadValue,
            reason: column.writer.refusal(value),
        }
    }
}

/// A row of a run that a field rejects.
pub(super) struct Refused {
    pub(super) row_index: usize,
    pub(super) refusal: Refusal,
}

impl Rows {
    pub(super) fn new(options: &CsvOptions) -> Result<Rows, CsvOptionsError> {
        if options.batch_rows == 0 {
            return Err(CsvOptionsError::NoBatchRows);
        }
        let all: Vec<usize>;
        let all_columns = options.all_columns();
        let projection = match &options.projection {
            Some(projection) => projection,
            None => {
                all = (0..all_columns.len()).collect();
                &all
            }
        };
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        for index in projection {
            let column_options = all_columns.get(*index).ok_or(CsvOptionsError::Projection {
                index: *index,
                num_columns: all_columns.len(),
            })?;
            let writer = ColumnWriter::new(column_options).map_err(|source| CsvOptionsError::Timestamp {
                column: column_options.name.clone(),
                source,
            })?;
            fields.push(column_options.column_type.field(&column_options.name));
            columns.push(Column {
                name: column_options.name.clone(),
                index: *index,
                field_index: *index,
                writer,
            });
        }
        let rescued = columns.iter().position(|column| column.index == options.columns.len());
        let mut rows = Rows {
            schema: Arc::new(Schema::new(fields)),
            columns,
            fill_order: Vec::new(),
            rescue: rescued.map(|column| Rescue {
                column,
                new_fields: Vec::new(),
                found: Vec::new(),
                values: RescuedValues::default(),
            }),
            on_bad_value: options.on_bad_value,
            on_new_columns: options.on_new_columns,
            num_fields: options.columns.len(),
            header: None,
            allow_optional_columns: options.allow_optional_columns,
            allow_extra_columns: options.allow_extra_columns,
            null_string: options.null_string.clone(),
            batch_rows: options.batch_rows,
            num_rows: 0,
            record_numbers: options.has_record_numbers.then(Vec::new),
            origins: options.has_origins.then(Origins::default),
            rejects: Vec::new(),
            reject_bytes: 0,
        };
        rows.order_columns();
        Ok(rows)
    }

    /// Takes the columns of the file that begins from what its header said; `header` is its text.
    pub(super) fn begin_columns(&mut self, columns: FileColumns, header: &str) {
        for column in &mut self.columns {
            column.field_index = columns.fields.get(column.index).copied().unwrap_or(NO_FIELD);
        }
        self.num_fields = columns.num_fields;
        self.header = Some(Arc::from(header));
        if let Some(rescue) = &mut self.rescue
            && self.on_new_columns == OnNewColumns::Rescue
        {
            rescue.new_fields = columns.new;
        }
        self.order_columns();
    }

    fn order_columns(&mut self) {
        let columns = &self.columns;
        let rescued = self.rescue.as_ref().map(|rescue| rescue.column);
        self.fill_order = (0..columns.len()).filter(|index| Some(*index) != rescued).collect();
        self.fill_order.sort_by_key(|index| columns[*index].field_index);
    }

    /// Fields that a record of the current file should have.
    pub(super) fn num_fields(&self) -> usize {
        self.num_fields
    }

    /// Rows that the batch still has room for; 0 says that it must be handed on.
    pub(super) fn room(&self) -> usize {
        let text_bytes: usize = self.columns.iter().map(|column| column.writer.text_bytes()).sum();
        let has_enough_text = text_bytes >= MAX_BATCH_TEXT_BYTES;
        let has_enough_text = has_enough_text
            || self
                .origins
                .as_ref()
                .is_some_and(|origins| origins.text_bytes() >= MAX_BATCH_TEXT_BYTES);
        if has_enough_text || self.reject_bytes >= MAX_REJECT_BYTES || self.rejects.len() >= MAX_REJECTS {
            return 0;
        }
        self.batch_rows - self.num_rows
    }

    /// Rows of the batch under construction.
    pub(super) fn num_held(&self) -> usize {
        self.num_rows
    }

    /// Says what is wrong with a record of so many fields, if anything is.
    pub(super) fn count_refusal(&self, num_fields: usize) -> Option<Refusal> {
        let expected = self.num_fields;
        let (code, words) = if num_fields < expected && !self.allow_optional_columns {
            (RejectCode::TooFewColumns, "too few")
        } else if num_fields > expected && !self.allow_extra_columns {
            (RejectCode::TooManyColumns, "too many")
        } else {
            return None;
        };
        let reason = format!("{words} columns: expected {expected}, found {num_fields}");
        Some(Refusal::of_record(code, reason))
    }

    /// Appends a record as a row, or as a reject if it cannot be one.
    pub(super) fn append_record(&mut self, fields: &RecordFields, raw: &str, position: Position) {
        if let Some(refusal) = self.count_refusal(fields.len()) {
            self.reject(position, refusal, raw);
            return;
        }
        for index in &self.fill_order {
            let column = &mut self.columns[*index];
            let field = fields.get(column.field_index);
            let text = value(field, self.null_string.as_deref());
            if column.writer.append(text.map(FieldText::from)) {
                continue;
            }
            let text = text.unwrap_or_default();
            if self.on_bad_value == OnBadValue::Reject {
                let refusal = Refusal::of_field(column, text);
                for column in &mut self.columns {
                    column.writer.truncate(self.num_rows);
                }
                if let Some(rescue) = &mut self.rescue {
                    rescue.found.clear();
                }
                self.reject(position, refusal, raw);
                return;
            }
            column.writer.append(None);
            if let Some(rescue) = &mut self.rescue
                && self.on_bad_value == OnBadValue::Rescue
            {
                let found = (column.field_index, column.name.clone(), text.to_owned());
                rescue.found.push(found);
            }
        }
        if let Some(rescue) = &mut self.rescue {
            for (field_index, name) in &rescue.new_fields {
                if let Some(text) = value(fields.get(*field_index), self.null_string.as_deref()) {
                    rescue.found.push((*field_index, name.clone(), text.to_owned()));
                }
            }
            if self.on_new_columns == OnNewColumns::Rescue {
                for field_index in self.num_fields..fields.len() {
                    if let Some(text) = value(fields.get(field_index), self.null_string.as_deref()) {
                        rescue.found.push((field_index, nameless(field_index), text.to_owned()));
                    }
                }
            }
            rescue.append(&mut self.columns[rescue.column].writer);
        }
        self.num_rows += 1;
        if let Some(origins) = &mut self.origins {
            origins.push(&position, self.header.as_ref(), raw);
        }
        if let Some(record_numbers) = &mut self.record_numbers {
            record_numbers.push(position.record as i64);
        }
    }

    /// Appends the rows of a run, at most as many as there is room for, but those with a field that does not fit: these are
    /// given back, in their order.
    pub(super) fn append_run(&mut self, run: &mut dyn Run) -> Vec<Refused> {
        let mut refused: Vec<Refused> = Vec::new();
        // Values that do not fit and are kept: the row, the index of the field, its name and its text.
        let mut bad_values: Vec<(usize, (usize, String, String))> = Vec::new();
        for index in &self.fill_order {
            let column = &mut self.columns[*index];
            let mut refused_here = Vec::new();
            run.append_column(column.field_index, &mut column.writer, &mut |row_index| {
                refused_here.push(row_index)
            });
            if self.on_bad_value == OnBadValue::Null {
                continue;
            }
            for row_index in refused_here {
                let value = run.value(row_index, column.field_index).unwrap_or_default();
                if self.on_bad_value == OnBadValue::Rescue {
                    bad_values.push((row_index, (column.field_index, column.name.clone(), value)));
                    continue;
                }
                refused.push(Refused {
                    row_index,
                    refusal: Refusal::of_field(column, &value),
                });
            }
        }
        if let Some(rescue) = &mut self.rescue {
            bad_values.sort_by_key(|(row_index, _)| *row_index);
            let mut bad_values = bad_values.into_iter().peekable();
            let has_surplus = self.on_new_columns == OnNewColumns::Rescue;
            for row_index in 0..run.num_rows() {
                while let Some((_, found)) = bad_values.next_if(|(bad_row, _)| *bad_row == row_index) {
                    rescue.found.push(found);
                }
                for (field_index, name) in &rescue.new_fields {
                    if let Some(text) = run.value(row_index, *field_index) {
                        rescue.found.push((*field_index, name.clone(), text));
                    }
                }
                if has_surplus {
                    for field_index in self.num_fields..run.num_fields(row_index) {
                        if let Some(text) = run.value(row_index, field_index) {
                            rescue.found.push((field_index, nameless(field_index), text));
                        }
                    }
                }
                rescue.append(&mut self.columns[rescue.column].writer);
            }
        }
        // Stable: of several fields of one row the first stays the first.
        refused.sort_by_key(|refused| refused.row_index);
        refused.dedup_by_key(|refused| refused.row_index);

        let mut is_refused = refused.iter().map(|refused| refused.row_index).peekable();
        if let Some(record_numbers) = &mut self.record_numbers {
            for row_index in 0..run.num_rows() {
                if is_refused.next_if_eq(&row_index).is_none() {
                    record_numbers.push(run.record_number(row_index) as i64);
                }
            }
        }
        if let Some(origins) = &mut self.origins {
            let mut is_refused = refused.iter().map(|refused| refused.row_index).peekable();
            for row_index in 0..run.num_rows() {
                if is_refused.next_if_eq(&row_index).is_none() {
                    let (position, text) = run.origin(row_index);
                    origins.push(&position, self.header.as_ref(), text);
                }
            }
        }
        if !refused.is_empty() {
            let removed: Vec<usize> = refused
                .iter()
                .map(|refused| self.num_rows + refused.row_index)
                .collect();
            for column in &mut self.columns {
                column.writer.remove_rows(&removed);
            }
        }
        self.num_rows += run.num_rows() - refused.len();
        refused
    }

    pub(super) fn reject(&mut self, position: Position, refusal: Refusal, raw: &str) {
        let record = Reject::record_text(raw);
        let (column, value) = refusal.field.unzip();
        self.reject_bytes += record.len() + value.as_ref().map_or(0, String::len);
        self.rejects.push(Reject {
            position,
            column,
            value,
            code: refusal.code,
            reason: refusal.reason,
            header: self.header.clone(),
            record,
        });
    }

    /// The batch, if it has rows or rejects; the next one begins.
    pub(super) fn take(&mut self) -> Result<Option<Parsed>, ParseError> {
        if self.num_rows == 0 && self.rejects.is_empty() {
            return Ok(None);
        }
        let arrays = self.columns.iter_mut().map(|column| column.writer.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.num_rows));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(ParseError::Batch)?;
        self.num_rows = 0;
        self.reject_bytes = 0;
        Ok(Some(Parsed {
            batch,
            record_numbers: self.record_numbers.as_mut().map(std::mem::take),
            origins: self
                .origins
                .as_mut()
                .map(Origins::finish)
                .transpose()
                .map_err(ParseError::Batch)?,
            rejects: std::mem::take(&mut self.rejects),
        }))
    }
}

/// The text of a field; `None` if it is null.
fn value<'a>(field: Option<(&'a str, bool)>, null_string: Option<&str>) -> Option<&'a str> {
    let (text, is_quoted) = field?;
    let is_null = match null_string {
        None => !is_quoted && text.is_empty(),
        Some(null_string) => text == null_string,
    };
    (!is_null).then_some(text)
}
