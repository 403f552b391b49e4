//! Keeps the record of a job that this process runs: how far it has come, what it logs, whether somebody wants it stopped.
//!
//! The record is not worth more than the load. When the state file cannot be written, a job that somebody issued goes on and says so;
//! its table tells what became of it.

use crate::log::JobLogs;
use bucketload_engine::job::progress::{Progress, Stage};
use bucketload_engine::job::stop::{Stop, StopReason};
use bucketload_engine::{Blame, Error};
use bucketload_state::jobs::{Ending, NewJob};
use bucketload_state::log::LogLine;
use bucketload_state::{State, StateError, StateResult};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Span;

/// How often a record is written. A watcher sees a job move, and the file is written seldom enough that hundreds of jobs share it.
const INTERVAL: Duration = Duration::from_millis(500);

/// The record of a job under way.
#[derive(Debug)]
pub struct Recorder {
    state: Arc<State>,
    logs: JobLogs,
    job_id: String,
    span: Span,
    is_over: oneshot::Sender<()>,
    /// Gives the lines that could not be written.
    writer: JoinHandle<Vec<LogLine>>,
}

impl Recorder {
    /// Records a job that begins now.
    ///
    /// **Errors**: the state file cannot be written.
    pub async fn begin(
        state: &Arc<State>,
        job: NewJob,
        progress: &Arc<Progress>,
        stop: &Stop,
        logs: &JobLogs,
        runtime: &Handle,
    ) -> StateResult<Recorder> {
        with_state(state, move |state| state.begin_job(&job, Timestamp::now())).await?;
        Ok(Recorder::follow(state, progress, stop, logs, runtime))
    }

    /// Follows a job whose record has begun. Its writer runs on `runtime`, where no job computes.
    pub fn follow(
        state: &Arc<State>,
        progress: &Arc<Progress>,
        stop: &Stop,
        logs: &JobLogs,
        runtime: &Handle,
    ) -> Recorder {
        let span = logs.open(&progress.job_id);
        let (is_over, over) = oneshot::channel();
        let writer = runtime.spawn(write_progress(
            Arc::clone(state),
            Arc::clone(progress),
            stop.clone(),
            logs.clone(),
            over,
        ));
        Recorder {
            state: Arc::clone(state),
            logs: logs.clone(),
            job_id: progress.job_id.clone(),
            span,
            is_over,
            writer,
        }
    }

    /// The span that the job is to run in.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Writes how the job ended.
    ///
    /// **Errors**: the state file cannot be written; what is given back can try again.
    pub async fn finish(self, ending: Ending) -> Result<(), Box<UnwrittenEnding>> {
        // The writer is gone already if it panicked, and then there is nothing to wait for.
        let _ = self.is_over.send(());
        let mut lines = self.writer.await.unwrap_or_default();
        lines.extend(self.logs.close(&self.job_id));
        let unwritten = UnwrittenEnding {
            lines,
            state: self.state,
            job_id: self.job_id,
            ending,
            error: None,
        };
        unwritten.write().await
    }
}

/// An ending that the state file did not take yet.
#[derive(Debug)]
pub struct UnwrittenEnding {
    state: Arc<State>,
    job_id: String,
    ending: Ending,
    lines: Vec<LogLine>,
    error: Option<StateError>,
}

impl UnwrittenEnding {
    /// Why it was not written.
    pub fn error(&self) -> Option<&StateError> {
        self.error.as_ref()
    }

    /// Tries to write it.
    ///
    /// **Errors**: as before.
    pub async fn write(self) -> Result<(), Box<UnwrittenEnding>> {
        let (job_id, ending, lines) = (self.job_id.clone(), self.ending.clone(), self.lines.clone());
        let written = with_state(&self.state, move |state| {
            state.finish_job(&job_id, &ending, &lines, Timestamp::now())
        });
        match written.await {
            Ok(()) => Ok(()),
            Err(error) => Err(Box::new(UnwrittenEnding {
                error: Some(error),
                ..self
            })),
        }
    }
}

/// Writes the progress of a job until it is over, and passes on that somebody wants it stopped.
async fn write_progress(
    state: Arc<State>,
    progress: Arc<Progress>,
    stop: Stop,
    logs: JobLogs,
    mut over: oneshot::Receiver<()>,
) -> Vec<LogLine> {
    let mut is_told = false;
    let mut lines = Vec::new();
    loop {
        tokio::select! {
            _ = &mut over => return lines,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        lines.extend(logs.take(&progress.job_id));
        let (document, new_lines) = (progress_document(&progress), lines.clone());
        let job_id = progress.job_id.clone();
        let noted = with_state(&state, move |state| {
            state.note_progress(&job_id, &document, &new_lines, Timestamp::now())
        });
        match noted.await {
            Ok(is_cancelled) => {
                lines.clear();
                if is_cancelled && stop.reason().is_none() {
                    stop.request(StopReason::Cancelled);
                }
            }
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(job_id = progress.job_id, %error, "the job goes on, but its record cannot be written");
            }
            Err(_) => {}
        }
    }
}

/// How far a job has come, as its record has it.
pub fn progress_document(progress: &Progress) -> Value {
    let now = progress.snapshot();
    let stage = match now.stage {
        Stage::Listing => "listing",
        Stage::Loading => "loading",
        Stage::Committing => "committing",
        Stage::Stopping => "stopping",
    };
    json!({
        "stage": stage,
        "files": {"selected": now.num_files, "read": now.num_files_read},
        "bytes": {"selected": now.size_bytes, "fetched": now.fetched_bytes, "decoded": now.decoded_bytes},
        "rows": {"read": now.num_rows, "rejected": progress.scan.num_rejects.load(Ordering::Relaxed)},
    })
}

/// An error as records and answers have it: what, where, what to do, and its causes.
pub fn error_document(error: &Error) -> Value {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        causes.push(current.to_string());
        cause = current.source();
    }
    causes.dedup();
    let blame = match error.blame() {
        Blame::Config => "config",
        Blame::Data => "data",
        Blame::Storage => "storage",
        Blame::Interrupted => "interrupted",
        Blame::Internal => "internal",
    };
    json!({
        "error": error.to_string(),
        "at": error.place(),
        "hint": error.hint(),
        "blame": blame,
        "causes": causes,
    })
}

/// An answer of the state file as an error for people.
pub fn state_error(error: StateError) -> Error {
    let blame = match error.is_mistake() {
        true => Blame::Config,
        false => Blame::Storage,
    };
    let hint = error.hint();
    let message = error.to_string();
    Error::new(blame, message).with_optional_hint(hint).caused_by(error)
}

/// Asks the state file where waiting for it holds nobody up.
pub async fn with_state<T: Send + 'static>(
    state: &Arc<State>,
    body: impl FnOnce(&State) -> StateResult<T> + Send + 'static,
) -> StateResult<T> {
    let state = Arc::clone(state);
    match tokio::task::spawn_blocking(move || body(&state)).await {
        Ok(outcome) => outcome,
        Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
        // The runtime ends, and with it whoever waits here.
        Err(_) => std::future::pending().await,
    }
}
