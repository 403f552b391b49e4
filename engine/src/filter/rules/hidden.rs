//! Names of columns that are not part of the rows: metadata that only the SQL of a filter names, and the origin of rows.

use crate::parse::origin::ORIGIN_COLUMN_NAME;

/// Begins the name of a hidden column in a plan.
const PREFIX: &str = "__hidden";

/// The name in a plan of the hidden column that SQL calls `name`.
pub fn hidden_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Whether a column of a plan is hidden.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with(PREFIX) || name == ORIGIN_COLUMN_NAME
}

/// The name that SQL has for a column of a plan.
pub fn shown_name(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}
