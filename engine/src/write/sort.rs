//! Holds the rows of a file until they can be written in the order of their time.
//!
//! Rows stay where they are, in the batches they came in; what is sorted is their places. Where rows come nearly in order, as logs
//! do, the earlier half can be written when memory is short, and the few rows that come too late for it go into another file.

use super::WriteError;
use super::column::Place;
use super::partition::Rows;
use arrow::array::{RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::take_record_batch;

/// A part that has fewer than one in so many rows of its batch is copied out of it, lest it keep the whole batch in memory.
const MIN_SHARE: usize = 2;

/// The share of the last rows that may still be earlier than what is written: logs have some stragglers, which make a file of
/// their own.
const STRAGGLERS: usize = 50;

/// Writing less than one in so many of the waiting rows is not worth it.
const MIN_WRITTEN_SHARE: usize = 8;

/// Rows of one file that wait.
#[derive(Default)]
pub(super) struct SortBuffer {
    batches: Vec<HeldBatch>,
    /// The rows; those up to `num_sorted` in the order of their times, the others in the order they came in.
    waiting: Vec<WaitingRow>,
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

/// A row that waits. The order is that of time, and for equal times that in which rows came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct WaitingRow {
    micros: i64,
    place: Place,
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
        self.waiting
            .extend((0u32..).zip(&timely).map(|(index, row)| WaitingRow {
                micros: times.value(*row as usize),
                place: Place {
                    batch: batch_index,
                    row: if is_copied { index } else { *row },
                },
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
        self.batch_bytes + self.waiting.capacity() * size_of::<WaitingRow>()
    }

    /// Whether no row waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes out the earlier rows, in the order of their times, if rows come nearly in that order, so that few of those to come
    /// belong among them.
    pub(super) fn take_earlier(&mut self) -> Option<SortedRows> {
        // With no new rows since the last time, those that stayed must do.
        let came = match &self.waiting[self.num_sorted..] {
            [] => self.waiting.as_slice(),
            came => came,
        };
        let mut last_quarter: Vec<i64> = came[came.len() * 3 / 4..].iter().map(|row| row.micros).collect();
        if last_quarter.is_empty() {
            return None;
        }
        let index = last_quarter.len() / STRAGGLERS;
        let (_, end, _) = last_quarter.select_nth_unstable(index);
        let num_rows = self.waiting.iter().filter(|row| row.micros < *end).count();
        (num_rows * MIN_WRITTEN_SHARE >= self.waiting.len()).then(|| self.take(num_rows))
    }

    /// Takes out all rows, in the order of their times; those of equal times come in the order they came in.
    pub(super) fn take_all(&mut self) -> SortedRows {
        self.take(self.waiting.len())
    }

    fn take(&mut self, num_rows: usize) -> SortedRows {
        // No two rows are equal, so that this is the same as a stable sort. Its cost is low where much is in order already.
        self.waiting.sort();
        let rest = self.waiting.split_off(num_rows);
        let taken = std::mem::replace(&mut self.waiting, rest);
        self.num_sorted = self.waiting.len();
        self.last_written_micros = taken.last().map(|row| row.micros).or(self.last_written_micros);

        for row in &taken {
            self.batches[row.place.batch as usize].num_rows_left -= 1;
        }
        // The batches of the rows, and their new indices.
        let mut batches = Vec::new();
        let mut indices: Vec<Option<u32>> = vec![None; self.batches.len()];
        let mut places = Vec::with_capacity(taken.len());
        for row in &taken {
            let held = &mut self.batches[row.place.batch as usize];
            let index = *indices[row.place.batch as usize].get_or_insert_with(|| {
                let batch = match held.num_rows_left {
                    0 => held.batch.take(),
                    _ => held.batch.clone(),
                };
                let batch = batch.expect("a batch is held as long as a row of it waits");
                if held.batch.is_none() {
                    self.batch_bytes -= batch.get_array_memory_size();
                }
                batches.push(batch);
                batches.len() as u32 - 1
            });
            places.push(Place {
                batch: index,
                row: row.place.row,
            });
        }
        SortedRows { batches, places }
    }
}

/// Rows in the order of time.
pub(super) struct SortedRows {
    /// The batches they lie in.
    pub(super) batches: Vec<RecordBatch>,
    /// The rows.
    pub(super) places: Vec<Place>,
}

impl SortedRows {
    /// The rows batch by batch, as they lie there.
    pub(super) fn by_batch(mut self) -> impl Iterator<Item = (RecordBatch, Vec<u32>)> {
        self.places.sort_unstable();
        let mut places = self.places.into_iter().peekable();
        (0u32..).zip(self.batches).map(move |(index, batch)| {
            let rows = std::iter::from_fn(|| places.next_if(|place| place.batch == index)).map(|place| place.row);
            (batch, rows.collect())
        })
    }
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

    fn values(rows: &SortedRows) -> Vec<i64> {
        let value = |place: &Place| {
            let column = rows.batches[place.batch as usize].column(0);
            column.as_primitive::<Int64Type>().value(place.row as usize)
        };
        rows.places.iter().map(value).collect()
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
        push(&mut buffer, &[1, 3, 2, 4, 5, 6, 7, 8]);
        let earlier = buffer.take_earlier().expect("rows nearly in order");
        assert_eq!(values(&earlier), [1, 2, 3, 4, 5, 6]);
        assert_eq!(push(&mut buffer, &[9, 1, 6, 5, 0]), [1, 3, 4]);
        assert_eq!(values(&buffer.take_all()), [6, 7, 8, 9]);
        assert_eq!(buffer.batch_bytes, 0);
    }

    #[test]
    fn order_shows_in_how_the_rows_came() {
        let nearly: Vec<i64> = (0..1_000).map(|row| row + (row * 7_919) % 100).collect();
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &nearly);
        let num_earlier = buffer.take_earlier().expect("rows nearly in order").places.len();
        assert!((600..800).contains(&num_earlier), "{num_earlier}");
        let shuffled: Vec<i64> = (0..1_000).map(|row| (row * 7_919) % 1_000).collect();
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &shuffled);
        assert!(buffer.take_earlier().is_none());
    }
}
