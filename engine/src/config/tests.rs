use super::*;
use crate::decode::{DecodeOptions, DecoderOptions, EntryOptions};
use crate::filter::rules::*;
use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::parse::csv::{ColumnMatch, CsvOptions, Newline, QuotesInQuotedFields};
use crate::parse::drift::{OnBadValue, OnNewColumns};
use crate::parse::json::{InvalidStringEscapes, JsonLayout, JsonOptions};
use crate::pattern::{Pattern, Replacement};
use plan::*;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::time::Duration;

mod coverage;
mod credentials;
mod decoders;
mod examples;
mod filters;
mod input;
mod output;
mod parser;
mod sql;
mod text;
mod times;

fn lookup(name: &str) -> Option<String> {
    match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIA".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("hush".to_owned()),
        "SIZE" => Some("64MiB".to_owned()),
        _ => None,
    }
}

fn try_resolve(text: &str, is_strict: bool) -> Result<Resolved, ConfigErrors> {
    let document = Document::parse(text, "load.yml")?;
    resolve(
        &document,
        &ResolveOptions {
            is_strict,
            lookup: &lookup,
        },
    )
}

#[track_caller]
fn resolved(text: &str) -> Resolved {
    try_resolve(text, false).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A whole file around the lines of its sections.
fn file(input: &str, parser: &str, rest: &str) -> String {
    format!(
        "in: {{type: s3, bucket: b, path_prefix: p, auth_method: anonymous, {input}\n  parser: {{{parser}}}}}\n{rest}"
    )
}

const CSV: &str = "type: csv, columns: [{name: a, type: long}]";

#[track_caller]
fn input(lines: &str) -> InputPlan {
    resolved(&file(lines, CSV, "")).plan.input
}

#[track_caller]
fn csv(lines: &str) -> CsvOptions {
    let plan = resolved(&file("", &format!("{CSV}, {lines}"), "")).plan;
    let Some(ParserOptions::Csv(options)) = plan.input.parser else {
        panic!("not csv")
    };
    options
}

#[track_caller]
fn json(lines: &str) -> JsonOptions {
    let plan = resolved(&file("", lines, "")).plan;
    let Some(ParserOptions::Json(options)) = plan.input.parser else {
        panic!("not json")
    };
    options
}

#[track_caller]
fn filter(line: &str) -> FilterRule {
    let mut filters = resolved(&file("", CSV, &format!("filters:\n- {line}\n"))).plan.filters;
    assert_eq!(filters.len(), 1);
    filters.remove(0).rule
}

#[track_caller]
fn output(line: &str) -> OutputPlan {
    resolved(&file("", CSV, &format!("out: {line}\n"))).plan.output
}

#[track_caller]
fn check_problems(text: &str, expected: &[(&str, usize, &str)]) {
    let problems = try_resolve(text, false)
        .map(|_| Vec::new())
        .unwrap_or_else(|errors| errors.problems);
    let found: Vec<String> = problems
        .iter()
        .map(|p| format!("{} {} {}", p.path, p.line, p.message))
        .collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (problem, (path, line, message)) in problems.iter().zip(expected) {
        assert_eq!((problem.path.as_str(), problem.line), (*path, *line), "{found:#?}");
        assert!(problem.message.contains(message), "{} lacks {message}", problem.message);
    }
}

#[track_caller]
fn check_input_error(lines: &str, path: &str, message: &str) {
    check_problems(&file(lines, CSV, ""), &[(path, 1, message)]);
}

#[track_caller]
fn check_csv_error(lines: &str, path: &str, message: &str) {
    check_problems(&file("", &format!("{CSV}, {lines}"), ""), &[(path, 2, message)]);
}

#[track_caller]
fn check_filter_error(line: &str, path: &str, message: &str) {
    check_problems(&file("", CSV, &format!("filters:\n- {line}\n")), &[(path, 4, message)]);
}

#[track_caller]
fn check_output_error(line: &str, path: &str, message: &str) {
    check_problems(&file("", CSV, &format!("out: {line}\n")), &[(path, 3, message)]);
}

#[track_caller]
fn check_warning(text: &str, path: &str, message: &str, hint: Option<&str>) {
    let warnings = resolved(text).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(warnings[0].path, path);
    assert!(warnings[0].message.contains(message), "{}", warnings[0].message);
    if let Some(hint) = hint {
        assert!(
            warnings[0].hint.as_deref().unwrap_or("").contains(hint),
            "{:?}",
            warnings[0].hint
        );
    }
}

fn entry(name: &str) -> ColumnEntry {
    ColumnEntry {
        name: name.to_owned(),
        source: None,
        column_type: None,
        default: None,
        timestamp: TimestampOptions::default(),
    }
}
