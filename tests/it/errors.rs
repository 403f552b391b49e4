//! What users read when something is wrong: what, where, which value, what to do; and nothing half done.

use crate::examples::ACCESS_LOGS;
use bucketload_tests::bucketload::{Finished, Workplace};
use std::fs;

const JOB: &str = "in:
  type: file
  path_prefix: PREFIX
  parser:
    type: csv
    columns:
      - {name: time, type: timestamp, format: '%Y-%m-%d'}
      - {name: n, type: long}
out: {partition_by: none}
";

/// A workplace with one input file, and the path of a job that loads it.
fn job(text: &str, input: impl AsRef<[u8]>) -> (Workplace, String) {
    let workplace = Workplace::new();
    workplace.write("input/a.csv", input);
    let prefix = workplace.path("input/a.csv");
    let path = workplace.write("job.yml", text.replace("PREFIX", prefix.to_str().unwrap()));
    (workplace, path)
}

fn run(text: &str, input: impl AsRef<[u8]>) -> (Workplace, Finished) {
    let (workplace, path) = job(text, input);
    let finished = workplace.issuing(&path, &[]).run();
    (workplace, finished)
}

#[test]
fn an_unknown_key_is_a_warning_with_the_nearest_known_one() {
    let text = JOB.replace("    type: csv\n", "    type: csv\n    skip_header_line: 1\n");
    let (workplace, finished) = run(&text, "2026-01-01,1\n");
    finished
        .succeeded()
        .said(&["skip_header_line", "skip_header_lines", "line 6"]);
    let strict = workplace
        .issuing(workplace.path("job.yml").to_str().unwrap(), &["--strict"])
        .run();
    let strict = strict.exited_with(2).said(&["skip_header_line", "skip_header_lines"]);
    assert!(strict.error_line().contains("skip_header_line"), "{strict}");
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let text = JOB
        .replace("type: long", "type: int")
        .replace("partition_by: none", "partition_by: week");
    let (workplace, finished) = run(&text, "");
    finished
        .exited_with(2)
        .said(&["int", "long", "week", "month", "job.yml", "line 8", "line 9"]);
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let finished = Workplace::new().issuing("no/such/load.yml", &[]).run();
    finished.exited_with(2).said(&["no/such/load.yml", "not found"]);
}

#[test]
fn broken_yaml_is_told_with_its_line() {
    let (_workplace, finished) = run("in:\n  type: file\n  parser: {type: csv\nout: {}\n", "");
    let finished = finished.exited_with(2).said(&["job.yml", "line"]);
    finished.error_line();
}

#[test]
fn an_unset_variable_is_named() {
    let (_workplace, finished) = run(&JOB.replace("PREFIX", "${NO_SUCH_VARIABLE_HERE}"), "");
    finished.exited_with(2).said(&["NO_SUCH_VARIABLE_HERE"]);
}

#[test]
fn a_record_of_another_width_is_told_with_file_and_line() {
    let text = JOB.replace("    type: csv\n", "    type: csv\n    on_error: fail\n");
    let (workplace, finished) = run(&text, "2026-01-01,1\n2026-01-02,2,x\n");
    finished.exited_with(1).said(&["a.csv", "line 2", "too many columns"]);
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_column() {
    let text = JOB.replace("    type: csv\n", "    type: csv\n    stop_on_invalid_record: true\n");
    let (workplace, finished) = run(&text, "2026-01-01,1\n2026-01-02,12.5\n");
    finished
        .exited_with(1)
        .said(&["`n`", "`12.5`", "long", "a.csv", "line 2"]);
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_wrong_delimiter_rejects_every_record_and_says_so() {
    let text = JOB.replace("    type: csv\n", "    type: csv\n    delimiter: ';'\n");
    let (workplace, finished) = run(&text, "2026-01-01,1\n2026-01-02,2\n");
    let report = finished.succeeded().json();
    assert_eq!(
        (report["rows"]["rejected"].as_u64(), report["rows"]["written"].as_u64()),
        (Some(2), Some(0))
    );
    assert_eq!(
        report["next"]["in"]["last_path"],
        workplace.path("input/a.csv").to_str().unwrap(),
        "the file was read"
    );
    let reasons = workplace.query("SELECT DISTINCT reason FROM d.t__rejects");
    assert!(reasons.contains("too few columns"), "{reasons}");
}

#[test]
fn too_many_bad_records_fail_the_job() {
    let text = JOB.replace(
        "    type: csv\n",
        "    type: csv\n    on_error: {mode: skip, max_errors: 1}\n",
    );
    let (workplace, finished) = run(&text, "2026-01-01,1\nx\ny\nz\n");
    finished.exited_with(1).said(&["max_errors"]);
    assert_eq!(workplace.num_rows(), 0);
    let (_workplace, finished) = run(&text, "2026-01-01,1\nx\n");
    finished.succeeded();
}

#[test]
fn a_file_that_is_not_gzip_fails_the_job_with_its_name() {
    let text = JOB.replace("  parser:", "  decoders: [{type: gzip}]\n  parser:");
    let (workplace, finished) = run(&text, "2026-01-01,1\n");
    finished.exited_with(1).said(&["a.csv", "gzip"]);
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn a_gzip_cut_short_fails_the_job_or_is_left_out_where_that_is_asked() {
    let whole = fs::read(bucketload_tests::folders::repository().join("examples/access-logs/web/2026-11-20-00.csv.gz"));
    let whole = whole.unwrap();
    let workplace = Workplace::new();
    workplace.write("input/1.csv.gz", &whole);
    workplace.write("input/2.csv.gz", &whole[..whole.len() / 2]);
    let prefix = format!("in.path_prefix={}", workplace.path("input/").to_str().unwrap());
    let job = "examples/access-logs/load.yml";
    let failed = workplace
        .issuing(job, &["--set", &prefix])
        .run()
        .exited_with(1)
        .said(&["2.csv.gz"]);
    failed.error_line();
    assert_eq!(workplace.num_rows(), 0);
    let report = workplace.issue(job, &["--set", &prefix, "--set", "in.on_file_error=skip"]);
    assert_eq!(
        (&report["files"]["skipped_errors"], &report["files"]["read"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    let whole_alone = Workplace::new();
    let prefix = format!("in.path_prefix={}", workplace.path("input/1").to_str().unwrap());
    whole_alone.issue(job, &["--set", &prefix]);
    assert_eq!(
        workplace.num_rows(),
        whole_alone.num_rows(),
        "no row of the broken file is loaded"
    );
}

#[test]
fn a_table_that_is_not_there_is_not_made_unasked() {
    let (workplace, path) = job(JOB, "2026-01-01,1\n");
    let finished = workplace
        .bucketload(["issue", &path, "--database", "d", "--table", "t"])
        .run();
    assert_ne!(finished.status, Some(0), "{finished}");
    finished.said(&["t", "--auto-create-table"]);
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn new_columns_are_added_and_missing_ones_are_null() {
    let (workplace, path) = job(JOB, "2026-01-01,1\n");
    workplace.issue(&path, &[]);
    workplace.write("input/a.csv", "2026-01-02,b\n");
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("{name: n, type: long}", "{name: s, type: string}");
    let other = workplace.write("other.yml", text);
    workplace.issue(&other, &[]);
    assert_eq!(
        workplace.query("SELECT time, n, s FROM d.t ORDER BY time"),
        "time,n,s\n2026-01-01T00:00:00Z,1,\n2026-01-02T00:00:00Z,,b\n"
    );
}

#[test]
fn a_column_of_another_type_is_refused() {
    let (workplace, path) = job(JOB, "2026-01-01,1\n");
    workplace.issue(&path, &[]);
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("{name: n, type: long}", "{name: n, type: string}");
    let other = workplace.write("other.yml", text);
    let failed = workplace.issuing(&other, &[]).run();
    assert!(matches!(failed.status, Some(1 | 2)), "{failed}");
    failed.said(&["`n`", "long", "string"]);
    assert_eq!(workplace.num_rows(), 1);
}

#[test]
fn a_time_column_that_tells_no_time_is_refused() {
    let text = JOB
        .replace("{partition_by: none}", "{time_column: NAME}")
        .replace("name: n, type: long", "name: n, type: string");
    for (name, fragments) in [
        ("n", vec!["`n`", "long or timestamp", "string"]),
        ("nowhere", vec!["nowhere", "does not exist"]),
    ] {
        let (workplace, finished) = run(&text.replace("NAME", name), "2026-01-01,1\n");
        finished.exited_with(2).said(&fragments);
        assert_eq!(workplace.num_rows(), 0);
    }
}

#[test]
fn a_warehouse_that_cannot_be_written_is_named() {
    let (workplace, path) = job(JOB, "2026-01-01,1\n");
    // Below a file there can be no folder, not even for root.
    let file = workplace.write("file", "");
    let warehouse = format!("{file}/warehouse");
    let failed = workplace
        .issuing(&path, &[])
        .env("BUCKETLOAD_WAREHOUSE", &warehouse)
        .run();
    assert!(matches!(failed.status, Some(1 | 2)), "{failed}");
    failed.said(&[&warehouse]);
}

#[test]
fn a_full_disk_fails_the_job_and_shows_nothing() {
    let workplace = Workplace::new();
    let job = "examples/access-logs/load.yml";
    let options = ["--set", "out.partition_by=none", "--set", "out.compression=none"];
    // A file cannot grow beyond 48 or 96 KiB, by what the shell takes for a block; the one to be written has about 200.
    let failed = workplace
        .issuing(job, &options)
        .after_shell("trap '' XFSZ; ulimit -f 96")
        .run()
        .exited_with(1);
    failed.error_line();
    assert_eq!(workplace.num_rows(), 0);
    workplace.issue(job, &options);
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
}

#[test]
fn a_directory_without_files_succeeds_with_nothing() {
    let workplace = Workplace::new();
    let prefix = format!("in.path_prefix={}/nothing-", workplace.path("").to_str().unwrap());
    let report = workplace.issue("examples/access-logs/load.yml", &["--set", &prefix]);
    assert_eq!(
        (&report["files"]["selected"], &report["rows"]["written"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn replace_without_rows_empties_the_table_and_replace_on_new_data_does_not() {
    let workplace = Workplace::new();
    let job = "examples/access-logs/load.yml";
    workplace.issue(job, &[]);
    let nothing = format!("in.path_prefix={}/nothing-", workplace.path("").to_str().unwrap());
    let report = workplace.issue(job, &["--mode", "replace_on_new_data", "--set", &nothing]);
    assert_eq!(report["rows"]["written"], 0);
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
    workplace.issue(job, &["--mode", "replace", "--set", &nothing]);
    assert_eq!(workplace.num_rows(), 0);
}

#[test]
fn wrong_arguments_are_a_mistake_of_the_caller() {
    let workplace = Workplace::new();
    for arguments in [
        vec!["no-such-command"],
        vec!["issue"],
        vec!["issue", "examples/access-logs/load.yml"],
        vec!["--no-such-flag"],
    ] {
        workplace.bucketload(arguments).run().exited_with(2);
    }
    let failed = workplace
        .issuing("examples/access-logs/load.yml", &["--set", "in.min_task_size"])
        .run();
    failed.exited_with(2).said(&["--set"]);
}

#[test]
fn a_failure_with_json_is_still_one_document() {
    let text = JOB.replace("    type: csv\n", "    type: csv\n    on_error: fail\n");
    let (_workplace, finished) = run(&text, "x\n");
    let report = finished.exited_with(1).json();
    assert_eq!(report["status"], "error");
    assert!(
        report["error"].as_str().is_some_and(|error| !error.is_empty()),
        "{report}"
    );
}
