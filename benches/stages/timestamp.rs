//! Text to microseconds: formats with fields at fixed places, in both dialects, and one that needs the interpreter.

use bucketload_benches::records::{Numbers, START_MICROS};
use bucketload_engine::parse::columns::TimestampOptions;
use bucketload_engine::parse::timestamp::TimestampParser;
use criterion::{Criterion, Throughput};
use std::hint::black_box;

const NUM_TIMES: usize = 10_000;

/// Name, format, and the same as jiff spells it.
const FORMATS: [(&str, &str, &str); 6] = [
    ("iso", "%Y-%m-%dT%H:%M:%S.%L%z", "%Y-%m-%dT%H:%M:%S.%3fZ"),
    ("date", "%Y-%m-%d", "%Y-%m-%d"),
    ("default", "%Y-%m-%d %H:%M:%S.%N %z", "%Y-%m-%d %H:%M:%S.%9f +0000"),
    ("apache", "%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S +0000"),
    (
        "java",
        "java:yyyy-MM-dd HH:mm:ss.SSS XXX",
        "%Y-%m-%d %H:%M:%S.%3f +00:00",
    ),
    ("general", "%A, %B %e %Y %I:%M:%S %p %Z", "%A, %B %e %Y %I:%M:%S %p UTC"),
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timestamp");
    group.throughput(Throughput::Elements(NUM_TIMES as u64));
    for (name, format, spelled) in FORMATS {
        let texts = times(spelled);
        let options = TimestampOptions {
            formats: vec![format.to_owned()],
            ..TimestampOptions::default()
        };
        let mut parser = TimestampParser::new(&options).expect("a format of ours");
        let mut read_all = || {
            black_box(&texts)
                .iter()
                .filter_map(|text| parser.parse(text.as_bytes()))
                .count()
        };
        assert_eq!(read_all(), NUM_TIMES, "`{format}` reads `{}`", texts[0]);
        group.bench_function(name, |bencher| bencher.iter(&mut read_all));
    }
    group.finish();
}

/// Times as they follow each other in a log, a few hundredths of a second apart.
fn times(format: &str) -> Vec<String> {
    let mut numbers = Numbers::new(1);
    let mut micros = START_MICROS;
    (0..NUM_TIMES)
        .map(|_| {
            micros += i64::try_from(numbers.below(40)).expect("a small number") * 1_000;
            let time = jiff::Timestamp::from_microsecond(micros).expect("a time of these years");
            time.strftime(format).to_string()
        })
        .collect()
}
