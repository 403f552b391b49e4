//! Removes files of tables that nobody lists any more: what killed jobs have staged, what they wrote down to be gone on with, and what
//! was replaced long enough ago that nobody reads it any more.
//!
//! The order of looking makes it safe beside running jobs: first the folders are listed, then it is looked which jobs run, then the log
//! is read. A file that a job stages later is not in the list; one that was staged by then belongs to a job that runs, or that has
//! committed it before the log was read. Jobs that run are known by what they write down (see [`super::notes`]), so
//! their files stay however old they are, and so does what was taken out of the tables since they began: they may be reading it. The
//! bound on the age is for readers of older versions, and for jobs that are to be gone on with. A dead job is taken out of
//! everybody's reach before its files go, so that nobody goes on with it while they do.

use super::environment::Environment;
use super::tables::no_such_table;
use crate::crash::crash_point;
use crate::error::{Error, Result};
use crate::table::promise::{self, Companion};
use crate::table::unfinished::{remove_unfinished, unfinished_files};
use crate::table::warehouse::{TableFolder, TableName, storage_error};
use crate::table::{delta, plain};
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use jobs::{Jobs, job_of};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

mod jobs;

/// Where a table's log is, in its folder.
const LOG_FOLDERS: [&str; 2] = ["_delta_log", plain::LOG_FOLDER];

/// A file of a log that is unfinished for so long will never be finished: it is some KB. It tells no job.
const LOG_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// What may go.
#[derive(Clone, Copy, Debug)]
pub struct VacuumOptions {
    /// Only what nobody has listed for so long.
    pub older_than: SignedDuration,
    /// Whether nothing is removed, and it is only told what would be.
    pub is_dry_run: bool,
}

/// What went of one table and the tables beside it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Vacuumed {
    /// Folder of the warehouse.
    pub database: String,
    /// Folder of the database.
    pub table: String,
    /// Files removed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their paths in the database's folder.
    pub paths: Vec<String>,
    /// Jobs that run now, whose files stay.
    pub running_jobs: Vec<String>,
}

/// Looks through one table, or through all of the warehouse.
///
/// **Errors**: there is no such table; the store refused. What was removed before stays removed.
pub async fn vacuum(
    environment: &Environment,
    name: Option<&TableName>,
    options: VacuumOptions,
) -> Result<Vec<Vacuumed>> {
    let names = match name {
        Some(name) => {
            let data = name.data().unwrap_or_else(|| name.clone());
            let mut has_any_file = false;
            for folder in folders_of(environment, &data) {
                has_any_file = has_any_file || folder.has_any_file().await?;
            }
            if !has_any_file {
                return Err(no_such_table(environment, name).await);
            }
            BTreeSet::from([data])
        }
        None => {
            let folders = environment.warehouse.folders_of_tables().await?.into_iter();
            folders.map(|name| name.data().unwrap_or(name)).collect()
        }
    };
    let mut all = Vec::new();
    for name in names {
        all.push(vacuum_table(environment, &name, options).await?);
    }
    Ok(all)
}

async fn vacuum_table(environment: &Environment, name: &TableName, options: VacuumOptions) -> Result<Vacuumed> {
    let folders = folders_of(environment, name);
    let data = &folders[0];
    let mut stored = Vec::new();
    for folder in &folders {
        stored.push(files_in(folder).await?);
    }
    let now = environment.now();
    let mut jobs = Jobs::find(data, &stored, now).await?;
    match delta::open(data).await? {
        Some(table) => promise::settle(&environment.warehouse, &table, name).await?,
        None => drop(plain::complete(&environment.warehouse, data).await?),
    }
    let bound = now.checked_sub(options.older_than).unwrap_or(Timestamp::MIN);
    let removed_before = options.older_than.max(jobs.longest_run(now));
    let mut listed = Vec::new();
    for folder in &folders {
        listed.push(Listed::read(folder, removed_before).await?);
    }
    if !options.is_dry_run {
        jobs.begin_removal(data, bound).await?;
        crash_point("after_removal_began");
    }

    let mut vacuumed = Vacuumed {
        database: name.database.clone(),
        table: name.table.clone(),
        running_jobs: jobs.running().map(str::to_owned).collect(),
        ..Vacuumed::default()
    };
    let is_note = |file: &StoredFile| file.path.starts_with(jobs::NOTES_FOLDER);
    // What a job wrote down goes last: as long as it is there, it tells that the job is being removed.
    for is_turn_of_notes in [false, true] {
        for ((folder, files), listed) in folders.iter().zip(&stored).zip(&listed) {
            for file in files.iter().filter(|file| is_note(file) == is_turn_of_notes) {
                if !may_go(file, listed, &jobs, bound, now) {
                    continue;
                }
                vacuumed.files += 1;
                vacuumed.bytes += file.size_bytes;
                vacuumed.paths.push(format!("{}/{}", folder.name.table, file.path));
                if !options.is_dry_run {
                    file.remove(folder).await?;
                    crash_point("after_removal");
                }
            }
        }
    }
    if !options.is_dry_run {
        jobs.end_removal(data).await?;
    }
    vacuumed.paths.sort();
    Ok(vacuumed)
}

/// The folder of a table, and those of the tables beside it.
fn folders_of(environment: &Environment, name: &TableName) -> Vec<TableFolder> {
    let mut folders = vec![environment.warehouse.table(name)];
    folders.extend(Companion::ALL.map(|companion| environment.warehouse.table(&companion.name(name))));
    folders
}

fn may_go(file: &StoredFile, listed: &Listed, jobs: &Jobs, bound: Timestamp, now: Timestamp) -> bool {
    if is_of_log(&file.path) {
        return file.modified <= bound && now.duration_since(file.modified) >= LOG_PATIENCE;
    }
    let is_listed = !file.is_unfinished && !listed.may_go(&file.path);
    match job_of(&file.path) {
        Some(job_id) => !is_listed && !jobs.is_remembered(file) && jobs.may_go(job_id, file.modified, bound),
        // A file of somebody else's is theirs.
        None => false,
    }
}

fn is_of_log(path: &str) -> bool {
    let folder = path.split_once('/').map(|(folder, _)| folder);
    folder.is_some_and(|folder| LOG_FOLDERS.contains(&folder))
}

/// A file in the folder of a table.
#[derive(Debug)]
struct StoredFile {
    path: String,
    size_bytes: u64,
    modified: Timestamp,
    /// Whether a process was writing it when it died, or is.
    is_unfinished: bool,
}

impl StoredFile {
    async fn remove(&self, folder: &TableFolder) -> Result<()> {
        if self.is_unfinished {
            return remove_unfinished(folder, &self.path).await;
        }
        match folder.store().delete(&Path::from(self.path.as_str())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(storage_error(&format!("cannot clear up `{}`", folder.place()), error)),
        }
    }
}

/// Every file of a table's folder but its log, of which only what is unfinished.
async fn files_in(folder: &TableFolder) -> Result<Vec<StoredFile>> {
    let listed: Vec<ObjectMeta> = match folder.store().list(None).try_collect().await {
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        listed => listed.map_err(|error| storage_error(&format!("cannot list `{}`", folder.place()), error))?,
    };
    let mut files: Vec<StoredFile> = listed
        .into_iter()
        .filter(|file| !is_of_log(file.location.as_ref()))
        .map(|file| StoredFile {
            path: file.location.to_string(),
            size_bytes: file.size,
            modified: Timestamp::from_microsecond(file.last_modified.timestamp_micros()).unwrap_or(Timestamp::MAX),
            is_unfinished: false,
        })
        .collect();
    files.extend(unfinished_files(folder).await?.into_iter().map(|file| StoredFile {
        path: file.path,
        size_bytes: file.size_bytes,
        modified: file.modified,
        is_unfinished: true,
    }));
    Ok(files)
}

/// What the log of a table says of its files.
#[derive(Debug)]
enum Listed {
    /// Files of the present version, and those of older ones that may still be read.
    Log(HashSet<String>),
    /// There is no table at all.
    Nothing,
}

impl Listed {
    async fn read(folder: &TableFolder, older_than: SignedDuration) -> Result<Listed> {
        let Some(table) = delta::open(folder).await? else {
            return Ok(match plain::read(folder).await? {
                Some(table) => Listed::Log(table.files().iter().map(|file| file.path.clone()).collect()),
                None => Listed::Nothing,
            });
        };
        let mut kept: HashSet<String> = table.file_paths()?.into_iter().collect();
        kept.extend(table.recently_removed(older_than).await?);
        Ok(Listed::Log(kept))
    }

    fn may_go(&self, path: &str) -> bool {
        match self {
            Listed::Log(kept) => !kept.contains(path),
            Listed::Nothing => true,
        }
    }
}

/// Reads how old a file must be: `7d`, `12h`, `30m`, `45s`, `0`.
///
/// **Errors**: anything else.
pub fn parse_age(text: &str) -> Result<SignedDuration> {
    let wrong = || {
        Error::config(format!("`{text}` is no age"))
            .at("--older-than")
            .with_hint("write a number and a unit, such as `7d`, `12h`, `30m` or `45s`")
    };
    let text = text.trim();
    let digits = text.trim_end_matches(|character: char| character.is_alphabetic());
    let seconds = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u32 = digits.trim().parse().map_err(|_| wrong())?;
    Ok(SignedDuration::from_secs(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units() {
        let seconds = |text: &str| parse_age(text).map(|age| age.as_secs()).ok();
        assert_eq!(seconds("7d"), Some(604_800));
        assert_eq!(seconds("12 h"), Some(43_200));
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds("-1d"), None);
        assert_eq!(seconds("soon"), None);
    }
}
