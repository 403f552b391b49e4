//! `bucketload run`

use super::configuration::variable;
use super::issue::stop_on_interrupt;
use super::outcome::show_ended;
use super::state;
use crate::args::GlobalArguments;
use crate::args::service::RunArguments;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::progress::Drawing;
use crate::status_line::StatusLine;
use bucketload_engine::job::progress::Progress;
use bucketload_engine::job::stop::{Ended, Stop};
use bucketload_engine::{Error, Result};
use bucketload_serve::log::JobLogs;
use bucketload_serve::record::state_error;
use bucketload_serve::run::{Prepared, prepare, run_prepared};
use bucketload_serve::service::Service;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::json;
use std::sync::Arc;

pub(super) async fn run(
    global: &GlobalArguments,
    arguments: &RunArguments,
    printer: &Printer,
    line: &StatusLine,
    logs: &JobLogs,
) -> Result<Exit> {
    let state = state::open(global)?;
    state::tidy(&state, global).map_err(state_error)?;
    let schedule = state.schedule(&arguments.name).map_err(state_error)?;
    let asked = match &arguments.time {
        Some(time) => Some(scheduled_time(time, &schedule.definition.timezone)?),
        None => None,
    };
    let service = Arc::new(Service::new(Arc::clone(&state), logs.clone(), Timestamp::now, variable));
    let environment = service.environment(&schedule.definition.warehouse)?;
    let job = state
        .begin_run(&arguments.name, asked, Timestamp::now())
        .map_err(state_error)?;
    let stop = Stop::new();
    stop_on_interrupt(&stop, environment.io_runtime());
    let attempt = match prepare(&service, &job, &stop).await {
        Prepared::Ready(attempt) => attempt,
        Prepared::Refused(error) => {
            service.trace(&job.job.id).await;
            return Err(error);
        }
        Prepared::CommittedBefore(job_id) => {
            match printer.is_json() {
                true => printer.document(&json!({"job_id": job_id, "status": "success"})),
                false => printer.result(&format!("job {job_id} had committed already\n")),
            }
            return Ok(Exit::Done);
        }
        Prepared::GivenUp => {
            let progress = Progress::of(&job.job.id);
            return Ok(show_ended(&Ended::Stopped, Some(&job), &progress, &stop, None, printer));
        }
    };
    let progress = &attempt.progress;
    let drawing = Drawing::start(progress, global, line, environment.io_runtime());
    let ended = run_prepared(&service, &attempt, &stop).await;
    drawing.stop().await;
    service.trace(&progress.job_id).await;
    Ok(show_ended(&ended, Some(&attempt.job), progress, &stop, None, printer))
}

/// An instant, or a time of the schedule's zone.
fn scheduled_time(text: &str, timezone: &str) -> Result<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let zone = TimeZone::get(timezone).map_err(|error| Error::config(error.to_string()))?;
    let civil: Option<DateTime> = text.parse().ok();
    civil.and_then(|time| zone.to_timestamp(time).ok()).ok_or_else(|| {
        Error::config(format!("`{text}` is no time"))
            .with_hint("write `2026-11-28T02:00:00` in the schedule's zone, or `2026-11-28T02:00:00Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_of_the_schedule() {
        let time = |text: &str| scheduled_time(text, "Asia/Tokyo").map(|time| time.to_string()).ok();
        assert_eq!(time("2026-11-28T02:00:00Z").as_deref(), Some("2026-11-28T02:00:00Z"));
        assert_eq!(time("2026-11-28T02:00:00").as_deref(), Some("2026-11-27T17:00:00Z"));
        assert_eq!(time("2026-11-28 02:00").as_deref(), Some("2026-11-27T17:00:00Z"));
        assert_eq!(time("2026-11-28").as_deref(), Some("2026-11-27T15:00:00Z"));
        assert_eq!(time("tomorrow"), None);
    }
}
