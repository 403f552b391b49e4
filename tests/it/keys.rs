//! Every key of the configuration has a case that loads with it, or a test that sets it.

use bucketload_engine::config::Document;
use bucketload_engine::config::keys::KEYS;
use bucketload_tests::case::Case;
use bucketload_tests::folders;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Keys that no case can set, since cases load files by one program and compare rows: where they are tested instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("in.access_key_id", "credentials.rs"),
    ("in.account_id", "credentials.rs"),
    ("in.arn_partition", "credentials.rs"),
    ("in.auth_method", "credentials.rs"),
    ("in.duration_in_seconds", "credentials.rs"),
    ("in.external_id", "credentials.rs"),
    ("in.profile_file", "credentials.rs"),
    ("in.profile_name", "credentials.rs"),
    ("in.role_name", "credentials.rs"),
    ("in.secret_access_key", "credentials.rs"),
    ("in.session_name", "credentials.rs"),
    ("in.session_token", "credentials.rs"),
    ("in.sts_endpoint", "credentials.rs"),
    ("in.region", "credentials.rs"),
    ("in.endpoint", "credentials.rs"),
    ("in.http_proxy", "addressing.rs"),
    ("in.http_proxy.host", "addressing.rs"),
    ("in.http_proxy.https", "addressing.rs"),
    ("in.http_proxy.password", "addressing.rs"),
    ("in.http_proxy.port", "addressing.rs"),
    ("in.http_proxy.user", "addressing.rs"),
    ("in.virtual_hosted_style", "addressing.rs"),
    ("in.initial_retry_interval_millis", "s3.rs"),
    ("in.maximum_retries", "s3.rs"),
    ("in.maximum_retry_interval_millis", "s3.rs"),
    ("in.skip_glacier_objects", "s3.rs"),
    ("filters[].columns[].key_file", "filters.rs"),
    ("in.path", "interactions.rs"),
    ("in.on_changed_file", "ledger.rs"),
    ("exec.checkpoint_every", "resume.rs"),
    ("exec.commit_every", "resume.rs"),
    ("in.path_prefix", "interactions.rs"),
];

/// Keys of the original that are there to be refused; a case that fails shows each.
const REFUSED: &[&str] = &["filters[].time_zone", "in.__end_modified_time"];

/// The paths of all keys of a document, as the table of keys writes them.
fn collect(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let is_named_by_user = ["out.column_options", "filters[].tables"].contains(&path);
                let name = if is_named_by_user { "*" } else { name.as_str() };
                let path = if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                };
                paths.insert(path.clone());
                collect(&path, value, paths);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect(&format!("{path}[]"), element, paths);
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_is_set_by_a_case_or_a_test() {
    let root = folders::repository().join("tests/cases");
    let mut set = BTreeSet::new();
    // A case that fails shows what happens before its keys have an effect.
    let mut set_by_failures = BTreeSet::new();
    for case in Case::all_below(&root) {
        let folder = root.join(case.name(&root));
        let text = fs::read_to_string(folder.join("job.yml")).unwrap();
        if let Ok(document) = Document::parse(&text, "job.yml") {
            let paths = match folder.join("error.txt").exists() {
                true => &mut set_by_failures,
                false => &mut set,
            };
            collect("", &document.root().to_json(), paths);
        }
    }
    let mut untested: BTreeSet<&str> = KEYS.iter().map(|key| key.path).collect();
    untested.retain(|path| !set.contains(*path));
    for (path, file) in ELSEWHERE {
        let name = path.rsplit('.').next().unwrap();
        let text = fs::read_to_string(folders::repository().join("tests/it").join(file)).unwrap();
        let is_set = text.contains(&format!("{name}: ")) || text.contains(&format!(".{name}="));
        assert!(is_set, "{file} does not set `{path}`");
        assert!(untested.remove(path), "`{path}` has a case, or is no key");
    }
    for path in REFUSED {
        assert!(
            set_by_failures.contains(*path),
            "no case shows that `{path}` is refused"
        );
        assert!(untested.remove(path), "`{path}` is no key, or loads");
    }
    assert!(untested.is_empty(), "no case sets {untested:#?}");
}
