//! Rows that have no time where the table wants one: they are rejected with their place, and replayed.

use crate::rejects::replayed;
use bucketload_tests::bucketload::Workplace;
use serde_json::json;

/// A job over `input` whose rows have a time, and a column `s`.
fn timed_job(workplace: &Workplace, name: &str, parser: &str, input: &str) -> String {
    let path = workplace.write(name, input);
    workplace.write(
        "timed.yml",
        format!(
            "in:\n  type: file\n  path_prefix: {path}\n  parser:\n    {parser}\n    columns:\n      - {{name: time, type: timestamp, format: '%s'}}\n      \
             - {{name: s, type: string}}\nout: {{partition_by: day}}\n"
        ),
    )
}

const PLACES: &str = "SELECT line, byte_offset, row_number, column_name, value, reason_code, reason, record FROM d.t__rejects ORDER BY line";

#[test]
fn rows_without_a_time_say_where_they_stand_and_are_replayed() {
    let workplace = Workplace::new();
    let input = "s,time\na,0\n,\n\"b\nb\",253402300800\nc,60\n";
    let job = timed_job(&workplace, "input.csv", "type: csv\n    header: by_name", input);
    let report = workplace.issue(&job, &[]);
    assert_eq!(
        report["rows"],
        json!({"read": 4, "rejected": 2, "filtered": 0, "written": 2})
    );
    let file = workplace.path("input.csv").display().to_string();
    assert_eq!(
        report["rejects"][0]["example"],
        json!({"file": file, "line": 3, "reason": "time column `time` is null"})
    );
    assert_eq!(
        workplace.query(PLACES),
        "line,byte_offset,row_number,column_name,value,reason_code,reason,record\n\
         3,11,2,time,,no_time,time column `time` is null,\",\"\n\
         4,13,3,time,+10000-01-01T00:00:00Z,no_time,time column `time` is outside the years 1 to 9998,\"\"\"b\nb\"\",253402300800\"\n"
    );
    let by_another = [
        "--set",
        "filters=[{type: column, columns: [{name: s}, {name: time, default: '7', format: '%s'}]}]",
    ];
    let report = replayed(&workplace, &job, &by_another);
    assert_eq!(report["replay"]["records"], 2);
    assert_eq!(report["rows"]["written"], 1);
    assert_eq!(
        workplace.query("SELECT s, time FROM d.t ORDER BY time"),
        "s,time\na,1970-01-01T00:00:00Z\n,1970-01-01T00:00:07Z\nc,1970-01-01T00:01:00Z\n"
    );
    assert_eq!(workplace.query("SELECT line FROM d.t__rejects"), "line\n4\n");
}

#[test]
fn rows_without_a_time_have_their_place_behind_filters_too() {
    // The time is the file's, and one that is computed.
    for filters in [
        "[{type: rename, columns: {time: at}}, {type: dedup, columns: [s]}, {type: sql, where: s IS NOT NULL}, {type: rename, columns: {at: time}}]",
        "[{type: sql, select: \"s, CASE WHEN s = 'c' THEN NULL ELSE time END AS time\"}]",
    ] {
        let workplace = Workplace::new();
        let input = "{\"time\": 0, \"s\": \"a\"}\n\n{\"s\": \"c\"}\n{\"time\": 5, \"s\": \"b\"}\n";
        let job = timed_job(&workplace, "input.json", "type: jsonl", input);
        let report = workplace.issue(&job, &["--set", &format!("filters={filters}")]);
        assert_eq!(report["rows"]["written"], 2, "{filters}: {report}");
        assert_eq!(
            workplace.query("SELECT line, byte_offset, column_name, value, record FROM d.t__rejects"),
            "line,byte_offset,column_name,value,record\n3,23,time,,\"{\"\"s\"\": \"\"c\"\"}\"\n",
            "{filters}"
        );
    }
}

#[test]
fn a_row_of_an_aggregation_without_a_time_says_that_it_has_no_place() {
    let workplace = Workplace::new();
    let job = timed_job(&workplace, "input.csv", "type: csv", "0,a\n,b\n,b\n");
    let query = "filters=[{type: sql, query: 'SELECT max(time) AS time, s FROM input GROUP BY s'}]";
    workplace.issue(&job, &["--set", query]);
    assert_eq!(
        workplace.query(PLACES),
        "line,byte_offset,row_number,column_name,value,reason_code,reason,record\n\
         ,,,time,,no_time,\"time column `time` is null; which record the row was made of is not known, as behind a query or an aggregation\",\"{time: null, s: b}\"\n"
    );
    let report = replayed(&workplace, &job, &[]);
    assert_eq!(report["replay"], json!({"records": 0, "incomplete": 1, "waiting": 0}));
}

#[test]
fn a_row_without_a_time_that_fails_the_job_says_where_it_stands() {
    let workplace = Workplace::new();
    let job = timed_job(&workplace, "input.csv", "type: csv", "0,a\n,b\n");
    let place = format!("{} line 2, byte 4", workplace.path("input.csv").display());
    for stop in ["out.stop_on_invalid_record=true", "in.parser.on_error=fail"] {
        let failed = workplace.issuing(&job, &["--set", stop]).run().exited_with(1);
        failed.said(&["time", &place]);
    }
}

#[test]
fn rows_that_the_output_cannot_convert_have_their_place() {
    let workplace = Workplace::new();
    let job = timed_job(&workplace, "input.csv", "type: csv", "0,1\n1,b\n");
    workplace.issue(&job, &["--set", "out.column_options={s: {type: long}}"]);
    assert_eq!(
        workplace.query("SELECT line, byte_offset, column_name, value, reason_code, reason, record FROM d.t__rejects"),
        "line,byte_offset,column_name,value,reason_code,reason,record\n\
         2,4,s,b,bad_value_in_filter,out.column_options: column `s` cannot read `b` as long,\"1,b\"\n"
    );
}

#[test]
fn elements_of_arrays_without_a_time_are_replayed() {
    let workplace = Workplace::new();
    let parser = "type: json\n    root: /r\n    flatten_json_array: true";
    let input = "{\"r\": [{\"time\": 1, \"s\": \"a\"}, {\"s\": \"b\"}]}";
    let job = timed_job(&workplace, "input.json", parser, input);
    workplace.issue(&job, &[]);
    assert_eq!(
        workplace.query("SELECT byte_offset, record FROM d.t__rejects"),
        "byte_offset,record\n30,\"{\"\"s\"\": \"\"b\"\"}\"\n"
    );
    let filters = "filters=[{type: column, columns: [{name: s}, {name: time, default: '7', format: '%s'}]}]";
    assert_eq!(replayed(&workplace, &job, &["--set", filters])["rows"]["written"], 1);
    assert_eq!(workplace.number("SELECT count(*) FROM d.t__rejects"), 0);
}
