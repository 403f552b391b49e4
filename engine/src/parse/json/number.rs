//! Reads numbers from text as Java's `Long.parseLong` and `Double.parseDouble` do.

/// Reads a whole number: an optional sign and decimal digits, nothing else.
///
/// `None`: not a number, or beyond 64 bits.
pub(super) fn parse_long(text: &[u8]) -> Option<i64> {
    // `i64::from_str` takes exactly what Java takes, but for the digits of other scripts.
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads a number with fraction and exponent, `NaN`, `Infinity`, or a hexadecimal number with exponent (`0x1.8p3`).
///
/// White space around it and a suffix `f`, `F`, `d`, `D` are allowed. Too large a number is infinite. `None`: not a number.
pub(super) fn parse_double(text: &[u8]) -> Option<f64> {
    let text = trim(text);
    let (is_negative, unsigned) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = match unsigned {
        b"NaN" => f64::NAN,
        b"Infinity" => f64::INFINITY,
        [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(without_suffix(digits))?,
        _ => parse_decimal(without_suffix(unsigned))?,
    };
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Cuts off what Java calls white space: everything up to the blank.
fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| *byte > b' ').unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| *byte > b' ')
        .map_or(start, |last| last + 1);
    &text[start..end]
}

fn without_suffix(text: &[u8]) -> &[u8] {
    match text {
        [number @ .., b'f' | b'F' | b'd' | b'D'] => number,
        _ => text,
    }
}

fn parse_decimal(text: &[u8]) -> Option<f64> {
    // Leaves the standard library its grammar of digits, without a second sign and without its words for infinity.
    if !text.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads `digits.digits p exponent`, with the point and one side of it optional, rounded to the nearest double.
fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    let exponent_at = text.iter().position(|byte| matches!(byte, b'p' | b'P'))?;
    let exponent: i64 = std::str::from_utf8(&text[exponent_at + 1..]).ok()?.parse().ok()?;
    let mut mantissa: u64 = 0;
    let mut scale: i64 = 0;
    let mut num_digits = 0;
    let mut is_in_fraction = false;
    for byte in &text[..exponent_at] {
        if *byte == b'.' && !is_in_fraction {
            is_in_fraction = true;
            continue;
        }
        let digit = u64::from(char::from(*byte).to_digit(16)?);
        num_digits += 1;
        if mantissa >> 58 == 0 {
            mantissa = mantissa << 4 | digit;
            scale -= if is_in_fraction { 4 } else { 0 };
        } else {
            // No room: what is cut off only matters for being zero or not.
            mantissa |= u64::from(digit != 0);
            scale += if is_in_fraction { 0 } else { 4 };
        }
    }
    if num_digits == 0 {
        None
    } else {
        Some(scaled(mantissa, exponent.saturating_add(scale)))
    }
}

/// `mantissa * 2^exponent`, rounded once.
fn scaled(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let bits = 64 - i64::from(mantissa.leading_zeros());
    // The exponent of the last place that the result can hold.
    let last_place = exponent.saturating_add(bits - 53).max(-1074);
    if last_place > 1024 {
        return f64::INFINITY;
    }
    let cut = last_place.saturating_sub(exponent);
    if cut > 64 {
        return 0.0;
    }
    let rounded = if cut <= 0 {
        mantissa << -cut
    } else {
        let wide = u128::from(mantissa);
        let kept = wide >> cut;
        let half = 1_u128 << (cut - 1);
        let rest = wide & ((1_u128 << cut) - 1);
        let is_up = rest > half || (rest == half && kept & 1 == 1);
        // At most 2^53, so nothing is lost.
        (kept + u128::from(is_up)) as u64
    };
    // Two steps: 2^-1074 is a double, but 2^1024 is not.
    let half_exponent = (last_place / 2) as i32;
    rounded as f64 * 2_f64.powi(half_exponent) * 2_f64.powi(last_place as i32 - half_exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_long(text: &str, expected: Option<i64>) {
        assert_eq!(parse_long(text.as_bytes()), expected, "{text}");
    }

    #[track_caller]
    fn check_double(text: &str, expected: Option<f64>) {
        assert_eq!(
            parse_double(text.as_bytes()).map(f64::to_bits),
            expected.map(f64::to_bits),
            "{text}"
        );
    }

    #[test]
    fn long_takes_a_sign_and_digits() {
        check_long("0", Some(0));
        check_long("+7", Some(7));
        check_long("-007", Some(-7));
        check_long("9223372036854775807", Some(i64::MAX));
        check_long("-9223372036854775808", Some(i64::MIN));
        for text in [
            "",
            "-",
            "+",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "1,000",
            "0x1",
            "9223372036854775808",
            "--1",
        ] {
            check_long(text, None);
        }
    }

    #[test]
    fn double_takes_what_java_takes() {
        check_double("1.5", Some(1.5));
        check_double(" \t+1e3\n", Some(1000.0));
        check_double(".5", Some(0.5));
        check_double("5.", Some(5.0));
        check_double("-0", Some(-0.0));
        check_double("1f", Some(1.0));
        check_double("1.5D", Some(1.5));
        check_double("1e400", Some(f64::INFINITY));
        check_double("-Infinity", Some(f64::NEG_INFINITY));
        check_double("NaN", Some(f64::NAN));
        for text in [
            "", " ", ".", "e5", "inf", "nan", "infinity", "1,5", "1 5", "+-1", "NaNf", "1ff", "0x10", "1e", "abc", "d",
        ] {
            check_double(text, None);
        }
    }

    #[test]
    fn hexadecimal_doubles_are_rounded_to_nearest_even() {
        check_double("0x1p0", Some(1.0));
        check_double("-0X1.8P3", Some(-12.0));
        check_double("0x.8p1f", None.or(Some(1.0)));
        check_double("0x1.fffffffffffffp1023", Some(f64::MAX));
        check_double("0x1.fffffffffffff8p1023", Some(f64::INFINITY));
        check_double("0x1p-1074", Some(f64::from_bits(1)));
        check_double("0x1p-1075", Some(0.0));
        check_double("0x1.8p-1075", Some(f64::from_bits(1)));
        check_double("0x1.00000000000008p0", Some(1.0));
        check_double("0x1.000000000000080000000000000001p0", Some(1.0 + f64::EPSILON));
        check_double("0x1p99999999999", Some(f64::INFINITY));
        check_double("0x0p99999999999", Some(0.0));
        check_double("0xp1", None);
        check_double("0x1.2.3p1", None);
    }
}
