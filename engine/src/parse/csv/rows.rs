//! Gathers records, row by row or many at once, into a batch and its rejects.
//!
//! A row that was appended by itself is judged by the condition, where there is one, with those beside it before the batch is handed on.

use super::automaton::RecordFields;
use super::header::{FileColumns, NO_FIELD, nameless};
use super::rescue::Rescue;
use super::{CsvOptions, CsvOptionsError};
use crate::parse::columns::ColumnType;
use crate::parse::columns::writer::{ColumnWriter, FieldText};
use crate::parse::condition::{Judge, LITTLE_ROOM, RowCondition};
use crate::parse::drift::{OnBadValue, OnNewColumns};
use crate::parse::origin::{Origins, TimeSource};
use crate::parse::reject::{RecordText, Reject, RejectCode};
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
    pub(super) columns: Vec<Column>,
    /// Indices into `columns`, in the order of their fields: the first field that does not fit is the one to report.
    pub(super) early_order: Arc<[usize]>,
    /// Indices of the columns that wait until the rows of a run are judged.
    pub(super) late_order: Arc<[usize]>,
    pub(super) judge: Option<Judge>,
    /// Where the batch has a column for what is rescued.
    pub(super) rescue: Option<Rescue>,
    pub(super) on_bad_value: OnBadValue,
    pub(super) on_new_columns: OnNewColumns,
    /// Fields that a record of the current file should have.
    pub(super) num_fields: usize,
    /// The header of the current file, where columns are found by it.
    pub(super) header: Option<Arc<str>>,
    allow_optional_columns: bool,
    allow_extra_columns: bool,
    null_string: Option<String>,
    batch_rows: usize,
    pub(super) num_rows: usize,
    pub(super) record_numbers: Option<Vec<i64>>,
    pub(super) origins: Option<Origins>,
    /// Only rows without a time have an origin: where the time is among `columns`.
    pub(super) time_source: Option<TimeSource>,
    rejects: Vec<Reject>,
    reject_bytes: usize,
}

pub(super) struct Column {
    pub(super) name: String,
    column_type: ColumnType,
    /// Index in the options.
    index: usize,
    /// Index of its field in a record of the current file.
    pub(super) field_index: usize,
    pub(super) writer: ColumnWriter,
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
    pub(super) fn of_field(column: &Column, value: &str) -> Refusal {
        Refusal {
            field: Some((column.name.clone(), Reject::value_text(value))),
            code: RejectCode::BadValue,
            reason: column.writer.refusal(value),
        }
    }
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
                column_type: column_options.column_type,
                index: *index,
                field_index: *index,
                writer,
            });
        }
        let time_source =
            (options.origins).time_source(|index| columns.iter().position(|column| column.index == index));
        let rescued = columns.iter().position(|column| column.index == options.columns.len());
        let mut rows = Rows {
            schema: Arc::new(Schema::new(fields)),
            columns,
            early_order: Arc::default(),
            late_order: Arc::default(),
            judge: None,
            rescue: rescued.map(Rescue::new),
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
            origins: options.origins.has_column().then(Origins::default),
            time_source,
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

    /// Leaves out rows for which `condition` is not true.
    pub(super) fn set_condition(&mut self, condition: Box<dyn RowCondition>) {
        self.judge = Some(Judge::new(condition));
        self.order_columns();
    }

    fn order_columns(&mut self) {
        let columns = &self.columns;
        let rescued = self.rescue.as_ref().map(|rescue| rescue.column);
        let mut order: Vec<usize> = (0..columns.len()).filter(|index| Some(*index) != rescued).collect();
        order.sort_by_key(|index| columns[*index].field_index);
        let (late, early) = order.into_iter().partition::<Vec<_>, _>(|index| self.may_wait(*index));
        self.early_order = early.into();
        self.late_order = late.into();
    }

    /// Whether a column may be left until the rows of a run are judged.
    fn may_wait(&self, column: usize) -> bool {
        let Some(judge) = &self.judge else { return false };
        // What is rescued is known when all other columns are made.
        let is_rescue_judged = self.rescue.as_ref().is_some_and(|rescue| judge.looks_at(rescue.column));
        !is_rescue_judged && judge.may_wait(column, self.columns[column].column_type, self.on_bad_value)
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
        let room = self.batch_rows - self.num_rows;
        // The rows for the last of the room are looked for ever more often, in ever smaller runs.
        let is_little = self.judge.is_some() && room <= self.batch_rows / LITTLE_ROOM;
        if is_little { 0 } else { room }
    }

    /// Whether the batch must be handed on.
    ///
    /// **Errors**: the condition cannot be evaluated.
    pub(super) fn is_full(&mut self) -> Result<bool, ParseError> {
        if self.room() > 0 {
            return Ok(false);
        }
        self.judge()?;
        Ok(self.room() == 0)
    }

    /// Rows that are not handed on, those that the condition drops included.
    pub(super) fn num_held(&self) -> usize {
        self.num_rows + self.judge.as_ref().map_or(0, Judge::num_dropped)
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
        for index in self.early_order.iter().chain(self.late_order.iter()) {
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
            let is_wanted = match &self.time_source {
                Some(TimeSource { column, usable }) => {
                    let writer = &self.columns[*column].writer;
                    !writer.unusable_rows(self.num_rows - 1, usable).is_empty()
                }
                None => true,
            };
            if is_wanted {
                origins.begin_file(&position.file, self.header.as_ref());
                origins.push(position.place(), RecordText::cut(raw), raw.len() as u64);
            } else {
                origins.pass(1);
            }
        }
        if let Some(record_numbers) = &mut self.record_numbers {
            record_numbers.push(position.record as i64);
        }
    }

    pub(super) fn reject(&mut self, position: Position, refusal: Refusal, raw: &str) {
        let record = RecordText::new(raw);
        let (column, value) = refusal.field.unzip();
        self.reject_bytes += record.kept.len() + value.as_ref().map_or(0, String::len);
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

    /// The batch, if it has rows or rejects, or if rows were dropped; the next one begins.
    pub(super) fn take(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.judge()?;
        if self.num_held() == 0 && self.rejects.is_empty() {
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
            num_dropped_rows: self.judge.as_mut().map_or(0, Judge::begin_batch),
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
