//! Guesses the settings of CSV files, all samples together, and gathers the columns and the doubts.

use super::agreement::num_of;
use super::columns::Columns;
use super::csv_doubts::{shape_doubts, type_doubts};
use super::newline::NewlineCounts;
use super::null_string::GuessedNull;
use super::ragged::Ragged;
use super::shown::shorten;
use super::split::split;
use super::table::{CutTables, KnownOfHeader, Names, Table, fields, names_of, pass_over_titles, rows};
use super::{
    GuessError, GuessOptions, GuessedParser, Seed, Setting, TextSample, comment, dialect, newline, null_string, ragged,
};
use crate::parse::columns::ColumnType;
use serde_json::Value;

/// Guesses what reads `samples` as CSV.
pub(crate) fn guess(
    samples: &[TextSample],
    seed: &Seed,
    options: &GuessOptions,
    newline: NewlineCounts,
    doubts: &mut Vec<String>,
) -> Result<GuessedParser, GuessError> {
    let (samples, skipped): (Vec<TextSample>, Vec<Option<&str>>) = samples
        .iter()
        .map(|sample| sample.without_lines(seed.skip_header_lines.unwrap_or(0)))
        .unzip();
    let (guessed, comment) = dialect_and_comment(&samples, seed, &seed.dialect());
    let marker = comment.as_ref().map(|(marker, _)| marker.as_str());
    let (mut tables, width) = cut(&samples, &guessed.dialect, marker)?;
    let null = seed.null_string.clone().flatten();
    if seed.skip_header_lines.is_none() {
        pass_over_titles(&mut tables, width, null.as_deref());
    }
    let known = KnownOfHeader {
        seed,
        marker,
        delimiter: &guessed.dialect.delimiter,
        skipped: &skipped,
        null: null.as_deref(),
    };
    let names = names_of(&tables, width, &known, doubts);
    let fields = fields(&tables, width, &names);
    let guessed_null = match seed.null_string {
        None => null_string::guess(&fields),
        Some(_) => None,
    };
    let mut columns = Columns::new(
        fields,
        &names,
        guessed_null.as_ref().map(|null| null.text.to_owned()).or(null),
    );
    let trim = columns.choose_trim(seed, &guessed.dialect);
    let are_all_strings = options.adds("csv_all_strings");
    let guessed_types = match are_all_strings {
        true => columns.all_strings(),
        false => columns.types(),
    };
    let date_and_time = match are_all_strings {
        true => None,
        false => columns.date_and_time(names.is_log),
    };
    let types: Vec<ColumnType> = guessed_types.iter().map(|guessed| guessed.column_type).collect();
    let ragged = ragged::judge(&tables, width, &names, &types);
    let cut = CutTables {
        tables: &tables,
        width,
        names: &names,
    };
    doubts.extend(shape_doubts(&cut, &guessed, &ragged, seed));
    doubts.extend(guessed_null.as_ref().and_then(|null| null.doubt.clone()));
    if seed.num_columns.is_none() {
        doubts.extend(type_doubts(&cut, &columns, &guessed_types));
    }
    let settings = Settings {
        guessed: &guessed,
        shape: shape_note(&cut),
        newline,
        comment,
        null: guessed_null,
        trim,
        names: &names,
        ragged,
    };
    Ok(GuessedParser {
        format: "csv",
        settings: settings.list(),
        columns_note: format!("{}; {}", num_of(columns.names.len(), "column"), names.note),
        num_records: columns.num_records(),
        columns: seed.num_columns.is_none().then(|| columns.guessed(guessed_types)),
        date_and_time,
    })
}

/// Cuts the samples into tables, and says how many fields a record has.
///
/// **Errors**: there is no record.
fn cut<'s>(
    samples: &'s [TextSample],
    dialect: &dialect::Dialect,
    marker: Option<&str>,
) -> Result<(Vec<Table<'s>>, usize), GuessError> {
    let mut tables: Vec<Table<'s>> = samples
        .iter()
        .map(|sample| Table {
            key: &sample.key,
            text: sample.text(),
            records: split(sample.text(), sample.is_whole, &dialect.split_options(marker)),
            first: None,
            is_whole: sample.is_whole,
        })
        .collect();
    let width = dialect::common_width(tables.iter().map(|table| table.records.as_slice()));
    if width == 0 {
        return Err(no_record(samples, &tables));
    }
    for table in &mut tables {
        let inside = dialect::inside(&table.records, width, table.is_whole);
        let start = inside.first().map(|first| first.start);
        table.first = table
            .records
            .iter()
            .position(|record| record.width() == width && start.is_some_and(|start| record.start >= start));
    }
    Ok((tables, width))
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

/// `11 fields in 214 of 214 sampled records`.
fn shape_note(cut: &CutTables<'_>) -> String {
    let CutTables { tables, width, names } = *cut;
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

/// What the settings are made of.
struct Settings<'a> {
    guessed: &'a dialect::GuessedDialect,
    /// What speaks for the delimiter.
    shape: String,
    newline: NewlineCounts,
    /// The marker, and how many lines begin with it.
    comment: Option<(String, usize)>,
    null: Option<GuessedNull>,
    /// Whether unquoted fields are trimmed, and what speaks for it.
    trim: (bool, String),
    names: &'a Names,
    ragged: Ragged,
}

impl Settings<'_> {
    /// The settings in the order of the reference's own output.
    fn list(self) -> Vec<Setting> {
        let found = &self.guessed.dialect;
        let mut settings = Vec::new();
        let mut add = |key: &'static str, value: Value, note: String| settings.push(Setting { key, value, note });
        let character =
            |character: Option<char>| character.map_or(Value::Null, |character| Value::from(character.to_string()));
        add(
            "newline",
            Value::from(newline::name(self.newline.newline())),
            self.newline.note(),
        );
        add("type", Value::from("csv"), String::new());
        add("delimiter", Value::from(found.delimiter.as_str()), self.shape);
        let (quote_note, escape_note) = quoting_notes(self.guessed);
        add("quote", character(found.quote), quote_note);
        add("escape", character(found.escape), escape_note.to_owned());
        if found.are_stray_quotes_data {
            add(
                "quotes_in_quoted_fields",
                Value::from("ACCEPT_STRAY_QUOTES_ASSUMING_NO_DELIMITERS_IN_FIELDS"),
                "quotes stand inside quoted fields, neither doubled nor escaped".to_owned(),
            );
        }
        if let Some(null) = self.null {
            add("null_string", Value::from(null.text), null.note);
        }
        add("trim_if_not_quoted", Value::from(self.trim.0), self.trim.1);
        if let Some((marker, num_lines)) = self.comment {
            add("comment_line_marker", Value::from(marker), num_of(num_lines, "line"));
        }
        add(
            "skip_header_lines",
            Value::from(self.names.skip.0),
            self.names.skip.1.clone(),
        );
        let surplus = (self.names.num_surplus > 0).then(|| "every row ends with one more delimiter".to_owned());
        let long = surplus.or(self.ragged.long);
        add(
            "allow_extra_columns",
            Value::from(long.is_some()),
            long.unwrap_or_default(),
        );
        let short = self.ragged.short;
        add(
            "allow_optional_columns",
            Value::from(short.is_some()),
            short.unwrap_or_default(),
        );
        settings
    }
}

/// What speaks for quote and escape.
fn quoting_notes(guessed: &dialect::GuessedDialect) -> (String, &'static str) {
    let (found, measure) = (&guessed.dialect, &guessed.measure);
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
    let escape_note = match (found.quote, found.escape) {
        (None, _) => "nothing is quoted",
        (_, Some('\\')) => "it stands before quotes inside quoted fields",
        (_, Some(_)) if measure.num_quoted == 0 => "the usual one",
        (_, Some(_)) => "a quote inside a quoted field is doubled",
        (_, None) => "none seen",
    };
    (quote_note, escape_note)
}
