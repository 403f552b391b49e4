use super::*;
use proptest::prelude::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The runs after `begin`, as many as are expected.
#[track_caller]
fn check(cron: &str, zone_name: &str, begin: &str, expected: &[&str]) {
    let cron: Cron = cron.parse().unwrap();
    let zone = zone(zone_name);
    let mut runs = Vec::new();
    let mut after = at(begin);
    for _ in expected {
        let next = cron.next_after(after, &zone).unwrap();
        assert_eq!(
            cron.last_until(next, after, &zone),
            Some(next),
            "looking back finds what looking forward does"
        );
        runs.push(next.to_string());
        after = next;
    }
    assert_eq!(runs, expected);
}

#[track_caller]
fn check_error(cron: &str, reason: &str, column: usize) {
    let error = cron.parse::<Cron>().unwrap_err();
    assert_eq!((error.reason.as_str(), error.column), (reason, column));
}

#[test]
fn fields_are_numbers_names_ranges_steps_and_lists() {
    check(
        "5 4 3 2 *",
        "UTC",
        "2026-01-01T00:00:00Z",
        &["2026-02-03T04:05:00Z", "2027-02-03T04:05:00Z"],
    );
    check(
        "*/20 9-10 * * *",
        "UTC",
        "2026-01-01T09:30:00Z",
        &["2026-01-01T09:40:00Z", "2026-01-01T10:00:00Z"],
    );
    check(
        "10-40/15 0 * * *",
        "UTC",
        "2026-01-01T00:00:00Z",
        &[
            "2026-01-01T00:10:00Z",
            "2026-01-01T00:25:00Z",
            "2026-01-01T00:40:00Z",
            "2026-01-02T00:10:00Z",
        ],
    );
    check(
        "0 0 * JAN,jul Mon",
        "UTC",
        "2026-01-20T00:00:00Z",
        &["2026-01-26T00:00:00Z", "2026-07-06T00:00:00Z"],
    );
    // The 1st of May 2026 is a Friday.
    for sunday in ["0", "7", "sun", "Sun"] {
        check(
            &format!("0 0 * * {sunday}"),
            "UTC",
            "2026-05-01T00:00:00Z",
            &["2026-05-03T00:00:00Z"],
        );
    }
}

#[test]
fn short_names_are_what_they_stand_for() {
    check("@hourly", "UTC", "2026-01-01T00:10:00Z", &["2026-01-01T01:00:00Z"]);
    check(
        "@daily",
        "Asia/Tokyo",
        "2026-01-01T00:10:00Z",
        &["2026-01-01T15:00:00Z"],
    );
    check("@monthly", "UTC", "2026-01-01T00:00:00Z", &["2026-02-01T00:00:00Z"]);
}

#[test]
fn a_day_of_the_month_or_of_the_week_is_enough_where_both_are_given() {
    check(
        "0 0 13 * fri",
        "UTC",
        "2026-11-01T00:00:00Z",
        &[
            "2026-11-06T00:00:00Z",
            "2026-11-13T00:00:00Z",
            "2026-11-20T00:00:00Z",
            "2026-11-27T00:00:00Z",
            "2026-12-04T00:00:00Z",
            "2026-12-11T00:00:00Z",
            "2026-12-13T00:00:00Z",
        ],
    );
    // With a star, even one with a step, both must match.
    check(
        "0 0 */10 * mon",
        "UTC",
        "2026-01-01T00:00:00Z",
        &["2026-05-11T00:00:00Z", "2026-06-01T00:00:00Z"],
    );
}

#[test]
fn a_leap_day_is_waited_for() {
    check(
        "0 0 29 2 *",
        "UTC",
        "2026-01-01T00:00:00Z",
        &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
    );
    check("0 0 29 2 *", "UTC", "1896-03-01T00:00:00Z", &["1904-02-29T00:00:00Z"]);
}

#[test]
fn a_time_that_is_skipped_comes_when_the_clock_goes_on() {
    // On 8 March 2026 New York goes from 02:00 to 03:00, which is 07:00 in UTC.
    let begin = "2026-03-07T12:00:00Z";
    check(
        "30 2 * * *",
        "America/New_York",
        begin,
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    );
    check(
        "0 2 * * *",
        "America/New_York",
        begin,
        &["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"],
    );
    check(
        "0,30 2 * * *",
        "America/New_York",
        begin,
        &["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"],
    );
    check(
        "0 2,3 * * *",
        "America/New_York",
        begin,
        &["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"],
    );
    // Half an hour is skipped on Lord Howe, and all of 30 December 2011 on Samoa.
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    );
    check(
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        &["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"],
    );
}

#[test]
fn a_time_that_is_repeated_comes_once() {
    // On 1 November 2026 New York goes from 02:00 back to 01:00, which is 06:00 in UTC.
    let begin = "2026-10-31T12:00:00Z";
    check(
        "30 1 * * *",
        "America/New_York",
        begin,
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    check(
        "0 2 * * *",
        "America/New_York",
        begin,
        &["2026-11-01T07:00:00Z", "2026-11-02T07:00:00Z"],
    );
    check(
        "30 1,2 * * *",
        "America/New_York",
        begin,
        &["2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z"],
    );
}

#[test]
fn a_star_follows_the_clock_of_the_wall() {
    // Each hour that there is, and none that there is not.
    check(
        "0 * * * *",
        "America/New_York",
        "2026-03-08T05:30:00Z",
        &["2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"],
    );
    check(
        "@hourly",
        "America/New_York",
        "2026-11-01T04:30:00Z",
        &["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"],
    );
    check(
        "*/30 2 * * *",
        "America/New_York",
        "2026-03-07T12:00:00Z",
        &["2026-03-09T06:00:00Z", "2026-03-09T06:30:00Z"],
    );
    check(
        "*/30 1 * * *",
        "America/New_York",
        "2026-11-01T04:59:00Z",
        &[
            "2026-11-01T05:00:00Z",
            "2026-11-01T05:30:00Z",
            "2026-11-01T06:00:00Z",
            "2026-11-01T06:30:00Z",
            "2026-11-02T06:00:00Z",
        ],
    );
}

#[test]
fn a_clock_put_back_over_midnight_mixes_two_days() {
    // On 29 October 2006 St John's went from 00:01 back to 23:01, which is 02:31 in UTC.
    check(
        "*/30 * * * *",
        "America/St_Johns",
        "2006-10-29T02:15:00Z",
        &["2006-10-29T02:30:00Z", "2006-10-29T03:00:00Z", "2006-10-29T03:30:00Z"],
    );
    let cron: Cron = "* * * * *".parse().unwrap();
    let zone = zone("America/St_Johns");
    let mut now = at("2006-10-29T00:00:00Z");
    for _ in 0..300 {
        let next = cron.next_after(now, &zone).unwrap();
        assert_eq!(next, now + 1.minute(), "a run every minute, whatever the clock shows");
        now = next;
    }
}

#[test]
fn looking_back_ends_at_the_bound() {
    let cron: Cron = "0 0 * * *".parse().unwrap();
    let last = |until: &str, bound: &str| {
        cron.last_until(at(until), at(bound), &TimeZone::UTC)
            .map(|run| run.to_string())
    };
    assert_eq!(
        last("2026-01-10T12:00:00Z", "2026-01-01T00:00:00Z").as_deref(),
        Some("2026-01-10T00:00:00Z")
    );
    assert_eq!(last("2026-01-10T12:00:00Z", "2026-01-10T00:00:00Z"), None);
    assert_eq!(
        last("2026-01-10T00:00:00Z", "2026-01-09T00:00:00Z").as_deref(),
        Some("2026-01-10T00:00:00Z")
    );
}

#[test]
fn a_year_of_nights_in_new_york_is_a_run_each_day() {
    let cron: Cron = "0 2 * * *".parse().unwrap();
    let zone = zone("America/New_York");
    let mut now = at("2026-01-01T05:00:00Z");
    let mut dates = Vec::new();
    while dates.len() < 365 {
        now = cron.next_after(now, &zone).unwrap();
        let local = zone.to_datetime(now);
        let is_skipped = local.date().to_string() == "2026-03-08";
        assert_eq!(local.hour(), if is_skipped { 3 } else { 2 }, "{local}");
        dates.push(local.date());
    }
    assert!(dates.is_sorted_by(|left, right| left.tomorrow().unwrap() == *right));
    assert_eq!(dates[0].to_string(), "2026-01-01");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    check_error("", "the field for the minute is missing", 1);
    check_error("0 2 * *", "the field for the day of the week is missing", 8);
    check_error("0 2 * * * *", "`*` is a sixth field, there are five", 11);
    check_error("60 2 * * *", "`60` is no minute, which goes from 0 to 59", 1);
    check_error("0 2 * 13 *", "`13` is no month, which goes from 1 to 12", 7);
    check_error("0 2 * * 1,x", "`x` is no day of the week, which goes from 0 to 7", 11);
    check_error("0 20-10 * * *", "the range `20-10` goes backwards", 3);
    check_error("0 5/2 * * *", "a step needs a range or `*`, not `5`", 3);
    check_error("*/0 * * * *", "`0` is no step", 3);
    check_error("+5 * * * *", "`+5` is no minute, which goes from 0 to 59", 1);
    check_error("0 1, * * *", "a number for the hour is missing", 5);
    check_error("0 0 30 2 *", "no month of these has such a day", 5);
    check_error("0 0 L * *", "`L` is no day of the month, which goes from 1 to 31", 5);
    check_error(
        "@weekly",
        "`@weekly` is not known, only `@hourly`, `@daily` and `@monthly` are",
        1,
    );
}

proptest! {
    /// Walking from run to run finds the minutes that matching each minute by itself finds.
    #[test]
    fn the_next_run_is_the_first_minute_that_matches(
        minute in "[*]|[*]/[1-9]|[0-5]?[0-9]|[0-2][0-9]-[3-5][0-9]/7",
        hour in "[*]|[*]/[1-9]|1?[0-9]|[0-9]-1[0-9]",
        zone_name in prop::sample::select(vec!["UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]),
        // All of 2026, in minutes.
        begin in 29_453_760_i64..29_979_360,
    ) {
        let cron: Cron = format!("{minute} {hour} * * *").parse().unwrap();
        let zone = zone(zone_name);
        let begin = Timestamp::from_second(begin * 60).unwrap();
        let next = cron.next_after(begin, &zone).unwrap();
        prop_assert!(next > begin);
        prop_assert_eq!(cron.next_after(next - 1.nanosecond(), &zone), Some(next));
        prop_assert_eq!(cron.last_until(next, begin, &zone), Some(next));
        prop_assert_eq!(cron.last_until(next - 1.nanosecond(), begin, &zone), None);
        let is_showing = |instant: Timestamp| {
            let local = zone.to_datetime(instant);
            cron.minutes.contains(local.minute()) && cron.hours.contains(local.hour())
        };
        let is_star = cron.minutes.has_star || cron.hours.has_star;
        let mut minute = begin + 1.minute();
        while minute < next {
            // A named time that the clock shows a second time is left out.
            let is_second = matches!(
                zone.to_ambiguous_timestamp(zone.to_datetime(minute)).offset(),
                AmbiguousOffset::Fold { after, .. } if after.to_timestamp(zone.to_datetime(minute)).unwrap() == minute
            );
            prop_assert!(!is_showing(minute) || (is_second && !is_star), "{} was passed over", minute);
            minute += 1.minute();
        }
    }
}
