//! How far a running job has come, for whoever draws it.

use super::report::StepCounts;
use crate::error::{Blame, Error, Result};
use crate::scan::ScanCounters;
use crate::scan::early_end::EarlyEnd;
use crate::write::exec::WriteCounters;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Files are listed.
    Listing,
    /// Files are read and rows written.
    Loading,
    /// The table's log is written.
    Committing,
    /// It was asked to stop, and commits nothing any more.
    Stopping,
}

const LISTING: u8 = 0;
const LOADING: u8 = 1;
const COMMITTING: u8 = 2;
const STOPPING: u8 = 3;

/// Shared between a job and its watcher; read at any time, without locks.
#[derive(Debug)]
pub struct Progress {
    /// Unique to the job; part of the name of every file it writes.
    pub job_id: String,
    is_resumed: bool,
    /// Whether it is known that the process before has left the job.
    is_left: bool,
    /// Unique to the process that runs the job.
    process_tag: String,
    /// Part of the names of the files of the step under way; empty before the first.
    attempt: Mutex<String>,
    num_steps_done: AtomicU64,
    num_steps: AtomicU64,
    num_steps_committed: AtomicU64,
    num_rows_committed: AtomicU64,
    /// Asked to stop while a step was committed.
    is_stop_asked: AtomicBool,
    /// Whether what is read so far is kept when the job is asked to stop.
    is_kept: AtomicBool,
    /// Files of the step under way whose rows are kept.
    num_files_kept: AtomicU64,
    /// Ends the scan of the step under way.
    early_end: Arc<EarlyEnd>,
    stage: AtomicU8,
    num_files: AtomicU64,
    size_bytes: AtomicU64,
    /// What has been read.
    pub scan: Arc<ScanCounters>,
    /// What has been written.
    pub write: Arc<WriteCounters>,
}

/// What a job does that is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// Its commit has begun, and only the job knows how it ends.
    Commits,
    /// It ends by itself once the files it is reading are read, and what it has read is kept.
    Keeps,
    /// It does not end by itself, and what it has under way is of no use to anybody.
    Drops,
}

/// The progress at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressSnapshot {
    /// What the job is doing.
    pub stage: Stage,
    /// Files to read.
    pub num_files: u64,
    /// Bytes to fetch.
    pub size_bytes: u64,
    /// Files read to their end.
    pub num_files_read: u64,
    /// Bytes fetched.
    pub fetched_bytes: u64,
    /// Bytes after decoding.
    pub decoded_bytes: u64,
    /// Rows read.
    pub num_rows: u64,
}

/// Steps of a job that readers see before it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommittedSteps {
    /// How many.
    pub steps: StepCounts,
    /// Rows of them.
    pub num_rows: u64,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::new()
    }
}

impl Progress {
    /// The progress of a run that has not begun.
    pub fn new() -> Progress {
        Progress::of(&uuid::Uuid::now_v7().to_string())
    }

    /// The progress of a run that has not begun and was given its id before.
    pub fn of(job_id: &str) -> Progress {
        Progress {
            job_id: job_id.to_owned(),
            is_resumed: false,
            is_left: false,
            process_tag: uuid::Uuid::now_v7().simple().to_string().split_off(24),
            attempt: Mutex::default(),
            num_steps_done: AtomicU64::new(0),
            num_steps: AtomicU64::new(1),
            num_steps_committed: AtomicU64::new(0),
            num_rows_committed: AtomicU64::new(0),
            is_stop_asked: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
            num_files_kept: AtomicU64::new(0),
            early_end: Arc::default(),
            stage: AtomicU8::new(LISTING),
            num_files: AtomicU64::new(0),
            size_bytes: AtomicU64::new(0),
            scan: Arc::default(),
            write: Arc::default(),
        }
    }

    /// The progress of a run that goes on with a job that another process has left.
    pub fn resuming(job_id: &str) -> Progress {
        Progress {
            is_resumed: true,
            ..Progress::of(job_id)
        }
    }

    /// The same, where whoever asks knows that no process has the job any more, whatever the job's notes say: a machine that is gone has
    /// said only minutes ago that it runs.
    pub fn resuming_left(job_id: &str) -> Progress {
        Progress {
            is_left: true,
            ..Progress::resuming(job_id)
        }
    }

    /// Whether it is known that the process before has left the job.
    pub(super) fn is_left(&self) -> bool {
        self.is_left
    }

    /// Whether another process has begun the job.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Steps of the job, and those that need not be done again.
    pub fn steps(&self) -> StepCounts {
        StepCounts {
            done: self.num_steps_done.load(Ordering::Relaxed),
            total: self.num_steps.load(Ordering::Relaxed),
        }
    }

    pub(super) fn note_steps(&self, num_done: usize, num_steps: usize) {
        self.num_steps_done.store(num_done as u64, Ordering::Relaxed);
        self.num_steps.store(num_steps as u64, Ordering::Relaxed);
    }

    /// What is committed by itself, by this process or those before it; nothing of a job that commits once.
    pub fn committed(&self) -> CommittedSteps {
        CommittedSteps {
            steps: StepCounts {
                done: self.num_steps_committed.load(Ordering::Relaxed),
                total: self.num_steps.load(Ordering::Relaxed),
            },
            num_rows: self.num_rows_committed.load(Ordering::Relaxed),
        }
    }

    pub(super) fn note_committed(&self, num_rows: u64) {
        self.num_steps_committed.fetch_add(1, Ordering::Relaxed);
        self.num_rows_committed.fetch_add(num_rows, Ordering::Relaxed);
    }

    /// What the names of all files of the step under way have in common; empty before the first.
    pub fn attempt(&self) -> String {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names the files of a step. No two processes, and no two steps of one, have the same.
    pub(super) fn begin_step(&self, step: usize) -> String {
        let attempt = format!("{}-{}-{step}", self.job_id, self.process_tag);
        self.attempt
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&attempt);
        attempt
    }

    /// What the step has staged is kept from here on, by a commit or by the notes of the job.
    pub(super) fn end_step(&self) {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The progress now.
    pub fn snapshot(&self) -> ProgressSnapshot {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProgressSnapshot {
            stage: match self.stage.load(Ordering::Relaxed) {
                LISTING => Stage::Listing,
                LOADING => Stage::Loading,
                COMMITTING => Stage::Committing,
                _ => Stage::Stopping,
            },
            num_files: count(&self.num_files),
            size_bytes: count(&self.size_bytes),
            num_files_read: count(&self.scan.num_files) + count(&self.scan.num_skipped_files),
            fetched_bytes: count(&self.scan.fetched_bytes),
            decoded_bytes: count(&self.scan.decoded_bytes),
            num_rows: count(&self.scan.num_rows),
        }
    }

    /// Files of the step under way whose rows are kept for whoever goes on with the job.
    pub fn num_files_kept(&self) -> u64 {
        self.num_files_kept.load(Ordering::Relaxed)
    }

    pub(super) fn note_kept(&self, num_files: usize) {
        self.num_files_kept.store(num_files as u64, Ordering::Relaxed);
    }

    /// Ends the scan of the step under way when it is asked.
    pub(super) fn early_end(&self) -> &Arc<EarlyEnd> {
        &self.early_end
    }

    /// `is_kept`: what is read is kept when the job is asked to stop.
    pub(super) fn begin_loading(&self, num_files: u64, size_bytes: u64, is_kept: bool) {
        self.is_kept.store(is_kept, Ordering::Release);
        self.num_files.store(num_files, Ordering::Relaxed);
        self.size_bytes.store(size_bytes, Ordering::Relaxed);
        self.advance(LISTING, LOADING);
    }

    /// **Errors**: the job was asked to stop.
    pub(super) fn begin_committing(&self) -> Result<()> {
        match self.advance(LOADING, COMMITTING) {
            true => Ok(()),
            false => Err(Error::new(Blame::Interrupted, "interrupted")),
        }
    }

    /// Goes on after the commit of a step, unless the job was asked to stop meanwhile.
    pub(super) fn end_committing(&self) {
        self.end_step();
        let stage = match self.is_stop_asked.load(Ordering::Acquire) {
            true => STOPPING,
            false => LOADING,
        };
        self.advance(COMMITTING, stage);
    }

    /// Asks the job not to commit, and to end soon.
    pub fn stop(&self) -> Stopping {
        self.is_stop_asked.store(true, Ordering::Release);
        let is_stopping = [LISTING, LOADING, STOPPING]
            .into_iter()
            .any(|stage| self.advance(stage, STOPPING));
        match is_stopping {
            false => Stopping::Commits,
            true if self.is_kept.load(Ordering::Acquire) => {
                self.early_end.ask();
                Stopping::Keeps
            }
            true => Stopping::Drops,
        }
    }

    /// Whether the job was asked to stop and obeys.
    pub(super) fn is_stopping(&self) -> bool {
        self.stage.load(Ordering::Acquire) == STOPPING
    }

    /// Goes from one stage to another; `false`: it was not in that stage. No two callers both succeed in leaving one, so a job
    /// that is asked to stop while it turns to its commit does either the one or the other.
    fn advance(&self, from: u8, to: u8) -> bool {
        self.stage
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_was_asked_to_stop_commits_nothing() {
        for begin_loading in [false, true] {
            let progress = Progress::new();
            if begin_loading {
                progress.begin_loading(1, 1, false);
            }
            assert_eq!(
                [progress.stop(), progress.stop()],
                [Stopping::Drops; 2],
                "asking twice is no harm"
            );
            progress.begin_loading(1, 1, false);
            assert_eq!(progress.snapshot().stage, Stage::Stopping);
            assert_eq!(progress.begin_committing().unwrap_err().blame(), Blame::Interrupted);
        }
    }

    #[test]
    fn a_commit_that_has_begun_cannot_be_stopped() {
        let progress = Progress::new();
        progress.begin_loading(1, 1, true);
        progress.begin_committing().unwrap();
        assert_eq!(progress.stop(), Stopping::Commits);
        assert_eq!(progress.snapshot().stage, Stage::Committing);
    }
}
