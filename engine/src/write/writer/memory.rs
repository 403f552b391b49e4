//! What the writer does when its open files hold more memory than they may: the dearer, the later.
//!
//! Files that get no rows any more are completed. Of rows that wait for their order, the most are written or set aside. Large row groups end.
//! At last pages are set aside on disk, the full ones first.

use super::{OpenFile, PartitionedWriter};
use crate::write::WriteError;
use crate::write::rows::Rows;
use std::cmp::Reverse;

/// Batches after which a file that got none of their rows is taken to be complete. Where rows come in the order of their time,
/// it is; where they do not, all open files get rows all the time.
const IDLE_BATCHES: u64 = 32;

/// The same for a file that holds one in so many bytes of the memory: it is worth freeing early, and large enough should it not have
/// been complete.
const IDLE_BATCHES_IF_LARGE: u64 = 8;
const MAX_IDLE_FILES: usize = 32;

/// Of the memory, in hundredths, what pages may take once some of them were set aside: room for the batches that come next.
const HELD_PERCENT: usize = 90;

/// Rows that wait for their order make a file of their own when memory is short, if they hold one in so many bytes of it; so
/// partitions that come one after the other, as in logs, get a few files each. Fewer rows are set aside on disk.
const MAX_SORTED_FILES: usize = 8;

impl PartitionedWriter {
    /// Frees memory until what is held fits the limit.
    pub(super) async fn keep_within_memory(&mut self) -> Result<(), WriteError> {
        let limit = self.options.max_held_bytes;
        while self.held_bytes() > limit {
            if !self.complete_oldest_idle().await? {
                break;
            }
        }
        while self.options.is_sorted_by_time && self.held_bytes() > limit {
            if !self.free_unsorted().await? {
                break;
            }
        }
        while self.held_bytes() > limit {
            if !self.end_largest_row_group().await? {
                break;
            }
        }
        if self.held_bytes() > limit {
            self.set_full_pages_aside(limit / 100 * HELD_PERCENT)?;
        }
        if self.held_bytes() > limit {
            // Pages that are not full get smaller by this: all go at once, so that it does not happen to the same ones again and again.
            for OpenFile { writer, .. } in self.open.values_mut() {
                writer.set_aside(true, &self.scratch, &mut self.compressor)?;
            }
        }
        Ok(())
    }

    /// Ends the row group that holds most memory, if it is large enough. Says whether it was.
    async fn end_largest_row_group(&mut self) -> Result<bool, WriteError> {
        let writers = self.open.values_mut().map(|open_file| &mut open_file.writer);
        match writers.max_by_key(|writer| writer.row_group_bytes()) {
            Some(writer) if writer.row_group_bytes() >= self.options.min_row_group_bytes => {
                writer.end_row_group(&mut self.compressor).await.map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Sets pages aside until no more than `max_bytes` are held, or all are. The file opened last is the first: where rows come in the
    /// order of their time, it is completed last, and the pages that are needed soonest stay in memory.
    fn set_full_pages_aside(&mut self, max_bytes: usize) -> Result<(), WriteError> {
        let mut held_bytes = self.held_bytes();
        let mut files: Vec<&mut OpenFile> = self.open.values_mut().collect();
        files.sort_unstable_by_key(|open_file| Reverse(open_file.number));
        for OpenFile { writer, .. } in files {
            if held_bytes <= max_bytes {
                break;
            }
            held_bytes -= writer.held_bytes();
            writer.set_aside(false, &self.scratch, &mut self.compressor)?;
            held_bytes += writer.held_bytes();
        }
        Ok(())
    }

    /// Frees memory of the file with the most rows that wait for their order. Says whether any wait.
    async fn free_unsorted(&mut self) -> Result<bool, WriteError> {
        let is_only = self.open.len() == 1;
        let min_file_bytes = self.options.max_held_bytes / MAX_SORTED_FILES;
        let largest = self
            .open
            .iter_mut()
            .max_by_key(|(_, open_file)| open_file.unsorted.held_bytes())
            .filter(|(_, open_file)| !open_file.unsorted.is_empty());
        let Some((key, open_file)) = largest.map(|(key, open_file)| (*key, open_file)) else {
            return Ok(false);
        };
        // Setting aside what has been set aside before, or the only file there is, would lead nowhere.
        if open_file.unsorted.held_bytes() < min_file_bytes && !is_only && self.level == 0 {
            for (batch, rows) in std::mem::take(&mut open_file.unsorted).into_batches() {
                let part = std::iter::once((key, Rows::of(&rows)));
                let overflow = self.overflow(&batch);
                overflow.push(&batch, part)?;
                overflow.close_partitions([key].into());
            }
        }
        self.complete(key).await.map(|()| true)
    }

    fn held_bytes(&self) -> usize {
        self.open.values().map(OpenFile::held_bytes).sum()
    }

    /// Completes the file written to longest ago, if that is long ago. Says whether there was one.
    pub(super) async fn complete_oldest_idle(&mut self) -> Result<bool, WriteError> {
        let min_large_bytes = self.options.max_held_bytes / MAX_IDLE_FILES;
        let oldest = self
            .open
            .iter()
            .filter(|(_, open_file)| {
                let num_batches = self.clock - open_file.last_used;
                num_batches >= IDLE_BATCHES
                    || (num_batches >= IDLE_BATCHES_IF_LARGE && open_file.held_bytes() >= min_large_bytes)
            })
            .min_by_key(|(_, open_file)| open_file.last_used)
            .map(|(key, _)| *key);
        match oldest {
            Some(key) => self.complete(key).await.map(|()| true),
            None => Ok(false),
        }
    }
}
