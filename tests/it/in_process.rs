//! Guesses and loads by calling the engine: for tests of thousands of small files, where a process for each would take hours.
//!
//! The way is that of the program: the seed is guessed from, the result is resolved like any configuration, and its parser reads
//! the bytes in chunks. Only fetching, filters and the table are not there.

use arrow::array::{Array, RecordBatch};
use arrow::util::display::array_value_to_string;
use bucketload_engine::config::document::Node;
use bucketload_engine::config::{Document, ResolveOptions, resolve};
use bucketload_engine::guess::{Guess, GuessOptions, Sample, Seed, guess, render_json};
use bucketload_engine::parse::{Parsed, Parser};
use serde_json::{Value, json};

/// Bytes handed to the parser at a time: many cuts in each file.
const CHUNK_BYTES: usize = 1000;

/// The rows of some files, and what could not become a row.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// Each value as text; `None` is null.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// `line 3: reason: record` of each reject.
    pub(crate) rejects: Vec<String>,
}

/// What `guess` makes of whole files, and the configuration it writes.
pub(crate) fn guess_files(files: &[(&str, &[u8])], added_plugins: &[&str]) -> Result<(Guess, Value), String> {
    let seed = json!({"in": {"type": "file", "path_prefix": "/files"}});
    let samples = files
        .iter()
        .map(|(key, bytes)| Sample {
            key: (*key).to_owned(),
            size_bytes: bytes.len() as u64,
            bytes: bytes.to_vec(),
            is_whole: true,
        })
        .collect();
    let options = GuessOptions {
        added_plugins: added_plugins.iter().map(|plugin| (*plugin).to_owned()).collect(),
        ..GuessOptions::default()
    };
    let guessed = guess(samples, &Seed::from_document(&seed), &options).map_err(|error| error.to_string())?;
    let config = render_json(&seed, &guessed);
    Ok((guessed, config))
}

/// Loads files by the section `in` of a configuration.
pub(crate) fn load_files(config: &Value, files: &[(&str, &[u8])]) -> Result<Loaded, String> {
    let config = json!({"in": config["in"], "out": {"partition_by": "none"}});
    let document = Document::from_node(Node::from_json(&config), "load.yml").map_err(|errors| format!("{errors:?}"))?;
    let options = ResolveOptions {
        is_strict: true,
        lookup: &|_| None,
    };
    let resolved = resolve(&document, &options).map_err(|errors| format!("{errors:?}"))?;
    let parser = resolved.plan.input.parser.ok_or("the configuration has no parser")?;
    let all: Vec<usize> = (0..parser.fields().len()).collect();
    let mut parser = parser
        .new_parser(&all, 1000, false)
        .map_err(|error| error.to_string())?;
    let mut loaded = Loaded::default();
    for (key, bytes) in files {
        parser.begin_file((*key).into());
        for chunk in bytes.chunks(CHUNK_BYTES) {
            parser.push(chunk);
            loaded.drain(parser.as_mut())?;
        }
        parser.finish_file();
        loaded.drain(parser.as_mut())?;
    }
    if let Some(parsed) = parser.flush().map_err(|error| error.to_string())? {
        loaded.take(parsed);
    }
    Ok(loaded)
}

impl Loaded {
    fn drain(&mut self, parser: &mut dyn Parser) -> Result<(), String> {
        while let Some(parsed) = parser.next_batch().map_err(|error| error.to_string())? {
            self.take(parsed);
        }
        Ok(())
    }

    fn take(&mut self, parsed: Parsed) {
        self.rows.extend(texts(&parsed.batch));
        self.rejects.extend(parsed.rejects.iter().map(|reject| {
            let (line, reason, record) = (reject.position.line, &reject.reason, &reject.record.kept);
            format!("line {line}: {reason}: {record}")
        }));
    }
}

fn texts(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let text = |array: &dyn Array, row: usize| match array.is_null(row) {
        true => None,
        false => Some(array_value_to_string(array, row).expect("every column type can be shown")),
    };
    (0..batch.num_rows())
        .map(|row| batch.columns().iter().map(|array| text(array, row)).collect())
        .collect()
}
