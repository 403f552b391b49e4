//! Reads booleans, whole numbers, sizes and durations from their text.

use super::super::document::{Node, Value};
use crate::pack::StepSize;
use std::time::Duration;

/// Reads the words of YAML 1.1 too: files of the original have them.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Reads a whole number, also as text and with `_` between digits.
pub(super) fn parse_integer(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Int(integer, _) => Some(*integer),
        Value::Float(number, _) if number.fract() == 0.0 && number.abs() < 9e15 =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 fits exactly")]
            Some(*number as i64)
        }
        Value::String(text) => text.text.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

/// Splits `12.5 MiB` into its number and its unit.
fn split_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text
        .find(|character: char| !matches!(character, '0'..='9' | '.' | '_'))
        .unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim_start()))
}

/// `unit_scale` units of the least kind, times the number before it; exact for whole numbers.
fn scaled(number: &str, unit_scale: u64) -> Option<u64> {
    let number = number.replace('_', "");
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit_scale);
    }
    let product = number.parse::<f64>().ok()? * unit_scale as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    (product < 9e18).then_some(product as u64)
}

/// Reads a size in bytes, or a number of files: `1000 files`.
pub(super) fn parse_step_size(text: &str) -> Option<StepSize> {
    match text.trim().strip_suffix("files").or(text.trim().strip_suffix("file")) {
        Some(number) => number.trim().replace('_', "").parse().ok().map(StepSize::Files),
        None => parse_size(text).map(StepSize::Bytes),
    }
}

/// Reads a size in bytes: `64MiB` and `64M` are binary, `256MB` is decimal, as is usual.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let scale = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return None,
    };
    scaled(number, scale)
}

/// Reads a duration with a unit.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let millis = match unit.to_ascii_lowercase().as_str() {
        "ms" => 1,
        "s" | "sec" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    scaled(number, millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(text: &str, expected: Option<u64>) {
        assert_eq!(parse_size(text), expected, "{text}");
    }

    #[test]
    fn sizes_carry_units() {
        check_size("10", Some(10));
        check_size("64MiB", Some(64 << 20));
        check_size("64 mib", Some(64 << 20));
        check_size("64M", Some(64 << 20));
        check_size("256MB", Some(256_000_000));
        check_size("1.5KiB", Some(1536));
        check_size("2g", Some(2 << 30));
        check_size("1_000", Some(1_000));
        check_size("1TB", Some(1_000_000_000_000));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "-1", "12 parsecs", "1e3", "99999999999TiB", "1..2"] {
            check_size(text, None);
        }
    }

    #[test]
    fn durations_carry_units() {
        assert_eq!(parse_duration("1500ms"), Some(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("2 h"), Some(Duration::from_secs(7_200)));
        assert_eq!(parse_duration("2"), None);
        assert_eq!(parse_duration("2 weeks"), None);
    }

    #[test]
    fn booleans_are_lenient() {
        for text in ["true", "TRUE", "yes", "on"] {
            assert_eq!(parse_bool(text), Some(true));
        }
        for text in ["false", "no", "Off"] {
            assert_eq!(parse_bool(text), Some(false));
        }
        assert_eq!(parse_bool("2"), None);
    }
}
