//! Deals the files of a job out to the partitions that read them.
//!
//! Every partition takes from one queue, so a slow file holds up nobody. What it takes is a *share*: a run of neighbouring files,
//! large at first and smaller towards the end. Neighbours usually hold the same hour, so long runs keep the number of output files
//! small; short runs at the end let all partitions finish together.

use crate::pack::Tasks;
use crate::source::file::{FileList, Files, SourceFile};
use std::iter::Take;
use std::sync::{Arc, Mutex, PoisonError};

/// A share is at most this part of what is left, divided by the number of partitions.
const SHARE_DIVISOR: u64 = 2;

/// The files not yet taken.
#[derive(Debug)]
pub struct TaskQueue {
    waiting: Mutex<Waiting>,
    num_partitions: u64,
}

#[derive(Debug)]
struct Waiting {
    files: Files<Arc<FileList>>,
    bytes: u64,
}

/// Files that one partition reads.
type Share = Take<Files<Arc<FileList>>>;

impl TaskQueue {
    /// All files of `tasks`, in order.
    pub fn new(tasks: &Tasks, num_partitions: usize) -> TaskQueue {
        let files = tasks.files();
        TaskQueue {
            waiting: Mutex::new(Waiting {
                files: Files::new(Arc::clone(files)),
                bytes: files.size_bytes(),
            }),
            num_partitions: num_partitions.max(1) as u64,
        }
    }

    /// Takes the next share; empty once nothing is left.
    fn take_share(&self) -> Share {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let share_bytes = waiting.bytes / (SHARE_DIVISOR * self.num_partitions);
        let share = waiting.files.clone();
        let mut num_taken = 0;
        let mut taken_bytes = 0u64;
        while let Some(size_bytes) = waiting.files.next_size_bytes() {
            if num_taken > 0 && taken_bytes.saturating_add(size_bytes) > share_bytes {
                break;
            }
            taken_bytes = taken_bytes.saturating_add(size_bytes);
            num_taken += 1;
            waiting.files.pass(1);
        }
        waiting.bytes = waiting.bytes.saturating_sub(taken_bytes);
        share.take(num_taken)
    }

    /// The files one partition will read, taken from the queue as they are asked for.
    pub fn files(self: Arc<TaskQueue>) -> impl Iterator<Item = SourceFile> + Send + 'static {
        std::iter::repeat_with(move || self.take_share())
            .take_while(|share| share.len() > 0)
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::pack;

    fn queue(sizes: &[u64], num_partitions: usize) -> Arc<TaskQueue> {
        let files: FileList = sizes
            .iter()
            .enumerate()
            .map(|(index, size_bytes)| SourceFile {
                key: Arc::from(format!("{index}")),
                size_bytes: *size_bytes,
                modified_micros: 0,
                etag: None,
            })
            .collect();
        Arc::new(TaskQueue::new(&pack(Arc::new(files), 0), num_partitions))
    }

    #[test]
    fn shares_shrink_and_lose_nothing() {
        let queue = queue(&[10; 100], 2);
        let mut sizes = Vec::new();
        let mut keys = Vec::new();
        loop {
            let share = queue.take_share();
            if share.len() == 0 {
                break;
            }
            sizes.push(share.len());
            keys.extend(share.map(|file| file.key.to_string()));
        }
        assert_eq!(sizes[0], 25);
        assert!(sizes.is_sorted_by(|left, right| left >= right));
        assert_eq!(sizes.last(), Some(&1));
        assert_eq!(keys, (0..100).map(|index| index.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_larger_than_any_share_is_still_taken() {
        let queue = queue(&[1_000, 1, 1], 4);
        assert_eq!(queue.take_share().len(), 1);
        assert_eq!(queue.files().count(), 2);
    }
}
