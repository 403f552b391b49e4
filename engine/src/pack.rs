//! Groups files into tasks.
//!
//! A task is what one worker reads from start to end and what is committed as one unit, so many small files are put
//! together until a task is worth its overhead. The order of the files is kept and no file is split.

use crate::source::file::SourceFile;

/// Files that one worker processes from start to end, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Never empty.
    pub files: Vec<SourceFile>,
}

/// Cuts `files` into tasks, each full as soon as its compressed bytes reach `min_task_size_bytes`.
///
/// A task may exceed the size by almost one file; the last may fall short of it. 0 makes every file a task.
pub fn pack(files: Vec<SourceFile>, min_task_size_bytes: u64) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut task_files = Vec::new();
    let mut task_size_bytes = 0u64;
    for file in files {
        task_size_bytes = task_size_bytes.saturating_add(file.size_bytes);
        task_files.push(file);
        if task_size_bytes >= min_task_size_bytes {
            tasks.push(Task {
                files: std::mem::take(&mut task_files),
            });
            task_size_bytes = 0;
        }
    }
    if !task_files.is_empty() {
        tasks.push(Task { files: task_files });
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn files(sizes_bytes: &[u64]) -> Vec<SourceFile> {
        let file = |(index, size_bytes): (usize, &u64)| SourceFile {
            key: format!("{index:06}").into(),
            size_bytes: *size_bytes,
            modified_micros: 0,
            etag: None,
        };
        sizes_bytes.iter().enumerate().map(file).collect()
    }

    #[track_caller]
    fn check(sizes_bytes: &[u64], min_task_size_bytes: u64, expected: &[&[u64]]) {
        let tasks = pack(files(sizes_bytes), min_task_size_bytes);
        let sizes: Vec<Vec<u64>> = tasks
            .iter()
            .map(|task| task.files.iter().map(|file| file.size_bytes).collect())
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

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_order_is_kept(
            sizes in proptest::collection::vec(0u64..1000, 0..200),
            min_task_size_bytes in 0u64..3000,
        ) {
            let files = files(&sizes);
            let tasks = pack(files.clone(), min_task_size_bytes);
            let num_tasks = tasks.len();
            for (index, task) in tasks.iter().enumerate() {
                prop_assert!(!task.files.is_empty());
                let size_bytes: u64 = task.files.iter().map(|file| file.size_bytes).sum();
                let without_last = size_bytes - task.files[task.files.len() - 1].size_bytes;
                prop_assert!(size_bytes >= min_task_size_bytes || index + 1 == num_tasks);
                prop_assert!(task.files.len() == 1 || without_last < min_task_size_bytes);
            }
            let joined: Vec<SourceFile> = tasks.into_iter().flat_map(|task| task.files).collect();
            prop_assert_eq!(joined, files);
        }
    }
}
