//! Guesses the settings of CSV files, all samples together, and gathers the columns and the doubts.

use super::newline::NewlineCounts;
use super::null_string::{Field, GuessedNull};
use super::ragged::Ragged;
use super::split::split;
use super::table::{Names, Table, column_type, fields, names_of, pass_over_titles, rows, text_of, values};
use super::types::{GuessedType, shorten};
use super::{
    GuessError, GuessOptions, GuessedColumn, GuessedParser, Seed, Setting, TextSample, comment, dialect, disagreement,
    majority, names, newline, null_string, num_of, ragged, time,
};
use crate::parse::columns::ColumnType;
use serde_json::Value;

/// Share of the fields after the first that must begin with a blank for it to be padding.
const PADDED_SHARE: (usize, usize) = (9, 10);

/// Guesses what reads `samples` as CSV.
pub(crate) fn guess(
    samples: &[TextSample],
    seed: &Seed,
    options: &GuessOptions,
    newline_counts: NewlineCounts,
    doubts: &mut Vec<String>,
) -> Result<GuessedParser, GuessError> {
    let (samples, skipped): (Vec<TextSample>, Vec<Option<&str>>) = samples
        .iter()
        .map(|sample| sample.without_lines(seed.skip_header_lines.unwrap_or(0)))
        .unzip();
    let fixed = seed.dialect();
    let (guessed, comment) = dialect_and_comment(&samples, seed, &fixed);
    let marker = comment.as_ref().map(|(marker, _)| marker.as_str());
    let found = &guessed.dialect;
    let mut tables: Vec<Table<'_>> = samples
        .iter()
        .map(|sample| Table {
            key: &sample.key,
            text: sample.text(),
            records: split(sample.text(), sample.is_whole, &found.split_options(marker)),
            first: None,
            is_whole: sample.is_whole,
        })
        .collect();
    let width = dialect::common_width(tables.iter().map(|table| table.records.as_slice()));
    if width == 0 {
        return Err(no_record(&samples, &tables));
    }
    for table in &mut tables {
        let inside = dialect::inside(&table.records, width, table.is_whole);
        let start = inside.first().map(|first| first.start);
        table.first = table
            .records
            .iter()
            .position(|record| record.width() == width && start.is_some_and(|start| record.start >= start));
    }
    let null = seed.null_string.clone().flatten();
    if seed.skip_header_lines.is_none() {
        pass_over_titles(&mut tables, width, null.as_deref());
    }
    let names = names_of(
        &tables,
        width,
        seed,
        marker,
        &found.delimiter,
        &skipped,
        null.as_deref(),
        doubts,
    );
    let columns = fields(&tables, width, &names);
    let guessed_null = if seed.null_string.is_none() {
        null_string::guess(&columns)
    } else {
        None
    };
    let null = guessed_null.as_ref().map(|null| null.text.to_owned()).or(null);
    let header_cells: Option<Vec<&str>> = names
        .cells
        .as_ref()
        .map(|cells| cells.iter().map(String::as_str).collect::<Vec<&str>>());
    let num_columns = width - names.num_surplus;
    let column_names = names::column_names(header_cells.as_deref(), num_columns);
    let is_named = header_cells.is_some();
    let typed = |is_trimmed: bool| -> Vec<GuessedType> {
        columns
            .iter()
            .zip(&column_names)
            .map(|(column, name)| column_type(column, is_named.then_some(name.as_str()), null.as_deref(), is_trimmed))
            .collect()
    };
    let (is_trimmed, trim_note) = trim(seed, found, &columns, &typed);
    let mut column_types = typed(is_trimmed);
    let mut date_and_time = None;
    if !options.adds("csv_all_strings") {
        date_and_time = time::date_and_time(&column_names, names.is_log, |date, time| {
            let (dates, times) = (columns[date].iter(), columns[time].iter());
            dates
                .zip(times)
                .map(|(date, time)| {
                    let null = null.as_deref();
                    (text_of(date, null, is_trimmed), text_of(time, null, is_trimmed))
                })
                .collect()
        });
    } else {
        for column in &mut column_types {
            *column = GuessedType {
                column_type: ColumnType::String,
                formats: Vec::new(),
                note: "all strings asked for".to_owned(),
                epoch_unit: None,
                num_misfits: 0,
                doubts: Vec::new(),
            };
        }
    }
    let types: Vec<ColumnType> = column_types.iter().map(|guessed| guessed.column_type).collect();
    let ragged = ragged::judge(&tables, width, &names, &types);
    shape_doubts(&tables, &guessed, width, &names, &ragged, seed, doubts);
    doubts.extend(guessed_null.as_ref().and_then(|null| null.doubt.clone()));
    if seed.num_columns.is_none() {
        type_doubts(
            &tables,
            &names,
            &column_names,
            &column_types,
            null.as_deref(),
            is_trimmed,
            doubts,
        );
    }
    let shape_note = shape_note(&tables, width, &names);
    let dialect_notes = DialectNotes {
        guessed: &guessed,
        shape: shape_note.clone(),
        newline: newline_counts,
    };
    let settings = settings(
        &dialect_notes,
        comment,
        guessed_null,
        (is_trimmed, trim_note),
        &names,
        ragged,
    );
    let num_records = columns.first().map_or(0, Vec::len);
    let num_missing = |column: &Vec<Field<'_>>| num_records - values(column, null.as_deref(), is_trimmed).len();
    let columns = column_names
        .into_iter()
        .zip(column_types)
        .zip(columns.iter().map(num_missing))
        .map(|((name, guessed), num_missing)| GuessedColumn {
            name,
            column_type: guessed.column_type,
            formats: guessed.formats,
            note: guessed.note,
            num_missing,
            epoch_unit: guessed.epoch_unit,
        })
        .collect();
    Ok(GuessedParser {
        format: "csv",
        settings,
        columns: seed.num_columns.is_none().then_some(columns),
        columns_note: format!("{}; {}", num_of(num_columns, "column"), names.note),
        num_records,
        date_and_time,
    })
}

/// The dialect, and the comment marker with the number of comment lines.
fn dialect_and_comment(
    samples: &[TextSample],
    seed: &Seed,
    fixed: &dialect::FixedDialect,
) -> (dialect::GuessedDialect, Option<(String, usize)>) {
    if let Some(marker) = &seed.comment_line_marker {
        return (dialect::guess(samples, Some(marker), fixed), Some((marker.clone(), 0)));
    }
    let Some(candidate) = comment::candidate(samples) else {
        return (dialect::guess(samples, None, fixed), None);
    };
    let guessed = dialect::guess(samples, Some(candidate.marker), fixed);
    let are_rows = samples.iter().any(|sample| {
        let records = split(sample.text(), sample.is_whole, &guessed.dialect.split_options(None));
        comment::are_rows(&records, sample.text(), candidate.marker, guessed.measure.width)
    });
    if are_rows {
        return (dialect::guess(samples, None, fixed), None);
    }
    (guessed, Some((candidate.marker.to_owned(), candidate.num_lines)))
}

fn no_record(samples: &[TextSample], tables: &[Table<'_>]) -> GuessError {
    let sample = &samples[0];
    let is_open = tables
        .iter()
        .any(|table| !table.is_whole && table.records.iter().all(|record| record.is_broken));
    GuessError::cannot(if is_open {
        format!(
            "the first record of `{}` does not end within the {} bytes sampled; a larger `exec.guess_sample_buffer_bytes` is needed",
            sample.key,
            sample.text().len()
        )
    } else {
        format!(
            "`{}` has no record, it begins with `{}`",
            sample.key,
            shorten(sample.text())
        )
    })
}

/// Whether unquoted fields are trimmed, and what speaks for it.
fn trim(
    seed: &Seed,
    dialect: &dialect::Dialect,
    columns: &[Vec<Field<'_>>],
    typed: &dyn Fn(bool) -> Vec<GuessedType>,
) -> (bool, String) {
    if let Some(is_trimmed) = seed.trim_if_not_quoted {
        return (is_trimmed, String::new());
    }
    if dialect.is_trimmed {
        return (true, "blanks stand before quotes".to_owned());
    }
    if dialect.are_stray_quotes_data {
        return (false, "not possible with stray quotes".to_owned());
    }
    let unquoted = || columns.iter().flatten().filter(|(_, is_quoted)| !is_quoted);
    let num_blank = unquoted()
        .filter(|(text, _)| text.starts_with(' ') || text.ends_with(' '))
        .count();
    if num_blank == 0 {
        return (false, "no blanks around values".to_owned());
    }
    let is_other = |(plain, trimmed): &(GuessedType, GuessedType)| {
        plain.column_type != trimmed.column_type || plain.num_misfits != trimmed.num_misfits
    };
    let num_others = typed(false).into_iter().zip(typed(true)).filter(is_other).count();
    if num_others > 0 {
        return (
            true,
            format!("{} have another type when trimmed", num_of(num_others, "column")),
        );
    }
    let later = || {
        columns
            .iter()
            .skip(1)
            .flatten()
            .filter(|(text, is_quoted)| !is_quoted && !text.is_empty())
    };
    let num_padded = later().filter(|(text, _)| text.starts_with(' ')).count();
    let (part, of) = PADDED_SHARE;
    if num_padded > 1 && num_padded * of >= later().count() * part {
        return (true, format!("a blank follows the delimiter {num_padded} times"));
    }
    (false, format!("{num_blank} values with blanks around them, all text"))
}

/// `11 fields in 214 of 214 sampled records`.
fn shape_note(tables: &[Table<'_>], width: usize, names: &Names) -> String {
    let mut num_records = 0;
    let mut num_matching = 0;
    for table in tables {
        for record in rows(table, names) {
            num_records += 1;
            num_matching += usize::from(record.width() == width);
        }
    }
    // The header counts as a record here: it was cut by the same rules.
    if names.is_first_header {
        let num_headers = tables.iter().filter(|table| table.first.is_some()).count();
        num_records += num_headers;
        num_matching += num_headers;
    }
    format!(
        "{} in {num_matching} of {}",
        num_of(width, "field"),
        num_of(num_records, "sampled record")
    )
}

/// Doubts about how records were cut.
fn shape_doubts(
    tables: &[Table<'_>],
    guessed: &dialect::GuessedDialect,
    width: usize,
    names: &Names,
    ragged: &Ragged,
    seed: &Seed,
    doubts: &mut Vec<String>,
) {
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
                dialect::common_width(std::iter::once(table.records.as_slice())),
            )
        })
        .collect();
    if let Some(doubt) = disagreement("columns", &widths) {
        doubts.push(format!("columns: {doubt}"));
    }
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
    if let Some(example) = example {
        doubts.push(format!(
            "records that will be rejected: {}, {example}",
            counted.join(", ")
        ));
    }
}

/// Doubts about column types, and files whose column has another type than elsewhere.
fn type_doubts(
    tables: &[Table<'_>],
    names: &Names,
    column_names: &[String],
    column_types: &[GuessedType],
    null: Option<&str>,
    is_trimmed: bool,
    doubts: &mut Vec<String>,
) {
    let width = column_names.len() + names.num_surplus;
    let per_table: Vec<(&str, Vec<GuessedType>)> = if tables.len() > 1 {
        tables
            .iter()
            .filter(|table| table.first.is_some())
            .map(|table| {
                let columns = fields(std::slice::from_ref(table), width, names);
                (
                    table.key,
                    columns
                        .iter()
                        .map(|column| column_type(column, None, null, is_trimmed))
                        .collect(),
                )
            })
            .collect()
    } else {
        Vec::new()
    };
    for (at, (name, guessed)) in column_names.iter().zip(column_types).enumerate() {
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

struct DialectNotes<'a> {
    guessed: &'a dialect::GuessedDialect,
    shape: String,
    newline: NewlineCounts,
}

/// The settings in the order of the reference's own output.
fn settings(
    notes: &DialectNotes<'_>,
    comment: Option<(String, usize)>,
    null: Option<GuessedNull>,
    trim: (bool, String),
    names: &Names,
    ragged: Ragged,
) -> Vec<Setting> {
    let found = &notes.guessed.dialect;
    let measure = &notes.guessed.measure;
    let mut settings = Vec::new();
    let mut add = |key: &'static str, value: Value, note: String| settings.push(Setting { key, value, note });
    let character =
        |character: Option<char>| character.map_or(Value::Null, |character| Value::from(character.to_string()));
    add(
        "newline",
        Value::from(newline::name(notes.newline.newline())),
        notes.newline.note(),
    );
    add("type", Value::from("csv"), String::new());
    add("delimiter", Value::from(found.delimiter.as_str()), notes.shape.clone());
    let quote_note = if measure.num_quoted > 0 {
        format!("{} in quotes", num_of(measure.num_quoted, "field"))
    } else if found.quote.is_none() {
        format!(
            "nothing is quoted, and {} hold a quote",
            num_of(measure.num_inner_quotes, "field")
        )
    } else {
        "no quoted field seen; the usual one".to_owned()
    };
    add("quote", character(found.quote), quote_note);
    let escape_note = match (found.quote, found.escape) {
        (None, _) => "nothing is quoted",
        (_, Some('\\')) => "it stands before quotes inside quoted fields",
        (_, Some(_)) if measure.num_quoted == 0 => "the usual one",
        (_, Some(_)) => "a quote inside a quoted field is doubled",
        (_, None) => "none seen",
    };
    add("escape", character(found.escape), escape_note.to_owned());
    if found.are_stray_quotes_data {
        add(
            "quotes_in_quoted_fields",
            Value::from("ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS"),
            "quotes stand inside quoted fields, neither doubled nor escaped".to_owned(),
        );
    }
    if let Some(null) = null {
        add("null_string", Value::from(null.text), null.note);
    }
    add("trim_if_not_quoted", Value::from(trim.0), trim.1);
    if let Some((marker, num_lines)) = comment {
        add("comment_line_marker", Value::from(marker), num_of(num_lines, "line"));
    }
    add("skip_header_lines", Value::from(names.skip.0), names.skip.1.clone());
    let surplus = (names.num_surplus > 0).then(|| "every row ends with one more delimiter".to_owned());
    let long = surplus.or(ragged.long);
    add(
        "allow_extra_columns",
        Value::from(long.is_some()),
        long.unwrap_or_default(),
    );
    let short = ragged.short;
    add(
        "allow_optional_columns",
        Value::from(short.is_some()),
        short.unwrap_or_default(),
    );
    settings
}
