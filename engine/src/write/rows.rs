//! Rows of a batch, named by their indices.

/// Some rows of a batch, in input order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows<'a> {
    /// Neighbours.
    Run {
        /// Index of the first.
        start: usize,
        /// How many.
        num_rows: usize,
    },
    /// Any rows, by index.
    Listed(&'a [u32]),
}

impl<'a> Rows<'a> {
    /// Rows in ascending order, as a run if they are one.
    pub fn of(rows: &'a [u32]) -> Rows<'a> {
        match (rows.first(), rows.last()) {
            (Some(first), Some(last)) if (last - first) as usize + 1 == rows.len() => Rows::Run {
                start: *first as usize,
                num_rows: rows.len(),
            },
            _ => Rows::Listed(rows),
        }
    }

    /// How many there are.
    pub fn num_rows(&self) -> usize {
        match self {
            Rows::Run { num_rows, .. } => *num_rows,
            Rows::Listed(rows) => rows.len(),
        }
    }

    /// The row at `index`.
    pub fn row(&self, index: usize) -> usize {
        match self {
            Rows::Run { start, .. } => start + index,
            Rows::Listed(rows) => rows[index] as usize,
        }
    }

    /// The first of them, at most `limit`.
    pub fn first(self, limit: usize) -> Rows<'a> {
        match self {
            Rows::Run { start, num_rows } => Rows::Run {
                start,
                num_rows: num_rows.min(limit),
            },
            Rows::Listed(rows) => Rows::Listed(&rows[..rows.len().min(limit)]),
        }
    }

    /// Those after the first `num_taken`.
    pub fn after(self, num_taken: usize) -> Rows<'a> {
        match self {
            Rows::Run { start, num_rows } => Rows::Run {
                start: start + num_taken,
                num_rows: num_rows - num_taken,
            },
            Rows::Listed(rows) => Rows::Listed(&rows[num_taken..]),
        }
    }
}
