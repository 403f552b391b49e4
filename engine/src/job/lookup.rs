//! Fetches the files that the SQL of filters names as tables, where DataFusion cannot read them by itself.
//!
//! One plain file on the local disk is left to it. Files of a bucket, compressed ones, and several at once are found and fetched as the
//! files of the input are, with the input's credentials, and unpacked as their first bytes say. What comes of them is held in memory
//! until the job ends, in a store that the session knows; so there is a limit, a quarter of `exec.memory_limit`. A table that is
//! larger belongs into the warehouse.

use super::environment::Budgets;
use super::filters::FilterContext;
use crate::decode::{DecodeError, DecodeOptions, Event, FileDecoder, detect};
use crate::error::{Blame, Error, Result};
use crate::filter::rules::{FilterRule, LookupFile};
use crate::filter::{LookupPlace, LookupPlaces};
use crate::pattern::Pattern;
use crate::source::file::SourceFile;
use crate::source::list::list;
use crate::source::options::Location;
use crate::source::select::SelectOptions;
use crate::source::store::{FileStore, open_store};
use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use url::Url;

/// What a path of a bucket begins with.
const BUCKET_SCHEME: &str = "s3://";

/// Bytes at the start of a file that tell how it is packed; the magic of tar is the last.
const MAGIC_BYTES: u64 = 512;

/// Room for decoded bytes.
const ROOM_BYTES: usize = 256 * 1024;

/// Fetches what has to be fetched.
///
/// **Errors**: a file is not there or cannot be read; all of them together are too large.
/// **Cost**: a listing for each path, and a request for each file.
pub(super) async fn lookup_places(context: &FilterContext<'_>) -> Result<LookupPlaces> {
    let mut places = LookupPlaces::new();
    let mut fetcher = Fetcher {
        context,
        max_bytes: Budgets::new(&context.plan.exec).operator_bytes,
        num_bytes: 0,
    };
    for (index, filter) in context.plan.filters.iter().enumerate() {
        let FilterRule::Sql(rule) = &filter.rule else {
            continue;
        };
        let store = Arc::new(InMemory::new());
        let root = format!("lookup://filters-{index}");
        for (number, (name, file)) in rule.tables.iter().enumerate() {
            if is_plain(file) {
                continue;
            }
            let files = fetcher
                .fetch(name, file)
                .await
                .map_err(|error| error.at(format!("filters[{index}]")))?;
            let first_byte = files.iter().flatten().find(|byte| !byte.is_ascii_whitespace()).copied();
            for (part, bytes) in files.into_iter().enumerate() {
                let path = StorePath::from(format!("{number}/{part:06}"));
                let stored = store.put(&path, bytes.into()).await;
                stored.map_err(|error| Error::internal("a fetched file cannot be held").caused_by(error))?;
            }
            let place = LookupPlace {
                url: format!("{root}/{number}/"),
                is_json_array: first_byte == Some(b'['),
            };
            places.insert((index, name.clone()), place);
        }
        let url = Url::parse(&root).map_err(|error| Error::internal("a URL of ours is none").caused_by(error))?;
        let store: Arc<dyn ObjectStore> = store;
        context.session.register_object_store(&url, store);
    }
    Ok(places)
}

/// Whether DataFusion can read it where it is: one file on the local disk that is not compressed. One that is not there is told by
/// whoever opens it.
fn is_plain(file: &LookupFile) -> bool {
    if file.path.starts_with(BUCKET_SCHEME) {
        return false;
    }
    let Ok(mut opened) = File::open(&file.path) else {
        return !names_several(&file.path);
    };
    if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return false;
    }
    let mut head = Vec::new();
    let read = opened.by_ref().take(MAGIC_BYTES).read_to_end(&mut head);
    read.is_err() || detect(&head).is_none()
}

/// Whether a path may name several files: it is a folder, or has a wildcard.
fn names_several(path: &str) -> bool {
    path.ends_with('/') || path.contains(['*', '?'])
}

/// Files fetched so far.
struct Fetcher<'a> {
    context: &'a FilterContext<'a>,
    max_bytes: usize,
    num_bytes: usize,
}

impl Fetcher<'_> {
    /// The plain bytes of the files of one table; an archive gives those of each entry.
    async fn fetch(&mut self, name: &str, file: &LookupFile) -> Result<Vec<Vec<u8>>> {
        let (store, key) = self.open(name, file)?;
        let (reader, wanted) = (Arc::clone(&store), key.clone());
        let files = self.requested(async move { find(reader, &wanted).await }).await?;
        if files.is_empty() {
            return Err(
                Error::config(format!("there is no file `{}` for the table `{name}`", file.path))
                    .with_hint("`*` stands for any characters but slashes, `**` for any; what ends in `/` is a folder"),
            );
        }
        let mut decoded = Vec::new();
        for file in files {
            let url = store.url(&file.key);
            let (reader, size_bytes) = (Arc::clone(&store), file.size_bytes);
            self.check_room(name, usize::try_from(size_bytes).unwrap_or(usize::MAX))?;
            let bytes = self.requested(async move { read(reader, &file).await }).await?;
            self.decode(name, &url, &bytes, &mut decoded)?;
        }
        Ok(decoded)
    }

    /// Where the files are, and what they are called there.
    fn open(&self, name: &str, file: &LookupFile) -> Result<(Arc<dyn FileStore>, String)> {
        let Some(place) = file.path.strip_prefix(BUCKET_SCHEME) else {
            let is_folder = std::path::Path::new(&file.path).is_dir() && !file.path.ends_with('/');
            let key = if is_folder {
                format!("{}/", file.path)
            } else {
                file.path.clone()
            };
            return Ok((open_store(&Location::Local)?, key));
        };
        let Location::S3(options) = &self.context.plan.input.location else {
            return Err(Error::config(format!(
                "the file `{}` of the table `{name}` is in a bucket, and the input is not",
                file.path
            ))
            .with_hint("files of a bucket are read with the credentials of `in`, so `in.type` must be `s3`"));
        };
        let Some((bucket, key)) = place
            .split_once('/')
            .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        else {
            return Err(
                Error::config(format!("`{}` of the table `{name}` names no file", file.path))
                    .with_hint("write it as `s3://BUCKET/KEY`"),
            );
        };
        let mut options = options.clone();
        options.bucket = bucket.to_owned();
        Ok((open_store(&Location::S3(options))?, key.to_owned()))
    }

    /// What a future gives that waits for requests, on the runtime for them.
    async fn requested<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let answer = self.context.environment.io_runtime().spawn(request).await;
        answer.map_err(|error| Error::internal("fetching a file of a filter stopped").caused_by(error))?
    }

    fn check_room(&self, name: &str, num_bytes: usize) -> Result<()> {
        if self.num_bytes.saturating_add(num_bytes) > self.max_bytes {
            return Err(Error::config(format!(
                "the files of the table `{name}` take more memory than there is for them: {} bytes",
                self.max_bytes
            ))
            .with_hint(
                "raise `exec.memory_limit`, or load them into a table of the warehouse and name that in the SQL",
            ));
        }
        Ok(())
    }

    fn decode(&mut self, name: &str, url: &str, bytes: &[u8], decoded: &mut Vec<Vec<u8>>) -> Result<()> {
        let corrupt = |error: DecodeError| {
            let message = format!("the file `{url}` of the table `{name}` cannot be unpacked");
            Error::new(Blame::Data, message).caused_by(error)
        };
        let mut decoder = FileDecoder::new(&DecodeOptions::Auto);
        let mut room = vec![0; ROOM_BYTES];
        let mut input = bytes;
        let mut content = Vec::new();
        loop {
            let has_ended = input.is_empty();
            let progress = match has_ended {
                false => decoder.decode(input, &mut room),
                true => decoder.finish(&mut room),
            }
            .map_err(corrupt)?;
            input = &input[progress.consumed..];
            self.check_room(name, progress.produced)?;
            self.num_bytes += progress.produced;
            content.extend_from_slice(&room[..progress.produced]);
            match progress.event {
                Event::NeedsInput if has_ended => break,
                Event::NeedsInput | Event::OutputFull => {}
                Event::Entry(_) => decoded.push(std::mem::take(&mut content)),
            }
        }
        decoded.push(content);
        // Before the first entry of an archive there is nothing, and an empty file has no columns.
        decoded.retain(|content| !content.is_empty());
        Ok(())
    }
}

/// The files that a key names: itself, all below a folder, or those that match its wildcards.
async fn find(store: Arc<dyn FileStore>, key: &str) -> Result<Vec<SourceFile>> {
    // A single file is listed too: to ask for one that is not there is repeated for minutes, in case it is on its way.
    let options = SelectOptions {
        path_prefix: key[..key.find(['*', '?']).unwrap_or(key.len())].to_owned(),
        path_match_pattern: Some(pattern_of(key)?),
        ..SelectOptions::default()
    };
    let listing = list(store, &options, None, 0).await?;
    Ok((0..listing.files.len())
        .filter_map(|index| listing.files.get(index))
        .collect())
}

/// The pattern of the keys that a key with wildcards stands for. What ends in a slash stands for all below it.
fn pattern_of(key: &str) -> Result<Pattern> {
    let mut pattern = String::from("\\A");
    let mut rest = key;
    while let Some(first) = rest.chars().next() {
        let (piece, length) = match first {
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            _ => (format!("\\Q{first}\\E"), first.len_utf8()),
        };
        pattern.push_str(&piece);
        rest = &rest[length..];
    }
    pattern.push_str(if key.ends_with('/') { "" } else { "\\z" });
    Pattern::new(&pattern).map_err(|error| Error::config(format!("`{key}` names no files: {error}")))
}

async fn read(store: Arc<dyn FileStore>, file: &SourceFile) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(file.size_bytes).unwrap_or(0));
    if file.size_bytes > 0 {
        let mut stream = store.get(file, 0..file.size_bytes).await?;
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk?);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_characters_between_slashes() {
        for (key, matching, others) in [
            (
                "geo/*.csv",
                vec!["geo/a.csv", "geo/.csv"],
                vec!["geo/a/b.csv", "geo/a.csv.gz", "x/geo/a.csv"],
            ),
            ("geo/**.csv", vec!["geo/a.csv", "geo/a/b.csv"], vec!["geo/a.tsv"]),
            (
                "geo/day=?/a+b",
                vec!["geo/day=1/a+b"],
                vec!["geo/day=11/a+b", "geo/day=1/aab"],
            ),
            ("geo/", vec!["geo/a", "geo/a/b"], vec!["geography/a"]),
        ] {
            let pattern = pattern_of(key).unwrap();
            for (keys, is_matching) in [(matching, true), (others, false)] {
                for found in keys {
                    assert_eq!(pattern.is_found_in(found).unwrap(), is_matching, "{found} by {key}");
                }
            }
        }
    }
}
