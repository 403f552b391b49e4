//! Compressed bytes to plain ones.

use crate::NUM_RECORDS;
use bucketload_benches::compress::{bzip2, gzip, gzip_members, zip, zstd};
use bucketload_benches::reading::{CHUNK_BYTES, decode_stream, decoder};
use bucketload_benches::records::Records;
use criterion::{Criterion, Throughput};
use std::hint::black_box;

/// Plain bytes of a member of a file that was put together from many.
const MEMBER_BYTES: usize = 200 * 1024;

pub(crate) fn bench(criterion: &mut Criterion) {
    let plain = Records::log(NUM_RECORDS).csv();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(plain.len() as u64));

    for (name, file) in [
        ("plain", plain.clone()),
        ("gzip", gzip(&plain)),
        ("gzip_members", gzip_members(&plain, MEMBER_BYTES)),
        ("zstd", zstd(&plain)),
        ("bzip2", bzip2(&plain)),
        ("zip", zip(&plain)),
    ] {
        let (mut decoder, mut room) = (decoder(), vec![0; CHUNK_BYTES]);
        let mut stream = || {
            decode_stream(&mut decoder, &mut room, black_box(&file), |piece| {
                black_box(piece);
            })
        };
        assert_eq!(stream(), plain.len());
        group.bench_function(name, |bencher| bencher.iter(&mut stream));
    }
    group.finish();
}
