//! Turns CSV text (TSV and the like too) into typed rows.
//!
//! There are two readers behind one trait, and every case runs through both. [`ReferenceCsvParser`] looks at one character
//! after the other and is the specification. [`CsvParser`] finds the delimiters, quotes and line ends of a block with SIMD and
//! then fills one column after the other; whatever is unusual about a record makes it go the way of the reference.
//!
//! Where the original is odd we differ, always so that less data is lost: NUL is data; a byte order mark is left out; a record
//! is cut into fields to its end before the first field is converted, so that a value that does not fit its type rejects the
//! whole record and not just its first line; surplus columns are cut like all others.
//!
//! Reading order: this file (options), `automaton` (where records and fields begin and end) with `line_ends`, `input` (the text of a
//! file, and positions in it), `header` (which field is which column), `rows` (records into batches) with `rescue` and `run`, `reference`, then the
//! fast way: `dialect`, `index`, `walk`, `block` and `parser`.

mod automaton;
mod block;
mod dialect;
mod header;
mod index;
mod input;
mod line_ends;
mod parser;
mod reference;
mod rescue;
mod rows;
mod run;
#[cfg(test)]
mod tests;
mod walk;

use super::columns::ColumnOptions;
use super::drift::{OnBadValue, OnNewColumns, rescued_column};
use super::origin::OriginRows;
use super::timestamp::FormatError;
use encoding_rs::Encoding;

pub use header::{HeaderFinder, column_names, searched_name};
pub use parser::CsvParser;
pub use reference::{ReferenceCsvParser, SplitField, split_records};

/// Bytes of one record. A longer one ends the file: more likely the format is wrong than the data.
pub const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

/// A line end of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newline {
    /// `\r\n`
    Crlf,
    /// `\n`
    Lf,
    /// `\r`
    Cr,
}

/// What a quote inside a quoted field means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuotesInQuotedFields {
    /// Only a doubled or escaped quote is data; anything else after a quote must be the end of the field.
    #[default]
    AcceptOnlyRfc4180Escaped,
    /// A quote that neither a delimiter nor a line end follows is data.
    AcceptStrayQuotesAssumingNoDelimitersInFields,
}

/// How the fields of a record find their columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColumnMatch {
    /// By their place. Header text is not looked at.
    #[default]
    ByPosition,
    /// By the names in the first record of each file, after the lines that are skipped. A column that a file does not name is null
    /// in its rows.
    ByName {
        /// Whether `Price` is `price`.
        ignores_case: bool,
    },
}

/// Everything the CSV parser needs to know; section 3.1 of the configuration reference.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// What becomes of the fields; see `column_match`.
    pub columns: Vec<ColumnOptions>,
    /// How the fields of a record find their columns.
    pub column_match: ColumnMatch,
    /// What a name in the header does that no column has; of no meaning where columns are found by their place.
    pub on_new_columns: OnNewColumns,
    /// What a field does that does not fit its column.
    pub on_bad_value: OnBadValue,
    /// Indices into [`CsvOptions::all_columns`] of those that become columns of the batch, in the batch's order; `None`: all. A column left out
    /// is not converted, and so cannot reject a record.
    pub projection: Option<Vec<usize>>,
    /// One or more characters.
    pub delimiter: String,
    /// `None`: no quoting.
    pub quote: Option<char>,
    /// Inside quoted fields only; `None`: none (a doubled quote still is one quote).
    pub escape: Option<char>,
    /// See there.
    pub quotes_in_quoted_fields: QuotesInQuotedFields,
    /// Text that means null, compared after trimming, quoted fields included; see section 3.3 for what its presence changes.
    pub null_string: Option<String>,
    /// Strips U+0020 on both sides of unquoted fields.
    pub trim_if_not_quoted: bool,
    /// Longest quoted field, in UTF-16 units.
    pub max_quoted_size_limit: u64,
    /// Lines that start with it at a record start are skipped.
    pub comment_line_marker: Option<String>,
    /// Physical lines dropped at the start of each file.
    pub skip_header_lines: u64,
    /// Missing trailing columns are null instead of a reject.
    pub allow_optional_columns: bool,
    /// Surplus trailing columns are dropped instead of a reject.
    pub allow_extra_columns: bool,
    /// Malformed bytes become U+FFFD.
    pub charset: &'static Encoding,
    /// Inserted where a quoted field spans lines; does not split lines.
    pub newline: Newline,
    /// The only sequence that ends a line; `None`: each of CR, LF and CRLF does.
    pub line_delimiter_recognized: Option<Newline>,
    /// Rows in a full batch.
    pub batch_rows: usize,
    /// Fills [`super::Parsed::record_numbers`].
    pub has_record_numbers: bool,
    /// Fills [`super::Parsed::origins`].
    pub origins: OriginRows,
}

impl Default for CsvOptions {
    /// The defaults of section 3.1, without columns.
    fn default() -> Self {
        CsvOptions {
            columns: Vec::new(),
            column_match: ColumnMatch::default(),
            on_new_columns: OnNewColumns::default(),
            on_bad_value: OnBadValue::default(),
            projection: None,
            delimiter: ",".to_owned(),
            quote: Some('"'),
            escape: Some('\\'),
            quotes_in_quoted_fields: QuotesInQuotedFields::default(),
            null_string: None,
            trim_if_not_quoted: false,
            max_quoted_size_limit: 131_072,
            comment_line_marker: None,
            skip_header_lines: 0,
            allow_optional_columns: false,
            allow_extra_columns: false,
            charset: encoding_rs::UTF_8,
            newline: Newline::Crlf,
            line_delimiter_recognized: None,
            batch_rows: 8_192,
            has_record_numbers: false,
            origins: OriginRows::None,
        }
    }
}

impl CsvOptions {
    /// The columns that a projection chooses from: the configured ones, then the one for what is rescued, if anything is.
    pub fn all_columns(&self) -> Vec<ColumnOptions> {
        let mut columns = self.columns.clone();
        columns.extend(rescued_column(self.on_new_columns, self.on_bad_value));
        columns
    }
}

/// Why options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvOptionsError {
    /// There must be something between the fields.
    #[error("`{option}` is empty")]
    Empty {
        /// Key of the configuration.
        option: &'static str,
    },
    /// Lines are cut before anything else is looked at, so this could never be found.
    #[error("`{option}` contains a line end")]
    LineEnd {
        /// Key of the configuration.
        option: &'static str,
    },
    /// The two ways of reading a quote contradict each other.
    #[error(
        "`trim_if_not_quoted` cannot be combined with `quotes_in_quoted_fields: ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS`"
    )]
    TrimWithStrayQuotes,
    /// A batch must hold a row.
    #[error("batches of 0 rows")]
    NoBatchRows,
    /// The projection names a column that does not exist.
    #[error("projection of column {index}, but there are {num_columns} columns")]
    Projection {
        /// What the projection asks for, from 0.
        index: usize,
        /// How many there are.
        num_columns: usize,
    },
    /// The formats, zone or date of a timestamp column cannot be used.
    #[error("column `{column}` cannot be read as timestamp")]
    Timestamp {
        /// Name of the column.
        column: String,
        /// What is wrong with them.
        #[source]
        source: FormatError,
    },
}
