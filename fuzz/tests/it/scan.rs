//! The whole way from files to rows and rejects: what a scan gives, in one partition and in four, is what the reference reader makes of each
//! file by itself; for any bytes and any configuration of CSV.

use crate::inputs::{self, kind_of, skeleton};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::display::array_value_to_string;
use bucketload_engine::PrefixTable;
use bucketload_engine::decode::DecodeOptions;
use bucketload_engine::parse::origin::{Origin, OriginRows, origin_index};
use bucketload_engine::parse::reject::RejectSink;
use bucketload_engine::parse::{ParserOptions, Reject};
use bucketload_engine::scan::metadata::{MetadataColumn, MetadataKind};
use bucketload_engine::scan::{CharsetErrors, OnFileError, ScanOptions, ScanServices};
use bucketload_engine::source::budget::ByteBudget;
use bucketload_engine::source::fetch::FetchOptions;
use bucketload_engine::source::store::{DirectoryStore, FileStore};
use bucketload_fuzz::corpus::fingerprint;
use bucketload_fuzz::driver::{Target, fuzz};
use bucketload_fuzz::mutate::Random;
use bucketload_fuzz::readers::{Outcome, ReaderKind, read};
use datafusion::catalog::TableProvider;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::fs;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const TARGET: Target = Target {
    name: "scan",
    dictionary: &[
        b",",
        b";",
        b"\t",
        b"||",
        b"\"",
        b"\"\"",
        b"\\\"",
        b"'",
        b"\"\n\"",
        b"\r\n",
        b"\r",
        b"#",
        b"\\N",
        b"id",
        b"name",
        b"1.5",
        b"true",
        b"0",
        b"\xEF\xBB\xBF",
        b"\x82\xA0",
        b"a\0",
    ],
    max_bytes: 4_000,
    max_memory_bytes: 64 * 1024 * 1024,
    num_mutations: 300,
};

/// Fields of a configuration by chance, and what each may be; the first choice is the one left out.
fn choices() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        (
            "delimiter",
            vec![json!(","), json!(";"), json!("\t"), json!("||"), json!("é")],
        ),
        ("quote", vec![json!("\""), json!("'"), json!(null)]),
        ("escape", vec![json!("\\"), json!("\""), json!(null), json!("^")]),
        (
            "quotes_in_quoted_fields",
            vec![
                json!("ACCEPT_ONLY_RFC4180_ESCAPED"),
                json!("ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS"),
            ],
        ),
        ("null_string", vec![json!(null), json!(""), json!("\\N"), json!("a")]),
        ("trim_if_not_quoted", vec![json!(false), json!(true)]),
        ("max_quoted_size_limit", vec![json!(131_072), json!(3), json!(20)]),
        ("comment_line_marker", vec![json!(null), json!("#"), json!("1")]),
        ("skip_header_lines", vec![json!(0), json!(1), json!(3)]),
        ("allow_optional_columns", vec![json!(false), json!(true)]),
        ("allow_extra_columns", vec![json!(false), json!(true)]),
        (
            "charset",
            vec![json!("utf-8"), json!("utf-16le"), json!("shift_jis"), json!("euc-jp")],
        ),
        ("newline", vec![json!("CRLF"), json!("LF"), json!("CR")]),
        (
            "line_delimiter_recognized",
            vec![json!(null), json!("LF"), json!("CR"), json!("CRLF")],
        ),
        ("header", vec![json!("by_position"), json!("by_name"), json!("by_name")]),
        ("on_new_columns", vec![json!("ignore"), json!("rescue"), json!("fail")]),
        ("on_bad_value", vec![json!("reject"), json!("null"), json!("rescue")]),
    ]
}

/// A configuration of a CSV parser that `seed` chooses; `None`: its parts contradict each other.
fn options_by_chance(seed: u64) -> Option<ParserOptions> {
    let mut random = Random::new(seed);
    let mut parser = Map::from_iter([("type".to_owned(), json!("csv"))]);
    for (key, choices) in choices() {
        if random.below(3) == 0 {
            parser.insert(key.to_owned(), choices[random.below(choices.len())].clone());
        }
    }
    let names = ["id", "name", "a", "b"];
    let types = ["long", "string", "double", "boolean", "json", "timestamp"];
    let columns: Vec<Value> = (names.iter().take(1 + random.below(names.len())))
        .map(|name| json!({"name": name, "type": types[random.below(types.len())]}))
        .collect();
    parser.insert("columns".to_owned(), Value::from(columns));
    inputs::options_of(Value::Object(parser).to_string().as_bytes())
}

#[derive(Debug, Default)]
struct KeptRejects(Mutex<Vec<Reject>>);

impl RejectSink for KeptRejects {
    fn push(&self, rejects: Vec<Reject>) {
        self.0.lock().expect("nobody panics while holding it").extend(rejects);
    }
}

/// One record, by its file and its number: a row or a reject.
type Record = (String, i64, String);

/// All that came of some files, in the order of their records; an error: not all could be read.
type Scanned = Result<Vec<Record>, String>;

fn name_of(index: usize) -> String {
    format!("{index:03}")
}

fn row_text(batch: &RecordBatch, num_columns: usize, row: usize) -> String {
    let mut text = String::from("row");
    for column in &batch.columns()[..num_columns] {
        let shown = match column.is_null(row) {
            true => "null".to_owned(),
            false => format!(
                "{:?}",
                array_value_to_string(column, row).unwrap_or_else(|error| panic!("{error}"))
            ),
        };
        let _ = write!(text, " {shown}");
    }
    text
}

fn reject_text(reject: &Reject) -> String {
    let Reject {
        position,
        column,
        value,
        code,
        header,
        reason,
        record,
    } = reject;
    let place = (position.line, position.byte);
    format!("reject {place:?} {column:?} {value:?} {code:?} {header:?} {reason} {record:?}")
}

/// What the reference makes of each file.
fn expected(options: &ParserOptions, files: &[&[u8]]) -> Scanned {
    let mut records = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let outcome = read(options, ReaderKind::Reference, &[file], usize::MAX);
        if let Some(error) = outcome.errors.first() {
            return Err(error.clone());
        }
        let Outcome {
            rows,
            record_numbers,
            rejects,
            ..
        } = outcome;
        for (row, number) in record_numbers.into_iter().enumerate() {
            records.push((name_of(index), number, row_text(&rows, rows.num_columns(), row)));
        }
        for reject in &rejects {
            records.push((name_of(index), reject.position.record as i64, reject_text(reject)));
        }
    }
    records.sort();
    Ok(records)
}

/// Runs scans on one thread, whose memory the driver watches.
struct Scanner {
    runtime: Runtime,
    /// Where the files of a scan are.
    folder: TempDir,
    /// With one partition and with four.
    sessions: [(usize, SessionContext); 2],
}

impl Scanner {
    fn new() -> Scanner {
        Scanner {
            runtime: Builder::new_current_thread().enable_all().build().expect("a runtime"),
            folder: tempfile::tempdir().expect("a folder"),
            sessions: [1, 4].map(|num_partitions| {
                let config = SessionConfig::new().with_target_partitions(num_partitions);
                (num_partitions, SessionContext::new_with_config(config))
            }),
        }
    }

    fn scan(&self, session: &SessionContext, batch_rows: usize, options: &ParserOptions, files: &[&[u8]]) -> Scanned {
        self.runtime.block_on(async {
            let store = DirectoryStore::new(self.folder.path().to_owned());
            let mut listed = Vec::new();
            for (index, file) in files.iter().enumerate() {
                let key = name_of(index);
                fs::write(self.folder.path().join(&key), file).expect("the disk has room");
                // As a listing does, files without a byte are left out.
                if !file.is_empty() {
                    listed.push(store.head(&key).await.expect("it is there"));
                }
            }
            let rejects = Arc::new(KeptRejects::default());
            let services = ScanServices {
                store: Arc::new(store),
                io_runtime: self.runtime.handle().clone(),
                budget: Arc::new(ByteBudget::new(1024 * 1024)),
                rejects: Arc::clone(&rejects) as _,
                counters: Arc::default(),
                file_rows: None,
                early_end: Arc::default(),
            };
            let metadata = [MetadataKind::FilePath, MetadataKind::RowNumber].map(|kind| MetadataColumn {
                kind,
                name: kind.name().to_owned(),
            });
            let scan_options = ScanOptions {
                decode: DecodeOptions::Listed(Vec::new()),
                parser: options.clone(),
                metadata_columns: metadata.to_vec(),
                origins: OriginRows::All,
                on_file_error: OnFileError::Fail,
                charset_errors: CharsetErrors::Replace,
                fetch: FetchOptions::default(),
            };
            let table = PrefixTable::new(scan_options, Arc::new(listed.into_iter().collect()), 0, services);
            let plan = (table.scan(&session.state(), None, &[], None).await).map_err(|error| error.to_string())?;
            let config = SessionConfig::new().with_batch_size(batch_rows);
            let context = Arc::new(TaskContext::default().with_session_config(config));
            let batches = collect(plan, context).await.map_err(|error| error.to_string())?;
            let num_columns = options.fields().len();
            let mut records = Vec::new();
            for batch in &batches {
                let origins = batch.column(origin_index(batch.schema_ref()).expect("the scan has origins"));
                for row in 0..batch.num_rows() {
                    let file = batch.column(num_columns).as_string::<i32>().value(row);
                    let number = batch.column(num_columns + 1).as_primitive::<Int64Type>().value(row);
                    let origin = Origin::of_row(origins, row).expect("each row has one");
                    assert_eq!(
                        (origin.position.file.as_ref(), origin.position.record as i64),
                        (file, number),
                        "the origin of a row is its record"
                    );
                    records.push((file.to_owned(), number, row_text(batch, num_columns, row)));
                }
            }
            let rejects = std::mem::take(&mut *rejects.0.lock().expect("nobody panics while holding it"));
            for reject in &rejects {
                let position = &reject.position;
                records.push((position.file.to_string(), position.record as i64, reject_text(reject)));
            }
            records.sort();
            Ok(records)
        })
    }
}

#[test]
fn a_scan_gives_what_the_reference_makes_of_each_file() {
    let scanner = Scanner::new();
    let done = fuzz(&TARGET, inputs::seeds(&["csv"]), |input| {
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        let (head, body) = (&input[..end], &input[(end + 1).min(input.len())..]);
        let mut random = Random::new(fingerprint(input));
        let options = match inputs::split(input, &["csv"]) {
            Some((options, _)) => options,
            None => match options_by_chance(fingerprint(head)) {
                Some(options) => options,
                None => return 0,
            },
        };
        let mut files = Vec::new();
        let mut rest = body;
        for _ in 0..random.below(6) {
            let (file, behind) = rest.split_at(random.below(rest.len() + 1));
            files.push(file);
            rest = behind;
        }
        files.push(rest);
        let expected = expected(&options, &files);
        let chunk_bytes = 1 + random.below(100);
        for file in &files {
            let reference = read(&options, ReaderKind::Reference, &[file], usize::MAX);
            let fast = read(&options, ReaderKind::Fast, &[file], chunk_bytes);
            assert!(
                fast == reference,
                "in chunks of {chunk_bytes} bytes\n{}\nand the reference\n{}",
                fast.shown(),
                reference.shown()
            );
        }
        for (num_partitions, session) in &scanner.sessions {
            let batch_rows = 1 + random.below(20);
            let scanned = scanner.scan(session, batch_rows, &options, &files);
            match (&scanned, &expected) {
                // Which of several files that cannot be read is met first does not matter.
                (Err(_), Err(_)) => {}
                _ => assert!(
                    scanned == expected,
                    "{num_partitions} partitions, batches of {batch_rows} rows\n{scanned:#?}\nand the reference\n{expected:#?}"
                ),
            }
        }
        match &expected {
            Err(error) => kind_of(skeleton(error)),
            Ok(records) => {
                let kinds: Vec<String> = (records.iter())
                    .filter(|(_, _, text)| text.starts_with("reject"))
                    .map(|(_, _, text)| skeleton(text).chars().take(60).collect())
                    .collect();
                kind_of((
                    kinds.len().min(5),
                    kinds.into_iter().next(),
                    records.len().min(20),
                    files.len(),
                ))
            }
        }
    });
    println!("{done}");
}
