//! Turns the decoded bytes of a file into typed record batches and rejects.
//!
//! A parser is a synchronous kernel: bytes in, [`Parsed`] out. It knows no file system, no clock and no configuration file;
//! its `Options` say everything. Chunks may be cut anywhere - inside a quoted field, a multi-byte character, a line end - and
//! what comes out is the same for every way of cutting. Rows are gathered across files until a batch is full, so that many
//! small files cost what few large ones do.
//!
//! What does not happen here: decompression (see `decode`), the question whether a reject fails the job (see `job`).
//!
//! Reading order: [`columns`] (what a column is), [`timestamp`], [`charset`], [`reject`], [`drift`] (what is not expected), [`origin`]
//! (which record a row was), [`condition`] (which rows are wanted), [`csv`], [`json`].

pub mod charset;
pub mod columns;
pub mod condition;
pub mod csv;
pub mod drift;
pub mod json;
pub mod origin;
pub mod reject;
pub mod timestamp;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Field;
use charset::Malformed;
use condition::RowCondition;
use origin::OriginRows;
use std::error::Error;
use std::sync::Arc;

pub use reject::Reject;

/// What a parser hands on: typed rows, and the records that could not become rows.
#[derive(Debug)]
pub struct Parsed {
    /// The rows, in input order, one column for each projected column of the options.
    pub batch: RecordBatch,
    /// For each row of `batch` the ordinal of its record in its file, from 1 (see [`crate::position::Position::record`]).
    /// `None` unless the options asked for it.
    pub record_numbers: Option<Vec<i64>>,
    /// For each row of `batch` where it comes from (see [`origin`]). `None` unless the options asked for it.
    pub origins: Option<ArrayRef>,
    /// Rows since the last batch for which the condition of the parser is not true.
    pub num_dropped_rows: usize,
    /// Records that were skipped since the last batch, in input order.
    pub rejects: Vec<Reject>,
}

/// What ends a file, and with it the task: nothing after it can be trusted.
///
/// A record that cannot be read is not an error but a [`Reject`].
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The text stopped being what the format requires, and no later record can be found with certainty.
    #[error("cannot parse {format}: {reason} at line {line}, byte {byte}")]
    Syntax {
        /// Name of the format, as in `in.parser.type`.
        format: &'static str,
        /// What was found, and what was expected.
        reason: String,
        /// Physical line, from 1.
        line: u64,
        /// Offset in the decoded file, from 0.
        byte: u64,
    },
    /// The header does not say which field is which column.
    #[error("cannot find the columns by the header at line {line}: {reason}")]
    Header {
        /// What is wrong with it.
        reason: String,
        /// Physical line, from 1.
        line: u64,
    },
    /// A column that is not configured, where that ends the file.
    #[error("new column `{name}` at line {line}")]
    NewColumn {
        /// What the file calls it.
        name: String,
        /// Physical line, from 1.
        line: u64,
    },
    /// One record is larger than the parser may hold.
    #[error("a record is longer than {limit_bytes} bytes at line {line}, byte {byte}")]
    RecordTooLong {
        /// The limit that was reached.
        limit_bytes: usize,
        /// Physical line of the record's start, from 1.
        line: u64,
        /// Offset of the record's start in the decoded file, from 0.
        byte: u64,
    },
    /// The rows do not fit the batch: a broken invariant or too large a batch.
    #[error("cannot build a record batch")]
    Batch(#[source] arrow::error::ArrowError),
    /// The condition on rows cannot be evaluated.
    #[error("cannot evaluate the condition on rows")]
    Condition(#[source] Box<dyn Error + Send + Sync>),
}

/// A parser of one format, fed with the decoded files of a task one after the other.
///
/// The life of one file is `begin_file`, `push` as often as there are bytes, `finish_file`. After every call of `push` and
/// `finish_file`, call `next_batch` until it gives `None`. After the last file, `flush` gives the rows still held.
///
/// **Cost**: rows are appended to column builders once; `push` copies at most the bytes of an unfinished record.
pub trait Parser: Send {
    /// Hands on only those rows for which `condition` is true. To be called before the first file. Where batches end may then depend on where
    /// chunks are cut.
    fn set_condition(&mut self, condition: Box<dyn RowCondition>);

    /// Starts a file. `name` goes into the positions of its rejects.
    fn begin_file(&mut self, name: Arc<str>);

    /// Hands in the next decoded bytes of the file, cut anywhere.
    fn push(&mut self, chunk: &[u8]);

    /// Says that the file is complete: a last record without a line end counts, an unclosed quote is a reject.
    fn finish_file(&mut self);

    /// Parses what was handed in until a batch is full.
    ///
    /// **Shape**: at most `batch_rows` rows. `None`: everything handed in is parsed, rows and rejects may still be held.
    /// **Errors**: the rest of the file cannot be read; rows and rejects before the place of the error are still held and
    /// come with `flush`.
    fn next_batch(&mut self) -> Result<Option<Parsed>, ParseError>;

    /// Gives the rows and rejects still held, `None` if there are none.
    fn flush(&mut self) -> Result<Option<Parsed>, ParseError>;

    /// What was handed in of this file since the last call and is no text in its character set: it was read as U+FFFD. To be asked
    /// before the next file begins.
    fn take_malformed(&mut self) -> Malformed;

    /// Rows that are parsed and not yet handed on, those that a condition drops included; says so once `next_batch` has given `None`.
    fn num_held_rows(&self) -> usize;
}

/// The options of any parser.
#[derive(Clone, Debug)]
pub enum ParserOptions {
    /// `csv` and `tsv`.
    Csv(csv::CsvOptions),
    /// `json` and `jsonl`.
    Json(json::JsonOptions),
}

/// Why no parser can be made of its options.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct ParserOptionsError {
    /// What is wrong, naming the option.
    pub reason: String,
}

impl ParserOptionsError {
    fn new(error: &dyn std::error::Error) -> ParserOptionsError {
        ParserOptionsError {
            reason: error.to_string(),
        }
    }
}

impl ParserOptions {
    /// The word of the configuration.
    pub fn format_name(&self) -> &'static str {
        match self {
            ParserOptions::Csv(_) => "csv",
            ParserOptions::Json(options) => match options.layout {
                json::JsonLayout::Lines => "jsonl",
                json::JsonLayout::Values => "json",
            },
        }
    }

    /// The columns, every one nullable, without regard to a projection.
    pub fn fields(&self) -> Vec<Field> {
        let columns = match self {
            ParserOptions::Csv(options) => options.all_columns(),
            ParserOptions::Json(options) => options.all_columns(),
        };
        columns
            .iter()
            .map(|column| column.column_type.field(&column.name))
            .collect()
    }

    /// The same options, whose parsers also say where rows come from.
    pub fn with_origins(&self, origins: OriginRows) -> ParserOptions {
        let mut options = self.clone();
        match &mut options {
            ParserOptions::Csv(options) => options.origins = origins,
            ParserOptions::Json(options) => options.origins = origins,
        }
        options
    }

    /// A parser of some of the columns.
    ///
    /// **Errors**: a format, a zone or a character of the options that cannot be used.
    pub fn new_parser(
        &self,
        projection: &[usize],
        batch_rows: usize,
        has_record_numbers: bool,
    ) -> Result<Box<dyn Parser>, ParserOptionsError> {
        match self.narrowed(projection, batch_rows, has_record_numbers) {
            ParserOptions::Csv(options) => match csv::CsvParser::new(&options) {
                Ok(parser) => Ok(Box::new(parser)),
                Err(error) => Err(ParserOptionsError::new(&error)),
            },
            ParserOptions::Json(options) => json::new_parser(&options).map_err(|error| ParserOptionsError::new(&error)),
        }
    }

    /// The plain parser that [`new_parser`](ParserOptions::new_parser)'s must equal, for tests that compare them.
    ///
    /// **Errors**: as those of `new_parser`.
    pub fn new_reference_parser(
        &self,
        projection: &[usize],
        batch_rows: usize,
        has_record_numbers: bool,
    ) -> Result<Box<dyn Parser>, ParserOptionsError> {
        match self.narrowed(projection, batch_rows, has_record_numbers) {
            ParserOptions::Csv(options) => match csv::ReferenceCsvParser::new(&options) {
                Ok(parser) => Ok(Box::new(parser)),
                Err(error) => Err(ParserOptionsError::new(&error)),
            },
            ParserOptions::Json(options) => {
                json::new_reference_parser(&options).map_err(|error| ParserOptionsError::new(&error))
            }
        }
    }

    fn narrowed(&self, projection: &[usize], batch_rows: usize, has_record_numbers: bool) -> ParserOptions {
        let projection = Some(projection.to_vec());
        match self {
            ParserOptions::Csv(options) => ParserOptions::Csv(csv::CsvOptions {
                projection,
                batch_rows,
                has_record_numbers,
                ..options.clone()
            }),
            ParserOptions::Json(options) => ParserOptions::Json(json::JsonOptions {
                projection,
                batch_rows,
                has_record_numbers,
                ..options.clone()
            }),
        }
    }
}
