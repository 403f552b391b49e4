//! What becomes of columns and values that the configuration does not expect: files change, and a table should not break.
//!
//! The parsers decide by these options record by record. What has no place in the columns can be kept in one more column,
//! [`RESCUED_COLUMN_NAME`], which holds a JSON object of names and values, or null where there is nothing to keep.

use super::columns::{ColumnOptions, ColumnType, TimestampOptions};

/// What a column of a file does that no configured column takes; a member of a JSON record likewise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNewColumns {
    /// It is passed over.
    #[default]
    Ignore,
    /// The file cannot be read.
    Fail,
    /// It becomes a column of type string. Whoever makes the options adds those columns before anything is parsed: all records
    /// of a job have one schema. A parser passes over what was not added.
    Add,
    /// Its values are kept in [`RESCUED_COLUMN_NAME`].
    Rescue,
}

/// What a value does that does not fit the type of its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadValue {
    /// Its record becomes a reject.
    #[default]
    Reject,
    /// It is null.
    Null,
    /// It is null, and its text is kept in [`RESCUED_COLUMN_NAME`].
    Rescue,
}

/// Name of the column for what has no place elsewhere.
pub const RESCUED_COLUMN_NAME: &str = "_rescued";

/// The column for what has no place elsewhere; `None` where nothing is rescued.
pub fn rescued_column(on_new_columns: OnNewColumns, on_bad_value: OnBadValue) -> Option<ColumnOptions> {
    let is_wanted = on_new_columns == OnNewColumns::Rescue || on_bad_value == OnBadValue::Rescue;
    is_wanted.then(|| ColumnOptions {
        name: RESCUED_COLUMN_NAME.to_owned(),
        column_type: ColumnType::Json,
        timestamp: TimestampOptions::default(),
        element_at: None,
        members: Vec::new(),
    })
}

/// The rescued values of one record, as the text of a JSON object. Reused from record to record.
#[derive(Debug, Default)]
pub(super) struct RescuedValues {
    text: Vec<u8>,
}

impl RescuedValues {
    /// Adds a value that is text.
    pub(super) fn add_text(&mut self, name: &str, value: &str) {
        self.add_json(name, |text| push_string(text, value));
    }

    /// Adds a value whose JSON text `write` appends.
    pub(super) fn add_json(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.text.push(if self.text.is_empty() { b'{' } else { b',' });
        push_string(&mut self.text, name);
        self.text.push(b':');
        write(&mut self.text);
    }

    /// The object; `None` if nothing was added. [`RescuedValues::clear`] begins the next.
    pub(super) fn object(&mut self) -> Option<&[u8]> {
        if self.text.is_empty() {
            return None;
        }
        self.text.push(b'}');
        Some(&self.text)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }
}

fn push_string(text: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(text, value).expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescued_values_are_one_object() {
        let mut values = RescuedValues::default();
        assert_eq!(values.object(), None);
        values.add_text("a \"b\"", "1\n");
        values.add_json("c", |text| text.extend_from_slice(b"[1]"));
        assert_eq!(values.object(), Some(br#"{"a \"b\"":"1\n","c":[1]}"#.as_slice()));
        values.clear();
        assert_eq!(values.object(), None);
    }
}
