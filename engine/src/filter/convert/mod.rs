//! Computes columns from values that may be invalid, and takes the records with invalid ones out of the rows.
//!
//! This is a plan node and not an expression in a projection: the optimizer may copy an expression, merge it with others and
//! carry it below a filter (even a volatile one), and each would change which records are judged and how often they are
//! counted. It leaves a node of unknown kind where it is. Columns of the input pass through at their indices, the new ones follow;
//! a projection above puts them into place. Columns that nobody above asks for are not asked of the input.
//!
//! What a rule does to its values is written beside the rule; here is only what all share. Reading order: here what a conversion is,
//! `node` (in the logical plan), `exec` (at work).

mod exec;
mod node;

use super::rules::add_time::TimeConversion;
use super::rules::cast::CastConversion;
use super::rules::expand_json::JsonConversion;
use super::values::{Values, shown};
use crate::parse::columns::ColumnType;
use crate::parse::reject::{RecordText, Reject};
use crate::position::Position;
use arrow::array::ArrayRef;
use datafusion::common::Result;
use std::collections::BTreeMap;

pub(super) use self::node::convert;
pub use self::node::{ConvertNode, ConvertPlanner};

/// Name of the node. Each of its rows comes of one of its input.
pub(crate) const CONVERT_NODE: &str = "Convert";

/// Metadata columns that say where a record stands, where the input has them.
const FILE_COLUMN: &str = "_file_path";
const RECORD_COLUMN: &str = "_row_number";

/// One or more columns made from at most one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conversion {
    /// The input column, and the type its values are read as.
    pub(crate) source: Option<(String, ColumnType)>,
    /// Names in the node's output, which a projection above replaces, and types.
    pub(crate) outputs: Vec<(String, ColumnType)>,
    /// What is done.
    pub(crate) rule: ConversionRule,
}

/// What a [`Conversion`] does, as plain data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConversionRule {
    Json(JsonConversion),
    Cast(CastConversion),
    Time(TimeConversion),
}

/// What is done with the record of an invalid value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OnInvalid {
    Reject,
    Fail,
}

/// A [`ConversionRule`] at work in one partition.
pub(crate) trait Converter: Send {
    /// Makes the output arrays of one batch; null where a row is rejected.
    fn convert(&mut self, source: Option<&Values>, num_rows: usize, invalid: &mut InvalidRows)
    -> Result<Vec<ArrayRef>>;
}

/// The rows of one batch with a value that is not valid; the first reason of each row counts.
#[derive(Debug, Default)]
pub(crate) struct InvalidRows {
    rows: BTreeMap<usize, InvalidValue>,
}

#[derive(Debug)]
struct InvalidValue {
    column: String,
    value: String,
    reason: String,
    record: RecordText,
}

impl InvalidRows {
    /// Says that `text`, a value of the row, cannot become the value of `column`; `record` is what is kept of the record.
    pub(crate) fn cannot_read(&mut self, row: usize, column: &str, text: &str, column_type: ColumnType, record: &str) {
        self.rows.entry(row).or_insert_with(|| {
            let reason = format!(
                "column `{column}` cannot read `{}` as {}",
                shown(text),
                column_type.name()
            );
            InvalidValue {
                column: column.to_owned(),
                value: Reject::value_text(text),
                reason,
                record: RecordText::new(record),
            }
        });
    }
}

/// A filter that was told to stop met an invalid record.
#[derive(Debug, thiserror::Error)]
#[error("found an invalid record: {reason}")]
pub struct InvalidRecord {
    /// The filter, the column and the value.
    pub reason: String,
    /// Where the record stands, as far as the row says.
    pub position: Position,
}
