//! Finds what a JSONPath names, be it one value or many.
//!
//! A path without wildcards, `..`, slices, lists and conditions is definite: it gives one value or nothing. Any other gives an array of
//! what it finds, which may be empty. A member that the last step names and an object lacks is null in that array.
//!
//! **Source**: Jayway JsonPath with its options `DEFAULT_PATH_LEAF_TO_NULL` and `SUPPRESS_EXCEPTIONS`, as the original uses it.

use super::steps::{self, Function, Step};
use super::{JsonPath, compact, find, text_of_json};
use crate::filter::values::write_double;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::sync::Arc;

/// A path of the whole language. Two are equal if they were written alike.
#[derive(Clone, Debug)]
pub(crate) struct JsonQuery {
    text: String,
    path: Path,
}

#[derive(Clone, Debug)]
enum Path {
    /// Nothing but names and indices.
    Single(JsonPath),
    Steps(Arc<[Step]>),
}

impl PartialEq for JsonQuery {
    fn eq(&self, other: &JsonQuery) -> bool {
        self.text == other.text
    }
}

impl JsonQuery {
    /// Reads a path.
    ///
    /// **Errors**: what is wrong, in the words a user reads.
    pub(crate) fn parse(text: &str) -> Result<JsonQuery, String> {
        let steps = steps::parse(text)?;
        let path = match JsonPath::parse(text) {
            Ok(path) => Path::Single(path),
            Err(_) => Path::Steps(steps.into()),
        };
        Ok(JsonQuery {
            text: text.to_owned(),
            path,
        })
    }

    /// The path, if it has nothing but names and indices.
    pub(crate) fn as_single(&self) -> Option<&JsonPath> {
        match &self.path {
            Path::Single(path) => Some(path),
            Path::Steps(_) => None,
        }
    }

    /// The text form of what is found, `None` for nothing and for null; `buffer` holds it where it is not in the value already.
    pub(crate) fn text<'a>(&'a self, root: &'a Value, buffer: &'a mut String) -> Option<&'a str> {
        match &self.path {
            Path::Single(path) => path.find(root).and_then(|value| text_of_json(value, buffer)),
            Path::Steps(steps) => match evaluate(steps, root, root) {
                Outcome::Nothing => None,
                Outcome::One(Found::Value(value)) => text_of_json(value, buffer),
                Outcome::One(found) => {
                    buffer.clear();
                    found.write(buffer);
                    Some(buffer)
                }
                Outcome::Number(number) => {
                    buffer.clear();
                    match number {
                        Number::Count(count) => buffer.push_str(&count.to_string()),
                        Number::Double(double) => write_double(double, buffer),
                    }
                    Some(buffer)
                }
                Outcome::Many(found) => {
                    buffer.clear();
                    write_array(&found, buffer);
                    Some(buffer)
                }
            },
        }
    }
}

/// What a path gives.
pub(super) enum Outcome<'a> {
    Nothing,
    One(Found<'a>),
    Number(Number),
    Many(Vec<Found<'a>>),
}

/// What a function counts or computes.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Count(usize),
    Double(f64),
}

/// A value of the document, or one that is made of values of it.
pub(super) enum Found<'a> {
    Value(&'a Value),
    /// The last step named a member that is not there.
    Missing,
    /// The last step named several members.
    Object(Vec<(&'a str, Option<&'a Value>)>),
    /// The name of a member.
    Name(&'a str),
}

impl Found<'_> {
    fn write(&self, out: &mut String) {
        match self {
            Found::Value(value) => out.push_str(&compact(value)),
            Found::Missing => out.push_str("null"),
            Found::Name(name) => out.push_str(&json_string(name)),
            Found::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    out.push_str(&json_string(name));
                    out.push(':');
                    value.map_or(Found::Missing, Found::Value).write(out);
                }
                out.push('}');
            }
        }
    }
}

pub(super) fn write_array(found: &[Found<'_>], out: &mut String) {
    out.push('[');
    for (index, found) in found.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        found.write(out);
    }
    out.push(']');
}

fn json_string(text: &str) -> String {
    sonic_rs::to_string(text).expect("text can be written as JSON")
}

/// Whether `steps` name one value at most.
fn is_definite(steps: &[Step]) -> bool {
    steps.iter().enumerate().all(|(index, step)| match step {
        Step::Members(names) => names.len() == 1 || index + 1 == steps.len(),
        Step::Elements(indices) => indices.len() == 1,
        Step::Function(_) => true,
        Step::Slice(..) | Step::Every | Step::Descend | Step::Matching(_) => false,
    })
}

/// Takes `steps` from `value`, a part of the document `root`.
pub(super) fn evaluate<'a>(steps: &'a [Step], value: &'a Value, root: &'a Value) -> Outcome<'a> {
    let (steps, function) = match steps.split_last() {
        Some((Step::Function(function), steps)) => (steps, Some(*function)),
        _ => (steps, None),
    };
    let mut found = Vec::new();
    Walk { root }.take(steps, value, &mut found);
    match (function, is_definite(steps)) {
        (None, true) => match found.into_iter().next() {
            None | Some(Found::Missing) => Outcome::Nothing,
            Some(found) => Outcome::One(found),
        },
        (None, false) => Outcome::Many(found),
        (Some(function), true) => match found.into_iter().next() {
            Some(Found::Value(value)) => apply_to_one(function, value),
            _ => Outcome::Nothing,
        },
        (Some(function), false) => apply_to_many(function, found),
    }
}

fn apply_to_one(function: Function, value: &Value) -> Outcome<'_> {
    if let Some(array) = value.as_array() {
        return apply_to_many(function, array.iter().map(Found::Value).collect());
    }
    match (function, value.as_object(), value.as_str()) {
        (Function::Length, Some(object), _) => Outcome::Number(Number::Count(object.len())),
        (Function::Length, None, Some(text)) => Outcome::Number(Number::Count(text.chars().count())),
        (Function::Keys, Some(object), _) => Outcome::Many(object.iter().map(|(name, _)| Found::Name(name)).collect()),
        _ => Outcome::Nothing,
    }
}

fn apply_to_many(function: Function, found: Vec<Found<'_>>) -> Outcome<'_> {
    let numbers: Vec<f64> = found
        .iter()
        .filter_map(|found| match found {
            Found::Value(value) => number_of(value),
            _ => None,
        })
        .collect();
    let number =
        |number: Option<f64>| number.map_or(Outcome::Nothing, |number| Outcome::Number(Number::Double(number)));
    let sum = || (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>());
    match function {
        Function::Length => Outcome::Number(Number::Count(found.len())),
        Function::First => found.into_iter().next().map_or(Outcome::Nothing, Outcome::One),
        Function::Last => found.into_iter().next_back().map_or(Outcome::Nothing, Outcome::One),
        Function::Min => number(numbers.iter().copied().reduce(f64::min)),
        Function::Max => number(numbers.iter().copied().reduce(f64::max)),
        Function::Sum => number(sum()),
        Function::Avg => number(sum().map(|sum| sum / numbers.len() as f64)),
        Function::Keys => Outcome::Nothing,
    }
}

/// A JSON number as a double; its spelling is kept in the value, so the library does not convert it by itself.
pub(super) fn number_of(value: &Value) -> Option<f64> {
    value.is_number().then(|| compact(value).parse().ok()).flatten()
}

/// A way through a document.
struct Walk<'a> {
    root: &'a Value,
}

impl<'a> Walk<'a> {
    fn take(&self, steps: &'a [Step], value: &'a Value, found: &mut Vec<Found<'a>>) {
        let Some((step, rest)) = steps.split_first() else {
            found.push(Found::Value(value));
            return;
        };
        match step {
            Step::Members(names) => self.members(names, rest, value, found),
            Step::Elements(indices) => {
                if let Some(array) = value.as_array() {
                    let elements = indices
                        .iter()
                        .filter_map(|index| array.get(position(*index, array.len())?));
                    elements.for_each(|element| self.take(rest, element, found));
                }
            }
            Step::Slice(from, to) => {
                if let Some(array) = value.as_array() {
                    let bound = |index: Option<i64>, otherwise: usize| match index {
                        None => otherwise,
                        Some(index) => position(index, array.len()).unwrap_or(0).min(array.len()),
                    };
                    let (from, to) = (bound(*from, 0), bound(*to, array.len()));
                    let elements = array.iter().take(to).skip(from);
                    elements.for_each(|element| self.take(rest, element, found));
                }
            }
            Step::Every => inner(value).for_each(|part| self.take(rest, part, found)),
            Step::Descend => self.descend(rest, value, found),
            Step::Matching(condition) => {
                // Of an array its elements are judged, an object as a whole.
                if let Some(array) = value.as_array() {
                    let matching = array.iter().filter(|element| condition.admits(element, self.root));
                    matching.for_each(|element| self.take(rest, element, found));
                } else if value.is_object() && condition.admits(value, self.root) {
                    self.take(rest, value, found);
                }
            }
            // It stands at the end, and is taken off there.
            Step::Function(_) => {}
        }
    }

    fn members(&self, names: &'a [String], rest: &'a [Step], value: &'a Value, found: &mut Vec<Found<'a>>) {
        if !value.is_object() {
            return;
        }
        if let ([_, _, ..], true) = (names, rest.is_empty()) {
            let members = names.iter().map(|name| (name.as_str(), member(value, name)));
            found.push(Found::Object(members.collect()));
            return;
        }
        for name in names {
            match member(value, name) {
                Some(member) => self.take(rest, member, found),
                None if rest.is_empty() => found.push(Found::Missing),
                None => {}
            }
        }
    }

    /// Takes the steps from the value, and then from each part of it.
    fn descend(&self, steps: &'a [Step], value: &'a Value, found: &mut Vec<Found<'a>>) {
        let fits = match steps.first() {
            // A name on the way is only looked for where it is.
            Some(Step::Members(names)) if steps.len() > 1 => names.iter().all(|name| member(value, name).is_some()),
            Some(Step::Elements(_) | Step::Slice(..) | Step::Matching(_)) => value.is_array(),
            _ => true,
        };
        if fits {
            self.take(steps, value, found);
        }
        inner(value).for_each(|part| self.descend(steps, part, found));
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let segment = super::Segment::Name(name.to_owned());
    find(std::slice::from_ref(&segment), value)
}

/// The elements of an array, the values of an object.
fn inner(value: &Value) -> impl Iterator<Item = &Value> {
    let elements = value.as_array().into_iter().flat_map(|array| array.iter());
    let members = value.as_object().into_iter().flat_map(|object| object.iter());
    elements.chain(members.map(|(_, member)| member))
}

/// Where an index points to in an array of this length; `None`: before its start.
fn position(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::json_path::parse_json;

    const STORE: &str = r#"{"store":{"book":[
        {"author":"Nigel Rees","title":"Sayings of the Century","price":8.95},
        {"author":"Evelyn Waugh","title":"Sword of Honour","price":12.99},
        {"author":"Herman Melville","title":"Moby Dick","isbn":"0-553-21311-3","price":8.99},
        {"author":"J. R. R. Tolkien","title":"The Lord of the Rings","isbn":"0-395-19395-8","price":22.99}],
        "bicycle":{"color":"red","price":19.95}},"expensive":10,"tags":["a","b","c"],"none":[]}"#;

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let root = parse_json(STORE).unwrap();
        let mut buffer = String::new();
        let query = JsonQuery::parse(path).unwrap();
        assert_eq!(query.text(&root, &mut buffer), expected, "{path}");
    }

    #[test]
    fn definite_paths_give_one_value() {
        check("$.store.book[2].author", Some("Herman Melville"));
        check("$['store']['bicycle']", Some(r#"{"color":"red","price":19.95}"#));
        check("$.tags[-1]", Some("c"));
        check("$.tags[-4]", None);
        check("$.store.nothing", None);
        check(
            "$.store.bicycle['color','weight']",
            Some(r#"{"color":"red","weight":null}"#),
        );
    }

    #[test]
    fn wildcards_slices_and_lists_give_arrays() {
        check(
            "$.store.book[*].author",
            Some(r#"["Nigel Rees","Evelyn Waugh","Herman Melville","J. R. R. Tolkien"]"#),
        );
        check(
            "$.store.book[*].isbn",
            Some(r#"[null,null,"0-553-21311-3","0-395-19395-8"]"#),
        );
        check("$.store.bicycle.*", Some(r#"["red",19.95]"#));
        check("$.tags[0,2,7]", Some(r#"["a","c"]"#));
        check("$.tags[1:]", Some(r#"["b","c"]"#));
        check("$.tags[:2]", Some(r#"["a","b"]"#));
        check("$.tags[-2:]", Some(r#"["b","c"]"#));
        check("$.tags[-9:1]", Some(r#"["a"]"#));
        check("$.nothing[*].a", Some("[]"));
    }

    #[test]
    fn descending_looks_everywhere() {
        check("$..price", Some("[null,null,8.95,12.99,8.99,22.99,19.95]"));
        check("$..book[0].title", Some(r#"["Sayings of the Century"]"#));
        check(
            "$.store..isbn",
            Some(r#"[null,null,null,"0-553-21311-3","0-395-19395-8",null]"#),
        );
        check(
            "$..[1]",
            Some(r#"[{"author":"Evelyn Waugh","title":"Sword of Honour","price":12.99},"b"]"#),
        );
    }

    #[test]
    fn conditions_choose_elements() {
        check(
            "$..book[?(@.price <= $['expensive'])].author",
            Some(r#"["Nigel Rees","Herman Melville"]"#),
        );
        check(
            "$..book[?(@.author =~ /.*REES/i)].title",
            Some(r#"["Sayings of the Century"]"#),
        );
        check(
            "$..book[?(@.isbn)].title",
            Some(r#"["Moby Dick","The Lord of the Rings"]"#),
        );
        check("$..book[?(!@.isbn)].price", Some("[8.95,12.99]"));
        check(
            "$.store.book[?(@.price > 8.95 && (@.title == 'Moby Dick' || @.author=='Evelyn Waugh'))].price",
            Some("[12.99,8.99]"),
        );
        check("$.store.book[?(@.title in ['Moby Dick', \"x\"])].price", Some("[8.99]"));
        check(
            "$.store.book[?(@.title nin ['Moby Dick'])].isbn",
            Some(r#"[null,null,"0-395-19395-8"]"#),
        );
        check("$.store.book[?(@.author contains 'ville')].price", Some("[8.99]"));
        check(
            "$.store.book[?(@['price'] == 22.990)].author",
            Some(r#"["J. R. R. Tolkien"]"#),
        );
        check("$[?(@.tags size 3)].expensive", Some("[10]"));
        check("$[?(@.none empty true)].expensive", Some("[10]"));
        check("$.store.book[?(@.price == '8.95')].author", Some("[]"));
        check("$.store.book[?(@.isbn == null)].author", Some("[]"));
        check(
            "$.store.book[?(@.isbn != '0-553-21311-3')].price",
            Some("[8.95,12.99,22.99]"),
        );
    }

    #[test]
    fn functions_make_one_value_of_many() {
        check("$.store.book.length()", Some("4"));
        check("$.store.bicycle.length()", Some("2"));
        check("$.store.bicycle.keys()", Some(r#"["color","price"]"#));
        check("$..book[*].price.max()", Some("22.99"));
        check("$..book[*].price.min()", Some("8.95"));
        check("$.store.book[0:2].price.sum()", Some("21.939999999999998"));
        check("$.tags.first()", Some("a"));
        check("$.tags.last()", Some("c"));
        check("$.tags.avg()", None);
        check("$.expensive.length()", None);
    }

    #[test]
    fn wrong_paths_say_what_is_wrong_and_where() {
        for (path, expected) in [
            ("$..", "path `$..` has an empty name at character 4"),
            (
                "$.a[?(@.b == )]",
                "path `$.a[?(@.b == )]` has no value where one must stand at character 14",
            ),
            (
                "$.a[?(@.b ~ 1)]",
                "path `$.a[?(@.b ~ 1)]` has an unclosed `(` at character 11",
            ),
            (
                "$.a[?(@.b =~ /[/)]",
                "path `$.a[?(@.b =~ /[/)]` has a pattern that is none: ",
            ),
            (
                "$.a.twice()",
                "path `$.a.twice()` has the function `twice`, which is none of `length`,",
            ),
            (
                "$.a[b]",
                "path `$.a[b]` has `[b]`, which is neither a name in quotes nor an index at character 5",
            ),
        ] {
            let error = JsonQuery::parse(path).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
