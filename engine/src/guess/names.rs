//! Turns header cells into column names, and says whether they need cleaning.
//!
//! Names stay as the file has them, trimmed; empty ones are numbered and repeated ones told apart, because a table cannot hold
//! them otherwise. What SQL would want quoted is left to a `rename` filter that the user sees and may delete.

use crate::parse::csv;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Longest name the cleaning chain leaves.
const MAX_NAME_CHARS: usize = 128;

/// Names for `num_columns` columns from header cells; `None`: `c0`, `c1`, ...
pub(crate) fn column_names(cells: Option<&[&str]>, num_columns: usize) -> Vec<String> {
    csv::column_names(cells.unwrap_or_default(), num_columns)
}

/// Whether SQL reads `name` without quotes, in lower case.
fn is_clean(name: &str) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first == b'_');
    first
        && name.len() <= MAX_NAME_CHARS
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The names that need cleaning.
pub(crate) fn unclean<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    names.into_iter().filter(|name| !is_clean(name)).collect()
}

/// The filter that cleans names as the hosted service does.
pub(crate) fn cleaning_filter() -> Value {
    json!({
        "type": "rename",
        "rules": [
            {"rule": "upper_to_lower"},
            {"rule": "character_types", "pass_types": ["a-z", "0-9"], "pass_characters": "_", "replace": "_"},
            {"rule": "first_character_types", "pass_types": ["a-z"], "pass_characters": "_", "prefix": "_"},
            {"rule": "unique_number_suffix", "max_length": MAX_NAME_CHARS},
        ],
    })
}

/// What columns are called after the filter; `None` for those that it numbers or cuts.
pub(crate) fn names_after_cleaning<T: AsRef<str>>(names: &[T]) -> Vec<Option<String>> {
    let mut used = HashSet::new();
    names
        .iter()
        .map(|name| cleaned(name.as_ref()))
        .map(|name| (name.len() <= MAX_NAME_CHARS && used.insert(name.clone())).then_some(name))
        .collect()
}

/// What the filter makes of one name, duplicates aside.
pub(crate) fn cleaned(name: &str) -> String {
    let mut clean: String = name
        .chars()
        .flat_map(char::to_lowercase)
        .map(|character| {
            let passes = character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
            if passes { character } else { '_' }
        })
        .collect();
    if clean.starts_with(|first: char| first.is_ascii_digit()) {
        clean.insert(0, '_');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cells: &[&str], expected: &[&str]) {
        assert_eq!(column_names(Some(cells), expected.len()), expected);
    }

    #[test]
    fn names_are_trimmed_numbered_and_unique() {
        check(&[" id ", "Name"], &["id", "Name"]);
        check(&["a", "", "b", ""], &["a", "c1", "b", "c3"]);
        check(&["a", "a", "a"], &["a", "a_2", "a_3"]);
        check(&["a", "a", "a_2"], &["a", "a_3", "a_2"]);
        check(&["a"], &["a", "c1"]);
        assert_eq!(column_names(None, 2), ["c0", "c1"]);
    }

    #[test]
    fn names_that_need_cleaning_are_told() {
        assert_eq!(unclean(["id", "created_at", "_x", "c3"]), Vec::<&str>::new());
        assert_eq!(unclean(["Id", "x-y", "1st", "naïve"]), ["Id", "x-y", "1st", "naïve"]);
        assert_eq!(cleaned("x-Edge Location"), "x_edge_location");
        assert_eq!(cleaned("1st"), "_1st");
    }
}
