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
//! Reading order: `compression`, `charset`, `newline`, `json`, `csv` (which runs `split`, `dialect` with `delimiters`
//! and `purity`, `comment`, `table`, `header`, `uneven_header`, `null_string`, `kind`, `types`, `timestamp`, `ragged`, `names`), `time`, `seed`, `render`.

mod charset;
mod comment;
mod compression;
mod csv;
mod delimiters;
mod dialect;
mod header;
mod json;
mod kind;
mod names;
mod newline;
mod null_string;
mod purity;
mod ragged;
mod render;
mod seed;
mod split;
mod table;
mod time;
mod timestamp;
mod types;
mod uneven_header;

#[cfg(test)]
mod tests;

use crate::decode::DecoderOptions;
use crate::parse::columns::ColumnType;
use encoding_rs::Encoding;
use serde_json::Value;
use std::fmt::Display;

pub use render::{render_configuration, render_json, render_yaml};
pub use seed::Seed;

/// Raw bytes read of each sampled file by default; the reference's.
pub const DEFAULT_SAMPLE_BYTES: u64 = 32 * 1024;

/// The head of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The file's key.
    pub key: String,
    /// Bytes of the whole file as stored.
    pub size_bytes: u64,
    /// Its first bytes as stored.
    pub bytes: Vec<u8>,
    /// Whether `bytes` are all of it.
    pub is_whole: bool,
}

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

/// What was guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// `in.decoders`, with what speaks for it. `None`: the key is left as the seed has it.
    pub decoders: Option<(Vec<DecoderOptions>, String)>,
    /// `in.parser`.
    pub parser: GuessedParser,
    /// Filters to add, with what speaks for each: the one that cleans column names, the one that makes one column of date and
    /// time.
    pub filters: Vec<(Value, String)>,
    /// The keys of `out` that the seed lacks and the load needs.
    pub output: Vec<Setting>,
    /// What could as well be otherwise, and in which files; one sentence each.
    pub doubts: Vec<String>,
    /// Keys of the files looked at, and how many of their bytes as stored.
    pub sampled: Vec<(String, u64)>,
}

/// The keys of `in.parser` that the seed lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct GuessedParser {
    /// `csv`, `json` or `jsonl`, also if the seed names it.
    pub format: &'static str,
    /// All keys but `columns`, in the order they are written.
    pub settings: Vec<Setting>,
    /// `columns`; `None`: the seed has them, or there are none to be had.
    pub columns: Option<Vec<GuessedColumn>>,
    /// What speaks for number and names of the columns.
    pub columns_note: String,
    /// Sampled records that were looked at for the columns.
    pub num_records: usize,
    /// A column of dates and one of times of day.
    pub(crate) date_and_time: Option<time::DateAndTime>,
}

impl GuessedParser {
    /// The guessed value of `key`, if there is one.
    pub fn setting(&self, key: &str) -> Option<&Value> {
        self.settings
            .iter()
            .find(|setting| setting.key == key)
            .map(|setting| &setting.value)
    }
}

/// One guessed key of the parser, or of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
    /// What speaks for it; may be empty.
    pub note: String,
}

/// One guessed column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessedColumn {
    /// Its name: of the header, or the member's.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// For timestamps, in the order they are tried.
    pub formats: Vec<String>,
    /// What speaks for the type.
    pub note: String,
    /// Sampled records that have no value of it.
    pub num_missing: usize,
    /// For integers that count since 1970, what they count, in the words of `unix_timestamp_unit`.
    pub epoch_unit: Option<&'static str>,
}

impl Guess {
    /// What speaks for each key: its path in the configuration, and the note written beside it.
    pub fn evidence(&self) -> Vec<(String, &str)> {
        let mut evidence: Vec<(String, &str)> = Vec::new();
        if let Some((_, note)) = &self.decoders {
            evidence.push(("in.decoders".to_owned(), note));
        }
        for setting in &self.parser.settings {
            evidence.push((format!("in.parser.{}", setting.key), &setting.note));
        }
        if let Some(columns) = &self.parser.columns {
            evidence.push(("in.parser.columns".to_owned(), &self.parser.columns_note));
            for (at, column) in columns.iter().enumerate() {
                evidence.push((format!("in.parser.columns[{at}]"), &column.note));
            }
        }
        for (at, (_, note)) in self.filters.iter().enumerate() {
            evidence.push((format!("filters[{at}]"), note));
        }
        for setting in &self.output {
            evidence.push((format!("out.{}", setting.key), &setting.note));
        }
        evidence
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

/// One sample as text.
#[derive(Clone, Debug)]
pub(crate) struct TextSample {
    key: String,
    text: String,
    /// Bytes of lines that the seed's `skip_header_lines` drops.
    skipped_bytes: usize,
    is_whole: bool,
}

impl TextSample {
    fn new(key: impl Into<String>, text: impl Into<String>, is_whole: bool) -> TextSample {
        TextSample {
            key: key.into(),
            text: text.into(),
            skipped_bytes: 0,
            is_whole,
        }
    }

    fn text(&self) -> &str {
        &self.text[self.skipped_bytes..]
    }

    /// The same without its first `num_lines` lines, and the last of those.
    fn without_lines(&self, num_lines: u64) -> (TextSample, Option<&str>) {
        let mut last = None;
        let mut at = 0;
        for line in split::lines(&self.text, true)
            .into_iter()
            .take(usize::try_from(num_lines).unwrap_or(usize::MAX))
        {
            at += line.len();
            at += if self.text[at..].starts_with("\r\n") {
                2
            } else {
                usize::from(at < self.text.len())
            };
            last = Some(line);
        }
        (
            TextSample {
                skipped_bytes: at,
                ..self.clone()
            },
            last,
        )
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
    let newline = texts
        .iter()
        .map(|sample| newline::NewlineCounts::of(sample.text()))
        .fold(newline::NewlineCounts::default(), newline::NewlineCounts::plus);

    let parser_type = parser_type(seed)?;
    let as_json = match parser_type {
        Some("csv" | "tsv") => None,
        None if !options.has("json") => None,
        _ => json::guess(&texts, seed, options, &mut doubts)?,
    };
    let mut parser = match as_json {
        Some(parser) => parser,
        None => {
            if let Some("json" | "jsonl") = parser_type {
                let shown = types::shorten(texts[0].text());
                return Err(GuessError::cannot(format!(
                    "`in.parser.type` is `{}` but `{}` begins with `{shown}`",
                    parser_type.unwrap_or_default(),
                    texts[0].key
                )));
            }
            if !options.has("csv") && !options.adds("csv_all_strings") && parser_type.is_none() {
                return Err(GuessError::cannot(format!(
                    "`{}` is no JSON, and the guess plugin `csv` is excluded",
                    texts[0].key
                )));
            }
            csv::guess(&texts, seed, options, newline, &mut doubts)?
        }
    };
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

/// Which of `num_files` files to look at when at most `max_samples` are: the first, the last, and some between, evenly spread.
pub fn sampled_indices(num_files: usize, max_samples: usize) -> Vec<usize> {
    let num_samples = num_files.min(max_samples);
    match num_samples {
        0 => Vec::new(),
        1 => vec![0],
        _ => (0..num_samples)
            .map(|sample| sample * (num_files - 1) / (num_samples - 1))
            .collect(),
    }
}

/// Which of the files of these sizes, in the order of their keys, to sample when at most `max_samples` are read: the first, the
/// last, the largest, the smallest that is not empty, and others evenly spread between them.
pub fn sampled_by_size(sizes: impl Iterator<Item = u64>, max_samples: usize) -> Vec<usize> {
    let mut num_files = 0;
    let mut largest: Option<(u64, usize)> = None;
    let mut smallest: Option<(u64, usize)> = None;
    for (index, size) in sizes.enumerate() {
        num_files = index + 1;
        if largest.is_none_or(|(most, _)| size > most) {
            largest = Some((size, index));
        }
        if size > 0 && smallest.is_none_or(|(least, _)| size < least) {
            smallest = Some((size, index));
        }
    }
    if num_files <= max_samples {
        return (0..num_files).collect();
    }
    let odd_sizes = [largest, smallest].into_iter().flatten().map(|(_, index)| index);
    let mut chosen: Vec<usize> = odd_sizes.take(max_samples).collect();
    chosen.extend(sampled_indices(num_files, max_samples - chosen.len()));
    chosen.sort_unstable();
    chosen.dedup();
    chosen
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

/// The sample as far as it is looked at; `None` if it is empty.
fn shortened(mut sample: Sample, options: &GuessOptions) -> Option<Sample> {
    if sample.size_bytes == 0 || sample.bytes.is_empty() {
        return None;
    }
    let limit = usize::try_from(options.sample_bytes).unwrap_or(usize::MAX).max(1);
    if sample.bytes.len() > limit {
        sample.bytes.truncate(limit);
        sample.is_whole = false;
    }
    Some(sample)
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

/// Plain bytes of one sample.
struct Plain {
    key: String,
    bytes: Vec<u8>,
    is_whole: bool,
}

type GuessedDecoders = Option<(Vec<DecoderOptions>, String)>;

fn decompress_all(
    samples: &[Sample],
    seed: &Seed,
    options: &GuessOptions,
    doubts: &mut Vec<String>,
) -> Result<(GuessedDecoders, Vec<Plain>), GuessError> {
    let seeded = seed.decoders.clone().unwrap_or_default();
    let is_excluded = |decoder: &DecoderOptions| !options.has(compression::name(decoder));
    let mut plain = Vec::new();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut decoders: Vec<Vec<DecoderOptions>> = Vec::new();
    let mut failure = None;
    for sample in samples {
        let head = compression::decompress(&sample.key, &sample.bytes, sample.is_whole, &seeded, &is_excluded);
        match head {
            Err(error) => left_out(error, &mut failure, doubts),
            Ok(head) => {
                if head.bytes.is_empty() {
                    continue;
                }
                let names: Vec<&str> = head.found.iter().map(compression::name).collect();
                found.push((
                    sample.key.clone(),
                    if names.is_empty() {
                        "no compression".to_owned()
                    } else {
                        names.join(" + ")
                    },
                ));
                decoders.push(head.found);
                plain.push(Plain {
                    key: sample.key.clone(),
                    bytes: head.bytes,
                    is_whole: head.is_whole,
                });
            }
        }
    }
    if plain.is_empty() {
        return Err(failure.unwrap_or(GuessError::AllEmpty));
    }
    if let Some(doubt) = disagreement("", &found) {
        doubts.push(format!(
            "decoders: left out, so that each file is decoded by its magic bytes: {doubt}"
        ));
        return Ok((None, plain));
    }
    let found = decoders.swap_remove(0);
    if found.is_empty() || seed.has_automatic_decoders {
        return Ok((None, plain));
    }
    let note = format!("by the magic bytes of {}", num_of(plain.len(), "sampled file"));
    Ok((Some((seeded.into_iter().chain(found).collect(), note)), plain))
}

fn decode_all(
    plain: Vec<Plain>,
    seed: &Seed,
    doubts: &mut Vec<String>,
) -> Result<(&'static Encoding, String, Vec<TextSample>), GuessError> {
    if let Some(label) = &seed.charset {
        let encoding = Encoding::for_label(label.as_bytes())
            .ok_or_else(|| GuessError::cannot(format!("`in.parser.charset` is not known: `{label}`")))?;
        let texts = plain
            .iter()
            .map(|plain| {
                TextSample::new(
                    &plain.key,
                    charset::decode(encoding, &plain.bytes, plain.is_whole),
                    plain.is_whole,
                )
            })
            .filter(|sample| !sample.text.is_empty())
            .collect::<Vec<TextSample>>();
        return if texts.is_empty() {
            Err(GuessError::AllEmpty)
        } else {
            Ok((encoding, String::new(), texts))
        };
    }
    let mut failure = None;
    let mut guessed = Vec::new();
    for plain in plain {
        match charset::detect(&plain.key, &plain.bytes, plain.is_whole) {
            Ok(charset) => guessed.push((plain, charset)),
            Err(error) => left_out(error, &mut failure, doubts),
        }
    }
    let told: Vec<(String, String)> = guessed
        .iter()
        .filter(|(_, charset)| !charset.is_ascii)
        .map(|(plain, charset)| (plain.key.clone(), charset::name(charset.encoding).to_owned()))
        .collect();
    let likeliest = majority(&told).unwrap_or_else(|| "UTF-8".to_owned());
    if let Some(doubt) = disagreement("", &told) {
        doubts.push(format!("charset: {doubt}"));
    }
    let chosen = guessed
        .iter()
        .find(|(_, charset)| charset::name(charset.encoding) == likeliest && (!charset.is_ascii || told.is_empty()));
    let (encoding, note) = chosen.map_or((encoding_rs::UTF_8, String::new()), |(_, charset)| {
        (charset.encoding, charset.note.clone())
    });
    let mut texts = Vec::new();
    for (plain, charset) in guessed {
        if charset::name(charset.encoding) == likeliest {
            doubts.extend(charset.doubt);
        }
        let own = if charset.is_ascii {
            encoding_rs::UTF_8
        } else {
            charset.encoding
        };
        let text = charset::decode(own, &plain.bytes, plain.is_whole);
        if !text.is_empty() {
            texts.push(TextSample::new(plain.key, text, plain.is_whole));
        }
    }
    if texts.is_empty() {
        return Err(failure.unwrap_or(GuessError::AllEmpty));
    }
    Ok((encoding, note, texts))
}

/// Notes a file that cannot be read: a doubt beside files that can, the error if there are none.
fn left_out(error: GuessError, failure: &mut Option<GuessError>, doubts: &mut Vec<String>) {
    doubts.push(format!("left out: {}", error.clone().into_reason()));
    failure.get_or_insert(error);
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
    let example = format!(
        "`{}` becomes `{}`",
        types::shorten(first),
        types::shorten(&names::cleaned(first))
    );
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

/// The most frequent of what files say; the first of equally frequent ones.
fn majority<T: Clone + PartialEq>(told: &[(String, T)]) -> Option<T> {
    let mut best: Option<(&T, usize)> = None;
    for (_, value) in told {
        let count = told.iter().filter(|(_, other)| other == value).count();
        if best.is_none_or(|(_, most)| count > most) {
            best = Some((value, count));
        }
    }
    best.map(|(value, _)| value.clone())
}

/// How files disagree, `None` if they do not: `11 columns in 37 of 40 sampled files, 10 in `logs/x.csv.gz``.
fn disagreement<T: Clone + PartialEq + Display>(noun: &str, told: &[(String, T)]) -> Option<String> {
    const MAX_NAMED_FILES: usize = 3;
    let most = majority(told)?;
    let others: Vec<&(String, T)> = told.iter().filter(|(_, value)| *value != most).collect();
    if others.is_empty() {
        return None;
    }
    let noun = if noun.is_empty() {
        String::new()
    } else {
        format!(" {noun}")
    };
    let named: Vec<String> = others
        .iter()
        .take(MAX_NAMED_FILES)
        .map(|(key, value)| {
            format!(
                "{value} in `{}`",
                key.chars().flat_map(char::escape_debug).collect::<String>()
            )
        })
        .collect();
    let more = others.len().saturating_sub(MAX_NAMED_FILES);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let num_most = told.len() - others.len();
    Some(format!(
        "{most}{noun} in {num_most} of {} sampled files, {}{more}",
        told.len(),
        named.join(", ")
    ))
}

/// The first of `texts` in backticks, the others counted: `` `a`, `b` and 3 more ``.
fn those(texts: &[&str], max_named: usize) -> String {
    let named: Vec<String> = texts.iter().take(max_named).map(|text| types::shown(text)).collect();
    match texts.len().saturating_sub(max_named) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// `1 record`, `2 records`.
fn num_of(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
