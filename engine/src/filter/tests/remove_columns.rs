//! `remove_columns` and `retain_columns`.

use super::*;

fn remove(columns: &[&str], accept_unmatched_columns: bool) -> FilterRule {
    let names = names(columns);
    FilterRule::RemoveColumns(RemoveColumnsRule {
        action: RemoveOrKeep::Remove,
        names,
        accept_unmatched_columns,
    })
}

const COUNT_AND_FLAG: &str = "
        +------+-------+
        | flag | Count |
        +------+-------+
        | true | 42    |
        |      |       |
        +------+-------+
        flag:boolean Count:long";

#[test]
fn kept_columns_stay_in_the_order_of_the_input() {
    check(all_types(), &[keep(&["Count", "flag"])], COUNT_AND_FLAG);
}

#[test]
fn removed_columns_go_and_unmatched_names_can_be_accepted() {
    check(
        all_types(),
        &[remove(&["ratio", "a.name", "at", "payload", "nothing"], true)],
        COUNT_AND_FLAG,
    );
}

#[test]
fn unmatched_name_is_an_error() {
    check(
        all_types(),
        &[keep(&["flag"]), remove(&["flog"], false)],
        "error: filters[1] (remove_columns): column `flog` doesn't exist in the schema; hint: did you mean `flag`?",
    );
}
