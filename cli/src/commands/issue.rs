//! `bucketload issue`

use super::configuration::read_plan;
use super::{environment, explain};
use crate::args::{GlobalArguments, IssueArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use crate::progress::Drawing;
use crate::status_line::StatusLine;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::report::JobReport;
use bucketload_engine::job::run::{FailedJob, discard_staged, run_job};
use bucketload_engine::parse::ParserOptions;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Blame, Environment, Result};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long a job that was interrupted may take to stop. A task that computes notices between two batches.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn run(
    global: &GlobalArguments,
    arguments: &IssueArguments,
    printer: &Printer,
    line: &StatusLine,
) -> Result<Exit> {
    let target = TableName::new(&arguments.database, &arguments.table)?;
    let mut plan = read_plan(&arguments.config.config, &arguments.config.overrides, global, printer)?;
    apply_flags(&mut plan, arguments);
    if arguments.dry_run {
        return explain::show(global, &plan, printer).await;
    }
    let environment = Arc::new(environment(global)?);
    let progress = Arc::new(Progress::new());
    let plan = Arc::new(plan);
    let drawing = Drawing::start(&progress, global, line, environment.io_runtime());
    let outcome = run_interruptible(&environment, &plan, &target, &progress).await;
    drawing.stop().await;
    let Some(outcome) = outcome else {
        discard_staged(&environment, &target, &progress.job_id).await;
        printer.talk("interrupted; nothing was committed");
        if printer.is_json() {
            let ended = json!({"job_id": progress.job_id, "status": "killed", "error": "interrupted", "at": null, "hint": null});
            printer.document(&ended);
        }
        return Ok(Exit::Interrupted);
    };
    match outcome {
        Ok(report) => {
            match printer.is_json() {
                true => printer.document(&json!(report)),
                false => printer.result(&summary(&report)),
            }
            if let Some(remark) = remark(&report, &plan) {
                printer.hint(&format!("warning: {remark}"));
            }
            Ok(Exit::Done)
        }
        Err(failed) => {
            printer.explain(&failed.error);
            if printer.is_json() {
                let mut document = json!(failed.report);
                document["at"] = json!(failed.error.place());
                document["hint"] = json!(failed.error.hint());
                printer.document(&document);
            }
            Ok(Exit::of(failed.error.blame()))
        }
    }
}

fn apply_flags(plan: &mut JobPlan, arguments: &IssueArguments) {
    if let Some(time_column) = &arguments.time_column {
        plan.output.time_column = Some(time_column.clone());
    }
    if let Some(mode) = arguments.mode {
        plan.output.mode = mode.into();
    }
    plan.output.auto_create_table |= arguments.auto_create_table;
}

/// Runs a job; `None` if the person interrupted it before its commit began. A commit that has begun is waited for: it is short,
/// and only it knows whether the rows are there.
///
/// The job is a task of its own, and Ctrl-C is awaited where no job computes: a core that is busy parsing notices neither soon.
async fn run_interruptible(
    environment: &Arc<Environment>,
    plan: &Arc<JobPlan>,
    target: &TableName,
    progress: &Arc<Progress>,
) -> Option<std::result::Result<JobReport, Box<FailedJob>>> {
    let interrupted = || environment.io_runtime().spawn(tokio::signal::ctrl_c());
    let mut job = tokio::spawn({
        let (environment, plan) = (Arc::clone(environment), Arc::clone(plan));
        let (target, progress) = (target.clone(), Arc::clone(progress));
        async move { run_job(&environment, &plan, &target, &progress).await }
    });
    let ended = loop {
        tokio::select! {
            ended = &mut job => break ended,
            Ok(Ok(())) = interrupted() => {
                if !progress.stop() {
                    continue;
                }
                job.abort();
                // What its tasks write until they notice is listed nowhere; a moment saves most of it from being left behind.
                let moment = environment.io_runtime().spawn(async { tokio::time::sleep(STOP_PATIENCE).await });
                tokio::select! {
                    ended = &mut job => break ended,
                    _ = moment => return None,
                }
            }
        }
    };
    match ended {
        Ok(Err(failed)) if failed.error.blame() == Blame::Interrupted => None,
        Ok(outcome) => Some(outcome),
        Err(stopped) if stopped.is_cancelled() => None,
        // A broken invariant is told by its own panic, not by ours.
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}

/// Why nothing was loaded, where that is hardly what was meant.
fn remark(report: &JobReport, plan: &JobPlan) -> Option<String> {
    let select = &plan.input.select;
    let files = &report.files;
    if files.selected == 0 && files.skipped_glacier == 0 {
        let has_cursor = select.last_path.is_some() || select.last_modified_micros.is_some();
        return Some(match (files.listed, has_cursor) {
            (_, true) => "there are no new files".to_owned(),
            (0, false) => format!(
                "there are no files whose path begins with `{}`; check `in.path_prefix`",
                select.path_prefix
            ),
            (listed, false) => format!(
                "none of {} files is wanted; check `in.path_match_pattern`",
                count(listed)
            ),
        });
    }
    if report.rows.read == 0 || report.rows.rejected < report.rows.read {
        return None;
    }
    let suspect = match &plan.input.parser {
        Some(ParserOptions::Csv(options)) => format!(
            "`in.parser.delimiter` ({:?}) and the number of `columns` ({})",
            options.delimiter,
            options.columns.len()
        ),
        _ => "`in.parser.type` and `columns`".to_owned(),
    };
    Some(format!(
        "every record was rejected; check {suspect}, or let `bucketload guess` find them"
    ))
}

/// What was loaded, for people.
fn summary(report: &JobReport) -> String {
    let rows_per_second = match report.seconds.total {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for display"
        )]
        total if total > 0.0 => (report.rows.read as f64 / total) as u64,
        _ => 0,
    };
    let place = format!("{}.{}", report.database, report.table);
    let version = match report.table_version {
        Some(version) => format!("{}, version {version}", report.mode),
        None => report.mode.clone(),
    };
    let mut text = format!("loaded {} rows into {place} ({version})\n", count(report.rows.written));
    text.push_str(&format!(
        "  files   {} read of {} listed, {} fetched, {} decoded\n",
        count(report.files.read),
        count(report.files.listed),
        bytes(report.bytes.fetched),
        bytes(report.bytes.decoded)
    ));
    for (number, what) in [
        (report.files.skipped_glacier, "archived files skipped"),
        (report.files.skipped_errors, "files skipped because they cannot be read"),
    ] {
        if number > 0 {
            text.push_str(&format!("          {} {what}\n", count(number)));
        }
    }
    text.push_str(&format!(
        "  rows    {} read, {} rejected, {} filtered\n",
        count(report.rows.read),
        count(report.rows.rejected),
        count(report.rows.filtered)
    ));
    text.push_str(&format!(
        "  output  {} files, {}\n",
        count(report.output_files),
        bytes(report.bytes.written)
    ));
    text.push_str(&format!(
        "  time    {:.2} s (list {:.2}, run {:.2}, commit {:.2}), {} rows/s\n",
        report.seconds.total,
        report.seconds.list,
        report.seconds.run,
        report.seconds.commit,
        count(rows_per_second)
    ));
    if let Some(limit) = &report.limit {
        text.push_str(&format!("  limit   {}\n", limit.message));
    }
    if report.rows.rejected > 0 {
        text.push_str(&format!(
            "rejected records: bucketload query \"SELECT * FROM {place}__rejects WHERE job_id = '{}'\"\n",
            report.job_id
        ));
    }
    text
}
