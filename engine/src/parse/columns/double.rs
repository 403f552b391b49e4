//! Reads binary64 numbers by the rules of Java's `Double.parseDouble`.
//!
//! Around the number everything up to U+0020 is ignored; `NaN`, `Infinity`, hexadecimal floats and a type suffix (`f F d D`)
//! are accepted. What is too large is an infinity, what is too small a zero, never an error.

/// Integers up to here are exact in a binary64.
const MAX_EXACT_INTEGER: u64 = 1 << 53;

/// Powers of ten that are exact in a binary64.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The number that `text` spells, correctly rounded; `None` if it spells none.
#[inline]
pub fn read(text: &[u8]) -> Option<f64> {
    read_short(text).or_else(|| read_any(text))
}

/// Plain decimals of few digits, which one exact division turns into the correctly rounded result. `None`: not one of these.
#[inline]
fn read_short(text: &[u8]) -> Option<f64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // With 18 digits the sum below cannot overflow.
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut mantissa: u64 = 0;
    let mut point = None;
    for (index, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(index);
        } else {
            return None;
        }
    }
    let num_decimals = match point {
        Some(_) if digits.len() == 1 => return None,
        Some(index) => digits.len() - index - 1,
        None if digits.len() == 19 => return None,
        None => 0,
    };
    if mantissa > MAX_EXACT_INTEGER {
        return None;
    }
    let value = mantissa as f64 / POWERS_OF_TEN[num_decimals];
    Some(if is_negative { -value } else { value })
}

/// The whole rule.
fn read_any(text: &[u8]) -> Option<f64> {
    let text = trimmed(text);
    let (is_negative, magnitude) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let value = match magnitude {
        b"NaN" => f64::NAN,
        b"Infinity" => f64::INFINITY,
        [b'0', b'x' | b'X', hexadecimal @ ..] => read_hexadecimal(without_suffix(hexadecimal))?,
        _ => read_decimal(without_suffix(magnitude))?,
    };
    Some(if is_negative { -value } else { value })
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [0..=b' ', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., 0..=b' '] = text {
        text = rest;
    }
    text
}

fn without_suffix(text: &[u8]) -> &[u8] {
    match text {
        [number @ .., b'f' | b'F' | b'd' | b'D'] => number,
        _ => text,
    }
}

fn read_decimal(text: &[u8]) -> Option<f64> {
    // Rust's own reader also knows `inf` and `nan`, and signs; those must not get there.
    if !matches!(text.first()?, b'0'..=b'9' | b'.') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads what follows `0x`: hexadecimal digits with at most one point, then `p` and a decimal exponent.
fn read_hexadecimal(text: &[u8]) -> Option<f64> {
    let marker = text.iter().position(|byte| matches!(byte, b'p' | b'P'))?;
    let (digits, exponent) = (&text[..marker], &text[marker + 1..]);

    // The first 64 significant bits; what follows them only decides how a tie is rounded.
    let mut mantissa: u64 = 0;
    let mut has_more = false;
    let mut scale: i64 = 0;
    let mut is_after_point = false;
    let mut num_digits = 0;
    for byte in digits {
        if *byte == b'.' && !is_after_point {
            is_after_point = true;
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        num_digits += 1;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            scale -= if is_after_point { 4 } else { 0 };
        } else {
            has_more |= digit != 0;
            scale += if is_after_point { 0 } else { 4 };
        }
    }
    if num_digits == 0 {
        return None;
    }

    let (is_exponent_negative, exponent_digits) = match exponent {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, exponent),
    };
    if exponent_digits.is_empty() {
        return None;
    }
    let mut exponent: i64 = 0;
    for byte in exponent_digits {
        exponent = exponent
            .saturating_mul(10)
            .saturating_add(i64::from(char::from(*byte).to_digit(10)?));
    }
    Some(scaled(
        mantissa,
        has_more,
        scale.saturating_add(if is_exponent_negative { -exponent } else { exponent }),
    ))
}

/// `mantissa` and a little more if `has_more`, times two to the power of `exponent`, rounded half to even.
fn scaled(mantissa: u64, has_more: bool, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let shift = i64::from(mantissa.leading_zeros());
    let mantissa = mantissa << shift;
    // The value is `mantissa / 2^63 * 2^power`, its leading bit set.
    let power = exponent.saturating_sub(shift).saturating_add(63);
    if power > 1023 {
        return f64::INFINITY;
    }
    // Bits to drop: 11 of a normal number, more of a subnormal one.
    let num_dropped = if power >= -1022 {
        11
    } else {
        (-1022 - power).saturating_add(11)
    };
    if num_dropped > 64 {
        return 0.0;
    }
    let (kept, dropped, half) = if num_dropped == 64 {
        (0, mantissa, 1u64 << 63)
    } else {
        (
            mantissa >> num_dropped,
            mantissa & ((1 << num_dropped) - 1),
            1u64 << (num_dropped - 1),
        )
    };
    let is_rounded_up = dropped > half || dropped == half && (has_more || kept & 1 == 1);
    let significand = kept + u64::from(is_rounded_up);
    // The implicit bit adds one to the biased exponent, and so does a carry out of the rounding: plain addition gets both right.
    let biased = if power >= -1022 { (power + 1022) as u64 } else { 0 };
    f64::from_bits((biased << 52) + significand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<f64>) {
        let actual = read(text.as_bytes());
        assert_eq!(
            actual.map(f64::to_bits),
            expected.map(f64::to_bits),
            "{text}: {actual:?}"
        );
    }

    #[test]
    fn decimals_are_accepted() {
        check("0", Some(0.0));
        check("-0", Some(-0.0));
        check("12.5", Some(12.5));
        check("+12.5", Some(12.5));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check("1e3", Some(1000.0));
        check("1E-3", Some(0.001));
        check("0.1", Some(0.1));
        check("9007199254740993", Some(9_007_199_254_740_992.0));
        check(
            "123456789012345678901234567890",
            Some(123_456_789_012_345_680_000_000_000_000.0),
        );
    }

    #[test]
    fn white_space_around_and_a_suffix_are_ignored() {
        check(" \t\r\n1.5\u{0} ", Some(1.5));
        check("1.5f", Some(1.5));
        check("1d", Some(1.0));
        check("1e3D ", Some(1000.0));
        check("0.1F", Some(0.1));
    }

    #[test]
    fn special_values_are_accepted() {
        check("-Infinity", Some(f64::NEG_INFINITY));
        check("+Infinity", Some(f64::INFINITY));
        assert!(read(b" NaN ").unwrap().is_nan());
        assert!(read(b"-NaN").unwrap().is_nan());
        check("1e999", Some(f64::INFINITY));
        check("-1e999", Some(f64::NEG_INFINITY));
        check("1e-999", Some(0.0));
    }

    #[test]
    fn hexadecimal_floats_are_accepted() {
        check("0x1p0", Some(1.0));
        check("0X1.8P3f", Some(12.0));
        check("-0x.8p1", Some(-1.0));
        check("0x1.p+4", Some(16.0));
        check("0x0p9999999999999999999", Some(0.0));
        check("0x1p1024", Some(f64::INFINITY));
        check("0x1.fffffffffffffp1023", Some(f64::MAX));
        check("0x1.fffffffffffff8p1023", Some(f64::INFINITY));
        check("0x1p-1022", Some(f64::MIN_POSITIVE));
        check("0x1p-1074", Some(f64::from_bits(1)));
        check("0x1p-1075", Some(0.0));
        check("0x1.8p-1075", Some(f64::from_bits(1)));
        check("0x0.fffffffffffff8p-1022", Some(f64::MIN_POSITIVE));
        check("0x1.00000000000008p0", Some(1.0));
        check("0x1.00000000000008000000000000001p0", Some(1.0 + f64::EPSILON));
        check("0x1.00000000000018p0", Some(1.0 + 2.0 * f64::EPSILON));
        check("0x1p-99999999999999999999", Some(0.0));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            ".",
            "-",
            "+",
            "e5",
            "1e",
            "1e+",
            "1,5",
            "1 5",
            "inf",
            "nan",
            "infinity",
            "NaNd",
            "Infinityf",
            "--1",
            "1ff",
            "1_000",
            "0x",
            "0x1",
            "0xp1",
            "0x1p",
            "0x1.1.1p1",
            "0x1pf",
            "٣",
            "f",
            ".f",
            "1.2.3",
            "\u{A0}1",
            "0x-1p1",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn short_and_long_way_agree(text in "-?[0-9]{0,12}[.]?[0-9]{0,12}") {
            if let Some(short) = read_short(text.as_bytes()) {
                prop_assert_eq!(Some(short.to_bits()), read_any(text.as_bytes()).map(f64::to_bits));
            }
        }

        #[test]
        fn every_number_is_read(bits: u64) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                prop_assert_eq!(read(format!("{value:?}").as_bytes()).map(f64::to_bits), Some(bits));
                let exponent = (bits >> 52 & 0x7ff) as i64;
                let (leading, exponent) = if exponent == 0 { (0, -1022) } else { (1, exponent - 1023) };
                let sign = if bits >> 63 == 1 { "-" } else { "" };
                let text = format!("{sign}0x{leading}.{:013x}p{exponent}", bits & ((1 << 52) - 1));
                prop_assert_eq!(read(text.as_bytes()).map(f64::to_bits), Some(bits));
            }
        }
    }
}
