//! Reads the part of a format whose fields sit at fixed places, eight bytes at a time.
//!
//! The start of such a format - `%Y-%m-%dT%H:%M:%S.` - is a *head* of known length: digits in some places, certain bytes in
//! others. Over each eight bytes of the head, one exclusive-or with the expected bytes (`0` where a digit belongs) leaves digits
//! as their values and literals as zero, and one addition carries into a byte's top bit wherever the value is too large for
//! its place. So all places are checked at once, and the fields are then picked from bytes that are known to be digits.
//!
//! A head only reads what is written in full width and in range, and answers `None` to everything else - a single-digit day,
//! hour 24, a second blank, 30 February - which an interpreter then reads or refuses. Hence the one rule for changes here: any
//! text that a head does read, the interpreter must read to the same instant. The tests hold both against each other.

use super::calendar::{self, SECONDS_PER_DAY};

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

/// A field or text at a fixed place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'format> {
    /// ASCII that must stand there.
    Text(&'format [u8]),
    /// Four digits.
    Year,
    /// Two digits: 1969 to 2068.
    YearOfCentury,
    Month,
    /// Three letters.
    MonthName,
    /// Three letters; which of the seven does not matter.
    WeekdayName,
    Day,
    /// 0 to 23.
    Hour,
    Minute,
    Second,
}

/// The places of one format.
#[derive(Clone, Debug)]
pub(super) struct Head {
    expected: [u64; NUM_WORDS],
    limits: [u64; NUM_WORDS],
    /// Top bits of the bytes that belong to the head.
    top_bits: [u64; NUM_WORDS],
    num_words: usize,
    num_bytes: usize,
    year: usize,
    has_short_year: bool,
    month: usize,
    is_month_name: bool,
    weekday: Option<usize>,
    day: usize,
    hour: usize,
    minute: usize,
    second: usize,
    /// The date last read, as year, month and day in one number, and its days since the epoch.
    recent_date: u32,
    recent_days: i64,
}

impl Head {
    /// Bytes of every text that it reads.
    pub(super) fn num_bytes(&self) -> usize {
        self.num_bytes
    }

    /// Reads the start of `text`: the seconds since the epoch of what a clock at that place showed.
    #[inline(always)]
    pub(super) fn parse(&mut self, text: &[u8]) -> Option<i64> {
        if text.len() < self.num_bytes {
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
        let (hour, minute, second) = (two(self.hour), two(self.minute), two(self.second));
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if packed_date(year, month, day) != self.recent_date {
            self.remember_date(year, month, day)?;
        }
        Some(self.recent_days * SECONDS_PER_DAY + i64::from(hour * 3600 + minute * 60 + second))
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
pub(super) struct HeadBuilder {
    /// Expected byte and limit of each place.
    places: Vec<(u8, u8)>,
    year: Option<usize>,
    has_short_year: bool,
    month: Option<usize>,
    is_month_name: bool,
    weekday: Option<usize>,
    day: Option<usize>,
    hour: Option<usize>,
    minute: Option<usize>,
    second: Option<usize>,
}

impl HeadBuilder {
    /// Adds what comes next; `None`: there is no head with it.
    pub(super) fn push(&mut self, part: Part<'_>) -> Option<()> {
        let place = self.places.len();
        let digits = (b'0', DIGIT_LIMIT);
        let (slot, kind, width) = match part {
            Part::Text(text) => {
                self.places.extend(text.iter().map(|byte| (*byte, LITERAL_LIMIT)));
                // The check of a place works on ASCII only.
                return text.is_ascii().then_some(());
            }
            Part::MonthName => {
                self.is_month_name = true;
                (&mut self.month, (0, LETTER_LIMIT), 3)
            }
            Part::WeekdayName => (&mut self.weekday, (0, LETTER_LIMIT), 3),
            Part::Year => (&mut self.year, digits, 4),
            Part::YearOfCentury => {
                self.has_short_year = true;
                (&mut self.year, digits, 2)
            }
            Part::Month => (&mut self.month, digits, 2),
            Part::Day => (&mut self.day, digits, 2),
            Part::Hour => (&mut self.hour, digits, 2),
            Part::Minute => (&mut self.minute, digits, 2),
            Part::Second => (&mut self.second, digits, 2),
        };
        self.places.extend(std::iter::repeat_n(kind, width));
        slot.replace(place).is_none().then_some(())
    }

    /// Whether there is a second.
    pub(super) fn has_second(&self) -> bool {
        self.second.is_some()
    }

    /// Whether no part of the time is there without the larger ones.
    pub(super) fn has_no_gap(&self) -> bool {
        (self.minute.is_none() || self.hour.is_some()) && (self.second.is_none() || self.minute.is_some())
    }

    /// The head; `None`: it is too long, or has no date.
    pub(super) fn finish(self) -> Option<Head> {
        if self.places.len() > MAX_HEAD_BYTES {
            return None;
        }
        let mut head = Head {
            expected: [0; NUM_WORDS],
            limits: [0; NUM_WORDS],
            top_bits: [0; NUM_WORDS],
            num_words: self.places.len().div_ceil(8),
            num_bytes: self.places.len(),
            year: self.year?,
            has_short_year: self.has_short_year,
            month: self.month?,
            is_month_name: self.is_month_name,
            weekday: self.weekday,
            day: self.day?,
            hour: self.hour.unwrap_or(NOWHERE),
            minute: self.minute.unwrap_or(NOWHERE),
            second: self.second.unwrap_or(NOWHERE),
            recent_date: u32::MAX,
            recent_days: 0,
        };
        for (place, (byte, limit)) in self.places.iter().enumerate() {
            let shift = place % 8 * 8;
            head.expected[place / 8] |= u64::from(*byte) << shift;
            head.limits[place / 8] |= u64::from(*limit) << shift;
            head.top_bits[place / 8] |= 0x80 << shift;
        }
        Some(head)
    }
}
