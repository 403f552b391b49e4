//! Rejected records as a store of files: each with what it needs around it, and with the place that it had.

use super::StoredReject;
use crate::config::plan::ParserOptions;
use crate::parse::csv::{ColumnMatch, CsvOptions, Newline};
use crate::parse::json::{JsonLayout, JsonOptions};
use crate::parse::reject::RejectCode;
use crate::source::error::SourceError;
use crate::source::file::{FileList, SourceFile};
use crate::source::store::{ByteStream, FilePart, FileStore, ListPage, ListRequest};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that versions kept of a record which did not note how long the whole was.
const OLD_MAX_RECORD_BYTES: usize = 64 * 1024;

/// A record as a file.
#[derive(Debug)]
pub(super) struct RejectedRecord {
    file: String,
    pub(super) text: Bytes,
    part: FilePart,
}

impl RejectedRecord {
    /// `None`: its text is not all there.
    pub(super) fn new(reject: &StoredReject<'_>, parser: &ParserOptions) -> Option<RejectedRecord> {
        let record = reject.text("record")?;
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let line = signed(reject.number("line")?);
        let byte = signed(reject.number("byte_offset").unwrap_or_default());
        let record_number = signed(reject.number("row_number").unwrap_or_default());
        let is_whole = match reject.number("record_bytes") {
            Some(num_bytes) => record.len() as u64 == num_bytes,
            // A record is cut between characters, so it may be a little shorter than the limit.
            None => record.len() + char::MAX.len_utf8() <= OLD_MAX_RECORD_BYTES,
        };
        if !is_whole {
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
    let is_element = options.flatten_json_array
        && matches!(
            code,
            Some(RejectCode::BadValue | RejectCode::NotAnObject | RejectCode::BadValueInFilter | RejectCode::NoTime)
        );
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
pub(super) struct RejectedRecords {
    pub(super) records: Vec<RejectedRecord>,
}

impl RejectedRecords {
    pub(super) fn files(&self) -> FileList {
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
        self.records.get(self.place_of(key).ok()?)
    }

    /// The place of the record that is the file of this key.
    fn place_of(&self, key: &str) -> std::result::Result<usize, SourceError> {
        let place = key.parse().ok().filter(|place| *place < self.records.len());
        place.ok_or_else(|| RejectedRecords::missing(key))
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
        Ok(self.file(self.place_of(key)?))
    }

    async fn get(&self, file: &SourceFile, range: Range<u64>) -> std::result::Result<ByteStream, SourceError> {
        let record = &self.records[self.place_of(&file.key)?];
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
    use crate::parse::Reject;
    use crate::parse::reject::RecordText;
    use crate::position::Position;
    use crate::table::rejects::reject_batch;

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
    fn a_record_that_was_cut_is_known_by_its_length() {
        let parser = ParserOptions::Csv(CsvOptions::default());
        let is_complete = |kept_bytes: usize, num_bytes: Option<u64>| {
            let record = RecordText {
                kept: "x".repeat(kept_bytes),
                num_bytes: num_bytes.unwrap_or_default(),
            };
            let reject = Reject {
                position: Position {
                    file: Arc::from("f"),
                    line: 1,
                    byte: 0,
                    record: 1,
                },
                column: None,
                value: None,
                code: RejectCode::TooFewColumns,
                header: None,
                reason: String::new(),
                record,
            };
            let mut batch = reject_batch("job", &[reject]).unwrap();
            if num_bytes.is_none() {
                // As versions wrote it that did not note the length.
                let index = batch.schema().index_of("record_bytes").unwrap();
                batch.remove_column(index);
            }
            RejectedRecord::new(&StoredReject { batch: &batch, row: 0 }, &parser).is_some()
        };
        assert!(is_complete(70_000, Some(70_000)));
        assert!(!is_complete(70_000, Some(70_001)));
        assert!(is_complete(65_000, None));
        assert!(!is_complete(65_536, None));
        assert!(!is_complete(65_533, None));
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
            8,
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
