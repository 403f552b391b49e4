//! Keeps one open file per time partition and brings each row to its own. `order` is about those that get no rows any more, `memory` about
//! what it does when they hold too much.

mod memory;
mod order;

use super::column::{ColumnHistory, PageCompressor};
use super::encoding::Compression;
use super::file::FileWriter;
use super::overflow::{BucketReader, Overflow};
use super::partition::{PartitionBy, PartitionKey, Partitioner, Parts, times_of};
use super::rows::Rows;
use super::scratch::Scratch;
use super::sort::SortBuffer;
use super::uploads::Uploads;
use super::{StagedFile, WriteError};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use jiff::tz::TimeZone;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use order::Order;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// What is written, and under which names; plain data.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteOptions {
    /// Unique to the attempt; part of every file's name.
    pub attempt: String,
    /// The end of every file's name, `parquet` where nobody takes a file that is not listed for one of the table's.
    pub extension: &'static str,
    /// Width of a partition.
    pub partition_by: PartitionBy,
    /// Names of the partition columns, outermost first.
    pub partition_columns: Vec<String>,
    /// IANA name of the zone in which partitions are cut.
    pub timezone: String,
    /// The column whose value decides the partition; `None` exactly with [`PartitionBy::None`].
    pub time_column: Option<String>,
    /// Whether the rows of each file are brought into the order of the time column.
    pub is_sorted_by_time: bool,
    /// How many of a long time column's units make a second.
    pub units_per_second: i64,
    /// Whether a row without a time ends the job; for whoever hands rows in.
    pub is_missing_time_fatal: bool,
    /// Compression of the pages.
    pub compression: Compression,
    /// Bytes at which a file is completed and the next begun.
    pub target_file_size_bytes: u64,
    /// Bytes that all open files together may hold in memory.
    pub max_held_bytes: usize,
    /// Bytes of a row group that may end before its file does, to make room in memory; smaller ones are set aside on disk.
    pub min_row_group_bytes: usize,
    /// Files open at a time. A file that has not been written to for a while is completed to make room for another; if there is none,
    /// rows of further partitions are set aside on disk.
    pub max_open_files: usize,
    /// Folder for what memory has no room for; `None`: the system's for temporary files.
    pub scratch_folder: Option<PathBuf>,
}

/// Memory that an open file needs for each column at least: a page of some hundred values, and a dictionary.
const MIN_COLUMN_BYTES: usize = 16 * 1024;

/// Bytes on their way to the store at a time, in hundredths of what the writer may hold besides.
const UPLOADS_PERCENT: usize = 50;

/// Fewer open files than this make no sense, whatever memory there is.
const MIN_OPEN_FILES: usize = 4;

/// A row that has no place because it has no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UntimedRow {
    /// Its index in the batch.
    pub row: usize,
    /// What is wrong with its time.
    pub fault: TimeFault,
}

/// What is wrong with a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFault {
    /// It is null.
    Missing,
    /// Its year has no name.
    OutOfRange,
}

/// All open files of one plan partition.
pub struct PartitionedWriter {
    store: Arc<dyn ObjectStore>,
    options: WriteOptions,
    partitioner: Partitioner,
    compressor: PageCompressor,
    /// Of the columns of the files so far, and of the last batch that a file was opened for.
    histories: Arc<[ColumnHistory]>,
    /// When that was, counted in batches.
    looked_at: u64,
    plan_partition: usize,
    time_index: Option<usize>,
    scratch: Arc<Scratch>,
    /// Rows of partitions without an open file.
    overflow: Option<Overflow>,
    max_open_files: usize,
    open: BTreeMap<PartitionKey, OpenFile>,
    uploads: Uploads,
    staged: Vec<StagedFile>,
    num_files: usize,
    clock: u64,
    order: Order,
    /// How often the partitions of the rows that come now have been divided.
    level: u32,
}

struct OpenFile {
    writer: FileWriter,
    /// Rows that are written in their order when the file is completed; unused where the order does not matter.
    unsorted: SortBuffer,
    /// When it was last written to, counted in batches.
    last_used: u64,
    /// How many files were opened before it.
    number: usize,
}

impl OpenFile {
    fn held_bytes(&self) -> usize {
        self.writer.held_bytes() + self.unsorted.held_bytes()
    }
}

impl PartitionedWriter {
    /// A writer below the root of `store`, which is the table's folder.
    ///
    /// **Errors**: the time column is not in the schema, or the zone is unknown; both were checked when the job was planned.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        options: WriteOptions,
        schema: &SchemaRef,
        plan_partition: usize,
    ) -> Result<PartitionedWriter, WriteError> {
        let time_index = match &options.time_column {
            Some(name) => Some(schema.index_of(name).map_err(WriteError::Batch)?),
            None => None,
        };
        let timezone = TimeZone::get(&options.timezone)
            .map_err(|error| WriteError::Batch(arrow::error::ArrowError::InvalidArgumentError(error.to_string())))?;
        let max_held_bytes = options.max_held_bytes;
        Ok(PartitionedWriter {
            partitioner: Partitioner::new(options.partition_by, timezone),
            compressor: PageCompressor::new(options.compression).map_err(WriteError::encode)?,
            histories: schema.fields().iter().map(|_| ColumnHistory::default()).collect(),
            looked_at: 0,
            scratch: Arc::new(Scratch::new(options.scratch_folder.clone())),
            overflow: None,
            max_open_files: (max_held_bytes / (MIN_COLUMN_BYTES * schema.fields().len().max(1)))
                .min(options.max_open_files)
                .max(MIN_OPEN_FILES),
            store,
            options,
            plan_partition,
            time_index,
            open: BTreeMap::new(),
            uploads: Uploads::new(max_held_bytes / 100 * UPLOADS_PERCENT),
            staged: Vec::new(),
            num_files: 0,
            clock: 0,
            order: Order::default(),
            level: 0,
        })
    }

    /// Writes the rows of a batch that have a time, and gives back those that have none.
    ///
    /// **Errors**: after one, call [`PartitionedWriter::abort`].
    pub async fn write(&mut self, batch: RecordBatch) -> Result<Vec<UntimedRow>, WriteError> {
        self.clock += 1;
        let Some(time_index) = self.time_index else {
            self.write_parts(&batch, None, &Parts::whole(batch.num_rows())).await?;
            return Ok(Vec::new());
        };
        let times = times_of(batch.column(time_index), self.options.units_per_second).map_err(WriteError::Batch)?;
        let (batch, times, untimed) = self.set_untimed_aside(batch, times)?;
        let parts = self.partitioner.split(&times);
        let times = self.options.is_sorted_by_time.then_some(&times);
        self.write_parts(&batch, times, &parts).await?;
        Ok(untimed)
    }

    /// Writes the rows that were set aside, and completes every file.
    pub async fn finish(mut self) -> Result<Vec<StagedFile>, WriteError> {
        self.complete_all().await?;
        // The buckets of all levels, the deepest first, so that what is set aside becomes less and less.
        let mut levels: Vec<std::vec::IntoIter<BucketReader>> = Vec::new();
        loop {
            if let Some(overflow) = self.overflow.take() {
                levels.push(overflow.into_buckets()?.into_iter());
            }
            let Some(buckets) = levels.last_mut() else {
                self.staged.extend(self.uploads.wait_for_all().await?);
                return Ok(self.staged);
            };
            let Some(bucket) = buckets.next() else {
                levels.pop();
                continue;
            };
            self.level = levels.len() as u32;
            for batch in bucket {
                // Rows without a time were set aside before.
                self.write(batch.map_err(WriteError::scratch)?).await?;
            }
            self.complete_all().await?;
        }
    }

    /// Gives up the open files, and deletes those already complete as far as the store lets us: nobody will ever list them.
    pub async fn abort(mut self) {
        for (_, open_file) in self.open {
            open_file.writer.abort().await;
        }
        self.staged.extend(self.uploads.wait_for_those_that_succeed().await);
        for file in self.staged {
            if let Err(error) = self.store.delete(&Path::from(file.path.as_str())).await {
                tracing::debug!(path = file.path, %error, "a staged file could not be deleted");
            }
        }
    }

    /// Brings rows to their files; with `times`, to wait there for their order.
    async fn write_parts(
        &mut self,
        batch: &RecordBatch,
        times: Option<&TimestampMicrosecondArray>,
        parts: &Parts,
    ) -> Result<(), WriteError> {
        let mut overflowing = HashSet::new();
        for (key, rows) in parts.iter() {
            if !self.make_room(key).await? {
                self.order.give_up();
                overflowing.insert(key);
                continue;
            }
            let clock = self.clock;
            let open_file = self.open.get(&key);
            self.order
                .note(key, open_file.map(|open_file| clock - open_file.last_used));
            self.open_file(key, batch)?.last_used = clock;
            match times {
                None => self.write_part(key, batch, rows).await?,
                Some(times) => self.open_file(key, batch)?.unsorted.push(batch, rows, times)?,
            }
        }
        if !overflowing.is_empty() {
            let parts = parts.iter().filter(|(key, _)| overflowing.contains(key));
            self.overflow(batch).push(batch, parts)?;
            self.overflow(batch).close_partitions(overflowing);
        }
        self.complete_those_over().await?;
        self.keep_within_memory().await
    }

    /// Where rows are set aside.
    fn overflow(&mut self, batch: &RecordBatch) -> &mut Overflow {
        let (level, scratch) = (self.level, &self.scratch);
        self.overflow
            .get_or_insert_with(|| Overflow::new(batch.schema(), level, Arc::clone(scratch)))
    }

    /// Makes sure that rows of a partition can be written. `false`: too many files are in use, the rows must be set aside.
    async fn make_room(&mut self, key: PartitionKey) -> Result<bool, WriteError> {
        if self.open.contains_key(&key) {
            return Ok(true);
        }
        if self.overflow.as_ref().is_some_and(|overflow| overflow.is_closed(key)) {
            return Ok(false);
        }
        if self.open.len() < self.max_open_files {
            return Ok(true);
        }
        self.complete_oldest_idle().await
    }

    /// The file of a partition, opened if it is not.
    fn open_file(&mut self, key: PartitionKey, batch: &RecordBatch) -> Result<&mut OpenFile, WriteError> {
        if !self.open.contains_key(&key) {
            if self.looked_at != self.clock {
                self.looked_at = self.clock;
                for (history, column) in self.histories.iter().zip(batch.columns()) {
                    history.look_at(column.as_ref());
                }
            }
            let number = self.num_files;
            let writer = FileWriter::new(
                Arc::clone(&self.store),
                self.next_path(key),
                batch.schema(),
                self.options.compression,
                self.time_index.filter(|_| self.options.is_sorted_by_time),
                Arc::clone(&self.histories),
            )?;
            let open_file = OpenFile {
                writer,
                unsorted: SortBuffer::default(),
                last_used: self.clock,
                number,
            };
            self.open.insert(key, open_file);
        }
        Ok(self.open.get_mut(&key).expect("inserted above"))
    }

    async fn write_part(&mut self, key: PartitionKey, batch: &RecordBatch, rows: Rows<'_>) -> Result<(), WriteError> {
        let Some(open_file) = self.open.get_mut(&key) else {
            return Ok(());
        };
        open_file.writer.write(batch, rows, &mut self.compressor).await?;
        if open_file.writer.estimated_bytes() >= self.options.target_file_size_bytes {
            self.complete(key).await?;
        }
        Ok(())
    }

    async fn complete_all(&mut self) -> Result<(), WriteError> {
        let keys: Vec<PartitionKey> = self.open.keys().copied().collect();
        for key in keys {
            self.complete(key).await?;
        }
        Ok(())
    }

    async fn complete(&mut self, key: PartitionKey) -> Result<(), WriteError> {
        let Some(mut open_file) = self.open.remove(&key) else {
            return Ok(());
        };
        if !open_file.unsorted.is_empty() {
            open_file
                .writer
                .write_sorted(open_file.unsorted.into_sorted(), &mut self.compressor)
                .await?;
        }
        let values = self.partition_values(key);
        let upload = open_file
            .writer
            .finish(values, self.options.time_column.as_deref(), &mut self.compressor)
            .await?;
        if let Some(upload) = upload {
            self.staged.extend(self.uploads.start(upload).await?);
        }
        Ok(())
    }

    fn partition_values(&self, key: PartitionKey) -> Vec<(String, String)> {
        self.options
            .partition_columns
            .iter()
            .cloned()
            .zip(self.partitioner.values(key))
            .collect()
    }

    /// `date=2026-11-22/hour=07/ATTEMPT-0-3.snappy.parquet`
    fn next_path(&mut self, key: PartitionKey) -> Path {
        let mut path = String::new();
        for (column, value) in self.partition_values(key) {
            path.push_str(&format!("{column}={value}/"));
        }
        let number = self.num_files;
        self.num_files += 1;
        path.push_str(&format!(
            "{}-{}-{number}{}.{}",
            self.options.attempt,
            self.plan_partition,
            self.options.compression.file_name_part(),
            self.options.extension
        ));
        Path::from(path)
    }

    /// Splits off the rows whose time is null or has no name.
    fn set_untimed_aside(
        &self,
        batch: RecordBatch,
        times: TimestampMicrosecondArray,
    ) -> Result<(RecordBatch, TimestampMicrosecondArray, Vec<UntimedRow>), WriteError> {
        let is_timed = |row: usize| times.is_valid(row) && self.partitioner.has_name(times.value(row));
        let untimed_rows: Vec<usize> = (0..times.len()).filter(|row| !is_timed(*row)).collect();
        if untimed_rows.is_empty() {
            return Ok((batch, times, Vec::new()));
        }
        let untimed = untimed_rows
            .into_iter()
            .map(|row| UntimedRow {
                row,
                fault: match times.is_null(row) {
                    true => TimeFault::Missing,
                    false => TimeFault::OutOfRange,
                },
            })
            .collect();
        let mask: BooleanArray = (0..times.len()).map(|row| Some(is_timed(row))).collect();
        let kept = filter_record_batch(&batch, &mask).map_err(WriteError::Batch)?;
        let times: ArrayRef = Arc::new(times);
        let times = arrow::compute::filter(&times, &mask).map_err(WriteError::Batch)?;
        let times = times_of(&times, 1_000_000).map_err(WriteError::Batch)?;
        Ok((kept, times, untimed))
    }
}
