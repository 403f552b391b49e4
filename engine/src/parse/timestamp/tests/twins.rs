//! The compiled layout against the interpreter, on whatever chance makes up.

use super::*;

/// Formats that have a layout.
const FAST_FORMATS: [&str; 17] = [
    "%a %b %e %H:%M:%S %Y",
    "%Y-%m-%dT%H:%M:%S.%L%z",
    "%Y-%m-%d %H:%M:%S.%N %z",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%LZ",
    "%Y-%m-%dT%H:%M:%S%:z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%Y%m%d%H%M%S",
    "%Y%m%d",
    "%Y-%m-%d",
    "%m/%d/%Y",
    "%m/%d/%y %H:%M",
    "%d%b%Y",
    "%d.%m.%Y %H",
    "ruby:%Y-%m-%d %H:%M:%S %z",
];

fn ruby_format(format: &str, zone: &str) -> RubyFormat {
    match parser(format, zone).formats.remove(0) {
        Format::Ruby(format) => *format,
        Format::Java(_) => unreachable!("only Ruby formats are asked for"),
    }
}

#[test]
fn usual_formats_have_a_layout() {
    for format in FAST_FORMATS {
        assert!(ruby_format(format, "UTC").has_layout(), "{format}");
    }
    for format in [
        "%s",
        "%Y-%j",
        "%I:%M %p",
        "%H:%M",
        "%Y-%m-%d %H:%M:%S.%L1",
        "%Y-%m-%d %b %H",
        "%Y年%m月%d日",
    ] {
        assert!(!ruby_format(format, "UTC").has_layout(), "{format}");
    }
}

/// Patterns that have a layout, and the same in the words of `strftime`.
const FAST_PATTERNS: [(&str, &str); 12] = [
    ("java:yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "%Y-%m-%dT%H:%M:%S.%L%z"),
    ("java:uuuu-MM-dd'T'HH:mm:ssX", "%Y-%m-%dT%H:%M:%S%z"),
    ("java:uuuu-MM-dd HH:mm:ss.SSSSSSSSS xx", "%Y-%m-%d %H:%M:%S.%N %z"),
    ("java:yyyy-MM-dd HH:mm:ss Z", "%Y-%m-%d %H:%M:%S %z"),
    ("java:yyyy-MM-dd HH:mm:ss", "%Y-%m-%d %H:%M:%S"),
    ("java:yyyy-MM-dd'T'HH:mm:ss'Z'", "%Y-%m-%dT%H:%M:%SZ"),
    ("java:dd/MMM/yyyy:HH:mm:ss Z", "%d/%b/%Y:%H:%M:%S %z"),
    ("java:yyyyMMddHHmmssSSS", "%Y%m%d%H%M%S%L"),
    ("java:yyyyMMdd", "%Y%m%d"),
    ("java:dd.MM.uuuu", "%d.%m.%Y"),
    ("java:MM/dd/yyyy HH:mm", "%m/%d/%Y %H:%M"),
    ("java:yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXXXX", "%Y-%m-%dT%H:%M:%S.%N%z"),
];

fn java_format(format: &str) -> JavaFormat {
    match parser(format, "UTC").formats.remove(0) {
        Format::Java(format) => *format,
        Format::Ruby(_) => unreachable!("only patterns are asked for"),
    }
}

#[test]
fn usual_patterns_have_a_layout() {
    for (pattern, _) in FAST_PATTERNS {
        assert!(java_format(pattern).has_layout(), "{pattern}");
    }
    for pattern in [
        "java:yy-MM-dd",
        "java:y-M-d",
        "java:yyyy-MM-dd[ HH:mm:ss]",
        "java:EEE, dd MMM yyyy",
        "java:yyyy-MM-dd mm:ss",
        "java:dd-MM-yyyy'1'",
        "java:HH:mm",
        "java:yyyy-MM-dd hh:mm a",
        "java:yyyy-MM-dd HH:mm:ss VV",
    ] {
        assert!(!java_format(pattern).has_layout(), "{pattern}");
    }
}

/// A text of `format` as software writes it, with a zone at random.
fn formatted(format: &str, days: i64, seconds: i64, nanos: u32, zone: &str) -> String {
    let timestamp = jiff::Timestamp::new(days * 86_400 + seconds, 0).unwrap();
    let time = jiff::tz::Offset::UTC.to_datetime(timestamp);
    let format = format.trim_start_matches("ruby:");
    let format = format
        .replace("%L", &format!("{:03}", nanos / 1_000_000))
        .replace("%N", &format!("{nanos:09}"));
    time.strftime(&format.replace("%:z", "%z").replace("%z", zone))
        .to_string()
}

/// Reads `texts` with and without layout, in one go as a column would be.
#[track_caller]
fn check_twins(format: &str, default_zone: &str, texts: &[Vec<u8>]) {
    let mut parser = parser(format, default_zone);
    for text in texts {
        let expected = if text.is_empty() {
            None
        } else {
            ruby_format(format, default_zone).interpret(text)
        };
        assert_eq!(
            parser.parse(text),
            expected,
            "`{}` as `{format}`",
            String::from_utf8_lossy(text)
        );
    }
}

fn zone_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Z".to_owned()),
        Just("UTC".to_owned()),
        Just("PDT".to_owned()),
        Just("ROC".to_owned()),
        Just("JST DST".to_owned()),
        (prop_oneof![Just('+'), Just('-')], 0..20_u8, 0..70_u8, any::<bool>()).prop_map(
            |(sign, hours, minutes, colon)| { format!("{sign}{hours:02}{}{minutes:02}", if colon { ":" } else { "" }) }
        ),
    ]
}

/// A valid text with up to two bytes replaced, removed or added.
fn mutated(format: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![prop::sample::select(b"0123456789 :-+./TZazJn\t".to_vec()), any::<u8>(),];
    let change = (any::<prop::sample::Index>(), 0..3_u8, byte);
    let valid = (-30_000..60_000_i64, 0..86_400_i64, 0..1_000_000_000_u32, zone_text());
    (valid, prop::collection::vec(change, 0..3)).prop_map(move |((days, seconds, nanos, zone), changes)| {
        let mut text = formatted(format, days, seconds, nanos, &zone).into_bytes();
        for (place, kind, byte) in changes {
            let place = place.index(text.len() + 1);
            match kind {
                0 => text.insert(place, byte),
                1 if place < text.len() => text[place] = byte,
                _ if place < text.len() => {
                    text.remove(place);
                }
                _ => text.push(byte),
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layout_and_interpreter_read_the_same(
        (format, texts) in prop::sample::select(FAST_FORMATS.to_vec())
            .prop_flat_map(|format| (Just(format), prop::collection::vec(mutated(format), 1..20))),
        is_region in any::<bool>(),
    ) {
        let zone = if is_region && !format.starts_with("ruby:") { "America/Los_Angeles" } else { "UTC" };
        check_twins(format, zone, &texts);
    }

    #[test]
    fn layout_and_interpreter_of_patterns_read_the_same(
        (pattern, texts) in prop::sample::select(FAST_PATTERNS.to_vec())
            .prop_flat_map(|(pattern, format)| (Just(pattern), prop::collection::vec(mutated(format), 1..20))),
    ) {
        let mut parser = parser(pattern, "UTC");
        for text in texts.iter().filter(|text| !text.is_empty()) {
            let expected = java_format(pattern).interpret(text);
            prop_assert_eq!(parser.parse(text), expected, "`{}` as `{}`", String::from_utf8_lossy(text), pattern);
        }
    }

    #[test]
    fn layout_reads_what_was_written(
        days in -30_000..60_000_i64, seconds in 0..86_400_i64, nanos in 0..1_000_000_000_u32, hours in -12..=12_i64,
    ) {
        let sign = if hours < 0 { '-' } else { '+' };
        let zone = format!("{sign}{:02}30", hours.abs());
        let offset = hours * 3600 + if hours < 0 { -1800 } else { 1800 };
        let expected = (days * 86_400 + seconds - offset) * MICROS;
        for format in ["%Y-%m-%d %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z", "%Y%m%d%H%M%S%z"] {
            let text = formatted(format, days, seconds, nanos, &zone);
            prop_assert_eq!(parser(format, "UTC").parse(text.as_bytes()), Some(expected), "{}", text);
        }
        for (pattern, format) in [("java:yyyy-MM-dd HH:mm:ss Z", "%Y-%m-%d %H:%M:%S %z"), ("java:yyyyMMddHHmmssxx", "%Y%m%d%H%M%S%z")] {
            let text = formatted(format, days, seconds, nanos, &zone);
            prop_assert_eq!(parser(pattern, "UTC").parse(text.as_bytes()), Some(expected), "{}", text);
        }
        let format = "%Y-%m-%dT%H:%M:%S.%N%z";
        let text = formatted(format, days, seconds, nanos, &zone);
        prop_assert_eq!(parser(format, "UTC").parse(text.as_bytes()), Some(expected + i64::from(nanos / 1000)), "{}", text);
    }

    #[test]
    fn no_format_and_no_text_panics(
        prefix in prop::sample::select(vec!["", "ruby:", "java:"]),
        parts in prop::collection::vec(prop_oneof![
            "%[-_0-9:EO]{0,2}[a-zA-Z+%]",
            "[a-zA-Z]{1,5}",
            "[\\]\\[' :.,/年T-]",
        ], 1..10),
        texts in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[0-9 :.+TZa-z-]{0,40}".prop_map(String::into_bytes),
            "[0-9]{0,40}".prop_map(String::into_bytes),
        ], 1..10),
        zone in prop::sample::select(vec!["UTC", "Europe/London"]),
    ) {
        let format = format!("{prefix}{}", parts.concat());
        if let Ok(mut parser) = TimestampParser::new(&options(&format, zone)) {
            for text in &texts {
                parser.parse(text);
            }
        }
    }

    #[test]
    fn any_ruby_format_reads_the_same_with_and_without_layout(
        parts in prop::collection::vec(prop::sample::select(vec![
            "%Y", "%m", "%d", "%H", "%M", "%S", "%b", "%a", "%y", "%N", "%L", "%z", "-", "/", " ", ":", ".", "T", "1",
        ]), 3..12),
        texts in prop::collection::vec("[0-9]{4}[-/ T.:]?[01][0-9][-/ T.:]?[0-3][0-9]([ T:]?[0-2][0-9]([:.]?[0-5][0-9]){0,3})?( ?[-+Z0-9:]{0,6})", 1..10),
        dates in prop::collection::vec((-30_000..60_000_i64, 0..86_400_i64), 1..5),
    ) {
        let format = parts.concat();
        let mut texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        texts.extend(dates.iter().map(|(days, seconds)| formatted(&format, *days, *seconds, 123_456_789, "+09:00").into_bytes()));
        check_twins(&format, "UTC", &texts);
    }
}
