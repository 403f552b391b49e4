//! Writes tuning knobs into the text of a configuration file, and leaves everything else in it as it is.
//!
//! A text written anew from its tree would lose comments, order and spelling, which are its author's. So the places come from
//! the parser's events, and only the bytes of the knobs in question are changed. Whether that was right is not trusted: the new text
//! is read again, and must mean what the old one did but for these knobs.

use super::document::{Document, Node};
use super::problem::{ConfigErrors, Problem};
use serde_json::{Map, Value, json};
use serde_saphyr::granit_parser::{Event, Marker, Parser, StructureStyle};
use std::ops::Range;
use std::sync::Arc;

/// Spaces by which entries of a new block stand further right than its name.
const INDENT: usize = 2;

/// A knob of the `exec` section.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecEntry {
    /// Its name, without `exec`.
    pub name: &'static str,
    /// A number or a text.
    pub value: Value,
    /// Why, on one line; written where the file's style has room for it.
    pub evidence: String,
}

/// The text with these knobs set. A knob that is there already keeps its place and its comment.
///
/// **Errors**: the text is no configuration, or writes `exec` in a way that cannot be changed in place, such as an alias.
pub fn with_exec(text: &str, file_name: &str, entries: &[ExecEntry]) -> Result<String, ConfigErrors> {
    let mut expected = Document::parse(text, file_name)?;
    if entries.is_empty() {
        return Ok(text.to_owned());
    }
    let knobs: Map<String, Value> = entries
        .iter()
        .map(|entry| (entry.name.to_owned(), entry.value.clone()))
        .collect();
    expected.merge(&Node::from_json(&json!({"exec": knobs})));
    let edited = edits(text, entries).map(|edits| apply(text, edits));
    let is_right = |edited: &String| {
        Document::parse(edited, file_name).is_ok_and(|document| document.root().to_json() == expected.root().to_json())
    };
    edited.filter(is_right).ok_or_else(|| {
        let lines: Vec<String> = entries
            .iter()
            .map(|entry| format!("{}: {}", entry.name, plain(&entry.value)))
            .collect();
        ConfigErrors::one(Problem {
            file: Arc::from(file_name),
            path: "exec".to_owned(),
            line: 0,
            column: 0,
            message: format!("{file_name} is written in a way that cannot be changed in place"),
            hint: Some(format!("write under `exec` by hand: {}", lines.join(", "))),
        })
    })
}

/// A value of the text and where it stands, in bytes.
enum Shape {
    Scalar {
        text: String,
        place: Range<usize>,
    },
    Map {
        style: StructureStyle,
        place: Range<usize>,
        entries: Vec<(Shape, Shape)>,
    },
    /// A list or an alias.
    Other {
        place: Range<usize>,
    },
}

impl Shape {
    fn place(&self) -> Range<usize> {
        match self {
            Shape::Scalar { place, .. } | Shape::Map { place, .. } | Shape::Other { place } => place.clone(),
        }
    }

    /// Key and value of an entry of a map.
    fn entry(&self, name: &str) -> Option<(&Shape, &Shape)> {
        let Shape::Map { entries, .. } = self else { return None };
        let is_named = |key: &Shape| matches!(key, Shape::Scalar { text, .. } if text == name);
        let found = entries.iter().find(|(key, _)| is_named(key));
        found.map(|(key, value)| (key, value))
    }
}

/// The shape of a text that was read as a document before.
fn shape(text: &str) -> Option<Shape> {
    struct Open {
        style: Option<StructureStyle>,
        start: usize,
        items: Vec<Shape>,
    }
    let byte = |marker: Marker| {
        marker.byte_offset().unwrap_or_else(|| {
            let mut places = text.char_indices().map(|(place, _)| place);
            places.nth(marker.index()).unwrap_or(text.len())
        })
    };
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        let place = byte(span.start)..byte(span.end);
        let complete = match event {
            Event::Scalar(text, ..) => Shape::Scalar {
                text: text.into_owned(),
                place,
            },
            Event::Alias(_) => Shape::Other { place },
            Event::MappingStart(style, ..) => {
                open.push(Open {
                    style: Some(style),
                    start: place.start,
                    items: Vec::new(),
                });
                continue;
            }
            Event::SequenceStart(..) => {
                open.push(Open {
                    style: None,
                    start: place.start,
                    items: Vec::new(),
                });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Open { style, start, items } = open.pop()?;
                let place = start..place.end;
                match style {
                    None => Shape::Other { place },
                    Some(style) => {
                        let mut entries = Vec::new();
                        let mut items = items.into_iter();
                        while let (Some(key), Some(value)) = (items.next(), items.next()) {
                            entries.push((key, value));
                        }
                        Shape::Map { style, place, entries }
                    }
                }
            }
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.items.push(complete),
            None => return Some(complete),
        }
    }
    None
}

/// Bytes to replace, and by what.
type Edit = (Range<usize>, String);

/// What to change; `None`: there is no place where these knobs can be written.
fn edits(text: &str, new: &[ExecEntry]) -> Option<Vec<Edit>> {
    let root = shape(text)?;
    let top = root.entry("config").map_or(&root, |(_, inner)| inner);
    let Shape::Map { style, place, entries } = top else {
        return None;
    };
    match top.entry("exec") {
        None => Some(vec![new_section(text, *style, place, entries, new)?]),
        Some((key, exec)) => into_section(text, *style, key, exec, new),
    }
}

/// The line end of a text.
fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Puts a section `exec` at the end of a map.
fn new_section(
    text: &str,
    style: StructureStyle,
    place: &Range<usize>,
    entries: &[(Shape, Shape)],
    new: &[ExecEntry],
) -> Option<Edit> {
    let newline = newline(text);
    if style == StructureStyle::Block {
        let indent = column(text, entries.first()?.0.place().start);
        let mut block = String::new();
        if !text.ends_with('\n') {
            block.push_str(newline);
        }
        block.push_str(&format!("{:indent$}exec:{newline}", ""));
        block.push_str(&lines(new, indent + INDENT, newline));
        return Some((text.len()..text.len(), block));
    }
    let exec = format!("\"exec\": {{{}}}", flow(new));
    let last = entries.last().map(|(_, value)| value.place().end);
    Some(match (last, entries.first()) {
        (Some(last), Some((first, _))) => {
            // The room between two entries is that before the first one.
            let room = &text[place.start + 1..first.place().start];
            let room = if room.trim().is_empty() && !room.is_empty() {
                room
            } else {
                " "
            };
            (last..last, format!(",{room}{exec}"))
        }
        _ => (place.start + 1..place.start + 1, exec),
    })
}

/// Changes what stands at `exec`, the value of `key` in a map of `style`.
fn into_section(text: &str, style: StructureStyle, key: &Shape, exec: &Shape, new: &[ExecEntry]) -> Option<Vec<Edit>> {
    let newline = newline(text);
    match exec {
        Shape::Map {
            style: exec_style,
            place,
            entries,
        } => {
            let mut edits = Vec::new();
            let mut added = Vec::new();
            for entry in new {
                match exec.entry(entry.name) {
                    None => added.push(entry.clone()),
                    Some((_, Shape::Scalar { place, .. })) => edits.push((place.clone(), plain(&entry.value))),
                    Some(_) => return None,
                }
            }
            if added.is_empty() {
                return Some(edits);
            }
            edits.push(match exec_style {
                StructureStyle::Block => {
                    let indent = column(text, entries.first()?.0.place().start);
                    after_line(text, key.place().end, &lines(&added, indent, newline), newline)
                }
                StructureStyle::Flow => {
                    let separator = if entries.is_empty() { "" } else { ", " };
                    let start = place.start + 1;
                    (start..start, format!("{}{separator}", flow(&added)))
                }
            });
            Some(edits)
        }
        Shape::Scalar { place, .. } if place.is_empty() && style == StructureStyle::Block => {
            let indent = column(text, key.place().start) + INDENT;
            Some(vec![after_line(
                text,
                key.place().end,
                &lines(new, indent, newline),
                newline,
            )])
        }
        Shape::Scalar { place, .. } if !place.is_empty() => Some(vec![(place.clone(), format!("{{{}}}", flow(new)))]),
        Shape::Scalar { .. } | Shape::Other { .. } => None,
    }
}

fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut edited = text.to_owned();
    for (place, replacement) in edits {
        edited.replace_range(place, &replacement);
    }
    edited
}

/// Puts lines below the one that `place` is in.
fn after_line(text: &str, place: usize, lines: &str, newline: &str) -> Edit {
    match text[place..].find('\n') {
        Some(length) => (place + length + 1..place + length + 1, lines.to_owned()),
        None => (text.len()..text.len(), format!("{newline}{lines}")),
    }
}

/// Characters before a place in its line.
fn column(text: &str, place: usize) -> usize {
    let start = text[..place].rfind('\n').map_or(0, |newline| newline + 1);
    text[start..place].chars().count()
}

fn lines(entries: &[ExecEntry], indent: usize, newline: &str) -> String {
    entries
        .iter()
        .map(|entry| {
            // A size such as `1GiB` is text without quotes as well.
            let value = entry.value.as_str().map_or_else(|| plain(&entry.value), str::to_owned);
            format!("{:indent$}{}: {value}   # {}{newline}", "", entry.name, entry.evidence)
        })
        .collect()
}

/// In the spelling of JSON, which YAML has too.
fn flow(entries: &[ExecEntry]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| format!("\"{}\": {}", entry.name, entry.value))
        .collect();
    entries.join(", ")
}

/// As JSON has it.
fn plain(value: &Value) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &'static str, value: impl Into<Value>) -> ExecEntry {
        ExecEntry {
            name,
            value: value.into(),
            evidence: "measured".to_owned(),
        }
    }

    fn requests() -> [ExecEntry; 1] {
        [entry("max_requests", 32)]
    }

    #[track_caller]
    fn check(text: &str, entries: &[ExecEntry], expected: &str) {
        assert_eq!(with_exec(text, "load.yml", entries).unwrap(), expected);
    }

    #[track_caller]
    fn check_refused(text: &str) {
        let errors = with_exec(text, "load.yml", &requests()).unwrap_err();
        let hint = errors.problems[0].hint.as_deref().unwrap();
        assert!(hint.contains("max_requests: 32"), "{hint}");
    }

    #[test]
    fn a_missing_section_is_added_at_the_end() {
        let text = "# mine\nin: {type: file}   # here\n\nout:\n  mode: append\n# end\n";
        check(
            text,
            &[entry("max_requests", 32), entry("memory_limit", "1GiB")],
            &format!("{text}exec:\n  max_requests: 32   # measured\n  memory_limit: 1GiB   # measured\n"),
        );
        check(
            "in: {type: file}",
            &requests(),
            "in: {type: file}\nexec:\n  max_requests: 32   # measured\n",
        );
        check(
            "config:\r\n    in: {type: file}\r\n",
            &requests(),
            "config:\r\n    in: {type: file}\r\n    exec:\r\n      max_requests: 32   # measured\r\n",
        );
    }

    #[test]
    fn a_knob_that_is_there_keeps_its_place_and_its_comment() {
        check(
            "exec:   # tuning\n    # not more\n    max_requests: 8   # by the admins\n    batch_rows: 1\nin: {type: file}\n",
            &[entry("max_requests", 32), entry("max_threads", 2)],
            "exec:   # tuning\n    max_threads: 2   # measured\n    # not more\n    max_requests: 32   # by the admins\n    \
             batch_rows: 1\nin: {type: file}\n",
        );
    }

    #[test]
    fn sections_in_braces_stay_in_braces() {
        check(
            "in: {type: file}\nexec: {} # nothing\n",
            &requests(),
            "in: {type: file}\nexec: {\"max_requests\": 32} # nothing\n",
        );
        check(
            "in: {type: file}\nexec: {max_threads: 1, max_requests: '8'}\n",
            &[entry("max_requests", 32), entry("memory_limit", "1GiB")],
            "in: {type: file}\nexec: {\"memory_limit\": \"1GiB\", max_threads: 1, max_requests: 32}\n",
        );
    }

    #[test]
    fn an_empty_section_is_filled() {
        check(
            "exec:   # to come\nin: {type: file}\n",
            &requests(),
            "exec:   # to come\n  max_requests: 32   # measured\nin: {type: file}\n",
        );
        check(
            "exec: ~\nin: {type: file}\n",
            &requests(),
            "exec: {\"max_requests\": 32}\nin: {type: file}\n",
        );
    }

    #[test]
    fn json_stays_json() {
        check(
            "{\"in\": {\"type\": \"file\"}}",
            &requests(),
            "{\"in\": {\"type\": \"file\"}, \"exec\": {\"max_requests\": 32}}",
        );
        let pretty = "{\n  \"in\": {\n    \"type\": \"file\"\n  }\n}\n";
        let edited = with_exec(pretty, "load.json", &requests()).unwrap();
        assert_eq!(
            edited,
            "{\n  \"in\": {\n    \"type\": \"file\"\n  },\n  \"exec\": {\"max_requests\": 32}\n}\n"
        );
    }

    #[test]
    fn what_cannot_be_changed_in_place_is_left_alone() {
        check_refused("in: {type: file, x: &knobs {max_threads: 1}}\nexec: *knobs\n");
        // Without `in`, the whole file is the input section.
        check_refused("type: file\npath_prefix: x\n");
        check_refused("in: {type: file, exec: }\nexec: [1]\n...\n");
    }

    #[test]
    fn accents_before_a_knob_do_not_move_it() {
        check(
            "# é é é\nexec: {max_requests: 8}  # è\nin: {type: file, path_prefix: ü}\n",
            &requests(),
            "# é é é\nexec: {max_requests: 32}  # è\nin: {type: file, path_prefix: ü}\n",
        );
    }
}
