//! Says how a job ended: in what state its record is, what of it is committed, how to go on with it, and when it is tried again.

use crate::record::error_document;
use bucketload_engine::job::committed::Unfinished;
use bucketload_engine::job::progress::{CommittedSteps, Progress, Stage};
use bucketload_engine::job::report::StepCounts;
use bucketload_engine::job::stop::{Ended, Stop, StopReason};
use bucketload_engine::{Blame, Error};
use bucketload_state::jobs::{Ending, JobRecord, JobStatus, Origin, Retry};
use bucketload_state::settle::PROCESS_DIED;
use bucketload_state::timing::retry_at;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the record says of an end; `job` is the one that a server or a schedule has begun, and none for what somebody issues.
pub fn ending(ended: &Ended, job: Option<&JobRecord>, progress: &Progress, stop: &Stop, now: Timestamp) -> Ending {
    // A store that failed in a commit may have it all the same, and what a schedule goes on from is found out from the table.
    let is_known = progress.snapshot().stage != Stage::Committing;
    let is_settled = is_known && job.is_none_or(|job| job.run.is_none());
    match ended {
        Ended::Done(report) => Ending {
            status: JobStatus::Success,
            report: Some(json!(report)),
            error: None,
            is_settled: true,
            retry: None,
        },
        Ended::Failed(failed) => {
            let retry = job.and_then(|job| retry(&failed.error, job, now));
            let mut error = error_document(&failed.error);
            let hints = [failed.error.hint().map(str::to_owned), going_on(job, progress, retry)];
            let hints: Vec<String> = hints.into_iter().flatten().collect();
            error["hint"] = json!((!hints.is_empty()).then(|| hints.join("; ")));
            error["is_input_changed"] = json!(failed.error.is_input_changed());
            if is_known {
                error["committed"] = committed_document(&progress.committed());
            }
            Ending {
                status: JobStatus::Error,
                report: Some(json!(failed.report)),
                error: Some(error),
                is_settled,
                retry,
            }
        }
        Ended::Stopped => {
            let retry = job.and_then(|job| begun_again(job, stop, now));
            let committed = progress.committed();
            Ending {
                status: JobStatus::Killed,
                report: None,
                error: Some(json!({
                    "error": stopped(stop.reason(), &committed),
                    "at": null,
                    "hint": going_on(job, progress, retry),
                    "blame": "interrupted",
                    "causes": [],
                    "committed": committed_document(&committed),
                })),
                is_settled,
                retry,
            }
        }
    }
}

/// What the record says of a job that could not begin.
pub fn refused(error: &Error, job: &JobRecord, now: Timestamp) -> Ending {
    let mut document = error_document(error);
    document["committed"] = committed_document(&CommittedSteps::default());
    Ending {
        status: JobStatus::Error,
        report: None,
        error: Some(document),
        is_settled: true,
        retry: retry(error, job, now),
    }
}

/// What the record says of a job that was stopped before it began to load. It may have been about to go on with one that committed a
/// part, so the table is asked.
pub fn given_up(job: &JobRecord, stop: &Stop, now: Timestamp) -> Ending {
    Ending {
        status: JobStatus::Killed,
        report: None,
        error: Some(json!({
            "error": format!("{} before it began to load", stopped_by(stop.reason())),
            "at": null,
            "hint": null,
            "blame": "interrupted",
            "causes": [],
        })),
        is_settled: false,
        retry: begun_again(job, stop, now),
    }
}

/// The next server begins again with what a clock started; that this one ended is no fault of the job.
fn begun_again(job: &JobRecord, stop: &Stop, now: Timestamp) -> Option<Retry> {
    let is_left = job.job.origin == Origin::Schedule && stop.reason() == Some(StopReason::Shutdown);
    is_left.then_some(Retry {
        at: now,
        attempt: job.attempt,
    })
}

/// That a job was stopped, by whom, and what readers see of it.
pub fn stopped(reason: Option<StopReason>, committed: &CommittedSteps) -> String {
    format!("{}; {}", stopped_by(reason), seen(committed))
}

fn stopped_by(reason: Option<StopReason>) -> &'static str {
    match reason {
        Some(StopReason::Cancelled) => "cancelled",
        Some(StopReason::Shutdown) => "the server was shut down",
        Some(StopReason::Interrupted) | None => "interrupted",
    }
}

/// What the record says of a job whose process died or whose commit was never answered, once the table was asked.
pub fn found(job: &JobRecord, committed: &CommittedSteps, left: Option<&Unfinished>) -> Value {
    let mut error = job
        .error
        .clone()
        .unwrap_or_else(|| json!({"error": PROCESS_DIED, "at": null}));
    let told = error["error"].as_str().unwrap_or(PROCESS_DIED);
    error["error"] = json!(format!("{told}; {}", seen(committed)));
    let done = committed.steps.done.max(left.map_or(0, |left| left.steps.done));
    let total = left.map_or(committed.steps.total, |left| left.steps.total);
    if error["hint"].is_null() && left.is_some() {
        error["hint"] = json!(how_to_go_on(
            Some(job),
            &job.job.id,
            StepCounts { done, total },
            0,
            None
        ));
    }
    error["committed"] = committed_document(committed);
    error
}

/// What readers see of a job that did not come to its end.
fn seen(committed: &CommittedSteps) -> String {
    let CommittedSteps { steps, num_rows } = committed;
    let rows = if *num_rows == 1 { "row" } else { "rows" };
    match steps.done {
        0 => "nothing was committed".to_owned(),
        done => format!("{done} of {} steps with {num_rows} {rows} are committed", steps.total),
    }
}

fn committed_document(committed: &CommittedSteps) -> Value {
    json!({"steps": committed.steps.done, "of": committed.steps.total, "rows": committed.num_rows})
}

fn going_on(job: Option<&JobRecord>, progress: &Progress, retry: Option<Retry>) -> Option<String> {
    how_to_go_on(
        job,
        &progress.job_id,
        progress.steps(),
        progress.num_files_kept(),
        retry,
    )
}

/// How to go on with a job of which something is done: some of its steps, or some files of a step that was broken off.
pub fn how_to_go_on(
    job: Option<&JobRecord>,
    job_id: &str,
    steps: StepCounts,
    num_files: u64,
    retry: Option<Retry>,
) -> Option<String> {
    let StepCounts { done, total } = steps;
    let run = job.and_then(|job| job.run.as_ref());
    let how = match (run, retry) {
        _ if done == 0 && num_files == 0 => return None,
        (Some(_), Some(_)) => "the next attempt goes on from there".to_owned(),
        (Some(run), None) => format!(
            "`bucketload run {} {}` goes on from there",
            as_argument(&run.schedule_name),
            run.scheduled
        ),
        (None, _) => format!("the same command with `--resume {job_id}` goes on from there"),
    };
    let files = match num_files {
        1 => "1 file is kept".to_owned(),
        _ => format!("{num_files} files are kept"),
    };
    let what = match (done, num_files) {
        (_, 0) => format!("{done} of {total} steps are done"),
        (0, _) => files,
        (_, _) => format!("{done} of {total} steps are done, of the next {files}"),
    };
    Some(format!("{what}; {how}"))
}

/// A name as a shell takes it.
fn as_argument(name: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.' | ':' | '@');
    match name.starts_with('-') || !name.chars().all(is_plain) {
        true => format!("'{}'", name.replace('\'', r"'\''")),
        false => name.to_owned(),
    }
}

/// When to try again what may pass: an answer of a store, or another job that came first. A wrong configuration or a bad record does not
/// mend itself.
fn retry(error: &Error, job: &JobRecord, now: Timestamp) -> Option<Retry> {
    let may_pass = error.is_retryable() || error.blame() == Blame::Storage;
    let at = retry_at(job.attempt, now).filter(|_| may_pass && job.job.origin == Origin::Schedule)?;
    Some(Retry {
        at,
        attempt: job.attempt + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_a_shell_takes_them() {
        assert_eq!(as_argument("nightly-2"), "nightly-2");
        assert_eq!(as_argument("毎日"), "毎日");
        assert_eq!(as_argument("it's on"), r"'it'\''s on'");
        assert_eq!(as_argument("-n"), "'-n'");
    }

    #[test]
    fn what_readers_see_is_counted() {
        let of = |done, num_rows| CommittedSteps {
            steps: StepCounts { done, total: 4 },
            num_rows,
        };
        assert_eq!(stopped(None, &of(0, 0)), "interrupted; nothing was committed");
        let reason = Some(StopReason::Cancelled);
        assert_eq!(
            stopped(reason, &of(1, 1)),
            "cancelled; 1 of 4 steps with 1 row are committed"
        );
    }
}
