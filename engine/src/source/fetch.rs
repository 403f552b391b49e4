//! Reads files ahead of the parser that consumes them.
//!
//! One driver task per consumer walks through the files and keeps a window of requests open: a small file is one request,
//! a large one several ranges. They are answered in any order and delivered in the order of the files. What has been asked
//! for and not been consumed is bounded four times: by the requests of the window, by the pieces that may lie ready, by the bytes of
//! this consumer, and by the budget that all consumers share.
//!
//! No deadlock comes from the budget: when a consumer waits and nothing is on its way to it, the next piece is fetched even if
//! others hold the whole budget. So memory is bounded by the budget and one piece per consumer.
//!
//! Reading order: here the driver and its requests, `fetched` (the consumer's end), `traffic` (what passes between them).
//!
//! Nothing is decoded here, and no request is made that is not a GET of bytes somebody is going to ask for.

mod fetched;
#[cfg(test)]
mod tests;
mod traffic;

use self::traffic::{Delivery, Piece, Ticket, Traffic};
use super::budget::{ByteBudget, FetchedChunk, Share};
use super::error::SourceError;
use super::file::SourceFile;
use super::store::FileStore;
use super::window::Window;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tracing::Instrument;

pub use self::fetched::{FetchedChunks, FetchedFile, FetchedFiles, SpareFiles};

/// Bytes asked for in one ranged read, and the size up to which a file is one request. Small enough that a resumed read repeats
/// little, large enough that request latency is hidden.
pub const RANGE_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes that have arrived are handed over when there are so many, or none is to come. What the client gives at once is mostly more, and
/// then is handed over as it is: joining it to a larger piece would cost a copy and fresh memory. Handing over is rare enough.
const CHUNK_BYTES: usize = 128 * 1024;

/// Pieces asked for and not consumed, as a multiple of the requests in flight: enough ready ones to bridge a slow answer.
const READY_PER_REQUEST: usize = 4;

/// Pieces that are consumed before the driver is woken to ask for as many. For each one it would interrupt a parser each time; for very
/// many, as many connections would have buffers.
const PIECES_TOGETHER: usize = 8;

/// How far ahead is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOptions {
    /// Requests in flight at the beginning.
    pub initial_requests: usize,
    /// Requests in flight at most.
    pub max_requests: usize,
    /// Bytes asked for and not consumed, at most; one piece is always allowed.
    pub window_bytes: u64,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            initial_requests: 8,
            max_requests: 64,
            window_bytes: 8 * RANGE_BYTES,
        }
    }
}

/// Starts to read `files` in their order. The driver task runs on `runtime`; the consumer may be anywhere.
///
/// `files` is asked for the next file only when the window has room for it.
/// **Cost**: one request per file of up to [`RANGE_BYTES`], one per [`RANGE_BYTES`] of a larger one, none for an empty one.
/// **Cancel**: dropping what is returned, all that [`FetchedFiles::spare`] gave, and the files taken from them ends all requests.
pub fn fetch(
    store: Arc<dyn FileStore>,
    files: impl Iterator<Item = SourceFile> + Send + 'static,
    options: FetchOptions,
    budget: Arc<ByteBudget>,
    runtime: &tokio::runtime::Handle,
) -> FetchedFiles {
    let (outlet, inlet) = mpsc::unbounded_channel();
    let traffic = Arc::new(Traffic::default());
    let driver = Driver {
        store,
        files,
        window: Window::new(options.initial_requests, options.max_requests),
        options,
        budget,
        traffic: traffic.clone(),
        outlet,
        current: None,
        num_slow_downs_seen: 0,
        num_waits_seen: 0,
    };
    FetchedFiles::new(inlet, traffic, runtime.spawn(driver.run().in_current_span()))
}

/// A file whose ranges are being asked for.
struct OpenFile {
    file: SourceFile,
    ranges: VecDeque<Range<u64>>,
    pieces: mpsc::UnboundedSender<Piece>,
}

struct Driver<I> {
    store: Arc<dyn FileStore>,
    files: I,
    options: FetchOptions,
    window: Window,
    budget: Arc<ByteBudget>,
    traffic: Arc<Traffic>,
    outlet: mpsc::UnboundedSender<Delivery>,
    /// The file with ranges still to ask for; `None`: the next file is to be opened.
    current: Option<OpenFile>,
    num_slow_downs_seen: u64,
    num_waits_seen: u64,
}

type InFlight = FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send>>>;

impl<I: Iterator<Item = SourceFile> + Send> Driver<I> {
    async fn run(mut self) {
        let mut in_flight = InFlight::new();
        // Granted by the budget for a piece of so many bytes.
        let mut granted: Option<(u64, Share)> = None;
        let mut is_exhausted = false;
        loop {
            let mut wanted_bytes = None;
            while !is_exhausted && self.has_room(in_flight.len()) {
                let Some(bytes) = self.next_bytes() else {
                    is_exhausted = true;
                    break;
                };
                // A file taken out of the queue is only now known to be too large for the window.
                if !self.has_room_for(bytes) {
                    break;
                }
                let is_idle = self.traffic.num_pieces.load(Ordering::SeqCst) == 0;
                let waited_for = granted.take().filter(|(granted_bytes, _)| *granted_bytes == bytes);
                let taken = waited_for
                    .map(|(_, share)| share)
                    .or_else(|| self.budget.try_share(bytes));
                let Some(taken) = taken.or_else(|| is_idle.then(Share::beyond_the_budget)) else {
                    wanted_bytes = Some(bytes);
                    break;
                };
                if let Some(request) = self.open(taken) {
                    in_flight.push(request);
                }
            }
            if is_exhausted && in_flight.is_empty() {
                // The consumer may be gone, and then nobody needs to know.
                let _ = self.outlet.send(Delivery::End);
                return;
            }
            let traffic = self.traffic.clone();
            let budget = self.budget.clone();
            tokio::select! {
                Some(()) = in_flight.next(), if !in_flight.is_empty() => self.note_answer(in_flight.len()),
                () = traffic.is_wanted.notified() => {}
                share = budget.share(wanted_bytes.unwrap_or(0)), if wanted_bytes.is_some() => {
                    granted = wanted_bytes.map(|bytes| (bytes, share));
                }
                () = self.outlet.closed() => return,
            }
        }
    }

    fn has_room(&self, num_in_flight: usize) -> bool {
        let num_requests = self.window.num_requests();
        let most_pieces = num_requests.saturating_mul(READY_PER_REQUEST);
        let few_pieces = most_pieces - num_requests.min(PIECES_TOGETHER);
        self.traffic.few_pieces.store(few_pieces, Ordering::SeqCst);
        num_in_flight < num_requests && self.traffic.num_pieces.load(Ordering::SeqCst) < most_pieces
    }

    fn has_room_for(&self, bytes: u64) -> bool {
        self.traffic.is_short_of_bytes.store(true, Ordering::SeqCst);
        let ahead_bytes = self.traffic.num_bytes.load(Ordering::SeqCst);
        let has_room = ahead_bytes == 0 || ahead_bytes.saturating_add(bytes) <= self.options.window_bytes;
        self.traffic.is_short_of_bytes.store(!has_room, Ordering::SeqCst);
        has_room
    }

    /// The size of the next piece, if there is one; 0 for an empty file. Announces its file, if it is the first.
    fn next_bytes(&mut self) -> Option<u64> {
        if let Some(open) = &self.current
            && let Some(range) = open.ranges.front()
            // Nobody reads a file that its consumer has dropped.
            && !open.pieces.is_closed()
        {
            return Some(range.end - range.start);
        }
        self.current = None;
        let file = self.files.next()?;
        let size_bytes = file.size_bytes;
        let (pieces, inlet) = mpsc::unbounded_channel();
        let chunks = FetchedChunks {
            pieces: inlet,
            current: None,
            num_left_bytes: size_bytes,
            traffic: self.traffic.clone(),
            fetch: None,
            _ticket: (size_bytes == 0).then(|| Ticket::new(&self.traffic, 0)),
        };
        tracing::debug!(url = self.store.url(&file.key), size_bytes, "open file");
        let fetched = FetchedFile {
            file: file.clone(),
            chunks,
        };
        self.outlet.send(Delivery::File(fetched)).ok()?;
        let ranges = cut(size_bytes);
        let first_bytes = ranges.front().map_or(0, |range| range.end - range.start);
        self.current = Some(OpenFile { file, ranges, pieces });
        Some(first_bytes)
    }

    /// Starts the next piece.
    fn open(&mut self, share: Share) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        let open = self.current.as_mut()?;
        let range = open.ranges.pop_front()?;
        let num_left_bytes = range.end - range.start;
        let (sender, chunks) = mpsc::unbounded_channel();
        let piece = Piece {
            chunks,
            num_left_bytes,
            _ticket: Ticket::new(&self.traffic, num_left_bytes),
        };
        open.pieces.send(piece).ok()?;
        let request = Request {
            store: self.store.clone(),
            file: open.file.clone(),
            range,
            sender,
        };
        Some(Box::pin(request.run(share)))
    }

    fn note_answer(&mut self, num_in_flight: usize) {
        let num_slow_downs = self.store.num_slow_downs();
        let num_waits = self.traffic.num_waits.load(Ordering::Relaxed);
        let is_slowed_down = num_slow_downs > self.num_slow_downs_seen;
        let is_consumer_waiting = num_waits > self.num_waits_seen;
        self.num_slow_downs_seen = num_slow_downs;
        self.num_waits_seen = num_waits;
        self.window.note(is_slowed_down, is_consumer_waiting, num_in_flight);
    }
}

/// One GET.
struct Request {
    store: Arc<dyn FileStore>,
    file: SourceFile,
    range: Range<u64>,
    sender: mpsc::UnboundedSender<Result<FetchedChunk, SourceError>>,
}

impl Request {
    async fn run(self, share: Share) {
        let sender = self.sender.clone();
        tokio::select! {
            result = self.read(share) => {
                if let Err(error) = result {
                    // A consumer that is gone does not care.
                    let _ = sender.send(Err(error));
                }
            }
            () = sender.closed() => {}
        }
    }

    async fn read(self, mut share: Share) -> Result<(), SourceError> {
        let wanted = self.range.end - self.range.start;
        let mut stream = self.store.get(&self.file, self.range.clone()).await?;
        let mut left = wanted;
        let mut joined = BytesMut::new();
        while left > 0 {
            let Some(bytes) = stream.next().await else {
                let received = self.range.end - left;
                let url = self.store.url(&self.file.key);
                return Err(SourceError::CutShort {
                    url,
                    expected: self.range.end,
                    received,
                });
            };
            let bytes = bytes?;
            left = left.saturating_sub(bytes.len() as u64);
            let is_chunk = bytes.len() >= CHUNK_BYTES || (joined.is_empty() && left == 0);
            if is_chunk {
                if !joined.is_empty() {
                    self.hand_over(std::mem::take(&mut joined).freeze(), false, &mut share);
                }
                self.hand_over(bytes, left == 0, &mut share);
                continue;
            }
            if joined.is_empty() {
                let to_come = usize::try_from(left).unwrap_or(usize::MAX).saturating_add(bytes.len());
                joined.reserve(to_come.min(2 * CHUNK_BYTES));
            }
            joined.extend_from_slice(&bytes);
            if joined.len() >= CHUNK_BYTES || left == 0 {
                self.hand_over(std::mem::take(&mut joined).freeze(), left == 0, &mut share);
            }
        }
        Ok(())
    }

    fn hand_over(&self, bytes: Bytes, is_last: bool, share: &mut Share) {
        let part = match is_last {
            true => std::mem::replace(share, Share::beyond_the_budget()),
            false => share.split(bytes.len() as u64),
        };
        // A consumer that is gone does not care.
        let _ = self.sender.send(Ok(FetchedChunk::new(bytes, part)));
    }
}

/// The ranges a file is read in.
fn cut(size_bytes: u64) -> VecDeque<Range<u64>> {
    let mut ranges = VecDeque::new();
    let mut start = 0;
    while start < size_bytes {
        let end = size_bytes.min(start + RANGE_BYTES);
        ranges.push_back(start..end);
        start = end;
    }
    ranges
}
