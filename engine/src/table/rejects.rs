//! The table of rejects beside a data table, shown exactly when the data is.
//!
//! Two Delta tables cannot commit as one. So the reject files are written first and *promised* in the data table's commit; right
//! after it, [`settle`] adds them to the table of rejects. If the process dies in between, whoever comes next calls `settle` and
//! completes what the log promises. Both sides count promises in a transaction of their own, so settling again changes nothing.
//!
//! A load that reads rejects again promises in the same way that they go: the files that held them are taken out, and what is to
//! stay of those files is in the new ones. The promise of another load that takes the same files cannot be committed after it.

use super::delta::{self, ExistingTable, PROMISE_APPLICATION};
use super::warehouse::{TableFolder, TableName, Warehouse, storage_error};
use super::{OutputMode, ReplayedFiles, StagedLoad, TableLayout};
use crate::error::{Blame, Error, Result};
use crate::parse::Reject;
use crate::position::Position;
use crate::write::StagedFile;
use crate::write::partition::PartitionBy;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::future::BoxFuture;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// Key of a commit's bookkeeping in the table of rejects: the number of the last promise it keeps.
const SETTLED_KEY: &str = "settled";

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
        texts(|reject| Some(&reject.record)),
        texts(|reject| reject.header.as_deref()),
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
    /// Paths of files that go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PromisedFile {
    path: String,
    num_rows: u64,
    size_bytes: u64,
    statistics: String,
}

/// The promise that `files` come and those that were replayed go, as it stands in the bookkeeping of a data commit.
pub(super) fn promise(number: i64, files: &[StagedFile], replayed: Option<&ReplayedFiles>) -> Value {
    let files = files
        .iter()
        .map(|file| PromisedFile {
            path: file.path.clone(),
            num_rows: file.num_rows,
            size_bytes: file.size_bytes,
            statistics: file.statistics.clone(),
        })
        .collect();
    json!(Promise {
        number,
        files,
        removed: replayed.map_or_else(Vec::new, |replayed| replayed.paths.clone()),
    })
}

/// Makes sure, before a commit is tried, that the rejects that a load has read again are still on the list of `data`. Another
/// load that takes them promises so in `data`, and then this commit conflicts with that.
///
/// **Errors**: they are not.
pub(super) async fn check_listed(replayed: &ReplayedFiles, data: Option<&ExistingTable>) -> Result<()> {
    if let Some(data) = data {
        settle_in(&replayed.folder, data).await?;
    }
    let listed = match delta::open(&replayed.folder).await? {
        Some(rejects) => rejects.file_paths()?,
        None => Vec::new(),
    };
    match replayed.paths.iter().all(|path| listed.contains(path)) {
        true => Ok(()),
        false => Err(Error::new(
            Blame::Storage,
            format!(
                "the rejects in `{}` were changed by another job at the same time",
                replayed.folder.name
            ),
        )
        .with_hint("replay them again; nothing was committed")),
    }
}

/// Adds to the table of rejects what commits of its data table promise and nobody added yet.
///
/// **Cost**: two transaction look-ups when there is nothing to do.
pub async fn settle(warehouse: &Warehouse, data: &ExistingTable, name: &TableName) -> Result<()> {
    settle_in(&warehouse.table(&name.rejects()), data).await
}

/// Boxed, because it is called by the commit that it calls: a commit of the table of rejects replays nothing, so that ends there.
fn settle_in<'a>(folder: &'a TableFolder, data: &'a ExistingTable) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let Some(promised) = data.transaction_version(PROMISE_APPLICATION).await? else {
            return Ok(());
        };
        let settled = match delta::open(folder).await? {
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
                replayed: None,
                removed: promise.removed,
                bookkeeping: json!({ SETTLED_KEY: promise.number }),
            };
            delta::commit(folder, load).await?;
        }
        Ok(())
    })
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
        replayed: None,
        removed: Vec::new(),
        bookkeeping: json!({}),
    };
    delta::commit(&warehouse.table(&name.rejects()), load).await.map(drop)
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

async fn last_settled(rejects: &ExistingTable) -> Result<i64> {
    let commits = rejects.bookkeeping().await?;
    Ok(commits
        .iter()
        .filter_map(|commit| commit.get(SETTLED_KEY)?.as_i64())
        .max()
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::CommittedLoad;

    fn staged(path: &str) -> StagedFile {
        StagedFile {
            path: path.to_owned(),
            partition_values: Vec::new(),
            num_rows: 1,
            size_bytes: 1,
            statistics: json!({"numRecords": 1}).to_string(),
        }
    }

    /// A warehouse with the table `d.t`, which has rows and the reject files `old` and `other`.
    struct Place {
        warehouse: Warehouse,
        name: TableName,
        _folder: tempfile::TempDir,
    }

    impl Place {
        async fn new() -> Place {
            let folder = tempfile::tempdir().unwrap();
            let location = folder.path().display().to_string();
            let place = Place {
                warehouse: Warehouse::open(&location, &tokio::runtime::Handle::current()).unwrap(),
                name: TableName::new("d", "t").unwrap(),
                _folder: folder,
            };
            place.commit(&["a"], &["old", "other"], None).await.unwrap();
            place.settle().await;
            place
        }

        /// Commits a load to the data table alone, as if the process died right after.
        async fn commit(&self, files: &[&str], rejects: &[&str], replayed: Option<&str>) -> Result<CommittedLoad> {
            let load = StagedLoad {
                job_id: "job".to_owned(),
                mode: OutputMode::Append,
                layout: TableLayout {
                    schema: Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)])),
                    ..reject_layout()
                },
                files: files.iter().map(|path| staged(path)).collect(),
                reject_files: rejects.iter().map(|path| staged(path)).collect(),
                replayed: replayed.map(|path| ReplayedFiles {
                    folder: self.warehouse.table(&self.name.rejects()),
                    paths: vec![path.to_owned()],
                }),
                removed: Vec::new(),
                bookkeeping: json!({}),
            };
            delta::commit(&self.warehouse.table(&self.name), load).await
        }

        async fn settle(&self) {
            let data = delta::open(&self.warehouse.table(&self.name)).await.unwrap().unwrap();
            settle(&self.warehouse, &data, &self.name).await.unwrap();
        }

        /// Version and files of the table of rejects.
        async fn listed(&self) -> (u64, Vec<String>) {
            let table = delta::open(&self.warehouse.table(&self.name.rejects()))
                .await
                .unwrap()
                .unwrap();
            let mut paths = table.file_paths().unwrap();
            paths.sort();
            (table.version(), paths)
        }
    }

    #[tokio::test]
    async fn a_replay_that_dies_after_its_commit_is_completed_once() {
        let place = Place::new().await;
        place.commit(&["b"], &["still"], Some("old")).await.unwrap();
        assert_eq!(place.listed().await.1, ["old", "other"], "nobody has settled yet");
        place.settle().await;
        let settled = place.listed().await;
        assert_eq!(settled.1, ["other", "still"]);
        place.settle().await;
        assert_eq!(place.listed().await, settled, "settling again changes nothing");
    }

    #[tokio::test]
    async fn a_replay_of_rejects_that_another_one_took_commits_nothing() {
        let place = Place::new().await;
        place.commit(&["b"], &[], Some("old")).await.unwrap();
        let error = place.commit(&["b again"], &[], Some("old")).await.unwrap_err();
        assert!(error.to_string().contains("changed by another job"), "{error}");
        assert!(!error.is_retryable());
        assert_eq!(
            place.listed().await.1,
            ["other"],
            "looking for the rejects has settled the first replay"
        );
        let data = delta::open(&place.warehouse.table(&place.name)).await.unwrap().unwrap();
        assert_eq!(data.file_paths().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn rejects_of_loads_in_between_stay() {
        let place = Place::new().await;
        place.commit(&["b"], &["new"], None).await.unwrap();
        place.commit(&["c"], &[], Some("old")).await.unwrap();
        place.settle().await;
        assert_eq!(place.listed().await.1, ["new", "other"]);
    }
}
