//! Reads a ledger in the order of its files' names, as a merge of sorted runs, and keeps the runs few.
//!
//! A cursor holds one row group of each run that it is in, so memory does not depend on the number of entries. It finds its first place
//! by the bounds of the row groups and then only goes forward.

use super::RewrittenFile;
use super::commit::merge_files;
use super::delta::{self, ExistingTable};
use super::ledger::{BATCH_ROWS, Entry, Ledger, ledger_properties, ledger_schema, write_failed};
use super::promise::num_settled;
use super::stored_parquet::{StoredParquet, new_file};
use super::warehouse::TableFolder;
use crate::crash::crash_point;
use crate::error::{Blame, Error, Result, innermost};
use crate::source::known::KnownFile;
use crate::write::StagedFile;
use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use parquet::arrow::{AsyncArrowWriter, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;
use serde_json::json;
use std::fmt;
use std::sync::Arc;

/// Runs of a ledger before some are merged into one: each costs a cursor its row group.
const MAX_RUNS: usize = 12;

/// Columns that a comparison needs, by their places in the schema of a ledger.
const COMPARED: [usize; 8] = [0, 1, 2, 3, 4, 5, 8, 9];

/// One sorted file of a ledger.
#[derive(Clone)]
pub struct Run {
    file: StoredParquet,
    place: String,
    path: String,
    metadata: ArrowReaderMetadata,
    /// Greatest name of each row group; `None` where it does not say.
    ends: Arc<Vec<Option<String>>>,
}

impl fmt::Debug for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Run")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Run {
    /// Reads the footer of a file in the ledger's folder.
    pub(super) async fn open(folder: &TableFolder, path: &str) -> Result<Run> {
        let place = folder.place();
        let failed = |error| read_failed(&place, path, &error);
        let mut file = StoredParquet::find(folder.store(), path).await.map_err(failed)?;
        let metadata = ArrowReaderMetadata::load_async(&mut file, ArrowReaderOptions::default())
            .await
            .map_err(failed)?;
        let ends = metadata.metadata().row_groups().iter().map(|row_group| {
            let Some(Statistics::ByteArray(bounds)) = row_group.column(0).statistics() else {
                return None;
            };
            let end = bounds.max_opt().filter(|_| bounds.max_is_exact())?;
            String::from_utf8(end.data().to_vec()).ok()
        });
        let ends = Arc::new(ends.collect());
        Ok(Run {
            file,
            place,
            path: path.to_owned(),
            metadata,
            ends,
        })
    }

    /// The first row group that may have names from `name` on.
    fn first_row_group(&self, name: &str) -> usize {
        self.ends
            .partition_point(|end| end.as_deref().is_some_and(|end| end < name))
    }

    fn stream(&self, row_groups: Vec<usize>, columns: &[usize]) -> Result<ParquetRecordBatchStream<StoredParquet>> {
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.file.clone(), self.metadata.clone());
        let projection = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
        builder
            .with_row_groups(row_groups)
            .with_projection(projection)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| read_failed(&self.place, &self.path, &error))
    }

    /// The first name that both runs have.
    pub(super) async fn first_in_common(&self, other: &Run) -> Result<Option<String>> {
        let mut names = self.stream((0..self.ends.len()).collect(), &[0])?;
        let mut cursor = LedgerCursor::new(Arc::new(vec![other.clone()]));
        while let Some(batch) = names
            .try_next()
            .await
            .map_err(|error| read_failed(&self.place, &self.path, &error))?
        {
            for name in batch.column(0).as_string::<i32>().iter().flatten() {
                if cursor.find(name).await?.is_some() {
                    return Ok(Some(name.to_owned()));
                }
            }
        }
        Ok(None)
    }
}

/// All entries of one run, one after the other.
pub(super) struct Entries {
    run: Run,
    stream: ParquetRecordBatchStream<StoredParquet>,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Run {
    /// All entries, in their order.
    pub(super) fn entries(self) -> Result<Entries> {
        Ok(Entries {
            stream: self.stream((0..self.ends.len()).collect(), &COMPARED)?,
            run: self,
            batch: None,
            row: 0,
        })
    }
}

impl Entries {
    /// The next entry; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<KnownFile>> {
        while self.batch.as_ref().is_none_or(|batch| self.row >= batch.num_rows()) {
            let next = self.stream.try_next().await;
            self.batch = next.map_err(|error| read_failed(&self.run.place, &self.run.path, &error))?;
            self.row = 0;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
        self.row += 1;
        Ok(self.batch.as_ref().map(|batch| entry(batch, self.row - 1).known))
    }
}

impl Ledger {
    /// Opens the runs of a ledger. `data` is the table that it belongs to, with all promises kept.
    pub async fn open(data: &ExistingTable, folder: &TableFolder) -> Result<Ledger> {
        let mut runs = Vec::new();
        let mut promised = Ledger::promised(data).await?;
        if let Some(table) = delta::open(folder).await? {
            for path in table.file_paths()? {
                runs.push(Run::open(folder, &path).await?);
            }
            // What another job has added since the data table was read is seen too.
            promised = promised.max(num_settled(&table).await?);
        }
        Ok(Ledger {
            runs: Arc::new(runs),
            promised,
        })
    }

    /// Walks through the entries.
    pub fn cursor(&self) -> LedgerCursor {
        LedgerCursor::new(Arc::clone(&self.runs))
    }
}

/// A place in a ledger.
pub struct LedgerCursor {
    runs: Arc<Vec<Run>>,
    places: Vec<RunPlace>,
    /// The name that was looked up last.
    reached: Option<String>,
}

/// A place in one run.
struct RunPlace {
    next_row_group: usize,
    stream: Option<ParquetRecordBatchStream<StoredParquet>>,
    batch: Option<RecordBatch>,
    row: usize,
}

impl LedgerCursor {
    fn new(runs: Arc<Vec<Run>>) -> LedgerCursor {
        LedgerCursor {
            runs,
            places: Vec::new(),
            reached: None,
        }
    }

    /// The latest entry of a file; names are best looked up in their order.
    pub async fn find(&mut self, name: &str) -> Result<Option<KnownFile>> {
        if self.reached.as_deref().is_none_or(|reached| name <= reached) {
            self.places = self
                .runs
                .iter()
                .map(|run| RunPlace::at(run.first_row_group(name)))
                .collect();
        }
        match &mut self.reached {
            Some(reached) => name.clone_into(reached),
            None => self.reached = Some(name.to_owned()),
        }
        let mut latest: Option<Entry> = None;
        for (run, place) in self.runs.iter().zip(&mut self.places) {
            place.find(run, name, &mut latest).await?;
        }
        Ok(latest.map(|entry| entry.known))
    }
}

impl RunPlace {
    fn at(row_group: usize) -> RunPlace {
        RunPlace {
            next_row_group: row_group,
            stream: None,
            batch: None,
            row: 0,
        }
    }

    /// Goes to the entries of a name, which comes after the one before, and tells the latest.
    async fn find(&mut self, run: &Run, name: &str, latest: &mut Option<Entry>) -> Result<()> {
        loop {
            if let Some(batch) = &self.batch {
                let names = batch.column(0).as_string::<i32>();
                // The last name of a batch says whether the batch is of any use, so that most are passed over as a whole.
                let is_passed = names.value(names.len() - 1) < name;
                while !is_passed && self.row < names.len() && names.value(self.row) < name {
                    self.row += 1;
                }
                while !is_passed && self.row < names.len() && names.value(self.row) == name {
                    let entry = entry(batch, self.row);
                    if latest.as_ref().is_none_or(|latest| latest.sequence < entry.sequence) {
                        *latest = Some(entry);
                    }
                    self.row += 1;
                }
                if !is_passed && self.row < names.len() {
                    return Ok(());
                }
            }
            if !self.read_on(run, name).await? {
                return Ok(());
            }
        }
    }

    /// The next batch, of the next row group that may have the name if the current one has no more; `false`: there is none.
    async fn read_on(&mut self, run: &Run, name: &str) -> Result<bool> {
        loop {
            if let Some(stream) = &mut self.stream {
                let batch = stream
                    .try_next()
                    .await
                    .map_err(|error| read_failed(&run.place, &run.path, &error))?;
                if let Some(batch) = batch {
                    self.row = 0;
                    self.batch = Some(batch);
                    return Ok(true);
                }
                self.stream = None;
            }
            self.next_row_group = self.next_row_group.max(run.first_row_group(name));
            if self.next_row_group >= run.ends.len() {
                return Ok(false);
            }
            self.stream = Some(run.stream(vec![self.next_row_group], &COMPARED)?);
            self.next_row_group += 1;
        }
    }
}

/// One row of a batch of the compared columns.
fn entry(batch: &RecordBatch, row: usize) -> Entry {
    let text = |index: usize| {
        let column = batch.column(index).as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let number = |index: usize| batch.column(index).as_primitive::<Int64Type>().value(row);
    Entry {
        sequence: number(6),
        known: KnownFile {
            key: text(1).unwrap_or_default(),
            etag: text(2),
            size_bytes: number(3).max(0).unsigned_abs(),
            modified_micros: batch.column(4).as_primitive::<TimestampMicrosecondType>().value(row),
            num_rows: number(5).max(0).unsigned_abs(),
            file_column: text(7),
        },
    }
}

/// Merges runs of a ledger into one where there are too many, so that each entry is written again only as often as the ledger doubles.
///
/// **Errors**: the store refused; the ledger is as it was. Another process may have done the same in the meantime, which is no error.
pub async fn keep_few_runs(folder: &TableFolder, job_id: &str) -> Result<()> {
    let Some(table) = delta::open(folder).await? else {
        return Ok(());
    };
    let paths = table.file_paths()?;
    if paths.len() <= MAX_RUNS {
        return Ok(());
    }
    let mut runs = Vec::new();
    for path in &paths {
        runs.push(Run::open(folder, path).await?);
    }
    // A run stays if it is larger than all that are smaller together: merging those is cheap beside it.
    runs.sort_by_key(|run| run.file.size_bytes());
    let mut sum_bytes = 0;
    let mut num_merged = 0;
    for (index, run) in runs.iter().enumerate() {
        if index == 0 || run.file.size_bytes() <= sum_bytes || runs.len() - index > MAX_RUNS / 2 {
            num_merged = index + 1;
        }
        sum_bytes += run.file.size_bytes();
    }
    runs.truncate(num_merged);
    // A job of many steps may merge more than once.
    let tag = uuid::Uuid::now_v7().simple().to_string().split_off(24);
    let merged = merge(folder, &runs, &format!("{job_id}-{tag}-merged.parquet")).await?;
    crash_point("after_merge");
    let gone = runs.iter().map(|run| run.path.clone());
    let rewritten: Vec<RewrittenFile> = gone.map(|path| RewrittenFile { path, rest: None }).collect();
    merge_files(folder, &table, &rewritten, merged).await
}

/// Writes the entries of sorted runs to one file, sorted.
async fn merge(folder: &TableFolder, runs: &[Run], path: &str) -> Result<StagedFile> {
    let all: Vec<usize> = (0..ledger_schema().fields().len()).collect();
    let place = folder.place();
    let failed = |error: ParquetError| write_failed(&place, &error);
    let store = new_file(folder.store(), path);
    let mut writer = AsyncArrowWriter::try_new(store, ledger_schema(), Some(ledger_properties())).map_err(failed)?;
    let mut inputs = Vec::new();
    for run in runs {
        let mut input = MergeInput {
            stream: run.stream((0..run.ends.len()).collect(), &all)?,
            run,
            batch: None,
            row: 0,
        };
        input.read_on().await?;
        inputs.push(input);
    }
    let mut num_rows = 0;
    while let Some((batch, taken)) = next_merged(&mut inputs).await? {
        num_rows += taken as u64;
        writer.write(&batch).await.map_err(failed)?;
    }
    writer.finish().await.map_err(failed)?;
    Ok(StagedFile {
        path: path.to_owned(),
        partition_values: Vec::new(),
        num_rows,
        size_bytes: writer.bytes_written() as u64,
        statistics: json!({"numRecords": num_rows}).to_string(),
    })
}

struct MergeInput<'r> {
    stream: ParquetRecordBatchStream<StoredParquet>,
    run: &'r Run,
    batch: Option<RecordBatch>,
    row: usize,
}

impl MergeInput<'_> {
    async fn read_on(&mut self) -> Result<()> {
        let next = self.stream.try_next().await;
        self.batch = next.map_err(|error| read_failed(&self.run.place, &self.run.path, &error))?;
        self.row = 0;
        Ok(())
    }
}

/// The rows of all inputs up to the first end of a batch, in their order.
async fn next_merged(inputs: &mut [MergeInput<'_>]) -> Result<Option<(RecordBatch, usize)>> {
    let names = |input: &MergeInput<'_>| {
        input
            .batch
            .as_ref()
            .map(|batch| batch.column(0).as_string::<i32>().clone())
    };
    let open: Vec<_> = inputs.iter().map(names).collect();
    let ends = open
        .iter()
        .flatten()
        .map(|names| names.value(names.len() - 1).to_owned());
    let Some(end) = ends.min() else {
        return Ok(None);
    };
    let mut slices = Vec::new();
    for (input, names) in inputs.iter_mut().zip(&open) {
        let (Some(batch), Some(names)) = (&input.batch, names) else {
            continue;
        };
        let mut row = input.row;
        while row < names.len() && names.value(row) <= end.as_str() {
            row += 1;
        }
        slices.push(batch.slice(input.row, row - input.row));
        input.row = row;
    }
    let broken = |error| Error::internal("cannot merge runs of the ledger").caused_by(error);
    let joined = concat_batches(&ledger_schema(), &slices).map_err(broken)?;
    let names = joined.column(0).as_string::<i32>();
    let mut order: Vec<u32> = (0..u32::try_from(joined.num_rows()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|row| names.value(*row as usize));
    let sorted = take_record_batch(&joined, &UInt32Array::from(order)).map_err(broken)?;
    for input in inputs.iter_mut() {
        if input.batch.as_ref().is_some_and(|batch| input.row >= batch.num_rows()) {
            input.read_on().await?;
        }
    }
    let num_rows = sorted.num_rows();
    Ok(Some((sorted, num_rows)))
}

fn read_failed(place: &str, path: &str, error: &ParquetError) -> Error {
    Error::new(
        Blame::Storage,
        format!("cannot read the ledger file `{place}/{path}`: {}", innermost(error)),
    )
    .with_hint("without it the job cannot know what was loaded; restore the file")
}

#[cfg(test)]
mod tests;
