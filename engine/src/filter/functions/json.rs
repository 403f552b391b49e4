//! Values in JSON texts, by JSONPath (`$.a.b[0]`) or by JSON Pointer (`/a/b/0`).
//!
//! **Source**: RFC 6901 for pointers; of JSONPath what names single values.

use super::text_function::{Compiled, Gives, Spec};
use crate::filter::json_path::{JsonPath, Segment, parse_json, text_of_json};
use crate::parse::columns::ColumnType;
use arrow::array::StringBuilder;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

/// The text form of the value there.
pub(super) static GET: Spec = Spec {
    name: "json_get",
    num_arguments: 2..=2,
    constants: "a path",
    gives: Gives::One(ColumnType::String),
    compile: |constants| {
        let place = Place::parse(&constants[0])?;
        Ok(Compiled::Text(Box::new(move |text, out| {
            let root = parse_json(text);
            let mut buffer = String::new();
            let found = root.as_ref().and_then(|root| place.find(root));
            let found = found.and_then(|value| text_of_json(value, &mut buffer));
            out.push_str(found.unwrap_or_default());
            found.is_some()
        })))
    },
};

/// Whether there is a value, be it null.
pub(super) static EXISTS: Spec = Spec {
    name: "json_exists",
    num_arguments: 2..=2,
    constants: "a path",
    gives: Gives::One(ColumnType::Boolean),
    compile: |constants| {
        let place = Place::parse(&constants[0])?;
        Ok(Compiled::Boolean(Box::new(move |text| {
            Some(place.find(&parse_json(text)?).is_some())
        })))
    },
};

/// Elements of an array or members of an object.
pub(super) static LENGTH: Spec = Spec {
    name: "json_length",
    num_arguments: 1..=2,
    constants: "a path",
    gives: Gives::One(ColumnType::Long),
    compile: |constants| {
        let place = Place::of_optional(constants)?;
        Ok(Compiled::Long(Box::new(move |text| {
            let root = parse_json(text)?;
            let value = place.find(&root)?;
            let length = match (value.as_array(), value.as_object()) {
                (Some(array), _) => array.len(),
                (None, Some(object)) => object.len(),
                (None, None) => return None,
            };
            i64::try_from(length).ok()
        })))
    },
};

/// The elements of an array, each in its text form.
pub(super) static ELEMENTS: Spec = Spec {
    name: "json_elements",
    num_arguments: 1..=2,
    constants: "a path",
    gives: Gives::Texts,
    compile: |constants| {
        let place = Place::of_optional(constants)?;
        Ok(Compiled::Texts(Box::new(move |text, out| {
            let root = parse_json(text);
            let Some(array) = root
                .as_ref()
                .and_then(|root| place.find(root))
                .and_then(Value::as_array)
            else {
                return false;
            };
            let mut buffer = String::new();
            for element in array.iter() {
                out.append_option(text_of_json(element, &mut buffer));
            }
            true
        })))
    },
};

/// The names of the members of an object.
pub(super) static KEYS: Spec = Spec {
    name: "json_keys",
    num_arguments: 1..=2,
    constants: "a path",
    gives: Gives::Texts,
    compile: |constants| {
        let place = Place::of_optional(constants)?;
        Ok(Compiled::Texts(Box::new(move |text, out: &mut StringBuilder| {
            let root = parse_json(text);
            let Some(object) = root
                .as_ref()
                .and_then(|root| place.find(root))
                .and_then(Value::as_object)
            else {
                return false;
            };
            for (name, _) in object.iter() {
                out.append_value(name);
            }
            true
        })))
    },
};

/// The same text, as a column of the type json.
pub(super) static AS_JSON: Spec = Spec {
    name: "as_json",
    num_arguments: 1..=1,
    constants: "none",
    gives: Gives::One(ColumnType::Json),
    compile: |_| Ok(Compiled::Same),
};

/// Where a value is.
enum Place {
    Path(JsonPath),
    /// The parts of a pointer, unescaped: whether one is a name or an index depends on the value.
    Pointer(Vec<String>),
}

impl Place {
    fn parse(text: &str) -> Result<Place, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return JsonPath::parse(text).map(Place::Path);
        }
        let parts = text.split('/').skip(1);
        Ok(Place::Pointer(
            parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect(),
        ))
    }

    /// The root, if no place is given.
    fn of_optional(constants: &[String]) -> Result<Place, String> {
        Place::parse(constants.first().map_or("", String::as_str))
    }

    fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        match self {
            Place::Path(path) => path.find(root),
            Place::Pointer(parts) => parts.iter().try_fold(root, |value, part| {
                let segment = match value.is_array() {
                    true => Segment::Index(index_of(part)?),
                    false => Segment::Name(part.clone()),
                };
                crate::filter::json_path::find(std::slice::from_ref(&segment), value)
            }),
        }
    }
}

/// An index has no sign and no zeros in front.
fn index_of(part: &str) -> Option<usize> {
    let is_index = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    part.parse().ok().filter(|_| is_index)
}
