//! Reads typed values out of one map of a document, and remembers what was read.
//!
//! Values are converted as leniently as the original does (`"10"` is a number, `"true"` a boolean) and sizes and durations may
//! carry a unit. Whatever does not convert is reported and read as absent, so that one run finds every problem. Which keys
//! exist is not decided here but in the table of [`super::keys`]: reading a key that the table lacks is a broken invariant.
//!
//! Reading order: `report` (what is wrong), here the values, `units` (how numbers are written), `collections` (lists and maps).

mod collections;
mod report;
mod units;

use self::report::Reported;
use self::units::{parse_bool, parse_duration, parse_integer, parse_size, parse_step_size};
use super::document::{Node, Text, Value, is_secret_key};
use super::keys;
use crate::pack::StepSize;
use crate::pattern::Pattern;
use secrecy::SecretString;
use std::error::Error;
use std::time::Duration;

pub(crate) use self::report::Report;

/// The keys of one map.
pub(crate) struct Reader<'a> {
    report: &'a Report,
    node: &'a Node,
    /// As `--set` names it: `in.parser.columns.0`.
    path: String,
    /// As the table of keys names it: `in.parser.columns[]`.
    section: String,
    /// The `type` that decides which keys of the section apply; empty: every key does.
    kind: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads the top of a document.
    pub(crate) fn root(report: &'a Report, node: &'a Node) -> Reader<'a> {
        Reader {
            report,
            node,
            path: String::new(),
            section: String::new(),
            kind: "",
        }
    }

    pub(crate) fn report(&self) -> &'a Report {
        self.report
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Says which `type` the section has.
    pub(crate) fn set_kind(&mut self, kind: &'static str) {
        self.kind = kind;
    }

    /// The path of a key.
    pub(crate) fn path_of(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    fn entries(&self) -> &'a [(super::document::Key, Node)] {
        match &self.node.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, null included.
    pub(crate) fn node(&self, key: &'static str) -> Option<&'a Node> {
        let full = joined(&self.section, key);
        debug_assert!(
            keys::find(&full, self.kind).is_some(),
            "the table of keys lacks `{full}` of `{}`",
            self.kind
        );
        self.report.reads.borrow_mut().insert((full, self.kind));
        self.node.get(key)
    }

    /// The value of a key that is there and not null.
    pub(crate) fn value(&self, key: &'static str) -> Option<&'a Node> {
        self.node(key).filter(|node| !node.is_null())
    }

    /// Whether a key is there and neither null nor an empty text.
    pub(crate) fn is_set(&self, key: &'static str) -> bool {
        self.value(key).is_some_and(|node| node.text() != Some(""))
    }

    /// Notes that a key exists and means nothing here.
    pub(crate) fn ignore(&self, keys: &[&'static str]) {
        for key in keys {
            self.node(key);
        }
    }

    /// Reports a problem with the value of a key, or with the map if the key is missing.
    pub(crate) fn error(&self, key: &str, message: impl Into<String>) -> Reported<'a> {
        let node = self.node.get(key).unwrap_or(self.node);
        self.report
            .error(&self.path_of(key), node.line, node.column, message.into())
    }

    /// Reports a doubt about the value of a key, or about the map if the key is missing.
    pub(crate) fn warn(&self, key: &str, message: impl Into<String>) -> Reported<'a> {
        let node = self.node.get(key).unwrap_or(self.node);
        self.report
            .warn(&self.path_of(key), node.line, node.column, message.into())
    }

    /// Reports a problem with the map as a whole.
    pub(crate) fn error_here(&self, message: impl Into<String>) -> Reported<'a> {
        self.report
            .error(&self.path, self.node.line, self.node.column, message.into())
    }

    fn unconvertible(&self, key: &'static str, node: &Node, expected: &str) {
        self.error(key, format!("{} cannot be read as {expected}", shown(key, node)));
    }

    /// Text; numbers and booleans as they are spelled.
    pub(crate) fn text(&self, key: &'static str) -> Option<&'a str> {
        let node = self.value(key)?;
        let text = node.text();
        if text.is_none() {
            self.unconvertible(key, node, "text");
        }
        text
    }

    /// Text that is not empty.
    pub(crate) fn name(&self, key: &'static str) -> Option<&'a str> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.error(key, "must not be empty");
            return None;
        }
        Some(text)
    }

    /// SQL, which must not be empty, and has no secrets in it: it is shown in plans.
    pub(crate) fn sql(&self, key: &'static str) -> Option<&'a str> {
        let is_secret = matches!(self.value(key)?.value, Value::String(Text { is_secret: true, .. }));
        if is_secret {
            self.error(
                key,
                "a `${secret:...}` cannot stand in SQL, which plans and errors show",
            )
            .hint(
                "keep the secret in a column or a file that the SQL joins with, or use `${env:...}` if it may be seen",
            );
            return None;
        }
        self.name(key)
    }

    /// Text that must be there; reported if it is not.
    pub(crate) fn required_name(&self, key: &'static str) -> Option<&'a str> {
        if self.value(key).is_none() {
            self.error(key, format!("`{key}` is required"));
            return None;
        }
        self.name(key)
    }

    /// A pattern; an empty one is none.
    pub(crate) fn pattern(&self, key: &'static str) -> Option<Pattern> {
        let text = self.text(key).filter(|text| !text.is_empty())?;
        self.compiled(key, text)
    }

    /// The pattern made of what stands at `key`.
    pub(crate) fn compiled(&self, key: &'static str, text: &str) -> Option<Pattern> {
        match Pattern::new(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let message = match error.source() {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                };
                self.error(key, message)
                    .hint("patterns are those of Java's `Pattern`, found anywhere in the text");
                None
            }
        }
    }

    pub(crate) fn secret(&self, key: &'static str) -> Option<SecretString> {
        self.text(key).filter(|text| !text.is_empty()).map(SecretString::from)
    }

    pub(crate) fn bool(&self, key: &'static str) -> Option<bool> {
        let node = self.value(key)?;
        let is_true = match &node.value {
            Value::Bool(is_true) => Some(*is_true),
            // As the original reads them.
            Value::Int(0, _) => Some(false),
            Value::Int(1, _) => Some(true),
            _ => node.text().and_then(parse_bool),
        };
        if is_true.is_none() {
            self.unconvertible(key, node, "a boolean");
        }
        is_true
    }

    pub(crate) fn integer(&self, key: &'static str) -> Option<i64> {
        let node = self.value(key)?;
        let integer = parse_integer(node);
        if integer.is_none() {
            self.unconvertible(key, node, "a whole number");
        }
        integer
    }

    /// A whole number within the bounds, both inclusive.
    pub(crate) fn integer_within(&self, key: &'static str, least: i64, most: i64) -> Option<i64> {
        let integer = self.integer(key)?;
        if integer < least || integer > most {
            let bounds = match most {
                i64::MAX => format!("at least {least}"),
                _ => format!("between {least} and {most}"),
            };
            self.error(key, format!("must be {bounds}, not {integer}"));
            return None;
        }
        Some(integer)
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, key: &'static str) -> Option<u64> {
        self.integer_within(key, 0, i64::MAX).map(i64::unsigned_abs)
    }

    /// A whole number from 1 on.
    pub(crate) fn positive(&self, key: &'static str) -> Option<usize> {
        let integer = self.integer_within(key, 1, i64::MAX)?;
        Some(usize::try_from(integer).unwrap_or(usize::MAX))
    }

    /// A number from 0 to 1.
    pub(crate) fn ratio(&self, key: &'static str) -> Option<f64> {
        let node = self.value(key)?;
        let number = match node.value {
            Value::Float(number, _) => Some(number),
            _ => node.text().and_then(|text| text.trim().parse::<f64>().ok()),
        };
        match number {
            Some(number) if (0.0..=1.0).contains(&number) => Some(number),
            Some(number) => {
                self.error(key, format!("must be between 0 and 1, not {number}"));
                None
            }
            None => {
                self.unconvertible(key, node, "a number");
                None
            }
        }
    }

    /// Bytes, with or without a unit.
    pub(crate) fn size(&self, key: &'static str) -> Option<u64> {
        let node = self.value(key)?;
        let size = match node.value {
            Value::Int(integer, _) => u64::try_from(integer).ok(),
            _ => node.text().and_then(parse_size),
        };
        if size.is_none() {
            let message = format!("{} cannot be read as a number of bytes", shown(key, node));
            self.error(key, message)
                .hint("write a whole number, or one with a unit, such as `64MiB` or `256MB`");
        }
        size
    }

    /// Bytes as [`Reader::size`] reads them, or a number of files: `1000 files`.
    pub(crate) fn step_size(&self, key: &'static str) -> Option<StepSize> {
        let node = self.value(key)?;
        let size = match &node.value {
            Value::Int(integer, _) => u64::try_from(*integer).ok().map(StepSize::Bytes),
            _ => node.text().and_then(parse_step_size),
        };
        if size.is_none() {
            let message = format!("{} cannot be read as a number of bytes or files", shown(key, node));
            self.error(key, message)
                .hint("write bytes, such as `512MiB`, or files, such as `1000 files`");
        }
        size
    }

    /// A duration; a number without a unit counts `unit`.
    pub(crate) fn duration(&self, key: &'static str, unit: Duration) -> Option<Duration> {
        let node = self.value(key)?;
        let duration = match parse_integer(node) {
            Some(integer) => u32::try_from(integer).ok().and_then(|count| unit.checked_mul(count)),
            None => node.text().and_then(parse_duration),
        };
        if duration.is_none() {
            let message = format!("{} cannot be read as a duration", shown(key, node));
            self.error(key, message)
                .hint("write a whole number, or one with a unit, such as `1500ms`, `30s` or `1h`");
        }
        duration
    }

    /// One of the words, in any case; `complain` makes the message from the wrong word and the list of the right ones.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
        complain: impl FnOnce(&str, &str) -> String,
    ) -> Option<T> {
        let text = self.text(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            return Some(*value);
        }
        let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let value = self.value(key).map_or_else(String::new, |node| shown_bare(key, node));
        let reported = self.error(key, complain(&value, &list.join(", ")));
        if let Some(nearest) = nearest(text, list.iter().copied()) {
            reported.hint(format!("did you mean `{nearest}`?"));
        }
        None
    }

    fn child(&self, path: String, section: String, node: &'a Node) -> Reader<'a> {
        Reader {
            report: self.report,
            node,
            path,
            section,
            kind: self.kind,
        }
    }

    /// Reports the keys that the table does not have for this section and kind.
    pub(crate) fn finish(&self) {
        for (key, node) in self.entries() {
            let full = joined(&self.section, &key.name);
            if keys::find(&full, self.kind).is_some() {
                continue;
            }
            let path = self.path_of(&key.name);
            if keys::find(&full, "").is_some() {
                let message = format!("has no effect with type `{}`", self.kind);
                self.report.unknown(&path, key.line, key.column, message);
                continue;
            }
            let reported = self
                .report
                .unknown(&path, key.line, key.column, format!("unknown key `{}`", key.name));
            if let Some(nearest) = nearest(&key.name, keys::names_in(&self.section, self.kind)) {
                reported.hint(format!("did you mean `{nearest}`?"));
            } else if node.is_null() {
                reported.hint("it is ignored");
            }
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    match path.is_empty() {
        true => key.to_owned(),
        false => format!("{path}.{key}"),
    }
}

/// The value for a message, in backticks; secrets and collections are only named.
pub(crate) fn shown(key: &str, node: &Node) -> String {
    match node.text() {
        Some(_) => format!("`{}`", shown_bare(key, node)),
        None => node.kind().to_owned(),
    }
}

/// Characters of a value that a message repeats.
const SHOWN_CHARS: usize = 80;

fn shown_bare(key: &str, node: &Node) -> String {
    let is_secret = is_secret_key(key) || matches!(&node.value, Value::String(text) if text.is_secret);
    match (is_secret, node.text()) {
        (true, _) => "***".to_owned(),
        (false, Some(text)) if text.chars().count() > SHOWN_CHARS => {
            let start: String = text.chars().take(SHOWN_CHARS).collect();
            format!("{start}…")
        }
        (false, Some(text)) => text.to_owned(),
        (false, None) => node.kind().to_owned(),
    }
}

/// The candidate that `text` was probably meant to be.
pub(crate) fn nearest<'c>(text: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let text = text.to_ascii_lowercase().replace('-', "_");
    let score = |candidate: &&str| strsim::jaro_winkler(&text, &candidate.to_ascii_lowercase());
    let best = candidates.max_by(|left, right| score(left).total_cmp(&score(right)))?;
    let is_near = strsim::osa_distance(&text, &best.to_ascii_lowercase()) <= 2 && text.len() > 2;
    (is_near || score(&best) >= 0.85).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let words = ["skip_header_lines", "header_line", "delimiter"];
        assert_eq!(
            nearest("skip_header_line", words.into_iter()),
            Some("skip_header_lines")
        );
        assert_eq!(nearest("delimter", words.into_iter()), Some("delimiter"));
        assert_eq!(nearest("colour", words.into_iter()), None);
    }
}
