//! What users read when something is wrong: what, where, which value, what to do; and nothing half done.

use crate::examples::ACCESS_LOGS;
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Finished, Workplace};
use bucketload_tests::proxy::{Answer, Fault, Proxy, RequestKind};
use bucketload_tests::servers;
use serde_json::json;
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

/// Demands one error line, its place and its hint, word for word, and that no row is visible.
#[track_caller]
fn check_told(workplace: &Workplace, finished: Finished, status: i32, expected: &[&str]) -> Finished {
    let finished = finished.exited_with(status).kept_secrets();
    let told: Vec<&str> = finished
        .stderr
        .lines()
        .skip_while(|line| !line.starts_with("error: "))
        .collect();
    assert_eq!(told, expected, "{finished}");
    assert_eq!(workplace.num_rows(), 0);
    finished
}

/// A load of the access logs from a bucket.
fn load_from(workplace: &Workplace, endpoint: &str, bucket: &str) -> Bucketload {
    let options = [
        "--set",
        "in.initial_retry_interval_millis=10",
        "--set",
        "in.maximum_retries=1",
    ];
    workplace.issuing("examples/s3/load.yml", &options).s3(endpoint, bucket)
}

#[test]
fn a_missing_bucket_is_told() {
    let workplace = Workplace::new();
    let endpoint = servers::seaweedfs().endpoint();
    check_told(
        &workplace,
        load_from(&workplace, &endpoint, "no-such-bucket").run(),
        1,
        &[
            &format!("error: bucket `no-such-bucket` does not exist at `{endpoint}`"),
            "hint: check `in.bucket` (the name alone, no URL), and that `in.endpoint` is the service that has it",
        ],
    );
}

#[test]
fn a_wrong_key_is_told() {
    let (workplace, bucket) = (Workplace::new(), Bucket::new(servers::seaweedfs()));
    let endpoint = bucket.server().endpoint();
    for (variable, answer) in [
        (
            "AWS_ACCESS_KEY_ID",
            "InvalidAccessKeyId: The access key ID you provided does not exist in our records",
        ),
        (
            "AWS_SECRET_ACCESS_KEY",
            "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your \
             key and signing method",
        ),
    ] {
        let loading = load_from(&workplace, &endpoint, bucket.name()).env(variable, "wrong");
        check_told(
            &workplace,
            loading.run(),
            1,
            &[
                &format!(
                    "error: the credentials for `s3://{}` are refused ({answer})",
                    bucket.name()
                ),
                "hint: check `in.access_key_id`, `in.secret_access_key` and `in.session_token`; they belong together",
            ],
        );
    }
}

#[test]
fn a_wrong_region_is_told() {
    let (workplace, bucket) = (Workplace::new(), Bucket::new(servers::seaweedfs()));
    let elsewhere = Answer {
        status: "301 Moved Permanently",
        headers: &[("x-amz-bucket-region", "eu-west-1")],
        body: "<Error><Code>PermanentRedirect</Code><Message>Use the specified endpoint.</Message></Error>",
    };
    let proxy = Proxy::start(bucket.server().address()).with_fault(RequestKind::List, Fault::Answer(elsewhere), 1);
    check_told(
        &workplace,
        load_from(&workplace, &proxy.endpoint(), bucket.name()).run(),
        1,
        &[
            &format!(
                "error: bucket `{}` is not in the region of `{}`",
                bucket.name(),
                proxy.endpoint()
            ),
            "hint: leave `in.endpoint` out and set `in.region: eu-west-1`",
        ],
    );
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_told() {
    let workplace = Workplace::new();
    let endpoint = format!("http://{}", servers::unused_address());
    let finished = check_told(
        &workplace,
        load_from(&workplace, &endpoint, "logs").run(),
        1,
        &[
            &format!("error: cannot connect to `{endpoint}` (connection refused)"),
            "  at s3://logs/web/2026- (gave up listing after 2 attempts)",
            "hint: check `in.endpoint` and `in.http_proxy`, and that this machine can reach them",
        ],
    );
    finished.said(&["will be repeated", "retry=1 of=1"]);
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
    let place = format!("  at {} line 2, byte 13", workplace.path("input/a.csv").display());
    let finished = check_told(
        &workplace,
        finished,
        1,
        &[
            "error: too many columns: expected 2, found 3",
            &place,
            "hint: mend the record, or set `in.parser.on_error: skip` to keep going",
        ],
    );
    assert!(!finished.stderr.contains("skipped"), "nothing was: {finished}");
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_column() {
    let text = JOB.replace("    type: csv\n", "    type: csv\n    stop_on_invalid_record: true\n");
    let (workplace, finished) = run(&text, "2026-01-01,1\n2026-01-02,12.5\n");
    let place = format!("  at {} line 2, byte 13", workplace.path("input/a.csv").display());
    check_told(
        &workplace,
        finished,
        1,
        &[
            "error: cannot read `12.5` as long",
            &place,
            "hint: set `type: string` for `n`, mend the record, or set `in.parser.on_error: skip` to keep going",
        ],
    );
}

#[test]
fn a_wrong_delimiter_rejects_every_record_and_says_so() {
    let text = JOB.replace("    type: csv\n", "    type: csv\n    delimiter: ';'\n");
    let (workplace, finished) = run(&text, "2026-01-01,1\n2026-01-02,2\n");
    let finished = finished.succeeded().said(&[
        "warning: every record was rejected; check `in.parser.delimiter` (\";\") and the number of `columns` (2), or let \
         `bucketload guess` find them",
    ]);
    let report = finished.json();
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
fn malformed_text_is_loaded_and_the_file_is_named() {
    let text = JOB.replace(
        "name: time, type: timestamp, format: '%Y-%m-%d'",
        "name: s, type: string",
    );
    let (workplace, finished) = run(&text, b"caf\xe9,1\n\xff\xff,2\n");
    let file = workplace.path("input/a.csv");
    let finished = finished.succeeded().said(&[&format!(
        "warning: 3 malformed parts of 1 files were read as U+FFFD, `{}` is one of them; check `in.parser.charset`, or set \
         `charset_errors: fail`",
        file.display()
    )]);
    let expected = json!({"replaced": 3, "files": 1, "first_file": file});
    assert_eq!(finished.json()["charset_errors"], expected);
}

#[test]
fn too_many_bad_records_fail_the_job() {
    let text = JOB.replace(
        "    type: csv\n",
        "    type: csv\n    on_error: {mode: skip, max_errors: 1}\n",
    );
    let (workplace, finished) = run(&text, "2026-01-01,1\nx\ny\nz\n");
    let place = format!("  at {} line 2, byte 13", workplace.path("input/a.csv").display());
    check_told(
        &workplace,
        finished,
        1,
        &[
            "error: 3 records could not be read, `in.parser.on_error.max_errors` allows 1; the first: too few columns: expected 2, found 1",
            &place,
            "hint: mend the record, or raise `in.parser.on_error.max_errors`",
        ],
    );
    let (_workplace, finished) = run(&text, "2026-01-01,1\nx\n");
    finished.succeeded();
}

#[test]
fn a_file_that_is_not_gzip_fails_the_job_with_its_name() {
    let text = JOB.replace("  parser:", "  decoders: [{type: gzip}]\n  parser:");
    let (workplace, finished) = run(&text, "2026-01-01,1\n");
    let place = format!("  at {}", workplace.path("input/a.csv").display());
    check_told(
        &workplace,
        finished,
        1,
        &[
            "error: corrupt gzip data at byte 0: not the first bytes of a gzip member",
            &place,
            "hint: check `in.decoders` (left out, each file is decoded by its magic bytes), or set `in.on_file_error: skip`",
        ],
    );
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
fn files_of_several_requests_are_left_out_as_a_whole_and_the_others_loaded() {
    const NUM_LINES: usize = 1_000_000;
    let mut text = String::new();
    for number in 0..NUM_LINES {
        text.push_str(&format!("{:09}\n", number * 7_919 % 999_983));
    }
    let workplace = Workplace::new();
    workplace.write("input/1.csv", &text);
    // Malformed after the first request for its bytes.
    let mut malformed = text.into_bytes();
    malformed[9_000_000] = 0xFF;
    workplace.write("input/2.csv", &malformed);
    let prefix = workplace.path("input/");
    let job = workplace.write(
        "load.yml",
        format!(
            "in:\n  type: file\n  path_prefix: {}\n  on_file_error: skip\n  parser:\n    type: csv\n    charset_errors: fail\n    \
             columns: [{{name: number, type: long}}]\nout: {{partition_by: none}}\n",
            prefix.display()
        ),
    );
    let report = workplace.issue(&job, &[]);
    assert_eq!(
        (&report["files"]["skipped_errors"], &report["rows"]["written"]),
        (&1.into(), &NUM_LINES.into()),
        "{report}"
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
    let failed = workplace.issuing(&other, &[]).run().exited_with(2);
    failed.said(&[
        "error: column `n` is long in table `d.t` and string in this load",
        "hint: give `n` the table's type in `in.parser.columns` or with a `cast` filter, rename it, or load with `--mode replace`",
    ]);
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
fn an_expression_that_fails_on_a_value_says_what_to_write() {
    let (workplace, path) = job(JOB, "2026-11-20,0\n");
    let hint = "hint: `TRY_CAST(x AS ...)` is null where `CAST` fails, and `a / NULLIF(b, 0)` where `b` is 0";
    for (expression, reason) in [
        ("1 / n", "Divide by zero error"),
        (
            "CAST('x' || n AS BIGINT)",
            "Cast error: Cannot cast string 'x0' to value of Int64 type",
        ),
    ] {
        let filter = format!("filters=[{{type: sql, select: \"{expression} AS x\"}}]");
        let failed = workplace.issuing(&path, &["--set", &filter]).run();
        failed
            .exited_with(1)
            .said(&[&format!("error: an expression cannot be computed: {reason}"), hint]);
    }
}

#[test]
fn what_cannot_be_a_warehouse_is_refused() {
    let workplace = Workplace::new();
    for (location, reason) in [
        ("gs://bucket/tables", "`gs` is not supported"),
        ("s3://", "it names no bucket"),
        ("tables#1", "its path holds `#`, which gets lost in the URLs of tables"),
        (
            "s3://bucket/a%23b",
            "its path holds `#`, which gets lost in the URLs of tables",
        ),
    ] {
        let refused = workplace.bucketload(["tables"]).env("BUCKETLOAD_WAREHOUSE", location);
        refused.run().exited_with(2).said(&[
            &format!("error: `{location}` cannot be a warehouse: {reason}"),
            "hint: give a directory or `s3://BUCKET/PREFIX`",
        ]);
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
    failed.exited_with(1).said(&[&warehouse, "hint: "]);
}

#[test]
fn a_table_that_this_user_may_not_write_to_is_named() {
    let (workplace, path) = job(JOB, "2026-01-01,1\n");
    // Root may write anywhere but here, and others not here either.
    let failed = workplace
        .issuing(&path, &[])
        .env("BUCKETLOAD_WAREHOUSE", "/sys/bucketload-tests")
        .run();
    let failed = failed
        .exited_with(1)
        .said(&["hint: check who may write to the warehouse; nothing was committed"]);
    assert!(
        failed.error_line().contains("cannot write `/sys/bucketload-tests/d/t/"),
        "{failed}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let (workplace, path) = job(JOB, "2026-01-01,1\n");
    // A link to itself can be read by nobody, not even by root.
    let link = workplace.path("input/loop.csv");
    std::os::unix::fs::symlink(&link, &link).unwrap();
    let finished = workplace
        .issuing(&path, &[])
        .set(format!("in.path={}", link.display()))
        .run();
    let finished = finished
        .exited_with(1)
        .said(&["hint: check that it is there and that this user may read it"]);
    let line = finished.error_line();
    assert!(
        line.contains(&format!("cannot read `{}`: ", link.display())) && line.contains("symbolic links"),
        "{finished}"
    );
    assert_eq!(workplace.num_rows(), 0);
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
        .exited_with(1)
        .said(&["hint: free some space; nothing was committed"]);
    let place = workplace.warehouse().join("d/t");
    assert!(
        failed
            .error_line()
            .starts_with(&format!("error: cannot write `{}", place.display())),
        "{failed}"
    );
    assert_eq!(workplace.num_rows(), 0);
    assert_eq!(workplace.stored_files(), [""; 0], "what was staged is gone");
    workplace.issue(job, &options);
    assert_eq!(workplace.num_rows(), ACCESS_LOGS.written);
}

#[test]
fn a_directory_without_files_succeeds_with_nothing() {
    let workplace = Workplace::new();
    let prefix = format!("{}nothing-", workplace.path("").to_str().unwrap());
    let load = |assignment: &str| {
        let job = "examples/access-logs/load.yml";
        workplace.issuing(job, &["--set", assignment]).run().succeeded()
    };
    let nothing = load(&format!("in.path_prefix={prefix}")).said(&[&format!(
        "warning: there are no files whose path begins with `{prefix}`; check `in.path_prefix`"
    )]);
    let report = nothing.json();
    assert_eq!(
        (&report["files"]["selected"], &report["rows"]["written"]),
        (&0.into(), &0.into())
    );
    load("in.path_match_pattern=nowhere").said(&[&format!(
        "warning: none of {} files is wanted; check `in.path_match_pattern`",
        ACCESS_LOGS.files
    )]);
    load("in.last_path=examples/access-logs/web/3").said(&["warning: there are no new files"]);
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
