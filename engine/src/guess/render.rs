//! Writes a guess as a configuration: YAML with the evidence beside each key and the doubts on top, or JSON.
//!
//! What the seed has stays, in its order and with its references to variables and secrets as they are written there; guessed
//! keys are added. The YAML is written by hand because no writer keeps comments; every text that could be read as something
//! else is quoted.

use super::shown::{is_unprintable, shorten};
use super::{Guess, GuessedColumn};
use crate::decode::DecoderOptions;
use crate::parse::columns::ColumnType;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Longer lists and maps are written over several lines.
const MAX_FLOW_CHARS: usize = 72;

/// Names of sampled files in the head of the file; the rest is counted.
const MAX_NAMED_FILES: usize = 5;

/// The complete configuration as YAML. `seed` is the document as the user wrote it, variables unexpanded.
pub fn render_yaml(seed: &Value, guess: &Guess) -> String {
    let mut notes: HashMap<String, String> = HashMap::new();
    for (path, note) in guess.evidence() {
        notes.insert(path, note.to_owned());
    }
    let mut writer = Writer {
        text: String::new(),
        notes,
    };
    let named: Vec<String> = guess
        .sampled
        .iter()
        .take(MAX_NAMED_FILES)
        .map(|(key, bytes)| format!("{} ({bytes} bytes)", comment_text(key)))
        .collect();
    let more = guess.sampled.len().saturating_sub(MAX_NAMED_FILES);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    writer
        .text
        .push_str(&format!("# guessed from {}{more}\n", named.join(", ")));
    for doubt in &guess.doubts {
        writer.text.push_str(&format!("# doubt: {}\n", comment_text(doubt)));
    }
    writer.map(&configuration(seed, guess), 0, "");
    writer.text
}

/// A configuration as YAML, with nothing beside it.
pub fn render_configuration(configuration: &Map<String, Value>) -> String {
    let mut writer = Writer {
        text: String::new(),
        notes: HashMap::new(),
    };
    writer.map(configuration, 0, "");
    writer.text
}

/// The complete configuration as JSON, with `guess.sampled` and `guess.doubts` beside it.
pub fn render_json(seed: &Value, guess: &Guess) -> Value {
    let mut document = configuration(seed, guess);
    let sampled: Vec<Value> = guess
        .sampled
        .iter()
        .map(|(key, bytes)| json!({"key": key, "bytes": bytes}))
        .collect();
    document.insert("guess".to_owned(), json!({"sampled": sampled, "doubts": guess.doubts}));
    Value::Object(document)
}

/// The seed with the guess added.
fn configuration(seed: &Value, guess: &Guess) -> Map<String, Value> {
    let mut document = with_input(seed);
    if let Some(input) = document.get_mut("in").and_then(Value::as_object_mut) {
        add_to_input(input, guess);
    }
    if !guess.filters.is_empty()
        && document
            .get("filters")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
    {
        let filters = guess.filters.iter().map(|(filter, _)| filter.clone()).collect();
        document.shift_remove("filters");
        insert_after(&mut document, "in", "filters", Value::Array(filters));
    }
    if document.get("out").is_none_or(Value::is_null) {
        document.insert("out".to_owned(), json!({"mode": "append"}));
    }
    if let Some(output) = document.get_mut("out").and_then(Value::as_object_mut) {
        for setting in &guess.output {
            output.insert(setting.key.to_owned(), setting.value.clone());
        }
    }
    if document.get("exec").is_none_or(Value::is_null) {
        document.insert("exec".to_owned(), json!({}));
    }
    document
}

/// The document with its input under `in`, whichever of the three spellings it has.
fn with_input(seed: &Value) -> Map<String, Value> {
    let document = seed.as_object().cloned().unwrap_or_default();
    let document = match document.get("config").and_then(Value::as_object) {
        Some(config) if document.len() == 1 => config.clone(),
        _ => document,
    };
    if document.get("in").is_some_and(Value::is_object) {
        return document;
    }
    if document.contains_key("in") {
        let mut document = document;
        document.insert("in".to_owned(), json!({}));
        return document;
    }
    Map::from_iter([("in".to_owned(), Value::Object(document))])
}

fn add_to_input(input: &mut Map<String, Value>, guess: &Guess) {
    let mut parser = input
        .get("parser")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for setting in &guess.parser.settings {
        if !parser.contains_key(setting.key) {
            parser.insert(setting.key.to_owned(), setting.value.clone());
        }
    }
    if let Some(columns) = &guess.parser.columns {
        parser.shift_remove("columns");
        parser.insert("columns".to_owned(), Value::Array(columns.iter().map(column).collect()));
    }
    if let Some((decoders, _)) = &guess.decoders {
        let decoders = Value::Array(decoders.iter().map(decoder).collect());
        if input.contains_key("decoders") || !input.contains_key("parser") {
            input.insert("decoders".to_owned(), decoders);
        } else {
            let after = std::mem::take(input);
            for (key, value) in after {
                if key == "parser" {
                    input.insert("decoders".to_owned(), decoders.clone());
                }
                input.insert(key, value);
            }
        }
    }
    input.insert("parser".to_owned(), Value::Object(parser));
}

fn insert_after(map: &mut Map<String, Value>, place: &str, key: &str, value: Value) {
    for (old_key, old_value) in std::mem::take(map) {
        let is_place = old_key == place;
        map.insert(old_key, old_value);
        if is_place {
            map.insert(key.to_owned(), value.clone());
        }
    }
}

fn column(column: &GuessedColumn) -> Value {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), Value::from(column.name.as_str()));
    entry.insert("type".to_owned(), Value::from(column.column_type.name()));
    if column.column_type == ColumnType::Timestamp {
        let format = match column.formats.as_slice() {
            [format] => Value::from(format.as_str()),
            formats => Value::from(formats.to_vec()),
        };
        entry.insert("format".to_owned(), format);
    }
    Value::Object(entry)
}

fn decoder(decoder: &DecoderOptions) -> Value {
    let mut entry = Map::new();
    entry.insert("type".to_owned(), Value::from(decoder.name()));
    if let DecoderOptions::Zip(options) | DecoderOptions::Tar(options) = decoder
        && let Some(pattern) = &options.match_name
    {
        entry.insert("match_name".to_owned(), Value::from(pattern.as_str()));
    }
    Value::Object(entry)
}

/// Writes YAML in block style, short lists and maps in flow style.
struct Writer {
    text: String,
    notes: HashMap<String, String>,
}

impl Writer {
    fn map(&mut self, map: &Map<String, Value>, indent: usize, path: &str) {
        for (key, value) in map {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            self.text.push_str(&" ".repeat(indent));
            self.text.push_str(&scalar(key, true));
            self.text.push(':');
            match value {
                Value::Object(inner) if !inner.is_empty() => {
                    self.end_line(&path);
                    self.map(inner, indent + 2, &path);
                }
                Value::Array(items) if !items.is_empty() && !self.is_flow_list(items, &path) => {
                    self.end_line(&path);
                    self.list(items, indent, &path);
                }
                value => {
                    self.text.push(' ');
                    self.text.push_str(&flow(value, false));
                    self.end_line(&path);
                }
            }
        }
    }

    fn list(&mut self, items: &[Value], indent: usize, path: &str) {
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            self.text.push_str(&" ".repeat(indent));
            self.text.push_str("- ");
            match item {
                Value::Object(map) if !map.is_empty() && !is_flat(map) => {
                    // The first key stands on the line of the dash, the others below it.
                    let start = self.text.len();
                    self.map(map, indent + 2, &path);
                    self.text.replace_range(start..start + indent + 2, "");
                    if let Some(note) = self.note(&path)
                        && let Some(line_end) = self.text[start..].find('\n')
                    {
                        self.text.insert_str(start + line_end, &note);
                    }
                }
                item => {
                    self.text.push_str(&flow(item, false));
                    self.end_line(&path);
                }
            }
        }
    }

    /// Whether a list stands on the line of its key: short, and nothing to say about its items.
    fn is_flow_list(&self, items: &[Value], path: &str) -> bool {
        let has_note = self.notes.contains_key(&format!("{path}[0]"));
        let are_plain = items.iter().all(|item| match item {
            Value::Object(map) => path == "in.decoders" && is_flat(map),
            item => !item.is_array(),
        });
        are_plain && !has_note && items.iter().map(|item| flow(item, true).len() + 2).sum::<usize>() <= MAX_FLOW_CHARS
    }

    fn end_line(&mut self, path: &str) {
        if let Some(note) = self.note(path) {
            self.text.push_str(&note);
        }
        self.text.push('\n');
    }

    fn note(&self, path: &str) -> Option<String> {
        let note = self.notes.get(path).filter(|note| !note.is_empty())?;
        Some(format!("   # {}", comment_text(note)))
    }
}

/// Whether a map of a list can stand on one line.
fn is_flat(map: &Map<String, Value>) -> bool {
    map.values().all(|value| match value {
        Value::Array(items) => items.iter().all(|item| !item.is_array() && !item.is_object()),
        value => !value.is_object(),
    })
}

/// A value on one line.
fn flow(value: &Value, is_inner: bool) -> String {
    match value {
        Value::String(text) => scalar(text, is_inner),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| flow(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key, true), flow(value, true)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text so that it is read as this text: plain where nothing can be misread, quoted else. `is_inner`: within `[]`, `{}` or as
/// a key, where braces mean something.
fn scalar(text: &str, is_inner: bool) -> String {
    if is_plain(text, is_inner) {
        return text.to_owned();
    }
    if !text.contains(is_unprintable) && text.contains(['"', '\\']) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' => quoted.push_str(&format!("\\x{:02x}", u32::from(character))),
            other if is_unprintable(other) => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text needs no quotes: it begins with a letter, a slash or a variable, has no character that means something, and
/// is no word that means something else.
fn is_plain(text: &str, is_inner: bool) -> bool {
    const WORDS: [&str; 12] = [
        "true", "false", "yes", "no", "on", "off", "null", "y", "n", "t", "f", "nan",
    ];
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '/')
        || (!is_inner && text.starts_with("${"));
    let allowed = |character: char| {
        character.is_ascii_alphanumeric() || "_-./".contains(character) || (!is_inner && "${}:@+=".contains(character))
    };
    // A colon is part of the text only before another character of it.
    starts && text.chars().all(allowed) && !text.ends_with(':') && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// A text that stays on its comment line.
fn comment_text(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            if is_unprintable(character) {
                shorten(&character.to_string()).chars().collect::<Vec<char>>()
            } else {
                vec![character]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(scalar(text, false), expected);
    }

    #[test]
    fn texts_are_quoted_where_they_could_be_misread() {
        check("csv", "csv");
        check("s3-us-west-1.amazonaws.com", "s3-us-west-1.amazonaws.com");
        check("http://127.0.0.1:9000", "http://127.0.0.1:9000");
        check("${KEY:-x}", "${KEY:-x}");
        check(",", "\",\"");
        check("\t", "\"\\t\"");
        check("\"", "'\"'");
        check("'", "\"'\"");
        check("\\N", "'\\N'");
        check("it's \"x\"", "'it''s \"x\"'");
        check("%Y-%m-%d", "\"%Y-%m-%d\"");
        check("\u{1}", "\"\\x01\"");
        check("No", "\"No\"");
        check("12", "\"12\"");
        check("1e5", "\"1e5\"");
        check("", "\"\"");
        check("a: b", "\"a: b\"");
        check("a:", "\"a:\"");
        check("x #y", "\"x #y\"");
        check("#", "\"#\"");
        check("-", "\"-\"");
        check("日本", "\"日本\"");
        check("\u{2028}", "\"\\u2028\"");
        assert_eq!(scalar("${KEY}", true), "\"${KEY}\"");
    }

    #[test]
    fn every_text_is_read_back_as_it_was() {
        let mut texts: Vec<String> = (0..0x3000).filter_map(char::from_u32).map(String::from).collect();
        texts.extend(
            [
                "a: b", "- a", "{a}", "[a", "? a", "~", "0x1F", ".5", "1_000", "=", "<<", "a #b", " a", "a ", "!x",
                "&x", "*x",
            ]
            .map(str::to_owned),
        );
        for text in texts {
            let document = json!({"a": text, "b": [text, {"c": text}]});
            let mut writer = Writer {
                text: String::new(),
                notes: HashMap::new(),
            };
            writer.map(document.as_object().unwrap(), 0, "");
            let read: Value = serde_saphyr::from_str(&writer.text)
                .unwrap_or_else(|error| panic!("{text:?}: {error}\n{}", writer.text));
            assert_eq!(read, document, "{}", writer.text);
        }
    }

    #[test]
    fn nested_lists_and_maps_are_read_back() {
        let document = json!({
            "in": {"a": [], "b": {}, "c": [[1, 2], [3]], "d": [{"e": {"f": 1}, "g": [1]}, {"h": null}], "decoders": [{"type": "gzip"}]},
            "filters": [{"type": "rename", "rules": [{"rule": "upper_to_lower"}, {"rule": "x", "pass": ["a-z", "0-9"]}]}],
            "long": ["x".repeat(50), "y".repeat(50)],
        });
        let mut writer = Writer {
            text: String::new(),
            notes: HashMap::new(),
        };
        writer.map(document.as_object().unwrap(), 0, "");
        let read: Value = serde_saphyr::from_str(&writer.text).unwrap();
        assert_eq!(read, document, "{}", writer.text);
        assert!(writer.text.contains("decoders: [{type: gzip}]\n"), "{}", writer.text);
    }

    #[test]
    fn three_spellings_of_a_document_are_one() {
        let input = json!({"type": "s3"});
        let expected = with_input(&json!({"in": input}));
        assert_eq!(with_input(&input), expected);
        assert_eq!(with_input(&json!({"config": {"in": input}})), expected);
    }
}
