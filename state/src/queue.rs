//! Decides which run is next: due runs are queued, and queued jobs are claimed by servers.
//!
//! A schedule has at most one job that is queued or running, whichever process started it, and each scheduled time is queued at most
//! once. Both hold because a row of `jobs` is made, and the schedule's `considered` moved on, in one transaction.

use crate::database::{State, TransactionError, instant, millis};
use crate::error::{StateError, StateResult};
use crate::jobs::{JobRecord, JobStatus, Origin, Retry, ScheduledRun, find};
use crate::schedules::{self, Schedule};
use crate::settle::rename;
use crate::timing::{LONGEST_WAIT, TimingError};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

/// Jobs that may wait when another is queued by its configuration. Schedules have one each, however many wait.
const MAX_QUEUED: u32 = 10_000;

/// What a look at the schedules gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// Ids of the jobs that are queued now.
    pub job_ids: Vec<String>,
    /// Schedules that cannot run, and why.
    pub broken: Vec<(String, TimingError)>,
    /// Schedules that run no sooner than after a time to come, because the clock was ahead when they ran last.
    pub ahead: Vec<(String, Timestamp)>,
}

impl State {
    /// Queues the runs that are due.
    pub fn enqueue_due(&self, now: Timestamp) -> StateResult<Enqueued> {
        self.transaction(|transaction| {
            let mut enqueued = Enqueued::default();
            for schedule in schedules::all(transaction)? {
                let timing = match schedule.timing() {
                    Ok(timing) => timing,
                    Err(StateError::Timing(error)) => {
                        enqueued.broken.push((schedule.definition.name, error));
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                if timing.is_ahead(schedule.considered, now) {
                    enqueued.ahead.push((schedule.definition.name, schedule.considered));
                    continue;
                }
                let due = timing.due(schedule.considered, now, schedule.definition.catch_up);
                if due.considered == schedule.considered || live_job(transaction, schedule.id)?.is_some() {
                    continue;
                }
                transaction.execute(
                    "UPDATE schedules SET considered_ms = ?2 WHERE id = ?1",
                    params![schedule.id, millis(due.considered)],
                )?;
                if let Some(scheduled) = due.run {
                    let run = NewRun {
                        origin: Origin::Schedule,
                        scheduled,
                        retry: Retry { at: now, attempt: 1 },
                    };
                    enqueued.job_ids.push(enqueue(transaction, &schedule, &run, now)?);
                }
            }
            Ok(enqueued)
        })
    }

    /// Queues a run of a schedule that somebody asks for. Where one waits already, to be tried again or for a server, it waits no longer,
    /// and is the answer.
    ///
    /// **Errors**: there is no such schedule; it has a job that is running, or one that waits and stands for another time than is asked for.
    pub fn enqueue_run(&self, name: &str, asked: Option<Timestamp>, now: Timestamp) -> StateResult<JobRecord> {
        self.transaction(|transaction| {
            let id = enqueue_asked(transaction, name, asked, now)?;
            Ok(find(transaction, &id)?.expect("it was just queued"))
        })
    }

    /// Begins a run of a schedule in this process; that which waits already, if there is one.
    ///
    /// **Errors**: as [`State::enqueue_run`].
    pub fn begin_run(&self, name: &str, asked: Option<Timestamp>, now: Timestamp) -> StateResult<JobRecord> {
        let owner = self.owner_id()?;
        self.transaction(|transaction| {
            let id = enqueue_asked(transaction, name, asked, now)?;
            // It waits for no server, and takes no place of those that do.
            transaction.execute("UPDATE jobs SET queued_ms = NULL WHERE id = ?1", [&id])?;
            Ok(begin(transaction, &id, owner, now)?)
        })
    }

    /// Queues a job by its configuration.
    ///
    /// **Errors**: too many wait already.
    pub fn enqueue_job(&self, job: &crate::jobs::NewJob, now: Timestamp) -> StateResult<JobRecord> {
        self.transaction(|transaction| {
            let sql = "SELECT count(*) FROM jobs WHERE status = 'queued'";
            let num_queued: u32 = transaction.query_row(sql, [], |row| row.get(0))?;
            if num_queued >= MAX_QUEUED {
                return Err(StateError::QueueFull(num_queued).into());
            }
            let sql = "INSERT INTO jobs (id, status, warehouse, database, table_name, config, owner, origin, created_ms, queued_ms, \
                       not_before_ms) VALUES (?1, 'queued', ?2, ?3, ?4, ?5, '', ?6, ?7, ?7, ?7)";
            transaction.execute(
                sql,
                params![
                    job.id,
                    job.warehouse,
                    job.database,
                    job.table,
                    job.config.to_string(),
                    job.origin.name(),
                    millis(now)
                ],
            )?;
            Ok(find(transaction, &job.id)?.expect("it was just queued"))
        })
    }

    /// Takes the next queued job for this process, unless servers run `max_running` already, whichever process they are.
    ///
    /// One that would have to wait for longer than any job waits was queued before the clock was put back, and waits no longer.
    pub fn claim_job(&self, max_running: u32, now: Timestamp) -> StateResult<Option<JobRecord>> {
        let owner = self.owner_id()?;
        self.transaction(|transaction| {
            let sql = "SELECT count(*) FROM jobs WHERE status = 'running' AND queued_ms IS NOT NULL";
            let num_running: u32 = transaction.query_row(sql, [], |row| row.get(0))?;
            if num_running >= max_running {
                return Ok(None);
            }
            // Somebody may be going on by hand with an earlier job of the schedule, which loads what this one would load.
            let sql = "SELECT id FROM jobs WHERE status = 'queued' AND (not_before_ms <= ?1 OR not_before_ms > ?2) AND NOT EXISTS \
                       (SELECT 1 FROM jobs other WHERE other.schedule_id = jobs.schedule_id AND other.status = 'running') \
                       ORDER BY created_ms, id LIMIT 1";
            let latest = now.saturating_add(LONGEST_WAIT).unwrap_or(Timestamp::MAX);
            let next: Option<String> = transaction
                .query_row(sql, [millis(now), millis(latest)], |row| row.get(0))
                .optional()?;
            Ok(match next {
                Some(id) => Some(begin(transaction, &id, owner, now)?),
                None => None,
            })
        })
    }

    /// Notes the configuration that a job runs with.
    pub fn note_config(&self, id: &str, config: &Value) -> StateResult<()> {
        self.transaction(|transaction| {
            transaction.execute(
                "UPDATE jobs SET config = ?2 WHERE id = ?1",
                params![id, config.to_string()],
            )?;
            Ok(())
        })
    }

    /// When something is to be done next: a queued job may begin, or a run comes due.
    pub fn next_event(&self) -> StateResult<Option<Timestamp>> {
        let (queued, schedules) = self.read(|connection| {
            let sql = "SELECT min(not_before_ms) FROM jobs WHERE status = 'queued'";
            let queued: Option<i64> = connection.query_row(sql, [], |row| row.get(0))?;
            let mut waiting = Vec::new();
            for schedule in schedules::all(connection)? {
                if live_job(connection, schedule.id)?.is_none() {
                    waiting.push(schedule);
                }
            }
            Ok((queued.map(instant).transpose()?, waiting))
        })?;
        let starts = schedules.iter().filter_map(|schedule| {
            let timing = schedule.timing().ok()?;
            Some(timing.start_of(timing.next_after(schedule.considered)?))
        });
        Ok(starts.chain(queued).min())
    }
}

/// A run to be queued.
struct NewRun {
    origin: Origin,
    scheduled: Timestamp,
    retry: Retry,
}

fn enqueue_asked(
    connection: &Connection,
    name: &str,
    asked: Option<Timestamp>,
    now: Timestamp,
) -> Result<String, TransactionError> {
    let schedule = schedules::by_name(connection, name)?.ok_or_else(|| StateError::NoSchedule(name.to_owned()))?;
    if let Some(live) = live_job(connection, schedule.id)? {
        let is_meant = asked.is_none_or(|asked| Some(millis(asked)) == live.scheduled.map(millis));
        if live.status == JobStatus::Queued && is_meant {
            connection.execute(
                "UPDATE jobs SET not_before_ms = ?2 WHERE id = ?1",
                params![live.id, millis(now)],
            )?;
            return Ok(live.id);
        }
        return Err(StateError::ScheduleBusy {
            name: name.to_owned(),
            job_id: live.id,
            status: live.status,
        }
        .into());
    }
    let run = NewRun {
        origin: Origin::Run,
        scheduled: asked.unwrap_or(now),
        retry: Retry { at: now, attempt: 1 },
    };
    Ok(enqueue(connection, &schedule, &run, now)?)
}

fn enqueue(connection: &Connection, schedule: &Schedule, run: &NewRun, now: Timestamp) -> rusqlite::Result<String> {
    let id = uuid::Uuid::now_v7().to_string();
    let definition = &schedule.definition;
    connection.execute(
        "INSERT INTO jobs (id, status, warehouse, database, table_name, config, owner, origin, schedule_id, schedule_name, \
         scheduled_ms, attempt, created_ms, queued_ms, not_before_ms) \
         VALUES (?1, 'queued', ?2, ?3, ?4, ?5, '', ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12)",
        params![
            id,
            definition.warehouse,
            definition.database,
            definition.table,
            definition.config.to_string(),
            run.origin.name(),
            schedule.id,
            definition.name,
            millis(run.scheduled),
            run.retry.attempt,
            millis(now),
            millis(run.retry.at)
        ],
    )?;
    Ok(id)
}

/// The job of a schedule that is queued or running.
pub(crate) struct LiveJob {
    pub(crate) id: String,
    pub(crate) status: JobStatus,
    scheduled: Option<Timestamp>,
}

/// **Shape**: one that is running, if there are two: somebody goes on with an earlier one by hand, and the other waits.
pub(crate) fn live_job(connection: &Connection, schedule_id: i64) -> rusqlite::Result<Option<LiveJob>> {
    let sql = "SELECT id, status = 'queued', scheduled_ms FROM jobs WHERE schedule_id = ?1 AND status IN ('queued', 'running') \
               ORDER BY status DESC LIMIT 1";
    let live = connection.prepare(sql)?.query_row([schedule_id], |row| {
        Ok(LiveJob {
            id: row.get(0)?,
            status: match row.get(1)? {
                true => JobStatus::Queued,
                false => JobStatus::Running,
            },
            scheduled: row.get::<_, Option<i64>>(2)?.map(instant).transpose()?,
        })
    });
    live.optional()
}

fn begin(connection: &Connection, id: &str, owner: &str, now: Timestamp) -> rusqlite::Result<JobRecord> {
    let sql = "UPDATE schedules SET num_begun = num_begun + 1 WHERE id = (SELECT schedule_id FROM jobs WHERE id = ?1)";
    connection.execute(sql, [id])?;
    connection.execute(
        "UPDATE jobs SET status = 'running', owner = ?2, started_ms = ?3, seen_ms = ?3, is_settled = 0, \
         run_number = coalesce((SELECT num_begun FROM schedules WHERE schedules.id = schedule_id), 0) WHERE id = ?1",
        params![id, owner, millis(now)],
    )?;
    Ok(find(connection, id)?.expect("it is queued"))
}

/// Further attempts at a run that are queued.
fn waiting_attempts(connection: &Connection, run: &ScheduledRun) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT id FROM jobs WHERE schedule_id = ?1 AND scheduled_ms = ?2 AND status = 'queued' AND attempt > 1";
    connection
        .prepare(sql)?
        .query_map([run.schedule_id, millis(run.scheduled)], |row| row.get(0))?
        .collect()
}

/// What follows from the end of a job for its schedule: where the next run goes on, and another try.
pub(crate) fn follow_up(
    connection: &Connection,
    record: &JobRecord,
    retry: Option<Retry>,
    now: Timestamp,
) -> Result<(), TransactionError> {
    let Some(run) = &record.run else { return Ok(()) };
    if record.status == JobStatus::Success {
        if let Some(next) = record.report.as_ref().and_then(|report| report.get("next")) {
            schedules::add_difference(connection, record, next)?;
        }
        // Somebody has gone on with it by hand: an attempt that still waits would load once more what is there.
        for attempt in waiting_attempts(connection, run)? {
            rename(connection, &attempt, &record.job.id)?;
        }
    }
    // Whoever cancelled a job that failed on the way does not want another.
    let Some(retry) = retry.filter(|_| !record.is_cancelled) else {
        return Ok(());
    };
    let Some(schedule) = schedules::by_id(connection, run.schedule_id)? else {
        return Ok(());
    };
    if live_job(connection, schedule.id)?.is_none() {
        let run = NewRun {
            origin: record.job.origin,
            scheduled: run.scheduled,
            retry,
        };
        enqueue(connection, &schedule, &run, now)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
