//! What the peculiarities of files cost a whole load on one core, against the same records as everyday CSV.
//!
//! Writes the same access log in one dialect after the other, loads each into a new table and takes the best of a few runs. A dialect
//! that takes much longer than its bytes explain has missed the fast way through a parser.
//!
//! ```text
//! dialects                   every dialect
//! dialects json              those whose name contains a word
//! ```
//!
//! `BUCKETLOAD_BENCH_SCALE` and `BUCKETLOAD_BENCH_RUNS` are those of `end_to_end`. Results are the rows of a Markdown table.

use bucketload_benches::asked::Asked;
use bucketload_benches::job::{csv_parser, jsonl_parser, load_config, tsv_parser};
use bucketload_benches::records::{Records, Shape};
use bucketload_benches::whole_load::best_load;
use serde_json::{Value, json};
use std::error::Error;
use std::fs;

/// Loads of which the best counts.
const NUM_RUNS: usize = 5;

/// Records of a file, and files: about 100 MB of text.
const NUM_RECORDS: usize = 60_000;
const NUM_FILES: usize = 8;

/// Lines of the log that make one field of a long record.
const LINES_OF_A_FIELD: usize = 200;

/// One way to write the records.
struct Dialect {
    name: &'static str,
    text: fn(&Records) -> Vec<u8>,
    /// The `parser` section.
    parser: Value,
}

/// The first is what the others are compared with.
fn dialects() -> Vec<Dialect> {
    let dialect = |name, text, parser| Dialect { name, text, parser };
    let csv = |more: Value| with(csv_parser(Shape::Log), more);
    let tsv = |more: Value| with(tsv_parser(Shape::Log), more);
    let jsonl = |more: Value| with(jsonl_parser(Shape::Log), more);
    let half = csv_parser(Shape::Log)["columns"]
        .as_array()
        .map(|columns| columns[..columns.len() / 2].to_vec());
    vec![
        dialect("csv", Records::csv, csv(json!({}))),
        dialect(
            "csv_crlf",
            |records| replaced(&records.csv(), "\n", "\r\n"),
            csv(json!({})),
        ),
        dialect(
            "csv_comments",
            |records| replaced(&records.csv(), "\n", "\n#\n"),
            csv(json!({"comment_line_marker": "#"})),
        ),
        dialect("csv_backslash", Records::csv, csv(json!({"escape": "\\"}))),
        dialect("csv_trimmed", Records::csv, csv(json!({"trim_if_not_quoted": true}))),
        dialect(
            "csv_stray_quotes",
            Records::csv,
            csv(json!({"quotes_in_quoted_fields": "ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS"})),
        ),
        dialect(
            "csv_line_feeds_only",
            Records::csv,
            csv(json!({"line_delimiter_recognized": "LF"})),
        ),
        dialect(
            "csv_utf16",
            |records| utf16(&records.csv()),
            csv(json!({"charset": "UTF-16LE"})),
        ),
        dialect(
            "csv_long_records",
            long_records,
            with(csv(json!({})), json!({"columns": long_columns()})),
        ),
        dialect("tsv", Records::tsv, tsv(json!({}))),
        dialect(
            "tsv_quotes_in_text",
            |records| replaced(&records.tsv(), "(", "(\""),
            tsv(json!({"quote": "\""})),
        ),
        dialect(
            "two_character_delimiter",
            |records| replaced(&records.tsv(), "\t", "||"),
            tsv(json!({"type": "csv", "delimiter": "||"})),
        ),
        dialect("jsonl", Records::jsonl, jsonl(json!({}))),
        dialect(
            "jsonl_spaced",
            |records| replaced(&records.jsonl(), "\":", "\": "),
            jsonl(json!({})),
        ),
        dialect(
            "jsonl_rescue",
            Records::jsonl,
            jsonl(json!({"columns": half, "on_new_columns": "rescue"})),
        ),
        dialect(
            "json_array",
            Records::json_array,
            jsonl(json!({"type": "json", "flatten_json_array": true})),
        ),
    ]
}

/// A section with other settings.
fn with(mut section: Value, more: Value) -> Value {
    if let (Some(settings), Value::Object(more)) = (section.as_object_mut(), more) {
        settings.extend(more);
    }
    section
}

fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(text).replace(from, to).into_bytes()
}

fn utf16(text: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(text)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect()
}

/// The log as a few long texts.
fn long_records(records: &Records) -> Vec<u8> {
    let log = replaced(&records.tsv(), "\"", "");
    let lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').collect();
    let mut text = Vec::new();
    for lines in lines.chunks(LINES_OF_A_FIELD) {
        let time = lines[0].split(|byte| *byte == b'\t').next().unwrap_or_default();
        if !time.is_empty() {
            text.extend([time, b",\"", &lines.join(&b' '), b"\"\n"].concat());
        }
    }
    text
}

fn long_columns() -> Value {
    json!([csv_parser(Shape::Log)["columns"][0], {"name": "text", "type": "string"}])
}

fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::new(NUM_RUNS)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("input/");
    let directory = input.to_str().ok_or("a temporary directory without a name")?;
    let num_records = ((NUM_RECORDS as f64 * asked.scale) as usize).max(20);
    let records = Records::log(num_records);
    println!(
        "{} records, one core, best of {}\n",
        num_records * NUM_FILES,
        asked.num_runs
    );
    println!("| dialect | MB | seconds | MB/s | against csv | rows written |\n|---|---|---|---|---|---|");
    let mut everyday = None;
    for dialect in dialects() {
        if dialect.name != "csv" && !asked.is_wanted(dialect.name) {
            continue;
        }
        let text = (dialect.text)(&records);
        fs::create_dir(&input)?;
        for file in 0..NUM_FILES {
            fs::write(input.join(file.to_string()), &text)?;
        }
        let config = load_config(directory, &dialect.parser, &json!([]));
        let best = best_load(&runtime, folder.path(), &config, asked.num_runs)
            .map_err(|error| format!("{}: {error}", dialect.name))?;
        fs::remove_dir_all(&input)?;
        let megabytes = (text.len() * NUM_FILES) as f64 / 1e6;
        let seconds = best.time.as_secs_f64();
        let everyday = *everyday.get_or_insert(seconds);
        println!(
            "| {} | {megabytes:.0} | {seconds:.3} | {:.0} | {:.2} | {} |",
            dialect.name,
            megabytes / seconds,
            seconds / everyday,
            best.num_rows
        );
    }
    Ok(())
}
