//! What the Parquet files of a load have in common.

use parquet::basic::{Compression as ParquetCompression, CompressionCodec, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use std::fmt;

/// Compression of the pages; the words of `out.compression`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// Snappy.
    #[default]
    Snappy,
    /// LZ4 (raw blocks).
    Lz4,
    /// Zstandard at a level from 1 to 22.
    Zstd {
        /// See there.
        level: i32,
    },
}

impl Compression {
    fn to_parquet(self) -> ParquetCompression {
        match self {
            Compression::None => ParquetCompression::UNCOMPRESSED,
            Compression::Snappy => ParquetCompression::SNAPPY,
            Compression::Lz4 => ParquetCompression::LZ4_RAW,
            Compression::Zstd { level } => ParquetCompression::ZSTD(
                ZstdLevel::try_new(level).expect("a configuration with a level beyond 1 to 22 has been refused"),
            ),
        }
    }

    /// The codec as a footer names it.
    pub(super) fn codec(self) -> CompressionCodec {
        self.to_parquet().into()
    }

    /// Part of a file's name before `.parquet`, as other writers spell it.
    pub fn file_name_part(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Snappy => ".snappy",
            Compression::Lz4 => ".lz4",
            Compression::Zstd { .. } => ".zstd",
        }
    }
}

/// As `out.compression` spells it.
impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compression::None => formatter.write_str("none"),
            Compression::Snappy => formatter.write_str("snappy"),
            Compression::Lz4 => formatter.write_str("lz4"),
            Compression::Zstd { level } => write!(formatter, "zstd({level})"),
        }
    }
}

/// Writer properties for a file, whose rows are in the order of the leaf column `sorted_by` if there is one.
pub fn writer_properties(compression: Compression, sorted_by: Option<usize>, written_by: &str) -> WriterProperties {
    let sorting_columns = sorted_by.map(|leaf| {
        vec![SortingColumn {
            column_idx: i32::try_from(leaf).unwrap_or(i32::MAX),
            descending: false,
            nulls_first: false,
        }]
    });
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(compression.to_parquet())
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(sorting_columns)
        .set_created_by(written_by.to_owned())
        .set_key_value_metadata(None::<Vec<KeyValue>>)
        .build()
}
