//! Reads the replacements of Java's `Matcher.replaceAll`.

use super::{Groups, Pattern};

/// What is put in the place of a find. It belongs to the pattern that it was read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// What this group found; nothing if it took no part.
    Group(usize),
}

/// Why a replacement cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("replacement `{replacement}` {problem}")]
pub struct ReplacementError {
    replacement: String,
    problem: String,
}

impl Replacement {
    /// Reads a replacement: `$1` is a group, with as many digits as make a group that there is; `${name}` is a named one; `\` takes
    /// the next character as it is.
    ///
    /// **Errors**: the pattern lacks a group, or a `$` or `\` stands alone.
    pub fn new(replacement: &str, pattern: &Pattern) -> Result<Replacement, ReplacementError> {
        let wrong = |problem: String| ReplacementError {
            replacement: replacement.to_owned(),
            problem,
        };
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut characters = replacement.chars().peekable();
        while let Some(character) = characters.next() {
            let group = match character {
                '\\' => {
                    let escaped = characters.next();
                    text.push(escaped.ok_or_else(|| wrong("ends in a `\\`".to_owned()))?);
                    continue;
                }
                '$' if characters.next_if_eq(&'{').is_some() => {
                    let mut name = String::new();
                    loop {
                        match characters.next() {
                            Some('}') => break,
                            Some(character) => name.push(character),
                            None => return Err(wrong("has an unclosed `${`".to_owned())),
                        }
                    }
                    pattern
                        .group_named(&name)
                        .ok_or_else(|| wrong(format!("names the group `{name}`, which the pattern lacks")))?
                }
                '$' => {
                    let Some(first) = characters.next().and_then(|digit| digit.to_digit(10)) else {
                        return Err(wrong(
                            "has a `$` without a group; write `\\$` for the character".to_owned(),
                        ));
                    };
                    let mut group = first as usize;
                    if group > pattern.num_groups() {
                        return Err(wrong(format!("names the group {group}, which the pattern lacks")));
                    }
                    while let Some(digit) = characters.peek().and_then(|digit| digit.to_digit(10)) {
                        let longer = group * 10 + digit as usize;
                        if longer > pattern.num_groups() {
                            break;
                        }
                        group = longer;
                        characters.next();
                    }
                    group
                }
                other => {
                    text.push(other);
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Group(group));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Replacement { parts })
    }

    pub(super) fn push_expanded(&self, searched: &str, groups: &Groups, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(group) => {
                    if let Some(Some(found)) = groups.get(*group) {
                        out.push_str(&searched[found.clone()]);
                    }
                }
            }
        }
    }
}
