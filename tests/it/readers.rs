//! What other programs read from our tables, with nothing of ours installed.

use crate::examples::ACCESS_LOGS;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::python;
use serde_json::{Value, json};

const READ_BACK: &str = include_str!("read_back.py");

fn read_back(reader: &str, folder: &std::path::Path) -> Value {
    let printed = python::run(READ_BACK, [reader.as_ref(), folder.as_os_str()]);
    serde_json::from_str(&printed).unwrap()
}

/// The same for every reader.
fn expected() -> Value {
    json!({
        "rows": ACCESS_LOGS.written,
        "bytes": ACCESS_LOGS.sum_of_bytes,
        "without_referer": 3345,
        "first": "2026-11-20T00:00:15.981000+00:00",
        "last": "2026-11-21T01:59:03.102000+00:00",
        "first_agent": "Feed \"Reader\" 2.1, +https://reader.example/about",
        "types": {"time": "timestamp UTC", "ip": "string", "status": "long", "bytes": "long", "duration": "double"},
        "hours": ACCESS_LOGS.hours,
    })
}

#[test]
fn delta_readers_see_rows_types_and_zone() {
    let workplace = Workplace::new();
    workplace.issue("examples/access-logs/load.yml", &[]);
    for reader in ["deltalake", "polars", "duckdb"] {
        assert_eq!(
            read_back(reader, &workplace.warehouse().join("d/t")),
            expected(),
            "{reader}"
        );
    }
}

#[test]
fn parquet_readers_see_rows_of_a_folder_without_a_log() {
    let workplace = Workplace::new();
    workplace.issue("examples/access-logs/load.yml", &["--set", "out.type=parquet"]);
    for reader in ["duckdb-folder", "polars-folder", "pyarrow-folder"] {
        assert_eq!(
            read_back(reader, &workplace.warehouse().join("d/t")),
            expected(),
            "{reader}"
        );
    }
}

#[test]
fn a_replaced_folder_holds_the_new_rows_alone() {
    let workplace = Workplace::new();
    for _ in 0..2 {
        workplace.issue(
            "examples/access-logs/load.yml",
            &["--set", "out.type=parquet", "--mode", "replace"],
        );
    }
    assert_eq!(
        read_back("duckdb-folder", &workplace.warehouse().join("d/t")),
        expected()
    );
}

#[test]
fn a_replaced_table_shows_the_new_rows_alone() {
    let workplace = Workplace::new();
    for _ in 0..2 {
        workplace.issue("examples/access-logs/load.yml", &["--mode", "replace"]);
    }
    assert_eq!(read_back("deltalake", &workplace.warehouse().join("d/t")), expected());
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
}
