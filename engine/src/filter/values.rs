//! Turns values into text and text into values, by the rules that all filters share.
//!
//! The rules are those of Java, as the original has them: what a number may look like, how a double is written.

use crate::parse::columns::{ColumnType, TYPE_METADATA_KEY};
use crate::parse::timestamp::date_of_day;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use std::fmt::Write;

/// Characters of a value that a reason shows: enough to recognise it.
const SHOWN_CHARACTERS: usize = 100;

/// The type, in the configuration's words, whose values the column's can be turned into without reading them.
pub(crate) fn column_type(field: &Field) -> Option<ColumnType> {
    let text = match field.metadata().get(TYPE_METADATA_KEY) {
        Some(name) if name == ColumnType::Json.name() => ColumnType::Json,
        _ => ColumnType::String,
    };
    column_type_of(field.data_type(), text)
}

fn column_type_of(data_type: &DataType, text: ColumnType) -> Option<ColumnType> {
    match data_type {
        DataType::Boolean => Some(ColumnType::Boolean),
        data_type if data_type.is_integer() => Some(ColumnType::Long),
        data_type if data_type.is_floating() || data_type.is_decimal() => Some(ColumnType::Double),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Some(text),
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => Some(ColumnType::Timestamp),
        DataType::Dictionary(_, value) => column_type_of(value, text),
        _ => None,
    }
}

/// The values of one column in the Arrow type of their [`ColumnType`].
pub(crate) enum Values {
    Boolean(BooleanArray),
    Long(Int64Array),
    Double(Float64Array),
    /// Text that is, if `is_json`, one JSON value.
    Text {
        values: StringArray,
        is_json: bool,
    },
    Timestamp(TimestampMicrosecondArray),
}

impl Values {
    /// **Cost**: a copy only if the array is of another Arrow type than that of `column_type`.
    pub(crate) fn new(array: &ArrayRef, column_type: ColumnType) -> Result<Values, ArrowError> {
        let wanted = column_type.data_type();
        let array = if *array.data_type() == wanted {
            array.clone()
        } else {
            cast(array, &wanted)?
        };
        Ok(match column_type {
            ColumnType::Boolean => Values::Boolean(array.as_boolean().clone()),
            ColumnType::Long => Values::Long(array.as_primitive::<Int64Type>().clone()),
            ColumnType::Double => Values::Double(array.as_primitive::<Float64Type>().clone()),
            ColumnType::String => Values::Text {
                values: array.as_string::<i32>().clone(),
                is_json: false,
            },
            ColumnType::Json => Values::Text {
                values: array.as_string::<i32>().clone(),
                is_json: true,
            },
            ColumnType::Timestamp => Values::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone()),
        })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Boolean(values) => values.is_null(row),
            Values::Long(values) => values.is_null(row),
            Values::Double(values) => values.is_null(row),
            Values::Text { values, .. } => values.is_null(row),
            Values::Timestamp(values) => values.is_null(row),
        }
    }

    /// The text form of a value that is not null; `buffer` holds it where the column is not text already.
    pub(crate) fn text<'a>(&'a self, row: usize, buffer: &'a mut String) -> &'a str {
        buffer.clear();
        match self {
            Values::Boolean(values) => return if values.value(row) { "true" } else { "false" },
            Values::Text { values, .. } => return values.value(row),
            Values::Long(values) => write_long(values.value(row), buffer),
            Values::Double(values) => write_double(values.value(row), buffer),
            Values::Timestamp(values) => write_timestamp(values.value(row), buffer),
        }
        buffer
    }
}

/// A boolean in CSV text; every text is one.
pub(crate) fn boolean_of_text(text: &str) -> bool {
    matches!(
        text,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "t" | "T" | "y" | "Y" | "on" | "On" | "ON" | "1"
    )
}

/// The zeros of the decimal digits of other scripts, which `Long.parseLong` reads too.
const DIGIT_ZEROS: [u32; 37] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0,
];

/// What Java's `Long.parseLong` reads: a sign, decimal digits of any script, nothing else.
pub(crate) fn long_of_text(text: &str) -> Option<i64> {
    // `str::parse` agrees with Java on ASCII.
    if text.is_ascii() {
        return text.parse().ok();
    }
    let mut digits = String::with_capacity(text.len());
    for character in text.chars() {
        let code = u32::from(character);
        match DIGIT_ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
            Some(zero) => digits.push(char::from_digit(code - zero, 10).expect("less than ten")),
            None => digits.push(character),
        }
    }
    digits.parse().ok()
}

/// What Java's `Double.parseDouble` reads: white space around, a type suffix, hexadecimal, `NaN` and `Infinity`.
pub(crate) fn double_of_text(text: &str) -> Option<f64> {
    let text = text.trim_matches(|character| character <= ' ');
    let (is_negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = match unsigned {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let number = unsigned.strip_suffix(['f', 'F', 'd', 'D']);
            if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
                hexadecimal_of_text(&number.unwrap_or(unsigned)[2..])?
            } else {
                let number = number.unwrap_or(unsigned);
                // Rust reads words such as `inf` too, and a second sign was cut off above.
                if !number.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
                    return None;
                }
                number.parse().ok()?
            }
        }
    };
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Hexadecimal floating point after `0x`: `h.hp±d`, the exponent required.
fn hexadecimal_of_text(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let mut exponent: i32 = exponent.parse::<i64>().ok()?.clamp(-1_000_000, 1_000_000) as i32;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut mantissa: u128 = 0;
    for (digit, is_fraction) in whole
        .chars()
        .map(|digit| (digit, false))
        .chain(fraction.chars().map(|digit| (digit, true)))
    {
        let value = u128::from(digit.to_digit(16)?);
        if mantissa >> 120 == 0 {
            mantissa = mantissa << 4 | value;
            exponent -= if is_fraction { 4 } else { 0 };
        } else {
            // Digits beyond what a double can tell apart matter only by not being zero.
            mantissa |= u128::from(value != 0);
            exponent += if is_fraction { 0 } else { 4 };
        }
    }
    let mut value = mantissa as f64;
    while exponent != 0 && value != 0.0 && value.is_finite() {
        let step = exponent.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        exponent -= step;
    }
    Some(value)
}

/// Appends a long in decimal.
pub(crate) fn write_long(value: i64, out: &mut String) {
    write!(out, "{value}").expect("a String takes all text");
}

/// Appends a double as Java's `Double.toString` writes it: the shortest digits that read back, at least one behind the point,
/// with an exponent below 1e-3 and from 1e7.
pub(crate) fn write_double(value: f64, out: &mut String) {
    let magnitude = value.abs();
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        write!(out, "{value:?}").expect("a String takes all text");
    } else {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').expect("`e` formats with an exponent");
        out.push_str(digits);
        if !digits.contains('.') {
            out.push_str(".0");
        }
        out.push('E');
        out.push_str(exponent);
    }
}

/// Appends an instant as RFC 3339 in UTC, with the shortest exact fraction.
pub(crate) fn write_timestamp(micros: i64, out: &mut String) {
    write_date_and_time(micros, 'T', out);
    let fraction = micros.rem_euclid(1_000_000);
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
    out.push('Z');
}

/// Appends an instant as the original's `Timestamp` is written: `2026-11-28 07:05:00.120 UTC`, a fraction in milliseconds or else in
/// microseconds.
pub(crate) fn write_java_timestamp(micros: i64, out: &mut String) {
    write_date_and_time(micros, ' ', out);
    let fraction = micros.rem_euclid(1_000_000);
    let written = match (fraction, fraction % 1000) {
        (0, _) => Ok(()),
        (_, 0) => write!(out, ".{:03}", fraction / 1000),
        (_, _) => write!(out, ".{fraction:06}"),
    };
    written.expect("a String takes all text");
    out.push_str(" UTC");
}

/// Appends date and time of day to the second, with `separator` between them.
fn write_date_and_time(micros: i64, separator: char, out: &mut String) {
    let seconds = micros.div_euclid(1_000_000);
    let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of_day(days);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    let written = if (0..=9999).contains(&year) {
        write!(out, "{year:04}")
    } else {
        write!(out, "{year:+05}")
    };
    written.expect("a String takes all text");
    write!(out, "-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}").expect("a String takes all text");
}

/// The beginning of a value, for a message.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_double(value: f64, expected: &str) {
        let mut text = String::new();
        write_double(value, &mut text);
        assert_eq!(text, expected);
    }

    #[test]
    fn doubles_are_written_as_in_java() {
        for (value, expected) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.001, "0.001"),
            (0.0009, "9.0E-4"),
            (1_234_567.5, "1234567.5"),
            (1e7, "1.0E7"),
            (1.5e300, "1.5E300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            check_double(value, expected);
        }
    }

    #[test]
    fn doubles_are_read_as_in_java() {
        for (text, expected) in [
            (" 1.5 ", Some(1.5)),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1.5f", Some(1.5)),
            ("-2D", Some(-2.0)),
            ("+Infinity", Some(f64::INFINITY)),
            ("0x1.8p1", Some(3.0)),
            ("-0x.8p0d", Some(-0.5)),
            ("0x1p-1074", Some(f64::from_bits(1))),
            ("1e999", Some(f64::INFINITY)),
            ("inf", None),
            ("nan", None),
            ("", None),
            (".", None),
            ("--1", None),
            ("+-1", None),
            ("1,5", None),
            ("0x1", None),
            ("1 2", None),
        ] {
            assert_eq!(double_of_text(text), expected, "{text}");
        }
        assert!(double_of_text("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn longs_are_read_as_in_java() {
        for (text, expected) in [
            ("+7", Some(7)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("\u{0661}\u{FF12}", Some(12)),
            (" 1", None),
            ("1.0", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(long_of_text(text), expected, "{text}");
        }
    }

    #[test]
    fn timestamps_are_written_with_the_shortest_fraction() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_427_782_357_120_000, "2015-03-31T06:12:37.12Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00Z"),
        ] {
            let mut text = String::new();
            write_timestamp(micros, &mut text);
            assert_eq!(text, expected);
        }
    }
}
