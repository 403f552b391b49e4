//! Files to bytes in memory: many small ones and a large one, from a directory and from a server.
//!
//! The server has its part in the figures, since it runs beside its client.

use bucketload_benches::server::Server;
use bucketload_engine::source::budget::ByteBudget;
use bucketload_engine::source::fetch::{FetchOptions, fetch};
use bucketload_engine::source::file::SourceFile;
use bucketload_engine::source::list::list;
use bucketload_engine::source::options::Location;
use bucketload_engine::source::select::SelectOptions;
use bucketload_engine::source::store::{FileStore, open_store};
use criterion::{Criterion, Throughput};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What a thousand rows of a log take when compressed.
const SMALL_FILE_BYTES: usize = 40 * 1024;

const NUM_SMALL_FILES: usize = 1_000;

const LARGE_FILE_BYTES: usize = 64 * 1024 * 1024;

/// Bytes fetched ahead, as a partition of a job has them.
const BUDGET_BYTES: u64 = 64 * 1024 * 1024;

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) {
    let small = Arc::new(vec![b'x'; SMALL_FILE_BYTES]);
    let small: BTreeMap<_, _> = (0..NUM_SMALL_FILES)
        .map(|index| (format!("part-{index:04}"), Arc::clone(&small)))
        .collect();
    let large = BTreeMap::from([("large".to_owned(), Arc::new(vec![b'x'; LARGE_FILE_BYTES]))]);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("fetch");
    for (name, files) in [("small", small), ("large", large)] {
        let num_bytes = files.values().map(|content| content.len() as u64).sum();
        group.throughput(Throughput::Bytes(num_bytes));

        let directory = folder.path().join(name);
        write_files(&directory, &files);
        let store = open_store(&Location::Local).expect("a working directory");
        let listed = listed(runtime, &store, &format!("{}/", directory.display()));
        group.bench_function(format!("local_{name}"), |bencher| {
            bencher.iter(|| assert_eq!(fetch_all(runtime, &store, listed.clone()), num_bytes));
        });

        let server = Server::start(files).expect("a free port");
        let store = open_store(&Location::S3(Box::new(server.options()))).expect("sound options");
        let listed = self::listed(runtime, &store, "");
        group.bench_function(format!("s3_{name}"), |bencher| {
            bencher.iter(|| assert_eq!(fetch_all(runtime, &store, listed.clone()), num_bytes));
        });
    }
    group.finish();
}

fn write_files(directory: &Path, files: &BTreeMap<String, Arc<Vec<u8>>>) {
    fs::create_dir_all(directory).expect("a temporary directory");
    for (key, content) in files {
        fs::write(directory.join(key), content.as_slice()).expect("room for the files");
    }
}

fn listed(runtime: &Runtime, store: &Arc<dyn FileStore>, path_prefix: &str) -> Vec<SourceFile> {
    let options = SelectOptions {
        path_prefix: path_prefix.to_owned(),
        ..SelectOptions::default()
    };
    let listing = runtime.block_on(list(Arc::clone(store), &options, None, 0));
    listing.expect("the server answers").files.iter().collect()
}

/// Gives the number of bytes.
fn fetch_all(runtime: &Runtime, store: &Arc<dyn FileStore>, files: Vec<SourceFile>) -> u64 {
    let budget = Arc::new(ByteBudget::new(BUDGET_BYTES));
    let mut fetched = fetch(
        Arc::clone(store),
        files.into_iter(),
        FetchOptions::default(),
        budget,
        runtime.handle(),
    );
    runtime.block_on(async {
        let mut num_bytes = 0;
        while let Some(file) = fetched.next().await {
            let mut chunks = file.expect("the server answers").chunks;
            while let Some(chunk) = chunks.next().await {
                num_bytes += chunk.expect("the server answers").len() as u64;
            }
        }
        num_bytes
    })
}
