//! Removes files of tables that nobody lists any more: what killed jobs have staged, what they wrote down to be gone on with, and what
//! was replaced long enough ago that nobody reads it any more.
//!
//! The order of looking makes it safe beside running jobs: first the folders are listed, then it is looked which jobs run, then the log
//! is read. A file that a job stages later is not in the list; one that was staged by then belongs to a job that runs, or that has
//! committed it before the log was read. Jobs that run are known by what they write down (see [`super::notes`]), so
//! their files stay however old they are. The bound on the age is for readers of older versions, and for jobs that are to be
//! gone on with.

use super::environment::Environment;
use super::notes::{JobNotes, NOTES_FOLDER};
use super::tables::no_such_table;
use crate::error::{Error, Result};
use crate::table::promise::{self, Companion};
use crate::table::warehouse::{TableFolder, TableName, storage_error};
use crate::table::{delta, plain};
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use object_store::{ObjectMeta, ObjectStoreExt};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Characters of a job's id.
const JOB_ID_LENGTH: usize = 36;

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
            if !environment.warehouse.table(&data).has_any_file().await? {
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
    let data = environment.warehouse.table(name);
    let mut folders = vec![data.clone()];
    folders.extend(Companion::ALL.map(|companion| environment.warehouse.table(&companion.name(name))));
    let mut stored = Vec::new();
    for folder in &folders {
        stored.push(files_in(folder).await?);
    }
    let now = environment.now();
    let jobs = Jobs::find(&data, &stored, now).await?;
    if let Some(table) = delta::open(&data).await? {
        promise::settle(&environment.warehouse, &table, name).await?;
    }

    let mut vacuumed = Vacuumed {
        database: name.database.clone(),
        table: name.table.clone(),
        running_jobs: jobs.running.iter().cloned().collect(),
        ..Vacuumed::default()
    };
    for (folder, files) in folders.iter().zip(stored) {
        let listed = Listed::read(folder, options.older_than).await?;
        for file in files {
            let path = file.location.as_ref();
            if !listed.may_go(path) || !jobs.may_go(path, &file, now - options.older_than) {
                continue;
            }
            vacuumed.files += 1;
            vacuumed.bytes += file.size;
            vacuumed.paths.push(format!("{}/{path}", folder.name.table));
            if !options.is_dry_run {
                match folder.store().delete(&file.location).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(storage_error(&format!("cannot clear up `{}`", folder.place()), error)),
                }
            }
        }
    }
    Ok(vacuumed)
}

/// Every file of a table's folder but its log.
async fn files_in(folder: &TableFolder) -> Result<Vec<ObjectMeta>> {
    let files: Vec<ObjectMeta> = match folder.store().list(None).try_collect().await {
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        listed => listed.map_err(|error| storage_error(&format!("cannot list `{}`", folder.place()), error))?,
    };
    let is_log = |file: &ObjectMeta| file.location.as_ref().starts_with("_delta_log/");
    Ok(files.into_iter().filter(|file| !is_log(file)).collect())
}

/// The job that a file belongs to, by its name.
fn job_of(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_prefix(plain::STAGED_PREFIX).unwrap_or(name);
    let job_id = name.get(..JOB_ID_LENGTH)?;
    uuid::Uuid::try_parse(job_id).is_ok().then_some(job_id)
}

/// The jobs that the files of a table belong to.
#[derive(Debug, Default)]
struct Jobs {
    running: BTreeSet<String>,
    /// When the last file of each was written.
    last_written: BTreeMap<String, Timestamp>,
}

impl Jobs {
    async fn find(data: &TableFolder, stored: &[Vec<ObjectMeta>], now: Timestamp) -> Result<Jobs> {
        let mut jobs = Jobs::default();
        for file in stored.iter().flatten() {
            if let Some(job_id) = job_of(file.location.as_ref()) {
                let written = jobs.last_written.entry(job_id.to_owned()).or_insert(Timestamp::MIN);
                *written = (*written).max(modified(file));
            }
        }
        let has_notes = |file: &&ObjectMeta| file.location.as_ref().starts_with(NOTES_FOLDER);
        let noted: BTreeSet<&str> = stored[0]
            .iter()
            .filter(has_notes)
            .filter_map(|file| job_of(file.location.as_ref()))
            .collect();
        for job_id in noted {
            let record = JobNotes::new(data, job_id).read_record().await;
            // What cannot be understood was written by another version, which may run.
            if record.map_or(true, |record| record.is_some_and(|record| record.is_running(now))) {
                jobs.running.insert(job_id.to_owned());
            }
        }
        Ok(jobs)
    }

    /// Whether a file that no log lists was left behind before `bound`. All files of a job go together: the last one says how long
    /// it has been dead.
    fn may_go(&self, path: &str, file: &ObjectMeta, bound: Timestamp) -> bool {
        match job_of(path) {
            Some(job_id) => {
                let is_running = self.running.contains(job_id);
                let written = self.last_written.get(job_id).copied().unwrap_or_else(|| modified(file));
                !is_running && written <= bound
            }
            // A file of somebody else's is theirs.
            None => false,
        }
    }
}

fn modified(file: &ObjectMeta) -> Timestamp {
    Timestamp::from_microsecond(file.last_modified.timestamp_micros()).unwrap_or(Timestamp::MAX)
}

/// What the log of a table says of its files.
#[derive(Debug)]
enum Listed {
    /// Files of the present version, and those of older ones that may still be read.
    Log(HashSet<String>),
    /// There is no log: what is not staged is the table.
    Plain,
    /// There is no table at all.
    Nothing,
}

impl Listed {
    async fn read(folder: &TableFolder, older_than: SignedDuration) -> Result<Listed> {
        let Some(table) = delta::open(folder).await? else {
            return Ok(match plain::exists(folder).await? {
                true => Listed::Plain,
                false => Listed::Nothing,
            });
        };
        let mut kept: HashSet<String> = table.file_paths()?.into_iter().collect();
        kept.extend(table.recently_removed(older_than).await?);
        Ok(Listed::Log(kept))
    }

    fn may_go(&self, path: &str) -> bool {
        match self {
            Listed::Log(kept) => !kept.contains(path),
            Listed::Plain => {
                let name = path.rsplit('/').next().unwrap_or(path);
                name.starts_with(plain::STAGED_PREFIX) || path.starts_with(NOTES_FOLDER)
            }
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

    const JOB: &str = "019ac8a0-1b2c-7d3e-8f40-123456789abc";

    #[test]
    fn a_file_is_its_jobs_by_its_name() {
        for path in [
            format!("date=2026-01-01/{JOB}-1a2b3c4d-0-0-1.parquet"),
            format!("{JOB}-1a2b3c4d-0-files.parquet"),
            format!("_staged-{JOB}-1a2b3c4d-0-0-1.parquet"),
            format!("_bucketload/{JOB}.job.json"),
        ] {
            assert_eq!(job_of(&path), Some(JOB), "{path}");
        }
        for path in ["part-00000.parquet", "_bucketload.json", "date=2026-01-01/README"] {
            assert_eq!(job_of(path), None, "{path}");
        }
    }

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
