//! What each stage costs by itself, on one thread, with its input in memory.
//!
//! One file for each stage, in the order in which the data flows. Throughput is in bytes of plain text everywhere, also where a
//! stage sees compressed bytes or batches, so that the figures of all stages can be added up (see `end_to_end`).

mod csv;
mod decode;
mod jsonl;
mod parquet;
mod partition;
mod timestamp;

use criterion::Criterion;
use std::time::Duration;

/// The allocator of the program, which is part of what its stages cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of every input: 10 MB of text, well beyond the caches.
const NUM_RECORDS: usize = 50_000;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    decode::bench(&mut criterion);
    csv::bench(&mut criterion);
    jsonl::bench(&mut criterion);
    timestamp::bench(&mut criterion);
    partition::bench(&mut criterion);
    parquet::bench(&mut criterion);
    criterion.final_summary();
}
