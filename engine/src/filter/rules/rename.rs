//! Renames columns: by a map, then by rules that apply to every name in turn.
//!
//! Names are text and nothing else here. As in Java, lengths count UTF-16 units; a name is cut in front of a character that
//! would not fit whole.

use super::{FirstCharacterChange, RenameRule, RenameStep};
use crate::filter::{FilterError, Stage, column, column_names};
use datafusion::logical_expr::LogicalPlan;
use std::collections::HashSet;

/// Compiles the rule.
///
/// **Errors**: an old name is missing; a pattern or replacement cannot be read; two columns end up with one name.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &RenameRule,
) -> Result<LogicalPlan, FilterError> {
    let old_names = column_names(&input);
    let mut names = old_names.clone();
    for (old, new) in &rule.columns {
        match old_names.iter().position(|name| name == old) {
            Some(index) => names[index].clone_from(new),
            None => {
                return Err(stage.missing_column(format!("column `{old}` is not found"), old, input.schema()));
            }
        }
    }
    for step in &rule.rules {
        names = renamed(&names, step).map_err(|reason| stage.error(reason))?;
    }
    if names.iter().any(String::is_empty) {
        return Err(stage.error("a column's new name is empty"));
    }
    let mut seen = HashSet::new();
    if let Some(index) = names.iter().position(|name| !seen.insert(name.as_str())) {
        return Err(stage.error_with_hint(
            format!(
                "column `{}` is renamed to `{}`, a name that another column has",
                old_names[index], names[index]
            ),
            Some("end the rules with `unique_number_suffix`".to_owned()),
        ));
    }
    let outputs = old_names
        .iter()
        .zip(names)
        .map(|(old, new)| (new, column(old)))
        .collect();
    stage.project(input, outputs)
}

/// The names after one step.
fn renamed(names: &[String], step: &RenameStep) -> Result<Vec<String>, String> {
    let each = |rename: &dyn Fn(&str) -> String| names.iter().map(|name| rename(name)).collect();
    Ok(match step {
        RenameStep::LowerToUpper => each(&str::to_uppercase),
        RenameStep::UpperToLower => each(&str::to_lowercase),
        RenameStep::CharacterTypes {
            pass_types,
            pass_characters,
            replace,
        } => {
            let passing = Passing::new(pass_types, pass_characters)?;
            each(&|name| {
                name.chars()
                    .map(|character| if passing.admits(character) { character } else { *replace })
                    .collect()
            })
        }
        RenameStep::FirstCharacterTypes {
            pass_types,
            pass_characters,
            change,
        } => {
            let passing = Passing::new(pass_types, pass_characters)?;
            each(&|name| match name.chars().next() {
                Some(first) if !passing.admits(first) => match change {
                    FirstCharacterChange::Replace(replace) => format!("{replace}{}", &name[first.len_utf8()..]),
                    FirstCharacterChange::Prefix(prefix) => format!("{prefix}{name}"),
                },
                _ => name.to_owned(),
            })
        }
        RenameStep::RegexReplace { pattern, replacement } => names
            .iter()
            .map(|name| pattern.replace_all(name, replacement))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?,
        RenameStep::Truncate { max_length } => each(&|name| truncated(name, *max_length).to_owned()),
        RenameStep::UniqueNumberSuffix {
            delimiter,
            digits,
            max_length,
            offset,
        } => unique_names(names, *delimiter, *digits, *max_length, *offset)?,
    })
}

/// The characters that pass a rule.
struct Passing<'a> {
    ranges: Vec<std::ops::RangeInclusive<char>>,
    characters: &'a str,
}

impl<'a> Passing<'a> {
    fn new(pass_types: &[String], characters: &'a str) -> Result<Passing<'a>, String> {
        let ranges = pass_types.iter().map(|pass_type| match pass_type.as_str() {
            "a-z" => Ok('a'..='z'),
            "A-Z" => Ok('A'..='Z'),
            "0-9" => Ok('0'..='9'),
            other => Err(format!("`{other}` in `pass_types` is none of `a-z`, `A-Z`, `0-9`")),
        });
        // The original makes a pattern of them, which this would end.
        if characters.contains("\\E") {
            return Err(format!("`pass_characters` must not contain `\\E`: `{characters}`"));
        }
        Ok(Passing {
            ranges: ranges.collect::<Result<_, _>>()?,
            characters,
        })
    }

    fn admits(&self, character: char) -> bool {
        self.ranges.iter().any(|range| range.contains(&character)) || self.characters.contains(character)
    }
}

/// The longest beginning of whole characters with at most `max_length` UTF-16 units.
fn truncated(name: &str, max_length: usize) -> &str {
    let mut length = 0;
    for (index, character) in name.char_indices() {
        length += character.len_utf16();
        if length > max_length {
            return &name[..index];
        }
    }
    name
}

/// Gives every name but the first of its kind a number that makes it unique. A numbered name is also none of those that were there
/// before, anywhere; a name without a number only has to differ from those to its left.
fn unique_names(
    names: &[String],
    delimiter: char,
    digits: Option<usize>,
    max_length: Option<usize>,
    offset: u64,
) -> Result<Vec<String>, String> {
    /// So that a few characters of the name are left beside its number.
    const LEAST_MAX_LENGTH: usize = 8;
    if delimiter.is_ascii_digit() {
        return Err(format!("`delimiter` must not be a digit: `{delimiter}`"));
    }
    if let Some(max_length) = max_length.filter(|length| *length < LEAST_MAX_LENGTH) {
        return Err(format!(
            "`max_length` must be at least {LEAST_MAX_LENGTH}: {max_length}"
        ));
    }
    let digits = digits.unwrap_or(1);
    if max_length.is_some_and(|max_length| max_length < digits + 1) {
        return Err("`max_length` must be larger than `digits`".to_owned());
    }
    let originals: HashSet<&str> = names.iter().map(String::as_str).collect();
    let mut fixed: HashSet<String> = HashSet::new();
    let mut unique = Vec::with_capacity(names.len());
    for name in names {
        let mut candidate = truncated(name, max_length.unwrap_or(usize::MAX)).to_owned();
        let mut number = offset;
        let mut is_free = !fixed.contains(&candidate);
        while !is_free {
            number = number.checked_add(1).ok_or("`offset` leaves no numbers")?;
            let suffix = format!("{delimiter}{number:0digits$}");
            let suffix_length = suffix.encode_utf16().count();
            let room = max_length.map_or(Some(usize::MAX), |max_length| max_length.checked_sub(suffix_length));
            let room = room.ok_or_else(|| format!("no unique name for `{name}` fits `max_length`"))?;
            candidate = format!("{}{suffix}", truncated(name, room));
            is_free = !fixed.contains(&candidate) && !originals.contains(candidate.as_str());
        }
        fixed.insert(candidate.clone());
        unique.push(candidate);
    }
    Ok(unique)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Pattern, Replacement};

    #[track_caller]
    fn check(step: RenameStep, names: &[&str], expected: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(renamed(&names, &step).unwrap(), expected);
    }

    #[track_caller]
    fn check_error(step: RenameStep, expected: &str) {
        assert_eq!(renamed(&["c".to_owned()], &step).unwrap_err(), expected);
    }

    fn unique(digits: Option<usize>, max_length: Option<usize>, offset: u64) -> RenameStep {
        RenameStep::UniqueNumberSuffix {
            delimiter: '_',
            digits,
            max_length,
            offset,
        }
    }

    #[test]
    fn case_rules_change_whole_names() {
        check(RenameStep::LowerToUpper, &["aB1é", "straße"], &["AB1É", "STRASSE"]);
        check(RenameStep::UpperToLower, &["User ID", "ÀB"], &["user id", "àb"]);
    }

    #[test]
    fn characters_that_do_not_pass_are_replaced_one_by_one() {
        let step = RenameStep::CharacterTypes {
            pass_types: vec!["a-z".to_owned(), "0-9".to_owned()],
            pass_characters: "_$".to_owned(),
            replace: '_',
        };
        check(
            step,
            &["a-b c", "Ab9_$", "日本", "😀x"],
            &["a_b_c", "_b9_$", "__", "_x"],
        );
    }

    #[test]
    fn first_character_is_replaced_or_prefixed() {
        let step = |change| RenameStep::FirstCharacterTypes {
            pass_types: vec!["a-z".to_owned()],
            pass_characters: "_".to_owned(),
            change,
        };
        check(
            step(FirstCharacterChange::Replace('x')),
            &["1st", "_a", "b", "é1"],
            &["xst", "_a", "b", "x1"],
        );
        check(
            step(FirstCharacterChange::Prefix('_')),
            &["1st", "_a", ""],
            &["_1st", "_a", ""],
        );
    }

    #[test]
    fn regex_replaces_every_find_in_every_name() {
        let step = |pattern: &str, replacement: &str| {
            let pattern = Pattern::new(pattern).unwrap();
            RenameStep::RegexReplace {
                replacement: Replacement::new(replacement, &pattern).unwrap(),
                pattern,
            }
        };
        check(step(r"(\w)-(\w)", "$2$1"), &["a-b c-d", "e"], &["ba dc", "e"]);
        // Java's `\w` is ASCII.
        check(step(r"\W", "_"), &["größe"], &["gr__e"]);
        let endless = format!("{}b", "a".repeat(60));
        let error = renamed(&[endless], &step(r"^(a+)+\1$", "")).unwrap_err();
        assert!(error.contains("takes too many steps on"), "{error}");
    }

    #[test]
    fn truncate_counts_utf16_units_and_keeps_characters_whole() {
        check(
            RenameStep::Truncate { max_length: 3 },
            &["abcd", "ab", "a😀b", "ab😀"],
            &["abc", "ab", "a😀", "ab"],
        );
    }

    #[test]
    fn duplicates_are_numbered_from_two() {
        check(unique(None, None, 1), &["c", "c", "c", "d"], &["c", "c_2", "c_3", "d"]);
    }

    #[test]
    fn numbered_names_avoid_all_names_that_were_there() {
        check(
            unique(None, None, 1),
            &["c", "c", "c_2", "c"],
            &["c", "c_3", "c_2", "c_4"],
        );
        check(
            unique(None, None, 1),
            &["c_2", "c", "c", "c_2"],
            &["c_2", "c", "c_3", "c_2_2"],
        );
    }

    #[test]
    fn numbers_have_the_wanted_digits_and_offset() {
        check(unique(Some(3), None, 8), &["c", "c", "c"], &["c", "c_009", "c_010"]);
        check(unique(Some(2), None, 98), &["c", "c", "c"], &["c", "c_99", "c_100"]);
    }

    #[test]
    fn suffix_takes_the_place_of_the_end_of_a_long_name() {
        check(
            unique(None, Some(8), 1),
            &["abcdefgh1", "abcdefgh2", "abcdefghi", "ab"],
            &["abcdefgh", "abcdef_2", "abcdef_3", "ab"],
        );
        check(
            unique(None, Some(8), 9),
            &["abcdefgh", "abcdefgh"],
            &["abcdefgh", "abcde_10"],
        );
    }

    #[test]
    fn wrong_options_are_errors() {
        check_error(unique(None, Some(7), 1), "`max_length` must be at least 8: 7");
        check_error(unique(Some(8), Some(8), 1), "`max_length` must be larger than `digits`");
        check_error(
            RenameStep::UniqueNumberSuffix {
                delimiter: '1',
                digits: None,
                max_length: None,
                offset: 1,
            },
            "`delimiter` must not be a digit: `1`",
        );
    }
}
