//! The end of a step, or of all: what was staged becomes visible, and rows of old versions go.

use super::notes::StepOutput;
use super::replaced::rewrite_without;
use super::replay::Replay;
use super::report::JobReport;
use super::target::commit;
use super::work::{Job, Work};
use crate::crash::crash_point;
use crate::error::{Error, Result};
use crate::parse::origin::OriginRows;
use crate::source::file::FileList;
use crate::table::ledger::LedgerGuard;
use crate::table::{LedgerLoad, RewrittenFile, StagedLoad, TableLayout, delta};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// What is known of a job's rows before any is read.
pub(super) struct OutputShape {
    pub(super) layout: TableLayout,
    /// The column that holds the file of each row; `None`: there is none, or it was changed on the way.
    pub(super) file_column: Option<String>,
    /// Of which rows somebody may want to know where they come from.
    pub(super) origins: OriginRows,
}

/// Makes what one step, or all steps, have staged visible.
pub(super) async fn commit_output(
    job: Job<'_>,
    work: &Work,
    output: &OutputShape,
    done: StepOutput,
    step: Option<usize>,
    report: &mut JobReport,
) -> Result<()> {
    let begun = Instant::now();
    let files = match step {
        Some(step) => work.steps.files(step),
        None => Arc::clone(work.steps.all_files()),
    };
    if job.progress.attempt().is_empty() {
        // All steps are kept; what is staged from here on belongs to the commit alone.
        job.progress.begin_step(work.steps.len());
    }
    let rewritten = rewritten_files(job, work, &files).await?;
    crash_point("after_rewrite");
    work.check_ours().await?;
    job.progress.begin_committing()?;
    let next = match step {
        Some(step) => work.steps.next(step, &work.next, &job.plan.input.select),
        None => work.next.clone(),
    };
    let mut bookkeeping = json!({
        "rows": done.num_written(),
        "rejected": done.num_rejected,
        "read": done.num_read,
    });
    // Where the next load goes on is not for a replay to say.
    if work.replay.is_none() {
        bookkeeping["next"] = next.clone();
    }
    if let Some(number) = step {
        let is_last = number + 1 == work.steps.len();
        bookkeeping["step"] = json!({"number": number, "of": work.steps.len(), "is_last": is_last});
    }
    let is_asked = job.plan.input.ledger.is_some() && work.replay.is_none();
    let guard = is_asked.then(|| LedgerGuard {
        seen: work.seen,
        folder: job.environment.warehouse.table(&job.folder.name.files()),
        job_id: report.job_id.clone(),
        own: done.ledger_files.clone(),
    });
    let staged = StagedLoad {
        files: done.files,
        rewritten,
        reject_files: done.reject_files,
        replayed: work.replay.as_ref().map(Replay::replayed_files),
        ledger: Some(LedgerLoad {
            files: done.ledger_files,
            guard: guard.map(Arc::new),
        }),
        bookkeeping,
        ..StagedLoad::new(&report.job_id, job.plan.output.mode, output.layout.clone())
    };
    let committed = commit(job.environment, job.plan, job.folder, staged).await?;
    report.table_version = committed.version.or(report.table_version);
    // Only what is committed is behind the next run; a job that fails later says no more than that.
    if work.replay.is_none() {
        report.next = next;
    }
    report.seconds.commit += begun.elapsed().as_secs_f64();
    job.progress.end_committing();
    Ok(())
}

/// Writes the table's files that hold rows of old versions again, without them.
async fn rewritten_files(job: Job<'_>, work: &Work, files: &FileList) -> Result<Vec<RewrittenFile>> {
    let mut values: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for replaced in work.replaced_by(files).filter(|replaced| replaced.known.num_rows > 0) {
        let Some(column) = &replaced.known.file_column else {
            return Err(Error::config(format!(
                "rows of the old version of `{}` cannot be told from others: it was loaded without a column `_file_path`",
                work.input.names.name(&replaced.key)
            ))
            .at("in.on_changed_file")
            .with_hint("set it to `load` or `ignore`, or load the table anew with `--mode replace`"));
        };
        let path = work.input.names.path(&replaced.known.key);
        values.entry(column).or_default().insert(path);
    }
    let Some(table) = delta::open(job.folder).await?.filter(|_| !values.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut rewritten = Vec::new();
    for (column, values) in values {
        let attempt = job.progress.attempt();
        rewritten.extend(rewrite_without(&table, job.folder, &attempt, column, &values).await?);
    }
    Ok(rewritten)
}
