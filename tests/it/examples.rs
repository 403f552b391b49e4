//! The examples, as a reader of their README would run them. The figures are those that `examples/generate.py` prints.

use bucketload_tests::bucketload::Workplace;
use bucketload_tests::folders;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// What is known about the access logs.
pub(crate) struct AccessLogs {
    pub(crate) files: usize,
    pub(crate) rows: i64,
    pub(crate) rejects: i64,
    /// What is left without the rows of status 304.
    pub(crate) written: i64,
    pub(crate) sum_of_bytes: i64,
    pub(crate) hours: usize,
}

pub(crate) const ACCESS_LOGS: AccessLogs = AccessLogs {
    files: 26,
    rows: 7751,
    rejects: 7,
    written: 6644,
    sum_of_bytes: 285_663_766,
    hours: 26,
};

/// Figures of the loaded access logs in which any lost, doubled or changed row shows.
pub(crate) fn figures_of_access_logs(workplace: &Workplace) -> String {
    workplace.query(
        "SELECT count(*) AS n, sum(bytes) AS bytes, sum(CAST(round(duration * 1000) AS BIGINT)) AS millis, \
         count(DISTINCT ip) AS ips, count(referer) AS referers, min(time) AS first, max(time) AS last FROM d.t",
    )
}

fn names_and_types(columns: &Value) -> Vec<(String, String)> {
    let text = |column: &Value, key: &str| column[key].as_str().unwrap_or_default().to_owned();
    let columns = columns.as_array().unwrap();
    columns
        .iter()
        .map(|column| (text(column, "name"), text(column, "type")))
        .collect()
}

#[track_caller]
fn check_columns(columns: &Value, expected: &[(&str, &str)]) {
    let found = names_and_types(columns);
    let found: Vec<_> = found
        .iter()
        .map(|(name, data_type)| (name.as_str(), data_type.as_str()))
        .collect();
    assert_eq!(found, expected);
}

const ACCESS_COLUMNS: [(&str, &str); 9] = [
    ("time", "timestamp"),
    ("ip", "string"),
    ("method", "string"),
    ("path", "string"),
    ("status", "long"),
    ("bytes", "long"),
    ("referer", "string"),
    ("user_agent", "string"),
    ("duration", "double"),
];

#[test]
fn example_files_are_what_their_script_makes() {
    let script = folders::repository().join("examples/generate.py");
    let output = Command::new("python3").arg(script).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let access_logs = &figures["access-logs"];
    assert_eq!(access_logs["files"], ACCESS_LOGS.files);
    assert_eq!(access_logs["rows"], ACCESS_LOGS.rows);
    assert_eq!(access_logs["rejects"], ACCESS_LOGS.rejects);
    assert_eq!(
        access_logs["rows with status 304"],
        ACCESS_LOGS.rows - ACCESS_LOGS.written
    );
    assert_eq!(access_logs["sum of bytes"], ACCESS_LOGS.sum_of_bytes);
}

#[test]
fn access_logs_are_loaded_but_for_seven_records() {
    let workplace = Workplace::new();
    let report = workplace.issue("examples/access-logs/load.yml", &[]);
    assert_eq!(report["status"], "success");
    assert_eq!(report["error"], Value::Null);
    assert_eq!(
        (&report["database"], &report["table"], &report["mode"]),
        (&json!("d"), &json!("t"), &json!("append"))
    );
    let files = json!({"listed": 26, "selected": 26, "read": 26, "skipped_glacier": 0, "skipped_errors": 0});
    assert_eq!(report["files"], files);
    assert_eq!(
        report["rows"],
        json!({"read": 7758, "rejected": 7, "filtered": 1107, "written": 6644})
    );
    assert_eq!(
        report["next"]["in"]["last_path"],
        "examples/access-logs/web/2026-11-21-01.csv.gz"
    );
    assert_eq!(
        figures_of_access_logs(&workplace),
        "n,bytes,millis,ips,referers,first,last\n\
         6644,285663766,8297075,180,3299,2026-11-20T00:00:15.981Z,2026-11-21T01:59:03.102Z\n"
    );
    let first = "SELECT ip, method, path, status, bytes, referer, user_agent, duration FROM d.t ORDER BY time LIMIT 1";
    assert_eq!(
        workplace.query(first),
        "ip,method,path,status,bytes,referer,user_agent,duration\n\
         e183220b699c10a83ca7be3433d228ed0860a5ecf9480f83e9655f16bad58908,HEAD,/checkout,200,39742,\
         https://www.example.com/products,\"Feed \"\"Reader\"\" 2.1, +https://reader.example/about\",1.075\n"
    );
}

#[test]
fn rejects_of_the_access_logs_say_what_is_wrong_and_where() {
    let workplace = Workplace::new();
    workplace.issue("examples/access-logs/load.yml", &[]);
    let rejects = workplace.query("SELECT file, line, column_name, reason FROM d.t__rejects ORDER BY file, line");
    let lines: Vec<_> = rejects.lines().skip(1).collect();
    let expected = [
        ("2026-11-20-05.csv.gz", ",42,,", "too few columns"),
        ("2026-11-20-05.csv.gz", ",43,bytes,", "`n/a`"),
        ("2026-11-20-05.csv.gz", ",202,time,", "2026-11-20T25:41:53.071Z"),
        ("2026-11-20-13.csv.gz", ",9,,", "too many columns"),
        ("2026-11-20-13.csv.gz", ",152,status,", "`OK`"),
        ("2026-11-20-20.csv.gz", ",92,time,", "`yesterday`"),
        ("2026-11-20-20.csv.gz", ",93,,", "too few columns"),
    ];
    assert_eq!(lines.len(), expected.len(), "{rejects}");
    for (line, (file, place, reason)) in lines.iter().zip(expected) {
        assert!(
            [file, place, reason].iter().all(|part| line.contains(part)),
            "{line} lacks {file}, {place} or {reason}"
        );
    }
}

#[test]
fn access_logs_lie_in_a_partition_for_each_hour() {
    let workplace = Workplace::new();
    workplace.issue("examples/access-logs/load.yml", &[]);
    let files = workplace.stored_files();
    let mut partitions: Vec<_> = files
        .iter()
        .filter(|file| file.starts_with("d/t/") && file.ends_with(".parquet"))
        .map(|file| file.rsplit_once('/').unwrap().0)
        .collect();
    partitions.dedup();
    assert_eq!(partitions.len(), ACCESS_LOGS.hours, "{files:#?}");
    assert_eq!(partitions[0], "d/t/date=2026-11-20/hour=00");
    assert_eq!(partitions[25], "d/t/date=2026-11-21/hour=01");
    assert!(
        files.iter().any(|file| file.starts_with("d/t/_delta_log/")),
        "{files:#?}"
    );
}

#[test]
fn access_logs_are_guessed_whole() {
    let workplace = Workplace::new();
    let seed = "examples/access-logs/seed.yml";
    let guessed = workplace.bucketload(["guess", seed, "--json"]).run().succeeded().json();
    let parser = &guessed["in"]["parser"];
    check_columns(&parser["columns"], &ACCESS_COLUMNS);
    assert_eq!(parser["type"], "csv");
    assert_eq!(
        (&parser["delimiter"], &parser["quote"], &parser["escape"]),
        (&json!(","), &json!("\""), &json!("\""))
    );
    assert_eq!(parser["skip_header_lines"], 1);
    assert_eq!(guessed["in"]["decoders"], json!([{"type": "gzip"}]));
    assert_eq!(
        guessed["in"]["path_prefix"], "examples/access-logs/web/",
        "what the seed says stays"
    );
    assert!(
        guessed["guess"]["sampled"][0]["bytes"].as_u64().unwrap() > 0,
        "{guessed}"
    );
    assert!(guessed["guess"]["doubts"].is_array(), "{guessed}");
}

#[test]
fn what_is_guessed_can_be_loaded() {
    for (seed, rows, rejected) in [
        // The one `n/a` among the bytes is guessed to be null, which the example's own load does not say.
        (
            "examples/access-logs/seed.yml",
            ACCESS_LOGS.rows + 1,
            ACCESS_LOGS.rejects - 1,
        ),
        ("examples/mixed/seed.yml", 200, 0),
    ] {
        let workplace = Workplace::new();
        let load = workplace.path("load.yml");
        workplace.bucketload(["guess", seed, "-o"]).arg(&load).run().succeeded();
        let mut text = fs::read_to_string(&load).unwrap();
        assert!(!text.contains("examples/examples"), "{text}");
        if seed.contains("mixed") {
            // The decoders of the one file that was sampled do not fit the others.
            text = text.replace("decoders:", "unused_decoders:");
            fs::write(&load, text).unwrap();
        }
        let report = workplace.issue(load.to_str().unwrap(), &[]);
        assert_eq!(
            (&report["rows"]["written"], &report["rows"]["rejected"]),
            (&json!(rows), &json!(rejected)),
            "{seed}"
        );
    }
}

#[test]
fn a_preview_shows_rows_of_the_jobs_own_plan_and_writes_nothing() {
    let workplace = Workplace::new();
    let load = "examples/access-logs/load.yml";
    let preview = workplace
        .bucketload(["preview", load, "-n", "5", "--json"])
        .run()
        .succeeded()
        .json();
    let columns = names_and_types(&preview["columns"]);
    for (name, data_type) in ACCESS_COLUMNS {
        assert!(
            columns.contains(&(name.to_owned(), data_type.to_owned())),
            "{columns:?} lacks {name}"
        );
    }
    let rows = preview["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0][0], "2026-11-20T00:00:15.981Z");
    assert_eq!(
        rows[0][1],
        "e183220b699c10a83ca7be3433d228ed0860a5ecf9480f83e9655f16bad58908"
    );
    assert_eq!(rows[0][4], 200);
    assert_eq!(rows[0][8], 1.075);
    assert_eq!(preview["rejected"], json!([]));
    let objects = workplace
        .bucketload(["preview", load, "-n", "2", "--format", "json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(
        objects[0]["user_agent"],
        r#"Feed "Reader" 2.1, +https://reader.example/about"#
    );
    let csv = workplace
        .bucketload(["preview", load, "-n", "2", "--format", "csv"])
        .run()
        .succeeded()
        .stdout;
    assert!(
        csv.starts_with("time,ip,method,path,status,bytes,referer,user_agent,duration"),
        "{csv}"
    );
    assert_eq!(workplace.stored_files(), Vec::<String>::new());
}

#[test]
fn an_explanation_names_files_tasks_and_what_follows() {
    let workplace = Workplace::new();
    let load = "examples/access-logs/load.yml";
    let explained = workplace
        .bucketload(["explain", load, "--json"])
        .run()
        .succeeded()
        .json();
    let files = explained["files"].as_array().unwrap();
    assert_eq!(files.len(), ACCESS_LOGS.files);
    let key = "examples/access-logs/web/2026-11-20-00.csv.gz";
    assert_eq!(files[0]["key"], key);
    assert_eq!(
        files[0]["size"],
        fs::metadata(folders::repository().join(key)).unwrap().len()
    );
    let in_tasks: usize = explained["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task.as_array().unwrap().len())
        .sum();
    assert_eq!(in_tasks, ACCESS_LOGS.files);
    assert_eq!(
        explained["next"]["in"]["last_path"],
        "examples/access-logs/web/2026-11-21-01.csv.gz"
    );
    let dry_run = workplace.issue(load, &["--dry-run"]);
    assert_eq!(dry_run["files"], explained["files"]);
    assert_eq!(workplace.stored_files(), Vec::<String>::new());
}

#[test]
fn cloudfront_logs_get_their_time_from_two_columns() {
    let workplace = Workplace::new();
    let report = workplace.issue("examples/cloudfront/load.yml", &[]);
    assert_eq!(
        report["rows"],
        json!({"read": 600, "rejected": 0, "filtered": 0, "written": 600})
    );
    let sql = "SELECT count(*) AS n, sum(sc_bytes) AS bytes, count(*) - count(cs_uri_query) AS plain, \
               count(*) - count(cs_referer) AS direct, min(time) AS first, max(time) AS last FROM d.t";
    assert_eq!(
        workplace.query(sql),
        "n,bytes,plain,direct,first,last\n600,148533395,346,306,2026-11-20T00:00:24Z,2026-11-20T18:59:26Z\n"
    );
    assert!(
        workplace
            .stored_files()
            .iter()
            .any(|file| file.starts_with("d/t/date=2026-11-20/"))
    );
}

#[test]
fn cloudfront_logs_are_guessed_past_their_comments() {
    let workplace = Workplace::new();
    let seed = "examples/cloudfront/seed.yml";
    let guessed = workplace.bucketload(["guess", seed, "--json"]).run().succeeded().json();
    let parser = &guessed["in"]["parser"];
    assert_eq!(parser["delimiter"], "\t", "{parser}");
    assert_eq!(parser["columns"].as_array().unwrap().len(), 14, "{parser}");
    assert_eq!(parser["columns"][3]["type"], "long", "{parser}");
}

#[test]
fn events_are_taken_apart_by_pointers() {
    let workplace = Workplace::new();
    let report = workplace.issue("examples/events/load.yml", &[]);
    assert_eq!(
        report["rows"],
        json!({"read": 500, "rejected": 0, "filtered": 0, "written": 500})
    );
    let sql = "SELECT count(*) AS n, sum(id) AS ids, count(user_id) AS known, sum(CAST(round(amount * 100) AS BIGINT)) AS cents, \
               count(CASE WHEN is_member THEN 1 END) AS members, count(city) AS cities, count(first_sku) AS skus FROM d.t";
    assert_eq!(
        workplace.query(sql),
        "n,ids,known,cents,members,cities,skus\n500,125250,449,9930973,235,296,383\n"
    );
    let first = "SELECT id, time, user_name, items FROM d.t WHERE id <= 2 ORDER BY id";
    let rows = workplace
        .bucketload(["query", first, "--format", "json"])
        .run()
        .succeeded()
        .json();
    assert_eq!(
        rows,
        json!([
            {"id": 1, "time": "2026-11-20T00:00:09.582Z", "user_name": "José", "items": []},
            {"id": 2, "time": "2026-11-20T00:02:27Z", "user_name": "Max \"Speedy\" Roe", "items": [
                {"sku": "L-113", "quantity": 1, "price": 91.52}, {"sku": "L-101", "quantity": 2, "price": 17.61}]},
        ]),
        "a timestamp has the shortest exact fraction, a json column is the value itself"
    );
}

#[test]
fn events_are_guessed_as_json() {
    let workplace = Workplace::new();
    let seed = "examples/events/seed.yml";
    let guessed = workplace.bucketload(["guess", seed, "--json"]).run().succeeded().json();
    let kind = guessed["in"]["parser"]["type"].as_str().unwrap();
    assert!(kind == "json" || kind == "jsonl", "{guessed}");
}

#[test]
fn each_file_is_unpacked_as_its_bytes_say() {
    let workplace = Workplace::new();
    let report = workplace.issue("examples/mixed/load.yml", &[]);
    assert_eq!(report["files"]["read"], 5);
    assert_eq!(
        report["rows"],
        json!({"read": 200, "rejected": 0, "filtered": 0, "written": 200})
    );
    let sql =
        "SELECT source_file, count(*) AS n, min(id) AS first, max(id) AS last FROM d.t GROUP BY source_file ORDER BY 3";
    let printed = workplace.query(sql);
    let files: Vec<_> = printed.lines().skip(1).collect();
    assert_eq!(
        &files[..4],
        [
            "a.csv,40,1,40",
            "b.csv.gz,40,41,80",
            "c.csv.bz2,40,81,120",
            "d.csv.zst,40,121,160"
        ]
    );
    let tenths = "SELECT sum(CAST(round(temperature * 10) AS BIGINT)) FROM d.t";
    assert_eq!(workplace.number(tenths), 14_651);
    assert_eq!(
        workplace.number("SELECT count(*) FROM d.t WHERE id > 160"),
        40,
        "both files of the archive"
    );
}
