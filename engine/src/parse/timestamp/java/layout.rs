//! The patterns that are a head of fixed places and then perhaps a fraction, fixed text and an offset, in this order: nearly all that
//! are used. As a head does, a layout answers `None` to whatever is not written in the usual way, and leaves it to the interpreter.

use super::Field;
use super::compile::{Item, Kind, Number, OffsetForm, Sign};
use super::read::read_offset;
use crate::parse::timestamp::calendar;
use crate::parse::timestamp::head::{Head, HeadBuilder, Part};
use crate::parse::timestamp::zone::MAX_OFFSET_SECONDS;

/// One pattern.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    head: Head,
    /// Digits of the fraction; zero: there is none.
    fraction_digits: usize,
    /// What follows the fraction.
    tail_text: Box<[u8]>,
    offset: Option<OffsetForm>,
}

impl Layout {
    /// The layout of a pattern, if it has one.
    pub(super) fn new(items: &[Item]) -> Option<Layout> {
        let mut builder = HeadBuilder::default();
        let mut rest = items;
        while let [item, after @ ..] = rest
            && let Some(part) = part(item)
        {
            builder.push(part)?;
            rest = after;
        }
        // What stands in for a missing part of the time is for the resolver to say.
        if !builder.has_no_gap() {
            return None;
        }
        let mut fraction_digits = 0;
        if let [Item::Number(number), after @ ..] = rest
            && number.kind == Kind::Fraction
            && builder.has_second()
        {
            fraction_digits = number.max_digits;
            rest = after;
        }
        let mut tail_text = Vec::new();
        while let [Item::Text(text), after @ ..] = rest {
            tail_text.extend_from_slice(text);
            rest = after;
        }
        // A year before them would take such digits for its own.
        if tail_text.iter().any(u8::is_ascii_digit) {
            return None;
        }
        let offset = match rest {
            [] => None,
            [Item::Offset(form)] => Some(*form),
            _ => return None,
        };
        Some(Layout {
            head: builder.finish()?,
            fraction_digits,
            tail_text: tail_text.into(),
            offset,
        })
    }

    /// Reads `text` if it is written exactly as the layout has it, to its end.
    #[inline]
    pub(super) fn parse(&mut self, text: &[u8], default_offset_seconds: i64) -> Option<i64> {
        let local_seconds = self.head.parse(text)?;
        // There is no year of the era 0. Nothing else is wrong with it, so the interpreter may say so.
        if local_seconds < FIRST_SECOND {
            return None;
        }
        let rest = &text[self.head.num_bytes()..];
        let (fraction, rest) = rest.split_at_checked(self.fraction_digits)?;
        let mut nanos = 0;
        for byte in fraction {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            nanos = nanos * 10 + i64::from(digit);
        }
        for _ in self.fraction_digits..NANO_DIGITS {
            nanos *= 10;
        }
        let rest = rest.strip_prefix(&*self.tail_text)?;
        let offset = match self.offset {
            None if rest.is_empty() => default_offset_seconds,
            None => return None,
            Some(form) => {
                let (offset, length) = read_offset(rest, form)?;
                if length != rest.len() || offset.abs() > MAX_OFFSET_SECONDS {
                    return None;
                }
                offset
            }
        };
        calendar::micros_since_epoch(local_seconds - offset, nanos / 1000)
    }
}

/// 0001-01-01, in seconds since the epoch.
const FIRST_SECOND: i64 = -62_135_596_800;

/// Digits of a billionth; a pattern has no more.
const NANO_DIGITS: usize = 9;

/// The part of a head that an item is, if it is one.
fn part(item: &Item) -> Option<Part<'_>> {
    match item {
        Item::Text(text) if !text.iter().any(u8::is_ascii_digit) => Some(Part::Text(text)),
        Item::Word {
            field: Field::Month,
            words,
        } if words.iter().all(|(word, _)| word.len() == 3) => Some(Part::MonthName),
        Item::Number(number) => number_part(number),
        _ => None,
    }
}

fn number_part(number: &Number) -> Option<Part<'static>> {
    if number.kind != Kind::Plain {
        return None;
    }
    // Wider years have a sign, and numbers right after this one are as wide as their places.
    let is_year = number.min_digits == 4 && number.sign == Sign::ExceedsPad;
    let is_two_digits = number.min_digits == 2 && number.max_digits == 2 && number.sign == Sign::Never;
    match number.field {
        Field::Year | Field::YearOfEra if is_year => Some(Part::Year),
        Field::Month if is_two_digits => Some(Part::Month),
        Field::Day if is_two_digits => Some(Part::Day),
        Field::HourOfDay if is_two_digits => Some(Part::Hour),
        Field::Minute if is_two_digits => Some(Part::Minute),
        Field::Second if is_two_digits => Some(Part::Second),
        _ => None,
    }
}
