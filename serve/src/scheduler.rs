//! Runs schedules and queued jobs until the server is asked to end.
//!
//! All decisions are the state file's (`bucketload_state::queue`): any number of servers look at it, and each takes what it is given. So
//! this is a loop around three questions: who died, what is due, what may I take.

use crate::ended::stopped;
use crate::record::error_document;
use crate::run::{Attempt, Prepared, prepare, run_prepared};
use crate::service::Service;
use crate::settle::ask_tables;
use crate::totals::Totals;
use bucketload_engine::job::stop::{Ended, Stop, StopReason};
use bucketload_engine::{Error, Result};
use bucketload_state::jobs::{Ending, JobRecord, JobStatus};
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};

/// How often the state file is asked. A run starts within half a second of its time, and asking costs well below a millisecond.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How often old jobs are removed.
const PRUNE_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// How long a server waits for jobs that it has stopped. They end within ten seconds, or a commit after that; longer takes only what cannot
/// end, such as a job whose record no disk has room for.
const LAST_WAIT: Duration = Duration::from_secs(60);

/// How a server runs jobs.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerOptions {
    /// Jobs that all servers of the state file run at once.
    pub max_jobs: u32,
    /// How long running jobs may go on when the server is asked to end.
    pub shutdown_wait: Duration,
    /// How long finished jobs are kept.
    pub keep: SignedDuration,
    /// Whether to end once nothing is due and nothing runs any more.
    pub is_once: bool,
}

/// A server's way to its end: first it takes no new jobs, then it stops those that run, then it waits for nothing.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    begun: Arc<tokio::sync::Notify>,
    now: Arc<tokio::sync::Notify>,
}

impl Shutdown {
    /// Nobody has asked.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Asks; whoever asks again does not want to wait.
    pub fn request(&self, is_again: bool) {
        match is_again {
            false => self.begun.notify_one(),
            true => self.now.notify_one(),
        }
    }
}

/// Runs what is due, and what is queued, until the end.
///
/// **Shape**: ids of the jobs that were run here.
/// **Errors**: the first look at the state file failed (later failures are logged, and it is looked at again), or the file was taken away.
pub async fn run_scheduler(
    service: &Arc<Service>,
    options: SchedulerOptions,
    shutdown: &Shutdown,
) -> Result<Vec<String>> {
    let mut scheduler = Scheduler {
        service: Arc::clone(service),
        options,
        running: JoinSet::new(),
        stops: HashMap::new(),
        taken: Vec::new(),
        broken: HashSet::new(),
        ahead: HashMap::new(),
        pruned: None,
        asking: None,
    };
    scheduler.look().await?;
    let taken_away = loop {
        if options.is_once && scheduler.running.is_empty() {
            return Ok(scheduler.taken);
        }
        tokio::select! {
            () = shutdown.begun.notified() => break None,
            Some(ended) = scheduler.running.join_next_with_id() => scheduler.note_end(ended).await,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        if let Err(error) = service.ask(|state| state.check_in_place()).await {
            tracing::error!(%error, "the server ends");
            break Some(error);
        }
        if let Err(error) = scheduler.look().await {
            tracing::error!(%error, "the state file cannot be used, it is tried again");
        }
    };
    scheduler.shut_down(shutdown).await;
    match taken_away {
        Some(error) => Err(error),
        None => Ok(scheduler.taken),
    }
}

struct Scheduler {
    service: Arc<Service>,
    options: SchedulerOptions,
    running: JoinSet<()>,
    stops: HashMap<Id, (String, Stop)>,
    taken: Vec<String>,
    /// Schedules that cannot run and of which that was said.
    broken: HashSet<String>,
    /// Schedules that ran while the clock was ahead, up to when, and of which that was said.
    ahead: HashMap<String, Timestamp>,
    pruned: Option<Timestamp>,
    asking: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Asks the three questions, and begins what it is given.
    async fn look(&mut self) -> Result<()> {
        let now = self.service.now();
        let buried = self.service.ask(move |state| state.bury_dead(now)).await?;
        for job in &buried {
            tracing::warn!(job_id = job.job.id, "the process of this job died");
        }
        let enqueued = self.service.ask(move |state| state.enqueue_due(now)).await?;
        for (name, error) in enqueued.broken {
            if self.broken.insert(name.clone()) {
                tracing::error!(schedule = name, %error, "this schedule cannot run");
            }
        }
        for (name, until) in enqueued.ahead {
            if self.ahead.insert(name.clone(), until) != Some(until) {
                tracing::warn!(
                    schedule = name,
                    %until,
                    "the clock was put back: this schedule has run times to come already and waits for those after them; \
                     `bucketload update` with `--schedule` begins it from now"
                );
            }
        }
        let max_jobs = self.options.max_jobs;
        while let Some(job) = self.service.ask(move |state| state.claim_job(max_jobs, now)).await? {
            self.begin(job);
        }
        // A clock that is put back is no reason to wait for years.
        let is_time_to_prune = self
            .pruned
            .is_none_or(|pruned| now < pruned || now.duration_since(pruned) > PRUNE_INTERVAL);
        if is_time_to_prune {
            let before = now.saturating_sub(self.options.keep).unwrap_or(Timestamp::MIN);
            self.service.ask(move |state| state.prune_jobs(before)).await?;
            self.pruned = Some(now);
        }
        if is_time_to_prune || !buried.is_empty() {
            self.ask_tables();
        }
        Ok(())
    }

    /// Has tables asked about jobs that died, beside everything else: a table may be slow to answer.
    fn ask_tables(&mut self) {
        if self.asking.as_ref().is_some_and(|asking| !asking.is_finished()) {
            return;
        }
        let service = Arc::clone(&self.service);
        self.asking = Some(tokio::spawn(async move {
            if let Err(error) = ask_tables(&service).await {
                tracing::warn!(%error, "the state file cannot be used, and no table is asked about jobs that died");
            }
        }));
    }

    fn begin(&mut self, job: JobRecord) {
        let (job_id, stop) = (job.job.id.clone(), Stop::new());
        self.taken.push(job_id.clone());
        let task = run_one(Arc::clone(&self.service), job, stop.clone());
        let handle = self.running.spawn(task);
        self.stops.insert(handle.id(), (job_id, stop));
    }

    async fn note_end(&mut self, ended: std::result::Result<(Id, ()), JoinError>) {
        let error = match ended {
            Ok((id, ())) => {
                self.stops.remove(&id);
                return;
            }
            Err(error) => error,
        };
        let Some((job_id, _)) = self.stops.remove(&error.id()) else {
            return;
        };
        tracing::error!(job_id, %error, "a job broke off");
        let broken = Error::internal("the job broke off, see the log of the server");
        let ending = Ending {
            status: JobStatus::Error,
            report: None,
            error: Some(error_document(&broken)),
            is_settled: false,
            retry: None,
        };
        let now = self.service.now();
        let written = self
            .service
            .ask(move |state| state.finish_job(&job_id, &ending, &[], now));
        if let Err(error) = written.await {
            tracing::error!(%error, "that a job broke off cannot be written; it counts as dead once this process has ended");
        }
    }

    /// Waits for what runs, as long as it may, then stops it. What does not end then is left to the next server, which asks its table.
    async fn shut_down(&mut self, shutdown: &Shutdown) {
        if self.running.is_empty() {
            return;
        }
        tracing::info!(jobs = self.running.len(), "waiting for running jobs before the end");
        if self.have_all_ended(shutdown, self.options.shutdown_wait).await {
            return;
        }
        for (_, stop) in self.stops.values() {
            stop.request(StopReason::Shutdown);
        }
        if !self.have_all_ended(shutdown, LAST_WAIT).await {
            tracing::error!(
                jobs = self.running.len(),
                "the server ends before its jobs; the next one finds out what they committed"
            );
        }
    }

    /// Waits until all jobs have ended, the time is over, or somebody does not want to wait.
    async fn have_all_ended(&mut self, shutdown: &Shutdown, wait: Duration) -> bool {
        let all_ended = async { while self.running.join_next().await.is_some() {} };
        tokio::select! {
            () = all_ended => true,
            () = shutdown.now.notified() => false,
            () = tokio::time::sleep(wait) => false,
        }
    }
}

/// Runs a job that this server has taken, to whatever end.
async fn run_one(service: Arc<Service>, job: JobRecord, stop: Stop) {
    let table = format!("{}.{}", job.job.database, job.job.table);
    let schedule = job.run.as_ref().map(|run| run.schedule_name.as_str());
    let totals = &service.totals;
    if job.attempt > 1 {
        count(&totals.retried);
    }
    let job_id = match prepare(&service, &job, &stop).await {
        Prepared::Ready(attempt) => {
            let job_id = attempt.job.job.id.clone();
            tracing::info!(job_id, table, schedule, attempt = job.attempt, "job started");
            let ended = run_prepared(&service, &attempt, &stop).await;
            note_ended(totals, &ended, &attempt, &table, &stop);
            job_id
        }
        Prepared::Refused(error) => {
            count(&totals.failed);
            tracing::error!(job_id = job.job.id, table, schedule, %error, "job could not begin");
            job.job.id
        }
        Prepared::CommittedBefore(job_id) => {
            tracing::info!(job_id, table, schedule, "an earlier attempt had committed");
            job_id
        }
        Prepared::GivenUp => {
            count(&totals.killed);
            tracing::warn!(
                job_id = job.job.id,
                table,
                schedule,
                "job stopped before it began to load"
            );
            job.job.id
        }
    };
    service.trace(&job_id).await;
}

/// Counts and logs the end of a job that began to load.
fn note_ended(totals: &Totals, ended: &Ended, attempt: &Attempt, table: &str, stop: &Stop) {
    let job_id = attempt.job.job.id.as_str();
    match ended {
        Ended::Done(report) => {
            count(&totals.succeeded);
            totals.add(report, true);
            let (rows, seconds) = (report.rows.written, report.seconds.total);
            tracing::info!(job_id, table, rows, seconds, "job done");
        }
        Ended::Failed(failed) => {
            count(&totals.failed);
            totals.add(&failed.report, false);
            tracing::error!(job_id, table, attempt = attempt.job.attempt, error = %failed.error, "job failed");
        }
        Ended::Stopped => {
            count(&totals.killed);
            let told = stopped(stop.reason(), &attempt.progress.committed());
            tracing::warn!(job_id, table, "{told}");
        }
    }
}

fn count(total: &AtomicU64) {
    total.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
