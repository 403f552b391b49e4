//! Turns the fields of a text into an instant, by the rules of java.time's smart resolver, but for one: 31 April is no date.
//! The smart resolver would make 30 April of it, and nobody would ever know.
//!
//! Every value has to be in its field's range. Where two fields say the same thing in two ways - a weekday beside a date - they
//! have to agree. Parts of the date that are missing come from 1970-01-01, parts of the time are zero.

use super::{Field, Fields};
use crate::parse::timestamp::calendar::{self, SECONDS_PER_DAY};
use std::ops::RangeInclusive;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;
const MAX_YEAR: i64 = 999_999_999;

/// The instant in microseconds since the epoch, or `None` if there is none.
pub(super) fn resolve(fields: &Fields, default_offset_seconds: i64) -> Option<i64> {
    let days = resolve_date(fields)?;
    let (nanos_of_day, excess_days) = resolve_time(fields)?;
    let offset = fields.get(Field::OffsetSeconds).unwrap_or(default_offset_seconds);
    let local_seconds = (days + excess_days) * SECONDS_PER_DAY + nanos_of_day / NANOS_PER_SECOND;
    calendar::micros_since_epoch(local_seconds - offset, nanos_of_day % NANOS_PER_SECOND / 1000)
}

/// The value of a field, `None` inside if it is absent; `None` outside if it is out of range.
fn checked(fields: &Fields, field: Field, range: RangeInclusive<i64>) -> Option<Option<i64>> {
    let value = fields.get(field);
    value.is_none_or(|value| range.contains(&value)).then_some(value)
}

/// Whether what a field says, if anything, is `actual`.
fn agrees(said: Option<i64>, actual: i64) -> bool {
    said.is_none_or(|said| said == actual)
}

fn resolve_date(fields: &Fields) -> Option<i64> {
    let year = resolve_year(fields)?;
    let month = checked(fields, Field::Month, 1..=12)?;
    let day = checked(fields, Field::Day, 1..=31)?;
    let day_of_year = checked(fields, Field::DayOfYear, 1..=366)?;
    let quarter = checked(fields, Field::Quarter, 1..=4)?;
    let day_of_week = checked(fields, Field::DayOfWeek, 1..=7)?;

    let civil_year = year.unwrap_or(1970);
    let days = match (year, month, day, day_of_year) {
        (Some(year), Some(month), Some(day), _) => {
            if day > calendar::days_in_month(year, month) {
                return None;
            }
            calendar::days_since_epoch(year, month, day)
        }
        (_, _, _, Some(day_of_year)) => calendar::days_since_epoch_of_year_day(civil_year, day_of_year)?,
        _ => {
            let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
            if day > calendar::days_in_month(civil_year, month) {
                return None;
            }
            calendar::days_since_epoch(civil_year, month, day)
        }
    };
    if day_of_year.is_some() || quarter.is_some() {
        let actual_day_of_year = days - calendar::days_since_epoch(civil_year, 1, 1) + 1;
        let (actual_month, actual_day) = month_and_day(civil_year, actual_day_of_year);
        let does_agree = agrees(day_of_year, actual_day_of_year)
            && agrees(quarter, (actual_month + 2) / 3)
            && agrees(month, actual_month)
            && agrees(day, actual_day);
        if !does_agree {
            return None;
        }
    }
    agrees(day_of_week, calendar::weekday(days)).then_some(days)
}

fn month_and_day(year: i64, day_of_year: i64) -> (i64, i64) {
    let mut day = day_of_year;
    let mut month = 1;
    while month < 12 && day > calendar::days_in_month(year, month) {
        day -= calendar::days_in_month(year, month);
        month += 1;
    }
    (month, day)
}

/// The year counted through zero, if the text has one.
fn resolve_year(fields: &Fields) -> Option<Option<i64>> {
    let era = fields.get(Field::Era);
    let year = checked(fields, Field::Year, -MAX_YEAR..=MAX_YEAR)?;
    let Some(year_of_era) = checked(fields, Field::YearOfEra, 1..=MAX_YEAR)? else {
        return Some(year);
    };
    let counted = match (era, year) {
        (Some(0), _) => 1 - year_of_era,
        (None, Some(year)) if year <= 0 => 1 - year_of_era,
        _ => year_of_era,
    };
    agrees(year, counted).then_some(Some(counted))
}

/// Nanoseconds of the day, and the day that 24:00 adds.
fn resolve_time(fields: &Fields) -> Option<(i64, i64)> {
    let half_day = checked(fields, Field::HalfDay, 0..=1)?;
    let minute = checked(fields, Field::Minute, 0..=59)?;
    let second = checked(fields, Field::Second, 0..=59)?;
    let nano = checked(fields, Field::Nano, 0..=NANOS_PER_SECOND - 1)?;
    let hour = resolve_hour(fields, half_day)?;
    let nano_of_day = checked(fields, Field::NanoOfDay, 0..=SECONDS_PER_DAY * NANOS_PER_SECOND - 1)?;
    let milli_of_day = checked(fields, Field::MilliOfDay, 0..=SECONDS_PER_DAY * 1000 - 1)?;

    if hour == Some(24) {
        let is_midnight = minute.unwrap_or(0) == 0 && second.unwrap_or(0) == 0 && nano.unwrap_or(0) == 0;
        let is_alone = half_day.is_none() && nano_of_day.is_none() && milli_of_day.is_none();
        return (is_midnight && is_alone).then_some((0, 1));
    }
    let nanos = match (nano_of_day, milli_of_day) {
        (Some(nanos), _) => nanos,
        (None, Some(millis)) => millis * NANOS_PER_MILLI + nano.unwrap_or(0) % NANOS_PER_MILLI,
        (None, None) => {
            let seconds = hour.unwrap_or(0) * 3600 + minute.unwrap_or(0) * 60 + second.unwrap_or(0);
            seconds * NANOS_PER_SECOND + nano.unwrap_or(0)
        }
    };
    let seconds = nanos / NANOS_PER_SECOND;
    let does_agree = agrees(milli_of_day, nanos / NANOS_PER_MILLI)
        && agrees(hour, seconds / 3600)
        && agrees(minute, seconds / 60 % 60)
        && agrees(second, seconds % 60)
        && agrees(nano, nanos % NANOS_PER_SECOND)
        && (hour.is_none() || agrees(half_day, seconds / 43_200));
    does_agree.then_some((nanos, 0))
}

/// The hour from 0 to 24, if the text has one in whatever way of counting.
fn resolve_hour(fields: &Fields, half_day: Option<i64>) -> Option<Option<i64>> {
    let hour_of_day = checked(fields, Field::HourOfDay, 0..=24)?;
    // The smart resolver takes zero for both clock hours.
    let clock_hour_of_day = checked(fields, Field::ClockHourOfDay, 0..=24)?.map(|hour| hour % 24);
    let clock_hour_of_half_day = checked(fields, Field::ClockHourOfHalfDay, 0..=12)?.map(|hour| hour % 12);
    let hour_of_half_day = match (checked(fields, Field::HourOfHalfDay, 0..=11)?, clock_hour_of_half_day) {
        (Some(hour), clock_hour) if !agrees(clock_hour, hour) => return None,
        (hour, clock_hour) => hour.or(clock_hour),
    };
    let from_halves = match (half_day, hour_of_half_day) {
        (Some(half_day), Some(hour)) => Some(half_day * 12 + hour),
        // Which half is meant cannot be known.
        (None, Some(_)) => return None,
        (_, None) => None,
    };
    let hour = hour_of_day.or(clock_hour_of_day).or(from_halves);
    let does_agree = hour.is_none_or(|hour| agrees(clock_hour_of_day, hour) && agrees(from_halves, hour));
    does_agree.then_some(hour)
}
