//! Uploads while jobs run and are killed at any moment; in the end each row is there once, as another engine counts them. Of every kind
//! of load, with jobs that are gone on with, two processes at once, replays, `vacuum` and queries in between.
//!
//! `LOOP_ROUNDS=200` makes it long. The numbers that a failure depends on begin with `LOOP_SEED`, which is printed.

use crate::kept::{ROWS, Store};
use bucketload_tests::bucketload::{Bucketload, Running};
use bucketload_tests::wait::wait_until;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rounds where nothing else is said: some seconds.
const ROUNDS: usize = 6;

/// Longer than a load of these files takes on a busy machine.
const LONGEST_LIFE: Duration = Duration::from_millis(2_500);

pub(crate) fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Numbers that follow from a seed; the generator of Numerical Recipes.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new() -> Numbers {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = setting("LOOP_SEED").unwrap_or_else(|| u64::from(clock.subsec_nanos()));
        println!("LOOP_SEED={seed}");
        Numbers(seed)
    }

    pub(crate) fn one_of<T: Clone>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len() as u64) as usize].clone()
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Keys in no order at all.
pub(crate) fn key(number: usize) -> String {
    format!("{:05}-{number}", number * 7_919 % 99_991)
}

#[test]
fn uploads_kills_and_runs_in_any_order_load_each_row_once() {
    let rounds = setting("LOOP_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    let mut numbers = Numbers::new();
    let store = Store::new("  incremental: ledger\n");
    let mut num_files = 0;
    let mut num_killed = 0;
    for round in 0..rounds {
        let is_over = AtomicBool::new(false);
        let first = num_files;
        num_files += 1 + numbers.below(8) as usize;
        let steps = format!("exec.commit_every={} files", 1 + numbers.below(4));
        let flags: &[&str] = match numbers.below(3) {
            0 => &["--set", &steps],
            1 => &["--set", "exec.checkpoint_every=2 files"],
            _ => &[],
        };
        let life = LONGEST_LIFE.mul_f64(numbers.below(1_000) as f64 / 1_000.0);
        let job = store.open_jobs("t").pop().filter(|_| numbers.below(2) == 0);
        thread::scope(|scope| {
            let (store, is_over) = (&store, &is_over);
            // Files come before the job starts, while it runs and after it has died.
            scope.spawn(move || {
                for number in first..num_files {
                    wait_until(LONGEST_LIFE / 20, || is_over.load(Ordering::Relaxed));
                    store.put(&key(number), round);
                }
            });
            let mut running = match &job {
                // A job whose steps or files do not fit is refused, which is as good as one that died.
                Some(job) => store.issuing("t", flags).args(["--resume", job]).spawn(),
                None => store.issuing("t", flags).spawn(),
            };
            wait_until(life, || running.has_ended());
            running.kill();
            let finished = running.wait();
            num_killed += usize::from(finished.status.is_none());
            let is_refusal = job.is_some() || finished.stderr.contains("in the meantime");
            assert!(
                matches!(finished.status, None | Some(0)) || is_refusal,
                "round {round}: {finished}"
            );
            is_over.store(true, Ordering::Relaxed);
        });
    }
    store.issuing("t", &[]).run().succeeded();
    println!("{num_killed} of {rounds} runs were killed, {num_files} files");
    let all = (num_files * ROWS) as u64;
    for reader in ["deltalake", "duckdb"] {
        assert_eq!(store.count(reader, &["t".to_owned()]), [(all, all)], "{reader}");
    }
    assert_eq!(
        store.workplace.number("SELECT count(DISTINCT file) FROM d.t__files"),
        num_files as i64
    );
    let open = store
        .workplace
        .bucketload(["vacuum", "--older-than", "0", "--json"])
        .run()
        .succeeded();
    assert!(open.json()["tables"].is_array());
    assert_eq!(store.open_jobs("t"), Vec::<String>::new(), "vacuum clears up");
    assert_eq!(
        store.count("duckdb", &["t".to_owned()]),
        [(all, all)],
        "and takes nothing that is listed"
    );
}

/// A kind of load: lines of its `in` section, and its flags.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// By the ledger; files are rewritten, and the new rows take the place of the old ones.
    Ledger,
    /// By the ledger, with records that are rejected and replayed.
    Rejects,
    /// A schedule by name: keys grow.
    Name,
    /// A schedule by time: keys in no order.
    Time,
    /// Everything anew; files are rewritten and deleted.
    Replace(&'static str),
    /// A schedule by name of a table of bare files.
    BareName,
    /// Everything anew, into a table of bare files.
    BareReplace(&'static str),
}

impl Kind {
    fn options(self) -> &'static str {
        match self {
            Kind::Ledger => "  incremental: ledger\n  on_changed_file: replace\n",
            Kind::Rejects => "  incremental: ledger\n",
            Kind::Name | Kind::BareName => "",
            Kind::Time => "  use_modified_time: true\n",
            Kind::Replace(_) | Kind::BareReplace(_) => "  incremental: false\n",
        }
    }

    fn is_bare(self) -> bool {
        matches!(self, Kind::BareName | Kind::BareReplace(_))
    }
}

/// The files and the table of one kind of load.
struct Rig {
    kind: Kind,
    store: Store,
    /// Files that are there, with their versions.
    files: BTreeMap<String, usize>,
    num_made: usize,
    num_killed: usize,
}

impl Rig {
    fn new(kind: Kind) -> Rig {
        let mut rig = Rig {
            kind,
            store: Store::with_type(kind.options(), if kind.is_bare() { "parquet" } else { "delta" }),
            files: BTreeMap::new(),
            num_made: 0,
            num_killed: 0,
        };
        rig.make_file();
        if rig.is_scheduled() {
            let workplace = &rig.store.workplace;
            if !kind.is_bare() {
                workplace
                    .bucketload(["table", "create", "d.t", "--partition-by", "none"])
                    .run()
                    .succeeded();
            }
            let create = ["create", "s", "@daily", "d", "t", rig.store.job()];
            workplace.bucketload(create).run().succeeded();
        }
        rig
    }

    fn is_scheduled(&self) -> bool {
        matches!(self.kind, Kind::Name | Kind::Time | Kind::BareName)
    }

    fn make_file(&mut self) {
        self.num_made += 1;
        let name = match self.kind {
            Kind::Name | Kind::BareName => format!("{:06}", self.num_made),
            _ => key(self.num_made),
        };
        self.write(name);
    }

    fn write(&mut self, name: String) {
        let version = self.files.get(&name).map_or(1, |version| version + 1);
        match self.kind {
            Kind::Rejects => self.store.put_spoilt(&name),
            _ => self.store.put(&name, version),
        }
        self.files.insert(name, version);
    }

    fn change_files(&mut self, numbers: &mut Numbers) {
        for _ in 0..numbers.below(4) {
            let names: Vec<String> = self.files.keys().cloned().collect();
            match (numbers.below(4), self.kind) {
                (0, Kind::Ledger | Kind::Replace(_) | Kind::BareReplace(_)) if !names.is_empty() => {
                    self.write(numbers.one_of(&names))
                }
                (1, Kind::Replace(_) | Kind::BareReplace(_)) if names.len() > 1 => {
                    let name = numbers.one_of(&names);
                    self.store.delete(&name);
                    self.files.remove(&name);
                }
                _ => self.make_file(),
            }
        }
    }

    /// The load without anything that hinders it.
    fn load(&self) -> Bucketload {
        match self.kind {
            Kind::Name | Kind::Time | Kind::BareName => self.store.workplace.bucketload(["run", "s", "--json"]),
            Kind::Replace(mode) | Kind::BareReplace(mode) => self.store.issuing("t", &["--mode", mode]),
            Kind::Ledger | Kind::Rejects => self.store.issuing("t", &[]),
        }
    }

    fn replay(&self) -> Bucketload {
        let mended = self.store.mended();
        self.store
            .workplace
            .bucketload(["rejects", "replay", "d.t", &mended, "--json"])
    }

    /// A load, one that goes on with another, or something else that comes in between.
    fn command(&self, numbers: &mut Numbers) -> Bucketload {
        let workplace = &self.store.workplace;
        match numbers.below(10) {
            0 => return workplace.bucketload(["vacuum", "--older-than", "0", "--json"]),
            1 => return workplace.bucketload(["query", "SELECT count(*) FROM d.t", "--json"]),
            2..5 if self.kind == Kind::Rejects => return self.replay(),
            _ => {}
        }
        let load = self.load();
        if self.is_scheduled() {
            return load;
        }
        let load = match (numbers.below(3), self.kind) {
            (0, _) => load,
            (1, Kind::Ledger | Kind::Rejects) => load.set(format!("exec.commit_every={} files", 1 + numbers.below(3))),
            (_, _) => load.set(format!("exec.checkpoint_every={} files", 1 + numbers.below(3))),
        };
        match self.store.open_jobs("t") {
            jobs if !jobs.is_empty() && numbers.below(2) == 0 => load.args(["--resume", &numbers.one_of(&jobs)]),
            _ => load,
        }
    }

    fn round(&mut self, numbers: &mut Numbers) {
        let num_processes = 1 + usize::from(numbers.below(4) == 0);
        let mut running: Vec<Running> = (0..num_processes).map(|_| self.command(numbers).spawn()).collect();
        self.change_files(numbers);
        let life = LONGEST_LIFE.mul_f64(numbers.below(1_000) as f64 / 1_000.0);
        wait_until(life, || running.iter_mut().all(Running::has_ended));
        for mut process in running {
            process.kill();
            let finished = process.wait();
            self.num_killed += usize::from(finished.status.is_none());
            // Whatever refuses to load does so in our own words.
            let is_told = ["error: ", "\"error\": \""]
                .iter()
                .any(|told| finished.stderr.contains(told) || finished.stdout.contains(told));
            assert!(matches!(finished.status, None | Some(0)) || is_told, "{finished}");
            assert!(!finished.stderr.contains("panicked"), "{finished}");
        }
    }

    /// Loads what is left and counts.
    fn check(&self) {
        self.load().run().succeeded();
        if self.kind == Kind::Rejects {
            self.replay().run().succeeded();
            assert_eq!(self.store.workplace.number("SELECT count(*) FROM d.t__rejects"), 0);
        }
        let workplace = &self.store.workplace;
        for vacuum in [false, true] {
            if vacuum {
                workplace.bucketload(["vacuum", "--older-than", "0"]).run().succeeded();
                assert_eq!(self.store.open_jobs("t"), Vec::<String>::new());
            }
            let all = (self.files.len() * ROWS) as u64;
            let readers = match self.kind.is_bare() {
                true => ["duckdb-folder", "pyarrow-folder"],
                false => ["deltalake", "duckdb"],
            };
            for reader in readers {
                assert_eq!(
                    self.store.count(reader, &["t".to_owned()]),
                    [(all, all)],
                    "{:?} {reader} {vacuum}",
                    self.kind
                );
            }
            if matches!(self.kind, Kind::Ledger | Kind::Replace(_) | Kind::BareReplace(_)) {
                let versions: usize = self.files.values().sum();
                let sum = workplace.number("SELECT sum(version) FROM d.t");
                assert_eq!(sum, (versions * ROWS) as i64, "{:?}", self.kind);
            }
        }
    }
}

#[test]
fn every_kind_of_load_may_be_killed_at_any_moment() {
    let rounds = setting("LOOP_ROUNDS").map_or(ROUNDS / 3, |rounds| rounds as usize);
    let mut numbers = Numbers::new();
    for kind in [
        Kind::Ledger,
        Kind::Rejects,
        Kind::Name,
        Kind::Time,
        Kind::Replace("replace"),
        Kind::Replace("replace_on_new_data"),
        Kind::BareName,
        Kind::BareReplace("replace"),
        Kind::BareReplace("replace_on_new_data"),
    ] {
        let mut rig = Rig::new(kind);
        for _ in 0..rounds {
            rig.round(&mut numbers);
        }
        println!("{kind:?}: {} of {rounds} rounds had a process killed", rig.num_killed);
        rig.check();
    }
}
