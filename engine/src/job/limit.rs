//! Says which stage a job spent most of its time in, and what would help.
//!
//! Pure: times and settings in, one line out. `tune` asks the same for a job that has not run yet.

use super::environment::Budgets;
use crate::config::plan::{JobPlan, Location};
use crate::stages::StageSeconds;
use crate::write::encoding::Compression;
use serde::Serialize;

/// The stage that a job waits for most.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// Its name: `list`, `commit`, or one of the members of `stages`.
    pub stage: &'static str,
    /// Its part of the job's time, from 0 to 1.
    pub share: f64,
    /// The same for people, with what would help.
    pub message: String,
}

/// Where the time of a job went, or will go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct JobTimes {
    /// Wall time of the listing.
    pub(super) list_seconds: f64,
    /// Wall time of reading and writing.
    pub(super) run_seconds: f64,
    /// Wall time of the commit.
    pub(super) commit_seconds: f64,
    /// Where the partitions spent `run_seconds`, summed.
    pub(super) stages: StageSeconds,
}

/// What decides which advice makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LimitContext {
    pub(super) compression: Compression,
    pub(super) is_sorted_by_time: bool,
    pub(super) is_local: bool,
    /// Requests for bytes that the job makes in all.
    pub(super) num_requests: u64,
    /// Requests in flight at most.
    pub(super) max_requests: usize,
    /// Whether the service has asked for fewer requests.
    pub(super) is_slowed_down: bool,
    /// Whether it is known that more requests fetch nothing more.
    pub(super) is_probed: bool,
    pub(super) num_partitions: usize,
    pub(super) num_cores: usize,
}

impl LimitContext {
    pub(super) fn new(plan: &JobPlan, budgets: &Budgets, max_requests: usize, num_requests: u64) -> LimitContext {
        LimitContext {
            compression: plan.output.compression,
            is_sorted_by_time: plan.output.is_sorted_by_time,
            is_local: matches!(plan.input.location, Location::Local),
            num_requests,
            max_requests,
            is_slowed_down: false,
            is_probed: false,
            num_partitions: budgets.num_partitions,
            num_cores: Budgets::num_cores(),
        }
    }
}

/// The stage with the largest part of the time; `None` if there is no time to speak of.
pub(super) fn limit(times: &JobTimes, context: &LimitContext) -> Option<Limit> {
    let JobTimes {
        list_seconds,
        run_seconds,
        commit_seconds,
        stages,
    } = *times;
    // The partitions run side by side: their sum is brought to the wall time that it took.
    let scale = match stages.sum() {
        sum if sum > 0.0 => run_seconds / sum,
        _ => 0.0,
    };
    let parts = [
        ("list", list_seconds),
        ("fetch_wait", stages.fetch_wait * scale),
        ("decode", stages.decode * scale),
        ("parse", stages.parse * scale),
        ("filter", stages.filter * scale),
        ("write", stages.write * scale),
        ("upload_wait", stages.upload_wait * scale),
        ("idle", stages.idle * scale),
        ("commit", commit_seconds),
    ];
    let total: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
    let (stage, seconds) = parts.into_iter().max_by(|left, right| left.1.total_cmp(&right.1))?;
    if total <= 0.0 {
        return None;
    }
    let share = seconds / total;
    let (what, remedy) = explain(stage, context);
    Some(Limit {
        stage,
        share,
        message: format!("{what}, {:.0} % of the time; {remedy}", share * 100.0),
    })
}

/// A stage in words, and what makes it shorter.
fn explain(stage: &str, context: &LimitContext) -> (&'static str, String) {
    let cores = more_cores(context);
    match stage {
        "list" => (
            "listing",
            "a longer `in.path_prefix`, or `in.last_path`, leaves fewer keys to list".to_owned(),
        ),
        "fetch_wait" => ("waiting for bytes", more_bytes(context)),
        "decode" => ("unpacking", format!("{cores} would help, or files packed with zstd")),
        "parse" => (
            "parsing",
            format!("{cores} would help, or fewer columns (`retain_columns`)"),
        ),
        "filter" => ("filters", format!("{cores} or simpler `filters` would help")),
        "write" => ("writing Parquet", faster_writing(context, &cores)),
        "upload_wait" => (
            "waiting for uploads",
            "a warehouse that is nearer, or faster storage, would help".to_owned(),
        ),
        "idle" => (
            "waiting for the partitions that read the last files",
            "more files, of even size, would keep all cores busy".to_owned(),
        ),
        _ => (
            "the commit",
            "fewer and larger loads, or a table with a shorter log, would help".to_owned(),
        ),
    }
}

fn more_cores(context: &LimitContext) -> String {
    match context.num_partitions < context.num_cores {
        true => format!(
            "a larger `exec.max_threads` (now {} of {} cores)",
            context.num_partitions, context.num_cores
        ),
        false => "more cores".to_owned(),
    }
}

fn more_bytes(context: &LimitContext) -> String {
    let LimitContext {
        max_requests,
        num_requests,
        ..
    } = *context;
    if context.is_local {
        return "faster storage would help".to_owned();
    }
    if context.is_slowed_down {
        return "the service asked for fewer requests, so only fewer and larger files would help".to_owned();
    }
    if num_requests <= max_requests as u64 {
        return format!(
            "all {num_requests} requests were in flight at once, so only a nearer or faster bucket would help"
        );
    }
    if context.is_probed {
        return "only a nearer or faster bucket would help".to_owned();
    }
    format!("raise `exec.max_requests` (now {max_requests}), or see what `bucketload tune` finds")
}

fn faster_writing(context: &LimitContext, cores: &str) -> String {
    match context.compression {
        Compression::Zstd { .. } => {
            format!("a faster compression (`out.compression: lz4`) or {cores} would help")
        }
        _ if context.is_sorted_by_time => format!("`out.sort_by_time: false` or {cores} would help"),
        _ => format!("{cores} would help"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: LimitContext = LimitContext {
        compression: Compression::Snappy,
        is_sorted_by_time: false,
        is_local: false,
        num_requests: 1_000,
        max_requests: 64,
        is_slowed_down: false,
        is_probed: false,
        num_partitions: 2,
        num_cores: 2,
    };

    const BUSY: StageSeconds = StageSeconds {
        fetch_wait: 1.0,
        decode: 2.0,
        parse: 1.0,
        filter: 0.0,
        write: 6.0,
        upload_wait: 0.0,
        idle: 0.0,
    };

    #[track_caller]
    fn check(stages: StageSeconds, context: LimitContext, expected: &str) {
        let times = JobTimes {
            run_seconds: 5.0,
            stages,
            ..JobTimes::default()
        };
        assert_eq!(limit(&times, &context).unwrap().message, expected);
    }

    #[test]
    fn the_writer_is_helped_by_what_it_does_not_do_yet() {
        check(
            BUSY,
            CONTEXT,
            "writing Parquet, 60 % of the time; more cores would help",
        );
        let zstd = LimitContext {
            compression: Compression::Zstd { level: 3 },
            num_cores: 4,
            ..CONTEXT
        };
        check(
            BUSY,
            zstd,
            "writing Parquet, 60 % of the time; a faster compression (`out.compression: lz4`) or a larger `exec.max_threads` \
             (now 2 of 4 cores) would help",
        );
    }

    #[test]
    fn more_requests_are_advised_only_where_they_can_help() {
        let waiting = StageSeconds {
            fetch_wait: 21.0,
            ..BUSY
        };
        check(
            waiting,
            CONTEXT,
            "waiting for bytes, 70 % of the time; raise `exec.max_requests` (now 64), or see what `bucketload tune` finds",
        );
        let few = LimitContext {
            num_requests: 26,
            ..CONTEXT
        };
        check(
            waiting,
            few,
            "waiting for bytes, 70 % of the time; all 26 requests were in flight at once, so only a nearer or faster bucket \
             would help",
        );
        let local = LimitContext {
            is_local: true,
            ..CONTEXT
        };
        check(
            waiting,
            local,
            "waiting for bytes, 70 % of the time; faster storage would help",
        );
        let refused = LimitContext {
            is_slowed_down: true,
            ..CONTEXT
        };
        check(
            waiting,
            refused,
            "waiting for bytes, 70 % of the time; the service asked for fewer requests, so only fewer and larger files would help",
        );
    }

    #[test]
    fn listing_and_commit_count_with_their_wall_time() {
        let times = JobTimes {
            list_seconds: 6.0,
            run_seconds: 5.0,
            commit_seconds: 1.0,
            stages: BUSY,
        };
        let limit = limit(&times, &CONTEXT).unwrap();
        assert_eq!((limit.stage, limit.share), ("list", 0.5));
    }

    #[test]
    fn a_job_without_time_has_no_limit() {
        assert_eq!(limit(&JobTimes::default(), &CONTEXT), None);
    }
}
