//! What becomes of members and values that are not expected.

use super::*;
use crate::parse::drift::{OnBadValue, OnNewColumns};

/// What becomes of what is not expected, by chance.
pub(super) fn any_drift() -> impl Strategy<Value = (OnNewColumns, OnBadValue)> {
    let on_new_columns = prop::sample::select(vec![
        OnNewColumns::Ignore,
        OnNewColumns::Ignore,
        OnNewColumns::Fail,
        OnNewColumns::Add,
        OnNewColumns::Rescue,
    ]);
    let on_bad_value = prop::sample::select(vec![OnBadValue::Reject, OnBadValue::Null, OnBadValue::Rescue]);
    (on_new_columns, on_bad_value)
}

fn columns() -> Vec<ColumnOptions> {
    vec![column("a", ColumnType::Long), column_at("b", ColumnType::Long, "/o/n")]
}

/// Both layouts, which differ in what ends a record only.
fn layouts(on_new_columns: OnNewColumns, on_bad_value: OnBadValue) -> [JsonOptions; 2] {
    [JsonLayout::Lines, JsonLayout::Values].map(|layout| JsonOptions {
        layout,
        on_new_columns,
        on_bad_value,
        ..lines(columns())
    })
}

#[test]
fn members_that_no_column_takes_are_rescued() {
    let text = "{\"a\":1,\"x\":\"p\",\"o\":{\"n\":2,\"m\":3}}\n\
                {\"a\":1}\n\
                {\"x\": [1, {\"y\" : null}], \"a\": 2, \"z\\n\" : true}\n\
                {\"x\":1,\"y\":2,\"x\":\"last\",\"n\":null,\"b\":4}\n";
    for options in layouts(OnNewColumns::Rescue, OnBadValue::Reject) {
        check(
            &options,
            text,
            &[
                "1 | 2 | {\"x\":\"p\"}",
                "1 | null | null",
                "2 | null | {\"x\":[1,{\"y\":null}],\"z\\n\":true}",
                "null | null | {\"y\":2,\"x\":\"last\"}",
            ],
            &[],
        );
    }
}

#[test]
fn bad_values_are_null_or_rescued() {
    let text = "{\"a\":\"o\",\"o\":{\"n\":{\"m\" : 1}}}\n{\"a\":2,\"o\":{\"n\":true}}\n";
    for options in layouts(OnNewColumns::Ignore, OnBadValue::Null) {
        check(&options, text, &["null | null", "2 | null"], &[]);
    }
    for options in layouts(OnNewColumns::Ignore, OnBadValue::Rescue) {
        check(
            &options,
            text,
            &[
                "null | null | {\"a\":\"o\",\"/o/n\":{\"m\":1}}",
                "2 | null | {\"/o/n\":true}",
            ],
            &[],
        );
    }
}

#[test]
fn a_new_member_fails_its_file() {
    let text = "{\"a\":1,\"x\":null}\n{\"a\":2}\n{\"a\":3,\"y\":0}\n{\"a\":4}\n";
    for options in layouts(OnNewColumns::Fail, OnBadValue::Reject) {
        let error = "new column `y` at line 3";
        check_with_error(&options, text, &["1 | null", "2 | null"], &[], &[error]);
    }
}

#[test]
fn a_new_member_of_an_element_fails_its_file() {
    for options in layouts(OnNewColumns::Fail, OnBadValue::Reject) {
        let options = JsonOptions {
            flatten_json_array: true,
            root: Some("/r".to_owned()),
            ..options
        };
        let text = "{\"x\":1,\"r\":[{\"a\":1},{\"a\":2,\"y\":0},{\"a\":3}]}\n{\"r\":[{\"a\":4}]}\n";
        check_with_error(&options, text, &["1 | null"], &[], &["new column `y` at line 1"]);
        // Nothing after it is judged.
        let text = "{\"r\":[{\"y\":0}]}\n{\"r\":{}}\n{\"r\":null}\n";
        check_with_error(&options, text, &[], &[], &["new column `y` at line 1"]);
    }
}

#[test]
fn a_column_of_the_whole_record_leaves_nothing_new() {
    let columns = vec![column("a", ColumnType::Long), column_at("all", ColumnType::Json, "")];
    for on_new_columns in [OnNewColumns::Fail, OnNewColumns::Ignore] {
        let options = JsonOptions {
            on_new_columns,
            ..lines(columns.clone())
        };
        check(&options, "{\"a\":1,\"x\":2}", &["1 | {\"a\":1,\"x\":2}"], &[]);
    }
    let rescuing = JsonOptions {
        on_new_columns: OnNewColumns::Rescue,
        ..lines(columns)
    };
    check(&rescuing, "{\"a\":1,\"x\":2}", &["1 | {\"a\":1,\"x\":2} | null"], &[]);
}

#[test]
fn what_is_rescued_is_valid_json_whatever_stood_there() {
    for options in layouts(OnNewColumns::Rescue, OnBadValue::Rescue) {
        check(
            &options,
            "{\"a\":NaN,\"x\":\"\\u0041\\/\",\"y\":[ -Infinity ]}\n",
            &["null | null | {\"a\":\"NaN\",\"x\":\"A/\",\"y\":[\"-Infinity\"]}"],
            &[],
        );
    }
}

#[test]
fn nothing_is_rescued_where_nobody_asks_for_it() {
    for options in layouts(OnNewColumns::Rescue, OnBadValue::Rescue) {
        let without = JsonOptions {
            projection: Some(vec![0]),
            ..options.clone()
        };
        check(&without, "{\"a\":\"o\",\"x\":1}\n", &["null"], &[]);
        let alone = JsonOptions {
            projection: Some(vec![2]),
            ..options
        };
        check(
            &alone,
            "{\"a\":\"o\",\"x\":1}\n{\"a\":1}\n",
            &["{\"x\":1}", "null"],
            &[],
        );
    }
}

#[test]
fn rows_know_where_they_come_from() {
    for options in layouts(OnNewColumns::Ignore, OnBadValue::Reject) {
        let options = JsonOptions {
            origins: OriginRows::All,
            ..options
        };
        let outcome = outcome_of(&options, &[b"{\"a\":1}\n{\"a\":\"x\"}\n\n{ \"a\": 3 }\n"]);
        let shown: Vec<String> = outcome
            .origins
            .iter()
            .flatten()
            .map(|origin| {
                let place = &origin.position;
                format!(
                    "{}:{}:{}:{} {}",
                    place.file, place.line, place.byte, place.record, origin.text.kept
                )
            })
            .collect();
        assert_eq!(shown, ["file0:1:0:1 {\"a\":1}", "file0:4:19:3 { \"a\": 3 }"]);
    }
}

#[test]
fn rows_without_a_time_know_where_they_come_from() {
    for options in layouts(OnNewColumns::Ignore, OnBadValue::Reject) {
        let options = JsonOptions {
            origins: OriginRows::Untimed(TimeSource {
                column: 0,
                usable: 0..=9,
            }),
            ..options
        };
        let outcome = outcome_of(&options, &[b"{\"a\":1}\n{\"a\":null}\n{\"a\":10}\n{}\n{\"a\":9}\n"]);
        let lines: Vec<Option<u64>> = outcome
            .origins
            .iter()
            .map(|origin| origin.as_ref().map(|origin| origin.position.line))
            .collect();
        assert_eq!(lines, [None, Some(2), Some(3), Some(4), None]);
    }
}
