//! The text of a filter as SQL, and errors in words that name the text of the configuration.

use super::TABLE;
use super::outside::Outside;
use crate::filter::rules::SqlText;
use crate::filter::{FilterError, Stage, nearest};
use crate::parse::origin::ORIGIN_COLUMN_NAME;
use crate::scan::metadata::MetadataKind;
use datafusion::common::{DataFusionError, SchemaError};

/// One query, and where the texts of the configuration stand in it.
pub(super) struct SqlStatement {
    pub(super) sql: String,
    /// Key of the configuration, and the lines before its text.
    parts: Vec<(&'static str, u64)>,
}

impl SqlStatement {
    pub(super) fn new(text: &SqlText) -> SqlStatement {
        SqlStatement::selecting(text, "")
    }

    /// The same rows with their origin beside their columns; `None` if that would change which rows there are.
    pub(super) fn with_origins(text: &SqlText) -> Option<SqlStatement> {
        match text {
            // `*` by itself is all columns, the origin among them.
            SqlText::Clauses { select: None, .. } => Some(SqlStatement::new(text)),
            SqlText::Clauses {
                select: Some(select), ..
            } => {
                let first = select.split_whitespace().next().unwrap_or_default();
                let is_distinct = first.eq_ignore_ascii_case("DISTINCT");
                // A comment at the end of a list must not swallow what is added.
                (!is_distinct).then(|| SqlStatement::selecting(text, &format!("\n, {ORIGIN_COLUMN_NAME}")))
            }
            SqlText::Query(_) => None,
        }
    }

    /// The query, with `more` after what is selected.
    fn selecting(text: &SqlText, more: &str) -> SqlStatement {
        match text {
            SqlText::Query(query) => SqlStatement {
                sql: query.clone(),
                parts: vec![("query", 0)],
            },
            // Each text has lines of its own: places in it are easily found, and a comment at its end ends there.
            SqlText::Clauses { where_clause, select } => {
                let select = select.as_deref().unwrap_or("*");
                let mut sql = format!("SELECT\n{select}{more}\nFROM {TABLE}\n");
                let mut parts = vec![("select", 1)];
                if let Some(where_clause) = where_clause {
                    sql.push_str("WHERE (\n");
                    parts.push(("where", sql.matches('\n').count() as u64));
                    sql.push_str(where_clause);
                    sql.push_str("\n)");
                }
                SqlStatement { sql, parts }
            }
        }
    }

    /// A condition by itself.
    pub(super) fn condition(text: &str) -> SqlStatement {
        SqlStatement {
            sql: text.to_owned(),
            parts: vec![("where", 0)],
        }
    }

    /// The place as the author of the configuration sees it.
    fn place(&self, line: u64, column: u64) -> String {
        match self.parts.iter().rev().find(|(_, lines_before)| line > *lines_before) {
            Some((key, lines_before)) => format!("`{key}` line {}, column {column}", line - lines_before),
            None => format!("line {line}, column {column}"),
        }
    }
}

/// Says what is wrong in words that name the text of the configuration.
pub(super) fn explain(
    stage: &Stage<'_>,
    text: &SqlStatement,
    outside: &[Outside],
    error: DataFusionError,
) -> FilterError {
    let (reason, hint) = reason_and_hint(text, outside, error);
    stage.error_with_hint(reason, hint)
}

/// What is wrong, and what to do about it.
pub(super) fn reason_and_hint(
    text: &SqlStatement,
    outside: &[Outside],
    error: DataFusionError,
) -> (String, Option<String>) {
    let place = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .filter(|span| span.start.line > 0)
        .map(|span| format!(" at {}", text.place(span.start.line, span.start.column)))
        .unwrap_or_default();
    match error.find_root() {
        DataFusionError::SchemaError(schema_error, _) => {
            if let SchemaError::FieldNotFound { field, valid_fields } = schema_error.as_ref() {
                let names = valid_fields.iter().map(|valid| valid.name.as_str());
                let hint = match MetadataKind::from_name(&field.name) {
                    Some(_) => {
                        Some("select it in the SQL filter before, or add it to `in.metadata_columns`".to_owned())
                    }
                    None => nearest(&field.name, names).map(|name| format!("did you mean `{name}`?")),
                };
                return (format!("column `{}` not found{place}", field.flat_name()), hint);
            }
            (format!("{schema_error}{place}"), None)
        }
        DataFusionError::SQL(parser_error, _) => {
            let message = parser_error.to_string();
            let message = message.strip_prefix("sql parser error: ").unwrap_or(&message);
            (format!("cannot parse the SQL: {}", with_place(text, message)), None)
        }
        DataFusionError::Plan(message) if message.contains("table '") => (
            format!("{}{place}", lower_first(message)),
            Some(match outside {
                [] => format!(
                    "the only table is `{TABLE}`; a file is named in `tables`, a table of the warehouse is `DATABASE.TABLE`"
                ),
                tables => {
                    let names: Vec<String> = tables.iter().map(|table| format!("`{}`", table.name)).collect();
                    format!(
                        "there are `{TABLE}` and {}; a table of the warehouse is `DATABASE.TABLE`",
                        names.join(", ")
                    )
                }
            }),
        ),
        root => {
            let message = root.strip_backtrace();
            let message = message
                .split_once(": ")
                .map_or(message.as_str(), |(_, message)| message);
            let message = lower_first(message.trim_end_matches('.')).replace('"', "`");
            match message.split_once(". Consider aliasing") {
                Some((message, _)) => (
                    format!("{message}{place}"),
                    Some("name the columns with `AS`".to_owned()),
                ),
                None => (format!("{message}{place}"), None),
            }
        }
    }
}

/// Replaces the parser's ` at Line: 2, Column: 5` by the place in the text of the configuration.
fn with_place(text: &SqlStatement, message: &str) -> String {
    let parsed = message.rsplit_once(" at Line: ").and_then(|(what, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((what, line.trim().parse().ok()?, column.trim().parse().ok()?))
    });
    match parsed {
        Some((what, line, column)) => format!("{} at {}", lower_first(what), text.place(line, column)),
        None => lower_first(message),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
