//! Prints a list: a table for people, documents for programs, CSV for both.

use crate::args::FormatName;
use crate::args::service::ListArguments;
use crate::printer::Printer;
use bucketload_engine::job::present::{csv_line, table};
use serde_json::{Value, json};

/// Prints one row, or one document, for each of some things.
pub(super) fn show<T, const N: usize>(
    things: &[T],
    headers: [&str; N],
    row: impl Fn(&T) -> [Value; N],
    document: impl Fn(&T) -> Value,
    arguments: &ListArguments,
    printer: &Printer,
) {
    let format = if printer.is_json() {
        FormatName::Json
    } else {
        arguments.format
    };
    match format {
        FormatName::Json => {
            let documents: Vec<Value> = things.iter().map(document).collect();
            printer.document(&documents);
        }
        FormatName::Csv => {
            let lines = things.iter().map(|thing| csv_line(row(thing).iter()));
            let text: String = std::iter::once(csv_line(headers.map(|name| json!(name)).iter()))
                .chain(lines)
                .collect();
            printer.result(&text);
        }
        FormatName::Table => {
            let rows: Vec<Vec<Value>> = things.iter().map(|thing| row(thing).into()).collect();
            let rows_in_set = match rows.len() {
                1 => "1 row in set".to_owned(),
                number => format!("{number} rows in set"),
            };
            printer.result(&format!("{}{rows_in_set}\n", table(&headers.map(str::to_owned), &rows)));
        }
    }
}
