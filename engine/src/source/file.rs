//! One file in a bucket or a directory, as it was listed, and many of them.

mod list;

pub use list::{FileList, Files};

use std::sync::Arc;

/// A file that a job may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The whole key in the bucket; for a local file its path as the configuration spells it.
    pub key: Arc<str>,
    /// Bytes as stored (compressed).
    pub size_bytes: u64,
    /// Last modified; microseconds since the epoch, UTC.
    pub modified_micros: i64,
    /// Entity tag as the store spells it, without quotes; reads ask for exactly this version.
    pub etag: Option<Arc<str>>,
}

/// A file with what only the listing needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The file.
    pub file: SourceFile,
    /// The archive class it is stored in; `None`: it can be read at any time.
    pub archive: Option<ArchiveClass>,
    /// The storage class as the service names it; `None`: it names none.
    pub storage_class: Option<Arc<str>>,
}

/// Storage classes whose files must be restored before they can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveClass {
    /// `GLACIER`.
    Glacier,
    /// `DEEP_ARCHIVE`.
    DeepArchive,
}

impl ArchiveClass {
    /// The archive class a listing names; `None` for every other class, `GLACIER_IR` among them, and for none at all.
    pub fn from_storage_class(storage_class: &str) -> Option<ArchiveClass> {
        match storage_class {
            "GLACIER" => Some(ArchiveClass::Glacier),
            "DEEP_ARCHIVE" => Some(ArchiveClass::DeepArchive),
            _ => None,
        }
    }

    /// The name listings use.
    pub fn name(self) -> &'static str {
        match self {
            ArchiveClass::Glacier => "GLACIER",
            ArchiveClass::DeepArchive => "DEEP_ARCHIVE",
        }
    }
}
