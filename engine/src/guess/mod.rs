//! Turns sample bytes of a few files into a complete configuration, with the evidence for every key and the doubts.
//!
//! Guessing is pure: somebody else lists the files and fetches the samples. It goes step by step, each in a file of its own -
//! compression, character set, line end, JSON or CSV, dialect, comments, header, null text, types - and what the user's seed
//! fixes is kept at each step and steers the later ones. All samples are judged together; where they disagree, the majority
//! wins and a doubt names the file.
//!
//! The steps follow the reference's, with these differences: records are cut by the parser's own rules and not by counting
//! separators; a last line without a line end counts when the sample is the whole file; JSON files get columns; eight digits
//! are a number where the column's name says so, or where there are few; a type is chosen only if it reads every sampled value, or all but the odd
//! one of many; the column partitions are made by is chosen too, because without it some files could not be loaded.
//!
//! Reading order: `seed` (what is fixed), `guessed` (what comes of it), `sample` (from files to text) with `compression` and `charset`,
//! `newline`, `json`, `csv` (which runs `split`, `dialect` with `delimiters` and `purity`, `comment`, `table`, `header`, `uneven_header`,
//! `null_string`, `columns`, `kind`, `types` with `name_words`, `timestamp`, `ragged`, `names`, `csv_doubts`), `time`, `render`; and the words of notes and doubts:
//! `agreement`, `shown`.

mod agreement;
mod charset;
mod columns;
mod comment;
mod compression;
mod csv;
mod csv_doubts;
mod delimiters;
mod dialect;
mod guessed;
mod header;
mod json;
mod kind;
mod name_words;
mod names;
mod newline;
mod null_string;
mod purity;
mod ragged;
mod render;
mod sample;
mod seed;
mod shown;
mod split;
mod table;
mod time;
mod timestamp;
mod types;
mod uneven_header;

#[cfg(test)]
mod tests;

use self::sample::{TextSample, decode_all, decompress_all, shortened};
use self::shown::shorten;
use serde_json::Value;

pub use self::guessed::{Guess, GuessedColumn, GuessedParser, Setting};
pub use self::render::{render_configuration, render_json, render_yaml};
pub use self::sample::{Sample, sampled_by_size, sampled_indices};
pub use self::seed::Seed;

/// Raw bytes read of each sampled file by default; the reference's.
pub const DEFAULT_SAMPLE_BYTES: u64 = 32 * 1024;

/// How to guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessOptions {
    /// Bytes of each sample that are looked at, as stored (`exec.guess_sample_buffer_bytes`).
    pub sample_bytes: u64,
    /// Steps to leave out: `gzip`, `bzip2`, `zstd`, `xz`, `zip`, `tar`, `json`, `jsonl`, `csv`.
    pub excluded_plugins: Vec<String>,
    /// Steps to add: `csv_all_strings` makes every column of a CSV file a string; the others are always on.
    pub added_plugins: Vec<String>,
}

impl Default for GuessOptions {
    fn default() -> Self {
        GuessOptions {
            sample_bytes: DEFAULT_SAMPLE_BYTES,
            excluded_plugins: Vec::new(),
            added_plugins: Vec::new(),
        }
    }
}

impl GuessOptions {
    fn has(&self, plugin: &str) -> bool {
        !self.excluded_plugins.iter().any(|excluded| excluded == plugin)
    }

    fn adds(&self, plugin: &str) -> bool {
        self.added_plugins.iter().any(|added| added == plugin) && self.has(plugin)
    }
}

/// Why nothing could be guessed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuessError {
    /// There was no file.
    #[error("No input files to read sample data")]
    NoFiles,
    /// Every file was empty.
    #[error("All input files are empty")]
    AllEmpty,
    /// The bytes are not what any parser reads; says what was seen.
    #[error("cannot guess: {reason}")]
    Unreadable {
        /// What was seen, where, and what helps.
        reason: String,
    },
}

impl GuessError {
    fn cannot(reason: impl Into<String>) -> GuessError {
        GuessError::Unreadable { reason: reason.into() }
    }

    /// The reason without its introduction.
    fn into_reason(self) -> String {
        match self {
            GuessError::Unreadable { reason } => reason,
            other => other.to_string(),
        }
    }
}

/// Guesses the configuration that reads `samples`.
///
/// **Shape**: settings, columns and filters that the seed lacks; nothing that it has.
/// **Errors**: no file, only empty files, or bytes that no parser reads. A file among several that cannot be read is left out
/// and named in a doubt.
/// **Cost**: a few milliseconds per sample; memory of at most some MiB per sample.
pub fn guess(samples: Vec<Sample>, seed: &Seed, options: &GuessOptions) -> Result<Guess, GuessError> {
    if samples.is_empty() {
        return Err(GuessError::NoFiles);
    }
    let mut doubts = unknown_plugins(options);
    let samples: Vec<Sample> = samples
        .into_iter()
        .filter_map(|sample| shortened(sample, options))
        .collect();
    if samples.is_empty() {
        return Err(GuessError::AllEmpty);
    }
    let sampled = samples
        .iter()
        .map(|sample| {
            (
                sample.key.clone(),
                u64::try_from(sample.bytes.len()).unwrap_or(u64::MAX),
            )
        })
        .collect();
    let (decoders, plain) = decompress_all(&samples, seed, options, &mut doubts)?;
    let (encoding, charset_note, texts) = decode_all(plain, seed, &mut doubts)?;
    let mut parser = guess_parser(&texts, seed, options, &mut doubts)?;
    let has_charset_key = parser.format == "csv" || encoding != encoding_rs::UTF_8;
    if has_charset_key {
        let charset = Setting {
            key: "charset",
            value: Value::from(charset::name(encoding)),
            note: charset_note,
        };
        parser.settings.insert(0, charset);
    }
    parser.settings.retain(|setting| !seed.fixes(setting.key));
    let mut filters = cleaning_filters(&parser, seed, &mut doubts);
    let output = time::choose(&mut parser, seed, &mut filters, &mut doubts);
    Ok(Guess {
        decoders,
        parser,
        filters,
        output,
        doubts,
        sampled,
    })
}

/// JSON if the texts are that and nothing speaks against it, else CSV.
fn guess_parser(
    texts: &[TextSample],
    seed: &Seed,
    options: &GuessOptions,
    doubts: &mut Vec<String>,
) -> Result<GuessedParser, GuessError> {
    let parser_type = parser_type(seed)?;
    let as_json = match parser_type {
        Some("csv" | "tsv") => None,
        None if !options.has("json") => None,
        _ => json::guess(texts, seed, options, doubts)?,
    };
    if let Some(parser) = as_json {
        return Ok(parser);
    }
    let first = &texts[0];
    match parser_type {
        Some(named @ ("json" | "jsonl")) => Err(GuessError::cannot(format!(
            "`in.parser.type` is `{named}` but `{}` begins with `{}`",
            first.key,
            shorten(first.text())
        ))),
        None if !options.has("csv") && !options.adds("csv_all_strings") => Err(GuessError::cannot(format!(
            "`{}` is no JSON, and the guess plugin `csv` is excluded",
            first.key
        ))),
        _ => {
            let newlines = texts
                .iter()
                .map(|sample| newline::NewlineCounts::of(sample.text()))
                .fold(newline::NewlineCounts::default(), newline::NewlineCounts::plus);
            csv::guess(texts, seed, options, newlines, doubts)
        }
    }
}

fn unknown_plugins(options: &GuessOptions) -> Vec<String> {
    const KNOWN: [&str; 10] = [
        "gzip",
        "bzip2",
        "zstd",
        "xz",
        "zip",
        "tar",
        "json",
        "jsonl",
        "csv",
        "csv_all_strings",
    ];
    options
        .added_plugins
        .iter()
        .filter(|plugin| !KNOWN.contains(&plugin.as_str()))
        .map(|plugin| format!("guess plugin `{plugin}` is not known and was left out"))
        .collect()
}

fn parser_type(seed: &Seed) -> Result<Option<&str>, GuessError> {
    match seed.parser_type.as_deref() {
        None => Ok(None),
        Some(known @ ("csv" | "tsv" | "json" | "jsonl")) => Ok(Some(known)),
        Some(other) => Err(GuessError::cannot(format!(
            "`in.parser.type` is `{other}`; `csv`, `tsv`, `json` and `jsonl` can be guessed"
        ))),
    }
}

/// The filter that cleans column names, if one needs it.
fn cleaning_filters(parser: &GuessedParser, seed: &Seed, doubts: &mut Vec<String>) -> Vec<(Value, String)> {
    let Some(columns) = &parser.columns else {
        return Vec::new();
    };
    let unclean = names::unclean(columns.iter().map(|column| column.name.as_str()));
    let Some(first) = unclean.first() else {
        return Vec::new();
    };
    let example = format!("`{}` becomes `{}`", shorten(first), shorten(&names::cleaned(first)));
    if seed.has_filters {
        doubts.push(format!(
            "filters: {} of {} column names need quotes in SQL; no `rename` filter was added to the filters there are \
             (with it {example})",
            unclean.len(),
            columns.len()
        ));
        return Vec::new();
    }
    vec![(
        names::cleaning_filter(),
        format!("{} of {} names need it: {example}", unclean.len(), columns.len()),
    )]
}
