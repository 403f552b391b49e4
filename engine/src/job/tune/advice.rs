//! Turns measurements into knobs, each with the figures that speak for it.
//!
//! Pure: measurements and settings in, advice out. A knob that the measurements say nothing about is left out, so that it goes on
//! setting itself.

use super::Measurements;
use super::probe::{Level, Probe};
use super::sample::CompressionTrial;
use crate::config::edit::ExecEntry;
use crate::job::environment::FETCH_PARTS;
use serde_json::{Value, json};

/// Part by which a bucket must be faster than the cores before its number of requests is enough.
const SPARE: f64 = 1.25;

/// A number of requests that brings this part of the most that was seen is as good as that.
const GOOD_PART: f64 = 0.9;

/// Advised beyond what a probe needed: a bucket is slower at other times, and the window does not use what it does not need.
const HEADROOM: usize = 2;

/// Fewer requests than these cost nothing, and more than a probe ever saw at work are not advised.
const LEAST_REQUESTS: usize = 8;
const MOST_REQUESTS: usize = 512;

/// A memory limit is advised in steps of this, and never beyond the largest.
const MEMORY_STEP_BYTES: u64 = 64 * 1024 * 1024;
const MOST_MEMORY_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// Threads that are less than this much faster than one are not worth a line.
const LEAST_SPEEDUP: f64 = 1.3;

/// Jobs whose times differ by less than this part are equally fast, and files whose sizes do are equally large: two runs of the same
/// differ by as much.
const SAME_TIME: f64 = 1.1;

/// More tasks than this are worth a word.
const MANY_TASKS: u64 = 10_000;
const DEFAULT_MIN_TASK_BYTES: u64 = 256 * 1024 * 1024;

/// What is set now, by the configuration or by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Partitions of the plan.
    pub num_threads: usize,
    /// Whether the configuration says so.
    pub is_threads_written: bool,
    /// Bytes that may be on their way, all partitions together.
    pub fetch_bytes: u64,
    /// `in.min_task_size`.
    pub min_task_size_bytes: u64,
}

/// What to set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// Knobs of the `exec` section.
    pub exec: Vec<ExecEntry>,
    /// What else might be changed, and is not tuning alone: it shows in the tables, or hardly matters.
    pub remarks: Vec<Remark>,
    /// `exec.max_requests` once more, as a number.
    pub max_requests: Option<usize>,
}

/// A key outside the `exec` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
    /// The figures.
    pub evidence: String,
}

impl Probe {
    /// The fastest level with at most so many requests at a time.
    pub(super) fn best_within(&self, at_a_time: usize) -> Option<&Level> {
        let fits = |level: &&Level| level.at_a_time <= at_a_time.max(1);
        self.levels
            .iter()
            .filter(fits)
            .max_by(|left, right| left.bytes_per_second.total_cmp(&right.bytes_per_second))
    }

    /// The fewest requests at a time that bring so many bytes a second, else those that bring nearly the most there is.
    fn needed(&self, bytes_per_second: f64) -> Option<(&Level, bool)> {
        let enough = self
            .levels
            .iter()
            .find(|level| level.bytes_per_second >= bytes_per_second);
        if let Some(level) = enough {
            return Some((level, true));
        }
        let best = self.best_within(usize::MAX)?.bytes_per_second;
        let mut levels = self.levels.iter();
        levels
            .find(|level| level.bytes_per_second >= best * GOOD_PART)
            .map(|level| (level, false))
    }
}

/// Chooses the knobs.
pub(super) fn advise(measured: &Measurements, settings: &Settings) -> Advice {
    let mut advice = Advice::default();
    let consumed = consumed_bytes_per_second(measured, settings.num_threads);
    if let Some((level, is_enough)) = measured.probe.needed(consumed * SPARE) {
        let max_requests = requests_of_job(level, measured);
        advice.exec.push(ExecEntry {
            name: "max_requests",
            value: json!(max_requests),
            evidence: requests_evidence(level, is_enough, consumed, measured, settings),
        });
        advice.max_requests = Some(max_requests);
        advice.exec.extend(memory_limit(level, measured, settings));
    }
    advice.exec.extend(max_threads(measured, settings));
    advice.remarks.push(min_task_size(measured, settings));
    advice.remarks.extend(compression(measured, settings));
    advice
}

/// Bytes as stored that the cores can take in a second, if they never wait.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn consumed_bytes_per_second(measured: &Measurements, num_threads: usize) -> f64 {
    let sample = &measured.sample;
    match sample.stages.cpu() {
        seconds if seconds > 0.0 => sample.bytes as f64 / seconds * num_threads as f64,
        _ => 0.0,
    }
}

/// `exec.max_requests`, which is shared out among the partitions.
fn requests_of_job(level: &Level, measured: &Measurements) -> usize {
    let headroom = if measured.probe.is_slowed_down { 1 } else { HEADROOM };
    (level.at_a_time * headroom)
        .next_power_of_two()
        .clamp(LEAST_REQUESTS, MOST_REQUESTS)
}

fn requests_evidence(
    level: &Level,
    is_enough: bool,
    consumed: f64,
    measured: &Measurements,
    settings: &Settings,
) -> String {
    let threads = counted(settings.num_threads as u64, "thread");
    let verdict = match (is_enough, measured.probe.is_slowed_down) {
        (_, true) => "then the service asked for fewer".to_owned(),
        (true, _) => format!("more than {threads} can use ({})", rate(consumed)),
        (false, _) => format!("the most there is; {threads} could use {}", rate(consumed)),
    };
    let fetch = if level.at_a_time == 1 { "fetches" } else { "fetch" };
    let shared = match (requests_of_job(level, measured), measured.probe.is_slowed_down) {
        (LEAST_REQUESTS, _) => "fewer would save nothing".to_owned(),
        (_, true) => "no more than that".to_owned(),
        (_, false) => "twice that, for slow moments".to_owned(),
    };
    format!(
        "{} at a time {fetch} {}, {verdict}; the first bytes take {}; {shared}",
        counted(level.at_a_time as u64, "request"),
        rate(level.bytes_per_second),
        milliseconds(level.latency_seconds),
    )
}

/// More memory, where what may be on its way would not do for the requests needed.
fn memory_limit(level: &Level, measured: &Measurements, settings: &Settings) -> Option<ExecEntry> {
    let request_bytes = measured.input.bytes / measured.input.get_requests.max(1);
    let in_flight_bytes = request_bytes.saturating_mul(level.at_a_time as u64);
    if in_flight_bytes <= settings.fetch_bytes {
        return None;
    }
    let limit_bytes = in_flight_bytes
        .saturating_mul(FETCH_PARTS)
        .div_ceil(MEMORY_STEP_BYTES)
        .saturating_mul(MEMORY_STEP_BYTES)
        .min(MOST_MEMORY_BYTES);
    if limit_bytes / FETCH_PARTS <= settings.fetch_bytes {
        return None;
    }
    Some(ExecEntry {
        name: "memory_limit",
        value: json!(format!("{}MiB", limit_bytes / (1024 * 1024))),
        evidence: format!(
            "{} of {} each are on their way at a time; the part of the limit that is for them is {} now",
            counted(level.at_a_time as u64, "request"),
            size(request_bytes),
            size(settings.fetch_bytes)
        ),
    })
}

fn max_threads(measured: &Measurements, settings: &Settings) -> Option<ExecEntry> {
    let scaling = measured.sample.scaling?;
    if settings.is_threads_written && settings.num_threads == measured.cores || scaling.speedup < LEAST_SPEEDUP {
        return None;
    }
    Some(ExecEntry {
        name: "max_threads",
        value: json!(measured.cores.max(scaling.threads)),
        evidence: format!(
            "there are {}; {} read the sample {:.1} times as fast as one",
            counted(measured.cores as u64, "core"),
            counted(scaling.threads as u64, "thread"),
            scaling.speedup
        ),
    })
}

fn min_task_size(measured: &Measurements, settings: &Settings) -> Remark {
    let input = &measured.input;
    let packed = format!("{} in {}", counted(input.files, "file"), counted(input.tasks, "task"));
    let (value, verdict) = match input.tasks > MANY_TASKS {
        true => (DEFAULT_MIN_TASK_BYTES, "larger ones are cheaper to plan"),
        false => (
            settings.min_task_size_bytes,
            "as it is; threads share out the files whatever the tasks are",
        ),
    };
    Remark {
        key: "in.min_task_size",
        value: json!(value),
        evidence: format!("{packed}: {verdict}"),
    }
}

/// The compression with which the whole job is fastest; of those that are equally fast, the one with the smallest files.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn compression(measured: &Measurements, settings: &Settings) -> Option<Remark> {
    let sample = &measured.sample;
    let configured = sample.compressions.first().filter(|trial| trial.bytes > 0)?;
    let fetching = match measured.probe.best_within(usize::MAX) {
        Some(level) => sample.bytes as f64 / level.bytes_per_second.max(1.0),
        None => 0.0,
    };
    let reading = sample.stages.cpu() - sample.stages.write;
    let seconds = |trial: &CompressionTrial| ((reading + trial.seconds) / settings.num_threads as f64).max(fetching);
    let least = sample.compressions.iter().map(seconds).min_by(f64::total_cmp)?;
    let is_fast = |trial: &&CompressionTrial| seconds(trial) <= least * SAME_TIME;
    let best = sample
        .compressions
        .iter()
        .filter(is_fast)
        .min_by_key(|trial| trial.bytes)?;
    // What is configured stays unless there is something to gain.
    let is_configured_fast = is_fast(&configured);
    let is_smaller = (best.bytes as f64) < configured.bytes as f64 / SAME_TIME;
    let chosen = if is_configured_fast && !is_smaller {
        configured
    } else {
        best
    };
    let job_seconds = |trial: &CompressionTrial| seconds(trial) / least;
    let tried: Vec<String> = sample
        .compressions
        .iter()
        .map(|trial| format!("{} {:.2} {}", trial.compression, job_seconds(trial), size(trial.bytes)))
        .collect();
    Some(Remark {
        key: "out.compression",
        value: json!(chosen.compression),
        evidence: format!("time of the job and size of the sample: {}", tried.join(", ")),
    })
}

/// `1 request`, `2 requests`.
fn counted(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1_000.0)
}

fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", sized(bytes_per_second))
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn size(bytes: u64) -> String {
    sized(bytes as f64)
}

fn sized(bytes: f64) -> String {
    match bytes {
        bytes if bytes < 1e6 => format!("{:.1} kB", bytes / 1e3),
        bytes => format!("{:.1} MB", bytes / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Input;
    use super::super::sample::{Sample, Scaling};
    use super::*;
    use crate::stages::StageSeconds;

    const MB: f64 = 1e6;

    const SETTINGS: Settings = Settings {
        num_threads: 2,
        is_threads_written: false,
        fetch_bytes: 50_000_000,
        min_task_size_bytes: DEFAULT_MIN_TASK_BYTES,
    };

    /// A bucket that gives `of_one` bytes a second to one request, and up to `most` to several.
    fn probe(of_one: f64, most: f64) -> Probe {
        let level = |at_a_time: usize| Level {
            at_a_time,
            latency_seconds: 0.03,
            bytes_per_second: (of_one * at_a_time as f64).min(most),
            ..Level::default()
        };
        Probe {
            levels: [1, 2, 4, 8, 16, 32, 64].map(level).to_vec(),
            ..Probe::default()
        }
    }

    /// Small files that two threads could read with 20 MB a second.
    fn measured(probe: Probe) -> Measurements {
        let trial = |compression: &str, seconds: f64, bytes: u64| CompressionTrial {
            compression: compression.to_owned(),
            seconds,
            bytes,
        };
        Measurements {
            input: Input {
                files: 12_000,
                bytes: 1_200_000_000,
                get_requests: 12_000,
                tasks: 5,
                ..Input::default()
            },
            probe,
            sample: Sample {
                bytes: 10_000_000,
                stages: StageSeconds {
                    decode: 0.2,
                    parse: 0.2,
                    write: 0.6,
                    ..StageSeconds::default()
                },
                compressions: vec![
                    trial("snappy", 0.6, 1_000_000),
                    trial("none", 0.58, 2_000_000),
                    trial("zstd(1)", 0.8, 600_000),
                ],
                ..Sample::default()
            },
            cores: 2,
        }
    }

    #[track_caller]
    fn check_requests(measured: &Measurements, expected: usize) {
        assert_eq!(advise(measured, &SETTINGS).max_requests, Some(expected));
    }

    fn knob(advice: &Advice, name: &str) -> Option<Value> {
        let mut exec = advice.exec.iter();
        exec.find(|entry| entry.name == name).map(|entry| entry.value.clone())
    }

    fn remark(advice: &Advice, key: &str) -> Value {
        let mut remarks = advice.remarks.iter();
        remarks.find(|remark| remark.key == key).unwrap().value.clone()
    }

    #[test]
    fn requests_follow_latency() {
        // 25 MB a second are wanted, so that the cores never wait.
        check_requests(&measured(probe(30.0 * MB, 1e9)), 8);
        check_requests(&measured(probe(0.8 * MB, 1e9)), 64);
        check_requests(&measured(probe(0.4 * MB, 1e9)), 128);
    }

    #[test]
    fn requests_that_bring_nothing_are_not_advised() {
        // The bucket gives no more than 12 MB a second, which 16 requests bring.
        check_requests(&measured(probe(0.8 * MB, 12.0 * MB)), 32);
    }

    #[test]
    fn a_service_that_asks_for_fewer_gets_no_more_than_it_stood() {
        let mut measured = measured(probe(0.8 * MB, 1e9));
        measured.probe.is_slowed_down = true;
        measured.probe.levels.truncate(5);
        check_requests(&measured, 16);
        let advice = advise(&measured, &SETTINGS);
        assert!(advice.exec[0].evidence.contains("asked for fewer"), "{advice:?}");
    }

    #[test]
    fn more_memory_is_advised_where_requests_would_not_fit() {
        let mut measured = measured(probe(0.8 * MB, 1e9));
        assert_eq!(knob(&advise(&measured, &SETTINGS), "memory_limit"), None);
        // 32 requests of 8 MB are 256 MB, for which a twelfth of the limit has room.
        measured.input.get_requests = 150;
        assert_eq!(
            knob(&advise(&measured, &SETTINGS), "memory_limit"),
            Some(json!("2944MiB"))
        );
    }

    #[test]
    fn threads_are_advised_if_they_were_seen_to_help() {
        let mut measured = measured(probe(30.0 * MB, 1e9));
        assert_eq!(knob(&advise(&measured, &SETTINGS), "max_threads"), None);
        let mut scaled = |speedup: f64| {
            measured.sample.scaling = Some(Scaling { threads: 2, speedup });
            knob(&advise(&measured, &SETTINGS), "max_threads")
        };
        assert_eq!(scaled(1.9), Some(json!(2)));
        assert_eq!(scaled(1.1), None);
    }

    #[test]
    fn a_bucket_that_is_slower_than_the_cores_leaves_time_for_compression() {
        let cores_limit = advise(&measured(probe(30.0 * MB, 1e9)), &SETTINGS);
        assert_eq!(remark(&cores_limit, "out.compression"), "snappy");
        let bucket_limits = advise(&measured(probe(0.8 * MB, 5.0 * MB)), &SETTINGS);
        assert_eq!(remark(&bucket_limits, "out.compression"), "zstd(1)");
    }

    #[test]
    fn tasks_matter_only_if_there_are_very_many() {
        let mut measured = measured(probe(30.0 * MB, 1e9));
        let settings = Settings {
            min_task_size_bytes: 0,
            ..SETTINGS
        };
        assert_eq!(remark(&advise(&measured, &settings), "in.min_task_size"), 0);
        measured.input.tasks = 12_000;
        assert_eq!(
            remark(&advise(&measured, &settings), "in.min_task_size"),
            DEFAULT_MIN_TASK_BYTES
        );
    }

    #[test]
    fn without_bytes_there_is_no_advice_on_requests() {
        let advice = advise(&Measurements::default(), &SETTINGS);
        assert_eq!((advice.exec, advice.max_requests), (Vec::new(), None));
    }

    #[test]
    fn every_knob_is_a_key_of_the_configuration() {
        let mut measured = measured(probe(0.8 * MB, 1e9));
        measured.input.get_requests = 150;
        measured.sample.scaling = Some(Scaling {
            threads: 2,
            speedup: 2.0,
        });
        let advice = advise(&measured, &SETTINGS);
        assert_eq!(advice.exec.len(), 3);
        let exec = advice.exec.iter().map(|entry| format!("exec.{}", entry.name));
        for key in exec.chain(advice.remarks.iter().map(|remark| remark.key.to_owned())) {
            assert!(crate::config::keys::KEYS.iter().any(|known| known.path == key), "{key}");
        }
    }
}
