//! Whether direct writes pay, and the buffers for them.

use std::io::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Disks and file systems want direct writes to begin and end at multiples of their block, in memory as in the file.
pub(super) use crate::write::ALIGNMENT;

/// Bytes of one direct write: enough to keep a fast disk busy.
pub(super) const BLOCK_BYTES: usize = 1024 * 1024;

/// Bytes written before the disk is judged.
const JUDGED_BYTES: u64 = 32 * BLOCK_BYTES as u64;

/// Slower than this, in bytes per second, the cache is the better way: it takes up what the disk cannot, as long as there is memory.
/// A load writes 150 to 250 MB of compressed files a second on two cores.
const MIN_BYTES_PER_SECOND: f64 = 300e6;

/// For so long a slow disk is left alone: what kept it busy may be over then.
const SLOW_FOR: Duration = Duration::from_secs(2);

/// Buffers kept for the next write.
const MAX_SPARE_BLOCKS: usize = 8;

/// What is known of the disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    refuses_direct_writes: AtomicBool,
    pace: Mutex<Pace>,
    spare: Mutex<Vec<Block>>,
}

/// How fast direct writes were, since the disk was last judged.
#[derive(Debug, Default)]
struct Pace {
    num_in_flight: usize,
    /// Since when a write has been under way without a break.
    busy_since: Option<Instant>,
    /// The time before that in which one was.
    busy: Duration,
    written_bytes: u64,
    slow_until: Option<Instant>,
}

impl Pace {
    fn begin(&mut self, now: Instant) {
        if self.num_in_flight == 0 {
            self.busy_since = Some(now);
        }
        self.num_in_flight += 1;
    }

    /// Ends a write of so many bytes; if they were enough to judge, the bytes per second of all of them.
    fn end(&mut self, num_bytes: usize, now: Instant) -> Option<f64> {
        self.num_in_flight = self.num_in_flight.saturating_sub(1);
        self.written_bytes += num_bytes as u64;
        if let Some(since) = self.busy_since {
            self.busy += now.saturating_duration_since(since);
        }
        self.busy_since = (self.num_in_flight > 0).then_some(now);
        if self.written_bytes < JUDGED_BYTES {
            return None;
        }
        let bytes_per_second = self.written_bytes as f64 / self.busy.as_secs_f64();
        self.busy = Duration::ZERO;
        self.written_bytes = 0;
        if bytes_per_second < MIN_BYTES_PER_SECOND {
            self.slow_until = Some(now + SLOW_FOR);
        }
        Some(bytes_per_second)
    }

    fn is_slow(&self, now: Instant) -> bool {
        self.slow_until.is_some_and(|until| now < until)
    }
}

impl Disk {
    /// False where direct writes turned out to be impossible, and while they are slow.
    pub(super) fn takes_direct_writes(&self) -> bool {
        cfg!(target_os = "linux")
            && !self.refuses_direct_writes.load(Ordering::Relaxed)
            && !self.pace().is_slow(Instant::now())
    }

    /// From now on files go through the cache.
    pub(super) fn refuse_direct_writes(&self) {
        self.refuses_direct_writes.store(true, Ordering::Relaxed);
    }

    /// Does a direct write of so many bytes. The disk is judged by every so many of them anew.
    pub(super) fn write(&self, num_bytes: usize, write: impl FnOnce() -> Result<()>) -> Result<()> {
        self.pace().begin(Instant::now());
        let result = write();
        let judged = self.pace().end(num_bytes, Instant::now());
        if let Some(bytes_per_second) = judged.filter(|judged| *judged < MIN_BYTES_PER_SECOND) {
            tracing::debug!(
                bytes_per_second,
                "the disk is slow: files go through the page cache for a while"
            );
        }
        result
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Writes blocks, so many side by side that each take so many milliseconds, from `start` on.
    fn written(pace: &mut Pace, start: Instant, side_by_side: usize, millis: u64) -> Instant {
        let mut now = start;
        for _ in 0..40 / side_by_side {
            (0..side_by_side).for_each(|_| pace.begin(now));
            now += Duration::from_millis(millis);
            (0..side_by_side).for_each(|_| _ = pace.end(BLOCK_BYTES, now));
            // Nothing is under way, which says nothing of the disk.
            now += Duration::from_millis(50);
        }
        now
    }

    #[test]
    fn a_slow_disk_gets_no_direct_writes_for_a_while() {
        let start = Instant::now();
        for (side_by_side, millis, is_slow) in
            [(1, 1, false), (1, 3, false), (1, 4, true), (4, 4, false), (4, 16, true)]
        {
            let mut pace = Pace::default();
            let now = written(&mut pace, start, side_by_side, millis);
            let just_then = now - Duration::from_millis(500);
            assert_eq!(pace.is_slow(just_then), is_slow, "{side_by_side} in {millis} ms");
            assert!(!pace.is_slow(now + SLOW_FOR));
        }
    }
}
