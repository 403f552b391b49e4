//! Follows the items of a pattern through a text and collects what it says.

use super::compile::{Item, Kind, Number, OffsetForm, Sign};
use super::{Field, Fields};
use crate::parse::timestamp::zone::{self, MAX_OFFSET_SECONDS};

/// Reads `text` from `start` and gives the place after what was read; `None` if it does not fit.
pub(super) fn read(items: &[Item], text: &[u8], start: usize, fields: &mut Fields) -> Option<usize> {
    let mut at = start;
    for item in items {
        at = match item {
            Item::Text(expected) => starts_with(&text[at..], expected).then_some(at + expected.len())?,
            Item::Number(number) => read_number(number, text, at, fields)?,
            Item::Word { field, words } => {
                let (word, value) = words
                    .iter()
                    .find(|(word, _)| starts_with(&text[at..], word.as_bytes()))?;
                fields.set(*field, *value)?;
                at + word.len()
            }
            Item::Offset(form) => {
                let (offset, length) = read_offset(&text[at..], *form)?;
                set_offset(fields, offset)?;
                at + length
            }
            Item::LocalizedOffset { is_full } => {
                let (offset, length) = read_localized_offset(&text[at..], *is_full)?;
                set_offset(fields, offset)?;
                at + length
            }
            Item::AnyZone => {
                let (offset, length) = read_any_zone(&text[at..])?;
                set_offset(fields, offset)?;
                at + length
            }
            Item::Optional(items) => {
                let before = *fields;
                match read(items, text, at, fields) {
                    Some(end) => end,
                    None => {
                        *fields = before;
                        at
                    }
                }
            }
        };
    }
    Some(at)
}

#[inline]
fn starts_with(text: &[u8], start: &[u8]) -> bool {
    // Most texts of a pattern are one byte, for which a general comparison costs more than all else here.
    if let [byte] = start
        && !byte.is_ascii_alphabetic()
    {
        return text.first() == Some(byte);
    }
    // `jan` and `JAN` are months where `MMM` is asked for, as in the original.
    zone::starts_with_ignoring_case(text, start)
}

fn set_offset(fields: &mut Fields, offset: i64) -> Option<()> {
    if offset.abs() > MAX_OFFSET_SECONDS {
        return None;
    }
    fields.set(Field::OffsetSeconds, offset)
}

fn read_number(number: &Number, text: &[u8], at: usize, fields: &mut Fields) -> Option<usize> {
    let (start, is_negative, has_plus) = match (text.get(at)?, number.sign) {
        (b'-', Sign::Normal | Sign::ExceedsPad) => (at + 1, true, false),
        (b'+', Sign::ExceedsPad) => (at + 1, false, true),
        _ => (at, false, false),
    };
    let limit = number.max_digits + number.following_digits;
    let num_available = text[start..]
        .iter()
        .take(limit)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if num_available < number.min_digits {
        return None;
    }
    // The numbers that follow get their digits first, as far as this one can spare them.
    let num_digits = num_available
        .saturating_sub(number.following_digits)
        .max(number.min_digits);
    let num_digits = if number.following_digits == 0 {
        num_available
    } else {
        num_digits
    };
    let exceeds_pad = num_digits > number.min_digits;
    if number.sign == Sign::ExceedsPad && !is_negative && exceeds_pad != has_plus {
        return None;
    }
    let end = start + num_digits;
    let mut value = 0_i64;
    for digit in &text[start..end] {
        value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    if is_negative {
        // There is no negative zero.
        value = (value != 0).then_some(-value)?;
    }
    let value = match number.kind {
        Kind::Plain => value,
        Kind::ShortYear => 2000 + value,
        Kind::Fraction => (num_digits..9).fold(value, |value, _| value * 10),
        Kind::FromSunday => (1..=7).contains(&value).then_some((value + 5) % 7 + 1)?,
    };
    fields.set(number.field, value)?;
    Some(end)
}

/// Two digits up to 59, as all parts of an offset are.
fn read_two(text: &[u8]) -> Option<i64> {
    match text {
        [tens @ b'0'..=b'5', ones @ b'0'..=b'9', ..] => Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0')),
        _ => None,
    }
}

fn read_sign(text: &[u8]) -> Option<i64> {
    match text.first()? {
        b'+' => Some(1),
        b'-' => Some(-1),
        _ => None,
    }
}

/// Two digits after a colon, or without one, and their length.
fn read_part(text: &[u8], has_colon: bool) -> Option<(i64, usize)> {
    if !has_colon {
        return Some((read_two(text)?, 2));
    }
    if text.first() != Some(&b':') {
        return None;
    }
    Some((read_two(&text[1..])?, 3))
}

/// Offset in seconds, and its length.
pub(super) fn read_offset(text: &[u8], form: OffsetForm) -> Option<(i64, usize)> {
    if form.is_z_allowed && starts_with(text, b"Z") {
        return Some((0, 1));
    }
    let sign = read_sign(text)?;
    let mut seconds = read_two(&text[1..])? * 3600;
    let mut length = 3;
    match read_part(&text[length..], form.has_colons) {
        Some((minutes, part_length)) => {
            seconds += minutes * 60;
            length += part_length;
            if form.has_seconds
                && let Some((part, part_length)) = read_part(&text[length..], form.has_colons)
            {
                seconds += part;
                length += part_length;
            }
        }
        None if form.are_minutes_optional => {}
        None => return None,
    }
    Some((sign * seconds, length))
}

/// `GMT`, alone or with an offset: `GMT+09:00` in full, `GMT+9` or `GMT+9:30` in short.
fn read_localized_offset(text: &[u8], is_full: bool) -> Option<(i64, usize)> {
    if !starts_with(text, b"GMT") {
        return None;
    }
    let Some(sign) = text.get(3..).and_then(read_sign) else {
        return Some((0, 3));
    };
    let (hours, mut length) = match (read_two(&text[4..]), text.get(4)) {
        (Some(hours), _) => (hours, 6),
        (None, Some(digit @ b'0'..=b'9')) if !is_full => (i64::from(digit - b'0'), 5),
        _ => return None,
    };
    let mut seconds = hours * 3600;
    match read_part(&text[length..], true) {
        Some((minutes, part_length)) => {
            seconds += minutes * 60;
            length += part_length;
            if let Some((part, part_length)) = read_part(&text[length..], true) {
                seconds += part;
                length += part_length;
            }
        }
        None if is_full => return None,
        None => {}
    }
    Some((sign * seconds, length))
}

/// `Z`, an offset, or `UTC`, `GMT` or `UT` with or without an offset. Region ids are not zones here: what they mean changes.
fn read_any_zone(text: &[u8]) -> Option<(i64, usize)> {
    if starts_with(text, b"Z") {
        return Some((0, 1));
    }
    let prefix_length = [&b"UTC"[..], b"GMT", b"UT"]
        .into_iter()
        .find(|name| starts_with(text, name))
        .map_or(0, <[u8]>::len);
    let rest = &text[prefix_length..];
    let is_offset = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
    let offset_length = match read_sign(rest) {
        Some(_) => 1 + rest[1..].iter().take_while(|byte| is_offset(byte)).count(),
        None => 0,
    };
    match (prefix_length, offset_length) {
        (0, 0) => None,
        (_, 0) => Some((0, prefix_length)),
        _ => Some((
            zone::java_offset(&rest[..offset_length])?,
            prefix_length + offset_length,
        )),
    }
}
