//! The formats that are a head of fixed places and then perhaps a fraction, fixed text and a zone, in this order.
//!
//! As a head does, a layout answers `None` to whatever is not written in the usual way, and leaves it to the interpreter.

use super::compile::{ALL_DIGITS, Item, Meaning};
use super::read::read_fraction;
use super::{Resolver, zone};
use crate::parse::timestamp::calendar;
use crate::parse::timestamp::head::{Head, HeadBuilder, Part};

/// One format.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    head: Head,
    /// The year ends the head, and takes all digits.
    is_year_open: bool,
    has_fraction: bool,
    /// What follows the fraction.
    tail_text: Box<[u8]>,
    has_white_before_zone: bool,
    has_zone: bool,
}

impl Layout {
    /// The layout of a format, if it has one.
    pub(super) fn new(items: &[Item]) -> Option<Layout> {
        let mut builder = HeadBuilder::default();
        let mut rest = items;
        let mut is_year_open = false;
        while let Some((item, after)) = rest.split_first() {
            let Some(part) = part(item, after.first())? else {
                break;
            };
            builder.push(part)?;
            is_year_open = matches!(item, Item::Number(number) if number.meaning == Meaning::Year && number.max_digits == ALL_DIGITS)
                && after.is_empty();
            rest = after;
        }
        let has_fraction = match rest {
            [Item::Fraction(ALL_DIGITS), after @ ..] => {
                rest = after;
                true
            }
            _ => false,
        };
        let mut tail_text = Box::default();
        if let [Item::Text(text), after @ ..] = rest {
            tail_text = text.clone();
            rest = after;
        }
        let (has_white_before_zone, has_zone) = match rest {
            [] => (false, false),
            [Item::Zone] => (false, true),
            [Item::White, Item::Zone] => (true, true),
            _ => return None,
        };
        Some(Layout {
            head: builder.finish()?,
            is_year_open,
            has_fraction,
            tail_text,
            has_white_before_zone,
            has_zone,
        })
    }

    /// Reads `text` if it is written exactly as the layout has it.
    #[inline]
    pub(super) fn parse(&mut self, text: &[u8], resolver: &mut Resolver) -> Option<i64> {
        let local_seconds = self.head.parse(text)?;
        let mut at = self.head.num_bytes();
        if self.is_year_open && text.get(at).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let mut micros = 0;
        if self.has_fraction {
            let (nanos, end) = read_fraction(text, at, ALL_DIGITS)?;
            micros = nanos / 1000;
            at = end;
        }
        if !self.tail_text.is_empty() {
            if !text[at..].starts_with(&self.tail_text) {
                return None;
            }
            at += self.tail_text.len();
        }
        let offset = if self.has_zone {
            self.zone_offset(&text[at..], local_seconds, resolver)?
        } else {
            resolver.default_zone.offset_at(local_seconds)
        };
        calendar::micros_since_epoch(local_seconds - offset, micros)
    }

    /// The offset of the zone at the start of `rest`.
    #[inline]
    fn zone_offset(&self, rest: &[u8], local_seconds: i64, resolver: &mut Resolver) -> Option<i64> {
        let mut rest = rest;
        if self.has_white_before_zone {
            while let [first, after @ ..] = rest
                && zone::is_white(*first)
            {
                rest = after;
            }
        }
        let (sign, hours, minutes) = match rest {
            b"Z" => return Some(0),
            [sign, h1, h0, m1, m0] | [sign, h1, h0, b':', m1, m0] => {
                let digit = |byte: &u8| i64::from(byte.wrapping_sub(b'0'));
                let is_number = [h1, h0, m1, m0].into_iter().all(u8::is_ascii_digit);
                // 17: with any minutes still within 18 hours. What lies beyond is for the general case to judge.
                let (hours, minutes) = (digit(h1) * 10 + digit(h0), digit(m1) * 10 + digit(m0));
                let is_usual = is_number && hours <= 17 && minutes <= 59;
                (if is_usual { *sign } else { 0 }, hours, minutes)
            }
            _ => (0, 0, 0),
        };
        match sign {
            b'+' => Some(hours * 3600 + minutes * 60),
            b'-' => Some(-(hours * 3600 + minutes * 60)),
            _ => resolver.text_offset(&rest[..zone::zone_length(rest)?], local_seconds),
        }
    }
}

/// The part of a head that an item is, given the item after it. `Some(None)`: the head ends before it; `None`: the format has no
/// layout.
fn part<'item>(item: &'item Item, next: Option<&Item>) -> Option<Option<Part<'item>>> {
    Some(Some(match item {
        Item::Text(text) => Part::Text(text),
        // As everywhere in a layout, only the usual amount is read here: one.
        Item::White if !matches!(next, Some(Item::Zone)) => Part::Text(b" "),
        Item::MonthName | Item::WeekdayName => {
            // Otherwise a full name could go on where the short one ends.
            let is_ended = match next {
                Some(Item::Text(text)) => !text[0].is_ascii_alphabetic(),
                Some(Item::White | Item::Number(_)) => true,
                _ => false,
            };
            match item {
                _ if !is_ended => return None,
                Item::MonthName => Part::MonthName,
                _ => Part::WeekdayName,
            }
        }
        Item::Number(number) => match number.meaning {
            Meaning::Year => {
                // Text after it stops the digits; a zone or a name does too, but is not worth a thought.
                let is_ended = matches!(next, None | Some(Item::Text(_) | Item::White));
                if number.max_digits == ALL_DIGITS && !is_ended {
                    return None;
                }
                Part::Year
            }
            Meaning::YearOfCentury => Part::YearOfCentury,
            Meaning::Month => Part::Month,
            Meaning::Day => Part::Day,
            Meaning::Hour if number.high == 24 => Part::Hour,
            Meaning::Minute => Part::Minute,
            Meaning::Second => Part::Second,
            Meaning::Century | Meaning::DayOfYear | Meaning::Hour | Meaning::Ignored => return None,
        },
        _ => return Some(None),
    }))
}
