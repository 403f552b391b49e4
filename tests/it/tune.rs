//! `tune`: what is advised follows from what is measured, and nothing but the `exec` block is ever written.

use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Finished, Workplace};
use bucketload_tests::folders;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;

const JOB: &str = "examples/s3/load.yml";
const LOCAL_JOB: &str = "examples/access-logs/load.yml";

/// Requests that `tune` may make: to probe, and for a sample.
const MOST_GETS: usize = 400 + 64;

fn bucket_of_access_logs() -> Bucket {
    let bucket = Bucket::new(servers::seaweedfs());
    bucket.put_folder("web/", &folders::repository().join("examples/access-logs/web"));
    bucket
}

#[track_caller]
fn tune(workplace: &Workplace, proxy: &Proxy, bucket: &Bucket) -> Finished {
    workplace
        .bucketload(["tune", JOB, "--json"])
        .s3(&proxy.endpoint(), bucket.name())
        .run()
        .succeeded()
        .kept_secrets()
}

fn advised_requests(document: &Value) -> u64 {
    let number = document["exec"]["max_requests"].as_u64();
    number.unwrap_or_else(|| panic!("no `max_requests` is advised: {document:#}"))
}

#[test]
fn more_requests_are_advised_the_longer_each_takes() {
    let bucket = bucket_of_access_logs();
    let workplace = Workplace::new();
    let quick = Proxy::start(bucket.server().address());
    let slow = Proxy::start(bucket.server().address()).with_fault(
        RequestKind::Get,
        Fault::Delay(Duration::from_millis(200)),
        usize::MAX,
    );
    let with_quick = tune(&workplace, &quick, &bucket).json();
    let with_slow = tune(&workplace, &slow, &bucket).json();
    assert!(
        advised_requests(&with_slow) > advised_requests(&with_quick),
        "{with_quick:#}\n{with_slow:#}"
    );
    let first_level = &with_slow["measurements"]["probe"]["levels"][0];
    assert!(
        first_level["latency_seconds"].as_f64().unwrap() >= 0.2,
        "{first_level:#}"
    );
    for proxy in [quick, slow] {
        assert_eq!(proxy.count(RequestKind::List), 1);
        assert_eq!(proxy.count(RequestKind::Put), 0);
        let num_gets = proxy.count(RequestKind::Get);
        assert!((26..=MOST_GETS).contains(&num_gets), "{num_gets}");
    }
    assert_eq!(workplace.stored_files(), Vec::<String>::new(), "no table is written");
}

#[test]
fn a_forecast_agrees_with_the_job() {
    let bucket = bucket_of_access_logs();
    let workplace = Workplace::new();
    let proxy = Proxy::start(bucket.server().address());
    let document = tune(&workplace, &proxy, &bucket).json();
    let forecast = &document["forecast"];
    let report = workplace
        .issuing(JOB, &[])
        .s3(&proxy.endpoint(), bucket.name())
        .run()
        .succeeded()
        .json();
    assert_eq!(forecast["list_requests"], 1);
    assert_eq!(forecast["get_requests"], 26);
    let dollars = forecast["dollars"].as_f64().unwrap();
    assert!((dollars - (0.000_005 + 26.0 * 0.000_000_4)).abs() < 1e-9, "{dollars}");
    // All 26 files are sampled, so rows are counted and not estimated.
    assert_eq!(forecast["rows"], report["rows"]["written"]);
    assert_eq!(
        document["measurements"]["sample"]["rejects"],
        report["rows"]["rejected"]
    );
    assert_eq!(document["measurements"]["input"]["bytes"], report["bytes"]["fetched"]);
    let (forecast_bytes, written_bytes) = (
        forecast["output_bytes"].as_f64().unwrap(),
        report["bytes"]["written"].as_f64().unwrap(),
    );
    assert!(
        (0.5..2.0).contains(&(forecast_bytes / written_bytes)),
        "{forecast_bytes} {written_bytes}"
    );
    assert!(forecast["limit"]["message"].is_string(), "{forecast:#}");
}

#[test]
fn what_is_printed_is_an_exec_block() {
    let workplace = Workplace::new();
    let printed = workplace.bucketload(["tune", LOCAL_JOB]).run().succeeded().stdout;
    assert!(printed.starts_with("exec:\n  max_requests: "), "{printed}");
    for piece in [
        "# in.min_task_size: 268435456   # 26 files in 1 task",
        "# out.compression: ",
        "# measured\n",
        "# forecast\n",
        "0 GET",
    ] {
        let piece = piece.replace("0 GET", "26 GET; $0.0000");
        assert!(printed.contains(&piece), "`{piece}` is missing:\n{printed}");
    }
    // Pasted below a configuration, it is one.
    let job = fs::read_to_string(folders::repository().join(LOCAL_JOB)).unwrap();
    let pasted = workplace.write("pasted.yml", format!("{job}\n{printed}"));
    workplace.bucketload(["explain", &pasted, "--strict"]).run().succeeded();
}

#[test]
fn applying_changes_nothing_else_in_the_file() {
    let workplace = Workplace::new();
    let job = fs::read_to_string(folders::repository().join(LOCAL_JOB)).unwrap();
    let job = format!("# mine\n{job}\nexec:\n  # few\n  max_requests: 3   # by hand\n  batch_rows: 1000\n# the end\n");
    let path = workplace.write("load.yml", &job);
    let document = workplace
        .bucketload(["tune", &path, "--apply", "--json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(document["is_applied"], true);
    let edited = fs::read_to_string(&path).unwrap();
    let requests = advised_requests(&document);
    assert!(
        edited.contains(&format!("  max_requests: {requests}   # by hand\n")),
        "{edited}"
    );
    // Without the lines that are new, and with the number as it was, it is the old file.
    let advised: Vec<&str> = document["exec"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let is_new = |line: &&str| {
        let name = line.trim_start().split(':').next().unwrap_or_default();
        name != "max_requests" && advised.contains(&name)
    };
    let old_lines: Vec<&str> = edited.lines().filter(|line| !is_new(line)).collect();
    let restored = format!("{}\n", old_lines.join("\n")).replace(
        &format!("max_requests: {requests}   # by hand"),
        "max_requests: 3   # by hand",
    );
    assert_eq!(restored, job);
    assert_eq!(
        fs::read_to_string(workplace.path("load.yml.1")).unwrap(),
        job,
        "the old one is kept"
    );
    let report = workplace.issue(&path, &["--strict"]);
    assert_eq!(report["rows"]["written"], json!(6644));
}

#[test]
fn a_file_that_cannot_be_changed_in_place_is_left_as_it_is() {
    let workplace = Workplace::new();
    let job = fs::read_to_string(folders::repository().join(LOCAL_JOB)).unwrap();
    // The block would hide what is merged.
    let job = format!("{job}\n<<: {{exec: {{batch_rows: 1000}}}}\n");
    let path = workplace.write("load.yml", &job);
    let refused = workplace.bucketload(["tune", &path, "--apply"]).run().exited_with(2);
    refused.said(&["cannot be changed in place", "max_requests: "]);
    assert_eq!(fs::read_to_string(&path).unwrap(), job);
}

#[test]
fn without_files_there_is_nothing_to_measure() {
    let workplace = Workplace::new();
    let failed = workplace
        .bucketload(["tune", LOCAL_JOB])
        .set("in.path_prefix=examples/access-logs/nothing")
        .run()
        .exited_with(1);
    failed.said(&["nothing to measure", "in.path_prefix"]);
}

#[test]
fn a_job_says_where_its_time_went() {
    let bucket = bucket_of_access_logs();
    let workplace = Workplace::new();
    let proxy = Proxy::start(bucket.server().address()).with_fault(
        RequestKind::Get,
        Fault::Delay(Duration::from_millis(1500)),
        usize::MAX,
    );
    let report = workplace
        .issuing(JOB, &[])
        .set("exec.max_requests=2")
        .set("exec.max_threads=2")
        .s3(&proxy.endpoint(), bucket.name())
        .run()
        .succeeded()
        .json();
    let stages = &report["stages"];
    for stage in [
        "fetch_wait",
        "decode",
        "parse",
        "filter",
        "write",
        "upload_wait",
        "idle",
    ] {
        let sum: f64 = stages["partitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|partition| partition[stage].as_f64().unwrap())
            .sum();
        assert!((stages[stage].as_f64().unwrap() - sum).abs() < 1e-6, "{stages:#}");
    }
    for stage in ["decode", "parse", "write"] {
        assert!(stages[stage].as_f64().unwrap() > 0.0, "{stages:#}");
    }
    assert_eq!(report["limit"]["stage"], "fetch_wait", "{report:#}");
    let message = report["limit"]["message"].as_str().unwrap();
    assert!(message.contains("raise `exec.max_requests` (now 2)"), "{message}");
}
