//! The local file system as a store, which writes what is large past the page cache.
//!
//! A load is not read right after it was written, and copying a file into fresh pages of the cache can cost as much as compressing it.
//! Written directly, the bytes go from the buffer to the disk while the cores go on with other rows. That is so for disks that are
//! about as fast as a load writes; while one turns out to be slow, or if the file system knows no such writes, files go through the cache.
//!
//! Everything else is [`LocalFileSystem`]'s, whose contract this store keeps: a file comes into being under a name of its own,
//! `NAME#1`, and gets the one it was written for when it is whole.
//!
//! Reading order: `disk` (whether direct writes pay), `direct` (one file), and the store.

mod direct;
mod disk;

use async_trait::async_trait;
use direct::DirectFile;
use disk::Disk;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use std::fmt;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Bytes from which a file is worth its own way.
const MIN_DIRECT_BYTES: usize = 512 * 1024;

/// The local file system; see the module.
#[derive(Debug, Default)]
pub(super) struct LocalFiles {
    files: LocalFileSystem,
    disk: Arc<Disk>,
}

impl fmt::Display for LocalFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(formatter)
    }
}

#[async_trait]
impl ObjectStore for LocalFiles {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_large = payload.content_length() >= MIN_DIRECT_BYTES;
        if !is_large || options.mode != PutMode::Overwrite || !self.disk.takes_direct_writes() {
            return self.files.put_opts(location, payload, options).await;
        }
        let mut upload = self
            .put_multipart_opts(location, PutMultipartOptions::default())
            .await?;
        upload.put_part(payload).await?;
        upload.complete().await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !self.disk.takes_direct_writes() {
            return self.files.put_multipart_opts(location, options).await;
        }
        let path = self.files.path_to_filesystem(location)?;
        let disk = Arc::clone(&self.disk);
        let file = blocking(move || DirectFile::create(path, disk)).await?;
        Ok(Box::new(DirectUpload {
            file: Some(Arc::new(file)),
            num_bytes: 0,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.files.rename_opts(from, to, options).await
    }
}

/// A file under way. The parts may be written in any order and side by side.
#[derive(Debug)]
struct DirectUpload {
    /// `None` once it is complete or aborted.
    file: Option<Arc<DirectFile>>,
    num_bytes: u64,
}

#[async_trait]
impl MultipartUpload for DirectUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let offset = self.num_bytes;
        self.num_bytes += part.content_length() as u64;
        let file = self.file.clone();
        Box::pin(async move {
            let file = file.ok_or_else(ended)?;
            blocking(move || file.write(offset, part.iter().map(AsRef::as_ref))).await
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        // No part is under way any more, or the caller broke the contract.
        let file = self.file.take().and_then(Arc::into_inner).ok_or_else(ended)?;
        blocking(move || file.publish()).await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn abort(&mut self) -> Result<()> {
        let file = self.file.take().ok_or_else(ended)?;
        blocking(move || {
            drop(file);
            Ok(())
        })
        .await
    }
}

/// Runs `act` where it may wait for the disk.
async fn blocking<T: Send + 'static>(act: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    let done = spawn_blocking(act)
        .await
        .map_err(|source| Error::JoinError { source })?;
    done.map_err(|source| failed(Box::new(source)))
}

fn ended() -> Error {
    failed("the file was complete or given up before".into())
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Generic {
        store: "LocalFiles",
        source,
    }
}
