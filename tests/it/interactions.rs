//! What several options, or several runs, make of each other. Those that one run shows are cases.

use bucketload_tests::bucketload::Workplace;
use serde_json::Value;

/// A job over five files, of which the third has the text `third`; the path of its configuration and of the files' folder.
fn five_files(workplace: &Workplace, parser: &str, third: &str) -> (String, String) {
    for number in 1..=5 {
        let text = if number == 3 {
            third.to_owned()
        } else {
            format!("{number}\n")
        };
        workplace.write(&format!("input/{number}.csv"), text);
    }
    let folder = format!("{}/", workplace.path("input").to_str().unwrap());
    let job = workplace.write(
        "job.yml",
        format!(
            "in:\n  type: file\n  path_prefix: {folder}\n  parser: {{type: csv, {parser}columns: [{{name: n, type: long}}]}}\n\
             out: {{partition_by: none}}\n"
        ),
    );
    (job, folder)
}

fn last_path(report: &Value) -> &Value {
    &report["next"]["in"]["last_path"]
}

#[test]
fn a_bad_record_in_the_third_file_leaves_table_and_cursor_as_they_were() {
    let workplace = Workplace::new();
    let (job, folder) = five_files(&workplace, "stop_on_invalid_record: true, ", "x\n");
    let first = workplace.issue(&job, &["--set", "in.total_file_count_limit=2"]);
    let seen = format!("{folder}2.csv");
    assert_eq!(last_path(&first), seen.as_str());
    let failed = workplace
        .issuing(&job, &["--set", &format!("in.last_path={seen}")])
        .run()
        .exited_with(1)
        .json();
    assert_eq!(last_path(&failed), &Value::Null, "a job that failed has no cursor");
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 3);
    assert_eq!(workplace.num_rows(), 2);
    workplace.write("input/3.csv", "3\n");
    let mended = workplace.issue(&job, &["--set", &format!("in.last_path={seen}")]);
    assert_eq!(last_path(&mended), format!("{folder}5.csv").as_str());
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 15);
}

#[test]
fn a_job_of_bad_records_alone_succeeds_and_goes_on_behind_them() {
    let workplace = Workplace::new();
    let (job, folder) = five_files(&workplace, "delimiter: ';', ", "a;b\nc;d\n");
    let options = ["--set", "in.path_match_pattern=3.csv"];
    let report = workplace.issue(&job, &options);
    assert_eq!(report["status"], "success");
    assert_eq!(
        (&report["rows"]["rejected"], &report["rows"]["written"]),
        (&2.into(), &0.into())
    );
    assert_eq!(last_path(&report), format!("{folder}3.csv").as_str());
}

#[test]
fn a_run_that_finds_nothing_leaves_the_cursor_where_it_was() {
    let workplace = Workplace::new();
    let (job, folder) = five_files(&workplace, "", "3\n");
    let seen = format!("{folder}9.csv");
    let report = workplace.issue(&job, &["--set", &format!("in.last_path={seen}")]);
    assert_eq!(report["files"]["selected"], 0);
    assert_eq!(last_path(&report), seen.as_str());
    let report = workplace.issue(&job, &["--set", "in.path_match_pattern=nowhere"]);
    assert_eq!(last_path(&report), &Value::Null, "there was none, and there is none");
}

#[test]
fn a_limit_of_no_file_is_told_as_what_it_is() {
    let workplace = Workplace::new();
    let (job, _) = five_files(&workplace, "", "3\n");
    let loaded = workplace.issuing(&job, &["--set", "in.total_file_count_limit=0"]).run();
    loaded
        .succeeded()
        .said(&["`in.total_file_count_limit` is 0, so no file is loaded"]);
}

#[test]
fn the_cursor_is_the_last_file_selected_and_not_the_last_one_seen() {
    let workplace = Workplace::new();
    let (job, folder) = five_files(&workplace, "", "3\n");
    workplace.write("input/6.csv", "");
    workplace.write("input/7.txt", "7\n");
    let report = workplace.issue(&job, &["--set", r"in.path_match_pattern=\.csv$"]);
    assert_eq!(last_path(&report), format!("{folder}5.csv").as_str());
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 15);
}

#[test]
fn one_path_wins_over_the_prefix_and_is_read_again_each_time() {
    let workplace = Workplace::new();
    let (job, folder) = five_files(&workplace, "", "3\n");
    let path = format!("{folder}3.csv");
    let options = ["--set", &format!("in.path={path}")];
    for num_rows in [1, 2] {
        let report = workplace.issue(&job, &options);
        assert_eq!(last_path(&report), path.as_str());
        assert_eq!(workplace.num_rows(), num_rows);
    }
    assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 6);
    let missing = format!("in.path={folder}8.csv");
    workplace
        .issuing(&job, &["--set", &missing])
        .run()
        .exited_with(1)
        .said(&["8.csv"]);
}

#[test]
fn a_file_of_no_bytes_is_selected_by_its_path_alone() {
    let workplace = Workplace::new();
    let (job, folder) = five_files(&workplace, "", "");
    let all = workplace.issue(&job, &[]);
    assert_eq!(
        (&all["files"]["listed"], &all["files"]["selected"]),
        (&5.into(), &4.into())
    );
    let one = workplace.issue(&job, &["--set", &format!("in.path={folder}3.csv")]);
    assert_eq!(
        (&one["files"]["selected"], &one["rows"]["written"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn neither_a_path_nor_a_prefix_is_a_mistake() {
    let workplace = Workplace::new();
    let job = workplace.write(
        "job.yml",
        "in: {type: file, parser: {type: csv, columns: [{name: n, type: long}]}}\n",
    );
    workplace
        .issuing(&job, &[])
        .run()
        .exited_with(2)
        .said(&["path_prefix", "path"]);
}

#[test]
fn a_configuration_has_three_spellings() {
    for text in [
        "in: {type: file, path_prefix: PREFIX, parser: {type: csv, columns: [{name: n, type: long}]}}\nout: {partition_by: none}\n",
        "config:\n  in: {type: file, path_prefix: PREFIX, parser: {type: csv, columns: [{name: n, type: long}]}}\n  out: {partition_by: none}\n",
        "type: file\npath_prefix: PREFIX\nparser: {type: csv, columns: [{name: n, type: long}]}\n",
        "{\"in\": {\"type\": \"file\", \"path_prefix\": \"PREFIX\", \"parser\": {\"type\": \"csv\", \"columns\": [{\"name\": \"n\", \
         \"type\": \"long\"}]}}}",
    ] {
        let workplace = Workplace::new();
        workplace.write("input.csv", "1\n2\n");
        let prefix = workplace.path("input.csv");
        let job = workplace.write("job.yml", text.replace("PREFIX", prefix.to_str().unwrap()));
        workplace.issue(&job, &[]);
        assert_eq!(workplace.number("SELECT sum(n) FROM d.t"), 3, "{text}");
    }
    let workplace = Workplace::new();
    let job = workplace.write("job.yml", "config: {in: {type: file}}\nextra: 1\n");
    workplace.issuing(&job, &[]).run().exited_with(2).said(&["extra"]);
}
