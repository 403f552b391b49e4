//! Tells files that were loaded before from those that were not.
//!
//! What a job remembers of loaded files is kept elsewhere, in key order, and may be larger than memory has room for. So a listing
//! asks for one page of files at a time, and what it walks through is a cursor that goes along with it.

use super::error::SourceError;
use super::file::{ListedFile, SourceFile};
use async_trait::async_trait;
use std::fmt::Debug;

/// What happens to a file that was rewritten since it was loaded; `in.on_changed_file`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnChangedFile {
    /// Nothing: what was loaded of it stays as it is.
    #[default]
    Ignore,
    /// It is loaded as if it were another file.
    Load,
    /// It is loaded, and the rows of the version before go in the same commit.
    Replace,
}

/// What is remembered of the version of a file that was loaded last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its key, as that job spelled it.
    pub key: String,
    /// Entity tag; `None`: the store gave none.
    pub etag: Option<String>,
    /// Bytes as stored.
    pub size_bytes: u64,
    /// Last modified; microseconds since the epoch.
    pub modified_micros: i64,
    /// Rows that were read from it.
    pub num_rows: u64,
    /// Column of the table that holds the file of each row; `None`: its rows cannot be told from others.
    pub file_column: Option<String>,
}

impl KnownFile {
    /// Whether a listed file is the version that was loaded. An entity tag says so by itself: a file that was only copied again has
    /// the same bytes under another time.
    pub fn is_same_as(&self, file: &SourceFile) -> bool {
        match (&self.etag, &file.etag) {
            (Some(known), Some(listed)) => known.as_str() == listed.as_ref(),
            _ => self.size_bytes == file.size_bytes && self.modified_micros == file.modified_micros,
        }
    }
}

/// A version of a file whose rows are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedFile {
    /// Its key, as the listing spells it.
    pub key: String,
    /// What is remembered of it.
    pub known: KnownFile,
}

/// All files that were loaded before.
pub trait KnownFiles: Debug + Send + Sync {
    /// Walks through them in key order. Each cursor has a place of its own.
    fn cursor(&self) -> Box<dyn KnownCursor>;

    /// What happens to those that were rewritten.
    fn on_changed_file(&self) -> OnChangedFile;
}

/// A place among the known files.
#[async_trait]
pub trait KnownCursor: Send {
    /// Looks up the files of a page, which are in key order.
    ///
    /// **Shape**: one answer for each file.
    /// **Cost**: reads on from the page before; pages that come out of their order are found anew.
    async fn look_up(&mut self, files: &[ListedFile]) -> Result<Vec<Option<KnownFile>>, SourceError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_by_its_tag_or_else_by_size_and_time() {
        let file = |etag: Option<&str>, size_bytes, modified_micros| SourceFile {
            key: "k".into(),
            size_bytes,
            modified_micros,
            etag: etag.map(Into::into),
        };
        let known = |etag: Option<&str>| KnownFile {
            key: "k".to_owned(),
            etag: etag.map(str::to_owned),
            size_bytes: 3,
            modified_micros: 7,
            num_rows: 1,
            file_column: None,
        };
        assert!(known(Some("a")).is_same_as(&file(Some("a"), 3, 8)));
        assert!(!known(Some("a")).is_same_as(&file(Some("b"), 3, 7)));
        assert!(known(None).is_same_as(&file(Some("b"), 3, 7)));
        assert!(!known(None).is_same_as(&file(Some("b"), 3, 8)));
        assert!(!known(Some("a")).is_same_as(&file(None, 4, 7)));
    }
}
