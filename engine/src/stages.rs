//! Tells where the time of a running plan goes: stage by stage, for each of its partitions.
//!
//! The stages of a partition take turns on one thread, so what it computes and what it waits for add up to its wall time. The clock
//! is read once or twice for each chunk and each batch, never for a record. Filters have no clock of their own: they are what is
//! left of the time in which a partition brings rows to its writer. A plan that hands rows to other tasks on the way (few small
//! files, a `GROUP BY`) hides part of that, so there the figure for filters is a lower bound.

use serde::Serialize;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seconds of each stage; the names are those of `issue --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StageSeconds {
    /// Waiting for bytes of files.
    pub fetch_wait: f64,
    /// Unpacking.
    pub decode: f64,
    /// Making typed rows of text.
    pub parse: f64,
    /// Filters and all other expressions.
    pub filter: f64,
    /// Encoding and compressing Parquet.
    pub write: f64,
    /// Waiting for the table's store to take what was written.
    pub upload_wait: f64,
    /// Waiting for rows of files that other partitions read, with no file left to read.
    pub idle: f64,
}

impl StageSeconds {
    /// All of it.
    pub fn sum(&self) -> f64 {
        self.cpu() + self.fetch_wait + self.upload_wait + self.idle
    }

    /// What a core computes.
    pub fn cpu(&self) -> f64 {
        self.decode + self.parse + self.filter + self.write
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &StageSeconds) -> StageSeconds {
        StageSeconds {
            fetch_wait: self.fetch_wait + other.fetch_wait,
            decode: self.decode + other.decode,
            parse: self.parse + other.parse,
            filter: self.filter + other.filter,
            write: self.write + other.write,
            upload_wait: self.upload_wait + other.upload_wait,
            idle: self.idle + other.idle,
        }
    }
}

/// What a clock measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lap {
    FetchWait,
    Decode,
    Parse,
    Idle,
    /// Everything between the bytes and the writer: decode, parse and filter together.
    Input,
    Write,
    UploadWait,
}

const NUM_LAPS: usize = Lap::UploadWait as usize + 1;

/// The time of one partition so far; added to by whoever runs it, read at any time.
#[derive(Debug, Default)]
pub struct StageClock {
    nanos: [AtomicU64; NUM_LAPS],
}

impl StageClock {
    /// Adds to a measure.
    pub(crate) fn add(&self, lap: Lap, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanos[lap as usize].fetch_add(nanos, Ordering::Relaxed);
    }

    /// Awaits what is nothing but waiting.
    pub(crate) async fn waiting<F: Future>(&self, lap: Lap, future: F) -> F::Output {
        let begun = Instant::now();
        let output = future.await;
        self.add(lap, begun.elapsed());
        output
    }

    fn seconds(&self, lap: Lap) -> f64 {
        Duration::from_nanos(self.nanos[lap as usize].load(Ordering::Relaxed)).as_secs_f64()
    }
}

/// The clocks of all partitions of a plan.
#[derive(Debug, Default)]
pub struct StageClocks {
    partitions: Mutex<Vec<Arc<StageClock>>>,
}

impl StageClocks {
    /// The clock of a partition.
    pub fn of(&self, partition: usize) -> Arc<StageClock> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if partitions.len() <= partition {
            partitions.resize_with(partition + 1, Arc::default);
        }
        Arc::clone(&partitions[partition])
    }

    fn all(&self) -> Vec<Arc<StageClock>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The seconds of each partition; these are the clocks of its scan, the others those of its writer.
    pub fn seconds(&self, writers: &StageClocks) -> Vec<StageSeconds> {
        let (scans, writers) = (self.all(), writers.all());
        let none = Arc::new(StageClock::default());
        (0..scans.len().max(writers.len()))
            .map(|partition| {
                let scan = scans.get(partition).unwrap_or(&none);
                let writer = writers.get(partition).unwrap_or(&none);
                let (decode, parse) = (scan.seconds(Lap::Decode), scan.seconds(Lap::Parse));
                StageSeconds {
                    fetch_wait: scan.seconds(Lap::FetchWait),
                    decode,
                    parse,
                    filter: (writer.seconds(Lap::Input) - decode - parse).max(0.0),
                    write: writer.seconds(Lap::Write),
                    upload_wait: writer.seconds(Lap::UploadWait),
                    idle: scan.seconds(Lap::Idle),
                }
            })
            .collect()
    }
}

/// How long a future computed, and how long it waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) computing: Duration,
    pub(crate) waiting: Duration,
}

/// Awaits a future, and tells its time apart: what its polls took it computed, between them it waited.
pub(crate) async fn timed<F: Future>(future: F) -> (F::Output, Spent) {
    let mut future = pin!(future);
    let begun = Instant::now();
    let mut computing = Duration::ZERO;
    let output = poll_fn(|context| {
        let polled = Instant::now();
        let poll = future.as_mut().poll(context);
        computing += polled.elapsed();
        poll
    })
    .await;
    let spent = Spent {
        computing,
        waiting: begun.elapsed().saturating_sub(computing),
    };
    (output, spent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_is_not_computing() {
        let begun = Instant::now();
        let ((), spent) = timed(async {
            tokio::task::yield_now().await;
            let computed = Instant::now();
            while computed.elapsed() < Duration::from_millis(2) {
                std::hint::spin_loop();
            }
        })
        .await;
        assert!(spent.computing >= Duration::from_millis(2));
        assert!(spent.computing + spent.waiting <= begun.elapsed());
    }

    #[test]
    fn filters_are_what_is_left() {
        let (scans, writers) = (StageClocks::default(), StageClocks::default());
        let second = |number: u64| Duration::from_secs(number);
        scans.of(1).add(Lap::Decode, second(1));
        scans.of(1).add(Lap::Parse, second(2));
        scans.of(1).add(Lap::FetchWait, second(10));
        writers.of(1).add(Lap::Input, second(5));
        writers.of(1).add(Lap::Write, second(4));
        // Partition 0 hands its rows to another task: its writer sees less than its scan did.
        scans.of(0).add(Lap::Parse, second(3));
        writers.of(0).add(Lap::Input, second(1));
        let seconds = scans.seconds(&writers);
        assert_eq!(seconds[0].filter, 0.0);
        assert_eq!((seconds[1].filter, seconds[1].cpu()), (2.0, 9.0));
        assert_eq!(seconds[0].plus(&seconds[1]).sum(), 22.0);
    }
}
