//! Turns a zone - of the text or of the configuration - into the offset of a local time.
//!
//! A zone of the text is an offset, with the one exception of `ROC`. The default zone of unprefixed formats may be a region,
//! whose offset depends on the local time; it is looked up in the time zone database that is compiled in, so that a load
//! gives the same rows on every machine, and the answer is kept for the whole span of time that shares it.
//!
//! Reading order: this file, [`text`] (zones inside the data), [`names`] (Ruby's table of abbreviations).

mod names;
mod text;

pub(super) use text::{
    TextZone, is_white, java_offset, legacy_zone, starts_with_ignoring_case, strict_zone, zone_length,
};

use super::FormatError;
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

/// The largest offset java.time accepts, 18 hours.
pub(super) const MAX_OFFSET_SECONDS: i64 = 18 * 3600;

/// The zone of texts that name none.
#[derive(Clone, Debug)]
pub(super) enum DefaultZone {
    /// Seconds east of Greenwich.
    Fixed(i64),
    /// A region with a history of offsets.
    Region(RegionZone),
}

impl DefaultZone {
    /// Reads the zone option of an unprefixed format: a region id, an offset or an abbreviation.
    pub(super) fn from_option(name: &str) -> Result<DefaultZone, FormatError> {
        let bytes = name.as_bytes();
        match legacy_zone(bytes) {
            // Abbreviations that Ruby's table shares with the time zone database (`CET`) are regions here: a default zone
            // is looked up there first.
            Some(TextZone::Offset(offset)) if text::is_offset_or_legacy_name(bytes) => Ok(DefaultZone::Fixed(offset)),
            other => match (RegionZone::from_id(name), other) {
                (Some(region), _) => Ok(DefaultZone::Region(region)),
                (None, Some(TextZone::Offset(offset))) => Ok(DefaultZone::Fixed(offset)),
                _ => Err(FormatError::new(format!("unknown time zone `{name}`"))),
            },
        }
    }

    /// The offset in force at a local time, in seconds east of Greenwich.
    #[inline]
    pub(super) fn offset_at(&mut self, local_seconds: i64) -> i64 {
        match self {
            DefaultZone::Fixed(offset) => *offset,
            DefaultZone::Region(region) => region.offset_at(local_seconds),
        }
    }
}

/// Reads the zone option of a format with a prefix: only a fixed offset will do.
///
/// The original refuses `UTC` and `GMT` there; they mean what `Z` means and cannot be misread.
pub(super) fn fixed_default(name: &str, prefix: &str) -> Result<i64, FormatError> {
    let offset = match name {
        "UTC" | "GMT" | "Z" => Some(0),
        _ => text::java_offset(name.as_bytes()),
    };
    offset.ok_or_else(|| {
        let what = if TimeZoneDatabase::bundled().get(name).is_ok() {
            "is a region"
        } else {
            "is none"
        };
        FormatError::new(format!(
            "the format prefix `{prefix}` needs a fixed offset such as `+09:00` as time zone, `{name}` {what}"
        ))
    })
}

/// A region of the time zone database, with the span of local time last asked for.
#[derive(Clone, Debug)]
pub(super) struct RegionZone {
    zone: TimeZone,
    /// Local seconds from `span_start` to before `span_end` have the offset `span_offset`.
    span_start: i64,
    span_end: i64,
    span_offset: i64,
}

/// Local times from -8000 to +8000 or so, which the time zone database can be asked about.
const LOOKUP_SECONDS: i64 = 250_000_000_000;

/// 400 years: after as many, weekdays and leap years and so the rules of daylight saving time repeat.
const CALENDAR_CYCLE_SECONDS: i64 = 146_097 * 86_400;

impl RegionZone {
    /// The region called `id`, if there is one.
    pub(super) fn from_id(id: &str) -> Option<RegionZone> {
        let zone = TimeZoneDatabase::bundled().get(id).ok()?;
        Some(RegionZone {
            zone,
            span_start: 0,
            span_end: 0,
            span_offset: 0,
        })
    }

    /// The offset in force at a local time. A time that a change of the clocks skips, and one that it repeats, both have the
    /// offset from before the change: the skipped time thereby moves forward by the gap, the repeated one is the earlier.
    #[inline]
    pub(super) fn offset_at(&mut self, local_seconds: i64) -> i64 {
        if local_seconds >= self.span_start && local_seconds < self.span_end {
            return self.span_offset;
        }
        self.look_up(local_seconds)
    }

    #[cold]
    fn look_up(&mut self, local_seconds: i64) -> i64 {
        if local_seconds.abs() > LOOKUP_SECONDS {
            let beyond = local_seconds.abs() - LOOKUP_SECONDS;
            let num_cycles = beyond / CALENDAR_CYCLE_SECONDS + 1;
            return self.look_up(local_seconds - local_seconds.signum() * num_cycles * CALENDAR_CYCLE_SECONDS);
        }
        let timestamp = |seconds| Timestamp::from_second(seconds).expect("the lookup range is within jiff's");
        let local = Offset::UTC.to_datetime(timestamp(local_seconds));
        let offset = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => i64::from(offset.seconds()),
            AmbiguousOffset::Fold { before, .. } => i64::from(before.seconds()),
            // Belongs to the span before the gap, but as an instant it lies after: too rare to be worth remembering.
            AmbiguousOffset::Gap { before, .. } => return i64::from(before.seconds()),
        };
        let instant = local_seconds - offset;
        let offset_at = |seconds| i64::from(self.zone.to_offset(timestamp(seconds)).seconds());
        // At both ends the later of the two local times counts: a gap belongs to the span before it, and so does a repeat.
        self.span_start = match self.zone.preceding(timestamp(instant + 1)).next() {
            Some(change) => {
                let change = change.timestamp().as_second();
                change + offset.max(offset_at((change - 1).max(-LOOKUP_SECONDS)))
            }
            None => i64::MIN,
        };
        self.span_end = match self.zone.following(timestamp(instant)).next() {
            Some(change) => change.timestamp().as_second() + offset.max(i64::from(change.offset().seconds())),
            None => LOOKUP_SECONDS,
        };
        self.span_offset = offset;
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::timestamp::calendar::days_since_epoch;

    /// The offset that a fresh lookup gives, and that one gives after `near` was asked for.
    #[track_caller]
    fn check(id: &str, local: (i64, i64, i64, i64, i64), expected_hours: f64) {
        let (year, month, day, hour, minute) = local;
        let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60;
        let expected = (expected_hours * 3600.0) as i64;
        assert_eq!(RegionZone::from_id(id).unwrap().offset_at(seconds), expected);
        for near in [-86_400, -7200, -3600, -1, 1, 3600, 7200, 86_400, 180 * 86_400] {
            let mut zone = RegionZone::from_id(id).unwrap();
            zone.offset_at(seconds + near);
            assert_eq!(zone.offset_at(seconds), expected, "after asking {near} s away");
        }
    }

    #[test]
    fn skipped_hour_has_the_offset_before_the_gap() {
        check("America/Los_Angeles", (2015, 3, 8, 1, 59), -8.0);
        check("America/Los_Angeles", (2015, 3, 8, 2, 0), -8.0);
        check("America/Los_Angeles", (2015, 3, 8, 2, 59), -8.0);
        check("America/Los_Angeles", (2015, 3, 8, 3, 0), -7.0);
        check("Europe/London", (2015, 3, 29, 1, 30), 0.0);
        check("Europe/London", (2015, 3, 29, 2, 0), 1.0);
    }

    #[test]
    fn repeated_hour_has_the_earlier_offset() {
        check("America/Los_Angeles", (2015, 11, 1, 0, 59), -7.0);
        check("America/Los_Angeles", (2015, 11, 1, 1, 0), -7.0);
        check("America/Los_Angeles", (2015, 11, 1, 1, 59), -7.0);
        check("America/Los_Angeles", (2015, 11, 1, 2, 0), -8.0);
        check("Europe/London", (2015, 10, 25, 1, 30), 1.0);
        check("Europe/London", (2015, 10, 25, 2, 0), 0.0);
    }

    #[test]
    fn rules_go_on_for_ever() {
        check("America/Los_Angeles", (2400, 7, 1, 0, 0), -7.0);
        check("America/Los_Angeles", (20_000, 7, 1, 0, 0), -7.0);
        check("America/Los_Angeles", (20_000, 1, 1, 0, 0), -8.0);
        check("Asia/Tokyo", (2015, 1, 1, 0, 0), 9.0);
        check("Australia/Lord_Howe", (2015, 1, 1, 0, 0), 11.0);
        check("Australia/Lord_Howe", (2015, 7, 1, 0, 0), 10.5);
    }

    #[test]
    fn remembered_span_never_changes_the_answer() {
        for id in [
            "America/Los_Angeles",
            "Europe/London",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
            "Asia/Pyongyang",
        ] {
            let mut remembering = RegionZone::from_id(id).unwrap();
            let start = days_since_epoch(2013, 1, 1) * 86_400;
            for half_hour in 0..4 * 366 * 48 {
                let local = start + half_hour * 1800;
                assert_eq!(
                    remembering.offset_at(local),
                    RegionZone::from_id(id).unwrap().offset_at(local),
                    "{id} {local}"
                );
            }
        }
    }

    #[test]
    fn default_zone_may_be_a_region_an_offset_or_an_abbreviation() {
        let offset = |name: &str| {
            DefaultZone::from_option(name)
                .map(|mut zone| zone.offset_at(1_435_708_800))
                .ok()
        };
        assert_eq!(offset("UTC"), Some(0));
        assert_eq!(offset("Z"), Some(0));
        assert_eq!(offset("Asia/Tokyo"), Some(9 * 3600));
        assert_eq!(offset("Europe/London"), Some(3600));
        assert_eq!(offset("CET"), Some(2 * 3600));
        assert_eq!(offset("JST"), Some(9 * 3600));
        assert_eq!(offset("PDT"), Some(-8 * 3600));
        assert_eq!(offset("EST"), Some(-5 * 3600));
        assert_eq!(offset("ROC"), Some(8 * 3600));
        assert_eq!(offset("+09:00"), Some(9 * 3600));
        assert_eq!(offset("-0330"), Some(-12_600));
        assert_eq!(offset("UTC+9"), Some(9 * 3600));
        assert_eq!(offset("Etc/GMT+5"), Some(-5 * 3600));
        assert_eq!(offset("Asia/Atlantis"), None);
        assert_eq!(offset(""), None);
        assert_eq!(offset("+19:00"), None);
        assert_eq!(offset("+09:00 "), None);
        assert_eq!(offset("9"), None);
    }

    #[test]
    fn prefixed_formats_take_a_fixed_offset_only() {
        for (name, expected) in [
            ("UTC", 0),
            ("Z", 0),
            ("GMT", 0),
            ("+00:00", 0),
            ("+09:00", 32_400),
            ("-0130", -5400),
            ("+9", 32_400),
        ] {
            assert_eq!(fixed_default(name, "ruby:"), Ok(expected), "{name}");
        }
        let error = fixed_default("Asia/Tokyo", "java:").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the format prefix `java:` needs a fixed offset such as `+09:00` as time zone, `Asia/Tokyo` is a region"
        );
        assert!(fixed_default("JST", "ruby:").is_err());
    }
}
