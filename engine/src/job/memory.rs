//! Shares out the memory of DataFusion's operators.
//!
//! DataFusion's own fair pool lets sorts and aggregations, which can set aside on disk, have everything, and a sort that merges what it
//! set aside takes all it can get. Then nothing is left for what cannot do with less: the merge above the sorts fails, however much
//! they could still set aside. Here a part is kept from both.

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One in so many bytes is for what operators hold that can set it aside on disk.
const SPILLING_PARTS: usize = 2;

/// One in so many bytes is for sorts that merge: first what they hold, before they set it aside, which takes as much again where rows are
/// little more than keys; then what they set aside, of which it takes two batches at least.
const MERGING_PARTS: usize = 2;

/// How DataFusion names the memory in which a sort merges.
const MERGING: &str = "ExternalSorterMerge";

/// A limit for all operators of a session together.
///
/// Those that can set aside on disk have equal shares of a half, sorts that merge have equal shares of the other, and the rest may take what is
/// left: a sort that merges has given back what it held.
#[derive(Debug)]
pub(super) struct OperatorPool {
    size_bytes: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Operators that can set aside on disk.
    num_spilling: usize,
    /// Sorts, which merge what they set aside.
    num_merging: usize,
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
            "{} needs {additional} bytes more than the {} it has; of the {} bytes of all operators it may have {available}",
            reservation.consumer().name(),
            reservation.size(),
            self.size_bytes,
        ))
    }
}

fn is_merging(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with(MERGING)
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
        let mut held = self.held();
        held.num_spilling += usize::from(consumer.can_spill());
        held.num_merging += usize::from(is_merging(consumer));
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut held = self.held();
        held.num_spilling -= usize::from(consumer.can_spill());
        held.num_merging -= usize::from(is_merging(consumer));
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
            let share = self.size_bytes / SPILLING_PARTS / held.num_spilling.max(1);
            if reservation.size() + additional > share {
                return Err(self.refusal(reservation, additional, share.saturating_sub(reservation.size())));
            }
            held.spilling_bytes += additional;
        } else {
            let free = self.size_bytes.saturating_sub(held.other_bytes + held.spilling_bytes);
            let available = match is_merging(reservation.consumer()) {
                true => {
                    let share = self.size_bytes / MERGING_PARTS / held.num_merging.max(1);
                    free.min(share.saturating_sub(reservation.size()))
                }
                false => free,
            };
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

    #[track_caller]
    fn check_limit(reservation: &MemoryReservation, limit: usize) {
        reservation.try_grow(limit).unwrap();
        assert!(reservation.try_grow(1).is_err());
    }

    #[test]
    fn each_kind_of_operator_keeps_to_its_part() {
        let pool: Arc<dyn MemoryPool> = Arc::new(OperatorPool::new(800));
        let spilling = |name| MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        let merging = |name| MemoryConsumer::new(name).register(&pool);
        let (first, second) = (spilling("first"), spilling("second"));
        let (first_merge, second_merge) = (merging("ExternalSorterMerge[0]"), merging("ExternalSorterMerge[1]"));
        let other = MemoryConsumer::new("other").register(&pool);
        check_limit(&first, 200);
        check_limit(&second, 200);
        check_limit(&first_merge, 200);
        first.shrink(150);
        check_limit(&other, 350);
        let refused = other.try_grow(1).unwrap_err().to_string();
        let expected = "other needs 1 bytes more than the 350 it has; of the 800 bytes of all operators it may have 0";
        assert!(refused.contains(expected), "{refused}");
        other.shrink(200);
        check_limit(&second_merge, 200);
        drop((second, second_merge));
        check_limit(&first_merge, 200);
        first.try_grow(150).unwrap();
    }
}
