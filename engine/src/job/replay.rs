//! Reads rejected records again with another configuration, and takes those that became rows off the list.
//!
//! Each record is a file of its own to the plan: a quote that it leaves open cannot swallow the next one, and what becomes of it
//! is known to be its own doing. Otherwise a replay is a load like any other. Its commit brings the rows and promises the change of
//! the table of rejects in one; see [`crate::table::rejects`].
//!
//! Records whose text is not all there stay where they are: those that were cut, and those that a filter or the writer rejected,
//! of which only a value is kept.

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
use crate::parse::csv::{ColumnMatch, CsvOptions, Newline};
use crate::parse::json::{JsonLayout, JsonOptions};
use crate::parse::reject::{RejectCode, RejectSink, TooManyRejects};
use crate::source::error::SourceError;
use crate::source::file::{FileList, SourceFile};
use crate::source::store::{ByteStream, FilePart, FileStore, ListPage, ListRequest};
use crate::table::warehouse::{TableFolder, TableName};
use crate::table::{ReplayedFiles, delta, rejects};
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::collections::HashMap;
use std::ops::Range;
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
        return Err(Error::config(
            "rejects of a table without a log cannot be replayed: no commit could take them off the list",
        )
        .at("out.type"));
    }
    let Some(data) = delta::open(&environment.warehouse.table(target)).await? else {
        return Err(no_such_table(environment, target).await);
    };
    rejects::settle(&environment.warehouse, &data, target).await?;
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
    let input = OpenInput::of_records(&plan.exec, budgets, Arc::new(records), files);
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
                collector.keep(kept)?;
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

/// A record as a file.
#[derive(Debug)]
struct RejectedRecord {
    file: String,
    text: Bytes,
    part: FilePart,
}

impl RejectedRecord {
    /// `None`: its text is not all there.
    fn new(reject: &StoredReject<'_>, parser: &ParserOptions) -> Option<RejectedRecord> {
        let record = reject.text("record")?;
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let line = signed(reject.number("line")?);
        let byte = signed(reject.number("byte_offset").unwrap_or_default());
        let record_number = signed(reject.number("row_number").unwrap_or_default());
        // A record is cut between characters, so it may be a little shorter than the limit.
        if record.len() + char::MAX.len_utf8() > Reject::MAX_RECORD_BYTES {
            return None;
        }
        let surrounded = match parser {
            ParserOptions::Csv(options) => csv_file(record, reject.text("header"), options)?,
            ParserOptions::Json(options) => json_file(record, reject.text("reason_code"), options),
        };
        Some(RejectedRecord {
            file: reject.text("file").unwrap_or_default().to_owned(),
            part: FilePart {
                lines: line - 1 - signed(surrounded.lines_before as u64),
                bytes: byte - signed(surrounded.bytes_before as u64),
                records: record_number - 1,
            },
            text: Bytes::from(surrounded.text),
        })
    }
}

/// A record with what it needs around it to be read.
#[derive(Debug, PartialEq, Eq)]
struct Surrounded {
    text: String,
    lines_before: usize,
    bytes_before: usize,
}

/// `None`: columns are found by their names, and those of its file are not known.
fn csv_file(record: &str, header: Option<&str>, options: &CsvOptions) -> Option<Surrounded> {
    if options.column_match == ColumnMatch::ByPosition {
        return Some(Surrounded {
            text: record.to_owned(),
            lines_before: 0,
            bytes_before: 0,
        });
    }
    let line_end = match options.line_delimiter_recognized {
        Some(Newline::Crlf) => "\r\n",
        Some(Newline::Cr) => "\r",
        Some(Newline::Lf) | None => "\n",
    };
    let before = format!("{}{line_end}", header?);
    Some(Surrounded {
        // Line ends inside of quotes count too, and are of any kind.
        lines_before: before.replace("\r\n", "\n").matches(['\n', '\r']).count(),
        bytes_before: before.len(),
        text: before + record,
    })
}

/// An element of a flattened array is put back into one, at the place where the options look for it.
fn json_file(record: &str, code: Option<&str>, options: &JsonOptions) -> Surrounded {
    let code = code.and_then(RejectCode::from_name);
    let is_element = options.flatten_json_array && matches!(code, Some(RejectCode::BadValue | RejectCode::NotAnObject));
    let names: Vec<String> = match (&options.root, is_element) {
        (Some(root), true) => root
            .split('/')
            .skip(1)
            .map(|name| serde_json::Value::from(name.replace("~1", "/").replace("~0", "~")).to_string())
            .collect(),
        _ => Vec::new(),
    };
    let (open, close) = if is_element { ("[", "]") } else { ("", "") };
    let before: String = names.iter().map(|name| format!("{{{name}:")).collect::<String>() + open;
    Surrounded {
        lines_before: 0,
        // Records of a line have the place of the line.
        bytes_before: match options.layout {
            JsonLayout::Lines => 0,
            JsonLayout::Values => before.len(),
        },
        text: format!("{before}{record}{close}{}", "}".repeat(names.len())),
    }
}

/// Rejected records as a store of files; each has the URL of the file it comes from.
#[derive(Debug, Default)]
struct RejectedRecords {
    records: Vec<RejectedRecord>,
}

impl RejectedRecords {
    fn files(&self) -> FileList {
        (0..self.records.len()).map(|index| self.file(index)).collect()
    }

    fn file(&self, index: usize) -> SourceFile {
        SourceFile {
            key: Arc::from(format!("{index:010}")),
            size_bytes: self.records[index].text.len() as u64,
            modified_micros: 0,
            etag: None,
        }
    }

    fn record(&self, key: &str) -> Option<&RejectedRecord> {
        self.records.get(key.parse::<usize>().ok()?)
    }

    fn missing(key: &str) -> SourceError {
        SourceError::NotFound { url: key.to_owned() }
    }
}

#[async_trait]
impl FileStore for RejectedRecords {
    async fn list_page(&self, _request: &ListRequest) -> std::result::Result<ListPage, SourceError> {
        Ok(ListPage::default())
    }

    async fn head(&self, key: &str) -> std::result::Result<SourceFile, SourceError> {
        match self.record(key) {
            Some(_) => Ok(self.file(key.parse().unwrap_or_default())),
            None => Err(RejectedRecords::missing(key)),
        }
    }

    async fn get(&self, file: &SourceFile, range: Range<u64>) -> std::result::Result<ByteStream, SourceError> {
        let record = self
            .record(&file.key)
            .ok_or_else(|| RejectedRecords::missing(&file.key))?;
        let place = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(record.text.len());
        let bytes = record.text.slice(place(range.start)..place(range.end));
        Ok(stream::once(async move { Ok(bytes) }).boxed())
    }

    fn url(&self, key: &str) -> String {
        self.record(key)
            .map_or_else(|| key.to_owned(), |record| record.file.clone())
    }

    fn part(&self, key: &str) -> Option<FilePart> {
        self.record(key).map(|record| record.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(surrounded: Surrounded, text: &str, lines_before: usize, bytes_before: usize) {
        let expected = Surrounded {
            text: text.to_owned(),
            lines_before,
            bytes_before,
        };
        assert_eq!(surrounded, expected);
    }

    #[test]
    fn a_record_gets_the_header_of_its_file() {
        let by_name = CsvOptions {
            column_match: ColumnMatch::ByName { ignores_case: false },
            ..CsvOptions::default()
        };
        check(
            csv_file("1,2", Some("a,\"b\r\n\""), &by_name).unwrap(),
            "a,\"b\r\n\"\n1,2",
            2,
            9,
        );
        assert_eq!(csv_file("1,2", None, &by_name), None);
        check(
            csv_file("1,2", Some("a,b"), &CsvOptions::default()).unwrap(),
            "1,2",
            0,
            0,
        );
    }

    #[test]
    fn an_element_gets_its_array_back() {
        let options = |layout, root: Option<&str>| JsonOptions {
            layout,
            root: root.map(str::to_owned),
            flatten_json_array: true,
            ..JsonOptions::default()
        };
        let at_root = options(JsonLayout::Values, Some("/a~1b/0"));
        check(
            json_file("{}", Some("bad_value"), &at_root),
            "{\"a/b\":{\"0\":[{}]}}",
            0,
            13,
        );
        check(json_file("{}", Some("not_an_array"), &at_root), "{}", 0, 0);
        check(
            json_file("7", Some("not_an_object"), &options(JsonLayout::Lines, None)),
            "[7]",
            0,
            0,
        );
        check(json_file("{}", Some("bad_value"), &JsonOptions::default()), "{}", 0, 0);
    }
}
