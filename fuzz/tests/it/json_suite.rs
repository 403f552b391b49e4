//! The cases that JSON readers are compared by ("Parsing JSON is a minefield"): `y_` must be taken, `n_` refused, `i_` may be either.
//!
//! What is refused is a syntax error of the file in `json` and a reject of the line in `jsonl`. A value that is no object is taken by
//! the grammar and rejected for its kind. Where we take more than the grammar, on purpose, the lists below say so.

use bucketload_engine::parse::ParserOptions;
use bucketload_engine::parse::json::{JsonLayout, JsonOptions};
use bucketload_fuzz::corpus;
use bucketload_fuzz::readers::{CHUNK_BYTES, Outcome, read_all_ways};
use serde_json::Value;

/// Taken as in the original: raw control characters in strings, and three words for numbers.
const TAKEN: &[&str] = &[
    "n_number_NaN",
    "n_number_infinity",
    "n_number_minus_infinity",
    "n_string_unescaped_ctrl_char",
    "n_string_unescaped_newline",
    "n_string_unescaped_tab",
];
/// `json` is a stream of values, which need nothing between them.
const TAKEN_AS_SEVERAL: &[&str] = &["n_structure_double_array", "n_structure_object_with_trailing_garbage"];
/// A file without a value has no records.
const NOTHING: &[&str] = &["n_single_space", "n_structure_no_data", "n_structure_UTF8_BOM_no_data"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Refused,
    Nothing,
}

fn outcome(layout: JsonLayout, document: &[u8]) -> Outcome {
    let options = ParserOptions::Json(JsonOptions {
        layout,
        ..JsonOptions::default()
    });
    read_all_ways(&options, &[document], &CHUNK_BYTES)
}

fn verdict(outcome: &Outcome) -> Verdict {
    let is_of_kind = |reason: &str| reason.starts_with("value is ");
    if !outcome.errors.is_empty() || outcome.rejects.iter().any(|reject| !is_of_kind(&reject.reason)) {
        Verdict::Refused
    } else if outcome.rows.num_rows() + outcome.rejects.len() == 0 {
        Verdict::Nothing
    } else {
        Verdict::Taken
    }
}

fn expected(name: &str, layout: JsonLayout) -> Option<Verdict> {
    let is_in = |list: &[&str]| list.contains(&name);
    match name.split('_').next() {
        _ if is_in(NOTHING) => Some(Verdict::Nothing),
        _ if is_in(TAKEN) => Some(Verdict::Taken),
        _ if is_in(TAKEN_AS_SEVERAL) && layout == JsonLayout::Values => Some(Verdict::Taken),
        Some("y") => Some(Verdict::Taken),
        Some("n") => Some(Verdict::Refused),
        _ => None,
    }
}

#[test]
fn documents_are_taken_or_refused_as_the_grammar_says() {
    let documents = corpus::files_below(&corpus::repository().join("fuzz/suites/json"));
    assert!(documents.len() > 250, "only {} documents", documents.len());
    let mut wrong = Vec::new();
    for (file, document) in &documents {
        let name = file.trim_end_matches(".json");
        for layout in [JsonLayout::Values, JsonLayout::Lines] {
            // A document of several lines is several records of `jsonl`.
            let has_lines = document
                .trim_ascii_end()
                .iter()
                .any(|byte| matches!(byte, b'\n' | b'\r'));
            if layout == JsonLayout::Lines && has_lines {
                continue;
            }
            let outcome = outcome(layout, document);
            let verdict = verdict(&outcome);
            if expected(name, layout).is_some_and(|expected| expected != verdict) {
                wrong.push(format!("{name} as {layout:?}: {verdict:?}\n{}", outcome.shown()));
            }
            if verdict == Verdict::Taken && name.starts_with("y_object") {
                let column = outcome.rows.column(0);
                let text = arrow::util::display::array_value_to_string(column, 0).unwrap();
                let value = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
                assert_eq!(value(text.as_bytes()), value(document), "{name}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
