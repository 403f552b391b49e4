//! Says how far a job has come.

use crate::args::{GlobalArguments, ProgressMode};
use crate::printer::{bytes, count};
use crate::status_line::StatusLine;
use bucketload_engine::job::progress::{Progress, ProgressSnapshot, Stage};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// How often the line of a terminal is drawn anew.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// How often a line is added to what is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// Widths of the bar in characters, the widest that fits is taken. With every width the text behind the bar would jump whenever a
/// number gains a digit.
const BAR_WIDTHS: [usize; 4] = [24, 16, 10, 6];

/// A drawing under way.
#[derive(Debug)]
pub(crate) struct Drawing {
    task: Option<JoinHandle<()>>,
    line: StatusLine,
}

impl Drawing {
    /// Begins to draw, if the command line wants it. `runtime` must not be the one that the job keeps busy: it would draw late.
    pub(crate) fn start(
        progress: &Arc<Progress>,
        global: &GlobalArguments,
        line: &StatusLine,
        runtime: &Handle,
    ) -> Drawing {
        let is_wanted = match global.progress {
            ProgressMode::Always => true,
            ProgressMode::Never => false,
            ProgressMode::Auto => line.can_be_drawn() && global.quiet == 0,
        };
        let task = is_wanted.then(|| runtime.spawn(draw(Arc::clone(progress), line.clone())));
        Drawing {
            task,
            line: line.clone(),
        }
    }

    /// Stops drawing and leaves the terminal clean.
    pub(crate) async fn stop(self) {
        if let Some(task) = self.task {
            task.abort();
            // Until then it may still draw.
            let _ = task.await;
            self.line.clear();
        }
    }
}

async fn draw(progress: Arc<Progress>, line: StatusLine) {
    let is_drawn = line.can_be_drawn();
    let mut ticks = tokio::time::interval(match is_drawn {
        true => REDRAW_INTERVAL,
        false => LINE_INTERVAL,
    });
    let mut listed_at = Instant::now();
    loop {
        ticks.tick().await;
        let snapshot = progress.snapshot();
        if snapshot.stage == Stage::Listing {
            listed_at = Instant::now();
        }
        let loading_for = listed_at.elapsed();
        if is_drawn {
            line.show(text(&snapshot, loading_for, line.width()));
        } else {
            let told = parts(&snapshot, loading_for).join(", ");
            // Nobody may be reading any more.
            let _ = writeln!(std::io::stderr(), "{told}");
        }
    }
}

/// `██████████░░░░░░ 12/26 files, 1.0 of 4.0 MB, 20,000 rows, 10,000 rows/s, 6 s left`, or as much of it as fits.
fn text(snapshot: &ProgressSnapshot, loading_for: Duration, width: usize) -> String {
    let mut parts = parts(snapshot, loading_for);
    let mut text = parts.join(", ");
    // What can be done without goes first: rows, bytes, files.
    for dropped in [2, 1, 0] {
        if text.chars().count() > width && parts.len() > dropped {
            parts.remove(dropped);
            text = parts.join(", ");
        }
    }
    let text: String = text.chars().take(width).collect();
    if snapshot.stage != Stage::Loading {
        return text;
    }
    let room = width.saturating_sub(text.chars().count() + 1);
    match BAR_WIDTHS.into_iter().find(|width| *width <= room) {
        Some(width) => format!("{} {text}", bar(snapshot, width)),
        None => text,
    }
}

fn bar(snapshot: &ProgressSnapshot, width: usize) -> String {
    let done = u128::from(snapshot.fetched_bytes.min(snapshot.size_bytes)) * width as u128;
    let done = usize::try_from(done / u128::from(snapshot.size_bytes.max(1))).unwrap_or(width);
    format!("{}{}", "█".repeat(done), "░".repeat(width - done))
}

/// Files, bytes, rows, rate, time left.
fn parts(snapshot: &ProgressSnapshot, loading_for: Duration) -> Vec<String> {
    match snapshot.stage {
        Stage::Listing => return vec!["listing".to_owned()],
        Stage::Committing => return vec!["committing".to_owned()],
        Stage::Stopping => return vec!["stopping".to_owned()],
        Stage::Loading => {}
    }
    let seconds = loading_for.as_secs_f64().max(0.001);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for display"
    )]
    let rows_per_second = (snapshot.num_rows as f64 / seconds) as u64;
    let mut parts = vec![
        format!("{}/{} files", count(snapshot.num_files_read), count(snapshot.num_files)),
        bytes_of(snapshot.fetched_bytes, snapshot.size_bytes),
        format!("{} rows", short(snapshot.num_rows)),
        format!("{} rows/s", short(rows_per_second)),
    ];
    parts.extend(left(snapshot, seconds));
    parts
}

/// How long it will take at the speed so far; `None`: nothing is known of it.
fn left(snapshot: &ProgressSnapshot, seconds: f64) -> Option<String> {
    let bytes_left = snapshot.size_bytes.saturating_sub(snapshot.fetched_bytes);
    if snapshot.fetched_bytes == 0 || bytes_left == 0 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate for display"
    )]
    let seconds_left = (bytes_left as f64 * seconds / snapshot.fetched_bytes as f64).ceil() as u64;
    Some(match seconds_left {
        0..=120 => format!("{seconds_left} s left"),
        121..=7_200 => format!("{} min left", seconds_left.div_ceil(60)),
        _ => format!("{} h {} min left", seconds_left / 3_600, seconds_left % 3_600 / 60),
    })
}

/// `1.0 of 4.0 MB`
fn bytes_of(part: u64, whole: u64) -> String {
    let (part, whole) = (bytes(part), bytes(whole));
    match (part.split_once(' '), whole.split_once(' ')) {
        (Some((number, unit)), Some((_, whole_unit))) if unit == whole_unit => format!("{number} of {whole}"),
        _ => format!("{part} of {whole}"),
    }
}

/// Four digits as they are, more as three with a unit: `1,234`, `12.3k`, `123M`.
fn short(number: u64) -> String {
    if number < 10_000 {
        return count(number);
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = number as f64 / 1_000.0;
    let mut units = ["k", "M", "G", "T"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value >= 999.5
        && let Some(next) = units.next()
    {
        value /= 1_000.0;
        unit = next;
    }
    match value {
        ..9.995 => format!("{value:.2}{unit}"),
        ..99.95 => format!("{value:.1}{unit}"),
        _ => format!("{value:.0}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> ProgressSnapshot {
        ProgressSnapshot {
            stage: Stage::Loading,
            num_files: 26,
            size_bytes: 4_000_000,
            num_files_read: 12,
            fetched_bytes: 1_000_000,
            decoded_bytes: 5_000_000,
            num_rows: 20_000,
        }
    }

    #[track_caller]
    fn check(snapshot: &ProgressSnapshot, width: usize, expected: &str) {
        let text = text(snapshot, Duration::from_secs(2), width);
        assert_eq!(text, expected);
        assert!(text.chars().count() <= width);
    }

    #[test]
    fn a_running_job_shows_files_bytes_rows_rate_and_time_left() {
        check(
            &snapshot(),
            100,
            "██████░░░░░░░░░░░░░░░░░░ 12/26 files, 1.0 of 4.0 MB, 20.0k rows, 10.0k rows/s, 6 s left",
        );
    }

    #[test]
    fn a_large_job_fits_into_80_columns() {
        let large = ProgressSnapshot {
            num_files: 12_000,
            num_files_read: 11_999,
            size_bytes: 2_870_000_000,
            fetched_bytes: 1_230_000_000,
            num_rows: 123_456_789,
            ..snapshot()
        };
        check(
            &large,
            79,
            "██░░░░ 11,999/12,000 files, 1.2 of 2.9 GB, 123M rows, 61.7M rows/s, 3 s left",
        );
    }

    #[test]
    fn a_narrow_terminal_shows_what_matters_most() {
        check(
            &snapshot(),
            60,
            "█░░░░░ 12/26 files, 1.0 of 4.0 MB, 10.0k rows/s, 6 s left",
        );
        check(&snapshot(), 40, "12/26 files, 10.0k rows/s, 6 s left");
        check(&snapshot(), 30, "█░░░░░ 10.0k rows/s, 6 s left");
        check(&snapshot(), 8, "10.0k ro");
        check(&snapshot(), 0, "");
    }

    #[test]
    fn nothing_is_said_of_the_time_before_there_is_a_speed_nor_at_the_end() {
        for fetched_bytes in [0, 4_000_000] {
            let snapshot = ProgressSnapshot {
                fetched_bytes,
                ..snapshot()
            };
            let text = text(&snapshot, Duration::from_secs(2), 200);
            assert!(!text.contains("left"), "{text}");
        }
    }

    #[test]
    fn long_times_are_told_in_minutes_and_hours() {
        let left_after = |seconds: f64| left(&snapshot(), seconds).unwrap();
        assert_eq!(left_after(40.0), "120 s left");
        assert_eq!(left_after(41.0), "3 min left");
        assert_eq!(left_after(10_000.0), "8 h 20 min left");
    }

    #[test]
    fn other_stages_are_told_without_a_bar() {
        for (stage, expected) in [
            (Stage::Listing, "listing"),
            (Stage::Committing, "committing"),
            (Stage::Stopping, "stopping"),
        ] {
            check(&ProgressSnapshot { stage, ..snapshot() }, 79, expected);
        }
    }

    #[test]
    fn large_numbers_keep_three_digits() {
        for (number, expected) in [
            (0, "0"),
            (9_999, "9,999"),
            (10_000, "10.0k"),
            (99_949, "99.9k"),
            (99_950, "100k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (1_234_567, "1.23M"),
            (9_995_000, "10.0M"),
            (123_456_789_000, "123G"),
        ] {
            assert_eq!(short(number), expected, "{number}");
        }
    }
}
