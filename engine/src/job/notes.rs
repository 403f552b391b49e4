//! What a job writes down beside the files of its table: who runs it, and what of it is done.
//!
//! `<table>/_bucketload/<job>.job.json` says what the job is and which process has it, and is written again every minute. A job of several
//! steps that commits once adds `<job>.list-files.parquet`, its input, and a `<job>.step-N.json` with what each finished step has
//! staged; one that is stopped in the midst of a step adds a `<job>.part-N-M.json`. No reader looks into a folder whose name begins with
//! an underscore. A job that ends well leaves nothing behind; one that dies leaves its notes for `issue --resume`, until `vacuum` finds them
//! old.

use super::parts::StepPart;
use super::process::Process;
use super::report::StepCounts;
use crate::config::plan::OutputLayout;
use crate::error::{Blame, Error, Result};
use crate::table::warehouse::{TableFolder, storage_error};
use crate::write::{StagedFile, WriteError};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Where the notes of jobs are, in the folder of their table.
pub(super) const NOTES_FOLDER: &str = "_bucketload";

/// Name of the note that a process leaves which takes a job over, before a number.
const TAKEN_OVER: &str = "taken-over-";

/// Name of the note of a finished step, before its number.
const STEP: &str = "step-";
/// Name of the note that says that the job is being removed: nobody goes on with it any more.
pub(super) const REMOVED: &str = "removed";

/// How often a running job says so.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// The version of these files.
const FORMAT: u32 = 1;

/// What `job.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JobRecord {
    format: u32,
    pub(super) job_id: String,
    /// Of the configuration, as far as it decides which rows come out.
    pub(super) fingerprint: String,
    /// Microseconds since the epoch; a job that goes on has the same start.
    pub(super) started_micros: i64,
    /// What is known once the input is listed; `None`: the job goes on from its beginning.
    pub(super) input: Option<JobInput>,
    process: Process,
}

/// The input of a job of several steps; the files themselves are in `list-files.parquet`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JobInput {
    pub(super) num_listed: u64,
    pub(super) num_steps: usize,
    /// Bytes or files of a step, by which the list is cut again.
    pub(super) step_bytes: Option<u64>,
    pub(super) step_files: Option<u64>,
    /// Whether each step commits.
    pub(super) is_committed_in_steps: bool,
    pub(super) next: Value,
    /// The last promise to the ledger that the job has seen.
    pub(super) seen: i64,
}

/// What one finished step has staged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepOutput {
    pub(super) files: Vec<StagedFile>,
    pub(super) reject_files: Vec<StagedFile>,
    pub(super) ledger_files: Vec<StagedFile>,
    pub(super) num_read: u64,
    pub(super) num_rejected: u64,
}

impl StepOutput {
    /// Rows of all files.
    pub(super) fn num_written(&self) -> u64 {
        self.files.iter().map(|file| file.num_rows).sum()
    }

    /// Records that are neither in these files nor rejected: those that a filter left out.
    pub(super) fn num_filtered(&self) -> u64 {
        self.num_read.saturating_sub(self.num_written() + self.num_rejected)
    }

    /// Everything that both have staged.
    pub(super) fn join(&mut self, other: StepOutput) {
        self.files.extend(other.files);
        self.reject_files.extend(other.reject_files);
        self.ledger_files.extend(other.ledger_files);
        self.num_read += other.num_read;
        self.num_rejected += other.num_rejected;
    }
}

/// The notes of one job.
#[derive(Clone, Debug)]
pub(super) struct JobNotes {
    store: Arc<dyn ObjectStore>,
    job_id: String,
    place: String,
}

impl JobNotes {
    /// The notes of a job, whether or not there are any.
    pub(super) fn new(table: &TableFolder, job_id: &str) -> JobNotes {
        JobNotes {
            store: table.store(),
            job_id: job_id.to_owned(),
            place: table.place(),
        }
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter([NOTES_FOLDER, &format!("{}.{name}", self.job_id)])
    }

    /// What the list of files is called in the folder of the table. Where readers glob, its name is not that of a Parquet file.
    pub(super) fn list_path(&self, layout: OutputLayout) -> String {
        let name = format!("{NOTES_FOLDER}/{}.list-files", self.job_id);
        match layout {
            OutputLayout::Delta => format!("{name}.parquet"),
            OutputLayout::Parquet => name,
        }
    }

    fn failed(&self, error: object_store::Error) -> Error {
        storage_error(&format!("cannot keep job {} in `{}`", self.job_id, self.place), error)
    }

    async fn put(&self, name: &str, text: Vec<u8>) -> Result<()> {
        let path = self.path(name);
        let put = self.store.put(&path, text.into()).await;
        put.map(drop).map_err(|error| {
            let error = WriteError::Store {
                path: path.to_string(),
                source: Box::new(error),
            };
            super::write_error(&error.below(&self.place))
        })
    }

    /// Says what the job is and that this process has it.
    pub(super) async fn write_record(&self, record: &JobRecord) -> Result<()> {
        let text =
            serde_json::to_vec(record).map_err(|error| Error::internal("cannot write a job").caused_by(error))?;
        self.put("job.json", text).await
    }

    /// What is known of the job; `None`: it has left no notes.
    ///
    /// **Errors**: what is there was written by another version, or is broken.
    pub(super) async fn read_record(&self) -> Result<Option<JobRecord>> {
        let record: Option<JobRecord> = self.read("job.json").await?;
        match record {
            Some(record) if record.format != FORMAT => Err(Error::config(format!(
                "job {} was begun by another version of this program",
                self.job_id
            ))
            .with_hint("go on with that version, or start a new job")),
            record => Ok(record),
        }
    }

    /// Writes down what a step has staged.
    pub(super) async fn write_step(&self, step: usize, output: &StepOutput) -> Result<()> {
        let text =
            serde_json::to_vec(output).map_err(|error| Error::internal("cannot write a step").caused_by(error))?;
        self.put(&step_name(step), text).await
    }

    /// What a step has staged; `None`: it is not done.
    pub(super) async fn read_step(&self, step: usize) -> Result<Option<StepOutput>> {
        self.read(&step_name(step)).await
    }

    /// Writes down what a step has staged that is broken off; `number` counts how often it was before.
    pub(super) async fn write_part(&self, step: usize, number: usize, part: &StepPart) -> Result<()> {
        let text = serde_json::to_vec(part)
            .map_err(|error| Error::internal("cannot write a part of a step").caused_by(error))?;
        self.put(&part_name(step, number), text).await
    }

    /// What a step has staged that was broken off, the first part first.
    pub(super) async fn read_parts(&self, step: usize) -> Result<Vec<StepPart>> {
        let mut parts = Vec::new();
        while let Some(part) = self.read(&part_name(step, parts.len())).await? {
            parts.push(part);
        }
        Ok(parts)
    }

    async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let bytes = match self.store.get(&self.path(name)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            got => got.map_err(|error| self.failed(error))?.bytes().await,
        };
        let bytes = bytes.map_err(|error| self.failed(error))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let path = self.path(name);
            Error::new(Blame::Storage, format!("`{}/{path}` cannot be understood", self.place))
                .with_hint("start a new job; `vacuum` removes what is left of this one")
                .caused_by(error)
        })
    }

    /// Says that this process has let go of the job, and anybody may go on with it. A server lives on when a job of it has failed.
    pub(super) async fn let_go(&self) -> Result<()> {
        match self.read_record().await? {
            Some(mut record) if record.process.is_this() => {
                record.process.let_go();
                self.write_record(&record).await
            }
            // There are none, or they are another's.
            _ => Ok(()),
        }
    }

    /// Removes the notes.
    pub(super) async fn delete(&self) -> Result<()> {
        for file in notes_in(&self.store).await.map_err(|error| self.failed(error))? {
            if job_of_note(&file.location) != Some(&self.job_id) {
                continue;
            }
            match self.store.delete(&file.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Takes the job over from a process that died; gives how often that has happened. Of several processes that try at once, one succeeds.
    ///
    /// **Errors**: another process was faster, or removes the job.
    pub(super) async fn take_over(&self) -> Result<usize> {
        let number = self.claims().await?.num_takeovers + 1;
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let path = self.path(&format!("{TAKEN_OVER}{number}"));
        match self.store.put_opts(&path, PutPayload::new(), options).await {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => return Err(taken_over(&self.job_id)),
            Err(error) => return Err(self.failed(error)),
        }
        // Who removes the job looks for takeovers after it has said so; so at least one of both sees the other.
        match self.claims().await? {
            claims if claims.is_removed || !claims.has_record => Err(removed(&self.job_id)),
            _ => Ok(number),
        }
    }

    /// Makes sure that nobody else has taken the job over or removed it since.
    ///
    /// **Errors**: somebody has.
    pub(super) async fn check_ours(&self, num_takeovers: usize) -> Result<()> {
        match self.claims().await? {
            claims if claims.is_removed || !claims.has_record => Err(removed(&self.job_id)),
            claims if claims.num_takeovers != num_takeovers => Err(taken_over(&self.job_id)),
            _ => Ok(()),
        }
    }

    /// Steps that are written down.
    pub(super) async fn num_steps(&self) -> Result<u64> {
        Ok(self.claims().await?.num_steps)
    }

    /// Takes a dead job out of everybody's reach, so that its files can go; `false`: somebody has taken it over since `known`. The note that
    /// says so is empty if there is a doubt whether the job is dead.
    pub(super) async fn begin_removal(&self, known: Claims, is_certain: bool) -> Result<bool> {
        let text = if is_certain { "dead" } else { "" };
        self.put(REMOVED, text.into()).await?;
        let is_ours = self.claims().await?.num_takeovers == known.num_takeovers;
        if !is_ours {
            let withdrawn = self.store.delete(&self.path(REMOVED)).await;
            withdrawn.map_err(|error| self.failed(error))?;
        }
        Ok(is_ours)
    }

    /// Takes the job out of everybody's reach because another one loads what it would have loaded, its process being dead; `false`: another
    /// process goes on with it.
    pub(super) async fn give_up(&self, now: jiff::Timestamp) -> Result<bool> {
        let claims = self.claims().await?;
        if claims.is_removed || !claims.has_record {
            return Ok(true);
        }
        if claims.num_takeovers > 0
            && let Some(record) = self.read_record().await?
            && record.is_running(now)
            && !record.process.is_this()
        {
            return Ok(false);
        }
        self.begin_removal(claims, true).await
    }

    /// Whether the job is out of everybody's reach.
    pub(super) async fn is_removed(&self) -> Result<bool> {
        Ok(self.claims().await?.is_removed)
    }

    /// What processes have said of the job.
    pub(super) async fn claims(&self) -> Result<Claims> {
        let notes = notes_in(&self.store).await.map_err(|error| self.failed(error))?;
        let mut claims = Claims::default();
        for note in &notes {
            let name = note.location.filename().and_then(|name| name.split_once('.'));
            match name.filter(|(job_id, _)| *job_id == self.job_id) {
                Some((_, "job.json")) => claims.has_record = true,
                Some((_, REMOVED)) => claims.is_removed = true,
                Some((_, name)) if name.starts_with(TAKEN_OVER) => claims.num_takeovers += 1,
                Some((_, name)) if name.starts_with(STEP) => claims.num_steps += 1,
                _ => {}
            }
        }
        Ok(claims)
    }

    /// Goes on saying that this process has the job, until what is given is dropped.
    pub(super) fn keep_alive(
        &self,
        record: JobRecord,
        runtime: &Handle,
        now: impl Fn() -> jiff::Timestamp + Send + 'static,
    ) -> Heartbeat {
        let notes = self.clone();
        Heartbeat(runtime.spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                let record = record.clone().seen_at(now());
                if let Err(error) = notes.write_record(&record).await {
                    tracing::warn!(%error, "cannot say that the job is running");
                }
            }
        }))
    }
}

/// What processes have said of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// Whether it is known what the job is.
    has_record: bool,
    /// How often it was taken over by another process.
    num_takeovers: usize,
    /// Whether it is being removed.
    is_removed: bool,
    /// Steps that are written down.
    num_steps: u64,
}

/// Says that a job runs.
#[derive(Debug)]
pub(super) struct Heartbeat(JoinHandle<()>);

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl JobRecord {
    /// A job that this process begins or goes on with.
    pub(super) fn new(job_id: &str, fingerprint: String, started: jiff::Timestamp, now: jiff::Timestamp) -> JobRecord {
        JobRecord {
            format: FORMAT,
            job_id: job_id.to_owned(),
            fingerprint,
            started_micros: started.as_microsecond(),
            input: None,
            process: Process::this(now),
        }
    }

    /// The same job in the hands of this process.
    pub(super) fn taken_over(self, now: jiff::Timestamp) -> JobRecord {
        JobRecord {
            process: Process::this(now),
            ..self
        }
    }

    fn seen_at(mut self, now: jiff::Timestamp) -> JobRecord {
        self.process.seen_at(now);
        self
    }

    /// Steps of the job; one if its input is not known yet.
    pub(super) fn num_steps(&self) -> u64 {
        self.input.as_ref().map_or(1, |input| input.num_steps as u64)
    }

    /// Whether a process has the job.
    pub(super) fn is_running(&self, now: jiff::Timestamp) -> bool {
        self.process.is_running(now)
    }

    /// Whether there is no doubt about [`is_running`](Self::is_running).
    pub(super) fn is_known_here(&self) -> bool {
        self.process.is_known_here()
    }
}

fn taken_over(job_id: &str) -> Error {
    Error::new(
        Blame::Storage,
        format!("job {job_id} was taken over by another process"),
    )
    .with_hint("it goes on there; nothing more is committed here")
}

fn removed(job_id: &str) -> Error {
    Error::new(Blame::Storage, format!("job {job_id} was removed")).with_hint(
        "`vacuum` took it away, or its schedule has begun anew; start a new job, nothing more is committed here",
    )
}

/// All notes beside a table.
async fn notes_in(store: &Arc<dyn ObjectStore>) -> object_store::Result<Vec<ObjectMeta>> {
    match store.list(Some(&Path::from(NOTES_FOLDER))).try_collect().await {
        Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
        listed => listed,
    }
}

/// The job that a note is of.
fn job_of_note(path: &Path) -> Option<&str> {
    Some(path.filename()?.split_once('.')?.0)
}

/// A job that has left notes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnfinishedJob {
    /// The job.
    pub job_id: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// Whether a process has it.
    pub is_running: bool,
    /// Steps that are written down. Those that are committed are in the log.
    pub steps: StepCounts,
}

/// The jobs that have left notes beside a table, the earliest first.
///
/// **Cost**: one listing, and one request for each.
pub(super) async fn unfinished_jobs(table: &TableFolder, now: jiff::Timestamp) -> Result<Vec<UnfinishedJob>> {
    let failed = |error| storage_error(&format!("cannot list the jobs of `{}`", table.name), error);
    let notes = notes_in(&table.store()).await.map_err(failed)?;
    let job_ids: BTreeSet<&str> = notes.iter().filter_map(|note| job_of_note(&note.location)).collect();
    let mut jobs = Vec::new();
    for job_id in job_ids {
        let Some(record) = JobNotes::new(table, job_id).read_record().await? else {
            continue;
        };
        let is_step = |note: &&ObjectMeta| {
            let name = note.location.filename().and_then(|name| name.split_once('.'));
            name.is_some_and(|(job, name)| job == job_id && name.starts_with(STEP))
        };
        jobs.push(UnfinishedJob {
            job_id: job_id.to_owned(),
            started: jiff::Timestamp::from_microsecond(record.started_micros)
                .unwrap_or(now)
                .to_string(),
            is_running: record.is_running(now),
            steps: StepCounts {
                done: notes.iter().filter(is_step).count() as u64,
                total: record.num_steps(),
            },
        });
    }
    Ok(jobs)
}

fn part_name(step: usize, number: usize) -> String {
    format!("part-{step:06}-{number:03}.json")
}

fn step_name(step: usize) -> String {
    format!("{STEP}{step:06}.json")
}
