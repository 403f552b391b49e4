//! The whole writer, into a store in memory: any order of rows, little memory, many partitions.

use super::encoding::Compression;
use super::partition::PartitionBy;
use super::writer::{PartitionedWriter, WriteOptions};
use super::{StagedFile, WriteError};
use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Uploads need a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

const MICROS_PER_HOUR: i64 = 3_600_000_000;

fn options() -> WriteOptions {
    WriteOptions {
        attempt: "job".to_owned(),
        extension: "parquet",
        partition_by: PartitionBy::Hour,
        partition_columns: vec!["date".to_owned(), "hour".to_owned()],
        timezone: "UTC".to_owned(),
        time_column: Some("time".to_owned()),
        is_sorted_by_time: false,
        units_per_second: 1,
        is_missing_time_fatal: true,
        compression: Compression::Snappy,
        target_file_size_bytes: 256 * 1024 * 1024,
        max_held_bytes: 64 * 1024 * 1024,
        min_row_group_bytes: 16 * 1024 * 1024,
        max_open_files: 192,
        scratch_folder: None,
    }
}

/// Batches of rows with a number, a text made of it, and a time in any of `num_hours` hours.
fn shuffled(num_batches: i64, num_hours: i64) -> Vec<RecordBatch> {
    const BATCH_ROWS: i64 = 1_000;
    let mut state = 7u64;
    let mut any_hour = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state >> 1).expect("63 bits") % num_hours
    };
    (0..num_batches)
        .map(|batch| {
            let rows = batch * BATCH_ROWS..(batch + 1) * BATCH_ROWS;
            let times = rows.clone().map(|row| any_hour() * MICROS_PER_HOUR + row);
            let columns: Vec<(&str, ArrayRef)> = vec![
                (
                    "time",
                    Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
                ),
                ("row", Arc::new(Int64Array::from_iter_values(rows.clone()))),
                (
                    "text",
                    Arc::new(StringArray::from_iter_values(
                        rows.map(|row| format!("text of row {row}")),
                    )),
                ),
            ];
            RecordBatch::try_from_iter(columns).expect("a batch")
        })
        .collect()
}

fn write(batches: &[RecordBatch], options: WriteOptions) -> Result<(Arc<InMemory>, Vec<StagedFile>), WriteError> {
    let store = Arc::new(InMemory::new());
    let mut writer = PartitionedWriter::new(Arc::clone(&store) as _, options, &batches[0].schema(), 0)?;
    block_on(async {
        for batch in batches {
            writer.write(batch.clone()).await?;
        }
        Ok((store, writer.finish().await?))
    })
}

fn bytes_of(store: &InMemory, file: &StagedFile) -> Bytes {
    let path = Path::from(file.path.as_str());
    block_on(async {
        let found = store.get(&path).await.expect("a file");
        found.bytes().await.expect("its bytes")
    })
}

/// Reads the files back: each row must be there once, in the folder of its hour, with its own text. Gives the number of row groups.
#[track_caller]
fn check(store: &InMemory, files: &[StagedFile], num_rows: usize) -> usize {
    let mut seen = vec![false; num_rows];
    let mut num_row_groups = 0;
    for file in files {
        let bytes = bytes_of(store, file);
        assert_eq!(bytes.len() as u64, file.size_bytes, "{}", file.path);
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file");
        num_row_groups += builder.metadata().num_row_groups();
        let mut num_rows_of_file = 0;
        for batch in builder.build().expect("a reader") {
            let batch = batch.expect("a batch");
            num_rows_of_file += batch.num_rows() as u64;
            let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            let rows = batch.column(1).as_primitive::<Int64Type>();
            let texts = batch.column(2).as_string::<i32>();
            for index in 0..batch.num_rows() {
                let hours = times.value(index) / MICROS_PER_HOUR;
                let day = jiff::Timestamp::from_microsecond(times.value(index)).expect("a time");
                let folder = [day.strftime("%Y-%m-%d").to_string(), format!("{:02}", hours % 24)];
                let values: Vec<&str> = file.partition_values.iter().map(|(_, value)| value.as_str()).collect();
                assert_eq!(values, folder);
                assert_eq!(texts.value(index), format!("text of row {}", rows.value(index)));
                let row = usize::try_from(rows.value(index)).expect("a row");
                assert!(!std::mem::replace(&mut seen[row], true), "row {row} is there twice");
            }
        }
        assert_eq!(num_rows_of_file, file.num_rows, "{}", file.path);
    }
    assert!(seen.iter().all(|is_seen| *is_seen), "no row is missing");
    num_row_groups
}

fn num_partitions(files: &[StagedFile]) -> usize {
    let partitions: HashSet<_> = files.iter().map(|file| file.partition_values.clone()).collect();
    partitions.len()
}

#[test]
fn rows_in_any_order_make_one_file_for_each_hour() {
    let (store, files) = write(&shuffled(40, 48), options()).expect("a load");
    assert_eq!(files.len(), 48);
    assert_eq!(check(&store, &files, 40_000), 48);
}

#[test]
fn memory_that_is_short_changes_neither_files_nor_row_groups() {
    let options = WriteOptions {
        max_held_bytes: 9 * 256 * 1024,
        ..options()
    };
    let (store, files) = write(&shuffled(200, 48), options.clone()).expect("a load");
    assert_eq!(files.len(), 48);
    assert_eq!(check(&store, &files, 200_000), 48);
    let options = WriteOptions {
        scratch_folder: Some(PathBuf::from("/nowhere/at/all")),
        ..options
    };
    let error = write(&shuffled(200, 48), options)
        .map(drop)
        .expect_err("pages must be set aside");
    assert!(matches!(error, WriteError::Scratch(_)), "{error:?}");
}

#[test]
fn more_partitions_than_open_files_make_one_file_each() {
    let options = WriteOptions {
        max_open_files: 8,
        ..options()
    };
    // Eight files at a time and 64 buckets: the partitions must be divided twice.
    let (store, files) = write(&shuffled(60, 2_000), options).expect("a load");
    assert_eq!(num_partitions(&files), 2_000);
    assert_eq!(files.len(), 2_000);
    check(&store, &files, 60_000);
}

/// Batches of one hour each.
fn one_hour_each(hours: impl Iterator<Item = i64>) -> Vec<RecordBatch> {
    let batch = |(number, hour): (i64, i64)| {
        let rows = number * 100..(number + 1) * 100;
        let times = rows.clone().map(|row| hour * MICROS_PER_HOUR + row);
        let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
        let texts = rows.clone().map(|row| format!("text of row {row}"));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("time", Arc::new(times)),
            ("row", Arc::new(Int64Array::from_iter_values(rows))),
            ("text", Arc::new(StringArray::from_iter_values(texts))),
        ];
        RecordBatch::try_from_iter(columns).expect("a batch")
    };
    (0..).zip(hours).map(batch).collect()
}

#[test]
fn hours_that_come_one_after_the_other_are_stored_as_they_pass() {
    let store = Arc::new(InMemory::new());
    let batches = one_hour_each((0..100).map(|batch| batch / 2));
    let mut writer = PartitionedWriter::new(store.clone(), options(), &batches[0].schema(), 0).expect("a writer");
    let num_stored = block_on(async {
        for batch in &batches {
            writer.write(batch.clone()).await.expect("written rows");
        }
        let num_stored = store.list(None).count().await;
        (num_stored, writer.finish().await.expect("files").len())
    });
    assert_eq!(num_stored, (47, 50));
}

#[test]
fn hours_that_come_again_are_not_taken_to_be_over() {
    // Once over all hours, which seem to be in order, and then ten times more.
    let batches = one_hour_each((0..40).chain((0..400).map(|batch| batch % 40)));
    let (store, files) = write(&batches, options()).expect("a load");
    check(&store, &files, 44_000);
    assert_eq!(
        files.len(),
        40 + 35,
        "what was over before the first hour came again is stored twice"
    );
    // The first hours come again before anything is taken to be over.
    let batches = one_hour_each((0..400).map(|batch| batch % 20));
    let (_, files) = write(&batches, options()).expect("a load");
    assert_eq!(files.len(), 20);
}

#[test]
fn hours_that_pass_are_completed_and_not_set_aside() {
    let options = WriteOptions {
        max_open_files: 4,
        scratch_folder: Some(PathBuf::from("/nowhere/at/all")),
        ..options()
    };
    let batches: Vec<RecordBatch> = (0..10)
        .flat_map(|hour| {
            (0..40).map(move |part| {
                let row = hour * 40 + part;
                let columns: Vec<(&str, ArrayRef)> = vec![
                    (
                        "time",
                        Arc::new(TimestampMicrosecondArray::from(vec![hour * MICROS_PER_HOUR]).with_timezone("UTC")),
                    ),
                    ("row", Arc::new(Int64Array::from(vec![row]))),
                    ("text", Arc::new(StringArray::from(vec![format!("text of row {row}")]))),
                ];
                RecordBatch::try_from_iter(columns).expect("a batch")
            })
        })
        .collect();
    let (store, files) = write(&batches, options).expect("a load that needs no disk");
    assert_eq!(files.len(), 10);
    check(&store, &files, 400);
}

#[test]
fn a_scratch_folder_that_is_missing_is_an_error_of_its_own() {
    let options = WriteOptions {
        max_open_files: 8,
        scratch_folder: Some(PathBuf::from("/nowhere/at/all")),
        ..options()
    };
    let error = write(&shuffled(60, 2_000), options)
        .map(drop)
        .expect_err("there is no such folder");
    assert!(matches!(error, WriteError::Scratch(_)), "{error:?}");
}

#[test]
fn a_file_that_reaches_its_size_is_followed_by_another() {
    let options = WriteOptions {
        target_file_size_bytes: 200_000,
        ..options()
    };
    let (store, files) = write(&shuffled(100, 1), options).expect("a load");
    assert!(files.len() > 2, "{} files", files.len());
    check(&store, &files, 100_000);
}

/// Whether the rows of each file are in the order of their times.
#[track_caller]
fn check_order(store: &InMemory, files: &[StagedFile]) {
    for file in files {
        let bytes = bytes_of(store, file);
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file");
        let sorting = builder
            .metadata()
            .row_group(0)
            .sorting_columns()
            .expect("the footer says so");
        assert_eq!(
            (sorting.len(), sorting[0].column_idx, sorting[0].descending),
            (1, 0, false)
        );
        let mut last = i64::MIN;
        for batch in builder.build().expect("a reader") {
            for micros in batch
                .expect("a batch")
                .column(0)
                .as_primitive::<TimestampMicrosecondType>()
                .values()
            {
                assert!(*micros >= last, "{}", file.path);
                last = *micros;
            }
        }
    }
}

#[test]
fn rows_are_sorted_within_their_file() {
    let options = WriteOptions {
        is_sorted_by_time: true,
        ..options()
    };
    let mut batches = shuffled(40, 48);
    batches.reverse();
    let (store, files) = write(&batches, options).expect("a load");
    assert_eq!(files.len(), 48);
    check(&store, &files, 40_000);
    check_order(&store, &files);
}

#[test]
fn rows_are_sorted_when_memory_is_short_too() {
    let options = WriteOptions {
        is_sorted_by_time: true,
        max_held_bytes: 512 * 1024,
        ..options()
    };
    let mut batches = shuffled(60, 20);
    batches.reverse();
    let (store, files) = write(&batches, options.clone()).expect("a load");
    assert!((20..40).contains(&files.len()), "{} files", files.len());
    check(&store, &files, 60_000);
    check_order(&store, &files);
    let options = WriteOptions {
        scratch_folder: Some(PathBuf::from("/nowhere/at/all")),
        ..options
    };
    let error = write(&batches, options).map(drop).expect_err("rows must be set aside");
    assert!(matches!(error, WriteError::Scratch(_)), "{error:?}");
}

#[test]
fn an_hour_larger_than_memory_makes_several_sorted_files() {
    let options = WriteOptions {
        is_sorted_by_time: true,
        max_held_bytes: 512 * 1024,
        ..options()
    };
    let (store, files) = write(&shuffled(60, 1), options).expect("a load");
    assert!(files.len() > 1, "{} files", files.len());
    check(&store, &files, 60_000);
    check_order(&store, &files);
}

/// A column of another type waits on disk as well.
#[test]
fn columns_of_all_types_are_set_aside() {
    let batches: Vec<RecordBatch> = shuffled(60, 4)
        .into_iter()
        .map(|batch| {
            let texts = batch.column(2).as_string::<i32>().iter().map(|text| {
                let padded = format!("{} {}", text.expect("a text"), "padding ".repeat(20));
                padded.into_bytes()
            });
            let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values(texts));
            let mut columns: Vec<(String, ArrayRef)> = Vec::new();
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                columns.push((field.name().clone(), Arc::clone(column)));
            }
            columns.push(("bytes".to_owned(), bytes));
            RecordBatch::try_from_iter(columns).expect("a batch")
        })
        .collect();
    let options = WriteOptions {
        max_held_bytes: 2 * 1024 * 1024,
        ..options()
    };
    let (store, files) = write(&batches, options.clone()).expect("a load");
    assert_eq!(files.len(), 4);
    assert_eq!(check(&store, &files, 60_000), 4);
    let options = WriteOptions {
        scratch_folder: Some(PathBuf::from("/nowhere/at/all")),
        ..options
    };
    write(&batches, options).map(drop).expect_err("pages must be set aside");
}

/// Gives how many rows each row group has.
fn row_groups(store: &InMemory, file: &StagedFile) -> Vec<i64> {
    let bytes = bytes_of(store, file);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file");
    let row_groups = builder.metadata().row_groups().iter();
    row_groups.map(|row_group| row_group.num_rows()).collect()
}

/// The batch with a column of texts that no compression makes smaller.
fn with_noise(batch: &RecordBatch, text_bytes: usize) -> RecordBatch {
    let rows = batch.column(1).as_primitive::<Int64Type>();
    let texts = rows.values().iter().map(|row| {
        let mut state = row.cast_unsigned().wrapping_mul(2).wrapping_add(1);
        let mut text = String::new();
        while text.len() < text_bytes {
            state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (state >> 29);
            text.push_str(&format!("{state:016x}"));
        }
        text
    });
    let mut columns: Vec<(&str, ArrayRef)> = vec![];
    let schema = batch.schema();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        columns.push((field.name(), Arc::clone(column)));
    }
    columns.push(("noise", Arc::new(StringArray::from_iter_values(texts))));
    RecordBatch::try_from_iter(columns).expect("a batch")
}

#[test]
fn large_row_groups_end_where_memory_is_short_and_nothing_is_set_aside() {
    let batches: Vec<_> = shuffled(60, 2).iter().map(|batch| with_noise(batch, 1_000)).collect();
    let options = WriteOptions {
        max_held_bytes: 28 * 1024 * 1024,
        min_row_group_bytes: 10 * 1024 * 1024,
        scratch_folder: Some(PathBuf::from("/nowhere/at/all")),
        ..options()
    };
    let (store, files) = write(&batches, options.clone()).expect("a load");
    assert_eq!(files.len(), 2);
    assert!(check(&store, &files, 60_000) > 2, "no row group ended early");
    for file in &files {
        let rows = row_groups(&store, file);
        let (_, all_but_last) = rows.split_last().expect("a row group");
        assert!(all_but_last.iter().all(|rows| *rows > 5_000), "{rows:?}");
    }
    let options = WriteOptions {
        min_row_group_bytes: usize::MAX,
        ..options
    };
    let error = write(&batches, options).map(drop).expect_err("pages must be set aside");
    assert!(matches!(error, WriteError::Scratch(_)), "{error:?}");
}
