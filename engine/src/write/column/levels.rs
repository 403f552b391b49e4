//! Which rows of a page have a value.
//!
//! **Source**: `Encodings.md`, run length encoding; definition levels of a flat column are 0 (null) or 1.

use super::page::write_varint;

/// The definition levels of the open page, as runs.
pub(super) struct Levels {
    /// Whether the column can be null; if it cannot, its pages have no levels.
    is_nullable: bool,
    runs: Vec<Run>,
    num_rows: usize,
    num_nulls: usize,
}

struct Run {
    is_valid: bool,
    num_rows: usize,
}

/// Runs shorter than this are bit-packed together: a run takes two bytes, eight packed rows take one.
const MIN_RUN_ROWS: usize = 16;

impl Levels {
    pub(super) fn new(is_nullable: bool) -> Levels {
        Levels {
            is_nullable,
            runs: Vec::new(),
            num_rows: 0,
            num_nulls: 0,
        }
    }

    pub(super) fn num_rows(&self) -> usize {
        self.num_rows
    }

    pub(super) fn num_nulls(&self) -> usize {
        self.num_nulls
    }

    /// Adds neighbouring rows that are all null or all not.
    #[inline]
    pub(super) fn push(&mut self, is_valid: bool, num_rows: usize) {
        self.num_rows += num_rows;
        if !is_valid {
            self.num_nulls += num_rows;
        }
        match self.runs.last_mut() {
            Some(run) if run.is_valid == is_valid => run.num_rows += num_rows,
            _ => self.runs.push(Run { is_valid, num_rows }),
        }
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.num_rows = 0;
        self.num_nulls = 0;
    }

    /// Appends the length of the levels in four bytes, and the levels; nothing for a column that cannot be null.
    pub(super) fn write(&self, body: &mut Vec<u8>) {
        if !self.is_nullable {
            return;
        }
        let length_at = body.len();
        body.extend_from_slice(&[0; 4]);
        let mut packed = Packed::default();
        for run in &self.runs {
            let mut num_rows = run.num_rows;
            if num_rows >= MIN_RUN_ROWS {
                // Packed rows come in eights; the first rows of the run fill them up.
                let filling = packed.num_missing().min(num_rows);
                packed.push(run.is_valid, filling);
                packed.write(body);
                num_rows -= filling;
                write_varint((num_rows as u64) << 1, body);
                body.push(u8::from(run.is_valid));
            } else {
                packed.push(run.is_valid, num_rows);
            }
        }
        packed.write(body);
        let length = (body.len() - length_at - 4) as u32;
        body[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// Levels as bits, eight a byte.
#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    num_rows: usize,
}

impl Packed {
    fn num_missing(&self) -> usize {
        self.num_rows.next_multiple_of(8) - self.num_rows
    }

    fn push(&mut self, is_valid: bool, num_rows: usize) {
        for _ in 0..num_rows {
            if self.num_rows.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if is_valid && let Some(byte) = self.bytes.last_mut() {
                *byte |= 1 << (self.num_rows % 8);
            }
            self.num_rows += 1;
        }
    }

    fn write(&mut self, body: &mut Vec<u8>) {
        if self.num_rows > 0 {
            write_varint((self.bytes.len() as u64) << 1 | 1, body);
            body.append(&mut self.bytes);
            self.num_rows = 0;
        }
    }
}
