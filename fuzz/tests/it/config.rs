//! Configurations: any text is a job, or problems with their lines.

use crate::inputs::{kind_of, skeleton, text_of};
use bucketload_engine::config::edit::{ExecEntry, with_exec};
use bucketload_engine::config::{Document, ResolveOptions, keys, resolve, resolve_seed};
use bucketload_fuzz::corpus;
use bucketload_fuzz::driver::{KERNEL_MUTATIONS, Target, fuzz};

const TARGET: Target = Target {
    name: "config",
    dictionary: &[
        b"in:",
        b"type: s3",
        b"type: csv",
        b"columns:",
        b"- {name: a, type: long}",
        b"filters:",
        b"out:",
        b"exec:",
        b"config:",
        b"\n  ",
        b"\n",
        b": ",
        b"- ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"'",
        b"\"",
        b"|",
        b">-",
        b"&a",
        b"*a",
        b"!!str",
        b"---",
        b"...",
        b"~",
        b"null",
        b"true",
        b"${env:A}",
        b"${A:-b}",
        b"$${A}",
        b"<<: *a",
        b"? ",
        b"#",
        b"\t",
        b"\x07",
        b"1e400",
        b"0x10",
        b"1_000",
        b"{% if %}",
        b"64MiB",
        b"10s",
        b"-1",
        b"999999999999999999999",
        b"{\"in\":{}}",
    ],
    max_bytes: 4_000,
    max_memory_bytes: 64 * 1024 * 1024,
    num_mutations: KERNEL_MUTATIONS,
};

/// Configurations that people wrote, and every example of the reference.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = corpus::files_below(&corpus::repository().join("tests/cases"))
        .into_iter()
        .filter(|(name, _)| name.ends_with("job.yml"))
        .map(|(_, text)| text)
        .collect();
    for example in ["cloudfront", "events", "mixed", "s3"] {
        seeds.push(text_of(&format!("examples/{example}/load.yml")).into_bytes());
    }
    for key in keys::KEYS {
        let mut text = key.example.to_owned();
        for name in key.path.rsplit('.') {
            text = match name.strip_suffix("[]") {
                Some(name) => format!("{{{name}: [{text}]}}"),
                None => format!("{{{name}: {text}}}"),
            };
        }
        seeds.push(text.into_bytes());
    }
    seeds
}

#[test]
fn every_text_is_a_job_or_its_problems() {
    let done = fuzz(&TARGET, seeds(), |input| {
        let text = String::from_utf8_lossy(input);
        let lookup = |name: &str| (name != "MISSING").then(|| "value".to_owned());
        let document = match Document::parse(&text, "load.yml") {
            Ok(document) => document,
            Err(errors) => return kind_of(skeleton(&errors.to_string())),
        };
        let mut kinds = Vec::new();
        for is_strict in [false, true] {
            let options = ResolveOptions {
                is_strict,
                lookup: &lookup,
            };
            match resolve(&document, &options) {
                Ok(resolved) => kinds.push(format!("{} warnings", resolved.warnings.len().min(3))),
                Err(errors) => {
                    let shown = errors.to_string();
                    assert!(
                        !errors.problems.is_empty() && !shown.is_empty(),
                        "refused without a problem"
                    );
                    kinds.extend(errors.problems.iter().take(3).map(|problem| skeleton(&problem.message)));
                }
            }
            let _ = resolve_seed(&document, &options);
        }
        // What is edited stays a configuration, and says the same but for what was put in.
        let entry = ExecEntry {
            name: "max_threads",
            value: 3.into(),
            evidence: "because".to_owned(),
        };
        if let Ok(edited) = with_exec(&text, "load.yml", &[entry]) {
            let edited = Document::parse(&edited, "load.yml").unwrap_or_else(|errors| panic!("{edited}\n{errors}"));
            let threads = edited
                .root()
                .at("exec.max_threads")
                .map(|node| node.to_json().to_string());
            assert_eq!(threads.as_deref(), Some("3"));
        }
        kind_of(kinds)
    });
    println!("{done}");
}
