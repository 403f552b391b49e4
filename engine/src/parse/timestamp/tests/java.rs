//! The prefix `java:`.

use super::*;

#[test]
fn java_numbers() {
    check("java:uuuu-MM-dd HH:mm:ss", "2015-03-31 06:12:37", "2015-03-31T06:12:37");
    check(
        "java:yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "2015-03-31T06:12:37.250+09:00",
        "2015-03-30T21:12:37.25",
    );
    check("java:yyyyMMddHHmmss", "20150331061237", "2015-03-31T06:12:37");
    check("java:yyyyMMddHHmmssSSS", "20150331061237250", "2015-03-31T06:12:37.25");
    check("java:yyyyMMddHHmmssSSS", "2015033106123725", "");
    check("java:yyMMdd", "150331", "2015-03-31T00:00:00");
    check("java:yyMMdd", "990331", "2099-03-31T00:00:00");
    check("java:u-M-d H:m:s", "2015-3-1 6:2:7", "2015-03-01T06:02:07");
    check("java:u-M-d H:m:s", "2015-03-01 06:02:07", "2015-03-01T06:02:07");
    check("java:uuuu-MM-dd", "2015-3-01", "");
    check("java:uuuu-MM-dd", "215-03-01", "");
    check("java:uuuu-MM-dd", "12015-03-01", "");
    check("java:uuuu-MM-dd", "+2015-03-01", "");
    check("java:uuuu-MM-dd", "-0001-03-01", "-000001-03-01T00:00:00");
    check("java:uuuu-MM-dd", "0000-03-01", "0000-03-01T00:00:00");
    check("java:yyyy-MM-dd", "0000-03-01", "");
    check("java:u-M", "-0-1", "");
    check("java:uuuu-DDD", "2015-032", "2015-02-01T00:00:00");
    check("java:uuuu-D", "2015-32", "2015-02-01T00:00:00");
    check("java:uuuuDDD", "2015032", "2015-02-01T00:00:00");
    check("java:uuuu-DDD", "2015-366", "");
    check("java:uuuu-MM-dd n", "2015-03-31 5000", "2015-03-31T00:00:00.000005");
    check("java:uuuu-MM-dd A", "2015-03-31 3600001", "2015-03-31T01:00:00.001");
    check(
        "java:uuuu-MM-dd N",
        "2015-03-31 3600000001000",
        "2015-03-31T01:00:00.000001",
    );
    check("java:H:m:s.S", "1:2:3.5", "1970-01-01T01:02:03.5");
    check("java:H:m:s.S", "1:2:3.55", "");
    check("java:H:m:s.SSSSSSSSS", "1:2:3.123456789", "1970-01-01T01:02:03.123456");
    assert_eq!(
        parser("java:uuuu-MM-dd", "Z").parse(b"+12345-01-01"),
        Some(327_403_382_400 * MICROS)
    );
    assert_eq!(
        parser("java:yyyyMMdd", "Z").parse(b"+123450101"),
        Some(327_403_382_400 * MICROS)
    );
    check("java:uuuu-MM-dd", "+9999999999999999999-01-01", "");
}

#[test]
fn java_values_out_of_range_are_refused() {
    for (format, text) in [
        ("java:uuuu-MM-dd", "2015-13-01"),
        ("java:uuuu-MM-dd", "2015-00-01"),
        ("java:uuuu-MM-dd", "2015-01-32"),
        ("java:uuuu-MM-dd", "2015-01-00"),
        ("java:HH:mm", "25:00"),
        ("java:HH:mm", "12:60"),
        ("java:HH:mm:ss", "12:00:60"),
        ("java:HH:mm", "24:01"),
        ("java:kk", "25"),
        ("java:hh a", "13 AM"),
        ("java:KK a", "12 AM"),
        ("java:A", "86400000"),
        ("java:e", "8"),
        ("java:Q", "5"),
    ] {
        check(format, text, "");
    }
}

#[test]
fn java_days_beyond_the_month_are_refused() {
    check("java:uuuu-MM-dd", "2015-02-28", "2015-02-28T00:00:00");
    check("java:uuuu-MM-dd", "2015-02-30", "");
    check("java:uuuu-MM-dd", "2016-02-29", "2016-02-29T00:00:00");
    check("java:uuuu-MM-dd", "2015-04-31", "");
    check("java:MM-dd", "02-30", "");
}

#[test]
fn java_hours() {
    check("java:uuuu-MM-dd HH:mm", "2015-03-31 24:00", "2015-04-01T00:00:00");
    check("java:kk:mm", "24:30", "1970-01-01T00:30:00");
    check("java:hh:mm a", "12:30 AM", "1970-01-01T00:30:00");
    check("java:hh:mm a", "12:30 PM", "1970-01-01T12:30:00");
    check("java:hh:mm a", "07:30 PM", "1970-01-01T19:30:00");
    check("java:hh:mm a", "07:30 pm", "1970-01-01T19:30:00");
    check("java:K:mm a", "0:30 PM", "1970-01-01T12:30:00");
    check("java:HH a", "13 PM", "1970-01-01T13:00:00");
    check("java:HH a", "13 AM", "");
    check("java:h[ a]", "7", "");
}

#[test]
fn java_words() {
    check("java:dd MMM uuuu", "31 Mar 2015", "2015-03-31T00:00:00");
    check("java:dd MMM uuuu", "31 mar 2015", "2015-03-31T00:00:00");
    check("java:dd MMM uuuu", "31 March 2015", "");
    check("java:dd MMMM uuuu", "31 March 2015", "2015-03-31T00:00:00");
    check("java:dd LLL uuuu", "31 Mar 2015", "2015-03-31T00:00:00");
    check("java:dd LLLL uuuu", "31 March 2015", "2015-03-31T00:00:00");
    check("java:EEE, d MMM uuuu", "Tue, 31 Mar 2015", "2015-03-31T00:00:00");
    check("java:EEEE d MMM uuuu", "Tuesday 31 Mar 2015", "2015-03-31T00:00:00");
    check("java:EEE, d MMM uuuu", "Mon, 31 Mar 2015", "");
    check("java:e uuuu-MM-dd", "3 2015-03-31", "2015-03-31T00:00:00");
    check("java:c uuuu-MM-dd", "2 2015-03-31", "");
    check("java:ccc uuuu-MM-dd", "Tue 2015-03-31", "2015-03-31T00:00:00");
    check("java:uuuu-MM-dd QQQ", "2015-03-31 Q1", "2015-03-31T00:00:00");
    check("java:uuuu-MM-dd QQQQ", "2015-03-31 1st quarter", "2015-03-31T00:00:00");
    check("java:uuuu-MM-dd q", "2015-03-31 2", "");
    check("java:uuuu-MM-dd D", "2015-03-31 90", "2015-03-31T00:00:00");
    check("java:uuuu-MM-dd D", "2015-03-31 91", "");
    check("java:uuuu D d", "2015 90 31", "2015-03-31T00:00:00");
    check("java:uuuu D M", "2015 90 4", "");
    check("java:uuuu D d", "2015 90 30", "");
    check("java:yyyy G", "2015 AD", "2015-01-01T00:00:00");
    check("java:yyyy GGGG", "2015 Anno Domini", "2015-01-01T00:00:00");
    check("java:yyyy G", "0001 BC", "0000-01-01T00:00:00");
}

#[test]
fn java_offsets() {
    let check_at = |letters: &str, zone: &str, expected: &str| {
        check(
            &format!("java:uuuu-MM-dd HH:mm {letters}"),
            &format!("2015-07-01 12:00 {zone}"),
            expected,
        );
    };
    let (tokyo, utc, half) = ("2015-07-01T03:00:00", "2015-07-01T12:00:00", "2015-07-01T02:30:00");
    for (letters, zone, expected) in [
        ("X", "+09", tokyo),
        ("X", "+0930", half),
        ("X", "Z", utc),
        ("X", "+09:00", ""),
        ("XX", "+0900", tokyo),
        ("XX", "Z", utc),
        ("XX", "+09", ""),
        ("XXX", "+09:00", tokyo),
        ("XXX", "Z", utc),
        ("XXX", "z", utc),
        ("XXX", "+0900", ""),
        ("XXXX", "+090000", tokyo),
        ("XXXX", "+0900", tokyo),
        ("XXXXX", "+09:00:00", tokyo),
        ("XXXXX", "+09:00", tokyo),
        ("XXXXX", "Z", utc),
        ("x", "+09", tokyo),
        ("x", "Z", ""),
        ("xx", "+0000", utc),
        ("xxx", "+09:00", tokyo),
        ("xxx", "Z", ""),
        ("Z", "+0900", tokyo),
        ("ZZZ", "+0900", tokyo),
        ("Z", "Z", ""),
        ("ZZZZ", "GMT+09:00", tokyo),
        ("ZZZZ", "GMT", utc),
        ("ZZZZZ", "+09:00", tokyo),
        ("ZZZZZ", "Z", utc),
        ("O", "GMT+9", tokyo),
        ("O", "GMT+9:30", half),
        ("O", "GMT", utc),
        ("OOOO", "GMT+09:00", tokyo),
        ("OOOO", "GMT+9", ""),
        ("VV", "+09:00", tokyo),
        ("VV", "Z", utc),
        ("VV", "Asia/Tokyo", ""),
        ("VV", "UTC+09:00", tokyo),
        ("z", "UTC", utc),
        ("z", "GMT", utc),
        ("z", "JST", ""),
        ("zzzz", "+09:00", tokyo),
        ("XXX", "+18:00", "2015-06-30T18:00:00"),
        ("XXX", "+18:01", ""),
        ("XXX", "+09:60", ""),
    ] {
        check_at(letters, zone, expected);
    }
    check_zone("java:uuuu-MM-dd", "+09:00", "2015-07-01", "2015-06-30T15:00:00");
}

#[test]
fn java_text_and_optional_sections() {
    check("java:uuuu'年'M'月'", "2015年3月", "2015-03-01T00:00:00");
    check("java:uuuu年M月", "2015年3月", "2015-03-01T00:00:00");
    check("java:'it''s' uuuu", "it's 2015", "2015-01-01T00:00:00");
    check("java:uuuu''MM", "2015'03", "2015-03-01T00:00:00");
    check(
        "java:uuuu-MM-dd['T'HH:mm[:ss[.SSS]]]",
        "2015-03-31",
        "2015-03-31T00:00:00",
    );
    check(
        "java:uuuu-MM-dd['T'HH:mm[:ss[.SSS]]]",
        "2015-03-31T06:12",
        "2015-03-31T06:12:00",
    );
    check(
        "java:uuuu-MM-dd['T'HH:mm[:ss[.SSS]]]",
        "2015-03-31T06:12:37.250",
        "2015-03-31T06:12:37.25",
    );
    check("java:uuuu-MM-dd['T'HH:mm[:ss[.SSS]]]", "2015-03-31T06:12:37.", "");
    check(
        "java:uuuu-MM-dd['T'HH:mm[:ss[.SSS",
        "2015-03-31T06:12:37.250",
        "2015-03-31T06:12:37.25",
    );
    check("java:[uuuu-MM-dd][uuuu/MM/dd]", "2015/03/31", "2015-03-31T00:00:00");
    check("java:uuuu-MM-dd", "2015-03-31 ", "");
    check("java:uuuu-MM-dd", " 2015-03-31", "");
    check("java:uuuu uuuu", "2015 2016", "");
    check("java:uuuu uuuu", "2015 2015", "2015-01-01T00:00:00");
}

#[test]
fn java_patterns_in_error_name_letter_and_place() {
    check_error(
        "java:uuuu-ww",
        "unsupported pattern letter `w` at position 11 of the timestamp format `java:uuuu-ww`",
    );
    check_error(
        "java:YYYY",
        "unsupported pattern letter `Y` at position 6 of the timestamp format `java:YYYY`",
    );
    check_error(
        "java:uuuu MMMMM",
        "unsupported number of pattern letters `MMMMM` at position 11 of the timestamp format `java:uuuu MMMMM`",
    );
    check_error(
        "java:ddd",
        "unsupported number of pattern letters `ddd` at position 6 of the timestamp format `java:ddd`",
    );
    check_error(
        "java:SSSSSSSSSS",
        "unsupported number of pattern letters `SSSSSSSSSS` at position 6 of the timestamp format `java:SSSSSSSSSS`",
    );
    check_error(
        "java:V",
        "unsupported number of pattern letters `V` at position 6 of the timestamp format `java:V`",
    );
    check_error(
        "java:uuuu]",
        "`]` without `[` at position 10 of the timestamp format `java:uuuu]`",
    );
    check_error(
        "java:uuuu'T",
        "quote `'` without an end at position 10 of the timestamp format `java:uuuu'T`",
    );
    check_error(
        "java:uuuu{",
        "reserved character `{` at position 10 of the timestamp format `java:uuuu{`",
    );
    check_error(
        "java:hh:mm",
        "`h` without `a` (`H` counts to 23) at position 6 of the timestamp format `java:hh:mm`",
    );
    let nested = format!("java:{}uuuu", "[".repeat(17));
    assert!(TimestampParser::new(&options(&nested, "UTC")).is_err());
}
