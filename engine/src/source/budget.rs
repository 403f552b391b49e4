//! The bytes that may be on their way between stores and parsers.
//!
//! All fetchers of a process share one budget. A chunk holds its share from before it is asked for until its consumer drops it.

use bytes::Bytes;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget counts in these units, so that it fits the semaphore's counters.
const UNIT_BYTES: u64 = 1024;

/// A number of bytes that many share.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    semaphore: Arc<Semaphore>,
    num_units: u32,
}

impl ByteBudget {
    /// A budget of this many bytes, rounded down to KiB, at least one.
    pub fn new(limit_bytes: u64) -> ByteBudget {
        let num_units = u32::try_from(limit_bytes / UNIT_BYTES)
            .unwrap_or(u32::MAX)
            .clamp(1, 1 << 29);
        ByteBudget {
            semaphore: Arc::new(Semaphore::new(num_units as usize)),
            num_units,
        }
    }

    /// Bytes nobody holds at the moment.
    pub fn free_bytes(&self) -> u64 {
        self.semaphore.available_permits() as u64 * UNIT_BYTES
    }

    /// Waits for a share. One larger than the whole budget is the whole budget. Served in the order of asking.
    pub(super) async fn share(&self, bytes: u64) -> Share {
        let permits = self.semaphore.clone().acquire_many_owned(self.units(bytes)).await;
        Share(Some(permits.expect("the semaphore is never closed")))
    }

    /// A share, if it is free.
    pub(super) fn try_share(&self, bytes: u64) -> Option<Share> {
        let permits = self.semaphore.clone().try_acquire_many_owned(self.units(bytes)).ok()?;
        Some(Share(Some(permits)))
    }

    fn units(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT_BYTES))
            .unwrap_or(u32::MAX)
            .min(self.num_units)
    }
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Share(Option<OwnedSemaphorePermit>);

impl Share {
    /// Bytes beyond the budget, for the one request without which nobody would ever give anything back.
    pub(super) fn beyond_the_budget() -> Share {
        Share(None)
    }

    /// Takes the share of some of the bytes, as far as there is one.
    pub(super) fn split(&mut self, bytes: u64) -> Share {
        let Some(permits) = &mut self.0 else { return Share(None) };
        let num_units = usize::try_from(bytes / UNIT_BYTES)
            .unwrap_or(usize::MAX)
            .min(permits.num_permits());
        Share(permits.split(num_units))
    }
}

/// Bytes of a file that count against the budget until they are dropped.
#[derive(Debug)]
pub struct FetchedChunk {
    bytes: Bytes,
    _share: Share,
}

impl FetchedChunk {
    pub(super) fn new(bytes: Bytes, share: Share) -> FetchedChunk {
        FetchedChunk { bytes, _share: share }
    }

    /// The bytes. A clone of them that outlives the chunk is no longer counted.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Deref for FetchedChunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_chunk_gives_its_bytes_back() {
        let budget = ByteBudget::new(10 * 1024);
        let share = budget.try_share(4_000).unwrap();
        assert_eq!(budget.free_bytes(), 6 * 1024);
        let chunk = FetchedChunk::new(Bytes::from_static(b"abc"), share);
        assert!(budget.try_share(7 * 1024).is_none());
        assert_eq!(&chunk[..], b"abc");
        drop(chunk);
        assert_eq!(budget.free_bytes(), 10 * 1024);
    }

    #[test]
    fn more_than_everything_is_everything() {
        let budget = ByteBudget::new(1);
        let share = budget.try_share(u64::MAX).unwrap();
        assert_eq!(budget.free_bytes(), 0);
        drop(share);
        assert_eq!(budget.free_bytes(), 1024);
    }

    #[test]
    fn a_share_can_be_given_back_in_parts() {
        let budget = ByteBudget::new(10 * 1024);
        let mut share = budget.try_share(10 * 1024).unwrap();
        drop(share.split(4 * 1024));
        assert_eq!(budget.free_bytes(), 4 * 1024);
        drop(share);
        assert_eq!(budget.free_bytes(), 10 * 1024);
    }
}
