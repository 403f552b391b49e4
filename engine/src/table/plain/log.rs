//! The log of a table of bare files: one numbered record for each commit, created only if its number is free.
//!
//! ```text
//! _bucketload_log/_00000000000000000100.checkpoint.json    the table after commit 100
//! _bucketload_log/_00000000000000000101.json               commit 101
//! _bucketload_log/_00000000000000000101.done               has been carried out
//! ```
//!
//! Every [`FOLD_EVERY`] commits a checkpoint is written, and what stands before the one before it goes; so a listing is one request, and a
//! table of ten thousand commits is read as fast as one of a few. A number that has gone is free again, so a process that was asleep for
//! that long may create a record where nobody looks: whoever has created one looks whether a checkpoint was faster (see [`Log::holds`]).

use super::super::warehouse::{TableFolder, storage_error};
use super::record::{FORMAT, LogFile, Record, TableState, to_text};
use crate::crash::crash_point;
use crate::error::{Blame, Error, Result};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where the log is, in the folder of its table. Engines pass over folders whose name begins with an underscore; scripts that look at the
/// names of files alone pass over its files, whose names do too.
pub(crate) const LOG_FOLDER: &str = "_bucketload_log";

/// Commits after which a checkpoint is written: twice as many records, each with its note, are still one page of a listing.
const FOLD_EVERY: u64 = 100;

/// Records read at a time.
const MAX_READS: usize = 16;

/// How often a log is read anew that was folded meanwhile: each time a hundred commits have come.
const MAX_READINGS: usize = 10;

const CHECKPOINT: &str = "checkpoint.json";
const RECORD: &str = "json";
const DONE: &str = "done";

/// What is in a log, by its names.
#[derive(Debug)]
pub(super) struct Log {
    folder: TableFolder,
    store: Arc<dyn ObjectStore>,
    /// The last commit that is in a checkpoint; 0: none is.
    folded: u64,
    /// The commits after that.
    records: BTreeSet<u64>,
    /// Those of them that were carried out.
    done: BTreeSet<u64>,
    /// Every file with its number.
    files: Vec<(u64, Path)>,
}

/// What became of a record that was to be created.
pub(super) enum Created {
    /// It is the commit of its number.
    Yes,
    /// Another one has the number.
    Taken,
}

impl Log {
    /// Lists the log of a folder, which may have none.
    pub(super) async fn list(folder: &TableFolder) -> Result<Log> {
        let store = folder.store();
        let mut readings = 0;
        loop {
            let listed = store.list(Some(&Path::from(LOG_FOLDER))).try_collect().await;
            let listed: Vec<ObjectMeta> = match listed {
                Err(object_store::Error::NotFound { .. }) => Vec::new(),
                listed => listed.map_err(|error| storage_error(&format!("cannot list `{}`", folder.place()), error))?,
            };
            let log = Log::new(folder, listed.into_iter().map(|file| file.location));
            // A directory is not listed at one moment: what was written meanwhile may be there without what was written before.
            match log.is_whole() {
                true => return Ok(log),
                false if readings < MAX_READINGS => readings += 1,
                false => {
                    let missing = (log.folded + 1..).find(|number| !log.records.contains(number));
                    return Err(Error::new(
                        Blame::Storage,
                        format!("a record is missing in the log of table `{}`", folder.name),
                    )
                    .at(log.place_of(&log.path(missing.unwrap_or_default(), RECORD)))
                    .with_hint("the files that it listed are not known; load the table anew into another one"));
                }
            }
        }
    }

    fn new(folder: &TableFolder, paths: impl Iterator<Item = Path>) -> Log {
        let mut log = Log {
            folder: folder.clone(),
            store: folder.store(),
            folded: 0,
            records: BTreeSet::new(),
            done: BTreeSet::new(),
            files: Vec::new(),
        };
        for path in paths {
            let name = path.filename().and_then(|name| name.strip_prefix('_'));
            let Some((number, kind)) = name.and_then(|name| name.split_once('.')) else {
                continue;
            };
            let Ok(number) = number.parse() else { continue };
            match kind {
                CHECKPOINT => log.folded = log.folded.max(number),
                RECORD => drop(log.records.insert(number)),
                DONE => drop(log.done.insert(number)),
                _ => continue,
            }
            log.files.push((number, path));
        }
        log.records.retain(|number| *number > log.folded);
        log
    }

    fn is_whole(&self) -> bool {
        self.latest() - self.folded == self.records.len() as u64
    }

    fn path(&self, number: u64, kind: &str) -> Path {
        Path::from_iter([LOG_FOLDER, &format!("_{number:020}.{kind}")])
    }

    /// The number of the last commit; 0: there is none.
    pub(super) fn latest(&self) -> u64 {
        self.records.last().copied().unwrap_or(self.folded)
    }

    /// Commits that nobody has carried out, or has said so, the earliest first.
    pub(super) fn open(&self) -> impl Iterator<Item = u64> {
        self.records.difference(&self.done).copied()
    }

    /// Whether a commit was carried out.
    pub(super) fn is_done(&self, number: u64) -> bool {
        number <= self.folded || self.done.contains(&number)
    }

    /// Whether a record that was just created is one that readers see. Where a checkpoint was faster, that tells.
    pub(super) async fn holds(&self, number: u64, is_it: impl Fn(&serde_json::Value) -> bool) -> Result<bool> {
        if number > self.folded {
            return Ok(true);
        }
        let state = self.checkpoint().await?.unwrap_or_else(TableState::new);
        Ok(state.jobs.iter().any(is_it))
    }

    /// The record of a commit; `None`: it was folded meanwhile.
    pub(super) async fn record(&self, number: u64) -> Result<Option<Record>> {
        self.read(&self.path(number, RECORD)).await
    }

    /// Creates the record of a commit.
    ///
    /// **Errors**: the store refused; it may have the record all the same.
    pub(super) async fn create(&self, number: u64, record: &Record) -> Result<Created> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let path = self.path(number, RECORD);
        let created = self.store.put_opts(&path, to_text(record)?.into(), options).await;
        match created {
            Ok(_) => Ok(Created::Yes),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Created::Taken)
            }
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Says that a commit was carried out.
    pub(super) async fn note_done(&self, number: u64) -> Result<()> {
        let path = self.path(number, DONE);
        let put = self.store.put(&path, PutPayload::new()).await;
        put.map(drop).map_err(|error| self.failed(&path, error))
    }

    /// Takes a record away that nobody sees.
    pub(super) async fn withdraw(&self, number: u64) -> Result<()> {
        self.delete(&self.path(number, RECORD)).await
    }

    async fn checkpoint(&self) -> Result<Option<TableState>> {
        match self.folded {
            0 => Ok(None),
            folded => self.read(&self.path(folded, CHECKPOINT)).await,
        }
    }

    /// The table after its last commit; `None`: the log was folded meanwhile.
    async fn state(&self) -> Result<Option<TableState>> {
        let mut state = match (self.folded, self.checkpoint().await?) {
            (0, _) => TableState::new(),
            (_, Some(state)) => state,
            (_, None) => return Ok(None),
        };
        let reading: Vec<_> = self.records.iter().map(|number| self.record(*number).boxed()).collect();
        let mut records = futures::stream::iter(reading).buffered(MAX_READS);
        while let Some(record) = records.try_next().await? {
            match record {
                Some(record) => state.apply(record),
                None => return Ok(None),
            }
        }
        Ok(Some(state))
    }

    /// Reads the table of a folder as it is after its last commit, with its log; 0 commits: it has none.
    pub(super) async fn read_table(folder: &TableFolder) -> Result<(Log, TableState)> {
        for _ in 0..MAX_READINGS {
            let log = Log::list(folder).await?;
            if let Some(state) = log.state().await? {
                return Ok((log, state));
            }
        }
        Err(Error::new(
            Blame::Storage,
            format!(
                "table `{}` gets new commits faster than its log can be read",
                folder.name
            ),
        )
        .with_hint("try again")
        .retryable(true))
    }

    /// Writes a checkpoint if it is time, and takes away what nobody reads any more. All commits must have been carried out.
    pub(super) async fn fold(folder: &TableFolder) -> Result<()> {
        let log = Log::list(folder).await?;
        if log.latest() < log.folded + FOLD_EVERY || log.open().next().is_some() {
            return Ok(());
        }
        let Some(mut state) = log.state().await? else {
            return Ok(());
        };
        state.forget_old_jobs();
        let folded = log.latest();
        let path = log.path(folded, CHECKPOINT);
        let put = log.store.put(&path, to_text(&state)?.into()).await;
        put.map_err(|error| log.failed(&path, error))?;
        crash_point("after_checkpoint_of_log");
        // What stands between the last two checkpoints stays for whoever is reading.
        for (_, path) in log.files.iter().filter(|(number, _)| *number < log.folded) {
            log.delete(path).await?;
            crash_point("after_removal_from_log");
        }
        Ok(())
    }

    async fn delete(&self, path: &Path) -> Result<()> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(path, error)),
        }
    }

    async fn read<T: DeserializeOwned + LogFile>(&self, path: &Path) -> Result<Option<T>> {
        let bytes = match self.store.get(path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            got => got.map_err(|error| self.failed(path, error))?.bytes().await,
        };
        let bytes = bytes.map_err(|error| self.failed(path, error))?;
        let place = self.place_of(path);
        let file: T = serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(Blame::Storage, format!("`{place}` cannot be understood"))
                .with_hint("it was written by another version of this program, or is broken")
                .caused_by(error)
        })?;
        match file.format() {
            FORMAT => Ok(Some(file)),
            format => Err(Error::new(
                Blame::Storage,
                format!("`{place}` has format {format}, and this program knows {FORMAT}"),
            )
            .with_hint("use the version of the program that wrote it, or a newer one")),
        }
    }

    fn failed(&self, path: &Path, error: object_store::Error) -> Error {
        let what = format!("cannot keep the log of table `{}`", self.folder.name);
        storage_error(&what, error).at(self.place_of(path))
    }

    /// How users know a file of the log.
    fn place_of(&self, path: &Path) -> String {
        format!("{}/{path}", self.folder.place().trim_end_matches('/'))
    }
}
