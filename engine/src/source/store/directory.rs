//! Reads a directory of this machine as if it were a bucket.
//!
//! The prefix is literal, so `data/acc` finds `data/access.csv` and everything below `data/acc/`; files come in the byte order of
//! their paths, hidden ones included; and symbolic links are followed. A key is spelled as the prefix was, so that a job with a
//! relative prefix has relative keys, wherever it is started.
//!
//! `object_store` has a client for local files too. It passes over names such as `export.csv#1` without a word, since its own uploads are
//! called so, and refuses a whole directory for a tab in a name.

use super::{ByteStream, FileStore, ListPage, ListRequest};
use crate::source::error::SourceError;
use crate::source::file::{ListedFile, SourceFile};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use walkdir::{DirEntry, WalkDir};

/// Files of this machine, whose keys are their paths.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    /// Where relative keys start.
    working_directory: PathBuf,
}

impl DirectoryStore {
    /// Relative keys start at `working_directory`, which must be absolute.
    pub fn new(working_directory: PathBuf) -> DirectoryStore {
        DirectoryStore { working_directory }
    }
}

#[async_trait]
impl FileStore for DirectoryStore {
    /// Lists everything as one page: a directory tells neither an order nor a place to go on.
    async fn list_page(&self, request: &ListRequest) -> Result<ListPage, SourceError> {
        let (working_directory, request) = (self.working_directory.clone(), request.clone());
        blocking(move || list(&working_directory, &request)).await
    }

    async fn head(&self, key: &str) -> Result<SourceFile, SourceError> {
        let (path, key) = (self.working_directory.join(key), key.to_owned());
        blocking(move || {
            let metadata = path.metadata().map_err(|error| failure(&path, error))?;
            match metadata.is_file() {
                true => source_file(&key, &metadata).map_err(|error| failure(&path, error)),
                false => Err(SourceError::NotFound { url: shown(&path) }),
            }
        })
        .await
    }

    /// In one piece: a request for a range is made for so many bytes as are wanted at a time.
    async fn get(&self, file: &SourceFile, range: Range<u64>) -> Result<ByteStream, SourceError> {
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let (path, file) = (self.working_directory.join(&*file.key), file.clone());
        let bytes = blocking(move || read(&path, &file, range)).await?;
        Ok(futures::stream::once(async move { Ok(bytes) }).boxed())
    }

    fn url(&self, key: &str) -> String {
        key.to_owned()
    }
}

/// Runs what waits for a disk where that holds nothing up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| SourceError::Stopped)?
}

fn list(working_directory: &Path, request: &ListRequest) -> Result<ListPage, SourceError> {
    let spelled_length = request.prefix.rfind('/').map_or(0, |slash| slash + 1);
    let (spelled, beginning) = request.prefix.split_at(spelled_length);
    let directory = working_directory.join(spelled);
    match directory.metadata() {
        Ok(metadata) if metadata.is_dir() => {}
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(failure(&directory, error));
        }
        _ => {
            // A prefix that finds nothing is no error, in a bucket or here; but mostly it is a slip.
            tracing::warn!("no such directory: `{spelled}`; a relative one starts at the working directory");
            return Ok(ListPage::default());
        }
    }
    let fits = |entry: &DirEntry| entry.depth() != 1 || entry.file_name().to_string_lossy().starts_with(beginning);
    let mut files = Vec::new();
    for entry in WalkDir::new(&directory)
        .follow_links(true)
        .into_iter()
        .filter_entry(fits)
    {
        let entry = match entry {
            // A link to nothing, or a file that is gone by now.
            Err(error) if is_missing(&error) => continue,
            entry => entry.map_err(|error| walk_failure(&directory, error))?,
        };
        if !entry.file_type().is_file() {
            continue;
        }
        let below = entry.path().strip_prefix(&directory).unwrap_or(entry.path());
        let Some(below) = below.to_str() else {
            return Err(failure(entry.path(), NotText));
        };
        let key = format!("{spelled}{below}");
        if request
            .start_after
            .as_ref()
            .is_some_and(|start_after| key <= *start_after)
        {
            continue;
        }
        let metadata = match entry.metadata() {
            Err(error) if is_missing(&error) => continue,
            metadata => metadata.map_err(|error| walk_failure(entry.path(), error))?,
        };
        files.push(ListedFile {
            file: source_file(&key, &metadata).map_err(|error| failure(entry.path(), error))?,
            archive: None,
            storage_class: None,
        });
    }
    files.sort_unstable_by(|one, other| one.file.key.cmp(&other.file.key));
    Ok(ListPage { files, next_page: None })
}

fn read(path: &Path, file: &SourceFile, range: Range<u64>) -> Result<Bytes, SourceError> {
    let failed = |error| failure(path, error);
    let changed = || SourceError::Changed {
        url: file.key.to_string(),
    };
    let mut opened = File::open(path).map_err(failed)?;
    let is_same = |opened: &File| -> Result<bool, SourceError> {
        let metadata = opened.metadata().map_err(failed)?;
        let is_same_version = file.etag.as_deref().is_none_or(|etag| etag == version(&metadata));
        Ok(is_same_version && metadata.len() == file.size_bytes)
    };
    if !is_same(&opened)? {
        return Err(changed());
    }
    let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(wanted);
    opened.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    (&opened)
        .take(range.end - range.start)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    // Whoever writes a file in place does so at any time.
    if bytes.len() != wanted || !is_same(&opened)? {
        return Err(changed());
    }
    Ok(bytes.into())
}

fn source_file(key: &str, metadata: &Metadata) -> Result<SourceFile, std::io::Error> {
    let modified = jiff::Timestamp::try_from(metadata.modified()?).map_err(std::io::Error::other)?;
    Ok(SourceFile {
        key: key.into(),
        size_bytes: metadata.len(),
        modified_micros: modified.as_microsecond(),
        etag: Some(version(metadata).into()),
    })
}

/// Tells versions of a file apart, in the words of `object_store`: ledgers hold them.
fn version(metadata: &Metadata) -> String {
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let inode = 0;
    let since_epoch = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let micros = since_epoch.unwrap_or_default().as_micros();
    format!("{inode:x}-{micros:x}-{:x}", metadata.len())
}

#[derive(Debug, thiserror::Error)]
#[error("its name is not UTF-8; rename it")]
struct NotText;

fn failure(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SourceError {
    let source = error.into();
    let is_missing = source
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::NotFound);
    match is_missing {
        true => SourceError::NotFound { url: shown(path) },
        false => SourceError::File {
            path: shown(path),
            source,
        },
    }
}

fn is_missing(error: &walkdir::Error) -> bool {
    error
        .io_error()
        .is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

fn walk_failure(path: &Path, error: walkdir::Error) -> SourceError {
    let path = error.path().unwrap_or(path).to_owned();
    match error.io_error() {
        Some(_) => failure(&path, std::io::Error::from(error)),
        None => failure(&path, error),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
