//! Finds out how a bucket answers: how long one request takes, and how many bytes come with more and more requests at a time.
//!
//! Each level doubles the number of requests in flight. It ends when that brings nothing any more, when the service asks for fewer
//! requests, or at one of the limits on requests, bytes and seconds: a probe must not be noticed by whoever pays for the bucket.

use crate::error::{Blame, Error, Result};
use crate::source::error::SourceError;
use crate::source::file::SourceFile;
use crate::source::store::FileStore;
use futures::{StreamExt, stream};
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests of a probe at most. At S3's prices less than a fiftieth of a cent.
pub const MAX_REQUESTS: usize = 400;

/// Bytes of a probe at most.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// Bytes asked for at a time. A job asks for up to eight times that, but the time per request does not scale with it: the probe
/// rather finds too many requests than too few.
const PIECE_BYTES: u64 = 1024 * 1024;

/// Time after which no further level is begun, and after which a level counts what has come so far.
const MAX_SECONDS: Duration = Duration::from_secs(10);
const MAX_LEVEL_SECONDS: Duration = Duration::from_secs(5);

/// How long the very first answers may take: a connection is made, and credentials are fetched.
const FIRST_LEVEL_SECONDS: Duration = Duration::from_secs(60);

/// Requests of a level: so many, and twice as many as are in flight, so that connections that are only being made weigh less.
const LEAST_REQUESTS: usize = 4;

/// A level that brings less than this more than the best one before it has brought nothing.
const LEAST_GAIN: f64 = 1.1;

/// Levels in a row that bring nothing, after which there is nothing more to expect; one may be an accident.
const MAX_IDLE_LEVELS: usize = 2;

/// What a probe found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Probe {
    /// One for each number of requests in flight, growing.
    pub levels: Vec<Level>,
    /// Requests made.
    pub requests: u64,
    /// Bytes fetched.
    pub bytes: u64,
    /// Wall time.
    pub seconds: f64,
    /// Whether the service asked for fewer requests.
    pub is_slowed_down: bool,
}

/// How a bucket answers so many requests at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Level {
    /// Requests in flight.
    pub at_a_time: usize,
    /// Requests answered.
    pub requests: u64,
    /// Bytes that came.
    pub bytes: u64,
    /// Wall time.
    pub seconds: f64,
    /// Until the first bytes came, the median of all requests.
    pub latency_seconds: f64,
    /// Bytes a second, all requests together.
    pub bytes_per_second: f64,
}

/// Probes a store with its own files.
///
/// **Errors**: a file that cannot be read; no answer at all.
/// **Cost**: at most [`MAX_REQUESTS`] requests, besides those that are repeated because they failed.
pub(super) async fn probe(store: Arc<dyn FileStore>, files: Vec<SourceFile>) -> Result<Probe> {
    let begun = Instant::now();
    let num_slow_downs = store.num_slow_downs();
    let mut probe = Probe::default();
    let mut pieces = pieces(&files);
    let mut best = 0.0;
    let mut num_idle_levels = 0;
    let mut at_a_time = 1;
    while num_idle_levels < MAX_IDLE_LEVELS && begun.elapsed() < MAX_SECONDS {
        let num_left = MAX_REQUESTS
            - usize::try_from(probe.requests)
                .unwrap_or(MAX_REQUESTS)
                .min(MAX_REQUESTS);
        let num_wanted = (2 * at_a_time).max(LEAST_REQUESTS).min(num_left);
        let mut wanted = Vec::new();
        let mut left_bytes = MAX_BYTES.saturating_sub(probe.bytes);
        while wanted.len() < num_wanted {
            let Some((file, range)) = pieces.next() else { break };
            let bytes = range.end - range.start;
            if bytes > left_bytes {
                break;
            }
            left_bytes -= bytes;
            wanted.push((file, range));
        }
        if wanted.len() < at_a_time || wanted.is_empty() {
            break;
        }
        let time_limit = match at_a_time {
            1 => FIRST_LEVEL_SECONDS,
            _ => MAX_LEVEL_SECONDS,
        };
        // Requests without an answer were made all the same.
        probe.requests += wanted.len() as u64;
        let level = level(&store, wanted, at_a_time, time_limit).await?;
        probe.is_slowed_down = store.num_slow_downs() > num_slow_downs;
        if level.requests == 0 && at_a_time == 1 {
            return Err(Error::new(
                Blame::Storage,
                format!("no answer within {} seconds", time_limit.as_secs()),
            )
            .at(store.url(&files[0].key)));
        }
        probe.bytes += level.bytes;
        if probe.is_slowed_down {
            break;
        }
        match level.bytes_per_second >= best * LEAST_GAIN {
            true => num_idle_levels = 0,
            false => num_idle_levels += 1,
        }
        best = level.bytes_per_second.max(best);
        probe.levels.push(level);
        at_a_time *= 2;
    }
    probe.seconds = begun.elapsed().as_secs_f64();
    Ok(probe)
}

/// What is asked for: a piece of each file in turn, and then the next piece of each, without end; nothing if all are empty.
fn pieces(files: &[SourceFile]) -> impl Iterator<Item = (SourceFile, Range<u64>)> + use<> {
    let files: Vec<SourceFile> = files.iter().filter(|file| file.size_bytes > 0).cloned().collect();
    let num_rounds = if files.is_empty() { 0 } else { u64::MAX };
    (0..num_rounds).flat_map(move |round| {
        let piece = move |file: SourceFile| {
            let num_pieces = file.size_bytes.div_ceil(PIECE_BYTES);
            let start = round % num_pieces * PIECE_BYTES;
            let end = file.size_bytes.min(start + PIECE_BYTES);
            (file, start..end)
        };
        files.clone().into_iter().map(piece)
    })
}

async fn level(
    store: &Arc<dyn FileStore>,
    wanted: Vec<(SourceFile, Range<u64>)>,
    at_a_time: usize,
    time_limit: Duration,
) -> Result<Level> {
    let begun = Instant::now();
    let requests = wanted
        .into_iter()
        .map(|(file, range)| read(Arc::clone(store), file, range));
    let mut answers = std::pin::pin!(
        stream::iter(requests)
            .buffer_unordered(at_a_time)
            .take_until(Box::pin(tokio::time::sleep(time_limit)))
    );
    let mut latencies = Vec::new();
    let mut bytes = 0;
    while let Some(answer) = answers.next().await {
        let (latency, size_bytes) = answer?;
        latencies.push(latency);
        bytes += size_bytes;
    }
    latencies.sort();
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Level {
        at_a_time,
        requests: latencies.len() as u64,
        bytes,
        seconds,
        latency_seconds: latencies.get(latencies.len() / 2).map_or(0.0, Duration::as_secs_f64),
        #[expect(clippy::cast_precision_loss, reason = "a rate for display and comparison")]
        bytes_per_second: bytes as f64 / seconds.max(f64::MIN_POSITIVE),
    })
}

/// Reads a piece and forgets it: how long its first bytes took, and how many came.
async fn read(
    store: Arc<dyn FileStore>,
    file: SourceFile,
    range: Range<u64>,
) -> std::result::Result<(Duration, u64), SourceError> {
    let begun = Instant::now();
    let mut stream = store.get(&file, range).await?;
    let mut latency = None;
    let mut num_bytes = 0;
    while let Some(bytes) = stream.next().await {
        num_bytes += bytes?.len() as u64;
        latency.get_or_insert_with(|| begun.elapsed());
    }
    Ok((latency.unwrap_or_default(), num_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::store::{DirectoryStore, ListRequest};
    use tempfile::TempDir;

    /// A store of files of these sizes, and the folder where they are.
    async fn store(sizes: &[usize]) -> (TempDir, Arc<dyn FileStore>, Vec<SourceFile>) {
        let folder = TempDir::new().unwrap();
        for (index, size) in sizes.iter().enumerate() {
            std::fs::write(folder.path().join(index.to_string()), vec![0; *size]).unwrap();
        }
        let store = DirectoryStore::new(folder.path().to_owned());
        let page = store.list_page(&ListRequest::default()).await.unwrap();
        let files = page.files.into_iter().map(|listed| listed.file).collect();
        (folder, Arc::new(store), files)
    }

    #[tokio::test]
    async fn a_probe_keeps_within_its_limits() {
        let (_folder, store, files) = store(&[3 << 20, 10, 0]).await;
        let probe = probe(store, files).await.unwrap();
        assert!(probe.requests <= MAX_REQUESTS as u64, "{}", probe.requests);
        assert!(probe.bytes <= MAX_BYTES);
        let at_a_time: Vec<usize> = probe.levels.iter().map(|level| level.at_a_time).collect();
        assert!(at_a_time.starts_with(&[1, 2]), "{at_a_time:?}");
        assert_eq!(probe.levels.iter().map(|level| level.bytes).sum::<u64>(), probe.bytes);
    }

    #[tokio::test]
    async fn empty_files_tell_nothing() {
        let (_folder, store, files) = store(&[0, 0]).await;
        assert_eq!(probe(store, files).await.unwrap().levels, []);
    }

    #[tokio::test]
    async fn large_files_are_asked_for_piece_by_piece() {
        let (_folder, _, files) = store(&[(2 << 20) + 5, 7]).await;
        let ranges: Vec<Range<u64>> = pieces(&files).take(8).map(|(_, range)| range).collect();
        let mib = 1 << 20;
        assert_eq!(
            ranges,
            [
                0..mib,
                0..7,
                mib..2 * mib,
                0..7,
                2 * mib..2 * mib + 5,
                0..7,
                0..mib,
                0..7
            ]
        );
    }
}
