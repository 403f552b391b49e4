//! Reads formats whose fields sit at fixed places, eight bytes at a time.
//!
//! The start of such a format - `%Y-%m-%dT%H:%M:%S.` - is a *head* of known length: digits in some places, certain bytes in
//! others. Over each eight bytes of the head, one exclusive-or with the expected bytes (`0` where a digit belongs) leaves digits
//! as their values and literals as zero, and one addition carries into a byte's top bit wherever the value is too large for
//! its place. So all places are checked at once, and the fields are then picked from bytes that are known to be digits. After the
//! head may come a fraction, fixed text and a zone, in this order.
//!
//! A layout only reads what is written in full width and in range, and answers `None` to everything else - a single-digit day,
//! hour 24, a second blank, 30 February - which the interpreter then reads or refuses. Hence the one rule for changes here: any
//! text that a layout does read, the interpreter must read to the same instant. The tests hold both against each other.

use super::compile::{ALL_DIGITS, Item, Meaning};
use super::read::read_fraction;
use super::{Resolver, zone};
use crate::parse::timestamp::calendar::{self, SECONDS_PER_DAY};

/// Four words: the longest usual head, that of RFC 2822, has 26 bytes.
const NUM_WORDS: usize = 4;
const MAX_HEAD_BYTES: usize = NUM_WORDS * 8;

/// Added to a digit's value, carries into the top bit above 9.
const DIGIT_LIMIT: u8 = 0x80 - 10;
/// Added to what is left of a literal, carries into the top bit above 0.
const LITERAL_LIMIT: u8 = 0x80 - 1;
/// Added to any ASCII byte, carries never.
const LETTER_LIMIT: u8 = 0;

/// The place of a field that the format lacks: it reads as zeros, since heads end before it.
const NOWHERE: usize = MAX_HEAD_BYTES;

/// The places of one format.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    expected: [u64; NUM_WORDS],
    limits: [u64; NUM_WORDS],
    /// Top bits of the bytes that belong to the head.
    top_bits: [u64; NUM_WORDS],
    num_words: usize,
    head_bytes: usize,
    year: usize,
    has_short_year: bool,
    /// The year ends the head, and takes all digits.
    is_year_open: bool,
    month: usize,
    is_month_name: bool,
    weekday: Option<usize>,
    day: usize,
    hour: usize,
    minute: usize,
    second: usize,
    has_fraction: bool,
    /// What follows the fraction.
    tail_text: Box<[u8]>,
    has_white_before_zone: bool,
    has_zone: bool,
    /// The date last read, as year, month and day in one number, and its days since the epoch.
    recent_date: u32,
    recent_days: i64,
}

impl Layout {
    /// The layout of a format, if it has one.
    pub(super) fn new(items: &[Item]) -> Option<Layout> {
        let mut builder = Builder::default();
        let mut rest = items;
        while let Some((item, after)) = rest.split_first() {
            if !builder.take(item, after.first())? {
                break;
            }
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
        builder.finish(Layout {
            expected: [0; NUM_WORDS],
            limits: [0; NUM_WORDS],
            top_bits: [0; NUM_WORDS],
            num_words: 0,
            head_bytes: 0,
            year: NOWHERE,
            has_short_year: false,
            is_year_open: false,
            month: NOWHERE,
            is_month_name: false,
            weekday: None,
            day: NOWHERE,
            hour: NOWHERE,
            minute: NOWHERE,
            second: NOWHERE,
            has_fraction,
            tail_text,
            has_white_before_zone,
            has_zone,
            recent_date: u32::MAX,
            recent_days: 0,
        })
    }

    /// Reads `text` if it is written exactly as the layout has it.
    #[inline]
    pub(super) fn parse(&mut self, text: &[u8], resolver: &mut Resolver) -> Option<i64> {
        if text.len() < self.head_bytes {
            return None;
        }
        // Twice as long as needed, for the place of absent fields.
        let mut values = [0_u8; 2 * MAX_HEAD_BYTES];
        let mut too_large = 0;
        for index in 0..self.num_words {
            let difference = word(text, index) ^ self.expected[index];
            let sum = (difference & 0x7f7f_7f7f_7f7f_7f7f) + self.limits[index];
            too_large |= (sum | difference) & self.top_bits[index];
            values[index * 8..index * 8 + 8].copy_from_slice(&difference.to_le_bytes());
        }
        if too_large != 0 {
            return None;
        }
        let one = |place: usize| u32::from(values[place % (2 * MAX_HEAD_BYTES)]);
        let two = |place: usize| one(place) * 10 + one(place + 1);

        let year = if self.has_short_year {
            let year = two(self.year);
            if year >= 69 { 1900 + year } else { 2000 + year }
        } else {
            two(self.year) * 100 + two(self.year + 2)
        };
        let month = if self.is_month_name {
            month_number([values[self.month], values[self.month + 1], values[self.month + 2]])?
        } else {
            two(self.month)
        };
        let day = two(self.day);
        if let Some(place) = self.weekday
            && !is_weekday([values[place], values[place + 1], values[place + 2]])
        {
            return None;
        }
        if self.is_year_open && text.get(self.head_bytes).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let (hour, minute, second) = (two(self.hour), two(self.minute), two(self.second));
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if packed_date(year, month, day) != self.recent_date {
            self.remember_date(year, month, day)?;
        }
        let local_seconds = self.recent_days * SECONDS_PER_DAY + i64::from(hour * 3600 + minute * 60 + second);

        let mut at = self.head_bytes;
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

    fn remember_date(&mut self, year: u32, month: u32, day: u32) -> Option<()> {
        let (civil_year, civil_month, civil_day) = (i64::from(year), i64::from(month), i64::from(day));
        if !(1..=12).contains(&month) || day == 0 || civil_day > calendar::days_in_month(civil_year, civil_month) {
            return None;
        }
        self.recent_date = packed_date(year, month, day);
        self.recent_days = calendar::days_since_epoch(civil_year, civil_month, civil_day);
        Some(())
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

/// A date as one number. Months and days may be out of range, up to 99, and must not pass for another date then.
fn packed_date(year: u32, month: u32, day: u32) -> u32 {
    year << 14 | month << 7 | day
}

/// The `index`th eight bytes of `text`, with zeros after its end.
#[inline]
fn word(text: &[u8], index: usize) -> u64 {
    let start = index * 8;
    let load = |start: usize| {
        text.get(start..start + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u64::from_le_bytes)
    };
    if let Some(word) = load(start) {
        return word;
    }
    let num_bytes = text.len().saturating_sub(start);
    if num_bytes == 0 {
        return 0;
    }
    match text.len().checked_sub(8).and_then(load) {
        // The last eight bytes hold them at the upper end.
        Some(last) => last >> (8 * (8 - num_bytes)),
        None => text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The month, from 1, of a three-letter name in any case.
#[inline]
fn month_number(name: [u8; 3]) -> Option<u32> {
    Some(match &name.map(|byte| byte | 0x20) {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
}

fn is_weekday(name: [u8; 3]) -> bool {
    matches!(
        &name.map(|byte| byte | 0x20),
        b"mon" | b"tue" | b"wed" | b"thu" | b"fri" | b"sat" | b"sun"
    )
}

/// Collects the places of a head.
#[derive(Default)]
struct Builder {
    /// Expected byte and limit of each place.
    places: Vec<(u8, u8)>,
    year: Option<usize>,
    has_short_year: bool,
    is_year_open: bool,
    month: Option<usize>,
    is_month_name: bool,
    weekday: Option<usize>,
    day: Option<usize>,
    hour: Option<usize>,
    minute: Option<usize>,
    second: Option<usize>,
}

impl Builder {
    /// Adds an item to the head. `Some(false)`: the head ends before it; `None`: the format has no layout.
    fn take(&mut self, item: &Item, next: Option<&Item>) -> Option<bool> {
        let place = self.places.len();
        let (slot, width) = match item {
            Item::Text(text) => {
                self.places.extend(text.iter().map(|byte| (*byte, LITERAL_LIMIT)));
                // The check of a place works on ASCII only.
                return text.is_ascii().then_some(true);
            }
            // As everywhere in a layout, only the usual amount is read here: one.
            Item::White if !matches!(next, Some(Item::Zone)) => {
                self.places.push((b' ', LITERAL_LIMIT));
                return Some(true);
            }
            Item::MonthName | Item::WeekdayName => {
                // Otherwise a full name could go on where the short one ends.
                let is_ended = match next {
                    Some(Item::Text(text)) => !text[0].is_ascii_alphabetic(),
                    Some(Item::White | Item::Number(_)) => true,
                    _ => false,
                };
                if !is_ended {
                    return None;
                }
                self.places.extend([(0, LETTER_LIMIT); 3]);
                let slot = if *item == Item::MonthName {
                    self.is_month_name = true;
                    &mut self.month
                } else {
                    &mut self.weekday
                };
                return slot.replace(place).is_none().then_some(true);
            }
            Item::Number(number) => match number.meaning {
                Meaning::Year => {
                    self.is_year_open = number.max_digits == ALL_DIGITS && next.is_none();
                    // Text after it stops the digits; a zone or a name does too, but is not worth a thought.
                    let is_ended = !self.is_year_open && number.max_digits == ALL_DIGITS;
                    if is_ended && !matches!(next, Some(Item::Text(_) | Item::White)) {
                        return None;
                    }
                    (&mut self.year, 4)
                }
                Meaning::YearOfCentury => {
                    self.has_short_year = true;
                    (&mut self.year, 2)
                }
                Meaning::Month => (&mut self.month, 2),
                Meaning::Day => (&mut self.day, 2),
                Meaning::Hour if number.high == 24 => (&mut self.hour, 2),
                Meaning::Minute => (&mut self.minute, 2),
                Meaning::Second => (&mut self.second, 2),
                Meaning::Century | Meaning::DayOfYear | Meaning::Hour | Meaning::Ignored => return None,
            },
            _ => return Some(false),
        };
        self.places.extend(std::iter::repeat_n((b'0', DIGIT_LIMIT), width));
        slot.replace(place).is_none().then_some(true)
    }

    fn finish(self, mut layout: Layout) -> Option<Layout> {
        if self.places.len() > MAX_HEAD_BYTES {
            return None;
        }
        layout.head_bytes = self.places.len();
        layout.num_words = self.places.len().div_ceil(8);
        for (place, (byte, limit)) in self.places.iter().enumerate() {
            let shift = place % 8 * 8;
            layout.expected[place / 8] |= u64::from(*byte) << shift;
            layout.limits[place / 8] |= u64::from(*limit) << shift;
            layout.top_bits[place / 8] |= 0x80 << shift;
        }
        layout.year = self.year?;
        layout.has_short_year = self.has_short_year;
        layout.is_year_open = self.is_year_open;
        layout.month = self.month?;
        layout.is_month_name = self.is_month_name;
        layout.weekday = self.weekday;
        layout.day = self.day?;
        layout.hour = self.hour.unwrap_or(NOWHERE);
        layout.minute = self.minute.unwrap_or(NOWHERE);
        layout.second = self.second.unwrap_or(NOWHERE);
        Some(layout)
    }
}
