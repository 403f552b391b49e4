//! `bucketload query`

use super::environment;
use crate::args::{FormatName, GlobalArguments, QueryArguments};
use crate::exit::Exit;
use crate::printer::{Printer, document_of};
use bucketload_engine::Result;
use bucketload_engine::job::present::{csv_line, json_rows, table, text_arrays};
use bucketload_engine::job::query::{Answer, query};
use serde_json::{Value, json};

/// Rows drawn as a table at most: columns are aligned over all of them, so they are held in memory.
const TABLE_ROWS: usize = 10_000;

/// JSON held back before the first of it is printed: most queries that fail do so early, and then an error is all they print.
const HELD_BYTES: usize = 4 * 1024 * 1024;

pub(super) async fn run(global: &GlobalArguments, arguments: &QueryArguments, printer: &Printer) -> Result<Exit> {
    let environment = environment(global)?;
    let answer = query(&environment, &arguments.sql).await?;
    print(answer, arguments.format, printer).await
}

/// Prints the rows of an answer as they come; as JSON if the command line asks for a document.
pub(super) async fn print(mut answer: Answer, format: FormatName, printer: &Printer) -> Result<Exit> {
    let format = if printer.is_json() { FormatName::Json } else { format };
    match format {
        FormatName::Json => return print_json(&mut answer, printer).await,
        FormatName::Csv => print_csv(&mut answer, printer).await?,
        FormatName::Table => print_table(&mut answer, printer).await?,
    }
    Ok(Exit::Done)
}

/// An array of objects, written as the rows come. If the query fails when some of them are printed already, the error is the
/// last object, so that the array is still one document and nobody takes it for the whole answer.
async fn print_json(answer: &mut Answer, printer: &Printer) -> Result<Exit> {
    let mut text = String::from("[");
    let mut exit = Exit::Done;
    let mut separator = "\n";
    let mut has_printed = false;
    loop {
        match answer.next().await {
            Ok(None) => break,
            Ok(Some(batch)) => {
                for row in json_rows(&batch) {
                    text.push_str(separator);
                    text.push_str(&row.to_string());
                    separator = ",\n";
                }
            }
            Err(error) if has_printed => {
                printer.explain(&error);
                text.push_str(separator);
                text.push_str(&document_of(&error).to_string());
                exit = Exit::of(error.blame());
                break;
            }
            Err(error) => return Err(error),
        }
        if text.len() >= HELD_BYTES {
            printer.result(&text);
            text.clear();
            has_printed = true;
        }
    }
    text.push_str(if separator == "\n" { "]\n" } else { "\n]\n" });
    printer.result(&text);
    Ok(exit)
}

async fn print_csv(answer: &mut Answer, printer: &Printer) -> Result<()> {
    let header: Vec<Value> = answer.schema.fields().iter().map(|field| json!(field.name())).collect();
    printer.result(&csv_line(header.iter()));
    while let Some(batch) = answer.next().await? {
        let mut text = String::new();
        for row in text_arrays(&batch) {
            text.push_str(&csv_line(row.iter()));
        }
        printer.result(&text);
    }
    Ok(())
}

async fn print_table(answer: &mut Answer, printer: &Printer) -> Result<()> {
    let headers: Vec<String> = answer
        .schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut is_cut = false;
    while let Some(batch) = answer.next().await? {
        let room = TABLE_ROWS - rows.len();
        is_cut = batch.num_rows() > room;
        rows.extend(text_arrays(&batch).into_iter().take(room));
        if is_cut {
            break;
        }
    }
    printer.result(&table(&headers, &rows));
    if is_cut {
        printer.talk(&format!(
            "only the first {TABLE_ROWS} rows are shown; `--format csv` gives all"
        ));
    }
    Ok(())
}
