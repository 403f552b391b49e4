//! Asks tables what became of jobs whose process did not say it; their word counts.

use crate::ended::found;
use crate::service::Service;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::committed::{Committed, committed, give_up, unfinished};
use bucketload_engine::job::progress::CommittedSteps;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Blame, Environment, Error, Result};
use bucketload_state::jobs::JobRecord;
use bucketload_state::settle::Settled;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How long a table is waited for by somebody who only wants to see records. One that is there answers within tens of milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What jobs of the same schedule that did not end well have left.
#[derive(Default)]
pub(crate) struct Before {
    /// The job for the same scheduled time that had committed; this one is another attempt at it.
    pub(crate) done: Option<String>,
    /// Jobs for the same scheduled time that had not committed, or only in part.
    open: Vec<JobRecord>,
}

/// Asks the table about jobs of the same schedule that did not end well. Those for the same scheduled time stay open.
pub(crate) async fn look_back(service: &Service, environment: &Environment, job: &JobRecord) -> Result<Before> {
    let mut before = Before::default();
    let Some(run) = &job.run else { return Ok(before) };
    let schedule_id = run.schedule_id;
    for earlier in service.ask(move |state| state.unsettled(schedule_id)).await? {
        let target = TableName::new(&earlier.job.database, &earlier.job.table)?;
        let is_same_run = earlier.run.as_ref().map(|earlier| earlier.scheduled) == Some(run.scheduled);
        if let Committed::All(report) = committed(environment, &target, &earlier.job.id).await? {
            tracing::info!(job_id = earlier.job.id, "the table shows that this job has committed");
            if is_same_run && job.attempt > 1 {
                before.done = Some(earlier.job.id.clone());
            }
            settle(service, &earlier, Settled::All(report)).await?;
            continue;
        }
        match is_same_run {
            true => before.open.push(earlier),
            false => drop(replace(service, environment, &earlier).await?),
        }
    }
    Ok(before)
}

/// What a run for the same scheduled time does about those before it.
pub(crate) enum Continued {
    /// It goes on with this one.
    Job(String),
    /// It goes on from where they ended, as its configuration now says.
    Cursor,
    /// It begins anew: they have left nothing.
    Anew,
}

/// Finds the job that a run can go on with; all others are settled.
///
/// **Errors**: one of them committed some of its steps, and nothing tells where to go on.
pub(crate) async fn go_on(
    service: &Service,
    environment: &Environment,
    plan: &JobPlan,
    before: Before,
) -> Result<Continued> {
    let mut continued = Continued::Anew;
    // The latest has gone furthest: it has gone on with those before it, if it could.
    for earlier in before.open.into_iter().rev() {
        if matches!(continued, Continued::Anew) && can_go_on(environment, plan, &earlier).await? {
            continued = Continued::Job(earlier.job.id.clone());
            continue;
        }
        let has_part = replace(service, environment, &earlier).await?;
        if !has_part || matches!(continued, Continued::Job(_)) {
            continue;
        }
        if !plan.input.select.incremental && plan.input.ledger.is_none() {
            return Err(Error::config(format!(
                "job `{}` of this run committed some of its steps, and nothing tells where to go on",
                earlier.job.id
            ))
            .with_hint(
                "set `in.incremental` to `true` or `ledger`, or go back to the configuration that it was begun with",
            ));
        }
        continued = Continued::Cursor;
    }
    Ok(continued)
}

/// Whether what a job has left can be gone on with by a plan. Its process is gone: the state file knows.
async fn can_go_on(environment: &Environment, plan: &JobPlan, earlier: &JobRecord) -> Result<bool> {
    let is_input_changed = earlier
        .error
        .as_ref()
        .is_some_and(|error| error["is_input_changed"] == true);
    if is_input_changed {
        return Ok(false);
    }
    let target = TableName::new(&earlier.job.database, &earlier.job.table)?;
    let left = match unfinished(environment, &target, &earlier.job.id).await {
        Ok(left) => left,
        Err(error) if error.is_retryable() => return Err(error),
        Err(error) => {
            tracing::warn!(job_id = earlier.job.id, %error, "what this job has left cannot be gone on with");
            None
        }
    };
    // Where there is nothing that need not be done again, a new job sees newer files.
    Ok(left.is_some_and(|left| (left.steps.total > 1 || left.has_files) && left.is_of(plan)))
}

/// Settles a job whose files another one loads now; gives whether some of its steps are committed. Somebody who goes on with it by hand
/// would load them once more, so nobody can.
///
/// **Errors**: somebody does just now, or has; the next attempt sees in the table what became of it.
async fn replace(service: &Service, environment: &Environment, job: &JobRecord) -> Result<bool> {
    let target = TableName::new(&job.job.database, &job.job.table)?;
    let is_given_up = give_up(environment, &target, &job.job.id).await?;
    // Only now: whoever went on with it until then may have committed more.
    let settled = match committed(environment, &target, &job.job.id).await? {
        Committed::Part(part) if is_given_up => Settled::Part(part.next),
        Committed::Nothing | Committed::Unknown if is_given_up => Settled::Nothing,
        _ => {
            let message = format!("another process has gone on with job `{}` of this schedule", job.job.id);
            return Err(Error::new(Blame::Storage, message)
                .with_hint("wait for its end; the next attempt sees what it has committed")
                .retryable(true));
        }
    };
    let has_part = matches!(settled, Settled::Part(_));
    settle(service, job, settled).await?;
    Ok(has_part)
}

async fn settle(service: &Service, job: &JobRecord, settled: Settled) -> Result<()> {
    let (job_id, now) = (job.job.id.clone(), service.now());
    service.ask(move |state| state.settle_job(&job_id, &settled, now)).await
}

/// Asks the tables about all jobs that ended without their process knowing what they committed, so that records tell it. A table that
/// does not answer is asked another time.
///
/// **Errors**: those of the state file.
pub async fn ask_tables(service: &Arc<Service>) -> Result<()> {
    let mut silent = HashSet::new();
    for job in service.ask(|state| state.unasked()).await? {
        if silent.contains(&job.job.warehouse) {
            continue;
        }
        let asked = tokio::time::timeout(PATIENCE, ask_table(service, &job)).await;
        let told = match asked {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("`{}` did not answer within {PATIENCE:?}", job.job.warehouse),
        };
        tracing::warn!(
            job_id = job.job.id,
            error = told,
            "the table cannot tell whether this job has committed"
        );
        silent.insert(job.job.warehouse);
    }
    Ok(())
}

async fn ask_table(service: &Service, job: &JobRecord) -> Result<()> {
    let environment = service.environment(&job.job.warehouse)?;
    let target = TableName::new(&job.job.database, &job.job.table)?;
    let steps = match committed(&environment, &target, &job.job.id).await? {
        Committed::All(report) => return settle(service, job, Settled::All(report)).await,
        Committed::Unknown => return Ok(()),
        Committed::Part(part) => part.committed,
        Committed::Nothing => CommittedSteps::default(),
    };
    let left = unfinished(&environment, &target, &job.job.id)
        .await
        .unwrap_or_else(|error| {
            tracing::debug!(job_id = job.job.id, %error, "what this job has left cannot be read");
            None
        });
    let (job_id, error) = (job.job.id.clone(), found(job, &steps, left.as_ref()));
    service.ask(move |state| state.explain_job(&job_id, &error)).await
}
