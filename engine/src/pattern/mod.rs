//! Java patterns and replacements, as configurations have them.
//!
//! `path_match_pattern`, `match_name` and the rule `regex_replace` have always been read by Java's `Pattern`, so its dialect is what
//! configurations are written in. A pattern is translated (see `translate`, `escape` and `class`) to one of two engines: `regex`, which takes
//! linear time, as long as the pattern has nothing that needs look-around or backtracking, and `fancy_regex` for the rest. A
//! construct that neither has is an error that names it. `replacement` has Java's `replaceAll`.
//!
//! Keys and names seldom contain line terminators, and without one `$` is the end of the text and `.` any character. Such texts are
//! searched with a translation that knows this; only texts with a terminator meet the exact rules, which need look-around.
//!
//! A leaf: it knows nobody, and everybody may know it. Patterns of SQL functions are not read here; those are DataFusion's.

mod class;
mod escape;
mod replacement;
mod translate;

pub use replacement::{Replacement, ReplacementError};

use std::fmt;
use std::ops::Range;
use translate::{Lines, Translation, translate};

/// A compiled pattern. Two are equal if they were written alike.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    /// For texts without a line terminator.
    simple: Engine,
    /// For texts with one; `None`: the same.
    exact: Option<Engine>,
    /// Whether `\G` stands in it.
    has_previous_end: bool,
}

/// Why a pattern cannot be used.
#[expect(missing_docs, reason = "the message says what each field is")]
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Not a Java pattern.
    #[error("pattern `{pattern}` is wrong at character {position}: {problem}")]
    Syntax {
        pattern: String,
        /// From 1.
        position: usize,
        problem: &'static str,
    },
    /// Java has it, bucketload has not.
    #[error("pattern `{pattern}` has the construct `{construct}` at character {position}, which is not supported")]
    Unsupported {
        pattern: String,
        construct: String,
        /// From 1.
        position: usize,
    },
    /// The engine refused the translation, which is too large or asks too much of look-behind.
    #[error("pattern `{pattern}` cannot be compiled")]
    Compile {
        pattern: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A search that was given up because it went back and forth too often.
#[derive(Debug, thiserror::Error)]
#[error("pattern `{pattern}` takes too many steps on `{text}`")]
pub struct MatchError {
    /// The pattern.
    pub pattern: String,
    /// What was searched.
    pub text: String,
    #[source]
    source: Box<fancy_regex::Error>,
}

/// Where each group was found, in bytes; the first is the whole. `None`: the group took no part.
type Groups = Vec<Option<Range<usize>>>;

#[derive(Clone)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Compiles a Java pattern without flags.
    pub fn new(pattern: &str) -> Result<Pattern, PatternError> {
        let simple = translate(pattern, Lines::None)?;
        let exact = translate(pattern, Lines::Several)?;
        let has_previous_end = simple.has_previous_end;
        let exact = if exact.text == simple.text {
            None
        } else {
            Some(Engine::new(pattern, &exact)?)
        };
        Ok(Pattern {
            text: pattern.to_owned(),
            simple: Engine::new(pattern, &simple)?,
            exact,
            has_previous_end,
        })
    }

    /// Whether the pattern matches some part of `text`, as Java's `find` would.
    ///
    /// **Errors**: the search took too many steps. Only patterns with look-around, back references or the like can.
    pub fn is_found_in(&self, text: &str) -> Result<bool, MatchError> {
        match self.engine_for(text) {
            Engine::Linear(regex) => Ok(regex.is_match(text)),
            Engine::Backtracking(regex) => regex.is_match(text).map_err(|source| self.given_up(text, source)),
        }
    }

    /// Puts the replacement in the place of every find, as Java's `replaceAll` would.
    ///
    /// **Errors**: as for [`is_found_in`](Pattern::is_found_in).
    pub fn replace_all(&self, text: &str, replacement: &Replacement) -> Result<String, MatchError> {
        let engine = self.engine_for(text);
        let mut replaced = String::new();
        let mut copied = 0;
        let mut start = 0;
        while start <= text.len() {
            let groups = engine
                .groups_from(text, start)
                .map_err(|source| self.given_up(text, source))?;
            let Some((groups, found)) = groups.and_then(|groups| groups[0].clone().map(|found| (groups, found))) else {
                break;
            };
            replaced.push_str(&text[copied..found.start]);
            replacement.push_expanded(text, &groups, &mut replaced);
            copied = found.end;
            start = found.end;
            if found.is_empty() {
                // Java goes on one character further, where `\G` is behind it for good.
                if self.has_previous_end {
                    break;
                }
                start += text[start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        replaced.push_str(&text[copied..]);
        Ok(replaced)
    }

    /// The text of a pattern that is found where this one matches the whole text, as Java's `matches` would.
    pub fn as_whole(&self) -> String {
        // A quotation that is still open would take the end in.
        let opened = self.text.rfind("\\Q");
        let is_quoting = opened.is_some_and(|at| !self.text[at..].contains("\\E"));
        let closing = if is_quoting { "\\E" } else { "" };
        format!("\\A(?:{}{closing})\\z", self.text)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Capturing groups, the whole pattern not counted.
    fn num_groups(&self) -> usize {
        match &self.simple {
            Engine::Linear(regex) => regex.captures_len() - 1,
            Engine::Backtracking(regex) => regex.captures_len() - 1,
        }
    }

    /// The number of a group with a name.
    fn group_named(&self, name: &str) -> Option<usize> {
        match &self.simple {
            Engine::Linear(regex) => regex.capture_names().position(|known| known == Some(name)),
            Engine::Backtracking(regex) => regex.capture_names().position(|known| known == Some(name)),
        }
    }

    fn engine_for(&self, text: &str) -> &Engine {
        match &self.exact {
            Some(exact) if has_line_terminator(text) => exact,
            _ => &self.simple,
        }
    }

    fn given_up(&self, text: &str, source: fancy_regex::Error) -> MatchError {
        MatchError {
            pattern: self.text.clone(),
            text: text.to_owned(),
            source: Box::new(source),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Pattern").field(&self.text).finish()
    }
}

impl Engine {
    fn new(pattern: &str, translation: &Translation) -> Result<Engine, PatternError> {
        let compile_error = |source| PatternError::Compile {
            pattern: pattern.to_owned(),
            source,
        };
        if translation.needs_backtracking {
            let regex = fancy_regex::Regex::new(&translation.text).map_err(|error| compile_error(Box::new(error)))?;
            Ok(Engine::Backtracking(Box::new(regex)))
        } else {
            let regex = regex::Regex::new(&translation.text).map_err(|error| compile_error(Box::new(error)))?;
            Ok(Engine::Linear(regex))
        }
    }

    /// The first find at or after `start`, with what is before it in sight.
    fn groups_from(&self, text: &str, start: usize) -> Result<Option<Groups>, fancy_regex::Error> {
        Ok(match self {
            Engine::Linear(regex) => regex
                .captures_at(text, start)
                .map(|found| found.iter().map(|group| group.map(|group| group.range())).collect()),
            Engine::Backtracking(regex) => regex
                .captures_from_pos(text, start)?
                .map(|found| found.iter().map(|group| group.map(|group| group.range())).collect()),
        })
    }
}

fn has_line_terminator(text: &str) -> bool {
    // Most texts are ASCII without control characters; this decides them without decoding.
    if text.bytes().all(|byte| (b' '..0x80).contains(&byte)) {
        return false;
    }
    text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

#[cfg(test)]
mod tests;
