//! Jobs that are gone on with: what is read again, what is refused, and what Ctrl-C says.

use crate::kept::{ROWS, Store};
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use bucketload_tests::wait::wait_until;
use serde_json::json;
use std::time::Duration;

const BY_FILE: [&str; 2] = ["--set", "exec.checkpoint_every=1 files"];

/// A load of four files that dies when two of them are done; gives the job.
fn half_done(store: &Store, more: &[&str]) -> String {
    for number in 0..4 {
        store.put(&format!("f{number}"), 1);
    }
    let killed = store
        .issuing("t", &BY_FILE)
        .args(more)
        .env("BUCKETLOAD_CRASH_AT", "after_checkpoint:2")
        .run();
    assert_eq!(killed.status, None, "{killed}");
    let jobs = store.open_jobs("t");
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs[0].clone()
}

#[test]
fn what_is_done_is_not_read_again() {
    for mode in ["append", "replace"] {
        let store = Store::new("");
        let job = half_done(&store, &["--mode", mode]);
        assert_eq!(store.workplace.num_rows(), 0);
        // What comes meanwhile belongs to the next job.
        store.put("f9", 1);
        let report = store.issue(&["--resume", &job, "--mode", mode]);
        assert_eq!(report["job_id"], json!(job));
        assert_eq!(
            (&report["files"]["selected"], &report["files"]["read"]),
            (&json!(4), &json!(2)),
            "{report}"
        );
        assert_eq!(report["rows"]["written"], 4 * ROWS, "{report}");
        assert!(
            report["next"]["in"]["last_path"].as_str().unwrap().ends_with("f3.csv"),
            "{report}"
        );
        assert_eq!(store.count("duckdb", &["t".to_owned()]), [(40, 40)]);
        // It says so again to whoever has not heard it.
        let again = store.issue(&["--resume", &job, "--mode", mode]);
        assert_eq!((&again["next"], &again["files"]["read"]), (&report["next"], &json!(0)));
        assert_eq!(store.workplace.num_rows(), 4 * ROWS as i64);
    }
}

#[test]
fn a_job_of_another_configuration_or_input_is_refused() {
    let store = Store::new("");
    let job = half_done(&store, &[]);
    store
        .issuing(
            "t",
            &[
                "--resume",
                &job,
                "--set",
                "filters=[{type: retain_columns, columns: [id]}]",
            ],
        )
        .run()
        .exited_with(2)
        .said(&["the configuration is not that of job"]);
    store
        .issuing("t", &["--resume", "019ac8a0-1b2c-7d3e-8f40-123456789abc"])
        .run()
        .exited_with(2)
        .said(&["there is no job", "leave `--resume` out"]);
    store.put("f3", 22);
    store
        .issuing("t", &["--resume", &job])
        .run()
        .exited_with(1)
        .said(&["f3.csv", "was replaced while the job was running"]);
    assert_eq!(store.workplace.num_rows(), 0);
    let shown = store.workplace.bucketload(["tables", "--json"]).run().succeeded();
    assert_eq!(shown.json(), json!([]), "nothing is visible");
}

#[test]
fn a_job_that_failed_is_gone_on_with_once_its_input_is_mended() {
    let store = Store::new("");
    for number in 0..4 {
        store.put(&format!("f{number}"), 1);
    }
    store.delete("f2");
    store
        .workplace
        .write("in/f2.csv", b"\x1f\x8b\x08\x00cut short".as_slice());
    let failed = store
        .issuing("t", &BY_FILE)
        .run()
        .exited_with(1)
        .said(&["2 of 4 steps are done", "--resume"]);
    let report = failed.json();
    let job = report["job_id"].as_str().unwrap();
    assert_eq!(report["steps"], json!({"done": 2, "total": 4}));
    let shown = store
        .issuing("t", &["--resume", job])
        .args(["--set", "in.on_file_error=skip"])
        .run();
    shown.exited_with(2).said(&["the configuration is not that of job"]);
    // The same bytes cannot be read this time either; a copy of other bytes is another file.
    store
        .issuing("t", &["--resume", job])
        .args(BY_FILE)
        .run()
        .exited_with(1);
    assert_eq!(store.open_jobs("t"), [job]);
}

#[test]
fn ctrl_c_says_how_to_go_on() {
    let bucket = Bucket::new(servers::seaweedfs());
    for number in 0..4 {
        bucket.put(&format!("data/f{number}.csv"), format!("{number}\n"));
    }
    let workplace = Workplace::new();
    let job = workplace.write(
        "load.yml",
        "in:\n  type: s3\n  endpoint: ${S3_ENDPOINT}\n  bucket: ${S3_BUCKET}\n  path_prefix: data/\n  access_key_id: ${AWS_ACCESS_KEY_ID}\n  \
         secret_access_key: ${AWS_SECRET_ACCESS_KEY}\n  parser: {type: csv, columns: [{name: n, type: long}]}\nout: {partition_by: none}\n",
    );
    let proxy = Proxy::start(bucket.server().address())
        .with_fault(RequestKind::Get, Fault::Delay(Duration::ZERO), 2)
        .with_fault(RequestKind::Get, Fault::Hold, usize::MAX);
    let mut running = workplace
        .issuing(&job, &BY_FILE)
        .s3(&proxy.endpoint(), bucket.name())
        .spawn();
    assert!(wait_until(Duration::from_secs(100), || proxy.num_held() > 0 || running.has_ended()));
    running.interrupt();
    let ended = running
        .wait()
        .exited_with(130)
        .said(&["nothing was committed", "2 of 4 steps are done", "--resume"]);
    let job_id = ended.json()["job_id"].as_str().unwrap().to_owned();
    let report = workplace
        .issuing(&job, &["--resume", &job_id])
        .s3(&bucket.server().endpoint(), bucket.name())
        .run()
        .succeeded()
        .json();
    assert_eq!(
        (&report["files"]["read"], &report["rows"]["written"]),
        (&json!(2), &json!(4))
    );
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 6);
}

#[test]
fn rows_of_several_records_are_not_cut_into_steps() {
    let store = Store::new("");
    for number in 0..3 {
        store.put(&format!("f{number}"), 1);
    }
    let sum = "filters=[{type: sql, query: \"SELECT count(*) AS n, '' AS id FROM input\"}]";
    store
        .issuing("t", &["--set", sum, "--set", "exec.commit_every=1 files"])
        .run()
        .exited_with(2)
        .said(&["exec.commit_every", "a filter makes rows of several records"]);
    let report = store.issue(&["--set", sum, BY_FILE[0], BY_FILE[1]]);
    assert_eq!(report["steps"]["total"], 1);
    assert_eq!(store.workplace.number("SELECT n FROM d.t"), 3 * ROWS as i64);
}

#[test]
fn a_load_that_replaces_commits_once() {
    let store = Store::new("");
    store.put("a", 1);
    store
        .issuing("t", &["--mode", "replace", "--set", "exec.commit_every=1 files"])
        .run()
        .exited_with(2)
        .said(&["exec.commit_every", "commits once"]);
}

#[test]
fn files_of_a_step_are_committed_with_its_cursor() {
    let store = Store::new("");
    for number in 0..5 {
        store.put(&format!("f{number}"), 1);
    }
    let in_steps = ["--set", "exec.commit_every=2 files"];
    let killed = store
        .issuing("t", &in_steps)
        .env("BUCKETLOAD_CRASH_AT", "after_step_commit:2")
        .run();
    assert_eq!(killed.status, None);
    assert_eq!(store.workplace.num_rows(), 4 * ROWS as i64, "two steps are visible");
    let log = store
        .workplace
        .warehouse()
        .join("d/t/_delta_log/00000000000000000001.json");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("f3.csv"),
        "the cursor of the second step is in its commit: {log}"
    );
    let job = store.open_jobs("t").pop().unwrap();
    let report = store.issue(&["--resume", &job, in_steps[0], in_steps[1]]);
    assert_eq!(report["files"]["read"], 1);
    assert_eq!(store.count("deltalake", &["t".to_owned()]), [(50, 50)]);
}
