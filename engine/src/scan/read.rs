//! Reads the files of one plan partition: fetch, decode, parse, add metadata columns.

use super::columns::{Described, OutputColumns, place_in_whole};
use super::exchange::Seat;
use super::exec::Wanted;
use super::queue::TaskQueue;
use super::unpack::{Step, Unpacker, condition_error};
use super::{OnFileError, ScanOptions, ScanServices};
use crate::error::{Blame, Error, Result};
use crate::parse::{ParseError, Parsed};
use crate::source::budget::FetchedChunk;
use crate::source::fetch::{FetchedChunks, FetchedFile, FetchedFiles, RANGE_BYTES, fetch};
use crate::source::file::SourceFile;
use crate::source::store::FilePart;
use crate::stages::{Lap, StageClock};
use arrow::array::RecordBatch;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The files one plan partition takes from the queue, as batches.
pub(super) struct PartitionReader {
    options: Arc<ScanOptions>,
    services: ScanServices,
    fetched: FetchedFiles,
    seat: Seat,
    clock: Arc<StageClock>,
    unpacker: Unpacker,
    /// Reads a file once before its rows are handed on, where files that cannot be read are to be left out.
    verifier: Option<Unpacker>,
    current: Option<OpenFile>,
    output: OutputColumns,
    num_rows_left: Option<usize>,
    /// Rows that the parser has given.
    num_rows_handed_on: u64,
    /// Rows before those of the current file.
    num_rows_before: u64,
    is_finished: bool,
}

/// The file being read.
struct OpenFile {
    file: SourceFile,
    /// How users know the file.
    name: Arc<str>,
    /// Where it stands in the file of that name, if it is a part of it.
    part: Option<FilePart>,
    /// Its first chunks, or all, where they were looked at before.
    held: VecDeque<FetchedChunk>,
    chunks: FetchedChunks,
    chunk: Option<FetchedChunk>,
    num_taken_bytes: usize,
    /// Whether the parser has seen nothing of it.
    is_untouched: bool,
    has_ended: bool,
}

impl PartitionReader {
    /// Starts to fetch.
    pub(super) fn new(
        options: Arc<ScanOptions>,
        wanted: &Wanted,
        batch_rows: usize,
        queue: Arc<TaskQueue>,
        seat: Seat,
        services: ScanServices,
    ) -> Result<PartitionReader> {
        let looked_at = wanted
            .condition
            .as_ref()
            .map_or(&[][..], |condition| &condition.columns);
        let output = OutputColumns::new(&options, &wanted.projection, looked_at)?;
        // How many rows must be read for those of a limit is not known where there is a condition.
        let batch_rows = match (wanted.limit, &wanted.condition) {
            (Some(limit), None) => limit.clamp(1, batch_rows),
            _ => batch_rows,
        };
        let verifier = match options.on_file_error {
            OnFileError::Fail => None,
            // Whether a file can be read does not depend on which of its rows are wanted.
            OnFileError::Skip => Some(Unpacker::new(&options, &output, batch_rows, None)?),
        };
        let fetched = fetch(
            Arc::clone(&services.store),
            queue.files(),
            options.fetch.clone(),
            Arc::clone(&services.budget),
            &services.io_runtime,
        );
        seat.share(fetched.spare());
        Ok(PartitionReader {
            fetched,
            seat,
            clock: Arc::default(),
            unpacker: Unpacker::new(&options, &output, batch_rows, wanted.condition.as_ref())?,
            verifier,
            current: None,
            output,
            num_rows_left: wanted.limit,
            num_rows_handed_on: 0,
            num_rows_before: 0,
            is_finished: false,
            options,
            services,
        })
    }

    /// The same reader, whose time is told to `clock`.
    pub(super) fn timed_by(self, clock: Arc<StageClock>) -> PartitionReader {
        PartitionReader { clock, ..self }
    }

    /// The next rows; `None` when all files are read or the limit is reached. When this partition has no file left, the rows
    /// come from one that has.
    ///
    /// **Errors**: a file that cannot be fetched, decoded or parsed, if such files fail the job; too many rejects.
    pub(super) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while !self.is_finished {
            match self.next_read().await? {
                Some(batch) => {
                    if let Some(batch) = self.seat.offer(batch) {
                        return Ok(Some(batch));
                    }
                    // Reading on without a pause would keep this thread from everything else that waits for it.
                    tokio::task::consume_budget().await;
                }
                None => self.is_finished = true,
            }
        }
        Ok(self.clock.waiting(Lap::Idle, self.seat.take()).await)
    }

    /// The next rows of the files of this partition; `None` after the last.
    async fn next_read(&mut self) -> Result<Option<RecordBatch>> {
        while self.num_rows_left != Some(0) {
            if let Some(verdict) = self.services.rejects.verdict() {
                return Err(Error::new(Blame::Data, verdict.to_string()).caused_by(verdict));
            }
            if self.current.is_none() {
                let next = self.services.early_end.or_asked(self.fetched.next());
                let next = self.clock.waiting(Lap::FetchWait, next).await.flatten().transpose()?;
                let spare = || match self.services.early_end.is_asked() {
                    false => self.seat.spare_file(),
                    true => None,
                };
                match next.or_else(spare) {
                    Some(fetched) => self.open(fetched).await?,
                    None => {
                        let rest = self.flush()?;
                        return Ok(rest.map(|parsed| self.hand_on(parsed)).transpose()?.flatten());
                    }
                }
                continue;
            }
            if let Some(batch) = self.read_on().await? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Makes a fetched file the current one, unless it cannot be read and such files are left out.
    async fn open(&mut self, fetched: FetchedFile) -> Result<()> {
        let FetchedFile { file, mut chunks } = fetched;
        let name: Arc<str> = Arc::from(self.services.store.url(&file.key));
        tracing::debug!(file = %name, size_bytes = file.size_bytes, "file opened");
        let mut held = VecDeque::new();
        if let Some(verifier) = &mut self.verifier {
            let is_small = file.size_bytes <= RANGE_BYTES;
            let verdict = verifier.verify(&name, is_small, &mut chunks, &self.clock).await?;
            verifier.tell(&self.clock);
            match verdict {
                Ok(chunks) => held = chunks,
                Err(error) => {
                    self.services.counters.num_skipped_files.fetch_add(1, Ordering::Relaxed);
                    if let Some(file_rows) = &self.services.file_rows {
                        file_rows.note_skipped(&file.key);
                    }
                    tracing::warn!(file = %name, %error, "a file that cannot be read is left out");
                    return Ok(());
                }
            }
            if !is_small {
                let again = fetch(
                    Arc::clone(&self.services.store),
                    std::iter::once(file.clone()),
                    self.options.fetch.clone(),
                    Arc::clone(&self.services.budget),
                    &self.services.io_runtime,
                )
                .next()
                .await;
                chunks = again
                    .ok_or_else(|| Error::internal("a file that was asked for is not fetched"))??
                    .chunks;
            }
        }
        self.unpacker.begin(Arc::clone(&name));
        self.num_rows_before = self.num_rows_parsed();
        self.current = Some(OpenFile {
            part: self.services.store.part(&file.key),
            file,
            name,
            is_untouched: held.is_empty(),
            held,
            chunks,
            chunk: None,
            num_taken_bytes: 0,
            has_ended: false,
        });
        Ok(())
    }

    /// Reads the current file on until there are rows to hand on, its end, or more bytes to wait for.
    async fn read_on(&mut self) -> Result<Option<RecordBatch>> {
        let open = self.current.as_mut().expect("the caller opened a file");
        if open.chunk.is_none() && !open.has_ended {
            let next = match open.held.pop_front() {
                Some(chunk) => Some(Ok(chunk)),
                None if open.is_untouched => {
                    let next = self.services.early_end.or_asked(open.chunks.next());
                    match self.clock.waiting(Lap::FetchWait, next).await {
                        Some(next) => next,
                        None => {
                            self.current = None;
                            return Ok(None);
                        }
                    }
                }
                None => self.clock.waiting(Lap::FetchWait, open.chunks.next()).await,
            };
            open.is_untouched = false;
            match next.transpose()? {
                None => open.has_ended = true,
                Some(chunk) => {
                    self.services
                        .counters
                        .fetched_bytes
                        .fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    open.num_taken_bytes = 0;
                    open.chunk = Some(chunk);
                }
            }
        }
        let input: &[u8] = open.chunk.as_ref().map_or(&[], |chunk| chunk.bytes());
        let step = self.unpacker.step(input, &mut open.num_taken_bytes, open.has_ended);
        let step = step.map_err(|error| error.at(&open.name))?;
        self.unpacker.tell(&self.clock);
        self.services
            .counters
            .decoded_bytes
            .fetch_add(self.unpacker.take_decoded_count(), Ordering::Relaxed);
        match step {
            Step::Parsed(parsed) => self.hand_on(parsed),
            Step::NeedsInput => {
                open.chunk = None;
                open.num_taken_bytes = 0;
                Ok(None)
            }
            Step::EntryEnded => {
                self.unpacker.tell_malformed(&self.services.counters);
                self.flush_if_described()
            }
            Step::FileEnded => {
                self.unpacker.tell_malformed(&self.services.counters);
                let rest = self.flush_if_described()?;
                if let (Some(file_rows), Some(open)) = (&self.services.file_rows, &self.current) {
                    file_rows.note(&open.file.key, self.num_rows_parsed() - self.num_rows_before);
                }
                self.current = None;
                self.services.counters.num_files.fetch_add(1, Ordering::Relaxed);
                Ok(rest)
            }
        }
    }

    /// Metadata columns have one value for all rows of a batch, so batches must not span files where there are any. Nor may they
    /// span parts of files, whose places are counted from where each begins.
    fn flush_if_described(&mut self) -> Result<Option<RecordBatch>> {
        let is_part = self.current.as_ref().is_some_and(|open| open.part.is_some());
        if !self.output.has_metadata() && !is_part {
            return Ok(None);
        }
        let rest = self.flush()?;
        Ok(rest.map(|parsed| self.hand_on(parsed)).transpose()?.flatten())
    }

    /// Rows of all files so far, those included that the parser still holds.
    fn num_rows_parsed(&self) -> u64 {
        self.num_rows_handed_on + self.unpacker.parser.num_held_rows() as u64
    }

    /// The rows that the parser still holds.
    fn flush(&mut self) -> Result<Option<Parsed>> {
        let begun = Instant::now();
        let rest = self.unpacker.parser.flush();
        let parsing = begun.elapsed().saturating_sub(self.unpacker.judging.take());
        self.clock.add(Lap::Parse, parsing);
        rest.map_err(|error| match error {
            ParseError::Condition(error) => condition_error(error.as_ref()),
            error => Error::internal(error.to_string()),
        })
    }

    /// Turns what the parser gave into a batch of the scan's schema. `None`: rejects only.
    fn hand_on(&mut self, mut parsed: Parsed) -> Result<Option<RecordBatch>> {
        if let Some(part) = self.current.as_ref().and_then(|open| open.part) {
            place_in_whole(&mut parsed, part)?;
        }
        if !parsed.rejects.is_empty() {
            self.services
                .counters
                .num_rejects
                .fetch_add(parsed.rejects.len() as u64, Ordering::Relaxed);
            self.services.rejects.push(parsed.rejects);
        }
        let mut batch = parsed.batch;
        // Rows are counted as they are read, whichever part of the plan leaves some of them out.
        self.num_rows_handed_on += (batch.num_rows() + parsed.num_dropped_rows) as u64;
        self.services
            .counters
            .num_rows
            .fetch_add(parsed.num_dropped_rows as u64, Ordering::Relaxed);
        if batch.num_rows() == 0 {
            return Ok(None);
        }
        let mut record_numbers = parsed.record_numbers;
        let mut origins = parsed.origins;
        if let Some(num_rows_left) = &mut self.num_rows_left {
            let num_rows = batch.num_rows().min(*num_rows_left);
            batch = batch.slice(0, num_rows);
            record_numbers.iter_mut().for_each(|numbers| numbers.truncate(num_rows));
            origins = origins.map(|origins| origins.slice(0, num_rows));
            *num_rows_left -= num_rows;
        }
        self.services
            .counters
            .num_rows
            .fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        let described = self.current.as_ref().map(|open| Described {
            file: &open.file,
            name: &open.name,
            is_part: open.part.is_some(),
        });
        self.output
            .arrange(&batch, record_numbers, origins, described)
            .map(Some)
    }
}
