//! `jsonl`: a record is a line.

use super::*;

#[test]
fn every_line_end_ends_a_line() {
    let input = "{\"a\":1}\n{\"a\":2}\r\n{\"a\":3}\r{\"a\":4}\n\r\n\r\r{\"a\":\"?\"}";
    let rejects = ["8:37:5 a: cannot read `?` as long: {\"a\":\"?\"}"];
    check(
        &lines(vec![column("a", ColumnType::Long)]),
        input,
        &["1", "2", "3", "4"],
        &rejects,
    );
}

#[test]
fn blank_lines_are_no_records() {
    let input = "\n \t \n{\"a\":1}\n\n  {\"a\":2}  \n   ";
    check(&lines(vec![column("a", ColumnType::Long)]), input, &["1", "2"], &[]);
    check(&lines(Vec::new()), "", &[], &[]);
}

#[test]
fn a_bad_line_is_a_reject_and_the_next_is_read() {
    check_bad_line(
        "{",
        "expected a member name or `}`, found the end of the line at character 2",
    );
    check_bad_line(
        "{\"a\":1",
        "expected `,` or `}`, found the end of the line at character 7",
    );
    check_bad_line("{\"a\":1,}", "expected a member name, found `}` at character 8");
    check_bad_line("{\"a\" 1}", "expected `:`, found `1` at character 6");
    check_bad_line("{\"a\":}", "expected a value, found `}` at character 6");
    check_bad_line("{a:1}", "expected a member name or `}`, found `a` at character 2");
    check_bad_line("{'a':1}", "expected a member name or `}`, found `'` at character 2");
    check_bad_line("[1 2]", "expected `,` or `]`, found `2` at character 4");
    check_bad_line("[1,]", "expected a value, found `]` at character 4");
    check_bad_line("[1}", "expected `,` or `]`, found `}` at character 3");
    check_bad_line("{\"é\":tru}", "expected `true`, found `}` at character 9");
    check_bad_line("{\"a\":1}}", "expected the end of the line, found `}` at character 8");
    check_bad_line("{} {}", "expected the end of the line, found `{` at character 4");
    check_bad_line("{\"a\":\"x", "expected `\"`, found the end of the line at character 8");
    check_bad_line("{\"a\":01}", "expected `,` or `}`, found `1` at character 7");
    check_bad_line("{\"a\":1.}", "expected a digit, found `}` at character 8");
    check_bad_line("{\"a\":-}", "expected a digit, found `}` at character 7");
    check_bad_line("{\"a\":1e+}", "expected a digit, found `}` at character 9");
    check_bad_line("{\"a\":+1}", "expected a value, found `+` at character 6");
    check_bad_line("{\"a\":nan}", "expected `null`, found `a` at character 7");
    check_bad_line(
        "{\"a\":\"\\x\"}",
        "expected one of `\"\\/bfnrtu` after `\\`, found `x` at character 8",
    );
    check_bad_line(
        "{\"a\":\"\\u12G4\"}",
        "expected a hexadecimal digit, found `G` at character 11",
    );
    check_bad_line("{\"a\":\u{1}}", "expected a value, found byte 0x01 at character 6");
    check_bad_line("日", "expected a value, found byte 0xE6 at character 1");
    check_bad_line("// comment", "expected a value, found `/` at character 1");
}

#[test]
fn a_line_end_inside_a_value_ends_the_line() {
    let rejects = [
        "1:0:1 not valid JSON: expected a value, found the end of the line at character 6: {\"a\":",
        "2:6:2 not valid JSON: expected the end of the line, found `}` at character 2: 1}",
    ];
    check(
        &lines(vec![column("a", ColumnType::Long)]),
        "{\"a\":\n1}",
        &[],
        &rejects,
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let rejects = ["1:3:1 a: cannot read `?` as long: {\"a\":\"?\"}"];
    check(
        &lines(vec![column("a", ColumnType::Long)]),
        "\u{FEFF}{\"a\":\"?\"}\n{\"a\":2}",
        &["2"],
        &rejects,
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let input = b"{\"a\":\"x\xFFy\"}\n{\"a\":\"\xE3\x81\"}\n{\"a\":\xFF}\n{\"a\":\"\xE3\x81\x82\"}";
    let reject = "3:23:3 not valid JSON: expected a value, found byte 0xEF at character 6: {\"a\":\u{FFFD}}";
    check(
        &lines(vec![column("a", ColumnType::String)]),
        input,
        &["x\u{FFFD}y", "\u{FFFD}", "あ"],
        &[reject],
    );
}

#[test]
fn other_character_sets_are_decoded_and_positions_are_those_of_the_file() {
    let options = JsonOptions {
        charset: Some(SHIFT_JIS),
        ..lines(vec![column("日", ColumnType::Long)])
    };
    let (input, _, _) = SHIFT_JIS.encode("{\"日\":1}\n{\"日\":\"ソ\"}\r\n{\"日\":\"x\"}");
    let rejects = [
        "2:9:2 日: cannot read `ソ` as long: {\"日\":\"ソ\"}",
        "3:22:3 日: cannot read `x` as long: {\"日\":\"x\"}",
    ];
    check(&options, &input, &["1"], &rejects);
    let options = JsonOptions {
        charset: Some(UTF_16LE),
        ..options
    };
    let input: Vec<u8> = "\u{FEFF}{\"日\":1}\r\n{\"日\":\"😀\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    check(
        &options,
        &input,
        &["1"],
        &["2:20:2 日: cannot read `😀` as long: {\"日\":\"😀\"}"],
    );
}

#[test]
fn root_and_flattening_work_within_a_line() {
    let options = JsonOptions {
        root: Some("/r".to_owned()),
        flatten_json_array: true,
        ..lines(vec![column("a", ColumnType::Long)])
    };
    let input =
        "{\"r\":[{\"a\":1},{\"a\":\"?\"},3]}\n{\"r\":[]}\n{\"r\":{}}\n{}\n{\"r\":[{\"a\":4}]\n{\"r\":[{\"a\":5}]}";
    let rejects = [
        "1:0:2 a: cannot read `?` as long: {\"a\":\"?\"}",
        "1:0:3 value is a number, expected an object: 3",
        "3:37:4 value is an object, expected an array: {}",
        "4:46:5 no value at root `/r`: {}",
        "5:49:6 not valid JSON: expected `,` or `}`, found the end of the line at character 15: {\"r\":[{\"a\":4}]",
    ];
    check(&options, input, &["1", "5"], &rejects);
}

#[test]
fn a_line_that_is_too_long_ends_the_file() {
    let options = JsonOptions {
        max_record_bytes: 10,
        ..lines(vec![column("a", ColumnType::Long)])
    };
    check(&options, "{\"a\":1234}\n", &["1234"], &[]);
    let error = "a record is longer than 10 bytes at line 2, byte 8";
    check_with_error(&options, "{\"a\":1}\n{\"a\":12345}\n{\"a\":2}", &["1"], &[], &[error]);
    check_with_error(&options, "{\"a\":1}\n{\"a\":123456", &["1"], &[], &[error]);
}

#[test]
fn a_line_that_repairing_makes_too_long_is_read() {
    let options = JsonOptions {
        max_record_bytes: 16,
        flatten_json_array: true,
        ..lines(vec![column("a", ColumnType::String)])
    };
    check(
        &options,
        b"[{\"a\":\"\xFF\xFF\xFF\"}]",
        &["\u{FFFD}\u{FFFD}\u{FFFD}"],
        &[],
    );
}

#[test]
fn a_file_after_a_failed_one_is_read() {
    let options = JsonOptions {
        max_record_bytes: 10,
        ..lines(vec![column("a", ColumnType::Long)])
    };
    let outcome = outcome_of(&options, &[b"{\"a\":1}\n{\"a\":123456}", b"{\"a\":2}"]);
    assert_eq!(outcome.rows, ["1", "2"]);
    assert_eq!(outcome.errors.len(), 1);
}

#[test]
fn a_million_brackets_are_a_reject() {
    for bracket in ["[", "{\"a\":"] {
        let line = bracket.repeat(1_000_000);
        let outcome = outcome_of(&lines(Vec::new()), &[format!("{line}\n{{}}").as_bytes()]);
        assert_eq!(outcome.rows, ["{}"]);
        let place = 128 * bracket.len() + 1;
        let reason = format!("not valid JSON: values are nested more than 128 levels deep at character {place}");
        assert_eq!(outcome.rejects[0].reason, reason);
    }
}

#[test]
fn the_deepest_nesting_allowed_is_read() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deepest = format!("{}1{}", open.repeat(127), close.repeat(127));
        check(
            &lines(vec![column("a", ColumnType::Json)]),
            format!("{{\"a\":{deepest}}}"),
            &[&deepest],
            &[],
        );
        let columns = vec![column_at("b", ColumnType::Json, &"/a".repeat(127))];
        assert!(
            outcome_of(&lines(columns), &[format!("{{\"a\":{deepest}}}").as_bytes()])
                .rejects
                .is_empty()
        );
        let deeper = format!("{{\"a\":[{deepest}]}}");
        assert_eq!(outcome_of(&lines(Vec::new()), &[deeper.as_bytes()]).rejects.len(), 1);
    }
}
