//! `kill -9` at every step of every kind of load; then the load is run again, or gone on with, and each row is there once.
//!
//! The places are named in the program (see `engine/src/crash.rs`), and only builds for development die there.

use crate::kept::{ROWS, Store};

const NUM_FILES: usize = 4;

/// Every place, those that only some loads pass among them. `:2` is the second time.
const PLACES: &[&str] = &[
    "after_list",
    "after_announce",
    "after_write",
    "after_write:2",
    "after_step",
    "after_step:2",
    "after_checkpoint",
    "after_checkpoint:2",
    "after_step_commit",
    "after_step_commit:2",
    "after_rewrite",
    "before_commit",
    "before_commit:2",
    "after_commit",
    "after_commit:2",
    "after_companion:3",
    "after_companion:4",
    "after_settle",
    "after_settle:2",
];

/// Places that only a job passes that is gone on with.
const PLACES_OF_RESUMED: &[&str] = &[
    "after_takeover",
    "after_announce",
    "after_write",
    "after_step",
    "after_checkpoint",
    "before_commit",
    "after_commit",
    "after_settle",
];

/// What is done after a crash.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// The same command once more.
    Again,
    /// The same command with `--resume`, as far as the job got that far.
    Resume,
}

/// Kills a load at each place, does what is to be done after it, and counts.
#[track_caller]
fn check(options: &str, flags: &[&str], before: &[&str], after: After) {
    let store = Store::new(options);
    let mut tables = Vec::new();
    for file in 0..NUM_FILES {
        store.put(&format!("f{file}"), 0);
    }
    let mut num_killed = 0;
    for place in PLACES {
        let table = place.replace(':', "_");
        // A table that is there already: the load that dies comes second.
        for flags in before {
            store
                .issuing(&table, &[flags, "--set", "in.path_match_pattern=f0"])
                .run()
                .succeeded();
        }
        let killed = store.issuing(&table, flags).env("BUCKETLOAD_CRASH_AT", place).run();
        assert!(matches!(killed.status, None | Some(0)), "{killed}");
        num_killed += usize::from(killed.status.is_none());
        if killed.status.is_none() {
            let jobs = store.open_jobs(&table);
            assert!(jobs.len() <= 1, "{jobs:?}");
            let resume: Vec<&str> = match (after, jobs.first()) {
                (After::Resume, Some(job)) => vec!["--resume", job],
                _ => Vec::new(),
            };
            let report = store.issuing(&table, flags).args(&resume).run().succeeded().json();
            assert_eq!(report["status"], "success", "{place}");
            if after == After::Resume {
                let read = report["files"]["read"].as_u64().unwrap() as usize;
                assert!(place.ends_with(":2") || read <= NUM_FILES, "{place}: {report}");
                assert_eq!(store.open_jobs(&table), Vec::<String>::new(), "{place}");
            }
        }
        tables.push(table);
    }
    assert!(num_killed >= 6, "only {num_killed} places are on the way of this load");
    let all = (NUM_FILES * ROWS) as u64;
    for (table, counted) in tables.iter().zip(store.count("deltalake", &tables)) {
        assert_eq!(counted, (all, all), "{table}");
    }
    // A query keeps what the log promises; after that the ledger is complete.
    let ledgers: Vec<String> = tables.iter().map(|table| format!("{table}__files")).collect();
    for ledger in &ledgers {
        store.workplace.number(&format!("SELECT count(*) FROM d.{ledger}"));
    }
    for (ledger, counted) in ledgers.iter().zip(store.count("duckdb", &ledgers)) {
        assert_eq!(counted, (NUM_FILES as u64, NUM_FILES as u64), "{ledger}");
    }
}

#[test]
fn an_append_by_the_ledger_is_run_again() {
    check("  incremental: ledger\n", &[], &[], After::Again);
}

#[test]
fn an_append_by_the_ledger_beside_earlier_rows_is_run_again() {
    check("  incremental: ledger\n", &[], &["--mode=append"], After::Again);
}

#[test]
fn an_append_by_the_ledger_that_commits_in_steps_is_run_again() {
    check(
        "  incremental: ledger\n",
        &["--set", "exec.commit_every=1 files"],
        &[],
        After::Again,
    );
}

#[test]
fn an_append_by_the_ledger_that_commits_in_steps_is_gone_on_with() {
    check(
        "  incremental: ledger\n",
        &["--set", "exec.commit_every=1 files"],
        &["--mode=append"],
        After::Resume,
    );
}

#[test]
fn an_append_by_name_is_gone_on_with() {
    check("", &["--set", "exec.checkpoint_every=2 files"], &[], After::Resume);
}

#[test]
fn an_append_by_name_that_commits_in_steps_is_gone_on_with() {
    check("", &["--set", "exec.commit_every=1 files"], &[], After::Resume);
}

#[test]
fn an_append_by_time_that_commits_in_steps_is_gone_on_with() {
    check(
        "  use_modified_time: true\n",
        &["--set", "exec.commit_every=1 files"],
        &[],
        After::Resume,
    );
}

#[test]
fn an_append_that_remembers_nothing_is_gone_on_with() {
    check(
        "  incremental: false\n",
        &["--set", "exec.checkpoint_every=1 files"],
        &[],
        After::Resume,
    );
}

#[test]
fn a_replace_is_run_again() {
    check(
        "",
        &["--mode", "replace", "--set", "exec.checkpoint_every=2 files"],
        &["--mode=append"],
        After::Again,
    );
}

#[test]
fn a_replace_is_gone_on_with() {
    check(
        "",
        &["--mode", "replace", "--set", "exec.checkpoint_every=2 files"],
        &["--mode=append"],
        After::Resume,
    );
}

#[test]
fn a_replace_on_new_data_is_gone_on_with() {
    check(
        "",
        &[
            "--mode",
            "replace_on_new_data",
            "--set",
            "exec.checkpoint_every=3 files",
        ],
        &["--mode=append"],
        After::Resume,
    );
}

#[test]
fn rewritten_files_take_the_place_of_the_old_ones_whenever_the_load_dies() {
    let store = Store::new("  incremental: ledger\n  on_changed_file: replace\n");
    let mut tables = Vec::new();
    for place in PLACES {
        let table = place.replace(':', "_");
        for file in 0..NUM_FILES {
            store.put(&format!("f{file}"), 0);
        }
        let flags = ["--set", "exec.commit_every=1 files"];
        store.issuing(&table, &[]).run().succeeded();
        for file in 1..NUM_FILES {
            store.put(&format!("f{file}"), 100);
        }
        let killed = store.issuing(&table, &flags).env("BUCKETLOAD_CRASH_AT", place).run();
        assert!(matches!(killed.status, None | Some(0)), "{killed}");
        store.issuing(&table, &flags).run().succeeded();
        let sum = store.workplace.number(&format!("SELECT sum(version) FROM d.{table}"));
        assert_eq!(sum, 100 * (ROWS * (NUM_FILES - 1)) as i64, "{place}");
        tables.push(table);
    }
    let all = (NUM_FILES * ROWS) as u64;
    for (table, counted) in tables.iter().zip(store.count("duckdb", &tables)) {
        assert_eq!(counted, (all, all), "{table}");
    }
}

#[test]
fn a_job_that_is_gone_on_with_may_die_again_and_again() {
    for flags in [
        ["--mode=append", "exec.checkpoint_every=1 files"],
        ["--mode=replace", "exec.checkpoint_every=2 files"],
        ["--mode=append", "exec.commit_every=1 files"],
    ] {
        let flags = [flags[0], "--set", flags[1]];
        let store = Store::new("  incremental: ledger\n");
        for file in 0..NUM_FILES {
            store.put(&format!("f{file}"), 0);
        }
        let killed = store
            .issuing("t", &flags)
            .env("BUCKETLOAD_CRASH_AT", "after_step:2")
            .run();
        assert_eq!(killed.status, None, "{killed}");
        let job = store.open_jobs("t").pop().unwrap();
        let mut num_killed = 0;
        for place in PLACES_OF_RESUMED {
            let again = store
                .issuing("t", &flags)
                .args(["--resume", &job])
                .env("BUCKETLOAD_CRASH_AT", place)
                .run();
            assert!(matches!(again.status, None | Some(0)), "{place}: {again}");
            num_killed += usize::from(again.status.is_none());
        }
        assert!(num_killed >= 4, "only {num_killed} places are on the way");
        store.issuing("t", &flags).args(["--resume", &job]).run().succeeded();
        let all = (NUM_FILES * ROWS) as u64;
        assert_eq!(store.count("deltalake", &["t".to_owned()]), [(all, all)], "{flags:?}");
        assert_eq!(store.open_jobs("t"), Vec::<String>::new());
    }
}

/// Rows of a table and its rejects, which together are the records of the input.
fn rows_and_rejects(store: &Store, table: &str) -> (i64, i64) {
    // A query keeps what the log promises.
    let rows = store.workplace.number(&format!("SELECT count(*) FROM d.{table}"));
    let rejects = store
        .workplace
        .number(&format!("SELECT count(*) FROM d.{table}__rejects"));
    (rows, rejects)
}

#[test]
fn rejects_are_shown_with_the_rows_and_leave_with_their_replay_whenever_it_dies() {
    let store = Store::new("  incremental: ledger\n");
    store.workplace.write("in/f0.csv", "f0/0,0\nf0/1,x\nf0/2,2\n");
    store.workplace.write("in/f1.csv", "f1/0,y\nf1/1,1\n");
    let mended = store.mended();
    let places = [
        "after_write",
        "before_commit",
        "after_commit",
        "after_companion:2",
        "after_companion:3",
        "after_settle",
    ];
    let mut num_killed = 0;
    for place in places {
        let table = place.replace(':', "_");
        let killed = store.issuing(&table, &[]).env("BUCKETLOAD_CRASH_AT", place).run();
        num_killed += usize::from(killed.status.is_none());
        store.issuing(&table, &[]).run().succeeded();
        assert_eq!(rows_and_rejects(&store, &table), (3, 2), "{place}");
        let replay = || {
            store
                .workplace
                .bucketload(["rejects", "replay", &format!("d.{table}"), &mended, "--json"])
        };
        let killed = replay().env("BUCKETLOAD_CRASH_AT", place).run();
        num_killed += usize::from(killed.status.is_none());
        replay().run().succeeded();
        assert_eq!(rows_and_rejects(&store, &table), (5, 0), "{place}");
        assert_eq!(store.count("duckdb", &[table]), [(5, 5)], "{place}");
    }
    assert!(num_killed >= 9, "only {num_killed} places are on the way");
}

#[test]
fn new_columns_come_with_the_rows_that_have_them_whenever_the_load_dies() {
    let store = Store::new("  incremental: ledger\n");
    let mut num_killed = 0;
    for place in [
        "after_write",
        "after_step:2",
        "before_commit:2",
        "after_commit",
        "after_commit:2",
        "after_settle:2",
    ] {
        let table = place.replace(':', "_");
        for file in 0..3 {
            store.put(&format!("f{file}"), 0);
        }
        store
            .issuing(&table, &["--set", "in.path_match_pattern=f0"])
            .run()
            .succeeded();
        let wider = [
            "--set",
            "filters=[{type: sql, select: \"*, 7 AS extra\"}]",
            "--set",
            "exec.commit_every=1 files",
        ];
        let killed = store.issuing(&table, &wider).env("BUCKETLOAD_CRASH_AT", place).run();
        num_killed += usize::from(killed.status.is_none());
        store.issuing(&table, &wider).run().succeeded();
        let sum = store.workplace.number(&format!("SELECT sum(extra) FROM d.{table}"));
        assert_eq!(sum, 7 * 2 * ROWS as i64, "{place}");
        let all = 3 * ROWS as u64;
        assert_eq!(store.count("deltalake", &[table]), [(all, all)], "{place}");
    }
    assert!(num_killed >= 5, "only {num_killed} places are on the way");
}

#[test]
fn the_ledger_stays_what_it_was_when_its_merge_dies() {
    let store = Store::new("  incremental: ledger\n");
    let num_files = 14;
    let mut num_killed = 0;
    for file in 0..num_files {
        store.put(&format!("f{file:02}"), 0);
        let killed = store.issuing("t", &[]).env("BUCKETLOAD_CRASH_AT", "after_merge").run();
        num_killed += usize::from(killed.status.is_none());
    }
    assert!(num_killed > 0, "no run was merged");
    store.issuing("t", &[]).run().succeeded();
    assert_eq!(
        store.count("duckdb", &["t__files".to_owned()]),
        [(num_files, num_files)]
    );
    assert_eq!(store.workplace.num_rows(), num_files as i64 * ROWS as i64);
}
