//! Draws how far a job has come, on a terminal.

use crate::args::{GlobalArguments, ProgressMode};
use crate::printer::{bytes, count};
use bucketload_engine::job::progress::{Progress, ProgressSnapshot, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often the bar is drawn anew.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Draws until it is dropped by whoever awaits the job beside it.
pub(crate) async fn draw(progress: &Progress, global: &GlobalArguments) {
    let is_drawn = match global.progress {
        ProgressMode::Always => true,
        ProgressMode::Never => false,
        ProgressMode::Auto => std::io::stderr().is_terminal() && global.quiet == 0,
    };
    if !is_drawn {
        return std::future::pending().await;
    }
    let bar = Bar(ProgressBar::with_draw_target(
        Some(0),
        ProgressDrawTarget::stderr_with_hz(10),
    ));
    bar.0
        .set_style(ProgressStyle::with_template("{bar:24} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(REDRAW_INTERVAL);
    loop {
        ticks.tick().await;
        let snapshot = progress.snapshot();
        bar.0.set_length(snapshot.size_bytes.max(1));
        bar.0.set_position(snapshot.fetched_bytes.min(snapshot.size_bytes));
        bar.0.set_message(message(&snapshot, begun.elapsed()));
    }
}

/// Leaves the terminal clean.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// `12/26 files, 1.2/4.0 MB, 12,345 rows, 8,000 rows/s, 3 s left`
fn message(snapshot: &ProgressSnapshot, elapsed: Duration) -> String {
    match snapshot.stage {
        Stage::Listing => "listing".to_owned(),
        Stage::Committing => "committing".to_owned(),
        Stage::Loading => {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate for display"
            )]
            let (rows_per_second, seconds_left) = {
                let seconds = elapsed.as_secs_f64().max(0.001);
                let rate = snapshot.fetched_bytes as f64 / seconds;
                let left = snapshot.size_bytes.saturating_sub(snapshot.fetched_bytes) as f64 / rate.max(1.0);
                ((snapshot.num_rows as f64 / seconds) as u64, left.min(1e9).ceil() as u64)
            };
            format!(
                "{}/{} files, {} of {}, {} rows, {} rows/s, {seconds_left} s left",
                count(snapshot.num_files_read),
                count(snapshot.num_files),
                bytes(snapshot.fetched_bytes),
                bytes(snapshot.size_bytes),
                count(snapshot.num_rows),
                count(rows_per_second)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_job_shows_files_bytes_rows_rate_and_time_left() {
        let snapshot = ProgressSnapshot {
            stage: Stage::Loading,
            num_files: 26,
            size_bytes: 4_000_000,
            num_files_read: 12,
            fetched_bytes: 1_000_000,
            decoded_bytes: 5_000_000,
            num_rows: 20_000,
        };
        assert_eq!(
            message(&snapshot, Duration::from_secs(2)),
            "12/26 files, 1.0 MB of 4.0 MB, 20,000 rows, 10,000 rows/s, 6 s left"
        );
    }
}
