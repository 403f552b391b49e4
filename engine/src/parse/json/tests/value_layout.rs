//! `json`: records are values that follow each other.

use super::*;

fn flattened(root: &str) -> JsonOptions {
    let root = (!root.is_empty()).then(|| root.to_owned());
    JsonOptions {
        root,
        flatten_json_array: true,
        ..values(vec![column("a", ColumnType::Long)])
    }
}

#[test]
fn values_follow_each_other_with_any_space_between() {
    let input = "{\"a\":1}{\"a\":2} {\"a\":3}\r\n\t{\n  \"a\"\n:\n4\n}\n\n";
    check(
        &values(vec![column("a", ColumnType::Long)]),
        input,
        &["1", "2", "3", "4"],
        &[],
    );
    check(&values(Vec::new()), "", &[], &[]);
    check(&values(Vec::new()), " \n ", &[], &[]);
}

#[test]
fn positions_are_those_of_the_value() {
    let input = "{\"a\":1}\r\n\r\n  {\n\"a\":\r\"?\"}\n5 6\n\"x\"";
    let rejects = [
        "3:13:2 a: cannot read `?` as long: {\n\"a\":\r\"?\"}",
        "6:25:3 value is a number, expected an object: 5",
        "6:27:4 value is a number, expected an object: 6",
        "7:29:5 value is a string, expected an object: \"x\"",
    ];
    check(&values(vec![column("a", ColumnType::Long)]), input, &["1"], &rejects);
}

#[test]
fn a_syntax_error_ends_the_file_and_what_came_before_counts() {
    let options = values(vec![column("a", ColumnType::Long)]);
    for (input, rows, error) in [
        (
            "{\"a\":1}\n{\"a\":2",
            &["1"][..],
            "expected `,` or `}`, found the end of the file at line 2, byte 14",
        ),
        (
            "{\"a\":1}\n{\"a\"x} {\"a\":3}",
            &["1"],
            "expected `:`, found `x` at line 2, byte 12",
        ),
        (
            "{\"a\":1},{\"a\":2}",
            &["1"],
            "expected a value, found `,` at line 1, byte 7",
        ),
        ("{\"a\":1}]", &["1"], "expected a value, found `]` at line 1, byte 7"),
        ("{\"a\":[1}}", &[], "expected `,` or `]`, found `}` at line 1, byte 7"),
        ("{\"a\":tru ", &[], "expected `true`, found ` ` at line 1, byte 8"),
        (
            "tru",
            &[],
            "expected `true`, found the end of the file at line 1, byte 3",
        ),
        (
            "{} -",
            &["null"],
            "expected a digit, found the end of the file at line 1, byte 4",
        ),
        (
            "{} 1.5e",
            &["null"],
            "expected a digit, found the end of the file at line 1, byte 7",
        ),
        (
            "\"abc",
            &[],
            "expected `\"`, found the end of the file at line 1, byte 4",
        ),
        (
            "\"abc\\",
            &[],
            "expected one of `\"\\/bfnrtu` after `\\`, found the end of the file at line 1, byte 5",
        ),
        (
            "\"\\u12",
            &[],
            "expected a hexadecimal digit, found the end of the file at line 1, byte 5",
        ),
        (
            "{\"a\":\"\\q\"}",
            &[],
            "expected one of `\"\\/bfnrtu` after `\\`, found `q` at line 1, byte 7",
        ),
        ("日", &[], "expected a value, found byte 0xE6 at line 1, byte 0"),
    ] {
        let error = format!("cannot parse json: {error}");
        let outcome = outcome_of(&options, &[input.as_bytes()]);
        assert_eq!(outcome.rows, rows, "{input}");
        assert_eq!(outcome.errors, [error], "{input}");
    }
}

#[test]
fn the_next_file_is_read_after_a_syntax_error() {
    let outcome = outcome_of(
        &values(vec![column("a", ColumnType::Long)]),
        &[b"{\"a\":1}{", b"{\"a\":2}"],
    );
    assert_eq!(outcome.rows, ["1", "2"]);
    assert_eq!(outcome.errors.len(), 1);
}

#[test]
fn numbers_and_words_need_no_space_after_them() {
    let outcome = outcome_of(
        &values(Vec::new()),
        &[b"1 -2\"x\"3[4]5.5e1{}truefalse null NaN-Infinity"],
    );
    assert_eq!(outcome.rows, ["{}"]);
    let records: Vec<&str> = outcome
        .rejects
        .iter()
        .map(|reject| reject.record.kept.as_str())
        .collect();
    assert_eq!(
        records,
        [
            "1",
            "-2",
            "\"x\"",
            "3",
            "[4]",
            "5.5e1",
            "true",
            "false",
            "null",
            "NaN",
            "-Infinity"
        ]
    );
    assert!(outcome.errors.is_empty());
}

#[test]
fn control_characters_in_strings_are_content() {
    check(
        &values(vec![column("a", ColumnType::String)]),
        "{\"a\":\"x\ny\u{0}\"}",
        &["x\ny\u{0}"],
        &[],
    );
    check(
        &values(vec![column("a", ColumnType::Json)]),
        "{\"a\":\"x\ny\u{0}\"}",
        &["\"x\\ny\\u0000\""],
        &[],
    );
}

#[test]
fn root_leads_to_the_record() {
    let options = JsonOptions {
        root: Some("/r/1".to_owned()),
        ..values(vec![column("a", ColumnType::Long)])
    };
    let input = "{\"r\":[{},{\"a\":1}]}{\"r\":[]}{\"r\":[1,2]}{\"r\":{\"1\":{\"a\":3}}}{\"r\":[0,{\"a\":\"?\"}]}5";
    let rejects = [
        "1:18:2 no value at root `/r/1`: {\"r\":[]}",
        "1:26:3 value is a number, expected an object: {\"r\":[1,2]}",
        "1:56:5 a: cannot read `?` as long: {\"r\":[0,{\"a\":\"?\"}]}",
        "1:75:6 no value at root `/r/1`: 5",
    ];
    check(&options, input, &["1", "3"], &rejects);
}

#[test]
fn each_element_of_a_flattened_array_is_a_record() {
    let input = "[{\"a\":1},\n{\"a\":2}]\n[] [{\"a\":\"?\"} , 3,[4]]\n{\"a\":5}\n6";
    let rejects = [
        "3:23:3 a: cannot read `?` as long: {\"a\":\"?\"}",
        "3:35:4 value is a number, expected an object: 3",
        "3:37:5 value is an array, expected an object: [4]",
        "4:42:6 value is an object, expected an array: {\"a\":5}",
        "5:50:7 value is a number, expected an array: 6",
    ];
    check(&flattened(""), input, &["1", "2"], &rejects);
}

#[test]
fn the_array_to_flatten_is_found_below_members_and_elements() {
    let input = r#"{"x":{"r":[{"a":9}]},"r":{"s":[1,[{"a":1},{"a":2}],3],"t":[]},"y":[]} {"r":{"s":{"1":[{"a":3}]}}}"#;
    check(&flattened("/r/s/1"), input, &["1", "2", "3"], &[]);
}

#[test]
fn a_value_without_the_array_is_a_reject() {
    let input = "{\"r\":[{\"a\":1}]}\n{\"x\": [1]}\n{\"r\":null}\n7\n{\"r\":[]}\n{}[]";
    let rejects = [
        "2:16:2 no value at root `/r`: {\"x\": [1]}",
        "3:32:3 value is null, expected an array: null",
        "4:38:4 no value at root `/r`: 7",
        "6:49:5 no value at root `/r`: {}",
        "6:51:6 no value at root `/r`: []",
    ];
    check(&flattened("/r"), input, &["1"], &rejects);
}

#[test]
fn both_arrays_of_a_member_that_comes_twice_are_flattened() {
    check(&flattened("/r"), r#"{"r":[{"a":1}],"r":[{"a":2}]}"#, &["1", "2"], &[]);
}

#[test]
fn elements_before_a_syntax_error_count() {
    for (root, input, error) in [
        (
            "",
            "[{\"a\":1},{\"a\":2},]",
            "expected a value, found `]` at line 1, byte 17",
        ),
        (
            "",
            "[{\"a\":1},{\"a\":2} {",
            "expected `,` or `]`, found `{` at line 1, byte 17",
        ),
        (
            "",
            "[{\"a\":1},{\"a\":2}",
            "expected `,` or `]`, found the end of the file at line 1, byte 16",
        ),
        (
            "",
            "[{\"a\":1},{\"a\":2},",
            "expected a value, found the end of the file at line 1, byte 17",
        ),
        (
            "",
            "[{\"a\":1},{\"a\":2},{",
            "expected a member name or `}`, found the end of the file at line 1, byte 18",
        ),
        (
            "/r",
            "{\"r\":[{\"a\":1},{\"a\":2}]",
            "expected `,` or `}`, found the end of the file at line 1, byte 22",
        ),
        (
            "/r",
            "{\"r\":[{\"a\":1},{\"a\":2}],}",
            "expected a member name, found `}` at line 1, byte 23",
        ),
        (
            "/r",
            "{\"r\":[{\"a\":1},{\"a\":2}],\"x\"}",
            "expected `:`, found `}` at line 1, byte 26",
        ),
        (
            "/r",
            "{\"r\":[{\"a\":1},{\"a\":2}],\"x\":[1,}",
            "expected a value, found `}` at line 1, byte 30",
        ),
    ] {
        let outcome = outcome_of(&flattened(root), &[input.as_bytes()]);
        assert_eq!(outcome.rows, ["1", "2"], "{input}");
        assert_eq!(outcome.errors, [format!("cannot parse json: {error}")], "{input}");
    }
}

#[test]
fn the_text_of_a_long_value_without_root_is_cut() {
    let input = format!("{{\"x\":[{}1]}}", "1,".repeat(RecordText::MAX_BYTES / 2));
    let outcome = outcome_of(&flattened("/r"), &[input.as_bytes()]);
    let record = &outcome.rejects[0].record;
    assert!(!record.is_whole());
    assert!(record.kept == input[..RecordText::MAX_BYTES]);
}

#[test]
fn a_flattened_array_may_be_longer_than_a_record() {
    let options = JsonOptions {
        max_record_bytes: 20,
        ..flattened("/r")
    };
    let input = format!("{{\"r\":[{}{{\"a\":1}}]}}", "{\"a\":1},".repeat(500));
    let outcome = outcome_of(&options, &[input.as_bytes()]);
    assert_eq!(outcome.rows.len(), 501);
}

#[test]
fn a_value_that_is_too_long_ends_the_file() {
    let options = JsonOptions {
        max_record_bytes: 10,
        ..values(vec![column("a", ColumnType::Long)])
    };
    let error = ["a record is longer than 10 bytes at line 2, byte 12"];
    check_with_error(&options, "{\"a\":1234}\n {\"a\":12345} {}", &["1234"], &[], &error);
    check_with_error(&options, "{\"a\":1234}\n {\"a\":123456", &["1234"], &[], &error);
    check_with_error(&options, "{\"a\":1234}\n 12345678901 ", &["1234"], &[], &error);
    check_with_error(&options, "{\"a\":1234}\n 12345678901", &["1234"], &[], &error);
    check_with_error(&options, "{\"a\":1234}\n \"345678901\"", &["1234"], &[], &error);
    let rejects = ["2:11:2 value is a number, expected an object: 1234567890"];
    check(&options, "{\"a\":1234}\n1234567890", &["1234"], &rejects);
    check(&options, "{\"a\":1234}\n1234567890\n", &["1234"], &rejects);
    let error = ["cannot parse json: expected `,` or `}`, found `x` at line 2, byte 20"];
    check_with_error(&options, "{\"a\":1234}\n{\"a\":1234x1111}", &["1234"], &[], &error);
}

#[test]
fn a_million_brackets_are_an_error() {
    for (bracket, options) in [
        ("[", values(Vec::new())),
        ("{\"a\":", values(Vec::new())),
        ("[", flattened("/0/0/0/0")),
        ("[", flattened("")),
    ] {
        let input = bracket.repeat(1_000_000);
        let outcome = outcome_of(&options, &[input.as_bytes()]);
        let error = &outcome.errors[0];
        assert!(
            error.starts_with("cannot parse json: values are nested more than 128 levels deep at line 1"),
            "{error}"
        );
    }
}

#[test]
fn every_unicode_encoding_is_detected() {
    let text = "{\"a\":\"é日😀\"}\n{\"a\":[}";
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let utf32: Vec<u32> = text.chars().map(u32::from).collect();
    let options = values(vec![column("a", ColumnType::String)]);
    let error = |byte: usize| format!("cannot parse json: expected a value, found `}}` at line 2, byte {byte}");
    for (input, byte) in [
        (text.as_bytes().to_vec(), 24),
        (format!("\u{FEFF}{text}").into_bytes(), 27),
        (utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(), 38),
        (utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(), 38),
        (utf32.iter().flat_map(|unit| unit.to_le_bytes()).collect(), 72),
        (utf32.iter().flat_map(|unit| unit.to_be_bytes()).collect(), 72),
    ] {
        check_with_error(&options, &input, &["é日😀"], &[], &[&error(byte)]);
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced_and_positions_stay() {
    let input = b"{\"a\":\"x\xFF\"} {\"a\":\"\xE3\x81\",\"b\\n\":\"\xFF\"} {\"a\":[\"\xF0\x9F\"],\"c\":1}\xFF";
    let error = "cannot parse json: expected a value, found byte 0xFF at line 1, byte 50";
    let rows = ["x\u{FFFD}", "\u{FFFD}", "[\"\u{FFFD}\"]"];
    check_with_error(
        &values(vec![column("a", ColumnType::String)]),
        input,
        &rows,
        &[],
        &[error],
    );
}
