//! `bucketload tables` and `bucketload table show|create|delete`

use super::environment;
use crate::args::{GlobalArguments, TableCommand, TableCreateArguments, TableDeleteArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use bucketload_engine::job::present::table;
use bucketload_engine::job::tables::{NewTable, TableDetails, create, delete, show, tables};
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Error, Result};
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};

pub(super) async fn list(global: &GlobalArguments, printer: &Printer) -> Result<Exit> {
    let found = tables(&environment(global)?).await?;
    if printer.is_json() {
        printer.document(&json!(found));
        return Ok(Exit::Done);
    }
    let headers = ["database", "table", "type", "version", "files", "rows", "bytes"].map(str::to_owned);
    let rows: Vec<Vec<Value>> = found
        .iter()
        .map(|table| {
            vec![
                json!(table.database),
                json!(table.table),
                json!(table.layout),
                json!(table.version),
                json!(table.files),
                json!(table.rows),
                json!(table.bytes),
            ]
        })
        .collect();
    printer.result(&bucketload_engine::job::present::table(&headers, &rows));
    Ok(Exit::Done)
}

pub(super) async fn run(global: &GlobalArguments, command: TableCommand, printer: &Printer) -> Result<Exit> {
    match command {
        TableCommand::Show(arguments) => {
            let details = show(&environment(global)?, &TableName::parse(&arguments.name)?).await?;
            match printer.is_json() {
                true => printer.document(&json!(details)),
                false => printer.result(&text(&details)),
            }
        }
        TableCommand::Create(arguments) => run_create(global, &arguments, printer).await?,
        TableCommand::Delete(arguments) => run_delete(global, &arguments, printer).await?,
    }
    Ok(Exit::Done)
}

async fn run_create(global: &GlobalArguments, arguments: &TableCreateArguments, printer: &Printer) -> Result<()> {
    let name = TableName::parse(&arguments.name)?;
    let new = NewTable {
        columns: arguments.columns.clone(),
        partition_by: arguments.partition_by.into(),
        time_column: arguments.time_column.clone(),
        timezone: arguments.timezone.clone(),
    };
    create(&environment(global)?, &name, &new).await?;
    match printer.is_json() {
        true => printer.document(&json!({"database": name.database, "table": name.table, "status": "created"})),
        false => printer.result(&format!("created {name}\n")),
    }
    Ok(())
}

async fn run_delete(global: &GlobalArguments, arguments: &TableDeleteArguments, printer: &Printer) -> Result<()> {
    let name = TableName::parse(&arguments.name)?;
    let environment = environment(global)?;
    if !arguments.force {
        let details = show(&environment, &name).await?;
        confirm(&details, printer)?;
    }
    let num_files = delete(&environment, &name).await?;
    match printer.is_json() {
        true => printer.document(
            &json!({"database": name.database, "table": name.table, "status": "deleted", "files": num_files}),
        ),
        false => printer.result(&format!("deleted {name} ({} files)\n", count(num_files))),
    }
    Ok(())
}

/// Asks at a terminal; elsewhere nobody can answer, so the flag is needed.
fn confirm(details: &TableDetails, printer: &Printer) -> Result<()> {
    let name = format!("{}.{}", details.summary.database, details.summary.table);
    if !std::io::stdin().is_terminal() {
        return Err(Error::config(format!("table `{name}` is not deleted without a yes")).with_hint("add `--force`"));
    }
    let rows = details
        .summary
        .rows
        .map_or_else(|| "an unknown number of".to_owned(), count);
    printer.talk(&format!(
        "delete {name} with {rows} rows ({})? Type the table's name:",
        bytes(details.summary.bytes)
    ));
    let mut answer = String::new();
    let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    match is_read && (answer.trim() == name || answer.trim() == details.summary.table) {
        true => Ok(()),
        false => Err(Error::config("nothing was deleted")),
    }
}

fn text(details: &TableDetails) -> String {
    let summary = &details.summary;
    let mut text = format!("{}.{}\n", summary.database, summary.table);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<12}{value}\n"));
    line("location", details.location.clone());
    line("type", summary.layout.to_owned());
    if let Some(version) = summary.version {
        line("version", version.to_string());
    }
    line("rows", summary.rows.map_or_else(|| "unknown".to_owned(), count));
    line("files", format!("{} ({})", count(summary.files), bytes(summary.bytes)));
    if !details.partition_columns.is_empty() {
        let mut partitions = details.partition_columns.join(", ");
        if let Some(time_column) = &details.time_column {
            partitions.push_str(&format!(" of `{time_column}`"));
        }
        if let Some(timezone) = &details.timezone {
            partitions.push_str(&format!(" in {timezone}"));
        }
        line("partitions", partitions);
    }
    for job in &details.unfinished_jobs {
        let state = match job.is_running {
            true => "running".to_owned(),
            false => format!("died, {} of {} steps are written down", job.steps.done, job.steps.total),
        };
        line("job", format!("{} {state}", job.job_id));
    }
    let rows: Vec<Vec<Value>> = details
        .columns
        .iter()
        .map(|column| vec![json!(column.name), json!(column.column_type)])
        .collect();
    text.push_str(&table(&["column".to_owned(), "type".to_owned()], &rows));
    text
}
