//! Compressed bytes to plain ones.

use crate::NUM_RECORDS;
use bucketload_benches::{Order, START_MICROS, bzip2, csv, gzip, zstd};
use bucketload_engine::decode::{DecodeOptions, Event, FileDecoder};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use std::hint::black_box;

/// Room for decoded bytes, as a scan has.
const PLAIN_BYTES: usize = 256 * 1024;

pub(crate) fn bench(criterion: &mut Criterion) {
    let plain = csv(1, NUM_RECORDS, START_MICROS, 1, Order::ByTime);
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(plain.len() as u64));
    bench_whole(&mut group, &gzip(&plain));
    for (name, file) in [
        ("gzip_stream", gzip(&plain)),
        ("zstd", zstd(&plain)),
        ("bzip2", bzip2(&plain)),
    ] {
        assert_eq!(stream(&mut decoder(), &mut vec![0; PLAIN_BYTES], &file), plain.len());
        let (mut decoder, mut output) = (decoder(), vec![0; PLAIN_BYTES]);
        group.bench_function(name, |bencher| {
            bencher.iter(|| stream(&mut decoder, &mut output, black_box(&file)))
        });
    }
    group.finish();
}

/// The way of small files, which are fetched in one piece.
fn bench_whole(group: &mut BenchmarkGroup<'_, WallTime>, file: &[u8]) {
    let (mut decoder, mut output) = (decoder(), Vec::new());
    group.bench_function("gzip_whole", |bencher| {
        bencher.iter(|| assert!(matches!(decoder.decode_whole(black_box(file), &mut output), Ok(true))));
    });
}

fn decoder() -> FileDecoder {
    FileDecoder::new(&DecodeOptions::Auto)
}

/// The way of large files. Gives the number of plain bytes.
fn stream(decoder: &mut FileDecoder, output: &mut [u8], mut file: &[u8]) -> usize {
    decoder.begin();
    let mut num_bytes = 0;
    loop {
        let is_finishing = file.is_empty();
        let progress = match is_finishing {
            true => decoder.finish(output),
            false => decoder.decode(file, output),
        };
        let progress = progress.expect("the data is sound");
        file = &file[progress.consumed..];
        num_bytes += progress.produced;
        if is_finishing && progress.event == Event::NeedsInput {
            return num_bytes;
        }
    }
}
