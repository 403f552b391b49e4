//! Reads lists and maps: what is below a map of a document.

use super::{Reader, joined};
use crate::config::document::{Node, Value};

impl<'a> Reader<'a> {
    /// A list of texts; a single text is a list of one.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let node = self.value(key)?;
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Map(_) => {
                self.unconvertible(key, node, "a list");
                return None;
            }
            _ => std::slice::from_ref(node),
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item.text() {
                Some(text) => texts.push(text.to_owned()),
                None => {
                    let path = format!("{}.{index}", self.path_of(key));
                    let message = format!("{} cannot be read as text", item.kind());
                    self.report.error(&path, item.line, item.column, message);
                }
            }
        }
        Some(texts)
    }

    /// The elements of a list.
    pub(crate) fn list(&self, key: &'static str) -> Option<&'a [Node]> {
        let node = self.value(key)?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.unconvertible(key, node, "a list");
                None
            }
        }
    }

    /// A map below this one.
    pub(crate) fn map(&self, key: &'static str) -> Option<Reader<'a>> {
        let node = self.value(key)?;
        match &node.value {
            Value::Map(_) => Some(self.child(self.path_of(key), joined(&self.section, key), node)),
            _ => {
                self.unconvertible(key, node, "a map");
                None
            }
        }
    }

    /// Every entry of a map whose keys are names of the user's.
    pub(crate) fn named_maps(&self, key: &'static str) -> Vec<(&'a str, Reader<'a>)> {
        let Some(map) = self.map(key) else { return Vec::new() };
        let section = format!("{}.*", map.section);
        let mut readers = Vec::new();
        for (name, node) in map.entries() {
            let path = joined(&map.path, &name.name);
            match node.value {
                Value::Map(_) => readers.push((name.name.as_str(), self.child(path, section.clone(), node))),
                _ => {
                    let message = format!("{} cannot be read as a map", node.kind());
                    self.report.error(&path, node.line, node.column, message);
                }
            }
        }
        readers
    }

    /// A map below this one whose keys are names of the user's and whose values are texts.
    pub(crate) fn named_texts(&self, key: &'static str) -> Vec<(String, String)> {
        let Some(map) = self.map(key) else { return Vec::new() };
        let mut pairs = Vec::new();
        for (name, node) in map.entries() {
            match node.text() {
                Some(text) => pairs.push((name.name.clone(), text.to_owned())),
                None => {
                    let message = format!("{} cannot be read as text", node.kind());
                    self.report
                        .error(&joined(&map.path, &name.name), node.line, node.column, message);
                }
            }
        }
        pairs
    }

    /// A list of maps.
    pub(crate) fn maps(&self, key: &'static str) -> Option<Vec<Reader<'a>>> {
        let items = self.list(key)?;
        let mut readers = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item.value {
                Value::Map(_) => readers.push(self.element(key, index, item)),
                _ => {
                    let path = format!("{}.{index}", self.path_of(key));
                    let message = format!("{} cannot be read as a map", item.kind());
                    self.report.error(&path, item.line, item.column, message);
                }
            }
        }
        Some(readers)
    }

    /// One element of a list, read as a map.
    pub(crate) fn element(&self, key: &str, index: usize, node: &'a Node) -> Reader<'a> {
        self.child(
            format!("{}.{index}", self.path_of(key)),
            format!("{}[]", joined(&self.section, key)),
            node,
        )
    }
}
