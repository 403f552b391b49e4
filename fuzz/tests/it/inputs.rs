//! Inputs of the parsers: the configuration of a parser on the first line, as JSON, and the bytes of a file after it.

use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::config::{Document, ResolveOptions, resolve};
use bucketload_engine::parse::ParserOptions;
use bucketload_fuzz::archives;
use bucketload_fuzz::corpus;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};

/// Bytes that decoders hand to parsers at a time, here.
const OUTPUT_BYTES: usize = 64 * 1024;
/// Longer configurations are not from people.
const MAX_HEAD_BYTES: usize = 4_000;

const MAX_SEED_BYTES: usize = 4_000;

/// One folder of `tests/cases` whose configuration names a parser.
pub(crate) struct Case {
    /// `csv/booleans`.
    pub(crate) name: String,
    /// `in.parser` as JSON, on one line.
    pub(crate) parser: String,
    pub(crate) options: ParserOptions,
    /// What the decoders made of the input files, each entry of an archive for itself.
    pub(crate) files: Vec<Vec<u8>>,
}

/// The cases with a parser that can be made.
pub(crate) fn cases() -> Vec<Case> {
    let root = corpus::repository().join("tests/cases");
    let mut files = corpus::files_below(&root);
    files.sort();
    let mut cases = Vec::new();
    for (path, text) in &files {
        let Some(name) = path.strip_suffix("/job.yml") else {
            continue;
        };
        let text = String::from_utf8_lossy(text);
        let Some((parser, plan)) = plan_of(&text) else {
            continue;
        };
        let Some(options) = plan.input.parser else { continue };
        if can_be_made(&options) {
            let prefix = format!("{name}/input");
            let inputs = files.iter().filter(|(path, _)| path.starts_with(&prefix));
            let mut plain = Vec::new();
            for (_, bytes) in inputs {
                // A file that cannot be decoded is what its case is about.
                if let Ok(Some(entries)) = archives::decode(&plan.input.decode, bytes, usize::MAX, OUTPUT_BYTES) {
                    plain.extend(entries.into_iter().map(|(_, bytes)| bytes));
                }
            }
            cases.push(Case {
                name: name.to_owned(),
                parser,
                options,
                files: plain,
            });
        }
    }
    cases
}

fn plan_of(text: &str) -> Option<(String, JobPlan)> {
    let document = Document::parse(text, "job.yml").ok()?;
    let options = ResolveOptions {
        is_strict: false,
        lookup: &|_| Some("value".to_owned()),
    };
    let parser = document.root().at("in.parser")?.to_json().to_string();
    let mut document = document;
    let path = Document::parse("in: {path_prefix: input}", "job.yml").ok()?;
    document.merge(path.root());
    Some((parser, resolve(&document, &options).ok()?.plan))
}

fn can_be_made(options: &ParserOptions) -> bool {
    options.new_parser(&[], 1, false).is_ok()
}

/// The cases of some formats as inputs, but for large files: those would take the time of thousands of mutations.
pub(crate) fn seeds(formats: &[&str]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for case in cases() {
        if formats.contains(&case.options.format_name()) {
            for file in case.files.iter().filter(|file| file.len() <= MAX_SEED_BYTES) {
                seeds.push([case.parser.as_bytes(), b"\n", file].concat());
            }
        }
    }
    seeds
}

/// The parser of an input and the file; `None`: the first line is no configuration of one of these formats.
pub(crate) fn split<'a>(input: &'a [u8], formats: &[&str]) -> Option<(ParserOptions, &'a [u8])> {
    thread_local! {
        /// Few heads are met with many bodies, and resolving takes longer than parsing.
        static KNOWN: RefCell<HashMap<Vec<u8>, Option<ParserOptions>>> = RefCell::default();
    }
    let end = input.iter().take(MAX_HEAD_BYTES).position(|byte| *byte == b'\n')?;
    let (head, body) = (&input[..end], &input[end + 1..]);
    let options = KNOWN.with_borrow_mut(|known| {
        if known.len() > 1_000 {
            known.clear();
        }
        known.entry(head.to_vec()).or_insert_with(|| options_of(head)).clone()
    })?;
    formats.contains(&options.format_name()).then_some((options, body))
}

/// The parser that a text of JSON describes; `None`: it describes none.
pub(crate) fn options_of(head: &[u8]) -> Option<ParserOptions> {
    let head = std::str::from_utf8(head).ok()?;
    let text = format!("in: {{type: file, path_prefix: input, parser: {head}}}\n");
    let document = Document::parse(&text, "load.yml").ok()?;
    let options = ResolveOptions {
        is_strict: false,
        lookup: &|_| None,
    };
    let options = resolve(&document, &options).ok()?.plan.input.parser?;
    can_be_made(&options).then_some(options)
}

/// A number for a kind of outcome.
pub(crate) fn kind_of(features: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    features.hash(&mut hasher);
    hasher.finish()
}

/// A message without what it quotes and counts, so that messages of one kind are equal.
pub(crate) fn skeleton(message: &str) -> String {
    message
        .split('`')
        .step_by(2)
        .collect::<Vec<_>>()
        .join("`")
        .replace(|character: char| character.is_ascii_digit(), "")
}

/// The text of a file of the repository.
pub(crate) fn text_of(path: &str) -> String {
    let path = corpus::repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
