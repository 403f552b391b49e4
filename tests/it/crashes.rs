//! `kill -9` at every step of every kind of load; then the load is run again, or gone on with, and each row is there once.
//!
//! The places are named in the program (see `engine/src/crash.rs`), and only builds for development die there.

use crate::kept::{ROWS, Store};

const NUM_FILES: usize = 4;

/// Every place, those that only some loads pass among them. `:2` is the second time.
const PLACES: &[&str] = &[
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
    "after_settle",
    "after_settle:2",
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
