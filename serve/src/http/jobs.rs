//! Answers about jobs.

use super::body::Body;
use super::message::{Answer, Request};
use super::schedules::{ask, checked, page, summaries};
use super::{Api, failed};
use bucketload_engine::job::progress::Progress;
use bucketload_engine::table::warehouse::TableName;
use bucketload_state::history::JobFilter;
use bucketload_state::jobs::{JobRecord, JobStatus, NewJob, Origin};
use bucketload_state::log::LogLine;
use serde_json::{Map, Value, json};

pub(super) async fn list(api: &Api, request: &Request) -> Result<Answer, Answer> {
    let status = match request.query.get("status") {
        None => None,
        Some(name) => Some(JobStatus::from_name(name).ok_or_else(|| {
            Answer::error(
                422,
                &format!("`status` cannot be `{name}`"),
                Some("queued, running, success, error, killed"),
            )
        })?),
    };
    let (schedule, page) = (request.query.get("schedule").cloned(), page(request)?);
    let now = api.service.now();
    let jobs = ask(api, move |state| {
        state.bury_dead(now)?;
        let schedule_id = match schedule {
            Some(name) => Some(state.schedule(&name)?.id),
            None => None,
        };
        state.jobs(&JobFilter {
            schedule_id,
            status,
            ..page
        })
    })
    .await?;
    Ok(summaries(api, &jobs))
}

pub(super) async fn issue(api: &Api, request: &Request) -> Result<Answer, Answer> {
    let mut body = Body::of(request)?;
    let (database, table) = (body.needed_text("database")?, body.needed_text("table")?);
    let mut config = body.needed_object("config")?;
    let mut out = Map::new();
    for name in ["time_column", "mode"] {
        if let Some(value) = body.text(name)? {
            out.insert(name.to_owned(), json!(value));
        }
    }
    if body.flag("auto_create_table")? {
        out.insert("auto_create_table".to_owned(), json!(true));
    }
    body.finish()?;
    if !out.is_empty() {
        match &mut config["out"] {
            Value::Object(written) => written.extend(out),
            written => *written = Value::Object(out),
        }
    }
    let target = TableName::new(&database, &table).map_err(|error| failed(&error))?;
    let job = NewJob {
        id: Progress::new().job_id,
        origin: Origin::Issue,
        warehouse: api.warehouse.clone(),
        database: target.database,
        table: target.table,
        config: checked(api, &config).map_err(|error| failed(&error))?.kept,
    };
    let now = api.service.now();
    let job = ask(api, move |state| state.enqueue_job(&job, now)).await?;
    Ok(Answer::json(202, &job.document(now)))
}

pub(super) async fn show(api: &Api, id: String) -> Result<Answer, Answer> {
    let job = find(api, id).await?;
    Ok(Answer::json(200, &job.document(api.service.now())))
}

/// A job, shown as killed if its process died.
pub(super) async fn find(api: &Api, id: impl Into<String>) -> Result<JobRecord, Answer> {
    let (id, now) = (id.into(), api.service.now());
    ask(api, move |state| {
        state.bury_dead(now)?;
        state.job(&id)
    })
    .await
}

pub(super) async fn log(api: &Api, id: String, request: &Request) -> Result<Answer, Answer> {
    let from = match request.query.get("from") {
        None => 0,
        Some(from) => from
            .parse()
            .map_err(|_| Answer::error(422, &format!("`from` must be the number of a line, not `{from}`"), None))?,
    };
    let lines = ask(api, move |state| {
        state.job(&id)?;
        state.log(&id, from)
    })
    .await?;
    let lines: Vec<Value> = lines.iter().map(LogLine::document).collect();
    Ok(Answer::json(200, &json!({"from": from, "lines": lines})))
}

pub(super) async fn cancel(api: &Api, id: String) -> Result<Answer, Answer> {
    let now = api.service.now();
    let job = ask(api, move |state| {
        state.bury_dead(now)?;
        state.cancel_job(&id, now)
    })
    .await?;
    Ok(Answer::json(202, &job.document(now)))
}
