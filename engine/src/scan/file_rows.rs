//! Notes how many rows came of each file of a job.

use crate::source::file::{FileList, SourceFile};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Noted for a file that could not be read and was left out.
const SKIPPED: u64 = u64::MAX;

/// Noted for a file as long as no partition has read it.
const UNREAD: u64 = u64::MAX - 1;

/// The files of a job, in key order, and what came of each. Shared by all partitions; a file that no partition had to read, because a
/// filter left it out, has no rows.
#[derive(Debug)]
pub struct FileRows {
    files: Arc<FileList>,
    num_rows: Vec<AtomicU64>,
}

impl FileRows {
    /// Nothing is noted yet. **Cost**: 8 bytes a file.
    pub fn new(files: Arc<FileList>) -> FileRows {
        let num_rows = (0..files.len()).map(|_| AtomicU64::new(UNREAD)).collect();
        FileRows { files, num_rows }
    }

    /// Notes the rows of a file that was read to its end.
    pub(super) fn note(&self, key: &str, num_rows: u64) {
        self.set(key, num_rows.min(UNREAD - 1));
    }

    /// Notes that a file was left out.
    pub(super) fn note_skipped(&self, key: &str) {
        self.set(key, SKIPPED);
    }

    fn set(&self, key: &str, value: u64) {
        if let Some(place) = self.files.place_of(key) {
            self.num_rows[place].store(value, Ordering::Relaxed);
        }
    }

    /// The files that were not left out, in key order, with their rows.
    pub fn iter(&self) -> impl Iterator<Item = (SourceFile, u64)> + '_ {
        self.noted()
            .filter(|(_, num_rows)| *num_rows != SKIPPED)
            .map(|(file, num_rows)| (file, if num_rows == UNREAD { 0 } else { num_rows }))
    }

    /// The files that a partition has read or left out, in key order.
    pub fn done(&self) -> impl Iterator<Item = SourceFile> + '_ {
        self.noted()
            .filter(|(_, num_rows)| *num_rows != UNREAD)
            .map(|(file, _)| file)
    }

    fn noted(&self) -> impl Iterator<Item = (SourceFile, u64)> + '_ {
        let rows = self.num_rows.iter().map(|num_rows| num_rows.load(Ordering::Relaxed));
        self.files.iter().zip(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_of_files_that_were_not_left_out() {
        let file = |key: &str| SourceFile {
            key: key.into(),
            size_bytes: 1,
            modified_micros: 0,
            etag: None,
        };
        let files: FileList = ["a", "b", "c"].map(file).into_iter().collect();
        let rows = FileRows::new(Arc::new(files));
        rows.note("c", 7);
        rows.note_skipped("b");
        rows.note("not one of them", 9);
        let told: Vec<_> = rows.iter().map(|(file, rows)| (file.key.to_string(), rows)).collect();
        assert_eq!(told, [("a".to_owned(), 0), ("c".to_owned(), 7)]);
        let done: Vec<_> = rows.done().map(|file| file.key.to_string()).collect();
        assert_eq!(done, ["b", "c"]);
    }
}
