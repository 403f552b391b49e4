//! `add_time`, and formats of times in any filter.

use super::*;

#[track_caller]
fn add_time(source: &str) -> AddTimeSource {
    let FilterRule::AddTime(rule) = filter(&format!("{{type: add_time, to_column: {{name: time}}, {source}}}")) else {
        panic!()
    };
    assert_eq!((rule.to_column.as_str(), rule.to_unit), ("time", None));
    rule.source
}

#[test]
fn add_time_takes_columns_and_values() {
    let AddTimeSource::FromColumn {
        name,
        unit,
        timestamp,
        json_key,
    } = add_time("from_column: {name: at, unix_timestamp_unit: milli, default_timezone: Asia/Tokyo, json_key: k}")
    else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), unit, json_key.as_deref()),
        ("at", UnixUnit::Milli, Some("k"))
    );
    assert_eq!(
        (timestamp.formats[0].as_str(), timestamp.timezone.as_str()),
        ("%Y-%m-%d %H:%M:%S %z", "Asia/Tokyo")
    );
    assert_eq!(add_time("from_value: {value: 5}"), AddTimeSource::FixedTime(5_000_000));
    assert_eq!(
        add_time("from_value: {value: '5', unix_timestamp_unit: nano}"),
        AddTimeSource::FixedTime(0)
    );
    assert_eq!(
        add_time("from_value: {mode: incremental_time, from: 1, to: 9}"),
        AddTimeSource::IncrementalTime { from: 1, to: 9 }
    );
    assert_eq!(add_time("from_value: {mode: upload_time}"), AddTimeSource::UploadTime);
    let FilterRule::AddTime(rule) = filter(
        "{type: add_time, to_column: {name: t, type: long, unix_timestamp_unit: micro}, from_value: {value: 0}}",
    ) else {
        panic!()
    };
    assert_eq!(rule.to_unit, Some(UnixUnit::Micro));
}

#[test]
fn times_are_read_by_their_format() {
    assert_eq!(
        add_time("from_value: {value: 1970-01-02 00:00:00 +0000}"),
        AddTimeSource::FixedTime(86_400_000_000)
    );
    assert_eq!(
        add_time("from_value: {mode: incremental_time, from: 1970-01, to: 1970-02, timestamp_format: '%Y-%m'}"),
        AddTimeSource::IncrementalTime { from: 0, to: 2_678_400 }
    );
}

#[test]
fn formats_and_zones_that_do_not_compile_are_reported_where_they_stand() {
    let check_column = |column: &str, path: &str| {
        let errors = try_resolve(&file("", &format!("type: csv, columns: [{column}]"), ""), false).unwrap_err();
        assert_eq!(
            (
                errors.problems.len(),
                errors.problems[0].path.as_str(),
                errors.problems[0].line
            ),
            (1, path, 2)
        );
    };
    check_column(
        "{name: a, type: timestamp, format: '%Y', timezone: Mars/Olympus}",
        "in.parser.columns.0.format",
    );
    check_column(
        "{name: a, type: timestamp, date: 2026-02-31}",
        "in.parser.columns.0.type",
    );
    check_column(
        "{name: a, type: timestamp, format: 'java:{'}",
        "in.parser.columns.0.format",
    );
}

#[test]
fn add_time_errors() {
    let check_time = |source: &str, path: &str, message: &str| {
        check_filter_error(
            &format!("{{type: add_time, to_column: {{name: time}}, {source}}}"),
            path,
            message,
        );
    };
    check_time(
        "from_column: {name: a}, from_value: {value: 1}",
        "filters.0.from_value",
        "setting both from_column and from_value is invalid",
    );
    check_time("", "filters.0", "setting from_column or from_value is required");
    check_time(
        "from_value: {mode: fixed_time}",
        "filters.0.from_value",
        "required option is not set: 'value'",
    );
    check_time(
        "from_value: {value: 1, from: 2}",
        "filters.0.from_value.from",
        "invalid option is set: 'from'",
    );
    check_time(
        "from_value: {mode: incremental_time}",
        "filters.0.from_value",
        "required option is not set: 'from', 'to'",
    );
    check_time(
        "from_value: {mode: incremental_time, from: 9, to: 1}",
        "filters.0.from_value.to",
        "`to` must not be before `from`",
    );
    check_time(
        "from_value: {mode: now}",
        "filters.0.from_value.mode",
        "unknown mode 'now'. Supported modes are [fixed_time",
    );
    check_time(
        "from_value: {value: 1, unix_timestamp_unit: day}",
        "filters.0.from_value.unix_timestamp_unit",
        "unknown unix_timestamp_unit 'day'. Supported units are sec, milli, micro, and nano",
    );
    check_time(
        "from_value: {value: soon}",
        "filters.0.from_value.value",
        "`soon` cannot be read as a time",
    );
    check_time("from_column: {}", "filters.0.from_column.name", "`name` is required");
    check_filter_error(
        "{type: add_time, from_value: {value: 1}}",
        "filters.0.to_column",
        "`to_column` is required",
    );
}
