//! Log lines on standard error.

use crate::args::{GlobalArguments, LogFormat};
use crate::status_line::StatusLine;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Starts the log at the level the command line asks for; `BUCKETLOAD_LOG` names levels by module and wins.
pub(crate) fn start(global: &GlobalArguments, line: &StatusLine) {
    let level = match i16::from(global.verbose) - i16::from(global.quiet) {
        ..=-2 => "error",
        -1 => "bucketload_engine=error",
        0 => "bucketload_engine=warn",
        1 => "bucketload_engine=info",
        2 => "bucketload_engine=debug,warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("BUCKETLOAD_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(line.clone())
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    match global.log_format {
        LogFormat::Text => log.with_ansi(false).without_time().compact().init(),
        LogFormat::Json => log.json().init(),
    }
}
