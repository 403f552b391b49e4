//! The table of keys and the readers agree, both ways.
//!
//! One way is checked whenever anything is read: a reader that asks for a key that the table lacks stops. Here is the other
//! way: every key of the table is asked for in every section it applies to.

use super::super::reader::Report;
use super::*;
use std::collections::BTreeSet;

/// Files that between them have every section with every type.
fn files() -> Vec<String> {
    let mut files = Vec::new();
    let time = "{mode: fixed_time, value: 1}";
    let out = format!("out: {{time_value: {time}, column_options: {{a: {{}}}}}}\nexec: {{}}\n");
    for parser in ["csv", "tsv", "json", "jsonl"] {
        for columns in ["columns", "schema"] {
            let parser = format!("type: {parser}, {columns}: [{{name: a, type: long}}], on_error: {{}}");
            files.push(file("http_proxy: {host: h},", &parser, &out));
        }
    }
    files.push(format!("in: {{type: file, path: p,\n  parser: {{{CSV}}}}}\n"));
    files.push(format!(
        "in: {{type: s3, auth_method: profile,\n  parser: {{{CSV}}}}}\n"
    ));
    files.push(format!(
        "in: {{type: s3, auth_method: assume_role,\n  parser: {{{CSV}}}}}\n"
    ));
    files.push(format!(
        "in: {{type: s3, auth_method: session, access_key_id: a, secret_access_key: b, session_token: c,\n  parser: {{{CSV}}}}}\n"
    ));
    for decoder in [
        "gzip",
        "bzip2",
        "zstd",
        "xz",
        "zlib",
        "zip",
        "tar",
        "commons-compress",
        "auto",
    ] {
        files.push(file(&format!("decoders: [{{type: {decoder}}}],"), CSV, ""));
    }
    let mut filters: Vec<String> = Vec::new();
    for kind in [
        "column",
        "retain_columns",
        "add_columns",
        "drop_columns",
        "hash",
        "digest",
        "cast",
        "typecast",
    ] {
        filters.push(format!("{{type: {kind}, columns: [{{name: a, type: long}}]}}"));
        filters.push(format!(
            "{{type: {kind}, add_columns: [{{name: a}}], drop_columns: [{{name: a}}]}}"
        ));
    }
    for kind in ["remove_columns", "row", "dedup", "sql", "rename"] {
        filters.push(format!("{{type: {kind}}}"));
    }
    filters.push("{type: sql, tables: {a: {path: a.csv}}}".to_owned());
    filters.push("{type: row, conditions: [{column: a}]}".to_owned());
    filters.push("{type: expand_json, expanded_columns: [{name: a}]}".to_owned());
    filters.push("{type: add_time, to_column: {}, from_column: {}, from_value: {}}".to_owned());
    filters.push("{type: add_time, to_column: {}, from_value: {mode: incremental_time}}".to_owned());
    for rule in [
        "character_types",
        "first_character_types",
        "regex_replace",
        "truncate",
        "unique_number_suffix",
    ] {
        filters.push(format!("{{type: rename, rules: [{{rule: {rule}}}]}}"));
    }
    for filter in filters {
        files.push(file("", CSV, &format!("filters:\n- {filter}\n")));
    }
    files
}

fn reads() -> BTreeSet<(String, &'static str)> {
    let mut reads = BTreeSet::new();
    for text in files() {
        let document = Document::parse(&text, "load.yml").unwrap_or_else(|errors| panic!("{text}\n{errors}"));
        let report = Report::new(document.file().clone(), false);
        resolve_plan(
            &document,
            &ResolveOptions {
                is_strict: false,
                lookup: &lookup,
            },
            &report,
        );
        reads.extend(report.reads());
    }
    reads
}

#[test]
fn every_key_of_the_table_is_read() {
    let reads = reads();
    let mut unread = Vec::new();
    for key in keys::KEYS {
        let is_read = |kind: &str| {
            reads
                .iter()
                .any(|(path, read)| path == key.path && (kind.is_empty() || *read == kind))
        };
        let kinds = if key.applies_to.is_empty() {
            &[""]
        } else {
            key.applies_to
        };
        unread.extend(
            kinds
                .iter()
                .filter(|kind| !is_read(kind))
                .map(|kind| format!("{} of `{kind}`", key.path)),
        );
    }
    assert!(unread.is_empty(), "{unread:#?}");
}

#[test]
fn every_key_that_is_read_is_in_the_table() {
    for (path, kind) in reads() {
        assert!(keys::find(&path, kind).is_some(), "{path} of `{kind}`");
    }
}
