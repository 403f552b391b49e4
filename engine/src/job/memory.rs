//! Shares out the memory of DataFusion's operators.
//!
//! DataFusion's own fair pool lets sorts and aggregations, which can set aside on disk, have everything, and a sort that merges what it
//! set aside takes all it can get. Then nothing is left for what cannot do with less: the merge above the sorts fails, however much
//! they could still set aside. Here a part is kept from both.

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One in so many bytes is kept from operators that can set aside on disk: merging what each of them set aside, and then their results,
/// takes two batches for each of both.
const KEPT_FROM_SPILLING: usize = 2;

/// One in so many bytes is kept from sorts that merge what they set aside: they merge in more steps with less.
const KEPT_FROM_MERGING: usize = 4;

/// How DataFusion names the memory in which a sort merges.
const MERGING: &str = "ExternalSorterMerge";

/// A limit for all operators of a session together.
///
/// Those that can set aside on disk have equal shares of what the others leave them, and of a half at most.
/// Merging sorts leave a quarter to the rest.
#[derive(Debug)]
pub(super) struct OperatorPool {
    size_bytes: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Operators that can set aside on disk.
    num_spilling: usize,
    spilling_bytes: usize,
    other_bytes: usize,
}

impl OperatorPool {
    pub(super) fn new(size_bytes: usize) -> OperatorPool {
        OperatorPool {
            size_bytes,
            held: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusal(&self, reservation: &MemoryReservation, additional: usize, available: usize) -> DataFusionError {
        DataFusionError::ResourcesExhausted(format!(
            "{} needs {additional} bytes more than the {} it has, of the {} bytes that operators may have {available} are left to it",
            reservation.consumer().name(),
            reservation.size(),
            self.size_bytes,
        ))
    }
}

impl fmt::Display for OperatorPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {} bytes", self.name(), self.size_bytes)
    }
}

impl MemoryPool for OperatorPool {
    fn name(&self) -> &str {
        "operators"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.held().num_spilling += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.held().num_spilling -= usize::from(consumer.can_spill());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let mut held = self.held();
        match reservation.consumer().can_spill() {
            true => held.spilling_bytes += additional,
            false => held.other_bytes += additional,
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut held = self.held();
        match reservation.consumer().can_spill() {
            true => held.spilling_bytes -= shrink,
            false => held.other_bytes -= shrink,
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut held = self.held();
        if reservation.consumer().can_spill() {
            let kept = held.other_bytes.max(self.size_bytes / KEPT_FROM_SPILLING);
            let share = self.size_bytes.saturating_sub(kept) / held.num_spilling.max(1);
            if reservation.size() + additional > share {
                return Err(self.refusal(reservation, additional, share.saturating_sub(reservation.size())));
            }
            held.spilling_bytes += additional;
        } else {
            let kept = match reservation.consumer().name().starts_with(MERGING) {
                true => self.size_bytes / KEPT_FROM_MERGING,
                false => 0,
            };
            let available = self
                .size_bytes
                .saturating_sub(kept + held.other_bytes + held.spilling_bytes);
            if additional > available {
                return Err(self.refusal(reservation, additional, available));
            }
            held.other_bytes += additional;
        }
        Ok(())
    }

    fn reserved(&self) -> usize {
        let held = self.held();
        held.spilling_bytes + held.other_bytes
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.size_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn operators_that_set_aside_on_disk_share_a_half() {
        let pool: Arc<dyn MemoryPool> = Arc::new(OperatorPool::new(400));
        let sort = |name| MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        let (first, second) = (sort("first"), sort("second"));
        let merge = MemoryConsumer::new("merge").register(&pool);
        first.try_grow(100).unwrap();
        second.try_grow(100).unwrap();
        assert!(second.try_grow(1).is_err());
        merge.try_grow(200).unwrap();
        assert_eq!(pool.reserved(), 400);
        let refused = merge.try_grow(1).unwrap_err().to_string();
        assert!(
            refused.contains(
                "merge needs 1 bytes more than the 200 it has, of the 400 bytes that operators may have 0 are"
            ),
            "{refused}"
        );
        let merging = MemoryConsumer::new("ExternalSorterMerge[0]").register(&pool);
        merge.shrink(150);
        merging.try_grow(50).unwrap();
        assert!(merging.try_grow(1).is_err());
        merge.try_grow(100).unwrap();
        drop(merging);
        merge.try_grow(50).unwrap();
        first.shrink(60);
        merge.try_grow(60).unwrap();
        assert!(first.try_grow(41).is_err());
        drop(second);
        first.try_grow(41).unwrap();
    }
}
