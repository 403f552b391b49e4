//! Reads the members of a request's body, and finds those that are not known.

use super::message::{Answer, Request};
use serde_json::{Map, Value};

/// Members not yet read.
pub(super) struct Body {
    members: Map<String, Value>,
}

impl Body {
    /// The body of a request; none is an empty one.
    ///
    /// **Errors**: it is no JSON object.
    pub(super) fn of(request: &Request) -> Result<Body, Answer> {
        match request.json()? {
            Value::Null => Ok(Body { members: Map::new() }),
            Value::Object(members) => Ok(Body { members }),
            _ => Err(Answer::error(400, "the body must be a JSON object", None)),
        }
    }

    /// A member that may be missing; null is missing.
    pub(super) fn any(&mut self, name: &str) -> Option<Value> {
        self.members.shift_remove(name).filter(|value| !value.is_null())
    }

    /// A text that may be missing.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Answer> {
        match self.any(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a text")),
        }
    }

    /// A text that must be there.
    pub(super) fn needed_text(&mut self, name: &str) -> Result<String, Answer> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A number that may be missing.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u32>, Answer> {
        match self.any(name) {
            None => Ok(None),
            Some(value) => {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                number.map(Some).ok_or_else(|| wrong(name, "a whole number"))
            }
        }
    }

    /// A boolean; missing is `false`.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Answer> {
        match self.any(name) {
            None => Ok(false),
            Some(Value::Bool(is_true)) => Ok(is_true),
            Some(_) => Err(wrong(name, "a boolean")),
        }
    }

    /// An object that may be missing.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Value>, Answer> {
        match self.any(name) {
            None => Ok(None),
            Some(object @ Value::Object(_)) => Ok(Some(object)),
            Some(_) => Err(wrong(name, "an object")),
        }
    }

    /// An object that must be there.
    pub(super) fn needed_object(&mut self, name: &str) -> Result<Value, Answer> {
        self.object(name)?.ok_or_else(|| missing(name))
    }

    /// Demands that nothing else was sent.
    pub(super) fn finish(self) -> Result<(), Answer> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(Answer::error(422, &format!("`{name}` is not known here"), None)),
        }
    }
}

fn missing(name: &str) -> Answer {
    Answer::error(422, &format!("`{name}` is missing"), None)
}

fn wrong(name: &str, kind: &str) -> Answer {
    Answer::error(422, &format!("`{name}` must be {kind}"), None)
}
