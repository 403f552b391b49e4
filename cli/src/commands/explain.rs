//! `bucketload explain`, and `issue --dry-run`

use super::configuration::read_plan;
use super::environment;
use crate::args::{ConfigArguments, GlobalArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use bucketload_engine::Error;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::job::explain::{Explanation, explain};
use bucketload_engine::pack::Tasks;
use bucketload_engine::source::file::SourceFile;
use bucketload_engine::table::warehouse::TableName;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Files listed one by one for people; programs get all of them.
const LISTED_FILES: usize = 10;

pub(super) async fn run(
    global: &GlobalArguments,
    arguments: &ConfigArguments,
    printer: &Printer,
) -> Result<Exit, Error> {
    let plan = read_plan(&arguments.config, &arguments.overrides, global, printer)?;
    show(global, &plan, None, printer).await
}

/// Shows what a job would do; only with its table is it known which files that already has.
pub(super) async fn show(
    global: &GlobalArguments,
    plan: &JobPlan,
    target: Option<&TableName>,
    printer: &Printer,
) -> Result<Exit, Error> {
    let explanation = explain(&environment(global)?, plan, target).await?;
    if printer.is_json() {
        printer.document(&document(&explanation));
    } else {
        printer.result(&text(&explanation));
    }
    Ok(Exit::Done)
}

/// What programs get. Written file by file, since there may be millions.
#[derive(Serialize)]
struct Document<'explanation> {
    files: Files<'explanation>,
    tasks: Keys<'explanation>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
    next: &'explanation Value,
    filters: Vec<Value>,
    schema: Vec<Value>,
    plan: &'explanation str,
    estimate: Value,
}

/// Every file.
struct Files<'explanation>(&'explanation Tasks);

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.files().iter().map(|file| {
            let modified = jiff::Timestamp::from_microsecond(file.modified_micros).map(|time| time.to_string());
            json!({
                "key": file.key.as_ref(),
                "size": file.size_bytes,
                "modified": modified.ok(),
                "etag": file.etag.as_deref(),
            })
        }))
    }
}

/// The keys of each task.
struct Keys<'explanation>(&'explanation Tasks);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tasks = serializer.serialize_seq(Some(self.0.len()))?;
        for task in self.0.iter() {
            tasks.serialize_element(&KeysOfTask(task))?;
        }
        tasks.end()
    }
}

struct KeysOfTask<F>(F);

impl<F: Iterator<Item = SourceFile> + Clone> Serialize for KeysOfTask<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone().map(|file| file.key.to_string()))
    }
}

fn document(explanation: &Explanation) -> Document<'_> {
    let schema = explanation
        .schema
        .iter()
        .map(|(name, kind)| json!({"name": name, "type": kind}))
        .collect();
    Document {
        files: Files(&explanation.tasks),
        tasks: Keys(&explanation.tasks),
        condition: explanation
            .condition
            .as_ref()
            .map(|(condition, num_passed_over)| json!({"condition": condition, "passed_over": num_passed_over})),
        next: &explanation.next,
        filters: explanation
            .filters
            .iter()
            .map(|filter| json!({"type": filter.kind, "columns": filter.columns}))
            .collect(),
        schema,
        plan: &explanation.plan,
        estimate: json!({"requests": explanation.num_requests, "bytes": explanation.size_bytes}),
    }
}

fn text(explanation: &Explanation) -> String {
    let files = explanation.tasks.files();
    let mut text = format!(
        "files      {} ({}), {} to fetch them, in {}\n",
        count(files.len() as u64),
        bytes(explanation.size_bytes),
        plural(explanation.num_requests, "request"),
        plural(explanation.tasks.len() as u64, "task")
    );
    for file in files.iter().take(LISTED_FILES) {
        text.push_str(&format!("           {} ({})\n", file.key, bytes(file.size_bytes)));
    }
    if files.len() > LISTED_FILES {
        text.push_str(&format!(
            "           and {} more\n",
            count((files.len() - LISTED_FILES) as u64)
        ));
    }
    if let Some((condition, num_passed_over)) = &explanation.condition {
        let passed_over = plural(*num_passed_over, "file");
        text.push_str(&format!("where      {condition} ({passed_over} passed over)\n"));
    }
    for (index, filter) in explanation.filters.iter().enumerate() {
        let heading = if index == 0 { "filters" } else { "" };
        let columns = filter.columns.join(" ");
        text.push_str(&format!("{heading:<10} {index} {} -> {columns}\n", filter.kind));
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

pub(super) fn plural(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", count(number)),
    }
}
