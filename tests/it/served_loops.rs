//! A server that runs schedules of incremental loads while files are uploaded, and is killed at any moment and started again; jobs are
//! issued and gone on with beside it. In the end each row is there once, as another engine counts them.
//!
//! `LOOP_ROUNDS=200` makes it long. The numbers that a failure depends on begin with `LOOP_SEED`, which is printed.

use crate::kept::{ROWS, Store};
use crate::loops::{Numbers, key, setting};
use bucketload_state::State;
use bucketload_state::schedules::NewSchedule;
use bucketload_state::timing::CatchUp;
use bucketload_tests::bucketload::{Bucketload, Running};
use bucketload_tests::wait::wait_until;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Rounds where nothing else is said.
const ROUNDS: u64 = 4;

/// The longest life of a server: it starts, finds what the one before it left, and runs some jobs.
const LONGEST_LIFE: Duration = Duration::from_secs(4);

/// How long it may take to give a file its name that was written.
const NAMED_WITHIN: Duration = Duration::from_secs(2);

/// How long the last server may take for what is left.
const LAST_LIFE: Duration = Duration::from_secs(300);

/// How a schedule knows what is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Time,
    Ledger,
    /// By name, into a table of bare files.
    Bare,
}

const KINDS: [Kind; 4] = [Kind::Name, Kind::Time, Kind::Ledger, Kind::Bare];

impl Kind {
    /// Name of its schedule and of its table.
    fn name(self) -> &'static str {
        match self {
            Kind::Name => "by_name",
            Kind::Time => "by_time",
            Kind::Ledger => "by_ledger",
            Kind::Bare => "bare",
        }
    }

    fn store(self) -> Store {
        match self {
            Kind::Name => Store::new(""),
            Kind::Time => Store::new("  use_modified_time: true\n"),
            Kind::Ledger => Store::new("  incremental: ledger\n"),
            Kind::Bare => Store::with_type("", "parquet"),
        }
    }

    /// The key of its next file. A cursor of names sees no key behind it.
    fn key(self, number: usize) -> String {
        match self {
            Kind::Name | Kind::Bare => format!("{number:06}"),
            Kind::Time | Kind::Ledger => key(number),
        }
    }
}

/// Four kinds of input, each with its schedule, and one warehouse and state file for all.
struct Site {
    inputs: Vec<(Kind, Store)>,
    num_files: Vec<usize>,
}

impl Site {
    /// Schedules of which as many runs are due as servers can be expected to start.
    fn new(num_runs: i64) -> Site {
        let inputs = KINDS.map(|kind| (kind, kind.store())).into_iter().collect();
        let mut site = Site {
            inputs,
            num_files: vec![0; KINDS.len()],
        };
        for index in 0..KINDS.len() {
            site.upload(index);
        }
        for (kind, store) in &site.inputs {
            let create = ["create", "template", "", "d", kind.name(), store.job()];
            site.run(&create).run().succeeded();
            let state = State::open(&site.store().workplace.path("state.db")).unwrap();
            let schedule = NewSchedule {
                name: kind.name().to_owned(),
                cron: "* * * * *".to_owned(),
                catch_up: CatchUp::All,
                ..state.schedule("template").unwrap().definition
            };
            let made = Timestamp::now() - SignedDuration::from_mins(num_runs);
            state.create_schedule(&schedule, made).unwrap();
            drop(state);
            site.run(&["delete", "template"]).run().succeeded();
        }
        site
    }

    /// The one that has warehouse and state file.
    fn store(&self) -> &Store {
        &self.inputs[0].1
    }

    fn run(&self, arguments: &[&str]) -> Bucketload {
        self.store().workplace.bucketload(arguments)
    }

    fn upload(&mut self, index: usize) {
        let (kind, store) = &self.inputs[index];
        let key = kind.key(self.num_files[index]);
        match kind {
            // A file that comes with a time before its listing is lost to a cursor of times: here it gets its name after it was written.
            Kind::Time => store.put_at(&key, SystemTime::now() + NAMED_WITHIN),
            Kind::Name | Kind::Ledger | Kind::Bare => store.put(&key, 0),
        }
        self.num_files[index] += 1;
    }

    /// Lets pass the time that attempts wait for, up to half an hour before the fifth.
    fn pass_waits(&self) {
        let sql = "UPDATE jobs SET not_before_ms = 0 WHERE not_before_ms > 0";
        self.store().workplace.change_state(sql);
    }

    fn server(&self) -> Running {
        self.pass_waits();
        self.run(&["serve", "--listen", "none", "--shutdown-wait", "1"]).spawn()
    }

    /// Something that a user does beside the server.
    fn beside(&self, numbers: &mut Numbers) -> Bucketload {
        let kind = numbers.one_of(&KINDS);
        let (_, store) = self.inputs.iter().find(|(of, _)| *of == kind).unwrap();
        let ledger = &self.inputs[2].1;
        let issue = |store: &Store, kind: Kind| {
            let target = ["--database", "d", "--table", kind.name(), "--json"];
            self.run(&["issue", store.job()]).args(target)
        };
        match numbers.below(6) {
            0 => issue(ledger, Kind::Ledger),
            1 => issue(ledger, Kind::Ledger).set("exec.commit_every=1 files"),
            2 => self.run(&["query", &format!("SELECT count(*) FROM d.{}", kind.name())]),
            3 => self.run(&["vacuum", "--older-than", "0", "--json"]),
            4 => match self.open_job(kind) {
                Some(job) => issue(store, kind).args(["--resume", &job]),
                None => self.run(&["jobs", "--json"]),
            },
            _ => self.run(&["run", kind.name(), "--json"]),
        }
    }

    /// A job of a kind that has left notes.
    fn open_job(&self, kind: Kind) -> Option<String> {
        self.store().open_jobs(kind.name()).pop()
    }

    /// Rows that are there, as the program itself sees them.
    fn rows(&self) -> Vec<u64> {
        let rows = self.inputs.iter().map(|(kind, _)| {
            let sql = format!("SELECT count(*) AS n FROM d.{}", kind.name());
            let counted = self.run(&["query", &sql, "--json"]).run();
            // A table that nobody has made yet has none.
            match counted.status {
                Some(0) => counted.json()[0]["n"].as_u64().unwrap(),
                _ => 0,
            }
        });
        rows.collect()
    }

    fn is_complete(&self) -> bool {
        // What died last is found by the last server, which lets it wait.
        self.pass_waits();
        let expected = self.num_files.iter().map(|num_files| (num_files * ROWS) as u64);
        self.rows()
            .into_iter()
            .zip(expected)
            .all(|(rows, expected)| rows >= expected)
    }

    fn check(&self) {
        for ((kind, _), num_files) in self.inputs.iter().zip(&self.num_files) {
            let readers = match kind {
                Kind::Bare => ["duckdb-folder", "pyarrow-folder"],
                _ => ["deltalake", "duckdb"],
            };
            let all = (num_files * ROWS) as u64;
            for reader in readers {
                let counted = self.store().count(reader, &[kind.name().to_owned()]);
                assert_eq!(counted, [(all, all)], "{kind:?} {reader}");
            }
        }
    }
}

#[test]
fn a_server_that_is_killed_at_any_moment_loads_each_row_once() {
    let rounds = setting("LOOP_ROUNDS").unwrap_or(ROUNDS);
    let mut numbers = Numbers::new();
    let mut site = Site::new(20 + 10 * rounds as i64);
    let mut num_killed = 0;
    for round in 0..rounds {
        let num_servers = 1 + usize::from(numbers.below(4) == 0);
        let mut running: Vec<Running> = (0..num_servers).map(|_| site.server()).collect();
        let life = LONGEST_LIFE.mul_f64(numbers.below(1_000) as f64 / 1_000.0);
        let is_over = AtomicBool::new(false);
        let uploads: Vec<usize> = (0..numbers.below(8)).map(|_| numbers.below(4) as usize).collect();
        let beside = site.beside(&mut numbers);
        thread::scope(|scope| {
            let is_over = &is_over;
            let site = &mut site;
            scope.spawn(move || {
                for index in uploads {
                    wait_until(LONGEST_LIFE / 16, || is_over.load(Ordering::Relaxed));
                    site.upload(index);
                }
            });
            running.push(beside.spawn());
            wait_until(life, || running.iter_mut().all(Running::has_ended));
            // Now and then a server ends as it should, by SIGTERM, while the others die.
            let is_ended = numbers.below(6) == 0;
            for (index, mut process) in running.into_iter().enumerate() {
                match is_ended && index == 0 {
                    true => process.terminate(),
                    false => process.kill(),
                }
                let finished = process.wait();
                num_killed += u64::from(finished.status.is_none());
                assert!(!finished.stderr.contains("panicked"), "round {round}: {finished}");
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
    let begun = Instant::now();
    println!(
        "{num_killed} processes were killed in {rounds} rounds, files: {:?}",
        site.num_files
    );
    let mut last = site.server();
    assert!(
        wait_until(LAST_LIFE, || last.has_ended() || site.is_complete()),
        "rows {:?} of files {:?}
{}",
        site.rows(),
        site.num_files,
        site.run(&["jobs"]).run().stdout
    );
    println!("the last server took {:?}", begun.elapsed());
    last.terminate();
    last.wait().succeeded();
    site.check();
    // What the record says of jobs is what became of them.
    let jobs = site.run(&["jobs", "--json"]).run().succeeded().json();
    let jobs = jobs.as_array().unwrap();
    println!("{} jobs", jobs.len());
    let is_open = |job: &&Value| job["status"] == "running";
    assert_eq!(jobs.iter().filter(is_open).count(), 0, "{jobs:?}");
    site.run(&["vacuum", "--older-than", "0"]).run().succeeded();
    site.check();
}
