//! What filters cost a whole load on one core, against the same load without them.
//!
//! Loads access logs into a new table with one filter at a time and takes the best of a few runs. `retain`, `drop` and a condition that
//! keeps a twentieth of the rows should make a load no slower, since parser and writer have less to do.
//!
//! ```text
//! filters                    every filter
//! filters digest             those whose name contains a word
//! ```
//!
//! `BUCKETLOAD_BENCH_SCALE` and `BUCKETLOAD_BENCH_RUNS` are those of `end_to_end`. Results are the rows of a Markdown table.

use bucketload_benches::asked::Asked;
use bucketload_benches::job::{csv_parser, load_config};
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

/// The `filters` sections; the first is what the others are compared with.
fn sections() -> [(&'static str, Value); 12] {
    let digest = json!({"type": "digest", "columns": [{"name": "client_ip", "algorithm": "SHA-256"}]});
    let condition = json!({"type": "row", "where": "status <> 304"});
    let add = json!({"type": "add_columns", "columns": [{"name": "source", "type": "string", "default": "web"}]});
    let cast = json!({"type": "cast", "columns": {"bytes": "double"}});
    let drop = json!({"type": "drop_columns", "columns": ["message", "user_agent"]});
    [
        ("none", json!([])),
        (
            "retain_columns",
            json!([{"type": "retain_columns", "columns": ["time", "client_ip", "status", "bytes"]}]),
        ),
        ("drop_columns", json!([drop])),
        ("constant_column", json!([add])),
        (
            "rename",
            json!([{"type": "rename", "rules": [{"rule": "lower_to_upper"}]}, {"type": "rename", "columns": {"TIME": "time"}}]),
        ),
        ("digest_sha256", json!([digest])),
        ("cast", json!([cast])),
        // Every twentieth row: bytes are spread evenly.
        (
            "row_of_a_twentieth",
            json!([{"type": "row", "where": "bytes % 20 = 0"}]),
        ),
        ("row_of_most", json!([condition])),
        (
            "dedup",
            json!([{"type": "dedup", "columns": ["client_ip", "status"], "keep": "last", "by": "time"}]),
        ),
        (
            "sql_functions",
            json!([{"type": "sql", "select": "* EXCLUDE (client_ip), ip_anonymize(client_ip) AS client_ip"}]),
        ),
        ("pipeline_of_five", json!([condition, add, digest, cast, drop])),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::new(NUM_RUNS)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("input/");
    fs::create_dir(&input)?;
    let directory = input.to_str().ok_or("a temporary directory without a name")?;
    let num_records = ((NUM_RECORDS as f64 * asked.scale) as usize).max(20);
    let text = Records::log(num_records).csv();
    for file in 0..NUM_FILES {
        fs::write(input.join(format!("{file}.csv")), &text)?;
    }
    let megabytes = (text.len() * NUM_FILES) as f64 / 1e6;
    println!(
        "{megabytes:.0} MB of access logs, one core, best of {}\n",
        asked.num_runs
    );
    println!("| filter | seconds | MB/s | against none | rows written |\n|---|---|---|---|---|");
    let sections = sections();
    let mut without = None;
    for (name, filters) in sections
        .iter()
        .filter(|(name, _)| *name == "none" || asked.is_wanted(name))
    {
        let config = load_config(directory, &csv_parser(Shape::Log), filters);
        let best = best_load(&runtime, folder.path(), &config, asked.num_runs)?;
        let seconds = best.time.as_secs_f64();
        let without = *without.get_or_insert(seconds);
        println!(
            "| {name} | {seconds:.3} | {:.0} | {:+.1} % | {} |",
            megabytes / seconds,
            (seconds / without - 1.0) * 100.0,
            best.num_rows
        );
    }
    Ok(())
}
