//! What could as well be otherwise in a CSV file: how it was cut, and the types of its columns.

use super::Seed;
use super::agreement::{disagreement, majority, num_of};
use super::columns::Columns;
use super::dialect::{GuessedDialect, common_width};
use super::kind::{Kind, kind_of};
use super::ragged::Ragged;
use super::shown::shorten;
use super::split::Cell;
use super::table::{CutTables, fields, rows};
use super::types::GuessedType;
use crate::parse::columns::ColumnType;

/// Doubts about how records were cut.
pub(crate) fn shape_doubts(cut: &CutTables<'_>, guessed: &GuessedDialect, ragged: &Ragged, seed: &Seed) -> Vec<String> {
    let CutTables { tables, width, names } = *cut;
    let mut doubts = Vec::new();
    if tables.iter().any(|table| is_access_log(table.text)) {
        doubts.push(
            "type: the lines look like an Apache access log, which is not CSV; cut at blanks, the time makes two columns".to_owned(),
        );
    }
    if width == 1 && seed.num_columns.is_none() {
        doubts.push("delimiter: no delimiter cuts the text into columns, so there is one column".to_owned());
    } else if let Some(rival) = &guessed.rival {
        doubts.push(format!(
            "delimiter: {} would fit nearly as well",
            shown_delimiter(rival)
        ));
    }
    if width == 2 && guessed.dialect.delimiter == "," && may_be_sentences(cut) {
        doubts.push(
            "delimiter: every line has one comma and a blank after it, so the lines may be sentences; `delimiter: \"\\t\"` keeps \
             them whole"
                .to_owned(),
        );
    }
    let expected = width - names.num_surplus;
    if let Some(num_columns) = seed.num_columns.filter(|count| *count != expected) {
        doubts.push(format!(
            "columns: the seed lists {num_columns}, but most sampled records have {}",
            num_of(expected, "field")
        ));
    }
    let widths: Vec<(String, usize)> = tables
        .iter()
        .filter(|table| !table.records.is_empty())
        .map(|table| {
            (
                table.key.to_owned(),
                common_width(std::iter::once(table.records.as_slice())),
            )
        })
        .collect();
    if let Some(doubt) = disagreement("columns", &widths) {
        doubts.push(format!("columns: {doubt}"));
    }
    doubts.extend(reject_doubt(cut, ragged));
    doubts
}

/// The records that the guessed settings will reject, if there are any.
fn reject_doubt(cut: &CutTables<'_>, ragged: &Ragged) -> Option<String> {
    let CutTables { tables, width, names } = *cut;
    let mut num_broken = 0;
    let mut num_narrow = 0;
    let mut num_wide = 0;
    let mut example = None;
    for table in tables {
        for record in rows(table, names).filter(|record| record.width() != width) {
            let counter = match record.width() {
                _ if record.is_broken => &mut num_broken,
                found if found < width && ragged.short.is_none() => &mut num_narrow,
                found if found > width && ragged.long.is_none() => &mut num_wide,
                _ => continue,
            };
            *counter += 1;
            example.get_or_insert_with(|| format!("the first in `{}` line {}", table.key, record.line));
        }
    }
    let counted: Vec<String> = [
        (num_broken, "a broken quote".to_owned()),
        (
            num_narrow,
            format!("fewer than {width} fields (`allow_optional_columns: true` reads them)"),
        ),
        (
            num_wide,
            format!("more than {width} fields (`allow_extra_columns: true` reads them)"),
        ),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} with {what}"))
    .collect();
    let example = example?;
    Some(format!(
        "records that will be rejected: {}, {example}",
        counted.join(", ")
    ))
}

/// Doubts about column types, and files whose column has another type than elsewhere.
pub(crate) fn type_doubts(cut: &CutTables<'_>, columns: &Columns<'_>, types: &[GuessedType]) -> Vec<String> {
    let CutTables { tables, width, names } = *cut;
    let mut doubts = Vec::new();
    let per_table: Vec<(&str, Vec<GuessedType>)> = if tables.len() > 1 {
        tables
            .iter()
            .filter(|table| table.first.is_some())
            .map(|table| {
                let fields = fields(std::slice::from_ref(table), width, names);
                (table.key, columns.types_of(&fields))
            })
            .collect()
    } else {
        Vec::new()
    };
    for (at, (name, guessed)) in columns.names.iter().zip(types).enumerate() {
        doubts.extend(guessed.doubts.iter().cloned());
        if guessed.column_type != ColumnType::String || !guessed.doubts.is_empty() {
            continue;
        }
        let told: Vec<(String, &str)> = per_table
            .iter()
            .map(|(key, types)| ((*key).to_owned(), types[at].column_type.name()))
            .collect();
        if majority(&told).is_some_and(|most| most != ColumnType::String.name())
            && let Some(doubt) = disagreement("", &told)
        {
            doubts.push(format!("column `{}`: {doubt}", shorten(name)));
        }
    }
    doubts
}

/// Whether all rows are two texts of several words, as a sentence with a comma is cut into.
fn may_be_sentences(cut: &CutTables<'_>) -> bool {
    let mut num_rows = 0;
    let mut num_words = 0;
    for record in cut.tables.iter().flat_map(|table| rows(table, cut.names)) {
        let [first, second] = record.cells.as_slice() else {
            return false;
        };
        let is_typed = |cell: &Cell<'_>| cell.is_quoted || kind_of(cell.text.trim()) != Kind::String;
        if is_typed(first) || is_typed(second) || !second.text.starts_with(' ') {
            return false;
        }
        num_rows += 1;
        num_words += first.text.split_whitespace().count() + second.text.split_whitespace().count();
    }
    // A surname and a first name are two words.
    num_rows > 0 && num_words > 3 * num_rows
}

/// Whether most of the first lines are those of a web server's access log.
fn is_access_log(text: &str) -> bool {
    let lines = super::split::lines(text, false);
    let is_entry = |line: &&str| {
        let Some((head, rest)) = line.split_once('[') else {
            return false;
        };
        let Some((time, rest)) = rest.split_once(']') else {
            return false;
        };
        head.split(' ').count() == 4 && super::timestamp::shape(time).is_some() && rest.starts_with(" \"")
    };
    let looked_at: Vec<&&str> = lines.iter().take(20).collect();
    !looked_at.is_empty() && looked_at.iter().filter(|line| is_entry(line)).count() * 2 > looked_at.len()
}

/// A delimiter as messages show it.
fn shown_delimiter(delimiter: &str) -> String {
    match delimiter {
        "\t" => "TAB".to_owned(),
        " " => "a blank".to_owned(),
        other => format!("`{}`", shorten(other)),
    }
}
