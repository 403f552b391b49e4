//! Answers about schedules.

use super::body::Body;
use super::message::{Answer, Request};
use super::{Api, failed, refused};
use crate::record::with_state;
use crate::settle::ask_tables;
use crate::stored::{document_of, kept, must_exist, plan_of};
use bucketload_engine::Error;
use bucketload_engine::config::variables::unset_variables;
use bucketload_engine::table::warehouse::TableName;
use bucketload_state::history::JobFilter;
use bucketload_state::jobs::JobRecord;
use bucketload_state::schedules::{NewSchedule, Schedule, ScheduleChange};
use bucketload_state::timing::CatchUp;
use bucketload_state::{State, StateResult};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Jobs that a list gives if nobody says how many, and at most.
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 1_000;

/// Asks the state file.
pub(super) async fn ask<T: Send + 'static>(
    api: &Api,
    body: impl FnOnce(&State) -> StateResult<T> + Send + 'static,
) -> Result<T, Answer> {
    with_state(&api.service.state, body)
        .await
        .map_err(|error| refused(&error))
}

pub(super) async fn list(api: &Api) -> Result<Answer, Answer> {
    let schedules = ask(api, State::schedules).await?;
    let documents: Vec<Value> = schedules.iter().map(Schedule::document).collect();
    Ok(Answer::json(200, &json!({"schedules": documents})))
}

pub(super) async fn show(api: &Api, name: String) -> Result<Answer, Answer> {
    let schedule = ask(api, move |state| state.schedule(&name)).await?;
    Ok(Answer::json(200, &schedule.document()))
}

pub(super) async fn create(api: &Api, request: &Request) -> Result<Answer, Answer> {
    let mut body = Body::of(request)?;
    let config = body.needed_object("config")?;
    let time_column = body.text("time_column")?;
    let new = NewSchedule {
        name: body.needed_text("name")?,
        cron: body.needed_text("cron")?,
        timezone: body.text("timezone")?.unwrap_or_else(|| "UTC".to_owned()),
        delay_seconds: body.number("delay")?.unwrap_or_default(),
        catch_up: catch_up(&mut body)?.unwrap_or_default(),
        warehouse: api.warehouse.clone(),
        database: body.needed_text("database")?,
        table: body.needed_text("table")?,
        config: Value::Null,
        time_column,
    };
    body.finish()?;
    let checked = checked(api, &config).map_err(|error| failed(&error))?;
    if !checked.creates_table {
        table_must_exist(api, &api.warehouse, &new.database, &new.table).await?;
    }
    let new = NewSchedule {
        config: checked.kept,
        ..new
    };
    let now = api.service.now();
    let schedule = ask(api, move |state| state.create_schedule(&new, now)).await?;
    Ok(Answer::json(201, &schedule.document()))
}

pub(super) async fn update(api: &Api, name: String, request: &Request) -> Result<Answer, Answer> {
    let mut body = Body::of(request)?;
    let mut change = ScheduleChange {
        name: body.text("name")?,
        cron: body.text("cron")?,
        timezone: body.text("timezone")?,
        delay_seconds: body.number("delay")?,
        catch_up: catch_up(&mut body)?,
        database: body.text("database")?,
        table: body.text("table")?,
        time_column: body.text("time_column")?,
        config: body.object("config")?,
        config_diff: body.object("config_diff")?,
    };
    body.finish()?;
    if change.is_empty() {
        return Err(Answer::error(422, "nothing to update", None));
    }
    let old = ask(api, {
        let name = name.clone();
        move |state| state.schedule(&name)
    })
    .await?
    .definition;
    let mut creates_table = old.config["out"]["auto_create_table"] == true;
    if let Some(config) = &change.config {
        let checked = checked(api, config).map_err(|error| failed(&error))?;
        creates_table = checked.creates_table;
        change.config = Some(checked.kept);
    }
    if (change.database.is_some() || change.table.is_some()) && !creates_table {
        let database = change.database.as_ref().unwrap_or(&old.database);
        let table = change.table.as_ref().unwrap_or(&old.table);
        table_must_exist(api, &old.warehouse, database, table).await?;
    }
    if change.config_diff.is_some() {
        // Jobs that died may have committed, and what they left must not come after what is said now.
        let asked = ask_tables(&api.service).await;
        asked.map_err(|error| failed(&error))?;
    }
    let now = api.service.now();
    let schedule = ask(api, move |state| state.update_schedule(&name, &change, now)).await?;
    Ok(Answer::json(200, &schedule.document()))
}

pub(super) async fn delete(api: &Api, name: String) -> Result<Answer, Answer> {
    let now = api.service.now();
    let schedule = ask(api, move |state| state.delete_schedule(&name, now)).await?;
    Ok(Answer::json(200, &schedule.document()))
}

pub(super) async fn history(api: &Api, name: String, request: &Request) -> Result<Answer, Answer> {
    let page = page(request)?;
    let jobs = ask(api, move |state| {
        let filter = JobFilter {
            schedule_id: Some(state.schedule(&name)?.id),
            ..page
        };
        state.jobs(&filter)
    })
    .await?;
    Ok(summaries(api, &jobs))
}

pub(super) async fn run(api: &Api, name: String, request: &Request) -> Result<Answer, Answer> {
    let mut body = Body::of(request)?;
    let time = body.text("time")?;
    body.finish()?;
    let now = api.service.now();
    let asked: Option<Timestamp> = match time {
        None => None,
        Some(time) => Some(time.parse().map_err(|_| {
            Answer::error(
                422,
                &format!("`{time}` is no time"),
                Some("write `2026-11-28T02:00:00Z`"),
            )
        })?),
    };
    let job = ask(api, move |state| state.enqueue_run(&name, asked, now)).await?;
    Ok(Answer::json(202, &job.document(now)))
}

/// A list of jobs.
pub(super) fn summaries(api: &Api, jobs: &[JobRecord]) -> Answer {
    let now = api.service.now();
    let summaries: Vec<Value> = jobs.iter().map(|job| job.summary(now)).collect();
    Answer::json(200, &json!({"jobs": summaries}))
}

/// Which jobs of a list a request wants: how many, and those before which one.
pub(super) fn page(request: &Request) -> Result<JobFilter, Answer> {
    let limit = match request.query.get("limit") {
        None => DEFAULT_LIMIT,
        Some(limit) => {
            let number = limit.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            number.ok_or_else(|| {
                let message = format!("`limit` must be from 1 to {MAX_LIMIT}, not `{limit}`");
                Answer::error(422, &message, None)
            })?
        }
    };
    Ok(JobFilter {
        before: request.query.get("before").cloned(),
        limit: Some(limit),
        ..JobFilter::default()
    })
}

fn catch_up(body: &mut Body) -> Result<Option<CatchUp>, Answer> {
    let Some(name) = body.text("catch_up")? else {
        return Ok(None);
    };
    match CatchUp::from_name(&name) {
        Some(catch_up) => Ok(Some(catch_up)),
        None => Err(Answer::error(
            422,
            &format!("`catch_up` must be `last`, `all` or `none`, not `{name}`"),
            None,
        )),
    }
}

/// A configuration that may be kept.
pub(super) struct Checked {
    pub(super) kept: Value,
    creates_table: bool,
}

/// Looks for everything that can be wrong before the first run.
///
/// **Errors**: a secret is written out; it cannot be resolved, or asks for a variable that is not set here, where it will run.
pub(super) fn checked(api: &Api, config: &Value) -> Result<Checked, Error> {
    let document = document_of(config, None, &json!({}), "config")?;
    let kept = kept(&document, &api.directory)?;
    let lookup = |name: &str| api.service.variable(name);
    let unset = unset_variables(document.root(), &lookup);
    if !unset.is_empty() {
        return Err(Error::config(format!("not set where this server runs: {}", unset.join(", "))).at("config"));
    }
    let (plan, _) = plan_of(&document, &lookup)?;
    Ok(Checked {
        kept,
        creates_table: plan.output.auto_create_table,
    })
}

async fn table_must_exist(api: &Api, warehouse: &str, database: &str, table: &str) -> Result<(), Answer> {
    let target = TableName::new(database, table).map_err(|error| failed(&error))?;
    let environment = api.service.environment(warehouse).map_err(|error| failed(&error))?;
    // It is computed where answers are given: reading a log is little work, and mostly waiting.
    must_exist(&environment, &target).await.map_err(|error| failed(&error))
}
