//! Makes staged files visible as a table, all or nothing.
//!
//! A load goes through three values, each consuming the one before: [`StagedLoad`] (files written, nobody sees them),
//! [`commit::PreparedCommit`] (what the commit will say) and [`CommittedLoad`]. Only the last is success; any step before it may
//! die and be repeated.
//!
//! Reading order: [`warehouse`] (where tables live) with [`local`] (its files, if they are local), [`schema`] (what a table's columns are), [`delta`] (the log), [`commit`];
//! [`promise`] (what a commit promises to the tables beside it), [`rejects`] and [`ledger`] (these tables) with [`runs`] (the ledger
//! read in the order of its files) on top of [`stored_parquet`];
//! [`plain`] (bare files, with a log of ours); [`unfinished`] (what a dead process was about to write).

pub mod commit;
pub mod delta;
pub mod ledger;
mod local;
pub mod plain;
pub mod promise;
pub mod rejects;
pub mod runs;
pub mod schema;
pub mod stored_parquet;
pub mod unfinished;
pub mod warehouse;

use crate::write::StagedFile;
use crate::write::partition::PartitionBy;
use arrow::datatypes::SchemaRef;
use ledger::LedgerGuard;
use std::sync::Arc;
use warehouse::TableFolder;

/// What happens to the rows already there; the words of `out.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputMode {
    /// They stay.
    #[default]
    Append,
    /// They go, in the same commit that brings the new ones, even if there are none.
    Replace,
    /// They go if there are new ones; otherwise nothing happens.
    ReplaceOnNewData,
}

impl OutputMode {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            OutputMode::Append => "append",
            OutputMode::Replace => "replace",
            OutputMode::ReplaceOnNewData => "replace_on_new_data",
        }
    }
}

/// How a table is laid out in folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLayout {
    /// Columns of the files, without the partition columns.
    pub schema: SchemaRef,
    /// Width of a partition.
    pub partition_by: PartitionBy,
    /// Names of the partition columns, outermost first.
    pub partition_columns: Vec<String>,
    /// IANA name of the zone in which partitions are cut.
    pub timezone: String,
    /// The column partitions are made of.
    pub time_column: Option<String>,
}

/// A load whose files are all written.
#[derive(Clone, Debug)]
pub struct StagedLoad {
    /// The job.
    pub job_id: String,
    /// What happens to the rows already there.
    pub mode: OutputMode,
    /// How the new files are laid out.
    pub layout: TableLayout,
    /// The new files.
    pub files: Vec<StagedFile>,
    /// Files whose rows went in part, for the sake of others that take their place.
    pub rewritten: Vec<RewrittenFile>,
    /// Files of the table of rejects, to be shown exactly when the new files are.
    pub reject_files: Vec<StagedFile>,
    /// Files of the table of rejects that go exactly when the new files come: the load has read their records again.
    pub replayed: Option<ReplayedFiles>,
    /// Paths of files that the commit takes out of this table.
    pub removed: Vec<String>,
    /// What the ledger gets, likewise; `None`: the table has none.
    pub ledger: Option<LedgerLoad>,
    /// The number of a load that must be there once, however often it is tried.
    pub number: Option<LoadNumber>,
    /// What the table's log keeps of the job: where the next run goes on, counts.
    pub bookkeeping: serde_json::Value,
}

/// Files of the table of rejects whose records were read again. What is to stay of them is among the new reject files.
#[derive(Clone, Debug)]
pub struct ReplayedFiles {
    /// The table of rejects.
    pub folder: TableFolder,
    /// Their paths.
    pub paths: Vec<String>,
}

impl StagedLoad {
    /// A load of nothing, to be filled.
    pub fn new(job_id: &str, mode: OutputMode, layout: TableLayout) -> StagedLoad {
        StagedLoad {
            job_id: job_id.to_owned(),
            mode,
            layout,
            files: Vec::new(),
            rewritten: Vec::new(),
            reject_files: Vec::new(),
            replayed: None,
            removed: Vec::new(),
            ledger: None,
            number: None,
            bookkeeping: serde_json::json!({}),
        }
    }
}

/// A file of a table that goes, and what is left of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewrittenFile {
    /// Its path, as the log has it.
    pub path: String,
    /// The rows that stay, in a new file of the same partition; `None`: there are none.
    pub rest: Option<StagedFile>,
}

/// What the ledger of a table gets with a load. A load that replaces the table replaces its ledger too.
#[derive(Clone, Debug, Default)]
pub struct LedgerLoad {
    /// Its new files.
    pub files: Vec<StagedFile>,
    /// What must not have happened since the ledger was read; `None`: nobody asked it.
    pub guard: Option<Arc<LedgerGuard>>,
}

/// Counts loads: the version of an application transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadNumber {
    /// Who counts.
    pub application: &'static str,
    /// From 1.
    pub version: i64,
}

/// A load that everybody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedLoad {
    /// The table's version that shows it; `None` for bare files, whose readers know none, and where nothing had to be committed.
    pub version: Option<u64>,
}
