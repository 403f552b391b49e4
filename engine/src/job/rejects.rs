//! Collects the rejects of a running job: counts them, logs the first, stores them, and says when they are too many.

use super::report::{RejectExample, RejectReason};
use crate::config::plan::RejectLimit;
use crate::error::{Error, Result};
use crate::parse::Reject;
use crate::parse::reject::{RejectCode, RejectSink, TooManyRejects};
use crate::scan::ScanCounters;
use crate::table::rejects::{reject_batch, reject_schema};
use crate::table::warehouse::TableFolder;
use crate::write::encoding::Compression;
use crate::write::partition::PartitionBy;
use crate::write::writer::{PartitionedWriter, WriteOptions};
use crate::write::{StagedFile, WriteError};
use arrow::array::RecordBatch;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Rejects written to the log one by one; after them only the number is told, so that a load of nothing but rejects does not
/// drown its own log.
const LOGGED_REJECTS: u64 = 20;

/// Rejects that become one batch, in number and in bytes of their records: those of one file may be large.
const BATCH_ROWS: usize = 1_024;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Batches that may wait for the writer before whoever rejects has to wait for it too.
const WAITING_BATCHES: usize = 4;

/// Records read before a ratio of rejects says anything.
const MIN_RATIO_RECORDS: u64 = 1_000;

/// Reasons that a report tells.
pub(super) const REPORTED_REASONS: usize = 3;

/// Reasons, each a code and a column, that are counted one by one. Columns of a configuration are not as many.
const MAX_REASONS: usize = 4_096;

/// When rejects are too many; `in.parser.on_error`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RejectLimits {
    /// Whether the first one fails the job.
    pub is_fail: bool,
    /// More than this many fail the job.
    pub max_errors: Option<RejectLimit<u64>>,
    /// A greater share of the records fails the job.
    pub max_error_ratio: Option<RejectLimit<f64>>,
}

/// The rejects of one job.
#[derive(Debug)]
pub struct RejectCollector {
    job_id: String,
    limits: RejectLimits,
    scan: Arc<ScanCounters>,
    num_rejects: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Reject>,
    waiting_bytes: usize,
    first: Option<Reject>,
    reasons: HashMap<(RejectCode, Option<String>), CountedReason>,
    verdict: Option<TooManyRejects>,
    writer: Option<RejectWriter>,
}

/// Rejects of one reason.
#[derive(Debug)]
struct CountedReason {
    count: u64,
    example: RejectExample,
}

/// Where rejects are staged.
#[derive(Debug)]
pub struct RejectTarget {
    /// The table of rejects.
    pub folder: TableFolder,
    /// Becomes part of the names of the files.
    pub attempt: String,
    /// Where the requests of the store wait.
    pub io_runtime: Handle,
    /// Folder for what memory has no room for; `None`: the system's for temporary files.
    pub scratch_folder: Option<PathBuf>,
}

/// A thread that writes rejects as they come, so that they never pile up in memory.
#[derive(Debug)]
struct RejectWriter {
    batches: SyncSender<RecordBatch>,
    thread: JoinHandle<Result<Vec<StagedFile>>>,
}

impl RejectCollector {
    /// Counts rejects; with a target, also stages them there. `num_before` are those of steps before this one.
    pub fn new(
        job_id: &str,
        limits: RejectLimits,
        num_before: u64,
        scan: Arc<ScanCounters>,
        target: Option<RejectTarget>,
    ) -> RejectCollector {
        let writer = target.map(|target| {
            let (batches, received) = sync_channel(WAITING_BATCHES);
            let io_runtime = target.io_runtime.clone();
            let thread = io_runtime.spawn_blocking(move || write_rejects(target, &received));
            RejectWriter { batches, thread }
        });
        RejectCollector {
            job_id: job_id.to_owned(),
            limits,
            scan,
            num_rejects: AtomicU64::new(num_before),
            state: Mutex::new(State {
                writer,
                ..State::default()
            }),
        }
    }

    /// Rejects so far, those of steps before this one included.
    pub fn num_rejects(&self) -> u64 {
        self.num_rejects.load(Ordering::Relaxed)
    }

    /// Stores rows of the table of rejects again, as they are and without counting them.
    pub fn keep(&self, rejects: RecordBatch) -> Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = state.writer.as_ref();
        let writer = writer.ok_or_else(|| Error::internal("rejects are to be kept, and nobody stores them"))?;
        // A writer that has stopped has an error to tell, which `finish` will.
        let _ = writer.batches.send(rejects);
        Ok(())
    }

    /// The most frequent reasons so far.
    pub fn reasons(&self) -> Vec<RejectReason> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reasons: Vec<RejectReason> = state
            .reasons
            .iter()
            .map(|((code, column), counted)| RejectReason {
                code: code.name().to_owned(),
                column: column.clone(),
                count: counted.count,
                example: counted.example.clone(),
            })
            .collect();
        // Reasons of one count in an order that does not change from run to run.
        reasons.sort_by(|left, right| {
            let names = |reason: &RejectReason| (reason.code.clone(), reason.column.clone());
            (right.count.cmp(&left.count)).then_with(|| names(left).cmp(&names(right)))
        });
        reasons.truncate(REPORTED_REASONS);
        reasons
    }

    /// Completes the staged files. Nothing may be pushed afterwards.
    ///
    /// **Errors**: the store refused; a ratio that can only be judged now is exceeded.
    pub async fn finish(&self) -> Result<Vec<StagedFile>> {
        let writer = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            self.send_waiting(&mut state)?;
            state.writer.take()
        };
        let num_rejects = self.num_rejects();
        if num_rejects > LOGGED_REJECTS && !self.limits.is_fail {
            tracing::warn!(
                num_rejects,
                "{} more records were skipped",
                num_rejects - LOGGED_REJECTS
            );
        }
        let staged = match writer {
            None => Vec::new(),
            Some(RejectWriter { batches, thread }) => {
                drop(batches);
                thread
                    .await
                    .map_err(|error| Error::internal("the writer of rejects stopped").caused_by(error))??
            }
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.judge(&mut state, 0);
        match &state.verdict {
            None => Ok(staged),
            Some(verdict) => Err(Error::new(crate::error::Blame::Data, verdict.to_string()).caused_by(verdict.clone())),
        }
    }

    fn send_waiting(&self, state: &mut State) -> Result<()> {
        let rejects = std::mem::take(&mut state.waiting);
        state.waiting_bytes = 0;
        if let Some(writer) = &state.writer
            && !rejects.is_empty()
        {
            // A writer that has stopped has an error to tell, which `finish` will.
            let _ = writer.batches.send(reject_batch(&self.job_id, &rejects)?);
        }
        Ok(())
    }

    /// Decides whether there are too many, once at least `min_records` were read.
    fn judge(&self, state: &mut State, min_records: u64) {
        if state.verdict.is_some() {
            return;
        }
        let num_rejects = self.num_rejects();
        // Of a job that another process began, more may be rejected than was read here.
        let num_records = self.scan.num_records().max(num_rejects);
        #[expect(clippy::cast_precision_loss, reason = "a ratio of counts needs no more digits")]
        let ratio = num_rejects as f64 / num_records.max(1) as f64;
        let message = if self.limits.is_fail && num_rejects > 0 {
            let first = state.first.as_ref();
            first.map(|first| (first.reason.clone(), None))
        } else if let Some(RejectLimit { key, max }) = self.limits.max_errors.filter(|limit| num_rejects > limit.max) {
            let message = format!("{num_rejects} records could not be read, `{key}` allows {max}");
            Some((message, Some(key)))
        } else {
            self.limits
                .max_error_ratio
                .filter(|limit| ratio > limit.max && num_records >= min_records)
                .map(|RejectLimit { key, max }| {
                    let message =
                        format!("{num_rejects} of {num_records} records could not be read, `{key}` allows {max}");
                    (message, Some(key))
                })
        };
        if let Some((message, limit_key)) = message {
            state.verdict = Some(TooManyRejects {
                message,
                limit_key,
                first: state.first.clone(),
            });
        }
    }
}

impl RejectSink for RejectCollector {
    fn push(&self, rejects: Vec<Reject>) {
        if rejects.is_empty() {
            return;
        }
        let before = self.num_rejects.fetch_add(rejects.len() as u64, Ordering::Relaxed);
        // Where the first one fails the job, nothing is skipped, and the job's error tells it.
        let num_logged = match self.limits.is_fail {
            true => 0,
            false => usize::try_from(LOGGED_REJECTS.saturating_sub(before)).unwrap_or_default(),
        };
        for reject in rejects.iter().take(num_logged) {
            tracing::warn!(
                file = %reject.position.file,
                line = reject.position.line,
                byte = reject.position.byte,
                column = reject.column.as_deref(),
                "skipped a record: {}",
                reject.reason
            );
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.first.is_none() {
            state.first = rejects.first().cloned();
        }
        state.count_reasons(&rejects);
        if state.writer.is_some() {
            state.waiting_bytes += rejects.iter().map(|reject| reject.record.kept.len()).sum::<usize>();
            state.waiting.extend(rejects);
            if (state.waiting.len() >= BATCH_ROWS || state.waiting_bytes >= BATCH_BYTES)
                && let Err(error) = self.send_waiting(&mut state)
            {
                tracing::error!(%error, "rejects cannot be stored");
            }
        }
        self.judge(&mut state, MIN_RATIO_RECORDS);
    }

    fn verdict(&self) -> Option<TooManyRejects> {
        if self.num_rejects() == 0 {
            return None;
        }
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .verdict
            .clone()
    }
}

impl State {
    fn count_reasons(&mut self, rejects: &[Reject]) {
        for reject in rejects {
            let key = (reject.code, reject.column.clone());
            let has_room = self.reasons.len() < MAX_REASONS;
            match self.reasons.get_mut(&key) {
                Some(counted) => {
                    counted.count += 1;
                    // Several threads reject; the example is not to depend on which was faster.
                    if counted.example.is_behind(reject) {
                        counted.example = RejectExample::of(reject);
                    }
                }
                None if has_room => {
                    let example = RejectExample::of(reject);
                    self.reasons.insert(key, CountedReason { count: 1, example });
                }
                None => {}
            }
        }
    }
}

impl RejectExample {
    fn of(reject: &Reject) -> RejectExample {
        let position = &reject.position;
        RejectExample {
            file: Some(position.file.to_string()).filter(|file| !file.is_empty()),
            line: Some(position.line).filter(|line| *line > 0),
            reason: reject.reason.clone(),
        }
    }

    fn is_behind(&self, reject: &Reject) -> bool {
        let ours = (self.file.as_deref().unwrap_or_default(), self.line.unwrap_or_default());
        let theirs = (reject.position.file.as_ref(), reject.position.line);
        (theirs, &reject.reason) < (ours, &self.reason)
    }
}

/// Runs on a thread of its own until the collector hangs up.
fn write_rejects(target: RejectTarget, batches: &Receiver<RecordBatch>) -> Result<Vec<StagedFile>> {
    let failed = |error: WriteError| super::write_error(&error.below(&target.folder.place()));
    let options = WriteOptions {
        attempt: target.attempt.clone(),
        extension: "parquet",
        partition_by: PartitionBy::None,
        partition_columns: Vec::new(),
        timezone: "UTC".to_owned(),
        time_column: None,
        is_sorted_by_time: false,
        units_per_second: 1,
        is_missing_time_fatal: false,
        compression: Compression::Zstd { level: 3 },
        target_file_size_bytes: 256 * 1024 * 1024,
        max_held_bytes: 16 * 1024 * 1024,
        min_row_group_bytes: 16 * 1024 * 1024,
        max_open_files: 1,
        scratch_folder: target.scratch_folder.clone(),
    };
    let mut writer = PartitionedWriter::new(target.folder.store(), options, &reject_schema(), 0).map_err(failed)?;
    for batch in batches {
        target.io_runtime.block_on(writer.write(batch)).map_err(failed)?;
    }
    target.io_runtime.block_on(writer.finish()).map_err(failed)
}
