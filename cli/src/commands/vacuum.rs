//! `bucketload vacuum`

use super::environment;
use crate::args::{GlobalArguments, VacuumArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use bucketload_engine::Result;
use bucketload_engine::job::vacuum::{VacuumOptions, Vacuumed, parse_age, vacuum};
use bucketload_engine::table::warehouse::TableName;
use serde_json::json;

pub(super) async fn run(global: &GlobalArguments, arguments: &VacuumArguments, printer: &Printer) -> Result<Exit> {
    let name = arguments.name.as_deref().map(TableName::parse).transpose()?;
    let options = VacuumOptions {
        older_than: parse_age(&arguments.older_than)?,
        is_dry_run: arguments.dry_run,
    };
    let tables = vacuum(&environment(global)?, name.as_ref(), options).await?;
    match printer.is_json() {
        true => printer.document(&json!({"is_dry_run": options.is_dry_run, "tables": tables})),
        false => printer.result(&text(&tables, options)),
    }
    Ok(Exit::Done)
}

fn text(tables: &[Vacuumed], options: VacuumOptions) -> String {
    let what = match options.is_dry_run {
        true => "would remove",
        false => "removed",
    };
    let mut text = String::new();
    for table in tables {
        let (files, size) = (count(table.files), bytes(table.bytes));
        text.push_str(&format!(
            "{}.{}: {what} {files} files, {size}\n",
            table.database, table.table
        ));
        if options.is_dry_run {
            for path in &table.paths {
                text.push_str(&format!("  {path}\n"));
            }
        }
        for job_id in &table.running_jobs {
            text.push_str(&format!("  job {job_id} is running, its files stay\n"));
        }
    }
    if tables.is_empty() {
        text.push_str("there are no tables\n");
    }
    text
}
