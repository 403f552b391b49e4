//! Finds the format of timestamps by the shape of their text.
//!
//! A shape is what can be seen: order of the date parts, separators, which parts of the time there are, a fraction, a zone.
//! Texts of one column may differ in whether they have a fraction, a time or a zone - then there are several formats, longest
//! first, because left-over text after a format is ignored when reading. They may not differ in the order of the date parts.

use crate::parse::columns::TimestampOptions;
use crate::parse::timestamp::TimestampParser;

/// Longest text looked at; the longest shape has less than half of that.
const MAX_TEXT_BYTES: usize = 64;

/// Formats one column may need; with more of them the column is text that happens to hold dates.
const MAX_FORMATS: usize = 3;

/// The order of the date parts, and what stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DateForm {
    /// `2015-03-31`
    YearFirst(char),
    /// `03/31/2015`, `31.03.2015`: which of both the column decides.
    YearLast(char),
    /// `03/31/15`, `31.03.15`, `15-03-31`: the column decides.
    ShortYear(char),
    /// `20150331`
    Undelimited,
    /// `31/Mar/2015`
    MonthName(char),
    /// `31-MAR-15`
    MonthNameShortYear(char),
    /// `Mar 31, 2015`
    MonthNameFirst,
    /// `Tue, 31 Mar 2015`
    Rfc2822,
    /// `Tue Mar 31 06:12:37 2015`
    Asctime,
}

/// In which order the numbers of a date stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DateOrder {
    /// Month, day, year.
    Mdy,
    /// Day, month, year.
    Dmy,
    /// Year, month, day.
    Ymd,
}

/// The likelier first.
const ORDERS: [DateOrder; 3] = [DateOrder::Mdy, DateOrder::Dmy, DateOrder::Ymd];

/// Which parts of the time there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum TimeParts {
    Hour,
    Minute,
    Second,
}

/// The time of day in a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimeForm {
    /// Between date and time.
    joint: &'static str,
    parts: TimeParts,
    /// `None`: `061237`.
    separator: Option<char>,
    /// Separator and number of digits.
    fraction: Option<(char, usize)>,
    /// Whether it ends with `AM` or `PM`, and whether a blank stands before it.
    half: Option<bool>,
}

/// A zone at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ZoneForm {
    is_spaced: bool,
    has_colon: bool,
}

/// What one text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    date: DateForm,
    /// For the forms that leave the order open: whether it can be each of [`ORDERS`].
    can_be: [bool; 3],
    time: Option<TimeForm>,
    zone: Option<ZoneForm>,
}

/// What reads every value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuessedFormats {
    /// In the order they must be tried.
    pub(crate) formats: Vec<String>,
    /// Whether month and day could be the other way round in every value.
    pub(crate) is_order_ambiguous: bool,
    /// Whether some value names no zone.
    pub(crate) lacks_zone: bool,
}

/// The formats that read all of `values`; `None` if there are none.
pub(crate) fn formats_of(values: &[&str]) -> Option<GuessedFormats> {
    formats_of_most(values, 0).map(|(formats, _)| formats)
}

/// The formats that read all of `values` but at most `max_misfits`, and those; `None` if there are none. No misfit is read in
/// part, each is refused.
pub(crate) fn formats_of_most<'v>(values: &[&'v str], max_misfits: usize) -> Option<(GuessedFormats, Vec<&'v str>)> {
    let shapes: Vec<Option<Shape>> = values.iter().map(|value| shape(value)).collect();
    let common = common_shape(&shapes)?;
    let mut fitting = Vec::new();
    let mut misfits = Vec::new();
    for (value, shape) in values.iter().zip(shapes) {
        match shape.filter(|shape| common.allows(shape)) {
            Some(shape) => fitting.push((*value, shape)),
            None => misfits.push(*value),
        }
    }
    if misfits.len() > max_misfits {
        return None;
    }
    let (fitting, shapes): (Vec<&str>, Vec<Shape>) = fitting.into_iter().unzip();
    let formats = formats_of_shapes(&fitting, &shapes)?;
    let mut parser = parser(&formats.formats)?;
    let are_refused = misfits.iter().all(|misfit| parser.parse(misfit.as_bytes()).is_none());
    are_refused.then_some((formats, misfits))
}

/// What most shapes of a column have in common.
struct CommonShape {
    date: DateForm,
    /// If values contradict each other: what most of them can be.
    order: Option<DateOrder>,
}

impl CommonShape {
    fn allows(&self, shape: &Shape) -> bool {
        shape.date == self.date && self.order.is_none_or(|order| shape.can_be(order))
    }
}

fn common_shape(shapes: &[Option<Shape>]) -> Option<CommonShape> {
    let num_of = |fits: &dyn Fn(&Shape) -> bool| shapes.iter().flatten().filter(|shape| fits(shape)).count();
    let mut forms: Vec<DateForm> = Vec::new();
    for shape in shapes.iter().flatten() {
        if !forms.contains(&shape.date) {
            forms.push(shape.date);
        }
    }
    let date = forms
        .into_iter()
        .max_by_key(|form| num_of(&|shape| shape.date == *form))?;
    let num_all = num_of(&|shape| shape.date == date);
    let num_in = |order: DateOrder| num_of(&|shape| shape.date == date && shape.can_be(order));
    let most = ORDERS
        .into_iter()
        .reduce(|most, other| if num_in(other) > num_in(most) { other } else { most })?;
    Some(CommonShape {
        date,
        order: (num_in(most) < num_all).then_some(most),
    })
}

/// The formats that read all of `values`, whose date parts are in one order.
fn formats_of_shapes(values: &[&str], shapes: &[Shape]) -> Option<GuessedFormats> {
    let first = shapes.first()?;
    let can_be = |order: &DateOrder| shapes.iter().all(|shape| shape.can_be(*order));
    let mut orders = ORDERS.into_iter().filter(can_be);
    let order = orders.next()?;
    let is_fraction_long = shapes.iter().any(|shape| {
        shape
            .time
            .and_then(|time| time.fraction)
            .is_some_and(|(_, digits)| digits > 3)
    });
    let has_plain_offset = shapes
        .iter()
        .any(|shape| shape.zone.is_some_and(|zone| !zone.has_colon));
    let mut formats: Vec<String> = Vec::new();
    for shape in shapes {
        let format = shape.format(order, is_fraction_long, has_plain_offset);
        if !formats.contains(&format) {
            formats.push(format);
            if formats.len() > MAX_FORMATS {
                return None;
            }
        }
    }
    formats.sort_by_key(|format| std::cmp::Reverse(format.len()));
    if !is_every_value_read(&formats, values) {
        return None;
    }
    Some(GuessedFormats {
        formats,
        is_order_ambiguous: first.is_order_open() && orders.next().is_some(),
        lacks_zone: shapes.iter().any(|shape| shape.zone.is_none()),
    })
}

fn is_every_value_read(formats: &[String], values: &[&str]) -> bool {
    parser(formats).is_some_and(|mut parser| values.iter().all(|value| parser.parse(value.as_bytes()).is_some()))
}

fn parser(formats: &[String]) -> Option<TimestampParser> {
    let options = TimestampOptions {
        formats: formats.to_vec(),
        ..TimestampOptions::default()
    };
    TimestampParser::new(&options).ok()
}

/// Whether `text`, all digits, is a date (8 digits) or a date and time (14 digits) of a year that tables speak about.
pub(crate) fn is_plausible_digits(text: &str) -> bool {
    let is_digits = matches!(text.len(), 8 | 14) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && ("1900"..="2100").contains(&&text[..4]) && shape(text).is_some()
}

/// The shape of `text`, if it looks like a timestamp.
pub(crate) fn shape(text: &str) -> Option<Shape> {
    if text.len() > MAX_TEXT_BYTES || !text.is_ascii() {
        return None;
    }
    numeric_shape(text).or_else(|| named_shape(text))
}

impl Shape {
    fn can_be(&self, order: DateOrder) -> bool {
        self.can_be[order as usize]
    }

    fn is_order_open(&self) -> bool {
        matches!(self.date, DateForm::YearLast(_) | DateForm::ShortYear(_))
    }

    /// The format in the dialect without a prefix.
    fn format(&self, order: DateOrder, is_fraction_long: bool, has_plain_offset: bool) -> String {
        let time = self.time.map(|time| time.format(is_fraction_long)).unwrap_or_default();
        let zone = match self.zone {
            None => "",
            Some(zone) => match (zone.is_spaced, zone.has_colon && !has_plain_offset) {
                (false, false) => "%z",
                (false, true) => "%:z",
                (true, false) => " %z",
                (true, true) => " %:z",
            },
        };
        let date = match self.date {
            DateForm::YearFirst(separator) => format!("%Y{separator}%m{separator}%d"),
            DateForm::YearLast(separator) if order == DateOrder::Dmy => format!("%d{separator}%m{separator}%Y"),
            DateForm::YearLast(separator) => format!("%m{separator}%d{separator}%Y"),
            DateForm::ShortYear(separator) => match order {
                DateOrder::Mdy => format!("%m{separator}%d{separator}%y"),
                DateOrder::Dmy => format!("%d{separator}%m{separator}%y"),
                DateOrder::Ymd => format!("%y{separator}%m{separator}%d"),
            },
            DateForm::Undelimited => "%Y%m%d".to_owned(),
            DateForm::MonthName(separator) => format!("%d{separator}%b{separator}%Y"),
            DateForm::MonthNameShortYear(separator) => format!("%d{separator}%b{separator}%y"),
            DateForm::MonthNameFirst => "%b %d, %Y".to_owned(),
            DateForm::Rfc2822 => "%a, %d %b %Y".to_owned(),
            DateForm::Asctime => return format!("%a %b %e{time}{zone} %Y"),
        };
        format!("{date}{time}{zone}")
    }
}

impl TimeForm {
    fn format(&self, is_fraction_long: bool) -> String {
        let hour = if self.half.is_some() { "%I" } else { "%H" };
        let mut format = format!("{}{hour}", self.joint);
        for directive in [(TimeParts::Minute, "%M"), (TimeParts::Second, "%S")] {
            if self.parts >= directive.0 {
                format.extend(self.separator);
                format.push_str(directive.1);
            }
        }
        if let Some((separator, _)) = self.fraction {
            format.push(separator);
            format.push_str(if is_fraction_long { "%N" } else { "%L" });
        }
        match self.half {
            Some(true) => format.push_str(" %p"),
            Some(false) => format.push_str("%p"),
            None => {}
        }
        format
    }
}

/// Reads a text from left to right.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// A number of at least `least` and at most `most` digits, within `range`.
    fn number(&mut self, least: usize, most: usize, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let digits = self
            .rest
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
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

    /// A word that is one of `names`, in full or its first three letters, in any case. Gives its place from 1.
    fn name_of(&mut self, names: &[&str]) -> Option<u32> {
        let letters = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = std::str::from_utf8(&self.rest[..letters]).ok()?;
        let at = names.iter().position(|name| {
            name.eq_ignore_ascii_case(word) || (letters == 3 && name[..3].eq_ignore_ascii_case(word))
        })?;
        self.rest = &self.rest[letters..];
        u32::try_from(at + 1).ok()
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
            let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
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

const MONTHS: [&str; 12] = [
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

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const YEARS: std::ops::RangeInclusive<u32> = 1000..=4999;

/// Between date and time; longer ones first.
const JOINTS: [&str; 6] = [": ", ". ", " ", "_", "T", "."];

fn numeric_shape(text: &str) -> Option<Shape> {
    let mut reader = Reader { rest: text.as_bytes() };
    let digits = reader.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut can_be = [true; 3];
    let mut joints: &[&'static str] = &JOINTS;
    let date = match digits {
        8 | 14 => {
            reader.number(4, 4, YEARS)?;
            reader.number(2, 2, 1..=12)?;
            reader.number(2, 2, 1..=31)?;
            if digits == 14 {
                joints = &[""];
            }
            DateForm::Undelimited
        }
        4 => {
            reader.number(4, 4, YEARS)?;
            let separator = reader.any_of("/-.")?;
            reader.number(1, 2, 1..=12)?;
            reader.any_of(separator.encode_utf8(&mut [0; 4]))?;
            reader.number(1, 2, 1..=31)?;
            DateForm::YearFirst(separator)
        }
        1 | 2 => {
            let first = reader.number(1, 2, 0..=99)?;
            let separator = reader.any_of("/-.")?;
            let num_second = reader.num_digits();
            let second = reader.number(1, 2, 1..=31)?;
            reader.any_of(separator.encode_utf8(&mut [0; 4]))?;
            let (is_month, is_day) = (
                |number: u32| (1..=12).contains(&number),
                |number: u32| (1..=31).contains(&number),
            );
            if reader.num_digits() == 2 {
                let third = reader.number(2, 2, 0..=99)?;
                let is_padded = digits == 2 && num_second == 2;
                // `1.10.25` is rather a version than a date.
                if !is_padded && separator != '/' {
                    return None;
                }
                // Nor is `10.10.10.12` a date and an hour.
                joints = &[" ", "T", "_"];
                can_be = [
                    is_month(first),
                    is_day(first) && is_month(second),
                    is_padded && is_month(second) && is_day(third),
                ];
                DateForm::ShortYear(separator)
            } else {
                reader.number(4, 4, YEARS)?;
                can_be = [is_month(first), is_day(first) && is_month(second), false];
                DateForm::YearLast(separator)
            }
        }
        _ => return None,
    };
    if !can_be.contains(&true) || (reader.is_digit_next() && digits != 14) {
        return None;
    }
    let time = reader.time(joints);
    if digits == 14 && time.is_none_or(|time| time.parts != TimeParts::Second) {
        return None;
    }
    let zone = if time.is_some() { reader.zone() } else { None };
    reader.rest.is_empty().then_some(Shape {
        date,
        can_be,
        time,
        zone,
    })
}

fn named_shape(text: &str) -> Option<Shape> {
    let mut reader = Reader { rest: text.as_bytes() };
    let (date, time, zone);
    if reader.is_digit_next() {
        reader.number(1, 2, 1..=31)?;
        let separator = reader.any_of("/- ")?;
        reader.name_of(&MONTHS)?;
        reader.any_of(separator.encode_utf8(&mut [0; 4]))?;
        date = if reader.num_digits() == 2 {
            reader.number(2, 2, 0..=99)?;
            DateForm::MonthNameShortYear(separator)
        } else {
            reader.number(4, 4, YEARS)?;
            DateForm::MonthName(separator)
        };
        time = reader.time(&[":", " ", "T"]);
        zone = if time.is_some() { reader.zone() } else { None };
    } else if reader.name_of(&MONTHS).is_some() {
        reader.text(" ")?;
        reader.number(1, 2, 1..=31)?;
        reader.text(", ")?;
        reader.number(4, 4, YEARS)?;
        date = DateForm::MonthNameFirst;
        time = reader.time(&[" "]);
        zone = if time.is_some() { reader.zone() } else { None };
    } else {
        reader.name_of(&WEEKDAYS)?;
        if reader.text(", ").is_some() {
            reader.number(1, 2, 1..=31)?;
            reader.text(" ")?;
            reader.name_of(&MONTHS)?;
            reader.text(" ")?;
            reader.number(4, 4, YEARS)?;
            date = DateForm::Rfc2822;
            time = reader.time(&[" "]);
            zone = if time.is_some() { reader.zone() } else { None };
        } else {
            reader.text(" ")?;
            reader.name_of(&MONTHS)?;
            reader.text(" ")?;
            let _ = reader.text(" ");
            reader.number(1, 2, 1..=31)?;
            date = DateForm::Asctime;
            time = Some(reader.time(&[" "])?);
            zone = reader.zone();
            reader.text(" ")?;
            reader.number(4, 4, YEARS)?;
        }
    }
    reader.rest.is_empty().then_some(Shape {
        date,
        can_be: [true; 3],
        time,
        zone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: &[&str]) {
        let found = formats_of(values).map(|guessed| guessed.formats).unwrap_or_default();
        assert_eq!(found, expected, "{values:?}");
    }

    #[test]
    fn shapes_of_the_reference_have_their_formats() {
        check(&["2015-03-31 06:12:37"], &["%Y-%m-%d %H:%M:%S"]);
        check(&["2015-03-31T06:12:37Z"], &["%Y-%m-%dT%H:%M:%S%z"]);
        check(&["2015-03-31T06:12:37.123Z"], &["%Y-%m-%dT%H:%M:%S.%L%z"]);
        check(&["2015-03-31T06:12:37.123456+09:00"], &["%Y-%m-%dT%H:%M:%S.%N%:z"]);
        check(&["2015-03-31 06:12:37 +0900"], &["%Y-%m-%d %H:%M:%S %z"]);
        check(&["2015-03-31 06:12:37 UTC"], &["%Y-%m-%d %H:%M:%S %z"]);
        check(&["2015/3/1"], &["%Y/%m/%d"]);
        check(&["2015.03.31_06-12"], &["%Y.%m.%d_%H-%M"]);
        check(&["20150331"], &["%Y%m%d"]);
        check(&["20150331T061237"], &["%Y%m%dT%H%M%S"]);
        check(&["20150331061237"], &["%Y%m%d%H%M%S"]);
        check(&["10/Oct/2000:13:55:36 -0700"], &["%d/%b/%Y:%H:%M:%S %z"]);
        check(&["Tue, 31 Mar 2015 06:12:37 +0000"], &["%a, %d %b %Y %H:%M:%S %z"]);
        check(&["Tue Mar 31 06:12:37 2015"], &["%a %b %e %H:%M:%S %Y"]);
        check(&["Tue Mar  3 06:12:37 JST 2015"], &["%a %b %e %H:%M:%S %z %Y"]);
    }

    #[test]
    fn shapes_beyond_the_reference() {
        check(&["31-Mar-2015"], &["%d-%b-%Y"]);
        check(&["3/31/2015 6:12 AM"], &["%m/%d/%Y %I:%M %p"]);
        check(&["2015-03-31 06:12:37,123"], &["%Y-%m-%d %H:%M:%S,%L"]);
        check(&["Mar 31, 2015", "April 1, 2015"], &["%b %d, %Y"]);
    }

    #[test]
    fn years_of_two_digits_are_where_the_values_allow_it() {
        check(&["12/28/02", "1/2/03"], &["%m/%d/%y"]);
        check(&["28/12/02 13:45", "01/02/03 00:00"], &["%d/%m/%y %H:%M"]);
        check(&["90.01.01", "02.02.02", "04.12.13"], &["%y.%m.%d"]);
        check(
            &["01-01-90 12:12:00 AM", "12-13-04 03:16:00 PM"],
            &["%m-%d-%y %I:%M:%S %p"],
        );
        check(&["31-DEC-99", "01-JAN-00"], &["%d-%b-%y"]);
        check(&["12/28/02", "28/12/02"], &[]);
        check(&["12/28/02", "12/28/2002"], &[]);
        assert!(formats_of(&["05/05/03"]).unwrap().is_order_ambiguous);
        assert!(!formats_of(&["05/31/99"]).unwrap().is_order_ambiguous);
    }

    #[test]
    fn month_comes_first_until_a_value_forbids_it() {
        check(&["03/04/2015"], &["%m/%d/%Y"]);
        check(&["03/04/2015", "12/31/2015"], &["%m/%d/%Y"]);
        check(&["03/04/2015", "31/12/2015"], &["%d/%m/%Y"]);
        check(&["12/31/2015", "31/12/2015"], &[]);
        assert!(formats_of(&["03/04/2015"]).unwrap().is_order_ambiguous);
        assert!(!formats_of(&["03/14/2015"]).unwrap().is_order_ambiguous);
    }

    #[test]
    fn optional_parts_make_a_list_with_the_longest_first() {
        check(
            &["2015-03-31 06:12:37", "2015-03-31 06:12:37.5"],
            &["%Y-%m-%d %H:%M:%S.%L", "%Y-%m-%d %H:%M:%S"],
        );
        check(&["2015-03-31", "2015-03-31 06:12"], &["%Y-%m-%d %H:%M", "%Y-%m-%d"]);
        check(
            &["2015-03-31T06:12:37.5Z", "2015-03-31T06:12:37.123456Z"],
            &["%Y-%m-%dT%H:%M:%S.%N%z"],
        );
        check(
            &["2015-03-31T06:12:37Z", "2015-03-31T06:12:37+09:00"],
            &["%Y-%m-%dT%H:%M:%S%z"],
        );
    }

    #[test]
    fn orders_are_not_mixed() {
        check(&["2015-03-31", "31-03-2015"], &[]);
        check(&["2015-03-31", "2015/03/31"], &[]);
    }

    #[test]
    fn what_is_no_date_has_no_shape() {
        for text in [
            "",
            "06:12:37",
            "2015",
            "2015-13-01",
            "2015-03-32",
            "5-3-1",
            "1.10.25",
            "10.10.10.12",
            "20-30-40",
            "12/12/1",
            "127.0.0.1",
            "2015-03-31 25:00",
            "2015-03-31x",
            "99991231",
            "2015-03/31",
            "1.2.20155",
            "201503310612",
            "2015-03-31 06:12:37.",
            "٢٠١٥-٠٣-٣١",
            "13/13/2015",
            "Foo, 1 Mar 2015",
        ] {
            assert_eq!(shape(text), None, "{text:?}");
        }
    }

    #[test]
    fn digits_are_plausible_in_years_tables_speak_about() {
        assert!(is_plausible_digits("20150331") && is_plausible_digits("20150331235959"));
        for text in [
            "12345678",
            "20151301",
            "18991231",
            "2015033",
            "20150331236059",
            "2015-3-1",
        ] {
            assert!(!is_plausible_digits(text), "{text}");
        }
    }
}
