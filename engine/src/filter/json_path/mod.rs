//! Finds values in JSON texts by path.
//!
//! [`JsonPath`] is the part of JSONPath that names single values, which is nearly all that is written: it is found by going down.
//! [`JsonQuery`] is the whole language, which may name many.
//!
//! Reading order: [`several`] (paths at once), [`steps`] (a path as it is written), [`query`], [`condition`] (of a filter in a path).

mod condition;
mod query;
mod several;
mod steps;

pub(crate) use query::JsonQuery;
pub(crate) use several::SeveralPaths;

use sonic_rs::{Deserializer, JsonContainerTrait, JsonType, JsonValueTrait, Value};
use steps::Step;

/// Levels of arrays and objects in each other that a text may have. The JSON library reads them by recursion, with more than
/// 20 KB of stack a level in an unoptimised build; worker threads have 2 MB.
const MAX_DEPTH: usize = 64;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    /// The member of an object.
    Name(String),
    /// The element of an array, from 0.
    Index(usize),
    /// Every element of an array.
    Every,
}

/// A path from the root of a JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct JsonPath {
    /// Empty for the root itself.
    pub(crate) segments: Vec<Segment>,
}

impl JsonPath {
    /// Reads a path of single values.
    ///
    /// **Errors**: what is wrong, in the words a user reads.
    pub(crate) fn parse(text: &str) -> Result<JsonPath, String> {
        let path = JsonPath::parse_with_wildcards(text)?;
        if path.segments.contains(&Segment::Every) {
            return Err(format!("path `{text}` has a wildcard, which names more than one value"));
        }
        Ok(path)
    }

    /// Reads a path that may have `[*]`.
    pub(crate) fn parse_with_wildcards(text: &str) -> Result<JsonPath, String> {
        let steps = steps::parse(text)?;
        let segments = steps.iter().map(|step| match step {
            Step::Members(names) => match names.as_slice() {
                [name] => Ok(Segment::Name(name.clone())),
                _ => Err("has several names at once"),
            },
            Step::Elements(indices) => match indices.as_slice() {
                [index] => usize::try_from(*index)
                    .map(Segment::Index)
                    .map_err(|_| "counts from the end of an array"),
                _ => Err("has several indices at once"),
            },
            Step::Every => Ok(Segment::Every),
            Step::Slice(..) => Err("has a slice"),
            Step::Descend => Err("has `..`"),
            Step::Matching(_) => Err("has a condition"),
            Step::Function(_) => Err("has a function"),
        });
        let segments = segments.collect::<Result<Vec<Segment>, &str>>();
        let segments = segments.map_err(|what| format!("path `{text}` {what}, which cannot be used here"))?;
        Ok(JsonPath { segments })
    }

    /// The value there. Of members with the same name the last counts, as in Java.
    pub(crate) fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        find(&self.segments, root)
    }
}

/// See [`JsonPath::find`].
pub(crate) fn find<'a>(segments: &[Segment], root: &'a Value) -> Option<&'a Value> {
    segments.iter().try_fold(root, |value, segment| match segment {
        Segment::Name(name) => member(value, name),
        Segment::Index(index) => value.as_array()?.get(*index),
        Segment::Every => None,
    })
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value
        .as_object()?
        .iter()
        .filter(|(key, _)| *key == name)
        .last()
        .map(|(_, value)| value)
}

/// Parses a whole JSON text; numbers keep their spelling. `None`: it is not one JSON value, or nested too deeply.
pub(crate) fn parse_json(text: &str) -> Option<Value> {
    if is_too_deep(text.as_bytes()) {
        return None;
    }
    let mut deserializer = Deserializer::from_str(text).use_rawnumber();
    let value = deserializer.deserialize().ok()?;
    deserializer.end().ok()?;
    Some(value)
}

fn is_too_deep(text: &[u8]) -> bool {
    // Nearly every text is cleared by this count.
    if text.len() <= MAX_DEPTH || memchr::memchr2_iter(b'[', b'{', text).take(MAX_DEPTH + 1).count() <= MAX_DEPTH {
        return false;
    }
    let mut depth = 0_usize;
    let mut is_in_string = false;
    let mut is_escaped = false;
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_string => is_escaped = true,
            b'"' => is_in_string = !is_in_string,
            _ if is_in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The text form of a JSON value: the content of a string, any other value as compact JSON text; `None` for null.
///
/// `buffer` holds it where it is not in the value already.
pub(crate) fn text_of_json<'a>(value: &'a Value, buffer: &'a mut String) -> Option<&'a str> {
    match value.get_type() {
        JsonType::Null => None,
        JsonType::String => value.as_str(),
        JsonType::Number => {
            buffer.clear();
            match value.as_raw_number() {
                Some(number) => buffer.push_str(number.as_str()),
                None => buffer.push_str(&compact(value)),
            }
            Some(buffer)
        }
        _ => {
            *buffer = compact(value);
            Some(buffer)
        }
    }
}

/// Compact JSON text.
pub(crate) fn compact(value: &Value) -> String {
    sonic_rs::to_string(value).expect("a parsed JSON value can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, json: &str, expected: Option<&str>) {
        let value = parse_json(json).unwrap();
        let mut buffer = String::new();
        let found = JsonPath::parse(path)
            .unwrap()
            .find(&value)
            .and_then(|value| text_of_json(value, &mut buffer));
        assert_eq!(found, expected, "{path} of {json}");
    }

    #[test]
    fn paths_name_members_and_elements() {
        check("$.a.b", r#"{"a":{"b":"x"}}"#, Some("x"));
        check("$.a[1]", r#"{"a":[1,2.50]}"#, Some("2.50"));
        check("$['a.b'][\"c\"]", r#"{"a.b":{"c":true}}"#, Some("true"));
        check("$.['a']", r#"{"a": {"z" : [ 1 ]} }"#, Some(r#"{"z":[1]}"#));
        check("$[0]", "[7]", Some("7"));
        check(r"$['it\'s'][0]", r#"{"it's":[7]}"#, Some("7"));
        check(r#"$["a']\"]"]"#, r#"{"a']\"]":7}"#, Some("7"));
        check("$", "1", Some("1"));
    }

    #[test]
    fn what_is_not_there_is_none() {
        check("$.a.b", r#"{"a":1}"#, None);
        check("$.a[3]", r#"{"a":[1]}"#, None);
        check("$.a", r#"{"a":null}"#, None);
        check("$.a", "3", None);
    }

    #[test]
    fn last_of_equal_names_counts() {
        check("$.a", r#"{"a":1,"a":2}"#, Some("2"));
    }

    #[test]
    fn numbers_keep_their_spelling() {
        check(
            "$.a",
            r#"{"a":123456789012345678901234567890}"#,
            Some("123456789012345678901234567890"),
        );
        check("$.a", r#"{"a":[1e3,1.10]}"#, Some("[1e3,1.10]"));
    }

    #[test]
    fn bad_paths_say_what_is_wrong() {
        for (path, expected) in [
            ("a", "path `a` does not start with `$`"),
            ("$.a..b", "path `$.a..b` has `..`, which cannot be used here"),
            ("$.", "path `$.` has an empty name at character 3"),
            ("$.a[", "path `$.a[` has an unclosed `[` at character 5"),
            ("$.a[1:2]", "path `$.a[1:2]` has a slice, which cannot be used here"),
            (
                "$.a[0,1]",
                "path `$.a[0,1]` has several indices at once, which cannot be used here",
            ),
            (
                "$['a','b']",
                "path `$['a','b']` has several names at once, which cannot be used here",
            ),
            (
                "$.a[-1]",
                "path `$.a[-1]` counts from the end of an array, which cannot be used here",
            ),
            (
                "$.a[?(@.b)]",
                "path `$.a[?(@.b)]` has a condition, which cannot be used here",
            ),
            (
                "$.a.length()",
                "path `$.a.length()` has a function, which cannot be used here",
            ),
            ("$['a", "path `$['a` has an unclosed quote at character 5"),
            (
                "$['a}['b']",
                "path `$['a}['b']` has no `,` or `]` behind a name at character 8",
            ),
            ("$a", "path `$a` has `a` where `.` or `[` must stand at character 2"),
            (
                "$.a[*]",
                "path `$.a[*]` has a wildcard, which names more than one value",
            ),
        ] {
            assert_eq!(JsonPath::parse(path), Err(expected.to_owned()));
        }
    }

    #[test]
    fn text_that_is_not_one_json_value_is_none() {
        for text in ["", "{", "{}x", "nul", "'a'", "1 2"] {
            assert!(parse_json(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_limit_and_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deepest = parse_json(&nested(MAX_DEPTH)).unwrap();
        assert_eq!(compact(&deepest).len(), 2 * MAX_DEPTH);
        assert!(parse_json(&nested(MAX_DEPTH + 1)).is_none());
        assert!(parse_json(&nested(200_000)).is_none());
        assert!(parse_json(&format!(r#"["\"{}"]"#, "[".repeat(2 * MAX_DEPTH))).is_some());
        assert!(parse_json(&format!("[{}{{}}]", "{},".repeat(2 * MAX_DEPTH))).is_some());
    }
}
