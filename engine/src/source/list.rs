//! Turns a location and what is asked of it into the files of a job.
//!
//! Pages are judged as they come, while the next one is under way, so that a prefix of any size is held in memory only as far as its
//! files are wanted. With a limit on the number of files no page is asked for ahead, since it may never be needed. Without one, a prefix
//! that turns out to be large is cut into parts that are listed side by side; the files are in key order all the same.

mod parts;

use super::error::SourceError;
use super::file::{FileList, ListedFile, SourceFile};
use super::known::{KnownCursor, KnownFile, KnownFiles, OnChangedFile, ReplacedFile};
use super::select::{FileCondition, SelectError, SelectOptions, Selector, Verdict};
use super::store::{FileStore, ListPage, ListRequest};
use parts::Part;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Requests for a listing from which on it is worth a word that the prefix holds much that is not wanted.
const MANY_REQUESTS: u64 = 10;

/// Pages after which a prefix is large. Before that, more than one request at a time would save hardly any time.
const UNDIVIDED_PAGES: u64 = 2;

/// Parts of a large prefix that are listed at a time. With the latency of S3 that is some 100,000 keys a second, about as much as one
/// core can take in.
const MAX_LISTERS: usize = 8;

/// Guesses that may be made at once, to find out how keys are made: as long as nothing is found there is little else to ask for, and one
/// after the other they would take as long as the pages. Further ones follow after so many requests each. A guess costs up to
/// one request: its own if nothing is there, or else a page that two parts have to themselves by halves.
const FIRST_GUESSES: u64 = 16;
const REQUESTS_PER_GUESS: u64 = 16;

/// What a listing found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files to read, in key order.
    pub files: Arc<FileList>,
    /// Files seen, wanted or not.
    pub num_listed: u64,
    /// Files that the condition passed over.
    pub num_passed_over: u64,
    /// Archived files that were wanted and passed over.
    pub num_skipped_archived: u64,
    /// Whether `total_file_count_limit` was reached, so that there may be more.
    pub is_limit_reached: bool,
    /// Time mode: see [`Selection::left_over_from_micros`](super::select::Selection::left_over_from_micros).
    pub left_over_from_micros: Option<i64>,
    /// Pages asked for; 1 for a single path.
    pub num_requests: u64,
    /// Files that were loaded before, as they are now.
    pub num_known: u64,
    /// Files that were loaded before and rewritten since, and are left as they were loaded.
    pub num_changed_ignored: u64,
    /// Files that were loaded before and rewritten since, and are selected again.
    pub num_changed_loaded: u64,
    /// Versions whose rows are to go, in the order in which they were found.
    pub replaced: Vec<ReplacedFile>,
}

/// Lists and selects. `job_start_micros` is the moment before this call, in microseconds since the epoch. A file for which `condition` does
/// not hold is passed over as one is that the pattern does not fit: it counts for no limit, and the cursor does not know it.
///
/// No file at all is not an error here. **Errors**: the store's; an archived file that is wanted.
/// **Cost**: one request per 1,000 keys below the prefix, with more than 2,000 of them up to a sixteenth and 16 more; one in
/// all for a single path; none if the limit is 0.
/// **Cancel**: dropping the future ends the requests.
pub async fn list(
    store: Arc<dyn FileStore>,
    options: &SelectOptions,
    condition: Option<Arc<dyn FileCondition>>,
    job_start_micros: i64,
) -> Result<Listing, SourceError> {
    list_beside(store, options, condition, job_start_micros, None).await
}

/// Lists and selects as [`list`] does, but passes over files that are known.
///
/// **Errors**: as [`list`]; what is known cannot be read.
/// **Cost**: as [`list`], and one walk through what is known of the prefix.
pub async fn list_unknown(
    store: Arc<dyn FileStore>,
    options: &SelectOptions,
    condition: Option<Arc<dyn FileCondition>>,
    job_start_micros: i64,
    known: Arc<dyn KnownFiles>,
) -> Result<Listing, SourceError> {
    list_beside(store, options, condition, job_start_micros, Some(known)).await
}

async fn list_beside(
    store: Arc<dyn FileStore>,
    options: &SelectOptions,
    condition: Option<Arc<dyn FileCondition>>,
    job_start_micros: i64,
    known: Option<Arc<dyn KnownFiles>>,
) -> Result<Listing, SourceError> {
    let selector = Selector::new(options, job_start_micros);
    let mut lister = Lister {
        store,
        selector,
        condition,
        known,
        selected: FileList::default(),
        is_in_order: true,
        listing: Listing::default(),
    };
    if options.total_file_count_limit != Some(0) {
        match &options.path {
            Some(path) => lister.look_up(path).await?,
            None => lister.walk(options).await?,
        }
    }
    let Lister {
        selector,
        mut selected,
        is_in_order,
        mut listing,
        ..
    } = lister;
    if !is_in_order {
        // Steps of a job, and what is remembered of files, go by their keys.
        let mut files: Vec<SourceFile> = selected.iter().collect();
        files.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        selected = files.into_iter().collect();
    }
    let selection = selector.finish(selected);
    listing.files = selection.files;
    listing.is_limit_reached = selection.is_limit_reached;
    listing.left_over_from_micros = selection.left_over_from_micros;
    if listing.is_limit_reached {
        tracing::warn!("too many files matched, stop listing file");
    }
    let (num_files, num_listed) = (listing.files.len(), listing.num_listed);
    tracing::info!(
        num_files,
        num_listed,
        num_requests = listing.num_requests,
        "found total [{num_files}] files"
    );
    if options.use_modified_time && listing.num_requests >= MANY_REQUESTS {
        tracing::info!(
            num_requests = listing.num_requests,
            "time mode lists the whole prefix at every run; moving loaded files elsewhere makes it faster"
        );
    }
    Ok(listing)
}

struct Lister {
    store: Arc<dyn FileStore>,
    selector: Selector,
    condition: Option<Arc<dyn FileCondition>>,
    /// What need not be loaded again; `None`: nobody asks.
    known: Option<Arc<dyn KnownFiles>>,
    selected: FileList,
    /// Whether all pages were. Directory buckets of S3 list in no order, and start after no key.
    is_in_order: bool,
    listing: Listing,
}

impl Lister {
    async fn look_up(&mut self, path: &str) -> Result<(), SourceError> {
        self.listing.num_requests = 1;
        let file = self.store.head(path).await?;
        let page = vec![ListedFile {
            file,
            archive: None,
            storage_class: None,
        }];
        let mut cursor = self.new_cursor();
        let known = known_of(&mut cursor, &page).await?;
        for ((listed, is_wanted), known) in self.wanted(page)?.zip(known) {
            if let Some(file) = self.judge(listed, is_wanted, known)? {
                self.selected.push(&file);
            }
        }
        Ok(())
    }

    async fn walk(&mut self, options: &SelectOptions) -> Result<(), SourceError> {
        tracing::info!("start listing file with prefix [{}]", options.path_prefix);
        if options.path_prefix == "/" {
            tracing::info!("`path_prefix: /` asks for keys that begin with a slash; `''` is the whole bucket");
        }
        let mut request = ListRequest {
            prefix: options.path_prefix.clone(),
            ..ListRequest::default()
        };
        if !options.use_modified_time {
            request.start_after = options.last_path.clone().filter(|last_path| !last_path.is_empty());
        }
        let is_asked_ahead = options.total_file_count_limit.is_none();
        // Owned by this future, so that it ends with it.
        let mut ahead: JoinSet<Result<ListPage, SourceError>> = JoinSet::new();
        let mut page = self.page(&request).await?;
        let mut cursor = self.new_cursor();
        let mut reached = String::new();
        loop {
            self.is_in_order &= follows(&page, &reached);
            if let Some(last) = page.files.last() {
                reached = last.file.key.to_string();
            }
            let is_large = self.listing.num_requests >= UNDIVIDED_PAGES && page.next_page.is_some();
            if is_large && is_asked_ahead && self.is_in_order {
                return self.walk_parts(request, page).await;
            }
            let next_page = page.next_page.take();
            if let Some(next_page) = &next_page {
                request.page = Some(next_page.clone());
                if is_asked_ahead {
                    let (store, request) = (self.store.clone(), request.clone());
                    self.listing.num_requests += 1;
                    ahead.spawn(async move { store.list_page(&request).await });
                }
            }
            let known = known_of(&mut cursor, &page.files).await?;
            for ((listed, is_wanted), known) in self.wanted(page.files)?.zip(known) {
                if let Some(file) = self.judge(listed, is_wanted, known)? {
                    self.selected.push(&file);
                }
                if self.selector.is_full() {
                    return Ok(());
                }
            }
            page = match (next_page, ahead.join_next().await) {
                (None, _) => return Ok(()),
                (Some(_), Some(joined)) => joined.map_err(|_| SourceError::Stopped)??,
                (Some(_), None) => self.page(&request).await?,
            };
        }
    }

    /// Lists what is left of a prefix, from this page of it on, in parts that are walked through side by side.
    async fn walk_parts(&mut self, request: ListRequest, page: ListPage) -> Result<(), SourceError> {
        let mut first = Part {
            files: std::mem::take(&mut self.selected),
            ..Part::default()
        };
        first.known = self.new_cursor();
        self.take_page(&mut first, page).await?;
        let mut parts = vec![first];
        let mut num_guesses = 0;
        let mut under_way: JoinSet<(Step, Result<ListPage, SourceError>)> = JoinSet::new();
        while !parts.iter().all(|part| part.is_complete) {
            while under_way.len() < MAX_LISTERS {
                let may_guess = num_guesses < FIRST_GUESSES + self.listing.num_requests / REQUESTS_PER_GUESS;
                let Some((step, request)) = next_step(&mut parts, &request, may_guess) else {
                    break;
                };
                self.listing.num_requests += 1;
                num_guesses += u64::from(matches!(step, Step::Guess(_)));
                let store = Arc::clone(&self.store);
                under_way.spawn(async move {
                    let page = store.list_page(&request).await;
                    (step, page)
                });
            }
            let Some(joined) = under_way.join_next().await else {
                break;
            };
            let (step, page) = joined.map_err(|_| SourceError::Stopped)?;
            let page = page?;
            match step {
                Step::Page(index) => self.take_page(&mut parts[index], page).await?,
                Step::Guess(place) => {
                    parts
                        .iter_mut()
                        .for_each(|part| part.guesses.retain(|guess| *guess != place));
                    // The part of which it was guessed may have been cut in the meantime, before that place or behind it.
                    let Some(part) = parts.iter_mut().find(|part| part.after < place && part.has(&place)) else {
                        continue;
                    };
                    // Whoever walks through the part may have come to this place.
                    let is_passed = part.is_complete || part.reached > place;
                    // An empty page that is not the last says nothing, and a service may not start where it is asked to.
                    let is_unclear = page.files.is_empty() && page.next_page.is_some() || !follows(&page, &place);
                    if is_passed || is_unclear {
                        continue;
                    }
                    let is_found = page.files.first().is_some_and(|listed| part.has(&listed.file.key));
                    let mut found = part.cut_off(place);
                    if is_found {
                        found.known = self.new_cursor();
                        self.take_page(&mut found, page).await?;
                        parts.push(found);
                    }
                }
            }
        }
        parts.sort_unstable_by(|one, other| one.after.cmp(&other.after));
        for part in parts {
            self.selected.append(part.files);
        }
        Ok(())
    }

    /// Judges the files of a page as far as they belong to a part.
    async fn take_page(&mut self, part: &mut Part, page: ListPage) -> Result<(), SourceError> {
        if let (Some(first), Some(last)) = (page.files.first(), page.files.last()) {
            part.note_page(&first.file.key, &last.file.key);
        }
        part.next_page = page.next_page;
        let known = known_of(&mut part.known, &page.files).await?;
        for ((listed, is_wanted), known) in self.wanted(page.files)?.zip(known) {
            if !part.has(&listed.file.key) {
                part.next_page = None;
                break;
            }
            if let Some(file) = self.judge(listed, is_wanted, known)? {
                part.files.push(&file);
            }
        }
        part.is_complete = part.next_page.is_none();
        if part.is_complete {
            part.known = None;
        }
        Ok(())
    }

    async fn page(&mut self, request: &ListRequest) -> Result<ListPage, SourceError> {
        self.listing.num_requests += 1;
        self.store.list_page(request).await
    }

    fn new_cursor(&self) -> Option<Box<dyn KnownCursor>> {
        self.known.as_ref().map(|known| known.cursor())
    }

    /// The files of a page, and whether the condition holds for each.
    fn wanted(&self, files: Vec<ListedFile>) -> Result<impl Iterator<Item = (ListedFile, bool)> + use<>, SelectError> {
        let verdicts = match &self.condition {
            Some(condition) => condition.holds(&files)?,
            None => vec![true; files.len()],
        };
        Ok(files.into_iter().zip(verdicts))
    }

    /// The file, if it is selected.
    fn judge(
        &mut self,
        listed: ListedFile,
        is_wanted: bool,
        known: Option<KnownFile>,
    ) -> Result<Option<SourceFile>, SourceError> {
        self.listing.num_listed += 1;
        if !is_wanted {
            self.listing.num_passed_over += 1;
            return Ok(None);
        }
        let on_changed_file = self.known.as_ref().map(|known| known.on_changed_file());
        if known.as_ref().is_some_and(|known| known.is_same_as(&listed.file)) {
            self.listing.num_known += 1;
            return Ok(None);
        }
        if known.is_some() && on_changed_file == Some(OnChangedFile::Ignore) {
            self.listing.num_changed_ignored += 1;
            return Ok(None);
        }
        match self.selector.admit(&listed) {
            Ok(Verdict::Selected) => {
                self.listing.num_changed_loaded += u64::from(known.is_some());
                if let Some(known) = known.filter(|_| on_changed_file == Some(OnChangedFile::Replace)) {
                    self.listing.replaced.push(ReplacedFile {
                        key: listed.file.key.to_string(),
                        known,
                    });
                }
                return Ok(Some(listed.file));
            }
            Ok(Verdict::Passed) => {}
            Ok(Verdict::SkippedArchived(class)) => {
                let url = self.store.url(&listed.file.key);
                tracing::warn!(class = class.name(), "skipped \"{url}\" that stored at Glacier");
                self.listing.num_skipped_archived += 1;
            }
            Err(SelectError::Archived { key, class }) => {
                let url = self.store.url(&key);
                return Err(SourceError::ArchivedSelected {
                    url,
                    storage_class: class.name().to_owned(),
                });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }
}

/// What is known of each file of a page, and nothing of any after it.
async fn known_of(
    cursor: &mut Option<Box<dyn KnownCursor>>,
    files: &[ListedFile],
) -> Result<impl Iterator<Item = Option<KnownFile>> + use<>, SourceError> {
    let known = match cursor {
        Some(cursor) => cursor.look_up(files).await?,
        None => Vec::new(),
    };
    Ok(known.into_iter().chain(std::iter::repeat(None)))
}

/// Whether the keys of a page are in order, and after `reached`.
fn follows(page: &ListPage, reached: &str) -> bool {
    let mut reached = reached;
    page.files.iter().all(|listed| {
        let key: &str = &listed.file.key;
        std::mem::replace(&mut reached, key) < key
    })
}

/// What a request of a divided prefix is for.
enum Step {
    /// The next page of the part with this index.
    Page(usize),
    /// The keys after this place.
    Guess(String),
}

/// The request that gets on best: the next page of a part nobody walks through, or a guess where most keys may lie.
fn next_step(parts: &mut [Part], request: &ListRequest, may_guess: bool) -> Option<(Step, ListRequest)> {
    for (index, part) in parts.iter_mut().enumerate() {
        if let Some(page) = part.next_page.take() {
            let page = Some(page);
            return Some((
                Step::Page(index),
                ListRequest {
                    page,
                    ..request.clone()
                },
            ));
        }
    }
    let is_open = |part: &Part| may_guess && !part.is_complete;
    let open = parts.iter().enumerate().filter(|(_, part)| is_open(part));
    let cuts = open.filter_map(|(index, part)| {
        part.cut(request.prefix.len())
            .map(|(num_common, place)| (num_common, index, place))
    });
    let (_, index, place) = cuts.min()?;
    parts[index].guesses.push(place.clone());
    let request = ListRequest {
        start_after: Some(place.clone()),
        page: None,
        ..request.clone()
    };
    Some((Step::Guess(place), request))
}

#[cfg(test)]
mod tests;
