//! Schedules: `create`, `list`, `show`, `history`, `update`, `run`, `delete`.

use crate::examples::ACCESS_LOGS;
use crate::left::{bucket_of_files, stuck, wait_until_stuck};
use bucketload_state::State;
use bucketload_tests::bucketload::{Finished, Workplace};
use bucketload_tests::folders;
use bucketload_tests::proxy::{Fault, Proxy, RequestKind};
use jiff::Timestamp;
use serde_json::{Value, json};

const LOCAL_JOB: &str = "examples/access-logs/load.yml";

/// A folder of files that grows, a configuration that loads it, and the table `d.t` for it.
pub(crate) fn growing(workplace: &Workplace) -> String {
    add_file(workplace, 1);
    let config = format!(
        "in: {{type: file, path_prefix: '{}/', parser: {{type: jsonl, columns: [{{name: n, type: long}}]}}}}\n\
         out: {{partition_by: none}}\n",
        workplace.path("input").display()
    );
    workplace
        .bucketload(["table", "create", "d.t", "--partition-by", "none"])
        .run()
        .succeeded();
    workplace.write("growing.yml", config)
}

/// One more file, with one row that holds its number.
pub(crate) fn add_file(workplace: &Workplace, number: u32) {
    workplace.write(&format!("input/{number:04}.jsonl"), format!("{{\"n\": {number}}}\n"));
}

#[track_caller]
pub(crate) fn create(workplace: &Workplace, name: &str, cron: &str, config: &str, more: &[&str]) -> Finished {
    workplace
        .bucketload(["create", name, cron, "d", "t", config])
        .args(more)
        .run()
        .succeeded()
}

#[track_caller]
fn json(workplace: &Workplace, arguments: &[&str]) -> Value {
    workplace.bucketload(arguments).arg("--json").run().succeeded().json()
}

#[test]
fn a_schedule_is_shown_as_the_original_shows_a_session() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    let made = create(
        &workplace,
        "nightly",
        "0 2 * * *",
        &config,
        &["-t", "Asia/Tokyo", "-D", "60"],
    );
    let expected = format!(
        "Name     : nightly\nCron     : 0 2 * * *\nTimezone : Asia/Tokyo\nDelay    : 60\nDatabase : d\nTable    : t\nConfig\n---\n\
         in:\n  type: file\n  path_prefix: {}/\n  parser:\n    type: jsonl\n    columns:\n    - {{name: \"n\", type: long}}\n\
         out: {{partition_by: none}}\n\nConfig Diff\n--- {{}}\n",
        workplace.path("input").display()
    );
    let normal = |text: &str| text.replace("out:\n  partition_by: none\n", "out: {partition_by: none}\n");
    assert_eq!(normal(&made.stdout), expected);
    let shown = workplace.bucketload(["show", "nightly"]).run().succeeded();
    assert_eq!(shown.stdout, made.stdout);
    let listed = workplace.bucketload(["list"]).run().succeeded().stdout;
    assert!(
        listed.contains("| Name    | Cron      | Timezone   | Delay | Database | Table |"),
        "{listed}"
    );
    assert!(listed.ends_with("1 row in set\n"), "{listed}");
    let deleted = workplace.bucketload(["delete", "nightly"]).run().succeeded();
    assert_eq!(deleted.stdout, format!("Deleted session\n--\n{}", made.stdout));
    assert_eq!(json(&workplace, &["list"]), json!([]));
}

#[test]
fn the_names_of_the_td_tool_work() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    workplace
        .bucketload(["connector:create", "s", "@daily", "d", "t", &config])
        .args(["--time-column", "at", "--timezone", "UTC", "--delay", "5"])
        .run()
        .succeeded();
    let listed = |arguments: &[&str]| workplace.bucketload(arguments).run().succeeded();
    assert_eq!(
        listed(&["connector:list", "-f", "csv"]).stdout,
        "Name,Cron,Timezone,Delay,Database,Table\ns,@daily,UTC,5,d,t\n"
    );
    assert_eq!(listed(&["connector:list", "-f", "json"]).json()[0]["delay"], 5);
    workplace
        .bucketload(["connector:update", "s", "-n", "r", "-T", "n", "-s"])
        .run()
        .succeeded();
    let shown = json(&workplace, &["connector:show", "r"]);
    assert_eq!((&shown["cron"], &shown["time_column"]), (&json!(""), &json!("n")));
    assert_eq!(shown["next_scheduled_time"], Value::Null);
    let run = json(&workplace, &["connector:run", "r", "2026-11-28 02:00", "-w"]);
    assert_eq!(run["status"], "success");
    let history = json(&workplace, &["connector:history", "r"]);
    assert_eq!(history[0]["scheduled_time"], "2026-11-28T02:00:00Z");
    let id = history[0]["job_id"].as_str().unwrap().to_owned();
    let csv = listed(&["connector:history", "r", "--format", "csv"]).stdout;
    assert!(
        csv.starts_with("JobID,Status,Records,Database,Table,Priority,Started,Duration\n")
            && csv.contains(&format!("{id},success,1,d,t,NORMAL,")),
        "{csv}"
    );
    workplace.bucketload(["job:show", &id]).run().succeeded();
    workplace.bucketload(["connector:delete", "r"]).run().succeeded();
}

#[test]
fn each_run_goes_on_where_the_last_one_ended() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    create(&workplace, "s", "@hourly", &config, &[]);
    let rows_of = |run: &Value| run["rows"]["written"].as_u64();
    assert_eq!(rows_of(&json(&workplace, &["run", "s"])), Some(1));
    add_file(&workplace, 2);
    add_file(&workplace, 3);
    assert_eq!(rows_of(&json(&workplace, &["run", "s"])), Some(2));
    assert_eq!(rows_of(&json(&workplace, &["run", "s"])), Some(0));
    let last_path = workplace.path("input/0003.jsonl").display().to_string();
    assert_eq!(
        json(&workplace, &["show", "s"])["config_diff"],
        json!({"in": {"last_path": last_path}})
    );
    assert_eq!(workplace.query("SELECT n FROM d.t ORDER BY n"), "n\n1\n2\n3\n");
    let history = json(&workplace, &["history", "s"]);
    let records: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["records"].as_u64())
        .collect();
    assert_eq!(records, [Some(0), Some(2), Some(1)]);
    // A difference of one's own begins anew.
    let diff = workplace.write("diff.yml", "in: {last_path: ''}\n");
    workplace
        .bucketload(["update", "s", "--config-diff", &diff])
        .run()
        .succeeded();
    assert_eq!(rows_of(&json(&workplace, &["run", "s"])), Some(3));
    let nothing = workplace.write("nothing.yml", "{}\n");
    workplace
        .bucketload(["update", "s", "--config-diff", &nothing])
        .run()
        .succeeded();
    assert_eq!(json(&workplace, &["show", "s"])["config_diff"], json!({}));
}

#[test]
fn a_run_that_fails_leaves_the_next_one_where_it_was() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    create(&workplace, "s", "@hourly", &config, &[]);
    json(&workplace, &["run", "s"]);
    let before = json(&workplace, &["show", "s"])["config_diff"].clone();
    workplace.write("input/0002.jsonl", "{\"n\": \"no number\"}\n");
    let strict = workplace.write(
        "strict.yml",
        std::fs::read_to_string(&config)
            .unwrap()
            .replace("type: jsonl", "type: jsonl, on_error: fail"),
    );
    workplace.bucketload(["update", "s", &strict]).run().succeeded();
    workplace.bucketload(["run", "s"]).run().exited_with(1);
    assert_eq!(json(&workplace, &["show", "s"])["config_diff"], before);
    assert_eq!(workplace.number("SELECT count(*) FROM d.t"), 1);
    add_file(&workplace, 2);
    json(&workplace, &["run", "s"]);
    assert_eq!(workplace.query("SELECT n FROM d.t ORDER BY n"), "n\n1\n2\n");
}

#[test]
fn what_cannot_run_is_refused_when_it_is_made() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    let refused = |arguments: &[&str], said: &[&str]| {
        workplace
            .bucketload(["create"])
            .args(arguments)
            .run()
            .exited_with(2)
            .said(said);
    };
    refused(
        &["s", "0 2 * 13 *", "d", "t", &config],
        &["`13` is no month", "at column 7", "hint: write five fields"],
    );
    refused(
        &["s", "@weekly", "d", "t", &config],
        &["only `@hourly`, `@daily` and `@monthly`"],
    );
    refused(
        &["s", "@daily", "d", "t", &config, "-t", "JST"],
        &["`JST` is no time zone", "Asia/Tokyo"],
    );
    refused(
        &["s", "@daily", "d", "missing", &config],
        &[
            "`d.missing` doesn't exist",
            "bucketload table create d.missing",
            "out.auto_create_table: true",
        ],
    );
    let broken = workplace.write("broken.yml", "in: {type: file, path_prefix: x, parser: {type: cvs}}\n");
    refused(&["s", "@daily", "d", "t", &broken], &["cvs"]);
    let secret = workplace.write(
        "secret.yml",
        "in: {type: s3, access_key_id: A, secret_access_key: hush, bucket: b, path_prefix: x, parser: {type: jsonl}}\n",
    );
    refused(
        &["s", "@daily", "d", "t", &secret],
        &["secrets are not kept", "${AWS_ACCESS_KEY_ID}"],
    );
    assert_eq!(json(&workplace, &["list"]), json!([]));
    create(&workplace, "s", "@daily", &config, &[]);
    refused(
        &["s", "@daily", "d", "t", &config],
        &["there is a schedule `s` already"],
    );
    workplace
        .bucketload(["update", "s"])
        .run()
        .exited_with(2)
        .said(&["nothing to update"]);
}

#[test]
fn variables_may_be_set_where_the_server_runs_only() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    let text = std::fs::read_to_string(&config).unwrap();
    let folder = format!("{}/", workplace.path("input").display());
    let config = workplace.write(
        "variable.yml",
        text.replace(&format!("'{folder}'"), "'${LANDING_ZONE}'"),
    );
    let made = create(&workplace, "s", "@daily", &config, &[]);
    assert!(made.stderr.contains("not set here: LANDING_ZONE"), "{made}");
    assert!(made.stdout.contains("${LANDING_ZONE}"), "{made}");
    workplace
        .bucketload(["run", "s"])
        .run()
        .exited_with(2)
        .said(&["the variable `LANDING_ZONE` is not set"]);
    workplace
        .bucketload(["run", "s"])
        .env("LANDING_ZONE", &folder)
        .run()
        .succeeded();
    assert_eq!(workplace.num_rows(), 1);
}

#[test]
fn a_schedule_runs_wherever_it_is_started() {
    let workplace = Workplace::new();
    workplace.issue(LOCAL_JOB, &[]);
    let (state, warehouse) = (workplace.path("state.db"), workplace.path("warehouse"));
    create(&workplace, "s", "@daily", LOCAL_JOB, &[]);
    let elsewhere = workplace
        .bucketload(["run", "s", "--json"])
        .env("BUCKETLOAD_WAREHOUSE", "nowhere")
        .in_folder(&workplace.path(""))
        .run()
        .succeeded();
    assert_eq!(elsewhere.json()["rows"]["written"], ACCESS_LOGS.written);
    assert_eq!(workplace.num_rows(), 2 * ACCESS_LOGS.written);
    assert!(state.exists() && warehouse.exists() && !folders::repository().join("nowhere").exists());
}

#[test]
fn a_schedule_never_runs_twice_at_once() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    create(&workplace, "s", "@daily", &config, &[]);
    // Another process is at it: this one.
    let state = State::open(&workplace.path("state.db")).unwrap();
    let job = state.begin_run("s", None, Timestamp::now()).unwrap();
    workplace.bucketload(["run", "s"]).run().exited_with(2).said(&[
        "schedule `s` has a job already",
        &job.job.id,
        "which is running",
        "bucketload cancel",
    ]);
    assert_eq!(workplace.num_rows(), 0);
    drop(state);
    // This process has gone without a word.
    json(&workplace, &["run", "s"]);
    assert_eq!(workplace.num_rows(), 1);
    let history = json(&workplace, &["history", "s"]);
    assert_eq!(
        (&history[0]["status"], &history[1]["status"]),
        (&json!("success"), &json!("killed"))
    );
}

#[test]
fn a_run_that_committed_some_steps_is_gone_on_with() {
    for incremental in [true, false] {
        let workplace = Workplace::new();
        growing(&workplace);
        (2..=3).for_each(|number| add_file(&workplace, number));
        let config = format!(
            "in: {{type: file, path_prefix: '{}/', incremental: {incremental}, parser: {{type: jsonl, columns: [{{name: n, type: long}}]}}}}\n\
             out: {{partition_by: none}}\nexec: {{commit_every: 1 files}}\n",
            workplace.path("input").display()
        );
        create(&workplace, "s", "", &workplace.write("steps.yml", &config), &[]);
        let run = || workplace.bucketload(["run", "s", "2026-01-01T00:00:00Z"]);
        let killed = run().env("BUCKETLOAD_CRASH_AT", "after_step_commit").run();
        assert_eq!((killed.status, workplace.num_rows()), (None, 1), "{killed}");
        // With another configuration there is only the cursor to go on from.
        let other = workplace.write(
            "other.yml",
            config.replace("type: jsonl", "type: jsonl, on_error: fail"),
        );
        workplace.bucketload(["update", "s", &other]).run().succeeded();
        let again = run().run();
        if incremental {
            again.succeeded();
            assert_eq!(workplace.num_rows(), 3, "each file once");
        } else {
            again.said(&[
                "committed some of its steps",
                "nothing tells where to go on",
                "in.incremental",
            ]);
            assert_eq!(workplace.num_rows(), 1, "no row twice");
        }
    }
}

#[test]
fn a_schedule_is_changed_and_deleted_while_it_runs() {
    let workplace = Workplace::new();
    let (bucket, config) = bucket_of_files(&workplace, "max_threads: 1, max_requests: 1");
    let config = workplace.write(
        "incremental.yml",
        std::fs::read_to_string(config)
            .unwrap()
            .replace("  incremental: false\n", ""),
    );
    let proxy = stuck(&bucket);
    let direct = bucket.server().endpoint();
    let with_bucket = |endpoint: &str, arguments: &[&str]| workplace.bucketload(arguments).s3(endpoint, bucket.name());
    with_bucket(&direct, &["create", "s", "", "d", "t", &config])
        .run()
        .succeeded();
    let mut running = with_bucket(&proxy.endpoint(), &["run", "s", "--json"]).spawn();
    wait_until_stuck(&proxy, &mut running);
    // Where runs go on from is said by the one that is running.
    let diff = workplace.write("diff.yml", "in: {last_path: data/a}\n");
    with_bucket(&direct, &["update", "s", "--config-diff", &diff])
        .run()
        .exited_with(2)
        .said(&["schedule `s` has a job already", "which is running", "wait for it"]);
    let strict = workplace.write(
        "strict.yml",
        std::fs::read_to_string(&config)
            .unwrap()
            .replace("type: csv", "type: csv, on_error: fail"),
    );
    with_bucket(&direct, &["update", "s", &strict, "-n", "r"])
        .run()
        .succeeded();
    proxy.release();
    let report = running.wait().succeeded().json();
    assert_eq!(report["rows"]["written"], 4);
    let shown = json(&workplace, &["show", "r"]);
    assert_eq!(
        shown["config_diff"], report["next"],
        "what it left is under the new name"
    );
    assert_eq!(shown["config"]["in"]["parser"]["on_error"], "fail");
    assert_eq!(
        json(&workplace, &["history", "r"])[0]["schedule"],
        "s",
        "as it was called then"
    );

    bucket.put("data/f9.csv", "9\n");
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::Get, Fault::Hold, usize::MAX);
    let mut running = with_bucket(&proxy.endpoint(), &["run", "r", "--json"]).spawn();
    wait_until_stuck(&proxy, &mut running);
    workplace.bucketload(["delete", "r"]).run().succeeded();
    proxy.release();
    let report = running.wait().succeeded().json();
    assert_eq!((&report["rows"]["written"], workplace.num_rows()), (&json!(1), 5));
    let job = json(&workplace, &["job", report["job_id"].as_str().unwrap()]);
    assert_eq!((&job["status"], &job["schedule"]), (&json!("success"), &json!("r")));
    assert_eq!(json(&workplace, &["list"]), json!([]));
}

#[test]
fn a_time_that_was_run_may_be_run_again() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    create(&workplace, "s", "@daily", &config, &["-t", "Asia/Tokyo"]);
    let rows = |time: &str| json(&workplace, &["run", "s", time])["rows"]["written"].clone();
    assert_eq!(rows("2026-11-28T02:00:00"), 1);
    add_file(&workplace, 2);
    assert_eq!(rows("2026-11-27T17:00:00Z"), 1, "only what is new, whatever the time");
    let history = json(&workplace, &["history", "s"]);
    let times: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["scheduled_time"].clone())
        .collect();
    assert_eq!(times, [json!("2026-11-27T17:00:00Z"), json!("2026-11-27T17:00:00Z")]);
}
