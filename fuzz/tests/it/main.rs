//! The fuzz targets, and every case of `tests/cases` through both readers. One binary, whose allocator counts.

mod cases;
mod config;
mod csv;
mod decode;
mod guess;
mod inputs;
mod job;
mod json;
mod json_suite;
mod pattern;
mod scan;
mod timestamp;

use bucketload_fuzz::memory::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn what_a_thread_holds_is_counted() {
    let (_, peak_bytes) = bucketload_fuzz::memory::peak_of(|| drop(vec![0_u8; 100_000]));
    assert!((100_000..110_000).contains(&peak_bytes), "{peak_bytes}");
}
