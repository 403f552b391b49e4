//! A table as a Delta Lake: one commit decides what readers see.
//!
//! Append adds files; replace removes the old and adds the new in the same commit. Where the load ended is written into that
//! commit too, so data and bookkeeping cannot disagree. Two jobs may append at the same time: the log's version numbers put
//! their commits in an order, and whoever comes second tries again on top of the first.
//!
//! Source: Delta Lake protocol, "Actions"; the log itself is read and written by `deltalake-core`.

use super::schema::{merged_schema, table_schema};
use super::warehouse::{TableFolder, TableName, storage_error};
use super::{CommittedLoad, OutputMode, StagedLoad, TableLayout};
use crate::error::{Blame, Error, Result, innermost};
use crate::write::StagedFile;
use crate::write::partition::PartitionBy;
use arrow::datatypes::{Schema, SchemaRef};
use deltalake_core::kernel::engine::arrow_conversion::{TryIntoArrow, TryIntoKernel};
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Add, Metadata, MetadataExt, Protocol, StructType, Transaction, new_metadata};
use deltalake_core::logstore::{StorageConfig, default_logstore};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError};
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::sync::Arc;

/// Key of the commit metadata under which a job's bookkeeping stands.
pub const BOOKKEEPING_KEY: &str = "bucketload";

/// Application of the transaction that counts the promises of reject files in a data table.
pub(super) const PROMISE_APPLICATION: &str = "bucketload.rejects.promised";

/// Prefix of the table properties that say how a table is laid out.
const PROPERTY_PREFIX: &str = "bucketload.";

/// How often a commit is planned anew after another job changed what it stood on.
const MAX_REPLANS: usize = 10;

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
fn unopened(folder: &TableFolder) -> DeltaTable {
    let root_store = Arc::clone(&folder.root_store);
    DeltaTable::new(default_logstore(
        folder.store(),
        root_store,
        &folder.url,
        &StorageConfig::default(),
    ))
}

impl ExistingTable {
    fn failed(&self, error: DeltaTableError) -> Error {
        delta_error(&format!("cannot read table `{}`", self.name), error).at(&self.place)
    }

    fn metadata(&self) -> Result<&Metadata> {
        Ok(self.table.snapshot().map_err(|error| self.failed(error))?.metadata())
    }

    /// Number of the version that was read.
    pub fn version(&self) -> u64 {
        self.table.version().unwrap_or_default()
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

    /// Paths of the data files, as the log has them.
    pub fn file_paths(&self) -> Result<Vec<String>> {
        let snapshot = self.table.snapshot().map_err(|error| self.failed(error))?;
        Ok(snapshot
            .log_data()
            .iter()
            .map(|file| file.path().into_owned())
            .collect())
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

    /// What our commits keep of their jobs, newest first.
    pub async fn bookkeeping(&self) -> Result<Vec<Value>> {
        let commits: Vec<_> = self
            .table
            .history(None)
            .try_collect()
            .await
            .map_err(|error| self.failed(error))?;
        Ok(commits
            .into_iter()
            .filter_map(|mut commit| commit.info.remove(BOOKKEEPING_KEY))
            .collect())
    }

    /// Whether nothing was ever loaded and the columns stand only for a table that waits for its first load.
    fn is_blank(&self) -> Result<bool> {
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

/// Checks, before anything is read from the bucket, that a load fits the table.
///
/// **Errors**: no such table and none is to be created; other partition columns; columns of another type (append only).
pub fn check_fit(
    existing: Option<&ExistingTable>,
    name: &TableName,
    layout: &TableLayout,
    mode: OutputMode,
    is_created: bool,
) -> Result<()> {
    let Some(existing) = existing else {
        if is_created {
            return Ok(());
        }
        return Err(Error::config(format!(
            "database `{}` or table `{}` doesn't exist",
            name.database, name.table
        ))
        .with_hint(format!(
            "add `--auto-create-table`, or run `bucketload table create {name}` first"
        )));
    };
    if mode != OutputMode::Append || existing.is_blank()? {
        return Ok(());
    }
    let partition_columns = existing.partition_columns()?;
    if partition_columns != layout.partition_columns {
        let words = |columns: &[String]| match columns {
            [] => "not partitioned".to_owned(),
            _ => format!("partitioned by `{}`", columns.join("`, `")),
        };
        return Err(Error::config(format!(
            "table `{name}` is {}, this load is {}",
            words(&partition_columns),
            words(&layout.partition_columns)
        ))
        .with_hint("set `out.partition_by` to the table's, or load with `--mode replace`"));
    }
    if let Some(timezone) = existing.property("timezone")?
        && timezone != layout.timezone
        && layout.partition_by != PartitionBy::None
    {
        return Err(Error::config(format!(
            "the partitions of table `{name}` are cut in `{timezone}`, those of this load in `{}`",
            layout.timezone
        ))
        .with_hint(format!("set `out.timezone: {timezone}`, or load with `--mode replace`")));
    }
    merged_schema(existing.schema()?.as_ref(), &table_schema(layout), &name.to_string()).map(drop)
}

/// A load whose commit is planned against the version of the table it was read at.
pub struct PreparedCommit<'f> {
    folder: &'f TableFolder,
    load: StagedLoad,
    existing: Option<ExistingTable>,
    actions: Vec<Action>,
}

impl StagedLoad {
    /// Plans the commit: reads the table as it is now and decides what is added, removed and changed.
    ///
    /// **Shape**: `None` if there is nothing to commit, which is so only for replace-on-new-data without new rows.
    /// **Errors**: the load no longer fits the table.
    pub async fn prepare(self, folder: &TableFolder) -> Result<Option<PreparedCommit<'_>>> {
        if self.mode == OutputMode::ReplaceOnNewData && self.files.is_empty() {
            return Ok(None);
        }
        let existing = open(folder).await?;
        check_fit(existing.as_ref(), &folder.name, &self.layout, self.mode, true)?;
        if let Some(replayed) = &self.replayed {
            super::rejects::check_listed(replayed, existing.as_ref()).await?;
        }
        let mut actions = Vec::new();
        match &existing {
            None => {
                actions.push(Action::Protocol(new_protocol()?));
                actions.push(Action::Metadata(new_table_metadata(&self.layout, &folder.name)?));
            }
            Some(table) => {
                let is_replaced = self.mode != OutputMode::Append || table.is_blank()?;
                if let Some(metadata) = changed_metadata(table, &self.layout, &folder.name, is_replaced)? {
                    actions.push(Action::Metadata(metadata));
                }
                if self.mode != OutputMode::Append || !self.removed.is_empty() {
                    let snapshot = table.table.snapshot().map_err(|error| table.failed(error))?;
                    let is_removed = |path: &str| {
                        self.mode != OutputMode::Append || self.removed.iter().any(|removed| removed == path)
                    };
                    actions.extend(
                        snapshot
                            .log_data()
                            .iter()
                            .filter(|file| is_removed(&file.path()))
                            .map(|file| Action::Remove(file.remove_action(true))),
                    );
                }
            }
        }
        for file in &self.files {
            actions.push(Action::Add(add_action(file, &self.layout)));
        }
        Ok(Some(PreparedCommit {
            folder,
            load: self,
            existing,
            actions,
        }))
    }
}

impl PreparedCommit<'_> {
    /// Writes the commit.
    ///
    /// **Errors**: another job changed what this one stands on (retryable), or the store refused; nothing is visible then.
    async fn try_commit(self) -> Result<CommittedLoad> {
        let failed = |error| {
            delta_error(&format!("cannot commit to table `{}`", self.folder.name), error).at(self.folder.place())
        };
        let mut bookkeeping = self.load.bookkeeping.clone();
        bookkeeping["job_id"] = json!(self.load.job_id);
        let mut actions = self.actions;
        if !self.load.reject_files.is_empty() || self.load.replayed.is_some() {
            let last = match &self.existing {
                Some(table) => table
                    .transaction_version(PROMISE_APPLICATION)
                    .await?
                    .unwrap_or_default(),
                None => 0,
            };
            bookkeeping["rejects"] =
                super::rejects::promise(last + 1, &self.load.reject_files, self.load.replayed.as_ref());
            actions.push(Action::Txn(Transaction::new(PROMISE_APPLICATION, last + 1)));
        }
        let properties = CommitProperties::default().with_metadata([(BOOKKEEPING_KEY.to_owned(), bookkeeping)]);
        let builder = CommitBuilder::from(properties).with_actions(actions);
        let operation = DeltaOperation::Write {
            mode: if self.load.mode == OutputMode::Append {
                SaveMode::Append
            } else {
                SaveMode::Overwrite
            },
            partition_by: Some(self.load.layout.partition_columns.clone()).filter(|columns| !columns.is_empty()),
            predicate: None,
        };
        let finished = match &self.existing {
            Some(existing) => {
                let snapshot = existing.table.snapshot().map_err(failed)?;
                let log_store = existing.table.log_store();
                builder.build(Some(snapshot.snapshot()), log_store, operation).await
            }
            None => builder.build(None, unopened(self.folder).log_store(), operation).await,
        };
        Ok(CommittedLoad {
            version: Some(finished.map_err(failed)?.version()),
        })
    }
}

/// Makes a staged load visible, planning anew when another job came first.
///
/// **Errors**: after one, nothing of the load is visible.
pub async fn commit(folder: &TableFolder, load: StagedLoad) -> Result<CommittedLoad> {
    let mut num_replans = 0;
    loop {
        let Some(prepared) = load.clone().prepare(folder).await? else {
            return Ok(CommittedLoad { version: None });
        };
        match prepared.try_commit().await {
            Err(error) if error.is_retryable() && num_replans < MAX_REPLANS => {
                tracing::warn!(table = %folder.name, %error, "another job came first, the commit is planned anew");
                num_replans += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Makes an empty table.
///
/// **Errors**: there is one already.
pub async fn create(folder: &TableFolder, layout: &TableLayout, is_blank: bool) -> Result<()> {
    if open(folder).await?.is_some() {
        return Err(Error::config(format!("table `{}` exists already", folder.name)));
    }
    let failed = |error| delta_error(&format!("cannot create table `{}`", folder.name), error).at(folder.place());
    let mut metadata = new_table_metadata(layout, &folder.name)?;
    if is_blank {
        metadata = metadata
            .add_config_key(format!("{PROPERTY_PREFIX}blank"), "true".to_owned())
            .map_err(|error| Error::internal("cannot write a metadata action").caused_by(error))?;
    }
    let protocol = new_protocol()?;
    let operation = DeltaOperation::Create {
        mode: SaveMode::ErrorIfExists,
        location: folder.url.clone(),
        protocol: protocol.clone(),
        metadata: metadata.clone(),
    };
    CommitBuilder::default()
        .with_max_retries(0)
        .with_actions(vec![Action::Protocol(protocol), Action::Metadata(metadata)])
        .build(None, unopened(folder).log_store(), operation)
        .await
        .map_err(failed)?;
    Ok(())
}

/// The least that every reader understands.
fn new_protocol() -> Result<Protocol> {
    serde_json::from_value(json!({"minReaderVersion": 1, "minWriterVersion": 2}))
        .map_err(|error| Error::internal("cannot write a protocol action").caused_by(error))
}

fn kernel_schema(schema: &Schema) -> Result<StructType> {
    schema.try_into_kernel().map_err(|error| {
        Error::config("a column has a type that a table cannot hold")
            .with_hint("cast it in a `sql` filter, for example to `VARCHAR`")
            .caused_by(error)
    })
}

fn layout_properties(layout: &TableLayout) -> Vec<(String, String)> {
    let mut properties = vec![
        (
            format!("{PROPERTY_PREFIX}partition_by"),
            layout.partition_by.name().to_owned(),
        ),
        (format!("{PROPERTY_PREFIX}timezone"), layout.timezone.clone()),
    ];
    if let Some(time_column) = &layout.time_column {
        properties.push((format!("{PROPERTY_PREFIX}time_column"), time_column.clone()));
    }
    properties
}

fn new_table_metadata(layout: &TableLayout, name: &TableName) -> Result<Metadata> {
    new_metadata(
        &kernel_schema(&table_schema(layout))?,
        layout.partition_columns.clone(),
        layout_properties(layout),
    )
    .and_then(|metadata| metadata.with_name(name.table.clone()))
    .map_err(|error| Error::internal("cannot write a metadata action").caused_by(error))
}

/// The table's metadata after the load, if it changes.
fn changed_metadata(
    table: &ExistingTable,
    layout: &TableLayout,
    name: &TableName,
    is_replaced: bool,
) -> Result<Option<Metadata>> {
    let wrong = |error| Error::internal("cannot write a metadata action").caused_by(error);
    let current = table.metadata()?;
    if is_replaced {
        let metadata = new_table_metadata(layout, name)?
            .with_table_id(current.id().to_owned())
            .map_err(wrong)?;
        return Ok(Some(metadata));
    }
    let existing = table.schema()?;
    let merged = merged_schema(&existing, &table_schema(layout), &name.to_string())?;
    if merged.fields().len() == existing.fields().len() {
        return Ok(None);
    }
    current
        .clone()
        .with_schema(&kernel_schema(&merged)?)
        .map(Some)
        .map_err(wrong)
}

fn add_action(file: &StagedFile, layout: &TableLayout) -> Add {
    let is_number = |column: &str| match layout.partition_by {
        PartitionBy::Hour => layout.partition_columns.last().is_some_and(|last| last == column),
        PartitionBy::Year => true,
        PartitionBy::Day | PartitionBy::Month | PartitionBy::None => false,
    };
    let partition_values = file
        .partition_values
        .iter()
        .map(|(column, value)| {
            // Folders pad numbers so that they sort; the log holds the number.
            let value = match (is_number(column), value.parse::<i32>()) {
                (true, Ok(number)) => number.to_string(),
                _ => value.clone(),
            };
            (column.clone(), Some(value))
        })
        .collect();
    Add {
        path: file.path.clone(),
        partition_values,
        size: i64::try_from(file.size_bytes).unwrap_or(i64::MAX),
        modification_time: jiff::Timestamp::now().as_millisecond(),
        data_change: true,
        stats: Some(file.statistics.clone()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
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
