//! Whole configurations over the files of a case: what can be resolved can be explained and previewed, or says what is wrong; nothing panics,
//! and nothing is an error of ours.

use crate::inputs::{kind_of, skeleton};
use bucketload_engine::config::{Document, ResolveOptions, resolve};
use bucketload_engine::job::explain::explain;
use bucketload_engine::job::preview::{PreviewOptions, preview};
use bucketload_engine::{Blame, Environment, Error};
use bucketload_fuzz::corpus;
use bucketload_fuzz::driver::{Target, fuzz};
use tokio::runtime::Builder;

const TARGET: Target = Target {
    name: "job",
    dictionary: &[
        b"type: csv",
        b"type: jsonl",
        b"type: json",
        b"columns:",
        b"- {name: a, type: long}",
        b"- {name: a, type: timestamp, format: '%s'}",
        b"filters:",
        b"- {type: sql, where: a > 1}",
        b"- {type: sql, select: '*, a AS b'}",
        b"- {type: sql, query: SELECT count(*) FROM input}",
        b"- {type: cast, columns: {a: long}}",
        b"- {type: dedup, columns: [a]}",
        b"- {type: rename, columns: {a: b}}",
        b"- {type: remove_columns, remove: [a]}",
        b"- {type: digest, columns: [{name: a}]}",
        b"- {type: column, drop_columns: [{name: a}]}",
        b"out: {partition_by: day}",
        b"time_column: a",
        b"partition_by: none",
        b"unix_timestamp_unit: nano",
        b"sort_by_time: true",
        b"header: by_name",
        b"on_new_columns: add",
        b"on_bad_value: rescue",
        b"metadata_columns: [_file_path, _row_number]",
        b"decoders: []",
        b"exec: {max_threads: 1}",
        b"\n  ",
        b"\n",
        b"''",
        b"null",
        b"-1",
        b"a",
        b"__origin",
    ],
    max_bytes: 3_000,
    max_memory_bytes: 256 * 1024 * 1024,
    num_mutations: 200,
};

/// Inputs are the name of a case and a configuration for its files.
fn seeds() -> Vec<Vec<u8>> {
    corpus::files_below(&corpus::repository().join("tests/cases"))
        .into_iter()
        .filter_map(|(path, text)| {
            let name = path.strip_suffix("/job.yml")?;
            (text.len() < 2_000).then(|| [name.as_bytes(), b"\n", &text].concat())
        })
        .collect()
}

/// What became of it; an error must be somebody's else than ours.
fn outcome<T>(what: &str, result: Result<T, Error>, shown: impl FnOnce(T) -> String) -> String {
    match result {
        Ok(value) => shown(value),
        Err(error) => {
            assert!(error.blame() != Blame::Internal, "{what}: {error:?}");
            skeleton(&error.to_string())
        }
    }
}

#[test]
fn every_configuration_is_explained_and_previewed_or_refused() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let warehouse = tempfile::tempdir().expect("a folder");
    let environment =
        Environment::new(&warehouse.path().display().to_string(), || jiff::Timestamp::MAX).expect("a folder");
    let done = fuzz(&TARGET, seeds(), |input| {
        let text = String::from_utf8_lossy(input);
        let Some((name, text)) = text.split_once('\n') else {
            return 0;
        };
        let case = corpus::repository().join("tests/cases").join(name);
        if name.contains("..") || !case.join("job.yml").exists() {
            return 1;
        }
        let Ok(mut document) = Document::parse(text, "load.yml") else {
            return 2;
        };
        // Whatever was made of the section, no server is asked.
        let place = format!("in: {{type: file, path: null, path_prefix: {}/input}}", case.display());
        let place = Document::parse(&place, "load.yml").expect("a configuration");
        document.merge(place.root());
        let options = ResolveOptions {
            is_strict: false,
            lookup: &|name| (name == "CASE").then(|| case.display().to_string()),
        };
        let plan = match resolve(&document, &options) {
            Ok(resolved) => resolved.plan,
            Err(errors) => return kind_of(skeleton(&errors.to_string())),
        };
        runtime.block_on(async {
            let explained = explain(&environment, &plan, None).await;
            let explained = outcome("explain", explained, |explanation| explanation.plan);
            let previewed = preview(&environment, &plan, PreviewOptions::default()).await;
            let previewed = outcome("preview", previewed, |preview| {
                format!("{} rows, {} rejects", preview.rows.len(), preview.num_rejects)
            });
            kind_of((skeleton(&explained), previewed))
        })
    });
    println!("{done}");
}
