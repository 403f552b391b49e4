mod by_hand;
mod clock;

use super::*;
use crate::history::JobFilter;
use crate::jobs::Ending;
use crate::schedules::NewSchedule;
use crate::settle::Settled;
use crate::timing::{CatchUp, retry_at};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::json;
use std::fs;
use tempfile::TempDir;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn nightly(name: &str) -> NewSchedule {
    NewSchedule {
        name: name.to_owned(),
        cron: "0 2 * * *".to_owned(),
        timezone: "America/New_York".to_owned(),
        delay_seconds: 0,
        catch_up: CatchUp::All,
        warehouse: "/w".to_owned(),
        database: "d".to_owned(),
        table: "t".to_owned(),
        time_column: None,
        config: json!({"in": {"type": "s3"}}),
    }
}

const BEGIN: &str = "2026-01-01T12:00:00Z";

/// A state file that any number of processes share, each of them a `State`.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Site {
        Site {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn process(&self) -> State {
        State::open(&self.folder.path().join("state.db")).unwrap()
    }

    /// As `kill -9` leaves it: the lock is given up, the file stays.
    fn kill(&self, process: State) {
        let id = process.owner_id().unwrap().to_owned();
        drop(process);
        fs::write(self.folder.path().join("state.db.locks").join(id), "").unwrap();
    }
}

fn succeeded(next: Value) -> Ending {
    Ending {
        status: JobStatus::Success,
        report: Some(json!({"next": next, "rows": {"written": 1}})),
        error: None,
        is_settled: true,
        retry: None,
    }
}

fn failed(retry: Option<Retry>) -> Ending {
    Ending {
        status: JobStatus::Error,
        report: Some(json!({"next": {"in": {"last_path": "never"}}})),
        error: Some(json!({"error": "no"})),
        is_settled: false,
        retry,
    }
}

#[test]
fn a_year_of_nights_runs_each_once() {
    let site = Site::new();
    let state = site.process();
    let new_york = TimeZone::get("America/New_York").unwrap();
    state
        .create_schedule(&nightly("a"), at("2026-01-01T05:00:00Z"))
        .unwrap();
    let mut dates = Vec::new();
    while dates.len() < 365 {
        let now = state.next_event().unwrap().unwrap();
        assert_eq!(state.enqueue_due(now).unwrap().job_ids.len(), 1);
        let job = state.claim_job(1, now).unwrap().unwrap();
        let scheduled = job.run.unwrap().scheduled;
        assert_eq!(scheduled, now, "nothing is late");
        assert_eq!(state.enqueue_due(now).unwrap(), Enqueued::default());
        let next = json!({"in": {"last_path": dates.len().to_string()}});
        state.finish_job(&job.job.id, &succeeded(next), &[], now).unwrap();
        dates.push(new_york.to_datetime(scheduled).date());
    }
    assert!(dates.is_sorted_by(|left, right| left.tomorrow().unwrap() == *right));
    assert_eq!(
        state.schedule("a").unwrap().config_diff,
        json!({"in": {"last_path": "364"}})
    );
}

#[test]
fn a_schedule_has_one_job_at_a_time() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    one.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let night = at("2026-01-02T07:00:00Z");
    assert_eq!(one.enqueue_due(night).unwrap().job_ids.len(), 1);
    assert_eq!(two.enqueue_due(night).unwrap().job_ids.len(), 0);
    let busy = two.begin_run("a", Some(at(BEGIN)), night).unwrap_err();
    assert!(
        matches!(
            busy,
            StateError::ScheduleBusy {
                status: JobStatus::Queued,
                ..
            }
        ),
        "{busy}"
    );
    let job = two.claim_job(5, night).unwrap().unwrap();
    assert_eq!(one.claim_job(5, night).unwrap(), None);
    let busy = one.enqueue_run("a", Some(night), night).unwrap_err();
    assert!(
        matches!(
            busy,
            StateError::ScheduleBusy {
                status: JobStatus::Running,
                ..
            }
        ),
        "{busy}"
    );
    // The next night waits for this one.
    let next_night = night + 24.hours();
    assert_eq!(one.enqueue_due(next_night).unwrap(), Enqueued::default());
    two.finish_job(&job.job.id, &succeeded(json!({})), &[], next_night)
        .unwrap();
    assert_eq!(one.enqueue_due(next_night).unwrap().job_ids.len(), 1);
}

#[test]
fn many_processes_run_each_night_once() {
    let site = Site::new();
    let nights: i64 = 20;
    site.process().create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let now = at(BEGIN) + (24 * nights).hours();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let process = site.process();
                while process
                    .jobs(&JobFilter::default())
                    .unwrap()
                    .iter()
                    .filter(|job| job.status.is_final())
                    .count()
                    < 20
                {
                    process.enqueue_due(now).unwrap();
                    if let Some(job) = process.claim_job(9, now).unwrap() {
                        process
                            .finish_job(&job.job.id, &succeeded(json!({})), &[], now)
                            .unwrap();
                    }
                }
            });
        }
    });
    let jobs = site.process().jobs(&JobFilter::default()).unwrap();
    let mut scheduled: Vec<Timestamp> = jobs.iter().map(|job| job.run.as_ref().unwrap().scheduled).collect();
    scheduled.sort();
    scheduled.dedup();
    assert_eq!((jobs.len(), scheduled.len()), (20, 20));
}

#[test]
fn servers_share_the_limit_on_running_jobs() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    for name in ["a", "b", "c"] {
        one.create_schedule(&nightly(name), at(BEGIN)).unwrap();
    }
    let night = at("2026-01-02T07:00:00Z");
    assert_eq!(one.enqueue_due(night).unwrap().job_ids.len(), 3);
    let first = one.claim_job(2, night).unwrap().unwrap();
    assert!(two.claim_job(2, night).unwrap().is_some());
    assert_eq!(two.claim_job(2, night).unwrap(), None);
    one.finish_job(&first.job.id, &succeeded(json!({})), &[], night)
        .unwrap();
    assert!(two.claim_job(2, night).unwrap().is_some());
}

#[test]
fn a_job_whose_process_died_is_killed_and_tried_again() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    one.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let night = at("2026-01-02T07:00:00Z");
    one.enqueue_due(night).unwrap();
    let job = one.claim_job(1, night).unwrap().unwrap();
    assert_eq!(two.bury_dead(night).unwrap(), [], "it is alive");
    site.kill(one);
    let now = night + 1.minute();
    let buried = two.bury_dead(now).unwrap();
    assert_eq!(buried.len(), 1);
    assert_eq!((buried[0].status, buried[0].ended), (JobStatus::Killed, Some(night)));
    assert_eq!(two.bury_dead(now).unwrap(), []);
    assert_eq!(two.claim_job(1, now).unwrap(), None, "the next attempt waits");
    let retry = two.claim_job(1, now + 30.seconds()).unwrap().unwrap();
    assert_eq!((retry.attempt, retry.run), (2, job.run));
    let unsettled = two.unsettled(two.schedule("a").unwrap().id).unwrap();
    assert_eq!(unsettled.len(), 1);
    assert_eq!(unsettled[0].job.id, job.job.id);
}

#[test]
fn a_run_that_somebody_asks_for_takes_the_place_of_one_that_waits() {
    for is_begun_here in [true, false] {
        let site = Site::new();
        let state = site.process();
        state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
        let night = at("2026-01-02T07:00:00Z");
        state.enqueue_due(night).unwrap();
        let first = state.claim_job(1, night).unwrap().unwrap();
        let retry = Retry {
            at: night + 30.seconds(),
            attempt: 2,
        };
        state
            .finish_job(&first.job.id, &failed(Some(retry)), &[], night)
            .unwrap();
        assert_eq!(state.claim_job(1, night).unwrap(), None, "it waits");
        let job = match is_begun_here {
            true => state.begin_run("a", None, night).unwrap(),
            false => {
                let queued = state.enqueue_run("a", Some(night), night).unwrap();
                let claimed = state.claim_job(1, night).unwrap().unwrap();
                assert_eq!(claimed.job.id, queued.job.id);
                claimed
            }
        };
        assert_eq!(
            (job.status, job.attempt, job.job.origin, job.run),
            (JobStatus::Running, 2, Origin::Schedule, first.run)
        );
    }
}

#[test]
fn a_job_that_is_gone_on_with_keeps_its_id_and_answers_to_those_of_its_attempts() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    one.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let night = at("2026-01-02T07:00:00Z");
    one.enqueue_due(night).unwrap();
    let first = one.claim_job(1, night).unwrap().unwrap();
    site.kill(one);
    two.bury_dead(night).unwrap();
    let mut names = Vec::new();
    for attempt in [2, 3] {
        let retry = two.begin_run("a", None, night).unwrap();
        let job = two.go_on_with(&retry.job.id, &first.job.id, night).unwrap();
        assert_eq!(
            (&job.job.id, job.status, job.attempt),
            (&first.job.id, JobStatus::Running, attempt)
        );
        assert_eq!((job.error, job.ended, job.run), (None, None, first.run.clone()));
        names.push(retry.job.id);
        let retry = retry_at(attempt, night).map(|at| Retry {
            at,
            attempt: attempt + 1,
        });
        two.finish_job(&names[0], &failed(retry), &[], night).unwrap();
        assert_eq!(
            two.job(&first.job.id).unwrap().status,
            JobStatus::Error,
            "known by any name"
        );
    }
    for name in &names {
        assert_eq!(two.job(name).unwrap().job.id, first.job.id);
        assert_eq!(two.cancel_job(name, night).unwrap().job.id, first.job.id);
    }
    let last = two.begin_run("a", None, night).unwrap();
    assert_eq!(last.attempt, 4);
    assert_eq!(two.jobs(&JobFilter::default()).unwrap().len(), 2);
    let gone = two.go_on_with(&last.job.id, "nobody", night).unwrap_err();
    assert!(matches!(gone, StateError::NoJob(_)), "{gone}");
    assert_eq!(
        two.job(&last.job.id).unwrap().status,
        JobStatus::Running,
        "nothing was changed"
    );
}

#[test]
fn the_table_is_asked_about_a_dead_job_until_it_has_told() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    one.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let run = one.begin_run("a", None, at(BEGIN)).unwrap();
    let issued = crate::jobs::NewJob {
        id: "issued".to_owned(),
        origin: Origin::Issue,
        ..run.job.clone()
    };
    one.begin_job(&issued, at(BEGIN)).unwrap();
    assert_eq!(two.unasked().unwrap(), [], "they run");
    site.kill(one);
    two.bury_dead(at(BEGIN)).unwrap();
    assert_eq!(two.unasked().unwrap().len(), 2);
    let told = json!({"error": "it died; nothing was committed", "committed": {"rows": 0}});
    for id in [&run.job.id, &issued.id] {
        two.explain_job(id, &told).unwrap();
        assert_eq!(two.job(id).unwrap().error.as_ref(), Some(&told));
    }
    assert_eq!(two.unasked().unwrap(), []);
    // The next run of the schedule still has to decide what to do about the one.
    let unsettled = two.unsettled(two.schedule("a").unwrap().id).unwrap();
    assert_eq!(unsettled.len(), 1);
    assert_eq!(two.prune_jobs(at("2027-01-01T00:00:00Z")).unwrap(), 1);
}

#[test]
fn what_the_table_has_is_believed() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    let id = one.create_schedule(&nightly("a"), at(BEGIN)).unwrap().id;
    let night = at("2026-01-02T07:00:00Z");
    one.enqueue_due(night).unwrap();
    let job = one.claim_job(1, night).unwrap().unwrap();
    site.kill(one);
    two.bury_dead(night).unwrap();
    let report = json!({"rows": {"written": 5}, "next": {"in": {"last_path": "k"}}});
    two.settle_job(&job.job.id, &Settled::All(report), night).unwrap();
    let record = two.job(&job.job.id).unwrap();
    assert_eq!(
        (record.status, record.num_records(), record.error),
        (JobStatus::Success, 5, None)
    );
    assert_eq!(
        two.schedule("a").unwrap().config_diff,
        json!({"in": {"last_path": "k"}})
    );
    assert_eq!(two.unsettled(id).unwrap(), []);
}

#[test]
fn a_part_that_the_table_has_is_gone_on_from() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    let id = one.create_schedule(&nightly("a"), at(BEGIN)).unwrap().id;
    let job = one.begin_run("a", None, at(BEGIN)).unwrap();
    site.kill(one);
    two.bury_dead(at(BEGIN)).unwrap();
    let next = json!({"in": {"last_path": "half"}});
    two.settle_job(&job.job.id, &Settled::Part(next.clone()), at(BEGIN))
        .unwrap();
    assert_eq!(two.job(&job.job.id).unwrap().status, JobStatus::Killed);
    assert_eq!(two.schedule("a").unwrap().config_diff, next);
    assert_eq!(two.unsettled(id).unwrap(), []);
}

#[test]
fn a_job_that_somebody_issued_is_not_tried_again_when_it_dies() {
    let site = Site::new();
    let (one, two) = (site.process(), site.process());
    one.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    one.begin_run("a", None, at(BEGIN)).unwrap();
    site.kill(one);
    assert_eq!(two.bury_dead(at(BEGIN)).unwrap().len(), 1);
    assert!(two.enqueue_run("a", None, at(BEGIN)).is_ok(), "nothing is in the way");
}

#[test]
fn attempts_come_at_growing_distances_and_to_an_end() {
    let site = Site::new();
    let state = site.process();
    state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let mut now = at("2026-01-02T07:00:00Z");
    state.enqueue_due(now).unwrap();
    let mut waits = Vec::new();
    loop {
        let job = state.claim_job(1, now).unwrap().unwrap();
        let retry = retry_at(job.attempt, now).map(|at| Retry {
            at,
            attempt: job.attempt + 1,
        });
        state.finish_job(&job.job.id, &failed(retry), &[], now).unwrap();
        let Some(retry) = retry else { break };
        assert_eq!(state.claim_job(1, now).unwrap(), None);
        waits.push(retry.at.duration_since(now).as_secs());
        now = retry.at;
    }
    assert_eq!(waits, [30, 120, 480, 1800]);
    let jobs = state.jobs(&JobFilter::default()).unwrap();
    assert_eq!(jobs.len(), 5);
    assert!(jobs.iter().all(|job| job.status == JobStatus::Error));
    assert_eq!(
        state.schedule("a").unwrap().config_diff,
        json!({}),
        "a failed run leaves it as it was"
    );
    // The next night has its own attempts.
    let next_night = at("2026-01-03T07:00:00Z");
    state.enqueue_due(next_night).unwrap();
    assert_eq!(state.claim_job(1, next_night).unwrap().unwrap().attempt, 1);
}

#[test]
fn a_job_that_was_cancelled_is_not_tried_again_when_it_fails() {
    let site = Site::new();
    let state = site.process();
    state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let night = at("2026-01-02T07:00:00Z");
    state.enqueue_due(night).unwrap();
    let job = state.claim_job(1, night).unwrap().unwrap();
    state.cancel_job(&job.job.id, night).unwrap();
    let retry = Some(Retry { at: night, attempt: 2 });
    state.finish_job(&job.job.id, &failed(retry), &[], night).unwrap();
    assert_eq!(state.claim_job(1, night).unwrap(), None);
}

#[test]
fn a_deleted_schedule_is_not_tried_again() {
    let site = Site::new();
    let state = site.process();
    state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let job = state.begin_run("a", None, at(BEGIN)).unwrap();
    state.delete_schedule("a", at(BEGIN)).unwrap();
    let retry = Some(Retry {
        at: at(BEGIN),
        attempt: 2,
    });
    state.finish_job(&job.job.id, &failed(retry), &[], at(BEGIN)).unwrap();
    assert_eq!(state.claim_job(1, at(BEGIN)).unwrap(), None);
}

#[test]
fn queued_jobs_outlive_the_server() {
    let site = Site::new();
    let one = site.process();
    one.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    one.enqueue_run("a", None, at(BEGIN)).unwrap();
    one.owner_id().unwrap();
    site.kill(one);
    let two = site.process();
    two.bury_dead(at(BEGIN)).unwrap();
    assert!(two.claim_job(1, at(BEGIN)).unwrap().is_some());
}

#[test]
fn a_queue_has_an_end() {
    let site = Site::new();
    let state = site.process();
    let sql = "INSERT INTO jobs (id, status, warehouse, database, table_name, config, owner, created_ms) \
               WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1) \
               SELECT number, 'queued', '/w', 'd', 't', '{}', '', number FROM numbers";
    state
        .transaction(|transaction| Ok(transaction.execute(sql, [MAX_QUEUED - 1])?))
        .unwrap();
    let job = |id: &str| crate::jobs::NewJob {
        id: id.to_owned(),
        origin: Origin::Issue,
        warehouse: "/w".to_owned(),
        database: "d".to_owned(),
        table: "t".to_owned(),
        config: json!({}),
    };
    state.enqueue_job(&job("last"), at(BEGIN)).unwrap();
    let full = state.enqueue_job(&job("more"), at(BEGIN)).unwrap_err();
    assert!(matches!(full, StateError::QueueFull(MAX_QUEUED)), "{full}");
    state.cancel_job("last", at(BEGIN)).unwrap();
    state.enqueue_job(&job("more"), at(BEGIN)).unwrap();
}

#[test]
fn a_schedule_that_makes_no_sense_any_more_stops_no_other() {
    let site = Site::new();
    let state = site.process();
    for name in ["a", "b"] {
        state.create_schedule(&nightly(name), at(BEGIN)).unwrap();
    }
    let sql = "UPDATE schedules SET timezone = 'Atlantis/Centre' WHERE name = 'a'";
    state
        .transaction(|transaction| Ok(transaction.execute(sql, [])?))
        .unwrap();
    let enqueued = state.enqueue_due(at("2026-01-02T07:00:00Z")).unwrap();
    assert_eq!(enqueued.job_ids.len(), 1);
    assert_eq!(enqueued.broken[0].0, "a");
}
