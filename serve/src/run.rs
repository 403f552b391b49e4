//! Runs one job from the queue to its end: settles what came before it, makes its plan, loads, and writes down what became of it.

use crate::ended::{ending, given_up, refused};
use crate::record::{Recorder, UnwrittenEnding};
use crate::service::Service;
use crate::settle::{Continued, go_on, look_back};
use crate::stored::{document_of, plan_of, shown, told};
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::stop::{Ended, Stop, StopReason, run_stoppable};
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Environment, Error, Result};
use bucketload_state::jobs::{Ending, JobRecord};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// How long until the state file is asked again to take the end of a job.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// How often a job that is being made ready is looked at for somebody who cancels it.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What a job from the queue is found to be.
#[derive(Debug)]
pub enum Prepared {
    /// It can run.
    Ready(Box<Attempt>),
    /// It cannot begin, and its record says why.
    Refused(Error),
    /// An attempt before it had committed after all, and this one was withdrawn.
    CommittedBefore(String),
    /// Somebody stopped it before it began to load, and its record says so.
    GivenUp,
}

/// A job that can run.
#[derive(Debug)]
pub struct Attempt {
    /// Its record. A run that goes on with an earlier job is that job from here on.
    pub job: JobRecord,
    /// How far it has come.
    pub progress: Arc<Progress>,
    /// What it stands on.
    pub environment: Arc<Environment>,
    plan: Arc<JobPlan>,
    target: TableName,
}

/// Makes a job ready that this process has begun in the state file, unless it is stopped: tables that are slow to answer are asked for it.
pub async fn prepare(service: &Arc<Service>, job: &JobRecord, stop: &Stop) -> Prepared {
    let error = tokio::select! {
        found = find_out(service, job) => match found {
            Ok(prepared) => return prepared,
            Err(error) => error,
        },
        () = unwanted(service, job, stop) => {
            write_ending(service, job, given_up(job, stop, service.now())).await;
            return Prepared::GivenUp;
        }
    };
    write_ending(service, job, refused(&error, job, service.now())).await;
    Prepared::Refused(error)
}

/// Comes back when somebody wants a job stopped that nobody follows yet.
async fn unwanted(service: &Service, job: &JobRecord, stop: &Stop) {
    loop {
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        let job_id = job.job.id.clone();
        // A state file that does not answer now is asked again.
        let is_cancelled = service
            .ask(move |state| state.job(&job_id))
            .await
            .is_ok_and(|job| job.is_cancelled);
        if is_cancelled {
            return stop.request(StopReason::Cancelled);
        }
    }
}

/// Writes the end of a job that did not begin to load, as often as it takes.
async fn write_ending(service: &Service, job: &JobRecord, ending: Ending) {
    while let Err(unwritten) = service
        .ask({
            let (job_id, ending, now) = (job.job.id.clone(), ending.clone(), service.now());
            move |state| state.finish_job(&job_id, &ending, &[], now)
        })
        .await
    {
        tracing::error!(job_id = job.job.id, error = %unwritten, "the end of a job cannot be written yet");
        tokio::time::sleep(WRITE_AGAIN).await;
    }
}

/// Runs a job that is ready.
///
/// Whatever happens, the record says so at the end; where the state file does not take it, that is tried until it does.
pub async fn run_prepared(service: &Arc<Service>, attempt: &Attempt, stop: &Stop) -> Ended {
    let Attempt {
        job,
        progress,
        environment,
        plan,
        target,
    } = attempt;
    let recorder = Recorder::follow(&service.state, progress, stop, &service.logs, environment.io_runtime());
    let span = recorder.span().clone();
    let ended = run_stoppable(environment, plan, target, progress, stop)
        .instrument(span)
        .await;
    let ending = ending(&ended, Some(job), progress, stop, service.now());
    let mut written = recorder.finish(ending).await;
    while let Err(unwritten) = written {
        if let Some(error) = unwritten.error() {
            tracing::error!(job_id = job.job.id, %error, "the end of a job cannot be written yet");
        }
        tokio::time::sleep(WRITE_AGAIN).await;
        written = UnwrittenEnding::write(*unwritten).await;
    }
    ended
}

async fn find_out(service: &Arc<Service>, job: &JobRecord) -> Result<Prepared> {
    let environment = service.environment(&job.job.warehouse)?;
    let before = look_back(service, &environment, job).await?;
    if let Some(done) = before.done {
        let (job_id, other) = (job.job.id.clone(), done.clone());
        service.ask(move |state| state.withdraw_job(&job_id, &other)).await?;
        return Ok(Prepared::CommittedBefore(done));
    }
    let planned = plan_job(service, job).await?;
    let (planned, job, progress) = match go_on(service, &environment, &planned.plan, before).await? {
        Continued::Anew => (planned, job.clone(), Progress::of(&job.job.id)),
        Continued::Cursor => (plan_job(service, job).await?, job.clone(), Progress::of(&job.job.id)),
        Continued::Job(earlier) => {
            tracing::info!(job_id = earlier, attempt = job.attempt, "this job is gone on with");
            let (job_id, now) = (job.job.id.clone(), service.now());
            let job = service
                .ask(move |state| state.go_on_with(&job_id, &earlier, now))
                .await?;
            let progress = Progress::resuming_left(&job.job.id);
            (planned, job, progress)
        }
    };
    let (job_id, config) = (job.job.id.clone(), planned.shown);
    service.ask(move |state| state.note_config(&job_id, &config)).await?;
    Ok(Prepared::Ready(Box::new(Attempt {
        target: TableName::new(&job.job.database, &job.job.table)?,
        job,
        progress: Arc::new(progress),
        environment,
        plan: Arc::new(planned.plan),
    })))
}

/// The plan of a job, and its configuration as its record shows it.
struct Planned {
    plan: JobPlan,
    shown: Value,
}

async fn plan_job(service: &Service, job: &JobRecord) -> Result<Planned> {
    let document = match &job.run {
        None => document_of(&job.job.config, None, &json!({}), "the configuration")?,
        Some(run) => {
            let id = run.schedule_id;
            let Some(schedule) = service.ask(move |state| state.schedule_of_id(id)).await? else {
                return Err(Error::config(format!(
                    "schedule `{}` was deleted before its job began",
                    run.schedule_name
                )));
            };
            let definition = &schedule.definition;
            let name = format!("schedule `{}`", definition.name);
            let time_column = definition.time_column.as_deref();
            document_of(&definition.config, time_column, &schedule.config_diff, &name)?
        }
    };
    let (plan, warnings) = plan_of(&document, &|name| service.variable(name))?;
    for warning in warnings {
        tracing::warn!(job_id = job.job.id, "{}", told(&warning));
    }
    Ok(Planned {
        plan,
        shown: shown(&document),
    })
}
