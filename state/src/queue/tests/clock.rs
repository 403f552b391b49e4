//! Clocks that jump, servers that were down for days, and both where a zone changes its own.

use super::*;

fn schedule(cron: &str, zone: &str, catch_up: CatchUp) -> NewSchedule {
    NewSchedule {
        cron: cron.to_owned(),
        timezone: zone.to_owned(),
        catch_up,
        ..nightly("a")
    }
}

/// Looks at the clock as a server does and runs what is due, one after another; gives the scheduled times of what was run.
fn look(state: &State, now: Timestamp) -> Vec<String> {
    let mut runs = Vec::new();
    loop {
        state.enqueue_due(now).unwrap();
        let Some(job) = state.claim_job(1, now).unwrap() else {
            return runs;
        };
        runs.push(job.run.unwrap().scheduled.to_string());
        state.finish_job(&job.job.id, &succeeded(json!({})), &[], now).unwrap();
    }
}

#[track_caller]
fn check_downtime(cron: &str, down: &str, up: &str, expected: &[&str]) {
    for catch_up in [CatchUp::All, CatchUp::Last, CatchUp::None] {
        let site = Site::new();
        let new = schedule(cron, "America/New_York", catch_up);
        site.process().create_schedule(&new, at(down)).unwrap();
        let wanted = match catch_up {
            CatchUp::All => expected,
            CatchUp::Last => &expected[expected.len() - 1..],
            CatchUp::None => &[],
        };
        assert_eq!(look(&site.process(), at(up)), wanted, "{catch_up:?}");
        assert!(look(&site.process(), at(up)).is_empty(), "each of them once");
    }
}

#[test]
fn days_without_a_server_are_made_up_for_where_the_clock_changes_within() {
    check_downtime(
        "30 2 * * *",
        "2026-03-06T12:00:00Z",
        "2026-03-10T12:00:00Z",
        &[
            "2026-03-07T07:30:00Z",
            // 2:30 is skipped: it comes when the clock goes on at 3.
            "2026-03-08T07:00:00Z",
            "2026-03-09T06:30:00Z",
            "2026-03-10T06:30:00Z",
        ],
    );
    check_downtime(
        "30 1 * * *",
        "2026-10-30T12:00:00Z",
        "2026-11-03T12:00:00Z",
        &[
            "2026-10-31T05:30:00Z",
            // 1:30 comes twice, and counts once.
            "2026-11-01T05:30:00Z",
            "2026-11-02T06:30:00Z",
            "2026-11-03T06:30:00Z",
        ],
    );
    check_downtime(
        "*/30 1 * * *",
        "2026-11-01T04:00:00Z",
        "2026-11-01T12:00:00Z",
        &[
            "2026-11-01T05:00:00Z",
            "2026-11-01T05:30:00Z",
            "2026-11-01T06:00:00Z",
            "2026-11-01T06:30:00Z",
        ],
    );
}

#[test]
fn a_clock_that_jumps_runs_no_time_twice_and_is_told_of() {
    let after_the_jump: [(CatchUp, &[&str]); 3] = [
        (
            CatchUp::All,
            &["2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z", "2026-03-08T09:00:00Z"],
        ),
        (CatchUp::Last, &["2026-03-08T09:00:00Z"]),
        (CatchUp::None, &[]),
    ];
    for (catch_up, expected) in after_the_jump {
        let site = Site::new();
        let state = site.process();
        let new = schedule("@hourly", "America/New_York", catch_up);
        state.create_schedule(&new, at("2026-03-08T05:30:00Z")).unwrap();
        assert_eq!(look(&state, at("2026-03-08T06:00:00Z")), ["2026-03-08T06:00:00Z"]);
        // Forward by three hours, one of which the zone skips.
        assert_eq!(look(&state, at("2026-03-08T09:05:00Z")), expected, "{catch_up:?}");
        // And back.
        for hour in 6..=9 {
            let now = at(&format!("2026-03-08T{hour:02}:00:30Z"));
            let enqueued = state.enqueue_due(now).unwrap();
            let told = [("a".to_owned(), at("2026-03-08T09:00:00Z"))];
            assert_eq!(enqueued.ahead, &told[usize::from(hour == 9)..]);
            assert!(look(&state, now).is_empty(), "{now}");
        }
        assert_eq!(look(&state, at("2026-03-08T10:00:00Z")), ["2026-03-08T10:00:00Z"]);
    }
}

#[test]
fn a_schedule_that_ran_in_years_to_come_is_begun_anew_by_its_times() {
    let site = Site::new();
    let state = site.process();
    state
        .create_schedule(&schedule("@hourly", "UTC", CatchUp::Last), at(BEGIN))
        .unwrap();
    assert_eq!(look(&state, at("2036-01-01T00:00:10Z")), ["2036-01-01T00:00:00Z"]);
    assert!(look(&state, at("2026-01-01T13:00:10Z")).is_empty());
    let same_times = crate::schedules::ScheduleChange {
        cron: Some("@hourly".to_owned()),
        ..Default::default()
    };
    state
        .update_schedule("a", &same_times, at("2026-01-01T13:30:00Z"))
        .unwrap();
    assert_eq!(look(&state, at("2026-01-01T14:00:00Z")), ["2026-01-01T14:00:00Z"]);
    // Where the clock is right, the same times change nothing.
    state
        .update_schedule("a", &same_times, at("2026-01-01T15:00:10Z"))
        .unwrap();
    assert_eq!(look(&state, at("2026-01-01T15:00:20Z")), ["2026-01-01T15:00:00Z"]);
}

#[test]
fn an_attempt_that_waits_does_not_wait_for_the_clock_to_come_back() {
    let site = Site::new();
    let state = site.process();
    state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let night = at("2026-01-02T07:00:00Z");
    state.enqueue_due(night).unwrap();
    let job = state.claim_job(1, night).unwrap().unwrap();
    let retry = Retry {
        at: retry_at(1, night).unwrap(),
        attempt: 2,
    };
    state.finish_job(&job.job.id, &failed(Some(retry)), &[], night).unwrap();
    assert_eq!(state.claim_job(1, night - 1.minute()).unwrap(), None, "it waits");
    let attempt = state.claim_job(1, night - 5.hours()).unwrap().unwrap();
    assert_eq!((attempt.attempt, attempt.run), (2, job.run));
}
