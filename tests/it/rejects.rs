//! What is kept of records that could not be read, what a job says of them, and how they are loaded after all.

use bucketload_tests::bucketload::Workplace;
use bucketload_tests::wait::wait_until;
use serde_json::{Value, json};
use std::time::Duration;

/// A job over `input.csv` of the workplace, with a long column `n` and a text column `s`.
fn job(workplace: &Workplace, input: &str) -> String {
    let path = workplace.write("input.csv", input);
    workplace.write(
        "load.yml",
        format!(
            "in: {{type: file, path_prefix: {path}, parser: {{type: csv, columns: [{{name: n, type: long}}, {{name: s, type: string}}]}}}}\n\
             out: {{partition_by: none}}\n"
        ),
    )
}

const BAD: &str = "1,a\nx,b\n\ny,c\n2\n3,\"d\"e\n4,f,g\n";

#[test]
fn a_reject_says_where_it_stands_and_what_is_wrong() {
    let workplace = Workplace::new();
    workplace.issue(&job(&workplace, BAD), &[]);
    assert_eq!(
        workplace.query(
            "SELECT line, byte_offset, row_number, column_name, value, reason_code, record FROM d.t__rejects ORDER BY line"
        ),
        "line,byte_offset,row_number,column_name,value,reason_code,record\n\
         2,4,2,n,x,bad_value,\"x,b\"\n\
         4,9,3,n,y,bad_value,\"y,c\"\n\
         5,13,4,,,too_few_columns,2\n\
         6,15,5,,,text_after_quote,\"3,\"\"d\"\"e\"\n\
         7,22,6,,,too_many_columns,\"4,f,g\"\n"
    );
}

#[test]
fn a_job_tells_the_most_frequent_reasons() {
    let workplace = Workplace::new();
    let job = job(&workplace, BAD);
    let input = workplace.path("input.csv").display().to_string();
    let report = workplace.issue(&job, &[]);
    let reason = |code: &str, column: Option<&str>, count: u64, line: u64, reason: &str| {
        json!({
            "code": code, "column": column, "count": count,
            "example": {"file": input, "line": line, "reason": reason},
        })
    };
    assert_eq!(
        report["rejects"],
        json!([
            reason("bad_value", Some("n"), 2, 2, "cannot read `x` as long"),
            reason(
                "text_after_quote",
                None,
                1,
                6,
                "unexpected character `e` after a closing quote in field 2"
            ),
            reason("too_few_columns", None, 1, 5, "too few columns: expected 2, found 1"),
        ])
    );
    let told = workplace
        .bucketload(["issue", &job, "--database", "d", "--table", "t"])
        .run();
    let line = format!(
        "  skipped 5 records: 2 bad_value of `n` (cannot read `x` as long at {input} line 2); \
         1 text_after_quote (unexpected character `e` after a closing quote in field 2 at {input} line 6); \
         1 too_few_columns (too few columns: expected 2, found 1 at {input} line 5); 1 of other reasons\n"
    );
    assert!(told.stdout.contains(&line), "{told}");
}

#[test]
fn a_job_that_fails_counts_its_rejects_as_rejected() {
    let workplace = Workplace::new();
    let job = job(&workplace, BAD);
    for limit in [
        "in.parser.max_skipped_records=2",
        "in.parser.max_error_ratio=0.5",
        "in.parser.on_error={mode: skip, max_error_ratio: 0.1}",
    ] {
        let failed = workplace.issuing(&job, &["--set", limit]).run().exited_with(1).json();
        assert_eq!(
            failed["rows"],
            json!({"read": 6, "rejected": 5, "filtered": 0, "written": 0}),
            "{limit}"
        );
        let key = limit.split('=').next().unwrap();
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains(&format!("`{key}")), "{error}");
        assert_eq!(failed["rejects"][0]["count"], 2);
    }
}

#[test]
fn a_job_without_rejects_has_no_reasons() {
    let workplace = Workplace::new();
    let report = workplace.issue(&job(&workplace, "1,a\n"), &[]);
    assert_eq!(report["rejects"], json!([]));
}

#[test]
fn a_table_of_rejects_of_an_older_version_gets_the_columns_it_lacks() {
    let workplace = Workplace::new();
    let columns = [
        "job_id:string",
        "file:string",
        "line:long",
        "byte_offset:long",
        "column_name:string",
        "reason:string",
        "record:string",
    ];
    let mut create = workplace.bucketload(["table", "create", "d.t__rejects", "--partition-by", "none"]);
    for column in columns {
        create = create.args(["--column", column]);
    }
    create.run().succeeded();
    let old_row = "SELECT 'old' AS job_id, 'f' AS file, 1 AS line, 0 AS byte_offset, 'c' AS column_name, 'r' AS reason, 'x' AS record FROM input";
    let old = job(&workplace, "1,a\n");
    workplace
        .bucketload(["issue", &old, "--database", "d", "--table", "t__rejects"])
        .set(format!("filters=[{{type: sql, query: \"{old_row}\"}}]"))
        .run()
        .succeeded();
    workplace.issue(&job(&workplace, "x,a\n"), &[]);
    assert_eq!(
        workplace.query("SELECT line, reason, value, reason_code FROM d.t__rejects ORDER BY reason"),
        "line,reason,value,reason_code\n1,cannot read `x` as long,x,bad_value\n1,r,,\n"
    );
}

/// Another configuration for the same table, in which `n` and `s` are text.
fn corrected(workplace: &Workplace) -> String {
    workplace.write(
        "corrected.yml",
        "in: {type: file, path_prefix: nowhere, parser: {type: csv, columns: [{name: n, type: long}, {name: s, type: string}], \
         allow_optional_columns: true, null_string: x}}\nout: {partition_by: none}\n",
    )
}

#[track_caller]
pub(crate) fn replayed(workplace: &Workplace, job: &str, more: &[&str]) -> Value {
    let replay = workplace
        .bucketload(["rejects", "replay", "d.t", job, "--json"])
        .args(more);
    replay.run().succeeded().json()
}

const ROWS: &str = "SELECT n, s FROM d.t ORDER BY n, s";
const LIST: &str =
    "SELECT line, byte_offset, row_number, column_name, value, reason_code, record FROM d.t__rejects ORDER BY line";

#[test]
fn replayed_records_become_rows_and_leave_the_list() {
    let workplace = Workplace::new();
    workplace.issue(&job(&workplace, BAD), &[]);
    let report = replayed(&workplace, &corrected(&workplace), &[]);
    assert_eq!(report["replay"], json!({"records": 5, "incomplete": 0, "waiting": 0}));
    assert_eq!(report["rows"]["written"], 2);
    assert_eq!(report["rows"]["rejected"], 3);
    assert_eq!(workplace.query(ROWS), "n,s\n1,a\n2,\n,b\n");
    let still_bad = "line,byte_offset,row_number,column_name,value,reason_code,record\n\
                     4,9,3,n,y,bad_value,\"y,c\"\n\
                     6,15,5,,,text_after_quote,\"3,\"\"d\"\"e\"\n\
                     7,22,6,,,too_many_columns,\"4,f,g\"\n";
    assert_eq!(workplace.query(LIST), still_bad);

    // The second time there is nothing new, so nothing is committed.
    let report = replayed(&workplace, &corrected(&workplace), &[]);
    assert_eq!(report["table_version"], Value::Null);
    assert_eq!(report["replay"]["records"], 3);
    assert_eq!(workplace.query(ROWS), "n,s\n1,a\n2,\n,b\n");
    assert_eq!(workplace.query(LIST), still_bad);

    // What mends the rest empties the list.
    let all = [
        "--set",
        "in.parser.quote=null",
        "--set",
        "in.parser.allow_extra_columns=true",
        "--set",
        "in.parser.on_bad_value=null",
    ];
    let report = replayed(&workplace, &corrected(&workplace), &all);
    assert_eq!(report["rows"]["written"], 3);
    assert_eq!(
        workplace.query(LIST),
        "line,byte_offset,row_number,column_name,value,reason_code,record\n"
    );
    assert_eq!(
        workplace.query("SELECT n, s FROM d.t WHERE s IN ('c', 'f', '\"d\"e') ORDER BY s"),
        "n,s\n3,\"\"\"d\"\"e\"\n,c\n4,f\n"
    );
    assert_eq!(
        replayed(&workplace, &corrected(&workplace), &all)["replay"]["records"],
        0
    );
}

#[test]
fn a_reason_that_is_new_is_on_the_list() {
    let workplace = Workplace::new();
    workplace.issue(&job(&workplace, "x,a\n"), &[]);
    let report = replayed(
        &workplace,
        &corrected(&workplace),
        &[
            "--set",
            "in.parser.delimiter=;",
            "--set",
            "in.parser.allow_optional_columns=false",
        ],
    );
    assert_eq!(report["rows"]["rejected"], 1);
    assert!(report["table_version"].is_u64(), "the list has changed: {report}");
    assert_eq!(
        workplace.query("SELECT reason_code FROM d.t__rejects"),
        "reason_code\ntoo_few_columns\n"
    );
}

#[test]
fn a_replay_takes_the_records_that_are_asked_for() {
    let workplace = Workplace::new();
    let first = workplace.issue(&job(&workplace, BAD), &[]);
    workplace.issue(&job(&workplace, "x,second\n"), &[]);
    let report = replayed(&workplace, &corrected(&workplace), &["--reason", "too_few_columns"]);
    assert_eq!(report["replay"]["records"], 1);
    let job_id = first["job_id"].as_str().unwrap();
    let report = replayed(
        &workplace,
        &corrected(&workplace),
        &["--job", job_id, "--reason", "bad_value"],
    );
    assert_eq!(report["replay"]["records"], 2);
    assert_eq!(workplace.query(ROWS), "n,s\n1,a\n2,\n,b\n");
    assert_eq!(
        workplace.query("SELECT record FROM d.t__rejects ORDER BY record"),
        "record\n\"3,\"\"d\"\"e\"\n\"4,f,g\"\n\"x,second\"\n\"y,c\"\n"
    );
}

#[test]
fn rejects_are_shown_by_job_and_reason() {
    let workplace = Workplace::new();
    let report = workplace.issue(&job(&workplace, BAD), &[]);
    let show = |more: &[&str]| {
        let shown = workplace
            .bucketload(["rejects", "show", "d.t", "--json"])
            .args(more)
            .run()
            .succeeded()
            .json();
        shown.as_array().unwrap().clone()
    };
    assert_eq!(show(&[]).len(), 5);
    assert_eq!(show(&["-n", "2"]).len(), 2);
    assert_eq!(show(&["--job", "other"]).len(), 0);
    let job_id = report["job_id"].as_str().unwrap();
    let shown = show(&["--job", job_id, "--reason", "too_few_columns"]);
    let input = workplace.path("input.csv").display().to_string();
    assert_eq!(
        shown,
        [json!({
            "job_id": job_id, "file": input, "line": 5, "byte_offset": 13, "row_number": 4, "column_name": null, "value": null,
            "reason_code": "too_few_columns", "reason": "too few columns: expected 2, found 1", "record": "2", "header": null, "record_bytes": 1,
        })]
    );
    workplace
        .bucketload(["rejects", "show", "d.t", "--reason", "other"])
        .run()
        .exited_with(2)
        .said(&["bad_value", "too_few_columns"]);
}

#[test]
fn a_table_without_rejects_shows_none() {
    let workplace = Workplace::new();
    workplace.issue(&job(&workplace, "1,a\n"), &[]);
    let shown = workplace.bucketload(["rejects", "show", "d.t"]).run().succeeded();
    assert_eq!(shown.stdout, "");
    assert_eq!(
        replayed(&workplace, &corrected(&workplace), &[])["replay"]["records"],
        0
    );
}

#[test]
fn columns_of_replayed_records_are_found_by_the_header_of_their_file() {
    let workplace = Workplace::new();
    let by_name = [
        "--set",
        "in.parser.header=by_name",
        "--set",
        "in.metadata_columns=[_file_name, _file_size, _row_number]",
    ];
    workplace.issue(&job(&workplace, "s,n\na,1\nb,x\n"), &by_name);
    workplace.issue(&job(&workplace, "n,other,s\ny,0,c\n"), &by_name);
    let report = replayed(
        &workplace,
        &corrected(&workplace),
        &[by_name.as_slice(), &["--set", "in.parser.on_bad_value=null"]].concat(),
    );
    assert_eq!(report["rows"]["written"], 2);
    assert_eq!(
        workplace.query("SELECT n, s, _file_name, _file_size, _row_number FROM d.t ORDER BY s"),
        "n,s,_file_name,_file_size,_row_number\n1,a,input.csv,12,1\n,b,input.csv,,2\n,c,input.csv,,1\n"
    );
}

#[test]
fn elements_of_arrays_are_replayed() {
    let workplace = Workplace::new();
    let path = workplace.write("input.json", "{\"r\": [{\"n\": 1},\n {\"n\": \"x\"}]}\n");
    let load = workplace.write(
        "load.yml",
        format!(
            "in: {{type: file, path_prefix: {path}, parser: {{type: json, root: /r, flatten_json_array: true, columns: [{{name: n, type: long}}]}}}}\n\
             out: {{partition_by: none}}\n"
        ),
    );
    workplace.issue(&load, &[]);
    let list = "SELECT line, byte_offset, record FROM d.t__rejects";
    let listed = workplace.query(list);
    assert_eq!(listed, "line,byte_offset,record\n2,18,\"{\"\"n\"\": \"\"x\"\"}\"\n");
    assert_eq!(replayed(&workplace, &load, &[])["rows"]["rejected"], 1);
    assert_eq!(workplace.query(list), listed);
    replayed(&workplace, &load, &["--set", "in.parser.on_bad_value=rescue"]);
    assert_eq!(
        workplace.query("SELECT n, _rescued FROM d.t ORDER BY n"),
        "n,_rescued\n1,\n,\"{\"\"n\"\":\"\"x\"\"}\"\n"
    );
    assert_eq!(workplace.query(list), "line,byte_offset,record\n");
}

#[test]
fn records_whose_text_is_not_all_there_stay_on_the_list() {
    let workplace = Workplace::new();
    let num_bytes = 17 * 1024 * 1024;
    let long = format!("x,{}\ny,b\n", "a".repeat(num_bytes - 2));
    workplace.issue(&job(&workplace, &long), &[]);
    let report = replayed(
        &workplace,
        &corrected(&workplace),
        &["--set", "in.parser.null_string=y"],
    );
    assert_eq!(report["replay"], json!({"records": 1, "incomplete": 1, "waiting": 0}));
    assert_eq!(
        workplace.query("SELECT line, record_bytes, length(record) AS kept FROM d.t__rejects"),
        format!("line,record_bytes,kept\n1,{num_bytes},{}\n", 16 * 1024 * 1024)
    );
}

#[test]
fn a_long_record_is_kept_in_full_and_replayed() {
    let workplace = Workplace::new();
    let num_repeats = 1024 * 1024 / 6;
    let input = format!("1,a\nx,\"{}\"\n2,b\n", "é, \"\"".repeat(num_repeats));
    workplace.issue(&job(&workplace, &input), &[]);
    // The file may be another one by now, or none.
    workplace.write("input.csv", "");
    assert_eq!(
        workplace.query("SELECT line, reason_code, record_bytes > 1000000 AS is_long FROM d.t__rejects"),
        "line,reason_code,is_long\n2,quoted_field_too_long,true\n"
    );
    let longer = ["--set", "in.parser.max_quoted_size_limit=2000000"];
    let report = replayed(&workplace, &corrected(&workplace), &longer);
    assert_eq!(report["replay"], json!({"records": 1, "incomplete": 0, "waiting": 0}));
    let whole = format!("SELECT count(*) FROM d.t WHERE n IS NULL AND s = repeat('é, \"', {num_repeats})");
    assert_eq!(workplace.number(&whole), 1);
    assert_eq!(workplace.number("SELECT count(*) FROM d.t__rejects"), 0);
}

#[test]
fn many_long_records_are_all_kept() {
    let workplace = Workplace::new();
    let long: String = (0..40)
        .map(|number| format!("x{number},{}\n", "a".repeat(1024 * 1024)))
        .collect();
    let report = workplace.issue(&job(&workplace, &long), &["--set", "exec.memory_limit=128MiB"]);
    assert_eq!(report["rows"]["rejected"], 40);
    assert_eq!(
        workplace
            .number("SELECT count(DISTINCT left(record, 4)) FROM d.t__rejects WHERE record_bytes = length(record)"),
        40
    );
}

#[test]
fn a_replay_that_is_killed_is_completed_by_whoever_comes_next() {
    let workplace = Workplace::new();
    let many: String = (0..500).map(|row| format!("x,{row}\n")).collect();
    workplace.issue(&job(&workplace, &many), &[]);
    let corrected = corrected(&workplace);
    let mut replay = workplace.bucketload(["rejects", "replay", "d.t", &corrected]).spawn();
    // The data's commit is there, and that of the list may be or not.
    let is_committed = wait_until(Duration::from_secs(120), || {
        let files = workplace.stored_files();
        files.contains(&"d/t/_delta_log/00000000000000000001.json".to_owned()) || replay.has_ended()
    });
    assert!(is_committed, "{}", replay.wait());
    replay.kill();
    replay.wait();
    assert_eq!(workplace.number("SELECT count(*) FROM d.t"), 500);
    assert_eq!(
        workplace.number("SELECT count(*) FROM d.t__rejects"),
        0,
        "a query completes the list"
    );
    assert_eq!(replayed(&workplace, &corrected, &[])["replay"]["records"], 0);
}

#[test]
fn two_replays_at_once_load_each_record_once() {
    let workplace = Workplace::new();
    let many: String = (0..200).map(|row| format!("x,{row}\n")).collect();
    workplace.issue(&job(&workplace, &many), &[]);
    let corrected = corrected(&workplace);
    let replays = [(); 2].map(|()| workplace.bucketload(["rejects", "replay", "d.t", &corrected]).spawn());
    let statuses = replays.map(|replay| replay.wait().status);
    // The slower one finds nothing to do, or is told that it came too late.
    assert!(statuses.contains(&Some(0)), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, Some(0 | 1))),
        "{statuses:?}"
    );
    assert_eq!(workplace.number("SELECT count(*) FROM d.t"), 200);
    assert_eq!(workplace.number("SELECT count(*) FROM d.t__rejects"), 0);
}

#[test]
fn records_that_a_filter_rejects_are_replayed() {
    let workplace = Workplace::new();
    let filters = "filters=[{type: sql, select: '*, n + 1 AS m'}, {type: cast, columns: {s: long}}]";
    let by_name = ["--set", "in.parser.header=by_name", "--set", filters];
    workplace.issue(&job(&workplace, "s,n\n1,1\nb,2\n\nc,3\n"), &by_name);
    assert_eq!(
        workplace.query(LIST),
        "line,byte_offset,row_number,column_name,value,reason_code,record\n\
         3,8,2,s,b,bad_value_in_filter,\"b,2\"\n\
         5,13,3,s,c,bad_value_in_filter,\"c,3\"\n"
    );
    let corrected = corrected(&workplace);
    let kinder = "filters=[{type: sql, select: '*, n + 1 AS m', where: \"s <> 'c'\"}, {type: cast, columns: {s: boolean}}, {type: cast, columns: {s: long}}]";
    let report = replayed(
        &workplace,
        &corrected,
        &["--set", "in.parser.header=by_name", "--set", kinder],
    );
    assert_eq!(report["rows"]["written"], 1);
    assert_eq!(
        workplace.query("SELECT n, s, m FROM d.t ORDER BY n"),
        "n,s,m\n1,1,2\n2,0,3\n"
    );
    assert_eq!(workplace.number("SELECT count(*) FROM d.t__rejects"), 0);
}
