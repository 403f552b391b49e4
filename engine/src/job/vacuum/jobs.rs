//! The jobs that the files of a table belong to: which of them run, and which are dead for so long that what they left may go.

pub(super) use super::super::notes::NOTES_FOLDER;
use super::super::notes::{Claims, JobNotes, REMOVED};
use super::StoredFile;
use crate::error::Result;
use crate::table::plain;
use crate::table::warehouse::TableFolder;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a job's id.
const JOB_ID_LENGTH: usize = 36;

/// Longer than any job runs: of one whose start is unknown.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(24 * 365 * 100);

/// How long the note stays that a job of another machine was removed. That machine may only have been silent.
const REMOVAL_IS_REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// The job that a file belongs to, by its name.
pub(super) fn job_of(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_prefix(plain::STAGED_PREFIX).unwrap_or(name);
    let job_id = name.get(..JOB_ID_LENGTH)?;
    uuid::Uuid::try_parse(job_id).is_ok().then_some(job_id)
}

/// The jobs of a table.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// Those that run, with their starts; `None`: unknown.
    running: BTreeMap<String, Option<Timestamp>>,
    /// Those that have died, and have written down what they were.
    dead: BTreeMap<String, DeadJob>,
    /// When the last file of each was written.
    last_written: BTreeMap<String, Timestamp>,
    now: Timestamp,
}

#[derive(Debug)]
struct DeadJob {
    claims: Claims,
    /// Whether it is of this machine, so that there is no doubt.
    is_known_here: bool,
    is_being_removed: bool,
}

impl Jobs {
    /// Looks at the files of a table and of those beside it, and at what jobs have written down.
    pub(super) async fn find(data: &TableFolder, stored: &[Vec<StoredFile>], now: Timestamp) -> Result<Jobs> {
        let mut jobs = Jobs { now, ..Jobs::default() };
        let mut noted = BTreeSet::new();
        for file in stored.iter().flatten() {
            let Some(job_id) = job_of(&file.path) else { continue };
            let written = jobs.last_written.entry(job_id.to_owned()).or_insert(Timestamp::MIN);
            *written = (*written).max(file.modified);
            if file.path.starts_with(NOTES_FOLDER) {
                noted.insert(job_id.to_owned());
            }
        }
        for job_id in noted {
            let notes = JobNotes::new(data, &job_id);
            // Before the record, so that a process which takes the job over in between is noticed.
            let claims = notes.claims().await?;
            match notes.read_record().await {
                Ok(Some(record)) if record.is_running(now) => {
                    let started = Timestamp::from_microsecond(record.started_micros).ok();
                    jobs.running.insert(job_id, started);
                }
                Ok(Some(record)) => {
                    let dead = DeadJob {
                        claims,
                        is_known_here: record.is_known_here(),
                        is_being_removed: false,
                    };
                    jobs.dead.insert(job_id, dead);
                }
                Ok(None) => {}
                // What cannot be understood was written by another version, which may run.
                Err(_) => drop(jobs.running.insert(job_id, None)),
            }
        }
        Ok(jobs)
    }

    /// Jobs whose files stay.
    pub(super) fn running(&self) -> impl Iterator<Item = &str> {
        self.running.keys().map(String::as_str)
    }

    /// How long the job has run that runs longest.
    pub(super) fn longest_run(&self, now: Timestamp) -> SignedDuration {
        let runs = self.running.values().map(|started| match started {
            Some(started) => now.duration_since(*started),
            None => LONGEST_RUN,
        });
        runs.max().unwrap_or(SignedDuration::ZERO)
    }

    /// Whether a file of a job that no log lists was left behind before `bound`. All files of a job go together: the last one says how
    /// long it has been dead.
    pub(super) fn may_go(&self, job_id: &str, modified: Timestamp, bound: Timestamp) -> bool {
        !self.running.contains_key(job_id) && self.last_written.get(job_id).copied().unwrap_or(modified) <= bound
    }

    /// Takes the dead jobs whose files may go out of everybody's reach. One that somebody goes on with runs from here on.
    pub(super) async fn begin_removal(&mut self, data: &TableFolder, bound: Timestamp) -> Result<()> {
        let mut revived = Vec::new();
        for (job_id, dead) in &mut self.dead {
            if self.last_written.get(job_id).is_some_and(|written| *written > bound) {
                continue;
            }
            dead.is_being_removed = JobNotes::new(data, job_id)
                .begin_removal(dead.claims, dead.is_known_here)
                .await?;
            if !dead.is_being_removed {
                revived.push(job_id.clone());
            }
        }
        self.running.extend(revived.into_iter().map(|job_id| (job_id, None)));
        Ok(())
    }

    /// Forgets the removed jobs, once nothing of them is left but that they were removed.
    pub(super) async fn end_removal(&self, data: &TableFolder) -> Result<()> {
        for (job_id, _) in self
            .dead
            .iter()
            .filter(|(_, dead)| dead.is_being_removed && dead.is_known_here)
        {
            JobNotes::new(data, job_id).delete().await?;
        }
        Ok(())
    }

    /// Whether a file says that a job was removed, of which that may be of use.
    pub(super) fn is_remembered(&self, file: &StoredFile) -> bool {
        let is_doubtful = file.size_bytes == 0;
        is_doubtful
            && file.path.ends_with(&format!(".{REMOVED}"))
            && self.now.duration_since(file.modified) < REMOVAL_IS_REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "019ac8a0-1b2c-7d3e-8f40-123456789abc";

    #[test]
    fn a_file_is_its_jobs_by_its_name() {
        for path in [
            format!("date=2026-01-01/{JOB}-1a2b3c4d-0-0-1.parquet"),
            format!("{JOB}-1a2b3c4d-0-files.parquet"),
            format!("_staged-{JOB}-1a2b3c4d-0-0-1.parquet"),
            format!("_bucketload/{JOB}.job.json"),
        ] {
            assert_eq!(job_of(&path), Some(JOB), "{path}");
        }
        for path in ["part-00000.parquet", "_bucketload.json", "date=2026-01-01/README"] {
            assert_eq!(job_of(path), None, "{path}");
        }
    }
}
