//! What jobs log.

use crate::database::{State, instant, millis};
use crate::error::StateResult;
use crate::jobs::id_of;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// Lines of log kept of a job. An ordinary job writes some tens.
pub const MAX_LOG_LINES: u64 = 10_000;

/// One line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// `error`, `warn`, `info`, ...
    pub level: String,
    /// What it says.
    pub text: String,
}

impl LogLine {
    /// As JSON.
    pub fn document(&self) -> Value {
        json!({"time": self.time.to_string(), "level": self.level, "text": self.text})
    }
}

impl State {
    /// The log of a job, from a line on; lines are numbered from 0.
    pub fn log(&self, id: &str, from: u64) -> StateResult<Vec<LogLine>> {
        let sql = "SELECT time_ms, level, text FROM log_lines WHERE job_id = ?1 AND number >= ?2 ORDER BY number";
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection
                .prepare(sql)?
                .query_map(params![id_of(connection, id)?, from], |row| {
                    Ok(LogLine {
                        time: instant(row.get(0)?)?,
                        level: row.get(1)?,
                        text: row.get(2)?,
                    })
                })?
                .collect()
        })
    }
}

/// Adds lines to a log, as far as there is room; the last line says that there is none.
pub(crate) fn add_lines(connection: &Connection, id: &str, lines: &[LogLine]) -> rusqlite::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let sql = "SELECT count(*) FROM log_lines WHERE job_id = ?1";
    let first: i64 = connection.query_row(sql, [id], |row| row.get(0))?;
    let max = i64::try_from(MAX_LOG_LINES).unwrap_or(i64::MAX);
    let mut insert = connection.prepare(
        "INSERT INTO log_lines (job_id, number, time_ms, level, text) SELECT ?1, ?2, ?3, ?4, ?5 \
         WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1)",
    )?;
    for (number, line) in (first..max).zip(lines) {
        let (level, text) = match number + 1 == max {
            true => ("warn", "the log is full, later lines are left out"),
            false => (line.level.as_str(), line.text.as_str()),
        };
        insert.execute(params![id, number, millis(line.time), level, text])?;
    }
    Ok(())
}
