//! Runs one job from the queue to its end: settles what came before it, makes its plan, loads, and writes down what became of it.

use crate::record::{Recorder, UnwrittenEnding, error_document};
use crate::service::Service;
use crate::stored::{document_of, plan_of, shown, told};
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::committed::{Committed, committed};
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::stop::{Ended, Stop, StopReason, run_stoppable};
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Blame, Environment, Error, Result};
use bucketload_state::jobs::{Ending, JobRecord, JobStatus, Origin, Retry};
use bucketload_state::queue::Settled;
use bucketload_state::timing::retry_at;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// How long until the state file is asked again to take the end of a job.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// What came of a job from the queue.
#[derive(Debug)]
pub enum Outcome {
    /// It ran.
    Ended(Ended),
    /// It could not begin.
    Refused(Error),
    /// An attempt before it had committed after all; this one is withdrawn.
    CommittedBefore,
}

/// Runs a job that this process has begun in the state file. `progress` carries its id.
///
/// Whatever happens, the record says so at the end; where the state file does not take it, that is tried until it does.
pub async fn run_begun(service: &Arc<Service>, job: &JobRecord, progress: &Arc<Progress>, stop: &Stop) -> Outcome {
    let attempt = match prepare(service, job).await {
        Ok(Some(attempt)) => attempt,
        Ok(None) => return Outcome::CommittedBefore,
        Err(error) => {
            let ending = refused(&error, job, service.now());
            let job_id = job.job.id.clone();
            while let Err(unwritten) = service
                .ask({
                    let (job_id, ending) = (job_id.clone(), ending.clone());
                    let now = service.now();
                    move |state| state.finish_job(&job_id, &ending, &[], now)
                })
                .await
            {
                tracing::error!(job_id, error = %unwritten, "the end of a job cannot be written yet");
                tokio::time::sleep(WRITE_AGAIN).await;
            }
            return Outcome::Refused(error);
        }
    };
    let runtime = attempt.environment.io_runtime();
    let recorder = Recorder::follow(&service.state, progress, stop, &service.logs, runtime);
    let span = recorder.span().clone();
    let ended = run_stoppable(&attempt.environment, &attempt.plan, &attempt.target, progress, stop)
        .instrument(span)
        .await;
    let ending = ending(&ended, Some(job), stop, service.now());
    let mut written = recorder.finish(ending).await;
    while let Err(unwritten) = written {
        if let Some(error) = unwritten.error() {
            tracing::error!(job_id = job.job.id, %error, "the end of a job cannot be written yet");
        }
        tokio::time::sleep(WRITE_AGAIN).await;
        written = UnwrittenEnding::write(*unwritten).await;
    }
    Outcome::Ended(ended)
}

/// A job that can run.
struct Attempt {
    environment: Arc<Environment>,
    plan: Arc<JobPlan>,
    target: TableName,
}

/// Makes a job ready; `None` if it turned out to be done and was withdrawn.
async fn prepare(service: &Arc<Service>, job: &JobRecord) -> Result<Option<Attempt>> {
    let environment = service.environment(&job.job.warehouse)?;
    let before = settle(service, &environment, job).await?;
    if before.is_done {
        let job_id = job.job.id.clone();
        service.ask(move |state| state.withdraw_job(&job_id)).await?;
        return Ok(None);
    }
    let schedule = match &job.run {
        Some(run) => {
            let id = run.schedule_id;
            service.ask(move |state| state.schedule_of_id(id)).await?
        }
        None => None,
    };
    let document = match (&schedule, &job.run) {
        (Some(schedule), _) => {
            let definition = &schedule.definition;
            let name = format!("schedule `{}`", definition.name);
            let time_column = definition.time_column.as_deref();
            document_of(&definition.config, time_column, &schedule.config_diff, &name)?
        }
        (None, Some(run)) => {
            return Err(Error::config(format!(
                "schedule `{}` was deleted before its job began",
                run.schedule_name
            )));
        }
        (None, None) => document_of(&job.job.config, None, &json!({}), "the configuration")?,
    };
    let (job_id, config) = (job.job.id.clone(), shown(&document));
    service.ask(move |state| state.note_config(&job_id, &config)).await?;
    let (plan, warnings) = plan_of(&document, &|name| service.variable(name))?;
    for warning in warnings {
        tracing::warn!(job_id = job.job.id, "{}", told(&warning));
    }
    if let Some(part_of) = before.part_of
        && !plan.input.select.incremental
        && plan.input.ledger.is_none()
    {
        return Err(Error::config(format!(
            "job `{part_of}` of this run committed some of its steps, and its configuration has nothing to go on from"
        ))
        .with_hint(format!(
            "go on with `bucketload issue --resume {part_of}`, or set `in.incremental` to `true` or `ledger`"
        )));
    }
    Ok(Some(Attempt {
        environment,
        plan: Arc::new(plan),
        target: TableName::new(&job.job.database, &job.job.table)?,
    }))
}

/// What jobs of the same schedule that did not end well have left in the table.
#[derive(Default)]
struct Before {
    /// One of them was for the same scheduled time and had committed.
    is_done: bool,
    /// The one for the same scheduled time that had committed some of its steps.
    part_of: Option<String>,
}

/// Asks the table about jobs of the same schedule that did not end well; its word counts.
async fn settle(service: &Arc<Service>, environment: &Environment, job: &JobRecord) -> Result<Before> {
    let mut left = Before::default();
    let Some(run) = &job.run else { return Ok(left) };
    let schedule_id = run.schedule_id;
    for before in service.ask(move |state| state.unsettled(schedule_id)).await? {
        let target = TableName::new(&before.job.database, &before.job.table)?;
        let is_same_run = before.run.as_ref().map(|before| before.scheduled) == Some(run.scheduled);
        let settled = match committed(environment, &target, &before.job.id).await? {
            Committed::Nothing => Settled::Nothing,
            Committed::Part(next) => {
                if is_same_run {
                    left.part_of = Some(before.job.id.clone());
                }
                Settled::Part(next)
            }
            Committed::All(report) => {
                tracing::info!(job_id = before.job.id, "the table shows that this job has committed");
                left.is_done |= is_same_run && job.attempt > 1;
                Settled::All(report)
            }
        };
        let (job_id, now) = (before.job.id.clone(), service.now());
        service
            .ask(move |state| state.settle_job(&job_id, &settled, now))
            .await?;
    }
    Ok(left)
}

fn refused(error: &Error, job: &JobRecord, now: Timestamp) -> Ending {
    Ending {
        status: JobStatus::Error,
        report: None,
        error: Some(error_document(error)),
        is_settled: true,
        retry: retry(error, job, now),
    }
}

/// What the record says of an end; `job` is the one that a schedule may try again.
pub fn ending(ended: &Ended, job: Option<&JobRecord>, stop: &Stop, now: Timestamp) -> Ending {
    // Steps may have committed before the end, and a store that failed in a commit may have it all the same. The next job of the
    // schedule asks the table; without a schedule nobody needs to know.
    let is_settled = job.is_none_or(|job| job.run.is_none());
    match ended {
        Ended::Done(report) => Ending {
            status: JobStatus::Success,
            report: Some(json!(report)),
            error: None,
            is_settled: true,
            retry: None,
        },
        Ended::Failed(failed) => Ending {
            status: JobStatus::Error,
            report: Some(json!(failed.report)),
            error: Some(error_document(&failed.error)),
            is_settled,
            retry: job.and_then(|job| retry(&failed.error, job, now)),
        },
        Ended::Stopped => Ending {
            status: JobStatus::Killed,
            report: None,
            error: Some(stopped(stop.reason())),
            is_settled,
            // The next server begins again; that this one ended is no fault of the job.
            retry: job
                .filter(|job| job.job.origin == Origin::Schedule && stop.reason() == Some(StopReason::Shutdown))
                .map(|job| Retry {
                    at: now,
                    attempt: job.attempt,
                }),
        },
    }
}

fn stopped(reason: Option<StopReason>) -> Value {
    let error = match reason {
        Some(StopReason::Cancelled) => "cancelled; nothing was committed",
        Some(StopReason::Shutdown) => "the server was shut down; nothing was committed",
        Some(StopReason::Interrupted) | None => "interrupted; nothing was committed",
    };
    json!({"error": error, "at": null, "hint": null, "blame": "interrupted", "causes": []})
}

/// When to try again what may pass: an answer of a store, or another job that came first. A wrong configuration or a bad record does not
/// mend itself.
fn retry(error: &Error, job: &JobRecord, now: Timestamp) -> Option<Retry> {
    let may_pass = error.is_retryable() || error.blame() == Blame::Storage;
    let at = retry_at(job.attempt, now).filter(|_| may_pass && job.job.origin == Origin::Schedule)?;
    Some(Retry {
        at,
        attempt: job.attempt + 1,
    })
}
