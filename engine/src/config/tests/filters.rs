//! The section `filters`, but for those of time and those in SQL.

use super::*;

#[test]
fn column_filters_are_read() {
    let constant = ColumnEntry {
        column_type: Some(ColumnType::Json),
        default: Some("{\"a\":[1]}".to_owned()),
        ..entry("c")
    };
    let copied = ColumnEntry {
        source: Some("b".to_owned()),
        ..entry("d")
    };
    let column = |columns: Option<Vec<ColumnEntry>>, add: Vec<ColumnEntry>, drop: &[&str]| {
        let drop_columns = drop.iter().map(|name| (*name).to_owned()).collect();
        FilterRule::Column(ColumnRule {
            columns,
            add_columns: add,
            drop_columns,
        })
    };
    assert_eq!(
        filter("{type: retain_columns, columns: [a, b]}"),
        column(Some(vec![entry("a"), entry("b")]), vec![], &[])
    );
    assert_eq!(
        filter("{type: drop_columns, columns: [a, {name: b}]}"),
        column(None, vec![], &["a", "b"])
    );
    assert_eq!(
        filter("{type: drop_columns, drop_columns: [a]}"),
        column(None, vec![], &["a"])
    );
    assert_eq!(
        filter("{type: add_columns, columns: [{name: c, type: json, default: {a: [1]}}]}"),
        column(None, vec![constant.clone()], &[])
    );
    assert_eq!(
        filter(
            "{type: column, columns: [{name: a}], add_columns: [{name: c, type: json, default: {a: [1]}}, {name: d, src: b}]}"
        ),
        column(Some(vec![entry("a")]), vec![constant, copied], &[])
    );
    assert_eq!(
        filter("{type: column, drop_columns: [{name: x}]}"),
        column(None, vec![], &["x"])
    );
}

#[test]
fn column_filter_errors() {
    check_filter_error(
        "{type: column, columns: [a], drop_columns: [b]}",
        "filters.0.drop_columns",
        "either of \"columns\", \"drop_columns\" can be specified",
    );
    check_filter_error("{type: column}", "filters.0", "must be specified");
    check_filter_error("{type: retain_columns}", "filters.0.columns", "required");
    check_filter_error("{type: add_columns}", "filters.0.columns", "required");
    check_filter_error("{type: drop_columns}", "filters.0.columns", "required");
    check_filter_error(
        "{type: column, add_columns: [{name: c, type: long}]}",
        "filters.0.add_columns.0.name",
        "add_columns: Column src 'c' is not found in inputSchema. Column 'c' does not have \"type\" and \"default\"",
    );
    check_filter_error(
        "{type: retain_columns, columns: [a, a]}",
        "filters.0.columns.1",
        "stands twice",
    );
    check_filter_error(
        "{type: retain_columns, columns: [[a]]}",
        "filters.0.columns.0",
        "a column needs a name",
    );
    check_filter_error(
        "{type: column, columns: [{name: $.a.b, type: timestamp, default: x}]}",
        "filters.0.columns.0.type",
        "cannot be a timestamp",
    );
}

#[test]
fn remove_columns_is_read() {
    let rule = |action, accept_unmatched_columns| {
        let names = vec!["a".to_owned()];
        FilterRule::RemoveColumns(RemoveColumnsRule {
            action,
            names,
            accept_unmatched_columns,
        })
    };
    assert_eq!(
        filter("{type: remove_columns, remove: [a]}"),
        rule(RemoveOrKeep::Remove, false)
    );
    assert_eq!(
        filter("{type: remove_columns, keep: a, accept_unmatched_columns: true}"),
        rule(RemoveOrKeep::Keep, true)
    );
    check_filter_error(
        "{type: remove_columns, keep: [a], remove: [b]}",
        "filters.0.keep",
        "remove: and keep: must not be multi-select",
    );
    check_filter_error("{type: remove_columns}", "filters.0", "must require remove: or keep:");
}

#[test]
fn expand_json_is_read() {
    let FilterRule::ExpandJson(rule) = filter(
        "{type: expand_json, json_column_name: record, root: $.user., expanded_columns: [{name: id, type: long}, {name: at, type: timestamp, format: '%s'}], keep_expanding_json_column: true, cache_provider: NOOP}",
    ) else {
        panic!()
    };
    assert_eq!(
        (rule.json_column_name.as_str(), rule.root.as_str()),
        ("record", "$.user.")
    );
    assert_eq!(rule.expanded_columns[1].timestamp.formats, ["%s"]);
    assert!(rule.keep_expanding_json_column && !rule.stop_on_invalid_record);
    check_filter_error(
        "{type: expand_json, json_column_name: r, expanded_columns: [{name: a, type: long}, {name: a, type: long}]}",
        "filters.0.expanded_columns.1.name",
        "Column config for 'a' is duplicated at 'expanded_columns' option",
    );
    check_filter_error(
        "{type: expand_json, json_column_name: r, expanded_columns: [], time_zone: UTC}",
        "filters.0.time_zone",
        "'time_zone' option will be deprecated",
    );
    check_filter_error(
        "{type: expand_json, expanded_columns: []}",
        "filters.0.json_column_name",
        "is required",
    );
    check_filter_error(
        "{type: expand_json, json_column_name: r}",
        "filters.0.expanded_columns",
        "is required",
    );
}

#[test]
fn digest_is_hash() {
    for kind in ["hash", "digest"] {
        let FilterRule::Digest(rule) = filter(&format!(
            "{{type: {kind}, columns: [{{name: a}}, {{name: b, algorithm: hmacsha256, secret_key: hush, new_name: c}}, {{name: d, algorithm: sha1}}]}}"
        )) else {
            panic!()
        };
        assert_eq!(rule.columns[0].algorithm, DigestAlgorithm::Sha256);
        assert_eq!(rule.columns[1].algorithm, DigestAlgorithm::HmacSha256);
        assert_eq!(rule.columns[1].secret_key.as_deref(), Some("hush"));
        assert_eq!(rule.columns[1].new_name.as_deref(), Some("c"));
        assert_eq!(rule.columns[2].algorithm, DigestAlgorithm::Sha1);
    }
    check_filter_error(
        "{type: hash, columns: [{name: a, algorithm: CRC32}]}",
        "filters.0.columns.0.algorithm",
        "no such algorithm: CRC32",
    );
    check_filter_error(
        "{type: hash, columns: [{name: a, algorithm: HmacMD5}]}",
        "filters.0.columns.0.secret_key",
        "secret key must not be null",
    );
    check_filter_error("{type: hash}", "filters.0.columns", "`columns` is required");
}

#[test]
fn rename_is_read_in_order() {
    let FilterRule::Rename(rule) = filter(
        "{type: rename, columns: {a: b, c: 1}, rules: [{rule: lower_to_upper}, {rule: upper_to_lower}, \
         {rule: character_types, pass_types: [a-z, 0-9], pass_characters: _}, \
         {rule: first_character_types, pass_types: [a-z], prefix: _}, {rule: first_character_types, replace: x}, \
         {rule: regex_replace, match: '^(.)', replace: $1}, {rule: truncate}, \
         {rule: unique_number_suffix, max_length: 128, digits: 2, offset: 0, delimiter: '-'}]}",
    ) else {
        panic!()
    };
    assert_eq!(
        rule.columns,
        [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "1".to_owned())]
    );
    let first = Pattern::new("^(.)").unwrap();
    assert_eq!(
        rule.rules,
        [
            RenameStep::LowerToUpper,
            RenameStep::UpperToLower,
            RenameStep::CharacterTypes {
                pass_types: vec!["a-z".to_owned(), "0-9".to_owned()],
                pass_characters: "_".to_owned(),
                replace: '_'
            },
            RenameStep::FirstCharacterTypes {
                pass_types: vec!["a-z".to_owned()],
                pass_characters: String::new(),
                change: FirstCharacterChange::Prefix('_')
            },
            RenameStep::FirstCharacterTypes {
                pass_types: vec![],
                pass_characters: String::new(),
                change: FirstCharacterChange::Replace('x')
            },
            RenameStep::RegexReplace {
                replacement: Replacement::new("$1", &first).unwrap(),
                pattern: first,
            },
            RenameStep::Truncate { max_length: 128 },
            RenameStep::UniqueNumberSuffix {
                delimiter: '-',
                digits: Some(2),
                max_length: Some(128),
                offset: 0
            },
        ]
    );
}

#[test]
fn rename_errors() {
    let check_rule = |rule: &str, path: &str, message: &str| {
        check_filter_error(&format!("{{type: rename, rules: [{rule}]}}"), path, message);
    };
    check_rule(
        "{rule: lowercase}",
        "filters.0.rules.0.rule",
        "unknown rule 'lowercase'. Supported rules are",
    );
    check_rule("{}", "filters.0.rules.0.rule", "`rule` is required");
    check_rule(
        "{rule: character_types, replace: ab}",
        "filters.0.rules.0.replace",
        "just 1 character",
    );
    check_rule(
        "{rule: character_types, pass_types: [a-f]}",
        "filters.0.rules.0.pass_types",
        "unknown pass_types 'a-f'",
    );
    check_rule("{rule: first_character_types}", "filters.0.rules.0", "is required");
    check_rule(
        "{rule: first_character_types, prefix: a, replace: b}",
        "filters.0.rules.0.prefix",
        "together",
    );
    check_rule(
        "{rule: unique_number_suffix, delimiter: '1'}",
        "filters.0.rules.0.delimiter",
        "must not be a digit",
    );
    check_rule(
        "{rule: unique_number_suffix, max_length: 7}",
        "filters.0.rules.0.max_length",
        "at least 8",
    );
    check_rule(
        "{rule: regex_replace, match: a}",
        "filters.0.rules.0.replace",
        "`replace` is required",
    );
    check_rule(
        "{rule: regex_replace, match: '[a', replace: b}",
        "filters.0.rules.0.match",
        "pattern `[a` is wrong at character 3: the class is not closed with `]`",
    );
    check_rule(
        "{rule: regex_replace, match: a, replace: $1}",
        "filters.0.rules.0.replace",
        "replacement `$1` names the group 1, which the pattern lacks",
    );
}

#[test]
fn cast_takes_a_list_or_a_map() {
    let cast = |name: &str, column_type| ColumnEntry {
        column_type: Some(column_type),
        ..entry(name)
    };
    let expected = FilterRule::Cast(CastRule {
        columns: vec![cast("a", ColumnType::Double), cast("b", ColumnType::Long)],
    });
    assert_eq!(filter("{type: cast, columns: {a: double, b: long}}"), expected);
    assert_eq!(
        filter("{type: typecast, columns: [{name: a, type: double}, {name: b, type: long}]}"),
        expected
    );
    check_filter_error(
        "{type: cast, columns: {a: float}}",
        "filters.0.columns",
        "unknown type 'float' of `a`",
    );
    check_filter_error("{type: cast}", "filters.0.columns", "`columns` is required");
}

#[test]
fn keys_of_digests_come_from_text_or_a_file() {
    let digest = |key: &str| {
        let line = format!("{{type: hash, columns: [{{name: a, algorithm: HmacMD5, {key}}}]}}");
        let FilterRule::Digest(mut rule) = filter(&line) else {
            panic!("not hash")
        };
        let column = rule.columns.remove(0);
        (column.secret_key, column.key_file)
    };
    assert_eq!(digest("secret_key: k"), (Some("k".to_owned()), None));
    assert_eq!(digest("key_file: f"), (None, Some("f".to_owned())));
    for (key, place, message) in [
        (
            "secret_key: k, key_file: f",
            "key_file",
            "either `secret_key` or `key_file`",
        ),
        ("secret_key: ''", "secret_key", "must not be null"),
    ] {
        check_filter_error(
            &format!("{{type: hash, columns: [{{name: a, algorithm: HmacMD5, {key}}}]}}"),
            &format!("filters.0.columns.0.{place}"),
            message,
        );
    }
}

#[test]
fn unknown_filters_name_the_nearest() {
    let text = file("", CSV, "filters:\n- {type: retain_colums}\n- {columns: [a]}\n");
    let errors = try_resolve(&text, false).unwrap_err();
    assert!(
        errors.problems[0]
            .message
            .starts_with("unknown filter type 'retain_colums'. Supported types are [")
    );
    assert_eq!(
        errors.problems[0].hint.as_deref(),
        Some("did you mean `retain_columns`?")
    );
    assert_eq!(
        (errors.problems[1].path.as_str(), errors.problems[1].line),
        ("filters.1.type", 5)
    );
}
