//! Deals the files of a job out to the partitions that read them.
//!
//! Every partition takes from one queue, so a slow file holds up nobody. What it takes is a *share*: a run of neighbouring files,
//! large at first and smaller towards the end. Neighbours usually hold the same hour, so long runs keep the number of output files
//! small; short runs at the end let all partitions finish together.

use crate::pack::Task;
use crate::source::file::SourceFile;
use std::collections::VecDeque;
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
    files: VecDeque<SourceFile>,
    bytes: u64,
}

impl TaskQueue {
    /// All files of `tasks`, in order.
    pub fn new(tasks: &[Task], num_partitions: usize) -> TaskQueue {
        let files: VecDeque<SourceFile> = tasks.iter().flat_map(|task| task.files.iter().cloned()).collect();
        let bytes = files.iter().map(|file| file.size_bytes).sum();
        TaskQueue {
            waiting: Mutex::new(Waiting { files, bytes }),
            num_partitions: num_partitions.max(1) as u64,
        }
    }

    /// Takes the next share; empty once nothing is left.
    pub fn take_share(&self) -> Vec<SourceFile> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let share_bytes = waiting.bytes / (SHARE_DIVISOR * self.num_partitions);
        let mut share = Vec::new();
        let mut taken_bytes = 0;
        while let Some(file) = waiting.files.front() {
            if !share.is_empty() && taken_bytes + file.size_bytes > share_bytes {
                break;
            }
            taken_bytes += file.size_bytes;
            share.extend(waiting.files.pop_front());
        }
        waiting.bytes -= taken_bytes;
        share
    }

    /// The files one partition will read, taken from the queue as they are asked for.
    pub fn files(self: Arc<TaskQueue>) -> impl Iterator<Item = SourceFile> + Send + 'static {
        let mut share = VecDeque::new();
        std::iter::from_fn(move || {
            if share.is_empty() {
                share = VecDeque::from(self.take_share());
            }
            share.pop_front()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(sizes: &[u64], num_partitions: usize) -> Arc<TaskQueue> {
        let files = sizes
            .iter()
            .enumerate()
            .map(|(index, size_bytes)| SourceFile {
                key: Arc::from(format!("{index}")),
                size_bytes: *size_bytes,
                modified_micros: 0,
                etag: None,
            })
            .collect();
        Arc::new(TaskQueue::new(&[Task { files }], num_partitions))
    }

    #[test]
    fn shares_shrink_and_lose_nothing() {
        let queue = queue(&[10; 100], 2);
        let mut sizes = Vec::new();
        let mut keys = Vec::new();
        loop {
            let share = queue.take_share();
            if share.is_empty() {
                break;
            }
            sizes.push(share.len());
            keys.extend(share.iter().map(|file| file.key.to_string()));
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
