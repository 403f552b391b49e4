//! Runs one job from the queue to its end: settles what came before it, makes its plan, loads, and writes down what became of it.

use crate::ended::{ending, refused};
use crate::record::{Recorder, UnwrittenEnding};
use crate::service::Service;
use crate::settle::{Continued, go_on, look_back};
use crate::stored::{document_of, plan_of, shown, told};
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::stop::{Ended, Stop, run_stoppable};
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Environment, Error, Result};
use bucketload_state::jobs::JobRecord;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// How long until the state file is asked again to take the end of a job.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// What a job from the queue is found to be.
#[derive(Debug)]
pub enum Prepared {
    /// It can run.
    Ready(Box<Attempt>),
    /// It cannot begin, and its record says why.
    Refused(Error),
    /// An attempt before it had committed after all, and this one was withdrawn.
    CommittedBefore(String),
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

/// Makes a job ready that this process has begun in the state file.
pub async fn prepare(service: &Arc<Service>, job: &JobRecord) -> Prepared {
    let error = match find_out(service, job).await {
        Ok(prepared) => return prepared,
        Err(error) => error,
    };
    let ending = refused(&error, job, service.now());
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
    Prepared::Refused(error)
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
