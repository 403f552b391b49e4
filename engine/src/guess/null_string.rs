//! Finds the text that stands for null.
//!
//! Setting it has a price: unquoted empty fields are then empty texts and no longer null, which rejects records whose column is
//! a number. It is set only if it saves more records than it costs.

use super::agreement::num_of;
use super::kind::{Kind, kind_of};

/// The texts looked for wherever they stand; the first of equally frequent ones wins.
const CANDIDATES: [&str; 5] = ["null", "NULL", "#N/A", "\\N", "-"];

/// Texts that are words as well: they stand for null where everything else in their column is a number, a date or the like.
const WORDS: [&str; 15] = [
    "NA", "N/A", "n/a", "na", "<NA>", "Null", "(null)", "None", "none", "nil", "nan", "?", ".", "..", "--",
];

/// One field of a column: its text, and whether it stood in quotes.
pub(crate) type Field<'a> = (&'a str, bool);

/// The text that stands for null, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuessedNull {
    /// The text; empty: empty fields, quoted ones too.
    pub(crate) text: &'static str,
    /// What speaks for it.
    pub(crate) note: String,
    /// What could as well be otherwise.
    pub(crate) doubt: Option<String>,
}

/// Finds the text for null in `columns`.
pub(crate) fn guess(columns: &[Vec<Field<'_>>]) -> Option<GuessedNull> {
    let mut counts: Vec<(&'static str, usize, usize)> = Vec::new();
    for candidate in CANDIDATES.into_iter().chain(WORDS) {
        let of_column: Vec<usize> = columns
            .iter()
            .map(|column| {
                column
                    .iter()
                    .filter(|(text, _)| text.trim_matches(' ') == candidate)
                    .count()
            })
            .collect();
        let num_columns = of_column.iter().filter(|count| **count > 0).count();
        let num_fields = of_column.iter().sum();
        let is_null = match candidate {
            "-" => is_dash_null(columns, num_columns),
            word if WORDS.contains(&word) => saved_and_lost(columns, word).0 > 0,
            _ => true,
        };
        if num_columns > 0 && is_null {
            counts.push((candidate, num_fields, num_columns));
        }
    }
    let best = counts
        .iter()
        .copied()
        .reduce(|best, other| if other.1 > best.1 { other } else { best });
    let Some((text, num_fields, num_columns)) = best else {
        return quoted_empties(columns);
    };
    let (num_saved, num_lost) = saved_and_lost(columns, text);
    if num_lost > num_saved {
        return None;
    }
    let mut doubt = (num_lost > 0).then(|| {
        format!("null_string: with `{text}` as null, {num_lost} empty fields in typed columns are no longer null and reject their records")
    });
    let others: Vec<String> = counts
        .iter()
        .filter(|(other, ..)| *other != text)
        .map(|(other, count, _)| format!("`{other}` ({count})"))
        .collect();
    if !others.is_empty() && doubt.is_none() {
        doubt = Some(format!(
            "null_string: besides `{text}` ({num_fields}) there are {}",
            others.join(", ")
        ));
    }
    Some(GuessedNull {
        text,
        note: format!("{} in {}", num_of(num_fields, "field"), num_of(num_columns, "column")),
        doubt,
    })
}

/// A dash is also a value: a strand, a sign. It is null where it stands beside typed values, or in several columns.
fn is_dash_null(columns: &[Vec<Field<'_>>], num_columns: usize) -> bool {
    let has_plus = columns.iter().any(|column| column.iter().any(|(text, _)| *text == "+"));
    !has_plus
        && (num_columns > 1
            || columns
                .iter()
                .any(|column| is_typed_without(column, "-") && has(column, "-")))
}

fn has(column: &[Field<'_>], null: &str) -> bool {
    column.iter().any(|(text, _)| text.trim_matches(' ') == null)
}

/// Whether every value of a column, `null` left out, is a number, a date or the like, and there is one.
fn is_typed_without(column: &[Field<'_>], null: &str) -> bool {
    let mut num_values = 0;
    for (text, _) in column {
        let text = text.trim_matches(' ');
        match kind_of(text) {
            _ if text == null => {}
            Kind::Empty => {}
            Kind::String => return false,
            _ => num_values += 1,
        }
    }
    num_values > 0
}

/// Fields of typed columns that become readable, and those that stop being so.
fn saved_and_lost(columns: &[Vec<Field<'_>>], null: &str) -> (usize, usize) {
    let mut num_saved = 0;
    let mut num_lost = 0;
    for column in columns.iter().filter(|column| is_typed_without(column, null)) {
        num_saved += column.iter().filter(|(text, _)| text.trim_matches(' ') == null).count();
        num_lost += column
            .iter()
            .filter(|(text, is_quoted)| text.is_empty() && !is_quoted)
            .count();
    }
    (num_saved, num_lost)
}

/// Exports that quote every field write `""` for null, which no number can be.
fn quoted_empties(columns: &[Vec<Field<'_>>]) -> Option<GuessedNull> {
    let typed = columns.iter().filter(|column| is_typed_without(column, ""));
    let num_fields: usize = typed
        .map(|column| {
            column
                .iter()
                .filter(|(text, is_quoted)| text.is_empty() && *is_quoted)
                .count()
        })
        .sum();
    (num_fields > 0).then(|| GuessedNull {
        text: "",
        note: format!("{} in typed columns", num_of(num_fields, "quoted empty field")),
        doubt: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(columns: &[&[&'static str]], expected: Option<&str>) -> Option<GuessedNull> {
        let columns: Vec<Vec<Field<'_>>> = columns
            .iter()
            .map(|column| {
                column
                    .iter()
                    .map(|cell| match cell.strip_prefix('"') {
                        Some(rest) => (rest.trim_end_matches('"'), true),
                        None => (*cell, false),
                    })
                    .collect()
            })
            .collect();
        let found = guess(&columns);
        assert_eq!(found.as_ref().map(|found| found.text), expected);
        found
    }

    #[test]
    fn usual_texts_are_found() {
        for null in ["null", "NULL", "#N/A", "\\N", "-"] {
            check(&[&["1", null, "3"], &["a", "b", "c"]], Some(null));
        }
        for null in WORDS {
            check(&[&["1", null, "3"], &["a", "b", "c"]], Some(null));
            check(&[&["a", null, "c"], &["1", "2", "3"]], None);
        }
        check(&[&["1", "", "3"]], None);
        check(&[&["a", "nullable"]], None);
    }

    #[test]
    fn most_frequent_text_wins_and_the_others_are_a_doubt() {
        let found = check(&[&["1", "NULL", "NULL", "\\N"]], Some("NULL")).unwrap();
        assert_eq!(found.note, "2 fields in 1 column");
        assert_eq!(
            found.doubt.unwrap(),
            "null_string: besides `NULL` (2) there are `\\N` (1)"
        );
    }

    #[test]
    fn dash_is_null_beside_values_or_in_several_columns() {
        check(&[&["a", "-", "b"]], None);
        check(&[&["a", "-", "b"], &["-", "x", "y"]], Some("-"));
        check(&[&["-", "+", "-"], &["-", "-", "+"]], None);
    }

    #[test]
    fn empty_fields_in_typed_columns_forbid_it() {
        check(&[&["1", "", "", "NULL"]], None);
        assert!(
            check(&[&["1", "", "NULL", "NULL"]], Some("NULL"))
                .unwrap()
                .doubt
                .is_some()
        );
        check(&[&["a", "", "", "NULL"]], Some("NULL"));
    }

    #[test]
    fn quoted_empty_fields_of_numbers_are_null() {
        check(&[&["\"1\"", "\"\""], &["\"x\"", "\"\""]], Some(""));
        check(&[&["\"x\"", "\"\""]], None);
    }
}
