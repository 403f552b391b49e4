//! Runs one kernel on fixed data, once, for a program that counts its instructions.
//!
//! ```text
//! bucketload-kernels                list the kernels
//! bucketload-kernels csv/fast       run one
//! ```
//!
//! Each kernel runs twice. The first time warms up what is made once (tables, detected features of the processor, room that is
//! used again); the second runs inside of [`counted_run`], by whose name the counting program knows where to begin and end. Then the
//! amount of work of one run is printed, such as `9501234 bytes`. `benches/compare` does all of this.

#![expect(clippy::print_stdout, reason = "what a program has to say")]

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bucketload_kernels::compress::{bzip2, gzip, gzip_members, zip, zstd};
use bucketload_kernels::parse::Parser;
use bucketload_kernels::parse::columns::TimestampOptions;
use bucketload_kernels::parse::condition::RowCondition;
use bucketload_kernels::parse::csv::{CsvOptions, CsvParser, ReferenceCsvParser};
use bucketload_kernels::parse::drift::OnNewColumns;
use bucketload_kernels::parse::json::{JsonOptions, new_parser};
use bucketload_kernels::parse::timestamp::TimestampParser;
use bucketload_kernels::pattern::Pattern;
use bucketload_kernels::reading::{
    CHUNK_BYTES, batches, csv_options, decode_stream, decoder, event_options, json_array_options, jsonl_options, parse,
    tsv_options,
};
use bucketload_kernels::records::{Numbers, Order, Records, START_MICROS, Shape, events};
use bucketload_kernels::source::file::{ListedFile, SourceFile};
use bucketload_kernels::source::select::{SelectOptions, Selector, Verdict};
use bucketload_kernels::write::column::{ColumnEncoder, ColumnHistory, PageCompressor};
use bucketload_kernels::write::encoding::Compression;
use bucketload_kernels::write::partition::{PartitionBy, Partitioner, times_of};
use bucketload_kernels::write::rows::Rows;
use jiff::tz::TimeZone;
use parquet::arrow::ArrowSchemaConverter;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;

/// Records of a kernel's input. Instructions do not vary, so few are enough; a processor that is imitated to count them is fifty
/// times slower than a real one.
const NUM_RECORDS: usize = 3_000;

const SOUND: &str = "the options are sound";

/// One run, ready to be repeated, and the work it does.
struct Kernel {
    amount: usize,
    unit: &'static str,
    run: Box<dyn FnMut() -> usize>,
}

impl Kernel {
    fn bytes(plain: usize, run: impl FnMut() -> usize + 'static) -> Kernel {
        Kernel {
            amount: plain,
            unit: "bytes",
            run: Box::new(run),
        }
    }
}

/// Makes the data of a kernel and what it needs.
type Prepare = fn() -> Kernel;

/// Every kernel by its name.
const KERNELS: &[(&str, Prepare)] = &[
    ("select/pattern", select),
    ("decode/plain", || decode(<[u8]>::to_vec)),
    ("decode/gzip", || decode(gzip)),
    ("decode/gzip_members", || decode(|plain| gzip_members(plain, 64 * 1024))),
    ("decode/bzip2", || decode(bzip2)),
    ("decode/zstd", || decode(zstd)),
    ("decode/zip", || decode(zip)),
    ("csv/fast", || csv(Shape::Log, None)),
    ("csv/fast_two_columns", || csv(Shape::Log, Some(vec![0, 5]))),
    ("csv/wide", || csv(Shape::Wide, None)),
    ("csv/narrow", || csv(Shape::Narrow, None)),
    ("csv/long_text", || csv(Shape::LongText, None)),
    ("csv/nulls", || csv(Shape::Nulls, None)),
    ("csv/where_a_twentieth", || {
        chosen(csv_parser(), Share::Twentieth, Records::csv)
    }),
    ("csv/where_most", || chosen(csv_parser(), Share::Most, Records::csv)),
    ("csv/reference", csv_reference),
    ("csv/long_records", long_records),
    ("tsv/fast", tsv),
    ("tsv/quotes_in_text", quotes_in_text),
    ("jsonl/fast", || jsonl(Shape::Log, None)),
    ("jsonl/fast_two_columns", || jsonl(Shape::Log, Some(vec![0, 5]))),
    ("jsonl/where_a_twentieth", || {
        chosen(jsonl_parser(), Share::Twentieth, Records::jsonl)
    }),
    ("jsonl/where_most", || {
        chosen(jsonl_parser(), Share::Most, Records::jsonl)
    }),
    ("jsonl/wide", || jsonl(Shape::Wide, None)),
    ("jsonl/long_text", || jsonl(Shape::LongText, None)),
    ("jsonl/nested", nested),
    ("jsonl/rescue", rescue),
    ("json/array", json_array),
    ("timestamp/iso", || {
        timestamp("%Y-%m-%dT%H:%M:%S.%L%z", "%Y-%m-%dT%H:%M:%S.%3fZ")
    }),
    ("timestamp/apache", || {
        timestamp("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S +0000")
    }),
    ("timestamp/java", || {
        timestamp("java:yyyy-MM-dd HH:mm:ss.SSS XXX", "%Y-%m-%d %H:%M:%S.%3f +00:00")
    }),
    ("timestamp/general", || {
        timestamp("%A, %B %e %Y %I:%M:%S %p %Z", "%A, %B %e %Y %I:%M:%S %p UTC")
    }),
    ("partition/one_hour", || partition(1, Order::ByTime)),
    ("partition/ordered", || partition(48, Order::ByTime)),
    ("partition/shuffled", || partition(48, Order::Shuffled)),
    ("encode/snappy", || encode(Shape::Log, Compression::Snappy)),
    ("encode/zstd", || encode(Shape::Log, Compression::Zstd { level: 1 })),
    ("encode/lz4", || encode(Shape::Log, Compression::Lz4)),
    ("encode/none", || encode(Shape::Log, Compression::None)),
    ("encode/wide", || encode(Shape::Wide, Compression::Snappy)),
    ("encode/long_text", || encode(Shape::LongText, Compression::Snappy)),
    ("encode/nulls", || encode(Shape::Nulls, Compression::Snappy)),
];

fn main() -> ExitCode {
    let Some(wanted) = std::env::args().nth(1) else {
        for (name, _) in KERNELS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let Some((_, prepare)) = KERNELS.iter().find(|(name, _)| *name == wanted) else {
        println!("there is no kernel `{wanted}`");
        return ExitCode::from(2);
    };
    let Kernel { amount, unit, mut run } = prepare();
    let warm = run();
    let counted = counted_run(&mut run);
    assert_eq!(warm, counted, "a kernel does the same each time");
    println!("{amount} {unit}");
    ExitCode::SUCCESS
}

/// What is counted begins and ends with this function.
#[inline(never)]
fn counted_run(run: &mut dyn FnMut() -> usize) -> usize {
    black_box(run())
}

/// Fewer where a record is long, so that the text is about as much.
fn records(shape: Shape) -> Records {
    let num_records = match shape {
        Shape::Wide | Shape::LongText => NUM_RECORDS / 10,
        Shape::Narrow => NUM_RECORDS * 4,
        Shape::Log | Shape::Nulls => NUM_RECORDS,
    };
    Records::new(shape, num_records)
}

fn select() -> Kernel {
    let files: Vec<ListedFile> = (0..NUM_RECORDS)
        .map(|index| ListedFile {
            file: SourceFile {
                key: format!("web/2026-11-{:02}/part-{index:06}.csv.gz", index % 28 + 1).into(),
                size_bytes: 1,
                modified_micros: START_MICROS,
                etag: None,
            },
            archive: None,
            storage_class: None,
        })
        .collect();
    let options = SelectOptions {
        path_prefix: "web/".to_owned(),
        path_match_pattern: Some(Pattern::new(r"-1\d/.*\.csv(\.gz)?$").expect("a sound pattern")),
        ..SelectOptions::default()
    };
    Kernel {
        amount: files.len(),
        unit: "files",
        run: Box::new(move || {
            let mut selector = Selector::new(&options, START_MICROS);
            black_box(&files)
                .iter()
                .filter(|file| matches!(selector.admit(file), Ok(Verdict::Selected)))
                .count()
        }),
    }
}

fn decode(compress: impl Fn(&[u8]) -> Vec<u8>) -> Kernel {
    let plain = records(Shape::Log).csv();
    let file = compress(&plain);
    let (mut decoder, mut room) = (decoder(), vec![0; CHUNK_BYTES]);
    Kernel::bytes(plain.len(), move || {
        decode_stream(&mut decoder, &mut room, black_box(&file), |piece| {
            black_box(piece);
        })
    })
}

fn parsed_rows(mut parser: Box<dyn Parser>, text: Vec<u8>) -> Kernel {
    Kernel::bytes(text.len(), move || {
        parse(parser.as_mut(), black_box(&text))
            .iter()
            .map(|parsed| parsed.batch.num_rows())
            .sum()
    })
}

fn csv(shape: Shape, projection: Option<Vec<usize>>) -> Kernel {
    let options = CsvOptions {
        projection,
        ..csv_options(shape)
    };
    let parser = CsvParser::new(&options).expect(SOUND);
    parsed_rows(Box::new(parser), records(shape).csv())
}

fn csv_parser() -> Box<dyn Parser> {
    Box::new(CsvParser::new(&csv_options(Shape::Log)).expect(SOUND))
}

fn jsonl_parser() -> Box<dyn Parser> {
    new_parser(&jsonl_options(Shape::Log)).expect(SOUND)
}

/// The rows of which a condition is true: of its column of bytes, every twentieth value, or all but those.
#[derive(Clone, Copy)]
enum Share {
    Twentieth,
    Most,
}

impl RowCondition for Share {
    fn columns(&self) -> &[usize] {
        &[6]
    }

    fn evaluate(&mut self, columns: Vec<ArrayRef>) -> Result<BooleanArray, Box<dyn Error + Send + Sync>> {
        let is_twentieth = |bytes: i64| bytes % 20 == 0;
        let bytes = columns[0].as_primitive::<Int64Type>();
        Ok(BooleanArray::from_unary(bytes, |bytes| match self {
            Share::Twentieth => is_twentieth(bytes),
            Share::Most => !is_twentieth(bytes),
        }))
    }
}

/// A parser that hands on only the rows of which a condition is true.
fn chosen(mut parser: Box<dyn Parser>, share: Share, text: fn(&Records) -> Vec<u8>) -> Kernel {
    parser.set_condition(Box::new(share));
    parsed_rows(parser, text(&records(Shape::Log)))
}

fn csv_reference() -> Kernel {
    let parser = ReferenceCsvParser::new(&csv_options(Shape::Log)).expect(SOUND);
    parsed_rows(Box::new(parser), records(Shape::Log).csv())
}

fn tsv() -> Kernel {
    let parser = CsvParser::new(&tsv_options(Shape::Log)).expect(SOUND);
    parsed_rows(Box::new(parser), records(Shape::Log).tsv())
}

/// Quotes may stand round a field here, and are found in the middle of a third of the texts.
fn quotes_in_text() -> Kernel {
    let options = CsvOptions {
        quote: Some('"'),
        ..tsv_options(Shape::Log)
    };
    let mut text = Vec::new();
    for byte in records(Shape::Log).tsv() {
        text.push(byte);
        if byte == b'(' {
            text.push(b'"');
        }
    }
    parsed_rows(Box::new(CsvParser::new(&options).expect(SOUND)), text)
}

/// Records of some ten thousand bytes, nearly all of them in one field.
fn long_records() -> Kernel {
    const LINES_OF_A_FIELD: usize = 200;
    let mut log = records(Shape::Log).tsv();
    log.retain(|byte| *byte != b'"');
    let mut text = Vec::new();
    for lines in log
        .split(|byte| *byte == b'\n')
        .collect::<Vec<_>>()
        .chunks(LINES_OF_A_FIELD)
    {
        text.extend_from_slice(b"1,\"");
        text.extend_from_slice(&lines.join(&b' '));
        text.extend_from_slice(b"\"\n");
    }
    let options = CsvOptions {
        columns: csv_options(Shape::LongText).columns[1..].to_vec(),
        ..csv_options(Shape::LongText)
    };
    parsed_rows(Box::new(CsvParser::new(&options).expect(SOUND)), text)
}

/// Half of the members have no column.
fn rescue() -> Kernel {
    let mut options = JsonOptions {
        on_new_columns: OnNewColumns::Rescue,
        ..jsonl_options(Shape::Log)
    };
    options.columns.truncate(options.columns.len() / 2);
    parsed_rows(new_parser(&options).expect(SOUND), records(Shape::Log).jsonl())
}

fn jsonl(shape: Shape, projection: Option<Vec<usize>>) -> Kernel {
    let options = JsonOptions {
        projection,
        ..jsonl_options(shape)
    };
    parsed_rows(new_parser(&options).expect(SOUND), records(shape).jsonl())
}

fn nested() -> Kernel {
    let text = events(&Records::log(NUM_RECORDS / 4));
    parsed_rows(new_parser(&event_options()).expect(SOUND), text)
}

fn json_array() -> Kernel {
    let parser = new_parser(&json_array_options(Shape::Log)).expect(SOUND);
    parsed_rows(parser, records(Shape::Log).json_array())
}

/// Times as they follow each other in a log, a few hundredths of a second apart.
fn timestamp(format: &str, spelled: &str) -> Kernel {
    let mut numbers = Numbers::new(1);
    let mut micros = START_MICROS;
    let texts: Vec<String> = (0..NUM_RECORDS)
        .map(|_| {
            micros += i64::try_from(numbers.below(40)).expect("a small number") * 1_000;
            let time = jiff::Timestamp::from_microsecond(micros).expect("a time of these years");
            time.strftime(spelled).to_string()
        })
        .collect();
    let options = TimestampOptions {
        formats: vec![format.to_owned()],
        ..TimestampOptions::default()
    };
    let mut parser = TimestampParser::new(&options).expect(SOUND);
    Kernel {
        amount: texts.len(),
        unit: "values",
        run: Box::new(move || {
            let num_read = black_box(&texts)
                .iter()
                .filter_map(|text| parser.parse(text.as_bytes()))
                .count();
            assert_eq!(num_read, texts.len(), "the format reads its times");
            num_read
        }),
    }
}

fn partition(num_hours: u64, order: Order) -> Kernel {
    let records = Records {
        num_hours,
        order,
        ..records(Shape::Log)
    };
    let batches = batches(&records);
    Kernel {
        amount: records.num_records,
        unit: "rows",
        run: Box::new(move || {
            let mut partitioner = Partitioner::new(PartitionBy::Hour, TimeZone::UTC);
            let mut num_parts = 0;
            for batch in black_box(&batches) {
                let times = times_of(time_column(batch), 1).expect("a time column");
                num_parts += partitioner.split(&times).iter().count();
            }
            num_parts
        }),
    }
}

fn time_column(batch: &RecordBatch) -> &ArrayRef {
    batch.column(0)
}

fn encode(shape: Shape, compression: Compression) -> Kernel {
    let records = records(shape);
    let num_bytes = records.csv().len();
    let batches = batches(&records);
    Kernel::bytes(num_bytes, move || {
        let schema = batches[0].schema();
        let descriptor = ArrowSchemaConverter::new().convert(&schema).expect("a schema of ours");
        let mut compressor = PageCompressor::new(compression).expect("room for the tables");
        let mut num_bytes = 0;
        for (index, field) in schema.fields().iter().enumerate() {
            let mut column = ColumnEncoder::new(field.data_type(), descriptor.column(index), ColumnHistory::default())
                .expect("a type of ours");
            for batch in black_box(&batches) {
                let rows = Rows::Run {
                    start: 0,
                    num_rows: batch.num_rows(),
                };
                column
                    .append(batch.column(index).as_ref(), rows, &mut compressor)
                    .expect("small pages");
            }
            num_bytes += column.finish(&mut compressor).expect("small pages").num_bytes();
        }
        usize::try_from(num_bytes).expect("a small file")
    })
}
