//! What our encoder writes, another reader reads: that of the `parquet` crate, with page index and statistics.

use super::*;
use crate::write::encoding::{Compression, writer_properties};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{BoundaryOrder, Encoding};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use proptest::prelude::*;
use std::sync::Arc;

/// Writes some rows of each batch as one row group.
fn write(parts: &[(RecordBatch, Rows<'_>)], compression: Compression) -> Bytes {
    write_after(&ColumnHistory::default(), parts, compression)
}

/// The same in a writer of which `history` tells.
fn write_after(history: &ColumnHistory, parts: &[(RecordBatch, Rows<'_>)], compression: Compression) -> Bytes {
    let schema = parts[0].0.schema();
    let options = ArrowWriterOptions::new().with_properties(writer_properties(compression, None, "tests"));
    let (mut output, _) = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options)
        .and_then(ArrowWriter::into_serialized_writer)
        .expect("a writer");
    let mut compressor = PageCompressor::new(compression).expect("a compressor");
    let descriptor = output.schema_descr().clone();
    let columns: Vec<EncodedColumn> = (0..schema.fields().len())
        .map(|index| {
            let data_type = schema.field(index).data_type();
            let mut encoder =
                ColumnEncoder::new(data_type, descriptor.column(index), history.clone()).expect("a type of ours");
            for (batch, rows) in parts {
                encoder
                    .append(batch.column(index).as_ref(), *rows, &mut compressor)
                    .expect("appended rows");
            }
            encoder.finish(&mut compressor).expect("a column")
        })
        .collect();
    let mut row_group = output.next_row_group().expect("a row group");
    for column in columns {
        column.append_to(&mut row_group, None).expect("an appended column");
    }
    row_group.close().expect("a closed row group");
    output.finish().expect("a footer");
    output.flush().expect("a flush");
    Bytes::from(output.inner().clone())
}

fn read(file: &Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone())
        .and_then(|builder| builder.with_batch_size(1_000).build())
        .expect("a reader");
    let schema = arrow::array::RecordBatchReader::schema(&reader);
    let batches: Vec<RecordBatch> = reader.map(|batch| batch.expect("a batch")).collect();
    concat_batches(&schema, &batches).expect("one batch")
}

fn metadata(file: &Bytes) -> Arc<ParquetMetaData> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let metadata = ArrowReaderMetadata::load(file, options).expect("a footer");
    Arc::clone(metadata.metadata())
}

fn all_rows(batch: &RecordBatch) -> Rows<'static> {
    Rows::Run {
        start: 0,
        num_rows: batch.num_rows(),
    }
}

fn batch_of(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("c", column, true)]).expect("a batch")
}

/// Writes one column and gives the footer, after reading the rows back.
#[track_caller]
fn check(column: ArrayRef) -> (Arc<ParquetMetaData>, Bytes) {
    let batch = batch_of(column);
    let file = write(&[(batch.clone(), all_rows(&batch))], Compression::Snappy);
    assert_eq!(read(&file), batch);
    (metadata(&file), file)
}

/// The encodings of the data pages of the only column.
fn page_encodings(metadata: &ParquetMetaData) -> Vec<Encoding> {
    let column = metadata.row_group(0).column(0);
    let mask = column.page_encoding_stats_mask().expect("encodings of pages");
    mask.encodings().collect()
}

#[test]
fn repeating_values_get_a_dictionary() {
    let (metadata, _) = check(Arc::new(StringArray::from_iter_values(
        (0..50_000).map(|row| format!("host{}", row % 7)),
    )));
    assert_eq!(page_encodings(&metadata), [Encoding::RLE_DICTIONARY]);
    let (metadata, _) = check(Arc::new(Int64Array::from_iter_values((0..50_000).map(|row| row % 500))));
    assert_eq!(page_encodings(&metadata), [Encoding::RLE_DICTIONARY]);
    let (metadata, _) = check(Arc::new(Float64Array::from_iter_values(
        (0..50_000).map(|row| f64::from(row % 3)),
    )));
    assert_eq!(page_encodings(&metadata), [Encoding::RLE_DICTIONARY]);
}

#[test]
fn values_that_are_nearly_all_new_are_plain() {
    let (metadata, _) = check(Arc::new(StringArray::from_iter_values(
        (0..50_000).map(|row| format!("id{row}")),
    )));
    assert_eq!(page_encodings(&metadata), [Encoding::PLAIN]);
    let (metadata, _) = check(Arc::new(Float64Array::from_iter_values((0..50_000).map(f64::from))));
    assert_eq!(page_encodings(&metadata), [Encoding::PLAIN]);
    let (metadata, _) = check(Arc::new(Float64Array::from_iter_values((0..10).map(f64::from))));
    assert_eq!(page_encodings(&metadata), [Encoding::PLAIN]);
}

#[test]
fn a_column_that_was_plain_is_looked_at_for_a_shorter_time_in_the_next_file() {
    let history = ColumnHistory::default();
    let encodings = |values: Vec<i32>| {
        let values = Float64Array::from_iter_values(values.into_iter().map(f64::from));
        let batch = RecordBatch::try_from_iter([("a", Arc::new(values) as ArrayRef)]).expect("a batch");
        let rows = Rows::Run {
            start: 0,
            num_rows: batch.num_rows(),
        };
        let file = write_after(&history, &[(batch.clone(), rows)], Compression::Snappy);
        assert_eq!(read(&file), batch);
        page_encodings(&metadata(&file))
    };
    let different = || (0..10_000).collect();
    // Each value comes again, but not among the first 512.
    let late = || (0..10_000).map(|row| row % 600).collect();
    let early = || (0..10_000).map(|row| row % 100).collect();
    assert_eq!(encodings(late()), [Encoding::RLE_DICTIONARY]);
    assert_eq!(encodings((0..10).collect()), [Encoding::PLAIN]);
    assert_eq!(encodings(late()), [Encoding::RLE_DICTIONARY], "ten values tell nothing");
    assert_eq!(encodings(different()), [Encoding::PLAIN]);
    assert_eq!(encodings(late()), [Encoding::PLAIN]);
    assert_eq!(encodings(early()), [Encoding::RLE_DICTIONARY]);
    assert_eq!(encodings(late()), [Encoding::RLE_DICTIONARY]);
}

#[test]
fn a_dictionary_that_grows_too_large_is_given_up() {
    // Three rows a value at first, so that a dictionary is chosen, and only new values in the end.
    let values = (0..60_000).map(|row| match row < 20_000 {
        true => format!("{:z>60}", row / 3),
        false => format!("{row:z>60}"),
    });
    let (metadata, _) = check(Arc::new(StringArray::from_iter_values(values)));
    assert_eq!(page_encodings(&metadata), [Encoding::PLAIN, Encoding::RLE_DICTIONARY]);
}

#[test]
fn digests_that_come_again_get_a_dictionary() {
    let digest = |number: u64| format!("{:064x}", u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).pow(2));
    // Few of the first thousands come again, and nearly all in the end.
    let mut state = 1_u64;
    let mut drawn = move |different: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % different
    };
    let repeated: Vec<String> = (0..120_000).map(|_| digest(drawn(40_000))).collect();
    let (metadata, _) = check(Arc::new(StringArray::from_iter_values(&repeated)));
    assert_eq!(page_encodings(&metadata), [Encoding::RLE_DICTIONARY]);
    let column = metadata.row_group(0).column(0);
    assert!(column.compressed_size() < 4_000_000, "{}", column.compressed_size());
    // Too many different ones: plain from the first page on, or after it.
    let (metadata, _) = check(Arc::new(StringArray::from_iter_values((0..50_000).map(digest))));
    assert_eq!(page_encodings(&metadata), [Encoding::PLAIN]);
    let many: Vec<String> = (0..60_000)
        .map(|row| match row < 4_000 {
            true => digest(drawn(20_000)),
            false => digest(row),
        })
        .collect();
    let (metadata, _) = check(Arc::new(StringArray::from_iter_values(&many)));
    assert_eq!(page_encodings(&metadata), [Encoding::PLAIN, Encoding::RLE_DICTIONARY]);
}

#[test]
fn one_value_needs_no_bits() {
    check(Arc::new(StringArray::from_iter_values((0..50_000).map(|_| "a"))));
    check(Arc::new(StringArray::from(vec!["a", "a", "a"])));
    check(Arc::new(StringArray::from(vec![Some(""), None, Some("")])));
}

#[test]
fn numbers_near_each_other_are_written_by_their_distances() {
    let encodings = |column: ArrayRef| page_encodings(&check(column).0);
    let times = |step: i64| (0..50_000).map(move |row| 1_767_225_600_000_000 + row * step + row * row % 1_009);
    let ordered = TimestampMicrosecondArray::from_iter_values(times(30_000)).with_timezone("UTC");
    assert_eq!(encodings(Arc::new(ordered)), [Encoding::DELTA_BINARY_PACKED]);
    let sparse = times(30_000)
        .enumerate()
        .map(|(row, time)| (row % 3 > 0).then_some(time));
    assert_eq!(
        encodings(Arc::new(Int64Array::from_iter(sparse))),
        [Encoding::DELTA_BINARY_PACKED]
    );
    let scattered = (0..50_000_i64).map(|row| (row * row).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()));
    assert_eq!(
        encodings(Arc::new(Int64Array::from_iter_values(scattered))),
        [Encoding::PLAIN]
    );
}

#[test]
fn columns_of_nulls_have_no_bounds() {
    let (metadata, _) = check(Arc::new(StringArray::from(vec![None::<&str>; 30_000])));
    let statistics = metadata.row_group(0).column(0).statistics().expect("statistics");
    assert_eq!(statistics.null_count_opt(), Some(30_000));
    assert_eq!(statistics.min_bytes_opt(), None);
    check(Arc::new(Int64Array::from(vec![None::<i64>; 3])));
    check(Arc::new(BooleanArray::from(vec![None::<bool>; 3])));
}

#[test]
fn a_page_without_an_order_leaves_out_the_index() {
    let mut values = vec![f64::NAN; 25_000];
    values.push(1.0);
    let (metadata, _) = check(Arc::new(Float64Array::from(values)));
    let index = metadata.column_index().expect("indexes");
    assert!(matches!(index[0][0], ColumnIndexMetaData::NONE));
    let statistics = metadata.row_group(0).column(0).statistics().expect("statistics");
    assert_eq!(statistics.max_bytes_opt(), Some(1.0f64.to_le_bytes().as_slice()));
}

#[test]
fn the_index_says_where_each_page_is_and_what_it_holds() {
    let times = (0..100_000).map(|row| Some(1_767_225_600_000_000 + row * 1_000));
    let column = TimestampMicrosecondArray::from_iter(times).with_timezone("UTC");
    let (metadata, file) = check(Arc::new(column));
    let index = &metadata.column_index().expect("indexes")[0][0];
    assert_eq!(index.get_boundary_order(), Some(BoundaryOrder::ASCENDING));
    let ColumnIndexMetaData::INT64(index) = index else {
        panic!("an index of longs");
    };
    let locations = metadata.offset_index().expect("locations")[0][0].page_locations();
    assert!(locations.len() > 4, "the column has several pages");
    for (page, location) in locations.iter().enumerate() {
        let first = 1_767_225_600_000_000 + location.first_row_index * 1_000;
        assert_eq!(index.min_value(page), Some(&first));
    }
    let last = locations.last().expect("pages");
    let column = metadata.row_group(0).column(0);
    let (start, length) = column.byte_range();
    assert_eq!(
        last.offset as u64 + last.compressed_page_size as u64,
        start + length,
        "the pages fill the chunk"
    );
    assert!(start + length < file.len() as u64);
}

#[test]
fn what_compression_makes_no_smaller_is_not_compressed() {
    let compression = |column: ArrayRef| {
        let (metadata, _) = check(column);
        metadata.row_group(0).column(0).compression()
    };
    let mut state = 1u64;
    let random = Int64Array::from_iter_values((0..50_000).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as i64
    }));
    assert_eq!(compression(Arc::new(random)), parquet::basic::Compression::UNCOMPRESSED);
    let text = StringArray::from_iter_values((0..50_000).map(|row| format!("a path that begins alike/{row}")));
    assert_eq!(compression(Arc::new(text)), parquet::basic::Compression::SNAPPY);
    let words = StringArray::from_iter_values((0..50_000).map(|row| format!("word{}", row % 10)));
    assert_eq!(compression(Arc::new(words)), parquet::basic::Compression::SNAPPY);
}

#[test]
fn a_column_that_cannot_be_null_has_no_levels() {
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("long", Arc::new(Int64Array::from_iter_values(0..50_000)), false),
        ("boolean", Arc::new(BooleanArray::from(vec![true; 50_000])), false),
        ("text", Arc::new(StringArray::from(vec!["a"; 50_000])), false),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("a batch");
    let file = write(&[(batch.clone(), all_rows(&batch))], Compression::Snappy);
    assert_eq!(read(&file), batch);
}

#[test]
fn values_larger_than_a_page_are_pages_of_their_own() {
    let long = "x".repeat(3 * PAGE_BYTES);
    let values: Vec<Option<&str>> = vec![Some("a"), Some(&long), None, Some(&long), Some("b"), Some("c")];
    check(Arc::new(StringArray::from(values)));
}

fn columns() -> impl Strategy<Value = RecordBatch> {
    (1usize..6_000, 0u32..4, 1u64..20_000, any::<u64>()).prop_map(|(num_rows, null_every, num_values, seed)| {
        let mut state = seed | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut rows: Vec<Option<u64>> = Vec::with_capacity(num_rows);
        for _ in 0..num_rows {
            let is_null = null_every > 0 && next() % u64::from(null_every + 1) == 0;
            // Runs of equal values as well as changing ones.
            let value = match (next() % 3, rows.last()) {
                (0, Some(Some(last))) => *last,
                _ => next() % num_values,
            };
            rows.push((!is_null).then_some(value));
        }
        let each = |value: &Option<u64>| *value;
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            (
                "boolean",
                Arc::new(BooleanArray::from_iter(
                    rows.iter().map(|row| each(row).map(|value| value % 2 == 0)),
                )),
                true,
            ),
            (
                "long",
                Arc::new(Int64Array::from_iter(
                    rows.iter().map(|row| each(row).map(|value| value as i64 - 9_999)),
                )),
                true,
            ),
            (
                "double",
                Arc::new(Float64Array::from_iter(
                    rows.iter().map(|row| each(row).map(|value| value as f64 / 7.0)),
                )),
                true,
            ),
            (
                "text",
                Arc::new(StringArray::from_iter(rows.iter().map(|row| {
                    each(row).map(|value| format!("{value}").repeat(usize::try_from(value % 40).unwrap_or(0)))
                }))),
                true,
            ),
            (
                "timestamp",
                Arc::new(
                    TimestampMicrosecondArray::from_iter(rows.iter().map(|row| each(row).map(|value| value as i64)))
                        .with_timezone("UTC"),
                ),
                true,
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).expect("a batch")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Rows taken from batches in runs and lists come back as they were, whatever the compression.
    #[test]
    fn what_is_written_is_read(
        first in columns(),
        second in columns(),
        start in 0.0f64..1.0,
        every in 1usize..5,
        codec in 0usize..4,
    ) {
        let compression = [
            Compression::None,
            Compression::Snappy,
            Compression::Lz4,
            Compression::Zstd { level: 1 },
        ][codec];
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of few rows")]
        let start = (first.num_rows() as f64 * start) as usize;
        let run = Rows::Run { start, num_rows: first.num_rows() - start };
        let listed: Vec<u32> = (0..second.num_rows() as u32).step_by(every).collect();
        let file = write(&[(first.clone(), run), (second.clone(), Rows::Listed(&listed))], compression);
        let expected = [
            first.slice(start, first.num_rows() - start),
            take_record_batch(&second, &UInt32Array::from(listed)).expect("rows"),
        ];
        let expected = concat_batches(&first.schema(), &expected).expect("one batch");
        prop_assert_eq!(read(&file), expected);
        prop_assert!(metadata(&file).column_index().is_some());
    }
}
