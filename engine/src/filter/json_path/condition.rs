//! Reads and evaluates the condition of `[?(...)]` in a path.
//!
//! Values of different types are never equal and have no order, and a member that is not there is unequal to everything.
//!
//! **Source**: Jayway JsonPath, filter operators.

use super::query::{Found, Number, Outcome, evaluate, number_of, write_array};
use super::steps::{Cursor, Step, path_steps};
use super::{compact, parse_json};
use crate::pattern::Pattern;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A condition on one value.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Or(Vec<Condition>),
    And(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
    Matches(Operand, Pattern),
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// A path from the value that is judged.
    Relative(Vec<Step>),
    /// A path from the root of the document.
    Absolute(Vec<Step>),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
}

/// Longer spellings before those that they begin with.
const OPERATORS: [(&str, Operator); 14] = [
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in ", Operator::In),
    ("nin ", Operator::NotIn),
    ("contains ", Operator::Contains),
    ("size ", Operator::Size),
    ("empty ", Operator::Empty),
    ("subsetof ", Operator::SubsetOf),
    ("anyof ", Operator::AnyOf),
    ("noneof ", Operator::NoneOf),
];

/// Reads a condition up to the parenthesis that closes it.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Condition, String> {
    list(cursor, "||", Condition::Or, |cursor| {
        list(cursor, "&&", Condition::And, term)
    })
}

/// Conditions with an operator between them.
fn list(
    cursor: &mut Cursor<'_>,
    operator: &str,
    several: fn(Vec<Condition>) -> Condition,
    part: impl Fn(&mut Cursor<'_>) -> Result<Condition, String>,
) -> Result<Condition, String> {
    let first = part(cursor)?;
    let mut parts = vec![first];
    while cursor.take(operator) {
        parts.push(part(cursor)?);
    }
    match parts.len() {
        1 => parts.pop().ok_or_else(String::new),
        _ => Ok(several(parts)),
    }
}

fn term(cursor: &mut Cursor<'_>) -> Result<Condition, String> {
    cursor.skip_space();
    let condition = if cursor.take("!") {
        Condition::Not(Box::new(term(cursor)?))
    } else if cursor.take("(") {
        let condition = parse(cursor)?;
        if !cursor.take(")") {
            return Err("has an unclosed `(`".to_owned());
        }
        condition
    } else {
        comparison(cursor)?
    };
    cursor.skip_space();
    Ok(condition)
}

fn comparison(cursor: &mut Cursor<'_>) -> Result<Condition, String> {
    let left = operand(cursor)?;
    cursor.skip_space();
    if cursor.take("=~") {
        cursor.skip_space();
        return Ok(Condition::Matches(left, pattern(cursor)?));
    }
    let Some((_, operator)) = OPERATORS.iter().find(|(spelling, _)| cursor.take(spelling)) else {
        return Ok(Condition::Exists(left));
    };
    cursor.skip_space();
    Ok(Condition::Compare(left, *operator, operand(cursor)?))
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, String> {
    if cursor.take("@") {
        return Ok(Operand::Relative(path_steps(cursor)?));
    }
    if cursor.take("$") {
        return Ok(Operand::Absolute(path_steps(cursor)?));
    }
    literal(cursor).map(Operand::Literal)
}

/// A text in quotes, a number, `true`, `false`, `null`, or an array of these.
fn literal(cursor: &mut Cursor<'_>) -> Result<Value, String> {
    let json = literal_json(cursor)?;
    parse_json(&json).ok_or_else(|| format!("has `{json}`, which is no value"))
}

fn literal_json(cursor: &mut Cursor<'_>) -> Result<String, String> {
    if let Some('\'' | '"') = cursor.peek() {
        let text = cursor.quoted()?;
        return Ok(sonic_rs::to_string(&text).expect("text can be written as JSON"));
    }
    if cursor.take("[") {
        let mut elements = Vec::new();
        loop {
            cursor.skip_space();
            if cursor.take("]") {
                return Ok(format!("[{}]", elements.join(",")));
            }
            elements.push(literal_json(cursor)?);
            cursor.skip_space();
            if !cursor.take(",") && cursor.peek() != Some(']') {
                return Err("has an unclosed `[`".to_owned());
            }
        }
    }
    let rest = cursor.rest();
    let ends = |character: char| !(character.is_ascii_alphanumeric() || matches!(character, '-' | '+' | '.'));
    let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
    if word.is_empty() {
        return Err("has no value where one must stand".to_owned());
    }
    cursor.at += word.len();
    Ok(word.to_owned())
}

/// `/pattern/` with flags of Java behind it; it must match the whole text.
fn pattern(cursor: &mut Cursor<'_>) -> Result<Pattern, String> {
    if !cursor.take("/") {
        return Err("has no `/` where a pattern must begin".to_owned());
    }
    let rest = cursor.rest();
    let mut is_escaped = false;
    let end = rest.char_indices().find(|(_, character)| {
        let is_end = *character == '/' && !is_escaped;
        is_escaped = *character == '\\' && !is_escaped;
        is_end
    });
    let Some((end, _)) = end else {
        return Err("has an unclosed `/`".to_owned());
    };
    let text = rest[..end].replace("\\/", "/");
    cursor.at += end + 1;
    let flags = cursor.rest();
    let flags = &flags[..flags
        .find(|flag: char| !flag.is_ascii_alphabetic())
        .unwrap_or(flags.len())];
    cursor.at += flags.len();
    let text = if flags.is_empty() {
        text
    } else {
        format!("(?{flags}){text}")
    };
    let part = Pattern::new(&text).map_err(|error| format!("has a pattern that is none: {error}"))?;
    Pattern::new(&part.as_whole()).map_err(|error| format!("has a pattern that is none: {error}"))
}

impl Condition {
    /// Whether it is true of `value`, a part of the document `root`.
    pub(super) fn admits(&self, value: &Value, root: &Value) -> bool {
        match self {
            Condition::Or(conditions) => conditions.iter().any(|condition| condition.admits(value, root)),
            Condition::And(conditions) => conditions.iter().all(|condition| condition.admits(value, root)),
            Condition::Not(condition) => !condition.admits(value, root),
            Condition::Exists(operand) => operand.value(value, root).is_some(),
            Condition::Compare(left, operator, right) => compare(
                left.value(value, root).as_deref(),
                *operator,
                right.value(value, root).as_deref(),
            ),
            Condition::Matches(operand, pattern) => operand.value(value, root).is_some_and(|text| {
                let text = match text.as_str() {
                    Some(text) => Cow::Borrowed(text),
                    None => Cow::Owned(compact(&text)),
                };
                // A search that is given up has found nothing.
                pattern.is_found_in(&text).unwrap_or(false)
            }),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, value: &'a Value, root: &'a Value) -> Option<Cow<'a, Value>> {
        let outcome = match self {
            Operand::Literal(literal) => return Some(Cow::Borrowed(literal)),
            Operand::Relative(steps) => evaluate(steps, value, root),
            Operand::Absolute(steps) => evaluate(steps, root, root),
        };
        let json = match outcome {
            Outcome::Nothing | Outcome::One(Found::Missing) => return None,
            Outcome::One(Found::Value(value)) => return Some(Cow::Borrowed(value)),
            Outcome::Number(Number::Count(count)) => count.to_string(),
            Outcome::Number(Number::Double(number)) => number.to_string(),
            Outcome::One(found) => {
                let mut json = String::new();
                write_array(&[found], &mut json);
                return parse_json(&json)?.as_array()?.first().cloned().map(Cow::Owned);
            }
            Outcome::Many(found) => {
                let mut json = String::new();
                write_array(&found, &mut json);
                json
            }
        };
        parse_json(&json).map(Cow::Owned)
    }
}

fn compare(left: Option<&Value>, operator: Operator, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return operator == Operator::Unequal;
    };
    let has = |array: &Value, wanted: &Value| {
        array
            .as_array()
            .is_some_and(|array| array.iter().any(|element| is_equal(element, wanted)))
    };
    let all_of_left =
        |condition: &dyn Fn(&Value) -> bool| left.as_array().is_some_and(|array| array.iter().all(condition));
    match operator {
        Operator::Equal => is_equal(left, right),
        Operator::Unequal => !is_equal(left, right),
        Operator::Less => order(left, right).is_some_and(Ordering::is_lt),
        Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => order(left, right).is_some_and(Ordering::is_gt),
        Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Operator::In => has(right, left),
        Operator::NotIn => !has(right, left),
        Operator::Contains => match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) => left.contains(right),
            _ => has(left, right),
        },
        Operator::Size => number_of(right).is_some_and(|size| length(left).is_some_and(|length| length as f64 == size)),
        Operator::Empty => length(left).map(|length| length == 0) == right.as_bool(),
        Operator::SubsetOf => all_of_left(&|element| has(right, element)),
        Operator::AnyOf => left.is_array() && !all_of_left(&|element| !has(right, element)),
        Operator::NoneOf => all_of_left(&|element| !has(right, element)),
    }
}

fn length(value: &Value) -> Option<usize> {
    value
        .as_array()
        .map(|array| array.len())
        .or_else(|| value.as_str().map(|text| text.chars().count()))
}

/// Numbers are equal by value, everything else as it is written.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (number_of(left), number_of(right)) {
        (Some(left), Some(right)) => left == right,
        (None, None) => compact(left) == compact(right),
        _ => false,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (number_of(left), number_of(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(left.as_str()?.cmp(right.as_str()?)),
    }
}
