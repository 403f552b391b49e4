//! Log lines on standard error.

use crate::args::{GlobalArguments, LogFormat};
use crate::status_line::StatusLine;
use bucketload_serve::log::JobLogs;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts the log at the level the command line asks for; `BUCKETLOAD_LOG` names levels by module and wins.
///
/// What is given back sorts the lines of jobs for their records, whatever the level is.
pub(crate) fn start(global: &GlobalArguments, line: &StatusLine) -> JobLogs {
    let level = match i16::from(global.verbose) - i16::from(global.quiet) {
        ..=-2 => "error",
        -1 => "bucketload_engine=error,bucketload_serve=error",
        0 => "bucketload_engine=warn,bucketload_serve=info",
        1 => "bucketload_engine=info,bucketload_serve=info",
        2 => "bucketload_engine=debug,bucketload_serve=debug,warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("BUCKETLOAD_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt::layer()
        .with_writer(line.clone())
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    let log = match global.log_format {
        LogFormat::Text => log
            .with_ansi(false)
            .without_time()
            .compact()
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => log.json().with_filter(filter).boxed(),
    };
    let logs = JobLogs::new();
    tracing_subscriber::registry().with(log).with(logs.layer()).init();
    logs
}
