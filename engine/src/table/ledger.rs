//! The ledger: a table beside a data table that remembers every file that was loaded into it.
//!
//! Each load adds one file of rows, sorted by the files' names, so that reading the ledger in their order is a merge of few runs
//! (see [`runs`](super::runs)). Rows are never changed: a file that is loaded again gets another row with a higher sequence, and the
//! one with the highest counts. The sequence is one more than what the job saw when it read the ledger, so it grows from version to
//! version of a file whatever the clocks say.

use super::TableLayout;
use super::delta::ExistingTable;
use super::promise::{Companion, promises_after};
use super::runs::Run;
use super::stored_parquet::new_file;
use super::warehouse::{TableFolder, TableName};
use crate::error::{Blame, Error, Result, innermost};
use crate::source::file::{FileList, SourceFile};
use crate::source::known::KnownFile;
use crate::write::StagedFile;
use crate::write::partition::PartitionBy;
use arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::json;
use std::sync::{Arc, LazyLock};

/// Rows of a batch of the ledger, read or written: a few hundred KB.
pub(super) const BATCH_ROWS: usize = 2_048;

/// Rows of a row group: the least that is read to find one file, and what each cursor holds. Its pages take some hundred KB.
const ROW_GROUP_ROWS: usize = 16_384;

/// Columns of a ledger.
pub fn ledger_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
        Arc::new(Schema::new(vec![
            Field::new("file", DataType::Utf8, true),
            Field::new("key", DataType::Utf8, true),
            Field::new("etag", DataType::Utf8, true),
            Field::new("size", DataType::Int64, true),
            Field::new("modified", time(), true),
            Field::new("rows", DataType::Int64, true),
            Field::new("job_id", DataType::Utf8, true),
            Field::new("loaded_at", time(), true),
            Field::new("sequence", DataType::Int64, true),
            Field::new("file_column", DataType::Utf8, true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// How every ledger is laid out.
pub fn ledger_layout() -> TableLayout {
    TableLayout {
        schema: ledger_schema(),
        partition_by: PartitionBy::None,
        partition_columns: Vec::new(),
        timezone: "UTC".to_owned(),
        time_column: None,
    }
}

/// How files of a ledger are encoded. Neighbouring names have most in common, which the encoding of names makes use of.
pub(super) fn ledger_properties() -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("1 is a level of zstd");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_truncate_length(None)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled("file".into(), EnabledStatistics::Chunk)
        .set_column_dictionary_enabled("file".into(), false)
        .set_column_encoding("file".into(), Encoding::DELTA_BYTE_ARRAY)
        .set_column_dictionary_enabled("key".into(), false)
        .set_column_encoding("key".into(), Encoding::DELTA_BYTE_ARRAY)
        .set_column_dictionary_enabled("etag".into(), false)
        .build()
}

/// What all entries of one job have in common.
#[derive(Clone, Debug)]
pub struct LedgerJob {
    /// The job.
    pub job_id: String,
    /// When it started; microseconds since the epoch.
    pub loaded_at_micros: i64,
    /// One more than what it saw.
    pub sequence: i64,
    /// Column of the table that holds the file of each row; `None`: there is none.
    pub file_column: Option<String>,
}

/// Writes the entries of one load, in the order of the files' names, to a staged file.
pub struct LedgerWriter {
    writer: AsyncArrowWriter<BufWriter>,
    path: String,
    job: LedgerJob,
    columns: Columns,
    num_rows: u64,
    place: String,
}

#[derive(Default)]
struct Columns {
    file: StringBuilder,
    key: StringBuilder,
    etag: StringBuilder,
    size: Int64Builder,
    modified: TimestampMicrosecondBuilder,
    rows: Int64Builder,
    num_rows: usize,
}

impl LedgerWriter {
    /// A file of the ledger in `folder`.
    pub fn new(folder: &TableFolder, path: String, job: LedgerJob) -> Result<LedgerWriter> {
        let store = new_file(folder.store(), &path);
        let place = folder.place();
        let writer = AsyncArrowWriter::try_new(store, ledger_schema(), Some(ledger_properties()))
            .map_err(|error| write_failed(&place, &error))?;
        Ok(LedgerWriter {
            writer,
            path,
            job,
            columns: Columns::default(),
            num_rows: 0,
            place,
        })
    }

    /// Adds a file; `name` is how users know it.
    pub async fn push(&mut self, name: &str, file: &SourceFile, num_rows: u64) -> Result<()> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let columns = &mut self.columns;
        columns.file.append_value(name);
        columns.key.append_value(&file.key);
        columns.etag.append_option(file.etag.as_deref());
        columns.size.append_value(signed(file.size_bytes));
        columns.modified.append_value(file.modified_micros);
        columns.rows.append_value(signed(num_rows));
        columns.num_rows += 1;
        self.num_rows += 1;
        if columns.num_rows >= BATCH_ROWS {
            self.write_batch().await?;
        }
        Ok(())
    }

    async fn write_batch(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.columns).batch(&self.job)?;
        self.writer
            .write(&batch)
            .await
            .map_err(|error| write_failed(&self.place, &error))
    }

    /// Completes the file; `None`: nothing was added, and nothing is left.
    pub async fn finish(mut self) -> Result<Option<StagedFile>> {
        if self.num_rows == 0 {
            return Ok(None);
        }
        if self.columns.num_rows > 0 {
            self.write_batch().await?;
        }
        let failed = |error| write_failed(&self.place, &error);
        self.writer.finish().await.map_err(failed)?;
        Ok(Some(StagedFile {
            path: self.path,
            partition_values: Vec::new(),
            num_rows: self.num_rows,
            size_bytes: self.writer.bytes_written() as u64,
            statistics: json!({"numRecords": self.num_rows}).to_string(),
        }))
    }
}

impl Columns {
    fn batch(mut self, job: &LedgerJob) -> Result<RecordBatch> {
        let num_rows = self.num_rows;
        let text = |value: Option<&str>| {
            let mut column = StringBuilder::new();
            (0..num_rows).for_each(|_| column.append_option(value));
            Arc::new(column.finish()) as ArrayRef
        };
        let mut loaded_at = TimestampMicrosecondBuilder::new();
        loaded_at.append_value_n(job.loaded_at_micros, num_rows);
        let mut sequence = Int64Builder::new();
        sequence.append_value_n(job.sequence, num_rows);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.file.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.etag.finish()),
            Arc::new(self.size.finish()),
            Arc::new(self.modified.finish().with_timezone("UTC")),
            Arc::new(self.rows.finish()),
            text(Some(&job.job_id)),
            Arc::new(loaded_at.finish().with_timezone("UTC")),
            Arc::new(sequence.finish()),
            text(job.file_column.as_deref()),
        ];
        RecordBatch::try_new(ledger_schema(), columns)
            .map_err(|error| Error::internal("cannot build a batch of the ledger").caused_by(error))
    }
}

pub(super) fn write_failed(place: &str, error: &parquet::errors::ParquetError) -> Error {
    Error::new(
        Blame::Storage,
        format!("cannot write the ledger in `{place}`: {}", innermost(error)),
    )
    .with_hint("check that the warehouse can be written to; nothing was committed")
}

/// The ledger as it was when a job read it.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Its runs, each in the order of the files' names.
    pub runs: Arc<Vec<Run>>,
    /// The last promise to it in the log of its data table.
    pub promised: i64,
}

impl Ledger {
    /// That of a table that does not exist yet.
    pub fn empty() -> Ledger {
        Ledger {
            runs: Arc::default(),
            promised: 0,
        }
    }

    /// Number of the last promise to the ledger of a table.
    pub async fn promised(data: &ExistingTable) -> Result<i64> {
        let promised = data.transaction_version(Companion::Ledger.application()).await?;
        Ok(promised.unwrap_or_default())
    }
}

/// Reads back the files that a [`LedgerWriter`] wrote, in its order.
pub async fn read_files(folder: &TableFolder, path: &str) -> Result<FileList> {
    let mut files = FileList::default();
    let mut entries = Run::open(folder, path).await?.entries()?;
    while let Some(entry) = entries.next().await? {
        files.push(&SourceFile {
            key: entry.key.into(),
            size_bytes: entry.size_bytes,
            modified_micros: entry.modified_micros,
            etag: entry.etag.map(Into::into),
        });
    }
    Ok(files)
}

/// Makes sure that no other job has loaded the same files since a job read the ledger.
#[derive(Clone, Debug)]
pub struct LedgerGuard {
    /// The last promise that the job has seen.
    pub seen: i64,
    /// Folder of the ledger.
    pub folder: TableFolder,
    /// The job, whose earlier commits do not count.
    pub job_id: String,
    /// The job's own entries.
    pub own: Vec<StagedFile>,
}

impl LedgerGuard {
    /// Compares the job's files with those of every load since.
    ///
    /// **Errors**: another job has loaded one of them.
    /// **Cost**: nothing unless other jobs have committed; then their entries are read once, beside the job's own.
    pub(super) async fn check(&self, data: &ExistingTable) -> Result<()> {
        let promised = Ledger::promised(data).await?;
        let promises = promises_after(data, Companion::Ledger, self.seen, promised).await?;
        for (promise, job_id) in promises {
            if job_id == self.job_id {
                continue;
            }
            for other in &promise.files {
                let other = Run::open(&self.folder, &other.path).await?;
                for own in &self.own {
                    let own = Run::open(&self.folder, &own.path).await?;
                    if let Some(file) = own.first_in_common(&other).await? {
                        return Err(taken(data.name(), &file, &job_id));
                    }
                }
            }
        }
        Ok(())
    }
}

fn taken(name: &TableName, file: &str, job_id: &str) -> Error {
    Error::new(
        Blame::Storage,
        format!("cannot commit to table `{name}`: job {job_id} has loaded `{file}` in the meantime"),
    )
    .with_hint("run the job again; nothing was committed, and it will load what is left")
}

/// One entry, as far as a comparison needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: i64,
    pub(super) known: KnownFile,
}
