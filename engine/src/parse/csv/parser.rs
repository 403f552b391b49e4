//! The fast reader: a structural index of a block of text, then one column after the other.
//!
//! A block is some ten thousand bytes from the start of a record on. [`super::index`] says where its fields end. A pass over its
//! line ends then sorts the records: those with the right number of fields become a run of rows, those with a wrong one
//! rejects; empty lines and comments fall out. Finally each column of the batch takes its fields of the whole run, so
//! that type, buffers and branches are the same for hundreds of fields in a row.
//!
//! The record at which the index stops, the last record of a file without a line end, and a record so long that a quoted field
//! of it may exceed the limit are read by [`super::reference`]; so is everything if the options give text a structure that
//! the index does not know. What comes out does not depend on which way a record went.

use super::automaton::Automaton;
use super::index::{Index, Structure};
use super::input::Input;
use super::reference::{RecordReader, Step};
use super::rows::Refusal;
use super::run::Run;
use super::{CsvOptions, CsvOptionsError, Newline, QuotesInQuotedFields};
use crate::parse::charset::Malformed;
use crate::parse::columns::writer::{ColumnWriter, FieldText, Fields};
use crate::parse::condition::RowCondition;
use crate::parse::{ParseError, Parsed, Parser};
use crate::position::Position;
use std::cell::OnceCell;
use std::sync::Arc;

/// Bytes indexed at once: text, index and the buffers written fit the second-level cache together.
const BLOCK_BYTES: usize = 64 * 1024;

/// Least bytes indexed at once, for a batch that has room for few rows only.
const MIN_BLOCK_BYTES: usize = 4 * 1024;

/// Rows of a run that make an index worth its while.
const MIN_RUN_ROWS: usize = 4;

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

/// The options that the passes over a block look at.
struct Dialect {
    structure: Structure,
    has_trim: bool,
    null_string: Option<Vec<u8>>,
    comment_line_marker: Option<Vec<u8>>,
    newline: &'static [u8],
    num_fields: usize,
    /// Longer records may hold a quoted field that is too long.
    max_record_bytes: usize,
}

/// A record of a block that becomes a row.
#[derive(Clone, Copy)]
struct Row {
    /// Index of the cut where its first field begins.
    first_cut: u32,
    /// May be less than there are columns, or more.
    num_fields: u32,
    /// Ordinal among the records of the block, from 1.
    record: u32,
    /// Line ends of the block before it; those inside of quotes are not counted.
    num_lines: u32,
}

/// A record of a block that is a reject, for the number of its fields.
struct Miscounted {
    row: Row,
    refusal: Refusal,
}

/// What is known after the pass over the line ends of a block.
struct Walked {
    /// Index of the cut after the last record that was taken.
    last_cut: usize,
    num_records: u64,
    /// Line ends outside quotes.
    num_lines: u64,
    /// The next record must be read in the plain way.
    is_plain_next: bool,
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
        let input = &self.reader.input;
        let text = input.unread();
        let block = block(
            text.as_bytes(),
            input.is_complete(),
            room.saturating_mul(self.record_bytes),
        );
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

        if num_rows >= MIN_RUN_ROWS {
            self.plain_records = 0;
        }
        // A run that ends where the block does goes on in the next block; one that filled the batch, in the next batch.
        if num_rows == room || length > 0 && !walked.is_plain_next {
            return Ok(Step::Advanced);
        }
        // Quotes out of place come in crowds: indexing up to each of them would cost more than it gives.
        self.plain_records = (2 * self.plain_records).clamp(1, MAX_PLAIN_RECORDS);
        self.plain_records_left = self.plain_records - 1;
        if self.reader.rows.room() == 0 {
            Ok(Step::Advanced)
        } else {
            self.reader.read_one()
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
            let position = reader.input.position(start, lines.before(&row, start), u64::from(row.record));
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

/// The part of the unread text to index.
fn block(text: &[u8], is_complete: bool, wanted_bytes: usize) -> &[u8] {
    let wanted_bytes = if wanted_bytes == 0 { BLOCK_BYTES } else { wanted_bytes };
    let length = wanted_bytes.clamp(MIN_BLOCK_BYTES, BLOCK_BYTES).min(text.len());
    // Whether a CR is the whole line end shows with the next byte.
    let is_cut_in_line_end = length == text.len() && !is_complete && text.last() == Some(&b'\r');
    &text[..length - usize::from(is_cut_in_line_end)]
}

impl Dialect {
    fn new(options: &CsvOptions) -> Option<Dialect> {
        let is_usual = options.quotes_in_quoted_fields == QuotesInQuotedFields::AcceptOnlyRfc4180Escaped
            && options.line_delimiter_recognized.is_none();
        let [delimiter] = *options.delimiter.as_bytes() else {
            return None;
        };
        let quote = byte_of(options.quote)?;
        // Outside quotes an escape is data, and an escape that is the quote adds nothing to doubling.
        let escape = if options.quote.is_none() || options.escape == options.quote {
            None
        } else {
            byte_of(options.escape)?
        };
        let has_clash = quote == Some(delimiter) || escape == Some(delimiter) || [quote, escape].contains(&Some(b' '));
        if !is_usual || has_clash || !delimiter.is_ascii() {
            return None;
        }
        // Text takes at least as many bytes as UTF-16 units, except for line ends that become longer ones.
        let max_record_bytes = if quote.is_some() {
            options.max_quoted_size_limit / 2
        } else {
            u64::MAX
        };
        Some(Dialect {
            structure: Structure {
                delimiter,
                quote,
                escape,
            },
            has_trim: options.trim_if_not_quoted,
            null_string: options.null_string.clone().map(String::into_bytes),
            comment_line_marker: options.comment_line_marker.clone().map(String::into_bytes),
            newline: match options.newline {
                Newline::Crlf => b"\r\n",
                Newline::Lf => b"\n",
                Newline::Cr => b"\r",
            },
            num_fields: options.columns.len(),
            max_record_bytes: usize::try_from(max_record_bytes).unwrap_or(usize::MAX),
        })
    }
}

/// The byte that an optional character is; `None` if it is more than one.
fn byte_of(character: Option<char>) -> Option<Option<u8>> {
    match character {
        None => Some(None),
        Some(character) if character.is_ascii() => Some(Some(character as u8)),
        Some(_) => None,
    }
}

/// The pass over the line ends of a block.
struct Walk<'a> {
    block: &'a [u8],
    dialect: &'a Dialect,
    index: &'a Index,
    room: usize,
    rows: &'a mut Vec<Row>,
    miscounted: &'a mut Vec<Miscounted>,
}

impl Walk<'_> {
    fn walk(&mut self, count_refusal: impl Fn(usize) -> Option<Refusal>) -> Walked {
        let cuts = self.index.cuts();
        let mut walked = Walked {
            last_cut: 0,
            num_records: 0,
            num_lines: 0,
            is_plain_next: false,
        };
        for line_end in self.index.line_ends() {
            let num_fields = *line_end as usize - walked.last_cut;
            let start = cuts[walked.last_cut] as usize;
            let end = cuts[*line_end as usize] as usize - 1;
            if start == end {
                let is_end_of_crlf = start > 0 && self.block[end] == b'\n' && self.block[start - 1] == b'\r';
                walked.num_lines += u64::from(!is_end_of_crlf);
                walked.last_cut = *line_end as usize;
                continue;
            }
            if end - start > self.dialect.max_record_bytes {
                walked.is_plain_next = true;
                return walked;
            }
            if let Some(marker) = &self.dialect.comment_line_marker
                && self.block[start..].starts_with(marker)
            {
                // The comment ends with its line, even if quotes seem to join lines.
                if memchr::memchr2(b'\r', b'\n', &self.block[start..end]).is_some() {
                    walked.is_plain_next = true;
                    return walked;
                }
                walked.num_lines += 1;
                walked.last_cut = *line_end as usize;
                continue;
            }
            let row = Row {
                first_cut: walked.last_cut as u32,
                num_fields: num_fields as u32,
                record: walked.num_records as u32 + 1,
                num_lines: walked.num_lines as u32,
            };
            let refusal = if num_fields == self.dialect.num_fields {
                None
            } else {
                count_refusal(num_fields)
            };
            match refusal {
                None => self.rows.push(row),
                Some(refusal) => self.miscounted.push(Miscounted { row, refusal }),
            }
            walked.num_records += 1;
            walked.num_lines += 1;
            walked.last_cut = *line_end as usize;
            if self.rows.len() == self.room {
                return walked;
            }
        }
        // Nothing at all, or a quote out of place: the record in question is for the plain reader. A block that is just cut
        // inside a record looks the same, but there the next block has more of it.
        walked.is_plain_next = walked.last_cut == 0;
        walked
    }
}

/// Says how many lines of a block come before a row.
struct Lines<'a> {
    text: &'a str,
    /// Counts line ends if some of them are inside of quotes, where the walk over the block does not see them.
    automaton: Option<&'a Automaton>,
    /// Lines counted so far, from the start of the block on, and up to where.
    num_lines: u64,
    counted_to: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, index: &Index, automaton: &'a Automaton) -> Lines<'a> {
        Lines {
            text,
            automaton: index.has_quoted_line_end().then_some(automaton),
            num_lines: 0,
            counted_to: 0,
        }
    }

    /// Line ends before a row, which begins at `start`. Asked for in the order of the rows.
    fn before(&mut self, row: &Row, start: usize) -> u64 {
        let Some(automaton) = self.automaton else {
            return u64::from(row.num_lines);
        };
        self.num_lines += automaton.num_line_ends(&self.text[self.counted_to..start]);
        self.counted_to = start;
        self.num_lines
    }
}

/// The rows of a block.
struct BlockRun<'a> {
    /// The unread text, of which the block is the beginning.
    text: &'a [u8],
    dialect: &'a Dialect,
    cuts: &'a [u32],
    index: &'a Index,
    rows: &'a [Row],
    /// Room for those of the rows that are left.
    kept_rows: &'a OnceCell<Vec<Row>>,
    input: &'a Input,
    lines: Lines<'a>,
    /// Holds a field whose text differs from the file's.
    scratch: &'a mut Vec<u8>,
}

impl Run for BlockRun<'_> {
    fn num_rows(&self) -> usize {
        self.rows.len()
    }

    fn append_column(&mut self, field_index: usize, writer: &mut ColumnWriter, refuse: &mut dyn FnMut(usize)) {
        writer.append_all(&mut BlockFields { run: self, field_index }, refuse);
    }

    fn value(&mut self, row_index: usize, field_index: usize) -> Option<String> {
        let mut fields = BlockFields { run: self, field_index };
        let text = fields.field(row_index)?;
        Some(String::from_utf8_lossy(text.bytes()).into_owned())
    }

    fn num_fields(&self, row_index: usize) -> usize {
        self.rows[row_index].num_fields as usize
    }

    fn record_number(&self, row_index: usize) -> u64 {
        self.input.num_records() + u64::from(self.rows[row_index].record)
    }

    fn keep(&mut self, kept: &[usize]) {
        let rows = self.rows;
        let kept_rows = || kept.iter().map(|row_index| rows[*row_index]).collect();
        self.rows = self.kept_rows.get_or_init(kept_rows);
    }

    fn origin(&mut self, row_index: usize) -> (Position, &str) {
        let row = self.rows[row_index];
        let start = self.cuts[row.first_cut as usize] as usize;
        let end = self.cuts[(row.first_cut + row.num_fields) as usize] as usize - 1;
        let text = self.input.unread();
        let num_lines = self.lines.before(&row, start);
        let position = self.input.position(start, num_lines, u64::from(row.record));
        (position, &text[start..end])
    }
}

/// One column of a block.
struct BlockFields<'a, 'b> {
    run: &'a mut BlockRun<'b>,
    field_index: usize,
}

impl Fields for BlockFields<'_, '_> {
    fn num_rows(&self) -> usize {
        self.run.rows.len()
    }

    #[inline(always)]
    fn field(&mut self, row_index: usize) -> Option<FieldText<'_>> {
        let row = self.run.rows[row_index];
        if self.field_index >= row.num_fields as usize {
            return None;
        }
        let cut = row.first_cut as usize + self.field_index;
        let mut start = self.run.cuts[cut] as usize;
        let mut end = self.run.cuts[cut + 1] as usize - 1;
        let dialect = self.run.dialect;
        let is_quoted = Some(self.run.text[start]) == dialect.structure.quote && start < end;
        let text = if is_quoted {
            (start, end) = (start + 1, end - 1);
            if self.run.index.has_special(start, end) {
                unescape(self.run.text, start, end, self.run.index, dialect, self.run.scratch);
                FieldText::new(self.run.scratch, self.run.scratch.len())
            } else {
                FieldText::new(&self.run.text[start..], end - start)
            }
        } else {
            if dialect.has_trim {
                while start < end && self.run.text[start] == b' ' {
                    start += 1;
                }
                while start < end && self.run.text[end - 1] == b' ' {
                    end -= 1;
                }
            }
            FieldText::new(&self.run.text[start..], end - start)
        };
        let is_null = match &dialect.null_string {
            None => start == end && !is_quoted,
            Some(null_string) => text.bytes() == null_string.as_slice(),
        };
        if is_null { None } else { Some(text) }
    }
}

/// Writes the text between the quotes of a field to `output`: doubled and escaped characters once, line ends as configured.
fn unescape(text: &[u8], mut start: usize, end: usize, index: &Index, dialect: &Dialect, output: &mut Vec<u8>) {
    output.clear();
    while let Some(position) = index.next_special(start, end) {
        output.extend_from_slice(&text[start..position]);
        let byte = text[position];
        let next = text[position + 1..end].first().copied();
        start = position + 1;
        if Some(byte) == dialect.structure.quote {
            // The index lets no other quote pass than a doubled one.
            output.push(byte);
            start += 1;
        } else if Some(byte) == dialect.structure.escape {
            // An escape outside the two pairs is data.
            match next {
                Some(next) if Some(next) == dialect.structure.quote || next == byte => {
                    output.push(next);
                    start += 1;
                }
                _ => output.push(byte),
            }
        } else {
            output.extend_from_slice(dialect.newline);
            if byte == b'\r' && next == Some(b'\n') {
                start += 1;
            }
        }
    }
    output.extend_from_slice(&text[start.min(end)..end]);
}
