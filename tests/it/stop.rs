//! Ctrl-C: what was read is kept and not read again, and a second one waits for nothing.

use crate::atomicity::stuck_bucket;
use crate::examples::ACCESS_LOGS;
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Finished, Running, Workplace};
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use bucketload_tests::wait::wait_until;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const JOB: &str = "examples/s3/load.yml";
const LIMIT: Duration = Duration::from_secs(120);

/// Files that come from a stuck bucket before no other does.
const NUM_COME: u64 = 10;

/// Files are asked for in their order.
const ONE_BY_ONE: [&str; 4] = ["--set", "exec.max_threads=1", "--set", "exec.max_requests=1"];

/// Less than what a job may take to finish the files that it is at.
const AT_ONCE: Duration = Duration::from_secs(6);

fn load(workplace: &Workplace, endpoint: &str, bucket: &Bucket, flags: &[&str]) -> Bucketload {
    workplace.issuing(JOB, flags).s3(endpoint, bucket.name())
}

/// Interrupts a load once its files do not come any more, and it has come to the one after the first `num_read`.
#[track_caller]
fn interrupted(proxy: &Proxy, load: Bucketload, num_read: u64) -> Finished {
    let mut running = load.env("BUCKETLOAD_LOG", "bucketload_engine::scan=debug").spawn();
    let said = running.said_so_far();
    let num_opened = || said().matches("file opened").count() as u64;
    wait_for(&mut running, || proxy.num_held() > 0 && num_opened() > num_read);
    running.interrupt();
    running.wait().exited_with(130).kept_secrets()
}

#[track_caller]
fn wait_for(running: &mut Running, has_come: impl Fn() -> bool) {
    let is_over = wait_until(LIMIT, || has_come() || running.has_ended());
    assert!(
        is_over && !running.has_ended(),
        "the load has ended before the moment came"
    );
}

fn number(report: &Value, section: &str, name: &str) -> u64 {
    report[section][name]
        .as_u64()
        .unwrap_or_else(|| panic!("{section}.{name} of {report}"))
}

#[track_caller]
fn check_stopped_and_gone_on_with(flags: &[&str]) {
    let (bucket, proxy) = stuck_bucket();
    let direct = bucket.server().endpoint();
    let whole = Workplace::new();
    let whole = load(&whole, &direct, &bucket, flags).run().succeeded().json();
    let workplace = Workplace::new();
    let stopped = interrupted(&proxy, load(&workplace, &proxy.endpoint(), &bucket, flags), NUM_COME);
    let ended = stopped
        .said(&["nothing was committed", "the same command with `--resume"])
        .json();
    let job_id = ended["job_id"].as_str().unwrap().to_owned();
    assert_eq!((ended["status"].as_str(), workplace.num_rows()), (Some("killed"), 0));
    // It is stopped again before anything more has come.
    let flags: Vec<&str> = flags.iter().copied().chain(["--resume", &job_id]).collect();
    let held = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, Fault::Hold, usize::MAX);
    interrupted(&held, load(&workplace, &held.endpoint(), &bucket, &flags), 0).said(&["--resume"]);
    let report = load(&workplace, &direct, &bucket, &flags).run().succeeded().json();
    assert_eq!(report["job_id"], json!(job_id));
    assert_eq!(
        number(&report, "files", "read"),
        number(&whole, "files", "read") - NUM_COME,
        "{report}"
    );
    let (bytes, of_bytes) = (number(&report, "bytes", "fetched"), number(&whole, "bytes", "fetched"));
    assert!(bytes < of_bytes, "{bytes} of {of_bytes} bytes were fetched again");
    for what in ["read", "rejected", "written"] {
        assert_eq!(report["rows"][what], whole["rows"][what], "{what}");
    }
    assert_eq!(report["next"], whole["next"]);
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
    assert_eq!(workplace.number("SELECT sum(bytes) FROM d.t"), ACCESS_LOGS.sum_of_bytes);
    assert_eq!(
        workplace.number("SELECT count(*) FROM d.t__rejects"),
        ACCESS_LOGS.rejects
    );
    let ledger = "SELECT count(*) - count(DISTINCT file) FROM d.t__files";
    assert_eq!(workplace.number(ledger), 0, "each file is in the ledger once");
    let left: Vec<String> = workplace
        .stored_files()
        .into_iter()
        .filter(|file| file.contains("/_bucketload/"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn what_an_append_has_read_is_kept() {
    check_stopped_and_gone_on_with(&ONE_BY_ONE);
}

#[test]
fn what_a_replace_has_read_is_kept() {
    check_stopped_and_gone_on_with(&[&["--mode", "replace"][..], &ONE_BY_ONE].concat());
}

#[test]
fn what_a_load_by_the_ledger_has_read_is_kept() {
    let by_ledger = ["--set", "in.incremental=ledger", "--set", "exec.commit_every=1GiB"];
    check_stopped_and_gone_on_with(&[by_ledger, ONE_BY_ONE].concat());
}

#[test]
fn what_steps_have_committed_is_told_and_the_step_under_way_is_kept() {
    let (bucket, proxy) = stuck_bucket();
    let workplace = Workplace::new();
    let flags = [&["--set", "exec.commit_every=4 files"][..], &ONE_BY_ONE].concat();
    let stopped = interrupted(&proxy, load(&workplace, &proxy.endpoint(), &bucket, &flags), NUM_COME);
    let ended = stopped
        .said(&["2 of 7 steps with", "of the next 2 files are kept"])
        .json();
    assert_eq!(ended["steps"]["done"], 2, "{ended}");
    let num_rows = workplace.num_rows();
    assert!(num_rows > 0 && num_rows < ACCESS_LOGS.written);
    let job_id = ended["job_id"].as_str().unwrap();
    let direct = bucket.server().endpoint();
    let report = load(&workplace, &direct, &bucket, &flags)
        .args(["--resume", job_id])
        .run()
        .succeeded()
        .json();
    assert_eq!(
        number(&report, "files", "read"),
        ACCESS_LOGS.files as u64 - NUM_COME,
        "{report}"
    );
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
}

#[test]
fn rows_that_need_all_files_are_dropped() {
    let (bucket, proxy) = stuck_bucket();
    let workplace = Workplace::new();
    let counted = [
        "--set",
        "filters=[{type: sql, query: \"SELECT count(*) AS n, now() AS time FROM input\"}]",
    ];
    let stopped = interrupted(&proxy, load(&workplace, &proxy.endpoint(), &bucket, &counted), 0);
    assert_eq!(
        stopped.json()["hint"],
        Value::Null,
        "nothing is left that could be gone on with"
    );
    let left: Vec<String> = workplace.stored_files();
    assert_eq!(left, Vec::<String>::new());
}

/// Lines of a file that comes in several requests.
const NUM_LINES: usize = 18_000;

/// A load of one file, of which the first request has come.
fn half_a_file() -> (Bucket, Proxy, Workplace, String) {
    let bucket = Bucket::new(servers::seaweedfs());
    let line = format!("{}\n", "x".repeat(999));
    bucket.put("data/a.csv", line.repeat(NUM_LINES));
    let workplace = Workplace::new();
    let job = workplace.write(
        "load.yml",
        "in:\n  type: s3\n  endpoint: ${S3_ENDPOINT}\n  bucket: ${S3_BUCKET}\n  path_prefix: data/\n  access_key_id: ${AWS_ACCESS_KEY_ID}\n  \
         secret_access_key: ${AWS_SECRET_ACCESS_KEY}\n  parser: {type: csv, columns: [{name: s, type: string}]}\nout: {partition_by: none}\n",
    );
    let proxy = Proxy::start(bucket.server().address())
        .with_fault(RequestKind::Get, Fault::Delay(Duration::ZERO), 1)
        .with_fault(RequestKind::Get, Fault::Hold, usize::MAX);
    (bucket, proxy, workplace, job)
}

/// Whether the record of the only job tells of bytes that are being parsed.
fn has_begun(workplace: &Workplace) -> bool {
    let json = |arguments: &[&str]| workplace.bucketload(arguments).arg("--json").run().succeeded().json();
    let jobs = json(&["jobs"]);
    let Some(job_id) = jobs[0]["job_id"].as_str() else {
        return false;
    };
    json(&["job", job_id])["progress"]["bytes"]["fetched"].as_u64() > Some(0)
}

#[test]
fn a_second_ctrl_c_on_a_terminal_ends_at_once() {
    let (bucket, proxy, workplace, job) = half_a_file();
    let load = workplace
        .issuing(&job, &ONE_BY_ONE)
        .s3(&proxy.endpoint(), bucket.name());
    let mut running = load.on_terminal(80).spawn();
    wait_for(&mut running, || proxy.num_held() > 0 && has_begun(&workplace));
    running.interrupt();
    running.line_after("stopping");
    let asked = Instant::now();
    running.interrupt();
    running.wait().exited_with(130);
    assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_file_that_is_being_read_is_finished_after_ctrl_c_on_a_terminal() {
    let (bucket, proxy, workplace, job) = half_a_file();
    bucket.put("data/b.csv", "1\n");
    let load = |endpoint: &str| workplace.issuing(&job, &ONE_BY_ONE).s3(endpoint, bucket.name());
    let mut running = load(&proxy.endpoint()).on_terminal(80).spawn();
    wait_for(&mut running, || proxy.num_held() > 0 && has_begun(&workplace));
    running.interrupt();
    running.line_after("stopping");
    proxy.release();
    let ended = running
        .wait()
        .exited_with(130)
        .said(&["interrupted; nothing was committed", "--resume"])
        .json();
    let job_id = ended["job_id"].as_str().unwrap();
    let report = load(&bucket.server().endpoint())
        .args(["--resume", job_id])
        .run()
        .succeeded()
        .json();
    assert_eq!(
        (number(&report, "files", "read"), number(&report, "bytes", "fetched")),
        (1, 2),
        "{report}"
    );
    assert_eq!(workplace.num_rows(), NUM_LINES as i64 + 1);
}
