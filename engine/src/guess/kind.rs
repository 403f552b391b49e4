//! Says what the text of a single value can be.

use super::timestamp;
use crate::parse::columns::ColumnType;

/// What one text can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No text.
    Empty,
    Boolean,
    Long,
    Double,
    Timestamp,
    Json,
    String,
}

impl Kind {
    pub(super) fn column_type(self) -> ColumnType {
        match self {
            Kind::Boolean => ColumnType::Boolean,
            Kind::Long => ColumnType::Long,
            Kind::Double => ColumnType::Double,
            Kind::Timestamp => ColumnType::Timestamp,
            Kind::Json => ColumnType::Json,
            Kind::Empty | Kind::String => ColumnType::String,
        }
    }
}

const TRUE_WORDS: [&str; 13] = [
    "true", "True", "TRUE", "yes", "Yes", "YES", "t", "T", "y", "Y", "on", "On", "ON",
];
const FALSE_WORDS: [&str; 13] = [
    "false", "False", "FALSE", "no", "No", "NO", "f", "F", "n", "N", "off", "Off", "OFF",
];

/// Exponents with more digits leave the range of a double.
const MAX_EXPONENT_DIGITS: usize = 3;

/// What `text` can be.
pub(crate) fn kind_of(text: &str) -> Kind {
    if text.is_empty() {
        Kind::Empty
    } else if TRUE_WORDS.contains(&text) || FALSE_WORDS.contains(&text) {
        Kind::Boolean
    } else if is_long(text) {
        Kind::Long
    } else if is_double(text) {
        Kind::Double
    } else if timestamp::shape(text).is_some() {
        Kind::Timestamp
    } else if is_json(text) {
        Kind::Json
    } else {
        Kind::String
    }
}

/// Canonical text of a 64-bit integer: what is written back is what was read.
fn is_long(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_canonical = digits == "0" && digits == text || (!digits.starts_with('0') && !digits.is_empty());
    is_canonical
        && digits.len() <= 19
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<i64>().is_ok()
}

fn is_double(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return true;
    }
    let digits_in = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole_digits = digits_in(unsigned);
    if whole_digits > 1 && unsigned.starts_with('0') {
        return false;
    }
    let mut rest = &unsigned[whole_digits..];
    let mut has_fraction = false;
    if let Some(fraction) = rest.strip_prefix('.') {
        let fraction_digits = digits_in(fraction);
        if fraction_digits == 0 {
            return false;
        }
        has_fraction = true;
        rest = &fraction[fraction_digits..];
    }
    if whole_digits == 0 && !has_fraction {
        return false;
    }
    let mut has_exponent = false;
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let exponent_digits = digits_in(exponent);
        if !(1..=MAX_EXPONENT_DIGITS).contains(&exponent_digits) {
            return false;
        }
        has_exponent = true;
        rest = &exponent[exponent_digits..];
    }
    if has_fraction {
        rest = rest.strip_prefix(['f', 'F', 'd', 'D']).unwrap_or(rest);
    }
    let number = &text[..text.len() - rest.len()];
    let number = number.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(number);
    rest.is_empty() && (has_fraction || has_exponent) && number.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_json(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_kind(text: &str, expected: Kind) {
        assert_eq!(kind_of(text), expected, "{text:?}");
    }

    #[test]
    fn kinds_of_single_values() {
        for text in ["true", "Yes", "N", "off", "T"] {
            check_kind(text, Kind::Boolean);
        }
        for text in ["0", "1", "-5", "9223372036854775807", "20150127"] {
            check_kind(text, Kind::Long);
        }
        for text in [
            "1.0",
            "-0.5",
            "+1.25",
            "1e5",
            "1E-5",
            "1.5f",
            "NaN",
            "-Infinity",
            ".5",
            "0.0",
        ] {
            check_kind(text, Kind::Double);
        }
        for text in ["2015-01-27", "10/Oct/2000:13:55:36 -0700"] {
            check_kind(text, Kind::Timestamp);
        }
        for text in ["{}", "[1,2]", "{\"a\":1}"] {
            check_kind(text, Kind::Json);
        }
        for text in [
            "007",
            "+5",
            "-0",
            "9223372036854775808",
            "1,000",
            "1e9999",
            "5.",
            "1e",
            "tRuE",
            "{",
            "a",
            " 1",
            "0x1F",
            "1.5ff",
            "1f",
            "00.5",
            ".",
            "-",
            "+",
            "e5",
            "inf",
            "1e999",
        ] {
            check_kind(text, Kind::String);
        }
        check_kind("", Kind::Empty);
    }
}
