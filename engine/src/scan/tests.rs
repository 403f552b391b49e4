//! Plans and queries over a prefix, as any DataFusion session makes them.

use super::metadata::{MetadataColumn, MetadataKind};
use super::table::PrefixTable;
use super::{OnFileError, ScanOptions};
use crate::decode::DecodeOptions;
use crate::parse::ParserOptions;
use crate::parse::columns::{ColumnOptions, ColumnType, TimestampOptions};
use crate::parse::csv::CsvOptions;
use crate::source::error::SourceError;
use crate::source::fetch::FetchOptions;
use crate::source::file::{ListedFile, SourceFile};
use crate::source::select::SelectOptions;
use crate::source::store::{ByteStream, FileStore, ListPage, ListRequest};
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// More than any window of requests reaches, so that it shows whether fetching stops.
const NUM_FILES: usize = 120;

/// Rows of each file.
const NUM_ROWS: usize = 10;

/// `logs/000.csv` to `logs/119.csv`, of different sizes, one modified each day from 2026-01-01 on. Counts what is fetched.
#[derive(Debug, Default)]
struct NumberedFiles {
    num_gets: AtomicUsize,
}

impl NumberedFiles {
    fn text(index: usize) -> String {
        (0..NUM_ROWS)
            .map(|row| format!("{index},{row},{}\n", "x".repeat(index)))
            .collect()
    }

    fn file(index: usize) -> SourceFile {
        let day_micros = 86_400_000_000;
        let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        SourceFile {
            key: Arc::from(format!("logs/{index:03}.csv")),
            size_bytes: NumberedFiles::text(index).len() as u64,
            modified_micros: start.as_microsecond() + i64::try_from(index).unwrap() * day_micros,
            etag: None,
        }
    }
}

#[async_trait]
impl FileStore for NumberedFiles {
    async fn list_page(&self, request: &ListRequest) -> Result<ListPage, SourceError> {
        let files = (0..NUM_FILES)
            .map(NumberedFiles::file)
            .filter(|file| file.key.starts_with(&request.prefix));
        let files = files
            .map(|file| ListedFile {
                file,
                archive: None,
                storage_class: None,
            })
            .collect();
        Ok(ListPage { files, next_page: None })
    }

    async fn head(&self, _key: &str) -> Result<SourceFile, SourceError> {
        panic!("a scan asks for no file by its name")
    }

    async fn get(&self, file: &SourceFile, range: Range<u64>) -> Result<ByteStream, SourceError> {
        self.num_gets.fetch_add(1, Ordering::Relaxed);
        let index: usize = file.key["logs/".len()..][..3].parse().unwrap();
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let bytes = Bytes::from(NumberedFiles::text(index)).slice(range);
        Ok(futures::stream::iter([Ok(bytes)]).boxed())
    }

    fn url(&self, key: &str) -> String {
        format!("mem://bucket/{key}")
    }
}

/// A session that knows the files as `files`, and the store below.
async fn session() -> (SessionContext, Arc<NumberedFiles>, Arc<PrefixTable>) {
    let column = |(name, column_type): (&str, ColumnType)| ColumnOptions {
        name: name.to_owned(),
        column_type,
        timestamp: TimestampOptions::default(),
        element_at: None,
        members: Vec::new(),
    };
    let columns = [
        ("number", ColumnType::Long),
        ("line", ColumnType::Long),
        ("text", ColumnType::String),
    ];
    let options = ScanOptions {
        decode: DecodeOptions::Listed(Vec::new()),
        parser: ParserOptions::Csv(CsvOptions {
            columns: columns.into_iter().map(column).collect(),
            ..CsvOptions::default()
        }),
        metadata_columns: MetadataKind::ALL
            .map(|kind| MetadataColumn {
                kind,
                name: kind.name().to_owned(),
            })
            .to_vec(),
        origins: Default::default(),
        on_file_error: OnFileError::Fail,
        charset_errors: Default::default(),
        fetch: FetchOptions::default(),
    };
    let store = Arc::new(NumberedFiles::default());
    let select = SelectOptions {
        path_prefix: "logs/".to_owned(),
        ..SelectOptions::default()
    };
    let table = PrefixTable::open(Arc::clone(&store) as _, &select, options, Handle::current())
        .await
        .unwrap();
    let table = Arc::new(table);
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4));
    session.register_table("files", Arc::clone(&table) as _).unwrap();
    (session, store, table)
}

async fn plan(session: &SessionContext, sql: &str) -> Arc<dyn ExecutionPlan> {
    session.sql(sql).await.unwrap().create_physical_plan().await.unwrap()
}

async fn rows(session: &SessionContext, sql: &str) -> String {
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

async fn num_rows(session: &SessionContext, plan: &Arc<dyn ExecutionPlan>) -> usize {
    let batches = collect(Arc::clone(plan), session.task_ctx()).await.unwrap();
    batches.iter().map(arrow::array::RecordBatch::num_rows).sum()
}

/// Compares the plan of a query with its lines, and makes sure that planning fetches nothing.
#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (shown, num_gets) = runtime.block_on(async {
        let (session, store, _) = session().await;
        let plan = plan(&session, sql).await;
        (
            displayable(plan.as_ref()).indent(false).to_string(),
            store.num_gets.load(Ordering::Relaxed),
        )
    });
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected, "{sql}");
    assert_eq!(num_gets, 0, "planning reads no file");
}

/// Checks that a predicate leaves this many files, and nothing to do after the scan.
#[track_caller]
fn check_pruned(predicate: &str, num_files: usize) {
    let scan = format!("  ScanExec: format=csv, tasks={num_files}, files={num_files}, projection=[number]");
    check(
        &format!("SELECT number FROM files WHERE {predicate}"),
        &["CooperativeExec", &scan],
    );
}

#[test]
fn a_projection_reaches_the_scan() {
    check(
        "SELECT text, number FROM files",
        &[
            "ProjectionExec: expr=[text@1 as text, number@0 as number]",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[number, text]",
        ],
    );
    check(
        "SELECT _row_number, line FROM files",
        &[
            "ProjectionExec: expr=[_row_number@1 as _row_number, line@0 as line]",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[line, _row_number]",
        ],
    );
    check(
        "SELECT count(*) FROM files",
        &[
            "ProjectionExec: expr=[count(Int64(1))@0 as count(*)]",
            "  AggregateExec: mode=Final, gby=[], aggr=[count(Int64(1))]",
            "    CoalescePartitionsExec",
            "      AggregateExec: mode=Partial, gby=[], aggr=[count(Int64(1))]",
            "        ScanExec: format=csv, tasks=120, files=120, projection=[]",
        ],
    );
}

#[test]
fn a_limit_reaches_the_scan() {
    check(
        "SELECT number FROM files LIMIT 3",
        &[
            "GlobalLimitExec: skip=0, fetch=3",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[number], limit=3",
        ],
    );
    check(
        "SELECT number FROM files LIMIT 3 OFFSET 5",
        &[
            "GlobalLimitExec: skip=5, fetch=3",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[number], limit=8",
        ],
    );
    check(
        "SELECT number FROM files WHERE _file_size > 100 AND _file_name < '010.csv' LIMIT 3",
        &[
            "GlobalLimitExec: skip=0, fetch=3",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=4, files=4, projection=[number], limit=3",
        ],
    );
}

#[test]
fn a_limit_counts_the_rows_that_a_predicate_leaves() {
    check(
        "SELECT number FROM files WHERE line = 1 LIMIT 3",
        &[
            "GlobalLimitExec: skip=0, fetch=3",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[number], where=[line = 1], limit=3",
        ],
    );
}

#[test]
fn predicates_on_what_the_listing_knows_prune_the_files() {
    check_pruned("_file_path = 'mem://bucket/logs/007.csv'", 1);
    check_pruned("_file_name LIKE '00%'", 10);
    check_pruned("_file_name IN ('003.csv', '110.csv', 'none.csv')", 2);
    check_pruned("_file_size < 100", 5);
    check_pruned("_file_modified >= TIMESTAMP '2026-04-01T00:00:00Z'", 30);
    check_pruned("_file_etag IS NULL", 120);
    check_pruned("_file_etag = 'abc'", 0);
    check_pruned("_file_name < '003.csv' OR _file_size < 50 + 10", 3);
}

#[test]
fn predicates_on_columns_of_the_parser_reach_it() {
    check(
        "SELECT line FROM files WHERE number > 5",
        &[
            "CooperativeExec",
            "  ScanExec: format=csv, tasks=120, files=120, projection=[line], where=[number > 5]",
        ],
    );
    check(
        "SELECT text, _file_name FROM files WHERE number + line > 5 AND text LIKE 'x%' AND _file_name < '007.csv'",
        &[
            "CooperativeExec",
            "  ScanExec: format=csv, tasks=7, files=7, projection=[text, _file_name], where=[number + line > 5 AND text LIKE x%]",
        ],
    );
}

#[test]
fn other_predicates_stay_above_the_scan() {
    check(
        "SELECT number FROM files WHERE _row_number = 1",
        &[
            "FilterExec: _row_number@1 = 1, projection=[number@0]",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[number, _row_number]",
        ],
    );
    check(
        "SELECT line FROM files WHERE number > 5 AND random() < 0.5",
        &[
            "FilterExec: random() < 0.5",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[line], where=[number > 5]",
        ],
    );
    check(
        "SELECT line FROM files WHERE number > 5 OR _file_name = '007.csv'",
        &[
            "FilterExec: number@0 > 5 OR _file_name@2 = 007.csv, projection=[line@1]",
            "  CooperativeExec",
            "    ScanExec: format=csv, tasks=120, files=120, projection=[number, line, _file_name]",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_can_be_counted_without_any_column() {
    let (session, store, _) = session().await;
    let plan = plan(&session, "SELECT count(*) FROM files").await;
    let batches = collect(plan, session.task_ctx()).await.unwrap();
    let counts = batches[0]
        .column(0)
        .as_any()
        .downcast_ref::<arrow::array::Int64Array>()
        .unwrap();
    assert_eq!(usize::try_from(counts.value(0)).unwrap(), NUM_FILES * NUM_ROWS);
    assert_eq!(store.num_gets.load(Ordering::Relaxed), NUM_FILES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_gives_all_rows_each_time_it_runs() {
    let (session, _, _) = session().await;
    let plan = plan(&session, "SELECT number, line FROM files").await;
    assert_eq!(num_rows(&session, &plan).await, NUM_FILES * NUM_ROWS);
    assert_eq!(num_rows(&session, &plan).await, NUM_FILES * NUM_ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_read_every_file_once() {
    let (session, store, table) = session().await;
    let plan = plan(&session, "SELECT number, line FROM files").await;
    assert_eq!(plan.properties().output_partitioning().partition_count(), 4);
    assert_eq!(num_rows(&session, &plan).await, NUM_FILES * NUM_ROWS);
    assert_eq!(store.num_gets.load(Ordering::Relaxed), NUM_FILES);
    assert_eq!(table.counters().num_files.load(Ordering::Relaxed), NUM_FILES as u64);
    let distinct = rows(&session, "SELECT count(DISTINCT number * 1000 + line) AS n FROM files").await;
    assert!(distinct.contains("| 1200 |"), "{distinct}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_takes_files_that_another_has_asked_for_and_not_begun() {
    let (session, store, _) = session().await;
    let plan = plan(&session, "SELECT number FROM files WHERE _file_size < 100").await;
    // It begins to fetch, and nobody asks it for rows.
    let _first = plan.execute(0, session.task_ctx()).unwrap();
    while store.num_gets.load(Ordering::Relaxed) < 5 {
        tokio::task::yield_now().await;
    }
    let mut second = plan.execute(1, session.task_ctx()).unwrap();
    let batch = tokio::time::timeout(Duration::from_secs(60), second.next());
    let batch = batch
        .await
        .expect("rows of the files that the first has")
        .unwrap()
        .unwrap();
    assert_eq!(batch.num_rows(), 5 * NUM_ROWS);
    assert_eq!(store.num_gets.load(Ordering::Relaxed), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_gives_the_first_rows_and_ends_the_fetching() {
    let (session, store, _) = session().await;
    let shown = rows(
        &session,
        "SELECT number, line, _file_name, _row_number FROM files LIMIT 12 OFFSET 9",
    )
    .await;
    let expected: Vec<String> = (9..21)
        .map(|row| {
            format!(
                "| {:<6} | {:<4} | {:03}.csv    | {:<11} |",
                row / 10,
                row % 10,
                row / 10,
                row % 10 + 1
            )
        })
        .collect();
    assert_eq!(shown.lines().skip(3).take(12).collect::<Vec<_>>(), expected);
    let num_gets = store.num_gets.load(Ordering::Relaxed);
    assert!(num_gets <= NUM_FILES / 2, "{num_gets} files fetched for three");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_predicate_leaves_out_are_counted_as_read() {
    let (session, _, table) = session().await;
    let sql = "SELECT text, _file_name, _row_number FROM files WHERE line = 7 AND number < 3 ORDER BY 2";
    let shown = rows(&session, sql).await;
    let expected = [
        "|      | 000.csv    | 8           |",
        "| x    | 001.csv    | 8           |",
        "| xx   | 002.csv    | 8           |",
    ];
    assert_eq!(shown.lines().skip(3).take(3).collect::<Vec<_>>(), expected);
    assert_eq!(shown.lines().count(), 7);
    let num_rows = table.counters().num_rows.load(Ordering::Relaxed);
    assert_eq!(usize::try_from(num_rows).unwrap(), NUM_FILES * NUM_ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_gives_the_first_rows_that_a_predicate_leaves() {
    let (session, _, _) = session().await;
    let sql = "SELECT number, line FROM files WHERE line > 6 AND number % 2 = 1 LIMIT 4";
    let shown = rows(&session, sql).await;
    let expected = [(1, 7), (1, 8), (1, 9), (3, 7)].map(|(number, line)| format!("| {number}      | {line}    |"));
    assert_eq!(shown.lines().skip(3).take(4).collect::<Vec<_>>(), expected);
    assert_eq!(shown.lines().count(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predicate_that_cannot_be_evaluated_is_an_error() {
    let (session, _, _) = session().await;
    let frame = session
        .sql("SELECT line FROM files WHERE 10 / number > 1")
        .await
        .unwrap();
    let error = frame.collect().await.unwrap_err().to_string();
    assert!(error.contains("Divide by zero"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pruned_files_are_not_fetched() {
    let (session, store, _) = session().await;
    let sql =
        "SELECT DISTINCT number FROM files WHERE _file_name BETWEEN '005.csv' AND '006.csv' AND line > 3 ORDER BY 1";
    let shown = rows(&session, sql).await;
    assert_eq!(
        shown.lines().skip(3).take(2).collect::<Vec<_>>(),
        ["| 5      |", "| 6      |"]
    );
    assert_eq!(store.num_gets.load(Ordering::Relaxed), 2);
}
