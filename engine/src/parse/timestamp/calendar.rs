//! Turns calendar dates into days since the epoch, and those into dates.
//!
//! The proleptic Gregorian calendar throughout, as Ruby's `Time` and java.time have it.

use super::FormatError;

pub(super) const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// Full English month names, January first. The short names are their first three letters.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Full English weekday names, Monday first. The short names are their first three letters.
pub const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A day of the calendar that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Date {
    pub(super) const EPOCH: Date = Date {
        year: 1970,
        month: 1,
        day: 1,
    };

    /// Reads the `YYYY-MM-DD` of the configuration.
    pub(super) fn from_option(text: &str) -> Result<Date, FormatError> {
        let number = |digits: &[u8]| {
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
        };
        let date = match text.as_bytes() {
            [year @ .., b'-', m1, m0, b'-', d1, d0]
                if year.len() == 4 && year.iter().chain([m1, m0, d1, d0]).all(u8::is_ascii_digit) =>
            {
                Some(Date {
                    year: number(year),
                    month: number(&[*m1, *m0]),
                    day: number(&[*d1, *d0]),
                })
            }
            _ => None,
        };
        date.filter(|date| {
            (1..=12).contains(&date.month) && date.day >= 1 && date.day <= days_in_month(date.year, date.month)
        })
        .ok_or_else(|| FormatError::new(format!("`{text}` is not a date of the form `YYYY-MM-DD`")))
    }
}

pub(super) fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Length of a month from 1 to 12.
pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date, whose day may lie beyond the end of its month.
///
/// Years are counted from March, so that the leap day is the last of its year and months have a regular length.
pub(super) fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day counted from 1970-01-01: what [`days_since_epoch`] is made of, in its way of counting.
pub fn date_of_day(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to the `day_of_year`th day of a year; `None` for the 366th of a common year.
pub(super) fn days_since_epoch_of_year_day(year: i64, day_of_year: i64) -> Option<i64> {
    let num_days = if is_leap_year(year) { 366 } else { 365 };
    (1..=num_days)
        .contains(&day_of_year)
        .then(|| days_since_epoch(year, 1, 1) + day_of_year - 1)
}

/// Weekday of a day since the epoch, Monday is 1.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// Puts an instant together; `None` if microseconds since the epoch cannot hold it.
pub(super) fn micros_since_epoch(utc_seconds: i64, micros: i64) -> Option<i64> {
    utc_seconds.checked_mul(MICROS_PER_SECOND)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut expected = days_since_epoch(1600, 1, 1);
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_since_epoch(year, month, day), expected, "{year}-{month}-{day}");
                    assert_eq!(date_of_day(expected), (year, month, day), "{expected}");
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(days_since_epoch(1970, 1, 1), 0);
        assert_eq!(days_since_epoch(2000, 2, 29), 11_016);
        assert_eq!(days_since_epoch(1969, 12, 31), -1);
        assert_eq!(days_since_epoch(0, 1, 1), -719_528);
        assert_eq!(days_since_epoch(-1, 12, 31), -719_529);
        assert_eq!(
            days_since_epoch_of_year_day(2016, 366),
            Some(days_since_epoch(2016, 12, 31))
        );
        assert_eq!(days_since_epoch_of_year_day(2015, 366), None);
        for date in [(0, 1, 1), (-1, 12, 31), (-292_275, 5, 16), (294_247, 1, 10)] {
            assert_eq!(date_of_day(days_since_epoch(date.0, date.1, date.2)), date);
        }
        assert_eq!(weekday(0), 4);
        assert_eq!(weekday(-1), 3);
    }

    #[test]
    fn only_real_dates_are_options() {
        assert_eq!(
            Date::from_option("2016-02-29"),
            Ok(Date {
                year: 2016,
                month: 2,
                day: 29
            })
        );
        for text in [
            "",
            "2015-02-29",
            "2015-13-01",
            "2015-00-01",
            "2015-01-00",
            "15-01-01",
            "2015-1-1",
            "2015/01/01",
            "+015-01-01",
        ] {
            assert!(Date::from_option(text).is_err(), "{text}");
        }
    }
}
