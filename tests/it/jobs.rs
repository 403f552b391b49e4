//! Jobs outlive their process: `jobs`, `job`, `cancel`.

use crate::atomicity::stuck_load;
use crate::examples::ACCESS_LOGS;
use bucketload_tests::bucketload::{Running, Workplace};
use bucketload_tests::servers::SECRET_KEY;
use bucketload_tests::wait::wait_until;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

const LOCAL_JOB: &str = "examples/access-logs/load.yml";
const LIMIT: Duration = Duration::from_secs(120);

/// What `jobs --json` lists.
#[track_caller]
fn jobs(workplace: &Workplace) -> Vec<Value> {
    let listed = workplace.bucketload(["jobs", "--json"]).run().succeeded().json();
    listed.as_array().unwrap().clone()
}

/// What `job ID --log --json` shows.
#[track_caller]
fn job(workplace: &Workplace, id: &Value) -> Value {
    let id = id.as_str().unwrap();
    workplace
        .bucketload(["job", id, "--log", "--json"])
        .run()
        .succeeded()
        .json()
}

/// Waits until the only job is recorded as running with some progress.
#[track_caller]
fn running_job(workplace: &Workplace, running: &mut Running) -> String {
    let is_seen = wait_until(LIMIT, || {
        running.has_ended()
            || jobs(workplace).first().is_some_and(|job| {
                let shown = self::job(workplace, &job["job_id"]);
                shown["progress"]["files"]["selected"] == ACCESS_LOGS.files
            })
    });
    assert!(is_seen && !running.has_ended(), "the job is not recorded as running");
    jobs(workplace)[0]["job_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_job_is_recorded_with_all_that_is_known_of_it() {
    let workplace = Workplace::new();
    let report = workplace.issue(LOCAL_JOB, &["--mode", "replace"]);
    let listed = jobs(&workplace);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["job_id"], report["job_id"]);
    let shown = job(&workplace, &report["job_id"]);
    assert_eq!(shown["status"], "success");
    assert_eq!(shown["records"], ACCESS_LOGS.written);
    assert_eq!(shown["bytes"], report["bytes"]["fetched"]);
    assert_eq!(shown["origin"], "issue");
    assert_eq!(shown["error"], Value::Null);
    for member in ["files", "rows", "stages", "next", "table_version"] {
        assert_eq!(shown["report"][member], report[member], "{member}");
    }
    assert_eq!(shown["config"]["out"]["mode"], "replace", "what ran is what is shown");
    let log: Vec<&str> = shown["log"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|line| line["text"].as_str())
        .collect();
    assert!(
        log.iter().any(|line| line.contains("found total [26] files")),
        "{log:?}"
    );
    assert!(log.iter().any(|line| line.contains("skipped a record")), "{log:?}");
    assert!(log.iter().any(|line| line.starts_with("job done")), "{log:?}");
    // People see the same.
    let id = report["job_id"].as_str().unwrap();
    let text = workplace.bucketload(["job", id]).run().succeeded().stdout;
    for line in [
        "Status    : success",
        "Records   : 6,644",
        "Selected  : 26",
        "Rejects   : 7",
        "  path_match_pattern: ",
    ] {
        assert!(text.contains(line), "`{line}` is missing:\n{text}");
    }
}

#[test]
fn a_failed_job_keeps_its_error() {
    let workplace = Workplace::new();
    let failed = workplace
        .issuing(LOCAL_JOB, &[])
        .set("in.parser.on_error=fail")
        .run()
        .exited_with(1);
    let shown = job(&workplace, &failed.json()["job_id"]);
    assert_eq!((&shown["status"], &shown["records"]), (&json!("error"), &json!(0)));
    assert_eq!(shown["error"]["error"], failed.json()["error"]);
    assert_eq!(shown["error"]["blame"], "data");
    // More than one file has a bad record; which is met first depends on the cores.
    assert!(
        shown["error"]["at"].as_str().unwrap().contains(".csv.gz line "),
        "{shown}"
    );
}

#[test]
fn no_secret_reaches_the_state_file() {
    let workplace = Workplace::new();
    let config = format!(
        "in: {{type: s3, endpoint: 'http://127.0.0.1:9', access_key_id: AKIAVISIBLE, secret_access_key: '{SECRET_KEY}', bucket: b, \
         path_prefix: x, maximum_retries: 0, parser: {{type: jsonl, columns: [{{name: n, type: long}}]}}}}\n"
    );
    let failed = workplace
        .issuing(&workplace.write("job.yml", config), &[])
        .run()
        .exited_with(1);
    let shown = job(&workplace, &failed.json()["job_id"]);
    assert_eq!(shown["config"]["in"]["secret_access_key"], "***");
    assert_eq!(shown["config"]["in"]["access_key_id"], "***");
    for file in ["state.db", "state.db-wal"] {
        let bytes = fs::read(workplace.path(file)).unwrap_or_default();
        for secret in [SECRET_KEY, "AKIAVISIBLE"] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{secret} is in {file}");
        }
    }
}

#[test]
fn a_job_whose_process_died_is_shown_as_killed() {
    let workplace = Workplace::new();
    let (_proxy, mut running) = stuck_load(&workplace);
    let id = running_job(&workplace, &mut running);
    running.kill();
    running.wait();
    let shown = job(&workplace, &json!(id));
    assert_eq!(shown["status"], "killed");
    assert_eq!(shown["error"]["error"], "its process died; nothing was committed");
    assert!(shown["ended"].is_string() && shown["progress"].is_null(), "{shown}");
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_job_is_cancelled_from_another_process() {
    let workplace = Workplace::new();
    let (_proxy, mut running) = stuck_load(&workplace);
    let id = running_job(&workplace, &mut running);
    let cancelled = workplace.bucketload(["cancel", &id, "--json"]).run().succeeded().json();
    assert_eq!(cancelled["status"], "killed");
    let finished = running
        .wait()
        .exited_with(130)
        .said(&["cancelled; nothing was committed"]);
    assert_eq!(finished.json()["status"], "killed");
    assert_eq!(workplace.num_rows(), 0);
    let again = workplace.bucketload(["cancel", &id]).run().succeeded();
    assert!(again.stdout.contains("killed"), "{again}");
}

#[test]
fn a_load_does_not_fail_for_want_of_a_record() {
    let workplace = Workplace::new();
    let file = workplace.write("file", "");
    for state in [format!("{file}/state.db"), file] {
        let text = "not a database, ".repeat(100);
        fs::write(workplace.path("file"), text).unwrap();
        let finished = workplace
            .issuing(LOCAL_JOB, &["--mode", "replace"])
            .env("BUCKETLOAD_STATE", &state)
            .run()
            .succeeded()
            .said(&["warning: this job is not recorded", "file"]);
        assert_eq!(finished.json()["rows"]["written"], ACCESS_LOGS.written);
        workplace
            .bucketload(["jobs"])
            .env("BUCKETLOAD_STATE", &state)
            .run()
            .exited_with(1)
            .said(&["hint: "]);
    }
}

#[test]
fn finished_jobs_go_when_they_have_been_kept_long_enough() {
    let workplace = Workplace::new();
    workplace.issue(LOCAL_JOB, &[]);
    workplace.change_state("UPDATE jobs SET ended_ms = ended_ms - 31 * 86400000");
    assert_eq!(jobs(&workplace).len(), 1, "who only looks removes nothing");
    workplace
        .bucketload(["serve", "--once", "--keep", "365"])
        .run()
        .succeeded();
    assert_eq!(jobs(&workplace).len(), 1);
    workplace.bucketload(["serve", "--once"]).run().succeeded();
    assert_eq!(jobs(&workplace).len(), 0);
    workplace.issue(LOCAL_JOB, &["--mode", "replace"]);
    assert_eq!(jobs(&workplace).len(), 1);
    let gone = workplace
        .bucketload(["jobs", "--keep", "0", "--json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(gone, json!([]));
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
}

#[test]
fn without_a_state_file_only_history_is_lost() {
    let workplace = Workplace::new();
    workplace.issue(LOCAL_JOB, &[]);
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(workplace.path(file));
    }
    assert_eq!(jobs(&workplace), Vec::<Value>::new());
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
}

#[test]
fn the_state_file_is_in_the_users_state_directory() {
    let workplace = Workplace::new();
    let home = workplace.path("home");
    let plain = workplace
        .bucketload(["jobs", "--json"])
        .without_env("BUCKETLOAD_STATE")
        .without_env("XDG_STATE_HOME")
        .env("HOME", &home)
        .run()
        .succeeded();
    assert_eq!(plain.json(), json!([]));
    assert!(home.join(".local/state/bucketload/state.db").exists());
}

#[test]
fn a_collector_gets_the_trace_of_a_job() {
    let workplace = Workplace::new();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let received = std::thread::spawn(move || {
        let (mut stream, _) = collector.accept().unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let length = stream.read(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..length]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            // The document is the body, and it is complete once it can be read.
            if length == 0 || serde_json::from_str::<Value>(body).is_ok() {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
                )
                .unwrap();
                return text;
            }
        }
    });
    let finished = workplace
        .issuing(LOCAL_JOB, &[])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "tenant=a")
        .run()
        .succeeded();
    let text = received.join().unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    assert!(head.contains("tenant: a"), "{head}");
    let document: Value = serde_json::from_str(body).unwrap();
    let spans = &document["resourceSpans"][0]["scopeSpans"][0]["spans"];
    let trace_id = finished.json()["job_id"].as_str().unwrap().replace('-', "");
    assert_eq!(
        (&spans[0]["name"], &spans[0]["traceId"]),
        (&json!("job"), &json!(trace_id))
    );
    // One that does not answer is no reason for a job to fail.
    workplace
        .issuing(LOCAL_JOB, &[])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        .run()
        .succeeded()
        .said(&["the trace of a job was not taken"]);
}
