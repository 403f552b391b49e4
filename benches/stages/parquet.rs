//! Batches to Parquet files in a store that keeps them in memory.
//!
//! `library` is the writer of the `parquet` crate with the same properties, to see what our own encoder is worth. The others are
//! the whole writer.

use crate::NUM_RECORDS;
use crate::partition::batches;
use arrow::array::RecordBatch;
use bucketload_benches::{Order, START_MICROS, csv, write_options};
use bucketload_engine::write::encoding::{Compression, writer_properties};
use bucketload_engine::write::writer::PartitionedWriter;
use criterion::{Criterion, Throughput};
use object_store::memory::InMemory;
use parquet::arrow::ArrowWriter;
use std::hint::black_box;
use std::sync::Arc;

pub(crate) fn bench(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers");
    let ordered = csv(1, NUM_RECORDS, START_MICROS, 1, Order::ByTime);
    let spread = csv(1, NUM_RECORDS, START_MICROS, 48, Order::ByTime);
    let shuffled = csv(1, NUM_RECORDS, START_MICROS, 48, Order::Shuffled);
    let snappy = Compression::Snappy;
    let mut group = criterion.benchmark_group("parquet");
    let batches_of_one_hour = batches(&ordered);
    group.throughput(Throughput::Bytes(ordered.len() as u64));
    group.bench_function("library", |bencher| {
        bencher.iter(|| encode(black_box(&batches_of_one_hour)))
    });
    for (name, text, compression) in [
        ("one_hour", &ordered, snappy),
        ("one_hour_zstd", &ordered, Compression::Zstd { level: 1 }),
        ("one_hour_uncompressed", &ordered, Compression::None),
        ("48_hours_ordered", &spread, snappy),
        ("48_hours_shuffled", &shuffled, snappy),
    ] {
        let batches = batches(text);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(write(black_box(&batches), compression)));
        });
    }
    group.finish();
}

/// One file of all batches. Gives its size.
fn encode(batches: &[RecordBatch]) -> usize {
    let properties = writer_properties(Compression::Snappy, "bench");
    let schema = batches[0].schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).expect("a schema of ours");
    for batch in batches {
        writer.write(batch).expect("memory takes everything");
    }
    writer.into_inner().expect("memory takes everything").len()
}

/// The files of all batches, by hour. Gives their number.
async fn write(batches: &[RecordBatch], compression: Compression) -> usize {
    let options = write_options(compression);
    let store = Arc::new(InMemory::new());
    let mut writer = PartitionedWriter::new(store, options, &batches[0].schema(), 0).expect("the options are sound");
    for batch in batches {
        writer.write(batch.clone()).await.expect("memory takes everything");
    }
    writer.finish().await.expect("memory takes everything").len()
}
