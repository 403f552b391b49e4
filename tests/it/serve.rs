//! `serve`: due and missed runs, queues, shutdown, several servers.

use crate::atomicity::stuck_bucket;
use crate::examples::ACCESS_LOGS;
use crate::schedules::{add_file, create, growing};
use bucketload_state::State;
use bucketload_state::schedules::NewSchedule;
use bucketload_state::timing::CatchUp;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::wait::wait_until;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A schedule of every hour that was made some hours ago, and that no server has run since.
fn missed(workplace: &Workplace, name: &str, hours: i64, catch_up: CatchUp) -> State {
    let config = growing(workplace);
    create(workplace, "template", "", &config, &[]);
    let state = State::open(&workplace.path("state.db")).unwrap();
    let template = state.schedule("template").unwrap().definition;
    let new = NewSchedule {
        name: name.to_owned(),
        cron: "@hourly".to_owned(),
        catch_up,
        ..template
    };
    state
        .create_schedule(&new, Timestamp::now() - SignedDuration::from_hours(hours))
        .unwrap();
    state
}

#[track_caller]
fn serve_once(workplace: &Workplace) -> Vec<Value> {
    let ended = workplace
        .bucketload(["serve", "--once", "--json"])
        .run()
        .succeeded()
        .json();
    ended["jobs"].as_array().unwrap().clone()
}

#[test]
fn missed_runs_are_made_up_for_as_the_schedule_says() {
    for (catch_up, expected) in [(CatchUp::Last, 1), (CatchUp::All, 5), (CatchUp::None, 0)] {
        let workplace = Workplace::new();
        let state = missed(&workplace, "s", 5, catch_up);
        let jobs = serve_once(&workplace);
        // Just after a full hour, the run of that hour is not missed but due.
        let is_due_now = Timestamp::now().as_second() % 3600 < 120;
        let allowed = expected..=expected + usize::from(is_due_now);
        assert!(allowed.contains(&jobs.len()), "{catch_up:?}: {jobs:?}");
        assert!(jobs.iter().all(|job| job["status"] == "success"), "{jobs:?}");
        let mut times: Vec<&str> = jobs.iter().filter_map(|job| job["scheduled_time"].as_str()).collect();
        assert!(times.is_sorted());
        times.dedup();
        assert_eq!(times.len(), jobs.len(), "each time once");
        assert_eq!(
            workplace.num_rows(),
            i64::from(expected > 0 || !jobs.is_empty()),
            "each file once"
        );
        assert_eq!(serve_once(&workplace).len(), 0);
        drop(state);
    }
}

#[test]
fn two_servers_run_each_time_once() {
    let workplace = Workplace::new();
    missed(&workplace, "s", 6, CatchUp::All);
    let servers = [(); 2].map(|()| workplace.bucketload(["serve", "--once", "--json"]).spawn());
    let mut jobs = Vec::new();
    for server in servers {
        let ended = server.wait().succeeded().json();
        jobs.extend(ended["jobs"].as_array().unwrap().clone());
    }
    // A server ends when it has nothing to do, while the other is still at the run that all later ones wait for.
    jobs.extend(serve_once(&workplace));
    let mut times: Vec<String> = jobs.iter().map(|job| job["scheduled_time"].to_string()).collect();
    let num_jobs = times.len();
    times.sort();
    times.dedup();
    assert_eq!(times.len(), num_jobs, "{jobs:?}");
    assert!(num_jobs >= 6, "{jobs:?}");
    assert_eq!(workplace.num_rows(), 1);
}

/// As the state file is when its process died right after the commit of the table.
fn forget_the_end(workplace: &Workplace) {
    workplace.change_state(
        "UPDATE jobs SET status = 'running', owner = 'dead', report = NULL, ended_ms = NULL, is_settled = 0, origin = 'run'",
    );
    workplace.change_state("UPDATE schedules SET config_diff = '{}'");
}

#[test]
fn the_table_knows_better_than_the_state_file_what_was_loaded() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    create(&workplace, "s", "@daily", &config, &[]);
    workplace.bucketload(["run", "s"]).run().succeeded();
    forget_the_end(&workplace);
    add_file(&workplace, 2);
    let run = workplace.bucketload(["run", "s", "--json"]).run().succeeded().json();
    assert_eq!(run["rows"]["written"], 1, "only what is new");
    assert_eq!(workplace.query("SELECT n FROM d.t ORDER BY n"), "n\n1\n2\n");
    let history = workplace
        .bucketload(["history", "s", "--json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(history[1]["status"], "success");
    assert_eq!(history[1]["records"], 1);
}

/// A schedule `hourly` that loads a bucket into the table `d.t`, and one run of which is due.
fn create_due(workplace: &Workplace, endpoint: &str, bucket: &str) {
    workplace.bucketload(["table", "create", "d.t"]).run().succeeded();
    workplace
        .bucketload(["create", "s", "", "d", "t", "examples/s3/load.yml"])
        .s3(endpoint, bucket)
        .run()
        .succeeded();
    let state = State::open(&workplace.path("state.db")).unwrap();
    let mut template = state.schedule("s").unwrap().definition;
    template.name = "hourly".to_owned();
    template.cron = "@hourly".to_owned();
    state
        .create_schedule(&template, Timestamp::now() - SignedDuration::from_hours(1))
        .unwrap();
}

#[test]
fn a_server_that_ends_leaves_its_jobs_to_the_next_one() {
    let workplace = Workplace::new();
    let (bucket, proxy) = stuck_bucket();
    create_due(&workplace, &proxy.endpoint(), bucket.name());
    let mut server = workplace
        .bucketload(["serve", "--listen", "none", "--shutdown-wait", "0", "--json"])
        .s3(&proxy.endpoint(), bucket.name())
        .spawn();
    let is_stuck = wait_until(LIMIT, || proxy.num_held() > 0 || server.has_ended());
    assert!(is_stuck && !server.has_ended(), "{}", server.wait());
    server.interrupt();
    let ended = server.wait().succeeded().kept_secrets();
    assert_eq!(ended.json()["jobs"][0]["status"], "killed");
    assert_eq!(workplace.num_rows(), 0);
    let next = workplace
        .bucketload(["serve", "--once", "--json"])
        .s3(&bucket.server().endpoint(), bucket.name())
        .run()
        .succeeded()
        .kept_secrets();
    let jobs = next.json()["jobs"].clone();
    assert_eq!(
        (&jobs[0]["status"], &jobs[0]["attempt"]),
        (&json!("success"), &json!(1)),
        "{next}"
    );
    assert_eq!(jobs[0]["scheduled_time"], ended.json()["jobs"][0]["scheduled_time"]);
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
}

#[test]
fn a_killed_server_leaves_a_job_that_is_tried_again() {
    let workplace = Workplace::new();
    let (bucket, proxy) = stuck_bucket();
    create_due(&workplace, &proxy.endpoint(), bucket.name());
    let mut server = workplace
        .bucketload(["serve", "--listen", "none"])
        .s3(&proxy.endpoint(), bucket.name())
        .spawn();
    let is_stuck = wait_until(LIMIT, || proxy.num_held() > 0 || server.has_ended());
    assert!(is_stuck && !server.has_ended(), "{}", server.wait());
    server.kill();
    server.wait();
    assert_eq!(serve_once(&workplace), Vec::<Value>::new(), "the next attempt waits");
    let history = workplace
        .bucketload(["history", "hourly", "--json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(
        (&history[0]["status"], &history[0]["attempt"]),
        (&json!("queued"), &json!(2))
    );
    assert_eq!(
        (&history[1]["status"], &history[1]["attempt"]),
        (&json!("killed"), &json!(1))
    );
}

#[test]
fn a_server_whose_state_file_is_taken_away_ends() {
    let workplace = Workplace::new();
    let mut server = workplace.bucketload(["serve", "--listen", "127.0.0.1:0"]).spawn();
    server.line_after("listening on ");
    std::fs::rename(workplace.path("state.db"), workplace.path("aside.db")).unwrap();
    server.wait().exited_with(1).said(&[
        "state.db",
        "was deleted, or another was put in its place",
        "hint: put the file back",
    ]);
}

#[test]
fn who_holds_the_state_file_for_too_long_is_named_as_the_reason() {
    let workplace = Workplace::new();
    let path = workplace.path("state.db");
    drop(State::open(&path).unwrap());
    let script = "
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()
";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let printed = holder.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(printed), &mut line).unwrap();
    assert_eq!(line, "held\n");
    workplace
        .bucketload(["run", "s"])
        .run()
        .exited_with(1)
        .said(&["database is locked", "hint: another program holds it"]);
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    workplace.bucketload(["jobs"]).run().succeeded();
}
