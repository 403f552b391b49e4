//! Runs a job that can be asked to stop: by Ctrl-C, by `cancel`, by a server that shuts down.
//!
//! A job that is asked before its commit began commits nothing. It reads the files to their end that it is at, keeps what it has read
//! for whoever goes on with it, and ends; if that takes too long, or cannot be, what it has under way is dropped. A commit that has begun
//! is waited for: it is short, and only it knows whether the rows are there.

use super::environment::Environment;
use super::progress::{Progress, Stopping};
use super::replay::{RejectFilter, replay};
use super::report::JobReport;
use super::run::{FailedJob, discard_staged, run_job};
use crate::config::plan::JobPlan;
use crate::error::Blame;
use crate::table::warehouse::TableName;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// How long a job that was asked to stop may take to read the files that it is at, and to keep what it has read. Those who stop servers
/// mostly wait for ten seconds before they kill.
const KEEP_PATIENCE: Duration = Duration::from_secs(8);

/// How long a job may take that drops what it has under way. A task that computes notices between two batches.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// Why a job is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The person at the keyboard.
    Interrupted,
    /// Somebody, from elsewhere.
    Cancelled,
    /// The server that runs it ends.
    Shutdown,
}

/// Carries the wish that a job stop; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<Wish>,
}

#[derive(Debug, Default)]
struct Wish {
    reason: OnceLock<StopReason>,
    is_new: Notify,
}

impl Stop {
    /// Nobody has asked yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Asks; the first reason counts.
    pub fn request(&self, reason: StopReason) {
        self.shared.reason.get_or_init(|| reason);
        self.shared.is_new.notify_one();
    }

    /// Why; `None`: nobody has asked.
    pub fn reason(&self) -> Option<StopReason> {
        self.shared.reason.get().copied()
    }

    /// Comes back when somebody asks, or has asked since the last time.
    pub async fn requested(&self) {
        self.shared.is_new.notified().await;
    }
}

/// How a job ended.
#[derive(Debug)]
pub enum Ended {
    /// The rows are visible.
    Done(Box<JobReport>),
    /// Nothing is visible.
    Failed(Box<FailedJob>),
    /// It was stopped, and nothing is visible but the steps that were committed by themselves.
    Stopped,
}

/// Runs a job until it ends or is stopped.
///
/// The job is a task of its own, and its end is awaited where no job computes: a core that is busy parsing notices no wish soon.
pub async fn run_stoppable(
    environment: &Arc<Environment>,
    plan: &Arc<JobPlan>,
    target: &TableName,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Ended {
    let job = tokio::spawn({
        let (environment, plan) = (Arc::clone(environment), Arc::clone(plan));
        let (target, progress) = (target.clone(), Arc::clone(progress));
        async move { run_job(&environment, &plan, &target, &progress).await }.in_current_span()
    });
    until_stopped(job, environment, target, progress, stop).await
}

/// Reads rejects again until that ends or is stopped.
pub async fn replay_stoppable(
    environment: &Arc<Environment>,
    plan: &Arc<JobPlan>,
    target: &TableName,
    filter: RejectFilter,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Ended {
    let job = tokio::spawn({
        let (environment, plan) = (Arc::clone(environment), Arc::clone(plan));
        let (target, progress) = (target.clone(), Arc::clone(progress));
        async move { replay(&environment, &plan, &target, &filter, &progress).await }.in_current_span()
    });
    until_stopped(job, environment, target, progress, stop).await
}

async fn until_stopped(
    mut job: JoinHandle<std::result::Result<JobReport, Box<FailedJob>>>,
    environment: &Arc<Environment>,
    target: &TableName,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Ended {
    let moment = |patience| {
        let runtime = environment.io_runtime();
        runtime.spawn(async move { tokio::time::sleep(patience).await })
    };
    let ended = loop {
        tokio::select! {
            ended = &mut job => break Some(ended),
            () = stop.requested() => {
                match progress.stop() {
                    Stopping::Commits => continue,
                    Stopping::Keeps => {
                        tracing::warn!("stopping: the files that are being read are finished and kept");
                        tokio::select! {
                            ended = &mut job => break Some(ended),
                            _ = moment(KEEP_PATIENCE) => {}
                        }
                    }
                    Stopping::Drops => {}
                }
                job.abort();
                // What its tasks write until they notice is listed nowhere; a moment saves most of it from being left behind.
                tokio::select! {
                    ended = &mut job => break Some(ended),
                    _ = moment(STOP_PATIENCE) => break None,
                }
            }
        }
    };
    let ended = match ended {
        Some(Ok(Ok(report))) => Ended::Done(Box::new(report)),
        Some(Ok(Err(failed))) if failed.error.blame() != Blame::Interrupted => Ended::Failed(failed),
        Some(Err(stopped)) if !stopped.is_cancelled() => {
            // A broken invariant is told by its own panic, not by ours.
            std::panic::resume_unwind(stopped.into_panic())
        }
        None | Some(Ok(Err(_)) | Err(_)) => Ended::Stopped,
    };
    if let Ended::Stopped = ended {
        discard_staged(environment, target, progress).await;
    }
    ended
}
