//! Turns a zone inside the data into an offset.
//!
//! First [`zone_length`] says how much of the text is the zone, by the pattern Ruby's `strptime` has for it; then the rules of
//! the dialect give it a meaning. Region ids have none: the pattern takes letters only, so `Asia/Tokyo` ends at `Asia`.

use super::MAX_OFFSET_SECONDS;
use super::names;

/// A zone that was named in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::parse::timestamp) enum TextZone {
    /// Seconds east of Greenwich.
    Offset(i64),
    /// `ROC`, the only name that stands for a region, Asia/Taipei.
    Taipei,
}

/// White space as Ruby's `strptime` knows it.
#[inline]
pub(in crate::parse::timestamp) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// How many bytes at the start of `text` are a zone, known or not.
///
/// One of, and the first that fits: an optional `GMT`, `UT` or `UTC` with an offset; words that end in `standard time` or
/// `daylight time`; one word, perhaps with `DST`. Case does not matter.
pub(in crate::parse::timestamp) fn zone_length(text: &[u8]) -> Option<usize> {
    offset_length(text)
        .or_else(|| long_name_length(text))
        .or_else(|| short_name_length(text))
}

fn offset_length(text: &[u8]) -> Option<usize> {
    let num_digits = |start: usize| text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = prefix_length(text);
    if !matches!(text.get(end), Some(b'+' | b'-')) {
        return None;
    }
    end += 1;
    let num_hour_digits = num_digits(end);
    if num_hour_digits == 0 {
        return None;
    }
    end += num_hour_digits;
    if matches!(text.get(end), Some(b',' | b'.' | b':')) {
        let more = num_digits(end + 1);
        if more > 0 {
            end += 1 + more;
            if text.get(end) == Some(&b':') {
                let more = num_digits(end + 1);
                end += if more > 0 { 1 + more } else { 0 };
            }
        }
    }
    Some(end)
}

fn prefix_length(text: &[u8]) -> usize {
    if starts_with_ignoring_case(text, b"gmt") || starts_with_ignoring_case(text, b"utc") {
        3
    } else if starts_with_ignoring_case(text, b"ut") {
        2
    } else {
        0
    }
}

fn long_name_length(text: &[u8]) -> Option<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'.' || is_white(*byte);
    let words = &text[..text.iter().take_while(|byte| is_part(byte)).count()];
    // The last place wins, as in a greedy match; something must stand before it.
    (1..words.len()).rev().find_map(|start| {
        let ending = &words[start..];
        if !starts_with_ignoring_case(ending, b"standard") && !starts_with_ignoring_case(ending, b"daylight") {
            return None;
        }
        let num_white = ending[8..].iter().take_while(|byte| is_white(**byte)).count();
        let is_time = num_white > 0 && starts_with_ignoring_case(&ending[8 + num_white..], b"time");
        let end = start + 8 + num_white + 4;
        (is_time && ends_word(text, end)).then_some(end)
    })
}

fn short_name_length(text: &[u8]) -> Option<usize> {
    let end = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if end == 0 || !ends_word(text, end) {
        return None;
    }
    let num_white = text[end..].iter().take_while(|byte| is_white(**byte)).count();
    let with_dst = end + num_white + 3;
    let has_dst =
        num_white > 0 && starts_with_ignoring_case(&text[end + num_white..], b"dst") && ends_word(text, with_dst);
    Some(if has_dst { with_dst } else { end })
}

fn ends_word(text: &[u8], end: usize) -> bool {
    !text
        .get(end)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

pub(in crate::parse::timestamp) fn starts_with_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && text[..start.len()].eq_ignore_ascii_case(start)
}

/// The zone of unprefixed formats: daylight names of America mean standard time, everything else is Ruby's.
pub(in crate::parse::timestamp) fn legacy_zone(name: &[u8]) -> Option<TextZone> {
    if name == b"ROC" {
        return Some(TextZone::Taipei);
    }
    legacy_american(name)
        .or_else(|| ruby_offset(name))
        .or_else(|| names::ruby_name(name))
        .map(TextZone::Offset)
}

/// Zones that existing load files rely on to be wrong in summer; upper case only, `pdt` is Ruby's.
fn legacy_american(name: &[u8]) -> Option<i64> {
    let hours = match name {
        b"EST" | b"EDT" => -5,
        b"CST" | b"CDT" => -6,
        b"MST" | b"MDT" => -7,
        b"PST" | b"PDT" => -8,
        b"HST" => -10,
        _ => return None,
    };
    Some(hours * 3600)
}

/// Whether a default zone is not to be looked up among the regions.
pub(super) fn is_offset_or_legacy_name(name: &[u8]) -> bool {
    matches!(name, b"Z" | b"UTC" | b"GMT" | b"UT") || legacy_american(name).is_some() || ruby_offset(name).is_some()
}

/// The zone of `ruby:` formats: a well-formed offset or one of the names of RFC 822, in any case.
pub(in crate::parse::timestamp) fn strict_zone(name: &[u8]) -> Option<i64> {
    if matches!(name.first(), Some(b'+' | b'-')) {
        // `+9` is not among the forms that Ruby's `Time` takes.
        return if name.len() == 2 { None } else { java_offset(name) };
    }
    names::rfc_822_name(name)
}

/// An offset as java.time reads one: `+h`, `+hh`, `+hhmm`, `+hh:mm`, `+hhmmss` or `+hh:mm:ss`, at most 18 hours.
pub(in crate::parse::timestamp) fn java_offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = signed(text)?;
    let two = |tens: &u8, ones: &u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (hours, minutes, seconds) = match rest {
        [h] => (two(&b'0', h)?, 0, 0),
        [h1, h0] => (two(h1, h0)?, 0, 0),
        [h1, h0, m1, m0] | [h1, h0, b':', m1, m0] => (two(h1, h0)?, two(m1, m0)?, 0),
        [h1, h0, m1, m0, s1, s0] | [h1, h0, b':', m1, m0, b':', s1, s0] => (two(h1, h0)?, two(m1, m0)?, two(s1, s0)?),
        _ => return None,
    };
    let total = hours * 3600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && total <= MAX_OFFSET_SECONDS).then_some(sign * total)
}

fn signed(text: &[u8]) -> Option<(i64, &[u8])> {
    match text {
        [b'+', rest @ ..] => Some((1, rest)),
        [b'-', rest @ ..] => Some((-1, rest)),
        _ => None,
    }
}

/// An offset as Ruby's `Date` reads one, with an optional `GMT`, `UT` or `UTC` before it.
///
/// Besides the usual forms: `+9:30`, `+930`, `+9.5` (hours and a fraction), and minutes above 59.
fn ruby_offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = signed(&text[prefix_length(text)..])?;
    // Numbers of more than nine digits cannot be offsets and would overflow.
    let number = |digits: &[u8]| {
        let is_number = !digits.is_empty() && digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| {
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
        })
    };
    let total = match rest.iter().position(|byte| !byte.is_ascii_digit()) {
        None if rest.len() > 9 => return None,
        None => {
            let num_hour_digits = if rest.len() <= 2 {
                rest.len()
            } else {
                2 - rest.len() % 2
            };
            let part = |start: usize| match rest.get(start..start + 2) {
                Some(digits) => number(digits),
                None => Some(0),
            };
            number(&rest[..num_hour_digits])? * 3600 + part(num_hour_digits)? * 60 + part(num_hour_digits + 2)?
        }
        Some(end) if rest[end] == b':' => {
            let (minutes, seconds) = match rest[end + 1..].iter().position(|byte| *byte == b':') {
                None => (&rest[end + 1..], &b"0"[..]),
                Some(length) => (&rest[end + 1..end + 1 + length], &rest[end + 2 + length..]),
            };
            number(&rest[..end])? * 3600 + number(minutes)? * 60 + number(seconds)?
        }
        Some(end) if matches!(rest[end], b'.' | b',') => {
            let fraction = &rest[end + 1..];
            let fraction = &fraction[..fraction.len().min(9)];
            let scale = fraction.iter().fold(1, |scale, _| scale * 10);
            number(&rest[..end])? * 3600 + number(fraction)? * 3600 / scale
        }
        Some(_) => return None,
    };
    (total <= MAX_OFFSET_SECONDS).then_some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_length(text: &str, expected: Option<&str>) {
        let length = zone_length(text.as_bytes());
        assert_eq!(length.map(|length| &text[..length]), expected);
    }

    #[test]
    fn zone_ends_where_rubys_pattern_ends() {
        check_length("+09:00 left over", Some("+09:00"));
        check_length("+0900Z", Some("+0900"));
        check_length("+09:", Some("+09"));
        check_length("+09:00:", Some("+09:00"));
        check_length("+09:00:30", Some("+09:00:30"));
        check_length("+9.5x", Some("+9.5"));
        check_length("utc+9", Some("utc+9"));
        check_length("UT-3", Some("UT-3"));
        check_length("UTC", Some("UTC"));
        check_length("UTC+", Some("UTC"));
        check_length("Z", Some("Z"));
        check_length("Asia/Tokyo", Some("Asia"));
        check_length("JST9", None);
        check_length("JST_", None);
        check_length("JST dst.", Some("JST dst"));
        check_length("JST dstx", Some("JST"));
        check_length(
            "E. South America Standard Time)",
            Some("E. South America Standard Time"),
        );
        check_length(
            "Tokyo standard time daylight  time",
            Some("Tokyo standard time daylight  time"),
        );
        check_length("Tokyo standard timer", Some("Tokyo"));
        check_length("+", None);
        check_length("", None);
        check_length("9", None);
        check_length(" Z", None);
    }

    #[test]
    fn legacy_offsets() {
        for (text, expected) in [
            ("+09", Some(32_400)),
            ("+9", Some(32_400)),
            ("+0900", Some(32_400)),
            ("+09:00", Some(32_400)),
            ("+9:30", Some(34_200)),
            ("+930", Some(34_200)),
            ("-09:30", Some(-34_200)),
            ("+012345", Some(5025)),
            ("+12345", Some(5025)),
            ("+01:23:45", Some(5025)),
            ("+9.5", Some(34_200)),
            ("+9,25", Some(33_300)),
            ("+09:75", Some(36_900)),
            ("GMT+9", Some(32_400)),
            ("utc-10", Some(-36_000)),
            ("UT+1", Some(3600)),
            ("+18", Some(64_800)),
            ("+18:01", None),
            ("+99", None),
            ("+12345678901234567890", None),
            ("+1:12345678901234567890", None),
            ("+", None),
            ("-1.", None),
        ] {
            assert_eq!(legacy_zone(text.as_bytes()), expected.map(TextZone::Offset), "{text}");
        }
    }

    #[test]
    fn legacy_names() {
        for (text, expected) in [
            ("Z", Some(0)),
            ("UTC", Some(0)),
            ("EST", Some(-5)),
            ("EDT", Some(-5)),
            ("CST", Some(-6)),
            ("CDT", Some(-6)),
            ("MST", Some(-7)),
            ("MDT", Some(-7)),
            ("PST", Some(-8)),
            ("PDT", Some(-8)),
            ("pdt", Some(-7)),
            ("HST", Some(-10)),
            ("JST", Some(9)),
            ("jst", Some(9)),
            ("JST DST", Some(10)),
            ("JST  dst", Some(10)),
            ("CET", Some(1)),
            ("CEST", Some(2)),
            ("Tokyo Standard Time", Some(9)),
            ("Pacific Daylight Time", Some(-7)),
            ("pacific\tdaylight \t time", Some(-7)),
            ("Asia", None),
            ("XYZ", None),
            ("J", None),
        ] {
            let expected = expected.map(|hours: i64| TextZone::Offset(hours * 3600));
            assert_eq!(legacy_zone(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(legacy_zone(b"ROC"), Some(TextZone::Taipei));
    }

    #[test]
    fn strict_zones() {
        for (text, expected) in [
            ("+09", Some(32_400)),
            ("+0900", Some(32_400)),
            ("+09:00", Some(32_400)),
            ("-09:30:15", Some(-34_215)),
            ("+093015", Some(34_215)),
            ("Z", Some(0)),
            ("UTC", Some(0)),
            ("UT", Some(0)),
            ("GMT", Some(0)),
            ("EST", Some(-18_000)),
            ("EDT", Some(-14_400)),
            ("PDT", Some(-25_200)),
            ("pdt", Some(-25_200)),
            ("A", Some(3600)),
            ("Y", Some(-43_200)),
            ("J", None),
            ("JST", None),
            ("+9", None),
            ("+9:30", None),
            ("+09:60", None),
            ("UTC+9", None),
            ("Asia", None),
        ] {
            assert_eq!(strict_zone(text.as_bytes()), expected, "{text}");
        }
    }
}
