//! Prints a list: a table for people, an array of documents for programs.

use crate::printer::Printer;
use bucketload_engine::job::present::table;
use serde_json::Value;

/// Prints one row, or one document, for each of some things.
pub(super) fn show<T, const N: usize>(
    things: &[T],
    headers: [&str; N],
    row: impl Fn(&T) -> [Value; N],
    document: impl Fn(&T) -> Value,
    printer: &Printer,
) {
    if printer.is_json() {
        let documents: Vec<Value> = things.iter().map(document).collect();
        printer.document(&documents);
        return;
    }
    let rows: Vec<Vec<Value>> = things.iter().map(|thing| row(thing).into()).collect();
    let rows_in_set = match rows.len() {
        1 => "1 row in set".to_owned(),
        number => format!("{number} rows in set"),
    };
    printer.result(&format!("{}{rows_in_set}\n", table(&headers.map(str::to_owned), &rows)));
}
