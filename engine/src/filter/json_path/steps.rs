//! Reads a JSONPath into its steps.
//!
//! **Source**: the path language of Jayway JsonPath, which configurations of the original are written in.

use super::condition::{self, Condition};

/// One step of a path.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// `.name`, `['name']`, `['name','other']`.
    Members(Vec<String>),
    /// `[0]`, `[-1]`, `[0,2]`; below zero from the end.
    Elements(Vec<i64>),
    /// `[1:3]`, `[:2]`, `[-2:]`.
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`.
    Every,
    /// `..`: the next step is taken from the value and from all that is in it.
    Descend,
    /// `[?(@.price < 10)]`.
    Matching(Box<Condition>),
    /// `.length()`, at the end of a path.
    Function(Function),
}

/// What is made of the values of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    Keys,
    Min,
    Max,
    Sum,
    Avg,
    First,
    Last,
}

const FUNCTIONS: [(&str, Function); 8] = [
    ("length", Function::Length),
    ("keys", Function::Keys),
    ("min", Function::Min),
    ("max", Function::Max),
    ("sum", Function::Sum),
    ("avg", Function::Avg),
    ("first", Function::First),
    ("last", Function::Last),
];

/// Reads a whole path.
///
/// **Errors**: what is wrong, in the words a user reads.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut cursor = Cursor {
        text,
        at: 0,
        is_in_condition: false,
    };
    let steps = if cursor.take("$") {
        path_steps(&mut cursor)
    } else {
        return Err(format!("path `{text}` does not start with `$`"));
    };
    steps
        .and_then(|steps| match cursor.rest() {
            "" => Ok(steps),
            rest => Err(format!("has `{rest}` where `.` or `[` must stand")),
        })
        .map_err(|what| format!("path `{text}` {what} at character {}", cursor.character()))
}

/// The steps behind `$` or `@`, as far as they go.
pub(super) fn path_steps(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    loop {
        if cursor.take("..") {
            steps.push(Step::Descend);
            if cursor.take("[") {
                steps.push(bracket(cursor)?);
            } else {
                steps.push(name(cursor)?);
            }
        } else if cursor.take(".") {
            if !cursor.rest().starts_with('[') {
                steps.push(name(cursor)?);
            }
        } else if cursor.take("[") {
            steps.push(bracket(cursor)?);
        } else {
            return Ok(steps);
        }
        if let Some(Step::Function(_)) = steps.last() {
            return Ok(steps);
        }
    }
}

/// A name behind a dot: it ends where something else begins.
fn name(cursor: &mut Cursor<'_>) -> Result<Step, String> {
    let ends: &[char] = match cursor.is_in_condition {
        false => &['.', '[', '('],
        true => &['.', '[', '(', ')', ' ', '=', '!', '<', '>', '&', '|', ',', ']'],
    };
    let rest = cursor.rest();
    let name = &rest[..rest.find(ends).unwrap_or(rest.len())];
    if name.is_empty() {
        return Err("has an empty name".to_owned());
    }
    cursor.at += name.len();
    if cursor.take("(") {
        let function = FUNCTIONS.iter().find(|(known, _)| *known == name);
        let Some((_, function)) = function else {
            let known: Vec<String> = FUNCTIONS.iter().map(|(name, _)| format!("`{name}`")).collect();
            return Err(format!(
                "has the function `{name}`, which is none of {}",
                known.join(", ")
            ));
        };
        if !cursor.take(")") {
            return Err(format!("gives the function `{name}` something, but it takes nothing"));
        }
        return Ok(Step::Function(*function));
    }
    Ok(match name {
        "*" => Step::Every,
        name => Step::Members(vec![name.to_owned()]),
    })
}

/// What stands between brackets, and the closing one.
fn bracket(cursor: &mut Cursor<'_>) -> Result<Step, String> {
    cursor.skip_space();
    let step = match cursor.peek() {
        Some('\'' | '"') => return names(cursor),
        Some('?') => {
            cursor.take("?");
            cursor.skip_space();
            if !cursor.take("(") {
                return Err("has no `(` behind `?`".to_owned());
            }
            let is_inner = std::mem::replace(&mut cursor.is_in_condition, true);
            let condition = condition::parse(cursor)?;
            cursor.is_in_condition = is_inner;
            if !cursor.take(")") {
                return Err("has an unclosed `(`".to_owned());
            }
            Step::Matching(Box::new(condition))
        }
        Some('*') => {
            cursor.take("*");
            Step::Every
        }
        _ => numbers(cursor)?,
    };
    cursor.skip_space();
    match cursor.take("]") {
        true => Ok(step),
        false => Err("has an unclosed `[`".to_owned()),
    }
}

/// Quoted names, separated by commas.
fn names(cursor: &mut Cursor<'_>) -> Result<Step, String> {
    let mut names = Vec::new();
    loop {
        cursor.skip_space();
        names.push(cursor.quoted()?);
        cursor.skip_space();
        if cursor.take("]") {
            return Ok(Step::Members(names));
        }
        if !cursor.take(",") {
            return Err("has no `,` or `]` behind a name".to_owned());
        }
    }
}

/// Indices or a slice, up to the closing bracket.
fn numbers(cursor: &mut Cursor<'_>) -> Result<Step, String> {
    let rest = cursor.rest();
    let Some(end) = rest.find(']') else {
        cursor.at = cursor.text.len();
        return Err("has an unclosed `[`".to_owned());
    };
    let inner = &rest[..end];
    let not_indices = || format!("has `[{inner}]`, which is neither a name in quotes nor an index");
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| not_indices());
    let step = match inner.split_once(':') {
        Some((from, to)) => {
            let bound = |text: &str| (!text.trim().is_empty()).then(|| number(text)).transpose();
            Step::Slice(bound(from)?, bound(to)?)
        }
        None => Step::Elements(inner.split(',').map(number).collect::<Result<_, _>>()?),
    };
    cursor.at += end;
    Ok(step)
}

/// Where a path is being read.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    /// Bytes that are read.
    pub(super) at: usize,
    /// What is read stands in `[?(...)]`, where operators end a name.
    is_in_condition: bool,
}

impl<'t> Cursor<'t> {
    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Reads `expected`, if it comes next.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let is_next = self.rest().starts_with(expected);
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    pub(super) fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// A text in single or double quotes, in which a backslash takes the meaning of the character behind it.
    pub(super) fn quoted(&mut self) -> Result<String, String> {
        let Some(quote) = self.peek().filter(|first| matches!(first, '\'' | '"')) else {
            return Err("has no quote where one must stand".to_owned());
        };
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                _ if character == quote => {
                    self.at += index + quote.len_utf8();
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        self.at = self.text.len();
        Err("has an unclosed quote".to_owned())
    }

    /// The character that comes next, from 1.
    fn character(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }
}
