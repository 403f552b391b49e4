//! Reads the filter `rename`; section 7.6 of the configuration reference.

use super::reader::Reader;
use crate::filter::rules::{FirstCharacterChange, RenameRule, RenameStep};
use crate::pattern::Replacement;

const RULES: [&str; 7] = [
    "lower_to_upper",
    "upper_to_lower",
    "character_types",
    "first_character_types",
    "regex_replace",
    "truncate",
    "unique_number_suffix",
];

/// Longest name when `truncate` does not say.
const DEFAULT_MAX_LENGTH: usize = 128;

/// Shortest `max_length` of `unique_number_suffix`.
const LEAST_UNIQUE_LENGTH: i64 = 8;

/// Reads the old and new names and the rules; a rule with a problem is left out.
pub(crate) fn read_rename(filter: &Reader<'_>) -> RenameRule {
    let columns = filter.named_texts("columns");
    let rules = filter.maps("rules").unwrap_or_default();
    RenameRule {
        columns,
        rules: rules.into_iter().filter_map(|mut rule| read_rule(&mut rule)).collect(),
    }
}

fn read_rule(rule: &mut Reader<'_>) -> Option<RenameStep> {
    rule.set_kind("");
    rule.required_name("rule")?;
    let words = RULES.map(|name| (name, name));
    let complain = |value: &str, list: &str| format!("unknown rule '{value}'. Supported rules are [{list}]");
    let name = rule.choice("rule", &words, complain)?;
    rule.set_kind(name);
    let step = match name {
        "lower_to_upper" => Some(RenameStep::LowerToUpper),
        "upper_to_lower" => Some(RenameStep::UpperToLower),
        "character_types" => read_character_types(rule),
        "first_character_types" => read_first_character_types(rule),
        "regex_replace" => read_regex_replace(rule),
        "truncate" => {
            let max_length = rule.positive("max_length").unwrap_or(DEFAULT_MAX_LENGTH);
            Some(RenameStep::Truncate { max_length })
        }
        _ => read_unique_number_suffix(rule),
    };
    rule.finish();
    step
}

fn read_pass(rule: &Reader<'_>) -> (Vec<String>, String) {
    let pass_types = rule.texts("pass_types").unwrap_or_default();
    for pass_type in pass_types
        .iter()
        .filter(|name| !matches!(name.as_str(), "a-z" | "A-Z" | "0-9"))
    {
        rule.error(
            "pass_types",
            format!("unknown pass_types '{pass_type}'. Supported are [a-z, A-Z, 0-9]"),
        );
    }
    (pass_types, rule.text("pass_characters").unwrap_or_default().to_owned())
}

/// One character; an outer `None`: it is not set, an inner one: it was reported.
fn read_character(rule: &Reader<'_>, key: &'static str) -> Option<Option<char>> {
    let text = rule.text(key)?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Some(Some(character)),
        _ => {
            rule.error(key, format!("\"{key}\" must contain just 1 character"));
            Some(None)
        }
    }
}

fn read_character_types(rule: &Reader<'_>) -> Option<RenameStep> {
    let (pass_types, pass_characters) = read_pass(rule);
    let replace = read_character(rule, "replace").unwrap_or(Some('_'))?;
    Some(RenameStep::CharacterTypes {
        pass_types,
        pass_characters,
        replace,
    })
}

fn read_first_character_types(rule: &Reader<'_>) -> Option<RenameStep> {
    let (pass_types, pass_characters) = read_pass(rule);
    let change = match (read_character(rule, "replace"), read_character(rule, "prefix")) {
        (Some(_), Some(_)) => {
            rule.error("prefix", "\"replace\" and \"prefix\" are specified together");
            return None;
        }
        (None, None) => {
            rule.error_here("\"replace\" or \"prefix\" is required");
            return None;
        }
        (Some(replace), None) => FirstCharacterChange::Replace(replace?),
        (None, Some(prefix)) => FirstCharacterChange::Prefix(prefix?),
    };
    Some(RenameStep::FirstCharacterTypes {
        pass_types,
        pass_characters,
        change,
    })
}

fn read_regex_replace(rule: &Reader<'_>) -> Option<RenameStep> {
    rule.required_name("match");
    if rule.value("replace").is_none() {
        rule.error("replace", "`replace` is required");
    }
    let (pattern, replacement) = (rule.pattern("match")?, rule.text("replace")?);
    match Replacement::new(replacement, &pattern) {
        Ok(replacement) => Some(RenameStep::RegexReplace { pattern, replacement }),
        Err(error) => {
            rule.error("replace", error.to_string());
            None
        }
    }
}

fn read_unique_number_suffix(rule: &Reader<'_>) -> Option<RenameStep> {
    let delimiter = read_character(rule, "delimiter").unwrap_or(Some('_'));
    if delimiter.is_some_and(|delimiter| delimiter.is_ascii_digit()) {
        rule.error("delimiter", "\"delimiter\" must not be a digit");
    }
    let max_length = rule.integer_within("max_length", LEAST_UNIQUE_LENGTH, i64::MAX);
    Some(RenameStep::UniqueNumberSuffix {
        delimiter: delimiter?,
        digits: rule.positive("digits"),
        max_length: max_length.and_then(|length| usize::try_from(length).ok()),
        offset: rule.count("offset").unwrap_or(1),
    })
}
