//! What passes between the driver of a fetch and its consumer, and the count of what is on its way.

use super::fetched::FetchedFile;
use crate::source::budget::FetchedChunk;
use crate::source::error::SourceError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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
    /// The two first have changed.
    pub(super) is_changed: Notify,
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
        self.traffic.num_pieces.fetch_sub(1, Ordering::AcqRel);
        self.traffic.num_bytes.fetch_sub(self.num_bytes, Ordering::AcqRel);
        self.traffic.is_changed.notify_one();
    }
}
