//! `in.parser`.

use super::*;

#[test]
fn csv_defaults_are_those_of_the_kernel() {
    let options = csv("");
    let expected = CsvOptions {
        columns: options.columns.clone(),
        ..CsvOptions::default()
    };
    assert_eq!(format!("{options:?}"), format!("{expected:?}"));
    assert_eq!(options.columns[0].timestamp, TimestampOptions::default());
}

#[test]
fn csv_values_are_read() {
    let options = csv(
        "delimiter: '||', quote: \"'\", escape: \"'\", quotes_in_quoted_fields: ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS, \
         null_string: '\\N', max_quoted_size_limit: 9, comment_line_marker: '#', skip_header_lines: '2', \
         allow_optional_columns: true, allow_extra_columns: true, charset: MS932, newline: LF, line_delimiter_recognized: CR",
    );
    assert_eq!(
        (options.delimiter.as_str(), options.quote, options.escape),
        ("||", Some('\''), Some('\''))
    );
    assert_eq!(
        options.quotes_in_quoted_fields,
        QuotesInQuotedFields::AcceptStrayQuotesAssumingNoDelimitersInFields
    );
    assert_eq!(options.null_string.as_deref(), Some("\\N"));
    assert_eq!((options.max_quoted_size_limit, options.skip_header_lines), (9, 2));
    assert_eq!(options.comment_line_marker.as_deref(), Some("#"));
    assert!(options.allow_optional_columns && options.allow_extra_columns);
    assert_eq!(options.charset, encoding_rs::SHIFT_JIS);
    assert_eq!(
        (options.newline, options.line_delimiter_recognized),
        (Newline::Lf, Some(Newline::Cr))
    );
}

#[test]
fn null_strings_keep_their_spelling() {
    assert_eq!(csv("null_string: ''").null_string.as_deref(), Some(""));
    assert_eq!(csv("null_string: null").null_string, None);
    assert_eq!(csv("null_string: 'null'").null_string.as_deref(), Some("null"));
    assert_eq!(csv("null_string: 1.0").null_string.as_deref(), Some("1.0"));
}

#[test]
fn quote_and_escape_may_be_null() {
    assert_eq!(csv("quote: null").quote, None);
    assert_eq!(csv("escape: null").escape, None);
    assert_eq!(csv("quote: \"\\0\"").quote, None);
    assert_eq!(csv("escape: '\\0'").escape, None);
    assert_eq!(csv("escape: '\\'").escape, Some('\\'));
}

#[test]
fn empty_quote_and_escape_are_warned_about() {
    let text = file("", &format!("{CSV}, quote: ''"), "");
    check_warning(&text, "in.parser.quote", "an empty `quote` means `\"`", None);
    assert_eq!(csv("quote: ''").quote, Some('"'));
    let text = file("", &format!("{CSV}, escape: ''"), "");
    check_warning(&text, "in.parser.escape", "an empty `escape` means `null`", None);
    assert_eq!(csv("escape: ''").escape, None);
}

#[test]
fn tsv_is_csv_with_a_tab() {
    let plan = resolved(&file("", "type: tsv, columns: [{name: a, type: string}]", "")).plan;
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!()
    };
    assert_eq!(options.delimiter, "\t");
    assert_eq!(csv("delimiter: \"\\t\"").delimiter, "\t");
    assert_eq!(csv("delimiter: '\\t', use_string_literal: true").delimiter, "\t");
    check_warning(
        &file("", &format!("{CSV}, delimiter: '\\t'"), ""),
        "in.parser.delimiter",
        "two characters",
        None,
    );
}

#[test]
fn the_older_header_line_counts_one() {
    assert_eq!(csv("header_line: true").skip_header_lines, 1);
    assert_eq!(csv("header_line: false").skip_header_lines, 0);
    assert_eq!(csv("header_line: true, skip_header_lines: 0").skip_header_lines, 0);
    check_csv_error(
        "header_line: true, skip_header_lines: 1",
        "in.parser.header_line",
        "'header_line' option is invalid if 'skip_header_lines' is set",
    );
}

#[test]
fn csv_errors_name_the_key() {
    check_csv_error(
        "quote: ab",
        "in.parser.quote",
        "\"quote\" option accepts only 1 character",
    );
    check_csv_error(
        "escape: ab",
        "in.parser.escape",
        "\"escape\" option accepts only 1 character",
    );
    check_csv_error("delimiter: ''", "in.parser.delimiter", "must not be empty");
    check_csv_error(
        "delimiter: '\"'",
        "in.parser.delimiter",
        "must not begin with the quote",
    );
    check_csv_error("charset: utf-9", "in.parser.charset", "unknown charset 'utf-9'");
    check_csv_error(
        "newline: LFCR",
        "in.parser.newline",
        "unknown newline 'LFCR'. Supported are [CRLF, LF, CR]",
    );
    check_csv_error(
        "quotes_in_quoted_fields: NO",
        "in.parser.quotes_in_quoted_fields",
        "\"quotes_in_quoted_fields\" must be one of [ACCEPT_ONLY_RFC4180_ESCAPED, ",
    );
    check_csv_error(
        "skip_header_lines: -1",
        "in.parser.skip_header_lines",
        "must be at least 0, not -1",
    );
    check_csv_error(
        "max_quoted_size_limit: 1.5",
        "in.parser.max_quoted_size_limit",
        "`1.5` cannot be read",
    );
    check_csv_error(
        "trim_if_not_quoted: true, quotes_in_quoted_fields: ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS",
        "in.parser.trim_if_not_quoted",
        "cannot be set together",
    );
}

#[test]
fn the_unexpected_follows_the_options() {
    let options = csv("header: by_position");
    assert_eq!(options.column_match, ColumnMatch::ByPosition);
    assert_eq!(options.on_bad_value, OnBadValue::Reject);
    let options = csv(
        "header: by_name, header_case_insensitive: true, header_line: true, on_new_columns: rescue, on_bad_value: 'null'",
    );
    assert_eq!(options.column_match, ColumnMatch::ByName { ignores_case: true });
    assert_eq!(options.skip_header_lines, 0, "the header is no line to be skipped");
    assert_eq!(options.on_new_columns, OnNewColumns::Rescue);
    assert_eq!(options.on_bad_value, OnBadValue::Null);
    assert_eq!(csv("header: by_name, skip_header_lines: 2").skip_header_lines, 2);
    // Nobody who writes it means the absence of a value.
    assert_eq!(csv("on_bad_value: null").on_bad_value, OnBadValue::Null);
}

#[test]
fn options_for_the_unexpected_that_mean_nothing_are_errors() {
    check_csv_error(
        "on_new_columns: add",
        "in.parser.on_new_columns",
        "nothing tells which columns are new",
    );
    check_csv_error(
        "header_case_insensitive: true",
        "in.parser.header_case_insensitive",
        "columns are not found by their names",
    );
    check_csv_error(
        "header: by_name, header_line: false",
        "in.parser.header_line",
        "`header: by_name` needs a header",
    );
    check_csv_error("header: names", "in.parser.header", "unknown header 'names'");
    check_csv_error(
        "on_bad_value: drop",
        "in.parser.on_bad_value",
        "unknown on_bad_value 'drop'",
    );
    let twins = "type: csv, header: by_name, header_case_insensitive: true, \
                 columns: [{name: a, type: long}, {name: A, type: long}]";
    check_problems(
        &file("", twins, ""),
        &[("in.parser.columns", 2, "a header cannot tell `a` from `A`")],
    );
    let taken = "type: jsonl, on_bad_value: rescue, columns: [{name: _rescued, type: json}]";
    check_problems(
        &file("", taken, ""),
        &[("in.parser.columns", 2, "`_rescued` is the column for what has no place")],
    );
}

#[test]
fn other_parsers_are_errors_that_list_ours() {
    check_problems(
        &file("", "type: parquet", ""),
        &[(
            "in.parser.type",
            2,
            "unknown parser type 'parquet'. Supported types are [csv, tsv, json, jsonl]",
        )],
    );
    check_problems(
        &file("", "quote: x", ""),
        &[("in.parser.type", 2, "`type` is required")],
    );
    check_problems(
        "in: {bucket: b, path: p, auth_method: anonymous}",
        &[("in.parser", 1, "`parser` is required")],
    );
}

#[test]
fn columns_have_names_types_and_formats() {
    let text = "type: csv, default_timezone: Asia/Tokyo, default_timestamp_format: '%Y', default_date: 2000-01-01, columns: [\
        {name: 1, type: timestamp}, {name: true, type: timestamp, format: ['%d', '%m'], timezone: UTC, date: 2001-01-01}]";
    let Some(ParserOptions::Csv(options)) = resolved(&file("", text, "")).plan.input.parser else {
        panic!()
    };
    let options_of = |formats: &[&str], timezone: &str, date: &str| TimestampOptions {
        formats: formats.iter().map(|format| (*format).to_owned()).collect(),
        timezone: timezone.to_owned(),
        date: date.to_owned(),
    };
    assert_eq!(
        (options.columns[0].name.as_str(), options.columns[1].name.as_str()),
        ("1", "true")
    );
    assert_eq!(
        options.columns[0].timestamp,
        options_of(&["%Y"], "Asia/Tokyo", "2000-01-01")
    );
    assert_eq!(
        options.columns[1].timestamp,
        options_of(&["%d", "%m"], "UTC", "2001-01-01")
    );
}

#[test]
fn wrong_columns_are_errors() {
    let check_columns = |columns: &str, path: &str, message: &str| {
        check_problems(
            &file("", &format!("type: csv, columns: {columns}"), ""),
            &[(path, 2, message)],
        );
    };
    check_columns("[{type: long}]", "in.parser.columns.0.name", "`name` is required");
    check_columns(
        "[{name: '', type: long}]",
        "in.parser.columns.0.name",
        "must not be empty",
    );
    check_columns("[{name: a}]", "in.parser.columns.0.type", "`type` is required");
    check_columns(
        "[{name: a, type: strng}]",
        "in.parser.columns.0.type",
        "unknown type 'strng'. Supported types are [boolean, long, double, string, timestamp, json]",
    );
    check_columns("[a]", "in.parser.columns.0", "text cannot be read as a map");
    check_columns("a", "in.parser.columns", "`a` cannot be read as a list");
    check_columns("[]", "in.parser.columns", "attribute 'columns' is required but not set");
    check_columns(
        "[{name: a, type: timestamp, format: []}]",
        "in.parser.columns.0.format",
        "must not be empty",
    );
    check_columns(
        "[{name: a, type: long}, {name: a, type: long}]",
        "in.parser",
        "the column `a` stands twice in `columns`",
    );
}

#[test]
fn columns_named_twice_are_told_apart_when_the_file_makes_names_unique() {
    let parser = "type: csv, columns: [{name: a, type: long}, {name: a, type: long}, {name: a_2, type: long}]";
    let text = file(
        "",
        parser,
        "filters: [{type: rename, rules: [{rule: unique_number_suffix}]}]\n",
    );
    let Some(ParserOptions::Csv(options)) = resolved(&text).plan.input.parser else {
        panic!()
    };
    let names: Vec<&str> = options.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "a_3", "a_2"]);
}

#[test]
fn json_values_are_read() {
    let options = json("type: json");
    assert_eq!(options.layout, JsonLayout::Values);
    assert!(options.columns.is_empty() && options.charset.is_none() && options.root.is_none());
    let options = json(
        "type: json, root: /a/b, flatten_json_array: true, invalid_string_escapes: unescape, charset: UTF-16LE, \
         max_record_size: 1KiB, columns: [{name: x, type: long, element_at: /x/0}]",
    );
    assert_eq!(options.root.as_deref(), Some("/a/b"));
    assert!(options.flatten_json_array);
    assert_eq!(options.invalid_string_escapes, InvalidStringEscapes::Unescape);
    assert_eq!(options.charset, Some(encoding_rs::UTF_16LE));
    assert_eq!(options.max_record_bytes, 1024);
    assert_eq!(options.columns[0].element_at.as_deref(), Some("/x/0"));
}

#[test]
fn jsonl_takes_columns_or_schema() {
    for key in ["columns", "schema"] {
        let options = json(&format!(
            "type: jsonl, {key}: [{{name: x, type: long, typecast: true}}]"
        ));
        assert_eq!(options.layout, JsonLayout::Lines);
        assert_eq!(options.columns[0].name, "x");
        assert_eq!(options.charset, Some(encoding_rs::UTF_8));
    }
    let missing = file("", "type: jsonl", "");
    check_problems(
        &missing,
        &[("in.parser.columns", 2, "attribute 'columns' is required but not set")],
    );
    let both = file("", "type: jsonl, columns: [{name: a, type: long}], schema: []", "");
    check_problems(&both, &[("in.parser.schema", 2, "both are set")]);
    let text = file(
        "",
        "type: jsonl, default_typecast: false, columns: [{name: a, type: long}]",
        "",
    );
    check_warning(&text, "in.parser.default_typecast", "always converted", None);
}

#[test]
fn json_pointers_begin_with_a_slash() {
    let text = file("", "type: json, root: $.a.b", "");
    let errors = try_resolve(&text, false).unwrap_err();
    assert_eq!(errors.problems[0].message, "`$.a.b` is not a JSON Pointer");
    assert_eq!(errors.problems[0].hint.as_deref(), Some("write `/a/b`"));
}

#[test]
fn bad_records_follow_on_error() {
    let on_error = |lines: &str| resolved(&file("", &format!("{CSV}, {lines}"), "")).plan.input.on_error;
    assert!(on_error("on_error: fail").is_fail);
    assert!(!on_error("on_error: skip").is_fail);
    assert!(on_error("stop_on_invalid_record: true").is_fail);
    assert!(on_error("stop_on_invalid_record: true, on_error: fail").is_fail);
    assert_eq!(
        on_error("max_skipped_records: 3").max_errors,
        Some(RejectLimit::new("in.parser.max_skipped_records", 3))
    );
    let both = on_error("max_errors: 3, max_error_ratio: 0.5");
    assert_eq!(both.max_errors, Some(RejectLimit::new("in.parser.max_errors", 3)));
    assert_eq!(
        both.max_error_ratio,
        Some(RejectLimit::new("in.parser.max_error_ratio", 0.5))
    );
    assert_eq!(
        on_error("on_error: {mode: skip, rejects: none, max_errors: 10, max_error_ratio: '0.1'}"),
        OnError {
            is_fail: false,
            has_rejects_table: false,
            max_errors: Some(RejectLimit::new("in.parser.on_error.max_errors", 10)),
            max_error_ratio: Some(RejectLimit::new("in.parser.on_error.max_error_ratio", 0.1))
        }
    );
    check_csv_error(
        "on_error: stop",
        "in.parser.on_error",
        "unknown on_error 'stop'. Supported values are [skip, fail]",
    );
    check_csv_error(
        "on_error: {rejects: file}",
        "in.parser.on_error.rejects",
        "unknown rejects 'file'",
    );
    check_csv_error(
        "on_error: skip, stop_on_invalid_record: true",
        "in.parser.stop_on_invalid_record",
        "`stop_on_invalid_record: true` contradicts `on_error: skip`",
    );
    check_csv_error(
        "max_error_ratio: 5",
        "in.parser.max_error_ratio",
        "must be between 0 and 1, not 5",
    );
    check_csv_error(
        "max_errors: 5, max_skipped_records: 5",
        "in.parser.max_skipped_records",
        "set twice",
    );
}
