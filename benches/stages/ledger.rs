//! A ledger compared with a listing: every listed file is looked up, in key order, and found.
//!
//! `LEDGER_ENTRIES=10000000` makes it large; the most memory that the process had by then is printed.

use bucketload_engine::Environment;
use bucketload_engine::source::file::SourceFile;
use bucketload_engine::table::commit::commit;
use bucketload_engine::table::ledger::{Ledger, LedgerJob, LedgerWriter, ledger_layout};
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::table::{LedgerLoad, OutputMode, StagedLoad, delta, promise};
use criterion::{Criterion, Throughput};
use tokio::runtime::Runtime;

/// Files of a day of a busy bucket.
const NUM_ENTRIES: usize = 100_000;

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) {
    let asked = std::env::var("LEDGER_ENTRIES")
        .ok()
        .and_then(|asked| asked.parse().ok());
    let num_entries = asked.unwrap_or(NUM_ENTRIES);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let location = folder.path().to_string_lossy();
    let environment = Environment::new(&location, jiff::Timestamp::now).expect("a directory can be a warehouse");
    let ledger = runtime.block_on(ledger_of(&environment, num_entries));

    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(num_entries as u64));
    group.bench_function(format!("look_up_{num_entries}"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut cursor = ledger.cursor();
                for index in 0..num_entries {
                    let known = cursor.find(&name(index)).await.expect("a file of ours");
                    assert!(known.is_some_and(|known| known.is_same_as(&file(index))));
                }
            });
        });
    });
    group.finish();
    if asked.is_some() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        println!(
            "{num_entries} entries, {}",
            peak.unwrap_or("the system does not tell the memory")
        );
    }
}

/// The ledger of a table into which so many files were loaded.
async fn ledger_of(environment: &Environment, num_entries: usize) -> Ledger {
    let name_of_table = TableName::new("bench", "loaded").expect("a sound name");
    let files_folder = environment.warehouse.table(&name_of_table.files());
    let job = LedgerJob {
        job_id: "bench".to_owned(),
        loaded_at_micros: 0,
        sequence: 1,
        file_column: None,
    };
    let mut writer =
        LedgerWriter::new(&files_folder, "bench-files.parquet".to_owned(), job).expect("a directory of ours");
    for index in 0..num_entries {
        writer
            .push(&name(index), &file(index), 1_000)
            .await
            .expect("room for a ledger");
    }
    let staged = writer.finish().await.expect("room for a ledger");
    let folder = environment.warehouse.table(&name_of_table);
    let load = StagedLoad {
        ledger: Some(LedgerLoad {
            files: staged.into_iter().collect(),
            guard: None,
        }),
        // Any columns will do for a table without rows.
        ..StagedLoad::new("bench", OutputMode::Append, ledger_layout())
    };
    commit(&folder, load).await.expect("a directory of ours");
    let table = delta::open(&folder)
        .await
        .expect("a table of ours")
        .expect("it was just made");
    promise::settle(&environment.warehouse, &table, &name_of_table)
        .await
        .expect("a directory of ours");
    Ledger::open(&table, &files_folder).await.expect("a ledger of ours")
}

fn key(index: usize) -> String {
    format!(
        "logs/2026/{:02}/{:02}/part-{index:08}.csv.gz",
        index / 840_000 % 12 + 1,
        index / 30_000 % 28 + 1
    )
}

fn name(index: usize) -> String {
    format!("s3://bucket/{}", key(index))
}

fn file(index: usize) -> SourceFile {
    // An entity tag is a digest: nothing of it can be compressed.
    let digest = (index as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    SourceFile {
        key: key(index).into(),
        size_bytes: 100_000 + index as u64 % 997,
        modified_micros: 1_767_225_600_000_000 + 1_000_000 * index as i64,
        etag: Some(format!("{digest:032x}").into()),
    }
}
