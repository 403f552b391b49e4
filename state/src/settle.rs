//! Decides what became of jobs whose process did not say it.
//!
//! A job whose process died counts as killed, and one that a clock started is tried again. A job that did not succeed may have committed
//! all the same, if its process died right after. So such a job of a schedule stays unsettled until whoever runs the schedule next has
//! asked the table, whose word counts.

use crate::database::{State, TransactionError, millis};
use crate::error::{StateError, StateResult};
use crate::jobs::{COLUMNS, JobRecord, Origin, Retry, find, record};
use crate::owner::{forget, is_alive};
use crate::queue::follow_up;
use crate::schedules;
use crate::timing::retry_at;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// What the record of a job says that was left without a process.
pub const PROCESS_DIED: &str = "its process died";

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
    /// Finds the jobs whose process died, shows them as killed, and queues another try of those that a clock started.
    ///
    /// **Shape**: those jobs.
    pub fn bury_dead(&self, now: Timestamp) -> StateResult<Vec<JobRecord>> {
        let locks = self.locks();
        let mut buried = Vec::new();
        for owner in self.owners_of_running()? {
            if is_alive(&locks, &owner)? {
                continue;
            }
            buried.extend(self.transaction(|transaction| bury(transaction, &owner, now))?);
            forget(&locks, &owner);
        }
        Ok(buried)
    }

    /// Names of the processes that have running jobs, dead or alive.
    pub(crate) fn owners_of_running(&self) -> StateResult<Vec<String>> {
        self.read(|connection| {
            let sql = "SELECT DISTINCT owner FROM jobs WHERE status = 'running'";
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        })
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
            // Another process may have gone on with it meanwhile, or somebody may have said that it does not count.
            let sql =
                "UPDATE jobs SET is_settled = 1 WHERE id = ?1 AND NOT is_settled AND status IN ('error', 'killed')";
            if transaction.execute(sql, [id])? == 0 {
                return Ok(());
            }
            let report = match settled {
                Settled::Nothing => return Ok(()),
                Settled::Part(next) => {
                    if let Some(record) = find(transaction, id)? {
                        schedules::add_difference(transaction, &record, next)?;
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

    /// Jobs that ended without their process knowing what they committed, the oldest first.
    pub fn unasked(&self) -> StateResult<Vec<JobRecord>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE NOT is_settled AND +status IN ('error', 'killed') AND started_ms IS NOT NULL \
             AND (error IS NULL OR json_extract(error, '$.committed') IS NULL) ORDER BY created_ms, id"
        );
        self.read(|connection| connection.prepare(&sql)?.query_map([], record)?.collect())
    }

    /// Notes what was found out about why a job ended. A job that no schedule goes on from needs no more than that.
    pub fn explain_job(&self, id: &str, error: &Value) -> StateResult<()> {
        self.transaction(|transaction| {
            transaction.execute(
                "UPDATE jobs SET error = ?2, is_settled = schedule_id IS NULL WHERE id = ?1 AND status IN ('error', 'killed')",
                params![id, error.to_string()],
            )?;
            Ok(())
        })
    }

    /// Removes a job of this process that turned out to be another, whose other name its id is from now on.
    pub fn withdraw_job(&self, id: &str, other: &str) -> StateResult<()> {
        self.transaction(|transaction| Ok(rename(transaction, id, other)?))
    }

    /// Goes on, as a job that this process has begun, with an earlier one that did not come to its end. The earlier one is what remains: it
    /// is the one that the table knows.
    ///
    /// **Errors**: one of the two is gone, or the new one has ended meanwhile.
    pub fn go_on_with(&self, id: &str, earlier: &str, now: Timestamp) -> StateResult<JobRecord> {
        self.transaction(|transaction| {
            let sql = "UPDATE jobs SET (status, owner, attempt, run_number, queued_ms, is_cancelled) = \
                       (SELECT status, owner, attempt, run_number, queued_ms, is_cancelled FROM jobs WHERE id = ?1), \
                       seen_ms = ?3, ended_ms = NULL, error = NULL, report = NULL, progress = NULL, is_settled = 0 \
                       WHERE id = ?2 AND EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND status = 'running')";
            if transaction.execute(sql, params![id, earlier, millis(now)])? == 0 {
                return Err(StateError::NoJob(earlier.to_owned()).into());
            }
            rename(transaction, id, earlier)?;
            Ok(find(transaction, earlier)?.expect("it was just changed"))
        })
    }
}

/// Makes the id of a job, and all its other names, names of another.
pub(crate) fn rename(connection: &Connection, id: &str, other: &str) -> rusqlite::Result<()> {
    connection.execute("UPDATE job_names SET job_id = ?2 WHERE job_id = ?1", [id, other])?;
    connection.execute("DELETE FROM jobs WHERE id = ?1", [id])?;
    connection.execute("INSERT INTO job_names (name, job_id) VALUES (?1, ?2)", [id, other])?;
    Ok(())
}

fn bury(connection: &Connection, owner: &str, now: Timestamp) -> Result<Vec<JobRecord>, TransactionError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE owner = ?1 AND status = 'running'");
    let dead: Vec<JobRecord> = connection
        .prepare(&sql)?
        .query_map([owner], record)?
        .collect::<rusqlite::Result<_>>()?;
    // What it has committed, the table knows.
    let error = json!({"error": PROCESS_DIED, "at": null, "hint": null});
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
        let is_tried_again = job.job.origin == Origin::Schedule;
        let record = find(connection, id)?.expect("it was just changed");
        follow_up(connection, &record, retry.filter(|_| is_tried_again), now)?;
        buried.push(record);
    }
    Ok(buried)
}
