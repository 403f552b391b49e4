//! Says which keys a configuration has: one table, from which unknown keys are told, the JSON Schema is made and the
//! reference page is written.
//!
//! Reading order: [`table`] (every key), [`schema`], [`markdown`].

mod markdown;
mod schema;
mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use markdown::reference_markdown;
pub use schema::json_schema;
pub use table::KEYS;

/// What kind of value a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Text; numbers and booleans are taken as they are spelled.
    Text,
    /// `true` or `false`, also as text.
    Bool,
    /// A whole number, also as text.
    Integer,
    /// A number, also as text.
    Number,
    /// Bytes: a whole number, or a number with a unit (`64MiB`, `256MB`).
    Size,
    /// A whole number in the unit of the key, or a number with a unit (`1500ms`, `30s`).
    Duration,
    /// One of the words in [`KeyDoc::values`].
    Word,
    /// A text or a list of texts.
    Texts,
    /// `true`, `false` (also as text) or one of the words in [`KeyDoc::values`].
    BoolOrWord,
    /// A number of bytes, or of files (`1000 files`).
    Step,
    /// A map with keys of its own.
    Map,
    /// A map whose keys are names of the user's and whose values are maps.
    NamedMaps,
    /// A map whose keys and values are texts.
    NamedTexts,
    /// A list of maps.
    Maps,
    /// A list of texts or maps.
    TextsOrMaps,
    /// One of the words in [`KeyDoc::values`], or a list of texts or maps.
    WordOrMaps,
    /// One of the words in [`KeyDoc::values`], or a map.
    WordOrMap,
    /// A list of texts or maps, or a map from text to text.
    TextsOrNamedTexts,
    /// Any value.
    Any,
}

impl KeyKind {
    /// The words of the reference page.
    pub fn name(self) -> &'static str {
        match self {
            KeyKind::Text => "string",
            KeyKind::Bool => "boolean",
            KeyKind::Integer => "integer",
            KeyKind::Number => "number",
            KeyKind::Size => "size",
            KeyKind::Duration => "duration",
            KeyKind::Word => "word",
            KeyKind::Texts => "string or list of strings",
            KeyKind::BoolOrWord => "boolean or word",
            KeyKind::Step => "size or files",
            KeyKind::Map => "map",
            KeyKind::NamedMaps => "map of maps",
            KeyKind::NamedTexts => "map of strings",
            KeyKind::Maps => "list of maps",
            KeyKind::TextsOrMaps => "list of strings or maps",
            KeyKind::WordOrMaps => "word or list",
            KeyKind::WordOrMap => "word or map",
            KeyKind::TextsOrNamedTexts => "list or map",
            KeyKind::Any => "any",
        }
    }
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct KeyDoc {
    /// Where it stands; `[]` is an element of a list, `*` a name of the user's: `in.parser.columns[].name`.
    pub path: &'static str,
    /// What it takes.
    pub kind: KeyKind,
    /// Unit of a number; empty: none.
    pub unit: &'static str,
    /// What holds when it is absent, as it would be written; empty: nothing does.
    pub default: &'static str,
    /// What it does.
    pub description: &'static str,
    /// A value, as it would be written.
    pub example: &'static str,
    /// The words it takes; empty: any value of its kind.
    pub values: &'static [&'static str],
    /// The `type`s of its section for which it means something; empty: all.
    pub applies_to: &'static [&'static str],
    /// Whether it must be there.
    pub is_required: bool,
    /// Whether its value is never shown.
    pub is_secret: bool,
}

impl KeyDoc {
    /// Whether the key means something in a section of this `type`; the empty kind stands for every one.
    pub fn applies(&self, kind: &str) -> bool {
        kind.is_empty() || self.applies_to.is_empty() || self.applies_to.contains(&kind)
    }

    /// The path of the map the key stands in.
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The key's own name.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }
}

static BY_PATH: LazyLock<HashMap<&'static str, Vec<&'static KeyDoc>>> = LazyLock::new(|| {
    let mut by_path: HashMap<&'static str, Vec<&'static KeyDoc>> = HashMap::new();
    for key in KEYS {
        by_path.entry(key.path).or_default().push(key);
    }
    by_path
});

/// The key at `path`, if it means something in a section of this `type`.
pub(crate) fn find(path: &str, kind: &str) -> Option<&'static KeyDoc> {
    BY_PATH.get(path)?.iter().copied().find(|key| key.applies(kind))
}

/// The names of the keys in a section of this `type`.
pub(crate) fn names_in<'a>(section: &'a str, kind: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    KEYS.iter()
        .filter(move |key| key.section() == section && key.applies(kind))
        .map(KeyDoc::name)
}

#[cfg(test)]
mod tests {
    use super::super::document::is_secret_key;
    use super::*;

    #[test]
    fn every_key_is_documented() {
        for key in KEYS {
            assert!(!key.description.is_empty(), "{}", key.path);
            assert!(!key.description.ends_with('.'), "{} ends with a period", key.path);
            assert!(
                !key.example.is_empty() || key.is_secret,
                "{} lacks an example",
                key.path
            );
        }
    }

    #[test]
    fn no_key_stands_twice_for_the_same_kind() {
        for (index, key) in KEYS.iter().enumerate() {
            for other in KEYS[..index].iter().filter(|other| other.path == key.path) {
                assert!(
                    !key.applies_to.is_empty() && !other.applies_to.is_empty(),
                    "{}",
                    key.path
                );
                assert!(
                    key.applies_to.iter().all(|kind| !other.applies_to.contains(kind)),
                    "{}",
                    key.path
                );
            }
        }
    }

    #[test]
    fn every_section_is_itself_a_key() {
        for key in KEYS.iter().filter(|key| !key.section().is_empty()) {
            let parent = key.section().trim_end_matches(".*").trim_end_matches("[]");
            assert!(find(parent, "").is_some(), "{} of {}", parent, key.path);
        }
    }

    #[test]
    fn secret_keys_are_hidden_everywhere() {
        for key in KEYS {
            assert_eq!(key.is_secret, is_secret_key(key.name()), "{}", key.path);
        }
    }

    #[test]
    fn words_include_their_default() {
        for key in KEYS
            .iter()
            .filter(|key| key.kind == KeyKind::Word && !key.default.is_empty())
        {
            assert!(key.values.contains(&key.default), "{}", key.path);
        }
    }
}
