//! How much of spoilt CSV files is loaded, in the measure of "Pollock: A Data Loading Benchmark" (Vitagliano et al., PVLDB 2023).
//!
//! One clean table is written in more than two thousand ways that files in the wild are spoilt, one way a file. Each file is loaded
//! twice: with the parameters that belong to it, and as `guess` says. What comes out is compared with what a person would read.
//! The score of a file is the sum of ten measures from 0 to 1: whether it was loaded, then precision, recall and F1 of header,
//! records and cells; the score of a run is the mean over all files. The files are our own and not those of the paper, so the
//! figures stand beside the published ones and are not comparable to the last digit.
//!
//! `POLLOCK=NAME cargo test -p bucketload-tests --test it pollock -- --nocapture` loads only the files whose name contains NAME, or one of
//! several with `;` between them, and tells what was lost of them.
//!
//! Reading order: `table` (the clean one), `polluters`, `places`, `measures`, `loading`.

mod loading;
mod measures;
mod places;
mod polluters;
mod table;

use measures::{Measures, measure, simple_score};
use polluters::Polluted;
use std::collections::BTreeMap;
use std::env;
use table::Table;

/// Files of one pollution from which not all are loaded by guess.
const LARGE_KIND: usize = 100;

/// What the scores must not fall below: what is reached, rounded down.
const LEAST_SCORE_WITH_PARAMETERS: f64 = 9.99;
const LEAST_SCORE_BY_GUESS: f64 = 9.96;

#[test]
fn files_with_their_parameters_are_loaded() {
    check(
        "with parameters",
        loading::with_parameters,
        1,
        LEAST_SCORE_WITH_PARAMETERS,
    );
}

#[test]
fn files_are_loaded_as_guessed() {
    check("as guessed", loading::by_guess, 7, LEAST_SCORE_BY_GUESS);
}

/// Loads the files and compares the score with what it must not fall below. Of a pollution that is in hundreds of files every
/// seventh is loaded by guess, which takes a debug build most of a minute for all of them; its mean stands for the others.
fn check(way: &str, load: impl Fn(&Polluted) -> Result<Table, String>, step: usize, least_score: f64) {
    let all = polluters::all();
    assert!(all.len() > 2_000, "{} files", all.len());
    let wanted = env::var("POLLOCK").ok();
    let mut of_kind: BTreeMap<&str, Vec<&Polluted>> = BTreeMap::new();
    for polluted in &all {
        of_kind.entry(polluted.kind).or_default().push(polluted);
    }
    let (mut sum, mut num_files) = (0.0, 0);
    let mut report = String::new();
    for (kind, mut files) in of_kind {
        let num_of_kind = files.len();
        match &wanted {
            Some(wanted) => files.retain(|polluted| wanted.split(';').any(|part| polluted.name.contains(part))),
            None if num_of_kind > LARGE_KIND => files = files.into_iter().step_by(step).collect(),
            None => {}
        }
        let mut worst: Option<(f64, &str)> = None;
        let mut measures = Vec::new();
        for polluted in &files {
            let loaded = load(polluted);
            let measured = loaded
                .as_ref()
                .map_or(Measures::FAILED, |table| measure(table, &polluted.expected));
            if wanted.is_some() && measured.score() < 9.9999 {
                tell(polluted, &loaded, &measured);
            }
            if worst.is_none_or(|(score, _)| measured.score() < score) {
                worst = Some((measured.score(), &polluted.name));
            }
            measures.push(measured);
        }
        let Some((worst, name)) = worst else { continue };
        let score = simple_score(&measures);
        sum += score * num_of_kind as f64;
        num_files += num_of_kind;
        report += &format!("  {score:.4} {kind}, {num_of_kind} files; the worst {worst:.4} {name}\n");
    }
    let score = sum / num_files as f64;
    let report = format!("{way}: {score:.4} of 10, {num_files} files\n{report}");
    println!("{report}");
    assert!(wanted.is_some() || score >= least_score, "{report}");
}

/// Prints what was loaded of a file, and what was not.
fn tell(polluted: &Polluted, loaded: &Result<Table, String>, measures: &Measures) {
    println!("{} {:?}", polluted.name, measures.0);
    let table = match loaded {
        Err(error) => return println!("  {error}"),
        Ok(table) => table,
    };
    if table.header != polluted.expected.header {
        println!(
            "  header {:?}\n  instead of {:?}",
            table.header, polluted.expected.header
        );
    }
    let (found, expected) = (&table.records, &polluted.expected.records);
    for record in expected.iter().filter(|record| !found.contains(record)).take(3) {
        println!("  lost {record:?}");
    }
    for record in found.iter().filter(|record| !expected.contains(record)).take(3) {
        println!("  made {record:?}");
    }
    println!("{}", loading::guessed_yaml(polluted));
}
