//! Turns configurations as they were written into what can be kept, and that into plans.
//!
//! What is kept holds no secret: a secret stands there as the variable that it came from, or not at all. It holds no relative path
//! either, since a server may start anywhere.

use bucketload_engine::config::document::Key;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::config::{
    ConfigErrors, Document, Lookup, Node, Problem, ResolveOptions, Value as ConfigValue, resolve,
};
use bucketload_engine::job::tables;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Blame, Environment, Error, Result};
use serde_json::{Value, json};
use std::path::Path;

/// Keys whose values are paths on this machine; those of `in` only for `type: file`, but for the last.
const PATH_KEYS: [(&str, &str); 5] = [
    ("in", "path"),
    ("in", "path_prefix"),
    ("in", "last_path"),
    ("in", "profile_file"),
    ("exec", "scratch_folder"),
];

/// What a schedule keeps of a document, with relative paths put below a directory.
///
/// **Errors**: a secret is written out.
pub fn kept(document: &Document, directory: &Path) -> Result<Value> {
    let secrets = document.root().written_secrets();
    if let Some(first) = secrets.first() {
        let others = match secrets.len() - 1 {
            0 => String::new(),
            number => format!(" and {number} more"),
        };
        let variable = match first.rsplit('.').next().unwrap_or_default() {
            "access_key_id" => "AWS_ACCESS_KEY_ID".to_owned(),
            "secret_access_key" => "AWS_SECRET_ACCESS_KEY".to_owned(),
            "session_token" => "AWS_SESSION_TOKEN".to_owned(),
            name => name.to_ascii_uppercase(),
        };
        return Err(Error::config(format!(
            "`{first}`{others} is a secret that is written out, and secrets are not kept"
        ))
        .at(document.file().to_string())
        .with_hint(format!(
            "write `${{{variable}}}`, and set the variable where `bucketload serve` runs"
        )));
    }
    let mut kept = document.root().clone();
    let is_local = kept.at("in.type").and_then(Node::text) == Some("file");
    for (section, name) in PATH_KEYS {
        let is_path = is_local || !matches!(name, "path" | "path_prefix" | "last_path");
        if is_path && let Some(node) = entry_mut(&mut kept, section).and_then(|section| entry_mut(section, name)) {
            make_absolute(node, directory);
        }
    }
    if let Some(filters) = entry_mut(&mut kept, "filters") {
        make_filter_paths_absolute(filters, directory);
    }
    Ok(kept.to_stored_json())
}

/// What a record shows of a document: as it was written, secrets hidden.
pub fn shown(document: &Document) -> Value {
    document.root().redacted().to_stored_json()
}

/// A document of what was kept, with a time column and what earlier runs left put over it.
///
/// **Errors**: it is no configuration; only a damaged state file holds such a thing.
pub fn document_of(config: &Value, time_column: Option<&str>, difference: &Value, name: &str) -> Result<Document> {
    let mut document = Document::from_node(Node::from_json(config), name).map_err(|errors| one_error(&errors))?;
    if let Some(time_column) = time_column {
        document.merge(&Node::from_json(&json!({"out": {"time_column": time_column}})));
    }
    document.merge(&Node::from_json(difference));
    Ok(document)
}

/// The plan of a document, with what is doubtful about it.
///
/// **Errors**: every problem of the document, in one.
pub fn plan_of(document: &Document, lookup: Lookup<'_>) -> Result<(JobPlan, Vec<Problem>)> {
    let options = ResolveOptions {
        is_strict: false,
        lookup,
    };
    let resolved = resolve(document, &options).map_err(|errors| one_error(&errors))?;
    Ok((resolved.plan, resolved.warnings))
}

/// Demands that the table of a schedule is there.
///
/// **Errors**: it is not; its warehouse does not answer.
pub async fn must_exist(environment: &Environment, target: &TableName) -> Result<()> {
    match tables::show(environment, target).await {
        Ok(_) => Ok(()),
        Err(error) if error.blame() == Blame::Config => Err(error.with_hint(format!(
            "make it with `bucketload table create {target}`, or set `out.auto_create_table: true`"
        ))),
        Err(error) => Err(error),
    }
}

/// All problems as one error, for readers who get only one.
fn one_error(errors: &ConfigErrors) -> Error {
    let told: Vec<String> = errors.problems.iter().map(told).collect();
    let hint = match errors.problems.as_slice() {
        [only] => only.hint.clone(),
        _ => None,
    };
    Error::config(told.join("; ")).with_optional_hint(hint)
}

/// A problem in one line, without what to do.
pub(crate) fn told(problem: &Problem) -> String {
    match problem.path.is_empty() {
        true => problem.message.clone(),
        false => format!("`{}`: {}", problem.path, problem.message),
    }
}

fn entry_mut<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    let ConfigValue::Map(entries) = &mut node.value else {
        return None;
    };
    let found = entries.iter_mut().find(|(key, _): &&mut (Key, Node)| key.name == name);
    found.map(|(_, node)| node)
}

/// Files of keys and of tables that SQL joins with.
fn make_filter_paths_absolute(filters: &mut Node, directory: &Path) {
    let ConfigValue::List(filters) = &mut filters.value else {
        return;
    };
    for filter in filters {
        for (list, name) in [("columns", "key_file"), ("tables", "path")] {
            let entries: Vec<&mut Node> = match entry_mut(filter, list).map(|list| &mut list.value) {
                Some(ConfigValue::List(entries)) => entries.iter_mut().collect(),
                Some(ConfigValue::Map(entries)) => entries.iter_mut().map(|(_, entry)| entry).collect(),
                _ => Vec::new(),
            };
            for entry in entries {
                if let Some(path) = entry_mut(entry, name) {
                    make_absolute(path, directory);
                }
            }
        }
    }
}

/// What begins with a variable is left alone: only its value can tell where it starts. So is what is in a bucket.
fn make_absolute(node: &mut Node, directory: &Path) {
    let Some(text) = node.text().map(str::to_owned) else {
        return;
    };
    if text.starts_with("${") || text.starts_with('/') || text.contains("://") {
        return;
    }
    // Joined as text: an empty prefix is the directory, and one that ends in a slash keeps it.
    let text = format!("{}/{}", directory.display(), text.trim_start_matches("./"));
    *node = Node::from_json(&json!(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text, "load.yml").unwrap()
    }

    fn kept_of(text: &str) -> Result<Value> {
        kept(&document(text), Path::new("/srv"))
    }

    #[test]
    fn a_secret_that_is_written_out_is_refused() {
        let error = kept_of("in: {type: s3, access_key_id: AKIA, secret_access_key: hush}").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`in.access_key_id` and 1 more is a secret"),
            "{error}"
        );
        assert!(error.hint().unwrap_or_default().contains("${AWS_ACCESS_KEY_ID}"));
        assert!(!format!("{error:?}").contains("hush"));
    }

    #[test]
    fn files_of_filters_are_kept_absolute() {
        let kept = kept_of(
            "filters: [{type: sql, query: q, tables: {a: {path: geo/a.csv}, b: {path: 's3://b/a.csv'}}}, \
             {type: hash, columns: [{name: x, key_file: keys/x}, {name: y}]}]",
        )
        .unwrap();
        assert_eq!(
            kept,
            json!({"filters": [
                {"type": "sql", "query": "q", "tables": {"a": {"path": "/srv/geo/a.csv"}, "b": {"path": "s3://b/a.csv"}}},
                {"type": "hash", "columns": [{"name": "x", "key_file": "/srv/keys/x"}, {"name": "y"}]},
            ]})
        );
    }

    #[test]
    fn variables_are_kept_as_they_are_written() {
        let kept =
            kept_of("in: {type: s3, secret_access_key: '${KEY}', bucket: '${B:-logs}', path_prefix: a/b}").unwrap();
        assert_eq!(
            kept,
            json!({"in": {"type": "s3", "secret_access_key": "${KEY}", "bucket": "${B:-logs}", "path_prefix": "a/b"}})
        );
    }

    #[test]
    fn paths_are_kept_absolute() {
        let prefix = |text: &str| {
            let kept = kept_of(&format!("in: {{type: file, path_prefix: '{text}'}}")).unwrap();
            kept["in"]["path_prefix"].as_str().unwrap().to_owned()
        };
        assert_eq!(prefix("web/2026-"), "/srv/web/2026-");
        assert_eq!(prefix("./web/"), "/srv/web/");
        assert_eq!(prefix(""), "/srv/");
        assert_eq!(prefix("/data/"), "/data/");
        assert_eq!(prefix("${ROOT}/web"), "${ROOT}/web");
        let kept = kept_of("in: {type: s3, path_prefix: a, profile_file: creds}\nexec: {scratch_folder: tmp}").unwrap();
        assert_eq!(
            kept["in"],
            json!({"type": "s3", "path_prefix": "a", "profile_file": "/srv/creds"})
        );
        assert_eq!(kept["exec"]["scratch_folder"], "/srv/tmp");
    }

    #[test]
    fn the_next_run_goes_on_from_what_the_last_one_left() {
        let config = json!({"in": {"type": "file", "path_prefix": "/a", "parser": {"type": "jsonl", "columns": [{"name": "n", "type": "long"}]}}});
        let left = json!({"in": {"last_path": "/a/7"}});
        let document = document_of(&config, Some("at"), &left, "schedule `x`").unwrap();
        let (plan, _) = plan_of(&document, &|_| None).unwrap();
        assert_eq!(plan.input.select.last_path.as_deref(), Some("/a/7"));
        assert_eq!(plan.output.time_column.as_deref(), Some("at"));
    }

    #[test]
    fn all_problems_are_told() {
        let document = document("in: {type: s3, parser: {type: cvs}}");
        let error = plan_of(&document, &|_| None).unwrap_err().to_string();
        assert!(
            error.contains("bucket") && error.contains("cvs") && !error.contains('\n'),
            "{error}"
        );
    }
}
