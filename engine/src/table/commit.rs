//! Makes staged files visible: one commit of the table's log decides what readers see.
//!
//! Append adds files; replace removes the old and adds the new in the same commit. Where the load ended is written into that
//! commit too, so data and bookkeeping cannot disagree. Two jobs may append at the same time: the log's version numbers put
//! their commits in an order, and whoever comes second tries again on top of the first.
//!
//! Source: Delta Lake protocol, "Actions"; the log itself is written by `deltalake-core`.

use super::delta::{BOOKKEEPING_KEY, ExistingTable, PROPERTY_PREFIX, delta_error, open, unopened};
use super::promise::{Companion, check_listed, promise};
use super::schema::{merged_schema, table_schema};
use super::warehouse::{TableFolder, TableName};
use super::{CommittedLoad, OutputMode, RewrittenFile, StagedLoad, TableLayout};
use crate::error::{Blame, Error, Result};
use crate::write::StagedFile;
use crate::write::partition::PartitionBy;
use arrow::datatypes::Schema;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{Action, Add, Metadata, MetadataExt, Protocol, StructType, Transaction, new_metadata};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use serde_json::{Value, json};
use std::collections::HashMap;

/// How often a commit is planned anew after another job changed what it stood on.
const MAX_REPLANS: usize = 30;

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
    /// **Shape**: `None` if there is nothing to commit: replace-on-new-data without new rows, or a numbered load that is there already.
    /// **Errors**: the load no longer fits the table, or another job has loaded one of its files.
    pub async fn prepare(self, folder: &TableFolder) -> Result<Option<PreparedCommit<'_>>> {
        if self.mode == OutputMode::ReplaceOnNewData && self.files.is_empty() {
            return Ok(None);
        }
        let existing = open(folder).await?;
        if let (Some(number), Some(table)) = (&self.number, &existing)
            && table.transaction_version(number.application).await?.unwrap_or_default() >= number.version
        {
            return Ok(None);
        }
        let guard = self.ledger.as_ref().and_then(|ledger| ledger.guard.as_ref());
        if let (Some(guard), Some(table)) = (guard, &existing) {
            guard.check(table).await?;
        }
        check_fit(existing.as_ref(), &folder.name, &self.layout, self.mode, true)?;
        if let Some(replayed) = &self.replayed {
            check_listed(replayed, existing.as_ref()).await?;
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
                    let is_removed = |path: &str| {
                        self.mode != OutputMode::Append || self.removed.iter().any(|removed| removed == path)
                    };
                    let snapshot = table.table.snapshot().map_err(|error| table.failed(error))?;
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
        if let Some(table) = existing.as_ref().filter(|_| !self.rewritten.is_empty()) {
            actions.extend(self.rewrite_actions(table)?);
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

    /// Takes the files out that were rewritten, and puts what is left of them in their places.
    fn rewrite_actions(&self, table: &ExistingTable) -> Result<Vec<Action>> {
        let snapshot = table.table.snapshot().map_err(|error| table.failed(error))?;
        let mut missing: HashMap<&str, &Option<StagedFile>> = self
            .rewritten
            .iter()
            .map(|rewritten| (rewritten.path.as_str(), &rewritten.rest))
            .collect();
        let mut actions = Vec::new();
        for file in snapshot.log_data().iter() {
            let Some(rest) = missing.remove(file.path().as_ref()) else {
                continue;
            };
            let remove = file.remove_action(true);
            if let Some(rest) = rest {
                let partition_values = remove.partition_values.clone().unwrap_or_default();
                actions.push(Action::Add(Add {
                    partition_values,
                    ..add_action(rest, &self.layout)
                }));
            }
            actions.push(Action::Remove(remove));
        }
        match missing.is_empty() {
            true => Ok(actions),
            false => Err(Error::new(
                Blame::Storage,
                format!(
                    "cannot commit to table `{}`: another job rewrote its files at the same time",
                    table.name()
                ),
            )
            .with_hint("run the job again; nothing was committed")),
        }
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
        for companion in Companion::ALL {
            let last = match &self.existing {
                Some(table) => table
                    .transaction_version(companion.application())
                    .await?
                    .unwrap_or_default(),
                None => 0,
            };
            if let Some(promise) = promise(last + 1, &self.load, companion) {
                bookkeeping[companion.key()] = json!(promise);
                actions.push(Action::Txn(Transaction::new(companion.application(), last + 1)));
            }
        }
        if let Some(number) = &self.load.number {
            actions.push(Action::Txn(Transaction::new(number.application, number.version)));
        }
        let properties = CommitProperties::default().with_metadata([(BOOKKEEPING_KEY.to_owned(), bookkeeping)]);
        // What was planned on one version of the table stands on no other. The library would go on by itself: where there was no table it
        // would put this load after whatever has come first, without a look at it.
        let builder = CommitBuilder::from(properties)
            .with_max_retries(0)
            .with_actions(actions);
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
/// A store may write a commit and fail to say so, or be asked again by a client that missed its answer and then find the commit there. So
/// whatever goes wrong, the log is asked whether it has the commit.
///
/// **Errors**: after one, nothing of the load is visible, unless the error says that this is not known.
pub async fn commit(folder: &TableFolder, load: StagedLoad) -> Result<CommittedLoad> {
    let mut num_replans = 0;
    loop {
        let Some(prepared) = load.clone().prepare(folder).await? else {
            return Ok(CommittedLoad { version: None });
        };
        let planned_at = prepared.existing.as_ref().map(ExistingTable::version);
        let error = match prepared.try_commit().await {
            Ok(committed) => return Ok(committed),
            Err(error) => error,
        };
        match own_version(folder, &load, planned_at).await {
            Ok(None) => {}
            Ok(version) => {
                tracing::warn!(table = %folder.name, %error, "the commit has arrived all the same");
                return Ok(CommittedLoad { version });
            }
            Err(unknown) if error.is_retryable() => return Err(unknown),
            Err(_) => {
                let what = "it is not known whether the load is visible";
                return Err(error.with_hint(match load.replayed {
                    None => format!(
                        "{what}: `issue --resume {}` tells, and goes on if it is not",
                        load.job_id
                    ),
                    Some(_) => format!("{what}: replay again, which takes what is left"),
                }));
            }
        }
        if !error.is_retryable() || num_replans >= MAX_REPLANS {
            return Err(error);
        }
        tracing::warn!(table = %folder.name, %error, "another job came first, the commit is planned anew");
        num_replans += 1;
    }
}

/// The version that shows a load, if its commit has arrived after `planned_at`.
async fn own_version(folder: &TableFolder, load: &StagedLoad, planned_at: Option<u64>) -> Result<Option<u64>> {
    // A numbered load is found by its number when it is planned again.
    let Some(table) = open(folder).await?.filter(|_| load.number.is_none()) else {
        return Ok(None);
    };
    let is_its = |commit: &Value| commit["job_id"] == load.job_id && commit["step"] == load.bookkeeping["step"];
    table.version_of_commit(planned_at, is_its).await
}

/// Puts one file in the place of several that hold the same rows. Readers see no difference.
///
/// **Errors**: the store refused. If somebody else has taken one of the files out in the meantime, nothing is done.
pub(super) async fn merge_files(
    folder: &TableFolder,
    table: &ExistingTable,
    merged: &[RewrittenFile],
    file: StagedFile,
) -> Result<()> {
    let failed = |error| delta_error(&format!("cannot commit to table `{}`", folder.name), error).at(folder.place());
    let snapshot = table.table.snapshot().map_err(failed)?;
    let mut actions: Vec<Action> = snapshot
        .log_data()
        .iter()
        .filter(|file| merged.iter().any(|merged| merged.path == file.path()))
        .map(|file| Action::Remove(file.remove_action(false)))
        .collect();
    actions.push(Action::Add(Add {
        data_change: false,
        ..add_action(&file, &super::ledger::ledger_layout())
    }));
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: None,
        predicate: None,
    };
    let finished = CommitBuilder::default()
        .with_max_retries(0)
        .with_actions(actions)
        .build(Some(snapshot.snapshot()), table.table.log_store(), operation)
        .await;
    match finished.map_err(failed) {
        Err(error) if error.is_retryable() => {
            tracing::debug!(table = %folder.name, %error, "somebody else was faster");
            Ok(())
        }
        outcome => outcome.map(drop),
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
    // A table of an older version of this program may have columns that are required.
    let is_the_same = merged.fields().len() == existing.fields().len();
    if is_the_same && existing.fields().iter().all(|field| field.is_nullable()) {
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
