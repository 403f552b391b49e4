//! Text to batches, by format: the fast reader with all columns and with few, by shape of the data, and the plain reader that the
//! fast one must equal.

use crate::{NUM_RECORDS, records};
use bucketload_benches::reading::{csv_options, event_options, json_array_options, jsonl_options, parse, tsv_options};
use bucketload_benches::records::{Records, Shape, events};
use bucketload_engine::parse::Parser;
use bucketload_engine::parse::csv::{CsvOptions, CsvParser, ReferenceCsvParser};
use bucketload_engine::parse::json::{JsonOptions, new_parser, new_reference_parser};
use criterion::{Criterion, Throughput};
use std::hint::black_box;

/// The reference of JSON counts lines from the start of the file for every record, so more of them would measure only that.
const NUM_REFERENCE_RECORDS: usize = 200;

/// Of the log, the time and the status.
const TWO_COLUMNS: [usize; 2] = [0, 5];

pub(crate) fn bench(criterion: &mut Criterion) {
    bench_csv(criterion);
    bench_tsv(criterion);
    bench_jsonl(criterion);
    bench_json(criterion);
}

fn bench_csv(criterion: &mut Criterion) {
    let fast = |options: CsvOptions| Box::new(CsvParser::new(&options).expect("sound options"));
    let text = Records::log(NUM_RECORDS).csv();
    let two_columns = CsvOptions {
        projection: Some(TWO_COLUMNS.to_vec()),
        ..csv_options(Shape::Log)
    };
    let reference = ReferenceCsvParser::new(&csv_options(Shape::Log)).expect("sound options");
    run(criterion, "csv/fast", fast(csv_options(Shape::Log)), &text);
    run(criterion, "csv/fast_two_columns", fast(two_columns), &text);
    run(criterion, "csv/reference", Box::new(reference), &text);
    for (name, shape) in Shape::ALL.into_iter().filter(|(_, shape)| *shape != Shape::Log) {
        let text = records(shape).csv();
        run(criterion, &format!("csv/{name}"), fast(csv_options(shape)), &text);
    }
}

fn bench_tsv(criterion: &mut Criterion) {
    let (options, text) = (tsv_options(Shape::Log), Records::log(NUM_RECORDS).tsv());
    let reference = ReferenceCsvParser::new(&options).expect("sound options");
    let fast = CsvParser::new(&options).expect("sound options");
    run(criterion, "tsv/fast", Box::new(fast), &text);
    run(criterion, "tsv/reference", Box::new(reference), &text);
}

fn bench_jsonl(criterion: &mut Criterion) {
    let fast = |options: JsonOptions| new_parser(&options).expect("sound options");
    let text = Records::log(NUM_RECORDS).jsonl();
    let two_columns = JsonOptions {
        projection: Some(TWO_COLUMNS.to_vec()),
        ..jsonl_options(Shape::Log)
    };
    let reference = new_reference_parser(&jsonl_options(Shape::Log)).expect("sound options");
    let short = Records::log(NUM_REFERENCE_RECORDS).jsonl();
    run(criterion, "jsonl/fast", fast(jsonl_options(Shape::Log)), &text);
    run(criterion, "jsonl/fast_two_columns", fast(two_columns), &text);
    run(criterion, "jsonl/reference", reference, &short);
    for (name, shape) in Shape::ALL.into_iter().filter(|(_, shape)| *shape != Shape::Log) {
        let text = records(shape).jsonl();
        run(criterion, &format!("jsonl/{name}"), fast(jsonl_options(shape)), &text);
    }
    let nested = events(&Records::log(NUM_RECORDS / 5));
    run(criterion, "jsonl/nested", fast(event_options()), &nested);
}

fn bench_json(criterion: &mut Criterion) {
    let options = json_array_options(Shape::Log);
    let reference = new_reference_parser(&options).expect("sound options");
    let (text, short) = (
        Records::log(NUM_RECORDS).json_array(),
        Records::log(NUM_REFERENCE_RECORDS).json_array(),
    );
    run(
        criterion,
        "json/fast",
        new_parser(&options).expect("sound options"),
        &text,
    );
    run(criterion, "json/reference", reference, &short);
}

fn run(criterion: &mut Criterion, name: &str, mut parser: Box<dyn Parser>, text: &[u8]) {
    let (group, name) = name.split_once('/').expect("a format and what of it");
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| parse(parser.as_mut(), black_box(text)));
    });
    group.finish();
}
