use super::super::store::{ByteStream, ListPage, ListRequest};
use super::*;
use async_trait::async_trait;
use futures::executor::block_on;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Files whose bytes follow from their position; counts, holds back and cuts on request.
#[derive(Debug)]
struct Patterned {
    /// Bytes of one piece of a body.
    body_bytes: usize,
    /// Requests pass only with a permit.
    gate: Semaphore,
    requests: Mutex<Vec<(String, Range<u64>)>>,
    num_in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    failing_key: Option<&'static str>,
    slow_downs: AtomicU64,
}

impl Patterned {
    fn new(body_bytes: usize) -> Patterned {
        Patterned {
            body_bytes,
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            requests: Mutex::default(),
            num_in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            failing_key: None,
            slow_downs: AtomicU64::new(0),
        }
    }

    fn num_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// One range at a time.
const ONE_REQUEST: FetchOptions = FetchOptions {
    initial_requests: 1,
    max_requests: 1,
    window_bytes: RANGE_BYTES,
};

fn byte_at(position: u64) -> u8 {
    (position * 7 + position / 251) as u8
}

fn bytes_of(range: Range<u64>) -> Vec<u8> {
    range.map(byte_at).collect()
}

#[async_trait]
impl FileStore for Patterned {
    async fn list_page(&self, _: &ListRequest) -> Result<ListPage, SourceError> {
        unreachable!("fetching lists nothing")
    }

    async fn head(&self, _: &str) -> Result<SourceFile, SourceError> {
        unreachable!("fetching looks nothing up")
    }

    async fn get(&self, file: &SourceFile, range: Range<u64>) -> Result<ByteStream, SourceError> {
        self.requests
            .lock()
            .unwrap()
            .push((file.key.to_string(), range.clone()));
        let now = self.num_in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        tokio::task::yield_now().await;
        self.num_in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.failing_key == Some(&*file.key) {
            return Err(SourceError::NotFound {
                url: self.url(&file.key),
            });
        }
        let bytes = Bytes::from(bytes_of(range));
        let step = self.body_bytes;
        let pieces: Vec<Result<Bytes, SourceError>> = (0..bytes.len())
            .step_by(step)
            .map(|at| Ok(bytes.slice(at..bytes.len().min(at + step))))
            .collect();
        Ok(futures::stream::iter(pieces).boxed())
    }

    fn url(&self, key: &str) -> String {
        format!("s3://b/{key}")
    }

    fn num_slow_downs(&self) -> u64 {
        self.slow_downs.load(Ordering::Relaxed)
    }
}

fn files(sizes_bytes: &[u64]) -> Vec<SourceFile> {
    let file = |(index, size_bytes): (usize, &u64)| SourceFile {
        key: format!("{index}").into(),
        size_bytes: *size_bytes,
        modified_micros: 0,
        etag: None,
    };
    sizes_bytes.iter().enumerate().map(file).collect()
}

fn start(store: &Arc<Patterned>, files: Vec<SourceFile>, options: FetchOptions, budget_bytes: u64) -> FetchedFiles {
    let budget = Arc::new(ByteBudget::new(budget_bytes));
    fetch(store.clone(), files.into_iter(), options, budget, &Handle::current())
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("a wait without end")
}

async fn eventually(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn read_all(chunks: &mut FetchedChunks) -> Vec<Vec<u8>> {
    let mut read = Vec::new();
    while let Some(chunk) = soon(chunks.next()).await {
        read.push(chunk.unwrap().to_vec());
    }
    read
}

async fn check(sizes_bytes: &[u64], body_bytes: usize, options: FetchOptions, budget_bytes: u64) -> Arc<Patterned> {
    let store = Arc::new(Patterned::new(body_bytes));
    let expected = files(sizes_bytes);
    let mut fetched = start(&store, expected.clone(), options, budget_bytes);
    let mut num_files = 0;
    while let Some(file) = soon(fetched.next()).await {
        let mut file = file.unwrap();
        assert_eq!(file.file, expected[num_files]);
        let chunks = read_all(&mut file.chunks).await;
        let num_ranges = cut(file.file.size_bytes).len();
        let num_short = chunks.iter().filter(|chunk| chunk.len() < CHUNK_BYTES).count();
        assert!(
            num_short <= num_ranges,
            "{num_short} of {} chunks of {num_ranges} ranges are short",
            chunks.len()
        );
        assert!(
            chunks.concat() == bytes_of(0..file.file.size_bytes),
            "wrong bytes in file {num_files}"
        );
        num_files += 1;
    }
    assert_eq!(num_files, expected.len());
    assert!(soon(fetched.next()).await.is_none());
    store
}

const MIB: u64 = 1024 * 1024;

#[tokio::test]
async fn files_come_in_order_with_one_request_each() {
    let sizes: Vec<u64> = (0..300).map(|index| (index * 37) % 1_000).collect();
    let store = check(&sizes, 100, FetchOptions::default(), 64 * MIB).await;
    assert_eq!(store.num_requests(), sizes.iter().filter(|size| **size > 0).count());
}

/// The lengths of the chunks of a file whose body comes in such pieces.
async fn chunk_lengths(size_bytes: u64, body_bytes: usize) -> Vec<usize> {
    let store = Arc::new(Patterned::new(body_bytes));
    let mut fetched = start(&store, files(&[size_bytes]), FetchOptions::default(), 64 * MIB);
    let mut file = soon(fetched.next()).await.unwrap().unwrap();
    read_all(&mut file.chunks).await.iter().map(Vec::len).collect()
}

#[tokio::test]
async fn small_pieces_of_a_body_are_joined_and_large_ones_are_handed_over_as_they_are() {
    assert_eq!(chunk_lengths(1_000, 100).await, [1_000]);
    assert_eq!(chunk_lengths(CHUNK_BYTES as u64 - 1, 1_000).await, [CHUNK_BYTES - 1]);
    let quarter = CHUNK_BYTES / 4;
    assert_eq!(
        chunk_lengths(2 * CHUNK_BYTES as u64 + 1, quarter).await,
        [CHUNK_BYTES, CHUNK_BYTES, 1]
    );
    let large = 3 * CHUNK_BYTES;
    assert_eq!(chunk_lengths(2 * large as u64 + 7, large).await, [large, large, 7]);
}

#[tokio::test]
async fn no_files_are_no_requests() {
    assert_eq!(check(&[], 100, FetchOptions::default(), MIB).await.num_requests(), 0);
    assert_eq!(
        check(&[0, 0, 0], 100, FetchOptions::default(), MIB)
            .await
            .num_requests(),
        0
    );
    assert_eq!(
        check(&[0; 5_000], 100, FetchOptions::default(), MIB)
            .await
            .num_requests(),
        0
    );
}

#[tokio::test]
async fn a_large_file_is_read_in_ranges() {
    let size = 3 * RANGE_BYTES + 12_345;
    let store = check(&[1, size, 2], 1_000_003, FetchOptions::default(), 64 * MIB).await;
    let requests: VecDeque<Range<u64>> = store
        .requests
        .lock()
        .unwrap()
        .iter()
        .filter(|(key, _)| key == "1")
        .map(|(_, range)| range.clone())
        .collect();
    assert_eq!(requests, cut(size));
    assert_eq!(store.num_requests(), 6);
}

#[tokio::test]
async fn a_budget_smaller_than_a_piece_is_enough() {
    check(
        &[RANGE_BYTES, 2 * RANGE_BYTES + 1, 5, 0, 7],
        300_000,
        FetchOptions::default(),
        1,
    )
    .await;
    let narrow = FetchOptions {
        initial_requests: 1,
        max_requests: 1,
        window_bytes: 1,
    };
    check(&[RANGE_BYTES, 2 * RANGE_BYTES + 1, 5, 0, 7], 300_000, narrow, 1).await;
}

#[tokio::test]
async fn a_consumer_waits_for_no_other() {
    // The first consumer is never asked for anything and holds the whole budget.
    let budget = Arc::new(ByteBudget::new(4_096));
    let store = Arc::new(Patterned::new(1_000));
    let handle = Handle::current();
    let idle = fetch(
        store.clone(),
        files(&[4_096, 4_096]).into_iter(),
        FetchOptions::default(),
        budget.clone(),
        &handle,
    );
    eventually(|| budget.free_bytes() == 0).await;
    let mut busy = fetch(
        store.clone(),
        files(&[4_096; 5]).into_iter(),
        FetchOptions::default(),
        budget.clone(),
        &handle,
    );
    for _ in 0..5 {
        let mut file = soon(busy.next()).await.unwrap().unwrap();
        assert_eq!(read_all(&mut file.chunks).await.concat().len(), 4_096);
    }
    assert!(soon(busy.next()).await.is_none());
    drop(idle);
    eventually(|| budget.free_bytes() == 4_096).await;
}

#[tokio::test]
async fn what_is_not_consumed_bounds_what_is_asked_for() {
    let store = Arc::new(Patterned::new(1_000));
    let options = FetchOptions {
        initial_requests: 2,
        max_requests: 2,
        window_bytes: 10_000,
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let counted = files(&[3_000; 100]).into_iter().inspect(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let budget = Arc::new(ByteBudget::new(MIB));
    let mut fetched = fetch(store.clone(), counted, options, budget, &Handle::current());
    eventually(|| store.num_requests() == 3).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.num_requests(), 3, "three files fill the window");
    assert!(asked.load(Ordering::SeqCst) <= 4);
    let mut file = soon(fetched.next()).await.unwrap().unwrap();
    read_all(&mut file.chunks).await;
    eventually(|| store.num_requests() == 4).await;
}

#[tokio::test]
async fn requests_in_flight_stay_within_the_window() {
    let options = FetchOptions {
        initial_requests: 2,
        max_requests: 5,
        window_bytes: MIB,
    };
    let store = check(&[100; 200], 1_000, options, MIB).await;
    assert!(store.most_in_flight.load(Ordering::SeqCst) <= 5);
}

#[tokio::test]
async fn the_window_grows_while_the_consumer_waits() {
    let store = Arc::new(Patterned {
        gate: Semaphore::new(0),
        ..Patterned::new(1_000)
    });
    let options = FetchOptions {
        initial_requests: 2,
        max_requests: 6,
        window_bytes: MIB,
    };
    let mut fetched = start(&store, files(&[100; 200]), options, MIB);
    let reader = tokio::spawn(async move {
        while let Some(file) = fetched.next().await {
            read_all(&mut file.unwrap().chunks).await;
        }
    });
    for _ in 0..60 {
        store.gate.add_permits(1);
        eventually(|| store.gate.available_permits() == 0).await;
    }
    eventually(|| store.most_in_flight.load(Ordering::SeqCst) == 6).await;
    reader.abort();
}

#[tokio::test]
async fn an_error_comes_in_its_place() {
    let store = Arc::new(Patterned {
        failing_key: Some("1"),
        ..Patterned::new(1_000)
    });
    let mut fetched = start(&store, files(&[10, 10, 10]), FetchOptions::default(), MIB);
    for index in 0..3 {
        let mut file = soon(fetched.next()).await.unwrap().unwrap();
        let first = soon(file.chunks.next()).await.unwrap();
        assert_eq!(first.is_err(), index == 1);
        assert!(soon(file.chunks.next()).await.is_none());
    }
    assert!(soon(fetched.next()).await.is_none());
}

#[tokio::test]
async fn a_file_that_is_dropped_is_not_read_further() {
    let store = Arc::new(Patterned::new(MIB as usize));
    let mut fetched = start(&store, files(&[20 * RANGE_BYTES, 10]), ONE_REQUEST, 64 * MIB);
    let mut file = soon(fetched.next()).await.unwrap().unwrap();
    soon(file.chunks.next()).await.unwrap().unwrap();
    drop(file);
    let mut file = soon(fetched.next()).await.unwrap().unwrap();
    assert_eq!(read_all(&mut file.chunks).await.concat().len(), 10);
    assert!(store.num_requests() < 5, "{}", store.num_requests());
}

#[tokio::test]
async fn a_file_is_read_to_its_end_though_nobody_wants_the_others() {
    let store = Arc::new(Patterned::new(MIB as usize));
    let mut fetched = start(&store, files(&[3 * RANGE_BYTES, 10]), ONE_REQUEST, 64 * MIB);
    let mut file = soon(fetched.next()).await.unwrap().unwrap();
    drop(fetched);
    let chunks = soon(read_all(&mut file.chunks)).await;
    assert_eq!(chunks.iter().map(Vec::len).sum::<usize>() as u64, 3 * RANGE_BYTES);
    drop(file);
    eventually(|| Arc::strong_count(&store) == 1).await;
}

#[tokio::test]
async fn dropping_everything_cancels_everything() {
    let store = Arc::new(Patterned {
        gate: Semaphore::new(0),
        ..Patterned::new(1_000)
    });
    let budget = Arc::new(ByteBudget::new(MIB));
    let handle = Handle::current();
    let fetched = fetch(
        store.clone(),
        files(&[100; 20]).into_iter(),
        FetchOptions::default(),
        budget.clone(),
        &handle,
    );
    eventually(|| store.num_requests() == 8).await;
    drop(fetched);
    eventually(|| budget.free_bytes() == MIB && Arc::strong_count(&store) == 1).await;
}

#[test]
fn a_runtime_that_ends_is_an_error_and_not_an_end() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let store = Arc::new(Patterned {
        gate: Semaphore::new(1),
        ..Patterned::new(1_000)
    });
    let budget = Arc::new(ByteBudget::new(MIB));
    let mut fetched = fetch(
        store,
        files(&[100; 3]).into_iter(),
        FetchOptions::default(),
        budget,
        runtime.handle(),
    );
    let mut file = block_on(fetched.next()).unwrap().unwrap();
    assert_eq!(block_on(file.chunks.next()).unwrap().unwrap().len(), 100);
    assert!(block_on(file.chunks.next()).is_none());
    runtime.shutdown_timeout(Duration::from_secs(5));
    let mut num_errors = 0;
    while let Some(next) = block_on(fetched.next()) {
        match next {
            Ok(mut file) => num_errors += usize::from(block_on(file.chunks.next()).unwrap().is_err()),
            Err(_) => num_errors += 1,
        }
    }
    assert_eq!(num_errors, 3, "two files without bytes, and no end");
}

#[tokio::test]
async fn files_that_another_consumer_takes_are_not_given_again() {
    let budget = Arc::new(ByteBudget::new(MIB));
    let mut fetched = fetch(
        Arc::new(Patterned::new(1_000)),
        files(&[100; 10]).into_iter(),
        FetchOptions::default(),
        budget,
        &Handle::current(),
    );
    let spare = fetched.spare();
    let mut seen = Vec::new();
    while let Some(file) = fetched.next().await {
        for mut file in [Some(file.unwrap()), spare.take()].into_iter().flatten() {
            assert_eq!(file.chunks.next().await.unwrap().unwrap().len(), 100);
            seen.push(file.file.key.to_string());
        }
    }
    assert!(spare.take().is_none());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10);
}

#[tokio::test]
async fn a_consumer_whose_last_files_another_takes_comes_to_its_end() {
    let store = Arc::new(Patterned {
        gate: Semaphore::new(0),
        ..Patterned::new(1_000)
    });
    let budget = Arc::new(ByteBudget::new(MIB));
    let options = FetchOptions::default();
    let mut fetched = fetch(
        store.clone(),
        files(&[100; 3]).into_iter(),
        options,
        budget,
        &Handle::current(),
    );
    let spare = fetched.spare();
    let mut first = fetched.next().await.unwrap().unwrap();
    let mut taken = Vec::new();
    while taken.len() < 2 {
        taken.extend(spare.take());
        tokio::task::yield_now().await;
    }
    let waiting = tokio::spawn(async move { fetched.next().await.is_none() });
    store.gate.add_permits(3);
    assert!(first.chunks.next().await.unwrap().is_ok());
    while !waiting.is_finished() {
        assert!(spare.take().is_none());
        tokio::task::yield_now().await;
    }
    assert!(waiting.await.unwrap());
    // The consumer is gone; what was taken from it comes nevertheless.
    for mut file in taken {
        assert_eq!(file.chunks.next().await.unwrap().unwrap().len(), 100);
    }
}
