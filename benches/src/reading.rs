//! How the records are read back: options of decoders and parsers, and the loops that a scan runs around them.

use crate::records::{EVENT_COLUMNS, Records, Shape, TIME_FORMAT};
use bucketload_engine::decode::{DecodeOptions, Event, FileDecoder};
use bucketload_engine::parse::columns::{ColumnOptions, ColumnType, TimestampOptions};
use bucketload_engine::parse::csv::{CsvOptions, CsvParser, Newline};
use bucketload_engine::parse::json::{JsonLayout, JsonOptions};
use bucketload_engine::parse::{Parsed, Parser};
use std::sync::Arc;

/// Bytes handed to a parser at a time, and room for decoded bytes, as a scan has.
pub const CHUNK_BYTES: usize = 256 * 1024;

const SOUND_OPTIONS: &str = "the options are sound";
const SOUND_DATA: &str = "the data is sound";

fn column(name: &str, column_type: ColumnType, element_at: Option<&str>) -> ColumnOptions {
    let mut timestamp = TimestampOptions::default();
    if column_type == ColumnType::Timestamp {
        timestamp.formats = vec![TIME_FORMAT.to_owned()];
    }
    ColumnOptions {
        name: name.to_owned(),
        column_type,
        timestamp,
        element_at: element_at.map(str::to_owned),
        members: Vec::new(),
    }
}

/// The columns of a shape.
pub fn columns(shape: Shape) -> Vec<ColumnOptions> {
    shape
        .columns()
        .iter()
        .map(|(name, column_type)| column(name, *column_type, None))
        .collect()
}

/// How [`Records::csv`] is read.
pub fn csv_options(shape: Shape) -> CsvOptions {
    CsvOptions {
        columns: columns(shape),
        escape: Some('"'),
        newline: Newline::Lf,
        ..CsvOptions::default()
    }
}

/// How [`Records::tsv`] is read.
pub fn tsv_options(shape: Shape) -> CsvOptions {
    CsvOptions {
        columns: columns(shape),
        delimiter: "\t".to_owned(),
        quote: None,
        escape: None,
        null_string: Some("-".to_owned()),
        newline: Newline::Lf,
        ..CsvOptions::default()
    }
}

/// How [`Records::jsonl`] is read.
pub fn jsonl_options(shape: Shape) -> JsonOptions {
    JsonOptions {
        columns: columns(shape),
        ..JsonOptions::default()
    }
}

/// How [`Records::json_array`] is read.
pub fn json_array_options(shape: Shape) -> JsonOptions {
    JsonOptions {
        layout: JsonLayout::Values,
        flatten_json_array: true,
        ..jsonl_options(shape)
    }
}

/// How [`events`](crate::records::events) are read.
pub fn event_options() -> JsonOptions {
    JsonOptions {
        columns: EVENT_COLUMNS
            .iter()
            .map(|(name, column_type, pointer)| column(name, *column_type, Some(pointer)))
            .collect(),
        ..JsonOptions::default()
    }
}

/// Hands the text of one file to a parser, and gives what has become of it so far.
pub fn parse_file(parser: &mut dyn Parser, text: &[u8]) -> Vec<Parsed> {
    let mut parsed = Vec::new();
    parser.begin_file(Arc::from("bench"));
    for chunk in text.chunks(CHUNK_BYTES) {
        parser.push(chunk);
        while let Some(batch) = parser.next_batch().expect(SOUND_DATA) {
            parsed.push(batch);
        }
    }
    parser.finish_file();
    while let Some(batch) = parser.next_batch().expect(SOUND_DATA) {
        parsed.push(batch);
    }
    parsed
}

/// Reads `text` as the only file, to its end.
pub fn parse(parser: &mut dyn Parser, text: &[u8]) -> Vec<Parsed> {
    let mut parsed = parse_file(parser, text);
    parsed.extend(parser.flush().expect(SOUND_DATA));
    parsed
}

/// Records as the parser of CSV gives them.
pub fn batches(records: &Records) -> Vec<arrow::array::RecordBatch> {
    let mut parser = CsvParser::new(&csv_options(records.shape)).expect(SOUND_OPTIONS);
    parse(&mut parser, &records.csv())
        .into_iter()
        .map(|parsed| parsed.batch)
        .collect()
}

/// A decoder that finds out the format of each file.
pub fn decoder() -> FileDecoder {
    FileDecoder::new(&DecodeOptions::Auto)
}

/// Decodes as large files are: through a buffer of the size of a chunk. Hands each piece on, and gives the number of plain bytes.
pub fn decode_stream(
    decoder: &mut FileDecoder,
    room: &mut [u8],
    mut file: &[u8],
    mut each: impl FnMut(&[u8]),
) -> usize {
    decoder.begin();
    let mut num_bytes = 0;
    loop {
        let is_finishing = file.is_empty();
        let progress = match is_finishing {
            true => decoder.finish(room),
            false => decoder.decode(file, room),
        };
        let progress = progress.expect(SOUND_DATA);
        file = &file[progress.consumed..];
        num_bytes += progress.produced;
        each(&room[..progress.produced]);
        if is_finishing && progress.event == Event::NeedsInput {
            return num_bytes;
        }
    }
}
