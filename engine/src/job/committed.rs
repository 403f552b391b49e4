//! Says what is known of a job without its process: what its table has of it, and what could be gone on with.

use super::environment::Environment;
use super::fingerprint::fingerprint;
use super::notes::JobNotes;
use super::progress::CommittedSteps;
use super::report::{RowCounts, StepCounts};
use super::target::Existing;
use crate::config::plan::JobPlan;
use crate::error::Result;
use crate::table::delta::{self, ExistingTable};
use crate::table::plain::{self, TableState, VisibleFile};
use crate::table::warehouse::{TableFolder, TableName};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use std::future::ready;

/// What a table has of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// Nothing.
    Nothing,
    /// Some of its steps.
    Part(CommittedPart),
    /// All of it: `job_id`, `database`, `table`, `next` and `rows` of its report; what only the process knew is missing.
    All(Value),
    /// Files of it are seen that an older version placed without a log, and nothing tells whether these are all.
    Unknown,
}

/// Steps of a job that are committed.
#[derive(Clone, Debug, PartialEq)]
pub struct CommittedPart {
    /// Their numbers.
    pub committed: CommittedSteps,
    /// What a run that goes on from there must add to the configuration.
    pub next: Value,
}

/// Asks a table what it has of a job.
///
/// **Errors**: the log of the table cannot be read; then nothing is known.
/// **Cost**: reads the commits of the table's log, the newest first, until there is one of the job that tells.
pub async fn committed(environment: &Environment, target: &TableName, job_id: &str) -> Result<Committed> {
    let folder = environment.warehouse.table(target);
    let (log, table);
    let mut commits = match delta::open(&folder).await? {
        Some(found) => {
            log = found;
            delta_commits(&log, job_id)
        }
        None => {
            let Some(found) = plain::read(&folder).await? else {
                return Ok(Committed::Nothing);
            };
            table = found;
            // An older version made files visible without a word about their job.
            let is_unknown = |file: &VisibleFile| file.num_rows.is_none() && file.path.contains(job_id);
            if table.files().iter().any(is_unknown) {
                return Ok(Committed::Unknown);
            }
            stream::iter(plain_commits(&table, job_id).map(Ok)).boxed()
        }
    };
    let Some(last) = commits.try_next().await? else {
        return Ok(Committed::Nothing);
    };
    let (next, is_all) = (last["next"].clone(), is_last(&last));
    let total = last["step"]["of"].as_u64().unwrap_or(1);
    let (mut num_steps, mut rows) = (1, rows_of(&last));
    // Steps are committed one after the other, so the first of them is the last to be found.
    let mut oldest = last;
    while step_of(&oldest).is_some_and(|step| step > 0)
        && let Some(commit) = commits.try_next().await?
    {
        num_steps += 1;
        rows = rows.and(rows_of(&commit));
        oldest = commit;
    }
    if !is_all {
        let steps = StepCounts { done: num_steps, total };
        let committed = CommittedSteps {
            steps,
            num_rows: rows.written,
        };
        return Ok(Committed::Part(CommittedPart { committed, next }));
    }
    Ok(Committed::All(json!({
        "job_id": job_id,
        "status": "success",
        "database": target.database,
        "table": target.table,
        "rows": rows,
        "next": next,
    })))
}

/// What the commits of a job keep of it, newest first.
pub(super) async fn commits_of(folder: &TableFolder, existing: &Existing, job_id: &str) -> Result<Vec<Value>> {
    match existing {
        Existing::Delta(Some(table)) => delta_commits(table, job_id).try_collect().await,
        Existing::Delta(None) | Existing::Plain { exists: false } => Ok(Vec::new()),
        Existing::Plain { exists: true } => {
            let table = plain::read(folder).await?;
            Ok(table.map_or_else(Vec::new, |table| plain_commits(&table, job_id).collect()))
        }
    }
}

fn delta_commits<'t>(table: &'t ExistingTable, job_id: &'t str) -> BoxStream<'t, Result<Value>> {
    let is_its = move |commit: &Value| ready(commit["job_id"] == job_id);
    table.bookkeeping().try_filter(is_its).boxed()
}

fn plain_commits<'t>(table: &'t TableState, job_id: &'t str) -> impl Iterator<Item = Value> + Send + 't {
    let is_its = move |commit: &&Value| commit["job_id"] == job_id;
    table.bookkeeping().filter(is_its).cloned()
}

/// The number of the step that a commit is of.
pub(super) fn step_of(commit: &Value) -> Option<usize> {
    usize::try_from(commit.get("step")?.get("number")?.as_u64()?).ok()
}

/// The rows of a commit.
pub(super) fn rows_of(commit: &Value) -> RowCounts {
    let count = |key: &str| commit[key].as_u64().unwrap_or_default();
    let (read, rejected, written) = (count("read"), count("rejected"), count("rows"));
    RowCounts {
        read,
        rejected,
        filtered: read.saturating_sub(written + rejected),
        written,
    }
}

/// Whether a job was over with this commit.
pub(super) fn is_last(commit: &Value) -> bool {
    match commit.get("step") {
        None => true,
        Some(step) => step.get("is_last").and_then(Value::as_bool).unwrap_or(true),
    }
}

/// What a job has left that another process can go on from.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Steps that are written down; those that are committed are in the log.
    pub steps: StepCounts,
    /// Whether files are kept of a job that has one step.
    pub has_files: bool,
    /// Whether a process has it.
    pub is_running: bool,
    fingerprint: String,
}

impl Unfinished {
    /// Whether a plan loads what the job would have loaded, so that it can be gone on with.
    pub fn is_of(&self, plan: &JobPlan) -> bool {
        self.fingerprint == fingerprint(plan)
    }
}

/// Sees to it that nobody goes on with a dead job any more, because another one loads what it would have loaded: both would give the rows
/// twice. `false`: another process goes on with it.
///
/// **Errors**: the store refused; what is there was written by another version, or is broken.
pub async fn give_up(environment: &Environment, target: &TableName, job_id: &str) -> Result<bool> {
    let notes = JobNotes::new(&environment.warehouse.table(target), job_id);
    notes.give_up(environment.now()).await
}

/// Looks for what a job has left beside its table; `None`: nothing.
///
/// **Errors**: the store refused; what is there was written by another version, or is broken.
/// **Cost**: a request, and a listing if there is something.
pub async fn unfinished(environment: &Environment, target: &TableName, job_id: &str) -> Result<Option<Unfinished>> {
    let notes = JobNotes::new(&environment.warehouse.table(target), job_id);
    let Some(record) = notes.read_record().await? else {
        return Ok(None);
    };
    if notes.is_removed().await? {
        return Ok(None);
    }
    Ok(Some(Unfinished {
        steps: StepCounts {
            done: notes.num_steps().await?,
            total: record.num_steps(),
        },
        has_files: record.num_steps() == 1 && !notes.read_parts(0).await?.is_empty(),
        is_running: record.is_running(environment.now()),
        fingerprint: record.fingerprint,
    }))
}
