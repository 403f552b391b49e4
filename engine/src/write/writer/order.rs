//! Whether partitions come one after the other, as in logs, so that the files of those that are over can go to the store at once. Otherwise
//! all that memory held would go there in the end, when there is nothing else to do.

use super::PartitionedWriter;
use crate::write::WriteError;
use crate::write::partition::PartitionKey;
use std::collections::HashSet;

/// Batches after which a partition that got none of their rows is over, if partitions come one after the other.
const OVER_AFTER_BATCHES: u64 = 4;

/// Batches that say whether they do.
const TELLING_BATCHES: u64 = 32;

/// What is known of the order of the partitions so far.
#[derive(Default)]
pub(super) struct Order {
    /// A partition that had been over got rows again, or too many get them. From then on nothing is taken to be over.
    is_broken: bool,
    /// Whose files were completed because they were over.
    over: HashSet<PartitionKey>,
}

impl Order {
    /// Takes note that rows of a partition come, whose open file got none of the last `num_idle_batches`; `None`: there is no open file.
    pub(super) fn note(&mut self, key: PartitionKey, num_idle_batches: Option<u64>) {
        if self.is_broken {
            return;
        }
        self.is_broken = match num_idle_batches {
            Some(num_batches) => num_batches > OVER_AFTER_BATCHES,
            None => self.over.contains(&key),
        };
        if self.is_broken {
            self.give_up();
        }
    }

    /// Takes note that more partitions get rows than files can be open.
    pub(super) fn give_up(&mut self) {
        self.is_broken = true;
        self.over = HashSet::new();
    }

    /// Whether partitions have come one after the other for long enough.
    fn is_telling(&self, num_batches: u64) -> bool {
        !self.is_broken && num_batches >= TELLING_BATCHES
    }
}

impl PartitionedWriter {
    /// Completes the files of partitions that are over.
    pub(super) async fn complete_those_over(&mut self) -> Result<(), WriteError> {
        if !self.order.is_telling(self.clock) {
            return Ok(());
        }
        let over = self.clock.saturating_sub(OVER_AFTER_BATCHES);
        let open = self.open.iter().filter(|(_, open_file)| open_file.last_used < over);
        let keys: Vec<PartitionKey> = open.map(|(key, _)| *key).collect();
        for key in keys {
            self.order.over.insert(key);
            self.complete(key).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::partition::Parts;

    fn key() -> PartitionKey {
        Parts::whole(1).iter().next().expect("a part").0
    }

    #[test]
    fn order_shows_after_some_batches() {
        let mut order = Order::default();
        order.note(key(), None);
        order.note(key(), Some(OVER_AFTER_BATCHES));
        assert!(!order.is_telling(TELLING_BATCHES - 1));
        assert!(order.is_telling(TELLING_BATCHES));
    }

    #[test]
    fn order_is_broken_for_good_by_rows_of_a_partition_that_was_over() {
        let mut order = Order::default();
        order.note(key(), Some(OVER_AFTER_BATCHES + 1));
        assert!(!order.is_telling(1_000));
        let mut order = Order::default();
        order.over.insert(key());
        order.note(key(), None);
        assert!(!order.is_telling(1_000) && order.over.is_empty());
        let mut order = Order::default();
        order.give_up();
        order.note(key(), Some(0));
        assert!(!order.is_telling(1_000));
    }
}
