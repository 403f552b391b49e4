//! Turns record batches into staged Parquet files: one or few files for each time partition.
//!
//! The writer is the root of the job's plan and runs once per plan partition. It keeps one open file per time partition across
//! tasks, so that the number of files follows the data and not the number of input files. What it writes is *staged*: nobody
//! lists it, so nobody sees it, until the driver commits the manifest that [`exec::WriteExec`] returns. A partition that is run
//! again leaves files under other names, and the first ones stay unlisted.
//!
//! Reading order: [`rows`] and [`partition`] (which rows belong where), [`encoding`], `column` (one column of a row group), [`statistics`], `outlet`,
//! `file` (one open file), `sort`, `scratch`, `pages` and `overflow` (what memory has no room for), `uploads`, [`writer`]
//! (all open files of a plan partition), `untimed` (rows without a time, as rejects), [`exec`] and [`node`] (the writer as DataFusion sees it).

pub mod column;
pub mod encoding;
pub mod exec;
mod file;
pub mod node;
mod outlet;
mod overflow;
mod pages;
pub mod partition;
pub mod rows;
mod scratch;
mod sort;
pub mod statistics;
#[cfg(test)]
mod tests;
mod untimed;
mod uploads;
pub mod writer;

pub(crate) use outlet::ALIGNMENT;

use crate::parse::reject::{Reject, excerpt};
use arrow::error::ArrowError;
use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};

/// A file that is written and not yet visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// Path relative to the table.
    pub path: String,
    /// Names and values of the partition columns, outermost first.
    pub partition_values: Vec<(String, String)>,
    /// Rows in the file.
    pub num_rows: u64,
    /// Bytes of the file.
    pub size_bytes: u64,
    /// Per-file statistics in the words of the Delta protocol, JSON.
    pub statistics: String,
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The store refused.
    #[error("cannot write `{path}`")]
    Store {
        /// Path relative to the table, or from where its users know it.
        path: String,
        /// The store's answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The encoder refused.
    #[error("cannot encode rows as Parquet")]
    Encode(#[source] ParquetError),
    /// Rows could not be set aside on local disk, or read back.
    #[error("cannot use the folder for temporary files")]
    Scratch(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A batch could not be cut or joined.
    #[error("cannot arrange rows by partition")]
    Batch(#[source] ArrowError),
    /// A row lacks what its partition is made of, and the configuration wants that to fail the job.
    #[error("a row has no usable time in column `{}`: {}", .0.column.as_deref().unwrap_or_default(), excerpt(&.0.record.kept))]
    NoTime(Box<Reject>),
}

impl WriteError {
    /// The error of an encoder. Encoding is done in memory, so one about reading or writing is about pages set aside on disk.
    fn encode(error: ParquetError) -> WriteError {
        match error {
            ParquetError::External(source) if source.is::<std::io::Error>() => WriteError::Scratch(source),
            other => WriteError::Encode(other),
        }
    }

    /// The error of rows that are set aside on disk or read back.
    fn scratch(error: ArrowError) -> WriteError {
        match error {
            ArrowError::IoError(_, source) => WriteError::Scratch(Box::new(source)),
            other => WriteError::Batch(other),
        }
    }

    /// The same error with the file's path as users know it.
    pub fn below(self, folder: &str) -> WriteError {
        match self {
            WriteError::Store { path, source } => WriteError::Store {
                path: format!("{}/{path}", folder.trim_end_matches('/')),
                source,
            },
            other => other,
        }
    }
}
