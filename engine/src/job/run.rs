//! The story of the product: list, scan, filter, write, commit.

use super::counts::{add_output, count_scanned, note_listing, report_committed};
use super::discover::{self, Extent};
use super::environment::{Budgets, Environment};
use super::finish::{OutputShape, commit_output};
use super::ledger::file_column;
use super::limit::{JobTimes, LimitContext, limit};
use super::notes::{JobNotes, StepOutput};
use super::parts::StepPart;
use super::progress::{Progress, Stage};
use super::replay::RejectFilter;
use super::report::{FileCounts, JobReport, Stages};
use super::resume::Resumed;
use super::shape::{comes_from_scan, is_row_by_row};
use super::step::{NoRejects, Step, StepRun, plan_rows};
use super::target::{Existing, check_fit, existing_table};
use super::work::{Job, Work};
use crate::config::plan::{JobPlan, OnChangedFile};
use crate::crash::crash_point;
use crate::error::{Blame, Error, Result};
use crate::table::OutputMode;
use crate::table::warehouse::TableName;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// A job that failed, with what is known of it.
#[derive(Debug)]
pub struct FailedJob {
    /// Counts up to the failure; nothing is visible but the steps that were committed by themselves.
    pub report: JobReport,
    /// Why.
    pub error: Error,
}

/// Loads the files of a plan into a table, all or nothing; with `exec.commit_every`, step by step. Goes on with another process's job
/// if that is what `progress` is for.
///
/// **Errors**: nothing of the load is visible then but the steps that were committed, and the table is as it was otherwise.
/// **Cancel**: dropping the future before the commit began leaves nothing visible; staged files may stay until vacuumed.
pub async fn run_job(
    environment: &Environment,
    plan: &JobPlan,
    target: &TableName,
    progress: &Progress,
) -> std::result::Result<JobReport, Box<FailedJob>> {
    run_origin(environment, plan, target, progress, Origin::Files).await
}

/// Where the records of a job come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// The files that its plan selects.
    Files,
    /// The rejects of its table.
    Rejects(&'a RejectFilter),
}

/// The same as [`run_job`], from either origin.
pub(super) async fn run_origin(
    environment: &Environment,
    plan: &JobPlan,
    target: &TableName,
    progress: &Progress,
    origin: Origin<'_>,
) -> std::result::Result<JobReport, Box<FailedJob>> {
    let mut report = JobReport {
        job_id: progress.job_id.clone(),
        status: "error".to_owned(),
        database: target.database.clone(),
        table: target.table.clone(),
        mode: plan.output.mode.name().to_owned(),
        next: json!({}),
        ..JobReport::default()
    };
    let begun = Instant::now();
    tracing::info!(job_id = report.job_id, table = %target, is_resumed = progress.is_resumed(), "job started");
    let outcome = load(environment, plan, target, progress, origin, &mut report).await;
    count_scanned(&mut report, progress);
    if matches!(origin, Origin::Rejects(_)) {
        // Each record was a file to the scan, and none to the person who reads this.
        report.files = FileCounts::default();
        report.tasks = 0;
    }
    report.seconds.total = begun.elapsed().as_secs_f64();
    report.stages = Stages::new(progress.scan.clocks.seconds(&progress.write.clocks));
    report.steps = progress.steps();
    match outcome {
        Ok(context) => {
            let times = JobTimes {
                list_seconds: report.seconds.list,
                run_seconds: report.seconds.run,
                commit_seconds: report.seconds.commit,
                stages: report.stages.total,
            };
            // Where nothing was read, there is nothing to speed up.
            report.limit = context
                .and_then(|context| limit(&times, &context))
                .filter(|_| report.files.selected > 0);
            report.status = "success".to_owned();
            tracing::info!(job_id = report.job_id, table = %target, rows = report.rows.written, next = %report.next, "job done");
            Ok(report)
        }
        Err(error) => {
            let error = match progress.committed().steps.done {
                0 => error,
                done => error.after_commits(&format!("{done} of {} steps were committed", report.steps.total)),
            };
            report.error = Some(error.to_string());
            // A commit that failed may have been seen by the store all the same; what it lists must stay.
            match progress.snapshot().stage {
                Stage::Committing => let_go(environment, target, progress).await,
                _ => discard_staged(environment, target, progress).await,
            }
            tracing::debug!(job_id = report.job_id, table = %target, %error, "job failed");
            Err(Box::new(FailedJob { report, error }))
        }
    }
}

/// Deletes what a job staged and will never commit, as far as the store lets us: that of the step under way, and the job's notes
/// unless it can be gone on with. What stays is listed nowhere and harmless.
pub async fn discard_staged(environment: &Environment, target: &TableName, progress: &Progress) {
    let attempt = progress.attempt();
    for name in [target.clone(), target.rejects(), target.files()] {
        if attempt.is_empty() {
            break;
        }
        if let Err(error) = environment
            .warehouse
            .table(&name)
            .delete_staged(&format!("{attempt}-"))
            .await
        {
            tracing::debug!(table = %name, %error, "staged files could not be deleted");
        }
    }
    // A job that was to be gone on with and could not be is as it was.
    if progress.steps().done > 0 || progress.num_files_kept() > 0 || progress.is_resumed() {
        let_go(environment, target, progress).await;
        return;
    }
    let notes = JobNotes::new(&environment.warehouse.table(target), &progress.job_id);
    if let Err(error) = notes.delete().await {
        tracing::debug!(table = %target, %error, "the notes of the job could not be deleted");
    }
}

/// Leaves a job that has not come to its end to whoever goes on with it.
async fn let_go(environment: &Environment, target: &TableName, progress: &Progress) {
    let notes = JobNotes::new(&environment.warehouse.table(target), &progress.job_id);
    if let Err(error) = notes.let_go().await {
        tracing::debug!(table = %target, %error, "the job counts as one of this process until that ends");
    }
}

/// The whole of a job. `None`: there was nothing left of it to be done.
async fn load(
    environment: &Environment,
    plan: &JobPlan,
    target: &TableName,
    progress: &Progress,
    origin: Origin<'_>,
    report: &mut JobReport,
) -> Result<Option<LimitContext>> {
    let budgets = Budgets::new(&plan.exec);
    let folder = environment.warehouse.table(target);
    let job = Job {
        environment,
        plan,
        folder: &folder,
        budgets: &budgets,
        progress,
    };
    let existing = existing_table(environment, plan, &folder).await?;

    let begun = Instant::now();
    let mut work = match find_work(job, &existing, origin).await? {
        Resumed::Open(work) => *work,
        Resumed::Committed(bookkeeping) => {
            report_committed(report, bookkeeping);
            return Ok(None);
        }
    };
    report.seconds.list = begun.elapsed().as_secs_f64();
    note_listing(report, &work);

    let begun = Instant::now();
    let plan = discover::with_new_columns(environment, plan, &work.input, &budgets, Extent::Everything).await?;
    let plan = plan.as_ref();
    let job = Job { plan, ..job };
    let output = look_ahead(job, &existing, &mut work, report).await?;
    let size_bytes = work.input.size_bytes();
    progress.begin_loading(report.files.selected, size_bytes, work.can_be_cut);
    work.announce(job).await?;
    crash_point("after_announce");
    let limit_context = LimitContext::new(plan, &budgets, work.input.max_requests(), work.input.num_requests());
    let is_nothing_new = report.files.selected == 0 && plan.output.mode == OutputMode::Append && existing.is_there();
    if is_nothing_new {
        // No rows, and the next run goes on where this one would have.
        report.next = work.next.clone();
        progress.note_steps(1, 1);
        work.end().await;
        return Ok(Some(limit_context));
    }
    for step in 0..work.steps.len() {
        if work.is_done(step) {
            continue;
        }
        let done = complete_step(job, &mut work, &output, step, report).await?;
        if work.is_in_vain {
            // Every record is still what it was, so there is nothing to commit, nor anything to be left behind.
            discard_staged(environment, target, progress).await;
            return Ok(Some(limit_context));
        }
        if work.is_committed_in_steps {
            let num_rows = done.num_written();
            commit_output(job, &work, &output, done, Some(step), report).await?;
            work.note_committed(job, step, num_rows);
            crash_point("after_step_commit");
        } else {
            work.keep(job, step, done).await?;
            crash_point("after_checkpoint");
        }
    }
    report.seconds.run = begun.elapsed().as_secs_f64() - report.seconds.commit;
    if !work.is_committed_in_steps {
        let done = std::mem::take(&mut work.output);
        commit_output(job, &work, &output, done, None, report).await?;
    }
    let is_slowed_down = work.input.store.num_slow_downs() > 0;
    progress.note_steps(work.steps.len(), work.steps.len());
    work.end().await;
    Ok(Some(LimitContext {
        is_slowed_down,
        ..limit_context
    }))
}

/// Finds out what there is to do.
async fn find_work(job: Job<'_>, existing: &Existing, origin: Origin<'_>) -> Result<Resumed> {
    let work = match origin {
        Origin::Rejects(filter) => Work::replay(job, filter).await?,
        Origin::Files if job.progress.is_resumed() => return Work::resume(job, existing).await,
        Origin::Files => Work::begin(job, existing).await?,
    };
    Ok(Resumed::Open(Box::new(work)))
}

/// Does what is left of a step, and gives all that it has staged.
///
/// **Errors**: the job is asked to stop; what it has read of the step is written down then.
async fn complete_step(
    job: Job<'_>,
    work: &mut Work,
    output: &OutputShape,
    step: usize,
    report: &mut JobReport,
) -> Result<StepOutput> {
    let progress = job.progress;
    if progress.is_stopping() {
        return Err(interrupted());
    }
    let before = work.take_parts(step);
    add_output(report, &before.output);
    let files = work.steps.files(step);
    let left = before.left_of(&files);
    let is_done_before = left.is_empty() && before.num_parts > 0;
    let StepRun {
        output: mut done,
        files: read,
    } = match is_done_before {
        true => StepRun::default(),
        false => Step::begin(job, output, step, left).run(work, report).await?,
    };
    crash_point("after_step");
    if progress.is_stopping() && work.can_be_cut {
        let part = StepPart::new(done, &files, read.iter());
        work.keep_part(job, step, &before, part).await?;
        crash_point("after_part");
        return Err(interrupted());
    }
    done.join(before.output);
    progress.note_kept(0);
    Ok(done)
}

/// Plans the rows of all files, to find out whether they fit the table and can be loaded in steps.
async fn look_ahead(job: Job<'_>, existing: &Existing, work: &mut Work, report: &mut JobReport) -> Result<OutputShape> {
    let Job { environment, plan, .. } = job;
    let table = work
        .input
        .table(plan, environment, job.budgets, Arc::new(NoRejects), Arc::default())?;
    report.tasks = table.tasks().len() as u64;
    let planned = plan_rows(environment, plan, job.budgets, work.started, table, Arc::new(NoRejects)).await?;
    let rows = planned.arranged.rows.logical_plan();
    let is_row_by_row = is_row_by_row(rows, plan);
    if !is_row_by_row {
        work.join_steps()?;
    }
    let file_column = file_column(&plan.input)
        .filter(|column| is_row_by_row && comes_from_scan(rows, column, column))
        .map(str::to_owned);
    if plan.input.ledger == Some(OnChangedFile::Replace) && file_column.is_none() {
        return Err(Error::config(
            "rows of a rewritten file cannot be told from others: the table gets no column `_file_path`",
        )
        .at("in.on_changed_file")
        .with_hint("add `_file_path` to `in.metadata_columns`, and let every filter keep it as it is"));
    }
    let origins = planned.arranged.origin_rows(plan);
    let layout = planned.arranged.layout;
    check_fit(existing, &job.folder.name, &layout, plan)?;
    Ok(OutputShape {
        layout,
        file_column,
        origins,
    })
}

fn interrupted() -> Error {
    Error::new(Blame::Interrupted, "interrupted")
}
