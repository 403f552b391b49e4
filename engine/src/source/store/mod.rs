//! Where files live: a bucket or a directory.
//!
//! [`FileStore`] is the little that listing and fetching need. [`S3Store`] speaks to S3-compatible services by itself, because keys
//! such as `a//b` and `/a`, storage classes in listings, and the retry rules of the configuration reference are beyond
//! `object_store`'s own client; what that has below its client (credentials, HTTP) is used. [`DirectoryStore`] reads
//! a directory as if it were a bucket.
//!
//! Reading order: [`s3`](self::S3Store), `http`, `address`, `sign`, `answer`, `retry`, `credentials`, `assume_role`, `container`, `directory`.

mod address;
mod answer;
mod assume_role;
mod container;
mod credentials;
mod directory;
mod http;
mod retry;
mod s3;
mod sign;

pub use credentials::Variables;
pub use directory::DirectoryStore;
pub use s3::S3Store;

use super::error::SourceError;
use super::file::{ListedFile, SourceFile};
use super::options::Location;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a file as they arrive, in order. Ends after the first error.
pub type ByteStream = BoxStream<'static, Result<Bytes, SourceError>>;

/// Asks for one page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Literal prefix of keys.
    pub prefix: String,
    /// Only keys strictly greater.
    pub start_after: Option<String>,
    /// What the page before gave as `next_page`.
    pub page: Option<String>,
}

/// One page of a listing.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// In byte order of their keys, and after those of the pages before.
    pub files: Vec<ListedFile>,
    /// Asks for the page after this one; `None`: this is the last.
    pub next_page: Option<String>,
}

/// What must be added to a place in a part of a file to have the place in the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilePart {
    /// Lines.
    pub lines: i64,
    /// Decoded bytes.
    pub bytes: i64,
    /// Records.
    pub records: i64,
}

/// A place that files can be listed in and read from.
///
/// Implementations repeat failed requests as far as they are told to; what they return is final.
///
/// **Cancel**: dropping a future or a stream ends its request.
#[async_trait]
pub trait FileStore: Debug + Send + Sync {
    /// Lists one page. **Cost**: one request.
    async fn list_page(&self, request: &ListRequest) -> Result<ListPage, SourceError>;

    /// Finds one file by its key. **Cost**: one request, a second one to learn why it failed.
    async fn head(&self, key: &str) -> Result<SourceFile, SourceError>;

    /// Reads a range of bytes of exactly the listed version of a file.
    ///
    /// The stream ends with an error unless it gives all bytes of the range. **Cost**: one request, another one whenever the
    /// connection breaks.
    async fn get(&self, file: &SourceFile, range: Range<u64>) -> Result<ByteStream, SourceError>;

    /// How users know the file: `s3://bucket/key`, or its path.
    fn url(&self, key: &str) -> String;

    /// Where a file stands in what its URL names, if it is a part of that.
    fn part(&self, _key: &str) -> Option<FilePart> {
        None
    }

    /// How often the service has asked for fewer requests so far.
    fn num_slow_downs(&self) -> u64 {
        0
    }
}

/// Prepares to read from where a configuration says; nothing is requested yet. Local paths start at the working directory.
///
/// **Errors**: options that cannot be used together; no working directory.
pub fn open_store(location: &Location) -> Result<Arc<dyn FileStore>, SourceError> {
    match location {
        Location::S3(options) => Ok(Arc::new(S3Store::new(options)?)),
        Location::Local => {
            let working_directory = std::env::current_dir().map_err(|error| SourceError::File {
                path: ".".to_owned(),
                source: Box::new(error),
            })?;
            Ok(Arc::new(DirectoryStore::new(working_directory)))
        }
    }
}
