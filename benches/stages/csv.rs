//! CSV text to batches: the fast reader, with all columns and with few, and the reference.

use crate::NUM_RECORDS;
use bucketload_benches::{Order, START_MICROS, csv, csv_options, parse};
use bucketload_engine::parse::Parser;
use bucketload_engine::parse::csv::{CsvOptions, CsvParser, ReferenceCsvParser};
use criterion::{Criterion, Throughput};
use std::hint::black_box;

pub(crate) fn bench(criterion: &mut Criterion) {
    let text = csv(1, NUM_RECORDS, START_MICROS, 1, Order::ByTime);
    let all = csv_options();
    let two = CsvOptions {
        projection: Some(vec![0, 5]),
        ..csv_options()
    };
    let sound = "the options are sound";
    let mut parsers: [(&str, Box<dyn Parser>); 3] = [
        ("fast", Box::new(CsvParser::new(&all).expect(sound))),
        ("fast_two_columns", Box::new(CsvParser::new(&two).expect(sound))),
        ("reference", Box::new(ReferenceCsvParser::new(&all).expect(sound))),
    ];
    let mut group = criterion.benchmark_group("csv");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (name, parser) in &mut parsers {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| parse(parser.as_mut(), black_box(&text)))
        });
    }
    group.finish();
}
