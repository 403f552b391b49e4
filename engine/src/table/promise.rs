//! What a data table's commit promises to the tables beside it, and how the promise is kept.
//!
//! Two Delta tables cannot commit as one. So the files of the table of rejects and of the ledger are written first and *promised* in the
//! data table's commit; right after it, [`settle`] adds them to their tables. If the process dies in between, whoever comes next calls
//! `settle` and completes what the log promises. Both sides count promises in an application transaction, so a promise that is kept
//! twice, even by two processes at once, changes nothing.
//!
//! A load that reads rejects again promises in the same way that they go: the files that held them are taken out, and what is to
//! stay of those files is in the new ones. The promise of another load that takes the same files cannot be committed after it.

use super::commit::commit;
use super::delta::{self, ExistingTable};
use super::ledger::ledger_layout;
use super::rejects::reject_layout;
use super::warehouse::{TableFolder, TableName, Warehouse};
use super::{LoadNumber, OutputMode, ReplayedFiles, StagedLoad, TableLayout};
use crate::crash::crash_point;
use crate::error::{Blame, Error, Result};
use crate::write::StagedFile;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Application of the transaction that counts the promises kept, in a table beside a data table.
const SETTLED_APPLICATION: &str = "bucketload.settled";

/// A table beside a data table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Companion {
    /// `TABLE__rejects`
    Rejects,
    /// `TABLE__files`
    Ledger,
}

impl Companion {
    /// All of them.
    pub const ALL: [Companion; 2] = [Companion::Rejects, Companion::Ledger];

    /// The companion's own name.
    pub fn name(self, data: &TableName) -> TableName {
        match self {
            Companion::Rejects => data.rejects(),
            Companion::Ledger => data.files(),
        }
    }

    /// Application of the transaction that counts the promises in the data table.
    pub(super) fn application(self) -> &'static str {
        match self {
            Companion::Rejects => "bucketload.rejects.promised",
            Companion::Ledger => "bucketload.files.promised",
        }
    }

    /// Key of the promise in the bookkeeping of a commit.
    pub(super) fn key(self) -> &'static str {
        match self {
            Companion::Rejects => "rejects",
            Companion::Ledger => "files",
        }
    }

    /// What a load has for it.
    pub(super) fn files_of(self, load: &StagedLoad) -> &[StagedFile] {
        match self {
            Companion::Rejects => &load.reject_files,
            Companion::Ledger => load.ledger.as_ref().map_or(&[], |ledger| &ledger.files),
        }
    }

    /// Whether a load replaces it. The ledger says what is in the table; rejects belong to their job.
    pub(super) fn is_replaced_by(self, load: &StagedLoad) -> bool {
        self == Companion::Ledger && load.ledger.is_some() && load.mode != OutputMode::Append
    }

    fn layout(self) -> TableLayout {
        match self {
            Companion::Rejects => reject_layout(),
            Companion::Ledger => ledger_layout(),
        }
    }
}

/// What a data commit says about the files of a companion that belong to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Promise {
    pub(super) number: i64,
    /// Whether the files take the place of all before them.
    #[serde(default)]
    is_replacing: bool,
    pub(super) files: Vec<PromisedFile>,
    /// Paths of files that go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PromisedFile {
    pub(super) path: String,
    num_rows: u64,
    size_bytes: u64,
    statistics: String,
}

/// The promise of what a load has for a companion. `None`: it has nothing for it.
pub(super) fn promise(number: i64, load: &StagedLoad, companion: Companion) -> Option<Promise> {
    let files = companion.files_of(load);
    let is_replacing = companion.is_replaced_by(load);
    let replayed = load.replayed.as_ref().filter(|_| companion == Companion::Rejects);
    if files.is_empty() && !is_replacing && replayed.is_none() {
        return None;
    }
    let files = files
        .iter()
        .map(|file| PromisedFile {
            path: file.path.clone(),
            num_rows: file.num_rows,
            size_bytes: file.size_bytes,
            statistics: file.statistics.clone(),
        })
        .collect();
    Some(Promise {
        number,
        is_replacing,
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
        settle_one(&replayed.folder, data, Companion::Rejects).await?;
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

/// Adds to the companions what commits of their data table promise and nobody added yet.
///
/// **Cost**: two transaction look-ups for each companion when there is nothing to do.
pub async fn settle(warehouse: &Warehouse, data: &ExistingTable, name: &TableName) -> Result<()> {
    for companion in Companion::ALL {
        settle_one(&warehouse.table(&companion.name(name)), data, companion).await?;
        crash_point("after_companion");
    }
    Ok(())
}

/// Boxed, because it is called by the commit that it calls: a commit of a companion replays nothing, so that ends there.
fn settle_one<'a>(folder: &'a TableFolder, data: &'a ExistingTable, companion: Companion) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let promised = data
            .transaction_version(companion.application())
            .await?
            .unwrap_or_default();
        if promised == 0 {
            return Ok(());
        }
        let settled = match delta::open(folder).await? {
            Some(table) => num_settled(&table).await?,
            None => 0,
        };
        if settled >= promised {
            return Ok(());
        }
        let promises = promises_after(data, companion, settled, promised).await?;
        if promises.len() as i64 != promised - settled {
            tracing::warn!(
                table = %folder.name,
                "promises {} to {promised} are no longer in the log of `{}`, what they would show stays hidden",
                settled + 1,
                data.name()
            );
        }
        for (promise, job_id) in promises {
            keep(folder, companion, promise, &job_id).await?;
        }
        Ok(())
    })
}

/// Adds to a companion what was promised, unless it has this promise or a later one.
pub(super) async fn keep(folder: &TableFolder, companion: Companion, promise: Promise, job_id: &str) -> Result<()> {
    let mode = match promise.is_replacing {
        true => OutputMode::Replace,
        false => OutputMode::Append,
    };
    let number = LoadNumber {
        application: SETTLED_APPLICATION,
        version: promise.number,
    };
    let load = StagedLoad {
        files: promise.files.into_iter().map(PromisedFile::staged).collect(),
        removed: promise.removed,
        number: Some(number),
        ..StagedLoad::new(job_id, mode, companion.layout())
    };
    commit(folder, load).await.map(drop)
}

/// Number of the last promise that a companion keeps.
pub(super) async fn num_settled(companion: &ExistingTable) -> Result<i64> {
    let settled = companion.transaction_version(SETTLED_APPLICATION).await?;
    Ok(settled.unwrap_or_default())
}

/// The promises to a companion with numbers above `after`, the earliest first, each with its job.
pub(super) async fn promises_after(
    data: &ExistingTable,
    companion: Companion,
    after: i64,
    last: i64,
) -> Result<Vec<(Promise, String)>> {
    let mut promises = Vec::new();
    if last <= after {
        return Ok(promises);
    }
    let mut commits = data.bookkeeping();
    while let Some(bookkeeping) = commits.try_next().await? {
        let promise = bookkeeping.get(companion.key()).map(Promise::deserialize);
        let Some(Ok(promise)) = promise else { continue };
        if promise.number <= after {
            break;
        }
        let is_first = promise.number == after + 1;
        let job_id = bookkeeping.get("job_id").and_then(Value::as_str).unwrap_or_default();
        promises.push((promise, job_id.to_owned()));
        if is_first {
            break;
        }
    }
    promises.reverse();
    Ok(promises)
}

impl PromisedFile {
    fn staged(self) -> StagedFile {
        StagedFile {
            path: self.path,
            partition_values: Vec::new(),
            num_rows: self.num_rows,
            size_bytes: self.size_bytes,
            statistics: self.statistics,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::CommittedLoad;
    use arrow::datatypes::{DataType, Field, Schema};
    use serde_json::json;
    use std::sync::Arc;

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
            let layout = TableLayout {
                schema: Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)])),
                ..reject_layout()
            };
            let load = StagedLoad {
                files: files.iter().map(|path| staged(path)).collect(),
                reject_files: rejects.iter().map(|path| staged(path)).collect(),
                replayed: replayed.map(|path| ReplayedFiles {
                    folder: self.warehouse.table(&self.name.rejects()),
                    paths: vec![path.to_owned()],
                }),
                ..StagedLoad::new("job", OutputMode::Append, layout)
            };
            commit(&self.warehouse.table(&self.name), load).await
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
