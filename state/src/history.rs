//! Lists jobs, page by page, and removes those that have been kept long enough.
//!
//! A schedule of every minute leaves 43,000 jobs in a month. So a list is read along an index, and a page costs as much as it shows, however
//! many jobs there are.

use crate::database::{State, millis};
use crate::error::StateResult;
use crate::jobs::{COLUMNS, JobRecord, JobStatus, record};
use jiff::Timestamp;
use rusqlite::params_from_iter;
use rusqlite::types::Value as SqlValue;

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only those of a schedule.
    pub schedule_id: Option<i64>,
    /// Only those of a status.
    pub status: Option<JobStatus>,
    /// Only those that are older than this job, the last one of the page before.
    pub before: Option<String>,
    /// So many at most, the newest.
    pub limit: Option<u32>,
}

impl JobFilter {
    /// The query, with what stands for its question marks; `before` is when and as what the job was made that the list ends at.
    ///
    /// Only conditions that are asked for are in it: SQLite finds no index for one that may be absent.
    fn query(&self, before: Option<(i64, String)>) -> (String, Vec<SqlValue>) {
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        if let Some(schedule_id) = self.schedule_id {
            conditions.push("schedule_id = ?");
            values.push(schedule_id.into());
        }
        if let Some(status) = self.status {
            conditions.push("status = ?");
            values.push(status.name().to_owned().into());
        }
        if let Some((created_ms, id)) = before {
            conditions.push("(created_ms, id) < (?, ?)");
            values.extend([created_ms.into(), id.into()]);
        }
        let conditions = match conditions.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", conditions.join(" AND ")),
        };
        values.push(self.limit.map_or(-1, i64::from).into());
        let sql = format!("SELECT {COLUMNS} FROM jobs {conditions} ORDER BY created_ms DESC, id DESC LIMIT ?");
        (sql, values)
    }
}

impl State {
    /// Jobs, the newest first.
    ///
    /// **Errors**: there is no job that the list could end at.
    pub fn jobs(&self, filter: &JobFilter) -> StateResult<Vec<JobRecord>> {
        let before = match &filter.before {
            None => None,
            Some(id) => {
                let job = self.job(id)?;
                Some((millis(job.created), job.job.id))
            }
        };
        let (sql, values) = filter.query(before);
        self.read(|connection| {
            let mut statement = connection.prepare(&sql)?;
            statement.query_map(params_from_iter(values), record)?.collect()
        })
    }

    /// Removes finished jobs that ended before an instant, and gives their number. Those of schedules of which the table still has to be
    /// asked stay.
    pub fn prune_jobs(&self, before: Timestamp) -> StateResult<usize> {
        let (num_removed, owners) = self.transaction(|transaction| {
            let sql = "DELETE FROM jobs WHERE status IN ('success', 'error', 'killed') AND (is_settled OR schedule_id IS NULL) \
                       AND ended_ms < ?1";
            let num_removed = transaction.execute(sql, [millis(before)])?;
            let sql = "SELECT DISTINCT owner FROM jobs WHERE status = 'running'";
            let owners: rusqlite::Result<Vec<String>> =
                transaction.prepare(sql)?.query_map([], |row| row.get(0))?.collect();
            Ok((num_removed, owners?))
        })?;
        crate::owner::sweep(&self.locks(), &owners);
        Ok(num_removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_reads_more_than_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        let before = || Some((1, "id".to_owned()));
        for (schedule_id, status, before) in [
            (None, None, None),
            (None, None, before()),
            (Some(1), None, None),
            (Some(1), None, before()),
            (None, Some(JobStatus::Error), before()),
            (Some(1), Some(JobStatus::Error), before()),
        ] {
            let filter = JobFilter {
                schedule_id,
                status,
                limit: Some(20),
                ..JobFilter::default()
            };
            let (sql, values) = filter.query(before);
            let plan: Vec<String> = state
                .read(|connection| {
                    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    statement
                        .query_map(params_from_iter(values), |row| row.get("detail"))?
                        .collect()
                })
                .unwrap();
            let is_along_an_index = plan.iter().all(|step| step.contains("USING INDEX jobs_by_"));
            assert!(is_along_an_index, "{filter:?}: {plan:?}");
        }
    }
}
