//! Somebody goes on with a job of a schedule by hand.

use super::*;
use crate::jobs::NewJob;
use crate::schedules::ScheduleChange;

/// A job of the schedule `a` that has failed; another attempt is queued.
fn failed_and_tried_again(state: &State, now: Timestamp) -> NewJob {
    state.create_schedule(&nightly("a"), now).unwrap();
    state.enqueue_run("a", None, now).unwrap();
    let job = state.claim_job(1, now).unwrap().unwrap().job;
    let again = Retry { at: now, attempt: 2 };
    state.finish_job(&job.id, &failed(Some(again)), &[], now).unwrap();
    job
}

#[test]
fn a_job_that_is_gone_on_with_late_does_not_take_its_schedule_back() {
    let site = Site::new();
    let state = site.process();
    let now = at(BEGIN);
    state.create_schedule(&nightly("a"), now).unwrap();
    let begun = || {
        state.enqueue_run("a", None, now).unwrap();
        state.claim_job(1, now).unwrap().unwrap().job
    };
    let ends = |id: &str, last_path: &str| {
        let next = json!({"in": {"last_path": last_path}});
        state.finish_job(id, &succeeded(next), &[], now).unwrap();
        state.schedule("a").unwrap().config_diff["in"]["last_path"].clone()
    };
    let goes_on_by_hand = |job: &NewJob| state.begin_job(job, now).unwrap();

    let first = begun();
    state.finish_job(&first.id, &failed(None), &[], now).unwrap();
    goes_on_by_hand(&first);
    assert_eq!(ends(&first.id, "k1"), "k1", "nobody has said more");
    let second = begun();
    assert_eq!(ends(&second.id, "k2"), "k2");
    goes_on_by_hand(&first);
    assert_eq!(ends(&first.id, "k1"), "k2");
    goes_on_by_hand(&second);
    assert_eq!(ends(&second.id, "k2"), "k2", "it may say again what it said");

    // Nor does it take back what somebody says.
    let back = ScheduleChange {
        config_diff: Some(json!({"in": {"last_path": "k0"}})),
        ..ScheduleChange::default()
    };
    state.update_schedule("a", &back, now).unwrap();
    goes_on_by_hand(&second);
    assert_eq!(ends(&second.id, "k2"), "k0");

    // Another attempt that goes on with an earlier job is that job, and the last.
    let third = begun();
    state.finish_job(&third.id, &failed(None), &[], now).unwrap();
    let fourth = begun();
    state.go_on_with(&fourth.id, &third.id, now).unwrap();
    assert_eq!(ends(&third.id, "k3"), "k3");
}

#[test]
fn a_job_that_is_gone_on_with_by_hand_and_its_schedule_wait_for_each_other() {
    let site = Site::new();
    let (server, by_hand) = (site.process(), site.process());
    let now = at(BEGIN);
    let first = failed_and_tried_again(&server, now);
    by_hand.begin_job(&first, now).unwrap();
    assert_eq!(server.claim_job(2, now).unwrap(), None, "the other attempt waits");
    let busy = server.enqueue_run("a", None, now).unwrap_err().to_string();
    assert!(busy.contains(&first.id), "{busy}");
    by_hand.finish_job(&first.id, &failed(None), &[], now).unwrap();
    let second = server.claim_job(2, now).unwrap().unwrap().job;
    let busy = by_hand.begin_job(&first, now).unwrap_err().to_string();
    assert!(busy.contains(&second.id), "{busy}");
    assert_eq!(server.job(&first.id).unwrap().status, JobStatus::Error);
}

#[test]
fn an_attempt_that_waits_is_over_once_its_run_has_succeeded_by_hand() {
    let site = Site::new();
    let state = site.process();
    let now = at(BEGIN);
    let first = failed_and_tried_again(&state, now);
    let filter = JobFilter::default();
    let waiting = state.jobs(&filter).unwrap().into_iter();
    let waiting = waiting.map(|job| job.job.id).find(|id| *id != first.id).unwrap();
    state.begin_job(&first, now).unwrap();
    state.finish_job(&first.id, &succeeded(json!({})), &[], now).unwrap();
    assert_eq!(state.claim_job(1, now).unwrap(), None);
    assert_eq!(
        state.job(&waiting).unwrap().job.id,
        first.id,
        "it is another name of it"
    );
    // A run that somebody asks for is one of its own, whatever its time.
    let scheduled = state.job(&first.id).unwrap().run.unwrap().scheduled;
    state.enqueue_run("a", Some(scheduled), now).unwrap();
    assert!(state.claim_job(1, now).unwrap().is_some());
}
