//! A table as a Delta Lake: what its log says.
//!
//! Source: Delta Lake protocol, "Actions"; the log itself is read by `deltalake-core`.

use super::warehouse::{TableFolder, TableName, storage_error};
use crate::error::{Blame, Error, Result, innermost};
use arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::kernel::Metadata;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake_core::kernel::transaction::TransactionError;
use deltalake_core::logstore::{StorageConfig, default_logstore};
use deltalake_core::{DeltaTable, DeltaTableError};
use futures::future::ready;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use std::collections::HashSet;
use std::future::IntoFuture;
use std::sync::Arc;

/// Key of the commit metadata under which a job's bookkeeping stands.
pub const BOOKKEEPING_KEY: &str = "bucketload";

/// Prefix of the table properties that say how a table is laid out.
pub(super) const PROPERTY_PREFIX: &str = "bucketload.";

/// A table that exists.
#[derive(Clone, Debug)]
pub struct ExistingTable {
    pub(super) table: DeltaTable,
    name: TableName,
    place: String,
}

/// Opens the log of a table; `None` if there is none.
///
/// **Errors**: the store refused, or the log cannot be read.
pub async fn open(folder: &TableFolder) -> Result<Option<ExistingTable>> {
    let mut table = unopened(folder);
    let failed = |error| delta_error(&format!("cannot read table `{}`", folder.name), error).at(folder.place());
    if !table.log_store().is_delta_table_location().await.map_err(failed)? {
        return Ok(None);
    }
    table.load().await.map_err(failed)?;
    Ok(Some(ExistingTable {
        table,
        name: folder.name.clone(),
        place: folder.place(),
    }))
}

/// A handle on the folder, whether or not a log is in it. The log is written by conditional puts, which the local file system
/// and S3 both have.
pub(super) fn unopened(folder: &TableFolder) -> DeltaTable {
    let root_store = Arc::clone(&folder.root_store);
    DeltaTable::new(default_logstore(
        folder.store(),
        root_store,
        &folder.url,
        &StorageConfig::default(),
    ))
}

impl ExistingTable {
    pub(super) fn failed(&self, error: DeltaTableError) -> Error {
        delta_error(&format!("cannot read table `{}`", self.name), error).at(&self.place)
    }

    pub(super) fn metadata(&self) -> Result<&Metadata> {
        Ok(self.table.snapshot().map_err(|error| self.failed(error))?.metadata())
    }

    /// Number of the version that was read.
    pub fn version(&self) -> u64 {
        self.table.version().unwrap_or_default()
    }

    /// Database and name.
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// Where the table is, as users know it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The library's own handle, to be queried.
    pub fn delta_table(&self) -> &DeltaTable {
        &self.table
    }

    /// All columns, partition columns included, in the order the log gives them.
    pub fn schema(&self) -> Result<SchemaRef> {
        let snapshot = self.table.snapshot().map_err(|error| self.failed(error))?;
        let schema: Schema = snapshot.schema().as_ref().try_into_arrow().map_err(|error| {
            Error::new(
                Blame::Storage,
                format!("cannot read the schema of table `{}`", self.name),
            )
            .caused_by(error)
        })?;
        Ok(Arc::new(schema))
    }

    /// Names of the partition columns, outermost first.
    pub fn partition_columns(&self) -> Result<Vec<String>> {
        Ok(self.metadata()?.partition_columns().to_vec())
    }

    /// A property that a load of ours left, by its name without our prefix.
    pub fn property(&self, name: &str) -> Result<Option<String>> {
        Ok(self
            .metadata()?
            .configuration()
            .get(&format!("{PROPERTY_PREFIX}{name}"))
            .cloned())
    }

    /// Files, rows (where every file tells) and bytes of the version that was read.
    pub fn totals(&self) -> Result<TableTotals> {
        let snapshot = self.table.snapshot().map_err(|error| self.failed(error))?;
        let mut totals = TableTotals {
            num_files: 0,
            num_rows: Some(0),
            size_bytes: 0,
        };
        for file in snapshot.log_data().iter() {
            totals.num_files += 1;
            totals.size_bytes += u64::try_from(file.size()).unwrap_or_default();
            totals.num_rows = match (totals.num_rows, file.num_records()) {
                (Some(sum), Some(num_rows)) => Some(sum + num_rows as u64),
                _ => None,
            };
        }
        Ok(totals)
    }

    /// Paths of files that a later version has taken out, but for those that it did at least so long ago.
    pub async fn recently_removed(&self, older_than: jiff::SignedDuration) -> Result<Vec<String>> {
        let removed = self.removed_before(jiff::SignedDuration::ZERO).await?;
        let long_ago: HashSet<String> = self.removed_before(older_than).await?.into_iter().collect();
        Ok(removed.into_iter().filter(|path| !long_ago.contains(path)).collect())
    }

    async fn removed_before(&self, age: jiff::SignedDuration) -> Result<Vec<String>> {
        let age = chrono::Duration::milliseconds(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let asked = self.table.clone().vacuum().with_retention_period(age);
        let asked = asked
            .with_enforce_retention_duration(false)
            .with_dry_run(true)
            .into_future();
        let (_, answer) = asked.await.map_err(|error| self.failed(error))?;
        Ok(answer.files_deleted)
    }

    /// Paths of the files that may have a value of a text column within bounds, as far as their statistics tell.
    pub fn paths_of_files_between(&self, column: &str, first: &str, last: &str) -> Result<Vec<String>> {
        let snapshot = self.table.snapshot().map_err(|error| self.failed(error))?;
        let mut paths = Vec::new();
        for file in snapshot.log_data().iter() {
            let statistics: Value = file
                .stats()
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default();
            let bound = |name: &str| statistics[name][column].as_str().map(str::to_owned);
            // Bounds may be cut; one that is a beginning of the value says nothing against it.
            let is_below = bound("maxValues").is_some_and(|max| max.as_str() < first && !first.starts_with(&max));
            let is_above = bound("minValues").is_some_and(|min| min.as_str() > last);
            if !is_below && !is_above {
                paths.push(file.path().to_string());
            }
        }
        Ok(paths)
    }

    /// The version of an application's last transaction.
    pub(super) async fn transaction_version(&self, application: &str) -> Result<Option<i64>> {
        let snapshot = self.table.snapshot().map_err(|error| self.failed(error))?;
        let log_store = self.table.log_store();
        snapshot
            .transaction_version(log_store.as_ref(), application)
            .await
            .map_err(|error| self.failed(error))
    }

    /// What our commits keep of their jobs, newest first, as far as somebody reads on.
    pub fn bookkeeping(&self) -> BoxStream<'_, Result<Value>> {
        let commits = self.table.history(None).map_err(|error| self.failed(error));
        commits
            .try_filter_map(|mut commit| ready(Ok(commit.info.remove(BOOKKEEPING_KEY))))
            .boxed()
    }

    /// The version that a commit of ours made, told by its bookkeeping, if that came after `version`. `None`: there is none such.
    pub(super) async fn version_of_commit(
        &self,
        version: Option<u64>,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Option<u64>> {
        let num_after = match version {
            Some(version) => self.version().saturating_sub(version),
            None => self.version() + 1,
        };
        let commits = self
            .table
            .history(usize::try_from(num_after).ok())
            .map_err(|error| self.failed(error));
        let mut commits = commits
            .enumerate()
            .take(usize::try_from(num_after).unwrap_or(usize::MAX));
        while let Some((index, commit)) = commits.next().await {
            if commit?.info.get(BOOKKEEPING_KEY).is_some_and(&is_it) {
                return Ok(self.version().checked_sub(index as u64));
            }
        }
        Ok(None)
    }

    /// Paths of the files of the version that was read, as the log has them.
    pub fn file_paths(&self) -> Result<Vec<String>> {
        let snapshot = self.table.snapshot().map_err(|error| self.failed(error))?;
        Ok(snapshot.log_data().iter().map(|file| file.path().to_string()).collect())
    }

    /// Whether nothing was ever loaded and the columns stand only for a table that waits for its first load.
    pub(super) fn is_blank(&self) -> Result<bool> {
        Ok(self.property("blank")?.is_some() && self.totals()?.num_files == 0)
    }
}

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableTotals {
    /// Data files.
    pub num_files: u64,
    /// Rows; `None` if some file does not tell.
    pub num_rows: Option<u64>,
    /// Bytes of the data files.
    pub size_bytes: u64,
}

/// Wraps an answer of the library.
pub(super) fn delta_error(message: &str, error: DeltaTableError) -> Error {
    match error {
        DeltaTableError::ObjectStore { source } => storage_error(message, source),
        DeltaTableError::Transaction {
            source: source @ (TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_)),
        } => Error::new(
            Blame::Storage,
            format!("{message}: another job changed it at the same time"),
        )
        .with_hint("run the job again; nothing was committed")
        .retryable(true)
        .caused_by(source),
        DeltaTableError::VersionAlreadyExists(version) => {
            Error::new(Blame::Storage, format!("{message}: another job took version {version}"))
                .with_hint("run the job again; nothing was committed")
                .retryable(true)
        }
        other => Error::new(Blame::Storage, format!("{message}: {}", innermost(&other))).caused_by(other),
    }
}
