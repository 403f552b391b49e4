//! What stands in the log of a table of bare files: records of commits, and checkpoints that stand for those before them.

use super::super::promise::{Companion, Promise, promise};
use super::super::{OutputMode, StagedLoad, TableLayout};
use super::visible_path;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The version of these files.
pub(super) const FORMAT: u32 = 1;

/// Jobs whose commits a checkpoint remembers. Who asks for one asks soon after its death; an older one counts as one that has committed
/// nothing, as in a table whose log was cleaned up.
const MAX_JOBS: usize = 10_000;

/// One commit. What it says is done afterwards, by whoever comes first, and can be done twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// For readers of this file; what it means for the files is in `added` and `removed`.
    mode: String,
    pub(super) layout: RecordedLayout,
    /// What the log keeps of the job, its id among it.
    pub(super) job: Value,
    /// Files that somebody without a log made visible, in the first record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) adopted: Vec<VisibleFile>,
    /// Files that become visible.
    pub(super) added: Vec<PlacedFile>,
    /// Paths of files that go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<String>,
    /// What the table of rejects gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rejects: Option<Promise>,
}

/// How the table is laid out in folders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordedLayout {
    pub(super) partition_by: String,
    pub(super) partition_columns: Vec<String>,
    pub(super) time_column: Option<String>,
    pub(super) timezone: String,
}

/// A file that readers see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisibleFile {
    /// Its path in the folder of the table.
    pub path: String,
    /// Its rows; `None`: no commit of ours brought it.
    pub num_rows: Option<u64>,
    /// Its bytes.
    pub size_bytes: u64,
}

/// A file that gets its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlacedFile {
    pub(super) staged: String,
    #[serde(flatten)]
    pub(super) file: VisibleFile,
}

impl Record {
    /// The commit of a load as number `number`, on top of the files in `before`, of which the log has `adopted` not yet.
    pub(super) fn new(number: u64, load: &StagedLoad, before: &[VisibleFile], adopted: Vec<VisibleFile>) -> Record {
        let mut job = load.bookkeeping.clone();
        job["job_id"] = json!(load.job_id);
        let added = load.files.iter().map(|file| PlacedFile {
            staged: file.path.clone(),
            file: VisibleFile {
                path: visible_path(&file.path),
                num_rows: Some(file.num_rows),
                size_bytes: file.size_bytes,
            },
        });
        let removed = match load.mode {
            OutputMode::Append => Vec::new(),
            OutputMode::Replace | OutputMode::ReplaceOnNewData => {
                before.iter().chain(&adopted).map(|file| file.path.clone()).collect()
            }
        };
        Record {
            format: FORMAT,
            mode: load.mode.name().to_owned(),
            layout: RecordedLayout::new(&load.layout),
            job,
            adopted,
            added: added.collect(),
            removed,
            rejects: promise(i64::try_from(number).unwrap_or(i64::MAX), load, Companion::Rejects),
        }
    }

    /// Whether it is the commit of this load, perhaps of another process that had the same job.
    pub(super) fn is_of(&self, load: &StagedLoad) -> bool {
        is_of(&self.job, load)
    }
}

/// Whether what the log keeps of a job is about this load.
pub(super) fn is_of(job: &Value, load: &StagedLoad) -> bool {
    job["job_id"] == load.job_id && job["step"] == load.bookkeeping["step"]
}

impl RecordedLayout {
    fn new(layout: &TableLayout) -> RecordedLayout {
        RecordedLayout {
            partition_by: layout.partition_by.name().to_owned(),
            partition_columns: layout.partition_columns.clone(),
            time_column: layout.time_column.clone(),
            timezone: layout.timezone.clone(),
        }
    }
}

/// A table as it is after one of its commits; as a file, it stands for all records up to that.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TableState {
    format: u32,
    pub(super) layout: RecordedLayout,
    /// The files that readers see once the commit is carried out.
    pub(super) files: Vec<VisibleFile>,
    /// What the log keeps of jobs, the earliest first.
    pub(super) jobs: Vec<Value>,
}

impl TableState {
    /// A table without a commit.
    pub(super) fn new() -> TableState {
        TableState {
            format: FORMAT,
            ..TableState::default()
        }
    }

    /// Goes on to the next commit.
    pub(super) fn apply(&mut self, record: Record) {
        self.layout = record.layout;
        self.files.extend(record.adopted);
        if !record.removed.is_empty() {
            let removed: HashSet<String> = record.removed.into_iter().collect();
            self.files.retain(|file| !removed.contains(&file.path));
        }
        self.files.extend(record.added.into_iter().map(|added| added.file));
        self.jobs.push(record.job);
    }

    /// Forgets what nobody asks for any more.
    pub(super) fn forget_old_jobs(&mut self) {
        let num_old = self.jobs.len().saturating_sub(MAX_JOBS);
        self.jobs.drain(..num_old);
    }

    /// The files that readers see.
    pub fn files(&self) -> &[VisibleFile] {
        &self.files
    }

    /// What the log keeps of jobs, newest first.
    pub fn bookkeeping(&self) -> impl Iterator<Item = &Value> {
        self.jobs.iter().rev()
    }

    /// Names of the partition columns, outermost first.
    pub fn partition_columns(&self) -> &[String] {
        &self.layout.partition_columns
    }

    /// The column partitions are made of.
    pub fn time_column(&self) -> Option<&str> {
        self.layout.time_column.as_deref()
    }

    /// The zone in which partitions are cut; `None`: nothing says so.
    pub fn timezone(&self) -> Option<&str> {
        Some(self.layout.timezone.as_str()).filter(|zone| !zone.is_empty())
    }
}

/// A file of the log.
pub(super) trait LogFile {
    fn format(&self) -> u32;
}

impl LogFile for Record {
    fn format(&self) -> u32 {
        self.format
    }
}

impl LogFile for TableState {
    fn format(&self) -> u32 {
        self.format
    }
}

/// A file of the log as it is stored.
pub(super) fn to_text(file: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(file).map_err(|error| Error::internal("cannot write a file of a log").caused_by(error))
}
