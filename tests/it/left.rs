//! Jobs whose process died or was stopped: what servers go on with by themselves, and what records say of them.

use crate::schedules::{add_file, create, growing};
use bucketload_state::State;
use bucketload_state::schedules::NewSchedule;
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Running, Workplace};
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use bucketload_tests::wait::wait_until;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Files of a bucket, with a row of two bytes each.
pub(crate) const FILES: i64 = 4;

/// A bucket, and a configuration that loads its files as the keys of its `exec` say.
pub(crate) fn bucket_of_files(workplace: &Workplace, exec: &str) -> (Bucket, String) {
    let bucket = Bucket::new(servers::seaweedfs());
    for number in 0..FILES {
        bucket.put(&format!("data/f{number}.csv"), format!("{number}\n"));
    }
    let config = workplace.write(
        "load.yml",
        format!(
            "in:\n  type: s3\n  endpoint: ${{S3_ENDPOINT}}\n  bucket: ${{S3_BUCKET}}\n  path_prefix: data/\n  incremental: false\n  \
             access_key_id: ${{AWS_ACCESS_KEY_ID}}\n  secret_access_key: ${{AWS_SECRET_ACCESS_KEY}}\n  \
             parser: {{type: csv, columns: [{{name: n, type: long}}]}}\nout: {{partition_by: none, auto_create_table: true}}\n\
             exec: {{{exec}}}\n"
        ),
    );
    (bucket, config)
}

/// A proxy that gives two files and then no other.
pub(crate) fn stuck(bucket: &Bucket) -> Proxy {
    Proxy::start(bucket.server().address())
        .with_fault(RequestKind::Get, Fault::Delay(Duration::ZERO), 2)
        .with_fault(RequestKind::Get, Fault::Hold, usize::MAX)
}

#[track_caller]
pub(crate) fn wait_until_stuck(proxy: &Proxy, running: &mut Running) {
    assert!(wait_until(LIMIT, || proxy.num_held() > 0 || running.has_ended()));
    assert!(!running.has_ended(), "it has ended before it was stuck");
}

/// Copies a schedule to one of every hour that a run is due of.
fn make_due(workplace: &Workplace, template: &str) -> State {
    let state = State::open(&workplace.path("state.db")).unwrap();
    let due = NewSchedule {
        name: "hourly".to_owned(),
        cron: "@hourly".to_owned(),
        ..state.schedule(template).unwrap().definition
    };
    state
        .create_schedule(&due, Timestamp::now() - SignedDuration::from_hours(1))
        .unwrap();
    state
}

/// A server at the job `job_id` of a schedule `hourly`, which loads files that do not come any more.
pub(crate) struct StuckServer {
    pub(crate) bucket: Bucket,
    pub(crate) proxy: Proxy,
    pub(crate) state: State,
    pub(crate) server: Running,
    pub(crate) job_id: Value,
}

#[track_caller]
pub(crate) fn stuck_server(workplace: &Workplace, exec: &str, more: &[&str]) -> StuckServer {
    let (bucket, config) = bucket_of_files(workplace, exec);
    workplace
        .bucketload(["create", "s", "", "d", "t", &config])
        .s3(&bucket.server().endpoint(), bucket.name())
        .run()
        .succeeded();
    let state = make_due(workplace, "s");
    let proxy = stuck(&bucket);
    let mut server = workplace
        .bucketload(["serve", "--listen", "none", "--json"])
        .args(more)
        .s3(&proxy.endpoint(), bucket.name())
        .spawn();
    wait_until_stuck(&proxy, &mut server);
    let job_id = documents(workplace, &["history", "hourly"])[0]["job_id"].clone();
    StuckServer {
        bucket,
        proxy,
        state,
        server,
        job_id,
    }
}

#[track_caller]
pub(crate) fn documents(workplace: &Workplace, arguments: &[&str]) -> Value {
    workplace.bucketload(arguments).arg("--json").run().succeeded().json()
}

#[test]
fn a_server_goes_on_with_the_job_of_one_that_died_or_ended() {
    for is_killed in [true, false] {
        let workplace = Workplace::new();
        let StuckServer {
            bucket,
            proxy: _proxy,
            state,
            mut server,
            job_id,
        } = stuck_server(&workplace, "checkpoint_every: 1 files", &["--shutdown-wait", "0"]);
        match is_killed {
            true => server.kill(),
            false => server.interrupt(),
        }
        server.wait();
        let retry = match is_killed {
            true => {
                let nothing_yet = documents(&workplace, &["serve", "--once"]);
                assert_eq!(nothing_yet["jobs"], json!([]), "the next attempt waits");
                state.enqueue_run("hourly", None, Timestamp::now()).unwrap()
            }
            false => state.enqueue_run("hourly", None, Timestamp::now()).unwrap(),
        };
        let proxy = Proxy::start(bucket.server().address());
        let ended = workplace
            .bucketload(["serve", "--once", "--json"])
            .s3(&proxy.endpoint(), bucket.name())
            .run()
            .succeeded()
            .json();
        let job = &ended["jobs"][0];
        assert_eq!(
            (&job["job_id"], &job["status"], &job["records"], &job["attempt"]),
            (
                &job_id,
                &json!("success"),
                &json!(FILES),
                &json!(1 + u8::from(is_killed))
            ),
            "{ended}"
        );
        assert_eq!(proxy.count(RequestKind::Get), 2, "what was done is not read again");
        assert_eq!(job["bytes"], json!(4));
        assert_eq!(
            (workplace.num_rows(), workplace.number("SELECT sum(n) FROM d.t")),
            (FILES, 6)
        );
        // It is one job to everybody, whatever the attempt was called.
        assert_eq!(
            documents(&workplace, &["history", "hourly"]).as_array().unwrap().len(),
            1
        );
        assert_eq!(documents(&workplace, &["job", &retry.job.id])["job_id"], job_id);
    }
}

/// A schedule `hourly` of three local files, one in a step, whose server has died after two of them.
fn died_in_step(workplace: &Workplace, step_key: &str, crash: &str) -> State {
    growing(workplace);
    (2..=3).for_each(|number| add_file(workplace, number));
    let config = format!(
        "in: {{type: file, path_prefix: '{}/', incremental: false, parser: {{type: jsonl, columns: [{{name: n, type: long}}]}}}}\n\
         out: {{partition_by: none}}\nexec: {{{step_key}: 1 files}}\n",
        workplace.path("input").display()
    );
    create(workplace, "s", "", &workplace.write("steps.yml", config), &[]);
    let state = make_due(workplace, "s");
    let server = workplace
        .bucketload(["serve", "--once"])
        .env("BUCKETLOAD_CRASH_AT", crash)
        .run();
    assert_eq!(server.status, None, "{server}");
    state
}

#[test]
fn a_run_that_somebody_asks_for_takes_the_place_of_one_that_waits() {
    let workplace = Workplace::new();
    let _state = died_in_step(&workplace, "checkpoint_every", "after_checkpoint:2");
    let job_id = documents(&workplace, &["history", "hourly"])[0]["job_id"].clone();
    workplace
        .bucketload(["run", "hourly", "2020-01-01T00:00:00Z"])
        .run()
        .exited_with(2)
        .said(&["which is queued", "it stands for another time", "bucketload run hourly"]);
    let run = documents(&workplace, &["run", "hourly"]);
    assert_eq!(
        (&run["files"]["read"], &run["rows"]["written"]),
        (&json!(1), &json!(3)),
        "{run}"
    );
    let history = documents(&workplace, &["history", "hourly"]);
    assert_eq!(history.as_array().unwrap().len(), 1, "{history}");
    assert_eq!(
        (&history[0]["status"], &history[0]["attempt"], &history[0]["origin"]),
        (&json!("success"), &json!(2), &json!("schedule"))
    );
    assert!(job_id.is_string());
    assert_eq!(workplace.num_rows(), 3);
}

#[test]
fn steps_that_were_committed_are_gone_on_from_without_a_cursor() {
    let workplace = Workplace::new();
    let _state = died_in_step(&workplace, "commit_every", "after_step_commit:2");
    assert_eq!(workplace.num_rows(), 2);
    let killed = documents(&workplace, &["history", "hourly"])[1].clone();
    assert_eq!(
        (&killed["status"], &killed["records"]),
        (&json!("killed"), &json!(2)),
        "{killed}"
    );
    let run = documents(&workplace, &["run", "hourly"]);
    assert_eq!(
        (&run["files"]["read"], &run["rows"]["written"]),
        (&json!(1), &json!(3)),
        "{run}"
    );
    assert_eq!(workplace.query("SELECT n FROM d.t ORDER BY n"), "n\n1\n2\n3\n");
}

#[test]
fn a_run_whose_files_have_changed_begins_anew() {
    let workplace = Workplace::new();
    let _state = died_in_step(&workplace, "checkpoint_every", "after_checkpoint:2");
    workplace.write("input/0003.jsonl", "{\"n\": 30}\n{\"n\": 31}\n");
    workplace
        .bucketload(["run", "hourly"])
        .run()
        .exited_with(1)
        .said(&["was replaced while the job was running"]);
    let run = documents(&workplace, &["run", "hourly"]);
    assert_eq!(run["files"]["read"], 3, "{run}");
    assert_eq!(workplace.query("SELECT n FROM d.t ORDER BY n"), "n\n1\n2\n30\n31\n");
}

#[test]
fn a_job_that_is_stopped_says_what_it_has_committed() {
    let workplace = Workplace::new();
    let (bucket, config) = bucket_of_files(&workplace, "commit_every: 1 files");
    let proxy = stuck(&bucket);
    let mut running = workplace
        .issuing(&config, &[])
        .s3(&proxy.endpoint(), bucket.name())
        .spawn();
    wait_until_stuck(&proxy, &mut running);
    let id = documents(&workplace, &["jobs"])[0]["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let cancelled = documents(&workplace, &["cancel", &id]);
    let said = "cancelled; 2 of 4 steps with 2 rows are committed";
    running
        .wait()
        .exited_with(130)
        .said(&[said, &format!("--resume {id}` goes on from there")]);
    assert_eq!(
        (&cancelled["error"]["error"], &cancelled["records"]),
        (&json!(said), &json!(2))
    );
    assert!(
        cancelled["error"]["hint"].as_str().unwrap().contains("--resume"),
        "{cancelled}"
    );

    // A run of a schedule is gone on with by another run for the same time.
    let workplace = Workplace::new();
    workplace
        .bucketload(["create", "s", "", "d", "t", &config])
        .s3(&bucket.server().endpoint(), bucket.name())
        .run()
        .succeeded();
    let proxy = stuck(&bucket);
    let time = "2026-01-01T00:00:00Z";
    let run = |endpoint: &str| {
        workplace
            .bucketload(["run", "s", time, "--json"])
            .s3(endpoint, bucket.name())
    };
    let mut running = run(&proxy.endpoint()).spawn();
    wait_until_stuck(&proxy, &mut running);
    running.interrupt();
    running.wait().exited_with(130).said(&[
        "interrupted; 2 of 4 steps with 2 rows are committed",
        &format!("`bucketload run s {time}` goes on from there"),
    ]);
    let report = run(&bucket.server().endpoint()).run().succeeded().json();
    assert_eq!(
        (&report["files"]["read"], &report["rows"]["written"]),
        (&json!(2), &json!(FILES))
    );
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 6);
}

#[test]
fn records_of_dead_jobs_say_what_the_table_has() {
    let workplace = Workplace::new();
    growing(&workplace);
    (2..=3).for_each(|number| add_file(&workplace, number));
    let config = workplace.path("growing.yml").display().to_string();
    let died = |crash: &str, more: &[&str]| {
        let killed = workplace.issuing(&config, more).env("BUCKETLOAD_CRASH_AT", crash).run();
        assert_eq!(killed.status, None, "{killed}");
        let listed = documents(&workplace, &["jobs", "-n", "1"])[0].clone();
        documents(&workplace, &["job", listed["job_id"].as_str().unwrap()])
    };
    let committed = died("after_commit", &[]);
    assert_eq!(
        (&committed["status"], &committed["records"], &committed["error"]),
        (&json!("success"), &json!(3), &Value::Null)
    );
    assert!(
        committed["report"]["next"]["in"]["last_path"].is_string(),
        "{committed}"
    );
    let nothing = died("after_write", &[]);
    assert_eq!(
        (&nothing["status"], &nothing["records"], &nothing["error"]["error"]),
        (
            &json!("killed"),
            &json!(0),
            &json!("its process died; nothing was committed")
        )
    );
    let part = died("after_step_commit:2", &["--set", "exec.commit_every=1 files"]);
    assert_eq!(
        (&part["status"], &part["records"], &part["error"]["error"]),
        (
            &json!("killed"),
            &json!(2),
            &json!("its process died; 2 of 3 steps with 2 rows are committed")
        )
    );
    let hint = part["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("`--resume "), "{hint}");
    assert_eq!(workplace.num_rows(), 5);
}
