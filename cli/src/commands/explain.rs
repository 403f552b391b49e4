//! `bucketload explain`, and `issue --dry-run`

use super::configuration::read_plan;
use super::environment;
use crate::args::{ConfigArguments, GlobalArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use bucketload_engine::Result;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::explain::{Explanation, explain};
use serde_json::{Value, json};

/// Files listed one by one for people; programs get all of them.
const LISTED_FILES: usize = 10;

pub(super) async fn run(global: &GlobalArguments, arguments: &ConfigArguments, printer: &Printer) -> Result<Exit> {
    let plan = read_plan(&arguments.config, &arguments.overrides, global, printer)?;
    show(global, &plan, printer).await
}

/// Shows what a job would do.
pub(super) async fn show(global: &GlobalArguments, plan: &JobPlan, printer: &Printer) -> Result<Exit> {
    let explanation = explain(&environment(global)?, plan).await?;
    if printer.is_json() {
        printer.document(&document(&explanation));
    } else {
        printer.result(&text(&explanation));
    }
    Ok(Exit::Done)
}

fn document(explanation: &Explanation) -> Value {
    let files: Vec<Value> = explanation
        .files
        .iter()
        .map(|file| {
            let modified = jiff::Timestamp::from_microsecond(file.modified_micros).map(|time| time.to_string());
            json!({
                "key": file.key.as_ref(),
                "size": file.size_bytes,
                "modified": modified.ok(),
                "etag": file.etag.as_deref(),
            })
        })
        .collect();
    let schema: Vec<Value> = explanation
        .schema
        .iter()
        .map(|(name, kind)| json!({"name": name, "type": kind}))
        .collect();
    json!({
        "files": files,
        "tasks": explanation.tasks,
        "next": explanation.next,
        "schema": schema,
        "plan": explanation.plan,
        "estimate": {"requests": explanation.num_requests, "bytes": explanation.size_bytes},
    })
}

fn text(explanation: &Explanation) -> String {
    let mut text = format!(
        "files      {} ({}), {} to fetch them, in {}\n",
        count(explanation.files.len() as u64),
        bytes(explanation.size_bytes),
        plural(explanation.num_requests, "request"),
        plural(explanation.tasks.len() as u64, "task")
    );
    for file in explanation.files.iter().take(LISTED_FILES) {
        text.push_str(&format!("           {} ({})\n", file.key, bytes(file.size_bytes)));
    }
    if explanation.files.len() > LISTED_FILES {
        text.push_str(&format!(
            "           and {} more\n",
            count((explanation.files.len() - LISTED_FILES) as u64)
        ));
    }
    let columns: Vec<String> = explanation
        .schema
        .iter()
        .map(|(name, kind)| format!("{name}:{kind}"))
        .collect();
    text.push_str(&format!("columns    {}\n", columns.join(" ")));
    text.push_str(&format!("next run   {}\n", explanation.next));
    text.push_str("plan\n");
    for line in explanation.plan.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn plural(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", count(number)),
    }
}
