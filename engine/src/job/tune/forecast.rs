//! Says how a job would go: requests, seconds, bytes, money, and the stage that it would wait for most.
//!
//! Pure. Fetching and computing go on at the same time, so the slower of both is the time; a file is unpacked and parsed by one
//! core, so the largest one is a limit of its own.

use super::Measurements;
use crate::job::limit::{JobTimes, Limit, LimitContext, limit};
use crate::stages::StageSeconds;
use serde::Serialize;

/// Dollars for a LIST or PUT request, and for a GET request.
///
/// **Source**: S3 Standard in us-east-1 at <https://aws.amazon.com/s3/pricing/>: 0.005 and 0.0004 dollars for 1,000 requests, as public
/// copies of that page had it in November 2026. Other regions and storage classes cost more.
pub const DOLLARS_PER_LIST: f64 = 0.005 / 1_000.0;
/// See [`DOLLARS_PER_LIST`].
pub const DOLLARS_PER_GET: f64 = 0.000_4 / 1_000.0;

/// How a job would go; the members of the JSON document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Forecast {
    /// LIST requests.
    pub list_requests: u64,
    /// GET requests.
    pub get_requests: u64,
    /// What these requests cost at S3's list prices; 0 for local files. Each output file in a bucket is a PUT request more.
    pub dollars: f64,
    /// Wall time, the commit not counted.
    pub seconds: f64,
    /// Of this, the time that fetching takes if nothing else is in its way.
    pub fetch_seconds: f64,
    /// The time that the cores take if they never wait.
    pub cpu_seconds: f64,
    /// Bytes of the output files.
    pub output_bytes: u64,
    /// Rows written.
    pub rows: u64,
    /// The stage that takes most of the time.
    pub limit: Option<Limit>,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "estimates"
)]
pub(super) fn forecast(measured: &Measurements, context: &LimitContext) -> Forecast {
    let (input, sample) = (&measured.input, &measured.sample);
    let factor = input.bytes as f64 / (sample.bytes as f64).max(1.0);
    let threads = context.num_partitions as f64;
    let stages = sample.stages;
    let cpu_seconds = stages.cpu() * factor / threads;
    let serial = (stages.decode + stages.parse) / (sample.bytes as f64).max(1.0) * input.largest_file_bytes as f64;
    let fetch_seconds = match measured.probe.best_within(context.max_requests) {
        Some(level) => input.bytes as f64 / level.bytes_per_second.max(1.0),
        None => 0.0,
    };
    let run_seconds = cpu_seconds.max(fetch_seconds).max(serial);
    let busy_seconds = cpu_seconds.max(serial);
    let times = JobTimes {
        list_seconds: input.list_seconds,
        run_seconds,
        commit_seconds: 0.0,
        stages: StageSeconds {
            fetch_wait: (run_seconds - busy_seconds) * threads,
            decode: stages.decode * factor,
            parse: stages.parse * factor,
            filter: stages.filter * factor,
            write: stages.write * factor,
            upload_wait: 0.0,
            idle: (busy_seconds - cpu_seconds) * threads,
        },
    };
    let dollars = match context.is_local {
        true => 0.0,
        false => input.list_requests as f64 * DOLLARS_PER_LIST + input.get_requests as f64 * DOLLARS_PER_GET,
    };
    Forecast {
        list_requests: input.list_requests,
        get_requests: input.get_requests,
        dollars,
        seconds: input.list_seconds + run_seconds,
        fetch_seconds,
        cpu_seconds,
        output_bytes: (sample.compressions.first().map_or(0, |trial| trial.bytes) as f64 * factor) as u64,
        rows: (sample.rows as f64 * factor) as u64,
        limit: limit(&times, context),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Input;
    use super::super::probe::{Level, Probe};
    use super::super::sample::{CompressionTrial, Sample};
    use super::*;
    use crate::write::encoding::Compression;

    const CONTEXT: LimitContext = LimitContext {
        compression: Compression::Snappy,
        is_sorted_by_time: false,
        is_local: false,
        num_requests: 12_000,
        max_requests: 32,
        is_slowed_down: false,
        is_probed: true,
        num_partitions: 2,
        num_cores: 2,
    };

    /// A hundredth of the job was sampled, and took a second of a core; 32 requests bring 10 MB a second.
    fn measured() -> Measurements {
        let level = |at_a_time: usize, bytes_per_second: f64| Level {
            at_a_time,
            bytes_per_second,
            ..Level::default()
        };
        Measurements {
            input: Input {
                files: 12_000,
                bytes: 1_000_000_000,
                largest_file_bytes: 100_000,
                list_requests: 12,
                list_seconds: 1.0,
                get_requests: 12_000,
                tasks: 4,
            },
            probe: Probe {
                levels: vec![level(1, 1e6), level(32, 1e7), level(64, 1e9)],
                ..Probe::default()
            },
            sample: Sample {
                bytes: 10_000_000,
                rows: 1_000,
                stages: StageSeconds {
                    parse: 0.4,
                    write: 0.6,
                    ..StageSeconds::default()
                },
                compressions: vec![CompressionTrial {
                    bytes: 5_000_000,
                    ..CompressionTrial::default()
                }],
                ..Sample::default()
            },
            cores: 2,
        }
    }

    #[track_caller]
    fn check(measured: &Measurements, context: LimitContext, seconds: f64, stage: &str) {
        let forecast = forecast(measured, &context);
        assert!((forecast.seconds - seconds).abs() < 1e-6, "{forecast:?}");
        assert_eq!(forecast.limit.map(|limit| limit.stage), Some(stage));
    }

    #[test]
    fn the_slower_of_fetching_and_computing_is_the_time() {
        // 32 requests need 100 s, while the cores need 50.
        check(&measured(), CONTEXT, 101.0, "fetch_wait");
        let more_requests = LimitContext {
            max_requests: 64,
            ..CONTEXT
        };
        check(&measured(), more_requests, 51.0, "write");
    }

    #[test]
    fn one_large_file_keeps_one_core_busy() {
        let mut measured = measured();
        measured.input.largest_file_bytes = measured.input.bytes;
        measured.sample.stages = StageSeconds {
            parse: 1.0,
            ..StageSeconds::default()
        };
        let more_requests = LimitContext {
            max_requests: 64,
            ..CONTEXT
        };
        let forecast = forecast(&measured, &more_requests);
        assert!((forecast.seconds - 101.0).abs() < 1e-6, "{forecast:?}");
        assert!((forecast.cpu_seconds - 50.0).abs() < 1e-6, "{forecast:?}");
    }

    #[test]
    fn requests_have_their_price_and_local_files_have_none() {
        let in_bucket = forecast(&measured(), &CONTEXT);
        assert!((in_bucket.dollars - (0.000_06 + 0.004_8)).abs() < 1e-9, "{in_bucket:?}");
        assert_eq!((in_bucket.rows, in_bucket.output_bytes), (100_000, 500_000_000));
        let local = LimitContext {
            is_local: true,
            ..CONTEXT
        };
        assert_eq!(forecast(&measured(), &local).dollars, 0.0);
    }
}
