//! Whether direct writes pay, and the buffers for them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Disks and file systems want direct writes to begin and end at multiples of their block; none has a larger one.
pub(super) const ALIGNMENT: usize = 4096;

/// Bytes of one direct write: enough to keep a fast disk busy.
pub(super) const BLOCK_BYTES: usize = 1024 * 1024;

/// Bytes written before the disk is judged.
const JUDGED_BYTES: u64 = 32 * BLOCK_BYTES as u64;

/// Slower than this, in bytes per second, the cache is the better way: it takes up what the disk cannot, as long as there is memory.
const MIN_BYTES_PER_SECOND: f64 = 500e6;

/// Buffers kept for the next write.
const MAX_SPARE_BLOCKS: usize = 8;

/// What is known of the disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    refuses_direct_writes: AtomicBool,
    written_bytes: AtomicU64,
    written_nanos: AtomicU64,
    spare: Mutex<Vec<Block>>,
}

impl Disk {
    /// False once direct writes turned out to be impossible or slow.
    pub(super) fn takes_direct_writes(&self) -> bool {
        cfg!(target_os = "linux") && !self.refuses_direct_writes.load(Ordering::Relaxed)
    }

    /// From now on files go through the cache.
    pub(super) fn refuse_direct_writes(&self) {
        self.refuses_direct_writes.store(true, Ordering::Relaxed);
    }

    /// Notes how long a direct write took. The disk is judged by every so many bytes anew.
    pub(super) fn note(&self, num_bytes: usize, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let num_bytes = num_bytes as u64;
        let written_nanos = self.written_nanos.fetch_add(nanos, Ordering::Relaxed) + nanos;
        let written_bytes = self.written_bytes.fetch_add(num_bytes, Ordering::Relaxed) + num_bytes;
        if written_bytes < JUDGED_BYTES {
            return;
        }
        self.written_nanos.store(0, Ordering::Relaxed);
        self.written_bytes.store(0, Ordering::Relaxed);
        let bytes_per_second = written_bytes as f64 / (written_nanos as f64 / 1e9);
        if bytes_per_second < MIN_BYTES_PER_SECOND {
            tracing::debug!(
                bytes_per_second,
                "the disk is slow: files go through the page cache from now on"
            );
            self.refuse_direct_writes();
        }
    }

    /// A buffer for direct writes.
    pub(super) fn block(&self) -> Block {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(Block::new)
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&self, block: Block) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MAX_SPARE_BLOCKS {
            spare.push(block);
        }
    }
}

/// A buffer whose first byte stands where direct writes want it.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    start: usize,
}

impl Block {
    fn new() -> Block {
        let bytes = vec![0; BLOCK_BYTES + ALIGNMENT];
        Block {
            start: bytes.as_ptr().align_offset(ALIGNMENT),
            bytes,
        }
    }

    /// The [`BLOCK_BYTES`] of the buffer.
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + BLOCK_BYTES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_used_again() {
        let disk = Disk::default();
        let mut block = disk.block();
        block.as_mut()[0] = 7;
        let place = block.as_mut().as_ptr();
        assert_eq!(place as usize % ALIGNMENT, 0);
        disk.recycle(block);
        let mut block = disk.block();
        assert_eq!(block.as_mut().as_ptr(), place);
        assert_eq!(block.as_mut().len(), BLOCK_BYTES);
    }

    #[test]
    fn a_slow_disk_gets_no_direct_writes() {
        let mebibytes_in = |millis: u64| {
            let disk = Disk::default();
            for _ in 0..40 {
                disk.note(BLOCK_BYTES, Duration::from_millis(millis));
            }
            disk.refuses_direct_writes.into_inner()
        };
        assert!(!mebibytes_in(1));
        assert!(!mebibytes_in(2));
        assert!(mebibytes_in(3));
    }
}
