//! Holds the rows of a file until they can be written in the order of their time.
//!
//! Rows stay where they are, in the batches they came in; what is sorted is their places. Where rows come nearly in order, as logs
//! do, the earlier half can be written when memory is short, and the few rows that come too late for it go into another file.

use super::WriteError;
use super::partition::Rows;
use arrow::array::{RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::take_record_batch;

/// A part that has fewer than one in so many rows of its batch is copied out of it, lest it keep the whole batch in memory.
const MIN_SHARE: usize = 2;

/// Rows come nearly in order if at most one in so many of the first half of them is later than one of the last quarter.
const MAX_STRAYING_SHARE: usize = 64;

/// Rows of one file that wait.
#[derive(Default)]
pub(super) struct SortBuffer {
    batches: Vec<HeldBatch>,
    /// The rows; those up to `num_sorted` in the order of their times, the others in the order they came in.
    places: Vec<Place>,
    num_sorted: usize,
    batch_bytes: usize,
    /// The time of the last row that was given out.
    last_written_micros: Option<i64>,
}

struct HeldBatch {
    /// `None` once all its rows are given out.
    batch: Option<RecordBatch>,
    num_rows_left: usize,
}

/// Where a row is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    micros: i64,
    batch: u32,
    row: u32,
}

impl SortBuffer {
    /// Takes rows in. `times` has those of all rows of the batch. Gives back the rows that come too late: others with later times
    /// have been given out.
    pub(super) fn push(
        &mut self,
        batch: &RecordBatch,
        rows: Rows<'_>,
        times: &TimestampMicrosecondArray,
    ) -> Result<Vec<u32>, WriteError> {
        let earliest = self.last_written_micros.unwrap_or(i64::MIN);
        let (timely, late): (Vec<u32>, Vec<u32>) = (0..rows.num_rows())
            .map(|index| rows.row(index) as u32)
            .partition(|row| times.value(*row as usize) >= earliest);
        if timely.is_empty() {
            return Ok(late);
        }
        let batch_index = self.batches.len() as u32;
        let is_copied = timely.len() * MIN_SHARE < batch.num_rows();
        self.places.extend((0u32..).zip(&timely).map(|(index, row)| Place {
            micros: times.value(*row as usize),
            batch: batch_index,
            row: if is_copied { index } else { *row },
        }));
        let num_rows_left = timely.len();
        let held = match is_copied {
            false => batch.clone(),
            true => take_record_batch(batch, &UInt32Array::from(timely)).map_err(WriteError::Batch)?,
        };
        self.batch_bytes += held.get_array_memory_size();
        self.batches.push(HeldBatch {
            batch: Some(held),
            num_rows_left,
        });
        Ok(late)
    }

    /// Bytes held in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.batch_bytes + self.places.capacity() * size_of::<Place>()
    }

    /// Whether no row waits.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the rows came nearly in the order of their times, so that few of those to come belong before the earlier half.
    pub(super) fn is_nearly_in_order(&self) -> bool {
        let came = &self.places[self.num_sorted..];
        let (first_half, last_quarter) = (&came[..came.len() / 2], &came[came.len() * 3 / 4..]);
        let Some(earliest) = last_quarter.iter().map(|place| place.micros).min() else {
            return false;
        };
        let num_straying = first_half.iter().filter(|place| place.micros > earliest).count();
        num_straying * MAX_STRAYING_SHARE <= first_half.len()
    }

    /// Takes out the earlier half of the rows, in the order of their times.
    pub(super) fn take_earlier_half(&mut self) -> Vec<SortedRun> {
        let num_rows = self.places.len().div_ceil(2);
        self.take(num_rows)
    }

    /// Takes out all rows, in the order of their times; those of equal times come in the order they came in.
    pub(super) fn take_all(&mut self) -> Vec<SortedRun> {
        self.take(self.places.len())
    }

    fn take(&mut self, num_rows: usize) -> Vec<SortedRun> {
        // No two places are equal, so that this is the same as a stable sort. Its cost is low where much is in order already.
        self.places.sort();
        let rest = self.places.split_off(num_rows);
        let taken = std::mem::replace(&mut self.places, rest);
        self.num_sorted = self.places.len();
        self.last_written_micros = taken.last().map(|place| place.micros).or(self.last_written_micros);
        let mut runs = Vec::new();
        for run in taken.chunk_by(|left, right| left.batch == right.batch) {
            let held = &mut self.batches[run[0].batch as usize];
            held.num_rows_left -= run.len();
            let batch = match held.num_rows_left {
                0 => held.batch.take(),
                _ => held.batch.clone(),
            };
            let batch = batch.expect("a batch is held as long as a row of it waits");
            if held.batch.is_none() {
                self.batch_bytes -= batch.get_array_memory_size();
            }
            runs.push(SortedRun {
                batch,
                rows: run.iter().map(|place| place.row).collect(),
            });
        }
        runs
    }
}

/// Rows that are neighbours in the order of time and lie in one batch.
pub(super) struct SortedRun {
    pub(super) batch: RecordBatch,
    pub(super) rows: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    fn push(buffer: &mut SortBuffer, times: &[i64]) -> Vec<u32> {
        let column: ArrayRef = Arc::new(Int64Array::from(times.to_vec()));
        let batch = RecordBatch::try_from_iter([("c", column)]).expect("a batch");
        let rows = Rows::Run {
            start: 0,
            num_rows: times.len(),
        };
        let times = TimestampMicrosecondArray::from(times.to_vec());
        buffer.push(&batch, rows, &times).expect("rows")
    }

    fn values(runs: &[SortedRun]) -> Vec<i64> {
        let value = |run: &SortedRun, row: u32| run.batch.column(0).as_primitive::<Int64Type>().value(row as usize);
        runs.iter()
            .flat_map(|run| run.rows.iter().map(move |row| value(run, *row)))
            .collect()
    }

    #[test]
    fn rows_of_all_batches_come_in_order() {
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &[5, 1, 9]);
        push(&mut buffer, &[4, 5, 0]);
        assert_eq!(values(&buffer.take_all()), [0, 1, 4, 5, 5, 9]);
        assert_eq!(buffer.batch_bytes, 0);
    }

    #[test]
    fn what_comes_too_late_is_given_back() {
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &[1, 2, 3, 4]);
        assert_eq!(values(&buffer.take_earlier_half()), [1, 2]);
        assert_eq!(push(&mut buffer, &[7, 1, 2, 5, 0]), [1, 4]);
        assert_eq!(values(&buffer.take_all()), [2, 3, 4, 5, 7]);
    }

    #[test]
    fn order_shows_in_how_the_rows_came() {
        let nearly: Vec<i64> = (0..1_000).map(|row| row + (row * 7_919) % 100).collect();
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &nearly);
        assert!(buffer.is_nearly_in_order());
        let shuffled: Vec<i64> = (0..1_000).map(|row| (row * 7_919) % 1_000).collect();
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &shuffled);
        assert!(!buffer.is_nearly_in_order());
    }
}
