//! Chooses the column that partitions are made by, so that the guessed configuration can be loaded as it stands.
//!
//! A column called `time` that tells no time is refused by the load, and records without a time are rejected. Therefore a
//! column of dates and one of times of day, called `date` and `time`, become one column by a visible filter if the file is a log;
//! of other tables all columns stay, and a doubt shows the filter. Else
//! `time` is taken if it tells a time, else the first timestamp column that has a value in every record, else there are no
//! partitions. What the seed says about time stays.
//!
//! Columns are meant as they are called after the filter that cleans names. With filters of the user nobody knows here what
//! comes out of them, so that a doubt is all that is written.

use super::agreement::{num_of, those};
use super::shown::shown;
use super::types::{order_doubt, tolerated_misfits};
use super::{GuessedColumn, GuessedParser, Seed, Setting, names, timestamp};
use crate::parse::columns::ColumnType;
use serde_json::{Value, json};

/// The column that the load takes for the time of a row.
const TIME_COLUMN: &str = "time";

/// The column of dates beside a column `time` of times of day.
const DATE_COLUMN: &str = "date";

/// Other timestamp columns that a doubt names.
const MAX_NAMED_COLUMNS: usize = 5;

/// A column of dates and one of times of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DateAndTime {
    /// Index of the column of dates.
    date: usize,
    /// Index of the column of times of day.
    time: usize,
    /// What reads date, `T` and time, in the order they are tried.
    formats: Vec<String>,
    /// Doubts about both.
    doubts: Vec<String>,
    /// Whether the file is a log, whose rows are nothing without their time.
    is_log: bool,
}

/// Finds columns `date` and `time` that together tell a time. `texts` gives the texts of two columns, record by record.
pub(crate) fn date_and_time<'t, T: AsRef<str>>(
    names: &[T],
    is_log: bool,
    texts: impl FnOnce(usize, usize) -> Vec<(Option<&'t str>, Option<&'t str>)>,
) -> Option<DateAndTime> {
    let names = names::names_after_cleaning(names);
    let index_of = |wanted: &str| names.iter().position(|name| name.as_deref() == Some(wanted));
    let (date, time) = (index_of(DATE_COLUMN)?, index_of(TIME_COLUMN)?);
    let joined: Vec<String> = texts(date, time)
        .into_iter()
        .map(|(date, time)| joined(date, time))
        .collect();
    let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
    let (found, misfits) = timestamp::formats_of_most(&joined, tolerated_misfits(joined.len()))?;
    let mut doubts = Vec::new();
    if found.is_order_ambiguous {
        let first = joined.iter().find(|text| !misfits.contains(text)).unwrap_or(&joined[0]);
        doubts.push(order_doubt(&shown(DATE_COLUMN), first));
    }
    if !misfits.is_empty() {
        doubts.push(format!(
            "columns `date` and `time`: {} of {} are no date and time of day; such records will be rejected",
            misfits.len(),
            num_of(joined.len(), "sampled record")
        ));
    }
    Some(DateAndTime {
        date,
        time,
        formats: found.formats,
        doubts,
        is_log,
    })
}

/// Date and time as the filter joins them; empty if they are no date without a time and no time with minutes.
fn joined(date: Option<&str>, time: Option<&str>) -> String {
    let (Some(date), Some(time)) = (date, time) else {
        return String::new();
    };
    let is_time = time.starts_with(|first: char| first.is_ascii_digit()) && time.contains(':');
    if is_time && !date.contains(':') {
        format!("{date}T{time}")
    } else {
        String::new()
    }
}

/// Writes what makes the load find the time of each row: keys of `out`, or a filter.
pub(crate) fn choose(
    parser: &mut GuessedParser,
    seed: &Seed,
    filters: &mut Vec<(Value, String)>,
    doubts: &mut Vec<String>,
) -> Vec<Setting> {
    let Some(columns) = &mut parser.columns else {
        return Vec::new();
    };
    let seeded_column = seed.output("time_column");
    let has_other_time = seed.has_output("time_value") || seeded_column.is_some_and(|name| name != TIME_COLUMN);
    let pair = parser
        .date_and_time
        .take()
        .filter(|_| !seed.has_filters && !has_other_time);
    match pair {
        Some(pair) if pair.is_log || seeded_column.is_some() => {
            filters.push(join(columns, pair, seed, doubts));
            return Vec::new();
        }
        Some(pair) => doubts.push(format!(
            "columns {} and {}: together they are the time of a row; the filter `{{type: sql, select: \"{}\"}}` makes one \
             column of them",
            shown(&columns[pair.date].name),
            shown(&columns[pair.time].name),
            selection(&pair, seed)
        )),
        None => {}
    }
    let has_seeded_time = seed.has_output("time_column") || seed.has_output("time_value");
    if has_seeded_time || seed.output("partition_by") == Some("none") {
        return Vec::new();
    }
    if seed.has_filters {
        doubts.extend(doubt_beside_filters(columns));
        return Vec::new();
    }
    chosen(columns, parser.num_records, seed, doubts)
}

/// Makes texts of both columns, and the filter that makes one timestamp of them.
fn join(columns: &mut [GuessedColumn], pair: DateAndTime, seed: &Seed, doubts: &mut Vec<String>) -> (Value, String) {
    let names = [pair.date, pair.time].map(|index| shown(&columns[index].name));
    for index in [pair.date, pair.time] {
        let column = &mut columns[index];
        // What was doubtful about their own types no longer is.
        let about = format!("column {}: ", shown(&column.name));
        doubts.retain(|doubt| !doubt.starts_with(&about));
        column.column_type = ColumnType::String;
        column.formats.clear();
        column.note = "one half of the time, see `filters`".to_owned();
    }
    let select = selection(&pair, seed);
    doubts.extend(pair.doubts);
    let note = format!(
        "{} has the date and {} the time of day; together they are the time of the row",
        names[0], names[1]
    );
    (json!({"type": "sql", "select": select}), note)
}

/// What makes one column of both in SQL.
fn selection(pair: &DateAndTime, seed: &Seed) -> String {
    let zone = match &seed.default_timezone {
        Some(zone) => format!(", '{}'", zone.replace('\'', "''")),
        None => String::new(),
    };
    let calls: Vec<String> = pair
        .formats
        .iter()
        .map(|format| format!("parse_timestamp({DATE_COLUMN} || 'T' || {TIME_COLUMN}, '{format}'{zone})"))
        .collect();
    let time = match calls.as_slice() {
        [call] => call.clone(),
        calls => format!("coalesce({})", calls.join(", ")),
    };
    format!("{time} AS {TIME_COLUMN}, * EXCEPT ({DATE_COLUMN}, {TIME_COLUMN})")
}

/// The keys of `out` that make the load find a time, or do without.
fn chosen(columns: &[GuessedColumn], num_records: usize, seed: &Seed, doubts: &mut Vec<String>) -> Vec<Setting> {
    let raw: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let names = names::names_after_cleaning(&raw);
    let named = || {
        columns
            .iter()
            .zip(&names)
            .filter_map(|(column, name)| Some((column, name.as_deref()?)))
    };
    let time = named().find(|(_, name)| *name == TIME_COLUMN).map(|(column, _)| column);
    let timestamps: Vec<(&GuessedColumn, &str)> = named()
        .filter(|(column, name)| column.column_type == ColumnType::Timestamp && *name != TIME_COLUMN)
        .collect();
    let complete: Vec<&str> = timestamps
        .iter()
        .filter(|(column, _)| column.num_missing == 0)
        .map(|(_, name)| *name)
        .collect();
    let objection = match time {
        None => None,
        Some(time) => match objection(time, num_records) {
            Some(objection) => Some(objection),
            None => {
                if time.num_missing > 0 {
                    doubts.push(format!(
                        "column `time`: {} of {num_records} sampled records have no value; such records will be rejected; \
                         `out.partition_by: none` keeps them",
                        time.num_missing
                    ));
                }
                return unit_of(time, seed);
            }
        },
    };
    match (objection, complete.split_first()) {
        // The seed lets the load choose.
        (None, _) if seed.output("time_column_fallback") == Some("first") => Vec::new(),
        (objection, Some((first, others))) => vec![time_column(first, others, objection, doubts)],
        (Some(objection), None) => without_partitions(objection, seed, doubts).into_iter().collect(),
        (None, None) => {
            if !timestamps.is_empty() {
                let incomplete: Vec<&str> = timestamps.iter().map(|(_, name)| *name).collect();
                doubts.push(format!(
                    "out.time_column: partitions are by the time of the load; timestamps without a value in some records, \
                     which would be rejected: {}",
                    those(&incomplete, MAX_NAMED_COLUMNS)
                ));
            }
            Vec::new()
        }
    }
}

/// The setting that takes `first` of the timestamps that every record has; `objection` is what speaks against `time`.
fn time_column(first: &str, others: &[&str], objection: Option<String>, doubts: &mut Vec<String>) -> Setting {
    if !others.is_empty() {
        doubts.push(format!(
            "out.time_column: `{first}` was chosen because it comes first; timestamps too: {}",
            those(others, MAX_NAMED_COLUMNS)
        ));
    }
    let which = match others {
        [] => "the only timestamp column with a value in every record",
        _ => "the first timestamp column with a value in every record",
    };
    Setting {
        key: "time_column",
        value: Value::from(first),
        note: match objection {
            Some(objection) => format!("{which}; {objection}"),
            None => which.to_owned(),
        },
    }
}

/// The setting that does without a time where `time` is none and nothing else is, unless the seed has partitions.
fn without_partitions(objection: String, seed: &Seed, doubts: &mut Vec<String>) -> Option<Setting> {
    let none_else = format!("{objection}, and there is no timestamp column with a value in every record");
    if seed.has_output("partition_by") {
        doubts.push(format!(
            "out.partition_by: {none_else}; the load will fail without `partition_by: none` or another `time`"
        ));
        return None;
    }
    doubts.push(format!(
        "out.partition_by: {none_else}, so that there are no partitions; a filter could make a time"
    ));
    Some(Setting {
        key: "partition_by",
        value: Value::from("none"),
        note: objection,
    })
}

/// The unit of an integer `time`, unless it is the load's own; as seconds the finer ones are beyond every calendar.
fn unit_of(time: &GuessedColumn, seed: &Seed) -> Vec<Setting> {
    match time.epoch_unit {
        Some(unit) if unit != "sec" && !seed.has_output("unix_timestamp_unit") => vec![Setting {
            key: "unix_timestamp_unit",
            value: Value::from(unit),
            note: format!("what {} counts since 1970", shown(&time.name)),
        }],
        _ => Vec::new(),
    }
}

/// Why a column `time` cannot be the time of the rows.
fn objection(time: &GuessedColumn, num_records: usize) -> Option<String> {
    if !matches!(time.column_type, ColumnType::Long | ColumnType::Timestamp) {
        Some(format!(
            "{} is a {}, which tells no time",
            shown(&time.name),
            time.column_type.name()
        ))
    } else if time.num_missing > tolerated_misfits(num_records) {
        Some(format!(
            "{} has no value in {} of {num_records} sampled records",
            shown(&time.name),
            time.num_missing
        ))
    } else {
        None
    }
}

/// Before filters that the user wrote, all that is known is that `time` would be refused.
fn doubt_beside_filters(columns: &[GuessedColumn]) -> Option<String> {
    let time = columns.iter().find(|column| column.name == TIME_COLUMN)?;
    if matches!(time.column_type, ColumnType::Long | ColumnType::Timestamp) {
        return None;
    }
    Some(format!(
        "column `time`: it is a {}; unless the filters change that, the load needs `out.time_column` or \
         `out.partition_by: none`",
        time.column_type.name()
    ))
}

#[cfg(test)]
mod tests;
