//! Reads five-field cron expressions and finds the instants that they mean in a time zone.
//!
//! The clock of a zone skips an hour once a year and repeats one, and a schedule must neither lose a run then nor make one twice.
//! The rule is that of Vixie cron: an expression whose minutes or hours begin with `*` follows the clock, so a time that is
//! skipped does not come and one that is repeated comes twice; any other names times of a day, each of which comes once: when
//! it is skipped, at the instant at which the clock goes on; when it is repeated, the first time.
//!
//! Pure: no clock is read here. Seconds, years, `L`, `W`, `#` and `?` are not understood.
//!
//! **Source**: crontab(5) and cron(8) of Vixie cron 3.0, "Daylight Saving Time and other time changes".

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, ToSpan};
use std::fmt;
use std::str::FromStr;

/// Days looked through for the next run: 29 February can be eight years away (1896 to 1904).
const HORIZON_DAYS: usize = 366 * 9;

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
}

/// Why a text is no cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the cron expression `{text}`: {reason} at column {column}")]
pub struct CronError {
    text: String,
    reason: String,
    /// In characters, from 1.
    column: usize,
}

/// Numbers that a field admits, and whether it was written with a star.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set {
    /// Bit `n` is set if `n` is in the set.
    bits: u64,
    has_star: bool,
}

impl Set {
    fn contains(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits & (1 << number) != 0)
    }
}

/// What is known of one of the five fields.
struct Field {
    name: &'static str,
    first: u8,
    last: u8,
    /// Names of the numbers from `first` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        first: 0,
        last: 59,
        names: &[],
    },
    Field {
        name: "hour",
        first: 0,
        last: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        first: 1,
        last: 31,
        names: &[],
    },
    Field {
        name: "month",
        first: 1,
        last: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    // 7 is Sunday too.
    Field {
        name: "day of the week",
        first: 0,
        last: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    },
];

/// Days of each month in a leap year.
const MONTH_DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl FromStr for Cron {
    type Err = CronError;

    /// Reads five fields, or `@hourly`, `@daily`, `@monthly`.
    ///
    /// **Errors**: the first place that cannot be read; a date that no year has, such as 30 February.
    fn from_str(text: &str) -> Result<Cron, CronError> {
        let fields = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@monthly" => "0 0 1 * *",
            _ => text,
        };
        let error = |reason: String, at: usize| CronError {
            text: text.to_owned(),
            reason,
            column: text.get(..at).map_or(1, |before| before.chars().count() + 1),
        };
        let words: Vec<(usize, &str)> = words(fields).collect();
        if let Some((at, word)) = words.first().filter(|(_, word)| word.starts_with('@')) {
            return Err(error(
                format!("`{word}` is not known, only `@hourly`, `@daily` and `@monthly` are"),
                *at,
            ));
        }
        if let Some((at, word)) = words.get(FIELDS.len()) {
            return Err(error(format!("`{word}` is a sixth field, there are five"), *at));
        }
        if words.len() < FIELDS.len() {
            let missing = FIELDS[words.len()].name;
            return Err(error(
                format!("the field for the {missing} is missing"),
                text.trim_end().len(),
            ));
        }
        let mut sets = [Set {
            bits: 0,
            has_star: false,
        }; 5];
        for ((set, field), (at, word)) in sets.iter_mut().zip(&FIELDS).zip(&words) {
            *set = field.read(word).map_err(|(reason, inner)| error(reason, at + inner))?;
        }
        let [minutes, hours, days, months, mut weekdays] = sets;
        if weekdays.contains(7) {
            weekdays.bits |= 1;
        }
        let cron = Cron {
            text: text.trim().to_owned(),
            minutes,
            hours,
            days,
            months,
            weekdays,
        };
        if !cron.has_any_date() {
            return Err(error("no month of these has such a day".to_owned(), words[2].0));
        }
        Ok(cron)
    }
}

/// Words of a text with the byte at which each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let begin = text.as_ptr() as usize;
    text.split_ascii_whitespace()
        .map(move |word| (word.as_ptr() as usize - begin, word))
}

impl Field {
    /// Reads `*`, `5`, `1-5`, `*/15`, `10-40/10`, `mon,wed`; an error says what is wrong and at which byte.
    fn read(&self, word: &str) -> Result<Set, (String, usize)> {
        let mut bits = 0;
        let mut at = 0;
        for part in word.split(',') {
            let (range, step) = match part.split_once('/') {
                None => (part, None),
                Some((range, step)) => {
                    let step_at = at + range.len() + 1;
                    let number = step.parse::<u8>().ok().filter(|step| *step > 0);
                    let number = number.ok_or_else(|| (format!("`{step}` is no step"), step_at))?;
                    (range, Some(number))
                }
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (self.first, self.last),
                Some((first, last)) => {
                    let last_at = at + first.len() + 1;
                    let (first, last) = (self.number(first, at)?, self.number(last, last_at)?);
                    if first > last {
                        return Err((format!("the range `{range}` goes backwards"), at));
                    }
                    (first, last)
                }
                None => {
                    let first = self.number(range, at)?;
                    if step.is_some() {
                        return Err((format!("a step needs a range or `*`, not `{range}`"), at));
                    }
                    (first, first)
                }
            };
            for number in (first..=last).step_by(usize::from(step.unwrap_or(1))) {
                bits |= 1_u64 << number;
            }
            at += part.len() + 1;
        }
        Ok(Set {
            bits,
            has_star: word.starts_with('*'),
        })
    }

    fn number(&self, text: &str, at: usize) -> Result<u8, (String, usize)> {
        let Field { name, first, last, .. } = self;
        let lower = text.to_ascii_lowercase();
        if let Some(index) = self.names.iter().position(|known| *known == lower) {
            return Ok(first + u8::try_from(index).expect("a field has few names"));
        }
        // `+5` would be read as a number.
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse::<u8>().ok()).flatten();
        match number.filter(|number| (*first..=*last).contains(number)) {
            Some(number) => Ok(number),
            None if text.is_empty() => Err((format!("a number for the {name} is missing"), at)),
            None => Err((format!("`{text}` is no {name}, which goes from {first} to {last}"), at)),
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Cron {
    /// The first instant after another; `None` only at the end of the calendar.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // A clock that is put back over midnight repeats times of the day before.
        let first = zone.to_datetime(after).date().yesterday().ok()?;
        let is_wanted = |instant: &Timestamp| *instant > after;
        self.nearest(first, 1.day(), zone, |found| found.filter(is_wanted).min())
            .into_iter()
            .min()
    }

    /// The last instant that is not after another, but after `bound`.
    pub fn last_until(&self, until: Timestamp, bound: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // A time that is skipped before midnight comes on the day after.
        let last = zone.to_datetime(until).date().tomorrow().ok()?;
        let is_wanted = |instant: &Timestamp| *instant <= until;
        let found = self.nearest(last, (-1).day(), zone, |found| found.filter(is_wanted).max());
        found.into_iter().max().filter(|instant| *instant > bound)
    }

    /// What is chosen of the first day that has something, and of the day after it: where the clock is put back over midnight, the
    /// instants of two days are mixed.
    fn nearest(
        &self,
        begin: Date,
        step: Span,
        zone: &TimeZone,
        choose: impl Fn(std::vec::IntoIter<Timestamp>) -> Option<Timestamp>,
    ) -> Vec<Timestamp> {
        let mut found = Vec::new();
        let mut date = begin;
        for _ in 0..HORIZON_DAYS {
            let is_last = !found.is_empty();
            if self.has_date(date) {
                found.extend(choose(self.instants(date, zone).into_iter()));
            }
            if is_last {
                break;
            }
            match date.checked_add(step) {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
        found
    }

    /// All instants of a day that matches.
    fn instants(&self, date: Date, zone: &TimeZone) -> Vec<Timestamp> {
        let mut instants = Vec::new();
        for hour in (0..24).filter(|hour| self.hours.contains(*hour)) {
            for minute in (0..60).filter(|minute| self.minutes.contains(*minute)) {
                let time = Time::constant(hour, minute, 0, 0);
                self.add_instants(date.to_datetime(time), zone, &mut instants);
            }
        }
        instants
    }

    /// The instants at which a clock shows a time.
    fn add_instants(&self, time: DateTime, zone: &TimeZone, instants: &mut Vec<Timestamp>) {
        let follows_clock = self.minutes.has_star || self.hours.has_star;
        match zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => instants.extend(offset.to_timestamp(time)),
            AmbiguousOffset::Gap { .. } if follows_clock => {}
            AmbiguousOffset::Gap { before, .. } => {
                let Ok(instant) = before.to_timestamp(time) else { return };
                // The transition that skipped this time is the last one not after it.
                let just_after = instant + 1.nanosecond();
                instants.extend(zone.preceding(just_after).next().map(|change| change.timestamp()));
            }
            AmbiguousOffset::Fold { before, after } => {
                instants.extend(before.to_timestamp(time));
                if follows_clock {
                    instants.extend(after.to_timestamp(time));
                }
            }
        }
    }

    /// Where both the day of the month and that of the week are given, either is enough; with a star for one, both must match.
    fn has_date(&self, date: Date) -> bool {
        let is_day = self.days.contains(date.day());
        let is_weekday = self.weekdays.contains(date.weekday().to_sunday_zero_offset());
        let is_fitting = match self.days.has_star || self.weekdays.has_star {
            true => is_day && is_weekday,
            false => is_day || is_weekday,
        };
        self.months.contains(date.month()) && is_fitting
    }

    /// Whether some year has a date that matches.
    fn has_any_date(&self) -> bool {
        let has_weekday_alone = !self.days.has_star && !self.weekdays.has_star;
        let has_day = (1_i8..=12)
            .zip(MONTH_DAYS)
            .filter(|(month, _)| self.months.contains(*month))
            .any(|(_, num_days)| self.days.bits & ((2_u64 << num_days) - 1) != 0);
        has_weekday_alone || has_day
    }
}

#[cfg(test)]
mod tests;
