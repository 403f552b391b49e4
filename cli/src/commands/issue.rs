//! `bucketload issue`

use super::configuration::{read_document, resolve_document, variable};
use super::outcome::show_ended;
use super::{environment, explain, state};
use crate::args::{GlobalArguments, IssueArguments};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Drawing;
use crate::status_line::StatusLine;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::config::{Document, Node};
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::replay::RejectFilter;
use bucketload_engine::job::stop::{Stop, StopReason, replay_stoppable, run_stoppable};
use bucketload_engine::table::OutputMode;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Blame, Result};
use bucketload_serve::ended::ending;
use bucketload_serve::log::JobLogs;
use bucketload_serve::record::{Recorder, state_error};
use bucketload_serve::service::Service;
use bucketload_serve::stored::shown;
use bucketload_state::jobs::{NewJob, Origin};
use jiff::Timestamp;
use serde_json::{Map, json};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
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
    let followed = Followed {
        progress: &progress,
        stop: &stop,
        logs,
        runtime: environment.io_runtime(),
    };
    let (service, recorder) = begin_record(global, job, &followed, printer).await?.unzip();
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
        && let Err(unwritten) = recorder
            .finish(ending(&ended, None, &progress, &stop, Timestamp::now()))
            .await
        && let Some(error) = unwritten.error()
    {
        printer.talk(&format!("warning: how the job ended could not be recorded: {error}"));
    }
    if let Some(service) = service {
        service.trace(&progress.job_id).await;
    }
    Ok(show_ended(&ended, None, &progress, &stop, remarked, printer))
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

/// What the record of a job follows.
struct Followed<'a> {
    progress: &'a Arc<Progress>,
    stop: &'a Stop,
    logs: &'a JobLogs,
    /// Where the record is written, beside the requests.
    runtime: &'a Handle,
}

/// Begins the record of a job. A load does not fail for want of a record: its table is what counts, and it is told that there is none.
///
/// **Errors**: the record says that another process has the job, or another job of its schedule, which may load the same files.
async fn begin_record(
    global: &GlobalArguments,
    job: NewJob,
    followed: &Followed<'_>,
    printer: &Printer,
) -> Result<Option<(Service, Recorder)>> {
    match begin(global, job, followed).await {
        Ok(begun) => Ok(Some(begun)),
        Err(error) if error.blame() == Blame::Config => Err(error),
        Err(error) => {
            printer.talk(&format!("warning: this job is not recorded: {error}"));
            Ok(None)
        }
    }
}

async fn begin(global: &GlobalArguments, job: NewJob, followed: &Followed<'_>) -> Result<(Service, Recorder)> {
    let Followed {
        progress,
        stop,
        logs,
        runtime,
    } = *followed;
    let state = state::open(global)?;
    state::tidy(&state, global).map_err(state_error)?;
    let recorder = Recorder::begin(&state, job, progress, stop, logs, runtime)
        .await
        .map_err(state_error)?;
    Ok((Service::new(state, logs.clone(), Timestamp::now, variable), recorder))
}

/// Hands Ctrl-C on to a job, and SIGTERM, with which machines say the same. It is awaited where no job computes. Who asks a second time
/// waits for nothing: what is committed is committed, and whatever else is there is listed nowhere.
pub(super) fn stop_on_interrupt(stop: &Stop, runtime: &Handle) {
    let stop = stop.clone();
    runtime.spawn(async move {
        // Where the system does not let us listen, it ends the process as it does any other.
        let Ok(mut terminations) = signal(SignalKind::terminate()) else {
            return;
        };
        loop {
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { return },
                _ = terminations.recv() => {}
            }
            if stop.reason() == Some(StopReason::Interrupted) {
                std::process::exit(i32::from(Exit::INTERRUPTED_STATUS));
            }
            stop.request(StopReason::Interrupted);
        }
    });
}
