//! Records of jobs.

use crate::database::{State, broken, instant, json, millis};
use crate::error::{StateError, StateResult};
use crate::log::{LogLine, add_lines};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

/// What became of a job so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// Nobody has begun with it.
    Queued,
    /// A process is at it.
    Running,
    /// Committed.
    Success,
    /// Failed.
    Error,
    /// Stopped by somebody, or its process died.
    Killed,
}

impl JobStatus {
    const ALL: [JobStatus; 5] = [
        JobStatus::Queued,
        JobStatus::Running,
        JobStatus::Success,
        JobStatus::Error,
        JobStatus::Killed,
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            JobStatus::Queued => "queued",
            JobStatus::Running => "running",
            JobStatus::Success => "success",
            JobStatus::Error => "error",
            JobStatus::Killed => "killed",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<JobStatus> {
        JobStatus::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether it never changes any more.
    pub fn is_final(self) -> bool {
        !matches!(self, JobStatus::Queued | JobStatus::Running)
    }
}

/// Who started a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Somebody, by a configuration.
    Issue,
    /// Somebody, by the name of a schedule.
    Run,
    /// The clock.
    Schedule,
}

impl Origin {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Issue => "issue",
            Origin::Run => "run",
            Origin::Schedule => "schedule",
        }
    }

    fn from_name(name: &str) -> Option<Origin> {
        [Origin::Issue, Origin::Run, Origin::Schedule]
            .into_iter()
            .find(|origin| origin.name() == name)
    }
}

/// Which run of which schedule a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledRun {
    /// The schedule.
    pub schedule_id: i64,
    /// Its name when the job was made.
    pub schedule_name: String,
    /// The time it stands for, which the run carries however late it is.
    pub scheduled: Timestamp,
}

/// What a job is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Unique.
    pub id: String,
    /// Who started it.
    pub origin: Origin,
    /// Where the tables are, absolute.
    pub warehouse: String,
    /// Where the rows go.
    pub database: String,
    /// Where the rows go.
    pub table: String,
    /// The configuration, without secrets.
    pub config: Value,
}

/// A job as it is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRecord {
    /// What it is to do.
    pub job: NewJob,
    /// What became of it.
    pub status: JobStatus,
    /// `None`: no schedule has to do with it.
    pub run: Option<ScheduledRun>,
    /// From 1; more than that after failures.
    pub attempt: u32,
    /// When it was asked for.
    pub created: Timestamp,
    /// When somebody began with it; `None`: not yet, or never.
    pub started: Option<Timestamp>,
    /// When its process was last heard of.
    pub seen: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// For a queued job: it does not begin before.
    pub not_before: Timestamp,
    /// Whether somebody asked it to stop.
    pub is_cancelled: bool,
    /// How far it has come, as long as it runs.
    pub progress: Option<Value>,
    /// What it did.
    pub report: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
}

impl JobRecord {
    /// Rows that readers see; of a job that did not end well those of the steps that it committed.
    pub fn num_records(&self) -> u64 {
        let known = match self.status {
            JobStatus::Success => number(self.report.as_ref(), "/rows/written"),
            _ => number(self.error.as_ref(), "/committed/rows"),
        };
        known.unwrap_or_default()
    }

    /// Bytes fetched.
    pub fn num_bytes(&self) -> u64 {
        let path = "/bytes/fetched";
        number(self.report.as_ref(), path)
            .or_else(|| number(self.progress.as_ref(), path))
            .unwrap_or_default()
    }

    /// How long it took, or has taken until now.
    pub fn seconds(&self, now: Timestamp) -> Option<f64> {
        let end = match self.status.is_final() {
            true => self.ended?,
            false => now,
        };
        Some(end.duration_since(self.started?).as_secs_f64().max(0.0))
    }

    /// The record in one line of a list, as JSON.
    pub fn summary(&self, now: Timestamp) -> Value {
        let run = self.run.as_ref();
        json!({
            "job_id": self.job.id,
            "status": self.status.name(),
            "database": self.job.database,
            "table": self.job.table,
            "records": self.num_records(),
            "bytes": self.num_bytes(),
            "origin": self.job.origin.name(),
            "schedule": run.map(|run| &run.schedule_name),
            "scheduled_time": run.map(|run| run.scheduled.to_string()),
            "attempt": self.attempt,
            "created": self.created.to_string(),
            "started": self.started.map(|instant| instant.to_string()),
            "ended": self.ended.map(|instant| instant.to_string()),
            "seconds": self.seconds(now),
        })
    }

    /// The whole record as JSON.
    pub fn document(&self, now: Timestamp) -> Value {
        let mut document = self.summary(now);
        document["warehouse"] = json!(self.job.warehouse);
        document["is_cancelled"] = json!(self.is_cancelled);
        document["config"] = self.job.config.clone();
        document["progress"] = json!(self.progress);
        document["report"] = json!(self.report);
        document["error"] = json!(self.error);
        document
    }
}

fn number(document: Option<&Value>, path: &str) -> Option<u64> {
    document?.pointer(path)?.as_u64()
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Success, error or killed.
    pub status: JobStatus,
    /// What it did, as far as that is known.
    pub report: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
    /// Whether it is certain that the table holds all of it or nothing; otherwise the table is asked before the schedule runs again.
    pub is_settled: bool,
    /// Another try; only for runs of a schedule.
    pub retry: Option<Retry>,
}

/// Another try of a run that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// It does not begin before.
    pub at: Timestamp,
    /// The how manieth attempt it is.
    pub attempt: u32,
}

pub(crate) const COLUMNS: &str = "id, status, warehouse, database, table_name, config, created_ms, started_ms, seen_ms, ended_ms, \
     is_cancelled, progress, report, error, origin, schedule_id, schedule_name, scheduled_ms, attempt, not_before_ms";

pub(crate) fn record(row: &Row<'_>) -> rusqlite::Result<JobRecord> {
    let optional_instant = |name: &str| row.get::<_, Option<i64>>(name)?.map(instant).transpose();
    let optional_json = |name: &str| row.get::<_, Option<String>>(name)?.as_deref().map(json).transpose();
    let (status, origin): (String, String) = (row.get("status")?, row.get("origin")?);
    let unknown = |what: &str, word: &str| broken(format!("a job whose {what} is `{word}`"));
    let run = match row.get::<_, Option<i64>>("schedule_id")? {
        None => None,
        Some(schedule_id) => Some(ScheduledRun {
            schedule_id,
            schedule_name: row.get("schedule_name")?,
            scheduled: instant(row.get("scheduled_ms")?)?,
        }),
    };
    Ok(JobRecord {
        job: NewJob {
            id: row.get("id")?,
            origin: Origin::from_name(&origin).ok_or_else(|| unknown("origin", &origin))?,
            warehouse: row.get("warehouse")?,
            database: row.get("database")?,
            table: row.get("table_name")?,
            config: json(&row.get::<_, String>("config")?)?,
        },
        status: JobStatus::from_name(&status).ok_or_else(|| unknown("status", &status))?,
        run,
        attempt: row.get("attempt")?,
        created: instant(row.get("created_ms")?)?,
        started: optional_instant("started_ms")?,
        seen: optional_instant("seen_ms")?,
        ended: optional_instant("ended_ms")?,
        not_before: instant(row.get("not_before_ms")?)?,
        is_cancelled: row.get("is_cancelled")?,
        progress: optional_json("progress")?,
        report: optional_json("report")?,
        error: optional_json("error")?,
    })
}

/// The job of an id, or of an id that turned out to be another name of it.
pub(crate) fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<JobRecord>> {
    let id = id_of(connection, id)?;
    connection
        .query_row(&format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"), [id], record)
        .optional()
}

/// The id of a job that may be asked for by another name.
pub(crate) fn id_of(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    let sql = "SELECT coalesce((SELECT job_id FROM job_names WHERE name = ?1), ?1)";
    connection.query_row(sql, [name], |row| row.get(0))
}

impl State {
    /// Records a job that this process begins with now, or goes on with after another one has left it.
    pub fn begin_job(&self, job: &NewJob, now: Timestamp) -> StateResult<()> {
        let owner = self.owner_id()?;
        self.transaction(|transaction| {
            let (sql, now) = (
                "INSERT INTO jobs (id, status, warehouse, database, table_name, config, owner, origin, created_ms, started_ms, seen_ms, \
                 is_settled) VALUES (?1, 'running', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8, 0) \
                 ON CONFLICT (id) DO UPDATE SET status = 'running', config = excluded.config, owner = excluded.owner, \
                 seen_ms = excluded.seen_ms, ended_ms = NULL, is_cancelled = 0, error = NULL, is_settled = 0 \
                 WHERE status NOT IN ('queued', 'running')",
                millis(now),
            );
            let num_begun = transaction.execute(
                sql,
                params![
                    job.id,
                    job.warehouse,
                    job.database,
                    job.table,
                    job.config.to_string(),
                    owner,
                    job.origin.name(),
                    now
                ],
            )?;
            if num_begun == 0 {
                return Err(StateError::JobRuns(job.id.clone()).into());
            }
            let sql = "SELECT other.schedule_name, other.id FROM jobs other JOIN jobs ON jobs.schedule_id = other.schedule_id \
                       WHERE jobs.id = ?1 AND other.id <> ?1 AND other.status = 'running'";
            let busy = transaction.query_row(sql, [&job.id], |row| Ok((row.get(0)?, row.get(1)?)));
            match busy.optional()? {
                Some((name, job_id)) => Err(StateError::ScheduleBusy {
                    name,
                    job_id,
                    status: JobStatus::Running,
                }
                .into()),
                None => Ok(()),
            }
        })
    }

    /// Notes how far a job of this process has come, and what it logged since the last time.
    ///
    /// **Shape**: whether somebody asked it to stop.
    pub fn note_progress(&self, id: &str, progress: &Value, lines: &[LogLine], now: Timestamp) -> StateResult<bool> {
        self.transaction(|transaction| {
            transaction.execute(
                "UPDATE jobs SET progress = ?2, seen_ms = ?3 WHERE id = ?1",
                params![id, progress.to_string(), millis(now)],
            )?;
            add_lines(transaction, id, lines)?;
            let sql = "SELECT is_cancelled FROM jobs WHERE id = ?1";
            Ok(transaction
                .query_row(sql, [id], |row| row.get(0))
                .optional()?
                .unwrap_or(false))
        })
    }

    /// Notes how a job ended; for a run of a schedule also what the next one goes on from, and when to try again.
    ///
    /// What a job says of itself wins over what others thought of it: one that was taken for dead and committed is a success.
    pub fn finish_job(&self, id: &str, ending: &Ending, lines: &[LogLine], now: Timestamp) -> StateResult<()> {
        self.transaction(|transaction| {
            let id = &id_of(transaction, id)?;
            add_lines(transaction, id, lines)?;
            let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
            let sql = "UPDATE jobs SET status = ?2, report = ?3, error = ?4, ended_ms = ?5, seen_ms = ?5, progress = NULL, \
                       is_settled = ?6 WHERE id = ?1";
            transaction.execute(
                sql,
                params![
                    id,
                    ending.status.name(),
                    text(&ending.report),
                    text(&ending.error),
                    millis(now),
                    ending.is_settled
                ],
            )?;
            let Some(record) = find(transaction, id)? else { return Ok(()) };
            crate::queue::follow_up(transaction, &record, ending.retry, now)
        })
    }

    /// One job.
    ///
    /// **Errors**: there is none of this id.
    pub fn job(&self, id: &str) -> StateResult<JobRecord> {
        self.read(|connection| find(connection, id))?
            .ok_or_else(|| StateError::NoJob(id.to_owned()))
    }

    /// Asks a job to stop. One that is queued is killed at once, one that runs by its own process, one that has ended is left alone.
    ///
    /// **Shape**: the job, after that.
    pub fn cancel_job(&self, id: &str, now: Timestamp) -> StateResult<JobRecord> {
        self.transaction(|transaction| {
            let id = &id_of(transaction, id)?;
            let error = json!({"error": "cancelled before it began", "at": null, "hint": null});
            transaction.execute(
                "UPDATE jobs SET status = 'killed', ended_ms = ?2, error = ?3 WHERE id = ?1 AND status = 'queued'",
                params![id, millis(now), error.to_string()],
            )?;
            transaction.execute(
                "UPDATE jobs SET is_cancelled = 1 WHERE id = ?1 AND status IN ('running', 'killed')",
                [id],
            )?;
            Ok(find(transaction, id)?.ok_or_else(|| StateError::NoJob(id.to_owned()))?)
        })
    }
}

#[cfg(test)]
mod tests;
