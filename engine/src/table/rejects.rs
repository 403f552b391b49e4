//! The table of rejects beside a data table, shown exactly when the data is.
//!
//! How the one follows from the other is told in [`promise`](super::promise).

use super::TableLayout;
use super::warehouse::{TableFolder, storage_error};
use crate::error::{Blame, Error, Result};
use crate::parse::Reject;
use crate::position::Position;
use crate::write::partition::PartitionBy;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::{Arc, LazyLock};

/// Columns of a table of rejects. A table that an older version made gets those it lacks with the next rejects; its rows have
/// nulls there.
pub fn reject_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("job_id", DataType::Utf8, true),
            Field::new("file", DataType::Utf8, true),
            Field::new("line", DataType::Int64, true),
            Field::new("byte_offset", DataType::Int64, true),
            Field::new("row_number", DataType::Int64, true),
            Field::new("column_name", DataType::Utf8, true),
            Field::new("value", DataType::Utf8, true),
            Field::new("reason_code", DataType::Utf8, true),
            Field::new("reason", DataType::Utf8, true),
            Field::new("record", DataType::Utf8, true),
            Field::new("header", DataType::Utf8, true),
            Field::new("record_bytes", DataType::Int64, true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Rejects as rows of [`reject_schema`]. A position that is not known (a row that a filter or the writer refused) is null.
pub fn reject_batch(job_id: &str, rejects: &[Reject]) -> Result<RecordBatch> {
    let texts =
        |of: fn(&Reject) -> Option<&str>| -> ArrayRef { Arc::new(rejects.iter().map(of).collect::<StringArray>()) };
    let numbers = |of: fn(&Position) -> Option<u64>| -> ArrayRef {
        let signed = |number: u64| i64::try_from(number).ok();
        let numbers = rejects.iter().map(|reject| of(&reject.position).and_then(signed));
        Arc::new(numbers.collect::<Int64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|_| job_id))),
        texts(|reject| Some(reject.position.file.as_ref()).filter(|file| !file.is_empty())),
        numbers(|position| Some(position.line).filter(|line| *line > 0)),
        numbers(|position| Some(position.byte).filter(|_| position.line > 0)),
        numbers(|position| Some(position.record).filter(|record| *record > 0)),
        texts(|reject| reject.column.as_deref()),
        texts(|reject| reject.value.as_deref()),
        texts(|reject| Some(reject.code.name())),
        texts(|reject| Some(&reject.reason)),
        texts(|reject| Some(&reject.record.kept)),
        texts(|reject| reject.header.as_deref()),
        Arc::new(Int64Array::from_iter_values(
            rejects.iter().map(|reject| reject.record.num_bytes as i64),
        )),
    ];
    RecordBatch::try_new(reject_schema(), columns)
        .map_err(|error| Error::internal("cannot build a batch of rejects").caused_by(error))
}

/// How every table of rejects is laid out.
pub fn reject_layout() -> TableLayout {
    TableLayout {
        schema: reject_schema(),
        partition_by: PartitionBy::None,
        partition_columns: Vec::new(),
        timezone: "UTC".to_owned(),
        time_column: None,
    }
}

/// The rows of one file of the table, in their order, with the columns of [`reject_schema`]; those that an older file lacks are null.
///
/// **Cost**: the whole file in memory, and its rows.
pub async fn read_file(folder: &TableFolder, path: &str) -> Result<Vec<RecordBatch>> {
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(Blame::Storage, format!("cannot read the rejects in `{path}`: {error}"))
            .at(folder.place())
            .caused_by(error)
    };
    let failed = |error| storage_error(&format!("cannot read the rejects in `{path}`"), error);
    let object = folder.store().get(&Path::from(path)).await.map_err(failed)?;
    let bytes = object.bytes().await.map_err(failed)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .and_then(|builder| builder.build())
        .map_err(|error| broken(error.into()))?;
    let mut batches = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| broken(error.into()))?;
        let columns: Vec<ArrayRef> = reject_schema()
            .fields()
            .iter()
            .map(|field| match batch.column_by_name(field.name()) {
                Some(column) => cast(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            })
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| broken(error.into()))?;
        batches.push(RecordBatch::try_new(reject_schema(), columns).map_err(|error| broken(error.into()))?);
    }
    Ok(batches)
}
