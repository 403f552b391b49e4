//! `serve --listen`: what the API answers. That it is what its description says is demanded of every answer (`bucketload_tests::api`).

use crate::atomicity::stuck_bucket;
use crate::examples::ACCESS_LOGS;
use crate::schedules::{add_file, create, growing};
use bucketload_tests::api::Api;
use bucketload_tests::bucketload::Workplace;
use bucketload_tests::wait::wait_until;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

fn start(workplace: &Workplace) -> Api {
    Api::start(workplace.bucketload(["serve"]))
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
    let done = wait_for_end(&api, &job.json());
    assert_eq!((&done["status"], &done["records"]), (&json!("success"), &json!(1)));
    assert_eq!(done["scheduled_time"], time["time"]);
    add_file(&workplace, 2);
    let job = api.document("POST", &format!("{schedule}/run"), None);
    assert_eq!(wait_for_end(&api, &job)["records"], 1);
    assert_eq!(workplace.num_rows(), 2);

    let history = api.document("GET", &format!("{schedule}/history?limit=1"), None)["jobs"].clone();
    assert_eq!(history.as_array().unwrap().len(), 1);
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
    }
}

#[test]
fn every_route_of_the_description_does_what_it_says() {
    let workplace = Workplace::new();
    let config = growing_config(&workplace);
    let api = start(&workplace);
    assert_eq!(
        &api.document("GET", "/openapi.json", None),
        api.description().document()
    );
    let schedule = json!({
        "name": "s", "cron": "@daily", "timezone": "Asia/Tokyo", "delay": 60, "catch_up": "all", "database": "d", "table": "t",
        "time_column": "n", "config": config,
    });
    let job = json!({"database": "d", "table": "u", "auto_create_table": true, "mode": "append", "config": config});
    let change = json!({"name": "r", "delay": 0, "config_diff": {"in": {"last_path": ""}}, "config": config});
    let mut calls = vec![
        ("GET", "/health".to_owned(), None),
        ("GET", "/openapi.json".to_owned(), None),
        ("GET", "/metrics".to_owned(), None),
        (
            "POST",
            "/v1/preview".to_owned(),
            Some(json!({"config": config, "rows": 3})),
        ),
        ("POST", "/v1/schedules".to_owned(), Some(schedule)),
        ("GET", "/v1/schedules".to_owned(), None),
        ("PATCH", "/v1/schedules/s".to_owned(), Some(change)),
        ("GET", "/v1/schedules/r".to_owned(), None),
        (
            "POST",
            "/v1/schedules/r/run".to_owned(),
            Some(json!({"time": "2026-11-28T02:00:00Z"})),
        ),
        ("GET", "/v1/schedules/r/history?limit=5".to_owned(), None),
    ];
    let issued = api.document("POST", "/v1/jobs", Some(&job));
    wait_for_end(&api, &issued);
    let id = issued["job_id"].as_str().unwrap();
    calls.extend([
        ("POST", "/v1/jobs".to_owned(), Some(job)),
        ("GET", format!("/v1/jobs?status=success&before={id}&limit=5"), None),
        ("GET", format!("/v1/jobs/{id}"), None),
        ("GET", format!("/v1/jobs/{id}/log?from=1"), None),
        ("GET", format!("/v1/jobs/{id}/events"), None),
        ("POST", format!("/v1/jobs/{id}/cancel"), None),
        ("DELETE", "/v1/schedules/r".to_owned(), None),
    ]);
    let mut left = api.description().routes();
    for (method, path, body) in &calls {
        let answer = api.ask(method, path, body.as_ref());
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        let route = api.description().route(path).unwrap();
        left.retain(|(left_method, left_route)| (left_method.as_str(), left_route.as_str()) != (method, route));
    }
    assert!(left.is_empty(), "nobody asked for {left:?}");
}

#[test]
fn a_history_is_read_page_by_page() {
    let workplace = Workplace::new();
    let config = growing(&workplace);
    create(&workplace, "s", "", &config, &[]);
    for _ in 0..5 {
        workplace.bucketload(["run", "s"]).run().succeeded();
    }
    let api = start(&workplace);
    let ids = |query: &str| -> Vec<String> {
        let page = api.document("GET", &format!("/v1/schedules/s/history?limit=2{query}"), None);
        let jobs = page["jobs"].as_array().unwrap().iter();
        jobs.map(|job| job["job_id"].as_str().unwrap().to_owned()).collect()
    };
    let mut seen = ids("");
    while let Some(last) = seen.last() {
        let page = ids(&format!("&before={last}"));
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let all = api.document("GET", "/v1/jobs?schedule=s", None);
    let all: Vec<&str> = all["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["job_id"].as_str().unwrap())
        .collect();
    assert_eq!((seen.len(), seen), (5, all.iter().map(|id| (*id).to_owned()).collect()));
    assert_eq!(api.ask("GET", "/v1/jobs?before=nothing", None).status, 404);
}

#[test]
fn a_body_that_waits_for_a_word_is_asked_for_only_if_it_may_come() {
    let workplace = Workplace::new();
    let config = growing_config(&workplace);
    let api = Api::start(workplace.bucketload(["serve"]).env("BUCKETLOAD_TOKEN", "open sesame"));
    let body = json!({"config": config}).to_string();
    let ask = |token: &str| {
        let mut stream = TcpStream::connect(api.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!(
            "POST /v1/preview HTTP/1.1\r\nHost: x\r\nAuthorization: bearer {token}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        let mut reader = BufReader::new(stream);
        reader.read_line(&mut line).unwrap();
        (line, reader)
    };
    let (line, mut reader) = ask("open sesame");
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    reader.get_mut().write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
    let (line, _) = ask("wrong");
    assert_eq!(line, "HTTP/1.1 401 Unauthorized\r\n", "nothing was sent yet");
}

#[test]
fn watchers_that_never_read_hold_up_nobody() {
    let workplace = Workplace::new();
    let config = growing_config(&workplace);
    let api = start(&workplace);
    let job = api.document(
        "POST",
        "/v1/jobs",
        Some(&json!({"database": "d", "table": "t", "config": config})),
    );
    let path = format!("/v1/jobs/{}/events", job["job_id"].as_str().unwrap());
    let sleepers: Vec<TcpStream> = (0..20).map(|_| api.send("GET", &path, None)).collect();
    assert_eq!(wait_for_end(&api, &job)["status"], "success");
    let (name, end) = api.events(&path).last().unwrap();
    assert_eq!((name.as_str(), &end["records"]), ("end", &json!(1)));
    // What they did not read waits for them.
    for mut sleeper in sleepers {
        let mut text = String::new();
        sleeper.read_to_string(&mut text).unwrap();
        assert!(text.contains("event: end\n"), "{text}");
    }
}

/// Demands what Prometheus demands of a page of figures, and what its conventions say of their names.
#[track_caller]
fn check_figures(page: &str) {
    let mut kinds: HashMap<&str, &str> = HashMap::new();
    let mut described = HashSet::new();
    let mut samples = HashSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(described.insert(name) && help.ends_with('.'), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(described.contains(name) && kinds.insert(name, kind).is_none(), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            let is_plain = |char: char| char.is_ascii_lowercase() || char == '_';
            assert!(name.starts_with("bucketload_") && name.chars().all(is_plain), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(samples.insert(series) && value.parse::<f64>().is_ok(), "{line}");
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| name.strip_suffix(part))
            .unwrap_or(name);
        let kind = kinds.get(family).or_else(|| kinds.get(name));
        assert!(kind.is_some(), "{line}");
        assert_eq!(kind == Some(&"histogram"), family != name, "{line}");
    }
    assert!(
        samples.contains("bucketload_job_duration_seconds_bucket{le=\"+Inf\"}"),
        "{page}"
    );
    assert_eq!(kinds.len(), described.len());
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
    assert_eq!((&end["status"], &end["is_cancelled"]), (&json!("killed"), &json!(true)));
    assert_eq!(events.next(), None, "the stream ends with the job");
    let log = api.document("GET", &format!("{path}/log"), None);
    assert!(log.to_string().contains("found total [26] files"), "{log}");
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_preview_and_the_figures_of_a_job() {
    let workplace = Workplace::new();
    let config = growing_config(&workplace);
    let api = start(&workplace);
    let preview = api.document("POST", "/v1/preview", Some(&json!({"config": config, "rows": 1})));
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
    check_figures(metrics.split_once("\r\n\r\n").unwrap().1);
    for line in [
        "bucketload_jobs_total{status=\"success\"} 1",
        "bucketload_job_duration_seconds_count 1",
        "bucketload_files_outstanding 0",
        "# TYPE bucketload_job_duration_seconds histogram",
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
