//! JSON lines to batches: the fast reader, with all columns and with few, and the reference.

use crate::NUM_RECORDS;
use bucketload_benches::{json_options, jsonl, parse};
use bucketload_engine::parse::Parser;
use bucketload_engine::parse::json::{JsonOptions, new_parser, new_reference_parser};
use criterion::{Criterion, Throughput};
use std::hint::black_box;

/// The reference counts lines from the start of the file for every record, so more of them would measure only that.
const NUM_REFERENCE_RECORDS: usize = 200;

pub(crate) fn bench(criterion: &mut Criterion) {
    let (long, short) = (jsonl(1, NUM_RECORDS), jsonl(1, NUM_REFERENCE_RECORDS));
    let all = json_options();
    let two = JsonOptions {
        projection: Some(vec![0, 5]),
        ..json_options()
    };
    let sound = "the options are sound";
    let mut parsers: [(&str, Box<dyn Parser>, &[u8]); 3] = [
        ("fast", new_parser(&all).expect(sound), &long),
        ("fast_two_columns", new_parser(&two).expect(sound), &long),
        ("reference", new_reference_parser(&all).expect(sound), &short),
    ];
    let mut group = criterion.benchmark_group("jsonl");
    for (name, parser, text) in &mut parsers {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| parse(parser.as_mut(), black_box(text)))
        });
    }
    group.finish();
}
