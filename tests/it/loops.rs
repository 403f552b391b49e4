//! Uploads while jobs run and are killed at any moment; in the end each row is there once, as another engine counts them.
//!
//! `LOOP_ROUNDS=200` makes it long. The numbers that a failure depends on begin with `LOOP_SEED`, which is printed.

use crate::kept::{ROWS, Store};
use bucketload_tests::wait::wait_until;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rounds where nothing else is said: some seconds.
const ROUNDS: usize = 6;

/// Longer than a load of these files takes on a busy machine.
const LONGEST_LIFE: Duration = Duration::from_millis(2_500);

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Numbers that follow from a seed; the generator of Numerical Recipes.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Keys in no order at all.
fn key(number: usize) -> String {
    format!("{:05}-{number}", number * 7_919 % 99_991)
}

#[test]
fn uploads_kills_and_runs_in_any_order_load_each_row_once() {
    let rounds = setting("LOOP_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = setting("LOOP_SEED").unwrap_or_else(|| u64::from(clock.subsec_nanos()));
    println!("LOOP_SEED={seed}");
    let mut numbers = Numbers(seed);
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
