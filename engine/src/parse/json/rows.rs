//! Gathers rows and rejects, across records and files, into batches.
//!
//! Both readers of a layout write here, so they cannot differ in where batches are cut. A record is appended column by column;
//! if a field cannot be typed the whole row is taken back and becomes a reject. Rows that a condition drops go when a batch is full of
//! others.

use super::cells::Cells;
use super::walk::Kind;
use super::{BATCH_BYTES, JsonOptions, JsonOptionsError, REJECT_BYTES};
use crate::parse::condition::{Judge, LITTLE_ROOM, RowCondition, keep_values};
use crate::parse::drift::{OnBadValue, RESCUED_COLUMN_NAME};
use crate::parse::origin::{Origins, TimeSource};
use crate::parse::reject::{RecordText, Reject, RejectCode};
use crate::parse::{ParseError, Parsed};
use crate::position::{PlaceInFile, Position};
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
    /// Only rows without a time have an origin: where the time is among `columns`.
    time_source: Option<TimeSource>,
    rejects: Vec<Reject>,
    reject_bytes: usize,
    ready: VecDeque<Result<Parsed, ParseError>>,
    batch_rows: usize,
    judge: Option<Judge>,
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
        let time_source = options.origins.time_source(|index| match &options.projection {
            Some(projection) => projection.iter().position(|projected| *projected == index),
            None => Some(index).filter(|index| *index < columns.len()),
        });
        Ok(Rows {
            schema: Arc::new(Schema::new(fields)),
            columns,
            num_rows: 0,
            record_numbers: options.has_record_numbers.then(Vec::new),
            origins: options.origins.has_column().then(Origins::default),
            time_source,
            rejects: Vec::new(),
            reject_bytes: 0,
            ready: VecDeque::new(),
            batch_rows,
            judge: None,
            file: Arc::from(""),
            num_records: 0,
        })
    }

    /// Leaves out rows for which `condition` is not true. Gives the columns that may wait until it has judged them.
    pub(super) fn set_condition(&mut self, condition: Box<dyn RowCondition>, on_bad_value: OnBadValue) -> Vec<usize> {
        // What is rescued is put together when the other columns are made, which may therefore not add to it.
        let on_bad_value = match on_bad_value {
            OnBadValue::Rescue => OnBadValue::Reject,
            other => other,
        };
        let judge = self.judge.insert(Judge::new(condition));
        // Whether a row says where it comes from is known from its time when it is pushed.
        let time_column = self.time_source.as_ref().map(|source| source.column);
        let columns = self.columns.iter().enumerate();
        let may_wait = columns.filter(|(index, cells)| {
            Some(*index) != time_column
                && cells.name() != RESCUED_COLUMN_NAME
                && judge.may_wait(*index, cells.column_type(), on_bad_value)
        });
        may_wait.map(|(index, _)| index).collect()
    }

    /// Starts counting the records of another file.
    pub(super) fn begin_file(&mut self, name: Arc<str>) {
        self.file = name;
        self.num_records = 0;
    }

    /// Appends one record: `append` appends one value to each column.
    ///
    /// If it refuses, the values are taken back. `reject` says where the record stands, and its text.
    #[inline]
    pub(super) fn push<'t>(
        &mut self,
        append: impl FnOnce(&mut [Cells]) -> Result<(), Refusal>,
        reject: impl FnOnce() -> (Place, &'t [u8]),
    ) {
        self.push_part(append, reject);
        self.cut_if_full();
    }

    /// As [`Rows::push`] of a record of which some columns wait. [`Rows::complete`] must follow before anything else is pushed.
    #[inline]
    pub(super) fn push_part<'t>(
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
                let is_timed = |source: &TimeSource| self.columns[source.column].ends_with_one_of(&source.usable);
                if let Some(origins) = &mut self.origins {
                    if self.time_source.as_ref().is_some_and(is_timed) {
                        origins.pass(1);
                    } else {
                        let (place, record) = reject();
                        let place = PlaceInFile {
                            line: place.line,
                            byte: place.byte,
                            record: self.num_records,
                        };
                        origins.begin_file(&self.file, None);
                        match simdutf8::basic::from_utf8(record) {
                            Ok(text) => origins.push(place, RecordText::cut(text), text.len() as u64),
                            Err(_) => {
                                let RecordText { kept, num_bytes } = RecordText::of_bytes(record);
                                origins.push(place, &kept, num_bytes);
                            }
                        }
                    }
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
    }

    /// Rows that may be pushed before those that wait must be completed.
    pub(super) fn room(&self) -> usize {
        self.batch_rows.saturating_sub(self.num_rows)
    }

    /// Judges the rows of which some columns wait, and lets `append` append these columns of the rows to keep.
    pub(super) fn complete(&mut self, append: impl FnOnce(Option<&[usize]>, &mut [Cells])) {
        match self.judge() {
            Ok(kept) => append(kept.as_deref(), &mut self.columns),
            Err(error) => {
                // The rows go no further; they only have to be complete.
                append(None, &mut self.columns);
                if !self.has_failed() {
                    self.fail(error);
                }
            }
        }
        self.cut_if_full();
    }

    #[inline]
    fn cut_if_full(&mut self) {
        if self.is_full() {
            self.judge_and_cut();
        }
    }

    #[cold]
    fn judge_and_cut(&mut self) {
        if self.has_failed() {
            return;
        }
        match self.judge() {
            Ok(_) if self.is_full() => self.cut(),
            Ok(_) => {}
            Err(error) => self.fail(error),
        }
    }

    /// Whether the batch has as many rows as it may have, or as much text.
    #[inline]
    fn is_full(&self) -> bool {
        let origin_bytes = self.origins.as_ref().map_or(0, Origins::text_bytes);
        let text_bytes = self.columns.iter().map(Cells::text_bytes).sum::<usize>() + origin_bytes;
        // With a condition, the rows for the last of the room would be looked for in ever smaller numbers.
        let spare_rows = self.judge.as_ref().map_or(0, |_| self.batch_rows / LITTLE_ROOM);
        self.num_rows + spare_rows >= self.batch_rows || text_bytes >= BATCH_BYTES || self.has_many_rejects()
    }

    /// Judges the rows that are not judged yet, and takes out those for which the condition is not true. Gives the others, as indices from
    /// the first of them on; `None`: all of them stay.
    ///
    /// **Errors**: the condition cannot be evaluated.
    pub(super) fn judge(&mut self) -> Result<Option<Vec<usize>>, ParseError> {
        let Some(judge) = &mut self.judge else {
            return Ok(None);
        };
        let unjudged = judge.unjudged(self.num_rows);
        if unjudged.is_empty() {
            return Ok(None);
        }
        let columns = &self.columns;
        let kept = judge.judge(self.num_rows, |index| columns[index].tail(unjudged.start))?;
        if let Some(kept) = &kept {
            // Columns that wait for this have none of these rows.
            let is_filled = |column: &&mut Cells| column.num_rows() > unjudged.start;
            for column in self.columns.iter_mut().filter(is_filled) {
                column.keep_rows(unjudged.start, kept);
            }
            if let Some(record_numbers) = &mut self.record_numbers {
                keep_values(record_numbers, unjudged.start, kept);
            }
            if let Some(origins) = &mut self.origins {
                origins.keep_rows(unjudged.start, kept);
            }
            self.num_rows = unjudged.start + kept.len();
        }
        Ok(kept)
    }

    /// Adds a record that is no row; `record` is its text.
    pub(super) fn reject(&mut self, place: Place, refusal: Refusal, record: &[u8]) {
        self.reject_kept(place, refusal, RecordText::of_bytes(record));
    }

    /// The same of a record of which not all is in memory any more.
    pub(super) fn reject_kept(&mut self, place: Place, refusal: Refusal, record: RecordText) {
        self.num_records += 1;
        let (column, value) = refusal.field.unzip();
        self.reject_bytes += record.kept.len() + refusal.reason.len() + value.as_ref().map_or(0, String::len);
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
        if self.has_many_rejects() && !self.is_incomplete() {
            self.cut();
        }
    }

    fn has_failed(&self) -> bool {
        matches!(self.ready.back(), Some(Err(_)))
    }

    fn has_many_rejects(&self) -> bool {
        self.rejects.len() >= self.batch_rows || self.reject_bytes >= REJECT_BYTES
    }

    /// Whether columns wait for rows to be judged.
    fn is_incomplete(&self) -> bool {
        self.columns.iter().any(|column| column.num_rows() < self.num_rows)
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
        if self.num_held() > 0 || !self.rejects.is_empty() {
            self.cut();
        }
        self.next_batch()
    }

    /// Rows held beside full batches, those that the condition drops included.
    pub(super) fn num_held(&self) -> usize {
        self.num_rows + self.judge.as_ref().map_or(0, Judge::num_dropped)
    }

    fn cut(&mut self) {
        let parsed = match self.judge() {
            Ok(_) => self.parsed().map_err(ParseError::Batch),
            Err(error) => Err(error),
        };
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
            num_dropped_rows: self.judge.as_mut().map_or(0, Judge::begin_batch),
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
