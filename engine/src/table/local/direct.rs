//! One file that is written directly.

use super::disk::{ALIGNMENT, BLOCK_BYTES, Disk};
use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file under a name of its own; it goes when this is dropped before [`DirectFile::publish`].
#[derive(Debug)]
pub(super) struct DirectFile {
    disk: Arc<Disk>,
    /// Through the page cache: for what does not fill a block of the disk.
    cached: File,
    /// `None`: the file system knows no direct writes.
    direct: Option<File>,
    staged: PathBuf,
    path: PathBuf,
    is_published: bool,
}

impl DirectFile {
    /// Makes an empty file that is meant for `path`, and the folders above it.
    pub(super) fn create(path: PathBuf, disk: Arc<Disk>) -> Result<DirectFile> {
        let (cached, staged) = create_staged(&path)?;
        let direct = match open_direct(&staged) {
            Ok(file) => Some(file),
            Err(error) if is_refusal(&error) => {
                disk.refuse_direct_writes();
                None
            }
            Err(error) => {
                // The first error is the one to tell.
                let _ = fs::remove_file(&staged);
                return Err(error);
            }
        };
        Ok(DirectFile {
            disk,
            cached,
            direct,
            staged,
            path,
            is_published: false,
        })
    }

    /// Writes `pieces` one after the other from `offset` on. Several parts of a file may be written at a time.
    pub(super) fn write<'p>(&self, offset: u64, pieces: impl Iterator<Item = &'p [u8]>) -> Result<()> {
        let mut offset = offset;
        if self.direct.is_none() || !offset.is_multiple_of(ALIGNMENT as u64) {
            for piece in pieces {
                self.cached.write_all_at(piece, offset)?;
                offset += piece.len() as u64;
            }
            return Ok(());
        }
        let mut block = self.disk.block();
        let buffer = block.as_mut();
        let mut filled = 0;
        for mut piece in pieces {
            if filled == 0 && piece.as_ptr().align_offset(ALIGNMENT) == 0 {
                let (whole, rest) = piece.split_at(piece.len() - piece.len() % ALIGNMENT);
                for block in whole.chunks(BLOCK_BYTES) {
                    self.write_block(offset, block)?;
                    offset += block.len() as u64;
                }
                piece = rest;
            }
            while !piece.is_empty() {
                let (now, later) = piece.split_at(piece.len().min(BLOCK_BYTES - filled));
                buffer[filled..filled + now.len()].copy_from_slice(now);
                filled += now.len();
                piece = later;
                if filled == BLOCK_BYTES {
                    self.write_block(offset, buffer)?;
                    offset += filled as u64;
                    filled = 0;
                }
            }
        }
        let (whole, rest) = buffer[..filled].split_at(filled - filled % ALIGNMENT);
        if !whole.is_empty() {
            self.write_block(offset, whole)?;
        }
        self.cached.write_all_at(rest, offset + whole.len() as u64)?;
        self.disk.recycle(block);
        Ok(())
    }

    fn write_block(&self, offset: u64, block: &[u8]) -> Result<()> {
        if let Some(direct) = &self.direct
            && self.disk.takes_direct_writes()
        {
            match self.disk.write(block.len(), || direct.write_all_at(block, offset)) {
                Ok(()) => return Ok(()),
                // Some file systems open files for direct writes and refuse the writes.
                Err(error) if is_refusal(&error) => self.disk.refuse_direct_writes(),
                Err(error) => return Err(error),
            }
        }
        self.cached.write_all_at(block, offset)
    }

    /// Gives the file its name.
    pub(super) fn publish(mut self) -> Result<()> {
        fs::rename(&self.staged, &self.path)?;
        self.is_published = true;
        Ok(())
    }
}

impl Drop for DirectFile {
    fn drop(&mut self) {
        if !self.is_published
            && let Err(error) = fs::remove_file(&self.staged)
        {
            tracing::debug!(path = %self.staged.display(), %error, "a file that was given up could not be removed");
        }
    }
}

/// How often the folder of a file is made. Another writer may make it at the same time, and one that tidies up may remove it again while
/// it is empty.
const MAX_FOLDERS_MADE: usize = 16;

/// Makes an empty file beside `path`, under the first free name of those that [`object_store::local`] uses.
fn create_staged(path: &Path) -> Result<(File, PathBuf)> {
    let mut number = 1;
    let mut num_folders_made = 0;
    loop {
        let mut staged = path.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        let staged = PathBuf::from(staged);
        match OpenOptions::new().write(true).create_new(true).open(&staged) {
            Ok(file) => return Ok((file, staged)),
            Err(error) => match (error.kind(), path.parent()) {
                (ErrorKind::AlreadyExists, _) => number += 1,
                (ErrorKind::NotFound, Some(folder)) if num_folders_made < MAX_FOLDERS_MADE => {
                    fs::create_dir_all(folder)?;
                    num_folders_made += 1;
                }
                _ => return Err(error),
            },
        }
    }
}

#[cfg(target_os = "linux")]
fn open_direct(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path)
}

#[cfg(not(target_os = "linux"))]
fn open_direct(_path: &Path) -> Result<File> {
    Err(Error::from(ErrorKind::InvalidInput))
}

/// How file systems say that they know no direct writes.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(num_bytes: usize) -> Vec<u8> {
        (0..num_bytes).map(|at| ((at * 31) >> 3) as u8).collect()
    }

    #[track_caller]
    fn check(num_bytes: usize, piece_bytes: usize, part_bytes: usize, is_cached: bool) {
        let bytes = content(num_bytes + 2 * ALIGNMENT);
        let aligned = bytes.as_ptr().align_offset(ALIGNMENT);
        for start in [aligned, aligned + 1] {
            check_content(&bytes[start..start + num_bytes], piece_bytes, part_bytes, is_cached);
        }
    }

    #[track_caller]
    fn check_content(content: &[u8], piece_bytes: usize, part_bytes: usize, is_cached: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        let disk = Arc::new(Disk::default());
        let mut file = DirectFile::create(path.clone(), Arc::clone(&disk)).unwrap();
        if is_cached {
            file.direct = None;
        }
        // The last part first: they come in any order.
        for (number, part) in content
            .chunks(part_bytes)
            .enumerate()
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            file.write((number * part_bytes) as u64, part.chunks(piece_bytes))
                .unwrap();
        }
        assert!(!path.exists());
        file.publish().unwrap();
        assert!(fs::read(&path).unwrap() == content);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn files_have_what_was_written() {
        for is_cached in [false, true] {
            check(0, 1, 1, is_cached);
            check(1, 1, 1, is_cached);
            check(ALIGNMENT, 1000, ALIGNMENT, is_cached);
            check(5 * ALIGNMENT + 1, 1000, 2 * ALIGNMENT, is_cached);
            check(3 * BLOCK_BYTES + 5, 700_001, 2 * BLOCK_BYTES, is_cached);
            check(3 * BLOCK_BYTES, BLOCK_BYTES, 3 * BLOCK_BYTES, is_cached);
            check(5 * BLOCK_BYTES + 5, 2 * BLOCK_BYTES, 4 * BLOCK_BYTES, is_cached);
            // Pieces that end where the next one cannot be written from where it is.
            check(BLOCK_BYTES, 3 * ALIGNMENT + 5, BLOCK_BYTES, is_cached);
            // Parts that end nowhere in particular.
            check(100_000, 999, 33_333, is_cached);
        }
    }

    #[test]
    fn a_disk_that_refuses_in_the_middle_of_a_file_gets_the_rest_of_it_through_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::default());
        let file = DirectFile::create(folder.path().join("file"), Arc::clone(&disk)).unwrap();
        let content = content(2 * BLOCK_BYTES);
        file.write(0, [&content[..BLOCK_BYTES]].into_iter()).unwrap();
        disk.refuse_direct_writes();
        file.write(BLOCK_BYTES as u64, [&content[BLOCK_BYTES..]].into_iter())
            .unwrap();
        file.publish().unwrap();
        assert!(fs::read(folder.path().join("file")).unwrap() == content);
    }

    #[test]
    fn files_can_be_made_at_once_in_a_folder_that_is_not_there() {
        const NUM_WRITERS: usize = 4;
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::default());
        let begin = std::sync::Barrier::new(NUM_WRITERS);
        // Says what went wrong only in the end: the others wait for each writer in every round.
        let write = |writer: usize| -> Result<()> {
            let mut result = Ok(());
            for round in 0..1_000 {
                begin.wait();
                let path = folder.path().join(format!("date={round}/hour=0/file{writer}"));
                result = result.and(DirectFile::create(path, Arc::clone(&disk)).map(drop));
            }
            result
        };
        std::thread::scope(|scope| {
            let write = &write;
            let writers: Vec<_> = (0..NUM_WRITERS)
                .map(|writer| scope.spawn(move || write(writer)))
                .collect();
            for writer in writers {
                writer.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(folder.path().join("file#1"), "of another").unwrap();
        let file = DirectFile::create(path, Arc::default()).unwrap();
        assert!(folder.path().join("file#2").exists());
        drop(file);
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["file#1"]);
    }
}
