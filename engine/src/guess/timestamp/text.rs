//! Reads the shape of a timestamp off its text.

use super::shape::{DateForm, Shape, TimeForm, TimeParts, ZoneForm};
use crate::parse::timestamp::{MONTHS, WEEKDAYS};
use std::ops::RangeInclusive;

/// Longest text looked at; the longest shape has less than half of that.
const MAX_TEXT_BYTES: usize = 64;

const YEARS: RangeInclusive<u32> = 1000..=4999;

/// Between date and time; longer ones first.
const JOINTS: [&str; 6] = [": ", ". ", " ", "_", "T", "."];

/// The shape of `text`, if it looks like a timestamp.
pub(crate) fn shape(text: &str) -> Option<Shape> {
    if text.len() > MAX_TEXT_BYTES || !text.is_ascii() {
        return None;
    }
    numeric_shape(text).or_else(|| named_shape(text))
}

/// Reads a text from left to right.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// A number of at least `least` and at most `most` digits, within `range`.
    fn number(&mut self, least: usize, most: usize, range: RangeInclusive<u32>) -> Option<u32> {
        let digits = self.num_digits().min(most);
        if digits < least {
            return None;
        }
        let number = self.rest[..digits]
            .iter()
            .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        self.rest = &self.rest[digits..];
        range.contains(&number).then_some(number)
    }

    fn num_digits(&self) -> usize {
        self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn is_digit_next(&self) -> bool {
        self.rest.first().is_some_and(u8::is_ascii_digit)
    }

    fn any_of(&mut self, characters: &str) -> Option<char> {
        let found = char::from(*self.rest.first()?);
        if !characters.contains(found) {
            return None;
        }
        self.rest = &self.rest[1..];
        Some(found)
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text.as_bytes())?;
        Some(())
    }

    /// A word that is one of `names`, in full or its first three letters, in any case.
    fn name_of(&mut self, names: &[&str]) -> Option<()> {
        let letters = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = std::str::from_utf8(&self.rest[..letters]).ok()?;
        let is_word =
            |name: &&str| name.eq_ignore_ascii_case(word) || (letters == 3 && name[..3].eq_ignore_ascii_case(word));
        names.iter().find(|name| is_word(name))?;
        self.rest = &self.rest[letters..];
        Some(())
    }

    /// Joint and time, if they come next; nothing is taken otherwise.
    fn time(&mut self, joints: &[&'static str]) -> Option<TimeForm> {
        for joint in joints {
            let mut reader = Reader { rest: self.rest };
            if reader.text(joint).is_some()
                && let Some(time) = reader.time_after(joint)
            {
                self.rest = reader.rest;
                return Some(time);
            }
        }
        None
    }

    fn time_after(&mut self, joint: &'static str) -> Option<TimeForm> {
        let mut time = TimeForm {
            joint,
            parts: TimeParts::Hour,
            separator: None,
            fraction: None,
            half: None,
        };
        self.number(1, 2, 0..=24)?;
        if let Some(separator) = self.any_of(":-") {
            time.separator = Some(separator);
            self.number(1, 2, 0..=59)?;
            time.parts = TimeParts::Minute;
            if self.rest.first() == Some(&(separator as u8)) {
                self.any_of(":-")?;
                self.number(1, 2, 0..=60)?;
                time.parts = TimeParts::Second;
            }
        } else if self.is_digit_next() {
            self.number(2, 2, 0..=59)?;
            time.parts = TimeParts::Minute;
            if self.is_digit_next() {
                self.number(2, 2, 0..=60)?;
                time.parts = TimeParts::Second;
            }
        }
        if time.parts == TimeParts::Second
            && let Some(separator) = self.any_of(".,")
        {
            let digits = self.num_digits();
            if digits == 0 {
                return None;
            }
            self.rest = &self.rest[digits..];
            time.fraction = Some((separator, digits));
        }
        if self.is_digit_next() {
            return None;
        }
        for (is_spaced, names) in [(true, [" AM", " PM", " am", " pm"]), (false, ["AM", "PM", "am", "pm"])] {
            if names.iter().any(|name| self.text(name).is_some()) {
                time.half = Some(is_spaced);
                break;
            }
        }
        Some(time)
    }

    /// The shape of a text that ends here, or after the zone of its time.
    fn ended(mut self, date: DateForm, can_be: [bool; 3], time: Option<TimeForm>) -> Option<Shape> {
        let zone = time.and_then(|_| self.zone());
        self.rest.is_empty().then_some(Shape {
            date,
            can_be,
            time,
            zone,
        })
    }

    /// A zone, if one comes next and ends the text or stands before a year.
    fn zone(&mut self) -> Option<ZoneForm> {
        let mut reader = Reader { rest: self.rest };
        let is_spaced = reader.any_of(" ").is_some();
        if reader.any_of("+-").is_some() {
            reader.number(2, 2, 0..=24)?;
            let has_colon = reader.any_of(":").is_some();
            if has_colon || reader.is_digit_next() {
                reader.number(2, 2, 0..=59)?;
            }
            self.rest = reader.rest;
            return Some(ZoneForm { is_spaced, has_colon });
        }
        let letters = reader.rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        if !(1..=3).contains(&letters) {
            return None;
        }
        self.rest = &reader.rest[letters..];
        Some(ZoneForm {
            is_spaced,
            has_colon: false,
        })
    }
}

/// A date of numbers: its form, which orders it can be in, and what may stand between it and a time.
struct NumericDate {
    form: DateForm,
    can_be: [bool; 3],
    joints: &'static [&'static str],
}

fn numeric_shape(text: &str) -> Option<Shape> {
    let mut reader = Reader { rest: text.as_bytes() };
    let digits = reader.num_digits();
    let date = match digits {
        8 | 14 => undelimited_date(&mut reader, digits)?,
        4 => {
            reader.number(4, 4, YEARS)?;
            let separator = reader.any_of("/-.")?;
            reader.number(1, 2, 1..=12)?;
            reader.any_of(separator.encode_utf8(&mut [0; 4]))?;
            reader.number(1, 2, 1..=31)?;
            NumericDate {
                form: DateForm::YearFirst(separator),
                can_be: [true; 3],
                joints: &JOINTS,
            }
        }
        1 | 2 => open_date(&mut reader, digits)?,
        _ => return None,
    };
    if !date.can_be.contains(&true) || (reader.is_digit_next() && digits != 14) {
        return None;
    }
    let time = reader.time(date.joints);
    if digits == 14 && time.is_none_or(|time| time.parts != TimeParts::Second) {
        return None;
    }
    reader.ended(date.form, date.can_be, time)
}

/// `20150331`, alone or before the six digits of a time.
fn undelimited_date(reader: &mut Reader<'_>, digits: usize) -> Option<NumericDate> {
    reader.number(4, 4, YEARS)?;
    reader.number(2, 2, 1..=12)?;
    reader.number(2, 2, 1..=31)?;
    Some(NumericDate {
        form: DateForm::Undelimited,
        can_be: [true; 3],
        joints: if digits == 14 { &[""] } else { &JOINTS },
    })
}

/// A date that does not begin with a year of four digits, so that its order is open.
fn open_date(reader: &mut Reader<'_>, digits: usize) -> Option<NumericDate> {
    let first = reader.number(1, 2, 0..=99)?;
    let separator = reader.any_of("/-.")?;
    let num_second = reader.num_digits();
    let second = reader.number(1, 2, 1..=31)?;
    reader.any_of(separator.encode_utf8(&mut [0; 4]))?;
    let is_month = |number: u32| (1..=12).contains(&number);
    let is_day = |number: u32| (1..=31).contains(&number);
    if reader.num_digits() != 2 {
        reader.number(4, 4, YEARS)?;
        return Some(NumericDate {
            form: DateForm::YearLast(separator),
            can_be: [is_month(first), is_day(first) && is_month(second), false],
            joints: &JOINTS,
        });
    }
    let third = reader.number(2, 2, 0..=99)?;
    let is_padded = digits == 2 && num_second == 2;
    // `1.10.25` is rather a version than a date.
    if !is_padded && separator != '/' {
        return None;
    }
    Some(NumericDate {
        form: DateForm::ShortYear(separator),
        can_be: [
            is_month(first),
            is_day(first) && is_month(second),
            is_padded && is_month(second) && is_day(third),
        ],
        // Nor is `10.10.10.12` a date and an hour.
        joints: &[" ", "T", "_"],
    })
}

fn named_shape(text: &str) -> Option<Shape> {
    let mut reader = Reader { rest: text.as_bytes() };
    let (form, joints): (DateForm, &[&'static str]) = if reader.is_digit_next() {
        reader.number(1, 2, 1..=31)?;
        let separator = reader.any_of("/- ")?;
        reader.name_of(&MONTHS)?;
        reader.any_of(separator.encode_utf8(&mut [0; 4]))?;
        let form = if reader.num_digits() == 2 {
            reader.number(2, 2, 0..=99)?;
            DateForm::MonthNameShortYear(separator)
        } else {
            reader.number(4, 4, YEARS)?;
            DateForm::MonthName(separator)
        };
        (form, &[":", " ", "T"])
    } else if reader.name_of(&MONTHS).is_some() {
        reader.text(" ")?;
        reader.number(1, 2, 1..=31)?;
        reader.text(", ")?;
        reader.number(4, 4, YEARS)?;
        (DateForm::MonthNameFirst, &[" "])
    } else {
        reader.name_of(&WEEKDAYS)?;
        if reader.text(", ").is_none() {
            return asctime_shape(reader);
        }
        reader.number(1, 2, 1..=31)?;
        reader.text(" ")?;
        reader.name_of(&MONTHS)?;
        reader.text(" ")?;
        reader.number(4, 4, YEARS)?;
        (DateForm::Rfc2822, &[" "])
    };
    let time = reader.time(joints);
    reader.ended(form, [true; 3], time)
}

/// What follows the weekday of `Tue Mar 31 06:12:37 2015`, which has its year behind the time.
fn asctime_shape(mut reader: Reader<'_>) -> Option<Shape> {
    reader.text(" ")?;
    reader.name_of(&MONTHS)?;
    reader.text(" ")?;
    let _ = reader.text(" ");
    reader.number(1, 2, 1..=31)?;
    let time = Some(reader.time(&[" "])?);
    let zone = reader.zone();
    reader.text(" ")?;
    reader.number(4, 4, YEARS)?;
    reader.rest.is_empty().then_some(Shape {
        date: DateForm::Asctime,
        can_be: [true; 3],
        time,
        zone,
    })
}
