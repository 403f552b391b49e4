//! Runs one target on its corpus and then on mutations, until there were enough of them or something is wrong.
//!
//! Without settings these are the same on every machine, so that a change is judged by what it changes. `FUZZ_SECONDS` gives each
//! target a time instead, and `FUZZ_SEED` chooses other mutations. What fails is made shorter, stored and named; as a file of `fuzz/corpus/<target>/` it is then run first every time.

use crate::corpus;
use crate::memory;
use crate::mutate::{Random, mutated};
use std::any::Any;
use std::cell::Cell;
use std::collections::HashSet;
use std::env;
use std::fmt::Display;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Mutations of a target of kernels without a time of its own.
pub const KERNEL_MUTATIONS: u64 = 1_000;
/// How often the input under way is looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(15);
/// An input that is met so often hangs. It has had a thousand times what any takes, since tests share their processors with others; looks are
/// counted and not time, since a process that is stopped for a while does not look either.
const MAX_LOOKS: u32 = 4;
/// Inputs that are mutated at most; more would only be visited more seldom.
const MAX_POOL_INPUTS: usize = 5_000;
/// Time for making a find shorter.
const SHORTENING_TIME: Duration = Duration::from_secs(10);

/// What is fuzzed, and within which limits.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Words of the format.
    pub dictionary: &'static [&'static [u8]],
    /// Longest input that is made up.
    pub max_bytes: usize,
    /// Bytes that one input may make the kernel hold at a time.
    pub max_memory_bytes: usize,
    /// Mutations where `FUZZ_SECONDS` gives no time: what a run of all tests has time for.
    pub num_mutations: u64,
}

/// Runs `check` on the kept inputs of the target, on `seeds`, and on mutations of both.
///
/// `check` panics if something is wrong, and gives a number for the kind of outcome.
///
/// What was done, for people to read, comes back.
///
/// **Panics** with the input that failed first. An input that hangs ends the process, since nothing else would.
pub fn fuzz(target: &Target, seeds: Vec<Vec<u8>>, check: impl Fn(&[u8]) -> u64) -> String {
    let mut run = Run {
        target,
        check: &check,
        watch: Watch::start(target.name),
    };
    let mut kinds = HashSet::new();
    let mut pool = Vec::new();
    for (name, input) in corpus::kept(target.name) {
        kinds.insert(run.once(&input, &name));
        pool.push(input);
    }
    for input in seeds {
        kinds.insert(run.once(&input, "a seed"));
        pool.push(input);
    }
    let deadline = number_from("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut random = Random::new(number_from("FUZZ_SEED").unwrap_or(0));
    let mut num_inputs = 0_u64;
    while deadline.map_or(num_inputs < target.num_mutations, |deadline| Instant::now() < deadline) {
        // What was found last is tried most: it has been mutated least.
        let newest = pool.len().saturating_sub(50);
        let index = match random.below(3) {
            0 => newest + random.below(pool.len() - newest),
            _ => random.below(pool.len()),
        };
        let input = mutated(&pool[index], &pool, target.dictionary, target.max_bytes, &mut random);
        num_inputs += 1;
        if kinds.insert(run.once(&input, "a mutation")) && pool.len() < MAX_POOL_INPUTS {
            pool.push(input);
        }
    }
    format!(
        "{}: {num_inputs} mutations, {} kinds of outcome, {} inputs in the pool",
        target.name,
        kinds.len(),
        pool.len()
    )
}

fn number_from(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is `{text}`, which is no number")))
}

struct Run<'a, C> {
    target: &'a Target,
    check: &'a C,
    watch: Watch,
}

impl<C: Fn(&[u8]) -> u64> Run<'_, C> {
    /// Runs one input; its kind of outcome.
    fn once(&mut self, input: &[u8], origin: &str) -> u64 {
        match self.attempt(input) {
            Ok(kind) => kind,
            Err(problem) => self.report(input, origin, &problem),
        }
    }

    fn attempt(&self, input: &[u8]) -> Result<u64, String> {
        self.watch.begin(input);
        let (result, peak_bytes) = memory::peak_of(|| panic::catch_unwind(AssertUnwindSafe(|| (self.check)(input))));
        self.watch.end();
        let kind = result.map_err(|payload| message_of(payload.as_ref()))?;
        if peak_bytes > self.target.max_memory_bytes {
            return Err(format!(
                "{peak_bytes} bytes were held at a time, and {} are allowed",
                self.target.max_memory_bytes
            ));
        }
        Ok(kind)
    }

    fn report(&self, input: &[u8], origin: &str, problem: &dyn Display) -> ! {
        let shorter = in_silence(|| self.shortened(input));
        let path = corpus::store_find(self.target.name, &shorter);
        panic!(
            "{}: {origin} fails: {problem}\nthe shortest input that still fails is {}:\n{}\nput it into {} to have it run every time",
            self.target.name,
            path.display(),
            shorter[..shorter.len().min(2_000)].escape_ascii(),
            corpus::folder(self.target.name).display(),
        );
    }

    /// Leaves out pieces, ever smaller ones, as long as the input still fails.
    fn shortened(&self, input: &[u8]) -> Vec<u8> {
        let deadline = Instant::now() + SHORTENING_TIME;
        let mut shortest = input.to_vec();
        let mut piece_bytes = shortest.len().div_ceil(2);
        while piece_bytes > 0 {
            let mut at = 0;
            while at < shortest.len() {
                if Instant::now() > deadline {
                    return shortest;
                }
                let mut candidate = shortest.clone();
                candidate.drain(at..(at + piece_bytes).min(shortest.len()));
                if self.attempt(&candidate).is_err() {
                    shortest = candidate;
                } else {
                    at += piece_bytes;
                }
            }
            piece_bytes /= 2;
        }
        shortest
    }
}

/// Runs `work` without a word about panics of this thread: while an input is made shorter there are hundreds.
fn in_silence<T>(work: impl FnOnce() -> T) -> T {
    thread_local! {
        static IS_SILENT: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let speak = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_SILENT.get() {
                speak(panic);
            }
        }));
    });
    IS_SILENT.set(true);
    let result = work();
    IS_SILENT.set(false);
    result
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (None, Some(text)) => (*text).to_owned(),
        (None, None) => "a panic without a message".to_owned(),
    }
}

/// Ends the process when one input takes too long.
struct Watch {
    shared: Arc<Watched>,
    watcher: Option<thread::JoinHandle<()>>,
}

struct Watched {
    /// The input under way and how often it was looked at.
    current: Mutex<Option<(Vec<u8>, u32)>>,
    is_over: AtomicBool,
    over: (Mutex<()>, Condvar),
}

impl Watch {
    fn start(target: &'static str) -> Watch {
        let shared = Arc::new(Watched {
            current: Mutex::new(None),
            is_over: AtomicBool::new(false),
            over: (Mutex::new(()), Condvar::new()),
        });
        let watched = shared.clone();
        let watcher = thread::spawn(move || watched.watch(target));
        Watch {
            shared,
            watcher: Some(watcher),
        }
    }

    fn begin(&self, input: &[u8]) {
        *self.shared.lock() = Some((input.to_vec(), 0));
    }

    fn end(&self) {
        *self.shared.lock() = None;
    }
}

impl Watched {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Vec<u8>, u32)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, target: &str) {
        let (lock, condition) = &self.over;
        let mut guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_over.load(Ordering::Acquire) {
            (guard, _) = condition
                .wait_timeout(guard, WATCH_INTERVAL)
                .unwrap_or_else(PoisonError::into_inner);
            let hanging = match self.lock().as_mut() {
                Some((_, num_looks)) if *num_looks < MAX_LOOKS => {
                    *num_looks += 1;
                    continue;
                }
                Some((input, _)) => input.clone(),
                None => continue,
            };
            let path = corpus::store_find(target, &hanging);
            // There is nobody to tell if this fails.
            let _ = writeln!(
                io::stderr(),
                "{target}: {} takes more than {:?}",
                path.display(),
                WATCH_INTERVAL * MAX_LOOKS
            );
            process::abort();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        self.shared.over.1.notify_all();
        if let Some(watcher) = self.watcher.take() {
            // A watcher that panicked has said why.
            let _ = watcher.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target whose corpus has at least one input.
    const TARGET: Target = Target {
        name: "pattern",
        dictionary: &[b"needle"],
        max_bytes: 400,
        max_memory_bytes: usize::MAX,
        num_mutations: KERNEL_MUTATIONS,
    };

    fn problem_of(check: impl Fn(&[u8]) -> u64) -> String {
        let seeds = vec![b"hay hay hay".to_vec()];
        let result = in_silence(|| panic::catch_unwind(AssertUnwindSafe(|| fuzz(&TARGET, seeds, check))));
        message_of(result.unwrap_err().as_ref())
    }

    #[test]
    fn a_find_is_made_shorter_and_stored() {
        let problem = problem_of(|input| {
            assert!(!input.windows(6).any(|window| window == b"needle"), "it hurts");
            0
        });
        assert!(
            problem.starts_with("pattern: a mutation fails: it hurts\n"),
            "{problem}"
        );
        let path = problem.lines().nth(1).unwrap().trim_end_matches(':');
        let path = path.strip_prefix("the shortest input that still fails is ").unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"needle");
        std::fs::remove_file(path).unwrap();
    }
}
