//! Builds the tree of a document from the events of the YAML parser.
//!
//! There is no recursion over the text, and what aliases expand to is counted before it is kept: neither nesting nor
//! expansion can exhaust the stack or the memory.

use super::{ConfigErrors, Key, MAX_DEPTH, MAX_NODES, Node, Problem, Text, Value, problem};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, options};
use std::collections::HashMap;
use std::sync::Arc;

/// Parses one value, as the file or `--set` spells it.
pub(crate) fn parse_node(text: &str, file: &Arc<str>) -> Result<Node, ConfigErrors> {
    let options = options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut builder = Builder::new(file.clone());
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.accept(event, span)?,
            Err(error) => {
                let marker = error.marker();
                let message = format!("configuration file: {file} {}", error.info());
                let problem = problem(file, "", marker.line(), marker.col() + 1, message);
                return Err(ConfigErrors::one(problem));
            }
        }
    }
    builder.finish()
}

/// A list or map whose end has not come yet.
struct Open {
    line: usize,
    column: usize,
    anchor: usize,
    content: OpenContent,
}

enum OpenContent {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        /// Names so far and the lines they stand on.
        lines: HashMap<String, usize>,
        /// Entries of `<<`, put behind the map's own.
        merged: Vec<(Key, Node)>,
        /// The key whose value comes next.
        key: Option<(Key, bool)>,
    },
}

impl OpenContent {
    /// The value, once all of it is there. What was merged gives way to the map's own entries.
    fn into_value(self) -> Value {
        match self {
            OpenContent::List(items) => Value::List(items),
            OpenContent::Map {
                mut entries,
                mut lines,
                merged,
                ..
            } => {
                for (key, node) in merged {
                    if lines.insert(key.name.clone(), key.line).is_none() {
                        entries.push((key, node));
                    }
                }
                Value::Map(entries)
            }
        }
    }
}

/// Builds the tree from events, without recursion.
struct Builder {
    file: Arc<str>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    num_documents: usize,
    num_nodes: usize,
    problems: Vec<Problem>,
}

impl Builder {
    fn new(file: Arc<str>) -> Builder {
        Builder {
            file,
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            num_documents: 0,
            num_nodes: 0,
            problems: Vec::new(),
        }
    }

    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<(), ConfigErrors> {
        let (line, column) = (span.start.line(), span.start.col() + 1);
        match event {
            Event::DocumentStart(..) => {
                self.num_documents += 1;
                if self.num_documents > 1 {
                    return Err(self.fatal(
                        line,
                        column,
                        "a configuration is one YAML document, here a second begins",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let value = match tag {
                    None if is_plain => resolve_plain(&text),
                    None => quoted(&text),
                    Some(tag) if !tag.is_yaml_core_schema() => {
                        return Err(self.fatal(line, column, "YAML tags are not supported"));
                    }
                    Some(tag) if tag.suffix() == "str" => quoted(&text),
                    Some(_) => resolve_plain(&text),
                };
                self.complete(Node { value, line, column }, anchor, is_plain)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open {
                    line,
                    column,
                    anchor,
                    content: OpenContent::List(Vec::new()),
                });
            }
            Event::MappingStart(_, anchor, _) => {
                let content = OpenContent::Map {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open.push(Open {
                    line,
                    column,
                    anchor,
                    content,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop().expect("an end follows its start");
                let node = Node {
                    value: open.content.into_value(),
                    line: open.line,
                    column: open.column,
                };
                self.complete(node, open.anchor, false)?;
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.fatal(line, column, "an alias stands inside the value it stands for"));
                };
                let (num_nodes, depth) = measure(&node);
                if self.open.len() + depth > MAX_DEPTH {
                    let message = format!("lists and maps stand more than {MAX_DEPTH} deep, aliases expanded");
                    return Err(self.fatal(line, column, &message));
                }
                self.num_nodes += num_nodes;
                self.complete(node, 0, false)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, is_plain: bool) -> Result<(), ConfigErrors> {
        self.num_nodes += 1;
        if self.num_nodes > MAX_NODES {
            let message = format!("the configuration has more than {MAX_NODES} values, aliases expanded");
            return Err(self.fatal(node.line, node.column, &message));
        }
        if anchor != 0 {
            self.num_nodes += measure(&node).0;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            OpenContent::List(items) => items.push(node),
            OpenContent::Map {
                entries,
                lines,
                merged,
                key,
            } => match key.take() {
                None => {
                    let Some(name) = node.text() else {
                        let message = format!("a key must be text, not {}", node.kind());
                        return Err(self.fatal(node.line, node.column, &message));
                    };
                    *key = Some((
                        Key {
                            name: name.to_owned(),
                            line: node.line,
                            column: node.column,
                        },
                        is_plain,
                    ));
                }
                Some((name, true)) if name.name == "<<" && is_mergeable(&node) => merged.extend(merged_entries(node)),
                Some((name, _)) => match lines.get(&name.name) {
                    Some(first_line) => {
                        let message = format!("the key `{}` stands already on line {first_line}", name.name);
                        self.problems
                            .push(problem(&self.file, "", name.line, name.column, message));
                    }
                    None => {
                        lines.insert(name.name.clone(), name.line);
                        entries.push((name, node));
                    }
                },
            },
        }
        Ok(())
    }

    fn fatal(&self, line: usize, column: usize, message: &str) -> ConfigErrors {
        let message = format!("configuration file: {} {message}", self.file);
        ConfigErrors::one(problem(&self.file, "", line, column, message))
    }

    fn finish(self) -> Result<Node, ConfigErrors> {
        if !self.problems.is_empty() {
            return Err(ConfigErrors {
                problems: self.problems,
                warnings: Vec::new(),
            });
        }
        Ok(self.root.unwrap_or(Node {
            value: Value::Null,
            line: 1,
            column: 1,
        }))
    }
}

/// The number of values in `node`, itself included, and how deep they stand inside each other.
fn measure(node: &Node) -> (usize, usize) {
    let add = |(count, depth): (usize, usize), item: &Node| {
        let (item_count, item_depth) = measure(item);
        (count + item_count, depth.max(item_depth + 1))
    };
    match &node.value {
        Value::List(items) => items.iter().fold((1, 1), add),
        Value::Map(entries) => entries.iter().map(|(_, item)| item).fold((1, 1), add),
        _ => (1, 0),
    }
}

fn is_mergeable(node: &Node) -> bool {
    match &node.value {
        Value::Map(_) => true,
        Value::List(items) => items.iter().all(|item| matches!(item.value, Value::Map(_))),
        _ => false,
    }
}

fn merged_entries(node: Node) -> Vec<(Key, Node)> {
    match node.value {
        Value::Map(entries) => entries,
        Value::List(items) => items.into_iter().flat_map(merged_entries).collect(),
        _ => Vec::new(),
    }
}

/// Text that is text whatever it looks like.
fn quoted(text: &str) -> Value {
    Value::String(Text {
        text: text.to_owned(),
        is_quoted: true,
        is_secret: false,
    })
}

/// What a plain scalar means in the YAML 1.2 core schema.
///
/// **Source**: YAML 1.2.2, section 10.3.2. A whole number beyond 64 bits is a float.
pub(crate) fn resolve_plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY, text.into()),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY, text.into()),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN, text.into()),
        _ => {}
    }
    let radix = |digits: &str, radix: u32| match digits.bytes().all(|byte| (byte as char).is_digit(radix)) {
        true => i64::from_str_radix(digits, radix).ok(),
        false => None,
    };
    let integer = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => radix(digits, 16),
        (_, Some(digits)) => radix(digits, 8),
        _ => text.parse::<i64>().ok(),
    };
    if let Some(integer) = integer {
        return Value::Int(integer, text.into());
    }
    let is_number = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.starts_with(['e', 'E']);
    match text.parse::<f64>() {
        Ok(number) if is_number => Value::Float(number, text.into()),
        _ => Value::String(Text {
            text: text.to_owned(),
            is_quoted: false,
            is_secret: false,
        }),
    }
}
