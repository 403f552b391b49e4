use super::*;
use crate::history::JobFilter;
use crate::log::MAX_LOG_LINES;
use jiff::ToSpan;
use tempfile::TempDir;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn state() -> (TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(&folder.path().join("state.db")).unwrap();
    (folder, state)
}

fn new_job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        origin: Origin::Issue,
        warehouse: "/w".to_owned(),
        database: "d".to_owned(),
        table: "t".to_owned(),
        config: json!({"in": {"type": "s3"}}),
    }
}

fn line(text: &str) -> LogLine {
    LogLine {
        time: at("2026-01-01T00:00:01Z"),
        level: "info".to_owned(),
        text: text.to_owned(),
    }
}

fn ending(status: JobStatus) -> Ending {
    Ending {
        status,
        report: Some(json!({"rows": {"written": 7}, "bytes": {"fetched": 900}})),
        error: None,
        is_settled: true,
        retry: None,
    }
}

const BEGIN: &str = "2026-01-01T00:00:00Z";

#[test]
fn a_record_goes_from_its_begin_over_progress_to_its_end() {
    let (_folder, state) = state();
    let begin = at(BEGIN);
    state.begin_job(&new_job("a"), begin).unwrap();
    let record = state.job("a").unwrap();
    assert_eq!(
        (record.status, record.started, record.ended),
        (JobStatus::Running, Some(begin), None)
    );
    assert_eq!(record.job, new_job("a"));
    assert_eq!(record.seconds(begin + 3.seconds()), Some(3.0));

    let progress = json!({"bytes": {"fetched": 500}});
    let is_cancelled = state
        .note_progress("a", &progress, &[line("one")], begin + 1.second())
        .unwrap();
    assert!(!is_cancelled);
    assert_eq!(state.job("a").unwrap().num_bytes(), 500);
    assert_eq!(state.job("a").unwrap().num_records(), 0, "nothing is visible yet");

    state
        .finish_job("a", &ending(JobStatus::Success), &[line("two")], begin + 2.seconds())
        .unwrap();
    let record = state.job("a").unwrap();
    assert_eq!((record.num_records(), record.num_bytes()), (7, 900));
    assert_eq!(record.seconds(begin + 1.hour()), Some(2.0));
    assert_eq!(record.progress, None);
    assert_eq!(state.log("a", 0).unwrap(), [line("one"), line("two")]);
    assert_eq!(state.log("a", 1).unwrap(), [line("two")]);
    let document = record.document(begin);
    assert_eq!(
        (&document["status"], &document["records"]),
        (&json!("success"), &json!(7))
    );
}

#[test]
fn a_job_that_failed_has_no_records() {
    let (_folder, state) = state();
    state.begin_job(&new_job("a"), at(BEGIN)).unwrap();
    let failed = Ending {
        error: Some(json!({"error": "no"})),
        ..ending(JobStatus::Error)
    };
    state.finish_job("a", &failed, &[], at(BEGIN)).unwrap();
    assert_eq!(state.job("a").unwrap().num_records(), 0);
    assert_eq!(state.job("a").unwrap().error, Some(json!({"error": "no"})));
}

#[test]
fn jobs_are_listed_newest_first() {
    let (_folder, state) = state();
    for (second, id) in ["a", "b", "c"].into_iter().enumerate() {
        let seconds = i64::try_from(second).unwrap();
        state.begin_job(&new_job(id), at(BEGIN) + seconds.seconds()).unwrap();
    }
    state
        .finish_job("b", &ending(JobStatus::Success), &[], at(BEGIN))
        .unwrap();
    let ids = |filter: &JobFilter| {
        let jobs = state.jobs(filter).unwrap();
        jobs.into_iter().map(|record| record.job.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&JobFilter::default()), ["c", "b", "a"]);
    assert_eq!(
        ids(&JobFilter {
            limit: Some(2),
            ..JobFilter::default()
        }),
        ["c", "b"]
    );
    let page = |before: &str| {
        ids(&JobFilter {
            before: Some(before.to_owned()),
            limit: Some(1),
            ..JobFilter::default()
        })
    };
    assert_eq!(
        (page("c"), page("b"), page("a")),
        (vec!["b".into()], vec!["a".into()], vec![])
    );
    let nothing = JobFilter {
        before: Some("x".to_owned()),
        ..JobFilter::default()
    };
    assert!(matches!(state.jobs(&nothing), Err(StateError::NoJob(_))));
    let status = Some(JobStatus::Running);
    assert_eq!(
        ids(&JobFilter {
            status,
            ..JobFilter::default()
        }),
        ["c", "a"]
    );
}

#[test]
fn a_running_job_learns_that_it_is_to_stop() {
    let (_folder, state) = state();
    state.begin_job(&new_job("a"), at(BEGIN)).unwrap();
    assert_eq!(state.cancel_job("a", at(BEGIN)).unwrap().status, JobStatus::Running);
    assert!(state.note_progress("a", &json!({}), &[], at(BEGIN)).unwrap());
}

#[test]
fn a_queued_job_is_killed_at_once_and_a_finished_one_left_alone() {
    let (_folder, state) = state();
    state.enqueue_job(&new_job("a"), at(BEGIN)).unwrap();
    assert_eq!(state.cancel_job("a", at(BEGIN)).unwrap().status, JobStatus::Killed);
    assert_eq!(state.claim_job(9, at(BEGIN)).unwrap(), None);
    state.begin_job(&new_job("b"), at(BEGIN)).unwrap();
    state
        .finish_job("b", &ending(JobStatus::Success), &[], at(BEGIN))
        .unwrap();
    let record = state.cancel_job("b", at(BEGIN)).unwrap();
    assert_eq!((record.status, record.is_cancelled), (JobStatus::Success, false));
    assert!(matches!(state.cancel_job("c", at(BEGIN)), Err(StateError::NoJob(id)) if id == "c"));
}

#[test]
fn a_log_has_an_end() {
    let (_folder, state) = state();
    state.begin_job(&new_job("a"), at(BEGIN)).unwrap();
    let lines: Vec<LogLine> = (0..6_000).map(|number| line(&number.to_string())).collect();
    state.note_progress("a", &json!({}), &lines, at(BEGIN)).unwrap();
    state.note_progress("a", &json!({}), &lines, at(BEGIN)).unwrap();
    state
        .finish_job("a", &ending(JobStatus::Success), &lines, at(BEGIN))
        .unwrap();
    let log = state.log("a", 0).unwrap();
    assert_eq!(log.len() as u64, MAX_LOG_LINES);
    assert_eq!(log[9_998].text, "3998");
    assert!(log[9_999].text.contains("the log is full"));
}

#[test]
fn old_finished_jobs_go_with_their_logs() {
    let (_folder, state) = state();
    for id in ["old", "running", "new", "unsettled", "never asked"] {
        state.begin_job(&new_job(id), at(BEGIN)).unwrap();
        state.note_progress(id, &json!({}), &[line("x")], at(BEGIN)).unwrap();
    }
    state
        .finish_job("old", &ending(JobStatus::Success), &[], at(BEGIN))
        .unwrap();
    let unsettled = Ending {
        is_settled: false,
        ..ending(JobStatus::Error)
    };
    for id in ["unsettled", "never asked"] {
        state.finish_job(id, &unsettled, &[], at(BEGIN)).unwrap();
    }
    // Only what a schedule may have to go on from is waited for.
    let sql = "UPDATE jobs SET schedule_id = 1, schedule_name = 's', scheduled_ms = 0 WHERE id = 'unsettled'";
    state
        .transaction(|transaction| Ok(transaction.execute(sql, [])?))
        .unwrap();
    state
        .finish_job("new", &ending(JobStatus::Error), &[], at(BEGIN) + 2.hours())
        .unwrap();
    assert_eq!(state.prune_jobs(at(BEGIN) + 1.hour()).unwrap(), 2);
    assert!(state.job("old").is_err() && state.job("never asked").is_err());
    assert!(state.log("old", 0).unwrap().is_empty());
    for id in ["running", "new", "unsettled"] {
        assert!(state.job(id).is_ok(), "{id}");
    }
}

#[test]
fn a_job_that_was_removed_meanwhile_is_not_an_error() {
    let (_folder, state) = state();
    assert!(
        !state
            .note_progress("gone", &json!({}), &[line("x")], at(BEGIN))
            .unwrap()
    );
    state
        .finish_job("gone", &ending(JobStatus::Success), &[line("x")], at(BEGIN))
        .unwrap();
}
