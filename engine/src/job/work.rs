//! What a job has to do: its input in steps, and which of them are done. Begun anew, or gone on with.

use super::environment::{Budgets, Environment};
use super::fingerprint::fingerprint;
use super::input::{self, OpenInput, Wanted};
use super::notes::{Heartbeat, JobInput, JobNotes, JobRecord, StepOutput};
use super::parts::{Parts, StepPart};
use super::progress::Progress;
use super::replay::{self, RejectFilter, Replay};
use super::report::RowCounts;
use super::steps::Steps;
use super::target::Existing;
use crate::config::plan::{JobPlan, OutputLayout, StepSize};
use crate::crash::crash_point;
use crate::error::{Error, Result};
use crate::source::file::FileList;
use crate::source::known::{OnChangedFile, ReplacedFile};
use crate::table::delta::ExistingTable;
use crate::table::ledger::{Ledger, LedgerJob, LedgerWriter};
use crate::table::warehouse::TableFolder;
use crate::table::{OutputMode, ledger};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Compressed bytes after which a job writes down what it has done, where the configuration does not say: some minutes' worth, and
/// enough that the files it completes for that are not small.
const CHECKPOINT_BYTES: u64 = 1 << 30;

/// What every part of a job stands on.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) environment: &'a Environment,
    pub(super) plan: &'a JobPlan,
    pub(super) folder: &'a TableFolder,
    pub(super) budgets: &'a Budgets,
    pub(super) progress: &'a Progress,
}

impl Job<'_> {
    /// Opens the input of a job that started then.
    pub(super) async fn open_input(self, started: jiff::Timestamp, wanted: Wanted) -> Result<OpenInput> {
        input::open(self.environment, &self.plan.input, self.budgets, started, wanted).await
    }
}

/// The work of a job.
pub(super) struct Work {
    /// When the job started, also if another process did so.
    pub(super) started: jiff::Timestamp,
    pub(super) input: OpenInput,
    pub(super) steps: Steps,
    /// Whether each step commits by itself.
    pub(super) is_committed_in_steps: bool,
    /// Versions of files whose rows go.
    pub(super) replaced: Vec<ReplacedFile>,
    /// What the next run must add to its configuration.
    pub(super) next: Value,
    /// The last promise to the ledger that was seen.
    pub(super) seen: i64,
    /// Steps that are committed.
    pub(super) committed: BTreeSet<usize>,
    /// Rows of steps that other processes have committed.
    pub(super) committed_before: RowCounts,
    /// Steps that are written down, and what they have staged together.
    pub(super) kept: BTreeSet<usize>,
    pub(super) output: StepOutput,
    /// The rejects that are read again; `None`: files are.
    pub(super) replay: Option<Replay>,
    /// Whether a replay has changed nothing.
    pub(super) is_in_vain: bool,
    pub(super) notes: JobNotes,
    pub(super) record: JobRecord,
    /// Whether some of the files of a step can be read, and the others later.
    pub(super) can_be_cut: bool,
    /// What was done before of the first step that is not done.
    pub(super) parts: Parts,
    /// How often the job was taken over by another process, this one included.
    pub(super) num_takeovers: usize,
    pub(super) heartbeat: Option<Heartbeat>,
}

impl Work {
    /// Lists the input.
    pub(super) async fn begin(job: Job<'_>, existing: &Existing) -> Result<Work> {
        let now = job.environment.now();
        let record = JobRecord::new(&job.progress.job_id, fingerprint(job.plan), now, now);
        Work::list(job, existing, record, now).await
    }

    /// Finds the rejects that are to be read again. That is never gone on with: it is short, and begins anew with what is left.
    pub(super) async fn replay(job: Job<'_>, filter: &RejectFilter) -> Result<Work> {
        let now = job.environment.now();
        let target = &job.folder.name;
        let (input, replay) = replay::open(job.environment, job.plan, job.budgets, target, filter).await?;
        let steps = Steps::whole(Arc::clone(&input.listing.files));
        let record = JobRecord::new(&job.progress.job_id, fingerprint(job.plan), now, now);
        Ok(Work {
            replay: Some(replay),
            ..Work::new(job, record, now, input, steps)
        })
    }

    /// Work of which nothing is done, that commits once and cannot be cut.
    pub(super) fn new(
        job: Job<'_>,
        record: JobRecord,
        started: jiff::Timestamp,
        input: OpenInput,
        steps: Steps,
    ) -> Work {
        Work {
            started,
            next: input.next(),
            input,
            steps,
            is_committed_in_steps: false,
            replaced: Vec::new(),
            seen: 0,
            committed: BTreeSet::new(),
            committed_before: RowCounts::default(),
            kept: BTreeSet::new(),
            output: StepOutput::default(),
            replay: None,
            is_in_vain: false,
            notes: JobNotes::new(job.folder, &job.progress.job_id),
            record,
            can_be_cut: false,
            parts: Parts::default(),
            num_takeovers: 0,
            heartbeat: None,
        }
    }

    pub(super) async fn list(
        job: Job<'_>,
        existing: &Existing,
        record: JobRecord,
        started: jiff::Timestamp,
    ) -> Result<Work> {
        let seen = match existing.delta() {
            Some(table) => Ledger::promised(table).await?,
            None => 0,
        };
        let (wanted, seen) = match asked(job.plan)? {
            None => (Wanted::Selected, seen),
            Some(on_changed_file) => {
                let ledger = open_ledger(job, existing.delta()).await?;
                let seen = ledger.promised;
                (Wanted::Unknown(ledger, on_changed_file), seen)
            }
        };
        let input = job.open_input(started, wanted).await?;
        let files = Arc::clone(&input.listing.files);
        let (size, is_committed_in_steps) = step_size(job.plan)?;
        let steps = match size {
            None => Steps::whole(files),
            Some(size) if is_committed_in_steps => Steps::by_cursor(files, size, &job.plan.input.select),
            Some(size) => Steps::by_key(files, size),
        };
        Ok(Work {
            is_committed_in_steps,
            replaced: input.listing.replaced.clone(),
            seen,
            can_be_cut: true,
            ..Work::new(job, record, started, input, steps)
        })
    }

    /// Steps that need not be done again.
    pub(super) fn num_done(&self) -> usize {
        self.committed.len() + self.kept.len()
    }

    /// Whether a step is done.
    pub(super) fn is_done(&self, step: usize) -> bool {
        self.committed.contains(&step) || self.kept.contains(&step)
    }

    /// Makes one step of all, for rows that cannot be told apart.
    ///
    /// **Errors**: each step was to be committed.
    pub(super) fn join_steps(&mut self) -> Result<()> {
        if self.is_committed_in_steps && self.steps.len() > 1 {
            return Err(Error::config(
                "a filter makes rows of several records, so the rows of some files cannot be committed without the others",
            )
            .at("exec.commit_every")
            .with_hint("remove `exec.commit_every`, or the aggregation, order or limit in `filters`"));
        }
        self.steps = Steps::whole(Arc::clone(self.steps.all_files()));
        self.can_be_cut = false;
        Ok(())
    }

    /// Writes down that this process has the job, and its input if it is done in steps. From here on the job can be gone on with.
    pub(super) async fn announce(&mut self, job: Job<'_>) -> Result<()> {
        // First of all, so that `vacuum` knows that what follows is somebody's.
        self.notes.write_record(&self.record).await?;
        if self.steps.len() > 1 {
            self.write_input(job).await?;
        }
        let clock = job.environment.clock();
        self.heartbeat = Some(
            self.notes
                .keep_alive(self.record.clone(), job.environment.io_runtime(), move || clock()),
        );
        job.progress.note_steps(self.num_done(), self.steps.len());
        Ok(())
    }

    /// Writes down the input, so that another process takes the same files and cuts them into the same steps.
    async fn write_input(&mut self, job: Job<'_>) -> Result<()> {
        if self.record.input.is_some() {
            return Ok(());
        }
        let list = LedgerJob {
            job_id: self.record.job_id.clone(),
            loaded_at_micros: self.started.as_microsecond(),
            sequence: 0,
            file_column: None,
        };
        let path = self.notes.list_path(job.plan.output.layout);
        let mut writer = LedgerWriter::new(job.folder, path, list)?;
        for file in self.steps.all_files().iter() {
            writer.push(&self.input.names.name(&file.key), &file, 0).await?;
        }
        writer.finish().await?;
        crash_point("after_list");
        let (size, is_committed_in_steps) = step_size(job.plan)?;
        self.record.input = Some(JobInput {
            num_listed: self.input.listing.num_listed,
            num_steps: self.steps.len(),
            step_bytes: match size {
                Some(StepSize::Bytes(bytes)) => Some(bytes),
                _ => None,
            },
            step_files: match size {
                Some(StepSize::Files(num_files)) => Some(num_files),
                _ => None,
            },
            is_committed_in_steps,
            next: self.next.clone(),
            seen: self.seen,
        });
        self.notes.write_record(&self.record).await
    }

    /// Keeps what a step has staged: in memory, and written down if there are others.
    pub(super) async fn keep(&mut self, job: Job<'_>, step: usize, output: StepOutput) -> Result<()> {
        if self.steps.len() > 1 {
            // Even if it is not told any more that the note is written, what it lists must stay.
            job.progress.end_step();
            self.notes.write_step(step, &output).await?;
            self.kept.insert(step);
            job.progress.note_steps(self.num_done(), self.steps.len());
        }
        self.output.join(output);
        Ok(())
    }

    /// Takes what was done of a step before, if it was broken off.
    pub(super) fn take_parts(&mut self, step: usize) -> Parts {
        let is_first = (0..step).all(|before| self.is_done(before));
        match is_first {
            true => std::mem::take(&mut self.parts),
            false => Parts::default(),
        }
    }

    /// Writes down what a step has staged that is broken off, after the parts `before`.
    pub(super) async fn keep_part(&mut self, job: Job<'_>, step: usize, before: &Parts, part: StepPart) -> Result<()> {
        if part.num_files() == 0 {
            return Ok(());
        }
        // The record must not be written over by one that does not know the input.
        self.heartbeat = None;
        self.write_input(job).await?;
        job.progress.end_step();
        self.notes.write_part(step, before.num_parts, &part).await?;
        job.progress.note_kept(before.num_files() + part.num_files());
        Ok(())
    }

    /// Makes sure, before a commit, that the job is still that of this process.
    ///
    /// **Errors**: another process has taken it over.
    pub(super) async fn check_ours(&self) -> Result<()> {
        self.notes.check_ours(self.num_takeovers).await
    }

    /// Notes that a step is committed, with so many rows.
    pub(super) fn note_committed(&mut self, job: Job<'_>, step: usize, num_rows: u64) {
        self.committed.insert(step);
        job.progress.note_committed(num_rows);
        job.progress.note_steps(self.num_done(), self.steps.len());
    }

    /// What the ledger's entries of the job have in common.
    pub(super) fn ledger_job(&self, file_column: Option<String>) -> LedgerJob {
        LedgerJob {
            job_id: self.record.job_id.clone(),
            loaded_at_micros: self.started.as_microsecond(),
            sequence: self.seen + 1,
            file_column,
        }
    }

    /// Versions whose rows go with some files.
    pub(super) fn replaced_by<'w>(&'w self, files: &'w FileList) -> impl Iterator<Item = &'w ReplacedFile> {
        self.replaced
            .iter()
            .filter(|replaced| files.place_of(&replaced.key).is_some())
    }

    /// Removes what was written down, once the job has come to its end.
    pub(super) async fn end(self) {
        drop(self.heartbeat);
        if let Err(error) = self.notes.delete().await {
            tracing::debug!(%error, "the notes of the job stay until `vacuum` removes them");
        }
    }
}

/// What happens to rewritten files, if the ledger decides which files are loaded. A table that is replaced has no file loaded before.
pub(super) fn asked(plan: &JobPlan) -> Result<Option<OnChangedFile>> {
    if plan.input.ledger.is_some() && plan.output.layout == OutputLayout::Parquet {
        return Err(
            Error::config("a table of bare files has no ledger, which is a Delta table beside another")
                .at("in.incremental")
                .with_hint("leave `out.type` out, or set `in.incremental: true`"),
        );
    }
    Ok(plan.input.ledger.filter(|_| plan.output.mode == OutputMode::Append))
}

pub(super) async fn open_ledger(job: Job<'_>, table: Option<&ExistingTable>) -> Result<Ledger> {
    let folder = job.environment.warehouse.table(&job.folder.name.files());
    match table {
        Some(table) => Ledger::open(table, &folder).await,
        None => Ok(ledger::Ledger::empty()),
    }
}

/// Of what size the steps of a job are, and whether each is committed. `None`: the job has one.
fn step_size(plan: &JobPlan) -> Result<(Option<StepSize>, bool)> {
    if let Some(size) = plan.exec.commit_every {
        if plan.output.mode != OutputMode::Append {
            return Err(Error::config(format!(
                "a load with mode `{}` commits once, or readers would see a part of it",
                plan.output.mode.name()
            ))
            .at("exec.commit_every")
            .with_hint("remove it: a job that dies can be gone on with by `--resume` all the same"));
        }
        return Ok((Some(size), true));
    }
    let size = plan.exec.checkpoint_every.unwrap_or(StepSize::Bytes(CHECKPOINT_BYTES));
    Ok((Some(size), false))
}
