//! What files say together and where they differ, in the words of notes and doubts.

use super::shown::shown;
use std::fmt::Display;

/// The most frequent of what files say; the first of equally frequent ones.
pub(crate) fn majority<T: Clone + PartialEq>(told: &[(String, T)]) -> Option<T> {
    let mut best: Option<(&T, usize)> = None;
    for (_, value) in told {
        let count = told.iter().filter(|(_, other)| other == value).count();
        if best.is_none_or(|(_, most)| count > most) {
            best = Some((value, count));
        }
    }
    best.map(|(value, _)| value.clone())
}

/// How files disagree, `None` if they do not: `11 columns in 37 of 40 sampled files, 10 in `logs/x.csv.gz``.
pub(crate) fn disagreement<T: Clone + PartialEq + Display>(noun: &str, told: &[(String, T)]) -> Option<String> {
    const MAX_NAMED_FILES: usize = 3;
    let most = majority(told)?;
    let others: Vec<&(String, T)> = told.iter().filter(|(_, value)| *value != most).collect();
    if others.is_empty() {
        return None;
    }
    let noun = if noun.is_empty() {
        String::new()
    } else {
        format!(" {noun}")
    };
    let named: Vec<String> = others
        .iter()
        .take(MAX_NAMED_FILES)
        .map(|(key, value)| {
            format!(
                "{value} in `{}`",
                key.chars().flat_map(char::escape_debug).collect::<String>()
            )
        })
        .collect();
    let more = others.len().saturating_sub(MAX_NAMED_FILES);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let num_most = told.len() - others.len();
    Some(format!(
        "{most}{noun} in {num_most} of {} sampled files, {}{more}",
        told.len(),
        named.join(", ")
    ))
}

/// The first of `texts` in backticks, the others counted: `` `a`, `b` and 3 more ``.
pub(crate) fn those(texts: &[&str], max_named: usize) -> String {
    let named: Vec<String> = texts.iter().take(max_named).map(|text| shown(text)).collect();
    match texts.len().saturating_sub(max_named) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// `1 record`, `2 records`.
pub(crate) fn num_of(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
