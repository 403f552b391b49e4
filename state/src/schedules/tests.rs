use super::*;
use crate::jobs::Ending;
use crate::settle::Settled;
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

const BEGIN: &str = "2026-01-01T12:00:00Z";

pub(crate) fn nightly(name: &str) -> NewSchedule {
    NewSchedule {
        name: name.to_owned(),
        cron: "0 2 * * *".to_owned(),
        timezone: "UTC".to_owned(),
        delay_seconds: 0,
        catch_up: CatchUp::Last,
        warehouse: "/w".to_owned(),
        database: "d".to_owned(),
        table: "t".to_owned(),
        time_column: None,
        config: json!({"in": {"type": "s3", "secret_access_key": "${KEY}"}}),
    }
}

#[test]
fn schedules_are_stored_by_name() {
    let (_folder, state) = state();
    for name in ["b", "a"] {
        let made = state.create_schedule(&nightly(name), at(BEGIN)).unwrap();
        assert_eq!((&made.definition, &made.config_diff), (&nightly(name), &json!({})));
        assert_eq!(made.next_scheduled(), Some(at("2026-01-02T02:00:00Z")));
    }
    let names: Vec<String> = state
        .schedules()
        .unwrap()
        .into_iter()
        .map(|schedule| schedule.definition.name)
        .collect();
    assert_eq!(names, ["a", "b"]);
    let taken = state.create_schedule(&nightly("a"), at(BEGIN)).unwrap_err();
    assert!(matches!(taken, StateError::ScheduleExists(name) if name == "a"));
    assert!(matches!(state.schedule("c"), Err(StateError::NoSchedule(name)) if name == "c"));
}

#[test]
fn names_and_times_must_make_sense() {
    let (_folder, state) = state();
    for name in ["", "a/b", "a\nb", &"x".repeat(201)] {
        let error = state.create_schedule(&nightly(name), at(BEGIN)).unwrap_err();
        assert!(
            matches!(error, StateError::ScheduleName(_)) && error.is_mistake(),
            "{error}"
        );
    }
    state.create_schedule(&nightly("毎晩 1.a_b-c"), at(BEGIN)).unwrap();
    let odd = NewSchedule {
        cron: "0 25 * * *".to_owned(),
        ..nightly("a")
    };
    assert!(matches!(
        state.create_schedule(&odd, at(BEGIN)),
        Err(StateError::Timing(_))
    ));
}

#[test]
fn only_what_is_named_is_changed() {
    let (_folder, state) = state();
    let old = state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let change = ScheduleChange {
        name: Some("b".to_owned()),
        config_diff: Some(json!({"in": {"last_path": "x"}})),
        ..ScheduleChange::default()
    };
    let new = state.update_schedule("a", &change, at(BEGIN) + 24.hours()).unwrap();
    assert_eq!(new.id, old.id);
    assert_eq!(new.definition, nightly("b"));
    assert_eq!(new.config_diff, json!({"in": {"last_path": "x"}}));
    assert_eq!(new.considered, old.considered, "its times are the same");
    assert!(state.schedule("a").is_err());
}

#[test]
fn other_times_make_up_for_nothing() {
    let (_folder, state) = state();
    state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let change = ScheduleChange {
        cron: Some("@hourly".to_owned()),
        ..ScheduleChange::default()
    };
    let now = at("2026-01-05T00:30:00Z");
    assert_eq!(
        state.update_schedule("a", &change, now).unwrap().next_scheduled(),
        Some(at("2026-01-05T01:00:00Z"))
    );
    assert_eq!(state.enqueue_due(now).unwrap(), crate::queue::Enqueued::default());
}

#[test]
fn where_to_go_on_from_is_said_by_one_at_a_time() {
    let (_folder, state) = state();
    state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let change = ScheduleChange {
        config_diff: Some(json!({"in": {"last_path": "m"}})),
        ..ScheduleChange::default()
    };
    let job = state.begin_run("a", None, at(BEGIN)).unwrap();
    let busy = state.update_schedule("a", &change, at(BEGIN)).unwrap_err();
    assert!(matches!(busy, StateError::ScheduleBusy { .. }), "{busy}");
    // One whose process died has no more to say than who changes the schedule after it.
    let ending = Ending {
        status: JobStatus::Killed,
        report: None,
        error: None,
        is_settled: false,
        retry: None,
    };
    state.finish_job(&job.job.id, &ending, &[], at(BEGIN)).unwrap();
    state.update_schedule("a", &change, at(BEGIN)).unwrap();
    let part = Settled::Part(json!({"in": {"last_path": "z"}}));
    state.settle_job(&job.job.id, &part, at(BEGIN)).unwrap();
    assert_eq!(
        state.schedule("a").unwrap().config_diff,
        json!({"in": {"last_path": "m"}})
    );
    assert_eq!(state.unsettled(1).unwrap(), []);
}

#[test]
fn a_change_that_makes_no_sense_changes_nothing() {
    let (_folder, state) = state();
    let a = state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    state.create_schedule(&nightly("b"), at(BEGIN)).unwrap();
    for change in [
        ScheduleChange {
            name: Some("b".to_owned()),
            ..ScheduleChange::default()
        },
        ScheduleChange {
            timezone: Some("JST".to_owned()),
            ..ScheduleChange::default()
        },
    ] {
        assert!(state.update_schedule("a", &change, at(BEGIN)).is_err());
        assert_eq!(state.schedule("a").unwrap(), a);
    }
    assert!(
        state
            .update_schedule("c", &ScheduleChange::default(), at(BEGIN))
            .is_err()
    );
}

#[test]
fn a_deleted_schedule_leaves_its_history() {
    let (_folder, state) = state();
    let schedule = state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    let job = state.enqueue_run("a", None, at(BEGIN)).unwrap();
    assert_eq!(state.delete_schedule("a", at(BEGIN)).unwrap().id, schedule.id);
    assert!(state.schedules().unwrap().is_empty());
    assert_eq!(state.job(&job.job.id).unwrap().status, crate::jobs::JobStatus::Killed);
    let again = state.create_schedule(&nightly("a"), at(BEGIN)).unwrap();
    assert_ne!(
        again.id, schedule.id,
        "a new schedule does not take over what an old one has done"
    );
}

#[test]
fn differences_are_merged_by_key() {
    let mut target = json!({"in": {"last_path": "a", "x": [1, 2]}});
    merge(
        &mut target,
        &json!({"in": {"last_path": null, "x": [3]}, "out": {"mode": "append"}}),
    );
    assert_eq!(
        target,
        json!({"in": {"last_path": null, "x": [3]}, "out": {"mode": "append"}})
    );
}
