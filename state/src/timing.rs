//! Says when a schedule runs: a cron expression in a zone, a delay, and what becomes of runs that were missed.
//!
//! Pure: the time now is handed in.

use crate::cron::{Cron, CronError};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A run that could not start for so long after its time was missed. Longer than a server needs to look at all its schedules, shorter
/// than any pause between runs that cron can name.
const MISSED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Waits before the second attempt of a run, and before each later one: the first for a hiccup, the last for an outage. There are as many
/// retries as waits.
const RETRY_WAITS: [SignedDuration; 4] = [
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(8),
    SignedDuration::from_mins(30),
];

/// The longest wait before an attempt.
pub(crate) const LONGEST_WAIT: SignedDuration = RETRY_WAITS[RETRY_WAITS.len() - 1];

/// When to try again after the attempt of this number has failed; `None`: not any more.
pub fn retry_at(attempt: u32, now: Timestamp) -> Option<Timestamp> {
    let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
    now.checked_add(*RETRY_WAITS.get(index)?).ok()
}

/// What becomes of the runs of a time in which none could start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// The last of them is made up for.
    #[default]
    Last,
    /// Each of them is, one after another.
    All,
    /// None of them is.
    None,
}

impl CatchUp {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            CatchUp::Last => "last",
            CatchUp::All => "all",
            CatchUp::None => "none",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<CatchUp> {
        [CatchUp::Last, CatchUp::All, CatchUp::None]
            .into_iter()
            .find(|catch_up| catch_up.name() == name)
    }
}

/// Why a schedule's times make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// The cron expression.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// The zone.
    #[error("`{0}` is no time zone")]
    Zone(String),
}

impl TimingError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            TimingError::Cron(_) => {
                "write five fields (minute, hour, day, month, day of the week), as in `0 2 * * *`, or `@hourly`, `@daily`, `@monthly`"
            }
            TimingError::Zone(_) => "write the IANA name of a place, such as `Asia/Tokyo`, or `UTC`",
        }
    }
}

/// When a schedule runs.
#[derive(Clone, Debug)]
pub struct Timing {
    /// `None`: only when somebody asks.
    cron: Option<Cron>,
    zone: TimeZone,
    delay: SignedDuration,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The scheduled time of the run to make now.
    pub run: Option<Timestamp>,
    /// Scheduled times up to here are settled: run or passed over.
    pub considered: Timestamp,
}

impl Timing {
    /// Reads the parts as a schedule has them; an empty cron expression never comes due.
    ///
    /// **Errors**: not a cron expression, not the IANA name of a zone. Abbreviations such as `EST` are refused although there are zones of
    /// that name: they know no daylight saving, which is seldom what was meant.
    pub fn new(cron: &str, zone: &str, delay_seconds: u32) -> Result<Timing, TimingError> {
        let is_name = zone == "UTC" || zone.contains('/');
        let known = is_name.then(|| TimeZone::get(zone).ok()).flatten();
        Ok(Timing {
            cron: match cron.trim() {
                "" => None,
                cron => Some(cron.parse()?),
            },
            zone: known.ok_or_else(|| TimingError::Zone(zone.to_owned()))?,
            delay: SignedDuration::from_secs(delay_seconds.into()),
        })
    }

    /// The first scheduled time after another.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.as_ref()?.next_after(after, &self.zone)
    }

    /// When the run of a scheduled time starts: later by the delay.
    pub fn start_of(&self, scheduled: Timestamp) -> Timestamp {
        scheduled.saturating_add(self.delay).unwrap_or(Timestamp::MAX)
    }

    /// Whether times that are still to come are settled already: the clock was ahead when they were, and has been put back since.
    pub fn is_ahead(&self, considered: Timestamp, now: Timestamp) -> bool {
        self.next_after(now).is_some_and(|next| next <= considered)
    }

    /// What is to be done now, given that all scheduled times up to `considered` are settled.
    pub fn due(&self, considered: Timestamp, now: Timestamp, catch_up: CatchUp) -> Due {
        let nothing = Due { run: None, considered };
        let Some(cron) = &self.cron else { return nothing };
        let until = now.saturating_sub(self.delay).unwrap_or(Timestamp::MIN);
        let scheduled = match catch_up {
            CatchUp::All => cron.next_after(considered, &self.zone).filter(|next| *next <= until),
            CatchUp::Last | CatchUp::None => cron.last_until(until, considered, &self.zone),
        };
        let Some(scheduled) = scheduled else { return nothing };
        let is_missed = until.duration_since(scheduled) > MISSED_AFTER;
        Due {
            run: Some(scheduled).filter(|_| !(is_missed && catch_up == CatchUp::None)),
            considered: scheduled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The scheduled times that are run from the first of January on, with a look at the clock at each of these moments.
    #[track_caller]
    fn check(catch_up: CatchUp, delay_seconds: u32, looks: &[&str], expected: &[&str]) {
        let timing = Timing::new("0 2 * * *", "UTC", delay_seconds).unwrap();
        let mut considered = at("2026-01-01T12:00:00Z");
        let mut runs = Vec::new();
        for look in looks {
            let due = timing.due(considered, at(look), catch_up);
            assert!(due.considered >= considered);
            considered = due.considered;
            runs.extend(due.run.map(|run| run.to_string()));
        }
        assert_eq!(runs, expected);
    }

    #[test]
    fn a_run_comes_due_once() {
        for catch_up in [CatchUp::Last, CatchUp::All, CatchUp::None] {
            let looks = [
                "2026-01-02T01:59:59Z",
                "2026-01-02T02:00:00Z",
                "2026-01-02T02:00:01Z",
                "2026-01-03T02:00:59Z",
            ];
            check(catch_up, 0, &looks, &["2026-01-02T02:00:00Z", "2026-01-03T02:00:00Z"]);
        }
    }

    #[test]
    fn a_delay_moves_the_start_and_not_the_scheduled_time() {
        let looks = ["2026-01-02T02:00:00Z", "2026-01-02T02:04:59Z", "2026-01-02T02:05:00Z"];
        check(CatchUp::None, 300, &looks, &["2026-01-02T02:00:00Z"]);
        check(CatchUp::None, 300, &looks[..2], &[]);
        let timing = Timing::new("0 2 * * *", "UTC", 300).unwrap();
        assert_eq!(timing.start_of(at("2026-01-02T02:00:00Z")), at("2026-01-02T02:05:00Z"));
    }

    #[test]
    fn missed_runs_are_made_up_for_as_asked() {
        let looks = ["2026-01-04T12:00:00Z"; 4];
        check(CatchUp::Last, 0, &looks, &["2026-01-04T02:00:00Z"]);
        check(
            CatchUp::All,
            0,
            &looks,
            &["2026-01-02T02:00:00Z", "2026-01-03T02:00:00Z", "2026-01-04T02:00:00Z"],
        );
        check(CatchUp::None, 0, &looks, &[]);
        check(CatchUp::None, 0, &["2026-01-04T02:01:00Z"], &["2026-01-04T02:00:00Z"]);
        check(CatchUp::None, 0, &["2026-01-04T02:01:01Z"], &[]);
    }

    #[test]
    fn a_clock_that_is_put_back_runs_nothing_twice() {
        let looks = ["2026-01-03T02:00:00Z", "2026-01-02T02:00:00Z", "2026-01-03T02:00:00Z"];
        check(
            CatchUp::All,
            0,
            &looks,
            &["2026-01-02T02:00:00Z", "2026-01-03T02:00:00Z"],
        );
        check(CatchUp::Last, 0, &looks, &["2026-01-03T02:00:00Z"]);
    }

    #[test]
    fn times_to_come_are_settled_only_after_the_clock_was_ahead() {
        let timing = Timing::new("0 2 * * *", "UTC", 60).unwrap();
        let considered = at("2026-01-03T02:00:00Z");
        for (now, is_ahead) in [
            ("2026-01-03T02:00:00Z", false),
            ("2026-01-03T01:59:59Z", true),
            ("2026-01-01T12:00:00Z", true),
            ("2026-01-04T12:00:00Z", false),
        ] {
            assert_eq!(timing.is_ahead(considered, at(now)), is_ahead, "{now}");
        }
    }

    #[test]
    fn no_cron_expression_means_never() {
        let timing = Timing::new("", "UTC", 0).unwrap();
        assert_eq!(timing.next_after(at("2026-01-01T00:00:00Z")), None);
        assert_eq!(timing.due(Timestamp::MIN, Timestamp::MAX, CatchUp::All).run, None);
    }

    #[test]
    fn zones_are_iana_names() {
        for zone in ["UTC", "Asia/Tokyo", "Etc/UTC", "America/Argentina/Ushuaia"] {
            assert!(Timing::new("@daily", zone, 0).is_ok(), "{zone}");
        }
        for zone in ["EST", "PST8PDT", "JST", "+09:00", "", "Asia/Nowhere", "Japan"] {
            let error = Timing::new("@daily", zone, 0).unwrap_err();
            assert_eq!(error, TimingError::Zone(zone.to_owned()));
        }
    }
}
