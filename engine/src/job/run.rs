//! The story of the product: list, scan, filter, write, commit.

use super::discover::{self, Extent};
use super::environment::{Budgets, Environment};
use super::filters::{FilterContext, filtered_rows};
use super::input::{self, OpenInput};
use super::limit::{JobTimes, LimitContext, limit};
use super::output::{self, ArrangedOutput};
use super::plan_error;
use super::progress::{Progress, Stage};
use super::rejects::{RejectCollector, RejectLimits, RejectTarget};
use super::replay::{self, RejectFilter, Replay};
use super::report::{ByteCounts, CharsetErrorCounts, FileCounts, JobReport, RowCounts, Stages};
use crate::config::plan::{JobPlan, OutputLayout};
use crate::error::{Blame, Error, Result};
use crate::parse::reject::RejectSink;
use crate::table::warehouse::{TableFolder, TableName};
use crate::table::{CommittedLoad, OutputMode, StagedLoad, TableLayout, delta, plain, rejects};
use crate::write::StagedFile;
use crate::write::exec::{WriteServices, from_manifest};
use crate::write::node::WriteNode;
use datafusion::prelude::SessionContext;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A job that failed, with what is known of it.
#[derive(Debug)]
pub struct FailedJob {
    /// Counts up to the failure; nothing of it is visible.
    pub report: JobReport,
    /// Why.
    pub error: Error,
}

/// Loads the files of a plan into a table, all or nothing.
///
/// **Errors**: nothing of the load is visible then, and the table is as it was.
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
    let outcome = load(environment, plan, target, progress, origin, &mut report).await;
    count_scanned(&mut report, progress);
    if matches!(origin, Origin::Rejects(_)) {
        // Each record was a file to the scan, and none to the person who reads this.
        report.files = FileCounts::default();
        report.tasks = 0;
    }
    report.seconds.total = begun.elapsed().as_secs_f64();
    report.stages = Stages::new(progress.scan.clocks.seconds(&progress.write.clocks));
    match outcome {
        Ok(context) => {
            let times = JobTimes {
                list_seconds: report.seconds.list,
                run_seconds: report.seconds.run,
                commit_seconds: report.seconds.commit,
                stages: report.stages.total,
            };
            // Where nothing was read, there is nothing to speed up.
            report.limit = limit(&times, &context).filter(|_| report.files.selected > 0);
            report.status = "success".to_owned();
            tracing::info!(job_id = report.job_id, table = %target, rows = report.rows.written, next = %report.next, "job done");
            Ok(report)
        }
        Err(error) => {
            report.error = Some(error.to_string());
            // A commit that failed may have been seen by the store all the same; what it lists must stay.
            if progress.snapshot().stage != Stage::Committing {
                discard_staged(environment, target, &progress.job_id).await;
            }
            tracing::debug!(job_id = report.job_id, table = %target, %error, "job failed");
            Err(Box::new(FailedJob { report, error }))
        }
    }
}

/// Deletes what a job staged and will never commit, as far as the store lets us. What stays is listed nowhere and harmless.
pub async fn discard_staged(environment: &Environment, target: &TableName, job_id: &str) {
    for name in [target.clone(), target.rejects()] {
        if let Err(error) = environment.warehouse.table(&name).delete_staged(job_id).await {
            tracing::debug!(table = %name, %error, "staged files could not be deleted");
        }
    }
}

async fn load(
    environment: &Environment,
    plan: &JobPlan,
    target: &TableName,
    progress: &Progress,
    origin: Origin<'_>,
    report: &mut JobReport,
) -> Result<LimitContext> {
    let started = environment.now();
    let budgets = Budgets::new(&plan.exec);
    let folder = environment.warehouse.table(target);
    let existing = existing_table(environment, plan, &folder).await?;

    let begun = Instant::now();
    let (input, mut replay) = match origin {
        Origin::Files => {
            let input = input::open(environment, &plan.input, &plan.exec, &budgets, started).await?;
            (input, None)
        }
        Origin::Rejects(filter) => {
            let (input, replay) = replay::open(environment, plan, &budgets, target, filter).await?;
            report.replay = Some(replay.counts);
            (input, Some(replay))
        }
    };
    report.seconds.list = begun.elapsed().as_secs_f64();
    note_listing(report, &input);

    let begun = Instant::now();
    let plan = discover::with_new_columns(environment, plan, &input, &budgets, Extent::Everything).await?;
    let plan = plan.as_ref();
    let collector = Arc::new(RejectCollector::new(
        &report.job_id,
        RejectLimits::of(&plan.input.on_error),
        Arc::clone(&progress.scan),
        plan.input.on_error.has_rejects_table.then(|| RejectTarget {
            folder: environment.warehouse.table(&target.rejects()),
            scratch_folder: budgets.scratch_folder.clone(),
        }),
        environment.io_runtime(),
    ));
    let watch = replay.as_mut().map(|replay| replay.watch(Arc::clone(&collector)));
    let sink: Arc<dyn RejectSink> = match &watch {
        Some(watch) => Arc::clone(watch) as _,
        None => Arc::clone(&collector) as _,
    };
    if let Some(replay) = &replay {
        replay.keep_others(&collector).await?;
    }
    let table = input.table(
        plan,
        environment,
        &budgets,
        Arc::clone(&sink),
        Arc::clone(&progress.scan),
    )?;
    report.tasks = table.tasks().len() as u64;
    let session = environment.session(&budgets)?;
    let context = FilterContext {
        environment,
        session: &session,
        plan,
        started,
    };
    let rows = filtered_rows(&context, table, Arc::clone(&sink)).await?;
    let arranged = output::arrange(&session, rows, &plan.output, started, Arc::clone(&sink)).await?;
    check_fit(&existing, target, &arranged.layout, plan)?;
    progress.begin_loading(report.files.selected, input.size_bytes());

    let services = WriteServices {
        store: folder.store(),
        place: folder.place(),
        rejects: sink,
        counters: Arc::clone(&progress.write),
    };
    let layout = arranged.layout.clone();
    let files = write(&session, arranged, plan, &budgets, &report.job_id, services).await;
    report.rejects = collector.reasons();
    let (files, reject_files) = match files {
        Ok(files) => {
            let finished = collector.finish().await;
            (
                files,
                finished.map_err(|error| explain_rejects(error, collector.as_ref()))?,
            )
        }
        Err(error) => return Err(explain_rejects(error, collector.as_ref())),
    };
    report.rows.rejected = collector.num_rejects();
    report.rows.written = files.iter().map(|file| file.num_rows).sum();
    report.bytes.written = files.iter().map(|file| file.size_bytes).sum();
    report.output_files = files.len() as u64;
    report.seconds.run = begun.elapsed().as_secs_f64();
    let limit_context = LimitContext {
        is_slowed_down: input.store.num_slow_downs() > 0,
        ..LimitContext::new(plan, &budgets, input.max_requests(), input.num_requests())
    };

    if let (Some(replay), Some(watch)) = (&replay, &watch)
        && report.rows.written == 0
        && watch.num_same() == replay.counts.records
    {
        // Every record is still what it was, so there is nothing to commit, nor anything to be left behind.
        discard_staged(environment, target, &report.job_id).await;
        return Ok(limit_context);
    }
    report.next = input.next();
    if report.files.selected == 0 && plan.output.mode == OutputMode::Append && existing.is_there() {
        // Nothing new: no rows, and the next run goes on where this one would have.
        return Ok(limit_context);
    }
    let begun = Instant::now();
    progress.begin_committing()?;
    let staged = StagedLoad {
        job_id: report.job_id.clone(),
        mode: plan.output.mode,
        layout,
        files,
        reject_files,
        replayed: replay.as_ref().map(Replay::replayed_files),
        removed: Vec::new(),
        bookkeeping: match &replay {
            None => json!({"next": report.next, "rows": report.rows.written, "rejected": report.rows.rejected}),
            // Where the next load goes on is not for a replay to say.
            Some(_) => json!({"rows": report.rows.written, "rejected": report.rows.rejected}),
        },
    };
    report.table_version = commit(environment, plan, &folder, staged).await?.version;
    report.seconds.commit = begun.elapsed().as_secs_f64();
    Ok(limit_context)
}

/// What is known of the table before the job reads anything.
enum Existing {
    Delta(Option<Box<delta::ExistingTable>>),
    Plain { exists: bool },
}

impl Existing {
    fn is_there(&self) -> bool {
        match self {
            Existing::Delta(existing) => existing.is_some(),
            Existing::Plain { exists } => *exists,
        }
    }
}

async fn existing_table(environment: &Environment, plan: &JobPlan, folder: &TableFolder) -> Result<Existing> {
    match plan.output.layout {
        OutputLayout::Delta => {
            let existing = delta::open(folder).await?;
            match &existing {
                Some(existing) => rejects::settle(&environment.warehouse, existing, &folder.name).await?,
                None if !plan.output.auto_create_table => {
                    return Err(missing_table(&folder.name));
                }
                None => {}
            }
            Ok(Existing::Delta(existing.map(Box::new)))
        }
        OutputLayout::Parquet => {
            if delta::open(folder).await?.is_some() {
                return Err(Error::config(format!("table `{}` is a Delta table", folder.name))
                    .at("out.type")
                    .with_hint("leave `out.type` out, or load into another table"));
            }
            let exists = plain::exists(folder).await?;
            if !exists && !plan.output.auto_create_table {
                return Err(missing_table(&folder.name));
            }
            Ok(Existing::Plain { exists })
        }
    }
}

fn missing_table(name: &TableName) -> Error {
    Error::config(format!(
        "database `{}` or table `{}` doesn't exist",
        name.database, name.table
    ))
    .with_hint(format!(
        "add `--auto-create-table`, or run `bucketload table create {name}` first"
    ))
}

fn check_fit(existing: &Existing, target: &TableName, layout: &TableLayout, plan: &JobPlan) -> Result<()> {
    match existing {
        Existing::Delta(existing) => delta::check_fit(
            existing.as_deref(),
            target,
            layout,
            plan.output.mode,
            plan.output.auto_create_table,
        ),
        Existing::Plain { exists } => {
            tracing::debug!(exists, "bare files fit any others");
            Ok(())
        }
    }
}

/// Runs the plan with the writer on top, and gives what it wrote.
async fn write(
    session: &SessionContext,
    arranged: ArrangedOutput,
    plan: &JobPlan,
    budgets: &Budgets,
    job_id: &str,
    services: WriteServices,
) -> Result<Vec<StagedFile>> {
    let prefix = match plan.output.layout {
        OutputLayout::Delta => "",
        OutputLayout::Parquet => plain::STAGED_PREFIX,
    };
    let options = arranged.write_options(plan, budgets, format!("{prefix}{job_id}"));
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
fn explain_rejects(error: Error, collector: &RejectCollector) -> Error {
    let Some(verdict) = collector.verdict() else {
        return error;
    };
    let Some(first) = &verdict.first else {
        return Error::new(Blame::Data, verdict.message.clone()).caused_by(verdict);
    };
    // Either the first one was enough to fail, or there is a limit that is worth a look at the first one.
    let is_alone = verdict.message == first.reason;
    let message = match is_alone {
        true => verdict.message.clone(),
        false => format!("{}; the first: {}", verdict.message, first.reason),
    };
    let otherwise = match is_alone {
        true => "set `in.parser.on_error: skip` to keep going",
        false => "raise the limit",
    };
    let mut explained = Error::new(Blame::Data, message).with_hint(match &first.column {
        Some(column) => format!("set `type: string` for `{column}`, mend the record, or {otherwise}"),
        None => format!("mend the record, or {otherwise}"),
    });
    if !first.position.file.is_empty() {
        explained = explained.at(first.position.to_string());
    }
    explained.caused_by(verdict)
}

async fn commit(
    environment: &Environment,
    plan: &JobPlan,
    folder: &TableFolder,
    staged: StagedLoad,
) -> Result<CommittedLoad> {
    let reject_files = staged.reject_files.clone();
    let committed = match plan.output.layout {
        OutputLayout::Delta => delta::commit(folder, staged).await?,
        OutputLayout::Parquet => {
            let committed = plain::commit(folder, &staged).await?;
            // Bare files have no log that could promise the rejects; they are shown right after.
            rejects::add(&environment.warehouse, &folder.name, &staged.job_id, reject_files).await?;
            return Ok(committed);
        }
    };
    // The load is visible from here on. Rejects that cannot be shown now are shown by whoever comes next.
    let settled = match delta::open(folder).await {
        Ok(Some(table)) => rejects::settle(&environment.warehouse, &table, &folder.name).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = settled {
        tracing::warn!(%error, "the table of rejects could not be completed, the next job will");
    }
    Ok(committed)
}

fn note_listing(report: &mut JobReport, input: &OpenInput) {
    report.files = FileCounts {
        listed: input.listing.num_listed,
        selected: input.listing.files.len() as u64,
        skipped_glacier: input.listing.num_skipped_archived,
        ..FileCounts::default()
    };
}

fn count_scanned(report: &mut JobReport, progress: &Progress) {
    let scan = &progress.scan;
    report.files.read = scan.num_files.load(Ordering::Relaxed);
    report.files.skipped_errors = scan.num_skipped_files.load(Ordering::Relaxed);
    report.bytes = ByteCounts {
        fetched: scan.fetched_bytes.load(Ordering::Relaxed),
        decoded: scan.decoded_bytes.load(Ordering::Relaxed),
        ..report.bytes
    };
    report.charset_errors = CharsetErrorCounts {
        replaced: scan.num_malformed.load(Ordering::Relaxed),
        files: scan.num_malformed_files.load(Ordering::Relaxed),
        first_file: scan.first_malformed_file.get().map(|file| file.to_string()),
    };
    let num_rows = scan.num_rows.load(Ordering::Relaxed);
    let num_parser_rejects = report.rows.rejected.min(scan.num_rejects.load(Ordering::Relaxed));
    let num_later_rejects = report.rows.rejected - num_parser_rejects;
    report.rows = RowCounts {
        read: num_rows + num_parser_rejects,
        filtered: num_rows.saturating_sub(report.rows.written + num_later_rejects),
        ..report.rows
    };
}

impl RejectLimits {
    fn of(on_error: &crate::config::plan::OnError) -> RejectLimits {
        RejectLimits {
            is_fail: on_error.is_fail,
            max_errors: on_error.max_errors,
            max_error_ratio: on_error.max_error_ratio,
        }
    }
}
