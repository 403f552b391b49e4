//! Gathers records, row by row or many at once, into a batch and its rejects.

use super::automaton::RecordFields;
use super::{CsvOptions, CsvOptionsError};
use crate::parse::columns::writer::{ColumnWriter, FieldText};
use crate::parse::reject::Reject;
use crate::parse::{ParseError, Parsed};
use crate::position::Position;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use std::sync::Arc;

/// Text of one column at which a batch is full, however few its rows: together with the longest record, as JSON escapes may
/// blow it up, it must stay below the 2 GiB that the offsets of a string array can count.
const MAX_BATCH_TEXT_BYTES: usize = 256 * 1024 * 1024;

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
    /// Fields that a record should have.
    num_fields: usize,
    allow_optional_columns: bool,
    allow_extra_columns: bool,
    null_string: Option<String>,
    batch_rows: usize,
    num_rows: usize,
    record_numbers: Option<Vec<i64>>,
    rejects: Vec<Reject>,
    reject_bytes: usize,
}

struct Column {
    name: String,
    /// Index of its field in a record.
    field_index: usize,
    writer: ColumnWriter,
}

/// Fields of many records that are known to be rows: right in number, and cut well.
pub(super) trait Run {
    /// Number of rows.
    fn num_rows(&self) -> usize;

    /// Appends the fields at `field_index` to `writer`; tells `refuse` the row of each that does not fit.
    fn append_column(&mut self, field_index: usize, writer: &mut ColumnWriter, refuse: &mut dyn FnMut(usize));

    /// The value of one field, for a message.
    fn value(&mut self, row_index: usize, field_index: usize) -> String;

    /// Ordinal of the row's record in its file.
    fn record_number(&self, row_index: usize) -> u64;
}

/// A row of a run that a field rejects.
pub(super) struct Refused {
    pub(super) row_index: usize,
    pub(super) column: String,
    pub(super) reason: String,
}

impl Rows {
    pub(super) fn new(options: &CsvOptions) -> Result<Rows, CsvOptionsError> {
        if options.batch_rows == 0 {
            return Err(CsvOptionsError::NoBatchRows);
        }
        let all: Vec<usize>;
        let projection = match &options.projection {
            Some(projection) => projection,
            None => {
                all = (0..options.columns.len()).collect();
                &all
            }
        };
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        for index in projection {
            let column_options = options.columns.get(*index).ok_or(CsvOptionsError::Projection {
                index: *index,
                num_columns: options.columns.len(),
            })?;
            let writer = ColumnWriter::new(column_options).map_err(|source| CsvOptionsError::Timestamp {
                column: column_options.name.clone(),
                source,
            })?;
            fields.push(column_options.column_type.field(&column_options.name));
            columns.push(Column {
                name: column_options.name.clone(),
                field_index: *index,
                writer,
            });
        }
        let mut fill_order: Vec<usize> = (0..columns.len()).collect();
        fill_order.sort_by_key(|index| columns[*index].field_index);
        Ok(Rows {
            schema: Arc::new(Schema::new(fields)),
            columns,
            fill_order,
            num_fields: options.columns.len(),
            allow_optional_columns: options.allow_optional_columns,
            allow_extra_columns: options.allow_extra_columns,
            null_string: options.null_string.clone(),
            batch_rows: options.batch_rows,
            num_rows: 0,
            record_numbers: options.has_record_numbers.then(Vec::new),
            rejects: Vec::new(),
            reject_bytes: 0,
        })
    }

    /// Rows that the batch still has room for; 0 says that it must be handed on.
    pub(super) fn room(&self) -> usize {
        let has_enough_text = self
            .columns
            .iter()
            .any(|column| column.writer.text_bytes() >= MAX_BATCH_TEXT_BYTES);
        if has_enough_text || self.reject_bytes >= MAX_REJECT_BYTES || self.rejects.len() >= MAX_REJECTS {
            return 0;
        }
        self.batch_rows - self.num_rows
    }

    /// Says what is wrong with a record of so many fields, if anything is.
    pub(super) fn count_reason(&self, num_fields: usize) -> Option<String> {
        let expected = self.num_fields;
        if num_fields < expected && !self.allow_optional_columns {
            Some(format!("too few columns: expected {expected}, found {num_fields}"))
        } else if num_fields > expected && !self.allow_extra_columns {
            Some(format!("too many columns: expected {expected}, found {num_fields}"))
        } else {
            None
        }
    }

    /// Appends a record as a row, or as a reject if it cannot be one.
    pub(super) fn append_record(&mut self, fields: &RecordFields, raw: &str, position: Position) {
        if let Some(reason) = self.count_reason(fields.len()) {
            self.reject(position, None, reason, raw);
            return;
        }
        for index in &self.fill_order {
            let column = &mut self.columns[*index];
            let field = fields.get(column.field_index);
            let text = field.filter(|(text, is_quoted)| match &self.null_string {
                None => *is_quoted || !text.is_empty(),
                Some(null_string) => text != null_string,
            });
            if !column.writer.append(text.map(|(text, _)| FieldText::from(text))) {
                let reason = column.writer.refusal(text.map_or("", |(text, _)| text));
                let name = column.name.clone();
                for column in &mut self.columns {
                    column.writer.truncate(self.num_rows);
                }
                self.reject(position, Some(name), reason, raw);
                return;
            }
        }
        self.num_rows += 1;
        if let Some(record_numbers) = &mut self.record_numbers {
            record_numbers.push(position.record as i64);
        }
    }

    /// Appends the rows of a run, at most as many as there is room for, but those with a field that does not fit: these are
    /// given back, in their order.
    pub(super) fn append_run(&mut self, run: &mut dyn Run) -> Vec<Refused> {
        let mut refused: Vec<Refused> = Vec::new();
        for index in &self.fill_order {
            let column = &mut self.columns[*index];
            let mut refused_here = Vec::new();
            run.append_column(column.field_index, &mut column.writer, &mut |row_index| {
                refused_here.push(row_index)
            });
            for row_index in refused_here {
                let value = run.value(row_index, column.field_index);
                refused.push(Refused {
                    row_index,
                    column: column.name.clone(),
                    reason: column.writer.refusal(&value),
                });
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

    pub(super) fn reject(&mut self, position: Position, column: Option<String>, reason: String, raw: &str) {
        let record = Reject::record_text(raw);
        self.reject_bytes += record.len();
        self.rejects.push(Reject {
            position,
            column,
            reason,
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
            rejects: std::mem::take(&mut self.rejects),
        }))
    }
}
