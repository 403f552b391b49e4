//! What `vacuum` removes, and what it leaves.

use crate::kept::{ROWS, Store};
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use bucketload_tests::wait::wait_until;
use serde_json::Value;
use std::time::Duration;

#[track_caller]
fn vacuum(workplace: &Workplace, arguments: &[&str]) -> Value {
    let mut document = workplace
        .bucketload(["vacuum", "--json"])
        .args(arguments)
        .run()
        .succeeded()
        .json();
    document["tables"][0].take()
}

/// Files that are part of no log.
fn data_files(workplace: &Workplace) -> Vec<String> {
    let files = workplace.stored_files().into_iter();
    files.filter(|file| !file.contains("/_delta_log/")).collect()
}

#[test]
fn a_killed_job_leaves_nothing_but_what_vacuum_removes() {
    for place in ["after_announce", "after_write", "after_checkpoint:2", "before_commit"] {
        let store = Store::new("");
        for number in 0..3 {
            store.put(&format!("f{number}"), 1);
        }
        store.issue(&[]);
        let before = data_files(&store.workplace);
        let killed = store
            .issuing("t", &["--set", "exec.checkpoint_every=1 files"])
            .env("BUCKETLOAD_CRASH_AT", place)
            .run();
        assert_eq!(killed.status, None, "{killed}");
        let left = data_files(&store.workplace);
        assert!(left.len() > before.len(), "{place} leaves something");
        assert_eq!(
            vacuum(&store.workplace, &[])["files"],
            0,
            "{place}: it may still be gone on with"
        );
        assert_eq!(data_files(&store.workplace), left);
        let shown = vacuum(&store.workplace, &["d.t", "--older-than", "0", "--dry-run"]);
        assert_eq!(
            shown["files"].as_u64().unwrap() as usize,
            left.len() - before.len(),
            "{place}: {shown}"
        );
        assert_eq!(data_files(&store.workplace), left, "a dry run removes nothing");
        let removed = vacuum(&store.workplace, &["--older-than", "0"]);
        assert_eq!(removed["paths"], shown["paths"]);
        assert_eq!(data_files(&store.workplace), before, "{place}");
        assert_eq!(store.workplace.num_rows(), 3 * ROWS as i64);
    }
}

#[test]
fn replaced_files_go_when_nobody_reads_them_any_more() {
    let store = Store::new("");
    store.put("a", 1);
    store.issue(&[]);
    store.issue(&["--mode", "replace"]);
    let files = data_files(&store.workplace);
    assert_eq!(vacuum(&store.workplace, &["d.t", "--older-than", "1h"])["files"], 0);
    let removed = vacuum(&store.workplace, &["d.t", "--older-than", "0"]);
    // The rows and the ledger of the first load.
    assert_eq!(removed["files"], 2, "{removed}");
    assert_eq!(data_files(&store.workplace).len(), files.len() - 2);
    assert_eq!(
        store.count("duckdb", &["t".to_owned(), "t__files".to_owned()]),
        [(10, 10), (1, 1)]
    );
}

#[test]
fn a_running_job_keeps_its_files() {
    let bucket = Bucket::new(servers::seaweedfs());
    for number in 0..3 {
        bucket.put(&format!("data/f{number}.csv"), format!("{number}\n"));
    }
    let workplace = Workplace::new();
    let job = workplace.write(
        "load.yml",
        "in:\n  type: s3\n  endpoint: ${S3_ENDPOINT}\n  bucket: ${S3_BUCKET}\n  path_prefix: data/\n  access_key_id: ${AWS_ACCESS_KEY_ID}\n  \
         secret_access_key: ${AWS_SECRET_ACCESS_KEY}\n  parser: {type: csv, columns: [{name: n, type: long}]}\nout: {partition_by: none}\nexec: {checkpoint_every: 1 files}\n",
    );
    let proxy = Proxy::start(bucket.server().address())
        .with_fault(RequestKind::Get, Fault::Delay(Duration::ZERO), 2)
        .with_fault(RequestKind::Get, Fault::Hold, 1);
    let mut running = workplace
        .issuing(&job, &[])
        .s3(&proxy.endpoint(), bucket.name())
        .spawn();
    assert!(wait_until(Duration::from_secs(100), || proxy.num_held() > 0 || running.has_ended()));
    let kept = vacuum(&workplace, &["d.t", "--older-than", "0"]);
    assert_eq!(kept["files"], 0, "{kept}");
    assert_eq!(kept["running_jobs"].as_array().unwrap().len(), 1, "{kept}");
    proxy.release();
    running.wait().succeeded();
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 3);
}

#[test]
fn files_of_others_stay() {
    let store = Store::new("");
    store.put("a", 1);
    store.issue(&[]);
    for name in ["README.md", "part-0.parquet", "notes/part-1.parquet"] {
        store.workplace.write(&format!("warehouse/d/t/{name}"), "mine");
    }
    assert_eq!(vacuum(&store.workplace, &["d.t", "--older-than", "0"])["files"], 0);
    let bad = store
        .workplace
        .bucketload(["vacuum", "d.t", "--older-than", "soon"])
        .run();
    bad.exited_with(2).said(&["`soon` is no age", "--older-than"]);
}
