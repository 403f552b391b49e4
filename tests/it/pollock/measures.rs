//! Compares a loaded table with the clean one: the ten measures of the paper and their sum.
//!
//! Header and cells are bags of texts, records are bags of rows whose fields stand in order. A field that is missing at the end of
//! a row, null and an empty text are the same, and so are the ways of ending a line inside a field.

use super::table::Table;
use std::collections::HashMap;
use std::hash::Hash;

/// Success, then precision, recall and F1 of header, records and cells; each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Measures(pub(super) [f64; 10]);

impl Measures {
    /// What a file is worth that was not loaded.
    pub(super) const FAILED: Measures = Measures([0.0; 10]);

    /// The simple score of one file, from 0 to 10.
    pub(super) fn score(&self) -> f64 {
        self.0.iter().sum()
    }
}

/// Measures `loaded` against `expected`.
pub(super) fn measure(loaded: &Table, expected: &Table) -> Measures {
    let header = agreement(named(&loaded.header), named(&expected.header));
    let records = agreement(rows(loaded), rows(expected));
    let cells = agreement(
        rows(loaded).into_iter().flatten().filter(|cell| !cell.is_empty()),
        rows(expected).into_iter().flatten().filter(|cell| !cell.is_empty()),
    );
    let mut all = [1.0; 10];
    for (place, value) in all[1..].iter_mut().zip([header, records, cells].into_iter().flatten()) {
        *place = value;
    }
    Measures(all)
}

/// The mean of each measure, summed: the simple score of a benchmark.
pub(super) fn simple_score(files: &[Measures]) -> f64 {
    files.iter().map(Measures::score).sum::<f64>() / files.len() as f64
}

fn named(header: &[String]) -> Vec<String> {
    trimmed(header)
}

fn rows(table: &Table) -> Vec<Vec<String>> {
    table.records.iter().map(|record| trimmed(record)).collect()
}

/// The fields without the empty ones at the end, line ends made alike.
fn trimmed(fields: &[String]) -> Vec<String> {
    let mut fields: Vec<String> = fields
        .iter()
        .map(|field| field.replace("\r\n", "\n").replace('\r', "\n"))
        .collect();
    while fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    fields
}

/// Precision, recall and F1 of two bags.
fn agreement<T: Eq + Hash>(loaded: impl IntoIterator<Item = T>, expected: impl IntoIterator<Item = T>) -> [f64; 3] {
    let mut counts: HashMap<T, usize> = HashMap::new();
    let mut num_expected = 0;
    for item in expected {
        *counts.entry(item).or_default() += 1;
        num_expected += 1;
    }
    let mut num_loaded = 0;
    let mut num_right = 0;
    for item in loaded {
        num_loaded += 1;
        if let Some(count) = counts.get_mut(&item).filter(|count| **count > 0) {
            *count -= 1;
            num_right += 1;
        }
    }
    let share = |of: usize| if of == 0 { 1.0 } else { num_right as f64 / of as f64 };
    if num_loaded == 0 && num_expected > 0 {
        return [0.0; 3];
    }
    let (precision, recall) = (share(num_loaded), share(num_expected));
    let f1 = if precision + recall == 0.0 {
        0.0
    } else {
        2.0 * precision * recall / (precision + recall)
    };
    [precision, recall, f1]
}

#[test]
fn measures_are_those_of_the_paper() {
    let table = |header: &[&str], records: &[&[&str]]| Table {
        header: header.iter().map(|cell| (*cell).to_owned()).collect(),
        records: records
            .iter()
            .map(|record| record.iter().map(|cell| (*cell).to_owned()).collect())
            .collect(),
    };
    let expected = table(&["a", "b"], &[&["1", "2"], &["3", ""]]);
    assert_eq!(measure(&expected, &expected).score(), 10.0);
    // One of two records is lost: everything that is there is right.
    let found = measure(&table(&["a", "b"], &[&["1", "2"]]), &expected);
    assert_eq!(found.0[4..7], [1.0, 0.5, 2.0 / 3.0]);
    assert_eq!(found.0[8], 2.0 / 3.0);
    // Order of records does not count, order of fields does.
    assert_eq!(
        measure(&table(&["b", "a"], &[&["3"], &["2", "1"]]), &expected).0[4..7],
        [0.5, 0.5, 0.5]
    );
    assert_eq!(measure(&table(&[], &[]), &expected).score(), 1.0);
    assert_eq!(measure(&table(&[], &[]), &table(&[], &[])).score(), 10.0);
}
