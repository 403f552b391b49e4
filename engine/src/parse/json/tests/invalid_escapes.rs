//! What is made of invalid escapes.

use super::*;

#[track_caller]
fn check_escape(content: &str, skipped: &str, unescaped: &str) {
    for layout in [JsonLayout::Lines, JsonLayout::Values] {
        for (invalid_string_escapes, expected) in [
            (InvalidStringEscapes::Skip, skipped),
            (InvalidStringEscapes::Unescape, unescaped),
        ] {
            let columns = vec![column("a", ColumnType::String), column_at("j", ColumnType::Json, "/a")];
            let options = JsonOptions {
                layout,
                invalid_string_escapes,
                ..lines(columns)
            };
            let json = serde_json::Value::from(expected).to_string();
            let input = format!("{{\"a\":\"{content}\"}}");
            check(&options, &input, &[&format!("{expected} | {json}")], &[]);
        }
    }
}

#[test]
fn are_skipped_or_lose_their_backslash() {
    check_escape(r"x\ay", "xy", "xay");
    check_escape(r"\'", "", "'");
    check_escape(r"\日x", "x", "日x");
    check_escape(r"\\a\\", r"\a\", r"\a\");
    check_escape(r"\\\a", r"\", r"\a");
    check_escape(r#"\a\"b"#, "\"b", "a\"b");
    check_escape(r"\u12", "12", "u12");
    check_escape(r"\u", "", "u");
    check_escape(r"\u12\n", "12\n", "u12\n");
    check_escape(r"\uD83D\uDE0", "\u{FFFD}DE0", "\u{FFFD}uDE0");
    check_escape(r"\x41\u0041", "41A", "x41A");
}

#[test]
fn in_names_are_treated_alike() {
    let options = JsonOptions {
        invalid_string_escapes: InvalidStringEscapes::Unescape,
        ..values(vec![column("a", ColumnType::Long)])
    };
    check(&options, r#"{"\a":1}"#, &["1"], &[]);
    let options = JsonOptions {
        root: Some("/a".to_owned()),
        flatten_json_array: true,
        ..options
    };
    check(&options, r#"{"\a":[{"\a":2}]}"#, &["2"], &[]);
}

#[test]
fn outside_strings_stay_errors() {
    let options = JsonOptions {
        invalid_string_escapes: InvalidStringEscapes::Skip,
        ..values(Vec::new())
    };
    let error = "cannot parse json: expected a member name or `}`, found `\\` at line 1, byte 1";
    check_with_error(&options, r"{\a}", &[], &[], &[error]);
}
