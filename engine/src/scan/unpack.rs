//! Turns the bytes of files into rows and rejects: decoder and parser of one partition, in one loop.

use super::columns::OutputColumns;
use super::row_condition::{ConditionTime, ScanCondition};
use super::{CharsetErrors, ScanCounters, ScanOptions};
use crate::decode::{DecodeError, Event, FileDecoder};
use crate::error::{Blame, Error, Result};
use crate::parse::charset::Malformed;
use crate::parse::{ParseError, Parsed, Parser};
use crate::source::budget::FetchedChunk;
use crate::source::fetch::FetchedChunks;
use crate::stages::{Lap, StageClock};
use datafusion::error::DataFusionError;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Decoded bytes handed to the parser at a time: a small file as a whole, and little enough for a core's cache. Measured: half of it costs 2
/// to 5 % more, twice as much is no faster.
const PLAIN_BYTES: usize = 512 * 1024;

/// Files with malformed text that are logged one by one; after them only the number is told.
const LOGGED_MALFORMED_FILES: u64 = 20;

/// Decoder and parser of one partition, fed with the bytes of one file after the other. Knows no store and does not wait.
pub(super) struct Unpacker {
    decoder: FileDecoder,
    pub(super) parser: Box<dyn Parser>,
    stage: Stage,
    /// Name of the whole file; an entry's follows after `!`.
    file_name: Arc<str>,
    plain: Vec<u8>,
    num_decoded_bytes: u64,
    charset_errors: CharsetErrors,
    /// Of the current file or entry.
    malformed: Malformed,
    /// Name of the current entry of an archive, that of the file included.
    entry_name: Option<Arc<str>>,
    decoding: Duration,
    parsing: Duration,
    /// Part of the time of parsing, and of that of filters.
    pub(super) judging: Arc<ConditionTime>,
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
pub(super) enum Step {
    Parsed(Parsed),
    NeedsInput,
    /// All rows of an archive entry are given, another entry follows.
    EntryEnded,
    FileEnded,
}

/// Why a file cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
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
    pub(super) fn at(self, file_name: &str) -> Error {
        if let FileError::Parse(ParseError::Condition(error)) = &self {
            return condition_error(error.as_ref());
        }
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

/// The error a user reads if a condition cannot be evaluated. Rows of several files are judged at once, so it names none.
pub(super) fn condition_error(error: &(dyn StdError + Send + Sync + 'static)) -> Error {
    let message = match error.downcast_ref::<DataFusionError>() {
        Some(error) => error.strip_backtrace(),
        None => error.to_string(),
    };
    Error::new(Blame::Data, message)
}

impl Unpacker {
    pub(super) fn new(
        options: &ScanOptions,
        output: &OutputColumns,
        batch_rows: usize,
        condition: Option<&ScanCondition>,
    ) -> Result<Unpacker> {
        let parser_options = match output.has_origins {
            true => Cow::Owned(options.parser.with_origins(options.origins.clone())),
            false => Cow::Borrowed(&options.parser),
        };
        let mut parser = parser_options
            .new_parser(&output.parser_projection, batch_rows, output.has_row_numbers())
            .map_err(|error| Error::config(error.to_string()))?;
        let judging = Arc::default();
        if let Some(condition) = condition {
            parser.set_condition(condition.for_projection(&output.parser_projection, &judging));
        }
        let decoder = FileDecoder::new(&options.decode);
        Ok(Unpacker {
            decoder,
            parser,
            stage: Stage::Feeding,
            file_name: Arc::from(""),
            plain: vec![0; PLAIN_BYTES],
            num_decoded_bytes: 0,
            charset_errors: options.charset_errors,
            malformed: Malformed::default(),
            entry_name: None,
            decoding: Duration::ZERO,
            parsing: Duration::ZERO,
            judging,
        })
    }

    pub(super) fn begin(&mut self, file_name: Arc<str>) {
        self.decoder.begin();
        self.parser.begin_file(Arc::clone(&file_name));
        self.file_name = file_name;
        self.stage = Stage::Feeding;
        self.malformed = Malformed::default();
        self.entry_name = None;
    }

    /// Goes on until there is something to tell. `num_taken` is the part of `input` already taken; `has_ended` says that no
    /// input follows.
    pub(super) fn step(
        &mut self,
        input: &[u8],
        num_taken: &mut usize,
        has_ended: bool,
    ) -> std::result::Result<Step, FileError> {
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
            let num_passed = self.decoder.pass(&rest[..rest.len().min(PLAIN_BYTES)]);
            if num_passed > 0 {
                *num_taken += num_passed;
                self.num_decoded_bytes += num_passed as u64;
                self.parser.push(&rest[..num_passed]);
                continue;
            }
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
    pub(super) fn tell_malformed(&mut self, counters: &ScanCounters) {
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

    pub(super) fn take_decoded_count(&mut self) -> u64 {
        std::mem::take(&mut self.num_decoded_bytes)
    }

    /// Adds to a clock what was computed since the last time.
    pub(super) fn tell(&mut self, clock: &StageClock) {
        clock.add(Lap::Decode, std::mem::take(&mut self.decoding));
        let parsing = std::mem::take(&mut self.parsing);
        clock.add(Lap::Parse, parsing.saturating_sub(self.judging.take()));
    }

    /// Reads a file as it is fetched and forgets its rows. The outer error is the store's, the inner one the file's.
    ///
    /// Gives the chunks of a file that is small enough to be held until it is read again, none of a larger one.
    pub(super) async fn verify(
        &mut self,
        file_name: &Arc<str>,
        is_small: bool,
        chunks: &mut FetchedChunks,
        clock: &StageClock,
    ) -> Result<Result<VecDeque<FetchedChunk>>> {
        self.begin(Arc::clone(file_name));
        let mut held = VecDeque::new();
        let mut chunk = clock.waiting(Lap::FetchWait, chunks.next()).await.transpose()?;
        let mut num_taken = 0;
        loop {
            let input: &[u8] = chunk.as_ref().map_or(&[], |chunk| chunk.bytes());
            match self
                .step(input, &mut num_taken, chunk.is_none())
                .map_err(|error| error.at(file_name))
            {
                Ok(Step::FileEnded) => break Ok(self.forget().map(|()| held)),
                Ok(Step::NeedsInput) => {
                    held.extend(chunk.filter(|_| is_small));
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
