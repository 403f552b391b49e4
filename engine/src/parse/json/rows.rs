//! Gathers rows and rejects, across records and files, into batches.
//!
//! Both readers of a layout write here, so they cannot differ in where batches are cut. A record is appended column by column;
//! if a field cannot be typed the whole row is taken back and becomes a reject.

use super::cells::Cells;
use super::walk::Kind;
use super::{BATCH_BYTES, JsonOptions, JsonOptionsError, REJECT_BYTES};
use crate::parse::origin::Origins;
use crate::parse::reject::{Reject, RejectCode};
use crate::parse::{ParseError, Parsed};
use crate::position::Position;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use std::collections::VecDeque;
use std::sync::Arc;

/// Characters of a value shown in a message.
const SHOWN_CHARACTERS: usize = 100;

/// Where a record stands in its file; the file and the record's ordinal are known to [`Rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Physical line, from 1.
    pub(super) line: u64,
    /// Offset in the decoded file, from 0.
    pub(super) byte: u64,
}

/// Rows and rejects that were not handed on yet.
pub(super) struct Rows {
    schema: SchemaRef,
    columns: Vec<Cells>,
    num_rows: usize,
    record_numbers: Option<Vec<i64>>,
    origins: Option<Origins>,
    rejects: Vec<Reject>,
    reject_bytes: usize,
    ready: VecDeque<Result<Parsed, ParseError>>,
    batch_rows: usize,
    file: Arc<str>,
    /// Records of the file so far.
    num_records: u64,
}

/// Why a record is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Index of the column at fault and the text of its field; `None`: the record as a whole.
    pub(super) field: Option<(usize, String)>,
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
}

impl Rows {
    /// No rows of the columns of `options`.
    ///
    /// **Errors**: a column of the projection does not exist, or the formats of a timestamp column cannot be used.
    pub(super) fn new(options: &JsonOptions) -> Result<Rows, JsonOptionsError> {
        let batch_rows = options.batch_rows.max(1);
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        for column in projected_columns(options)? {
            fields.push(column.column_type.field(&column.name));
            columns.push(Cells::new(&column, batch_rows)?);
        }
        Ok(Rows {
            schema: Arc::new(Schema::new(fields)),
            columns,
            num_rows: 0,
            record_numbers: options.has_record_numbers.then(Vec::new),
            origins: options.has_origins.then(Origins::default),
            rejects: Vec::new(),
            reject_bytes: 0,
            ready: VecDeque::new(),
            batch_rows,
            file: Arc::from(""),
            num_records: 0,
        })
    }

    /// Starts counting the records of another file.
    pub(super) fn begin_file(&mut self, name: Arc<str>) {
        self.file = name;
        self.num_records = 0;
    }

    /// Appends one record: `append` appends one value to each column.
    ///
    /// If it refuses, the values are taken back. `reject` says where the record stands, and its text.
    pub(super) fn push<'t>(
        &mut self,
        append: impl FnOnce(&mut [Cells]) -> Result<(), Refusal>,
        reject: impl FnOnce() -> (Place, &'t [u8]),
    ) {
        match append(&mut self.columns) {
            Ok(()) => {
                self.num_records += 1;
                self.num_rows += 1;
                if let Some(record_numbers) = &mut self.record_numbers {
                    record_numbers.push(i64::try_from(self.num_records).unwrap_or(i64::MAX));
                }
                if let Some(origins) = &mut self.origins {
                    let (place, record) = reject();
                    let position = Position {
                        file: Arc::clone(&self.file),
                        line: place.line,
                        byte: place.byte,
                        record: self.num_records,
                    };
                    origins.push(&position, None, &shown_record(record));
                }
            }
            Err(refusal) => {
                for column in &mut self.columns {
                    column.truncate(self.num_rows);
                }
                let (place, record) = reject();
                self.reject(place, refusal, record);
            }
        }
        let origin_bytes = self.origins.as_ref().map_or(0, Origins::text_bytes);
        let text_bytes = self.columns.iter().map(Cells::text_bytes).sum::<usize>() + origin_bytes;
        if self.num_rows >= self.batch_rows || text_bytes >= BATCH_BYTES {
            self.cut();
        }
    }

    /// Adds a record that is no row; `record` is its text.
    pub(super) fn reject(&mut self, place: Place, refusal: Refusal, record: &[u8]) {
        self.num_records += 1;
        let record = shown_record(record);
        let (column, value) = refusal.field.unzip();
        self.reject_bytes += record.len() + refusal.reason.len() + value.as_ref().map_or(0, String::len);
        self.rejects.push(Reject {
            position: Position {
                file: Arc::clone(&self.file),
                line: place.line,
                byte: place.byte,
                record: self.num_records,
            },
            column: column.map(|column| self.columns[column].name().to_owned()),
            value,
            code: refusal.code,
            header: None,
            reason: refusal.reason,
            record,
        });
        if self.rejects.len() >= self.batch_rows || self.reject_bytes >= REJECT_BYTES {
            self.cut();
        }
    }

    /// Ends the file with an error, behind the batches that are ready.
    pub(super) fn fail(&mut self, error: ParseError) {
        self.ready.push_back(Err(error));
    }

    /// The next full batch.
    pub(super) fn next_batch(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.ready.pop_front().transpose()
    }

    /// What is held beside full batches.
    pub(super) fn flush(&mut self) -> Result<Option<Parsed>, ParseError> {
        if self.num_rows > 0 || !self.rejects.is_empty() {
            self.cut();
        }
        self.next_batch()
    }

    /// Rows held beside full batches.
    pub(super) fn num_held(&self) -> usize {
        self.num_rows
    }

    fn cut(&mut self) {
        let parsed = self.parsed().map_err(ParseError::Batch);
        self.ready.push_back(parsed);
    }

    fn parsed(&mut self) -> Result<Parsed, arrow::error::ArrowError> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            arrays.push(column.finish()?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.num_rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        self.num_rows = 0;
        self.reject_bytes = 0;
        Ok(Parsed {
            batch,
            record_numbers: self.record_numbers.as_mut().map(std::mem::take),
            origins: self.origins.as_mut().map(Origins::finish).transpose()?,
            rejects: std::mem::take(&mut self.rejects),
        })
    }
}

/// The columns that a batch has, in its order.
pub(super) fn projected_columns(
    options: &JsonOptions,
) -> Result<Vec<crate::parse::columns::ColumnOptions>, JsonOptionsError> {
    let all = options.all_columns();
    let Some(projection) = &options.projection else {
        return Ok(all);
    };
    let mut columns = Vec::with_capacity(projection.len());
    for index in projection {
        let column = all.get(*index).ok_or(JsonOptionsError::Projection {
            index: *index,
            num_columns: all.len(),
        })?;
        columns.push(column.clone());
    }
    Ok(columns)
}

/// The refusal of a record that should be an object.
pub(super) fn not_an_object(kind: Kind) -> Refusal {
    let reason = format!("value is {}, expected an object", kind.name());
    Refusal::of_record(RejectCode::NotAnObject, reason)
}

/// The refusal of a value that should be an array of records.
pub(super) fn not_an_array(kind: Kind) -> Refusal {
    let reason = format!("value is {}, expected an array", kind.name());
    Refusal::of_record(RejectCode::NotAnArray, reason)
}

/// The refusal of a value without records in it.
pub(super) fn no_root(root: &str) -> Refusal {
    Refusal::of_record(RejectCode::RootMissing, format!("no value at root `{root}`"))
}

/// The refusal of a record whose `text` cannot be typed for the column at `index`.
pub(super) fn untypable(index: usize, cells: &Cells, text: &[u8]) -> Refusal {
    let start = &text[..text.len().min(4 * SHOWN_CHARACTERS)];
    let mut shown: String = String::from_utf8_lossy(start).chars().take(SHOWN_CHARACTERS).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    // A few bytes more, so that the cut is made between characters.
    let value = &text[..text.len().min(Reject::MAX_VALUE_BYTES + 4)];
    Refusal {
        field: Some((index, Reject::value_text(&String::from_utf8_lossy(value)))),
        code: RejectCode::BadValue,
        reason: format!("cannot read `{shown}` as {}", cells.column_type().name()),
    }
}

/// The beginning of a record's text, as much of it as a reject keeps.
fn shown_record(record: &[u8]) -> String {
    let mut start = record;
    if record.len() > Reject::MAX_RECORD_BYTES {
        start = &record[..Reject::MAX_RECORD_BYTES];
        // Drops the character that was cut, if one was.
        let length = |lead: u8| if lead >= 0xF0 { 4 } else { 2 + usize::from(lead >= 0xE0) };
        let lead = (1..=3).find(|back| start[start.len() - back] >= 0xC0);
        if let Some(back) = lead
            && length(start[start.len() - back]) > back
        {
            start = &start[..start.len() - back];
        }
    }
    let mut text = String::from_utf8_lossy(start).into_owned();
    text.truncate(text.floor_char_boundary(Reject::MAX_RECORD_BYTES));
    text
}
