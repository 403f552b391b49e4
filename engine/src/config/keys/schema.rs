//! Makes a JSON Schema (draft 2020-12) of the whole configuration from the table of keys.
//!
//! It accepts what the reader accepts: the three spellings of section 0 of the configuration reference, numbers and booleans
//! as text, variables (`${NAME}`) anywhere, `null` for what is optional. Where a `type` decides which keys apply, there is one
//! alternative for each type, so that an editor offers only the keys that mean something.

use super::{KEYS, KeyDoc, KeyKind};
use serde_json::{Map, Value, json};

/// A text that holds a variable and may become anything.
const VARIABLE_PATTERN: &str = r"\$\{[^}]+\}";

/// Sections with one alternative for each type, and the key that holds the type.
const ALTERNATIVES: [(&str, &str); 4] = [
    ("in.parser", "type"),
    ("in.decoders[]", "type"),
    ("filters[]", "type"),
    ("filters[].rules[]", "rule"),
];

/// The JSON Schema of the whole configuration.
pub fn json_schema() -> Value {
    let mut file = object_schema("", "");
    file["additionalProperties"] = Value::Bool(false);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bucketload configuration",
        "anyOf": [
            {"$ref": "#/$defs/file"},
            {
                "type": "object",
                "properties": {"config": {"$ref": "#/$defs/file"}},
                "required": ["config"],
                "additionalProperties": false,
            },
            {"$ref": "#/$defs/in"},
        ],
        "$defs": {"file": file, "in": section_schema("in", "")},
    })
}

/// The schema of the map at `section`, with alternatives where its type makes a difference.
fn section_schema(section: &str, kind: &str) -> Value {
    let Some((_, type_key)) = ALTERNATIVES.iter().find(|(alternative, _)| *alternative == section) else {
        return object_schema(section, kind);
    };
    let types = KEYS
        .iter()
        .find(|key| key.section() == section && key.name() == *type_key);
    let types = types.map_or(&[][..], |key| key.values);
    let alternatives = types.iter().map(|kind| {
        let mut schema = object_schema(section, kind);
        schema["properties"][*type_key] = json!({"const": kind});
        schema
    });
    json!({"oneOf": alternatives.collect::<Vec<Value>>()})
}

/// The schema of the map at `section` with the keys that apply to `kind`.
fn object_schema(section: &str, kind: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in KEYS.iter().filter(|key| key.section() == section && key.applies(kind)) {
        properties.insert(key.name().to_owned(), key_schema(key, kind));
        if key.is_required && !is_conditional(key) {
            required.push(key.name());
        }
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Keys that are required only sometimes: the bucket with `type: s3`, the parser except for `guess`.
fn is_conditional(key: &KeyDoc) -> bool {
    matches!(key.path, "in.bucket" | "in.parser")
}

fn key_schema(key: &KeyDoc, kind: &str) -> Value {
    // The alternatives of a list of decoders, filters or rules begin anew; below them the type stays.
    let item = || section_schema(&format!("{}[]", key.path), kind);
    let map = || section_schema(key.path, kind);
    let words = || json!({"enum": key.values});
    let variable = || json!({"type": "string", "pattern": VARIABLE_PATTERN});
    let text_or = |pattern: &str| json!({"type": "string", "pattern": format!("{pattern}|{VARIABLE_PATTERN}")});
    let list = |items: Value| json!({"type": "array", "items": items});
    let mut choices = match key.kind {
        KeyKind::Text => vec![json!({"type": ["string", "number", "boolean"]})],
        KeyKind::Bool => vec![
            json!({"type": "boolean"}),
            text_or("^(?:[Tt]rue|[Ff]alse|TRUE|FALSE|yes|no|on|off)$"),
        ],
        KeyKind::Integer => vec![json!({"type": "integer"}), text_or("^[+-]?[0-9_]+$")],
        KeyKind::Number => vec![json!({"type": "number"}), text_or("^[0-9.eE+-]+$")],
        KeyKind::Size => vec![
            json!({"type": "integer", "minimum": 0}),
            text_or("^[0-9._]+ *(?:[Bb]|[KkMmGgTt](?:[Ii]?[Bb])?)?$"),
        ],
        KeyKind::Duration => vec![
            json!({"type": "integer", "minimum": 0}),
            text_or("^[0-9._]+ *(?:ms|s|sec|m|min|h|d)?$"),
        ],
        KeyKind::BoolOrWord => vec![
            json!({"type": "boolean"}),
            text_or("^(?:[Tt]rue|[Ff]alse|TRUE|FALSE|yes|no|on|off)$"),
            words(),
        ],
        KeyKind::Step => vec![
            json!({"type": "integer", "minimum": 0}),
            text_or("^[0-9._]+ *(?:[Bb]|[KkMmGgTt](?:[Ii]?[Bb])?|files?)?$"),
        ],
        KeyKind::Word => vec![words(), variable()],
        KeyKind::Texts => vec![
            json!({"type": ["string", "number", "boolean"]}),
            list(json!({"type": ["string", "number", "boolean"]})),
        ],
        KeyKind::Map => vec![map()],
        KeyKind::NamedMaps => {
            vec![json!({"type": "object", "additionalProperties": section_schema(&format!("{}.*", key.path), kind)})]
        }
        KeyKind::NamedTexts => {
            vec![json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})]
        }
        KeyKind::Maps => vec![list(item())],
        KeyKind::TextsOrMaps => vec![list(json!({"anyOf": [{"type": "string"}, item()]}))],
        KeyKind::WordOrMaps => vec![
            words(),
            variable(),
            list(json!({"anyOf": [{"type": "string"}, item()]})),
        ],
        KeyKind::WordOrMap => vec![words(), variable(), map()],
        KeyKind::TextsOrNamedTexts => {
            let named = json!({"type": "object", "additionalProperties": {"type": ["string", "null"]}});
            let items = match has_keys(&format!("{}[]", key.path), kind) {
                true => item(),
                false => json!({"anyOf": [{"type": "string"}, named.clone()]}),
            };
            vec![named, list(items)]
        }
        KeyKind::Any => vec![json!(true)],
    };
    let is_null_meant = matches!(key.path, "in.parser.quote" | "in.parser.escape");
    if (!key.is_required || is_null_meant) && key.kind != KeyKind::Any {
        choices.push(json!({"type": "null"}));
    }
    let mut schema = match (key.kind, choices.len()) {
        (KeyKind::Any, _) => json!({}),
        (_, 1) => choices.remove(0),
        _ => json!({"anyOf": choices}),
    };
    schema["description"] = key.description.into();
    if !key.default.is_empty() {
        schema["default"] = default_value(key);
    }
    schema
}

fn has_keys(section: &str, kind: &str) -> bool {
    KEYS.iter().any(|key| key.section() == section && key.applies(kind))
}

/// The default as JSON: what YAML makes of it.
fn default_value(key: &KeyDoc) -> Value {
    match key.kind {
        KeyKind::Bool | KeyKind::BoolOrWord => Value::Bool(key.default == "true"),
        KeyKind::Integer | KeyKind::Size | KeyKind::Duration => key
            .default
            .parse::<i64>()
            .map_or_else(|_| key.default.into(), Value::from),
        _ => match key.default {
            "[]" => json!([]),
            "{}" => json!({}),
            "''" => "".into(),
            r#"'"'"# => "\"".into(),
            default => default.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_spellings_are_accepted() {
        let schema = json_schema();
        assert_eq!(schema["anyOf"].as_array().unwrap().len(), 3);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$defs"]["file"]["required"], json!(["in"]));
    }

    #[test]
    fn each_type_of_parser_has_its_own_keys() {
        let schema = json_schema();
        let parsers = &schema["$defs"]["in"]["properties"]["parser"]["oneOf"];
        let keys = |index: usize| parsers[index]["properties"].as_object().unwrap();
        assert_eq!(parsers[0]["properties"]["type"]["const"], "csv");
        assert!(keys(0).contains_key("delimiter") && !keys(0).contains_key("flatten_json_array"));
        assert_eq!(parsers[3]["properties"]["type"]["const"], "jsonl");
        assert!(!keys(3).contains_key("delimiter") && keys(3).contains_key("flatten_json_array"));
    }

    #[test]
    fn lists_of_columns_have_the_keys_of_their_filter() {
        let schema = json_schema();
        let filters = schema["$defs"]["file"]["properties"]["filters"]["anyOf"][0]["items"]["oneOf"]
            .as_array()
            .unwrap();
        let of = |kind: &str| {
            filters
                .iter()
                .find(|filter| filter["properties"]["type"]["const"] == kind)
                .unwrap()
        };
        let hash = &of("hash")["properties"]["columns"]["items"]["properties"];
        assert!(hash.get("algorithm").is_some() && hash.get("src").is_none());
        let retain = of("retain_columns")["properties"]["columns"].to_string();
        assert!(retain.contains("\"src\"") && !retain.contains("\"algorithm\""));
    }

    #[test]
    fn defaults_are_of_their_type() {
        let input = &json_schema()["$defs"]["in"]["properties"];
        assert_eq!(input["min_task_size"]["default"], 268_435_456);
        assert_eq!(input["incremental"]["default"], true);
    }
}
