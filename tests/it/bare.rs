//! Tables of bare files (`out.type: parquet`): a load is there once for those who glob, wherever it dies.

use crate::kept::{ROWS, Store, count_in};
use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Finished};
use bucketload_tests::servers::{self, ACCESS_KEY, REGION, SECRET_KEY};
use serde_json::{Value, json};
use std::fs;

/// Files of each load.
const NUM_FILES: usize = 4;

/// Rows of the tables before the load that dies, in two files.
const OLD_ROWS: usize = 2 * ROWS;

/// Where a load may die before its record decides.
const BEFORE: &[&str] = &[
    "after_list",
    "after_announce",
    "after_write",
    "after_write:2",
    "after_step",
    "after_checkpoint",
    "after_checkpoint:2",
    "before_commit",
];

/// Where it may die after that.
const AFTER: &[&str] = &[
    "after_record",
    "after_copy",
    "after_copy:2",
    "after_name",
    "after_name:2",
    "after_names",
    "after_replaced_file",
    "after_replaced_file:2",
    "after_replaced",
    "after_rejects",
    "after_done",
];

/// Files for a load, two other ones that are loaded one by one before it, and a warehouse for tables of bare files.
struct Place {
    store: Store,
    /// Where the warehouse is; `None`: on disk.
    bucket: Option<Bucket>,
}

impl Place {
    fn new() -> Place {
        let store = Store::with_type("", "parquet");
        for old in 0..2 {
            store.put(&format!("old{old}"), 0);
        }
        for file in 0..NUM_FILES {
            store.put(&format!("new{file}"), 0);
        }
        Place { store, bucket: None }
    }

    fn in_bucket() -> Place {
        Place {
            bucket: Some(Bucket::new(servers::seaweedfs())),
            ..Place::new()
        }
    }

    fn with(&self, command: Bucketload) -> Bucketload {
        match &self.bucket {
            None => command,
            Some(bucket) => command
                .env("BUCKETLOAD_WAREHOUSE", format!("s3://{}/w", bucket.name()))
                .s3(&bucket.server().endpoint(), bucket.name())
                .env("AWS_ENDPOINT_URL", bucket.server().endpoint())
                .env("AWS_REGION", REGION),
        }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.with(self.store.workplace.bucketload(arguments)).run()
    }

    fn issuing(&self, table: &str, pattern: &str, flags: &[&str]) -> Bucketload {
        let pattern = format!("in.path_match_pattern={pattern}");
        let command = self.store.issuing(table, &["--set", &pattern]);
        self.with(command.args(flags))
    }

    fn fill(&self, table: &str) {
        for old in ["old0", "old1"] {
            self.issuing(table, old, &[]).run().succeeded();
        }
    }

    /// Every file of the warehouse.
    fn stored_files(&self) -> Vec<String> {
        match &self.bucket {
            None => self.store.workplace.stored_files(),
            Some(bucket) => bucket.keys(),
        }
    }

    /// The job that has left notes.
    fn open_job(&self, table: &str) -> String {
        let mark = format!("d/{table}/_bucketload/");
        let files = self.stored_files();
        let mut jobs = files.iter().filter_map(|file| Some(file.split_once(&mark)?.1));
        jobs.next().unwrap().split('.').next().unwrap().to_owned()
    }

    #[track_caller]
    fn check_count(&self, tables: &[String], rows: usize) {
        let (readers, folders): (&[&str], Vec<String>) = match &self.bucket {
            None => {
                let folder = |table| {
                    self.store
                        .workplace
                        .warehouse()
                        .join("d")
                        .join(table)
                        .display()
                        .to_string()
                };
                (
                    &["duckdb-folder", "pyarrow-folder"],
                    tables.iter().map(folder).collect(),
                )
            }
            Some(bucket) => {
                let secret = SECRET_KEY.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                let folder = |table| {
                    format!(
                        "s3://{ACCESS_KEY}:{secret}@{}/w/d/{table}?scheme=http&endpoint_override={}&region={REGION}",
                        bucket.name(),
                        bucket.server().address()
                    )
                };
                (&["pyarrow-folder"], tables.iter().map(folder).collect())
            }
        };
        for reader in readers {
            for (table, counted) in tables.iter().zip(count_in(reader, &folders)) {
                assert_eq!(counted, (rows as u64, rows as u64), "{table} {reader}");
            }
        }
    }

    /// Rows of `table show`, which the log tells.
    fn shown_rows(&self, table: &str) -> Value {
        let shown = self.run(&["table", "show", &format!("d.{table}"), "--json"]);
        shown.succeeded().json()["rows"].clone()
    }
}

/// Kills a load at each place; before its record nobody sees anything of it, after it whoever comes next completes it.
fn check(place: &Place, mode: &str, rows: usize) {
    let flags = ["--mode", mode, "--set", "exec.checkpoint_every=2 files"];
    let mut undecided = Vec::new();
    let mut decided = Vec::new();
    for at in BEFORE.iter().chain(AFTER) {
        let table = at.replace(':', "_");
        place.fill(&table);
        let killed = place
            .issuing(&table, "new", &flags)
            .env("BUCKETLOAD_CRASH_AT", at)
            .run();
        let is_passed_by = mode == "append" && at.starts_with("after_replaced_file")
            || place.bucket.is_none() && at.starts_with("after_copy");
        if is_passed_by {
            assert_eq!(
                killed.status,
                Some(0),
                "{at}: an append removes nothing, and files on disk are not copied"
            );
            continue;
        }
        assert_eq!(killed.status, None, "{at} is on the way of every load: {killed}");
        match BEFORE.contains(at) {
            true => undecided.push(table),
            false => decided.push(table),
        }
    }
    place.check_count(&undecided, OLD_ROWS);
    for (index, table) in decided.iter().enumerate() {
        match index % 4 {
            0 => assert_eq!(place.shown_rows(table), json!(rows), "{table}"),
            1 => {
                let counted = place.run(&["query", &format!("SELECT count(*) AS n FROM d.{table}"), "--json"]);
                assert_eq!(counted.succeeded().json()[0]["n"], rows, "{table}");
            }
            2 => {
                let name = format!("d.{table}");
                place.run(&["vacuum", &name, "--older-than", "1h"]).succeeded();
            }
            _ => drop(place.issuing(table, "none", &[]).run().succeeded()),
        }
        // Whoever asks for the job learns that it has committed.
        let job = place.open_job(table);
        let again = place.issuing(table, "new", &flags).args(["--resume", &job]).run();
        let report = again.succeeded().json();
        assert_eq!(
            (&report["files"]["read"], &report["rows"]["written"]),
            (&json!(0), &json!(NUM_FILES * ROWS))
        );
    }
    place.check_count(&decided, rows);
    for table in &undecided {
        let job = place.open_job(table);
        let resume = ["--resume", &job];
        let report = place
            .issuing(table, "new", &flags)
            .args(resume)
            .run()
            .succeeded()
            .json();
        assert_eq!(report["rows"]["written"], NUM_FILES * ROWS, "{table}: {report}");
    }
    place.check_count(&undecided, rows);
    let all: Vec<String> = undecided.into_iter().chain(decided).collect();
    place.run(&["vacuum", "--older-than", "0"]).succeeded();
    place.check_count(&all, rows);
    for table in &all {
        assert_eq!(place.shown_rows(table), json!(rows), "{table}");
    }
    let left = place.stored_files().into_iter();
    let left: Vec<String> = left
        .filter(|file| file.contains("_staged-") || file.contains("/_bucketload/"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn an_append_is_there_once_wherever_it_dies() {
    check(&Place::new(), "append", OLD_ROWS + NUM_FILES * ROWS);
}

#[test]
fn a_replace_is_there_once_wherever_it_dies() {
    check(&Place::new(), "replace", NUM_FILES * ROWS);
}

#[test]
fn a_replace_on_new_data_is_there_once_wherever_it_dies() {
    check(&Place::new(), "replace_on_new_data", NUM_FILES * ROWS);
}

#[test]
fn a_load_in_a_bucket_is_there_once_wherever_it_dies() {
    check(&Place::in_bucket(), "append", OLD_ROWS + NUM_FILES * ROWS);
    check(&Place::in_bucket(), "replace", NUM_FILES * ROWS);
}

#[test]
fn a_job_that_is_completed_may_die_again() {
    let place = Place::new();
    let flags = ["--mode", "replace", "--set", "exec.checkpoint_every=2 files"];
    place.fill("t");
    let killed = place
        .issuing("t", "new", &flags)
        .env("BUCKETLOAD_CRASH_AT", "after_record")
        .run();
    assert_eq!(killed.status, None);
    for at in AFTER.iter().filter(|at| **at != "after_record") {
        let next = place.issuing("t", "none", &[]).env("BUCKETLOAD_CRASH_AT", at).run();
        assert!(matches!(next.status, None | Some(0)), "{at}: {next}");
    }
    place.issuing("t", "none", &[]).run().succeeded();
    place.check_count(&["t".to_owned()], NUM_FILES * ROWS);
}

#[test]
fn steps_are_committed_one_by_one_wherever_the_load_dies() {
    let place = Place::new();
    let flags = ["--set", "exec.commit_every=1 files"];
    let mut tables = Vec::new();
    for at in [
        "after_record:2",
        "after_name:3",
        "after_done",
        "after_step_commit:2",
        "before_commit:2",
    ] {
        let table = at.replace(':', "_");
        place.fill(&table);
        let killed = place
            .issuing(&table, "new", &flags)
            .env("BUCKETLOAD_CRASH_AT", at)
            .run();
        assert_eq!(killed.status, None, "{at}: {killed}");
        let job = place.open_job(&table);
        place
            .issuing(&table, "new", &flags)
            .args(["--resume", &job])
            .run()
            .succeeded();
        tables.push(table);
    }
    place.check_count(&tables, OLD_ROWS + NUM_FILES * ROWS);
}

#[test]
fn rejects_come_with_the_rows_once_wherever_the_load_dies() {
    let place = Place::new();
    let store = &place.store;
    store.put_spoilt("a");
    store.put_spoilt("b");
    for at in ["after_record", "after_names", "after_rejects", "after_done"] {
        let table = at.to_owned();
        for number in 1..3 {
            let killed = place
                .issuing(&table, "in/(a|b)", &[])
                .env("BUCKETLOAD_CRASH_AT", at)
                .run();
            assert_eq!(killed.status, None, "{at}: {killed}");
            // Four of ten records have no number.
            let name = format!("d.{table}");
            let rejects = ["rejects", "show", &name, "--json"];
            let rejects = store.workplace.bucketload(rejects).run().succeeded().json();
            assert_eq!(rejects.as_array().unwrap().len(), number * 8, "{at}: {rejects}");
            let rows = store.workplace.number(&format!("SELECT count(*) FROM {name}"));
            assert_eq!(rows, number as i64 * 12, "{at}");
        }
    }
}

#[test]
fn a_schedule_whose_job_died_loads_each_row_once() {
    for at in [
        "before_commit",
        "after_record",
        "after_name",
        "after_names",
        "after_done",
    ] {
        let place = Place::new();
        let store = &place.store;
        let run = || store.workplace.bucketload(["run", "s", "--json"]);
        store
            .workplace
            .bucketload(["create", "s", "@daily", "d", "t", store.job()])
            .run()
            .succeeded();
        let killed = run().env("BUCKETLOAD_CRASH_AT", at).run();
        assert_eq!(killed.status, None, "{at}: {killed}");
        store.put("zzz", 0);
        run().run().succeeded();
        run().run().succeeded();
        place.check_count(&["t".to_owned()], OLD_ROWS + (NUM_FILES + 1) * ROWS);
    }
}

#[test]
fn a_folder_without_a_log_is_a_table_and_gets_one() {
    for (mode, rows) in [("append", OLD_ROWS + NUM_FILES * ROWS), ("replace", NUM_FILES * ROWS)] {
        let place = Place::new();
        place.fill("t");
        // As an older version of the program left it.
        fs::remove_dir_all(place.store.workplace.warehouse().join("d/t/_bucketload_log")).unwrap();
        let marker = place.store.workplace.warehouse().join("d/t/_bucketload.json");
        fs::write(marker, json!({"type": "parquet"}).to_string()).unwrap();
        assert_eq!(place.store.workplace.num_rows(), OLD_ROWS as i64);
        assert_eq!(place.shown_rows("t"), Value::Null);
        place.issuing("t", "new", &["--mode", mode]).run().succeeded();
        place.check_count(&["t".to_owned()], rows);
    }
}

#[test]
fn files_that_are_not_of_the_table_survive_a_replace_and_vacuum() {
    let place = Place::new();
    place.fill("t");
    let theirs = place.store.workplace.warehouse().join("d/t/theirs.parquet");
    let folder = place.store.workplace.warehouse().join("d/t");
    let ours = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let ours: Vec<_> = ours
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
        .collect();
    fs::copy(&ours[0], &theirs).unwrap();
    place.issuing("t", "new", &["--mode", "replace"]).run().succeeded();
    // A name that came back after its file was replaced, as by a request that was long under way.
    fs::copy(&theirs, &ours[0]).unwrap();
    let vacuum = ["vacuum", "d.t", "--older-than", "0", "--json"];
    let removed = place.store.workplace.bucketload(vacuum).run().succeeded().json();
    assert_eq!(removed["tables"][0]["files"], 1, "{removed}");
    assert!(theirs.exists() && !ours[0].exists());
    let rows = (NUM_FILES + 1) * ROWS;
    assert_eq!(place.store.workplace.num_rows(), rows as i64);
}

#[test]
fn a_delta_load_into_a_table_of_bare_files_is_refused() {
    let place = Place::new();
    place.fill("t");
    place
        .store
        .issuing("t", &["--set", "out.type=delta"])
        .run()
        .exited_with(2)
        .said(&["table `d.t` is one of bare files", "out.type"]);
}
