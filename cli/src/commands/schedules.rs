//! `bucketload create`, `list`, `show`, `history`, `update` and `delete`

use super::configuration::{problem_error, read_document, resolve_document, variable};
use super::{environment, listing, state};
use crate::args::GlobalArguments;
use crate::args::service::{CreateArguments, HistoryArguments, ListArguments, ScheduleArguments, UpdateArguments};
use crate::exit::Exit;
use crate::printer::Printer;
use bucketload_engine::config::Document;
use bucketload_engine::config::variables::unset_variables;
use bucketload_engine::guess::render_configuration;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Environment, Error, Result};
use bucketload_serve::record::state_error;
use bucketload_serve::stored::{kept, must_exist};
use bucketload_state::history::JobFilter;
use bucketload_state::jobs::JobRecord;
use bucketload_state::schedules::{NewSchedule, Schedule, ScheduleChange};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

pub(super) async fn create(global: &GlobalArguments, arguments: &CreateArguments, printer: &Printer) -> Result<Exit> {
    let target = TableName::new(&arguments.database, &arguments.table)?;
    let document = read_document(&arguments.config.config, &arguments.config.overrides, printer)?;
    let checked = check(&document, arguments.time_column.as_deref(), global, printer)?;
    let environment = environment(global)?;
    if !checked.creates_table {
        must_exist(&environment, &target).await?;
    }
    let new = NewSchedule {
        name: arguments.name.clone(),
        cron: arguments.cron.trim().to_owned(),
        timezone: arguments.timezone.clone(),
        delay_seconds: arguments.delay,
        catch_up: arguments.catch_up.into(),
        warehouse: environment.warehouse.place(),
        database: target.database,
        table: target.table,
        time_column: arguments.time_column.clone(),
        config: checked.kept,
    };
    let schedule = state::open(global)?
        .create_schedule(&new, Timestamp::now())
        .map_err(state_error)?;
    dump(&schedule, "created", printer);
    Ok(Exit::Done)
}

pub(super) fn list(global: &GlobalArguments, arguments: &ListArguments, printer: &Printer) -> Result<Exit> {
    let schedules = state::open(global)?.schedules().map_err(state_error)?;
    let headers = ["Name", "Cron", "Timezone", "Delay", "Database", "Table"];
    let row = |schedule: &Schedule| {
        let definition = &schedule.definition;
        [
            json!(definition.name),
            json!(definition.cron),
            json!(definition.timezone),
            json!(definition.delay_seconds),
            json!(definition.database),
            json!(definition.table),
        ]
    };
    listing::show(&schedules, headers, row, Schedule::document, arguments, printer);
    Ok(Exit::Done)
}

pub(super) fn show(global: &GlobalArguments, arguments: &ScheduleArguments, printer: &Printer) -> Result<Exit> {
    let schedule = state::open(global)?.schedule(&arguments.name).map_err(state_error)?;
    match printer.is_json() {
        true => printer.document(&schedule.document()),
        false => printer.result(&text(&schedule)),
    }
    Ok(Exit::Done)
}

pub(super) async fn history(global: &GlobalArguments, arguments: &HistoryArguments, printer: &Printer) -> Result<Exit> {
    let service = state::open_tidy(global).await?;
    let (name, limit) = (arguments.name.clone(), arguments.limit);
    let jobs = service
        .ask(move |state| {
            let schedule_id = Some(state.schedule(&name)?.id);
            let limit = Some(limit);
            state.jobs(&JobFilter {
                schedule_id,
                limit,
                ..JobFilter::default()
            })
        })
        .await?;
    let now = Timestamp::now();
    let headers = [
        "JobID", "Status", "Records", "Database", "Table", "Priority", "Started", "Duration",
    ];
    let started = |job: &JobRecord| {
        let started = job.started?;
        Some(started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
    };
    let row = |job: &JobRecord| {
        [
            json!(job.job.id),
            json!(job.status.name()),
            json!(job.num_records()),
            json!(job.job.database),
            json!(job.job.table),
            json!("NORMAL"),
            json!(started(job)),
            json!(job.seconds(now).map(|seconds| format!("{seconds:.0}"))),
        ]
    };
    listing::show(&jobs, headers, row, |job| job.summary(now), &arguments.list, printer);
    Ok(Exit::Done)
}

pub(super) async fn update(global: &GlobalArguments, arguments: &UpdateArguments, printer: &Printer) -> Result<Exit> {
    // Jobs that died may have committed, and what they left must not come after what is said now.
    let state = match &arguments.config_diff {
        Some(_) => Arc::clone(&state::open_tidy(global).await?.state),
        None => state::open(global)?,
    };
    let mut change = ScheduleChange {
        name: arguments.newname.clone(),
        cron: arguments.schedule.as_ref().map(|cron| cron.trim().to_owned()),
        timezone: arguments.timezone.clone(),
        delay_seconds: arguments.delay,
        catch_up: arguments.catch_up.map(Into::into),
        database: arguments.database.clone(),
        table: arguments.table.clone(),
        time_column: arguments.time_column.clone(),
        config: None,
        config_diff: None,
    };
    let config = arguments.config.as_ref().or(arguments.config_file.as_ref());
    if change.is_empty() && config.is_none() && arguments.config_diff.is_none() {
        return Err(
            Error::config("nothing to update").with_hint("`bucketload update --help` shows what can be changed")
        );
    }
    let old = state.schedule(&arguments.name).map_err(state_error)?.definition;
    let mut creates_table = old.config["out"]["auto_create_table"] == true;
    if let Some(config) = config {
        let document = read_document(config, &[], printer)?;
        let time_column = arguments.time_column.as_ref().or(old.time_column.as_ref());
        let checked = check(&document, time_column.map(String::as_str), global, printer)?;
        creates_table = checked.creates_table;
        change.config = Some(checked.kept);
    }
    if let Some(path) = &arguments.config_diff {
        change.config_diff = Some(read_difference(path, printer)?);
    }
    if change.database.is_some() || change.table.is_some() {
        let target = TableName::new(
            change.database.as_ref().unwrap_or(&old.database),
            change.table.as_ref().unwrap_or(&old.table),
        )?;
        let environment = Environment::new(&old.warehouse, Timestamp::now)?;
        if !creates_table {
            must_exist(&environment, &target).await?;
        }
    }
    let schedule = state
        .update_schedule(&arguments.name, &change, Timestamp::now())
        .map_err(state_error)?;
    dump(&schedule, "updated", printer);
    Ok(Exit::Done)
}

pub(super) fn delete(global: &GlobalArguments, arguments: &ScheduleArguments, printer: &Printer) -> Result<Exit> {
    let schedule = state::open(global)?
        .delete_schedule(&arguments.name, Timestamp::now())
        .map_err(state_error)?;
    match printer.is_json() {
        true => dump(&schedule, "deleted", printer),
        false => printer.result(&format!("Deleted session\n--\n{}", text(&schedule))),
    }
    Ok(Exit::Done)
}

/// A configuration that a schedule may keep.
struct Checked {
    kept: Value,
    creates_table: bool,
}

/// Looks for everything that can be wrong before the first run. Where variables are not set here, they may be where the server runs, and
/// then only the run can tell the rest.
fn check(
    document: &Document,
    time_column: Option<&str>,
    global: &GlobalArguments,
    printer: &Printer,
) -> Result<Checked> {
    let directory = std::env::current_dir()
        .map_err(|error| Error::internal(format!("cannot tell the working directory: {error}")))?;
    let kept = kept(document, &directory)?;
    let mut document = document.clone();
    if let Some(time_column) = time_column {
        document
            .set(&format!("out.time_column='{}'", time_column.replace('\'', "''")))
            .map_err(|problem| problem_error(&problem))?;
    }
    let unset = unset_variables(document.root(), &variable);
    if unset.is_empty() {
        let plan = resolve_document(&document, global, printer)?;
        return Ok(Checked {
            kept,
            creates_table: plan.output.auto_create_table,
        });
    }
    printer.talk(&format!(
        "warning: not set here: {}; the configuration is checked when it runs, with the variables of `bucketload serve`",
        unset.join(", ")
    ));
    let creates_table = kept["out"]["auto_create_table"] == true;
    Ok(Checked { kept, creates_table })
}

/// What is to stand for what earlier runs left: a map with `in` and the like, or nothing.
fn read_difference(path: &Path, printer: &Printer) -> Result<Value> {
    let text = super::configuration::read_text(path)?;
    // An empty map is no configuration, and here it means to begin anew.
    if matches!(text.trim(), "" | "{}" | "---" | "--- {}") {
        return Ok(json!({}));
    }
    Ok(read_document(path, &[], printer)?.root().to_stored_json())
}

fn dump(schedule: &Schedule, status: &str, printer: &Printer) {
    if printer.is_json() {
        let mut document = schedule.document();
        document["status"] = json!(status);
        printer.document(&document);
        return;
    }
    printer.result(&text(schedule));
}

/// What the original calls a session, in its words.
fn text(schedule: &Schedule) -> String {
    let definition = &schedule.definition;
    let yaml = |value: &Value| match value.as_object() {
        Some(map) if !map.is_empty() => format!("---\n{}", render_configuration(map)),
        _ => "--- {}\n".to_owned(),
    };
    format!(
        "Name     : {}\nCron     : {}\nTimezone : {}\nDelay    : {}\nDatabase : {}\nTable    : {}\nConfig\n{}\nConfig Diff\n{}",
        definition.name,
        definition.cron,
        definition.timezone,
        definition.delay_seconds,
        definition.database,
        definition.table,
        yaml(&definition.config),
        yaml(&schedule.config_diff)
    )
}
