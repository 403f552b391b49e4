//! Batches to time partitions: all rows in one hour, in time order over two days, and shuffled over two days.

use crate::NUM_RECORDS;
use arrow::array::RecordBatch;
use bucketload_benches::reading::batches;
use bucketload_benches::records::{Order, Records};
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
        let records = Records {
            num_hours,
            order,
            ..Records::log(NUM_RECORDS)
        };
        let batches = batches(&records);
        group.throughput(Throughput::Bytes(records.csv().len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| split(black_box(&batches))));
    }
    group.finish();
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
