//! The rows of a block: fields, one column after the other, and where their records stand.

use super::automaton::Automaton;
use super::dialect::Dialect;
use super::index::Index;
use super::input::Input;
use super::run::Run;
use super::walk::Row;
use crate::parse::columns::writer::{ColumnWriter, FieldText, Fields};
use crate::position::PlaceInFile;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

/// Says how many lines of a block come before a row.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Counts line ends if some of them are inside of quotes, where the walk over the block does not see them.
    automaton: Option<&'a Automaton>,
    /// Lines counted so far, from the start of the block on, and up to where.
    num_lines: u64,
    counted_to: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, index: &Index, automaton: &'a Automaton) -> Lines<'a> {
        Lines {
            text,
            automaton: index.has_quoted_line_end().then_some(automaton),
            num_lines: 0,
            counted_to: 0,
        }
    }

    /// Line ends before a row, which begins at `start`. Asked for in the order of the rows.
    pub(super) fn before(&mut self, row: &Row, start: usize) -> u64 {
        let Some(automaton) = self.automaton else {
            return u64::from(row.num_lines);
        };
        self.num_lines += automaton.num_line_ends(&self.text[self.counted_to..start]);
        self.counted_to = start;
        self.num_lines
    }
}

/// The rows of a block.
pub(super) struct BlockRun<'a> {
    /// The unread text, of which the block is the beginning.
    pub(super) text: &'a [u8],
    pub(super) dialect: &'a Dialect,
    pub(super) cuts: &'a [u32],
    pub(super) index: &'a Index,
    pub(super) rows: &'a [Row],
    /// Room for those of the rows that are left.
    pub(super) kept_rows: &'a OnceCell<Vec<Row>>,
    pub(super) input: &'a Input,
    pub(super) lines: Lines<'a>,
    /// Holds a field whose text differs from the file's.
    pub(super) scratch: &'a mut Vec<u8>,
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

    fn origin(&mut self, row_index: usize) -> (PlaceInFile, Range<usize>) {
        let row = self.rows[row_index];
        let start = self.cuts[row.first_cut as usize] as usize;
        let end = self.cuts[(row.first_cut + row.num_fields) as usize] as usize - 1;
        let num_lines = self.lines.before(&row, start);
        let place = self.input.place(start, num_lines, u64::from(row.record));
        let (_, unread) = self.input.shared();
        (place, unread + start..unread + end)
    }

    fn text(&self) -> &Arc<String> {
        self.input.shared().0
    }

    fn file(&self) -> &Arc<str> {
        self.input.file()
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
            if dialect.structure.has_trim {
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
