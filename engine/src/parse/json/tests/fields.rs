//! One field of each type.

use super::*;

#[test]
fn null_and_absent_are_null_in_every_type() {
    for column_type in ColumnType::ALL {
        check_field(column_type, "null", Ok("null"));
        check(
            &lines(vec![column("a", column_type)]),
            "{}\n{\"b\":1}",
            &["null", "null"],
            &[],
        );
    }
}

#[test]
fn boolean_is_the_word_true_in_any_case() {
    for (field, expected) in [
        ("true", "true"),
        ("false", "false"),
        ("\"true\"", "true"),
        ("\"TrUe\"", "true"),
        ("\"\\u0074rue\"", "true"),
        ("\"yes\"", "false"),
        ("\"\"", "false"),
        ("1", "false"),
        ("[true]", "false"),
        ("{}", "false"),
    ] {
        check_field(ColumnType::Boolean, field, Ok(expected));
    }
}

#[test]
fn long_is_an_integer_or_the_text_of_one() {
    for (field, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-12", "-12"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("\"+5\"", "5"),
        ("\"007\"", "7"),
        ("\"\\u0037\"", "7"),
        ("\"１２\"", "12"),
    ] {
        check_field(ColumnType::Long, field, Ok(expected));
    }
    for (field, text) in [
        ("1.0", "1.0"),
        ("1e3", "1e3"),
        ("9223372036854775808", "9223372036854775808"),
        ("true", "true"),
        ("NaN", "NaN"),
        ("\" 1\"", " 1"),
        ("\"\"", ""),
        ("\"abc\"", "abc"),
        ("[ 1 ]", "[1]"),
        ("{\"b\": null}", "{\"b\":null}"),
    ] {
        check_field(ColumnType::Long, field, Err(&format!("cannot read `{text}` as long")));
    }
}

#[test]
fn double_is_any_number_or_the_text_of_one() {
    for (field, expected) in [
        ("1", "1.0"),
        ("-1.5e3", "-1500.0"),
        ("1E400", "inf"),
        ("NaN", "NaN"),
        ("Infinity", "inf"),
        ("-Infinity", "-inf"),
        ("\" 1.5f \"", "1.5"),
        ("\"0x1p4\"", "16.0"),
        ("\"NaN\"", "NaN"),
        ("18446744073709551616", "1.8446744073709552e19"),
    ] {
        check_field(ColumnType::Double, field, Ok(expected));
    }
    for (field, text) in [("\"\"", ""), ("\"inf\"", "inf"), ("true", "true"), ("[]", "[]")] {
        check_field(
            ColumnType::Double,
            field,
            Err(&format!("cannot read `{text}` as double")),
        );
    }
}

#[test]
fn string_is_the_content_of_a_string_or_the_text_of_a_value() {
    for (field, expected) in [
        ("\"\"", ""),
        ("\"a b\"", "a b"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        ("\"\u{1}\tx\"", "\u{1}\tx"),
        ("true", "true"),
        ("1.50", "1.50"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("NaN", "NaN"),
        ("[1, \"x\\u0041\" ]", "[1,\"xA\"]"),
        ("{ \"k\" : [ ] }", "{\"k\":[]}"),
    ] {
        check_field(ColumnType::String, field, Ok(expected));
    }
}

#[test]
fn surrogates_become_a_character_or_are_replaced() {
    for (field, expected) in [
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\uD83D""#, "\u{FFFD}"),
        (r#""\ude00""#, "\u{FFFD}"),
        (r#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
        (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
        (r#""\ud83dx\ude00""#, "\u{FFFD}x\u{FFFD}"),
        (r#""\ud83d\n""#, "\u{FFFD}\n"),
    ] {
        check_field(ColumnType::String, field, Ok(expected));
    }
    check_field(ColumnType::Json, r#""\ud83d""#, Ok("\"\u{FFFD}\""));
}

#[test]
fn timestamp_is_the_text_of_a_string_or_number() {
    check_field(ColumnType::Timestamp, "\"1970-01-02T00:00:00Z\"", Ok("86400000000us"));
    check_field(
        ColumnType::Timestamp,
        "\"1970-01-02\\u005400:00:00Z\"",
        Ok("86400000000us"),
    );
    check_field(ColumnType::Timestamp, "1", Ok("1000000us"));
    check_field(ColumnType::Timestamp, "\"x\"", Err("cannot read `x` as timestamp"));
    check_field(ColumnType::Timestamp, "\"\"", Err("cannot read `` as timestamp"));
    check_field(ColumnType::Timestamp, "[ ]", Err("cannot read `[]` as timestamp"));
}

#[test]
fn json_is_compact_text_that_every_reader_takes() {
    for (field, expected) in [
        ("1.50", "1.50"),
        ("-0", "-0"),
        ("1E+2", "1E+2"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("true", "true"),
        ("\"x\"", "\"x\""),
        ("\"a b\"", "\"a b\""),
        (r#""\u0041\/\u00e9\"\\""#, r#""A/é\"\\""#),
        ("\"\u{1}\u{1f}\t\"", r#""\u0001\u001f\t""#),
        (r#""\b\f\n\r\t\u000b""#, r#""\b\f\n\r\t\u000b""#),
        ("[ 1 , -2 ,\t\"a  b\" ]", "[1,-2,\"a  b\"]"),
        (
            "[NaN, Infinity,-Infinity,-1]",
            "[\"NaN\",\"Infinity\",\"-Infinity\",-1]",
        ),
        ("NaN", "\"NaN\""),
        ("-Infinity", "\"-Infinity\""),
        ("{\"b\":1,\"a\":2,\"b\":3}", "{\"b\":1,\"a\":2,\"b\":3}"),
        ("{\"\\u0062\":{}}", "{\"b\":{}}"),
        ("[]", "[]"),
    ] {
        check_field(ColumnType::Json, field, Ok(expected));
    }
}

#[test]
fn long_values_are_cut_in_messages() {
    let field = "x".repeat(150);
    let reason = format!("cannot read `{}...` as long", "x".repeat(100));
    check_field(ColumnType::Long, &format!("\"{field}\""), Err(&reason));
    let field = "é".repeat(150);
    let reason = format!("cannot read `{}...` as long", "é".repeat(100));
    check_field(ColumnType::Long, &format!("\"{field}\""), Err(&reason));
}

#[test]
fn long_strings_with_escapes_are_read() {
    let content = "0123456789abcdef\\n".repeat(5000);
    let expected = "0123456789abcdef\n".repeat(5000);
    check_field(ColumnType::String, &format!("\"{content}\""), Ok(&expected));
    check_field(
        ColumnType::Json,
        &format!("\"{content}\""),
        Ok(&format!("\"{content}\"")),
    );
}
