//! Both readers of a parser on the same files, cut into chunks of several sizes.

use crate::conditions::EveryThird;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::util::pretty::pretty_format_batches;
use bucketload_engine::parse::{ParseError, Parsed, Parser, ParserOptions, Reject};
use std::sync::Arc;

/// Where files are cut, in bytes.
pub const CHUNK_BYTES: [usize; 4] = [1, 7, 4096, usize::MAX];

/// What a reader made of some files.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// All rows.
    pub rows: RecordBatch,
    /// The number of each row's record in its file.
    pub record_numbers: Vec<i64>,
    /// All rejects.
    pub rejects: Vec<Reject>,
    /// Why files could not be read to their end.
    pub errors: Vec<String>,
}

impl Outcome {
    /// For people to read.
    pub fn shown(&self) -> String {
        let rows = pretty_format_batches(std::slice::from_ref(&self.rows))
            .map_or_else(|error| error.to_string(), |table| table.to_string());
        format!(
            "{rows}\nrecords {:?}\nrejects {:#?}\nerrors {:?}",
            self.record_numbers, self.rejects, self.errors
        )
    }
}

/// Which of the two readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderKind {
    /// The one that loads use.
    Fast,
    /// The plain one that says what is right.
    Reference,
}

/// Reads files with one reader, cut into chunks of `chunk_bytes`.
///
/// **Panics** if the reader breaks a promise of [`Parser`].
pub fn read(options: &ParserOptions, kind: ReaderKind, files: &[&[u8]], chunk_bytes: usize) -> Outcome {
    read_where(options, kind, files, chunk_bytes, None)
}

/// As [`read`], with a condition on rows.
///
/// **Panics** if the reader breaks a promise of [`Parser`].
pub fn read_where(
    options: &ParserOptions,
    kind: ReaderKind,
    files: &[&[u8]],
    chunk_bytes: usize,
    condition: Option<EveryThird>,
) -> Outcome {
    let projection: Vec<usize> = (0..options.fields().len()).collect();
    let parser = match kind {
        ReaderKind::Fast => options.new_parser(&projection, BATCH_ROWS, true),
        ReaderKind::Reference => options.new_reference_parser(&projection, BATCH_ROWS, true),
    };
    let mut parser = parser.unwrap_or_else(|error| panic!("{error}"));
    if let Some(condition) = condition {
        parser.set_condition(Box::new(condition));
    }
    let mut gathered = Gathered::default();
    for (index, file) in files.iter().enumerate() {
        parser.begin_file(Arc::from(format!("file {index}")));
        if let Err(error) = read_file(parser.as_mut(), file, chunk_bytes, &mut gathered) {
            gathered.errors.push(error.to_string());
        }
    }
    while let Some(parsed) = parser.flush().unwrap_or_else(|error| panic!("{error}")) {
        gathered.take(parsed);
    }
    gathered.into_outcome(options)
}

/// Rows of a batch: few, so that files of a few lines have several.
const BATCH_ROWS: usize = 3;

fn read_file(
    parser: &mut dyn Parser,
    file: &[u8],
    chunk_bytes: usize,
    gathered: &mut Gathered,
) -> Result<(), ParseError> {
    for chunk in file.chunks(chunk_bytes) {
        parser.push(chunk);
        while let Some(parsed) = parser.next_batch()? {
            gathered.take(parsed);
        }
    }
    parser.finish_file();
    while let Some(parsed) = parser.next_batch()? {
        gathered.take(parsed);
    }
    Ok(())
}

#[derive(Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    record_numbers: Vec<i64>,
    rejects: Vec<Reject>,
    errors: Vec<String>,
}

impl Gathered {
    fn take(&mut self, parsed: Parsed) {
        let num_rows = parsed.batch.num_rows();
        assert!(num_rows <= BATCH_ROWS, "a batch of {num_rows} rows");
        let numbers = parsed.record_numbers.unwrap_or_default();
        assert_eq!(numbers.len(), num_rows, "a number for each row");
        self.record_numbers.extend(numbers);
        self.rejects.extend(parsed.rejects);
        self.batches.push(parsed.batch);
    }

    fn into_outcome(self, options: &ParserOptions) -> Outcome {
        let schema = Arc::new(arrow::datatypes::Schema::new(options.fields()));
        for batch in &self.batches {
            assert_eq!(batch.schema(), schema, "the schema of a batch");
        }
        Outcome {
            rows: concat_batches(&schema, &self.batches).unwrap_or_else(|error| panic!("{error}")),
            record_numbers: self.record_numbers,
            rejects: self.rejects,
            errors: self.errors,
        }
    }
}

/// Reads files with both readers, in chunks of each of these sizes, and demands one outcome.
///
/// **Panics** with both outcomes if two differ.
pub fn read_all_ways(options: &ParserOptions, files: &[&[u8]], chunk_bytes: &[usize]) -> Outcome {
    let expected = read(options, ReaderKind::Reference, files, usize::MAX);
    for &chunk_bytes in chunk_bytes {
        for kind in [ReaderKind::Reference, ReaderKind::Fast] {
            let outcome = read(options, kind, files, chunk_bytes);
            assert!(
                outcome == expected,
                "the reader {kind:?} in chunks of {chunk_bytes} bytes gives\n{}\nand the reference, in one piece,\n{}",
                outcome.shown(),
                expected.shown()
            );
        }
    }
    expected
}

/// Reads files with both readers and a condition on each of the columns, and demands what they give without, less the rows of which it is
/// not true.
///
/// **Panics** with both outcomes if two differ.
pub fn read_where_all_ways(options: &ParserOptions, files: &[&[u8]], chunk_bytes: &[usize]) {
    let whole = read(options, ReaderKind::Reference, files, usize::MAX);
    for column in 0..options.fields().len() {
        let condition = EveryThird::of(column);
        let expected = condition.applied_to(&whole);
        for &chunk_bytes in chunk_bytes {
            for kind in [ReaderKind::Reference, ReaderKind::Fast] {
                let outcome = read_where(options, kind, files, chunk_bytes, Some(condition));
                assert!(
                    outcome == expected,
                    "the reader {kind:?} in chunks of {chunk_bytes} bytes, with a condition on column {column}, gives\n{}\nand the \
                     reference leaves\n{}",
                    outcome.shown(),
                    expected.shown()
                );
            }
        }
    }
}
