//! Sorts log lines by the job that wrote them.
//!
//! A job runs in a span that carries its id, and whatever it starts on other threads inherits the span. The layer here finds the id
//! for each line and puts the line aside, until the job's record takes it.

use bucketload_state::log::LogLine;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Lines that wait for the record, which takes them twice a second.
const MAX_WAITING_LINES: usize = 10_000;

/// Target of the spans, and their field.
const SPAN_TARGET: &str = "bucketload_job";
const JOB_FIELD: &str = "job_id";

/// The lines of running jobs; clones share them.
#[derive(Clone, Debug, Default)]
pub struct JobLogs {
    waiting: Arc<Mutex<HashMap<String, Vec<LogLine>>>>,
}

impl JobLogs {
    /// No job runs.
    pub fn new() -> JobLogs {
        JobLogs::default()
    }

    /// What a subscriber needs to sort lines: ours, from `info` on, whatever the terminal shows.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let ours = Targets::new().with_target("bucketload", LevelFilter::INFO);
        JobLogLayer { logs: self.clone() }.with_filter(ours)
    }

    /// The span that a job is to run in; its lines are kept from now on.
    pub(crate) fn open(&self, job_id: &str) -> Span {
        self.with(|waiting| waiting.insert(job_id.to_owned(), Vec::new()));
        tracing::info_span!(target: SPAN_TARGET, "job", job_id)
    }

    /// The lines since the last time.
    pub(crate) fn take(&self, job_id: &str) -> Vec<LogLine> {
        self.with(|waiting| waiting.get_mut(job_id).map(std::mem::take))
            .unwrap_or_default()
    }

    /// The last lines; later ones are nobody's.
    pub(crate) fn close(&self, job_id: &str) -> Vec<LogLine> {
        self.with(|waiting| waiting.remove(job_id)).unwrap_or_default()
    }

    fn add(&self, job_id: &str, line: LogLine) {
        self.with(|waiting| {
            if let Some(lines) = waiting.get_mut(job_id)
                && lines.len() < MAX_WAITING_LINES
            {
                lines.push(line);
            }
        });
    }

    fn with<T>(&self, body: impl FnOnce(&mut HashMap<String, Vec<LogLine>>) -> T) -> T {
        body(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct JobLogLayer {
    logs: JobLogs,
}

/// The id that a span carries.
struct SpanJob(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JobLogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() != SPAN_TARGET {
            return;
        }
        let mut words = Words::default();
        attributes.record(&mut words);
        if let (Some(span), Some(job_id)) = (context.span(id), words.job_id) {
            span.extensions_mut().insert(SpanJob(job_id));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(scope) = context.event_scope(event) else {
            return;
        };
        for span in scope {
            if let Some(SpanJob(job_id)) = span.extensions().get::<SpanJob>() {
                let mut words = Words::default();
                event.record(&mut words);
                let line = LogLine {
                    time: jiff::Timestamp::now(),
                    level: level(event.metadata().level()).to_owned(),
                    text: format!("{}{}", words.message, words.fields),
                };
                return self.logs.add(job_id, line);
            }
        }
    }
}

fn level(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// A message and its fields as the terminal shows them; the id of the job goes without saying.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
    job_id: Option<String>,
}

impl Words {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        match field.name() {
            "message" => self.message = value.to_string(),
            JOB_FIELD => self.job_id = Some(value.to_string()),
            // Writing to a text does not fail.
            name => drop(write!(self.fields, " {name}={value}")),
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" | JOB_FIELD => self.add(field, format_args!("{value}")),
            _ => self.add(field, format_args!("{value:?}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_go_to_the_job_whose_span_they_are_in() {
        let logs = JobLogs::new();
        let subscriber = tracing_subscriber::registry().with(logs.layer());
        tracing::subscriber::with_default(subscriber, || {
            let (a, b) = (logs.open("a"), logs.open("b"));
            a.in_scope(|| {
                tracing::info!(target: "bucketload_engine", rows = 3, name = "x y", "one");
                tracing::info_span!("inner")
                    .in_scope(|| tracing::warn!(target: "bucketload_engine", job_id = "a", "two"));
                tracing::debug!(target: "bucketload_engine", "too fine");
                tracing::info!(target: "others", "not ours");
            });
            b.in_scope(|| tracing::error!(target: "bucketload_serve", "three"));
            tracing::info!(target: "bucketload_engine", "of no job");
        });
        let of_a = logs.take("a");
        assert_eq!(texts(&of_a), ["one rows=3 name=\"x y\"", "two"]);
        assert_eq!(of_a[1].level, "warn");
        assert!(logs.take("a").is_empty());
        assert_eq!(texts(&logs.close("b")), ["three"]);
    }

    #[test]
    fn waiting_lines_have_a_limit_and_end_with_the_job() {
        let logs = JobLogs::new();
        let subscriber = tracing_subscriber::registry().with(logs.layer());
        tracing::subscriber::with_default(subscriber, || {
            let span = logs.open("a");
            span.in_scope(|| {
                for number in 0..MAX_WAITING_LINES + 10 {
                    tracing::info!(target: "bucketload_engine", number, "line");
                }
            });
            assert_eq!(logs.close("a").len(), MAX_WAITING_LINES);
            span.in_scope(|| tracing::info!(target: "bucketload_engine", "late"));
        });
        assert!(logs.take("a").is_empty());
    }
}
