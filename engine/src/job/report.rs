//! What a job did, as `issue --json` prints it.

use super::limit::Limit;
use crate::stages::StageSeconds;
use serde::Serialize;
use serde_json::Value;

/// The outcome of one job. Field names are those of the JSON document.
#[derive(Clone, Debug, Default, Serialize)]
pub struct JobReport {
    /// Unique to the run.
    pub job_id: String,
    /// `success` or `error`.
    pub status: String,
    /// Where the rows went.
    pub database: String,
    /// Where the rows went.
    pub table: String,
    /// `append`, `replace` or `replace_on_new_data`.
    pub mode: String,
    /// Counts of input files.
    pub files: FileCounts,
    /// Counts of files that the ledger knows, where it is asked.
    pub ledger: LedgerCounts,
    /// Tasks the files were packed into.
    pub tasks: u64,
    /// Counts of bytes.
    pub bytes: ByteCounts,
    /// Counts of rows.
    pub rows: RowCounts,
    /// Why records were rejected, the most frequent reasons first.
    pub rejects: Vec<RejectReason>,
    /// What became of rejects that were read again; only of a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayCounts>,
    /// Text that was malformed and read as U+FFFD.
    pub charset_errors: CharsetErrorCounts,
    /// Files the table gained.
    pub output_files: u64,
    /// The table's version that shows the rows; null if nothing was committed or the table has no log.
    pub table_version: Option<u64>,
    /// Steps in which the files are loaded.
    pub steps: StepCounts,
    /// Wall time.
    pub seconds: Seconds,
    /// Where the time of `seconds.run` went.
    pub stages: Stages,
    /// The stage that took most of the time, and what would help; null if no file was selected.
    pub limit: Option<Limit>,
    /// What the next incremental run must add to its configuration.
    pub next: Value,
    /// Why the job failed; null if it did not.
    pub error: Option<String>,
}

/// Counts of input files.
#[expect(
    missing_docs,
    reason = "the names of the JSON document, explained in its specification"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileCounts {
    pub listed: u64,
    pub selected: u64,
    pub read: u64,
    pub skipped_glacier: u64,
    pub skipped_errors: u64,
}

/// Counts of listed files that were loaded before: as they are now, and in another version.
#[expect(missing_docs, reason = "the names of the JSON document")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LedgerCounts {
    pub known: u64,
    pub changed: u64,
}

/// Counts of bytes: as stored, after decoding, in the table's new files.
#[expect(
    missing_docs,
    reason = "the names of the JSON document, explained in its specification"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByteCounts {
    pub fetched: u64,
    pub decoded: u64,
    pub written: u64,
}

/// Counts of rows. `read` are rows and rejects together; `filtered` are rows that a filter left out, without those of a step that failed.
#[expect(
    missing_docs,
    reason = "the names of the JSON document, explained in its specification"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    pub read: u64,
    pub rejected: u64,
    pub filtered: u64,
    pub written: u64,
}

impl RowCounts {
    /// Those of both.
    pub(super) fn and(self, other: RowCounts) -> RowCounts {
        RowCounts {
            read: self.read + other.read,
            rejected: self.rejected + other.rejected,
            filtered: self.filtered + other.filtered,
            written: self.written + other.written,
        }
    }
}

/// Counts of rejects that were to be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayCounts {
    /// Read again.
    pub records: u64,
    /// Not read, since their text is not all there.
    pub incomplete: u64,
    /// Not read, since one replay reads only so many.
    pub waiting: u64,
}

/// A reason for which records were rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectReason {
    /// The word of `reason_code` in the table of rejects.
    pub code: String,
    /// The column at fault, if it was one.
    pub column: Option<String>,
    /// Records.
    pub count: u64,
    /// The first of them.
    pub example: RejectExample,
}

/// A rejected record, shown for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectExample {
    /// The file; null where it is not known.
    pub file: Option<String>,
    /// The line, from 1; null where it is not known.
    pub line: Option<u64>,
    /// What was wrong, for people.
    pub reason: String,
}

/// Malformed parts of files, each read as U+FFFD; the files that have some, and the first of them.
#[expect(
    missing_docs,
    reason = "the names of the JSON document, explained in its specification"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CharsetErrorCounts {
    pub replaced: u64,
    pub files: u64,
    pub first_file: Option<String>,
}

/// Steps of a job that are committed or written down, so that they need not be done again, and all of them.
#[expect(missing_docs, reason = "the names of the JSON document")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepCounts {
    pub done: u64,
    pub total: u64,
}

/// Wall time in seconds.
#[expect(
    missing_docs,
    reason = "the names of the JSON document, explained in its specification"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seconds {
    pub total: f64,
    pub list: f64,
    pub run: f64,
    pub commit: f64,
}

/// Seconds of each stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stages {
    /// Summed over all partitions, which run side by side: with two of them up to twice the wall time.
    #[serde(flatten)]
    pub total: StageSeconds,
    /// Of each partition.
    pub partitions: Vec<StageSeconds>,
}

impl Stages {
    /// Adds the partitions up.
    pub(super) fn new(partitions: Vec<StageSeconds>) -> Stages {
        let none = StageSeconds::default();
        Stages {
            total: partitions.iter().fold(none, |sum, partition| sum.plus(partition)),
            partitions,
        }
    }
}
