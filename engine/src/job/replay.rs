//! Reads rejected records again with another configuration, and takes those that became rows off the list.
//!
//! Each record is a file of its own to the plan: a quote that it leaves open cannot swallow the next one, and what becomes of it
//! is known to be its own doing. Otherwise a replay is a load like any other. Its commit brings the rows and promises the change of
//! the table of rejects in one; see [`crate::table::rejects`].
//!
//! Records whose text is not all there stay where they are: the very longest, which are cut, and rows that a query made of many records.

mod records;

use super::environment::{Budgets, Environment};
use super::input::OpenInput;
use super::progress::Progress;
use super::rejects::RejectCollector;
use super::report::{JobReport, ReplayCounts};
use super::run::{self, FailedJob, Origin};
use super::tables::no_such_table;
use crate::config::plan::{JobPlan, OnFileError, OutputLayout, OutputMode, ParserOptions};
use crate::decode::DecodeOptions;
use crate::error::{Error, Result};
use crate::parse::Reject;
use crate::parse::reject::{RejectCode, RejectSink, TooManyRejects};
use crate::table::warehouse::{TableFolder, TableName};
use crate::table::{ReplayedFiles, delta, promise, rejects};
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use records::{RejectedRecord, RejectedRecords};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Text of records that one replay reads; what is beyond waits for the next.
const MAX_REPLAYED_BYTES: usize = 256 * 1024 * 1024;

/// Which rejects are read again; `None` does not choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectFilter {
    /// Those of this job.
    pub job_id: Option<String>,
    /// Those with this code.
    pub code: Option<RejectCode>,
}

/// Loads the rejects of a table again; see the module. The mode is `append`, whatever `plan` says, and `next` stays what it was.
///
/// **Errors**: as of a load; there is no such table, or it has no log; another replay took the records first.
pub async fn replay(
    environment: &Environment,
    plan: &JobPlan,
    target: &TableName,
    filter: &RejectFilter,
    progress: &Progress,
) -> std::result::Result<JobReport, Box<FailedJob>> {
    let plan = replaying(plan.clone());
    run::run_origin(environment, &plan, target, progress, Origin::Rejects(filter)).await
}

/// The plan for records that lie apart, decoded and without what stood around them.
fn replaying(mut plan: JobPlan) -> JobPlan {
    plan.input.decode = DecodeOptions::Listed(Vec::new());
    plan.input.on_file_error = OnFileError::Fail;
    // What is still bad must not get lost.
    plan.input.on_error.has_rejects_table = true;
    plan.output.mode = OutputMode::Append;
    plan.output.auto_create_table = false;
    match &mut plan.input.parser {
        Some(ParserOptions::Csv(options)) => {
            options.charset = encoding_rs::UTF_8;
            options.skip_header_lines = 0;
        }
        Some(ParserOptions::Json(options)) => options.charset = Some(encoding_rs::UTF_8),
        None => {}
    }
    plan
}

/// The records of a replay, and what is done with the files that hold them.
pub(super) struct Replay {
    folder: TableFolder,
    /// Of each file with records that are read again, its path and the indices of their rows, ascending.
    files: Vec<(String, Vec<usize>)>,
    known: HashMap<Place, Known>,
    pub(super) counts: ReplayCounts,
}

/// File, line, byte.
type Place = (String, u64, u64);

/// What is known of a record before it is read again.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    code: Option<String>,
    column: Option<String>,
    value: Option<String>,
    reason: Option<String>,
}

/// A row of the table of rejects.
struct StoredReject<'a> {
    batch: &'a RecordBatch,
    row: usize,
}

impl<'a> StoredReject<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        let column = self.batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    fn number(&self, name: &str) -> Option<u64> {
        let column = self.batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
        let number = column.is_valid(self.row).then(|| column.value(self.row))?;
        u64::try_from(number).ok()
    }

    fn is_wanted(&self, filter: &RejectFilter) -> bool {
        let is_of_job = |job_id: &String| self.text("job_id") == Some(job_id);
        let has_code = |code: RejectCode| self.text("reason_code") == Some(code.name());
        filter.job_id.as_ref().is_none_or(is_of_job) && filter.code.is_none_or(has_code)
    }
}

/// Finds the records of a replay.
///
/// **Errors**: there is no such table, or it has no log; the table of rejects cannot be read.
pub(super) async fn open(
    environment: &Environment,
    plan: &JobPlan,
    budgets: &Budgets,
    target: &TableName,
    filter: &RejectFilter,
) -> Result<(OpenInput, Replay)> {
    if plan.output.layout == OutputLayout::Parquet {
        return Err(Error::config("rejects of a table of bare files cannot be replayed").at("out.type"));
    }
    let Some(data) = delta::open(&environment.warehouse.table(target)).await? else {
        return Err(no_such_table(environment, target).await);
    };
    promise::settle(&environment.warehouse, &data, target).await?;
    let folder = environment.warehouse.table(&target.rejects());
    let paths = match delta::open(&folder).await? {
        Some(table) => table.file_paths()?,
        None => Vec::new(),
    };
    let parser = plan.input.parser.as_ref();
    let mut records = RejectedRecords::default();
    let mut replay = Replay {
        folder,
        files: Vec::new(),
        known: HashMap::new(),
        counts: ReplayCounts::default(),
    };
    let mut num_bytes = 0;
    for path in paths {
        let mut rows = Vec::new();
        let mut rows_before = 0;
        for batch in rejects::read_file(&replay.folder, &path).await? {
            for row in 0..batch.num_rows() {
                let reject = StoredReject { batch: &batch, row };
                if !reject.is_wanted(filter) {
                    continue;
                }
                let Some(record) = parser.and_then(|parser| RejectedRecord::new(&reject, parser)) else {
                    replay.counts.incomplete += 1;
                    continue;
                };
                if num_bytes + record.text.len() > MAX_REPLAYED_BYTES {
                    replay.counts.waiting += 1;
                    continue;
                }
                num_bytes += record.text.len();
                replay.note(&reject);
                rows.push(rows_before + row);
                records.records.push(record);
            }
            rows_before += batch.num_rows();
        }
        if !rows.is_empty() {
            replay.files.push((path, rows));
        }
    }
    replay.counts.records = records.records.len() as u64;
    let files = records.files();
    let input = OpenInput::of_records(budgets, Arc::new(records), files);
    Ok((input, replay))
}

impl Replay {
    fn note(&mut self, reject: &StoredReject<'_>) {
        let owned = |name: &str| reject.text(name).map(str::to_owned);
        let place = (
            owned("file").unwrap_or_default(),
            reject.number("line").unwrap_or_default(),
            reject.number("byte_offset").unwrap_or_default(),
        );
        let known = Known {
            code: owned("reason_code"),
            column: owned("column_name"),
            value: owned("value"),
            reason: owned("reason"),
        };
        self.known.insert(place, known);
    }

    /// The files that go with the commit of this replay.
    pub(super) fn replayed_files(&self) -> ReplayedFiles {
        ReplayedFiles {
            folder: self.folder.clone(),
            paths: self.files.iter().map(|(path, _)| path.clone()).collect(),
        }
    }

    /// Hands to `collector` the rejects that share a file with those that are read again.
    pub(super) async fn keep_others(&self, collector: &RejectCollector) -> Result<()> {
        for (path, rows) in &self.files {
            let mut replayed = rows.iter().copied().peekable();
            let mut row = 0;
            for batch in rejects::read_file(&self.folder, path).await? {
                let is_kept: BooleanArray = (0..batch.num_rows())
                    .map(|_| {
                        let is_replayed = replayed.next_if_eq(&row).is_some();
                        row += 1;
                        Some(!is_replayed)
                    })
                    .collect();
                let kept = filter_record_batch(&batch, &is_kept)
                    .map_err(|error| Error::internal("cannot choose among rejects").caused_by(error))?;
                if kept.num_rows() > 0 {
                    collector.keep(kept)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the rejects of this replay on their way to `collector`.
    pub(super) fn watch(&mut self, collector: Arc<RejectCollector>) -> Arc<RejectWatch> {
        Arc::new(RejectWatch {
            collector,
            known: std::mem::take(&mut self.known),
            num_same: AtomicU64::new(0),
        })
    }
}

/// Counts the records that are rejected again for what they were rejected before.
#[derive(Debug)]
pub(super) struct RejectWatch {
    collector: Arc<RejectCollector>,
    known: HashMap<Place, Known>,
    num_same: AtomicU64,
}

impl RejectWatch {
    /// Records of which nothing is new.
    pub(super) fn num_same(&self) -> u64 {
        self.num_same.load(Ordering::Relaxed)
    }

    fn is_same(&self, reject: &Reject) -> bool {
        let position = &reject.position;
        let place = (position.file.to_string(), position.line, position.byte);
        self.known.get(&place).is_some_and(|known| {
            known.code.as_deref() == Some(reject.code.name())
                && known.column == reject.column
                && known.value == reject.value
                && known.reason.as_ref() == Some(&reject.reason)
        })
    }
}

impl RejectSink for RejectWatch {
    fn push(&self, rejects: Vec<Reject>) {
        let num_same = rejects.iter().filter(|reject| self.is_same(reject)).count();
        self.num_same.fetch_add(num_same as u64, Ordering::Relaxed);
        self.collector.push(rejects);
    }

    fn verdict(&self) -> Option<TooManyRejects> {
        self.collector.verdict()
    }
}
