//! Reads 64-bit integers by the rules of Java's `Long.parseLong`: an optional sign, then decimal digits of any script.

/// Digits that fit an `i64` whatever they are.
const MAX_SAFE_DIGITS: usize = 18;

/// The digit zero of each decimal script of the Basic Multilingual Plane but ASCII; nine more follow each. Java looks at UTF-16
/// units, so scripts beyond that plane do not count.
const ZEROS: [char; 36] = [
    '\u{0660}', '\u{06F0}', '\u{07C0}', '\u{0966}', '\u{09E6}', '\u{0A66}', '\u{0AE6}', '\u{0B66}', '\u{0BE6}',
    '\u{0C66}', '\u{0CE6}', '\u{0D66}', '\u{0DE6}', '\u{0E50}', '\u{0ED0}', '\u{0F20}', '\u{1040}', '\u{1090}',
    '\u{17E0}', '\u{1810}', '\u{1946}', '\u{19D0}', '\u{1A80}', '\u{1A90}', '\u{1B50}', '\u{1BB0}', '\u{1C40}',
    '\u{1C50}', '\u{A620}', '\u{A8D0}', '\u{A900}', '\u{A9D0}', '\u{A9F0}', '\u{AA50}', '\u{ABF0}', '\u{FF10}',
];

/// The integer that `text` spells; `None` if it spells none or one that does not fit.
#[inline]
pub fn read(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > MAX_SAFE_DIGITS {
        return read_any(text);
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return read_any(text);
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if is_negative { -value } else { value })
}

/// The whole rule, for what the loop above leaves: many digits, other scripts, and what is no integer.
#[cold]
fn read_any(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    // Counting downwards reaches the least value, which has no positive twin.
    let mut value: i64 = 0;
    for character in digits.chars() {
        value = value.checked_mul(10)?.checked_sub(digit_of(character)?)?;
    }
    if is_negative { Some(value) } else { value.checked_neg() }
}

fn digit_of(character: char) -> Option<i64> {
    if let Some(digit) = character.to_digit(10) {
        return Some(i64::from(digit));
    }
    let index = ZEROS.partition_point(|zero| *zero <= character).checked_sub(1)?;
    let digit = i64::from(u32::from(character) - u32::from(ZEROS[index]));
    (digit <= 9).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(read(text.as_bytes()), expected, "{text}");
        assert_eq!(read_any(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn signs_and_leading_zeros_are_accepted() {
        check("0", Some(0));
        check("-0", Some(0));
        check("+12", Some(12));
        check("007", Some(7));
        check("00000000000000000000000012", Some(12));
    }

    #[test]
    fn the_whole_range_is_accepted_and_no_more() {
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        check("9223372036854775808", None);
        check("-9223372036854775809", None);
        check("999999999999999999", Some(999_999_999_999_999_999));
    }

    #[test]
    fn digits_of_other_scripts_are_accepted() {
        check("٣٤", Some(34));
        check("-１２", Some(-12));
        check("1٣", Some(13));
        check("𝟏", None);
        check("\u{066A}", None);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "+", "-", "--1", "+-1", " 1", "1 ", "1.0", "1e3", "1,000", "0x10", "a", "−1", "\u{0}",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn short_and_long_way_agree(text in "[+-]?[0-9a٣]{0,22}") {
            prop_assert_eq!(read(text.as_bytes()), read_any(text.as_bytes()));
        }

        #[test]
        fn every_integer_is_read(value: i64) {
            prop_assert_eq!(read(value.to_string().as_bytes()), Some(value));
        }
    }
}
