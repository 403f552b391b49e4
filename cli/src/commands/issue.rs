//! `bucketload issue`

use super::configuration::{read_document, resolve_document, variable};
use super::{environment, explain, rejects, state};
use crate::args::{GlobalArguments, IssueArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use crate::progress::Drawing;
use crate::status_line::StatusLine;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::config::{Document, Node};
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::replay::RejectFilter;
use bucketload_engine::job::report::{JobReport, StepCounts};
use bucketload_engine::job::stop::{Ended, Stop, StopReason, replay_stoppable, run_stoppable};
use bucketload_engine::parse::ParserOptions;
use bucketload_engine::table::OutputMode;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Environment, Result};
use bucketload_serve::log::JobLogs;
use bucketload_serve::record::{Recorder, state_error};
use bucketload_serve::run::ending;
use bucketload_serve::service::Service;
use bucketload_serve::stored::shown;
use bucketload_state::jobs::{NewJob, Origin};
use jiff::Timestamp;
use serde_json::{Map, json};
use std::sync::Arc;
use tokio::runtime::Handle;
use tracing::{Instrument, Span};

pub(super) async fn run(
    global: &GlobalArguments,
    arguments: &IssueArguments,
    printer: &Printer,
    line: &StatusLine,
    logs: &JobLogs,
) -> Result<Exit> {
    let target = TableName::new(&arguments.database, &arguments.table)?;
    let mut document = read_document(&arguments.config.config, &arguments.config.overrides, printer)?;
    apply_flags(&mut document, arguments);
    let plan = resolve_document(&document, global, printer)?;
    if arguments.dry_run {
        return explain::show(global, &plan, Some(&target), printer).await;
    }
    let asked = Asked {
        document,
        plan,
        target,
        work: Work::Load,
        resumed: arguments.resume.clone(),
    };
    run_asked(global, asked, printer, line, logs).await
}

/// A job that the command line asks for.
pub(super) struct Asked {
    pub(super) document: Document,
    pub(super) plan: JobPlan,
    pub(super) target: TableName,
    pub(super) work: Work,
    /// The job that is gone on with; `None`: a new one.
    pub(super) resumed: Option<String>,
}

/// What a job does.
pub(super) enum Work {
    /// Loads the files of its plan.
    Load,
    /// Reads rejects again.
    Replay(RejectFilter),
}

/// Runs a job to its end, records it, and prints how it ended.
pub(super) async fn run_asked(
    global: &GlobalArguments,
    asked: Asked,
    printer: &Printer,
    line: &StatusLine,
    logs: &JobLogs,
) -> Result<Exit> {
    let Asked {
        document,
        plan,
        target,
        work,
        resumed,
    } = asked;
    let environment = Arc::new(environment(global)?);
    let progress = Arc::new(match &resumed {
        Some(job_id) => Progress::resuming(job_id),
        None => Progress::new(),
    });
    let plan = Arc::new(plan);
    let stop = Stop::new();
    let job = NewJob {
        id: progress.job_id.clone(),
        origin: Origin::Issue,
        warehouse: environment.warehouse.place(),
        database: target.database.clone(),
        table: target.table.clone(),
        config: shown(&document),
    };
    let (service, recorder) = begin_record(global, job, &environment, &progress, &stop, logs, printer)
        .await
        .unzip();
    let span = recorder
        .as_ref()
        .map_or_else(Span::none, |recorder| recorder.span().clone());
    stop_on_interrupt(&stop, environment.io_runtime());
    let drawing = Drawing::start(&progress, global, line, environment.io_runtime());
    // Of a replay nothing is to be remarked: it selects no files.
    let remarked = matches!(work, Work::Load).then_some(plan.as_ref());
    let ended = match work {
        Work::Load => {
            let load = run_stoppable(&environment, &plan, &target, &progress, &stop);
            load.instrument(span).await
        }
        Work::Replay(filter) => {
            let replay = replay_stoppable(&environment, &plan, &target, filter, &progress, &stop);
            replay.instrument(span).await
        }
    };
    drawing.stop().await;
    if let Some(recorder) = recorder
        && let Err(unwritten) = recorder.finish(ending(&ended, None, &stop, Timestamp::now())).await
        && let Some(error) = unwritten.error()
    {
        printer.talk(&format!("warning: how the job ended could not be recorded: {error}"));
    }
    if let Some(service) = service {
        service.trace(&progress.job_id).await;
    }
    Ok(show_ended(&ended, &progress, &stop, remarked, printer))
}

/// What the command line says of the output goes into the configuration, so that the record shows what was run.
fn apply_flags(document: &mut Document, arguments: &IssueArguments) {
    let mut out = Map::new();
    if let Some(time_column) = &arguments.time_column {
        out.insert("time_column".to_owned(), json!(time_column));
    }
    if let Some(mode) = arguments.mode {
        out.insert("mode".to_owned(), json!(OutputMode::from(mode).name()));
    }
    if arguments.auto_create_table {
        out.insert("auto_create_table".to_owned(), json!(true));
    }
    if !out.is_empty() {
        document.merge(&Node::from_json(&json!({"out": out})));
    }
}

/// Begins the record of a job. A load does not fail for want of a record: its table is what counts, and it is told that there is none.
async fn begin_record(
    global: &GlobalArguments,
    job: NewJob,
    environment: &Environment,
    progress: &Arc<Progress>,
    stop: &Stop,
    logs: &JobLogs,
    printer: &Printer,
) -> Option<(Service, Recorder)> {
    match begin(global, job, environment, progress, stop, logs).await {
        Ok(begun) => Some(begun),
        Err(error) => {
            printer.talk(&format!("warning: this job is not recorded: {error}"));
            None
        }
    }
}

async fn begin(
    global: &GlobalArguments,
    job: NewJob,
    environment: &Environment,
    progress: &Arc<Progress>,
    stop: &Stop,
    logs: &JobLogs,
) -> Result<(Service, Recorder)> {
    let state = state::open(global)?;
    state::tidy(&state, global).map_err(state_error)?;
    let recorder = Recorder::begin(&state, job, progress, stop, logs, environment.io_runtime())
        .await
        .map_err(state_error)?;
    Ok((Service::new(state, logs.clone(), Timestamp::now, variable), recorder))
}

/// Hands Ctrl-C on to a job. It is awaited where no job computes. Who asks a second time waits for nothing: what is committed is
/// committed, and whatever else is there is listed nowhere.
pub(super) fn stop_on_interrupt(stop: &Stop, runtime: &Handle) {
    let stop = stop.clone();
    runtime.spawn(async move {
        while let Ok(()) = tokio::signal::ctrl_c().await {
            if stop.reason() == Some(StopReason::Interrupted) {
                std::process::exit(i32::from(Exit::INTERRUPTED_STATUS));
            }
            stop.request(StopReason::Interrupted);
        }
    });
}

/// Prints how a job ended.
pub(super) fn show_ended(
    ended: &Ended,
    progress: &Progress,
    stop: &Stop,
    plan: Option<&JobPlan>,
    printer: &Printer,
) -> Exit {
    match ended {
        Ended::Stopped => {
            let reason = match stop.reason() {
                Some(StopReason::Cancelled) => "cancelled",
                _ => "interrupted",
            };
            let (job_id, steps) = (&progress.job_id, progress.steps());
            let is_committed_in_steps = plan.is_some_and(|plan| plan.exec.commit_every.is_some());
            let what = match steps.done {
                done @ 1.. if is_committed_in_steps => format!("{done} of {} steps are committed", steps.total),
                _ => "nothing was committed".to_owned(),
            };
            printer.talk(&format!("{reason}; {what}"));
            let hint = resume_hint(steps, job_id);
            if let Some(hint) = &hint {
                printer.hint(&format!("hint: {hint}"));
            }
            if printer.is_json() {
                let ended = json!({
                    "job_id": job_id, "status": "killed", "steps": steps, "error": reason, "at": null, "hint": hint,
                });
                printer.document(&ended);
            }
            Exit::Interrupted
        }
        Ended::Done(report) => {
            match printer.is_json() {
                true => printer.document(&json!(report)),
                false => printer.result(&summary(report)),
            }
            let remark = plan.and_then(|plan| remark(report, plan));
            for remark in remark.into_iter().chain(charset_remark(report)) {
                printer.hint(&format!("warning: {remark}"));
            }
            Exit::Done
        }
        Ended::Failed(failed) => {
            printer.explain(&failed.error);
            if let Some(hint) = resume_hint(failed.report.steps, &failed.report.job_id) {
                printer.hint(&format!("hint: {hint}"));
            }
            if printer.is_json() {
                let mut document = json!(failed.report);
                document["at"] = json!(failed.error.place());
                document["hint"] = json!(failed.error.hint());
                printer.document(&document);
            }
            Exit::of(failed.error.blame())
        }
    }
}

/// How to go on with a job of which something is done.
fn resume_hint(steps: StepCounts, job_id: &str) -> Option<String> {
    let StepCounts { done, total } = steps;
    (done > 0).then(|| {
        format!("{done} of {total} steps are done; the same command with `--resume {job_id}` goes on from there")
    })
}

/// Why nothing was loaded, where that is hardly what was meant.
fn remark(report: &JobReport, plan: &JobPlan) -> Option<String> {
    let select = &plan.input.select;
    let files = &report.files;
    if files.selected == 0 && files.skipped_glacier == 0 {
        let has_cursor = select.last_path.is_some() || select.last_modified_micros.is_some();
        let is_known = report.ledger.known + report.ledger.changed > 0;
        return Some(match (files.listed, has_cursor || is_known) {
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

/// How many records were skipped, and the most frequent reasons with an example of each, on one line.
pub(super) fn skipped(report: &JobReport) -> String {
    let rejected = report.rows.rejected;
    let reasons: Vec<String> = report
        .rejects
        .iter()
        .map(|reason| {
            let column = reason
                .column
                .as_ref()
                .map_or(String::new(), |column| format!(" of `{column}`"));
            let example = &reason.example;
            let place = match (&example.file, example.line) {
                (Some(file), Some(line)) => format!(" at {file} line {line}"),
                (Some(file), None) => format!(" in {file}"),
                (None, _) => String::new(),
            };
            format!(
                "{} {}{column} ({}{place})",
                count(reason.count),
                reason.code,
                example.reason
            )
        })
        .collect();
    let listed: u64 = report.rejects.iter().map(|reason| reason.count).sum();
    let others = match rejected.saturating_sub(listed) {
        0 => String::new(),
        others => format!("; {} of other reasons", count(others)),
    };
    let records = if rejected == 1 { "record" } else { "records" };
    format!("{} {records}: {}{others}", count(rejected), reasons.join("; "))
}

/// What was loaded, for people.
/// That characters were lost, and where.
fn charset_remark(report: &JobReport) -> Option<String> {
    let errors = &report.charset_errors;
    let first_file = errors.first_file.as_ref()?;
    Some(format!(
        "{} malformed parts of {} files were read as U+FFFD, `{first_file}` is one of them; check `in.parser.charset`, \
         or set `charset_errors: fail`",
        count(errors.replaced),
        count(errors.files)
    ))
}

fn summary(report: &JobReport) -> String {
    if let Some(counts) = &report.replay {
        return rejects::summary(report, counts);
    }
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
        (report.ledger.known, "files loaded before"),
        (report.ledger.changed, "files changed since they were loaded"),
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
    if report.rows.rejected > 0 {
        text.push_str(&format!("  skipped {}\n", skipped(report)));
    }
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
            "rejected records: bucketload rejects show {place} --job {}\n",
            report.job_id
        ));
    }
    text
}
