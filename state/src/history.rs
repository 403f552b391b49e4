//! Lists jobs, page by page, and removes those that have been kept long enough.
//!
//! A schedule of every minute leaves 43,000 jobs in a month. So a list is read along an index, and a page costs as much as it shows, however
//! many jobs there are.

use crate::database::{State, millis};
use crate::error::StateResult;
use crate::jobs::{COLUMNS, JobRecord, JobStatus, record};
use jiff::Timestamp;
use rusqlite::types::Value as SqlValue;
use rusqlite::{params, params_from_iter};

/// Jobs that one transaction removes. Others who want to write wait for some tens of milliseconds, whatever there is to be removed.
const REMOVED_AT_ONCE: u32 = 1_000;

/// The plus keeps SQLite from going through all jobs of a status: few of them are old.
const OLD_JOBS_REMOVED: &str = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE ended_ms < ?1 \
    AND +status IN ('success', 'error', 'killed') AND (is_settled OR schedule_id IS NULL) LIMIT ?2)";

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
        let mut num_removed = 0;
        loop {
            let num_now = self.transaction(|transaction| {
                Ok(transaction.execute(OLD_JOBS_REMOVED, params![millis(before), REMOVED_AT_ONCE])?)
            })?;
            num_removed += num_now;
            if num_now == 0 {
                break;
            }
        }
        crate::owner::sweep(&self.locks(), &self.owners_of_running()?);
        Ok(num_removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps that SQLite makes of a query.
    fn plan(state: &State, sql: &str, values: Vec<SqlValue>) -> Vec<String> {
        let read = state.read(|connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            statement
                .query_map(params_from_iter(values), |row| row.get("detail"))?
                .collect()
        });
        read.unwrap()
    }

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
            let plan = plan(&state, &sql, values);
            let is_along_an_index = plan.iter().all(|step| step.contains("USING INDEX jobs_by_"));
            assert!(is_along_an_index, "{filter:?}: {plan:?}");
        }
    }

    #[test]
    fn only_old_jobs_are_read_to_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        let plan = plan(&state, OLD_JOBS_REMOVED, vec![0.into(), 1.into()]);
        assert!(
            plan.iter().any(|step| step.contains("USING INDEX jobs_by_end")),
            "{plan:?}"
        );
        assert!(!plan.iter().any(|step| step.contains("SCAN")), "{plan:?}");
    }

    #[test]
    fn more_jobs_than_one_transaction_removes_are_all_removed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        let num_jobs = 2 * REMOVED_AT_ONCE + 1;
        let sql = "INSERT INTO jobs (id, status, warehouse, database, table_name, config, owner, created_ms, ended_ms) \
                   WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1) \
                   SELECT number, 'success', '/w', 'd', 't', '{}', '', number, number FROM numbers";
        state
            .transaction(|transaction| Ok(transaction.execute(sql, [num_jobs])?))
            .unwrap();
        let last = Timestamp::from_millisecond(num_jobs.into()).unwrap();
        assert_eq!(u32::try_from(state.prune_jobs(last).unwrap()), Ok(num_jobs - 1));
        assert_eq!(state.jobs(&JobFilter::default()).unwrap().len(), 1);
    }
}
