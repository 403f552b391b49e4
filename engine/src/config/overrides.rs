//! Puts values of the command line (`--set in.min_task_size=64MiB`) into a document.
//!
//! The value is read as the file would read it: a flow list or map, a quoted text, or a plain scalar - except that a plain
//! scalar may be any text, `|` and `#` included, since a shell leaves no room for two sets of quotes.

use super::document::{Document, Key, Node, Text, Value, parse_node, resolve_plain};
use super::problem::Problem;
use std::sync::Arc;

impl Document {
    /// Applies `PATH=VALUE`. The path is dotted, list elements are named by their index (`filters.0.type`), and what is missing
    /// on the way is made; the index after the last element appends one.
    ///
    /// **Errors**: no `=`, an empty name, an index out of range, a path through a scalar, a value that is not valid YAML. The
    /// document is unchanged then.
    pub fn set(&mut self, assignment: &str) -> Result<(), Problem> {
        let file: Arc<str> = Arc::from("--set");
        let problem = |path: &str, message: String| Problem {
            file: file.clone(),
            path: path.to_owned(),
            line: 0,
            column: 0,
            message,
            hint: None,
        };
        let Some((path, text)) = assignment.split_once('=') else {
            return Err(problem(assignment.trim(), "`--set` needs a key and a value".to_owned())
                .with_hint("write `--set in.min_task_size=64MiB`"));
        };
        let path = path.trim();
        if path.split('.').any(str::is_empty) {
            return Err(problem(
                path,
                "`--set` needs a dotted path without empty names".to_owned(),
            ));
        }
        let node = parse_value(text, &file).map_err(|message| problem(path, message))?;
        let mut root = self.root().clone();
        place(&mut root, path, node).map_err(|message| problem(path, message))?;
        *self.root_mut() = root;
        Ok(())
    }
}

fn parse_value(text: &str, file: &Arc<str>) -> Result<Node, String> {
    let trimmed = text.trim();
    if trimmed.starts_with(['[', '{']) {
        let parsed = parse_node(trimmed, file);
        return parsed.map(without_places).map_err(|errors| {
            errors
                .problems
                .first()
                .map_or_else(String::new, |problem| problem.message.clone())
        });
    }
    if trimmed.starts_with(['"', '\'']) {
        let parsed = parse_node(trimmed, file);
        if let Ok(
            node @ Node {
                value: Value::String(_),
                ..
            },
        ) = parsed
        {
            return Ok(without_places(node));
        }
    }
    // White space alone is text: a delimiter may be a tab.
    let is_blank = trimmed.is_empty() && !text.is_empty();
    match resolve_plain(trimmed) {
        value if !is_blank && !matches!(value, Value::String(_)) => Ok(Node::new(value)),
        _ => Ok(Node::new(Value::String(Text {
            text: text.to_owned(),
            is_quoted: false,
            is_secret: false,
        }))),
    }
}

fn without_places(node: Node) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(without_places).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, item)| (Key::new(&key.name), without_places(item)))
                .collect(),
        ),
        value => value,
    };
    Node::new(value)
}

fn place(target: &mut Node, path: &str, node: Node) -> Result<(), String> {
    let (segment, rest) = match path.split_once('.') {
        Some((segment, rest)) => (segment, Some(rest)),
        None => (path, None),
    };
    if target.is_null() {
        let is_index = segment == "0";
        target.value = if is_index {
            Value::List(Vec::new())
        } else {
            Value::Map(Vec::new())
        };
    }
    let kind = target.kind();
    let child = match &mut target.value {
        Value::List(items) => {
            let length = items.len();
            let index: usize = segment
                .parse()
                .map_err(|_| format!("`{segment}` is not the index of a list element"))?;
            if index > length {
                return Err(format!(
                    "the list has {length} elements, there is none at index {index}"
                ));
            }
            if index == length {
                items.push(Node::new(Value::Null));
            }
            &mut items[index]
        }
        Value::Map(entries) => {
            let index = match entries.iter().position(|(key, _)| key.name == segment) {
                Some(index) => index,
                None => {
                    entries.push((Key::new(segment), Node::new(Value::Null)));
                    entries.len() - 1
                }
            };
            &mut entries[index].1
        }
        _ => return Err(format!("`{segment}` cannot be set inside {kind}")),
    };
    match rest {
        Some(rest) => place(child, rest, node),
        None => {
            *child = node;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "in: {type: s3, path: a}\nfilters: [{type: rename}]\n";

    fn document() -> Document {
        Document::parse(TEXT, "load.yml").unwrap()
    }

    #[track_caller]
    fn check(assignment: &str, path: &str, expected: serde_json::Value) {
        let mut document = document();
        document.set(assignment).unwrap();
        assert_eq!(document.root().at(path).unwrap().to_json(), expected);
    }

    #[track_caller]
    fn check_error(assignment: &str, expected: &str) {
        let mut document = document();
        let problem = document.set(assignment).unwrap_err();
        assert_eq!(problem.message, expected);
        assert_eq!(document, self::document());
    }

    #[test]
    fn scalars_are_read_as_in_the_file() {
        check("in.min_task_size=64MiB", "in.min_task_size", "64MiB".into());
        check("in.min_task_size=12", "in.min_task_size", 12.into());
        check("in.incremental=false", "in.incremental", false.into());
        check("in.last_path=", "in.last_path", serde_json::Value::Null);
        check("in.path=b=c", "in.path", "b=c".into());
        check("in.path='12'", "in.path", "12".into());
    }

    #[test]
    fn any_text_is_a_value() {
        for text in [",", "|", "#", "'", "\"", "\t", "a: b", "*x", r"\.csv$", "&", "%", "@"] {
            check(
                &format!("in.parser.delimiter={text}"),
                "in.parser.delimiter",
                text.into(),
            );
        }
    }

    #[test]
    fn lists_and_maps_are_flow_yaml() {
        check("in.decoders=[{type: gzip}]", "in.decoders.0.type", "gzip".into());
        check("out={mode: replace}", "out.mode", "replace".into());
    }

    #[test]
    fn list_elements_are_named_by_index() {
        check("filters.0.type=hash", "filters.0.type", "hash".into());
        check("filters.1.type=hash", "filters.1.type", "hash".into());
        check("in.decoders.0.type=gzip", "in.decoders.0.type", "gzip".into());
    }

    #[test]
    fn what_cannot_be_placed_is_an_error_and_changes_nothing() {
        check_error("in.path", "`--set` needs a key and a value");
        check_error("in..path=1", "`--set` needs a dotted path without empty names");
        check_error("filters.5.type=x", "the list has 1 elements, there is none at index 5");
        check_error("filters.first=x", "`first` is not the index of a list element");
        check_error("in.path.deeper=x", "`deeper` cannot be set inside text");
    }

    #[test]
    fn broken_flow_yaml_is_an_error() {
        assert!(document().set("in.decoders=[{").is_err());
    }
}
