use super::*;

#[track_caller]
fn parse(text: &str) -> Document {
    Document::parse(text, "load.yml").unwrap()
}

#[track_caller]
fn check(text: &str, expected: serde_json::Value) {
    assert_eq!(parse(text).root().to_json(), expected);
}

#[track_caller]
fn check_error(text: &str, line: usize, column: usize, expected: &str) {
    let errors = Document::parse(text, "load.yml").unwrap_err();
    let first = &errors.problems[0];
    assert!(first.message.contains(expected), "{}", first.message);
    assert_eq!((first.line, first.column), (line, column), "{}", first.message);
}

#[test]
fn the_three_spellings_are_one_document() {
    let expected = serde_json::json!({"in": {"type": "s3", "path": "a"}});
    check("in:\n  type: s3\n  path: a\n", expected.clone());
    check("config:\n  in:\n    type: s3\n    path: a\n", expected.clone());
    check("type: s3\npath: a\n", expected.clone());
    check("config: {type: s3, path: a}\n", expected);
}

#[test]
fn the_key_at_the_top_stays_at_the_top_of_a_bare_input() {
    let expected = serde_json::json!({"in": {"path": "a"}, "preview_sample_rows": 3});
    check("path: a\npreview_sample_rows: 3\n", expected);
}

#[test]
fn keys_beside_config_are_an_error_that_names_them() {
    check_error("config: {in: {}}\nexec: {}\nout: {}\n", 2, 1, "there is `exec`, `out`");
    check_error("config: 3\n", 1, 9, "`config` must hold a map");
}

#[test]
fn json_is_yaml() {
    check(
        "{\n\t\"in\": {\n\t\t\"path\": \"a\\/\\u00e9\",\n\t\t\"n\": 1.5e3, \"l\": [null, true]\n\t}\n}\n",
        serde_json::json!({"in": {"path": "a/é", "n": 1500.0, "l": [null, true]}}),
    );
    check(
        "{\"in\":{\"path\":\"\\ud83d\\ude00\"}}",
        serde_json::json!({"in": {"path": "😀"}}),
    );
}

#[test]
fn keys_and_values_know_their_places() {
    let document = parse("in:\n  parser:\n    columns:\n    - {name: é, type: long}\n    - name: b\n");
    let node = document.root().at("in.parser.columns.0.type").unwrap();
    assert_eq!((node.line, node.column), (4, 23));
    let node = document.root().at("in.parser.columns.1").unwrap();
    assert_eq!((node.line, node.column), (5, 7));
    let Value::Map(entries) = &document.root().at("in").unwrap().value else {
        panic!()
    };
    assert_eq!((entries[0].0.line, entries[0].0.column), (2, 3));
}

#[test]
fn scalars_follow_the_core_schema_and_keep_their_spelling() {
    let check_plain = |text: &str, kind: &str| {
        let node = Node::new(resolve_plain(text));
        assert_eq!(node.kind(), kind, "{text}");
        assert_eq!(node.text().unwrap_or(""), if node.is_null() { "" } else { text });
    };
    for text in ["0123", "-7", "+7", "9223372036854775807"] {
        check_plain(text, "a whole number");
    }
    for text in ["1.0", "1e3", "-.5", "9223372036854775808", ".inf"] {
        check_plain(text, "a number");
    }
    for text in ["", "~", "null"] {
        check_plain(text, "null");
    }
    for text in [
        "yes",
        "no",
        "on",
        "2026-11-22",
        "1_000",
        "0x",
        "0xzz",
        "inf",
        "nan",
        "e3",
        "-",
        ".",
        "1.2.3",
        "y",
    ] {
        check_plain(text, "text");
    }
    assert_eq!(resolve_plain("0x1F"), Value::Int(31, "0x1F".into()));
    assert_eq!(resolve_plain("0o17"), Value::Int(15, "0o17".into()));
}

#[test]
fn quoted_scalars_are_text() {
    check(
        "in: {a: '1', b: \"true\", c: '', d: !!str 5}",
        serde_json::json!({"in": {"a": "1", "b": "true", "c": "", "d": "5"}}),
    );
}

#[test]
fn duplicate_keys_are_reported_together() {
    let errors = Document::parse("in:\n  a: 1\n  a: 2\n  b: {c: 1, c: 2}\n", "load.yml").unwrap_err();
    let places: Vec<(usize, usize)> = errors
        .problems
        .iter()
        .map(|problem| (problem.line, problem.column))
        .collect();
    assert_eq!(places, [(3, 3), (4, 13)]);
    assert_eq!(errors.problems[0].message, "the key `a` stands already on line 2");
}

#[test]
fn aliases_and_merge_keys_are_expanded() {
    check(
        "in:\n  a: &base {x: 1, y: 2}\n  b: {<<: *base, y: 3}\n  c: *base\n",
        serde_json::json!({"in": {"a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 1}, "c": {"x": 1, "y": 2}}}),
    );
}

#[test]
fn syntax_errors_have_line_and_column() {
    check_error("in:\n  a: [1, 2\nout: {}\n", 3, 4, "configuration file: load.yml ");
    check_error("in: *nope\n", 1, 5, "configuration file: load.yml ");
    check_error("in: {a: 1}\n---\nin: {}\n", 2, 1, "a second begins");
    check_error("in: !custom x\n", 1, 13, "tags are not supported");
    check_error("in: {[a]: 1}\n", 1, 6, "a key must be text, not a list");
    check_error("", 1, 1, "is empty");
    check_error("- a\n", 1, 1, "must hold a map, not a list");
}

#[test]
fn liquid_templates_are_refused_by_their_file_name() {
    let errors = Document::parse("in:\n  bucket: {{ env.B }}\n", "load.yml.liquid").unwrap_err();
    assert_eq!((errors.problems[0].line, errors.problems[0].column), (2, 11));
    assert!(errors.problems[0].message.contains("Liquid"));
    assert!(Document::parse("in: {path: a}\n", "load.yml.liquid").is_ok());
}

#[test]
fn expansion_is_bounded() {
    let mut text = String::from("in:\n  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..9 {
        let previous = level - 1;
        let items = vec![format!("*a{previous}"); 10].join(", ");
        text.push_str(&format!("  a{level}: &a{level} [{items}]\n"));
    }
    let errors = Document::parse(&text, "load.yml").unwrap_err();
    assert!(
        errors.problems[0].message.contains("values, aliases expanded"),
        "{errors}"
    );
}

#[test]
fn nesting_is_bounded() {
    assert!(Document::parse(&"[".repeat(10_000), "load.yml").is_err());
    assert!(Document::parse(&format!("in: {}1{}", "[".repeat(70), "]".repeat(70)), "load.yml").is_err());
    let mut text = String::from("in:\n  a0: &a0 [1]\n");
    for level in 1..100 {
        text.push_str(&format!("  a{level}: &a{level} [*a{}]\n", level - 1));
    }
    let errors = Document::parse(&text, "load.yml").unwrap_err();
    assert!(errors.problems[0].message.contains("deep"), "{errors}");
}

#[test]
fn size_is_bounded() {
    let text = format!("in: {}", " ".repeat(MAX_TEXT_BYTES));
    assert!(
        Document::parse(&text, "load.yml").unwrap_err().problems[0]
            .message
            .contains("bytes")
    );
}

#[test]
fn debug_hides_secrets() {
    let document = parse("in: {secret_access_key: hush, bucket: b}");
    let shown = format!("{document:?}");
    assert!(!shown.contains("hush") && shown.contains("\"b\""), "{shown}");
}

#[test]
fn redaction_hides_secrets_and_keeps_variables() {
    let document =
        parse("in: {secret_access_key: hush, access_key_id: '${ID}', session_token: '${T:-hush}', password: null}");
    let expected = serde_json::json!({"in": {
        "secret_access_key": "***", "access_key_id": "${ID}", "session_token": "***", "password": null,
    }});
    assert_eq!(document.root().redacted().to_json(), expected);
}

#[test]
fn a_difference_is_merged_by_key() {
    let mut document = parse("in: {path: a, columns: [1, 2]}\nout: {mode: append}");
    let difference = Node::from_json(&serde_json::json!({"in": {"last_path": "b", "columns": [3]}}));
    document.merge(&difference);
    let expected =
        serde_json::json!({"in": {"path": "a", "columns": [3], "last_path": "b"}, "out": {"mode": "append"}});
    assert_eq!(document.root().to_json(), expected);
}

#[test]
fn stored_json_keeps_spellings_that_mean_something() {
    let text = "in: {path_prefix: 0123, bucket: 1.10, n: 12, x: 0x1F, list: [1e3, true, null, 'a']}";
    let document = Document::parse(text, "load.yml").unwrap();
    let stored = document.root().to_stored_json();
    let expected = serde_json::json!({"in": {"path_prefix": "0123", "bucket": "1.10", "n": 12, "x": "0x1F", "list": ["1e3", true, null, "a"]}});
    assert_eq!(stored, expected);
    let read_back = Node::from_json(&stored);
    assert_eq!(read_back.at("in.path_prefix").unwrap().text(), Some("0123"));
}

#[test]
fn secrets_that_are_written_out_are_found_wherever_they_stand() {
    let text = "in:\n  access_key_id: ${ID}\n  secret_access_key: hush\n  session_token: null\n  http_proxy: {host: h, password: '${P:-x}'}\n\
                filters: [{type: a, apikey: b}]\n";
    let document = Document::parse(text, "load.yml").unwrap();
    let expected = ["in.secret_access_key", "in.http_proxy.password", "filters.0.apikey"];
    assert_eq!(document.root().written_secrets(), expected);
    assert_eq!(
        document.root().redacted().written_secrets(),
        expected,
        "`***` is no variable either"
    );
    assert!(!document.root().redacted().to_stored_json().to_string().contains("hush"));
}
