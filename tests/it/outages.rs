//! Servers that are killed, frozen or asked to end at a bad moment, and tables that do not answer.
//!
//! `OUTAGE_ROUNDS=100` makes the kills many.

use crate::kept::Store;
use crate::left::{FILES, StuckServer, documents, stuck_server, wait_until_stuck};
use crate::schedules::{add_file, create, growing};
use bucketload_state::State;
use bucketload_state::history::JobFilter;
use bucketload_state::schedules::ScheduleChange;
use bucketload_tests::api::Api;
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Workplace};
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use bucketload_tests::wait::wait_until;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Less than a server waits for jobs that do not end.
const SOON: Duration = Duration::from_secs(30);

/// Servers that are killed one after another.
const ROUNDS: u32 = 8;

#[test]
fn a_load_of_one_step_is_gone_on_with_if_it_was_stopped_and_begun_again_if_it_was_killed() {
    for is_killed in [true, false] {
        let workplace = Workplace::new();
        let exec = "max_threads: 1, max_requests: 1";
        let StuckServer {
            bucket,
            proxy: _proxy,
            state,
            mut server,
            job_id: first,
        } = stuck_server(&workplace, exec, &["--shutdown-wait", "0"]);
        match is_killed {
            true => server.kill(),
            false => server.interrupt(),
        }
        server.wait();
        let left = documents(&workplace, &["job", first.as_str().unwrap()]);
        assert_eq!(
            (&left["status"], &left["records"]),
            (&json!("killed"), &json!(0)),
            "{left}"
        );
        let hint = left["error"]["hint"].as_str().unwrap_or_default();
        assert_eq!(hint.contains("2 files are kept"), !is_killed, "{left}");
        // The attempt that waits begins now.
        state.enqueue_run("hourly", None, Timestamp::now()).unwrap();
        let proxy = Proxy::start(bucket.server().address());
        let ended = workplace
            .bucketload(["serve", "--once", "--json"])
            .s3(&proxy.endpoint(), bucket.name())
            .run()
            .succeeded()
            .json();
        let job = &ended["jobs"][0];
        assert_eq!(
            (&job["status"], &job["records"]),
            (&json!("success"), &json!(FILES)),
            "{ended}"
        );
        assert_eq!(job["job_id"] == first, !is_killed, "{ended}");
        assert_eq!(proxy.count(RequestKind::Get), if is_killed { 4 } else { 2 });
        assert_eq!(
            (workplace.num_rows(), workplace.number("SELECT sum(n) FROM d.t")),
            (FILES, 6)
        );
    }
}

#[test]
fn a_job_that_its_schedule_has_begun_anew_cannot_be_gone_on_with() {
    for (store, reader) in [
        (Store::new(""), "deltalake"),
        (Store::new("  use_modified_time: true\n"), "deltalake"),
        (Store::with_type("", "parquet"), "duckdb-folder"),
    ] {
        store.put("a", 0);
        let run = |arguments: &[&str]| store.workplace.bucketload(arguments);
        run(&["create", "s", "", "d", "t", store.job()]).run().succeeded();
        let killed = run(&["run", "s", "--json"])
            .env("BUCKETLOAD_CRASH_AT", "before_commit")
            .run();
        assert_eq!(killed.status, None, "{killed}");
        let job = store.open_jobs("t").pop().expect("a job that left notes");
        run(&["run", "s", "--json"]).run().succeeded();
        run(&[
            "issue",
            store.job(),
            "--database",
            "d",
            "--table",
            "t",
            "--resume",
            &job,
        ])
        .run()
        .exited_with(1)
        .said(&["was removed", "its schedule has begun anew"]);
        assert_eq!(store.count(reader, &["t".to_owned()]), [(10, 10)]);
    }
}

#[test]
fn a_job_that_is_gone_on_with_long_after_it_committed_leaves_its_schedule_where_it_is() {
    for (store, place, reader) in [
        (Store::new(""), "after_commit", "deltalake"),
        (Store::with_type("", "parquet"), "after_record", "duckdb-folder"),
    ] {
        store.put("a", 0);
        let run = |arguments: &[&str]| store.workplace.bucketload(arguments);
        run(&["create", "s", "", "d", "t", store.job()]).run().succeeded();
        let killed = run(&["run", "s", "--json"]).env("BUCKETLOAD_CRASH_AT", place).run();
        assert_eq!(killed.status, None, "{killed}");
        let job = store.open_jobs("t").pop().expect("a job that left notes");
        store.put("b", 0);
        run(&["run", "s", "--json"]).run().succeeded();
        let target = ["--database", "d", "--table", "t", "--resume", &job];
        run(&["issue", store.job()]).args(target).run().succeeded();
        store.put("c", 0);
        run(&["run", "s", "--json"]).run().succeeded();
        assert_eq!(store.count(reader, &["t".to_owned()]), [(30, 30)]);
    }
}

#[test]
fn a_run_that_succeeds_by_hand_is_not_tried_again() {
    let store = Store::new("  incremental: false\n");
    store.put("a", 0);
    let run = |arguments: &[&str]| store.workplace.bucketload(arguments);
    let state = State::open(&store.workplace.path("state.db")).unwrap();
    run(&["create", "s", "0 0 1 1 *", "d", "t", store.job()])
        .run()
        .succeeded();
    // The last run that was due is of this year's first day, and nobody has looked since the year before.
    store
        .workplace
        .change_state("UPDATE schedules SET considered_ms = considered_ms - 370 * 86400000");
    let killed = run(&["serve", "--once"])
        .env("BUCKETLOAD_CRASH_AT", "before_commit")
        .run();
    assert_eq!(killed.status, None, "{killed}");
    let job = store.open_jobs("t").pop().expect("a job that left notes");
    // Whoever looks finds it dead, and another attempt is queued.
    run(&["jobs"]).run().succeeded();
    let target = ["--database", "d", "--table", "t", "--resume", &job];
    run(&["issue", store.job()]).args(target).run().succeeded();
    store.workplace.change_state("UPDATE jobs SET not_before_ms = 0");
    run(&["serve", "--once"]).run().succeeded();
    assert_eq!(store.count("deltalake", &["t".to_owned()]), [(10, 10)]);
    let jobs = state.jobs(&JobFilter::default()).unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert_eq!(jobs[0].job.id, job);
}

#[test]
fn a_server_that_is_frozen_for_a_day_keeps_its_job_and_loses_no_run() {
    let workplace = Workplace::new();
    let StuckServer {
        bucket,
        proxy,
        state,
        server: frozen,
        ..
    } = stuck_server(&workplace, "", &[]);
    let endpoint = bucket.server().endpoint();
    frozen.freeze();
    // It was last heard of a day ago, and another run came due.
    workplace.change_state("UPDATE jobs SET seen_ms = seen_ms - 86400000");
    let earlier = Timestamp::now() - SignedDuration::from_hours(2);
    let due_again = ScheduleChange {
        cron: Some("0 * * * *".to_owned()),
        ..ScheduleChange::default()
    };
    state.update_schedule("hourly", &due_again, earlier).unwrap();
    for _ in 0..2 {
        let other = workplace.bucketload(["serve", "--once", "--json"]);
        let other = other.s3(&endpoint, bucket.name()).run().succeeded().json();
        assert_eq!(other["jobs"], json!([]), "a process that is frozen is not dead");
    }
    workplace
        .bucketload(["run", "hourly"])
        .s3(&endpoint, bucket.name())
        .run()
        .exited_with(2)
        .said(&["schedule `hourly` has a job already", "which is running"]);
    proxy.release();
    frozen.thaw();
    let jobs = || {
        documents(&workplace, &["history", "hourly"])
            .as_array()
            .unwrap()
            .clone()
    };
    let are_done = wait_until(LIMIT, || {
        jobs().len() == 2 && jobs().iter().all(|job| job["status"] == "success")
    });
    assert!(are_done, "{:#?}", jobs());
    frozen.terminate();
    let ended = frozen.wait().succeeded().json();
    assert_eq!(
        ended["jobs"].as_array().unwrap().len(),
        2,
        "the run that came due is not lost"
    );
    assert!(jobs().iter().all(|job| job["attempt"] == 1), "{:#?}", jobs());
    let records: i64 = jobs().iter().filter_map(|job| job["records"].as_i64()).sum();
    assert_eq!(
        (records, workplace.num_rows()),
        (2 * FILES, 2 * FILES),
        "two loads that are not incremental"
    );
}

#[test]
fn servers_that_are_killed_one_after_another_load_each_file_once() {
    let rounds = std::env::var("OUTAGE_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let workplace = Workplace::new();
    let config = growing(&workplace);
    create(&workplace, "s", "@hourly", &config, &[]);
    let state = State::open(&workplace.path("state.db")).unwrap();
    let moments = [
        "after_list",
        "after_write",
        "before_commit",
        "after_commit",
        "after_settle",
    ];
    let mut num_killed = 0;
    for round in 0..rounds {
        add_file(&workplace, round + 2);
        // A run of each of the two hours before is due, if none waits.
        let cron = if round % 2 == 0 { "0 * * * *" } else { "@hourly" };
        let due = ScheduleChange {
            cron: Some(cron.to_owned()),
            ..ScheduleChange::default()
        };
        state
            .update_schedule("s", &due, Timestamp::now() - SignedDuration::from_hours(2))
            .unwrap();
        if documents(&workplace, &["history", "s"])[0]["status"] == "queued" {
            // The attempt that waits begins now.
            state.enqueue_run("s", None, Timestamp::now()).unwrap();
        }
        let moment = moments[usize::try_from(round * 7 / 3).unwrap() % moments.len()];
        let server = workplace
            .bucketload(["serve", "--once"])
            .env("BUCKETLOAD_CRASH_AT", moment)
            .run();
        num_killed += u32::from(server.status.is_none());
    }
    assert!(
        num_killed * 2 > rounds,
        "only {num_killed} of {rounds} servers were killed"
    );
    if documents(&workplace, &["history", "s"])[0]["status"] == "queued" {
        state.enqueue_run("s", None, Timestamp::now()).unwrap();
    }
    workplace.bucketload(["serve", "--once"]).run().succeeded();
    workplace.bucketload(["run", "s"]).run().succeeded();
    assert_eq!(workplace.num_rows(), i64::from(rounds) + 1);
    let expected: i64 = (1..=i64::from(rounds) + 1).sum();
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), expected);
    let history = documents(&workplace, &["history", "s", "-n", "1000"]);
    let records: i64 = history
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|job| job["records"].as_i64())
        .sum();
    assert_eq!(
        records,
        i64::from(rounds) + 1,
        "the records say what the table has: {history:#}"
    );
}

/// A command whose tables are in a bucket.
fn in_bucket(workplace: &Workplace, endpoint: &str, bucket: &Bucket, arguments: &[&str]) -> Bucketload {
    workplace.bucketload(arguments).warehouse_in(endpoint, bucket.name())
}

#[test]
fn a_job_that_is_cancelled_while_it_commits_ends_as_its_commit_does() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    let bucket = Bucket::new(servers::seaweedfs());
    let direct = bucket.server().endpoint();
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Commit, Fault::Hold, 1);
    in_bucket(
        &workplace,
        &direct,
        &bucket,
        &["table", "create", "d.t", "--partition-by", "none"],
    )
    .run()
    .succeeded();
    let mut running = workplace
        .issuing(&config, &[])
        .warehouse_in(&proxy.endpoint(), bucket.name())
        .spawn();
    wait_until_stuck(&proxy, &mut running);
    let job = || {
        let jobs = documents(&workplace, &["jobs"]);
        documents(&workplace, &["job", jobs[0]["job_id"].as_str().unwrap()])
    };
    assert!(
        wait_until(LIMIT, || job()["progress"]["stage"] == "committing"),
        "{}",
        job()
    );
    let id = job()["job_id"].as_str().unwrap().to_owned();
    let cancelled = in_bucket(&workplace, &direct, &bucket, &["cancel", &id])
        .run()
        .succeeded();
    assert!(
        cancelled.stdout.contains("still running; its commit may have begun"),
        "{cancelled}"
    );
    proxy.release();
    let report = running.wait().succeeded().json();
    assert_eq!(
        (&report["status"], &report["rows"]["written"]),
        (&json!("success"), &json!(1))
    );
    let ended = job();
    assert_eq!(
        (
            &ended["status"],
            &ended["is_cancelled"],
            &ended["records"],
            &ended["error"]
        ),
        (&json!("success"), &json!(true), &json!(1), &Value::Null)
    );
}

#[test]
fn a_table_that_does_not_answer_holds_up_neither_who_cancels_nor_the_end_of_the_server() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    let bucket = Bucket::new(servers::seaweedfs());
    let direct = bucket.server().endpoint();
    let run = |endpoint: &str, arguments: &[&str]| in_bucket(&workplace, endpoint, &bucket, arguments);
    run(&direct, &["table", "create", "d.t", "--partition-by", "none"])
        .run()
        .succeeded();
    run(&direct, &["create", "s", "", "d", "t", &config]).run().succeeded();
    // A run that died is asked about before the next one.
    let died = run(&direct, &["run", "s"])
        .env("BUCKETLOAD_CRASH_AT", "after_write")
        .run();
    assert_eq!(died.status, None, "{died}");
    let silent = Proxy::start(bucket.server().address())
        .with_fault(RequestKind::List, Fault::Hold, usize::MAX)
        .with_fault(RequestKind::Get, Fault::Hold, usize::MAX)
        .with_fault(RequestKind::Head, Fault::Hold, usize::MAX);
    let api = Api::start(run(&silent.endpoint(), &["serve", "--shutdown-wait", "0"]));
    let begin = || {
        let queued = api.document("POST", "/v1/schedules/s/run", None);
        let path = format!("/v1/jobs/{}", queued["job_id"].as_str().unwrap());
        let shown = || api.document("GET", &path, None);
        assert!(wait_until(LIMIT, || shown()["status"] == "running"), "{}", shown());
        path
    };
    let path = begin();
    api.document("POST", &format!("{path}/cancel"), None);
    let shown = || api.document("GET", &path, None);
    assert!(wait_until(SOON, || shown()["status"] == "killed"), "{:#}", shown());
    assert_eq!(shown()["error"]["error"], "cancelled before it began to load");
    begin();
    let mut running = api.running;
    running.terminate();
    assert!(wait_until(SOON, || running.has_ended()), "the server waits for a table");
    running.wait().succeeded();
    // The next one asks the table again.
    let report = run(&direct, &["run", "s", "--json"]).run().succeeded().json();
    assert_eq!(report["rows"]["written"], 1);
}
