//! One step of a job: the plan of its rows, run with the writer on top.

use super::counts::{add_output, add_reasons};
use super::environment::{Budgets, Environment};
use super::filters::{FilterContext, filtered_rows};
use super::finish::OutputShape;
use super::input::ScanSinks;
use super::ledger::write_entries;
use super::notes::StepOutput;
use super::output::{self, ArrangedOutput};
use super::plan_error;
use super::rejects::{RejectCollector, RejectLimits, RejectTarget};
use super::report::JobReport;
use super::work::{Job, Work};
use crate::config::plan::{JobPlan, OutputLayout};
use crate::crash::crash_point;
use crate::error::{Blame, Error, Result};
use crate::parse::Reject;
use crate::parse::reject::{RejectCode, RejectSink};
use crate::scan::file_rows::FileRows;
use crate::scan::table::PrefixTable;
use crate::source::file::FileList;
use crate::table::ledger::LedgerWriter;
use crate::table::plain;
use crate::write::StagedFile;
use crate::write::exec::{WriteServices, from_manifest};
use crate::write::node::WriteNode;
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// Some files to read, and what is to come of them.
pub(super) struct Step<'a> {
    job: Job<'a>,
    output: &'a OutputShape,
    files: Arc<FileList>,
    /// Part of the names of what is staged.
    attempt: String,
}

/// What a step has read and staged.
#[derive(Default)]
pub(super) struct StepRun {
    pub(super) output: StepOutput,
    /// The files that were read: all of them, unless the job was asked to stop.
    pub(super) files: Arc<FileList>,
}

impl<'a> Step<'a> {
    /// Begins the step of this number, of which these files are left.
    pub(super) fn begin(job: Job<'a>, output: &'a OutputShape, number: usize, files: Arc<FileList>) -> Step<'a> {
        Step {
            job,
            output,
            files,
            attempt: job.progress.begin_step(number),
        }
    }

    /// Reads the files and stages what comes of them. Leaves some of them if the job is asked to stop.
    pub(super) async fn run(&self, work: &mut Work, report: &mut JobReport) -> Result<StepRun> {
        let progress = self.job.progress;
        let collector = Arc::new(self.collector(report));
        let watch = work.replay.as_mut().map(|replay| replay.watch(Arc::clone(&collector)));
        let rejects: Arc<dyn RejectSink> = match &watch {
            Some(watch) => Arc::clone(watch) as _,
            None => Arc::clone(&collector) as _,
        };
        if let Some(replay) = &work.replay {
            replay.keep_others(&collector).await?;
        }
        let file_rows = Arc::new(FileRows::new(Arc::clone(&self.files)));
        let records_before = progress.scan.num_records();
        let staged = match self.write_rows(work, rejects, &file_rows).await {
            Ok(files) => collector.finish().await.map(|reject_files| (files, reject_files)),
            Err(error) => Err(error),
        };
        add_reasons(&mut report.rejects, collector.reasons());
        let num_read = progress.scan.num_records() - records_before;
        let num_rejected = collector.num_rejects() - report.rows.rejected;
        let (files, reject_files) = match staged {
            Ok(staged) => staged,
            Err(error) => {
                // Rows may be anywhere on their way now, so nobody knows how many a filter would have left out.
                report.rows.read += num_read;
                report.rows.rejected += num_rejected;
                return Err(explain_rejects(error, &collector));
            }
        };
        crash_point("after_write");
        let read = match progress.early_end().is_asked() {
            true => Arc::new(file_rows.done().collect()),
            false => Arc::clone(&self.files),
        };
        let done = StepOutput {
            files,
            reject_files,
            ledger_files: self.write_ledger(work, &file_rows, &read).await?,
            num_read,
            num_rejected,
        };
        if let (Some(replay), Some(watch)) = (&work.replay, &watch) {
            work.is_in_vain = done.num_written() == 0 && watch.num_same() == replay.counts.records;
        }
        add_output(report, &done);
        Ok(StepRun {
            output: done,
            files: read,
        })
    }

    /// What counts the rejects of the step, and stages them where they are kept.
    fn collector(&self, report: &JobReport) -> RejectCollector {
        let Job {
            environment,
            plan,
            folder,
            budgets,
            progress,
        } = self.job;
        let on_error = &plan.input.on_error;
        let target = on_error.has_rejects_table.then(|| RejectTarget {
            folder: environment.warehouse.table(&folder.name.rejects()),
            attempt: self.attempt.clone(),
            io_runtime: environment.io_runtime().clone(),
            scratch_folder: budgets.scratch_folder.clone(),
        });
        let num_before = report.rows.rejected;
        RejectCollector::new(
            &report.job_id,
            RejectLimits::of(on_error),
            num_before,
            Arc::clone(&progress.scan),
            target,
        )
    }

    /// Plans the rows of the files and runs the plan; gives what it has written.
    async fn write_rows(
        &self,
        work: &Work,
        rejects: Arc<dyn RejectSink>,
        file_rows: &Arc<FileRows>,
    ) -> Result<Vec<StagedFile>> {
        let Job {
            environment,
            plan,
            folder,
            budgets,
            progress,
        } = self.job;
        let sinks = ScanSinks {
            rejects: Arc::clone(&rejects),
            counters: Arc::clone(&progress.scan),
            file_rows: Some(Arc::clone(file_rows)),
            early_end: Arc::clone(progress.early_end()),
        };
        let origins = self.output.origins.clone();
        let table = work
            .input
            .table_of(&self.files, plan, environment, budgets, sinks, origins)?;
        let planned = plan_rows(environment, plan, budgets, work.started, table, Arc::clone(&rejects)).await?;
        let services = WriteServices {
            store: folder.store(),
            place: folder.place(),
            rejects,
            counters: Arc::clone(&progress.write),
        };
        write(planned, plan, budgets, &self.attempt, services).await
    }

    /// Stages what the ledger will say of the files `read`.
    async fn write_ledger(&self, work: &Work, file_rows: &FileRows, read: &FileList) -> Result<Vec<StagedFile>> {
        // Records that are read again are no files, and who only globs must not find the ledger beside the rows.
        if work.replay.is_some() || self.job.plan.output.layout != OutputLayout::Delta {
            return Ok(Vec::new());
        }
        let folder = self.job.environment.warehouse.table(&self.job.folder.name.files());
        let entries = work.ledger_job(self.output.file_column.clone());
        let writer = LedgerWriter::new(&folder, format!("{}-files.parquet", self.attempt), entries)?;
        write_entries(writer, &work.input.names, file_rows, read).await
    }
}

/// The rows of a table of files as the output wants them, and the session that can run them.
pub(super) struct PlannedRows {
    pub(super) session: SessionContext,
    pub(super) arranged: ArrangedOutput,
}

/// Plans filters and output on top of a table of files.
pub(super) async fn plan_rows(
    environment: &Environment,
    plan: &JobPlan,
    budgets: &Budgets,
    started: jiff::Timestamp,
    table: PrefixTable,
    rejects: Arc<dyn RejectSink>,
) -> Result<PlannedRows> {
    let session = environment.session(budgets)?;
    let context = FilterContext {
        environment,
        session: &session,
        plan,
        started,
        keeps_origins: true,
    };
    let rows = filtered_rows(&context, table, Arc::clone(&rejects)).await?;
    let arranged = output::arrange(&session, rows, &plan.output, started, rejects).await?;
    Ok(PlannedRows { session, arranged })
}

/// Takes no rejects: for plans that are looked at and not run.
#[derive(Debug)]
pub(super) struct NoRejects;

impl RejectSink for NoRejects {
    fn push(&self, _rejects: Vec<Reject>) {}
}

/// Runs the plan with the writer on top, and gives what it wrote.
pub(super) async fn write(
    planned: PlannedRows,
    plan: &JobPlan,
    budgets: &Budgets,
    attempt: &str,
    services: WriteServices,
) -> Result<Vec<StagedFile>> {
    let PlannedRows { session, arranged } = planned;
    let mut options = arranged.write_options(plan, budgets, attempt.to_owned());
    if plan.output.layout == OutputLayout::Parquet {
        options.attempt.insert_str(0, plain::STAGED_PREFIX);
        options.extension = plain::STAGED_EXTENSION;
    }
    let rows = arranged.rows.into_unoptimized_plan();
    let write = WriteNode::plan(rows, options, services).map_err(plan_error)?;
    let manifest = session
        .execute_logical_plan(write)
        .await
        .map_err(plan_error)?
        .collect()
        .await;
    from_manifest(&manifest.map_err(plan_error)?).map_err(plan_error)
}

/// A job that failed because of a reject says where that reject stands.
pub(super) fn explain_rejects(error: Error, collector: &RejectCollector) -> Error {
    let Some(verdict) = collector.verdict() else {
        return error;
    };
    let Some(first) = &verdict.first else {
        return Error::new(Blame::Data, verdict.message.clone()).caused_by(verdict);
    };
    // Either the first one was enough to fail, or there is a limit that is worth a look at the first one.
    let (message, otherwise) = match verdict.limit_key {
        None => (
            verdict.message.clone(),
            "set `in.parser.on_error: skip` to keep going".to_owned(),
        ),
        Some(key) => (
            format!("{}; the first: {}", verdict.message, first.reason),
            format!("raise `{key}`"),
        ),
    };
    let mut explained = Error::new(Blame::Data, message).with_hint(match &first.column {
        Some(column) if first.code == RejectCode::NoTime => {
            format!("set `out.time_column` to another column than `{column}`, mend the record, or {otherwise}")
        }
        Some(column) => format!("set `type: string` for `{column}`, mend the record, or {otherwise}"),
        None => format!("mend the record, or {otherwise}"),
    });
    if !first.position.file.is_empty() {
        explained = explained.at(first.position.to_string());
    }
    explained.caused_by(verdict)
}

impl RejectLimits {
    pub(super) fn of(on_error: &crate::config::plan::OnError) -> RejectLimits {
        RejectLimits {
            is_fail: on_error.is_fail,
            max_errors: on_error.max_errors,
            max_error_ratio: on_error.max_error_ratio,
        }
    }
}
