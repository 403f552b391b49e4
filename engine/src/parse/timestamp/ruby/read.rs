//! Follows the items of a format through a text and collects what it says.

use super::Fields;
use super::compile::{ALL_DIGITS, Item, Meaning, Number};
use super::zone;
use crate::parse::timestamp::calendar::{MONTHS, WEEKDAYS};

/// More digits of a fraction are read over.
const NANO_DIGITS: usize = 9;

/// Reads `text` from its start and gives the place after what was read; `None` if it does not fit.
pub(super) fn read(items: &[Item], text: &[u8], fields: &mut Fields) -> Option<usize> {
    let mut at = 0;
    for item in items {
        match item {
            Item::Text(expected) => {
                // Most texts are one byte, for which a general comparison costs more than all else here.
                let is_there = match &**expected {
                    [byte] => text.get(at) == Some(byte),
                    _ => text[at..].starts_with(expected),
                };
                if !is_there {
                    return None;
                }
                at += expected.len();
            }
            Item::White => at += text[at..].iter().take_while(|byte| zone::is_white(**byte)).count(),
            Item::Number(number) => at = read_number(number, text, at, fields)?,
            Item::MonthName => {
                let (index, length) = read_name(&MONTHS, &text[at..])?;
                fields.month = Some(index + 1);
                at += length;
            }
            Item::WeekdayName => at += read_name(&WEEKDAYS, &text[at..])?.1,
            Item::Meridiem => {
                let (meridiem, length) = read_meridiem(&text[at..])?;
                fields.meridiem = Some(meridiem);
                at += length;
            }
            Item::Fraction(max_digits) => {
                let (is_negative, start) = read_sign(text, at);
                let (nanos, end) = read_fraction(text, start, *max_digits)?;
                fields.nanos = if is_negative { -nanos } else { nanos };
                at = end;
            }
            Item::EpochSeconds => {
                let (seconds, end) = read_epoch(text, at, i64::MAX / 1000)?;
                fields.epoch_seconds = Some(seconds);
                at = end;
            }
            Item::EpochMillis => {
                let (millis, end) = read_epoch(text, at, i64::MAX)?;
                fields.epoch_millis = Some(millis);
                at = end;
            }
            Item::Zone => {
                let end = at + zone::zone_length(&text[at..])?;
                fields.zone = Some((at, end));
                at = end;
            }
        }
    }
    Some(at)
}

fn read_number(number: &Number, text: &[u8], at: usize, fields: &mut Fields) -> Option<usize> {
    let mut at = at;
    let mut is_negative = false;
    let mut max_digits = number.max_digits;
    if number.is_sign_allowed {
        (is_negative, at) = read_sign(text, at);
    } else if number.is_blank_allowed && text.get(at) == Some(&b' ') {
        at += 1;
        max_digits = 1;
    }
    let (value, end) = read_digits(text, at, max_digits, number.high)?;
    if value < number.low {
        return None;
    }
    let value = if is_negative { -value } else { value };
    match number.meaning {
        Meaning::Century => fields.century = Some(value),
        Meaning::Year => fields.year = Some(value),
        Meaning::YearOfCentury => {
            fields.year = Some(value);
            fields.century.get_or_insert(if value >= 69 { 19 } else { 20 });
        }
        Meaning::Month => fields.month = Some(value),
        Meaning::Day => fields.day = Some(value),
        Meaning::DayOfYear => fields.day_of_year = Some(value),
        Meaning::Hour => fields.hour = Some(value),
        Meaning::Minute => fields.minute = value,
        Meaning::Second => fields.second = value,
        Meaning::Ignored => {}
    }
    Some(end)
}

/// A plus or minus that may stand there, and the place after it.
fn read_sign(text: &[u8], at: usize) -> (bool, usize) {
    match text.get(at) {
        Some(b'-') => (true, at + 1),
        Some(b'+') => (false, at + 1),
        _ => (false, at),
    }
}

/// At least one digit, of a number that is at most `high`.
fn read_digits(text: &[u8], start: usize, max_digits: usize, high: i64) -> Option<(i64, usize)> {
    let mut value = 0_i64;
    let mut end = start;
    while let Some(digit) = text.get(end).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
        && end - start < max_digits
    {
        value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
        end += 1;
    }
    (end > start && value <= high).then_some((value, end))
}

fn read_epoch(text: &[u8], at: usize, high: i64) -> Option<(i64, usize)> {
    let is_negative = text.get(at) == Some(&b'-');
    let (value, end) = read_digits(text, at + usize::from(is_negative), ALL_DIGITS, high)?;
    Some((if is_negative { -value } else { value }, end))
}

/// At least one digit of a fraction, in billionths.
#[inline]
pub(super) fn read_fraction(text: &[u8], start: usize, max_digits: usize) -> Option<(i64, usize)> {
    let mut nanos = 0_i64;
    let mut end = start;
    while let Some(digit) = text.get(end).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
        && end - start < max_digits
    {
        if end - start < NANO_DIGITS {
            nanos = nanos * 10 + i64::from(digit);
        }
        end += 1;
    }
    const SCALES: [i64; NANO_DIGITS + 1] = [
        1_000_000_000,
        100_000_000,
        10_000_000,
        1_000_000,
        100_000,
        10_000,
        1000,
        100,
        10,
        1,
    ];
    (end > start).then(|| (nanos * SCALES[(end - start).min(NANO_DIGITS)], end))
}

/// Which of `names` the text starts with, in full or its first three letters, and how long it is there.
fn read_name(names: &[&str], text: &[u8]) -> Option<(i64, usize)> {
    let start = text.get(..3)?;
    let index = names
        .iter()
        .position(|name| start.eq_ignore_ascii_case(&name.as_bytes()[..3]))?;
    let full = names[index].as_bytes();
    let length = if zone::starts_with_ignoring_case(text, full) {
        full.len()
    } else {
        3
    };
    Some((i64::try_from(index).expect("a table of names is short"), length))
}

/// 0 for the first half of the day, 12 for the second, and the length of the word.
fn read_meridiem(text: &[u8]) -> Option<(i64, usize)> {
    let hours = match text.first()? {
        b'a' | b'A' => 0,
        b'p' | b'P' => 12,
        _ => return None,
    };
    let rest = &text[1..];
    if zone::starts_with_ignoring_case(rest, b"m") {
        Some((hours, 2))
    } else if zone::starts_with_ignoring_case(rest, b".m.") {
        Some((hours, 4))
    } else {
        None
    }
}
