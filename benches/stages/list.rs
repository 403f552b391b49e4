//! A prefix to the files of a job: from a directory, and page by page from a server.

use bucketload_benches::server::Server;
use bucketload_engine::pattern::Pattern;
use bucketload_engine::source::list::list;
use bucketload_engine::source::options::Location;
use bucketload_engine::source::select::SelectOptions;
use bucketload_engine::source::store::{FileStore, open_store};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use tokio::runtime::Runtime;

const NUM_LOCAL_FILES: usize = 2_000;

/// Twenty pages, as many as a bucket of a busy month has.
const NUM_KEYS: usize = 20_000;

pub(crate) fn bench(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("list");
    let folder = tempfile::tempdir().expect("a temporary directory");
    for index in 0..NUM_LOCAL_FILES {
        fs::write(folder.path().join(key(index)), b"x").expect("room for small files");
    }
    let options = SelectOptions {
        path_prefix: format!("{}/", folder.path().display()),
        ..SelectOptions::default()
    };
    let store = open_store(&Location::Local).expect("a working directory");
    bench_listing(&mut group, "local", runtime, &store, &options, NUM_LOCAL_FILES);

    let content = Arc::new(b"x".to_vec());
    let files: BTreeMap<_, _> = (0..NUM_KEYS).map(|index| (key(index), Arc::clone(&content))).collect();
    let server = Server::start(files).expect("a free port");
    let store = open_store(&Location::S3(Box::new(server.options()))).expect("sound options");
    let mut options = SelectOptions::default();
    bench_listing(&mut group, "s3", runtime, &store, &options, NUM_KEYS);
    options.path_match_pattern = Some(Pattern::new(r"part-\d+\.csv(\.gz)?$").expect("a sound pattern"));
    bench_listing(&mut group, "s3_pattern", runtime, &store, &options, NUM_KEYS);
    group.finish();
}

fn key(index: usize) -> String {
    format!("part-{index:08}.csv.gz")
}

fn bench_listing(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    store: &Arc<dyn FileStore>,
    options: &SelectOptions,
    num_files: usize,
) {
    group.throughput(Throughput::Elements(num_files as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let listing = runtime
                .block_on(list(Arc::clone(store), options, None, 0))
                .expect("the server answers");
            assert_eq!(listing.files.len(), num_files);
        });
    });
}
