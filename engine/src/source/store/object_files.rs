//! Makes any object store a store of files, the local file system first of all.
//!
//! Local files are listed as a bucket would be: the prefix is literal, so `data/acc` finds `data/access.csv` and everything below
//! `data/acc/`; files come in the byte order of their paths, hidden ones included; and symbolic links are followed. A key is spelled
//! as the prefix was, so that a job with a relative prefix has relative keys, wherever it is started.

use super::{ByteStream, FileStore, ListPage, ListRequest};
use crate::source::error::SourceError;
use crate::source::file::{ListedFile, SourceFile};
use async_trait::async_trait;
use futures::StreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Files of an object store.
#[derive(Clone, Debug)]
pub struct ObjectFiles {
    store: Arc<dyn ObjectStore>,
    root: Root,
}

#[derive(Clone, Debug)]
enum Root {
    /// Keys are paths on this machine; relative ones start at this directory, given as its segments.
    Directory(Vec<String>),
    /// Keys are locations in the store, which users know with this in front.
    Store(String),
}

impl ObjectFiles {
    /// The file system of this machine. Relative keys start at `working_directory`, which must be absolute.
    pub fn local(working_directory: PathBuf) -> ObjectFiles {
        let segments = segments(&working_directory.to_string_lossy())
            .map(str::to_owned)
            .collect();
        ObjectFiles {
            store: Arc::new(LocalFileSystem::new()),
            root: Root::Directory(segments),
        }
    }

    /// Any store whose keys are locations without empty or dot segments. `url_prefix` stands before keys in messages.
    pub fn new(store: Arc<dyn ObjectStore>, url_prefix: impl Into<String>) -> ObjectFiles {
        ObjectFiles {
            store,
            root: Root::Store(url_prefix.into()),
        }
    }

    /// The location in the store that a key or a prefix up to a slash means.
    fn location(&self, key: &str) -> Result<Path, SourceError> {
        let mut found: Vec<&str> = Vec::new();
        if let Root::Directory(base) = &self.root
            && !key.starts_with('/')
        {
            found.extend(base.iter().map(String::as_str));
        }
        for segment in segments(key) {
            match segment {
                "." => {}
                ".." => {
                    found.pop();
                }
                segment => found.push(segment),
            }
        }
        Path::parse(found.join("/")).map_err(|error| SourceError::File {
            path: self.url(key),
            source: Box::new(error),
        })
    }

    /// All files below a directory whose names, together with what follows, begin with `beginning`.
    async fn walk(&self, directory: &Path, beginning: &str) -> Result<Vec<ObjectMeta>, SourceError> {
        if beginning.is_empty() {
            return self.walk_all(directory).await;
        }
        // Only one level is read as a whole; of the directories on it, only those that fit.
        let level = self
            .store
            .list_with_delimiter(Some(directory))
            .await
            .map_err(|error| self.failure(directory, error))?;
        let fits = |location: &Path| location.filename().is_some_and(|name| name.starts_with(beginning));
        let mut files: Vec<ObjectMeta> = level.objects.into_iter().filter(|file| fits(&file.location)).collect();
        for below in level.common_prefixes.iter().filter(|prefix| fits(prefix)) {
            files.extend(self.walk_all(below).await?);
        }
        Ok(files)
    }

    async fn walk_all(&self, directory: &Path) -> Result<Vec<ObjectMeta>, SourceError> {
        let mut files = Vec::new();
        let mut listing = self.store.list(Some(directory));
        while let Some(file) = listing.next().await {
            files.push(file.map_err(|error| self.failure(directory, error))?);
        }
        Ok(files)
    }

    async fn is_directory(&self, directory: &Path) -> bool {
        if !matches!(self.root, Root::Directory(_)) {
            return true;
        }
        let path = PathBuf::from(format!("/{directory}"));
        tokio::task::spawn_blocking(move || path.is_dir())
            .await
            .unwrap_or(false)
    }

    fn failure(&self, location: &Path, error: object_store::Error) -> SourceError {
        let path = match &self.root {
            Root::Directory(_) => format!("/{location}"),
            Root::Store(prefix) => format!("{prefix}{location}"),
        };
        match error {
            object_store::Error::NotFound { .. } => SourceError::NotFound { url: path },
            object_store::Error::Precondition { .. } => SourceError::Changed { url: path },
            error => SourceError::File {
                path,
                source: Box::new(error),
            },
        }
    }
}

#[async_trait]
impl FileStore for ObjectFiles {
    /// Lists everything as one page: neither the order nor the place to go on is the store's.
    async fn list_page(&self, request: &ListRequest) -> Result<ListPage, SourceError> {
        let spelled_length = request.prefix.rfind('/').map_or(0, |slash| slash + 1);
        let (spelled, beginning) = request.prefix.split_at(spelled_length);
        let directory = self.location(spelled)?;
        let found = self.walk(&directory, beginning).await?;
        if found.is_empty() && !self.is_directory(&directory).await {
            // A prefix that finds nothing is no error, in a bucket or here; but mostly it is a slip.
            tracing::warn!("no such directory: `{spelled}`; a relative one starts at the working directory");
        }
        let skipped = if directory.as_ref().is_empty() {
            0
        } else {
            directory.as_ref().len() + 1
        };
        let mut files = Vec::with_capacity(found.len());
        for meta in found {
            let below = meta.location.as_ref().get(skipped..).unwrap_or_default();
            let key = format!("{spelled}{below}");
            if request
                .start_after
                .as_ref()
                .is_none_or(|start_after| key > *start_after)
            {
                files.push(ListedFile {
                    file: source_file(&key, &meta),
                    archive: None,
                    storage_class: None,
                });
            }
        }
        files.sort_unstable_by(|one, other| one.file.key.cmp(&other.file.key));
        Ok(ListPage { files, next_page: None })
    }

    async fn head(&self, key: &str) -> Result<SourceFile, SourceError> {
        let location = self.location(key)?;
        let meta = self
            .store
            .head(&location)
            .await
            .map_err(|error| self.failure(&location, error))?;
        Ok(source_file(key, &meta))
    }

    async fn get(&self, file: &SourceFile, range: Range<u64>) -> Result<ByteStream, SourceError> {
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let location = self.location(&file.key)?;
        let expected = range.end;
        let start = range.start;
        let options = GetOptions {
            if_match: file.etag.as_deref().map(str::to_owned),
            range: Some(range.into()),
            ..GetOptions::default()
        };
        let answer = self
            .store
            .get_opts(&location, options)
            .await
            .map_err(|error| self.failure(&location, error))?;
        if answer.meta.size != file.size_bytes {
            return Err(SourceError::Changed {
                url: self.url(&file.key),
            });
        }
        // In one piece: a local file would otherwise come in pieces of a few KiB.
        let bytes = answer.bytes().await.map_err(|error| self.failure(&location, error))?;
        let received = start + bytes.len() as u64;
        if received != expected {
            return Err(SourceError::CutShort {
                url: self.url(&file.key),
                expected,
                received,
            });
        }
        Ok(futures::stream::once(async move { Ok(bytes) }).boxed())
    }

    fn url(&self, key: &str) -> String {
        match &self.root {
            Root::Directory(_) => key.to_owned(),
            Root::Store(prefix) => format!("{prefix}{key}"),
        }
    }
}

fn source_file(key: &str, meta: &ObjectMeta) -> SourceFile {
    SourceFile {
        key: key.into(),
        size_bytes: meta.size,
        modified_micros: meta.last_modified.timestamp_micros(),
        etag: meta.e_tag.as_deref().map(Into::into),
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests;
