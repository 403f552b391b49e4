//! Chooses how the columns of a Parquet file are encoded, from a sample of its rows.
//!
//! A dictionary pays when values repeat. Where nearly every value is new, building it costs more than the rest of the encoding
//! and is thrown away at the end, so such columns are written plain from the start.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use std::collections::HashSet;

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
            Compression::Zstd { level } => ParquetCompression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default()),
        }
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

/// Rows of a column looked at before its encoding is chosen; more do not change the choice.
const SAMPLE_ROWS: usize = 4_096;

/// Fewer rows than this say nothing about repetition; the dictionary stays on.
const MIN_SAMPLE_ROWS: usize = 256;

/// With more distinct values than this share of the sampled rows, a column is written without a dictionary.
/// Measured on access logs: at one half, encoding with and without a dictionary cost the same.
const MAX_DISTINCT_SHARE: f64 = 0.5;

/// Most rows of a row group: enough for good compression, few enough that a reader's cores share a file.
const MAX_ROW_GROUP_ROWS: usize = 1_048_576;

/// Writer properties for rows like those of `sample`.
pub fn writer_properties(sample: &RecordBatch, compression: Compression, written_by: &str) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(compression.to_parquet())
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(MAX_ROW_GROUP_ROWS))
        .set_created_by(written_by.to_owned())
        .set_key_value_metadata(None::<Vec<KeyValue>>);
    for (field, column) in sample.schema().fields().iter().zip(sample.columns()) {
        if !pays_dictionary(column) {
            builder = builder.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
    }
    builder.build()
}

/// Whether the values of a column repeat often enough for a dictionary.
fn pays_dictionary(column: &ArrayRef) -> bool {
    let sample = column.slice(0, column.len().min(SAMPLE_ROWS));
    let num_values = sample.len() - sample.null_count();
    if num_values < MIN_SAMPLE_ROWS {
        return true;
    }
    let num_distinct = match sample.data_type() {
        DataType::Utf8 => sample
            .as_string::<i32>()
            .iter()
            .flatten()
            .collect::<HashSet<&str>>()
            .len(),
        DataType::Int64 => sample
            .as_primitive::<Int64Type>()
            .iter()
            .flatten()
            .collect::<HashSet<i64>>()
            .len(),
        DataType::Timestamp(_, _) => match sample.as_primitive_opt::<TimestampMicrosecondType>() {
            Some(times) => times.iter().flatten().collect::<HashSet<i64>>().len(),
            None => return true,
        },
        DataType::Float64 => sample
            .as_primitive::<Float64Type>()
            .iter()
            .flatten()
            .map(f64::to_bits)
            .collect::<HashSet<u64>>()
            .len(),
        _ => return true,
    };
    #[expect(clippy::cast_precision_loss, reason = "both counts are at most SAMPLE_ROWS")]
    let share = num_distinct as f64 / num_values as f64;
    share <= MAX_DISTINCT_SHARE
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use std::sync::Arc;

    fn check(column: ArrayRef, expected: bool) {
        assert_eq!(pays_dictionary(&column), expected);
    }

    #[test]
    fn repeating_values_get_a_dictionary() {
        check(
            Arc::new(StringArray::from_iter_values(
                (0..5_000).map(|row| format!("host{}", row % 7)),
            )),
            true,
        );
        check(
            Arc::new(Int64Array::from_iter_values((0..5_000).map(|row| row % 500))),
            true,
        );
    }

    #[test]
    fn values_that_are_nearly_all_new_do_not() {
        check(
            Arc::new(StringArray::from_iter_values((0..5_000).map(|row| format!("id{row}")))),
            false,
        );
        check(Arc::new(Int64Array::from_iter_values(0..5_000)), false);
    }

    #[test]
    fn few_values_decide_nothing() {
        check(Arc::new(Int64Array::from_iter_values(0..200)), true);
        check(Arc::new(Int64Array::from(vec![None; 5_000])), true);
    }
}
