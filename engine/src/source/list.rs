//! Turns a location and what is asked of it into the files of a job.
//!
//! Pages are judged as they come, while the next one is under way, so that a prefix of any size is held in memory only as far as its
//! files are wanted. With a limit on the number of files no page is asked for ahead, since it may never be needed.

use super::error::SourceError;
use super::file::{FileList, ListedFile};
use super::select::{SelectError, SelectOptions, Selector, Verdict};
use super::store::{FileStore, ListPage, ListRequest};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Requests for a listing from which on it is worth a word that the prefix holds much that is not wanted.
const MANY_REQUESTS: u64 = 10;

/// What a listing found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files to read, in key order.
    pub files: Arc<FileList>,
    /// Files seen, wanted or not.
    pub num_listed: u64,
    /// Archived files that were wanted and passed over.
    pub num_skipped_archived: u64,
    /// Whether `total_file_count_limit` was reached, so that there may be more.
    pub is_limit_reached: bool,
    /// Time mode: see [`Selection::left_over_from_micros`](super::select::Selection::left_over_from_micros).
    pub left_over_from_micros: Option<i64>,
    /// Pages asked for; 1 for a single path.
    pub num_requests: u64,
}

/// Lists and selects. `job_start_micros` is the moment before this call, in microseconds since the epoch.
///
/// No file at all is not an error here. **Errors**: the store's; an archived file that is wanted.
/// **Cost**: one request per 1,000 keys below the prefix, one in all for a single path; none if the limit is 0.
/// **Cancel**: dropping the future ends the requests.
pub async fn list(
    store: Arc<dyn FileStore>,
    options: &SelectOptions,
    job_start_micros: i64,
) -> Result<Listing, SourceError> {
    let selector = Selector::new(options, job_start_micros);
    let mut lister = Lister {
        store,
        selector,
        selected: FileList::default(),
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
        selected,
        mut listing,
        ..
    } = lister;
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
    selected: FileList,
    listing: Listing,
}

impl Lister {
    async fn look_up(&mut self, path: &str) -> Result<(), SourceError> {
        self.listing.num_requests = 1;
        let file = self.store.head(path).await?;
        self.judge(ListedFile { file, archive: None })
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
        loop {
            let next_page = page.next_page.take();
            if let Some(next_page) = &next_page {
                request.page = Some(next_page.clone());
                if is_asked_ahead {
                    let (store, request) = (self.store.clone(), request.clone());
                    self.listing.num_requests += 1;
                    ahead.spawn(async move { store.list_page(&request).await });
                }
            }
            for listed in page.files {
                self.judge(listed)?;
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

    async fn page(&mut self, request: &ListRequest) -> Result<ListPage, SourceError> {
        self.listing.num_requests += 1;
        self.store.list_page(request).await
    }

    fn judge(&mut self, listed: ListedFile) -> Result<(), SourceError> {
        self.listing.num_listed += 1;
        match self.selector.admit(&listed) {
            Ok(Verdict::Selected) => self.selected.push(&listed.file),
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
        Ok(())
    }
}

#[cfg(test)]
mod tests;
