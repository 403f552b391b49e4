//! Gathers what has no place in the columns of a record into the column for it.

use crate::parse::columns::writer::{ColumnWriter, FieldText};
use crate::parse::drift::RescuedValues;

/// What has no place in the columns, on its way into a column of its own.
#[derive(Default)]
pub(super) struct Rescue {
    /// Index among the columns of the batch of the column for it.
    pub(super) column: usize,
    /// Fields of the current file that no column takes.
    pub(super) new_fields: Vec<(usize, String)>,
    /// What is rescued of one record: the index of each field, its name, its text.
    pub(super) found: Vec<(usize, String, String)>,
    values: RescuedValues,
}

impl Rescue {
    /// Nothing is found yet; `column` is the index of the column for it.
    pub(super) fn new(column: usize) -> Rescue {
        Rescue {
            column,
            ..Rescue::default()
        }
    }

    /// Appends what was found of a record, in the order of its fields.
    pub(super) fn append(&mut self, writer: &mut ColumnWriter) {
        self.found.sort_by_key(|(field_index, _, _)| *field_index);
        self.values.clear();
        for (_, name, text) in self.found.drain(..) {
            self.values.add_text(&name, &text);
        }
        let object = self.values.object().map(FieldText::of);
        let has_fitted = writer.append(object);
        debug_assert!(has_fitted, "an object of texts is JSON");
    }
}
