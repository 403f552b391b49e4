//! Holds the rows of a file until they can be written in the order of their time.
//!
//! Rows stay where they are, in the batches they came in; what is sorted is their places. Where rows come nearly in order, as logs
//! do, a batch is written in a few long runs, and the order costs little more than looking at the times.

use super::WriteError;
use super::partition::Rows;
use arrow::array::{RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::take_record_batch;

/// A part that has fewer than one in so many rows of its batch is copied out of it, lest it keep the whole batch in memory.
const MIN_SHARE: usize = 2;

/// Rows of one file that wait.
#[derive(Default)]
pub(super) struct SortBuffer {
    batches: Vec<RecordBatch>,
    places: Vec<Place>,
    batch_bytes: usize,
}

/// Where a row is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    micros: i64,
    batch: u32,
    row: u32,
}

impl SortBuffer {
    /// Takes rows in, whose times are in `times`, of all rows of the batch.
    pub(super) fn push(
        &mut self,
        batch: &RecordBatch,
        rows: Rows<'_>,
        times: &TimestampMicrosecondArray,
    ) -> Result<(), WriteError> {
        let batch_index = self.batches.len() as u32;
        let is_copied = rows.num_rows() * MIN_SHARE < batch.num_rows();
        self.places.reserve(rows.num_rows());
        for index in 0..rows.num_rows() {
            let row = rows.row(index);
            self.places.push(Place {
                micros: times.value(row),
                batch: batch_index,
                row: if is_copied { index } else { row } as u32,
            });
        }
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
        self.batch_bytes + self.places.capacity() * size_of::<Place>()
    }

    /// The rows in the order of their times, those of equal times in the order they came in.
    pub(super) fn into_sorted(mut self) -> SortedRows {
        // The places of rows differ, so that no two are equal and the order is the same as that of a stable sort.
        self.places.sort();
        SortedRows {
            batches: self.batches,
            places: self.places,
        }
    }

    /// The rows as they came in, each part with its batch.
    pub(super) fn into_parts(self) -> impl Iterator<Item = (RecordBatch, Vec<u32>)> {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.batches.len()];
        for place in self.places {
            rows[place.batch as usize].push(place.row);
        }
        self.batches.into_iter().zip(rows)
    }
}

/// Rows in the order of their times.
pub(super) struct SortedRows {
    batches: Vec<RecordBatch>,
    places: Vec<Place>,
}

impl SortedRows {
    /// The runs of rows that are neighbours in the order and lie in one batch.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&RecordBatch, Vec<u32>)> {
        self.places
            .chunk_by(|left, right| left.batch == right.batch)
            .map(|run| {
                let batch = &self.batches[run[0].batch as usize];
                (batch, run.iter().map(|place| place.row).collect())
            })
    }
}
