//! Columns that describe the file a row came from.

use crate::source::file::SourceFile;
use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, TimeUnit};
use std::sync::Arc;

/// One entry of `in.metadata_columns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataColumn {
    /// What it holds.
    pub kind: MetadataKind,
    /// Its name in the table.
    pub name: String,
}

/// What a metadata column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetadataKind {
    /// `_file_path`: `s3://bucket/key`, or the local path. Rows of an archive's entries have that of the archive, so that a
    /// predicate on it can be decided before anything is fetched.
    FilePath,
    /// `_file_name`: the last segment of the key.
    FileName,
    /// `_file_size`: bytes as stored.
    FileSize,
    /// `_file_modified`: when it was last modified.
    FileModified,
    /// `_file_etag`: its entity tag.
    FileEtag,
    /// `_row_number`: the record's ordinal in its file, from 1, rejected records counted.
    RowNumber,
}

impl MetadataKind {
    /// Every kind, in the order users read them.
    pub const ALL: [MetadataKind; 6] = [
        MetadataKind::FilePath,
        MetadataKind::FileName,
        MetadataKind::FileSize,
        MetadataKind::FileModified,
        MetadataKind::FileEtag,
        MetadataKind::RowNumber,
    ];

    /// The name users ask for it by.
    pub fn name(self) -> &'static str {
        match self {
            MetadataKind::FilePath => "_file_path",
            MetadataKind::FileName => "_file_name",
            MetadataKind::FileSize => "_file_size",
            MetadataKind::FileModified => "_file_modified",
            MetadataKind::FileEtag => "_file_etag",
            MetadataKind::RowNumber => "_row_number",
        }
    }

    /// The kind called `name`, if there is one.
    pub fn from_name(name: &str) -> Option<MetadataKind> {
        MetadataKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn data_type(self) -> DataType {
        match self {
            MetadataKind::FilePath | MetadataKind::FileName | MetadataKind::FileEtag => DataType::Utf8,
            MetadataKind::FileSize | MetadataKind::RowNumber => DataType::Int64,
            MetadataKind::FileModified => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
        }
    }

    /// Whether the value is one for the whole file and known before it is fetched.
    pub fn is_known_from_listing(self) -> bool {
        self != MetadataKind::RowNumber
    }
}

impl MetadataColumn {
    /// The nullable Arrow field of this column.
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.kind.data_type(), true)
    }

    /// The column for rows of one file each: `files` and their messages' names, one for each row wanted.
    ///
    /// **Shape**: as long as `files`. `None` for [`MetadataKind::RowNumber`], which no listing knows.
    pub fn of_files<'f>(&self, files: impl Iterator<Item = (&'f SourceFile, &'f str)>) -> Option<ArrayRef> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Some(match self.kind {
            MetadataKind::FilePath => Arc::new(StringArray::from_iter_values(files.map(|(_, path)| path))),
            MetadataKind::FileName => {
                Arc::new(StringArray::from_iter_values(files.map(|(_, path)| {
                    path.rsplit_once('/').map_or(path, |(_, file_name)| file_name)
                })))
            }
            MetadataKind::FileSize => Arc::new(Int64Array::from_iter_values(
                files.map(|(file, _)| signed(file.size_bytes)),
            )),
            MetadataKind::FileModified => Arc::new(
                TimestampMicrosecondArray::from_iter_values(files.map(|(file, _)| file.modified_micros))
                    .with_timezone("UTC"),
            ),
            MetadataKind::FileEtag => Arc::new(files.map(|(file, _)| file.etag.as_deref()).collect::<StringArray>()),
            MetadataKind::RowNumber => return None,
        })
    }
}
