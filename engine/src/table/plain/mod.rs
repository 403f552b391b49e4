//! A table as bare Parquet files in folders, for tools that only glob.
//!
//! Readers see what has the name of a Parquet file, so the files that a load stages have other names; and what they see cannot change in
//! one moment. So a commit is a record in a log of our own, created only if its number is free (see `log`): it says which files get
//! their names and which go. That decides. Doing what it says comes after it, and whoever comes next does what is left of it: the next
//! job, a query, `table show`, `vacuum`. So a load that dies before its record has done nothing, and one that dies after it is completed.
//! Between the two a glob sees a part of the new files, or those of a replaced table beside the new ones: that is the price of readers
//! that ask no log, and the reason why a Delta table is the default.
//!
//! A folder of an older version of this program has no log but a file `_bucketload.json`, which makes it a table; the first record adopts
//! what is visible there. Files that no record ever named are somebody else's, and stay.
//!
//! Reading order: [`record`] (what a commit says), `log` (which commits there are), `carry_out`, and the commit itself.

mod carry_out;
mod log;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use log::LOG_FOLDER;
pub use record::{TableState, VisibleFile};

use super::warehouse::{TableFolder, Warehouse, storage_error};
use super::{CommittedLoad, OutputMode, StagedLoad};
use crate::crash::crash_point;
use crate::error::{Blame, Error, Result};
use carry_out::carry_out;
use futures::TryStreamExt;
use log::{Created, Log};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use record::{Record, is_of};

/// In front of the name of a staged file: readers of folders pass over it.
pub const STAGED_PREFIX: &str = "_staged-";

/// The end of the name of a staged file: readers of patterns such as `**/*.parquet` pass over it.
pub const STAGED_EXTENSION: &str = "staged";

/// The end of the name of a file that readers see.
const EXTENSION: &str = "parquet";

/// The file that makes a folder a table that has no log yet.
const MARKER: &str = "_bucketload.json";

/// How often a commit is planned anew after another job took its number.
const MAX_REPLANS: usize = 100;

/// Makes a staged load visible: decides it by a record of the log, and does what that says.
///
/// **Errors**: after one, nothing of the load is or will be visible, unless the error says that this is not known.
pub async fn commit(warehouse: &Warehouse, folder: &TableFolder, load: &StagedLoad) -> Result<CommittedLoad> {
    let committed = CommittedLoad { version: None };
    if load.mode == OutputMode::ReplaceOnNewData && load.files.is_empty() {
        return Ok(committed);
    }
    let mut num_replans = 0;
    while !try_commit(warehouse, folder, load).await? {
        if num_replans >= MAX_REPLANS {
            return Err(Error::new(
                Blame::Storage,
                format!(
                    "cannot commit to table `{}`: other jobs were faster each time",
                    folder.name
                ),
            )
            .with_hint("run the job again; nothing was committed")
            .retryable(true));
        }
        tracing::debug!(table = %folder.name, "another job came first, the commit is planned anew");
        num_replans += 1;
    }
    crash_point("after_record");
    // The load is committed from here on. What cannot be done now is done by whoever comes next.
    let finished = match complete(warehouse, folder).await {
        Ok(_) => Log::fold(folder).await,
        Err(error) => Err(error),
    };
    if let Err(error) = finished {
        tracing::warn!(
            table = %folder.name,
            %error,
            "the load is committed, but readers do not see all of it yet; the next command on the table goes on with that"
        );
    }
    Ok(committed)
}

/// Plans a commit on top of those there are, and creates its record; `false`: another one took its number.
async fn try_commit(warehouse: &Warehouse, folder: &TableFolder, load: &StagedLoad) -> Result<bool> {
    let (log, before) = match load.mode {
        OutputMode::Append => (Log::list(folder).await?, TableState::new()),
        OutputMode::Replace | OutputMode::ReplaceOnNewData => Log::read_table(folder).await?,
    };
    carry_out_all(warehouse, folder, &log).await?;
    let adopted = match log.latest() == 0 && is_marked(folder).await? {
        true => adopted(folder).await?,
        false => Vec::new(),
    };
    let number = log.latest() + 1;
    let record = Record::new(number, load, &before.files, adopted);
    let is_its = |job: &serde_json::Value| is_of(job, load);
    match log.create(number, &record).await {
        Ok(Created::Yes) => {
            let is_held = Log::list(folder).await?.holds(number, is_its).await?;
            if !is_held {
                log.withdraw(number).await?;
            }
            Ok(is_held)
        }
        // The store may have created it, lost its answer and been asked again.
        Ok(Created::Taken) => match log.record(number).await? {
            Some(record) => Ok(record.is_of(load)),
            None => Ok(Log::read_table(folder).await?.1.bookkeeping().any(is_its)),
        },
        Err(error) => match log.record(number).await {
            Ok(Some(record)) if record.is_of(load) => {
                tracing::warn!(table = %folder.name, %error, "the commit has arrived all the same");
                Ok(true)
            }
            Ok(_) => Err(error),
            Err(_) => Err(error.with_hint(format!(
                "it is not known whether the load is visible: `issue --resume {}` tells, and goes on if it is not",
                load.job_id
            ))),
        },
    }
}

/// Does what the commits of a folder say and nobody has done yet; `false`: it is no table of bare files.
///
/// **Errors**: the store refused; nothing is decided by that.
/// **Cost**: one listing of one page when there is nothing to do.
pub async fn complete(warehouse: &Warehouse, folder: &TableFolder) -> Result<bool> {
    let log = Log::list(folder).await?;
    carry_out_all(warehouse, folder, &log).await?;
    Ok(log.latest() > 0 || is_marked(folder).await?)
}

async fn carry_out_all(warehouse: &Warehouse, folder: &TableFolder, log: &Log) -> Result<()> {
    for number in log.open() {
        carry_out(warehouse, folder, log, number).await?;
    }
    Ok(())
}

/// The table as its log has it; `None`: the folder is no table of bare files.
///
/// **Cost**: a listing of one page, and up to two hundred small files.
pub async fn read(folder: &TableFolder) -> Result<Option<TableState>> {
    let (log, mut state) = Log::read_table(folder).await?;
    if log.latest() == 0 {
        if !is_marked(folder).await? {
            return Ok(None);
        }
        state.files = adopted(folder).await?;
    }
    Ok(Some(state))
}

/// Whether the folder is a table of bare files.
pub async fn exists(folder: &TableFolder) -> Result<bool> {
    Ok(Log::list(folder).await?.latest() > 0 || is_marked(folder).await?)
}

async fn is_marked(folder: &TableFolder) -> Result<bool> {
    match folder.store().head(&Path::from(MARKER)).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(storage_error(&format!("cannot look into `{}`", folder.place()), error)),
    }
}

/// The files of a table that has no log yet: those that readers see.
async fn adopted(folder: &TableFolder) -> Result<Vec<VisibleFile>> {
    let failed = |error| storage_error(&format!("cannot list `{}`", folder.place()), error);
    let files: Vec<ObjectMeta> = folder.store().list(None).try_collect().await.map_err(failed)?;
    let visible = files.into_iter().filter(|file| is_visible(&file.location));
    let listed = visible.map(|file| VisibleFile {
        path: file.location.to_string(),
        num_rows: None,
        size_bytes: file.size,
    });
    Ok(listed.collect())
}

fn is_visible(path: &Path) -> bool {
    path.extension() == Some(EXTENSION) && !path.filename().unwrap_or_default().starts_with('_')
}

/// Where a staged file will be seen.
fn visible_path(staged: &str) -> String {
    let path = staged.replacen(STAGED_PREFIX, "", 1);
    match path.strip_suffix(STAGED_EXTENSION) {
        Some(path) => format!("{path}{EXTENSION}"),
        None => path,
    }
}
