//! Recognises timestamps by their look and names the unprefixed format that reads them.
//!
//! The shapes are a date of numbers with an optional time and zone, RFC 2822, the time of Apache's access log, and asctime.
//! Since a format ignores text that is left over, a shape has to account for the whole text, and what is guessed is tried on the
//! text before it is given: months above 12, unknown zones and the like make it no timestamp.
//!
//! What does not happen here: the choice between a timestamp and another type, which needs the whole column.

use super::calendar::{Date, MONTHS, WEEKDAYS};
use super::ruby::{RubyFormat, ZoneRules};
use super::zone::DefaultZone;

/// The format of one text, which can be merged with those of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessedFormat {
    pieces: Vec<Piece>,
}

/// A directive or a byte between directives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Part(Part, Writing),
    Literal(char),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    MonthName,
    WeekdayName,
    Hour,
    Minute,
    Second,
    Fraction,
    Zone,
}

/// How a part was written. Of two ways in one column the later is kept: it reads the others too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Writing {
    Plain,
    /// One digit where others have two.
    Short,
    /// A blank for the first digit.
    Blank,
    /// A fraction of more than three digits, or an offset with a colon.
    Long,
}

impl GuessedFormat {
    /// The format in Ruby's notation, without prefix. Zones are `%z` or `%:z`, which read names too.
    pub fn format(&self) -> String {
        let mut format = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Part(part, writing) => format.push_str(directive(*part, *writing)),
                Piece::Literal(character) => format.push(*character),
            }
        }
        format
    }

    /// Whether both can be read with one format. Month first and day first look alike until a day is above 12.
    fn is_mergeable_with(&self, other: &GuessedFormat) -> bool {
        let month_first = [
            self.with_order([Part::Month, Part::Day]),
            other.with_order([Part::Month, Part::Day]),
        ];
        let [these, those] = &month_first;
        these.len() == those.len()
            && these.iter().zip(those).all(|pieces| match pieces {
                (Piece::Part(this, _), Piece::Part(that, _)) => this == that,
                (this, that) => this == that,
            })
    }

    /// The places of month and day in a date that ends with the year.
    fn month_and_day(&self) -> Option<[usize; 2]> {
        let place_of = |wanted: Part| {
            self.pieces
                .iter()
                .position(|piece| matches!(piece, Piece::Part(part, _) if *part == wanted))
        };
        let (year, month, day) = (place_of(Part::Year)?, place_of(Part::Month)?, place_of(Part::Day)?);
        (month.max(day) < year).then_some([month.min(day), month.max(day)])
    }

    fn with_order(&self, order: [Part; 2]) -> Vec<Piece> {
        let mut pieces = self.pieces.clone();
        if let Some(places) = self.month_and_day() {
            for (place, part) in places.into_iter().zip(order) {
                if let Piece::Part(old, _) = &mut pieces[place] {
                    *old = part;
                }
            }
        }
        pieces
    }

    fn is_day_first(&self) -> bool {
        self.month_and_day()
            .is_some_and(|[first, _]| matches!(self.pieces[first], Piece::Part(Part::Day, _)))
    }

    fn merge_from(&mut self, other: &GuessedFormat) {
        if other.is_day_first() {
            self.pieces = self.with_order([Part::Day, Part::Month]);
        }
        for (piece, other) in self.pieces.iter_mut().zip(&other.pieces) {
            if let (Piece::Part(_, writing), Piece::Part(_, other)) = (piece, other) {
                *writing = (*writing).max(*other);
            }
        }
    }
}

fn directive(part: Part, writing: Writing) -> &'static str {
    match (part, writing) {
        (Part::Year, _) => "%Y",
        // Only days and hours read a blank as a digit; a blank in the format reads it for the others, and reads nothing too.
        (Part::Month, Writing::Blank) => " %m",
        (Part::Month, _) => "%m",
        (Part::Day, Writing::Blank) => "%e",
        (Part::Day, _) => "%d",
        (Part::MonthName, _) => "%b",
        (Part::WeekdayName, _) => "%a",
        (Part::Hour, Writing::Blank | Writing::Short) => "%k",
        (Part::Hour, _) => "%H",
        (Part::Minute, Writing::Blank) => " %M",
        (Part::Minute, _) => "%M",
        (Part::Second, Writing::Blank) => " %S",
        (Part::Second, _) => "%S",
        (Part::Fraction, Writing::Long) => "%N",
        (Part::Fraction, _) => "%L",
        (Part::Zone, Writing::Long) => "%:z",
        (Part::Zone, _) => "%z",
    }
}

/// The format of `text`, if it looks like a timestamp from its first to its last character and can be read as one.
pub fn guess_format(text: &str) -> Option<GuessedFormat> {
    if !text.is_ascii() || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_readable = |guessed: &GuessedFormat| unread(&guessed.format(), &[text]).is_empty();
    guess_numeric(text)
        .or_else(|| guess_rfc_2822(text))
        .or_else(|| guess_apache(text))
        .or_else(|| guess_asctime(text))
        .filter(is_readable)
}

/// The format of a column: that of the most frequent shape, of several the one that was seen first.
///
/// A date that can be month first as well as day first is day first if any date of the column can only be that. Whether the
/// format reads all of the column, ask [`unread`].
pub fn merge(formats: &[GuessedFormat]) -> Option<String> {
    let mut groups: Vec<(GuessedFormat, usize)> = Vec::new();
    for format in formats {
        match groups.iter_mut().find(|(first, _)| first.is_mergeable_with(format)) {
            Some((merged, count)) => {
                merged.merge_from(format);
                *count += 1;
            }
            None => groups.push((format.clone(), 1)),
        }
    }
    let most = groups.iter().map(|(_, count)| *count).max()?;
    groups
        .iter()
        .find(|(_, count)| *count == most)
        .map(|(merged, _)| merged.format())
}

/// Which of `texts`, by index, the unprefixed `format` does not read, or not to the end. A format in error reads nothing.
pub fn unread(format: &str, texts: &[&str]) -> Vec<usize> {
    let compiled = RubyFormat::new(format, format, ZoneRules::Legacy, DefaultZone::Fixed(0), Date::EPOCH);
    let Ok(mut compiled) = compiled else {
        return (0..texts.len()).collect();
    };
    let is_unread = |text: &str| text.is_empty() || !compiled.covers(text.as_bytes());
    let unread: Vec<bool> = texts.iter().copied().map(is_unread).collect();
    (0..texts.len()).filter(|index| unread[*index]).collect()
}

/// A place in a text, and the pieces recognised before it.
#[derive(Clone)]
struct Recogniser<'text> {
    rest: &'text [u8],
    pieces: Vec<Piece>,
}

impl<'text> Recogniser<'text> {
    fn new(text: &'text str) -> Recogniser<'text> {
        Recogniser {
            rest: text.as_bytes(),
            pieces: Vec::new(),
        }
    }

    fn push(&mut self, length: usize, part: Part, writing: Writing) {
        self.rest = &self.rest[length..];
        self.pieces.push(Piece::Part(part, writing));
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text.as_bytes())?;
        self.pieces.extend(text.chars().map(Piece::Literal));
        Some(())
    }

    /// One of some single bytes.
    fn one_of(&mut self, bytes: &str) -> Option<char> {
        let first = char::from(*self.rest.first()?);
        if !bytes.contains(first) {
            return None;
        }
        self.rest = &self.rest[1..];
        self.pieces.push(Piece::Literal(first));
        Some(first)
    }

    /// Four digits from 1000 to 4999.
    fn year(&mut self) -> Option<()> {
        let digits = self.rest.get(..4)?;
        if !digits.iter().all(u8::is_ascii_digit) || !(b'1'..=b'4').contains(&digits[0]) {
            return None;
        }
        self.push(4, Part::Year, Writing::Plain);
        Some(())
    }

    /// One or two digits, or a blank and one; two digits if the parts are not delimited.
    fn number(&mut self, part: Part, high: u8, is_delimited: bool) -> Option<()> {
        let low = if matches!(part, Part::Month | Part::Day) { 1 } else { 0 };
        let digit = |index: usize| {
            self.rest
                .get(index)
                .filter(|byte| byte.is_ascii_digit())
                .map(|byte| byte - b'0')
        };
        let (value, length, writing) = match (digit(0), digit(1)) {
            (Some(tens), Some(ones)) => (tens * 10 + ones, 2, Writing::Plain),
            (Some(ones), None) if is_delimited => (ones, 1, Writing::Short),
            (None, Some(ones)) if is_delimited && self.rest[0] == b' ' => (ones, 2, Writing::Blank),
            _ => return None,
        };
        if !(low..=high).contains(&value) {
            return None;
        }
        self.push(length, part, writing);
        Some(())
    }

    fn name(&mut self, part: Part, names: &[&str]) -> Option<()> {
        let name = self.rest.get(..3)?;
        names.iter().find(|full| &full.as_bytes()[..3] == name)?;
        self.push(3, part, Writing::Plain);
        Some(())
    }

    fn fraction(&mut self) -> Option<()> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        self.push(
            length,
            Part::Fraction,
            if length > 3 { Writing::Long } else { Writing::Plain },
        );
        Some(())
    }

    /// An offset or one to three capitals, at the end of the text.
    fn zone(&mut self) -> Option<()> {
        let is_number = |digits: &[&u8]| digits.iter().all(|digit| digit.is_ascii_digit());
        let writing = match self.rest {
            [b'+' | b'-', h1, h0, b':', m1, m0] if is_number(&[h1, h0, m1, m0]) => Writing::Long,
            [b'+' | b'-', h1, h0, m1, m0] if is_number(&[h1, h0, m1, m0]) => Writing::Plain,
            [b'+' | b'-', h1, h0] if is_number(&[h1, h0]) => Writing::Plain,
            name if (1..=3).contains(&name.len()) && name.iter().all(u8::is_ascii_uppercase) => Writing::Plain,
            _ => return None,
        };
        self.push(self.rest.len(), Part::Zone, writing);
        Some(())
    }

    /// Year, month and day in some order.
    fn date(&mut self, order: [Part; 3], is_delimited: bool) -> Option<()> {
        let mut delimiter = None;
        for (index, part) in order.into_iter().enumerate() {
            if is_delimited && index > 0 {
                let found = self.one_of("/-.")?;
                if *delimiter.get_or_insert(found) != found {
                    return None;
                }
            }
            match part {
                Part::Year => self.year()?,
                Part::Month => self.number(part, 12, is_delimited)?,
                _ => self.number(part, 31, is_delimited)?,
            }
        }
        Some(())
    }

    /// An hour, and minutes, seconds and a fraction if they are there.
    fn time(&mut self, is_delimited: bool) -> Option<()> {
        self.number(Part::Hour, 24, is_delimited)?;
        let mut delimiter = None;
        for (part, high) in [(Part::Minute, 59), (Part::Second, 60)] {
            let mut longer = self.clone();
            if is_delimited {
                let Some(found) = longer.one_of(":-") else {
                    return Some(());
                };
                if *delimiter.get_or_insert(found) != found {
                    return Some(());
                }
            }
            if longer.number(part, high, is_delimited).is_none() {
                return Some(());
            }
            *self = longer;
        }
        let mut longer = self.clone();
        if longer.one_of(".,").is_some() && longer.fraction().is_some() {
            *self = longer;
        }
        Some(())
    }

    /// A zone or nothing, and then the end.
    fn end(mut self) -> Option<GuessedFormat> {
        let mut with_zone = self.clone();
        let _blank = with_zone.literal(" ");
        if with_zone.zone().is_some() {
            self = with_zone;
        }
        self.rest
            .iter()
            .all(u8::is_ascii_whitespace)
            .then_some(GuessedFormat { pieces: self.pieces })
    }
}

/// A date of numbers, perhaps with a time and a zone.
fn guess_numeric(text: &str) -> Option<GuessedFormat> {
    const ORDERS: [[Part; 3]; 3] = [
        [Part::Year, Part::Month, Part::Day],
        [Part::Month, Part::Day, Part::Year],
        [Part::Day, Part::Month, Part::Year],
    ];
    for order in ORDERS {
        for is_delimited in [true, false] {
            let mut date = Recogniser::new(text);
            if date.date(order, is_delimited).is_none() {
                continue;
            }
            if let Some(guessed) = guess_time(&date, is_delimited) {
                return Some(guessed);
            }
        }
    }
    None
}

fn guess_time(date: &Recogniser<'_>, is_date_delimited: bool) -> Option<GuessedFormat> {
    for is_delimited in [true, false] {
        for delimiter in [" ", ": ", "_", "T", ". ", "."] {
            let mut time = date.clone();
            if time.literal(delimiter).is_some()
                && time.time(is_delimited).is_some()
                && let Some(guessed) = time.end()
            {
                return Some(guessed);
            }
        }
    }
    let mut time = date.clone();
    if !is_date_delimited
        && time.time(false).is_some()
        && let Some(guessed) = time.end()
    {
        return Some(guessed);
    }
    date.clone().end()
}

/// `Tue, 31 Mar 2015 06:12:37 +0900`, the weekday and the time optional.
fn guess_rfc_2822(text: &str) -> Option<GuessedFormat> {
    let mut at = Recogniser::new(text);
    if at.name(Part::WeekdayName, &WEEKDAYS).is_some() {
        at.literal(", ")?;
    }
    at.number(Part::Day, 31, true)?;
    at.literal(" ")?;
    at.name(Part::MonthName, &MONTHS)?;
    at.literal(" ")?;
    at.year()?;
    if at.rest.is_empty() {
        return Some(GuessedFormat { pieces: at.pieces });
    }
    at.literal(" ")?;
    at.number(Part::Hour, 24, false)?;
    at.literal(":")?;
    at.number(Part::Minute, 59, false)?;
    if at.literal(":").is_some() {
        at.number(Part::Second, 60, false)?;
    }
    at.literal(" ")?;
    at.zone()?;
    Some(GuessedFormat { pieces: at.pieces })
}

/// `31/Mar/2015:06:12:37 +0900`.
fn guess_apache(text: &str) -> Option<GuessedFormat> {
    let mut at = Recogniser::new(text);
    at.number(Part::Day, 31, false)?;
    at.literal("/")?;
    at.name(Part::MonthName, &MONTHS)?;
    at.literal("/")?;
    at.year()?;
    at.literal(":")?;
    at.clock_time()?;
    at.literal(" ")?;
    at.zone()?;
    Some(GuessedFormat { pieces: at.pieces })
}

/// `Tue Mar 31 06:12:37 2015`, a day of one digit after two blanks or one.
fn guess_asctime(text: &str) -> Option<GuessedFormat> {
    let mut at = Recogniser::new(text);
    at.name(Part::WeekdayName, &WEEKDAYS)?;
    at.literal(" ")?;
    at.name(Part::MonthName, &MONTHS)?;
    at.literal(" ")?;
    at.number(Part::Day, 31, true)?;
    // The traditional format pads the day with a blank, whether this one needs it or not.
    if let Some(Piece::Part(_, writing)) = at.pieces.last_mut() {
        *writing = Writing::Blank;
    }
    at.literal(" ")?;
    at.clock_time()?;
    at.literal(" ")?;
    at.year()?;
    at.rest.is_empty().then_some(GuessedFormat { pieces: at.pieces })
}

impl Recogniser<'_> {
    /// Hours, minutes and seconds of two digits with colons.
    fn clock_time(&mut self) -> Option<()> {
        self.number(Part::Hour, 24, false)?;
        self.literal(":")?;
        self.number(Part::Minute, 59, false)?;
        self.literal(":")?;
        self.number(Part::Second, 60, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let guessed = guess_format(text).map(|guessed| guessed.format());
        assert_eq!(guessed.as_deref(), Some(expected), "{text}");
    }

    #[track_caller]
    fn check_none(text: &str) {
        assert_eq!(guess_format(text).map(|guessed| guessed.format()), None, "{text}");
    }

    #[track_caller]
    fn check_merged(texts: &[&str], expected: &str, expected_unread: &[usize]) {
        let guessed: Vec<GuessedFormat> = texts.iter().filter_map(|text| guess_format(text)).collect();
        let merged = merge(&guessed).unwrap();
        assert_eq!(merged, expected);
        assert_eq!(unread(&merged, texts), expected_unread);
    }

    #[test]
    fn dates() {
        check("2015-01-27", "%Y-%m-%d");
        check("2015/01/27", "%Y/%m/%d");
        check("2015.01.27", "%Y.%m.%d");
        check("2015-1-7", "%Y-%m-%d");
        check("2015/ 1/ 7", "%Y/ %m/%e");
        check("01/27/2015", "%m/%d/%Y");
        check("03/04/2015", "%m/%d/%Y");
        check("27/01/2015", "%d/%m/%Y");
        check("27.1.2015", "%d.%m.%Y");
        check("20150127", "%Y%m%d");
        check("01272015", "%m%d%Y");
        check("27012015", "%d%m%Y");
        check("10102015", "%m%d%Y");
    }

    #[test]
    fn times() {
        check("2015-01-27 19", "%Y-%m-%d %H");
        check("2015-01-27 19:23", "%Y-%m-%d %H:%M");
        check("2015-01-27 19:23:49", "%Y-%m-%d %H:%M:%S");
        check("2015-01-27 19-23-49", "%Y-%m-%d %H-%M-%S");
        check("2015-01-27 9:23:49", "%Y-%m-%d %k:%M:%S");
        check("2015-01-27  9:23:49", "%Y-%m-%d %k:%M:%S");
        check("2015-01-27 09:23: 9", "%Y-%m-%d %H:%M: %S");
        check("2015-01-27: 19:23:49", "%Y-%m-%d: %H:%M:%S");
        check("2015-01-27_19:23:49", "%Y-%m-%d_%H:%M:%S");
        check("2015-01-27T19:23:49", "%Y-%m-%dT%H:%M:%S");
        check("2015.01.27.19:23:49", "%Y.%m.%d.%H:%M:%S");
        check("2015.01.27. 19:23:49", "%Y.%m.%d. %H:%M:%S");
        check("2015-01-27 192349", "%Y-%m-%d %H%M%S");
        check("2015-01-27 1923", "%Y-%m-%d %H%M");
        check("20150127T192349", "%Y%m%dT%H%M%S");
        check("20150127192349", "%Y%m%d%H%M%S");
        check("20150127 19:23", "%Y%m%d %H:%M");
        check("2015-01-27 19:23:49  ", "%Y-%m-%d %H:%M:%S");
    }

    #[test]
    fn fraction_of_up_to_three_digits_is_millis() {
        check("2015-01-27 19:23:49.1", "%Y-%m-%d %H:%M:%S.%L");
        check("2015-01-27 19:23:49.123", "%Y-%m-%d %H:%M:%S.%L");
        check("2015-01-27 19:23:49,123", "%Y-%m-%d %H:%M:%S,%L");
        check("2015-01-27 19:23:49.1234", "%Y-%m-%d %H:%M:%S.%N");
        check("20150127192349.123456789", "%Y%m%d%H%M%S.%N");
        check_none("2015-01-27 19:23:49.1234567890");
    }

    #[test]
    fn zones_are_never_written_with_a_capital() {
        check("2015-03-31T06:12:37Z", "%Y-%m-%dT%H:%M:%S%z");
        check("2015-03-31T06:12:37.250Z", "%Y-%m-%dT%H:%M:%S.%L%z");
        check("2015-03-31 06:12:37 +0900", "%Y-%m-%d %H:%M:%S %z");
        check("2015-03-31 06:12:37 +09", "%Y-%m-%d %H:%M:%S %z");
        check("2015-03-31 06:12:37 +09:00", "%Y-%m-%d %H:%M:%S %:z");
        check("2015-03-31 06:12:37-08:00", "%Y-%m-%d %H:%M:%S%:z");
        check("2015-03-31 06:12:37 JST", "%Y-%m-%d %H:%M:%S %z");
        check("2015-03-31 UTC", "%Y-%m-%d %z");
        check("20150331T061237Z", "%Y%m%dT%H%M%S%z");
    }

    #[test]
    fn dates_with_month_names() {
        check("Tue, 31 Mar 2015 06:12:37 +0900", "%a, %d %b %Y %H:%M:%S %z");
        check("31 Mar 2015 06:12 GMT", "%d %b %Y %H:%M %z");
        check("31 Mar 2015", "%d %b %Y");
        check("31/Mar/2015:06:12:37 +0900", "%d/%b/%Y:%H:%M:%S %z");
        check("Tue Mar 31 06:12:37 2015", "%a %b %e %H:%M:%S %Y");
        check("Wed Apr  1 06:12:37 2015", "%a %b %e %H:%M:%S %Y");
        check("Wed Apr 1 06:12:37 2015", "%a %b %e %H:%M:%S %Y");
    }

    #[test]
    fn other_texts_are_no_timestamps() {
        for text in [
            "",
            "-",
            "abc",
            "12",
            "1427774400",
            "2015",
            "2015-01",
            "2015-13-01",
            "2015-00-10",
            "2015-01-32",
            "2015-01/27",
            "5015-01-27",
            "0915-01-27",
            "2015-01-27x",
            "2015-01-27 25:00:00",
            "2015-01-27 19:23:49.",
            "2015-01-27 19:23-49",
            "2015-01-27 19:23:49 JSTX",
            "2015-01-27 19:23:49 XYZ",
            "2015-01-27 19:23:49 Asia/Tokyo",
            "2015-01-27 19:23:49 and more",
            "192.168.10.20",
            "1.2.3",
            "31/Mar/2015:06:12:37",
            "Tuesday, 31 Mar 2015",
            "٢٠١٥-01-27",
        ] {
            check_none(text);
        }
    }

    #[test]
    fn day_first_wins_if_one_date_can_only_be_that() {
        check_merged(&["03/04/2015", "05/06/2015"], "%m/%d/%Y", &[]);
        check_merged(&["03/04/2015", "27/06/2015", "05/06/2015"], "%d/%m/%Y", &[]);
        check_merged(&["27/06/2015", "03/04/2015"], "%d/%m/%Y", &[]);
        check_merged(&["06/27/2015", "27/06/2015"], "%d/%m/%Y", &[0]);
    }

    #[test]
    fn most_frequent_shape_wins_and_the_first_of_equals() {
        check_merged(&["2015-01-27", "2015/01/27", "2015/01/28"], "%Y/%m/%d", &[0]);
        check_merged(&["2015-01-27", "2015/01/27"], "%Y-%m-%d", &[1]);
        check_merged(
            &["2015-01-27 12:00:00", "2015-01-27 12:00:00.5", "x"],
            "%Y-%m-%d %H:%M:%S",
            &[1, 2],
        );
        assert_eq!(merge(&[]), None);
    }

    #[test]
    fn ways_of_writing_are_merged() {
        check_merged(
            &["2015-10-10 10:00:00", "2015-10-10  9:00:00"],
            "%Y-%m-%d %k:%M:%S",
            &[],
        );
        check_merged(&["2015/10/10", "2015/ 1/ 1"], "%Y/ %m/%e", &[]);
        check_merged(
            &["2015-10-10T10:00:00.123", "2015-10-10T10:00:00.123456"],
            "%Y-%m-%dT%H:%M:%S.%N",
            &[],
        );
        check_merged(
            &["2015-10-10T10:00:00Z", "2015-10-10T10:00:00+09:00"],
            "%Y-%m-%dT%H:%M:%S%:z",
            &[],
        );
    }

    #[test]
    fn left_over_text_counts_as_unread() {
        assert_eq!(
            unread("%Y-%m-%d", &["2015-01-27", "2015-01-27 10:00:00", "", "27"]),
            [1, 2, 3]
        );
        assert_eq!(unread("%i", &["a", "b"]), [0, 1]);
    }
}
