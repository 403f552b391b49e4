//! `serve --listen`: what the API answers, and that it is what its description says.

use crate::atomicity::stuck_bucket;
use crate::examples::ACCESS_LOGS;
use crate::schedules::{add_file, growing};
use bucketload_tests::api::Api;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::wait::wait_until;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

fn start(workplace: &Workplace) -> Api {
    Api::start(workplace.bucketload(["serve"]))
}

/// Demands that a document has what the description says that every one has.
#[track_caller]
fn check_shape(api: &Api, document: &Value, schema: &str) {
    let description = api.document("GET", "/openapi.json", None);
    let required = description["components"]["schemas"][schema]["required"]
        .as_array()
        .unwrap()
        .clone();
    assert!(!required.is_empty());
    for member in required {
        let name = member.as_str().unwrap();
        assert!(
            document.get(name).is_some(),
            "`{name}` of {schema} is missing: {document:#}"
        );
    }
}

/// The configuration of `growing` as JSON.
fn growing_config(workplace: &Workplace) -> Value {
    growing(workplace);
    let folder = format!("{}/", workplace.path("input").display());
    json!({
        "in": {"type": "file", "path_prefix": folder, "parser": {"type": "jsonl", "columns": [{"name": "n", "type": "long"}]}},
        "out": {"partition_by": "none"},
    })
}

#[track_caller]
fn wait_for_end(api: &Api, job: &Value) -> Value {
    let path = format!("/v1/jobs/{}", job["job_id"].as_str().unwrap());
    let mut shown = Value::Null;
    let has_ended = wait_until(LIMIT, || {
        shown = api.document("GET", &path, None);
        shown["ended"].is_string()
    });
    assert!(has_ended, "{shown:#}");
    shown
}

#[test]
fn a_schedule_is_made_run_changed_and_deleted() {
    let workplace = Workplace::new();
    let config = growing_config(&workplace);
    let api = start(&workplace);
    let new = json!({"name": "every night", "cron": "0 2 * * *", "timezone": "Asia/Tokyo", "database": "d", "table": "t", "config": config});
    let made = api.ask("POST", "/v1/schedules", Some(&new));
    assert_eq!(made.status, 201, "{}", made.text);
    check_shape(&api, &made.json(), "Schedule");
    let schedule = "/v1/schedules/every%20night";
    assert_eq!(api.document("GET", schedule, None), made.json());
    assert_eq!(
        api.document("GET", "/v1/schedules", None)["schedules"],
        json!([made.json()])
    );
    assert_eq!(api.ask("POST", "/v1/schedules", Some(&new)).status, 409);

    let time = json!({"time": "2026-11-28T02:00:00Z"});
    let job = api.ask("POST", &format!("{schedule}/run"), Some(&time));
    assert_eq!(job.status, 202, "{}", job.text);
    check_shape(&api, &job.json(), "Job");
    let done = wait_for_end(&api, &job.json());
    assert_eq!((&done["status"], &done["records"]), (&json!("success"), &json!(1)));
    assert_eq!(done["scheduled_time"], time["time"]);
    add_file(&workplace, 2);
    let job = api.document("POST", &format!("{schedule}/run"), None);
    assert_eq!(wait_for_end(&api, &job)["records"], 1);
    assert_eq!(workplace.num_rows(), 2);

    let history = api.document("GET", &format!("{schedule}/history?limit=1"), None)["jobs"].clone();
    assert_eq!(history.as_array().unwrap().len(), 1);
    check_shape(&api, &history[0], "JobSummary");
    let changed = api.document("PATCH", schedule, Some(&json!({"cron": "", "config_diff": {}})));
    assert_eq!((&changed["cron"], &changed["config_diff"]), (&json!(""), &json!({})));
    assert_eq!(changed["timezone"], "Asia/Tokyo");
    api.document("DELETE", schedule, None);
    assert_eq!(api.ask("GET", schedule, None).status, 404);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let workplace = Workplace::new();
    let config = growing_config(&workplace);
    let api = start(&workplace);
    let new = json!({"name": "s", "cron": "@daily", "database": "d", "table": "t", "config": config});
    let with = |member: &str, value: Value| {
        let mut changed = new.clone();
        changed[member] = value;
        changed
    };
    for (body, said) in [
        (with("cron", json!("0 25 * * *")), "`25` is no hour"),
        (with("timezone", json!("JST")), "`JST` is no time zone"),
        (with("table", json!("missing")), "doesn't exist"),
        (with("delay", json!(-1)), "`delay` must be a whole number"),
        (with("croon", json!("x")), "`croon` is not known"),
        (
            with("config", json!({"in": {"type": "s3", "secret_access_key": "hush"}})),
            "secrets are not kept",
        ),
        (
            with("config", json!({"in": {"type": "s3", "bucket": "${NO_SUCH_VARIABLE}"}})),
            "NO_SUCH_VARIABLE",
        ),
        (
            with(
                "config",
                json!({"in": {"type": "file", "path_prefix": "x", "parser": {"type": "cvs"}}}),
            ),
            "cvs",
        ),
    ] {
        let answer = api.ask("POST", "/v1/schedules", Some(&body));
        assert_eq!(answer.status, 422, "{}", answer.text);
        check_shape(&api, &answer.json(), "Error");
        assert!(
            answer.json()["error"].as_str().unwrap().contains(said),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains("hush"));
    }
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v1/schedules/nothing", 404),
        ("GET", "/v1/jobs/nothing", 404),
        ("GET", "/v1/jobs/nothing/events", 404),
        ("PUT", "/v1/jobs", 405),
        ("GET", "/v1/jobs?status=odd", 422),
        ("GET", "/v1/jobs?limit=0", 422),
    ] {
        let answer = api.ask(method, path, None);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        check_shape(&api, &answer.json(), "Error");
    }
}

#[test]
fn every_route_of_the_description_is_answered() {
    let workplace = Workplace::new();
    let api = start(&workplace);
    let description = api.document("GET", "/openapi.json", None);
    let mut num_routes = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            num_routes += 1;
            let path = path.replace("{name}", "x").replace("{id}", "x");
            let answer = api.ask(&method.to_ascii_uppercase(), &path, None);
            assert!(
                answer.status != 405 && !answer.text.contains("is not known"),
                "{method} {path}: {}",
                answer.text
            );
        }
    }
    assert!(num_routes > 15);
}

#[test]
fn a_job_is_watched_and_cancelled_as_it_runs() {
    let workplace = Workplace::new();
    let (bucket, proxy) = stuck_bucket();
    let api = Api::start(workplace.bucketload(["serve"]).s3(&proxy.endpoint(), bucket.name()));
    let config = workplace
        .bucketload(["explain", "examples/s3/load.yml", "--json"])
        .s3(&bucket.server().endpoint(), bucket.name())
        .run()
        .succeeded();
    assert_eq!(config.json()["files"].as_array().unwrap().len(), ACCESS_LOGS.files);
    let config = json!({
        "in": {
            "type": "s3", "endpoint": "${S3_ENDPOINT}", "access_key_id": "${AWS_ACCESS_KEY_ID}",
            "secret_access_key": "${AWS_SECRET_ACCESS_KEY}", "bucket": "${S3_BUCKET}", "path_prefix": "web/",
            "parser": {"type": "csv", "skip_header_lines": 1, "columns": [{"name": "time", "type": "string"}]},
        },
        "out": {"partition_by": "none"},
    });
    let body = json!({"database": "d", "table": "t", "auto_create_table": true, "mode": "replace", "config": config});
    let job = api.document("POST", "/v1/jobs", Some(&body));
    assert_eq!(job["config"]["out"]["mode"], "replace");
    let path = format!("/v1/jobs/{}", job["job_id"].as_str().unwrap());
    let mut events = api.events(&format!("{path}/events"));
    let loading =
        events.find(|(name, data)| name == "progress" && data["progress"]["files"]["selected"] == ACCESS_LOGS.files);
    assert!(loading.is_some(), "the job is seen as it loads");
    let is_outstanding = wait_until(LIMIT, || {
        let metrics = api.ask("GET", "/metrics", None).text;
        metrics.contains("bucketload_jobs_running 1\n") && !metrics.contains("bucketload_files_outstanding 0\n")
    });
    assert!(is_outstanding, "{}", api.ask("GET", "/metrics", None).text);
    assert_eq!(api.ask("POST", &format!("{path}/cancel"), None).status, 202);
    let (_, end) = events.find(|(name, _)| name == "end").unwrap();
    check_shape(&api, &end, "Job");
    assert_eq!((&end["status"], &end["is_cancelled"]), (&json!("killed"), &json!(true)));
    assert_eq!(events.next(), None, "the stream ends with the job");
    let log = api.document("GET", &format!("{path}/log"), None);
    check_shape(&api, &log["lines"][0], "LogLine");
    assert!(log.to_string().contains("found total [26] files"), "{log}");
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_preview_and_the_figures_of_a_job() {
    let workplace = Workplace::new();
    let config = growing_config(&workplace);
    let api = start(&workplace);
    let preview = api.document("POST", "/v1/preview", Some(&json!({"config": config, "rows": 1})));
    check_shape(&api, &preview, "Preview");
    assert_eq!(
        (&preview["columns"], &preview["rows"]),
        (&json!([{"name": "n", "type": "long"}]), &json!([[1]]))
    );
    assert_eq!(workplace.num_rows(), 0);
    let body = json!({"database": "d", "table": "t", "config": config});
    wait_for_end(&api, &api.document("POST", "/v1/jobs", Some(&body)));
    let has_counted = wait_until(LIMIT, || {
        api.ask("GET", "/metrics", None)
            .text
            .contains("bucketload_rows_written_total 1\n")
    });
    let metrics = api.ask("GET", "/metrics", None).text;
    assert!(has_counted, "{metrics}");
    for line in [
        "bucketload_jobs_total{status=\"success\"} 1",
        "bucketload_job_seconds_count 1",
        "bucketload_files_outstanding 0",
        "# TYPE bucketload_job_seconds histogram",
    ] {
        assert!(metrics.contains(line), "`{line}` is missing:\n{metrics}");
    }
}

#[test]
fn a_token_guards_everything_but_health() {
    let workplace = Workplace::new();
    let api = Api::start(workplace.bucketload(["serve"]).env("BUCKETLOAD_TOKEN", "open sesame"));
    for path in ["/v1/jobs", "/metrics", "/openapi.json"] {
        assert_eq!(api.ask("GET", path, None).status, 401, "{path}");
    }
    assert_eq!(api.ask("GET", "/health", None).status, 200);
    let api = api.with_token("open sesame");
    assert_eq!(api.ask("GET", "/v1/jobs", None).status, 200);
    let beyond = workplace.bucketload(["serve", "--listen", "0.0.0.0:0"]).run();
    beyond.exited_with(2).said(&["there is no token", "BUCKETLOAD_TOKEN"]);
    let broken = workplace.bucketload(["serve", "--listen", "nowhere"]).run();
    broken.exited_with(2).said(&["cannot listen on `nowhere`"]);
}
