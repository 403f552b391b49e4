//! Takes the rows of old versions of files out of a table's files: each that holds some is written again without them.
//!
//! Only files whose bounds allow for a wanted value are looked into, and of those first the one column alone. So little is read where a
//! file's rows lie together, as those of one load do; in the worst case, when every file of the table holds rows of the versions
//! that go, all of it is written again.

use crate::error::{Blame, Error, Result, innermost};
use crate::table::RewrittenFile;
use crate::table::delta::ExistingTable;
use crate::table::stored_parquet::{StoredParquet, new_file};
use crate::table::warehouse::TableFolder;
use crate::write::StagedFile;
use crate::write::statistics::delta_statistics;
use arrow::array::{Array, AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use futures::TryStreamExt;
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::arrow::{AsyncArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeSet;

/// Rows read at a time.
const BATCH_ROWS: usize = 8_192;

/// The files of `table` that hold a row whose `column` is one of `values`, each with what is left of it.
///
/// **Shape**: new files are staged, under names with `attempt`.
/// **Errors**: a file cannot be read or written; what was staged stays, listed nowhere.
pub(super) async fn rewrite_without(
    table: &ExistingTable,
    folder: &TableFolder,
    attempt: &str,
    column: &str,
    values: &BTreeSet<String>,
) -> Result<Vec<RewrittenFile>> {
    let mut rewritten = Vec::new();
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return Ok(rewritten);
    };
    for path in table.paths_of_files_between(column, first, last)? {
        let file = OldFile {
            folder,
            path: &path,
            column,
            values,
        };
        if !file.has_any().await? {
            continue;
        }
        let new_path = beside(&path, &format!("{attempt}-rest-{}.parquet", rewritten.len()));
        let time_column = table.property("time_column")?;
        let rest = file.write_rest(&new_path, time_column.as_deref()).await?;
        tracing::debug!(
            file = path,
            is_empty = rest.is_none(),
            "rows of old versions are taken out"
        );
        rewritten.push(RewrittenFile { path, rest });
    }
    Ok(rewritten)
}

/// The same folder, another name.
fn beside(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

struct OldFile<'a> {
    folder: &'a TableFolder,
    path: &'a str,
    column: &'a str,
    values: &'a BTreeSet<String>,
}

impl OldFile<'_> {
    fn failed(&self, error: &ParquetError) -> Error {
        Error::new(
            Blame::Storage,
            format!(
                "cannot read `{}/{}`: {}",
                self.folder.place(),
                self.path,
                innermost(error)
            ),
        )
        .with_hint("nothing was committed")
    }

    async fn builder(&self) -> Result<ParquetRecordBatchStreamBuilder<StoredParquet>> {
        let file = StoredParquet::find(self.folder.store(), self.path).await;
        let file = file.map_err(|error| self.failed(&error))?;
        let builder = ParquetRecordBatchStreamBuilder::new(file).await;
        Ok(builder
            .map_err(|error| self.failed(&error))?
            .with_batch_size(BATCH_ROWS))
    }

    /// Whether each row of a column stays.
    fn staying(&self, column: &dyn Array) -> Result<BooleanArray> {
        let is_kept = |value: Option<&str>| Some(value.is_none_or(|value| !self.values.contains(value)));
        match column.data_type() {
            DataType::Utf8 => Ok(column.as_string::<i32>().iter().map(is_kept).collect()),
            DataType::LargeUtf8 => Ok(column.as_string::<i64>().iter().map(is_kept).collect()),
            DataType::Utf8View => Ok(column.as_string_view().iter().map(is_kept).collect()),
            other => Err(Error::config(format!(
                "column `{}` has the type `{other}`, so rows cannot be told by their files",
                self.column
            ))),
        }
    }

    async fn has_any(&self) -> Result<bool> {
        let builder = self.builder().await?;
        if builder.schema().index_of(self.column).is_err() {
            return Ok(false);
        }
        let projection = ProjectionMask::columns(builder.parquet_schema(), [self.column]);
        let stream = builder.with_projection(projection).build();
        let mut stream = stream.map_err(|error| self.failed(&error))?;
        while let Some(batch) = stream.try_next().await.map_err(|error| self.failed(&error))? {
            if self.staying(batch.column(0))?.false_count() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn write_rest(&self, new_path: &str, time_column: Option<&str>) -> Result<Option<StagedFile>> {
        let builder = self.builder().await?;
        let schema: SchemaRef = builder.schema().clone();
        let compression = builder
            .metadata()
            .row_groups()
            .first()
            .map(|group| group.column(0).compression());
        let properties = WriterProperties::builder()
            .set_compression(compression.unwrap_or(Compression::SNAPPY))
            .set_statistics_truncate_length(None)
            .build();
        let mut stream = builder.build().map_err(|error| self.failed(&error))?;
        let store = new_file(self.folder.store(), new_path);
        let mut writer =
            AsyncArrowWriter::try_new(store, schema.clone(), Some(properties)).map_err(|error| self.failed(&error))?;
        let index = schema
            .index_of(self.column)
            .map_err(|error| Error::internal("a column that was looked into is gone").caused_by(error))?;
        let mut num_rows = 0;
        while let Some(batch) = stream.try_next().await.map_err(|error| self.failed(&error))? {
            let staying = self.staying(batch.column(index))?;
            let rest = filter_record_batch(&batch, &staying)
                .map_err(|error| Error::internal("cannot take rows out of a batch").caused_by(error))?;
            num_rows += rest.num_rows() as u64;
            if rest.num_rows() > 0 {
                writer.write(&rest).await.map_err(|error| self.failed(&error))?;
            }
        }
        if num_rows == 0 {
            // Nothing was sent yet, so dropping the writer leaves nothing.
            return Ok(None);
        }
        let metadata = writer.finish().await.map_err(|error| self.failed(&error))?;
        Ok(Some(StagedFile {
            path: new_path.to_owned(),
            partition_values: Vec::new(),
            num_rows,
            size_bytes: writer.bytes_written() as u64,
            statistics: delta_statistics(&metadata, time_column),
        }))
    }
}
