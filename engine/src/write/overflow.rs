//! Sets rows aside whose partition has no open file, to be written when the others are done.
//!
//! A file under construction takes memory for each of its columns, so not every partition of a load can have one at a time. Rows of
//! the others go to *buckets* on scratch disk, each of which has the rows of a share of the partitions. Later a bucket is read
//! back and written like a load of its own; with so many fewer partitions all of them find room. Every row is moved once
//! for each time its partitions must be divided, and that is the price of any order of the rows.

use super::WriteError;
use super::partition::PartitionKey;
use super::rows::Rows;
use super::scratch::{Scratch, ScratchReader, ScratchStream};
use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use std::collections::HashSet;
use std::io::BufReader;
use std::sync::Arc;

/// Buckets that partitions are divided among. With some hundred open files each, two divisions are enough for a century of hours.
const NUM_BUCKETS: usize = 64;

/// Rows gathered before a bucket writes them: fewer would make the fixed cost of a batch count.
const FLUSH_ROWS: usize = 2_048;

/// Bytes all buckets gather before they write what they have, rows enough or not.
const FLUSH_BYTES: usize = 8 * 1024 * 1024;

/// The rows set aside at one level of division.
pub(super) struct Overflow {
    schema: SchemaRef,
    /// How often the partitions in here have been divided before.
    level: u32,
    /// Partitions that get no file before the rows in here are written.
    closed: HashSet<PartitionKey>,
    scratch: Arc<Scratch>,
    buckets: Vec<Bucket>,
    num_waiting_bytes: usize,
}

#[derive(Default)]
struct Bucket {
    waiting: Vec<RecordBatch>,
    num_waiting_rows: usize,
    output: Option<StreamWriter<ScratchStream>>,
}

impl Overflow {
    pub(super) fn new(schema: SchemaRef, level: u32, scratch: Arc<Scratch>) -> Overflow {
        Overflow {
            schema,
            level,
            closed: HashSet::new(),
            scratch,
            buckets: (0..NUM_BUCKETS).map(|_| Bucket::default()).collect(),
            num_waiting_bytes: 0,
        }
    }

    /// Says that all further rows of these partitions come here.
    pub(super) fn close_partitions(&mut self, keys: HashSet<PartitionKey>) {
        self.closed.extend(keys);
    }

    /// Whether all further rows of a partition come here.
    pub(super) fn is_closed(&self, key: PartitionKey) -> bool {
        self.closed.contains(&key)
    }

    /// Sets rows of `batch` aside, those of each partition with its key.
    ///
    /// **Errors**: no room on disk.
    pub(super) fn push<'a>(
        &mut self,
        batch: &RecordBatch,
        parts: impl Iterator<Item = (PartitionKey, Rows<'a>)>,
    ) -> Result<(), WriteError> {
        let mut rows_of_buckets: Vec<Vec<u32>> = vec![Vec::new(); NUM_BUCKETS];
        for (key, rows) in parts {
            let bucket = &mut rows_of_buckets[key.bucket(self.level, NUM_BUCKETS)];
            bucket.extend((0..rows.num_rows()).map(|index| rows.row(index) as u32));
        }
        for (bucket, rows) in self.buckets.iter_mut().zip(rows_of_buckets) {
            if rows.is_empty() {
                continue;
            }
            let rows = take_record_batch(batch, &UInt32Array::from(rows)).map_err(WriteError::Batch)?;
            self.num_waiting_bytes += rows.get_array_memory_size();
            bucket.num_waiting_rows += rows.num_rows();
            bucket.waiting.push(rows);
            if bucket.num_waiting_rows >= FLUSH_ROWS {
                self.num_waiting_bytes -= bucket.flush(&self.schema, &self.scratch)?;
            }
        }
        if self.num_waiting_bytes >= FLUSH_BYTES {
            for bucket in &mut self.buckets {
                bucket.flush(&self.schema, &self.scratch)?;
            }
            self.num_waiting_bytes = 0;
        }
        Ok(())
    }

    /// The buckets, to be read one after the other.
    ///
    /// **Errors**: no room on disk for the rows that waited.
    pub(super) fn into_buckets(mut self) -> Result<Vec<BucketReader>, WriteError> {
        let mut readers = Vec::new();
        for bucket in &mut self.buckets {
            bucket.flush(&self.schema, &self.scratch)?;
            if let Some(mut output) = bucket.output.take() {
                let stream = output
                    .finish()
                    .and_then(|()| output.into_inner())
                    .map_err(WriteError::scratch)?;
                readers.push(BucketReader {
                    batches: StreamReader::try_new(BufReader::new(stream.into_reader()), None)
                        .map_err(WriteError::scratch)?,
                });
            }
        }
        Ok(readers)
    }
}

impl Bucket {
    /// Writes the rows that wait, and gives the bytes that memory gets back.
    fn flush(&mut self, schema: &SchemaRef, scratch: &Arc<Scratch>) -> Result<usize, WriteError> {
        if self.waiting.is_empty() {
            return Ok(0);
        }
        let num_bytes = self.waiting.iter().map(RecordBatch::get_array_memory_size).sum();
        let batch = concat_batches(schema, &self.waiting).map_err(WriteError::Batch)?;
        self.waiting.clear();
        self.num_waiting_rows = 0;
        let output = match &mut self.output {
            Some(output) => output,
            None => {
                let output = StreamWriter::try_new(scratch.stream(), schema).map_err(WriteError::scratch)?;
                self.output.insert(output)
            }
        };
        output.write(&batch).map_err(WriteError::scratch)?;
        Ok(num_bytes)
    }
}

/// The rows of one bucket.
pub(super) struct BucketReader {
    batches: StreamReader<BufReader<ScratchReader>>,
}

impl Iterator for BucketReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}
