//! Replaces `${VAR}`, `${VAR:-default}`, `${env:VAR}` and `${secret:VAR}` in the values of a document.
//!
//! Only these well-formed constructs are touched, so that patterns (`\.csv$`) and dates of other templates (`${a.b}`) stay as
//! they are; `$${VAR}` stands for the text `${VAR}`. Keys are never expanded. The values come from a function that is handed
//! in; nothing here reads the environment.

use super::document::{Node, Text, Value};
use super::reader::Report;

/// Finds the value of a variable; `None`: it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Copies `node` with all variables replaced; those that are not set are reported with the key that asks for them.
pub(crate) fn expand(node: &Node, lookup: Lookup<'_>, report: &Report) -> Node {
    expand_at(node, "", lookup, report)
}

/// Names of the variables that a document asks for and that are not set, each once.
pub fn unset_variables(node: &Node, lookup: Lookup<'_>) -> Vec<String> {
    fn collect(node: &Node, lookup: Lookup<'_>, found: &mut Vec<String>) {
        match &node.value {
            Value::String(text) => found.extend(expand_text(&text.text, lookup).missing),
            Value::List(items) => items.iter().for_each(|item| collect(item, lookup, found)),
            Value::Map(entries) => entries.iter().for_each(|(_, item)| collect(item, lookup, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(node, lookup, &mut found);
    found.sort();
    found.dedup();
    found
}

fn expand_at(node: &Node, path: &str, lookup: Lookup<'_>, report: &Report) -> Node {
    let value = match &node.value {
        Value::String(text) if text.text.contains("${") => {
            let expanded = expand_text(&text.text, lookup);
            for name in &expanded.missing {
                report.error(path, node.line, node.column, format!("the variable `{name}` is not set")).hint(format!(
                    "set it, give a default with `${{{name}:-default}}`, or write `$${{{name}}}` if the text is meant"
                ));
            }
            let is_secret = text.is_secret || expanded.is_secret;
            Value::String(Text {
                text: expanded.text,
                is_quoted: text.is_quoted,
                is_secret,
            })
        }
        Value::List(items) => {
            let expand_item = |(index, item)| expand_at(item, &join(path, &index_text(index)), lookup, report);
            Value::List(items.iter().enumerate().map(expand_item).collect())
        }
        Value::Map(entries) => {
            let mut expanded = Vec::with_capacity(entries.len());
            for (key, item) in entries {
                expanded.push((key.clone(), expand_at(item, &join(path, &key.name), lookup, report)));
            }
            Value::Map(expanded)
        }
        value => value.clone(),
    };
    Node {
        value,
        line: node.line,
        column: node.column,
    }
}

fn index_text(index: usize) -> String {
    index.to_string()
}

fn join(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}

/// What became of one text.
struct Expanded {
    text: String,
    is_secret: bool,
    missing: Vec<String>,
}

fn expand_text(text: &str, lookup: Lookup<'_>) -> Expanded {
    let mut expanded = Expanded {
        text: String::with_capacity(text.len()),
        is_secret: false,
        missing: Vec::new(),
    };
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(variable) = Variable::parse(&rest[start..]) else {
            expanded.text.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            continue;
        };
        let end = start + variable.len;
        if rest[..start].ends_with('$') {
            expanded.text.push_str(&rest[..start - 1]);
            expanded.text.push_str(&rest[start..end]);
        } else {
            expanded.text.push_str(&rest[..start]);
            expanded.is_secret |= variable.is_secret;
            match (lookup(variable.name), variable.default) {
                (Some(value), Some(default)) if value.is_empty() => expanded.text.push_str(default),
                (Some(value), _) => expanded.text.push_str(&value),
                (None, Some(default)) => expanded.text.push_str(default),
                (None, None) => expanded.missing.push(variable.name.to_owned()),
            }
        }
        rest = &rest[end..];
    }
    expanded.text.push_str(rest);
    expanded
}

/// One construct, from its `$` on.
struct Variable<'a> {
    name: &'a str,
    default: Option<&'a str>,
    is_secret: bool,
    /// Bytes of the whole construct.
    len: usize,
}

impl<'a> Variable<'a> {
    /// Reads the construct that `text` begins with; `None` if it is not well-formed.
    fn parse(text: &'a str) -> Option<Variable<'a>> {
        let close = text.find('}')?;
        let inner = text.get(2..close)?;
        let (inner, default) = match inner.split_once(":-") {
            Some((inner, default)) => (inner, Some(default)),
            None => (inner, None),
        };
        let (name, is_secret) = match inner.split_once(':') {
            Some(("env", name)) => (name, false),
            Some(("secret", name)) => (name, true),
            Some(_) => return None,
            None => (inner, false),
        };
        let mut bytes = name.bytes();
        let is_first_ok = bytes
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let is_rest_ok = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_first_ok && is_rest_ok).then_some(Variable {
            name,
            default,
            is_secret,
            len: close + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "BUCKET" => Some("logs".to_owned()),
            "EMPTY" => Some(String::new()),
            "TOKEN" => Some("hush".to_owned()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let expanded = expand_text(text, &lookup);
        assert_eq!(expanded.text, expected);
        assert!(expanded.missing.is_empty());
    }

    #[test]
    fn variables_are_replaced() {
        check("${BUCKET}", "logs");
        check("s3://${BUCKET}/x-${env:BUCKET}", "s3://logs/x-logs");
        check("${secret:TOKEN}", "hush");
        check("${EMPTY}", "");
    }

    #[test]
    fn defaults_stand_in_for_unset_and_empty_variables() {
        check("${NOPE:-x y}", "x y");
        check("${NOPE:-}", "");
        check("${EMPTY:-full}", "full");
        check("${BUCKET:-other}", "logs");
        check("${env:NOPE:-d}", "d");
    }

    #[test]
    fn other_dollars_are_left_alone() {
        for text in [
            r"\.csv$",
            r"\.csv(\.gz)?$",
            "$1",
            "a$$",
            "$",
            "${",
            "${}",
            "${a.b}",
            "${1}",
            "$BUCKET",
            "${file:X}",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_doubled_dollar_keeps_the_construct() {
        check("$${BUCKET}", "${BUCKET}");
        check("$${NOPE} ${BUCKET}", "${NOPE} logs");
    }

    #[test]
    fn unset_variables_are_reported_with_key_and_line() {
        let document = Document::parse(
            "in:\n  type: s3\n  bucket: ${NOPE}\n  list: [\"${GONE}\"]\n",
            "load.yml",
        )
        .unwrap();
        let report = Report::new(document.file().clone(), false);
        expand(document.root(), &lookup, &report);
        let problems = report.into_problems().0;
        assert_eq!(problems.len(), 2);
        assert_eq!(
            (problems[0].path.as_str(), problems[0].line, problems[0].column),
            ("in.bucket", 3, 11)
        );
        assert_eq!(problems[0].message, "the variable `NOPE` is not set");
        assert_eq!((problems[1].path.as_str(), problems[1].line), ("in.list.0", 4));
    }

    #[test]
    fn unset_variables_are_found_by_name() {
        let text = "in: {bucket: '${NOPE}', list: ['${GONE} ${NOPE}', '${BUCKET}', '${NIL:-x}', '$${TEXT}']}";
        let document = Document::parse(text, "load.yml").unwrap();
        assert_eq!(unset_variables(document.root(), &lookup), ["GONE", "NOPE"]);
    }

    #[test]
    fn secrets_are_marked() {
        let document = Document::parse("in: {bucket: 'a${secret:TOKEN}'}", "load.yml").unwrap();
        let report = Report::new(document.file().clone(), false);
        let node = expand(document.root(), &lookup, &report);
        assert_eq!(node.at("in.bucket").unwrap().text(), Some("ahush"));
        assert!(!format!("{node:?}").contains("hush"));
    }
}
