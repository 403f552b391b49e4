//! `expand_json`.

use super::*;

#[test]
fn columns_stand_in_place_of_the_json_column() {
    let rule = expand(&[
        ("a.b", ColumnType::String),
        ("list[1]", ColumnType::Json),
        ("o", ColumnType::String),
    ]);
    check(
        payloads(&[
            Some(r#"{"a":{"b":"x"},"list":[1, {"y": 1.10}],"o":{"p": [1, 2]}}"#),
            None,
            Some(""),
            Some("{}"),
        ]),
        &[FilterRule::ExpandJson(rule)],
        r#"
            +----+-----+------------+-------------+------+
            | id | a.b | list[1]    | o           | last |
            +----+-----+------------+-------------+------+
            | 1  | x   | {"y":1.10} | {"p":[1,2]} | z    |
            | 2  |     |            |             | z    |
            | 3  |     |            |             | z    |
            | 4  |     |            |             | z    |
            +----+-----+------------+-------------+------+
            id:long a.b:string list[1]:json o:string last:string"#,
    );
}

#[test]
fn json_column_can_stay_before_its_members() {
    let mut rule = expand(&[("x", ColumnType::Long)]);
    rule.keep_expanding_json_column = true;
    rule.root = "$.data.".to_owned();
    check(
        payloads(&[Some(r#"{"data":{"x":5}}"#)]),
        &[FilterRule::ExpandJson(rule)],
        r#"
            +----+------------------+---+------+
            | id | payload          | x | last |
            +----+------------------+---+------+
            | 1  | {"data":{"x":5}} | 5 | z    |
            +----+------------------+---+------+
            id:long payload:json x:long last:string"#,
    );
}

#[test]
fn values_are_converted_by_the_rules_of_the_original() {
    let rule = expand(&[
        ("l", ColumnType::Long),
        ("d", ColumnType::Double),
        ("b", ColumnType::Boolean),
        ("s", ColumnType::String),
        ("t", ColumnType::Timestamp),
    ]);
    check(
        payloads(&[
            Some(r#"{"l":1.9,"d":"2.5","b":"TRUE","s":1e3,"t":"2015-01-02 03:04:05"}"#),
            Some(r#"{"l":"-1e3","d":7,"b":1,"s":true,"t":null}"#),
            Some(r#"{"l":1e30,"d":1e999,"b":true,"s":null}"#),
        ]),
        &[FilterRule::ExpandJson(rule), drop_columns(&["last"])],
        r#"
            +----+---------------------+-----+-------+------+----------------------+
            | id | l                   | d   | b     | s    | t                    |
            +----+---------------------+-----+-------+------+----------------------+
            | 1  | 1                   | 2.5 | true  | 1e3  | 2015-01-02T03:04:05Z |
            | 2  | -1000               | 7.0 | false | true |                      |
            | 3  | 9223372036854775807 | inf | true  |      |                      |
            +----+---------------------+-----+-------+------+----------------------+
            id:long l:long d:double b:boolean s:string t:timestamp"#,
    );
}

#[test]
fn invalid_records_are_rejected_once_with_their_reason() {
    let rule = expand(&[
        ("l", ColumnType::Long),
        ("t", ColumnType::Timestamp),
        ("j", ColumnType::Json),
    ]);
    check(
        payloads(&[
            Some(r#"{"l":"x","t":"y"}"#),
            Some("not json"),
            Some(r#"{"t":"y"}"#),
            Some(r#"{"j":"abc"}"#),
            Some(r#"{"l":1,"j":"{\"k\": 1}"}"#),
        ]),
        &[FilterRule::ExpandJson(rule)],
        r#"
            +----+---+---+---------+------+
            | id | l | t | j       | last |
            +----+---+---+---------+------+
            | 5  | 1 |   | {"k":1} | z    |
            +----+---+---+---------+------+
            id:long l:long t:timestamp j:json last:string
            filters[0] (expand_json): column `l` cannot read `x` as long [{"l":"x","t":"y"}]
            filters[0] (expand_json): column `payload` cannot read `not json` as json [not json]
            filters[0] (expand_json): column `t` cannot read `y` as timestamp [{"t":"y"}]
            filters[0] (expand_json): column `j` cannot read `abc` as json [{"j":"abc"}]"#,
    );
}

#[test]
fn invalid_record_can_stop_the_job() {
    let mut rule = expand(&[("l", ColumnType::Long)]);
    rule.stop_on_invalid_record = true;
    check(
        payloads(&[Some(r#"{"l":1}"#), Some(r#"{"l":"x"}"#)]),
        &[FilterRule::ExpandJson(rule)],
        "failed: External error: found an invalid record: filters[0] (expand_json): column `l` cannot read `x` as long",
    );
}

#[test]
fn string_columns_can_be_expanded_and_take_their_own_name() {
    let mut rule = expand(&[("last", ColumnType::String)]);
    rule.json_column_name = "last".to_owned();
    rule.root = "$.".to_owned();
    let input = batch(vec![("last", ColumnType::String, texts(&[Some(r#"{"last":"in"}"#)]))]);
    check(
        input,
        &[FilterRule::ExpandJson(rule)],
        "
            +------+
            | last |
            +------+
            | in   |
            +------+
            last:string",
    );
}

#[test]
fn errors_of_the_schema() {
    let long = ColumnType::Long;
    let mut missing = expand(&[("x", long)]);
    missing.json_column_name = "payloud".to_owned();
    let mut number = expand(&[("x", long)]);
    number.json_column_name = "id".to_owned();
    let mut kept = expand(&[("payload", long)]);
    kept.keep_expanding_json_column = true;
    let mut zone = expand(&[("t", ColumnType::Timestamp)]);
    zone.expanded_columns[0].timestamp.timezone = "Nowhere/City".to_owned();
    for (rule, expected) in [
        (
            missing,
            "column `payloud` of `json_column_name` doesn't exist in the schema; hint: did you mean `payload`?",
        ),
        (
            number,
            "a column specified as `json_column_name` must be string or json: `id` is long",
        ),
        (
            expand(&[("x", long), ("x", long)]),
            "column config for `x` is duplicated at `expanded_columns`",
        ),
        (
            expand(&[("last", long)]),
            "output column `last` is duplicated: the input has a column of that name; hint: remove or rename the input's \
             `last` by a filter before this one",
        ),
        (
            kept,
            "output column `payload` is duplicated: the input has a column of that name; hint: remove or rename the \
             input's `payload` by a filter before this one",
        ),
        (
            expand(&[("a[", long)]),
            "column `a[`: path `$.a[` has an unclosed `[` at character 5",
        ),
        (expand(&[]), "`expanded_columns` is empty"),
    ] {
        check(
            payloads(&[None]),
            &[FilterRule::ExpandJson(rule)],
            &format!("error: filters[0] (expand_json): {expected}"),
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let text = runtime.block_on(outcome(payloads(&[None]), &[FilterRule::ExpandJson(zone)]));
    assert!(
        text.starts_with("error: filters[0] (expand_json): column `t`: "),
        "{text}"
    );
}
