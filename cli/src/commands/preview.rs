//! `bucketload preview`

use super::configuration::read_plan;
use super::environment;
use crate::args::{FormatName, GlobalArguments, PreviewArguments};
use crate::exit::Exit;
use crate::printer::{Printer, count};
use bucketload_engine::Result;
use bucketload_engine::job::present::{csv_line, table};
use bucketload_engine::job::preview::{Preview, PreviewOptions, preview};
use serde_json::{Map, Value, json};

/// Rejects told one by one.
const TOLD_REJECTS: usize = 10;

pub(super) async fn run(global: &GlobalArguments, arguments: &PreviewArguments, printer: &Printer) -> Result<Exit> {
    let plan = read_plan(&arguments.config.config, &arguments.config.overrides, global, printer)?;
    let options = PreviewOptions {
        num_rows: arguments.rows,
        num_filters: arguments.after,
    };
    let shown = preview(&environment(global)?, &plan, options).await?;
    if printer.is_json() {
        printer.document(&shown.document());
        return Ok(Exit::Done);
    }
    match arguments.format {
        FormatName::Json => printer.document(&objects(&shown)),
        FormatName::Csv => {
            let header: Vec<Value> = shown.columns.iter().map(|(name, _)| json!(name)).collect();
            printer.result(&csv_line(header.iter()));
            for row in &shown.rows {
                printer.result(&csv_line(row.iter()));
            }
        }
        FormatName::Table => {
            let headers: Vec<String> = shown
                .columns
                .iter()
                .map(|(name, kind)| format!("{name}:{kind}"))
                .collect();
            printer.result(&table(&headers, &shown.rows));
        }
    }
    if shown.rows.is_empty() {
        printer.hint(match shown.num_files {
            0 => "no input files matched; check `in.path_prefix` and `in.path_match_pattern`",
            _ => "no input records to preview",
        });
    }
    for reject in shown.rejects.iter().take(TOLD_REJECTS) {
        printer.hint(&format!("rejected: {} at {}", reject.reason, reject.position));
    }
    if shown.num_rejects > TOLD_REJECTS as u64 {
        printer.hint(&format!(
            "{} more records were rejected",
            count(shown.num_rejects - TOLD_REJECTS as u64)
        ));
    }
    if arguments.format == FormatName::Table {
        printer.hint(&format!(
            "next: bucketload issue {} --database DB --table TABLE --auto-create-table",
            arguments.config.config.display()
        ));
    }
    Ok(Exit::Done)
}

fn objects(shown: &Preview) -> Value {
    let object = |row: &Vec<Value>| {
        let names = shown.columns.iter().map(|(name, _)| name.clone());
        Value::Object(names.zip(row.iter().cloned()).collect::<Map<_, _>>())
    };
    Value::Array(shown.rows.iter().map(object).collect())
}
