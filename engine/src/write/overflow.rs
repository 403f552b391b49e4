//! Sets rows aside whose partition has no open file, to be written when the others are done.
//!
//! A file under construction takes memory for each of its columns, so not every partition of a load can have one at a time. Rows of
//! the others go to *buckets* on scratch disk, each of which has the rows of a share of the partitions. Later a bucket is read
//! back and written like a load of its own; with so many fewer partitions all of them find room. Every row is moved once
//! for each time its partitions must be divided, and that is the price of any order of the rows.

use super::WriteError;
use super::partition::{PartitionKey, Rows};
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
    keys: HashSet<PartitionKey>,
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
    pub(super) fn new(schema: SchemaRef, level: u32) -> Overflow {
        Overflow {
            schema,
            level,
            keys: HashSet::new(),
            buckets: (0..NUM_BUCKETS).map(|_| Bucket::default()).collect(),
            num_waiting_bytes: 0,
        }
    }

    /// Whether rows of this partition are in here, so that the others should come here too.
    pub(super) fn contains(&self, key: PartitionKey) -> bool {
        self.keys.contains(&key)
    }

    /// Sets rows of `batch` aside, those of each partition with its key.
    ///
    /// **Errors**: no room on disk.
    pub(super) fn push<'a>(
        &mut self,
        batch: &RecordBatch,
        parts: impl Iterator<Item = (PartitionKey, Rows<'a>)>,
        scratch: &Arc<Scratch>,
    ) -> Result<(), WriteError> {
        let mut rows_of_buckets: Vec<Vec<u32>> = vec![Vec::new(); NUM_BUCKETS];
        for (key, rows) in parts {
            self.keys.insert(key);
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
                self.num_waiting_bytes -= bucket.flush(&self.schema, scratch)?;
            }
        }
        if self.num_waiting_bytes >= FLUSH_BYTES {
            for bucket in &mut self.buckets {
                bucket.flush(&self.schema, scratch)?;
            }
            self.num_waiting_bytes = 0;
        }
        Ok(())
    }

    /// The buckets, to be read one after the other.
    ///
    /// **Errors**: no room on disk for the rows that waited.
    pub(super) fn into_buckets(mut self, scratch: &Arc<Scratch>) -> Result<Vec<BucketReader>, WriteError> {
        let mut readers = Vec::new();
        for bucket in &mut self.buckets {
            bucket.flush(&self.schema, scratch)?;
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
