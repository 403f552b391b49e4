//! Decides which run is next: due runs are queued, queued jobs are claimed by servers, and what dead processes left is tried again.
//!
//! A schedule has at most one job that is queued or running, whichever process started it, and each scheduled time is queued at most
//! once. Both hold because a row of `jobs` is made, and the schedule's `considered` moved on, in one transaction.
//!
//! A job that did not succeed may have committed all the same, if its process died right after. So such a job of a schedule stays
//! unsettled until whoever runs the schedule next has asked the table, whose word counts.

use crate::database::{State, TransactionError, millis};
use crate::error::{StateError, StateResult};
use crate::jobs::{COLUMNS, JobRecord, JobStatus, Origin, Retry, find, record};
use crate::owner::{forget, is_alive};
use crate::schedules::{self, Schedule};
use crate::timing::{TimingError, retry_at};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

/// What a look at the schedules gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// Ids of the jobs that are queued now.
    pub job_ids: Vec<String>,
    /// Schedules that cannot run, and why.
    pub broken: Vec<(String, TimingError)>,
}

/// What a table has of a job that did not end well.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// Nothing.
    Nothing,
    /// A part; the next run goes on from this difference of the configuration.
    Part(Value),
    /// All of it, with this report.
    All(Value),
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

    /// Queues a run of a schedule that somebody asks for.
    ///
    /// **Errors**: there is no such schedule; it has a job that is queued or running.
    pub fn enqueue_run(&self, name: &str, scheduled: Timestamp, now: Timestamp) -> StateResult<JobRecord> {
        self.transaction(|transaction| {
            let id = enqueue_asked(transaction, name, scheduled, now)?;
            Ok(find(transaction, &id)?.expect("it was just queued"))
        })
    }

    /// Begins a run of a schedule in this process.
    ///
    /// **Errors**: as [`State::enqueue_run`].
    pub fn begin_run(&self, name: &str, scheduled: Timestamp, now: Timestamp) -> StateResult<JobRecord> {
        let owner = self.owner_id()?;
        self.transaction(|transaction| {
            let id = enqueue_asked(transaction, name, scheduled, now)?;
            // It never waited for a server, and takes no place of those that do.
            transaction.execute("UPDATE jobs SET queued_ms = NULL WHERE id = ?1", [&id])?;
            Ok(begin(transaction, &id, owner, now)?)
        })
    }

    /// Queues a job by its configuration.
    pub fn enqueue_job(&self, job: &crate::jobs::NewJob, now: Timestamp) -> StateResult<JobRecord> {
        self.transaction(|transaction| {
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
    pub fn claim_job(&self, max_running: u32, now: Timestamp) -> StateResult<Option<JobRecord>> {
        let owner = self.owner_id()?;
        self.transaction(|transaction| {
            let sql = "SELECT count(*) FROM jobs WHERE status = 'running' AND queued_ms IS NOT NULL";
            let num_running: u32 = transaction.query_row(sql, [], |row| row.get(0))?;
            if num_running >= max_running {
                return Ok(None);
            }
            let sql =
                "SELECT id FROM jobs WHERE status = 'queued' AND not_before_ms <= ?1 ORDER BY created_ms, id LIMIT 1";
            let next: Option<String> = transaction.query_row(sql, [millis(now)], |row| row.get(0)).optional()?;
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

    /// Finds the jobs whose process died, shows them as killed, and queues another try of those that a clock started.
    ///
    /// **Shape**: those jobs.
    pub fn bury_dead(&self, now: Timestamp) -> StateResult<Vec<JobRecord>> {
        let owners: Vec<String> = self.read(|connection| {
            let sql = "SELECT DISTINCT owner FROM jobs WHERE status = 'running'";
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        })?;
        let locks = self.locks();
        let mut buried = Vec::new();
        for owner in owners {
            if is_alive(&locks, &owner)? {
                continue;
            }
            buried.extend(self.transaction(|transaction| bury(transaction, &owner, now))?);
            forget(&locks, &owner);
        }
        Ok(buried)
    }

    /// Jobs of a schedule of which only the table knows whether they committed, the oldest first.
    pub fn unsettled(&self, schedule_id: i64) -> StateResult<Vec<JobRecord>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE schedule_id = ?1 AND NOT is_settled AND status IN ('error', 'killed') \
             ORDER BY created_ms, id"
        );
        self.read(|connection| connection.prepare(&sql)?.query_map([schedule_id], record)?.collect())
    }

    /// Notes what the table says of an unsettled job.
    pub fn settle_job(&self, id: &str, settled: &Settled, now: Timestamp) -> StateResult<()> {
        self.transaction(|transaction| {
            transaction.execute("UPDATE jobs SET is_settled = 1 WHERE id = ?1", [id])?;
            let report = match settled {
                Settled::Nothing => return Ok(()),
                Settled::Part(next) => {
                    let run = find(transaction, id)?.and_then(|job| job.run);
                    if let Some(run) = run.filter(|_| next.is_object()) {
                        schedules::add_difference(transaction, run.schedule_id, next)?;
                    }
                    return Ok(());
                }
                Settled::All(report) => report,
            };
            transaction.execute(
                "UPDATE jobs SET status = 'success', error = NULL, report = ?2 WHERE id = ?1",
                params![id, report.to_string()],
            )?;
            match find(transaction, id)? {
                Some(record) => follow_up(transaction, &record, None, now),
                None => Ok(()),
            }
        })
    }

    /// Removes a job of this process that turned out to be done already.
    pub fn withdraw_job(&self, id: &str) -> StateResult<()> {
        self.transaction(|transaction| {
            transaction.execute("DELETE FROM jobs WHERE id = ?1", [id])?;
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
            Ok((queued.map(crate::database::instant).transpose()?, waiting))
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
    scheduled: Timestamp,
    now: Timestamp,
) -> Result<String, TransactionError> {
    let schedule = schedules::by_name(connection, name)?.ok_or_else(|| StateError::NoSchedule(name.to_owned()))?;
    if let Some((job_id, status)) = live_job(connection, schedule.id)? {
        return Err(StateError::ScheduleBusy {
            name: name.to_owned(),
            job_id,
            status: status.name(),
        }
        .into());
    }
    let run = NewRun {
        origin: Origin::Run,
        scheduled,
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
fn live_job(connection: &Connection, schedule_id: i64) -> rusqlite::Result<Option<(String, JobStatus)>> {
    let sql =
        "SELECT id, status = 'queued' FROM jobs WHERE schedule_id = ?1 AND status IN ('queued', 'running') LIMIT 1";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_row([schedule_id], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?.map(|(id, is_queued)| match is_queued {
        true => (id, JobStatus::Queued),
        false => (id, JobStatus::Running),
    }))
}

fn begin(connection: &Connection, id: &str, owner: &str, now: Timestamp) -> rusqlite::Result<JobRecord> {
    connection.execute(
        "UPDATE jobs SET status = 'running', owner = ?2, started_ms = ?3, seen_ms = ?3, is_settled = schedule_id IS NULL \
         WHERE id = ?1",
        params![id, owner, millis(now)],
    )?;
    Ok(find(connection, id)?.expect("it is queued"))
}

/// What follows from the end of a job for its schedule: where the next run goes on, and another try.
pub(crate) fn follow_up(
    connection: &Connection,
    record: &JobRecord,
    retry: Option<Retry>,
    now: Timestamp,
) -> Result<(), TransactionError> {
    let Some(run) = &record.run else { return Ok(()) };
    if record.status == JobStatus::Success
        && let Some(next) = record.report.as_ref().and_then(|report| report.get("next"))
        && next.is_object()
    {
        schedules::add_difference(connection, run.schedule_id, next)?;
    }
    let Some(retry) = retry else { return Ok(()) };
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

fn bury(connection: &Connection, owner: &str, now: Timestamp) -> Result<Vec<JobRecord>, TransactionError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE owner = ?1 AND status = 'running'");
    let dead: Vec<JobRecord> = connection
        .prepare(&sql)?
        .query_map([owner], record)?
        .collect::<rusqlite::Result<_>>()?;
    let error = json!({"error": "its process died", "at": null, "hint": "what it committed is in the table, all or nothing; run it again otherwise"});
    let mut buried = Vec::new();
    for job in dead {
        let id = &job.job.id;
        connection.execute(
            "UPDATE jobs SET status = 'killed', ended_ms = coalesce(seen_ms, ?2), error = ?3, progress = NULL WHERE id = ?1",
            params![id, millis(now), error.to_string()],
        )?;
        let retry = retry_at(job.attempt, now).map(|at| Retry {
            at,
            attempt: job.attempt + 1,
        });
        let is_tried_again = job.job.origin == Origin::Schedule && !job.is_cancelled;
        let record = find(connection, id)?.expect("it was just changed");
        follow_up(connection, &record, retry.filter(|_| is_tried_again), now)?;
        buried.push(record);
    }
    Ok(buried)
}

#[cfg(test)]
mod tests;
