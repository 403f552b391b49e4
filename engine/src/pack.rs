//! Groups files into tasks.
//!
//! A task is what one worker reads from start to end and what is committed as one unit, so many small files are put
//! together until a task is worth its overhead. The order of the files is kept and no file is split.

use crate::source::file::{FileList, Files};
use std::iter::Take;
use std::ops::Range;
use std::sync::Arc;

/// The files of a job, cut into tasks: runs of neighbours, each of which one worker processes from start to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tasks {
    files: Arc<FileList>,
    /// The number of files in each task, never 0.
    file_counts: Vec<u32>,
}

impl Tasks {
    /// The files of all tasks, in order.
    pub fn files(&self) -> &Arc<FileList> {
        &self.files
    }

    /// Number of tasks.
    pub fn len(&self) -> usize {
        self.file_counts.len()
    }

    /// Whether there is no task, because there is no file.
    pub fn is_empty(&self) -> bool {
        self.file_counts.is_empty()
    }

    /// The files of each task.
    pub fn iter(&self) -> impl Iterator<Item = Take<Files<&FileList>>> {
        let mut rest = self.files.iter();
        self.file_counts.iter().map(move |file_count| {
            let task_files = rest.clone().take(*file_count as usize);
            rest.pass(*file_count as usize);
            task_files
        })
    }
}

/// Cuts `files` into tasks, each full as soon as its compressed bytes reach `min_task_size_bytes`.
///
/// A task may exceed the size by almost one file; the last may fall short of it. 0 makes every file a task.
pub fn pack(files: Arc<FileList>, min_task_size_bytes: u64) -> Tasks {
    let mut file_counts = Vec::new();
    let mut num_task_files = 0;
    let mut task_size_bytes = 0u64;
    let mut rest = files.iter();
    while let Some(size_bytes) = rest.next_size_bytes() {
        rest.pass(1);
        num_task_files += 1;
        task_size_bytes = task_size_bytes.saturating_add(size_bytes);
        if task_size_bytes >= min_task_size_bytes || num_task_files == u32::MAX {
            file_counts.push(std::mem::take(&mut num_task_files));
            task_size_bytes = 0;
        }
    }
    if num_task_files > 0 {
        file_counts.push(num_task_files);
    }
    Tasks { files, file_counts }
}

/// How much of a job is done before it is kept: committed, or written down for the case that the job dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepSize {
    /// Compressed bytes.
    Bytes(u64),
    /// Files.
    Files(u64),
}

/// Cuts `files` into steps: runs of neighbours, each of which ends with the file that makes it full.
///
/// **Shape**: the places of each run; together they are all places, in order. No files are no step.
pub fn steps(files: &FileList, size: StepSize) -> Vec<Range<usize>> {
    let mut steps = Vec::new();
    let (mut begin, mut size_bytes) = (0, 0u64);
    let mut rest = files.iter();
    for place in 0..files.len() {
        size_bytes = size_bytes.saturating_add(rest.next_size_bytes().unwrap_or_default());
        rest.pass(1);
        let is_full = match size {
            StepSize::Bytes(bytes) => size_bytes >= bytes,
            StepSize::Files(num_files) => (place + 1 - begin) as u64 >= num_files,
        };
        if is_full || place + 1 == files.len() {
            steps.push(begin..place + 1);
            (begin, size_bytes) = (place + 1, 0);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::file::SourceFile;
    use proptest::prelude::*;

    fn files(sizes_bytes: &[u64]) -> Arc<FileList> {
        let file = |(index, size_bytes): (usize, &u64)| SourceFile {
            key: format!("{index:06}").into(),
            size_bytes: *size_bytes,
            modified_micros: 0,
            etag: None,
        };
        Arc::new(sizes_bytes.iter().enumerate().map(file).collect())
    }

    #[track_caller]
    fn check(sizes_bytes: &[u64], min_task_size_bytes: u64, expected: &[&[u64]]) {
        let tasks = pack(files(sizes_bytes), min_task_size_bytes);
        let sizes: Vec<Vec<u64>> = tasks
            .iter()
            .map(|task| task.map(|file| file.size_bytes).collect())
            .collect();
        assert_eq!(sizes, expected);
    }

    #[test]
    fn no_files_make_no_tasks() {
        check(&[], 0, &[]);
        check(&[], 10, &[]);
    }

    #[test]
    fn without_a_size_every_file_is_a_task() {
        check(&[1, 0, 3], 0, &[&[1], &[0], &[3]]);
    }

    #[test]
    fn a_task_is_full_when_the_size_is_reached_exactly() {
        check(&[4, 6, 1], 10, &[&[4, 6], &[1]]);
    }

    #[test]
    fn a_task_may_exceed_the_size_by_its_last_file() {
        check(&[9, 100, 10, 1], 10, &[&[9, 100], &[10], &[1]]);
    }

    #[test]
    fn enormous_sizes_do_not_overflow() {
        check(
            &[u64::MAX - 1, u64::MAX, 1],
            u64::MAX,
            &[&[u64::MAX - 1, u64::MAX], &[1]],
        );
    }

    #[test]
    fn a_step_ends_with_the_file_that_makes_it_full() {
        let files = files(&[4, 4, 4, 20, 1]);
        assert_eq!(steps(&files, StepSize::Bytes(8)), [0..2, 2..4, 4..5]);
        assert_eq!(steps(&files, StepSize::Files(2)), [0..2, 2..4, 4..5]);
        assert_eq!(steps(&files, StepSize::Files(0)).len(), 5);
        assert!(steps(&FileList::default(), StepSize::Files(1)).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_order_is_kept(
            sizes in proptest::collection::vec(0u64..1000, 0..200),
            min_task_size_bytes in 0u64..3000,
        ) {
            let files = files(&sizes);
            let tasks = pack(Arc::clone(&files), min_task_size_bytes);
            let num_tasks = tasks.len();
            for (index, task) in tasks.iter().enumerate() {
                let sizes: Vec<u64> = task.map(|file| file.size_bytes).collect();
                prop_assert!(!sizes.is_empty());
                let size_bytes: u64 = sizes.iter().sum();
                let without_last = size_bytes - sizes[sizes.len() - 1];
                prop_assert!(size_bytes >= min_task_size_bytes || index + 1 == num_tasks);
                prop_assert!(sizes.len() == 1 || without_last < min_task_size_bytes);
            }
            let joined: FileList = tasks.iter().flatten().collect();
            prop_assert_eq!(&joined, &*files);
        }

        #[test]
        fn steps_lose_nothing(sizes in proptest::collection::vec(0u64..9, 0..50), bytes in 0u64..20, num_files in 0u64..9) {
            let files = files(&sizes);
            for size in [StepSize::Bytes(bytes), StepSize::Files(num_files)] {
                let places: Vec<usize> = steps(&files, size).into_iter().flatten().collect();
                prop_assert_eq!(places, (0..files.len()).collect::<Vec<_>>());
            }
        }
    }
}
