//! Holds what an API answers against its description.
//!
//! It reads as much of JSON Schema as the description uses and refuses the rest, so that nothing in it goes unchecked. It is stricter in one
//! thing: a member that an object has and its description does not is an error too.
//!
//! **Source**: OpenAPI 3.1, JSON Schema 2020-12.

use crate::folders::repository;
use serde_json::{Map, Value};
use std::fs;

/// The description of an API.
#[derive(Debug)]
pub struct Description {
    document: Value,
}

/// A request or an answer, as far as a description speaks of it.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// As it is sent.
    pub method: &'a str,
    /// With its query.
    pub path: &'a str,
    /// What was sent, if anything was.
    pub sent: Option<&'a Value>,
    /// What was answered.
    pub status: u16,
    /// The type of what was answered.
    pub content_type: &'a str,
    /// What was answered.
    pub body: &'a str,
}

impl Description {
    /// That of `bucketload serve`.
    #[track_caller]
    pub fn of_this_version() -> Description {
        let path = repository().join("serve/src/http/openapi.json");
        let text = fs::read_to_string(path).expect("the description can be read");
        Description {
            document: serde_json::from_str(&text).expect("the description is JSON"),
        }
    }

    /// The document itself.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Methods, in capitals, and paths that are described.
    pub fn routes(&self) -> Vec<(String, String)> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let methods = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flat_map(Map::keys);
            methods.map(move |method| (method.to_ascii_uppercase(), path.clone()))
        });
        methods.collect()
    }

    /// The described path that a request's path is one of.
    pub fn route(&self, path: &str) -> Option<&str> {
        let asked: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
        let fits = |described: &str| {
            let segments: Vec<&str> = described.split('/').collect();
            segments.len() == asked.len()
                && segments
                    .iter()
                    .zip(&asked)
                    .all(|(segment, asked)| segment.starts_with('{') || segment == asked)
        };
        let paths = self.document["paths"].as_object()?;
        paths.keys().map(String::as_str).find(|described| fits(described))
    }

    /// Demands that an exchange is as it is described. Of a path that is not described only the error is known.
    #[track_caller]
    pub fn check(&self, exchange: &Exchange<'_>) {
        let shown = format!("{} {}: {}", exchange.method, exchange.path, exchange.status);
        let method = exchange.method.to_ascii_lowercase();
        let route = self
            .route(exchange.path)
            .map(|route| &self.document["paths"][route][&method]);
        let Some(route) = route.filter(|route| route.is_object()) else {
            assert!(
                matches!(exchange.status, 401 | 403 | 404 | 405),
                "{shown}: not described"
            );
            return self.check_component(&parsed(exchange.body, &shown), "Error");
        };
        let is_done = (200..300).contains(&exchange.status);
        let responses = &route["responses"];
        let response = match responses.get(exchange.status.to_string()) {
            Some(response) => response,
            None if !is_done => &responses["default"],
            None => panic!("{shown}: the status is not described"),
        };
        let kind = exchange.content_type.split(';').next().unwrap_or_default();
        let content = &response["content"][kind];
        assert!(content.is_object(), "{shown}: `{kind}` is not described");
        if kind == "application/json" {
            self.check_value(&parsed(exchange.body, &shown), &content["schema"], &shown);
        }
        if let Some(sent) = exchange.sent.filter(|_| is_done) {
            let schema = &route["requestBody"]["content"]["application/json"]["schema"];
            assert!(schema.is_object(), "{shown}: no body is described");
            self.check_value(sent, schema, &format!("{shown}: sent"));
        }
    }

    /// Demands that a value is as one of the description's components says.
    #[track_caller]
    pub fn check_component(&self, value: &Value, name: &str) {
        let schema = &self.document["components"]["schemas"][name];
        assert!(schema.is_object(), "`{name}` is not described");
        self.check_value(value, schema, name);
    }

    #[track_caller]
    fn check_value(&self, value: &Value, schema: &Value, shown: &str) {
        let problems = self.problems(value, schema, "");
        assert!(problems.is_empty(), "{shown}: {problems:#?} in {value:#}");
    }

    fn problems(&self, value: &Value, schema: &Value, place: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let rules = schema.as_object().expect("a schema is an object");
        for (keyword, rule) in rules {
            match keyword.as_str() {
                "description" | "default" => {}
                "$ref" => {
                    let target = rule.as_str().and_then(|target| target.strip_prefix('#'));
                    let target = target.and_then(|pointer| self.document.pointer(pointer));
                    problems.extend(self.problems(value, target.expect("it refers to what is there"), place));
                }
                "type" => {
                    let names = match rule {
                        Value::Array(names) => names.as_slice(),
                        name => std::slice::from_ref(name),
                    };
                    if !names.iter().any(|name| is_of_type(value, name)) {
                        problems.push(format!("`{place}` is no {rule}"));
                    }
                }
                "const" if value == rule => {}
                "const" => problems.push(format!("`{place}` is not {rule}")),
                "enum" if rule.as_array().is_some_and(|values| values.contains(value)) => {}
                "enum" => problems.push(format!("`{place}` is none of {rule}")),
                "minimum" if value.as_f64() >= rule.as_f64() => {}
                "maximum" if value.as_f64() <= rule.as_f64() => {}
                "minimum" | "maximum" => problems.push(format!("`{place}` has {keyword} {rule}")),
                "oneOf" => {
                    let fits = |schema: &Value| self.problems(value, schema, place).is_empty();
                    let num_fitting = rule
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter(|schema| fits(schema))
                        .count();
                    if num_fitting != 1 {
                        problems.push(format!("`{place}` is {num_fitting} of {rule}"));
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        problems.extend(self.problems(item, rule, &format!("{place}[{index}]")));
                    }
                }
                "required" => {
                    let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                    let missing = names.filter(|name| value.is_object() && value.get(name).is_none());
                    problems.extend(missing.map(|name| format!("`{place}.{name}` is missing")));
                }
                "properties" => {
                    for (name, member) in value.as_object().into_iter().flatten() {
                        let place = format!("{place}.{name}");
                        match rule.get(name) {
                            Some(schema) => problems.extend(self.problems(member, schema, &place)),
                            None => problems.push(format!("`{place}` is not described")),
                        }
                    }
                }
                other => panic!("`{other}` is not understood here: {schema}"),
            }
        }
        problems
    }
}

#[track_caller]
fn parsed(body: &str, shown: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{shown}: no JSON ({error}): {body}"))
}

fn is_of_type(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("null") => value.is_null(),
        _ => panic!("{name} is no type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_as_described_is_found() {
        let description = Description::of_this_version();
        let line = json!({"time": "2026-01-01T00:00:00Z", "level": "info", "text": "x"});
        let problems = |line: &Value| {
            let schema = json!({"$ref": "#/components/schemas/LogLine"});
            description.problems(line, &schema, "").len()
        };
        assert_eq!(problems(&line), 0);
        for (member, value) in [("text", json!(7)), ("more", json!("x"))] {
            let mut wrong = line.clone();
            wrong[member] = value;
            assert_eq!(problems(&wrong), 1, "{wrong}");
        }
        assert_eq!(problems(&json!({"time": "x", "level": "info"})), 1);
        assert_eq!(problems(&Value::Null), 1);
    }

    #[test]
    fn a_path_is_found_by_its_segments() {
        let description = Description::of_this_version();
        assert_eq!(description.route("/v1/jobs/7/log?from=3"), Some("/v1/jobs/{id}/log"));
        assert_eq!(description.route("/v1/jobs?limit=3"), Some("/v1/jobs"));
        assert_eq!(description.route("/v1/nothing"), None);
    }
}
