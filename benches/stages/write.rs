//! Batches to Parquet files in a store that keeps them in memory.
//!
//! `encode` is the encoder of columns alone; `encode/library` is the writer of the `parquet` crate, to see what an encoder of our own is
//! worth. `write` is the whole writer, with an open file for each hour.

use crate::{NUM_RECORDS, records};
use arrow::array::RecordBatch;
use bucketload_benches::job::write_options;
use bucketload_benches::reading::batches;
use bucketload_benches::records::{Order, Records, Shape};
use bucketload_engine::write::column::{ColumnEncoder, ColumnHistory, PageCompressor};
use bucketload_engine::write::encoding::{Compression, writer_properties};
use bucketload_engine::write::rows::Rows;
use bucketload_engine::write::writer::PartitionedWriter;
use criterion::{Criterion, Throughput};
use object_store::memory::InMemory;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use std::hint::black_box;
use std::sync::Arc;
use tokio::runtime::Runtime;

const ZSTD: Compression = Compression::Zstd { level: 1 };

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) {
    bench_encode(criterion);
    bench_write(criterion, runtime);
}

fn bench_encode(criterion: &mut Criterion) {
    let snappy = Compression::Snappy;
    let mut group = criterion.benchmark_group("encode");
    for (name, shape, compression) in [
        ("snappy", Shape::Log, snappy),
        ("zstd", Shape::Log, ZSTD),
        ("lz4", Shape::Log, Compression::Lz4),
        ("none", Shape::Log, Compression::None),
        ("wide", Shape::Wide, snappy),
        ("narrow", Shape::Narrow, snappy),
        ("long_text", Shape::LongText, snappy),
        ("nulls", Shape::Nulls, snappy),
    ] {
        let records = records(shape);
        let batches = batches(&records);
        group.throughput(Throughput::Bytes(records.csv().len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| encode(black_box(&batches), compression));
        });
    }
    let records = records(Shape::Log);
    let batches = batches(&records);
    group.throughput(Throughput::Bytes(records.csv().len() as u64));
    group.bench_function("library", |bencher| {
        bencher.iter(|| encode_with_library(black_box(&batches)));
    });
    group.finish();
}

/// The columns of one file of all batches. Gives their size.
fn encode(batches: &[RecordBatch], compression: Compression) -> u64 {
    let schema = batches[0].schema();
    let descriptor = ArrowSchemaConverter::new().convert(&schema).expect("a schema of ours");
    let mut compressor = PageCompressor::new(compression).expect("room for the tables");
    let mut num_bytes = 0;
    for (index, field) in schema.fields().iter().enumerate() {
        let mut column = ColumnEncoder::new(field.data_type(), descriptor.column(index), ColumnHistory::default())
            .expect("a type of ours");
        for batch in batches {
            let rows = Rows::Run {
                start: 0,
                num_rows: batch.num_rows(),
            };
            column
                .append(batch.column(index).as_ref(), rows, &mut compressor)
                .expect("small pages");
        }
        num_bytes += column.finish(&mut compressor).expect("small pages").num_bytes();
    }
    num_bytes
}

/// One file of all batches by the writer of the `parquet` crate. Gives its size.
fn encode_with_library(batches: &[RecordBatch]) -> usize {
    let properties = writer_properties(Compression::Snappy, None, "bench");
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).expect("a schema of ours");
    for batch in batches {
        writer.write(batch).expect("memory takes everything");
    }
    writer.into_inner().expect("memory takes everything").len()
}

fn bench_write(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("write");
    for (name, num_hours, order, compression) in [
        ("one_hour", 1, Order::ByTime, Compression::Snappy),
        ("one_hour_zstd", 1, Order::ByTime, ZSTD),
        ("48_hours_ordered", 48, Order::ByTime, Compression::Snappy),
        ("48_hours_shuffled", 48, Order::Shuffled, Compression::Snappy),
    ] {
        let records = Records {
            num_hours,
            order,
            ..Records::log(NUM_RECORDS)
        };
        let batches = batches(&records);
        group.throughput(Throughput::Bytes(records.csv().len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(write(black_box(&batches), compression)));
        });
    }
    group.finish();
}

/// The files of all batches, by hour. Gives their number.
async fn write(batches: &[RecordBatch], compression: Compression) -> usize {
    let options = write_options(compression);
    let store = Arc::new(InMemory::new());
    let mut writer = PartitionedWriter::new(store, options, &batches[0].schema(), 0).expect("sound options");
    for batch in batches {
        writer.write(batch.clone()).await.expect("memory takes everything");
    }
    writer.finish().await.expect("memory takes everything").len()
}
