//! Files that a process was writing to a local warehouse when it died.
//!
//! `object_store` writes a local file as `NAME#1` and gives it its name when it is complete. Its listings leave the others out, and
//! readers of tables never look at them; so nobody but this module knows that they are there. In a bucket there are none: what
//! is uploaded in parts is no file until it is complete, and what happens to parts that were left is a rule of the bucket.

use super::warehouse::TableFolder;
use crate::error::{Blame, Error, Result};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file that is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedFile {
    /// Its path in the folder of the table, with slashes.
    pub path: String,
    /// Bytes.
    pub size_bytes: u64,
    /// When it was last written.
    pub modified: jiff::Timestamp,
}

/// The unfinished files in the folder of a table, its log included. Those of processes that run are among them.
///
/// **Errors**: the folder cannot be listed.
pub async fn unfinished_files(folder: &TableFolder) -> Result<Vec<UnfinishedFile>> {
    let Some(root) = local_path(folder) else {
        return Ok(Vec::new());
    };
    let found = blocking(move || {
        let mut found = Vec::new();
        find(&root, &root, &mut found)?;
        Ok(found)
    });
    found
        .await
        .map_err(|error| failed(&format!("cannot list `{}`", folder.place()), error))
}

/// Removes an unfinished file. One that is gone already is no error.
///
/// **Errors**: the file system refused.
pub async fn remove_unfinished(folder: &TableFolder, path: &str) -> Result<()> {
    let Some(root) = local_path(folder) else {
        return Ok(());
    };
    let file = root.join(path);
    let removed = blocking(move || fs::remove_file(file)).await;
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(failed(&format!("cannot clear up `{}`", folder.place()), error))
        }
        _ => Ok(()),
    }
}

/// The folder on this machine's disk; `None`: it is in a bucket.
fn local_path(folder: &TableFolder) -> Option<PathBuf> {
    folder.url.to_file_path().ok()
}

async fn blocking<T: Send + 'static>(body: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let outcome = tokio::task::spawn_blocking(body).await;
    outcome.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn find(root: &Path, folder: &Path, found: &mut Vec<UnfinishedFile>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        // A folder that vanishes has nothing in it.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // So has a file that was given its name meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        let path = entry.path();
        if metadata.is_dir() {
            find(root, &path, found)?;
        } else if let Some(path) = path.strip_prefix(root).ok().and_then(Path::to_str)
            && is_unfinished(path)
        {
            found.push(UnfinishedFile {
                path: path.replace(std::path::MAIN_SEPARATOR, "/"),
                size_bytes: metadata.len(),
                modified: jiff::Timestamp::try_from(metadata.modified().unwrap_or(SystemTime::now()))
                    .unwrap_or(jiff::Timestamp::MAX),
            });
        }
    }
    Ok(())
}

/// Whether a name ends in `#` and a number, which no finished file of a table does.
fn is_unfinished(path: &str) -> bool {
    let number = path.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn failed(message: &str, error: io::Error) -> Error {
    Error::new(Blame::Storage, format!("{message}: {error}"))
        .with_hint("check who may write there")
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_ends_in_a_number() {
        for (path, expected) in [
            ("_delta_log/00000000000000000001.json#1", true),
            ("date=2026-01-01/j-0.parquet#12", true),
            ("date=2026-01-01/j-0.parquet", false),
            ("issue#", false),
            ("#1a", false),
        ] {
            assert_eq!(is_unfinished(path), expected, "{path}");
        }
    }
}
