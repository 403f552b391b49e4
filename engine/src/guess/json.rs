//! Recognises JSON files and guesses their columns.
//!
//! As in the reference a file is JSON if it begins with a complete object; a bare number or array of numbers looks like a CSV
//! file of one column and stays one. Different from the reference, an array of objects is recognised too, one object a line is
//! told from pretty-printed text, an object that holds nothing but an array gives the elements, and columns are guessed from the keys of all sampled records.

use super::agreement::{disagreement, majority, num_of};
use super::shown::{shorten, shown};
use super::types;
use super::{GuessError, GuessOptions, GuessedColumn, GuessedParser, Seed, Setting, TextSample, time, timestamp};
use crate::parse::columns::ColumnType;
use serde_json::{Deserializer, Map, Value};
use std::collections::HashMap;
use std::fmt;

/// More keys than this are data, not columns.
const MAX_COLUMNS: usize = 1000;

/// Good lines for each broken one in a file of objects a line, and in one that cannot be read otherwise.
const MIN_GOOD_PER_BAD: usize = 10;
const MIN_GOOD_PER_BAD_OF_NO_VALUES: usize = 2;

/// How the records of a file stand in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// One object a line.
    Lines,
    /// Objects one after the other, over several lines.
    Values,
    /// One array of objects.
    Array,
    /// One object whose only member is an array of objects.
    Wrapped,
    /// No JSON.
    None,
}

impl fmt::Display for Layout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Layout::Lines => "JSON, one object a line,",
            Layout::Values => "JSON over several lines",
            Layout::Array => "one JSON array",
            Layout::Wrapped => "one JSON array inside an object",
            Layout::None => "no JSON",
        })
    }
}

/// The values found in one text.
#[derive(Debug)]
struct Found {
    layout: Layout,
    /// Of an array its elements.
    values: Vec<Value>,
    /// Lines or places that are not JSON.
    num_bad: usize,
    /// Of a wrapped array its place.
    root: Option<String>,
}

/// Guesses what reads `samples` as JSON; `None` if most of them are none.
///
/// **Errors**: a record is larger than the sample.
pub(crate) fn guess(
    samples: &[TextSample],
    seed: &Seed,
    options: &GuessOptions,
    doubts: &mut Vec<String>,
) -> Result<Option<GuessedParser>, GuessError> {
    let mut found = find_all(samples, seed)?;
    let num_json = found.iter().filter(|(_, found)| found.layout != Layout::None).count();
    let is_asked_for = matches!(seed.parser_type.as_deref(), Some("json" | "jsonl"));
    if num_json > 0
        && let Some(doubt) = disagreement("", &layouts(&found))
    {
        doubts.push(format!("type: {doubt}"));
    }
    if num_json == 0 || (num_json * 2 <= samples.len() && !is_asked_for) {
        return Ok(None);
    }
    found.retain(|(_, found)| found.layout != Layout::None);
    doubts.extend(reject_doubt(&found));
    let records = records(&found, seed, seed.flatten_json_array.unwrap_or(false));
    let settings = settings(&found, records.len(), seed, options);
    nested_array_doubt(&records, seed, doubts);
    let columns = columns(&records, doubts).filter(|_| seed.num_columns.is_none());
    let date_and_time = columns.as_ref().and_then(|columns| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        time::date_and_time(&names, true, |date, time| {
            records
                .iter()
                .map(|record| {
                    let text = |column: usize| record.get(names[column]).and_then(Value::as_str);
                    (text(date), text(time))
                })
                .collect()
        })
    });
    Ok(Some(GuessedParser {
        format: format(&found, seed, options),
        settings,
        columns,
        columns_note: format!("the keys of {}", num_of(records.len(), "record")),
        num_records: records.len(),
        date_and_time,
    }))
}

/// What each sample holds, as values in a row or as one array inside an object.
fn find_all<'s>(samples: &'s [TextSample], seed: &Seed) -> Result<Vec<(&'s TextSample, Found)>, GuessError> {
    let is_open = seed.root.is_none() && seed.flatten_json_array.is_none();
    let mut found = Vec::with_capacity(samples.len());
    for sample in samples {
        let wrapped = if is_open { wrapped(sample) } else { None };
        let of_sample = match wrapped {
            Some(wrapped) => wrapped,
            None => find(sample)?,
        };
        found.push((sample, of_sample));
    }
    // Arrays at different places cannot be read by one root.
    let is_one_root = found.windows(2).all(|pair| pair[0].1.root == pair[1].1.root);
    if !is_one_root {
        for (sample, found) in found.iter_mut().filter(|(_, found)| found.root.is_some()) {
            *found = find(sample)?;
        }
    }
    Ok(found)
}

fn layouts(found: &[(&TextSample, Found)]) -> Vec<(String, Layout)> {
    let layouts = found.iter().map(|(sample, found)| (sample.key.clone(), found.layout));
    layouts.collect()
}

fn reject_doubt(found: &[(&TextSample, Found)]) -> Option<String> {
    let (first, _) = found.iter().find(|(_, found)| found.num_bad > 0)?;
    let num_bad: usize = found.iter().map(|(_, found)| found.num_bad).sum();
    Some(format!(
        "records that will be rejected: {num_bad} are not valid JSON, the first in `{}`",
        first.key
    ))
}

/// The type of the parser.
fn format(found: &[(&TextSample, Found)], seed: &Seed, options: &GuessOptions) -> &'static str {
    let are_all_lines = found.iter().all(|(_, found)| found.layout == Layout::Lines);
    match seed.parser_type.as_deref() {
        Some("json") => "json",
        Some("jsonl") => "jsonl",
        _ if are_all_lines && options.has("jsonl") => "jsonl",
        _ => "json",
    }
}

/// The keys of the parser but `columns`.
fn settings(found: &[(&TextSample, Found)], num_records: usize, seed: &Seed, options: &GuessOptions) -> Vec<Setting> {
    let layout = majority(&layouts(found)).unwrap_or(Layout::Lines);
    let num_files = num_of(found.len(), "sampled file");
    let mut settings = vec![Setting {
        key: "type",
        value: Value::from(format(found, seed, options)),
        note: match layout {
            Layout::Lines => format!("{} one a line in {num_files}", num_of(num_records, "object")),
            Layout::Values | Layout::None => {
                format!("{} over several lines in {num_files}", num_of(num_records, "object"))
            }
            Layout::Array => format!("an array of objects in {num_files}"),
            Layout::Wrapped => format!("an object that holds nothing but an array of objects in {num_files}"),
        },
    }];
    let root = found.iter().find_map(|(_, found)| found.root.clone());
    if let Some(root) = root.filter(|_| layout == Layout::Wrapped) {
        settings.push(Setting {
            key: "root",
            value: Value::from(root),
            note: "where the array is".to_owned(),
        });
    }
    if matches!(layout, Layout::Array | Layout::Wrapped) && seed.root.is_none() {
        settings.push(Setting {
            key: "flatten_json_array",
            value: Value::Bool(true),
            note: format!("each of {} of the array is a record", num_of(num_records, "element")),
        });
    }
    settings
}

/// The objects that are records: `root` and `flatten_json_array` of the seed applied.
fn records<'v>(found: &'v [(&TextSample, Found)], seed: &Seed, is_flattened: bool) -> Vec<&'v Map<String, Value>> {
    let mut records = Vec::new();
    for value in found.iter().flat_map(|(_, found)| &found.values) {
        let value = match &seed.root {
            Some(root) => match value.pointer(root) {
                Some(value) => value,
                None => continue,
            },
            None => value,
        };
        match value {
            Value::Array(elements) if is_flattened || seed.root.is_some() => {
                records.extend(elements.iter().filter_map(Value::as_object));
            }
            Value::Object(object) => records.push(object),
            _ => {}
        }
    }
    records
}

/// Finds the JSON values of one text.
fn find(sample: &TextSample) -> Result<Found, GuessError> {
    let text = sample.text().trim_start();
    let none = Found {
        layout: Layout::None,
        values: Vec::new(),
        num_bad: 0,
        root: None,
    };
    match text.as_bytes().first() {
        Some(b'{') => {}
        Some(b'[') => return Ok(array(text).unwrap_or(none)),
        _ => return Ok(none),
    }
    if let Some(found) = by_lines(text, sample.is_whole, MIN_GOOD_PER_BAD) {
        return Ok(found);
    }
    let mut values = Vec::new();
    let mut num_bad = 0;
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        match value {
            Ok(value @ Value::Object(_)) => values.push(value),
            Ok(_) => num_bad += 1,
            Err(error) if error.is_eof() && !sample.is_whole => {
                if values.is_empty() {
                    return Err(GuessError::cannot(format!(
                        "the first JSON object of `{}` does not end within the {} bytes sampled; \
                         a larger `exec.guess_sample_buffer_bytes` is needed",
                        sample.key,
                        sample.text().len()
                    )));
                }
            }
            Err(_) => num_bad += 1,
        }
    }
    // What cannot be read as values loses less if it can be read by lines.
    if num_bad > 0
        && let Some(found) = by_lines(text, sample.is_whole, MIN_GOOD_PER_BAD_OF_NO_VALUES)
    {
        return Ok(found);
    }
    // One object and then something else is a CSV field that happens to hold an object.
    if values.is_empty() || num_bad >= values.len() {
        return Ok(none);
    }
    Ok(Found {
        layout: Layout::Values,
        values,
        num_bad,
        root: None,
    })
}

/// One object a line; of so many good lines one may be broken, it is rejected.
fn by_lines(text: &str, is_whole: bool, good_per_bad: usize) -> Option<Found> {
    let mut found = Found {
        layout: Layout::Lines,
        values: Vec::new(),
        num_bad: 0,
        root: None,
    };
    for line in super::split::lines(text, is_whole)
        .into_iter()
        .filter(|line| !line.trim().is_empty())
    {
        match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => found.values.push(value),
            _ => {
                found.num_bad += 1;
                // Pretty-printed text shows at once; no need to try every line of it.
                if found.num_bad > 10 && found.num_bad > found.values.len() {
                    return None;
                }
            }
        }
    }
    (!found.values.is_empty() && found.num_bad * good_per_bad <= found.values.len()).then_some(found)
}

/// The complete elements of an array of objects that may be cut.
fn array(text: &str) -> Option<Found> {
    let mut values = Vec::new();
    let mut rest = text.strip_prefix('[')?;
    loop {
        let mut stream = Deserializer::from_str(rest).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value @ Value::Object(_))) => values.push(value),
            _ => break,
        }
        rest = rest[stream.byte_offset()..].trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
    }
    (!values.is_empty()).then_some(Found {
        layout: Layout::Array,
        values,
        num_bad: 0,
        root: None,
    })
}

/// The elements of an array of objects that is the only member of the only object, as far as the text goes: `{"Records": [...]}`.
fn wrapped(sample: &TextSample) -> Option<Found> {
    let inside = sample.text().trim_start().strip_prefix('{')?;
    let mut stream = Deserializer::from_str(inside).into_iter::<Value>();
    let Some(Ok(Value::String(key))) = stream.next() else {
        return None;
    };
    let text = inside[stream.byte_offset()..]
        .trim_start()
        .strip_prefix(':')?
        .trim_start();
    let found = array(text)?;
    if sample.is_whole {
        let whole: Map<String, Value> = serde_json::from_str(sample.text()).ok()?;
        let is_all = whole.len() == 1 && whole[&key].as_array()?.len() == found.values.len();
        if !is_all {
            return None;
        }
    } else if found.values.len() < 2 || by_lines(sample.text(), false, MIN_GOOD_PER_BAD).is_some() {
        return None;
    }
    Some(Found {
        layout: Layout::Wrapped,
        root: Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        ..found
    })
}

/// Exports that wrap their records: one object with one array of objects.
fn nested_array_doubt(records: &[&Map<String, Value>], seed: &Seed, doubts: &mut Vec<String>) {
    if records.len() > 2 || seed.root.is_some() {
        return;
    }
    let Some(record) = records.first() else { return };
    let nested = record.iter().find_map(|(key, value)| {
        let elements = value.as_array()?;
        let are_objects = elements.len() > 1 && elements.iter().all(Value::is_object);
        are_objects.then_some((key, elements.len()))
    });
    if let Some((key, count)) = nested {
        let pointer = key.replace('~', "~0").replace('/', "~1");
        doubts.push(format!(
            "root: the file is one object with {count} objects under `{}`; `root: /{}` and `flatten_json_array: true` make each of \
             them a record",
            shorten(key),
            shorten(&pointer)
        ));
    }
}

/// The columns of all records, in the order their keys were first seen.
fn columns(records: &[&Map<String, Value>], doubts: &mut Vec<String>) -> Option<Vec<GuessedColumn>> {
    let mut order: Vec<&str> = Vec::new();
    let mut members: HashMap<&str, Vec<&Value>> = HashMap::new();
    for record in records {
        for (key, value) in record.iter().filter(|(key, _)| !key.is_empty()) {
            members
                .entry(key)
                .or_insert_with(|| {
                    order.push(key);
                    Vec::new()
                })
                .push(value);
        }
    }
    if records.iter().any(|record| record.contains_key("")) {
        doubts.push(
            "columns: a key is empty, which is no name for a column; one with `element_at: /` would have its values"
                .to_owned(),
        );
    }
    if order.len() > MAX_COLUMNS {
        doubts.push(format!(
            "columns: the records have {} different keys, which look like data; without columns the whole record is one column",
            order.len()
        ));
        return None;
    }
    let columns: Vec<GuessedColumn> = order
        .into_iter()
        .map(|key| column(key, &members[key], records.len(), doubts))
        .collect();
    (!columns.is_empty()).then_some(columns)
}

fn column(name: &str, members: &[&Value], num_records: usize, doubts: &mut Vec<String>) -> GuessedColumn {
    let values: Vec<&Value> = members.iter().copied().filter(|value| !value.is_null()).collect();
    let mut column = GuessedColumn {
        name: name.to_owned(),
        column_type: ColumnType::String,
        formats: Vec::new(),
        note: match values.len() {
            0 => "no value seen".to_owned(),
            count => format!("in {count} of {}", num_of(num_records, "record")),
        },
        num_missing: num_records - values.len(),
        epoch_unit: None,
    };
    let is_integer = |value: &Value| value.is_i64();
    let is_number = |value: &Value| value.is_i64() || value.is_f64();
    if values.is_empty() {
        return column;
    }
    if values.iter().all(|value| value.is_boolean()) {
        column.column_type = ColumnType::Boolean;
    } else if values.iter().all(|value| is_integer(value)) {
        let texts: Vec<String> = values.iter().map(|value| value.to_string()).collect();
        let guessed = types::column_type(Some(name), &texts.iter().map(String::as_str).collect::<Vec<&str>>(), 0);
        column.column_type = guessed.column_type;
        column.formats = guessed.formats;
        column.epoch_unit = guessed.epoch_unit;
        if let Some((_, detail)) = guessed.note.split_once(", ") {
            column.note = format!("{}, {detail}", column.note);
        }
        doubts.extend(guessed.doubts);
    } else if values.iter().all(|value| is_number(value)) {
        column.column_type = ColumnType::Double;
    } else if values.iter().all(|value| value.is_number()) {
        column.note.push_str(", some beyond 64 bits");
    } else if let Some(texts) = values.iter().map(|value| value.as_str()).collect::<Option<Vec<&str>>>() {
        text_column(name, &texts, &mut column, doubts);
    } else if values.iter().any(|value| value.is_object() || value.is_array()) {
        column.column_type = ColumnType::Json;
    } else if !is_read_but_for_misfits(&values, &mut column, doubts) {
        column.note.push_str(", of different kinds");
    }
    column
}

/// Chooses the type of all but a few of many scalars of different kinds; `false` if there is none.
fn is_read_but_for_misfits(values: &[&Value], column: &mut GuessedColumn, doubts: &mut Vec<String>) -> bool {
    let max_misfits = types::tolerated_misfits(values.len());
    type IsOfType = fn(&Value) -> bool;
    let kinds: [(ColumnType, IsOfType); 3] = [
        (ColumnType::Long, Value::is_i64),
        (ColumnType::Double, Value::is_number),
        (ColumnType::Boolean, Value::is_boolean),
    ];
    for (column_type, fits) in kinds {
        let misfits: Vec<String> = values
            .iter()
            .filter(|value| !fits(value))
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        let misfits: Vec<&str> = misfits.iter().map(String::as_str).collect();
        if misfits.len() <= max_misfits && misfits.iter().all(|misfit| types::is_surely_bad(column_type, misfit)) {
            column.column_type = column_type;
            tell_misfits(values.len(), &misfits, column, doubts);
            return true;
        }
    }
    false
}

/// Names the misfits in the note and in a doubt.
fn tell_misfits(num_values: usize, misfits: &[&str], column: &mut GuessedColumn, doubts: &mut Vec<String>) {
    if !misfits.is_empty() {
        let (note, doubt) = types::told_misfits(&shown(&column.name), column.column_type, num_values, misfits);
        column.note.push_str(&note);
        doubts.push(doubt);
    }
}

/// A column of JSON strings: a timestamp if all of them are, or all but a few of many, and none is mere digits.
fn text_column(name: &str, texts: &[&str], column: &mut GuessedColumn, doubts: &mut Vec<String>) {
    let is_digits = |text: &&&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let max_misfits = types::tolerated_misfits(texts.len());
    if texts.iter().filter(is_digits).count() > max_misfits {
        return;
    }
    let Some((found, misfits)) = timestamp::formats_of_most(texts, max_misfits) else {
        return;
    };
    column.column_type = ColumnType::Timestamp;
    column.formats = found.formats;
    if found.lacks_zone {
        column.note.push_str(", no zone in the text: UTC");
    }
    if found.is_order_ambiguous {
        let first = texts.iter().find(|text| !misfits.contains(text)).unwrap_or(&texts[0]);
        doubts.push(types::order_doubt(&shown(name), first));
    }
    tell_misfits(texts.len(), &misfits, column, doubts);
}
