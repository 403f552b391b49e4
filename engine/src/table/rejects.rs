//! The table of rejects beside a data table, shown exactly when the data is.
//!
//! Two Delta tables cannot commit as one. So the reject files are written first and *promised* in the data table's commit; right
//! after it, [`settle`] adds them to the table of rejects. If the process dies in between, whoever comes next calls `settle` and
//! completes what the log promises. Both sides count promises in a transaction of their own, so settling again changes nothing.

use super::delta::{self, ExistingTable, PROMISE_APPLICATION};
use super::warehouse::{TableName, Warehouse};
use super::{OutputMode, StagedLoad, TableLayout};
use crate::error::{Error, Result};
use crate::parse::Reject;
use crate::write::StagedFile;
use crate::write::partition::PartitionBy;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// Key of a commit's bookkeeping in the table of rejects: the number of the last promise it keeps.
const SETTLED_KEY: &str = "settled";

/// Columns of a table of rejects.
pub fn reject_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("job_id", DataType::Utf8, true),
            Field::new("file", DataType::Utf8, true),
            Field::new("line", DataType::Int64, true),
            Field::new("byte_offset", DataType::Int64, true),
            Field::new("column_name", DataType::Utf8, true),
            Field::new("reason", DataType::Utf8, true),
            Field::new("record", DataType::Utf8, true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Rejects as rows of [`reject_schema`]. A position that is not known (a row that a filter or the writer refused) is null.
pub fn reject_batch(job_id: &str, rejects: &[Reject]) -> Result<RecordBatch> {
    let known = |reject: &Reject, number: u64| match reject.position.line {
        0 => None,
        _ => i64::try_from(number).ok(),
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|_| job_id))),
        Arc::new(
            rejects
                .iter()
                .map(|reject| Some(reject.position.file.as_ref()).filter(|file| !file.is_empty()))
                .collect::<StringArray>(),
        ),
        Arc::new(
            rejects
                .iter()
                .map(|reject| known(reject, reject.position.line))
                .collect::<Int64Array>(),
        ),
        Arc::new(
            rejects
                .iter()
                .map(|reject| known(reject, reject.position.byte))
                .collect::<Int64Array>(),
        ),
        Arc::new(
            rejects
                .iter()
                .map(|reject| reject.column.as_deref())
                .collect::<StringArray>(),
        ),
        Arc::new(StringArray::from_iter_values(
            rejects.iter().map(|reject| &reject.reason),
        )),
        Arc::new(StringArray::from_iter_values(
            rejects.iter().map(|reject| &reject.record),
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

/// What a data commit says about the reject files that belong to it.
#[derive(Debug, Serialize, Deserialize)]
struct Promise {
    number: i64,
    files: Vec<PromisedFile>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PromisedFile {
    path: String,
    num_rows: u64,
    size_bytes: u64,
    statistics: String,
}

/// The promise of `files`, as it stands in the bookkeeping of a data commit.
pub(super) fn promise(number: i64, files: &[StagedFile]) -> Value {
    let files = files
        .iter()
        .map(|file| PromisedFile {
            path: file.path.clone(),
            num_rows: file.num_rows,
            size_bytes: file.size_bytes,
            statistics: file.statistics.clone(),
        })
        .collect();
    json!(Promise { number, files })
}

/// Adds to the table of rejects what commits of its data table promise and nobody added yet.
///
/// **Cost**: two transaction look-ups when there is nothing to do.
pub async fn settle(warehouse: &Warehouse, data: &ExistingTable, name: &TableName) -> Result<()> {
    let Some(promised) = data.transaction_version(PROMISE_APPLICATION).await? else {
        return Ok(());
    };
    let folder = warehouse.table(&name.rejects());
    let settled = match delta::open(&folder).await? {
        Some(rejects) => last_settled(&rejects).await?,
        None => 0,
    };
    if settled >= promised {
        return Ok(());
    }
    let mut open_promises: Vec<(Promise, String)> = Vec::new();
    for bookkeeping in data.bookkeeping().await? {
        let Some(promise) = bookkeeping.get("rejects") else {
            continue;
        };
        let Ok(promise) = Promise::deserialize(promise) else {
            continue;
        };
        if promise.number <= settled {
            break;
        }
        let job_id = bookkeeping
            .get("job_id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        open_promises.push((promise, job_id));
    }
    open_promises.reverse();
    for (promise, job_id) in open_promises {
        let files = promise
            .files
            .into_iter()
            .map(|file| StagedFile {
                path: file.path,
                partition_values: Vec::new(),
                num_rows: file.num_rows,
                size_bytes: file.size_bytes,
                statistics: file.statistics,
            })
            .collect();
        let load = StagedLoad {
            job_id,
            mode: OutputMode::Append,
            layout: reject_layout(),
            files,
            reject_files: Vec::new(),
            bookkeeping: json!({ SETTLED_KEY: promise.number }),
        };
        delta::commit(&folder, load).await?;
    }
    Ok(())
}

/// Adds reject files of a load whose table has no log.
pub async fn add(warehouse: &Warehouse, name: &TableName, job_id: &str, files: Vec<StagedFile>) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let load = StagedLoad {
        job_id: job_id.to_owned(),
        mode: OutputMode::Append,
        layout: reject_layout(),
        files,
        reject_files: Vec::new(),
        bookkeeping: json!({}),
    };
    delta::commit(&warehouse.table(&name.rejects()), load).await.map(drop)
}

async fn last_settled(rejects: &ExistingTable) -> Result<i64> {
    let commits = rejects.bookkeeping().await?;
    Ok(commits
        .iter()
        .filter_map(|commit| commit.get(SETTLED_KEY)?.as_i64())
        .max()
        .unwrap_or_default())
}
