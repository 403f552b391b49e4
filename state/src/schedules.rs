//! Schedules: what starts jobs, and what each run goes on from.

use crate::database::{State, TransactionError, broken, instant, json, millis};
use crate::error::{StateError, StateResult};
use crate::jobs::{JobRecord, JobStatus};
use crate::queue::live_job;
use crate::timing::{CatchUp, Timing};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

/// Characters in a name.
const MAX_NAME_CHARS: usize = 200;

/// What a schedule is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSchedule {
    /// Unique.
    pub name: String,
    /// Five fields or `@...`; empty: only when somebody asks.
    pub cron: String,
    /// IANA name.
    pub timezone: String,
    /// From the scheduled time to the start of the run.
    pub delay_seconds: u32,
    /// What becomes of missed runs.
    pub catch_up: CatchUp,
    /// Where the tables are, absolute.
    pub warehouse: String,
    /// Where the rows go.
    pub database: String,
    /// Where the rows go.
    pub table: String,
    /// Wins over that of the configuration.
    pub time_column: Option<String>,
    /// The configuration, with variables as they were written.
    pub config: Value,
}

/// A schedule as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Never used again.
    pub id: i64,
    /// What it is made of.
    pub definition: NewSchedule,
    /// What successful runs left for the next one; is put over the configuration.
    pub config_diff: Value,
    /// When it was made.
    pub created: Timestamp,
    /// Scheduled times up to here are settled.
    pub considered: Timestamp,
}

/// What is changed of a schedule; `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields of `NewSchedule` and `Schedule`")]
pub struct ScheduleChange {
    pub name: Option<String>,
    pub cron: Option<String>,
    pub timezone: Option<String>,
    pub delay_seconds: Option<u32>,
    pub catch_up: Option<CatchUp>,
    pub database: Option<String>,
    pub table: Option<String>,
    pub time_column: Option<String>,
    pub config: Option<Value>,
    pub config_diff: Option<Value>,
}

impl ScheduleChange {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        *self == ScheduleChange::default()
    }
}

impl Schedule {
    /// When it runs.
    ///
    /// **Errors**: a zone that this machine no longer knows.
    pub fn timing(&self) -> StateResult<Timing> {
        self.definition.timing()
    }

    /// The scheduled time of the next run.
    pub fn next_scheduled(&self) -> Option<Timestamp> {
        self.timing().ok()?.next_after(self.considered)
    }

    /// As JSON.
    pub fn document(&self) -> Value {
        let definition = &self.definition;
        json!({
            "name": definition.name,
            "cron": definition.cron,
            "timezone": definition.timezone,
            "delay": definition.delay_seconds,
            "catch_up": definition.catch_up.name(),
            "warehouse": definition.warehouse,
            "database": definition.database,
            "table": definition.table,
            "time_column": definition.time_column,
            "config": definition.config,
            "config_diff": self.config_diff,
            "created": self.created.to_string(),
            "next_scheduled_time": self.next_scheduled().map(|instant| instant.to_string()),
        })
    }
}

impl NewSchedule {
    fn timing(&self) -> StateResult<Timing> {
        Ok(Timing::new(&self.cron, &self.timezone, self.delay_seconds)?)
    }

    fn check(&self) -> StateResult<()> {
        let length = self.name.chars().count();
        let is_name = (1..=MAX_NAME_CHARS).contains(&length)
            && !self.name.contains('/')
            && !self.name.chars().any(char::is_control);
        if !is_name {
            return Err(StateError::ScheduleName(self.name.clone()));
        }
        self.timing().map(drop)
    }
}

const COLUMNS: &str = "id, name, cron, timezone, delay_seconds, catch_up, warehouse, database, table_name, time_column, config, \
     config_diff, created_ms, considered_ms";

fn schedule(row: &Row<'_>) -> rusqlite::Result<Schedule> {
    let catch_up: String = row.get("catch_up")?;
    Ok(Schedule {
        id: row.get("id")?,
        definition: NewSchedule {
            name: row.get("name")?,
            cron: row.get("cron")?,
            timezone: row.get("timezone")?,
            delay_seconds: row.get("delay_seconds")?,
            catch_up: CatchUp::from_name(&catch_up)
                .ok_or_else(|| broken(format!("a schedule whose catch_up is `{catch_up}`")))?,
            warehouse: row.get("warehouse")?,
            database: row.get("database")?,
            table: row.get("table_name")?,
            time_column: row.get("time_column")?,
            config: json(&row.get::<_, String>("config")?)?,
        },
        config_diff: json(&row.get::<_, String>("config_diff")?)?,
        created: instant(row.get("created_ms")?)?,
        considered: instant(row.get("considered_ms")?)?,
    })
}

pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Schedule>> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM schedules ORDER BY name"))?;
    statement.query_map([], schedule)?.collect()
}

pub(crate) fn by_name(connection: &Connection, name: &str) -> rusqlite::Result<Option<Schedule>> {
    connection
        .query_row(
            &format!("SELECT {COLUMNS} FROM schedules WHERE name = ?1"),
            [name],
            schedule,
        )
        .optional()
}

pub(crate) fn by_id(connection: &Connection, id: i64) -> rusqlite::Result<Option<Schedule>> {
    connection
        .query_row(
            &format!("SELECT {COLUMNS} FROM schedules WHERE id = ?1"),
            [id],
            schedule,
        )
        .optional()
}

/// Puts what a job left for the next run over what is there already: maps are merged, anything else is replaced.
///
/// A run that began later has gone further: after its word, and after that of whoever updated the schedule since, the job's does not
/// count. Somebody may go on by hand with a job whose schedule has long since gone on.
pub(crate) fn add_difference(connection: &Connection, job: &JobRecord, next: &Value) -> rusqlite::Result<()> {
    let Some(run) = job.run.as_ref().filter(|_| next.is_object()) else {
        return Ok(());
    };
    let number: i64 = connection.query_row("SELECT run_number FROM jobs WHERE id = ?1", [&job.job.id], |row| {
        row.get(0)
    })?;
    let sql = "UPDATE schedules SET told_by = ?2 WHERE id = ?1 AND told_by <= ?2";
    if connection.execute(sql, [run.schedule_id, number])? == 0 {
        return Ok(());
    }
    let schedule = by_id(connection, run.schedule_id)?.expect("it was just changed");
    let mut difference = schedule.config_diff;
    merge(&mut difference, next);
    connection.execute(
        "UPDATE schedules SET config_diff = ?2 WHERE id = ?1",
        params![run.schedule_id, difference.to_string()],
    )?;
    Ok(())
}

fn merge(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, change) => *target = change.clone(),
    }
}

impl State {
    /// Stores a new schedule; its first run is the first scheduled time after now.
    ///
    /// **Errors**: the name is taken or none; the times make no sense.
    pub fn create_schedule(&self, new: &NewSchedule, now: Timestamp) -> StateResult<Schedule> {
        new.check()?;
        self.transaction(|transaction| {
            if by_name(transaction, &new.name)?.is_some() {
                return Err(StateError::ScheduleExists(new.name.clone()).into());
            }
            transaction.execute(
                "INSERT INTO schedules (name, cron, timezone, delay_seconds, catch_up, warehouse, database, table_name, time_column, \
                 config, config_diff, created_ms, considered_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '{}', ?11, ?11)",
                params![
                    new.name,
                    new.cron,
                    new.timezone,
                    new.delay_seconds,
                    new.catch_up.name(),
                    new.warehouse,
                    new.database,
                    new.table,
                    new.time_column,
                    new.config.to_string(),
                    millis(now)
                ],
            )?;
            Ok(by_id(transaction, transaction.last_insert_rowid())?.expect("it was just stored"))
        })
    }

    /// All schedules by name.
    pub fn schedules(&self) -> StateResult<Vec<Schedule>> {
        self.read(all)
    }

    /// One schedule.
    ///
    /// **Errors**: there is none of this name.
    pub fn schedule(&self, name: &str) -> StateResult<Schedule> {
        self.read(|connection| by_name(connection, name))?
            .ok_or_else(|| StateError::NoSchedule(name.to_owned()))
    }

    /// The schedule of a number; `None`: it was deleted.
    pub fn schedule_of_id(&self, id: i64) -> StateResult<Option<Schedule>> {
        self.read(|connection| by_id(connection, id))
    }

    /// Changes a schedule. Other times count from now on: nothing that they would have meant before is made up for. So do the same times if
    /// they are given after the clock was put back.
    ///
    /// Where runs are to go on from is no more asked of those that did not end well once somebody says it.
    ///
    /// **Errors**: there is none of this name; the new name is taken or none; the times make no sense; where to go on from is given, and
    /// a job is running that would put its own end over it.
    pub fn update_schedule(&self, name: &str, change: &ScheduleChange, now: Timestamp) -> StateResult<Schedule> {
        self.transaction(|transaction| {
            let old = by_name(transaction, name)?.ok_or_else(|| StateError::NoSchedule(name.to_owned()))?;
            let mut new = old.clone();
            let definition = &mut new.definition;
            set(&mut definition.name, &change.name);
            set(&mut definition.cron, &change.cron);
            set(&mut definition.timezone, &change.timezone);
            set(&mut definition.delay_seconds, &change.delay_seconds);
            set(&mut definition.catch_up, &change.catch_up);
            set(&mut definition.database, &change.database);
            set(&mut definition.table, &change.table);
            set(&mut definition.config, &change.config);
            set(&mut new.config_diff, &change.config_diff);
            if change.time_column.is_some() {
                definition.time_column.clone_from(&change.time_column);
            }
            definition.check()?;
            let times = |schedule: &Schedule| {
                let definition = &schedule.definition;
                (definition.cron.clone(), definition.timezone.clone(), definition.delay_seconds)
            };
            let names_times = change.cron.is_some() || change.timezone.is_some() || change.delay_seconds.is_some();
            if times(&old) != times(&new) || (names_times && old.considered > now) {
                new.considered = now;
            }
            if change.config_diff.is_some() {
                forget_ends(transaction, &old)?;
            }
            let definition = &new.definition;
            if definition.name != name && by_name(transaction, &definition.name)?.is_some() {
                return Err(StateError::ScheduleExists(definition.name.clone()).into());
            }
            transaction.execute(
                "UPDATE schedules SET name = ?2, cron = ?3, timezone = ?4, delay_seconds = ?5, catch_up = ?6, database = ?7, \
                 table_name = ?8, time_column = ?9, config = ?10, config_diff = ?11, considered_ms = ?12 WHERE id = ?1",
                params![
                    new.id,
                    definition.name,
                    definition.cron,
                    definition.timezone,
                    definition.delay_seconds,
                    definition.catch_up.name(),
                    definition.database,
                    definition.table,
                    definition.time_column,
                    definition.config.to_string(),
                    new.config_diff.to_string(),
                    millis(new.considered)
                ],
            )?;
            Ok(by_id(transaction, new.id)?.expect("it was just changed"))
        })
    }

    /// Deletes a schedule and gives what it was. Its jobs stay; one that is queued is killed, one that runs goes on to its end.
    ///
    /// **Errors**: there is none of this name.
    pub fn delete_schedule(&self, name: &str, now: Timestamp) -> StateResult<Schedule> {
        self.transaction(|transaction| {
            let schedule = by_name(transaction, name)?.ok_or_else(|| StateError::NoSchedule(name.to_owned()))?;
            let error = json!({"error": "the schedule was deleted before it began", "at": null, "hint": null});
            transaction.execute(
                "UPDATE jobs SET status = 'killed', ended_ms = ?2, error = ?3 WHERE schedule_id = ?1 AND status = 'queued'",
                params![schedule.id, millis(now), error.to_string()],
            )?;
            // Nothing goes on from where these ended.
            transaction.execute("UPDATE jobs SET is_settled = 1 WHERE schedule_id = ?1", [schedule.id])?;
            transaction.execute("DELETE FROM schedules WHERE id = ?1", [schedule.id])?;
            Ok(schedule)
        })
    }
}

/// Lets no job that has ended say any more where the next run goes on from.
///
/// **Errors**: one is running, and will say it.
fn forget_ends(connection: &Connection, schedule: &Schedule) -> Result<(), TransactionError> {
    if let Some(live) = live_job(connection, schedule.id)?
        && live.status == JobStatus::Running
    {
        return Err(StateError::ScheduleBusy {
            name: schedule.definition.name.clone(),
            job_id: live.id,
            status: live.status,
        }
        .into());
    }
    let sql = "UPDATE jobs SET is_settled = 1 WHERE schedule_id = ?1 AND status IN ('error', 'killed')";
    connection.execute(sql, [schedule.id])?;
    let sql = "UPDATE schedules SET (num_begun, told_by) = (num_begun + 1, num_begun + 1) WHERE id = ?1";
    connection.execute(sql, [schedule.id])?;
    Ok(())
}

fn set<T: Clone>(value: &mut T, change: &Option<T>) {
    if let Some(change) = change {
        *value = change.clone();
    }
}

#[cfg(test)]
mod tests;
