//! `columns`: which there are, in which order, and members of JSON columns.

use super::*;

#[test]
fn output_is_exactly_the_listed_columns_in_their_order() {
    check(
        all_types(),
        &[columns(vec![entry("a.name"), sourced("n", "Count"), entry("flag")])],
        "
            +--------+----+------+
            | a.name | n  | flag |
            +--------+----+------+
            | x      | 42 | true |
            |        |    |      |
            +--------+----+------+
            a.name:string n:long flag:boolean",
    );
}

#[test]
fn default_replaces_null_and_makes_constants() {
    let listed = |name: &str, default: &str| ColumnEntry {
        default: Some(default.to_owned()),
        ..entry(name)
    };
    check(
        all_types(),
        &[columns(vec![
            listed("Count", "7"),
            listed("ratio", "0.5"),
            listed("flag", "FALSE"),
            listed("at", "2015-01-02 03:04:05"),
            listed("payload", "{ \"z\": 1 }"),
            constant("new", ColumnType::Json, "[1, 2]"),
            constant("since", ColumnType::Timestamp, "2015-01-02 03:04:05"),
        ])],
        r#"
            +-------+---------------+-------+--------------------------+---------------------------------+-------+----------------------+
            | Count | ratio         | flag  | at                       | payload                         | new   | since                |
            +-------+---------------+-------+--------------------------+---------------------------------+-------+----------------------+
            | 42    | 10000000000.0 | true  | 2015-03-31T06:12:37.120Z | {"a":1,"b":{"c":"x","d":[1,2]}} | [1,2] | 2015-01-02T03:04:05Z |
            | 7     | 0.5           | false | 2015-01-02T03:04:05Z     | {"z":1}                         | [1,2] | 2015-01-02T03:04:05Z |
            +-------+---------------+-------+--------------------------+---------------------------------+-------+----------------------+
            Count:long ratio:double flag:boolean at:timestamp payload:json new:json since:timestamp"#,
    );
}

#[test]
fn added_columns_are_last_and_dropped_ones_gone() {
    let rule = FilterRule::Column(ColumnRule {
        columns: None,
        add_columns: vec![constant("one", ColumnType::Long, "1"), sourced("copy", "a.name")],
        drop_columns: names(&["payload", "at", "ratio", "flag"]),
    });
    check(
        all_types(),
        &[rule],
        "
            +-------+--------+-----+------+
            | Count | a.name | one | copy |
            +-------+--------+-----+------+
            | 42    | x      | 1   | x    |
            |       |        | 1   |      |
            +-------+--------+-----+------+
            Count:long a.name:string one:long copy:string",
    );
}

#[test]
fn paths_in_columns_keep_only_the_named_members() {
    let with_default = ColumnEntry {
        default: Some("9".to_owned()),
        column_type: Some(ColumnType::Long),
        ..entry("$.payload.e")
    };
    check(
        all_types(),
        &[columns(vec![
            entry("$.payload.b.d[1]"),
            with_default,
            sourced("$.payload.f", "$.payload.a"),
            entry("Count"),
        ])],
        r#"
            +-----------------------------+-------+
            | payload                     | Count |
            +-----------------------------+-------+
            | {"b":{"d":[2]},"e":9,"f":1} | 42    |
            |                             |       |
            +-----------------------------+-------+
            payload:json Count:long"#,
    );
}

#[test]
fn paths_add_and_drop_members() {
    let rule = FilterRule::Column(ColumnRule {
        columns: None,
        add_columns: vec![
            constant("$.payload.b.new", ColumnType::String, "n\"1"),
            sourced("$['payload']['copy']", "$.payload.b.c"),
        ],
        drop_columns: names(&["$.payload.a", "$.payload.b.d[*]", "$.payload.nothing.there"]),
    });
    check(
        all_types(),
        &[rule, keep(&["payload"])],
        r#"
            +------------------------------------------------+
            | payload                                        |
            +------------------------------------------------+
            | {"b":{"c":"x","d":[],"new":"n\"1"},"copy":"x"} |
            |                                                |
            +------------------------------------------------+
            payload:json"#,
    );
}

#[test]
fn errors_name_the_list_and_the_nearest_column() {
    for (rule, expected) in [
        (
            columns(vec![entry("cuont")]),
            "error: filters[0] (column): columns: column src `cuont` is not found in the input, and column `cuont` does \
             not have `type` and `default`; hint: did you mean `Count`?",
        ),
        (
            add(vec![entry("new")]),
            "error: filters[0] (column): add_columns: column `new` does not have `type` and `default`",
        ),
        (
            add(vec![constant("flag", ColumnType::Long, "1")]),
            "error: filters[0] (column): output column `flag` is duplicated",
        ),
        (
            add(vec![constant("new", ColumnType::Long, "1.0")]),
            "error: filters[0] (column): column `new` cannot read its default `1.0` as long",
        ),
        (
            columns(vec![entry("$.Count.x")]),
            "error: filters[0] (column): columns: column `Count` of path `$.Count.x` must be json, but it's long",
        ),
        (
            FilterRule::Column(ColumnRule {
                columns: Some(vec![entry("flag")]),
                add_columns: vec![],
                drop_columns: names(&["at"]),
            }),
            "error: filters[0] (column): either of `columns` and `drop_columns` can be specified, not both",
        ),
        (columns(vec![]), "error: filters[0] (column): no column is left"),
    ] {
        check(all_types(), &[rule], expected);
    }
}
