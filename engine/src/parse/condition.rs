//! Chooses rows while they are made, so that nothing more is done for those that nobody wants.
//!
//! A parser that was given a [`RowCondition`] hands on the rows of which it is true and no others. It judges many rows at a time. The fast
//! parsers judge when only the columns that the condition looks at, and those that may reject a record, are converted; the texts of rows that
//! are not wanted are never touched. What is rejected, and under which numbers rows stand, does not depend on a condition.
//!
//! How a condition is evaluated is known to whoever hands it in.

use super::ParseError;
use super::columns::ColumnType;
use super::drift::OnBadValue;
use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::BooleanBuffer;
use std::error::Error;
use std::ops::Range;

/// With a condition, a batch of which only this part is free is as good as full.
pub(super) const LITTLE_ROOM: usize = 8;

/// A condition on some columns of a parser.
pub trait RowCondition: Send {
    /// The columns that it looks at, as indices into the projection of the parser. Not empty.
    fn columns(&self) -> &[usize];

    /// Whether it is true, for each row of these columns; null is as good as false.
    ///
    /// **Errors**: the expression cannot be evaluated, which ends the task.
    fn evaluate(&mut self, columns: Vec<ArrayRef>) -> Result<BooleanArray, Box<dyn Error + Send + Sync>>;
}

/// Which columns of a batch are made before its rows are judged, and which of its rows are judged already.
pub(super) struct Judge {
    condition: Box<dyn RowCondition>,
    /// Rows at the beginning of the batch for which the condition is true.
    num_judged: usize,
    /// Rows since the last batch for which it is not.
    num_dropped: usize,
}

impl Judge {
    pub(super) fn new(condition: Box<dyn RowCondition>) -> Judge {
        Judge {
            condition,
            num_judged: 0,
            num_dropped: 0,
        }
    }

    /// Whether a column may be left until its rows are judged. One that may reject a record may not: what is rejected would
    /// depend on the condition.
    pub(super) fn may_wait(&self, column: usize, column_type: ColumnType, on_bad_value: OnBadValue) -> bool {
        let is_harmless = on_bad_value != OnBadValue::Reject || column_type.takes_any_text();
        is_harmless && !self.looks_at(column)
    }

    /// Whether the condition looks at a column.
    pub(super) fn looks_at(&self, column: usize) -> bool {
        self.condition.columns().contains(&column)
    }

    /// Rows since the last batch that were dropped.
    pub(super) fn num_dropped(&self) -> usize {
        self.num_dropped
    }

    /// Of a batch of `num_rows`, the rows that are not judged yet.
    pub(super) fn unjudged(&self, num_rows: usize) -> Range<usize> {
        self.num_judged..num_rows
    }

    /// Judges the rows that are not judged yet, of which `column` gives an array of each column that the condition looks at. Gives those to
    /// keep, as ascending indices from the first of them; `None`: all. The caller takes the others out.
    pub(super) fn judge(
        &mut self,
        num_rows: usize,
        column: impl FnMut(usize) -> ArrayRef,
    ) -> Result<Option<Vec<usize>>, ParseError> {
        let num_unjudged = num_rows - self.num_judged;
        let columns = self.condition.columns().iter().copied().map(column).collect();
        let holds = self.condition.evaluate(columns).map_err(ParseError::Condition)?;
        let holds = match holds.nulls() {
            None => holds.values().clone(),
            Some(nulls) => holds.values() & nulls.inner(),
        };
        let num_kept = holds.count_set_bits();
        self.num_judged += num_kept;
        self.num_dropped += num_unjudged - num_kept;
        Ok((num_kept < num_unjudged).then(|| places(&holds, num_kept)))
    }

    /// The batch is handed on; the next one begins. Gives how many rows were dropped for it.
    pub(super) fn begin_batch(&mut self) -> usize {
        self.num_judged = 0;
        std::mem::take(&mut self.num_dropped)
    }
}

/// The places of the bits that are set, of which there are `num_set`.
///
/// Each place is written, and counts only if its bit is set: which rows are kept is nothing that a processor could foresee.
fn places(bits: &BooleanBuffer, num_set: usize) -> Vec<usize> {
    const WORD_BITS: usize = u64::BITS as usize;
    let mut places = vec![0; num_set + 1];
    let mut num_places = 0;
    for (word, first) in bits.bit_chunks().iter_padded().zip((0..).step_by(WORD_BITS)) {
        for bit in 0..WORD_BITS {
            places[num_places] = first + bit;
            num_places += (word >> bit & 1) as usize;
        }
    }
    places.truncate(num_set);
    places
}

/// Leaves those values from `first` on whose indices, counted from there, `kept` lists, ascending.
pub(super) fn keep_values<T: Copy>(values: &mut Vec<T>, first: usize, kept: &[usize]) {
    let tail = &mut values[first..];
    for (to, from) in kept.iter().enumerate() {
        tail[to] = tail[*from];
    }
    values.truncate(first + kept.len());
}

#[cfg(test)]
pub(super) mod tests;
