//! Keeps what was found of some columns until the condition has judged their rows.
//!
//! Only where they stood in the text is kept, and only as long as the text is there: the lines of a chunk, or of a part of it.

use super::wanted::Slot;

/// Lines that wait at once: enough that judging them costs little for each, few enough that their text is still in the cache.
const WAITING_ROWS: usize = 512;

/// Rows of which some columns are not made yet.
#[derive(Debug, Default)]
pub(super) struct WaitingRows {
    /// Where the record of each row begins in the text.
    pub(super) starts: Vec<usize>,
    /// The columns that wait, as indices among those of the batch.
    columns: Vec<usize>,
    /// For each column of the batch whether it waits.
    is_waiting: Vec<bool>,
    /// For each row, where the field of each of `columns` stands in its record.
    slots: Vec<Option<Slot>>,
}

impl WaitingRows {
    /// No rows yet, and `columns` that wait among `num_columns`.
    pub(super) fn new(columns: Vec<usize>, num_columns: usize) -> WaitingRows {
        let mut is_waiting = vec![false; num_columns];
        for column in &columns {
            is_waiting[*column] = true;
        }
        WaitingRows {
            columns,
            is_waiting,
            ..WaitingRows::default()
        }
    }

    /// The columns that wait.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether a column waits.
    #[inline]
    pub(super) fn waits(&self, column: usize) -> bool {
        self.is_waiting[column]
    }
    /// Adds the field of the next column of a row that is being read.
    pub(super) fn push_field(&mut self, slot: Option<&Slot>) {
        self.slots.push(slot.cloned());
    }

    /// The row whose fields were added stands at `start`.
    pub(super) fn end_row(&mut self, start: usize) {
        self.starts.push(start);
        debug_assert_eq!(self.slots.len(), self.starts.len() * self.columns.len());
    }

    /// Forgets the fields of a row that did not come to its end.
    pub(super) fn forget_row(&mut self) {
        self.slots.truncate(self.starts.len() * self.columns.len());
    }

    /// The field of a row in the column at `place` of those that wait.
    pub(super) fn field(&self, row: usize, place: usize) -> Option<&Slot> {
        self.slots[row * self.columns.len() + place].as_ref()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Whether the rows should be judged now.
    pub(super) fn are_many(&self) -> bool {
        self.starts.len() >= WAITING_ROWS
    }

    /// All rows are complete.
    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.slots.clear();
    }
}
