//! `cast`.

use super::*;

#[test]
fn text_is_read_as_in_csv_and_rejects_its_record_otherwise() {
    let column = texts(&[Some("1"), None, Some("x"), Some("1.5"), Some("")]);
    let input = batch(vec![
        (
            "id",
            ColumnType::String,
            texts(&[Some("a"), Some("b"), Some("c"), Some("d"), Some("e")]),
        ),
        ("l", ColumnType::String, column.clone()),
        ("d", ColumnType::String, column.clone()),
        ("b", ColumnType::String, column),
    ]);
    check(
        input,
        &[cast(&[
            ("b", ColumnType::Boolean),
            ("l", ColumnType::Long),
            ("d", ColumnType::Double),
        ])],
        "
            +----+---+-----+------+
            | id | l | d   | b    |
            +----+---+-----+------+
            | a  | 1 | 1.0 | true |
            | b  |   |     |      |
            +----+---+-----+------+
            id:string l:long d:double b:boolean
            filters[0] (cast): column `l` cannot read `x` as long [x]
            filters[0] (cast): column `l` cannot read `1.5` as long [1.5]
            filters[0] (cast): column `l` cannot read `` as long []",
    );
}

#[test]
fn every_type_becomes_a_string() {
    let strings: Vec<(&str, ColumnType)> = ["flag", "Count", "ratio", "at", "payload"]
        .into_iter()
        .map(|name| (name, ColumnType::String))
        .collect();
    check(
        all_types(),
        &[cast(&strings), drop_columns(&["a.name"])],
        r#"
            +------+-------+--------+-------------------------+---------------------------------+
            | flag | Count | ratio  | at                      | payload                         |
            +------+-------+--------+-------------------------+---------------------------------+
            | true | 42    | 1.0E10 | 2015-03-31T06:12:37.12Z | {"a":1,"b":{"c":"x","d":[1,2]}} |
            |      |       |        |                         |                                 |
            +------+-------+--------+-------------------------+---------------------------------+
            flag:string Count:string ratio:string at:string payload:string"#,
    );
}

#[test]
fn every_type_but_text_becomes_json() {
    let json: Vec<(&str, ColumnType)> = ["flag", "Count", "ratio", "at"]
        .into_iter()
        .map(|name| (name, ColumnType::Json))
        .collect();
    check(
        all_types(),
        &[keep(&["flag", "Count", "ratio", "at"]), cast(&json)],
        r#"
            +------+-------+--------+---------------------------+
            | flag | Count | ratio  | at                        |
            +------+-------+--------+---------------------------+
            | true | 42    | 1.0E10 | "2015-03-31T06:12:37.12Z" |
            |      |       |        |                           |
            +------+-------+--------+---------------------------+
            flag:json Count:json ratio:json at:json"#,
    );
}

#[test]
fn numbers_become_long() {
    check(
        all_types(),
        &[
            keep(&["flag", "ratio", "at"]),
            cast(&[
                ("flag", ColumnType::Long),
                ("ratio", ColumnType::Long),
                ("at", ColumnType::Long),
            ]),
        ],
        "
            +------+-------------+------------+
            | flag | ratio       | at         |
            +------+-------------+------------+
            | 1    | 10000000000 | 1427782357 |
            |      |             |            |
            +------+-------------+------------+
            flag:long ratio:long at:long",
    );
}

#[test]
fn double_without_a_long_rejects_its_record() {
    let doubles = Float64Array::from(vec![Some(-1.9), Some(f64::NAN), Some(9.3e18), Some(f64::NEG_INFINITY)]);
    check(
        batch(vec![("d", ColumnType::Double, Arc::new(doubles))]),
        &[cast(&[("d", ColumnType::Long)])],
        "
            +----+
            | d  |
            +----+
            | -1 |
            +----+
            d:long
            filters[0] (cast): column `d` cannot read `NaN` as long [NaN]
            filters[0] (cast): column `d` cannot read `9.3E18` as long [9.3E18]
            filters[0] (cast): column `d` cannot read `-Infinity` as long [-Infinity]",
    );
}

#[test]
fn content_of_a_json_string_counts() {
    check(
        payloads(&[Some("\"12\""), Some("13"), Some("null"), Some("{}")]),
        &[cast(&[("payload", ColumnType::Long)])],
        r#"
            +----+---------+------+
            | id | payload | last |
            +----+---------+------+
            | 1  | 12      | z    |
            | 2  | 13      | z    |
            | 3  |         | z    |
            +----+---------+------+
            id:long payload:long last:string
            filters[0] (cast): column `payload` cannot read `{}` as long [{}]"#,
    );
}

#[test]
fn long_becomes_a_timestamp_by_a_format_and_null_a_default() {
    let seconds = ColumnEntry {
        column_type: Some(ColumnType::Timestamp),
        timestamp: timestamp("%s"),
        default: Some("0".to_owned()),
        ..entry("Count")
    };
    check(
        all_types(),
        &[FilterRule::Cast(CastRule { columns: vec![seconds] }), keep(&["Count"])],
        "
            +----------------------+
            | Count                |
            +----------------------+
            | 1970-01-01T00:00:42Z |
            | 1970-01-01T00:00:00Z |
            +----------------------+
            Count:timestamp",
    );
}

#[test]
fn text_becomes_json_only_if_it_is() {
    let input = batch(vec![(
        "j",
        ColumnType::String,
        texts(&[Some("{ \"a\" : 1.0 }"), Some("abc")]),
    )]);
    check(
        input,
        &[cast(&[("j", ColumnType::Json)])],
        r#"
            +-----------+
            | j         |
            +-----------+
            | {"a":1.0} |
            +-----------+
            j:json
            filters[0] (cast): column `j` cannot read `abc` as json [abc]"#,
    );
}

#[test]
fn impossible_casts_are_errors() {
    for (rule, expected) in [
        (
            cast(&[("flag", ColumnType::Timestamp)]),
            "column `flag` cannot be cast from boolean to timestamp",
        ),
        (
            cast(&[("at", ColumnType::Boolean)]),
            "column `at` cannot be cast from timestamp to boolean",
        ),
        (
            cast(&[("rat", ColumnType::Long)]),
            "column `rat` doesn't exist in the schema; hint: did you mean `at`?",
        ),
        (
            FilterRule::Cast(CastRule {
                columns: vec![entry("flag")],
            }),
            "column `flag` has no `type` to cast to",
        ),
    ] {
        check(all_types(), &[rule], &format!("error: filters[0] (cast): {expected}"));
    }
}
