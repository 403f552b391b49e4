//! What each stage costs by itself.
//!
//! One file for each stage, in the order in which the data flows. Where text is what goes in or would come out, throughput is in bytes of
//! plain text, also where a stage sees compressed bytes or batches, so that the figures of stages can be added up (see
//! `end_to_end`). Kernels run on one thread with their input in memory; requests and commits have a runtime with two.

mod commit;
mod decode;
mod fetch;
mod filter;
mod ledger;
mod list;
mod parse;
mod partition;
mod timestamp;
mod write;

use bucketload_benches::records::{Records, Shape};
use criterion::Criterion;
use std::time::Duration;
use tokio::runtime::Builder;

/// Records of the log: 10 MB of text, well beyond the caches.
const NUM_RECORDS: usize = 50_000;

/// Threads of the runtime for requests, as a job has them.
const IO_THREADS: usize = 2;

/// About as much text in every shape.
fn records(shape: Shape) -> Records {
    let num_records = match shape {
        Shape::Wide | Shape::LongText => NUM_RECORDS / 10,
        Shape::Narrow => NUM_RECORDS * 4,
        Shape::Log | Shape::Nulls => NUM_RECORDS,
    };
    Records::new(shape, num_records)
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let runtime = Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .enable_all()
        .build()
        .expect("threads for requests");
    list::bench(&mut criterion, &runtime);
    ledger::bench(&mut criterion, &runtime);
    fetch::bench(&mut criterion, &runtime);
    decode::bench(&mut criterion);
    parse::bench(&mut criterion);
    timestamp::bench(&mut criterion);
    filter::bench(&mut criterion, &runtime);
    partition::bench(&mut criterion);
    write::bench(&mut criterion, &runtime);
    commit::bench(&mut criterion, &runtime);
    criterion.final_summary();
}
