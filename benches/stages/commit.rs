//! Staged files to a version of a table: a first commit of few and of many, and one more file on a table that has many.

use bucketload_benches::reading::batches;
use bucketload_benches::records::Records;
use bucketload_engine::Environment;
use bucketload_engine::table::commit::commit;
use bucketload_engine::table::warehouse::{TableFolder, TableName};
use bucketload_engine::table::{OutputMode, StagedLoad, TableLayout};
use bucketload_engine::write::StagedFile;
use bucketload_engine::write::partition::PartitionBy;
use criterion::{BatchSize, Criterion, Throughput};
use serde_json::json;
use std::cell::Cell;
use tokio::runtime::Runtime;

/// A year of hours is as many.
const NUM_MANY_FILES: usize = 8_760;

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let location = folder.path().to_string_lossy();
    let environment = Environment::new(&location, jiff::Timestamp::now).expect("a directory can be a warehouse");
    let num_tables = Cell::new(0);
    let new_table = || -> TableFolder {
        num_tables.set(num_tables.get() + 1);
        let name = TableName::new("bench", &format!("table{}", num_tables.get())).expect("a sound name");
        environment.warehouse.table(&name)
    };
    let commit_to = |table: &TableFolder, load: StagedLoad| {
        runtime.block_on(commit(table, load)).expect("a directory of ours");
    };

    let mut group = criterion.benchmark_group("commit");
    for num_files in [10, 1_000, NUM_MANY_FILES] {
        group.throughput(Throughput::Elements(num_files as u64));
        group.bench_function(format!("{num_files}_files"), |bencher| {
            bencher.iter_batched(
                || (new_table(), staged_load(num_files)),
                |(table, load)| commit_to(&table, load),
                BatchSize::PerIteration,
            );
        });
    }
    let table = new_table();
    commit_to(&table, staged_load(NUM_MANY_FILES));
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("one_file_after_{NUM_MANY_FILES}"), |bencher| {
        bencher.iter_batched(
            || staged_load(1),
            |load| commit_to(&table, load),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// A load of files that are only listed, each with the statistics of eleven columns.
fn staged_load(num_files: usize) -> StagedLoad {
    let bounds = json!({
        "time": "2026-11-20T00:00:00.000000Z", "request_id": "0000a1b2c3d4e5f6", "client_ip": "198.51.0.0",
        "method": "GET", "path": "/api/v1/items/0?page=0", "status": 200, "bytes": 12, "duration": 0.25,
        "region": "ap-northeast-1", "user_agent": "Mozilla/5.0", "message": "served by node-000 in 0 steps",
    });
    let statistics = json!({"numRecords": 100_000, "minValues": bounds, "maxValues": bounds, "nullCount": {"time": 0}});
    let file = |index: usize| {
        let (day, hour) = (index / 24, index % 24);
        let date = format!("2026-{:02}-{:02}", day / 28 % 12 + 1, day % 28 + 1);
        StagedFile {
            path: format!("date={date}/hour={hour:02}/part-{index:05}.snappy.parquet"),
            partition_values: vec![("date".to_owned(), date.clone()), ("hour".to_owned(), hour.to_string())],
            num_rows: 100_000,
            size_bytes: 9_000_000,
            statistics: statistics.to_string(),
        }
    };
    let layout = TableLayout {
        schema: batches(&Records::log(1))[0].schema(),
        partition_by: PartitionBy::Hour,
        partition_columns: vec!["date".to_owned(), "hour".to_owned()],
        timezone: "UTC".to_owned(),
        time_column: Some("time".to_owned()),
    };
    StagedLoad {
        files: (0..num_files).map(file).collect(),
        ..StagedLoad::new("bench", OutputMode::Append, layout)
    }
}
