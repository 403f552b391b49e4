//! A prefix of files as a DataFusion table.
//!
//! [`table::PrefixTable`] can be registered in any `SessionContext`: a projection reaches the parser, a limit stops the fetching,
//! predicates on metadata columns leave files out before anything is fetched, and those on columns of the parser leave rows out before all of
//! their columns are made. Both types are thin; the work is in `source`, `decode` and `parse`.
//!
//! Reading order: [`metadata`] (columns that describe the file), `condition` (files chosen by them), `row_condition` (rows chosen by
//! others), [`queue`] (who reads which file), `exchange`, [`table`], [`exec`], `read` (one partition: files one after the other),
//! `unpack` (decode and parse), `columns` (what a batch is made of), [`file_rows`] (what came of each file),
//! [`early_end`] (files that are left for later).

mod columns;
pub(crate) mod condition;
pub mod early_end;
mod exchange;
pub mod exec;
pub mod file_rows;
pub mod metadata;
pub mod queue;
mod read;
mod row_condition;
pub mod table;
#[cfg(test)]
mod tests;
mod unpack;

use crate::decode::DecodeOptions;
use crate::parse::ParserOptions;
use crate::parse::origin::{OriginRows, origin_field};
use crate::parse::reject::RejectSink;
use crate::source::budget::ByteBudget;
use crate::source::fetch::FetchOptions;
use crate::source::store::FileStore;
use crate::stages::StageClocks;
use arrow::datatypes::Field;
use early_end::EarlyEnd;
use file_rows::FileRows;
use metadata::MetadataColumn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// How the files of a prefix are read; plain data.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// How bytes become plain bytes.
    pub decode: DecodeOptions,
    /// How plain bytes become rows.
    pub parser: ParserOptions,
    /// Columns that describe the file, after the parser's.
    pub metadata_columns: Vec<MetadataColumn>,
    /// Of which rows the last column says where they come from; see [`crate::parse::origin`].
    pub origins: OriginRows,
    /// What a file that cannot be decoded does.
    pub on_file_error: OnFileError,
    /// What bytes do that are no text in the parser's character set.
    pub charset_errors: CharsetErrors,
    /// How far fetching runs ahead.
    pub fetch: FetchOptions,
}

impl ScanOptions {
    /// All columns: the parser's, those that describe the file, and that of origins.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let mut fields = self.parser.fields();
        fields.extend(self.metadata_columns.iter().map(MetadataColumn::field));
        fields.extend(self.origins.has_column().then(origin_field));
        fields
    }
}

/// What a file that cannot be fetched, decoded or parsed to its end does; `in.on_file_error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFileError {
    /// The job fails.
    #[default]
    Fail,
    /// The file is left out as a whole, counted and logged.
    Skip,
}

/// What bytes do that are no text in the parser's character set; `in.parser.charset_errors`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CharsetErrors {
    /// They become U+FFFD, are counted and logged.
    #[default]
    Replace,
    /// Their file cannot be read; what that means, [`OnFileError`] says.
    Fail,
}

/// What a scan needs where it runs and what is not part of the plan.
#[derive(Clone, Debug)]
pub struct ScanServices {
    /// The bucket or directory.
    pub store: Arc<dyn FileStore>,
    /// Runs the requests.
    pub io_runtime: tokio::runtime::Handle,
    /// Bytes that may be fetched ahead, all partitions together.
    pub budget: Arc<ByteBudget>,
    /// Where records go that could not become rows.
    pub rejects: Arc<dyn RejectSink>,
    /// What has been read so far.
    pub counters: Arc<ScanCounters>,
    /// Where it is noted what came of each file; `None`: nobody wants to know.
    pub file_rows: Option<Arc<FileRows>>,
    /// Whether the scan is to end before its last file.
    pub early_end: Arc<EarlyEnd>,
}

/// Counts of a running scan, all partitions together.
#[derive(Debug, Default)]
pub struct ScanCounters {
    /// Files read to their end.
    pub num_files: AtomicU64,
    /// Files left out because they could not be read.
    pub num_skipped_files: AtomicU64,
    /// Bytes as stored.
    pub fetched_bytes: AtomicU64,
    /// Bytes after decoding.
    pub decoded_bytes: AtomicU64,
    /// Rows handed on.
    pub num_rows: AtomicU64,
    /// Records that could not become rows.
    pub num_rejects: AtomicU64,
    /// Parts of files that were no text in their character set and were read as U+FFFD.
    pub num_malformed: AtomicU64,
    /// Files (entries of archives count by themselves) with such parts.
    pub num_malformed_files: AtomicU64,
    /// The first of those files that was noticed.
    pub first_malformed_file: OnceLock<Arc<str>>,
    /// Where the time of each partition went.
    pub clocks: StageClocks,
}

impl ScanCounters {
    /// Records read so far: rows, and those that could not become one.
    pub fn num_records(&self) -> u64 {
        self.num_rows.load(Ordering::Relaxed) + self.num_rejects.load(Ordering::Relaxed)
    }
}
