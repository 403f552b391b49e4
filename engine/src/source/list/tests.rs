use super::super::file::{ArchiveClass, SourceFile};
use super::super::store::ByteStream;
use super::*;
use async_trait::async_trait;
use std::ops::Range;
use std::sync::Mutex;

/// Pages of a fixed size over fixed files; remembers what it was asked.
#[derive(Debug, Default)]
struct Pages {
    files: Vec<ListedFile>,
    page_size: usize,
    /// Whether `start_after` is passed over, as some services do.
    is_without_places: bool,
    requests: Mutex<Vec<ListRequest>>,
}

#[async_trait]
impl FileStore for Pages {
    async fn list_page(&self, request: &ListRequest) -> Result<ListPage, SourceError> {
        self.requests.lock().unwrap().push(request.clone());
        let place = request.start_after.as_ref().filter(|_| !self.is_without_places);
        let after = request.page.as_ref().or(place);
        let is_wanted = |listed: &&ListedFile| {
            listed.file.key.starts_with(&request.prefix) && after.is_none_or(|after| *listed.file.key > **after)
        };
        let found: Vec<ListedFile> = self.files.iter().filter(is_wanted).cloned().collect();
        let files: Vec<ListedFile> = found.iter().take(self.page_size).cloned().collect();
        let next_page = (found.len() > files.len()).then(|| files[files.len() - 1].file.key.to_string());
        Ok(ListPage { files, next_page })
    }

    async fn head(&self, key: &str) -> Result<SourceFile, SourceError> {
        let found = self.files.iter().find(|listed| &*listed.file.key == key);
        found
            .map(|listed| listed.file.clone())
            .ok_or_else(|| SourceError::NotFound { url: self.url(key) })
    }

    async fn get(&self, _: &SourceFile, _: Range<u64>) -> Result<ByteStream, SourceError> {
        unreachable!("listing reads nothing")
    }

    fn url(&self, key: &str) -> String {
        format!("s3://b/{key}")
    }
}

fn pages(num_files: usize, page_size: usize) -> Arc<Pages> {
    let listed = |index: usize| ListedFile {
        file: SourceFile {
            key: format!("p/{index:03}").into(),
            size_bytes: 1,
            modified_micros: 5_000,
            etag: None,
        },
        archive: None,
        storage_class: None,
    };
    Arc::new(Pages {
        files: (0..num_files).map(listed).collect(),
        page_size,
        is_without_places: false,
        requests: Mutex::default(),
    })
}

fn run(store: &Arc<Pages>, options: &SelectOptions) -> Result<Listing, SourceError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(list(store.clone(), options, None, 1_000_000))
}

#[track_caller]
fn check(store: &Arc<Pages>, options: &SelectOptions, num_files: usize, num_requests: u64) -> Listing {
    let listing = run(store, options).unwrap();
    assert_eq!((listing.files.len(), listing.num_requests), (num_files, num_requests));
    assert!(listing.files.iter().is_sorted_by(|one, other| one.key < other.key));
    listing
}

/// Requests that three pages take: while the third is under way all other listers guess at what is behind the second.
const THREE_PAGES: u64 = 3 + MAX_LISTERS as u64 - 1;

#[test]
fn all_pages_are_read() {
    check(&pages(25, 10), &SelectOptions::default(), 25, THREE_PAGES);
    check(&pages(20, 10), &SelectOptions::default(), 20, 2);
    check(&pages(0, 10), &SelectOptions::default(), 0, 1);
}

#[test]
fn listing_starts_after_the_last_path() {
    let store = pages(25, 10);
    let options = SelectOptions {
        last_path: Some("p/019".to_owned()),
        ..SelectOptions::default()
    };
    let listing = check(&store, &options, 5, 1);
    assert_eq!(listing.num_listed, 5);
    assert_eq!(store.requests.lock().unwrap()[0].start_after.as_deref(), Some("p/019"));
}

#[test]
fn time_mode_lists_everything() {
    let store = pages(25, 10);
    let options = SelectOptions {
        last_path: Some("p/019".to_owned()),
        use_modified_time: true,
        ..SelectOptions::default()
    };
    check(&store, &options, 25, THREE_PAGES);
    assert_eq!(store.requests.lock().unwrap()[0].start_after, None);
}

#[test]
fn no_page_is_asked_for_beyond_the_limit() {
    let options = |limit| SelectOptions {
        total_file_count_limit: Some(limit),
        ..SelectOptions::default()
    };
    let listing = check(&pages(25, 10), &options(10), 10, 1);
    assert!(listing.is_limit_reached);
    check(&pages(25, 10), &options(11), 11, 2);
    assert!(check(&pages(25, 10), &options(0), 0, 0).is_limit_reached);
    assert!(!check(&pages(5, 10), &options(6), 5, 1).is_limit_reached);
}

#[test]
fn a_single_path_is_one_request() {
    let options = |path: &str| SelectOptions {
        path: Some(path.to_owned()),
        ..SelectOptions::default()
    };
    check(&pages(5, 10), &options("p/003"), 1, 1);
    assert!(matches!(
        run(&pages(5, 10), &options("p/9")),
        Err(SourceError::NotFound { .. })
    ));
}

#[test]
fn archived_files_fail_or_are_counted() {
    let mut store = pages(3, 10);
    Arc::get_mut(&mut store).unwrap().files[1].archive = Some(ArchiveClass::Glacier);
    let error = run(&store, &SelectOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "detected an object stored at Glacier: `s3://b/p/001` has the storage class `GLACIER`"
    );
    let options = SelectOptions {
        skip_glacier_objects: true,
        ..SelectOptions::default()
    };
    assert_eq!(check(&store, &options, 2, 1).num_skipped_archived, 1);
}

/// Lists a huge prefix and checks that nothing is missing, in excess or out of order.
#[track_caller]
fn check_huge(keys: Vec<String>, page_size: usize) {
    let mut store = pages(0, page_size);
    let listed = |key: &String| ListedFile {
        file: SourceFile {
            key: key.as_str().into(),
            size_bytes: 1,
            modified_micros: 5_000,
            etag: None,
        },
        archive: None,
        storage_class: None,
    };
    Arc::get_mut(&mut store).unwrap().files = keys.iter().map(listed).collect();
    let options = SelectOptions {
        path_prefix: "p/".to_owned(),
        ..SelectOptions::default()
    };
    let listing = run(&store, &options).unwrap();
    let found: Vec<String> = listing.files.iter().map(|file| file.key.to_string()).collect();
    assert_eq!(found, keys);
    assert_eq!(listing.num_listed, keys.len() as u64);
    let num_pages = keys.len().div_ceil(page_size) as u64;
    let num_guesses = FIRST_GUESSES + listing.num_requests / REQUESTS_PER_GUESS;
    assert!(
        listing.num_requests <= num_pages + num_guesses,
        "{} requests",
        listing.num_requests
    );
    let requests = store.requests.lock().unwrap();
    let num_parts = requests
        .iter()
        .filter(|request| request.start_after.is_some() && request.page.is_none())
        .count();
    assert!(num_parts >= MAX_LISTERS, "cut {num_parts} times");
}

#[test]
fn a_huge_prefix_is_cut_into_parts() {
    check_huge((0..5_000).map(|index| format!("p/{index:06}.csv.gz")).collect(), 10);
}

#[test]
fn parts_are_found_below_words_that_all_keys_have_in_common() {
    let key = |day: usize, part: usize| format!("p/region=eu-west-1/year=2026/day={day:02}/part-{part:05}-c000.csv.gz");
    let keys = (1..=10).flat_map(|day| (0..500).map(move |part| key(day, part)));
    check_huge(keys.collect(), 10);
}

#[test]
fn parts_of_any_names_lose_nothing() {
    let mut keys: Vec<String> = (0..5_000_u64)
        .map(|index| format!("p/{:016x}", index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    keys.sort();
    check_huge(keys, 10);
    let mut keys: Vec<String> = (0..3_000)
        .map(|index| format!("p/日{}/é{}", index % 70, index / 70))
        .collect();
    keys.sort();
    check_huge(keys, 7);
}

#[test]
fn with_a_limit_nothing_is_guessed() {
    let options = SelectOptions {
        total_file_count_limit: Some(200),
        ..SelectOptions::default()
    };
    check(&pages(900, 10), &options, 200, 20);
}

#[test]
fn a_service_that_starts_nowhere_else_is_listed_from_end_to_end() {
    let mut store = pages(900, 10);
    Arc::get_mut(&mut store).unwrap().is_without_places = true;
    let listing = run(&store, &SelectOptions::default()).unwrap();
    assert_eq!((listing.files.len(), listing.num_listed), (900, 900));
}

/// Knows every third file, the version of 5 milliseconds.
#[derive(Debug)]
struct EveryThird(OnChangedFile);

struct ThirdCursor;

#[async_trait]
impl KnownCursor for ThirdCursor {
    async fn look_up(&mut self, files: &[ListedFile]) -> Result<Vec<Option<KnownFile>>, SourceError> {
        let known = |listed: &ListedFile| {
            let number: usize = listed.file.key[2..].parse().unwrap();
            number.is_multiple_of(3).then(|| KnownFile {
                key: listed.file.key.to_string(),
                etag: None,
                size_bytes: 1,
                modified_micros: if number.is_multiple_of(2) { 5_000 } else { 4_000 },
                num_rows: 1,
                file_column: None,
            })
        };
        Ok(files.iter().map(known).collect())
    }
}

impl KnownFiles for EveryThird {
    fn cursor(&self) -> Box<dyn KnownCursor> {
        Box::new(ThirdCursor)
    }

    fn on_changed_file(&self) -> OnChangedFile {
        self.0
    }
}

#[tokio::test]
async fn known_files_are_passed_over_however_the_prefix_is_listed() {
    for page_size in [7, 100] {
        for (on_changed_file, num_selected, num_ignored, num_replaced) in [
            (OnChangedFile::Ignore, 200, 50, 0),
            (OnChangedFile::Load, 250, 0, 0),
            (OnChangedFile::Replace, 250, 0, 50),
        ] {
            let store = pages(300, page_size);
            let known = Arc::new(EveryThird(on_changed_file));
            let listing = list_unknown(store, &SelectOptions::default(), None, 0, known)
                .await
                .unwrap();
            assert_eq!(listing.files.len(), num_selected, "{on_changed_file:?}");
            assert_eq!((listing.num_listed, listing.num_known), (300, 50));
            assert_eq!(listing.num_changed_ignored, num_ignored);
            assert_eq!(listing.replaced.len(), num_replaced);
            assert!(
                listing.files.iter().all(|file| &*file.key != "p/000"),
                "it is known as it is"
            );
        }
    }
}

#[tokio::test]
async fn a_limit_counts_files_that_are_not_known() {
    let options = SelectOptions {
        total_file_count_limit: Some(10),
        ..SelectOptions::default()
    };
    let known = Arc::new(EveryThird(OnChangedFile::Ignore));
    let listing = list_unknown(pages(300, 4), &options, None, 0, known).await.unwrap();
    assert_eq!(listing.files.len(), 10);
    assert_eq!(listing.files.last_key(), Some("p/014"));
}
