//! Batches to time partitions: all rows in one hour, in time order over two days, and shuffled over two days.

use crate::NUM_RECORDS;
use arrow::array::RecordBatch;
use bucketload_benches::{Order, START_MICROS, csv, csv_options, parse};
use bucketload_engine::parse::csv::CsvParser;
use bucketload_engine::write::partition::{PartitionBy, Partitioner, times_of};
use criterion::{Criterion, Throughput};
use jiff::tz::TimeZone;
use std::hint::black_box;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("partition");
    for (name, num_hours, order) in [
        ("one_hour", 1, Order::ByTime),
        ("ordered", 48, Order::ByTime),
        ("shuffled", 48, Order::Shuffled),
    ] {
        let text = csv(1, NUM_RECORDS, START_MICROS, num_hours, order);
        let batches = batches(&text);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| split(black_box(&batches))));
    }
    group.finish();
}

/// A log as the parser gives it.
pub(crate) fn batches(text: &[u8]) -> Vec<RecordBatch> {
    let mut parser = CsvParser::new(&csv_options()).expect("the options are sound");
    parse(&mut parser, text)
        .into_iter()
        .map(|parsed| parsed.batch)
        .collect()
}

/// Gives the number of parts.
fn split(batches: &[RecordBatch]) -> usize {
    let mut partitioner = Partitioner::new(PartitionBy::Hour, TimeZone::UTC);
    let mut num_parts = 0;
    for batch in batches {
        let times = times_of(batch.column(0), 1).expect("a time column");
        num_parts += partitioner.split(&times).iter().count();
    }
    num_parts
}
