//! What `vacuum` removes, and what it leaves.

use crate::kept::{ROWS, Store};
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Running, Workplace};
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use bucketload_tests::wait::wait_until;
use serde_json::Value;
use std::fs::File;
use std::time::{Duration, SystemTime};

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

/// Three files in a bucket and a load of them that waits for the last one.
struct Stuck {
    workplace: Workplace,
    bucket: Bucket,
    job: String,
    proxy: Proxy,
    running: Running,
}

impl Stuck {
    #[track_caller]
    fn new(out: &str) -> Stuck {
        let bucket = Bucket::new(servers::seaweedfs());
        for number in 0..3 {
            bucket.put(&format!("data/f{number}.csv"), format!("{number}\n"));
        }
        let workplace = Workplace::new();
        let job = workplace.write(
            "load.yml",
            format!(
                "in:\n  type: s3\n  endpoint: ${{S3_ENDPOINT}}\n  bucket: ${{S3_BUCKET}}\n  path_prefix: data/\n  access_key_id: ${{AWS_ACCESS_KEY_ID}}\n  \
                 secret_access_key: ${{AWS_SECRET_ACCESS_KEY}}\n  parser: {{type: csv, columns: [{{name: n, type: long}}]}}\n\
                 out: {{partition_by: none{out}}}\nexec: {{checkpoint_every: 1 files, max_threads: 1}}\n"
            ),
        );
        let proxy = Proxy::start(bucket.server().address())
            .with_fault(RequestKind::Get, Fault::Delay(Duration::ZERO), 2)
            .with_fault(RequestKind::Get, Fault::Hold, 1);
        let mut running = workplace
            .issuing(&job, &[])
            .s3(&proxy.endpoint(), bucket.name())
            .spawn();
        assert!(wait_until(Duration::from_secs(100), || proxy.num_held() > 0 || running.has_ended()));
        Stuck {
            workplace,
            bucket,
            job,
            proxy,
            running,
        }
    }

    /// Lets the load come to its end.
    #[track_caller]
    fn end(self) -> Workplace {
        self.proxy.release();
        self.running.wait().succeeded();
        self.workplace
    }
}

#[test]
fn a_running_job_keeps_its_files() {
    for out in ["", ", type: parquet"] {
        let stuck = Stuck::new(out);
        let kept = vacuum(&stuck.workplace, &["d.t", "--older-than", "0"]);
        assert_eq!(kept["files"], 0, "{kept}");
        assert_eq!(kept["running_jobs"].as_array().unwrap().len(), 1, "{kept}");
        let workplace = stuck.end();
        assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 3);
        let left: Vec<String> = data_files(&workplace)
            .into_iter()
            .filter(|file| file.contains("/_") && !file.contains("/_bucketload_log/"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }
}

#[test]
fn what_was_replaced_while_a_job_runs_stays_until_its_end() {
    let stuck = Stuck::new("");
    for _ in 0..2 {
        stuck
            .workplace
            .issuing(&stuck.job, &["--mode", "replace"])
            .s3(&stuck.bucket.server().endpoint(), stuck.bucket.name())
            .run()
            .succeeded();
    }
    let kept = vacuum(&stuck.workplace, &["d.t", "--older-than", "0"]);
    assert_eq!(kept["files"], 0, "the job may be reading it: {kept}");
    let workplace = stuck.end();
    let removed = vacuum(&workplace, &["d.t", "--older-than", "0"]);
    // Rows in three files, one for each step, and as many of the ledger.
    assert_eq!(removed["files"], 6, "{removed}");
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 6);
}

/// A load of three files that died when two of them were done.
fn half_done() -> (Store, String) {
    let store = Store::new("");
    for number in 0..3 {
        store.put(&format!("f{number}"), 1);
    }
    let killed = store
        .issuing("t", &["--set", "exec.checkpoint_every=1 files"])
        .env("BUCKETLOAD_CRASH_AT", "after_checkpoint:2")
        .run();
    assert_eq!(killed.status, None, "{killed}");
    let job = store.open_jobs("t").pop().unwrap();
    (store, job)
}

#[test]
fn nobody_goes_on_with_a_job_that_is_being_removed() {
    for place in ["after_removal_began", "after_removal", "after_removal:3"] {
        let (store, job) = half_done();
        let killed = store
            .workplace
            .bucketload(["vacuum", "d.t", "--older-than", "0"])
            .env("BUCKETLOAD_CRASH_AT", place)
            .run();
        assert_eq!(killed.status, None, "{killed}");
        store
            .issuing("t", &["--resume", &job])
            .run()
            .exited_with(1)
            .said(&["was removed", "start a new job"]);
        assert_eq!(store.workplace.num_rows(), 0);
        // The next one takes up where it was stopped.
        vacuum(&store.workplace, &["d.t", "--older-than", "0"]);
        assert_eq!(data_files(&store.workplace), Vec::<String>::new(), "{place}");
        store.issue(&[]);
        assert_eq!(store.workplace.num_rows(), 3 * ROWS as i64);
    }
}

#[test]
fn a_removal_that_dies_leaves_nothing_to_the_next_one() {
    // Two files of rows, two of the ledger and four notes.
    for place in ["after_removal:7", "after_removal:8"] {
        let (store, _) = half_done();
        let killed = store
            .workplace
            .bucketload(["vacuum", "d.t", "--older-than", "0"])
            .env("BUCKETLOAD_CRASH_AT", place)
            .run();
        assert_eq!(killed.status, None, "{killed}");
        assert!(
            !data_files(&store.workplace).is_empty(),
            "{place}: it has died before its end"
        );
        vacuum(&store.workplace, &["d.t", "--older-than", "0"]);
        assert_eq!(data_files(&store.workplace), Vec::<String>::new(), "{place}");
    }
}

#[test]
fn a_job_that_is_gone_on_with_is_not_removed() {
    let (store, job) = half_done();
    let killed = store
        .issuing("t", &["--resume", &job])
        .env("BUCKETLOAD_CRASH_AT", "before_commit")
        .run();
    assert_eq!(killed.status, None, "{killed}");
    let report = store.issue(&["--resume", &job]);
    assert_eq!(report["files"]["read"], 0, "all was done: {report}");
    assert_eq!(store.workplace.num_rows(), 3 * ROWS as i64);
    let left = vacuum(&store.workplace, &["d.t", "--older-than", "0"]);
    assert_eq!((&left["files"], store.open_jobs("t")), (&Value::from(0), Vec::new()));
}

#[test]
fn what_a_dead_process_was_about_to_write_goes() {
    let store = Store::new("");
    store.put("a", 1);
    store.issue(&[]);
    let before = store.workplace.stored_files();
    let job = "019ac8a0-1b2c-7d3e-8f40-123456789abc";
    let unfinished = [
        "t/_delta_log/00000000000000000009.json#1".to_owned(),
        "t__files/_delta_log/_last_checkpoint#2".to_owned(),
        format!("t/_bucketload/{job}.job.json#1"),
        format!("t/date=2026-01-01/{job}-1a2b3c4d-0-0-1.parquet#1"),
        format!("t__rejects/{job}-1a2b3c4d-0-rejects.parquet#1"),
    ];
    for name in &unfinished {
        store.workplace.write(&format!("warehouse/d/{name}"), "half");
    }
    store.workplace.write("warehouse/d/t/notes#1", "mine");
    // Whoever writes a log may be doing so at this moment.
    assert_eq!(vacuum(&store.workplace, &["d.t", "--older-than", "0"])["files"], 3);
    let long_ago = SystemTime::now() - Duration::from_secs(3_600);
    for name in &unfinished[..2] {
        let file = File::options()
            .write(true)
            .open(store.workplace.warehouse().join("d").join(name))
            .unwrap();
        file.set_modified(long_ago).unwrap();
    }
    assert_eq!(vacuum(&store.workplace, &["d.t"])["files"], 0, "a week is longer");
    let removed = vacuum(&store.workplace, &["d.t", "--older-than", "30m"]);
    assert_eq!(removed["files"], 2, "{removed}");
    let after: Vec<String> = store.workplace.stored_files();
    assert_eq!(
        after.len(),
        before.len() + 1,
        "only what is somebody else's stays: {after:?}"
    );
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
    let ages = vacuum(&store.workplace, &["d.t", "--older-than", "4000000000d"]);
    assert_eq!(ages["files"], 0, "nothing is as old as that");
}
