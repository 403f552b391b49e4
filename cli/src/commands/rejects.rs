//! `bucketload rejects show|replay`

use super::configuration::{read_document, resolve_document};
use super::issue::{Asked, Work, run_asked};
use super::outcome::skipped;
use super::{environment, query};
use crate::args::{
    GlobalArguments, RejectFilterArguments, RejectsCommand, RejectsReplayArguments, RejectsShowArguments,
};
use crate::exit::Exit;
use crate::printer::{Printer, count};
use crate::status_line::StatusLine;
use bucketload_engine::Result;
use bucketload_engine::config::Node;
use bucketload_engine::job::query::rejects;
use bucketload_engine::job::replay::RejectFilter;
use bucketload_engine::job::report::{JobReport, ReplayCounts};
use bucketload_engine::table::warehouse::TableName;
use bucketload_serve::log::JobLogs;
use serde_json::json;

pub(super) async fn run(
    global: &GlobalArguments,
    command: RejectsCommand,
    printer: &Printer,
    line: &StatusLine,
    logs: &JobLogs,
) -> Result<Exit> {
    match command {
        RejectsCommand::Show(arguments) => show(global, &arguments, printer).await,
        RejectsCommand::Replay(arguments) => replay(global, &arguments, printer, line, logs).await,
    }
}

fn filter(arguments: &RejectFilterArguments) -> RejectFilter {
    RejectFilter {
        job_id: arguments.job.clone(),
        code: arguments.reason,
    }
}

async fn show(global: &GlobalArguments, arguments: &RejectsShowArguments, printer: &Printer) -> Result<Exit> {
    let name = TableName::parse(&arguments.name)?;
    let environment = environment(global)?;
    match rejects(&environment, &name, &filter(&arguments.filter), arguments.limit).await? {
        Some(answer) => query::print(answer, arguments.format, printer).await,
        None => {
            match printer.is_json() {
                true => printer.document(&json!([])),
                false => printer.talk(&format!("no record of {name} was ever rejected")),
            }
            Ok(Exit::Done)
        }
    }
}

async fn replay(
    global: &GlobalArguments,
    arguments: &RejectsReplayArguments,
    printer: &Printer,
    line: &StatusLine,
    logs: &JobLogs,
) -> Result<Exit> {
    let target = TableName::parse(&arguments.name)?;
    let mut document = read_document(&arguments.config.config, &arguments.config.overrides, printer)?;
    if let Some(time_column) = &arguments.time_column {
        document.merge(&Node::from_json(&json!({"out": {"time_column": time_column}})));
    }
    let plan = resolve_document(&document, global, printer)?;
    let asked = Asked {
        document,
        plan,
        target,
        work: Work::Replay(filter(&arguments.filter)),
        resumed: None,
    };
    run_asked(global, asked, printer, line, logs).await
}

/// What became of the records, for people.
pub(super) fn summary(report: &JobReport, counts: &ReplayCounts) -> String {
    let place = format!("{}.{}", report.database, report.table);
    let version = match report.table_version {
        Some(version) => format!("version {version}"),
        None => "nothing was committed".to_owned(),
    };
    let mut text = format!(
        "replayed {} rejected records of {place}: {} rows loaded, {} records still rejected ({version})\n",
        count(counts.records),
        count(report.rows.written),
        count(report.rows.rejected)
    );
    if report.rows.rejected > 0 {
        text.push_str(&format!("  skipped {}\n", skipped(report)));
    }
    for (number, what) in [
        (counts.incomplete, "stay on the list, since their text is not all there"),
        (counts.waiting, "wait for another replay"),
    ] {
        if number > 0 {
            text.push_str(&format!("          {} {what}\n", count(number)));
        }
    }
    text
}
