//! What the user's seed already fixes.

use super::dialect::FixedDialect;
use crate::decode::{DecoderOptions, EntryOptions};
use crate::parse::csv::Newline;
use crate::pattern::Pattern;
use serde_json::{Map, Value};

/// The keys of a seed that steer the guess; every `None` is open. What is set here is never guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seed {
    /// `in.decoders`, outermost first; the guess may add layers behind them. `None` also for `auto`.
    pub decoders: Option<Vec<DecoderOptions>>,
    /// Whether `in.decoders` is written as `auto`: then it stays so.
    pub has_automatic_decoders: bool,
    /// `in.parser.type`.
    pub parser_type: Option<String>,
    /// `delimiter`.
    pub delimiter: Option<String>,
    /// `quote`; `Some(None)` is an explicit null.
    pub quote: Option<Option<char>>,
    /// `escape`; `Some(None)` is an explicit null.
    pub escape: Option<Option<char>>,
    /// `null_string`; `Some(None)` is an explicit null.
    pub null_string: Option<Option<String>>,
    /// `comment_line_marker`.
    pub comment_line_marker: Option<String>,
    /// `trim_if_not_quoted`.
    pub trim_if_not_quoted: Option<bool>,
    /// `charset`.
    pub charset: Option<String>,
    /// `newline`.
    pub newline: Option<Newline>,
    /// `allow_optional_columns`.
    pub allow_optional_columns: Option<bool>,
    /// `allow_extra_columns`.
    pub allow_extra_columns: Option<bool>,
    /// `skip_header_lines`, or `header_line` as 0 or 1.
    pub skip_header_lines: Option<u64>,
    /// Whether `header` is `by_name`: then the header is not skipped.
    pub has_header_by_name: bool,
    /// The number of `columns`, if they are listed.
    pub num_columns: Option<usize>,
    /// `root` of a JSON parser.
    pub root: Option<String>,
    /// `flatten_json_array`.
    pub flatten_json_array: Option<bool>,
    /// `default_timezone`.
    pub default_timezone: Option<String>,
    /// Whether there are `filters`.
    pub has_filters: bool,
    /// The keys of `out` that have a value, and their text if it is a scalar.
    pub output: Vec<(String, Option<String>)>,
    /// Every key that `in.parser` has, known here or not.
    pub parser_keys: Vec<String>,
}

impl Seed {
    /// Reads the seed from the configuration document, its variables expanded. What cannot be understood is left open: the
    /// configuration is checked elsewhere.
    pub fn from_document(document: &Value) -> Seed {
        let empty = Map::new();
        let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
        let document = object(Some(document)).unwrap_or_default();
        let document = match object(document.get("config")) {
            Some(config) if document.len() == 1 => config,
            _ => document,
        };
        let input = object(document.get("in")).unwrap_or_else(|| document.clone());
        let parser = object(input.get("parser")).unwrap_or_else(|| empty.clone());
        let text = |key: &str| parser.get(key).and_then(scalar_text);
        let boolean = |key: &str| text(key).and_then(|text| text.parse::<bool>().ok());
        let character = |key: &str, of_empty: Option<char>| match parser.get(key)? {
            Value::Null => Some(None),
            value => {
                let text = scalar_text(value)?;
                let mut characters = text.chars();
                match (characters.next(), characters.next()) {
                    (None, _) => Some(of_empty),
                    (Some(character), None) => Some(Some(character)),
                    _ => None,
                }
            }
        };
        let (decoders, has_automatic_decoders) = match input.get("decoders") {
            Some(Value::Array(list)) => (list.iter().map(decoder).collect(), false),
            Some(Value::String(word)) => (None, word == "auto"),
            _ => (None, false),
        };
        let header_line = boolean("header_line").map(u64::from);
        Seed {
            decoders,
            has_automatic_decoders,
            parser_type: text("type"),
            delimiter: text("delimiter").filter(|delimiter| !delimiter.is_empty()),
            quote: character("quote", Some('"')),
            escape: character("escape", None),
            null_string: parser.get("null_string").map(scalar_text),
            comment_line_marker: text("comment_line_marker").filter(|marker| !marker.is_empty()),
            trim_if_not_quoted: boolean("trim_if_not_quoted"),
            charset: text("charset"),
            newline: match text("newline").as_deref() {
                Some("CRLF") => Some(Newline::Crlf),
                Some("LF") => Some(Newline::Lf),
                Some("CR") => Some(Newline::Cr),
                _ => None,
            },
            allow_optional_columns: boolean("allow_optional_columns"),
            allow_extra_columns: boolean("allow_extra_columns"),
            skip_header_lines: text("skip_header_lines")
                .and_then(|text| text.parse().ok())
                .or(header_line),
            has_header_by_name: text("header").as_deref() == Some("by_name"),
            num_columns: parser
                .get("columns")
                .and_then(Value::as_array)
                .map(Vec::len)
                .filter(|count| *count > 0),
            root: text("root"),
            flatten_json_array: boolean("flatten_json_array"),
            default_timezone: text("default_timezone"),
            has_filters: document
                .get("filters")
                .and_then(Value::as_array)
                .is_some_and(|filters| !filters.is_empty()),
            output: object(document.get("out"))
                .unwrap_or_default()
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), scalar_text(value)))
                .collect(),
            parser_keys: parser.keys().cloned().collect(),
        }
    }

    /// Whether `out` has this key.
    pub(crate) fn has_output(&self, key: &str) -> bool {
        self.output.iter().any(|(known, _)| known == key)
    }

    /// The text of this key of `out`.
    pub(crate) fn output(&self, key: &str) -> Option<&str> {
        let (_, text) = self.output.iter().find(|(known, _)| known == key)?;
        text.as_deref()
    }

    /// Whether the seed has this key of the parser, so that it is not guessed.
    pub(crate) fn fixes(&self, key: &str) -> bool {
        let is_set = match key {
            "type" => self.parser_type.is_some(),
            "delimiter" => self.delimiter.is_some(),
            "quote" => self.quote.is_some(),
            "escape" => self.escape.is_some(),
            "null_string" => self.null_string.is_some(),
            "comment_line_marker" => self.comment_line_marker.is_some(),
            "trim_if_not_quoted" => self.trim_if_not_quoted.is_some(),
            "charset" => self.charset.is_some(),
            "newline" => self.newline.is_some(),
            "allow_optional_columns" => self.allow_optional_columns.is_some(),
            "allow_extra_columns" => self.allow_extra_columns.is_some(),
            "skip_header_lines" => self.skip_header_lines.is_some(),
            "columns" => self.num_columns.is_some(),
            "flatten_json_array" => self.flatten_json_array.is_some(),
            _ => false,
        };
        // Empty `columns` of a seed mean that they are wanted.
        is_set || (key != "columns" && self.parser_keys.iter().any(|known| known == key))
    }

    /// What the seed fixes of the dialect; `tsv` is `csv` with a TAB.
    pub(crate) fn dialect(&self) -> FixedDialect {
        let is_tsv = self.parser_type.as_deref() == Some("tsv");
        FixedDialect {
            delimiter: self.delimiter.clone().or_else(|| is_tsv.then(|| "\t".to_owned())),
            quote: self.quote,
            escape: self.escape,
            is_trimmed: self.trim_if_not_quoted,
            num_columns: self.num_columns,
        }
    }
}

/// The text of a scalar, as lenient as the configuration is about types.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn decoder(value: &Value) -> Option<DecoderOptions> {
    let entries = || EntryOptions {
        match_name: value
            .get("match_name")
            .and_then(Value::as_str)
            .filter(|pattern| !pattern.is_empty())
            .and_then(|pattern| Pattern::new(pattern).ok()),
    };
    match value.get("type").and_then(Value::as_str).or_else(|| value.as_str())? {
        "gzip" => Some(DecoderOptions::Gzip),
        "bzip2" => Some(DecoderOptions::Bzip2),
        "zstd" => Some(DecoderOptions::Zstd),
        "xz" => Some(DecoderOptions::Xz),
        "zlib" => Some(DecoderOptions::Zlib),
        "zip" => Some(DecoderOptions::Zip(entries())),
        "tar" => Some(DecoderOptions::Tar(entries())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_read_wherever_the_document_has_its_input() {
        let input = json!({"type": "s3", "parser": {"type": "csv", "delimiter": "\t"}});
        for document in [input.clone(), json!({"in": input}), json!({"config": {"in": input}})] {
            let seed = Seed::from_document(&document);
            assert_eq!(
                (seed.parser_type.as_deref(), seed.delimiter.as_deref()),
                (Some("csv"), Some("\t"))
            );
        }
        for out in [json!({}), json!(null), json!({"time_column": null})] {
            assert_eq!(
                Seed::from_document(&json!({"in": {"type": "s3"}, "out": out})),
                Seed::default()
            );
        }
        let seed = Seed::from_document(&json!({"in": {}, "out": {"time_column": "at", "time_value": {}}}));
        assert_eq!(
            (seed.output("time_column"), seed.output("time_value")),
            (Some("at"), None)
        );
        assert!(seed.has_output("time_value") && !seed.has_output("mode"));
    }

    #[test]
    fn nulls_and_empty_texts_mean_what_the_parser_makes_of_them() {
        let seed = |parser: Value| Seed::from_document(&json!({"in": {"parser": parser}}));
        assert_eq!(seed(json!({"quote": null, "escape": ""})).quote, Some(None));
        assert_eq!(seed(json!({"quote": "", "escape": ""})).quote, Some(Some('"')));
        assert_eq!(seed(json!({"escape": ""})).escape, Some(None));
        assert_eq!(seed(json!({"null_string": null})).null_string, Some(None));
        assert_eq!(seed(json!({"header_line": true})).skip_header_lines, Some(1));
        assert_eq!(seed(json!({"skip_header_lines": "2"})).skip_header_lines, Some(2));
    }

    #[test]
    fn decoders_are_read() {
        let seed =
            Seed::from_document(&json!({"in": {"decoders": [{"type": "gzip"}, {"type": "tar", "match_name": "x"}]}}));
        let tar = DecoderOptions::Tar(EntryOptions {
            match_name: Pattern::new("x").ok(),
        });
        assert_eq!(seed.decoders, Some(vec![DecoderOptions::Gzip, tar]));
        let seed = Seed::from_document(&json!({"in": {"decoders": "auto"}}));
        assert!(seed.decoders.is_none() && seed.has_automatic_decoders);
    }

    #[test]
    fn tsv_is_csv_with_tabs() {
        let seed = Seed::from_document(&json!({"in": {"parser": {"type": "tsv"}}}));
        assert_eq!(seed.dialect().delimiter.as_deref(), Some("\t"));
        assert!(seed.fixes("type") && !seed.fixes("delimiter") && !seed.fixes("columns"));
    }
}
