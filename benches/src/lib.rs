//! Data for the benches: made from a seed, so that every run and every machine measures the same bytes.
//!
//! The rows are those of an access log, because that is what is loaded most: a time, some words that repeat, some that never do,
//! whole and broken numbers. A record is about 200 bytes.

use bucketload_engine::parse::columns::{ColumnOptions, ColumnType, TimestampOptions};
use bucketload_engine::parse::csv::{CsvOptions, Newline};
use bucketload_engine::parse::json::JsonOptions;
use bucketload_engine::parse::{Parsed, Parser};
use bucketload_engine::write::encoding::Compression;
use bucketload_engine::write::partition::PartitionBy;
use bucketload_engine::write::writer::WriteOptions;
use std::fmt::Write;
use std::sync::Arc;

/// 2026-11-20T00:00:00Z, where the logs begin.
pub const START_MICROS: i64 = 1_795_132_800_000_000;

/// Microseconds of an hour.
pub const HOUR_MICROS: i64 = 3_600_000_000;

/// Format of the times in the logs.
pub const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%L%z";

const COLUMNS: [(&str, ColumnType); 11] = [
    ("time", ColumnType::Timestamp),
    ("request_id", ColumnType::String),
    ("client_ip", ColumnType::String),
    ("method", ColumnType::String),
    ("path", ColumnType::String),
    ("status", ColumnType::Long),
    ("bytes", ColumnType::Long),
    ("duration", ColumnType::Double),
    ("region", ColumnType::String),
    ("user_agent", ColumnType::String),
    ("message", ColumnType::String),
];

/// A sequence of numbers that looks random and is the same everywhere (SplitMix64).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_number() % end
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len() as u64) as usize]
    }
}

/// How the times of a log run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Forward, as a server writes them.
    ByTime,
    /// Back and forth over all hours.
    Shuffled,
}

/// One record before it is spelled.
struct Record {
    micros: i64,
    request_id: u64,
    client_ip: [u64; 2],
    method: &'static str,
    path: String,
    status: u64,
    bytes: u64,
    duration_micros: u64,
    region: &'static str,
    user_agent: &'static str,
    message: String,
}

fn records(
    seed: u64,
    num_records: usize,
    start_micros: i64,
    num_hours: u64,
    order: Order,
) -> impl Iterator<Item = Record> {
    let mut numbers = Numbers::new(seed);
    let span_millis = num_hours * 3_600_000;
    (0..num_records as u64).map(move |index| {
        let millis = match order {
            Order::ByTime => index * span_millis / num_records as u64,
            Order::Shuffled => numbers.below(span_millis),
        };
        Record {
            micros: start_micros + i64::try_from(millis).expect("hours fit") * 1_000,
            request_id: numbers.next_number(),
            client_ip: [numbers.below(250), numbers.below(250)],
            method: numbers.one_of(&["GET", "GET", "GET", "POST", "PUT", "HEAD"]),
            path: format!("/api/v1/items/{}?page={}", numbers.below(40_000), numbers.below(20)),
            status: [200, 200, 200, 200, 304, 404, 500][numbers.below(7) as usize],
            bytes: numbers.below(90_000),
            duration_micros: numbers.below(3_000_000),
            region: numbers.one_of(&["eu-west-1", "us-east-1", "ap-northeast-1"]),
            user_agent: numbers.one_of(&[
                "Mozilla/5.0 (X11; Linux x86_64) Firefox/144.0",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)",
                "curl/8.11.0",
                "Feed \"Reader\" 2.1, +https://reader.example/about",
            ]),
            message: format!(
                "served by node-{:03} in {} steps",
                numbers.below(200),
                numbers.below(30)
            ),
        }
    })
}

/// `2026-11-20T00:00:00.000Z`
fn iso(micros: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).expect("a time of these years");
    format!("{time:.3}")
}

/// A log of some hours as CSV without a header.
pub fn csv(seed: u64, num_records: usize, start_micros: i64, num_hours: u64, order: Order) -> Vec<u8> {
    let mut text = String::new();
    for record in records(seed, num_records, start_micros, num_hours, order) {
        let Record {
            request_id,
            client_ip: [high, low],
            method,
            path,
            status,
            bytes,
            region,
            message,
            ..
        } = &record;
        let user_agent = match record.user_agent.contains(['"', ',']) {
            true => format!("\"{}\"", record.user_agent.replace('"', "\"\"")),
            false => record.user_agent.to_owned(),
        };
        writeln!(
            text,
            "{},{request_id:016x},198.51.{high}.{low},{method},{path},{status},{bytes},{}.{:06},{region},{user_agent},{message}",
            iso(record.micros),
            record.duration_micros / 1_000_000,
            record.duration_micros % 1_000_000,
        )
        .expect("text has room");
    }
    text.into_bytes()
}

/// A log of one hour as JSON lines.
pub fn jsonl(seed: u64, num_records: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for record in records(seed, num_records, START_MICROS, 1, Order::ByTime) {
        let [high, low] = record.client_ip;
        let value = serde_json::json!({
            "time": iso(record.micros),
            "request_id": format!("{:016x}", record.request_id),
            "client_ip": format!("198.51.{high}.{low}"),
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "bytes": record.bytes,
            "duration": record.duration_micros as f64 / 1e6,
            "region": record.region,
            "user_agent": record.user_agent,
            "message": record.message,
        });
        serde_json::to_writer(&mut text, &value).expect("memory takes everything");
        text.push(b'\n');
    }
    text
}

/// The columns of the logs.
pub fn columns() -> Vec<ColumnOptions> {
    let column = |(name, column_type): (&str, ColumnType)| ColumnOptions {
        name: name.to_owned(),
        column_type,
        timestamp: TimestampOptions {
            formats: vec![TIME_FORMAT.to_owned()],
            ..TimestampOptions::default()
        },
        element_at: None,
    };
    COLUMNS.into_iter().map(column).collect()
}

/// How [`csv`] is read.
pub fn csv_options() -> CsvOptions {
    CsvOptions {
        columns: columns(),
        escape: Some('"'),
        newline: Newline::Lf,
        ..CsvOptions::default()
    }
}

/// How [`jsonl`] is read.
pub fn json_options() -> JsonOptions {
    JsonOptions {
        columns: columns(),
        ..JsonOptions::default()
    }
}

/// The configuration of a load of gzip-compressed [`csv`] files below `directory`.
pub fn load_config(directory: &str) -> serde_json::Value {
    let columns: Vec<_> = COLUMNS
        .iter()
        .map(|(name, column_type)| match column_type {
            ColumnType::Timestamp => {
                serde_json::json!({"name": name, "type": column_type.name(), "format": TIME_FORMAT})
            }
            _ => serde_json::json!({"name": name, "type": column_type.name()}),
        })
        .collect();
    serde_json::json!({
        "in": {
            "type": "file",
            "path_prefix": directory,
            "parser": {"type": "csv", "newline": "LF", "escape": "\"", "columns": columns},
        },
        "out": {"mode": "append", "time_column": "time", "partition_by": "hour"},
    })
}

/// What a load configured by [`load_config`] makes its writer do.
pub fn write_options(compression: Compression) -> WriteOptions {
    WriteOptions {
        attempt: "bench".to_owned(),
        partition_by: PartitionBy::Hour,
        partition_columns: vec!["date".to_owned(), "hour".to_owned()],
        timezone: "UTC".to_owned(),
        time_column: Some("time".to_owned()),
        units_per_second: 1,
        is_missing_time_fatal: true,
        compression,
        target_file_size_bytes: 256 * 1024 * 1024,
        max_held_bytes: 128 * 1024 * 1024,
        max_open_files: 192,
        scratch_folder: None,
    }
}

/// Compresses as `gzip -6` does.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    std::io::Write::write_all(&mut encoder, bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// Compresses as `zstd -3` does.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).expect("memory takes everything")
}

/// Compresses as `bzip2 -9` does.
pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// Bytes handed to a parser at a time, as a scan does.
const CHUNK_BYTES: usize = 256 * 1024;

/// Reads `text` as one file to its end.
pub fn parse(parser: &mut dyn Parser, text: &[u8]) -> Vec<Parsed> {
    let mut parsed = Vec::new();
    parser.begin_file(Arc::from("bench"));
    for chunk in text.chunks(CHUNK_BYTES) {
        parser.push(chunk);
        while let Some(batch) = parser.next_batch().expect("the data is sound") {
            parsed.push(batch);
        }
    }
    parser.finish_file();
    while let Some(batch) = parser.next_batch().expect("the data is sound") {
        parsed.push(batch);
    }
    parsed.extend(parser.flush().expect("the data is sound"));
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;
    use bucketload_engine::parse::csv::CsvParser;
    use bucketload_engine::parse::json;

    #[track_caller]
    fn check(mut parser: Box<dyn Parser>, text: &[u8]) {
        let parsed = parse(parser.as_mut(), text);
        assert_eq!(
            parsed.iter().map(|parsed| parsed.batch.num_rows()).sum::<usize>(),
            1_000
        );
        assert!(parsed.iter().all(|parsed| parsed.rejects.is_empty()));
    }

    #[test]
    fn every_record_becomes_a_row() {
        check(
            Box::new(CsvParser::new(&csv_options()).unwrap()),
            &csv(1, 1_000, START_MICROS, 1, Order::ByTime),
        );
        check(json::new_parser(&json_options()).unwrap(), &jsonl(1, 1_000));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(
            csv(7, 100, START_MICROS, 2, Order::Shuffled),
            csv(7, 100, START_MICROS, 2, Order::Shuffled)
        );
        assert_ne!(
            csv(7, 100, START_MICROS, 2, Order::Shuffled),
            csv(8, 100, START_MICROS, 2, Order::Shuffled)
        );
    }
}
