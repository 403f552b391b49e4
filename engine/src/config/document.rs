//! Turns the text of a configuration file into a tree in which every key and value knows its line and column.
//!
//! The text is YAML 1.2 with the core schema, which includes JSON; merge keys (`<<`) are understood because files written for
//! the original use them. The tree is built from the parser's events and not through serde, for three reasons: each key has a
//! place, a scalar keeps its spelling (`path_prefix: 0123` is text that happens to look like a number), and every error of one
//! kind can be reported at once. Two documents that mean the same by the spellings of section 0 of the configuration reference
//! become the same tree.
//!
//! What keys mean is not known here; variables are left as written (see `variables`).

mod builder;

use super::problem::{ConfigErrors, Problem};
use std::fmt;
use std::sync::Arc;

pub(crate) use builder::{parse_node, resolve_plain};

/// Bytes of text accepted: some hundred thousand columns, and nothing that could exhaust the memory.
pub const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// Values in one document, aliases expanded; bounds what a few nested aliases can multiply to.
pub const MAX_NODES: usize = 400_000;

/// Lists and maps inside each other; the deepest key of the configuration is at 7.
pub const MAX_DEPTH: usize = 64;

/// Keys whose values are secrets wherever they stand.
const SECRET_KEYS: [&str; 6] = [
    "access_key_id",
    "secret_access_key",
    "session_token",
    "password",
    "secret_key",
    "apikey",
];

/// Whether the value of a key of this name must never be shown.
pub(crate) fn is_secret_key(name: &str) -> bool {
    SECRET_KEYS.contains(&name)
}

/// A configuration as written, in the one spelling with `in`.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    file: Arc<str>,
    root: Node,
}

/// One value with its place.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Line, from 1; 0 when it did not come from the file.
    pub line: usize,
    /// Column in characters, from 1; 0 when it did not come from the file.
    pub column: usize,
}

/// A value of the YAML core schema.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number with its spelling.
    Int(i64, Box<str>),
    /// Any other number with its spelling.
    Float(f64, Box<str>),
    /// Text.
    String(Text),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file; names are unique.
    Map(Vec<(Key, Node)>),
}

/// The text of a string scalar.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// Escapes resolved; variables not, until they are expanded.
    pub text: String,
    /// Whether it was quoted or a block: then it is text even where it looks like a number.
    pub is_quoted: bool,
    /// Whether a `${secret:NAME}` was put into it: then it is never shown.
    pub is_secret: bool,
}

/// The name of an entry with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// Line, from 1; 0 when it did not come from the file.
    pub line: usize,
    /// Column in characters, from 1; 0 when it did not come from the file.
    pub column: usize,
}

impl Document {
    /// Reads the text of a configuration file; `file_name` goes into messages.
    ///
    /// **Errors**: all duplicate keys together; otherwise the first place where the text is not YAML, is more than one
    /// document, is a Liquid template, or exceeds [`MAX_TEXT_BYTES`], [`MAX_NODES`] or [`MAX_DEPTH`].
    pub fn parse(text: &str, file_name: &str) -> Result<Document, ConfigErrors> {
        let file: Arc<str> = Arc::from(file_name);
        if text.len() > MAX_TEXT_BYTES {
            let message = format!(
                "the configuration has {} bytes, more than the {MAX_TEXT_BYTES} allowed",
                text.len()
            );
            return Err(ConfigErrors::one(problem(&file, "", 0, 0, message)));
        }
        refuse_liquid(text, &file)?;
        let root = parse_node(text, &file)?;
        let root = normalized(root, &file)?;
        Ok(Document { file, root })
    }

    /// A document of the given entries, as `guess` and the scheduler make them.
    pub fn from_node(root: Node, file_name: &str) -> Result<Document, ConfigErrors> {
        let file: Arc<str> = Arc::from(file_name);
        let root = normalized(root, &file)?;
        Ok(Document { file, root })
    }

    /// The name handed to [`Document::parse`].
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The map with `in`, `filters`, `out`, `exec`, whatever the spelling of the file was.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The same, to be changed.
    pub fn root_mut(&mut self) -> &mut Node {
        &mut self.root
    }

    /// Puts `difference` over this document: maps are merged by key, lists and scalars are replaced.
    pub fn merge(&mut self, difference: &Node) {
        merge_node(&mut self.root, difference);
    }
}

fn merge_node(target: &mut Node, difference: &Node) {
    let (Value::Map(entries), Value::Map(changes)) = (&mut target.value, &difference.value) else {
        *target = difference.clone();
        return;
    };
    for (key, change) in changes {
        match entries.iter_mut().find(|(existing, _)| existing.name == key.name) {
            Some((_, node)) => merge_node(node, change),
            None => entries.push((key.clone(), change.clone())),
        }
    }
}

impl Node {
    /// A value that did not come from the file.
    pub fn new(value: Value) -> Node {
        Node {
            value,
            line: 0,
            column: 0,
        }
    }

    /// The entry of a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The value at a dotted path, list elements by their index.
    pub fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, segment| match &node.value {
            Value::List(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => node.get(segment),
        })
    }

    /// Whether this is `null` or nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The spelling of a scalar; `None` for null, lists and maps.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Int(_, text) | Value::Float(_, text) => Some(text),
            Value::String(text) => Some(&text.text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// What kind of value this is, in the words of messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(..) => "a whole number",
            Value::Float(..) => "a number",
            Value::String(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The tree as JSON, for `--json` and for storing a configuration; secrets are **not** hidden (see [`Node::redacted`]).
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(is_true) => (*is_true).into(),
            Value::Int(number, _) => (*number).into(),
            Value::Float(number, _) => (*number).into(),
            Value::String(text) => text.text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.name.clone(), node.to_json()))
                    .collect(),
            ),
        }
    }

    /// The tree as JSON that is read back to the same meaning. A number whose spelling JSON would change becomes text: `path_prefix: 0123`
    /// is a prefix that happens to look like one, and a number is read from text all the same.
    pub fn to_stored_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Int(number, spelling) if number.to_string() != **spelling => spelling.as_ref().into(),
            Value::Float(_, spelling) => spelling.as_ref().into(),
            Value::List(items) => items.iter().map(Node::to_stored_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.name.clone(), node.to_stored_json()))
                    .collect(),
            ),
            _ => self.to_json(),
        }
    }

    /// The dotted paths of secrets that are written out, where a variable should stand.
    pub fn written_secrets(&self) -> Vec<String> {
        fn collect(node: &Node, path: &str, found: &mut Vec<String>) {
            let below = |name: &str| match path.is_empty() {
                true => name.to_owned(),
                false => format!("{path}.{name}"),
            };
            match &node.value {
                Value::List(items) => {
                    for (index, item) in items.iter().enumerate() {
                        collect(item, &below(&index.to_string()), found);
                    }
                }
                Value::Map(entries) => {
                    for (key, item) in entries {
                        match is_written_secret(key, item) {
                            true => found.push(below(&key.name)),
                            false => collect(item, &below(&key.name), found),
                        }
                    }
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        collect(self, "", &mut found);
        found
    }

    /// The tree that JSON spells; its values have no places.
    pub fn from_json(json: &serde_json::Value) -> Node {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(is_true) => Value::Bool(*is_true),
            serde_json::Value::Number(number) => resolve_plain(&number.to_string()),
            serde_json::Value::String(text) => Value::String(Text::quoted(text)),
            serde_json::Value::Array(items) => Value::List(items.iter().map(Node::from_json).collect()),
            serde_json::Value::Object(entries) => {
                let entry = |(name, item): (&String, &serde_json::Value)| (Key::new(name), Node::from_json(item));
                Value::Map(entries.iter().map(entry).collect())
            }
        };
        Node::new(value)
    }

    /// A copy with every written secret replaced by `***`. A variable (`${NAME}`) alone is no secret and stays.
    pub fn redacted(&self) -> Node {
        let value = match &self.value {
            Value::String(text) if text.is_secret => Value::String(Text::quoted("***")),
            Value::List(items) => Value::List(items.iter().map(Node::redacted).collect()),
            Value::Map(entries) => {
                let entry = |(key, node): &(Key, Node)| match is_written_secret(key, node) {
                    true => (
                        key.clone(),
                        Node {
                            value: hidden(),
                            ..node.clone()
                        },
                    ),
                    false => (key.clone(), node.redacted()),
                };
                Value::Map(entries.iter().map(entry).collect())
            }
            value => value.clone(),
        };
        Node {
            value,
            line: self.line,
            column: self.column,
        }
    }
}

fn hidden() -> Value {
    Value::String(Text::quoted("***"))
}

fn is_written_secret(key: &Key, node: &Node) -> bool {
    is_secret_key(&key.name) && !is_variable(node) && !node.is_null()
}

fn is_variable(node: &Node) -> bool {
    let Some(text) = node.text() else { return false };
    text.starts_with("${") && text.find('}') == Some(text.len() - 1) && !text.contains(":-")
}

/// Shows the value alone, secrets hidden.
impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.value)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => formatter.write_str("null"),
            Value::Bool(is_true) => write!(formatter, "{is_true}"),
            Value::Int(_, text) | Value::Float(_, text) => formatter.write_str(text),
            Value::String(text) => write!(formatter, "{text:?}"),
            Value::List(items) => formatter.debug_list().entries(items).finish(),
            Value::Map(entries) => {
                let mut map = formatter.debug_map();
                for (key, node) in entries {
                    match is_secret_key(&key.name) {
                        true => map.entry(&key.name, &"***"),
                        false => map.entry(&key.name, node),
                    };
                }
                map.finish()
            }
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_secret {
            true => formatter.write_str("\"***\""),
            false => write!(formatter, "{:?}", self.text),
        }
    }
}

impl Text {
    /// Text that stays text.
    pub fn quoted(text: &str) -> Text {
        Text {
            text: text.to_owned(),
            is_quoted: true,
            is_secret: false,
        }
    }
}

impl Key {
    /// A name that did not come from the file.
    pub fn new(name: &str) -> Key {
        Key {
            name: name.to_owned(),
            line: 0,
            column: 0,
        }
    }
}

/// A problem without a hint.
fn problem(file: &Arc<str>, path: &str, line: usize, column: usize, message: String) -> Problem {
    Problem {
        file: file.clone(),
        path: path.to_owned(),
        line,
        column,
        message,
        hint: None,
    }
}

/// Refuses the templates of the stand-alone original, whose constructs YAML would take for maps or comments.
fn refuse_liquid(text: &str, file: &Arc<str>) -> Result<(), ConfigErrors> {
    if !file.ends_with(".liquid") {
        return Ok(());
    }
    for (index, line) in text.lines().enumerate() {
        let Some(byte) = line.find("{{").into_iter().chain(line.find("{%")).min() else {
            continue;
        };
        let message = "Liquid templates are not supported".to_owned();
        let column = line[..byte].chars().count() + 1;
        return Err(ConfigErrors::one(
            problem(file, "", index + 1, column, message)
                .with_hint("write `${env:NAME}` for `{{ env.NAME }}`, and put includes in place"),
        ));
    }
    Ok(())
}

/// Brings the three spellings of section 0 to the one with `in`.
fn normalized(root: Node, file: &Arc<str>) -> Result<Node, ConfigErrors> {
    let (line, column) = (root.line, root.column);
    let one = |line, column, message: String| ConfigErrors::one(problem(file, "", line, column, message));
    if root.is_null() {
        return Err(one(line, column, format!("configuration file: {file} is empty")));
    }
    let Value::Map(mut entries) = root.value else {
        return Err(one(
            line,
            column,
            format!("configuration file: {file} must hold a map, not {}", root.kind()),
        ));
    };
    if let Some(index) = entries.iter().position(|(key, _)| key.name == "config") {
        if entries.len() > 1 {
            let others = entries.iter().filter(|(key, _)| key.name != "config");
            let names: Vec<String> = others.clone().map(|(key, _)| format!("`{}`", key.name)).collect();
            let message = format!(
                "only `config` may stand at the top when it is there, but there is {}",
                names.join(", ")
            );
            let (line, column) = others
                .map(|(key, _)| (key.line, key.column))
                .next()
                .unwrap_or((line, column));
            return Err(one(line, column, message));
        }
        let (_, inner) = entries.remove(index);
        let Value::Map(inner_entries) = inner.value else {
            return Err(one(
                inner.line,
                inner.column,
                format!("`config` must hold a map, not {}", inner.kind()),
            ));
        };
        entries = inner_entries;
    }
    let is_top_key = |name: &str| matches!(name, "in" | "filters" | "out" | "exec");
    if !entries.iter().any(|(key, _)| is_top_key(&key.name)) {
        let preview = entries
            .iter()
            .position(|(key, _)| key.name == "preview_sample_rows")
            .map(|at| entries.remove(at));
        let key = Key {
            name: "in".to_owned(),
            line,
            column,
        };
        let input = Node {
            value: Value::Map(entries),
            line,
            column,
        };
        entries = vec![(key, input)];
        entries.extend(preview);
    }
    Ok(Node {
        value: Value::Map(entries),
        line,
        column,
    })
}

#[cfg(test)]
mod tests;
