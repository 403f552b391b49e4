//! `bucketload jobs`, `job` and `cancel`

use super::{listing, state};
use crate::args::GlobalArguments;
use crate::args::service::{JobArguments, JobIdArguments, JobsArguments};
use crate::exit::Exit;
use crate::printer::{Printer, bytes, count};
use bucketload_engine::Result;
use bucketload_engine::guess::render_configuration;
use bucketload_serve::record::{state_error, with_state};
use bucketload_serve::settle::ask_tables;
use bucketload_state::history::JobFilter;
use bucketload_state::jobs::JobRecord;
use bucketload_state::log::LogLine;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long `cancel` watches a job, and how often it looks. A job notices within half a second and then stops within one.
const WATCH_LIMIT: Duration = Duration::from_secs(10);
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

pub(super) async fn list(global: &GlobalArguments, arguments: &JobsArguments, printer: &Printer) -> Result<Exit> {
    let service = state::open_tidy(global).await?;
    let filter = JobFilter {
        status: arguments.status.map(Into::into),
        limit: Some(arguments.limit),
        ..JobFilter::default()
    };
    let jobs = service.ask(move |state| state.jobs(&filter)).await?;
    let now = Timestamp::now();
    let headers = [
        "job", "status", "table", "records", "bytes", "started", "seconds", "schedule",
    ];
    let row = |job: &JobRecord| {
        [
            json!(job.job.id),
            json!(job.status.name()),
            json!(format!("{}.{}", job.job.database, job.job.table)),
            json!(job.num_records()),
            json!(job.num_bytes()),
            json!(job.started.map(|instant| to_the_second(instant).to_string())),
            json!(job.seconds(now).map(|seconds| format!("{seconds:.1}"))),
            json!(job.run.as_ref().map(|run| &run.schedule_name)),
        ]
    };
    listing::show(&jobs, headers, row, |job| job.summary(now), &arguments.list, printer);
    Ok(Exit::Done)
}

pub(super) async fn show(global: &GlobalArguments, arguments: &JobArguments, printer: &Printer) -> Result<Exit> {
    let service = state::open_tidy(global).await?;
    let state = &service.state;
    let mut job = state.job(&arguments.id).map_err(state_error)?;
    while arguments.wait && !job.status.is_final() {
        tokio::time::sleep(WATCH_INTERVAL).await;
        let buried = state.bury_dead(Timestamp::now()).map_err(state_error)?;
        if !buried.is_empty() {
            ask_tables(&service).await?;
        }
        job = state.job(&arguments.id).map_err(state_error)?;
    }
    let log = match arguments.log {
        true => state.log(&arguments.id, 0).map_err(state_error)?,
        false => Vec::new(),
    };
    let now = Timestamp::now();
    if printer.is_json() {
        let mut document = job.document(now);
        if arguments.log {
            document["log"] = log.iter().map(LogLine::document).collect();
        }
        printer.document(&document);
        return Ok(Exit::Done);
    }
    printer.result(&text(&job, now));
    for line in &log {
        let time = line.time.strftime("%Y-%m-%d %H:%M:%S%.3f");
        printer.result(&format!("{time} {:5} {}\n", line.level, line.text));
    }
    Ok(Exit::Done)
}

pub(super) async fn cancel(global: &GlobalArguments, arguments: &JobIdArguments, printer: &Printer) -> Result<Exit> {
    let state = Arc::clone(&state::open_tidy(global).await?.state);
    let ask = |is_first: bool| {
        let id = arguments.id.clone();
        with_state(&state, move |state| match is_first {
            true => state.cancel_job(&id, Timestamp::now()),
            false => state.job(&id),
        })
    };
    let begun = std::time::Instant::now();
    let mut job = ask(true).await.map_err(state_error)?;
    let was_over = job.status.is_final() && !job.is_cancelled;
    while !job.status.is_final() && begun.elapsed() < WATCH_LIMIT {
        tokio::time::sleep(WATCH_INTERVAL).await;
        job = ask(false).await.map_err(state_error)?;
    }
    let (id, status) = (&arguments.id, job.status.name());
    let said = match (was_over, job.status.is_final()) {
        (true, _) => format!("job {id} had ended already: {status}"),
        (false, true) => format!("job {id}: {status}"),
        (false, false) => format!("job {id} is asked to stop and still {status}; its commit may have begun"),
    };
    match printer.is_json() {
        true => printer.document(&job.document(Timestamp::now())),
        false => printer.result(&format!("{said}\n")),
    }
    Ok(Exit::Done)
}

fn to_the_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

fn text(job: &JobRecord, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<10}: {value}\n"));
    line("JobID", job.job.id.clone());
    line("Status", job.status.name().to_owned());
    line("Type", "bulkload".to_owned());
    line("Database", job.job.database.clone());
    line("Table", job.job.table.clone());
    if let Some(run) = &job.run {
        line("Schedule", format!("{}, run of {}", run.schedule_name, run.scheduled));
    }
    if job.attempt > 1 {
        line("Attempt", job.attempt.to_string());
    }
    let instant = |instant: Option<Timestamp>| instant.map_or_else(String::new, |instant| instant.to_string());
    line("Start At", instant(job.started));
    line("End At", instant(job.ended));
    if let Some(seconds) = job.seconds(now) {
        line("Duration", format!("{seconds:.2} s"));
    }
    line("Records", count(job.num_records()));
    line("Bytes", bytes(job.num_bytes()));
    let number = |document: &Option<Value>, path: &str| document.as_ref()?.pointer(path)?.as_u64();
    for (name, path) in [
        ("Selected", "/files/selected"),
        ("Rejects", "/rows/rejected"),
        ("Version", "/table_version"),
    ] {
        if let Some(number) = number(&job.report, path) {
            line(name, count(number));
        }
    }
    if let Some(progress) = &job.progress {
        let of = |path: &str| progress.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        line(
            "Progress",
            format!(
                "{}, {} of {} files, {} of {}, {} rows",
                progress["stage"].as_str().unwrap_or_default(),
                count(of("/files/read")),
                count(of("/files/selected")),
                bytes(of("/bytes/fetched")),
                bytes(of("/bytes/selected")),
                count(of("/rows/read"))
            ),
        );
    }
    if let Some(stages) = job.report.as_ref().and_then(|report| report["stages"].as_object()) {
        let told: Vec<String> = stages
            .iter()
            .filter_map(|(stage, seconds)| Some(format!("{stage} {:.2}", seconds.as_f64()?)))
            .collect();
        line("Stages", format!("{} s", told.join(", ")));
    }
    if let Some(error) = &job.error {
        let words = |member: &str| error[member].as_str().map(str::to_owned);
        line("Error", words("error").unwrap_or_default());
        for (name, member) in [("At", "at"), ("Hint", "hint")] {
            if let Some(words) = words(member) {
                line(name, words);
            }
        }
        for cause in error["causes"].as_array().into_iter().flatten() {
            line("Caused by", cause.as_str().unwrap_or_default().to_owned());
        }
    }
    if let Some(config) = job.job.config.as_object() {
        text.push_str(&format!("Config    :\n{}", render_configuration(config)));
    }
    text
}
