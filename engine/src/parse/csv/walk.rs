//! The pass over the line ends of a block, which sorts its records.

use super::dialect::Dialect;
use super::index::Index;
use super::rows::Refusal;

/// A record of a block that becomes a row.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Index of the cut where its first field begins.
    pub(super) first_cut: u32,
    /// May be less than there are columns, or more.
    pub(super) num_fields: u32,
    /// Ordinal among the records of the block, from 1.
    pub(super) record: u32,
    /// Line ends of the block before it; those inside of quotes are not counted.
    pub(super) num_lines: u32,
}

/// A record of a block that is a reject, for the number of its fields.
pub(super) struct Miscounted {
    pub(super) row: Row,
    pub(super) refusal: Refusal,
}

/// What is known after the pass over the line ends of a block.
pub(super) struct Walked {
    /// Index of the cut after the last record that was taken.
    pub(super) last_cut: usize,
    pub(super) num_records: u64,
    /// Line ends outside quotes.
    pub(super) num_lines: u64,
    /// The next record must be read in the plain way.
    pub(super) is_plain_next: bool,
}

/// The pass over the line ends of a block.
pub(super) struct Walk<'a> {
    pub(super) block: &'a [u8],
    pub(super) dialect: &'a Dialect,
    pub(super) index: &'a Index,
    pub(super) room: usize,
    pub(super) rows: &'a mut Vec<Row>,
    pub(super) miscounted: &'a mut Vec<Miscounted>,
}

impl Walk<'_> {
    pub(super) fn walk(&mut self, count_refusal: impl Fn(usize) -> Option<Refusal>) -> Walked {
        let cuts = self.index.cuts();
        let mut walked = Walked {
            last_cut: 0,
            num_records: 0,
            num_lines: 0,
            is_plain_next: false,
        };
        let max_record_bytes = match self.index.has_quoted_line_end() {
            true => self.dialect.max_record_bytes / 2,
            false => self.dialect.max_record_bytes,
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
            if end - start > max_record_bytes {
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
        // Nothing at all, or a closing quote that ends no field: the record in question is for the plain reader. A block that is
        // just cut inside a record looks the same, but there the next block has more of it.
        walked.is_plain_next = walked.last_cut == 0;
        walked
    }
}
