//! Reads the files of one plan partition: fetch, decode, parse, add metadata columns.

use super::columns::{Described, OutputColumns, place_in_whole};
use super::exchange::Seat;
use super::queue::TaskQueue;
use super::{CharsetErrors, OnFileError, ScanCounters, ScanOptions, ScanServices};
use crate::decode::{DecodeError, Event, FileDecoder};
use crate::error::{Blame, Error, Result};
use crate::parse::charset::Malformed;
use crate::parse::{ParseError, Parsed, Parser};
use crate::source::budget::FetchedChunk;
use crate::source::fetch::{FetchedChunks, FetchedFile, FetchedFiles, RANGE_BYTES, fetch};
use crate::source::file::SourceFile;
use crate::source::store::FilePart;
use crate::stages::{Lap, StageClock};
use arrow::array::RecordBatch;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Decoded bytes handed to the parser at a time: fits a core's cache and bridges many records.
const PLAIN_BYTES: usize = 256 * 1024;

/// Files with malformed text that are logged one by one; after them only the number is told.
const LOGGED_MALFORMED_FILES: u64 = 20;

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
    chunks: FetchedChunks,
    chunk: Option<FetchedChunk>,
    num_taken_bytes: usize,
    /// Whether the parser has seen nothing of it.
    is_untouched: bool,
    has_ended: bool,
}

impl PartitionReader {
    /// Starts to fetch. `projection` are indices into the parser's columns followed by the metadata columns.
    pub(super) fn new(
        options: Arc<ScanOptions>,
        projection: &[usize],
        limit: Option<usize>,
        batch_rows: usize,
        queue: Arc<TaskQueue>,
        seat: Seat,
        services: ScanServices,
    ) -> Result<PartitionReader> {
        let output = OutputColumns::new(&options, projection)?;
        let new_unpacker = || {
            Unpacker::new(
                &options,
                &output,
                limit.map_or(batch_rows, |limit| limit.clamp(1, batch_rows)),
            )
        };
        let verifier = match options.on_file_error {
            OnFileError::Fail => None,
            OnFileError::Skip => Some(new_unpacker()?),
        };
        Ok(PartitionReader {
            fetched: fetch(
                Arc::clone(&services.store),
                queue.files(),
                options.fetch.clone(),
                Arc::clone(&services.budget),
                &services.io_runtime,
            ),
            seat,
            clock: Arc::default(),
            unpacker: new_unpacker()?,
            verifier,
            current: None,
            output,
            num_rows_left: limit,
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
                match self.clock.waiting(Lap::FetchWait, next).await.flatten() {
                    Some(fetched) => self.open(fetched?).await?,
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
        let mut first_chunk = None;
        if let Some(verifier) = &mut self.verifier {
            let is_small = file.size_bytes <= RANGE_BYTES;
            let verdict = match is_small {
                true => {
                    first_chunk = self.clock.waiting(Lap::FetchWait, chunks.next()).await.transpose()?;
                    verifier.verify_slice(&name, first_chunk.as_ref().map_or(&[], |chunk| chunk.bytes()))
                }
                false => verifier.verify_chunks(&name, &mut chunks, &self.clock).await?,
            };
            verifier.tell(&self.clock);
            if let Err(error) = verdict {
                self.services.counters.num_skipped_files.fetch_add(1, Ordering::Relaxed);
                if let Some(file_rows) = &self.services.file_rows {
                    file_rows.note_skipped(&file.key);
                }
                tracing::warn!(file = %name, %error, "a file that cannot be read is left out");
                return Ok(());
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
            chunks,
            is_untouched: first_chunk.is_none(),
            chunk: first_chunk,
            num_taken_bytes: 0,
            has_ended: false,
        });
        Ok(())
    }

    /// Reads the current file on until there are rows to hand on, its end, or more bytes to wait for.
    async fn read_on(&mut self) -> Result<Option<RecordBatch>> {
        let open = self.current.as_mut().expect("the caller opened a file");
        if open.chunk.is_none() && !open.has_ended {
            let next = open.chunks.next();
            let next = match open.is_untouched {
                true => {
                    let next = self.services.early_end.or_asked(next);
                    match self.clock.waiting(Lap::FetchWait, next).await {
                        Some(next) => next,
                        None => {
                            self.current = None;
                            return Ok(None);
                        }
                    }
                }
                false => self.clock.waiting(Lap::FetchWait, next).await,
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
                    if chunk.len() as u64 == open.file.size_bytes && self.unpacker.take_whole(&chunk) {
                        open.has_ended = true;
                    } else {
                        open.chunk = Some(chunk);
                    }
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
        self.clock.add(Lap::Parse, begun.elapsed());
        rest.map_err(|error| Error::internal(error.to_string()))
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
        if batch.num_rows() == 0 {
            return Ok(None);
        }
        self.num_rows_handed_on += batch.num_rows() as u64;
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

/// Decoder and parser of one partition, fed with the bytes of one file after the other. Knows no store and does not wait.
struct Unpacker {
    decoder: FileDecoder,
    parser: Box<dyn Parser>,
    stage: Stage,
    /// Name of the whole file; an entry's follows after `!`.
    file_name: Arc<str>,
    plain: Vec<u8>,
    /// Room for files that are decoded in one go.
    whole: Vec<u8>,
    num_decoded_bytes: u64,
    charset_errors: CharsetErrors,
    /// Of the current file or entry.
    malformed: Malformed,
    /// Name of the current entry of an archive, that of the file included.
    entry_name: Option<Arc<str>>,
    decoding: Duration,
    parsing: Duration,
}

/// Where the unpacker stands in a file.
enum Stage {
    /// Bytes go to the parser.
    Feeding,
    /// The file is complete, the parser still has rows of it.
    Draining,
    /// The archive entry is complete, the parser still has rows of it; the next entry is known.
    DrainingEntry(Arc<str>),
    /// The next entry begins.
    BeforeEntry(Arc<str>),
}

/// What came of a step.
enum Step {
    Parsed(Parsed),
    NeedsInput,
    /// All rows of an archive entry are given, another entry follows.
    EntryEnded,
    FileEnded,
}

/// Why a file cannot be read to its end.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// `entry` names the archive's entry, if it is one.
    #[error("byte {byte}{entry} is no text in the character set of the parser")]
    Charset { byte: u64, entry: String },
}

impl FileError {
    /// The error a user reads, naming the file.
    fn at(self, file_name: &str) -> Error {
        let hint = match &self {
            FileError::Decode(DecodeError::Truncated { .. }) => {
                "the file is cut short; replace it, or set `in.on_file_error: skip` to load the others"
            }
            FileError::Decode(_) => {
                "check `in.decoders` (left out, each file is decoded by its magic bytes), or set `in.on_file_error: skip`"
            }
            FileError::Parse(ParseError::Header { .. }) => {
                "the header is the first record after `in.parser.skip_header_lines`; without one, set `header: by_position`"
            }
            FileError::Parse(ParseError::NewColumn { .. }) => {
                "add it to `in.parser.columns`, or set `in.parser.on_new_columns` to `ignore`, `add` or `rescue`"
            }
            FileError::Charset { .. } => {
                "check `in.parser.charset`, or set `charset_errors: replace` to read such bytes as U+FFFD"
            }
            FileError::Parse(_) => "mend the file, or set `in.on_file_error: skip` to load the others",
        };
        Error::new(Blame::Data, self.to_string()).at(file_name).with_hint(hint)
    }
}

impl Unpacker {
    fn new(options: &ScanOptions, output: &OutputColumns, batch_rows: usize) -> Result<Unpacker> {
        let parser_options = match output.has_origins {
            true => Cow::Owned(options.parser.with_origins()),
            false => Cow::Borrowed(&options.parser),
        };
        let parser = parser_options
            .new_parser(&output.parser_projection, batch_rows, output.has_row_numbers())
            .map_err(|error| Error::config(error.to_string()))?;
        let decoder = FileDecoder::new(&options.decode);
        Ok(Unpacker {
            decoder,
            parser,
            stage: Stage::Feeding,
            file_name: Arc::from(""),
            plain: vec![0; PLAIN_BYTES],
            whole: Vec::new(),
            num_decoded_bytes: 0,
            charset_errors: options.charset_errors,
            malformed: Malformed::default(),
            entry_name: None,
            decoding: Duration::ZERO,
            parsing: Duration::ZERO,
        })
    }

    fn begin(&mut self, file_name: Arc<str>) {
        self.decoder.begin();
        self.parser.begin_file(Arc::clone(&file_name));
        self.file_name = file_name;
        self.stage = Stage::Feeding;
        self.malformed = Malformed::default();
        self.entry_name = None;
    }

    /// Takes a file in one go, if its format allows that.
    fn take_whole(&mut self, file: &[u8]) -> bool {
        let mut begun = Instant::now();
        let is_taken = matches!(self.decoder.decode_whole(file, &mut self.whole), Ok(true));
        self.decoding += lap(&mut begun);
        if !is_taken {
            return false;
        }
        self.num_decoded_bytes += self.whole.len() as u64;
        self.parser.push(&self.whole);
        self.parser.finish_file();
        self.parsing += lap(&mut begun);
        self.stage = Stage::Draining;
        true
    }

    /// Goes on until there is something to tell. `num_taken` is the part of `input` already taken; `has_ended` says that no
    /// input follows.
    fn step(&mut self, input: &[u8], num_taken: &mut usize, has_ended: bool) -> std::result::Result<Step, FileError> {
        let mut begun = Instant::now();
        loop {
            self.note_malformed()?;
            let parsed = self.parser.next_batch()?;
            self.parsing += lap(&mut begun);
            if let Some(parsed) = parsed {
                return Ok(Step::Parsed(parsed));
            }
            match &self.stage {
                Stage::Draining => {
                    self.stage = Stage::Feeding;
                    return Ok(Step::FileEnded);
                }
                Stage::DrainingEntry(next) => {
                    self.stage = Stage::BeforeEntry(Arc::clone(next));
                    return Ok(Step::EntryEnded);
                }
                Stage::BeforeEntry(name) => {
                    self.parser.begin_file(Arc::clone(name));
                    self.entry_name = Some(Arc::clone(name));
                    self.stage = Stage::Feeding;
                }
                Stage::Feeding => {}
            }
            let rest = &input[*num_taken..];
            let is_finishing = rest.is_empty() && has_ended;
            let progress = match is_finishing {
                true => self.decoder.finish(&mut self.plain)?,
                false => self.decoder.decode(rest, &mut self.plain)?,
            };
            self.decoding += lap(&mut begun);
            *num_taken += progress.consumed;
            self.num_decoded_bytes += progress.produced as u64;
            self.parser.push(&self.plain[..progress.produced]);
            match progress.event {
                Event::OutputFull => {}
                Event::Entry(name) => {
                    self.parser.finish_file();
                    self.stage = Stage::DrainingEntry(Arc::from(format!("{}!{name}", self.file_name)));
                }
                Event::NeedsInput if is_finishing => {
                    self.parser.finish_file();
                    self.stage = Stage::Draining;
                }
                Event::NeedsInput if progress.produced == 0 => return Ok(Step::NeedsInput),
                Event::NeedsInput => {}
            }
        }
    }

    /// Counts what the parser could only read as U+FFFD.
    ///
    /// **Errors**: there is such text, and it may not be.
    fn note_malformed(&mut self) -> std::result::Result<(), FileError> {
        let malformed = self.parser.take_malformed();
        if let (CharsetErrors::Fail, Some(byte)) = (self.charset_errors, malformed.first_byte) {
            let entry = match &self.entry_name {
                Some(name) => format!(" of `{name}`"),
                None => String::new(),
            };
            return Err(FileError::Charset { byte, entry });
        }
        self.malformed.num_parts += malformed.num_parts;
        self.malformed.first_byte = self.malformed.first_byte.or(malformed.first_byte);
        Ok(())
    }

    /// Tells what was malformed in the file or entry that ends.
    fn tell_malformed(&mut self, counters: &ScanCounters) {
        let malformed = std::mem::take(&mut self.malformed);
        let Some(first_byte) = malformed.first_byte else { return };
        let file = self.entry_name.as_ref().unwrap_or(&self.file_name);
        counters.num_malformed.fetch_add(malformed.num_parts, Ordering::Relaxed);
        let num_files_before = counters.num_malformed_files.fetch_add(1, Ordering::Relaxed);
        counters.first_malformed_file.get_or_init(|| Arc::clone(file));
        if num_files_before < LOGGED_MALFORMED_FILES {
            let count = malformed.num_parts;
            tracing::warn!(%file, count, first_byte, "malformed text was read as U+FFFD");
        }
    }

    fn take_decoded_count(&mut self) -> u64 {
        std::mem::take(&mut self.num_decoded_bytes)
    }

    /// Adds to a clock what was computed since the last time.
    fn tell(&mut self, clock: &StageClock) {
        clock.add(Lap::Decode, std::mem::take(&mut self.decoding));
        clock.add(Lap::Parse, std::mem::take(&mut self.parsing));
    }

    /// Reads a file that is in memory and forgets its rows. The outer result of its siblings is the store's.
    fn verify_slice(&mut self, file_name: &Arc<str>, file: &[u8]) -> Result<()> {
        self.begin(Arc::clone(file_name));
        let mut num_taken = 0;
        loop {
            match self
                .step(file, &mut num_taken, true)
                .map_err(|error| error.at(file_name))
            {
                Ok(Step::FileEnded) => break self.forget(),
                Ok(_) => {}
                Err(error) => {
                    self.forget()?;
                    break Err(error);
                }
            }
        }
    }

    /// Reads a file as it is fetched and forgets its rows. The outer error is the store's, the inner one the file's.
    async fn verify_chunks(
        &mut self,
        file_name: &Arc<str>,
        chunks: &mut FetchedChunks,
        clock: &StageClock,
    ) -> Result<Result<()>> {
        self.begin(Arc::clone(file_name));
        let mut chunk = clock.waiting(Lap::FetchWait, chunks.next()).await.transpose()?;
        let mut num_taken = 0;
        loop {
            let input: &[u8] = chunk.as_ref().map_or(&[], |chunk| chunk.bytes());
            match self
                .step(input, &mut num_taken, chunk.is_none())
                .map_err(|error| error.at(file_name))
            {
                Ok(Step::FileEnded) => break Ok(self.forget()),
                Ok(Step::NeedsInput) => {
                    chunk = clock.waiting(Lap::FetchWait, chunks.next()).await.transpose()?;
                    num_taken = 0;
                }
                Ok(_) => {}
                Err(error) => {
                    self.forget()?;
                    break Ok(Err(error));
                }
            }
        }
    }

    /// Drops the rows and rejects that the parser holds.
    fn forget(&mut self) -> Result<()> {
        self.parser
            .flush()
            .map(drop)
            .map_err(|error| Error::internal(error.to_string()))
    }
}

/// The time since `since`, which becomes now.
fn lap(since: &mut Instant) -> Duration {
    let now = Instant::now();
    now.duration_since(std::mem::replace(since, now))
}
