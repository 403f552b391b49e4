//! Java patterns, found anywhere in a key.
//!
//! `path_match_pattern` has always been read by Java's `Pattern` with `find`, so its dialect is what configurations are written
//! in. The pattern is translated (see `translate`) to one of two engines: `regex`, which takes linear time, as long as
//! the pattern has nothing that needs look-around or backtracking, and `fancy_regex` for the rest. A construct that neither has is
//! an error that names it.
//!
//! Keys seldom contain line terminators, and without one `$` is the end of the key and `.` any character. Such keys are searched
//! with a translation that knows this; only keys with a terminator meet the exact rules, which need look-around.

mod class;
mod translate;

use std::fmt;
use translate::{Lines, Translation, translate};

/// A compiled pattern.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    /// For keys without a line terminator.
    simple: Engine,
    /// For keys with one; `None`: the same.
    exact: Option<Engine>,
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
#[error("pattern `{pattern}` takes too many steps on `{key}`")]
pub struct MatchError {
    /// The pattern.
    pub pattern: String,
    /// The key.
    pub key: String,
    #[source]
    source: Box<fancy_regex::Error>,
}

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
        let exact = if exact.text == simple.text {
            None
        } else {
            Some(Engine::new(pattern, &exact)?)
        };
        Ok(Pattern {
            text: pattern.to_owned(),
            simple: Engine::new(pattern, &simple)?,
            exact,
        })
    }

    /// Whether the pattern matches some part of `key`, as Java's `find` would.
    ///
    /// **Errors**: the search took too many steps. Only patterns with look-around, back references or the like can.
    pub fn is_found_in(&self, key: &str) -> Result<bool, MatchError> {
        let engine = match &self.exact {
            Some(exact) if has_line_terminator(key) => exact,
            _ => &self.simple,
        };
        match engine {
            Engine::Linear(regex) => Ok(regex.is_match(key)),
            Engine::Backtracking(regex) => regex.is_match(key).map_err(|source| MatchError {
                pattern: self.text.clone(),
                key: key.to_owned(),
                source: Box::new(source),
            }),
        }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

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
}

fn has_line_terminator(key: &str) -> bool {
    // Most keys are ASCII without control characters; this decides them without decoding.
    if key.bytes().all(|byte| (b' '..0x80).contains(&byte)) {
        return false;
    }
    key.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

#[cfg(test)]
mod tests;
