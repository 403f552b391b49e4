//! Holds the rows of a file until they can be written in the order of their time.
//!
//! Rows stay where they are, in the batches they came in; what is sorted is their places.

use super::WriteError;
use super::column::Place;
use super::rows::Rows;
use arrow::array::{RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::take_record_batch;

/// A part that has fewer than one in so many rows of its batch is copied out of it, lest it keep the whole batch in memory.
const MIN_SHARE: usize = 2;

/// Rows of one file that wait.
#[derive(Default)]
pub(super) struct SortBuffer {
    batches: Vec<RecordBatch>,
    /// The rows, in the order they came in.
    waiting: Vec<WaitingRow>,
    batch_bytes: usize,
}

/// A row that waits. The order is that of time, and for equal times that in which rows came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct WaitingRow {
    micros: i64,
    place: Place,
}

impl SortBuffer {
    /// Takes rows in. `times` has those of all rows of the batch.
    pub(super) fn push(
        &mut self,
        batch: &RecordBatch,
        rows: Rows<'_>,
        times: &TimestampMicrosecondArray,
    ) -> Result<(), WriteError> {
        let batch_index = self.batches.len() as u32;
        let is_copied = rows.num_rows() * MIN_SHARE < batch.num_rows();
        let waiting = (0..rows.num_rows()).map(|index| {
            let row = rows.row(index);
            WaitingRow {
                micros: times.value(row),
                place: Place {
                    batch: batch_index,
                    row: if is_copied { index } else { row } as u32,
                },
            }
        });
        self.waiting.extend(waiting);
        let held = match is_copied {
            false => batch.clone(),
            true => {
                let rows: UInt32Array = (0..rows.num_rows()).map(|index| rows.row(index) as u32).collect();
                take_record_batch(batch, &rows).map_err(WriteError::Batch)?
            }
        };
        self.batch_bytes += held.get_array_memory_size();
        self.batches.push(held);
        Ok(())
    }

    /// Bytes held in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.batch_bytes + self.waiting.capacity() * size_of::<WaitingRow>()
    }

    /// Whether no row waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The rows in the order of their times; those of equal times in the order they came in.
    pub(super) fn into_sorted(mut self) -> SortedRows {
        // No two rows are equal, so that this is the same as a stable sort. Its cost is low where much is in order already.
        self.waiting.sort();
        SortedRows {
            batches: self.batches,
            places: self.waiting.into_iter().map(|row| row.place).collect(),
        }
    }

    /// The rows batch by batch, as they lie there.
    pub(super) fn into_batches(self) -> impl Iterator<Item = (RecordBatch, Vec<u32>)> {
        let mut waiting = self.waiting.into_iter().map(|row| row.place).peekable();
        (0u32..).zip(self.batches).map(move |(index, batch)| {
            let rows = std::iter::from_fn(|| waiting.next_if(|place| place.batch == index)).map(|place| place.row);
            (batch, rows.collect())
        })
    }
}

/// Rows in the order of time.
pub(super) struct SortedRows {
    /// The batches they lie in.
    pub(super) batches: Vec<RecordBatch>,
    /// The rows.
    pub(super) places: Vec<Place>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    fn push(buffer: &mut SortBuffer, times: &[i64], rows: Rows<'_>) {
        let column: ArrayRef = Arc::new(Int64Array::from(times.to_vec()));
        let batch = RecordBatch::try_from_iter([("c", column)]).expect("a batch");
        let times = TimestampMicrosecondArray::from(times.to_vec());
        buffer.push(&batch, rows, &times).expect("rows");
    }

    fn value(batch: &RecordBatch, row: u32) -> i64 {
        batch.column(0).as_primitive::<Int64Type>().value(row as usize)
    }

    fn buffer() -> SortBuffer {
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &[5, 1, 9], Rows::Run { start: 0, num_rows: 3 });
        push(&mut buffer, &[4, 7, 5, 0, 3], Rows::Listed(&[0, 2]));
        push(&mut buffer, &[4, 5, 0], Rows::Listed(&[0, 1, 2]));
        buffer
    }

    #[test]
    fn rows_of_all_batches_come_in_order() {
        let SortedRows { batches, places } = buffer().into_sorted();
        let values: Vec<i64> = places
            .iter()
            .map(|place| value(&batches[place.batch as usize], place.row))
            .collect();
        assert_eq!(values, [0, 1, 4, 4, 5, 5, 5, 9]);
        assert_eq!(places[2].batch, 1);
    }

    #[test]
    fn rows_can_be_had_back_as_they_came() {
        let batches = buffer().into_batches();
        let values: Vec<Vec<i64>> = batches
            .map(|(batch, rows)| rows.iter().map(|row| value(&batch, *row)).collect())
            .collect();
        assert_eq!(values, [vec![5, 1, 9], vec![4, 5], vec![4, 5, 0]]);
    }

    #[test]
    fn few_rows_do_not_hold_their_batch() {
        let mut buffer = SortBuffer::default();
        push(&mut buffer, &[0; 1_000], Rows::Run { start: 7, num_rows: 10 });
        assert!(buffer.batch_bytes < 1_000, "{}", buffer.batch_bytes);
    }
}
