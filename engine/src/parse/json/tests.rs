//! What both readers make of the same text, however it is cut.

mod drift;
mod fields;
mod invalid_escapes;
mod line_layout;
mod properties;
mod records;
mod value_layout;

use super::*;
use crate::parse::origin::{Origin, OriginRows, TimeSource};
use crate::parse::reject::RecordText;
use crate::parse::{Parsed, Reject};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use encoding_rs::{SHIFT_JIS, UTF_16LE};
use proptest::prelude::*;
use std::sync::Arc;

/// What came of one or more files.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// A row's fields, separated by ` | `, with its record number in front if it was asked for.
    rows: Vec<String>,
    /// Where each row comes from, if that was asked for.
    origins: Vec<Option<Origin>>,
    rejects: Vec<Reject>,
    errors: Vec<String>,
}

impl Outcome {
    fn add(&mut self, parsed: Parsed, batch_rows: usize) {
        assert!(parsed.batch.num_rows() <= batch_rows);
        for row in 0..parsed.batch.num_rows() {
            let mut fields = Vec::new();
            if let Some(record_numbers) = &parsed.record_numbers {
                assert_eq!(record_numbers.len(), parsed.batch.num_rows());
                fields.push(format!("#{}", record_numbers[row]));
            }
            fields.extend(parsed.batch.columns().iter().map(|column| shown(column.as_ref(), row)));
            self.rows.push(fields.join(" | "));
        }
        if let Some(origins) = &parsed.origins {
            let rows = 0..parsed.batch.num_rows();
            self.origins.extend(rows.map(|row| Origin::of_row(origins, row)));
        }
        self.rejects.extend(parsed.rejects);
    }
}

fn shown(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Timestamp(_, _) => format!("{}us", array.as_primitive::<TimestampMicrosecondType>().value(row)),
        other => panic!("no column has type {other}"),
    }
}

fn drain(parser: &mut dyn Parser, outcome: &mut Outcome, batch_rows: usize) {
    loop {
        match parser.next_batch() {
            Ok(Some(parsed)) => outcome.add(parsed, batch_rows),
            Ok(None) => return,
            Err(error) => outcome.errors.push(error.to_string()),
        }
    }
}

/// Parses `files` in chunks whose lengths are taken from `cuts` over and over.
fn parse(mut parser: Box<dyn Parser>, batch_rows: usize, files: &[&[u8]], cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome::default();
    for (index, file) in files.iter().enumerate() {
        parser.begin_file(Arc::from(format!("file{index}")));
        let mut rest = *file;
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
            parser.push(chunk);
            drain(parser.as_mut(), &mut outcome, batch_rows);
            rest = behind;
        }
        parser.finish_file();
        drain(parser.as_mut(), &mut outcome, batch_rows);
    }
    while let Some(parsed) = parser.flush().unwrap() {
        outcome.add(parsed, batch_rows);
    }
    outcome
}

/// Parses with both readers and many ways of cutting, and demands one outcome of all.
#[track_caller]
fn outcome_of(options: &JsonOptions, files: &[&[u8]]) -> Outcome {
    let whole = files.iter().map(|file| file.len()).max().unwrap_or(0).max(1);
    let expected = parse(
        new_reference_parser(options).unwrap(),
        options.batch_rows,
        files,
        &[whole],
    );
    for cut in [1, 7, 4096, whole] {
        let reference = parse(
            new_reference_parser(options).unwrap(),
            options.batch_rows,
            files,
            &[cut],
        );
        assert_eq!(reference, expected, "reference, chunks of {cut}");
        let fast = parse(new_parser(options).unwrap(), options.batch_rows, files, &[cut]);
        assert_eq!(fast, expected, "fast, chunks of {cut}");
    }
    expected
}

/// Rejects as `line:byte:record column: reason: record`.
fn shown_rejects(outcome: &Outcome) -> Vec<String> {
    let mut shown = Vec::new();
    for Reject {
        position,
        column,
        reason,
        record,
        ..
    } in &outcome.rejects
    {
        let column = column.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        shown.push(format!(
            "{}:{}:{} {column}{reason}: {}",
            position.line, position.byte, position.record, record.kept
        ));
    }
    shown
}

#[track_caller]
fn check(options: &JsonOptions, input: impl AsRef<[u8]>, rows: &[&str], rejects: &[&str]) {
    check_with_error(options, input, rows, rejects, &[]);
}

#[track_caller]
fn check_with_error(options: &JsonOptions, input: impl AsRef<[u8]>, rows: &[&str], rejects: &[&str], errors: &[&str]) {
    let outcome = outcome_of(options, &[input.as_ref()]);
    assert_eq!(outcome.rows, rows);
    assert_eq!(shown_rejects(&outcome), rejects);
    assert_eq!(outcome.errors, errors);
}

fn column(name: &str, column_type: ColumnType) -> ColumnOptions {
    ColumnOptions {
        name: name.to_owned(),
        column_type,
        timestamp: TimestampOptions {
            formats: vec!["%Y-%m-%dT%H:%M:%S%z".to_owned(), "%s".to_owned()],
            ..TimestampOptions::default()
        },
        element_at: None,
        members: Vec::new(),
    }
}

fn column_at(name: &str, column_type: ColumnType, pointer: &str) -> ColumnOptions {
    ColumnOptions {
        element_at: Some(pointer.to_owned()),
        ..column(name, column_type)
    }
}

fn keeping(members: &[&str], column: ColumnOptions) -> ColumnOptions {
    ColumnOptions {
        members: members.iter().map(|member| (*member).to_owned()).collect(),
        ..column
    }
}

fn lines(columns: Vec<ColumnOptions>) -> JsonOptions {
    JsonOptions {
        layout: JsonLayout::Lines,
        columns,
        ..JsonOptions::default()
    }
}

fn values(columns: Vec<ColumnOptions>) -> JsonOptions {
    JsonOptions {
        layout: JsonLayout::Values,
        columns,
        ..JsonOptions::default()
    }
}

/// Reads `field` as column `a` of `column_type`, in both layouts: `Ok` the value shown, `Err` the reason.
#[track_caller]
fn check_field(column_type: ColumnType, field: &str, expected: Result<&str, &str>) {
    for options in [
        lines(vec![column("a", column_type)]),
        values(vec![column("a", column_type)]),
    ] {
        let input = format!("{{\"a\":{field}}}");
        match expected {
            Ok(row) => check(&options, &input, &[row], &[]),
            Err(reason) => check(&options, &input, &[], &[&format!("1:0:1 a: {reason}: {input}")]),
        }
    }
}

/// Reads a line that is no JSON value.
#[track_caller]
fn check_bad_line(line: &str, reason: &str) {
    let input = format!("{{}}\n{line}\n{{}}");
    check(
        &lines(vec![column("a", ColumnType::Long)]),
        &input,
        &["null", "null"],
        &[&format!("2:3:2 not valid JSON: {reason}: {line}")],
    );
}
