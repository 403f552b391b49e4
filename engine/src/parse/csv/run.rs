//! Appends many records at once to a batch, column by column, those first that decide which of them become rows.

use super::header::nameless;
use super::rows::{Refusal, Rows};
use crate::parse::ParseError;
use crate::parse::columns::writer::ColumnWriter;
use crate::parse::condition::keep_values;
use crate::parse::drift::{OnBadValue, OnNewColumns};
use crate::parse::origin::{Origins, TimeSource};
use crate::parse::reject::RecordText;
use crate::position::PlaceInFile;
use std::ops::Range;
use std::sync::Arc;

/// Text whose records are wanted is held as a whole if one in so many of them is a row; of fewer, copies are held.
const MAX_FOUND_PER_SHARED_ROW: usize = 2;

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

    /// Leaves the rows that `kept` lists, ascending; they are counted anew. Called once at most.
    fn keep(&mut self, kept: &[usize]);

    /// Where the row's record begins, and where its text is in [`Run::text`]. Asked for in the order of the rows.
    fn origin(&mut self, row_index: usize) -> (PlaceInFile, Range<usize>);

    /// The text that holds the records.
    fn text(&self) -> &Arc<String>;

    /// The file's name.
    fn file(&self) -> &Arc<str>;
}

/// A row of a run that a field rejects.
pub(super) struct Refused {
    pub(super) row_index: usize,
    pub(super) refusal: Refusal,
}

/// A value that does not fit its column and is kept elsewhere.
struct BadValue {
    row_index: usize,
    /// As [`super::rescue::Rescue`] has it.
    found: (usize, String, String),
}

impl Rows {
    /// Appends the rows of a run, at most as many as there is room for, but those with a field that does not fit: these are
    /// given back, in their order. Where columns wait for the condition, rows for which it is not true are left out too.
    ///
    /// **Errors**: the condition cannot be evaluated.
    pub(super) fn append_run(&mut self, run: &mut dyn Run) -> Result<Vec<Refused>, ParseError> {
        let has_late = !self.late_order.is_empty();
        if has_late {
            // What the condition says of the rows before may not be mixed up with what it says of these.
            self.judge()?;
        }
        let first_row = self.num_rows;
        let num_found = run.num_rows();
        let mut bad_values = Vec::new();
        let early_order = Arc::clone(&self.early_order);
        let mut refused = self.append_columns(run, &early_order, &mut bad_values);
        // Stable: of several fields of one row the first stays the first.
        refused.sort_by_key(|refused| refused.row_index);
        refused.dedup_by_key(|refused| refused.row_index);
        let mut kept = None;
        if !refused.is_empty() {
            let mut is_refused = refused.iter().map(|refused| refused.row_index).peekable();
            let others = (0..run.num_rows()).filter(|row_index| is_refused.next_if_eq(row_index).is_none());
            kept = Some(others.collect::<Vec<usize>>());
        }
        if let Some(kept) = &kept {
            self.keep_rows(first_row, kept);
        }
        self.num_rows = first_row + kept.as_ref().map_or(run.num_rows(), Vec::len);
        if has_late && let Some(judged) = self.judge()? {
            kept = Some(match kept {
                None => judged,
                Some(kept) => judged.into_iter().map(|row_index| kept[row_index]).collect(),
            });
        }
        if let Some(kept) = kept {
            bad_values.retain_mut(|bad_value| match kept.binary_search(&bad_value.row_index) {
                Ok(row_index) => {
                    bad_value.row_index = row_index;
                    true
                }
                Err(_) => false,
            });
            run.keep(&kept);
        }
        if has_late {
            let late_order = Arc::clone(&self.late_order);
            let refused_late = self.append_columns(run, &late_order, &mut bad_values);
            debug_assert!(refused_late.is_empty(), "columns that reject records do not wait");
        }
        self.rescue_run(run, bad_values);
        if let Some(record_numbers) = &mut self.record_numbers {
            record_numbers.extend((0..run.num_rows()).map(|row_index| run.record_number(row_index) as i64));
        }
        self.append_origins(run, first_row, num_found);
        Ok(refused)
    }

    /// Says where the rows of a run come from, which are those from `first_row` on; `num_found` were found, of which some may be left out.
    fn append_origins(&mut self, run: &mut dyn Run, first_row: usize, num_found: usize) {
        let Some(origins) = &mut self.origins else { return };
        let header = self.header.as_ref();
        let num_rows = run.num_rows();
        let copy = |origins: &mut Origins, run: &mut dyn Run, row_index: usize| {
            let (place, record) = run.origin(row_index);
            let record = &run.text()[record];
            origins.begin_file(run.file(), header);
            origins.push(place, RecordText::cut(record), record.len() as u64);
        };
        if let Some(TimeSource { column, usable }) = &self.time_source {
            let mut next = 0;
            for row in self.columns[*column].writer.unusable_rows(first_row, usable) {
                let row_index = row - first_row;
                origins.pass(row_index - next);
                copy(origins, run, row_index);
                next = row_index + 1;
            }
            origins.pass(num_rows - next);
        } else if num_rows * MAX_FOUND_PER_SHARED_ROW < num_found || run.text().len() > RecordText::MAX_BYTES {
            (0..num_rows).for_each(|row_index| copy(origins, run, row_index));
        } else {
            origins.begin_file(run.file(), header);
            let text = origins.share(run.text());
            for row_index in 0..num_rows {
                let (place, record) = run.origin(row_index);
                origins.push_shared(place, text, record);
            }
        }
    }

    /// Appends the fields of the columns in `order`. Those that do not fit are given back, or noted as bad values.
    fn append_columns(&mut self, run: &mut dyn Run, order: &[usize], bad_values: &mut Vec<BadValue>) -> Vec<Refused> {
        let mut refused: Vec<Refused> = Vec::new();
        for index in order {
            let column = &mut self.columns[*index];
            let mut refused_here = Vec::new();
            run.append_column(column.field_index, &mut column.writer, &mut |row_index| {
                refused_here.push(row_index)
            });
            if self.on_bad_value == OnBadValue::Null {
                continue;
            }
            for row_index in refused_here {
                let text = run.value(row_index, column.field_index).unwrap_or_default();
                match self.on_bad_value {
                    OnBadValue::Rescue => bad_values.push(BadValue {
                        row_index,
                        found: (column.field_index, column.name.clone(), text),
                    }),
                    _ => refused.push(Refused {
                        row_index,
                        refusal: Refusal::of_field(column, &text),
                    }),
                }
            }
        }
        refused
    }

    /// Appends what has no place in the columns, for each row of a run.
    fn rescue_run(&mut self, run: &mut dyn Run, mut bad_values: Vec<BadValue>) {
        let Some(rescue) = &mut self.rescue else { return };
        bad_values.sort_by_key(|bad_value| bad_value.row_index);
        let mut bad_values = bad_values.into_iter().peekable();
        let has_surplus = self.on_new_columns == OnNewColumns::Rescue;
        for row_index in 0..run.num_rows() {
            while let Some(bad_value) = bad_values.next_if(|bad_value| bad_value.row_index == row_index) {
                rescue.found.push(bad_value.found);
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
        let kept = judge.judge(self.num_rows, |index| columns[index].writer.tail(unjudged.start))?;
        if let Some(kept) = &kept {
            self.keep_rows(unjudged.start, kept);
            self.num_rows = unjudged.start + kept.len();
        }
        Ok(kept)
    }

    /// Of the rows from `first_row` on, leaves those that `kept` lists. What waits for a condition has none of them yet.
    fn keep_rows(&mut self, first_row: usize, kept: &[usize]) {
        for column in &mut self.columns {
            if column.writer.num_rows() > first_row {
                column.writer.keep_rows(first_row, kept);
            }
        }
        if let Some(record_numbers) = &mut self.record_numbers
            && record_numbers.len() > first_row
        {
            keep_values(record_numbers, first_row, kept);
        }
        if let Some(origins) = &mut self.origins
            && origins.num_rows() > first_row
        {
            origins.keep_rows(first_row, kept);
        }
    }
}
