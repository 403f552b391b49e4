//! The ledger: every file once, whatever its name and time.

use crate::kept::{ROWS, Store};
use serde_json::json;

const ALL: i64 = ROWS as i64;

fn sum_of_versions(store: &Store) -> i64 {
    store.workplace.number("SELECT sum(version) FROM d.t")
}

#[test]
fn late_files_are_loaded_whatever_sorts_after_them() {
    let store = Store::new("  incremental: ledger\n");
    store.put("m", 1);
    let report = store.issue(&[]);
    assert_eq!((&report["files"]["selected"], &report["next"]), (&json!(1), &json!({})));
    for name in ["a", "z"] {
        store.put(name, 1);
    }
    let report = store.issue(&[]);
    assert_eq!(report["files"]["selected"], 2);
    assert_eq!(report["ledger"]["known"], 1);
    assert_eq!(store.issue(&[])["files"]["selected"], 0);
    assert_eq!(store.workplace.num_rows(), 3 * ALL);
    let rows = store
        .workplace
        .query("SELECT right(key, 5) AS name, rows, size, file = key AS is_path FROM d.t__files ORDER BY key");
    assert_eq!(
        rows,
        "name,rows,size,is_path\na.csv,10,60,true\nm.csv,10,60,true\nz.csv,10,60,true\n"
    );
    let jobs = store.workplace.number("SELECT count(DISTINCT job_id) FROM d.t__files");
    assert_eq!(jobs, 2, "a run that loads nothing leaves nothing behind");
}

#[test]
fn a_dry_run_shows_what_the_ledger_does_not_know() {
    let store = Store::new("  incremental: ledger\n");
    store.put("a", 1);
    store.issue(&[]);
    store.put("b", 1);
    let shown = store.issuing("t", &["--dry-run"]).run().succeeded().json();
    assert_eq!(shown["files"].as_array().unwrap().len(), 1, "{shown}");
}

#[test]
fn a_rewritten_file_is_left_alone_unless_it_is_asked_for() {
    let store = Store::new("  incremental: ledger\n");
    store.put("a", 1);
    store.issue(&[]);
    store.put("a", 5);
    let report = store.issue(&[]);
    assert_eq!(
        (&report["files"]["selected"], &report["ledger"]["changed"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(sum_of_versions(&store), ALL);
    let report = store.issue(&["--set", "in.on_changed_file=load"]);
    assert_eq!(report["files"]["selected"], 1);
    assert_eq!(
        (store.workplace.num_rows(), sum_of_versions(&store)),
        (2 * ALL, 6 * ALL)
    );
    assert_eq!(
        store.issue(&["--set", "in.on_changed_file=load"])["files"]["selected"],
        0
    );
}

#[test]
fn a_rewritten_file_takes_the_place_of_its_old_version_in_one_commit() {
    let store = Store::new("  incremental: ledger\n  on_changed_file: replace\n");
    for name in ["a", "b", "c"] {
        store.put(name, 1);
    }
    let first = store.issue(&[]);
    for version in [5, 7] {
        store.put("b", version);
        let report = store.issue(&[]);
        assert_eq!(report["files"]["selected"], 1);
        assert_eq!(store.workplace.num_rows(), 3 * ALL);
        assert_eq!(sum_of_versions(&store), (2 + version as i64) * ALL);
    }
    let last = store.issue(&[]);
    assert_eq!(last["ledger"]["known"], 3);
    assert_eq!(first["table_version"], 0);
    assert_eq!(
        store.count("duckdb", &["t".to_owned()]),
        [(3 * ROWS as u64, 3 * ROWS as u64)]
    );
    // Taken apart by partitions, and without any row left of a file, too.
    let store = Store::new("  incremental: ledger\n  on_changed_file: replace\n");
    store.put("a", 1);
    let by_hour = ["--set", "out.partition_by=hour", "--set", "exec.max_threads=1"];
    store.issue(&by_hour);
    store.put("a", 3);
    store.issue(&by_hour);
    assert_eq!((store.workplace.num_rows(), sum_of_versions(&store)), (ALL, 3 * ALL));
}

#[test]
fn rows_that_do_not_tell_their_file_cannot_be_replaced() {
    let store = Store::new("  incremental: ledger\n");
    store.put("a", 1);
    let replace = ["--set", "in.on_changed_file=replace"];
    let without = ["--set", "in.metadata_columns=[]"];
    store
        .issuing("t", &replace)
        .args(without)
        .run()
        .exited_with(2)
        .said(&["in.on_changed_file", "_file_path"]);
    store.issuing("t", &without).run().succeeded();
    store.put("a", 2);
    store
        .issuing("t", &replace)
        .run()
        .exited_with(2)
        .said(&["old version of", "was loaded without a column `_file_path`"]);
    assert_eq!((store.workplace.num_rows(), sum_of_versions(&store)), (ALL, ALL));
}

#[test]
fn every_mode_keeps_the_history_and_a_replace_begins_it_anew() {
    let store = Store::new("");
    store.put("a", 1);
    let first = store.issue(&[]);
    assert!(
        first["next"]["in"]["last_path"].as_str().unwrap().ends_with("in/a.csv"),
        "{first}"
    );
    // What was loaded by name is known to the ledger.
    store.put("0", 1);
    let report = store.issue(&["--set", "in.incremental=ledger"]);
    assert_eq!(
        (&report["files"]["selected"], &report["ledger"]["known"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(store.workplace.number("SELECT count(*) FROM d.t__files"), 2);
    store.delete("0");
    let report = store.issue(&["--set", "in.incremental=ledger", "--mode", "replace"]);
    assert_eq!(report["files"]["selected"], 1, "a replace loads everything");
    assert_eq!(store.workplace.num_rows(), ALL);
    assert_eq!(store.workplace.number("SELECT count(*) FROM d.t__files"), 1);
    assert_eq!(store.issue(&["--set", "in.incremental=ledger"])["files"]["selected"], 0);
}

#[test]
fn many_loads_make_few_runs() {
    let store = Store::new("  incremental: ledger\n");
    for number in 0..30 {
        store.put(&format!("{:02}", number * 7 % 30), 1);
        store.issue(&["-q"]);
    }
    assert_eq!(store.workplace.num_rows(), 30 * ALL);
    let counted = store.count("duckdb", &["t__files".to_owned()]);
    assert_eq!(counted, [(30, 30)]);
    let shown = store
        .workplace
        .bucketload(["table", "show", "d.t__files", "--json"])
        .run()
        .succeeded()
        .json();
    let num_files = shown["files"].as_u64().unwrap();
    assert!(num_files <= 12, "{num_files} runs");
}

#[test]
fn two_ledger_jobs_at_once_load_each_file_once() {
    let store = Store::new("  incremental: ledger\n");
    for number in 0..6 {
        store.put(&format!("f{number}"), 1);
    }
    store.issue(&["--set", "in.path_match_pattern=f0"]);
    let jobs: Vec<_> = (0..3).map(|_| store.issuing("t", &[]).spawn()).collect();
    let mut num_done = 0;
    for job in jobs {
        let finished = job.wait();
        match finished.status {
            Some(0) => num_done += 1,
            Some(1) => drop(finished.said(&["in the meantime", "nothing was committed"])),
            _ => panic!("{finished}"),
        }
    }
    assert!(num_done >= 1);
    assert_eq!(store.count("deltalake", &["t".to_owned()]), [(60, 60)]);
}

#[test]
fn an_append_and_a_replace_at_once_come_one_after_the_other() {
    let store = Store::new("");
    store.put("a", 1);
    store.issue(&[]);
    let jobs = [vec![], vec!["--mode", "replace"], vec![]].map(|flags| store.issuing("t", &flags).spawn());
    for job in jobs {
        job.wait().succeeded();
    }
    // The replace takes away what came before it, and nothing that came after.
    let num_rows = store.workplace.num_rows();
    assert!([ALL, 2 * ALL, 3 * ALL].contains(&num_rows), "{num_rows}");
    let num_known = store.workplace.number("SELECT count(*) FROM d.t__files");
    assert_eq!(num_known * ALL, num_rows, "the ledger tells the same story");
}
