//! The fast reader: a structural index of a block of text, then one column after the other.
//!
//! A block is some ten thousand bytes from the start of a record on. [`super::index`] says where its fields end. A pass over its
//! line ends ([`super::walk`]) then sorts the records: those with the right number of fields become a run of rows, those with a wrong one
//! rejects; empty lines and comments fall out. Finally each column of the batch takes its fields of the whole run, so
//! that type, buffers and branches are the same for hundreds of fields in a row.
//!
//! The record at which the index stops, the last record of a file without a line end, and a record so long that a quoted field
//! of it may exceed the limit or that no block holds it are read by [`super::reference`]; so is everything if the options give text a structure that
//! the index does not know. What comes out does not depend on which way a record went.

use super::block::{BlockRun, Lines};
use super::dialect::Dialect;
use super::index::Index;
use super::reference::{RecordReader, Step};
use super::walk::{Miscounted, Row, Walk, Walked};
use super::{CsvOptions, CsvOptionsError};
use crate::parse::charset::Malformed;
use crate::parse::condition::RowCondition;
use crate::parse::{ParseError, Parsed, Parser};
use std::cell::OnceCell;
use std::sync::Arc;

/// Bytes indexed at once: text, index and the buffers written fit the second-level cache together.
const BLOCK_BYTES: usize = 64 * 1024;

/// Least bytes indexed at once, for a batch that has room for few rows only.
const MIN_BLOCK_BYTES: usize = 4 * 1024;

/// Where records are long a block has room for so many, so that little of it is indexed again for the next.
const MIN_BLOCK_RECORDS: usize = 4;

/// Most bytes indexed at once. Longer records are read in the plain way.
const MAX_BLOCK_BYTES: usize = 1024 * 1024;

/// Rows of a run, or its bytes, that make an index worth its while.
const MIN_RUN_ROWS: usize = 4;
const MIN_RUN_BYTES: usize = 2 * 1024;

/// Most records read in the plain way before the index is tried again.
const MAX_PLAIN_RECORDS: u32 = 64;

/// The CSV parser for everyday use.
///
/// Positions count the bytes of the decoded file; for character sets other than UTF-8, the bytes of its text in UTF-8.
///
/// **Cost**: no allocation for each record; the text of a chunk is copied once.
pub struct CsvParser {
    reader: RecordReader,
    /// `None`: the options ask for more than the index knows.
    dialect: Option<Dialect>,
    index: Index,
    rows: Vec<Row>,
    miscounted: Vec<Miscounted>,
    scratch: Vec<u8>,
    /// Records to read in the plain way before the index is tried again, and how many these were the last time.
    plain_records_left: u32,
    plain_records: u32,
    /// Bytes of a record, as seen in the last run.
    record_bytes: usize,
}

impl CsvParser {
    /// A parser without rows.
    ///
    /// **Errors**: the options contradict each other, or the format of a timestamp column cannot be used.
    pub fn new(options: &CsvOptions) -> Result<CsvParser, CsvOptionsError> {
        Ok(CsvParser {
            reader: RecordReader::new(options)?,
            dialect: Dialect::new(options),
            index: Index::default(),
            rows: Vec::new(),
            miscounted: Vec::new(),
            scratch: Vec::new(),
            plain_records_left: 0,
            plain_records: 0,
            record_bytes: 0,
        })
    }

    #[cfg(test)]
    pub(super) fn set_max_record_bytes(&mut self, max_record_bytes: usize) {
        self.reader.set_max_record_bytes(max_record_bytes);
        if let Some(dialect) = &mut self.dialect {
            dialect.max_record_bytes = dialect.max_record_bytes.min(max_record_bytes);
        }
    }

    /// Reads as many records of the next block as the batch has room for.
    fn read_some(&mut self, room: usize) -> Result<Step, ParseError> {
        let Some(dialect) = &mut self.dialect else {
            return self.reader.read_one();
        };
        if self.plain_records_left > 0 || self.reader.is_before_records() {
            self.plain_records_left = self.plain_records_left.saturating_sub(1);
            let step = self.reader.read_one();
            // A header may have said how many fields there are.
            dialect.num_fields = self.reader.rows.num_fields();
            return step;
        }
        let Some(walked) = self.walk_block(room) else {
            return Ok(Step::NeedsMore);
        };
        let text = self.reader.input.unread();
        let mut length = self.index.cuts()[walked.last_cut] as usize;
        if length > 0 && text.as_bytes()[length - 1] == b'\r' && text.as_bytes().get(length) == Some(&b'\n') {
            length += 1;
        }
        let num_records = walked.num_records;
        let num_rows = self.rows.len();
        if num_records > 0 {
            self.record_bytes = length / num_records as usize + 1;
            self.finish_run()?;
        }
        let num_lines = if self.index.has_quoted_line_end() {
            self.reader
                .automaton
                .num_line_ends(&self.reader.input.unread()[..length])
        } else {
            walked.num_lines
        };
        self.reader.input.advance(length, num_lines, num_records);

        if num_rows >= MIN_RUN_ROWS || length >= MIN_RUN_BYTES {
            self.plain_records = 0;
        }
        // A run that ends where the block does goes on in the next block; one that filled the batch, in the next batch.
        if num_rows == room || length > 0 && !walked.is_plain_next {
            return Ok(Step::Advanced);
        }
        // Closing quotes that end no field come in crowds: indexing up to each of them would cost more than it gives.
        self.plain_records = (2 * self.plain_records).clamp(1, MAX_PLAIN_RECORDS);
        self.plain_records_left = self.plain_records - 1;
        if self.reader.rows.room() == 0 {
            Ok(Step::Advanced)
        } else {
            self.reader.read_one()
        }
    }

    /// Indexes the next block and sorts its records. `None`: there is only the beginning of a record yet.
    fn walk_block(&mut self, room: usize) -> Option<Walked> {
        let dialect = self.dialect.as_ref().expect("a block is only read with a dialect");
        let input = &self.reader.input;
        let text = input.unread();
        let mut block_bytes = block_bytes(room, self.record_bytes);
        loop {
            let block = block(text.as_bytes(), input.is_complete(), block_bytes);
            self.index.fill(block, dialect.structure);
            self.rows.clear();
            self.miscounted.clear();
            let mut walk = Walk {
                block,
                dialect,
                index: &self.index,
                room,
                rows: &mut self.rows,
                miscounted: &mut self.miscounted,
            };
            let walked = walk.walk(|num_fields| self.reader.rows.count_refusal(num_fields));
            let is_record_cut = walked.last_cut == 0 && !self.index.has_stopped();
            let is_all = block_bytes >= text.len();
            let is_too_long = block.len() >= MAX_BLOCK_BYTES.min(dialect.max_record_bytes);
            if !is_record_cut || is_too_long || is_all && input.is_complete() {
                return Some(walked);
            }
            if is_all {
                return None;
            }
            block_bytes *= 2;
        }
    }

    /// Appends the rows found in a block to the batch, and the rejects in the order of their records.
    ///
    /// **Errors**: the condition on rows cannot be evaluated.
    fn finish_run(&mut self) -> Result<(), ParseError> {
        let dialect = self.dialect.as_ref().expect("a block is only read with a dialect");
        let reader = &mut self.reader;
        let text = reader.input.unread();
        let kept_rows = OnceCell::new();
        let mut run = BlockRun {
            text: text.as_bytes(),
            dialect,
            cuts: self.index.cuts(),
            index: &self.index,
            rows: &self.rows,
            kept_rows: &kept_rows,
            input: &reader.input,
            lines: Lines::new(text, &self.index, &reader.automaton),
            scratch: &mut self.scratch,
        };
        let refused = reader.rows.append_run(&mut run)?;
        if refused.is_empty() && self.miscounted.is_empty() {
            return Ok(());
        }

        let refused = refused
            .into_iter()
            .map(|refused| (self.rows[refused.row_index], refused.refusal));
        let miscounted = self
            .miscounted
            .drain(..)
            .map(|miscounted| (miscounted.row, miscounted.refusal));
        let mut rejected: Vec<_> = refused.chain(miscounted).collect();
        rejected.sort_by_key(|(row, _)| row.record);

        let cuts = self.index.cuts();
        let mut lines = Lines::new(text, &self.index, &reader.automaton);
        for (row, refusal) in rejected {
            let start = cuts[row.first_cut as usize] as usize;
            let end = cuts[(row.first_cut + row.num_fields) as usize] as usize - 1;
            let position = reader
                .input
                .position(start, lines.before(&row, start), u64::from(row.record));
            reader.rows.reject(position, refusal, &text[start..end]);
        }
        Ok(())
    }
}

impl Parser for CsvParser {
    fn set_condition(&mut self, condition: Box<dyn RowCondition>) {
        self.reader.rows.set_condition(condition);
    }

    fn begin_file(&mut self, name: Arc<str>) {
        self.reader.begin_file(name);
    }

    fn push(&mut self, chunk: &[u8]) {
        self.reader.input.push(chunk);
    }

    fn finish_file(&mut self) {
        self.reader.input.finish();
    }

    fn next_batch(&mut self) -> Result<Option<Parsed>, ParseError> {
        loop {
            if self.reader.rows.is_full()? {
                return self.reader.rows.take();
            }
            match self.read_some(self.reader.rows.room())? {
                Step::Advanced => {}
                Step::NeedsMore => return Ok(None),
            }
        }
    }

    fn flush(&mut self) -> Result<Option<Parsed>, ParseError> {
        self.reader.rows.take()
    }

    fn take_malformed(&mut self) -> Malformed {
        self.reader.input.take_malformed()
    }

    fn num_held_rows(&self) -> usize {
        self.reader.rows.num_held()
    }
}

/// Bytes to index for `room` rows. `record_bytes`: as long as records were before; 0: there were none.
fn block_bytes(room: usize, record_bytes: usize) -> usize {
    let max_bytes = (MIN_BLOCK_RECORDS * record_bytes).clamp(BLOCK_BYTES, MAX_BLOCK_BYTES);
    match record_bytes {
        0 => max_bytes,
        _ => room.saturating_mul(record_bytes).clamp(MIN_BLOCK_BYTES, max_bytes),
    }
}

/// The part of the unread text to index.
fn block(text: &[u8], is_complete: bool, wanted_bytes: usize) -> &[u8] {
    let length = wanted_bytes.min(text.len());
    // Whether a CR is the whole line end shows with the next byte.
    let is_cut_in_line_end = length == text.len() && !is_complete && text.last() == Some(&b'\r');
    &text[..length - usize::from(is_cut_in_line_end)]
}
