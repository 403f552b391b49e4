//! Figures for Prometheus, in its text format.
//!
//! Totals are those of the jobs that this process ran since it started; gauges are what the state file says now, whichever process runs
//! the jobs.
//!
//! **Source**: Prometheus, "Exposition formats", text format 0.0.4.

use super::Api;
use super::message::Answer;
use super::schedules::ask;
use crate::totals::{Durations, SECONDS_BOUNDS, Totals};
use bucketload_state::history::JobFilter;
use bucketload_state::jobs::{JobRecord, JobStatus};
use bucketload_state::schedules::Schedule;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) async fn show(api: &Api) -> Result<Answer, Answer> {
    let now = api.service.now();
    let (queued, running, schedules) = ask(api, move |state| {
        state.bury_dead(now)?;
        let of = |status| {
            state.jobs(&JobFilter {
                status: Some(status),
                ..JobFilter::default()
            })
        };
        Ok((of(JobStatus::Queued)?, of(JobStatus::Running)?, state.schedules()?))
    })
    .await?;
    let mut text = Text::default();
    write_totals(&mut text, &api.service.totals);
    write_durations(&mut text, &api.service.totals.durations());
    write_outstanding(&mut text, &queued, &running);
    let name = "bucketload_schedule_lag_seconds";
    let help = "Time since the oldest run that should have started and has not; 0: none.";
    text.family(name, "gauge", help);
    for schedule in &schedules {
        let labels = [("schedule", schedule.definition.name.as_str())];
        text.sample(name, &labels, lag(schedule, &queued, now));
    }
    Ok(Answer::of(200, "text/plain; version=0.0.4", text.0.into_bytes()))
}

/// What jobs have done.
fn write_totals(text: &mut Text, totals: &Totals) {
    let load = |total: &AtomicU64| total.load(Ordering::Relaxed);
    let name = "bucketload_jobs_total";
    text.family(name, "counter", "Jobs that ended here, by status.");
    for (status, total) in [
        ("success", &totals.succeeded),
        ("error", &totals.failed),
        ("killed", &totals.killed),
    ] {
        text.sample(name, &[("status", status)], load(total));
    }
    let fetched = "Bytes fetched.";
    let written = "Bytes of committed files.";
    let rejected = "Records rejected by committed jobs.";
    for (name, help, total) in [
        ("bucketload_retries_total", "Attempts after the first.", &totals.retried),
        (
            "bucketload_files_read_total",
            "Files read to their end.",
            &totals.files_read,
        ),
        ("bucketload_bytes_fetched_total", fetched, &totals.bytes_fetched),
        ("bucketload_bytes_written_total", written, &totals.bytes_written),
        ("bucketload_rows_written_total", "Rows committed.", &totals.rows_written),
        ("bucketload_rows_rejected_total", rejected, &totals.rows_rejected),
    ] {
        text.family(name, "counter", help);
        text.sample(name, &[], load(total));
    }
}

/// How long jobs took.
fn write_durations(text: &mut Text, durations: &Durations) {
    let name = "bucketload_job_duration_seconds";
    text.family(name, "histogram", "Wall time of jobs.");
    let bucket = format!("{name}_bucket");
    for (bound, count) in SECONDS_BOUNDS.iter().zip(durations.up_to) {
        text.sample(&bucket, &[("le", &bound.to_string())], count);
    }
    text.sample(&bucket, &[("le", "+Inf")], durations.num_jobs);
    text.sample(&format!("{name}_sum"), &[], durations.seconds);
    text.sample(&format!("{name}_count"), &[], durations.num_jobs);
}

/// What is yet to be done.
fn write_outstanding(text: &mut Text, queued: &[JobRecord], running: &[JobRecord]) {
    let outstanding = |all: &str, done: &str| running.iter().map(|job| left(job, all, done)).sum::<u64>();
    let files = outstanding("/files/selected", "/files/read");
    let bytes = outstanding("/bytes/selected", "/bytes/fetched");
    let of_files = "Files that running jobs have yet to read.";
    let of_bytes = "Bytes that running jobs have yet to fetch.";
    for (name, help, number) in [
        ("bucketload_jobs_queued", "Jobs that wait.", queued.len() as u64),
        ("bucketload_jobs_running", "Jobs under way.", running.len() as u64),
        ("bucketload_files_outstanding", of_files, files),
        ("bucketload_bytes_outstanding", of_bytes, bytes),
    ] {
        text.family(name, "gauge", help);
        text.sample(name, &[], number);
    }
}

/// What a running job has yet to do.
fn left(job: &JobRecord, all: &str, done: &str) -> u64 {
    let number = |path: &str| {
        job.progress
            .as_ref()
            .and_then(|progress| progress.pointer(path))
            .and_then(Value::as_u64)
    };
    number(all)
        .unwrap_or_default()
        .saturating_sub(number(done).unwrap_or_default())
}

/// Seconds since the oldest run of a schedule should have started.
fn lag(schedule: &Schedule, queued: &[JobRecord], now: Timestamp) -> f64 {
    let Ok(timing) = schedule.timing() else { return 0.0 };
    let waiting = queued.iter().filter_map(|job| job.run.as_ref());
    let waiting = waiting
        .filter(|run| run.schedule_id == schedule.id)
        .map(|run| run.scheduled);
    let oldest = waiting.chain(timing.next_after(schedule.considered)).min();
    let late = oldest.map(|scheduled| now.duration_since(timing.start_of(scheduled)).as_secs_f64());
    late.unwrap_or_default().max(0.0)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let _ = match labels.is_empty() {
            true => writeln!(self.0, "{name} {value}"),
            false => writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")),
        };
    }
}
