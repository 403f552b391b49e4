//! Batches to Parquet files in a store that keeps them in memory.
//!
//! `encode` is the encoder alone: one file, as jobs set it up. `encode/dictionary_everywhere` shows what it is worth that columns whose
//! values are nearly all different have none. `write` is the whole writer, with an open file for each hour.

use crate::{NUM_RECORDS, records};
use arrow::array::RecordBatch;
use bucketload_benches::job::write_options;
use bucketload_benches::reading::batches;
use bucketload_benches::records::{Order, Records, Shape};
use bucketload_engine::write::encoding::{Compression, writer_properties};
use bucketload_engine::write::writer::PartitionedWriter;
use criterion::{Criterion, Throughput};
use object_store::memory::InMemory;
use parquet::arrow::ArrowWriter;
use std::hint::black_box;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Rows too few to say anything about repetition: with them as a sample, the dictionary stays on in every column.
const UNDECIDED_ROWS: usize = 128;

const ZSTD: Compression = Compression::Zstd { level: 1 };

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) {
    bench_encode(criterion);
    bench_write(criterion, runtime);
}

fn bench_encode(criterion: &mut Criterion) {
    let (snappy, all_rows) = (Compression::Snappy, usize::MAX);
    let mut group = criterion.benchmark_group("encode");
    for (name, shape, compression, sample_rows) in [
        ("snappy", Shape::Log, snappy, all_rows),
        ("zstd", Shape::Log, ZSTD, all_rows),
        ("lz4", Shape::Log, Compression::Lz4, all_rows),
        ("none", Shape::Log, Compression::None, all_rows),
        ("dictionary_everywhere", Shape::Log, snappy, UNDECIDED_ROWS),
        ("wide", Shape::Wide, snappy, all_rows),
        ("narrow", Shape::Narrow, snappy, all_rows),
        ("long_text", Shape::LongText, snappy, all_rows),
        ("nulls", Shape::Nulls, snappy, all_rows),
    ] {
        let records = records(shape);
        let batches = batches(&records);
        group.throughput(Throughput::Bytes(records.csv().len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| encode(black_box(&batches), compression, sample_rows));
        });
    }
    group.finish();
}

/// One file of all batches, encoded as the first rows suggest. Gives its size.
fn encode(batches: &[RecordBatch], compression: Compression, sample_rows: usize) -> usize {
    let sample = batches[0].slice(0, batches[0].num_rows().min(sample_rows));
    let properties = writer_properties(&sample, compression, "bench");
    let schema = batches[0].schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).expect("a schema of ours");
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
