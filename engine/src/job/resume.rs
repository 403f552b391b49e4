//! Goes on with a job that another process has left: what it had committed or written down, and what is left of it.

use super::committed::{commits_of, is_last, rows_of, step_of};
use super::fingerprint::fingerprint;
use super::input::Wanted;
use super::ledger::AskedLedger;
use super::notes::{JobInput, JobNotes, JobRecord};
use super::parts::Parts;
use super::report::RowCounts;
use super::steps::Steps;
use super::target::Existing;
use super::work::{Job, Work, asked, open_ledger};
use crate::config::plan::StepSize;
use crate::crash::crash_point;
use crate::error::{Blame, Error, Result};
use crate::source::known::OnChangedFile;
use crate::table::ledger::read_files;
use serde_json::Value;
use std::sync::Arc;

/// What is left of a job that another process has begun.
pub(super) enum Resumed {
    /// Nothing: it has committed.
    Committed(Bookkeeping),
    /// This.
    Open(Box<Work>),
}

/// What the log has of a job that came to its end.
pub(super) struct Bookkeeping {
    pub(super) next: Value,
    pub(super) rows: RowCounts,
}

impl Work {
    /// Takes over a job.
    ///
    /// **Errors**: there is no such job, a process still has it, or its configuration is another one.
    pub(super) async fn resume(job: Job<'_>, existing: &Existing) -> Result<Resumed> {
        let job_id = &job.progress.job_id;
        let notes = JobNotes::new(job.folder, job_id);
        let record = notes.read_record().await?;
        let committed = commits_of(job.folder, existing, job_id).await?;
        if let Some(last) = committed.iter().find(|commit| is_last(commit)) {
            notes.delete().await?;
            let rows = committed.iter().map(rows_of).fold(RowCounts::default(), RowCounts::and);
            return Ok(Resumed::Committed(Bookkeeping {
                next: last["next"].clone(),
                rows,
            }));
        }
        let Some(record) = record else {
            return Err(Error::config(format!("there is no job {job_id} to go on with in table `{}`", job.folder.name))
                .at("--resume")
                .with_hint("it was never begun, has failed before anything was kept, or was removed by `vacuum`; leave `--resume` out"));
        };
        let now = job.environment.now();
        if record.is_running(now) && !job.progress.is_left() {
            return Err(Error::new(Blame::Storage, format!("job {job_id} is still running"))
                .with_hint("wait for its end, or stop it first"));
        }
        if record.fingerprint != fingerprint(job.plan) {
            return Err(Error::config(format!("the configuration is not that of job {job_id}"))
                .at("--resume")
                .with_hint(
                    "go on with the configuration that it was begun with, or leave `--resume` out to start a new job",
                ));
        }
        let started = jiff::Timestamp::from_microsecond(record.started_micros).unwrap_or(now);
        let record = record.taken_over(now);
        let num_takeovers = notes.take_over().await?;
        crash_point("after_takeover");
        // At once, so that nobody takes the job for a dead one while its input is listed.
        notes.write_record(&record).await?;
        let work = match record.input.clone() {
            None => Work::list(job, existing, record, started).await?,
            Some(known) => Work::go_on(job, existing, record, known, started, &committed).await?,
        };
        Ok(Resumed::Open(Box::new(Work { num_takeovers, ..work })))
    }

    async fn go_on(
        job: Job<'_>,
        existing: &Existing,
        record: JobRecord,
        known: JobInput,
        started: jiff::Timestamp,
        committed: &[Value],
    ) -> Result<Work> {
        let notes = JobNotes::new(job.folder, &job.progress.job_id);
        let list_path = notes.list_path(job.plan.output.layout);
        let files = Arc::new(read_files(job.folder, &list_path).await?);
        let wanted = Wanted::These(Arc::clone(&files), known.num_listed);
        let input = job.open_input(started, wanted).await?;
        let replaced = match asked(job.plan)? {
            Some(OnChangedFile::Replace) => {
                let ledger = open_ledger(job, existing.delta()).await?;
                let asked = AskedLedger::new(ledger, input.names.clone(), OnChangedFile::Replace);
                asked.replaced_by(&files).await?
            }
            _ => Vec::new(),
        };
        let size = match (known.step_bytes, known.step_files) {
            (Some(bytes), _) => StepSize::Bytes(bytes),
            (None, num_files) => StepSize::Files(num_files.unwrap_or(u64::MAX)),
        };
        let steps = match known.is_committed_in_steps {
            true => Steps::by_cursor(files, size, &job.plan.input.select),
            false => Steps::by_key(files, size),
        };
        let mut work = Work {
            is_committed_in_steps: known.is_committed_in_steps,
            replaced,
            next: known.next,
            seen: known.seen,
            committed: committed.iter().filter_map(step_of).collect(),
            can_be_cut: true,
            ..Work::new(job, record, started, input, steps)
        };
        for commit in committed {
            let rows = rows_of(commit);
            job.progress.note_committed(rows.written);
            work.committed_before = work.committed_before.and(rows);
        }
        work.take_up_notes(job).await?;
        Ok(work)
    }

    /// Takes what another process has written down: steps that it has staged, and a part of the one under way.
    async fn take_up_notes(&mut self, job: Job<'_>) -> Result<()> {
        if !self.is_committed_in_steps {
            for step in 0..self.steps.len() {
                if let Some(output) = self.notes.read_step(step).await? {
                    self.output.join(output);
                    self.kept.insert(step);
                }
            }
        }
        // Only the step under way can have been broken off.
        if let Some(step) = (0..self.steps.len()).find(|step| !self.is_done(*step)) {
            let parts = self.notes.read_parts(step).await?;
            self.parts = Parts::join(parts, self.steps.files(step).len());
            job.progress.note_kept(self.parts.num_files());
        }
        job.progress.note_steps(self.num_done(), self.steps.len());
        Ok(())
    }
}
