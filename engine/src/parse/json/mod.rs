//! Turns JSON text - one value a line, or values one after the other - into typed rows.
//!
//! Nothing of a record is built but the fields that are wanted: one walk checks the text and notes where they stand, then each is
//! appended to its column. A field that cannot be typed, an integer beyond 64 bits too, makes a reject of its record.
//!
//! Beyond strict JSON both layouts take raw control characters in strings, `NaN`, `Infinity` and `-Infinity`. Of members that
//! come twice the last counts. A lone surrogate escape and bytes that are no UTF-8 become U+FFFD. In text made of a value
//! (columns of type `json`, objects in columns of type `string`) white space is left out, numbers keep their digits, strings are
//! escaped as little as JSON allows, and `NaN` and its like become strings, so that every JSON reader can read it.
//!
//! Reading order: `fault` and `scan`, `pointer`, `order` and `wanted`, `walk` (the grammar, once through a value), `text` (what a value
//! means), `cells` and `rows` (columns, batches, rejects), `unexpected`, `late` and `extract` (from walk to rows), `encoding`; then the two
//! layouts, `lines` and `values` with `elements`; `reference` reads both in the plainest way.

mod cells;
mod elements;
mod encoding;
mod extract;
mod fault;
mod late;
mod lines;
mod order;
mod pointer;
mod reference;
mod rows;
mod scan;
mod text;
mod unexpected;
mod values;
mod walk;
mod wanted;

#[cfg(test)]
mod tests;

use super::Parser;
use super::columns::{ColumnOptions, ColumnType, TimestampOptions};
use super::drift::{OnBadValue, OnNewColumns, rescued_column};
use super::origin::OriginRows;
use super::timestamp::FormatError;
use encoding_rs::Encoding;

pub use lines::JsonLinesParser;
pub use reference::ReferenceJsonParser;
pub use values::JsonValuesParser;

/// How records are found in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonLayout {
    /// `jsonl`: one value a line; a bad line is a reject.
    Lines,
    /// `json`: values one after the other, white space of any kind between and inside them; a syntax error ends the file.
    Values,
}

/// What to do with a backslash before a character that JSON does not allow there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidStringEscapes {
    /// Leave it: the value is a syntax error.
    #[default]
    Passthrough,
    /// Remove the backslash and the character.
    Skip,
    /// Remove the backslash.
    Unescape,
}

/// Everything the JSON parsers need to know; sections 4.1 and 4.2 of the configuration reference.
#[derive(Clone, Debug)]
pub struct JsonOptions {
    /// `json` or `jsonl`.
    pub layout: JsonLayout,
    /// By member name or [`ColumnOptions::element_at`]. Empty: one column `record` of type json.
    pub columns: Vec<ColumnOptions>,
    /// What a member does that no column takes. Of no meaning without columns.
    pub on_new_columns: OnNewColumns,
    /// What a value does that does not fit its column.
    pub on_bad_value: OnBadValue,
    /// Indices into [`JsonOptions::all_columns`] of those that become columns of the batch; `None`: all.
    pub projection: Option<Vec<usize>>,
    /// JSON Pointer applied to each value before anything else. On the way to an array that is flattened, a member that comes
    /// twice counts twice: the array may be too long to wait for its end.
    pub root: Option<String>,
    /// After `root`, the value must be an array; each element is a record.
    pub flatten_json_array: bool,
    /// See there.
    pub invalid_string_escapes: InvalidStringEscapes,
    /// `None` (`json`): detected among UTF-8, UTF-16 and UTF-32. `jsonl` defaults to UTF-8.
    pub charset: Option<&'static Encoding>,
    /// Rows in a full batch.
    pub batch_rows: usize,
    /// Longest record, in bytes of UTF-8; a longer one ends the file with an error. Never more than 256 MiB, whatever is set here.
    pub max_record_bytes: usize,
    /// Fills [`super::Parsed::record_numbers`].
    pub has_record_numbers: bool,
    /// Fills [`super::Parsed::origins`].
    pub origins: OriginRows,
}

impl Default for JsonOptions {
    /// The defaults of section 4, without columns.
    fn default() -> Self {
        JsonOptions {
            layout: JsonLayout::Lines,
            columns: Vec::new(),
            on_new_columns: OnNewColumns::default(),
            on_bad_value: OnBadValue::default(),
            projection: None,
            root: None,
            flatten_json_array: false,
            invalid_string_escapes: InvalidStringEscapes::default(),
            charset: None,
            batch_rows: 8_192,
            max_record_bytes: 256 * 1024 * 1024,
            has_record_numbers: false,
            origins: OriginRows::None,
        }
    }
}

impl JsonOptions {
    /// The columns that a projection chooses from: the configured ones, or the one for whole records, then the one for what is
    /// rescued, if anything is.
    pub fn all_columns(&self) -> Vec<ColumnOptions> {
        if self.columns.is_empty() {
            return vec![record_column()];
        }
        let mut columns = self.columns.clone();
        columns.extend(rescued_column(self.on_new_columns, self.on_bad_value));
        columns
    }
}

/// Levels that a value may be nested.
///
/// Few enough for any stack and for every JSON reader that meets a column of type `json` later; no record is nested so deeply
/// but by accident or malice.
const MAX_DEPTH: usize = 128;

/// Text at which a batch is full, however few its rows: several batches are on their way to the table at a time. Together with a
/// longest record it is far from the 2 GiB that an array of text may hold.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Text of rejects that is held before a batch is cut for them.
const REJECT_BYTES: usize = 8 * 1024 * 1024;

/// Upper limit of [`JsonOptions::max_record_bytes`]: a record's text may grow sixfold by escaping, and must fit an array with
/// what the batch already holds.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

/// Why options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonOptionsError {
    /// A text is not a JSON Pointer.
    #[error("{option}: `{pointer}` is not a JSON Pointer: {reason}")]
    Pointer {
        /// The key that holds it.
        option: String,
        /// The text.
        pointer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The format, zone or date of a timestamp column.
    #[error("column `{column}` cannot be read as timestamp")]
    Timestamp {
        /// Name of the column.
        column: String,
        /// What is wrong.
        #[source]
        source: FormatError,
    },
    /// The projection names a column that does not exist.
    #[error("the projection names column {index} of {num_columns}")]
    Projection {
        /// Index from 0.
        index: usize,
        /// Number of columns.
        num_columns: usize,
    },
}

/// The fast parser of the layout of `options`.
///
/// **Errors**: a pointer, a timestamp format or the projection cannot be used.
pub fn new_parser(options: &JsonOptions) -> Result<Box<dyn Parser>, JsonOptionsError> {
    Ok(match options.layout {
        JsonLayout::Lines => Box::new(JsonLinesParser::new(options)?),
        JsonLayout::Values => Box::new(JsonValuesParser::new(options)?),
    })
}

/// The plain parser that the fast ones must equal. It holds whole files in memory.
///
/// **Errors**: as [`new_parser`].
pub fn new_reference_parser(options: &JsonOptions) -> Result<Box<dyn Parser>, JsonOptionsError> {
    Ok(Box::new(ReferenceJsonParser::new(options)?))
}

/// Name of the only column where none are configured.
pub const RECORD_COLUMN_NAME: &str = "record";

/// The only column where none are configured: the whole record.
fn record_column() -> ColumnOptions {
    ColumnOptions {
        name: RECORD_COLUMN_NAME.to_owned(),
        column_type: ColumnType::Json,
        timestamp: TimestampOptions::default(),
        element_at: None,
        members: Vec::new(),
    }
}

fn effective_max_record_bytes(options: &JsonOptions) -> usize {
    options.max_record_bytes.min(MAX_RECORD_BYTES)
}
