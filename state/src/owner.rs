//! Knows which processes are alive.
//!
//! Each process that runs jobs holds the lock of a file of its own, and its jobs carry the name of that file. The operating system
//! gives the lock up when the process ends, however it ends, so whoever gets the lock of another knows that it is dead. Numbers of
//! processes would not do: they are given out again, and mean nothing in another container.

use crate::error::{StateError, StateResult};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the file of a process that looks dead stays.
const LEFT_ALONE: Duration = Duration::from_secs(3_600);

/// This process, as long as the value lives.
#[derive(Debug)]
pub(crate) struct Owner {
    id: String,
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Owner {
    /// Takes a lock in a folder, which is made.
    pub(crate) fn new(folder: &Path) -> StateResult<Owner> {
        let id = uuid::Uuid::now_v7().to_string();
        let path = folder.join(&id);
        let failed = |source| StateError::Files {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let file = open(&path, true).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(Owner { id, path, _file: file })
    }

    /// What its jobs carry.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // A file that stays is in nobody's way: it is not locked.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a process is alive. One whose file is gone is not: it takes the file with it.
///
/// **Errors**: the file is there and the system does not let us ask; then nothing is known.
pub(crate) fn is_alive(folder: &Path, id: &str) -> StateResult<bool> {
    let path = folder.join(id);
    let failed = |source| StateError::Files {
        path: path.clone(),
        source,
    };
    let file = match open(&path, false) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Removes files that dead processes left, but for those that are still asked for.
///
/// Between making its file and locking it a process looks dead, so files stay for an hour.
pub(crate) fn sweep(folder: &Path, asked_for: &[String]) {
    // What cannot be looked at now is looked at the next time.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let is_old = age
            .and_then(|made| made.elapsed().ok())
            .is_some_and(|age| age > LEFT_ALONE);
        let Ok(id) = entry.file_name().into_string() else {
            continue;
        };
        if is_old && !asked_for.contains(&id) && is_alive(folder, &id).is_ok_and(|is_alive| !is_alive) {
            forget(folder, &id);
        }
    }
}

/// Removes the file of a process that is dead.
pub(crate) fn forget(folder: &Path, id: &str) {
    // Whoever else found it dead may have been faster.
    let _ = fs::remove_file(folder.join(id));
}

fn open(path: &Path, is_made: bool) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(is_made).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_alive_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let owner = Owner::new(folder.path()).unwrap();
        let id = owner.id().to_owned();
        assert!(is_alive(folder.path(), &id).unwrap());
        assert!(is_alive(folder.path(), &id).unwrap(), "asking does not take the lock");
        drop(owner);
        assert!(!is_alive(folder.path(), &id).unwrap());
        assert!(!is_alive(folder.path(), "never").unwrap());
    }

    #[test]
    fn old_files_of_dead_processes_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let owner = Owner::new(folder.path()).unwrap();
        for name in ["old", "new", "asked"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * LEFT_ALONE;
        for name in ["old", "asked", owner.id()] {
            let file = File::options().write(true).open(folder.path().join(name)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        sweep(folder.path(), &["asked".to_owned()]);
        let is_there = |name: &str| folder.path().join(name).exists();
        assert!(!is_there("old"));
        assert!(is_there("new") && is_there("asked") && is_there(owner.id()));
    }

    #[test]
    fn a_file_that_nobody_locks_is_of_a_dead_process() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dead"), "").unwrap();
        assert!(!is_alive(folder.path(), "dead").unwrap());
        forget(folder.path(), "dead");
        forget(folder.path(), "dead");
        assert!(!folder.path().join("dead").exists());
    }
}
