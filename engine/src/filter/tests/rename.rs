//! `rename`.

use super::*;

fn rename(columns: &[(&str, &str)], rules: Vec<RenameStep>) -> FilterRule {
    let columns = columns
        .iter()
        .map(|(old, new)| ((*old).to_owned(), (*new).to_owned()))
        .collect();
    FilterRule::Rename(RenameRule { columns, rules })
}

#[test]
fn map_comes_first_and_rules_follow_in_order() {
    check(
        all_types(),
        &[
            keep(&["Count", "a.name", "payload"]),
            rename(
                &[("payload", "A.Name")],
                vec![
                    RenameStep::UpperToLower,
                    RenameStep::CharacterTypes {
                        pass_types: names(&["a-z", "0-9"]),
                        pass_characters: "_".to_owned(),
                        replace: '_',
                    },
                    RenameStep::UniqueNumberSuffix {
                        delimiter: '_',
                        digits: None,
                        max_length: Some(128),
                        offset: 1,
                    },
                ],
            ),
        ],
        r#"
            +-------+--------+---------------------------------+
            | count | a_name | a_name_2                        |
            +-------+--------+---------------------------------+
            | 42    | x      | {"a":1,"b":{"c":"x","d":[1,2]}} |
            |       |        |                                 |
            +-------+--------+---------------------------------+
            count:long a_name:string a_name_2:json"#,
    );
}

#[test]
fn names_can_be_swapped() {
    check(
        all_types(),
        &[
            keep(&["Count", "flag"]),
            rename(&[("Count", "flag"), ("flag", "Count")], vec![]),
        ],
        "
            +-------+------+
            | Count | flag |
            +-------+------+
            | true  | 42   |
            |       |      |
            +-------+------+
            Count:boolean flag:long",
    );
}

#[test]
fn missing_and_clashing_names_are_errors() {
    for (rule, expected) in [
        (
            rename(&[("count", "n")], vec![]),
            "column `count` is not found; hint: did you mean `Count`?",
        ),
        (
            rename(&[("Count", "flag")], vec![]),
            "column `Count` is renamed to `flag`, a name that another column has; hint: end the rules with \
             `unique_number_suffix`",
        ),
    ] {
        check(all_types(), &[rule], &format!("error: filters[0] (rename): {expected}"));
    }
}
