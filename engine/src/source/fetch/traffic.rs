//! What passes between the driver of a fetch and its consumer, and the count of what is on its way.

use super::fetched::FetchedFile;
use crate::source::budget::FetchedChunk;
use crate::source::error::SourceError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{Notify, mpsc};

/// What the driver hands over.
#[derive(Debug)]
pub(super) enum Delivery {
    File(FetchedFile),
    End,
}

/// One request's bytes on their way.
#[derive(Debug)]
pub(super) struct Piece {
    /// Unbounded as a channel; its bytes were taken out of the budget before they were asked for.
    pub(super) chunks: mpsc::UnboundedReceiver<Result<FetchedChunk, SourceError>>,
    pub(super) num_left_bytes: u64,
    pub(super) _ticket: Ticket,
}

/// What consumer and driver tell each other.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Pieces asked for and not consumed.
    pub(super) num_pieces: AtomicUsize,
    /// Their bytes.
    pub(super) num_bytes: AtomicU64,
    /// How often the consumer found nothing ready.
    pub(super) num_waits: AtomicU64,
    /// Up to so many pieces, the driver has something to do.
    pub(super) few_pieces: AtomicUsize,
    /// The driver waits for bytes, however many pieces there are.
    pub(super) is_short_of_bytes: AtomicBool,
    /// Wakes the driver.
    pub(super) is_wanted: Notify,
}

/// Counts one piece as long as it lives.
#[derive(Debug)]
pub(super) struct Ticket {
    traffic: Arc<Traffic>,
    pub(super) num_bytes: u64,
}

impl Ticket {
    pub(super) fn new(traffic: &Arc<Traffic>, num_bytes: u64) -> Ticket {
        traffic.num_pieces.fetch_add(1, Ordering::AcqRel);
        traffic.num_bytes.fetch_add(num_bytes, Ordering::AcqRel);
        Ticket {
            traffic: traffic.clone(),
            num_bytes,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let traffic = &self.traffic;
        // In one order with what the driver stores before it looks at the bytes: either it sees that they are fewer, or it is woken.
        traffic.num_bytes.fetch_sub(self.num_bytes, Ordering::SeqCst);
        let num_pieces = traffic.num_pieces.fetch_sub(1, Ordering::SeqCst) - 1;
        if num_pieces <= traffic.few_pieces.load(Ordering::SeqCst) || traffic.is_short_of_bytes.load(Ordering::SeqCst) {
            traffic.is_wanted.notify_one();
        }
    }
}
