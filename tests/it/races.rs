//! Jobs that come at the same time to a table in a bucket, and commits whose answers are lost.
//!
//! `RACE_ROUNDS=100` makes it long.

use bucketload_tests::bucket::Bucket;
use bucketload_tests::bucketload::{Bucketload, Workplace};
use bucketload_tests::proxy::{Answer, Fault, Proxy, RequestKind};
use bucketload_tests::servers::{self, ACCESS_KEY, REGION, SECRET_KEY};
use bucketload_tests::wait::wait_until;
use serde_json::{Value, json};
use std::time::Duration;

const ROUNDS: usize = 2;

/// Rows of each of the files.
const ROWS: i64 = 2;

/// How long a load of them may take.
const LONGEST_LOAD: Duration = Duration::from_secs(60);

/// A warehouse in a bucket, and three files on disk to be loaded.
struct Place {
    workplace: Workplace,
    bucket: Bucket,
    job: String,
}

impl Place {
    fn new() -> Place {
        let workplace = Workplace::new();
        for file in 0..3 {
            workplace.write(&format!("in/f{file}.csv"), format!("{file},1\n{file},2\n"));
        }
        let job = format!(
            "in:\n  type: file\n  path_prefix: {}\n  parser: {{type: csv, columns: [{{name: file, type: long}}, {{name: n, type: long}}]}}\n\
             out: {{partition_by: none, auto_create_table: true}}\n",
            workplace.path("in/").display()
        );
        Place {
            job: workplace.write("load.yml", job),
            workplace,
            bucket: Bucket::new(servers::seaweedfs()),
        }
    }

    fn run(&self, endpoint: &str, arguments: &[&str]) -> Bucketload {
        self.workplace
            .bucketload(arguments)
            .arg("--json")
            .env("BUCKETLOAD_WAREHOUSE", format!("s3://{}/warehouse", self.bucket.name()))
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_REGION", REGION)
    }

    fn issue(&self, endpoint: &str, flags: &[&str]) -> Bucketload {
        let target = ["issue", &self.job, "--database", "d", "--table", "t"];
        self.run(endpoint, &target).args(flags)
    }

    #[track_caller]
    fn number(&self, sql: &str) -> i64 {
        let direct = self.bucket.server().endpoint();
        let rows = self.run(&direct, &["query", sql]).run().succeeded().json();
        rows[0]["n"].as_i64().unwrap_or_else(|| panic!("`{sql}` gave {rows}"))
    }

    #[track_caller]
    fn version(&self) -> Value {
        let direct = self.bucket.server().endpoint();
        self.run(&direct, &["table", "show", "d.t"]).run().succeeded().json()["version"].clone()
    }
}

/// What a server says that has written the commit and does not know it, and that is not asked again.
const REFUSED: Answer = Answer {
    status: "403 Forbidden",
    headers: &[],
    body: "<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
};

/// The same where the client asks again, and is told that there is such a file.
const BROKEN: Answer = Answer {
    status: "500 Internal Server Error",
    headers: &[],
    body: "<Error><Code>InternalError</Code><Message>try again</Message></Error>",
};

#[test]
fn a_commit_whose_answer_is_lost_is_made_once() {
    for answer in [REFUSED, BROKEN] {
        for flags in [
            &["--mode", "append"][..],
            &["--mode", "replace"],
            &["--set", "in.incremental=ledger"],
            &["--set", "exec.commit_every=1 files"],
        ] {
            let place = Place::new();
            let direct = place.bucket.server().endpoint();
            place
                .issue(&direct, &["--set", "in.path_match_pattern=f0"])
                .run()
                .succeeded();
            let proxy = Proxy::start(place.bucket.server().address()).with_fault(
                RequestKind::Commit,
                Fault::Replace(answer),
                1,
            );
            let report = place.issue(&proxy.endpoint(), flags).run().succeeded().json();
            assert!(
                proxy.count(RequestKind::Commit) > 1,
                "the ledger and the rejects have logs too"
            );
            let is_append = flags.contains(&"append") || flags.contains(&"exec.commit_every=1 files");
            let expected = if is_append { 4 * ROWS } else { 3 * ROWS };
            assert_eq!(place.number("SELECT count(*) AS n FROM d.t"), expected, "{flags:?}");
            assert_eq!(
                place.number("SELECT count(*) AS n FROM d.t__files") * ROWS,
                expected,
                "{flags:?}"
            );
            let num_commits = if flags.contains(&"exec.commit_every=1 files") {
                3
            } else {
                1
            };
            assert_eq!(
                (place.version(), &report["table_version"]),
                (json!(num_commits), &json!(num_commits)),
                "{flags:?}"
            );
        }
    }
}

#[test]
fn a_commit_of_which_nothing_is_known_says_so_and_is_found() {
    let place = Place::new();
    let direct = place.bucket.server().endpoint();
    place
        .issue(&direct, &["--set", "in.path_match_pattern=f0"])
        .run()
        .succeeded();
    // The commit arrives; after it the server is not there any more.
    let proxy =
        Proxy::start(place.bucket.server().address()).with_fault(RequestKind::Commit, Fault::ReplaceAll(REFUSED), 1);
    let failed = place.issue(&proxy.endpoint(), &[]).run().exited_with(1);
    let report = failed
        .said(&["it is not known whether the load is visible", "--resume"])
        .json();
    let job = report["job_id"].as_str().unwrap();
    let resumed = place.issue(&direct, &["--resume", job]).run().succeeded().json();
    assert_eq!(resumed["files"]["read"], 0, "{resumed}");
    assert_eq!(place.number("SELECT count(*) AS n FROM d.t"), 4 * ROWS);
}

const APPEND: &[&str] = &[];
const REPLACE: &[&str] = &["--mode", "replace"];
const ON_NEW_DATA: &[&str] = &["--mode", "replace_on_new_data"];
const LEDGER: &[&str] = &["--set", "in.incremental=ledger"];

/// While the commit of a load is on its way, another load comes and goes, into a table that is not there yet or has some rows.
fn commits_stand_on_what_is_there(modes: &[&[&str]], table_type: &str) {
    let table_type = format!("out.type={table_type}");
    for is_there in [false, true] {
        for first in modes {
            for late in modes {
                let place = Place::new();
                let direct = place.bucket.server().endpoint();
                let issue = |endpoint: &str, flags: &[&str]| place.issue(endpoint, flags).args(["--set", &table_type]);
                let what = format!("{late:?} after {first:?}, table is there: {is_there}");
                if is_there {
                    issue(&direct, &["--set", "in.path_match_pattern=f0"]).run().succeeded();
                }
                let proxy = Proxy::start(place.bucket.server().address());
                let proxy = proxy.with_fault(RequestKind::Commit, Fault::Hold, 1);
                let waiting = issue(&proxy.endpoint(), late).spawn();
                assert!(wait_until(LONGEST_LOAD, || proxy.num_held() == 1), "{what}");
                issue(&direct, first).run().succeeded();
                let num_first = place.number("SELECT count(*) AS n FROM d.t");
                proxy.release();
                let finished = waiting.wait();
                let expected = if *late == LEDGER {
                    finished.exited_with(1).said(&["in the meantime"]);
                    num_first
                } else {
                    finished.succeeded();
                    if late.is_empty() {
                        num_first + 3 * ROWS
                    } else {
                        3 * ROWS
                    }
                };
                assert_eq!(place.number("SELECT count(*) AS n FROM d.t"), expected, "{what}");
                if modes.contains(&LEDGER) {
                    let num_listed = place.number("SELECT count(*) AS n FROM d.t__files");
                    assert_eq!(num_listed * ROWS, expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_commit_that_another_one_comes_before_stands_on_what_it_left() {
    commits_stand_on_what_is_there(&[APPEND, REPLACE, ON_NEW_DATA, LEDGER], "delta");
}

#[test]
fn a_record_that_another_one_comes_before_stands_on_what_it_left() {
    commits_stand_on_what_is_there(&[APPEND, REPLACE, ON_NEW_DATA], "parquet");
}

fn rounds() -> usize {
    let rounds = std::env::var("RACE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    rounds.unwrap_or(ROUNDS)
}

const BARE: [&str; 2] = ["--set", "out.type=parquet"];

#[test]
fn a_record_whose_answer_is_lost_is_made_once() {
    for answer in [REFUSED, BROKEN] {
        for (mode, expected) in [("append", 4 * ROWS), ("replace", 3 * ROWS)] {
            let place = Place::new();
            let direct = place.bucket.server().endpoint();
            place
                .issue(&direct, &["--set", "in.path_match_pattern=f0"])
                .args(BARE)
                .run()
                .succeeded();
            let proxy = Proxy::start(place.bucket.server().address()).with_fault(
                RequestKind::Commit,
                Fault::Replace(answer),
                1,
            );
            let load = place.issue(&proxy.endpoint(), &["--mode", mode]).args(BARE);
            load.run().succeeded();
            assert!(
                proxy.count(RequestKind::Commit) > 1,
                "a note says that it was carried out"
            );
            assert_eq!(place.number("SELECT count(*) AS n FROM d.t"), expected, "{mode}");
        }
    }
}

#[test]
fn jobs_at_the_same_time_on_bare_files_come_one_after_the_other() {
    let place = Place::new();
    let direct = place.bucket.server().endpoint();
    let all_at_once = |loads: &[&[&str]]| {
        let loads: Vec<_> = loads
            .iter()
            .map(|flags| place.issue(&direct, flags).args(BARE).spawn())
            .collect();
        for load in loads {
            load.wait().succeeded();
        }
        place.number("SELECT count(*) AS n FROM d.t")
    };
    // A table that is not there yet: both make it.
    assert_eq!(all_at_once(&[&[], &[]]), 6 * ROWS);
    for round in 0..rounds() {
        let before = place.number("SELECT count(*) AS n FROM d.t");
        assert_eq!(all_at_once(&[&[], &[]]), before + 6 * ROWS, "round {round}");
        let rows = all_at_once(&[&["--mode", "replace"], &[], &["--mode", "replace_on_new_data"]]);
        assert!([3 * ROWS, 6 * ROWS].contains(&rows), "round {round}: {rows}");
        let replaces: [&[&str]; 2] = [&["--mode", "replace"]; 2];
        assert_eq!(all_at_once(&replaces), 3 * ROWS, "round {round}");
        println!("round {round} of bare files");
    }
}

#[test]
fn jobs_at_the_same_time_come_one_after_the_other() {
    let rounds = rounds();
    let place = Place::new();
    let direct = place.bucket.server().endpoint();
    place.issue(&direct, &[]).run().succeeded();
    for round in 0..rounds {
        let before = place.number("SELECT count(*) AS n FROM d.t");
        let appends = [&[][..], &[]].map(|flags| place.issue(&direct, flags).spawn());
        for load in appends {
            load.wait().succeeded();
        }
        assert_eq!(
            place.number("SELECT count(*) AS n FROM d.t"),
            before + 6 * ROWS,
            "round {round}"
        );
        let mixed = [&["--mode", "replace"][..], &[], &["--set", "in.incremental=ledger"]];
        for load in mixed.map(|flags| place.issue(&direct, flags).spawn()) {
            let finished = load.wait();
            let is_late = finished.status == Some(1) && finished.stderr.contains("in the meantime");
            assert!(finished.status == Some(0) || is_late, "round {round}: {finished}");
        }
        // The replace takes away what came before it. What came after is there once, and the ledger tells the same story.
        let rows = place.number("SELECT count(*) AS n FROM d.t");
        assert!([3 * ROWS, 6 * ROWS, 9 * ROWS].contains(&rows), "round {round}: {rows}");
        assert_eq!(
            place.number("SELECT count(*) AS n FROM d.t__files") * ROWS,
            rows,
            "round {round}"
        );
        let replaces = [&["--mode", "replace"][..]; 2].map(|flags| place.issue(&direct, flags).spawn());
        for load in replaces {
            load.wait().succeeded();
        }
        assert_eq!(place.number("SELECT count(*) AS n FROM d.t"), 3 * ROWS, "round {round}");
        println!("round {round}");
    }
}
