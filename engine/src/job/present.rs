//! Shows rows to people and programs: as a table, as JSON, as CSV.
//!
//! In JSON, timestamps are RFC 3339 in UTC with the shortest exact fraction, 64-bit integers are numbers, a JSON column is the
//! JSON value itself, null is null.

use crate::filter::write_timestamp;
use crate::parse::columns::{ColumnType, TYPE_METADATA_KEY};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowFormat {
    /// For people: aligned columns with a header.
    #[default]
    Table,
    /// An array of objects, one a row.
    Json,
    /// RFC 4180 with a header; null is empty, empty text is `""`.
    Csv,
}

/// One value as JSON.
pub fn json_value(field: &Field, column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Int8 => json!(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => json!(column.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => json!(column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => json!(column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => json!(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => double(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => text(field, column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text(field, column.as_string::<i64>().value(row)),
        DataType::Utf8View => text(field, column.as_string_view().value(row)),
        DataType::Date32 => match column.as_primitive::<Date32Type>().value_as_date(row) {
            Some(date) => json!(date.to_string()),
            None => Value::Null,
        },
        DataType::Timestamp(unit, _) => timestamp(*unit, column, row),
        DataType::List(item) => {
            let items = column.as_list::<i32>().value(row);
            Value::Array((0..items.len()).map(|index| json_value(item, &items, index)).collect())
        }
        DataType::Struct(fields) => {
            let members = column.as_struct();
            let object = fields
                .iter()
                .zip(members.columns())
                .map(|(member, values)| (member.name().clone(), json_value(member, values, row)))
                .collect::<Map<_, _>>();
            Value::Object(object)
        }
        _ => match ArrayFormatter::try_new(column, &FormatOptions::default()) {
            Ok(formatter) => json!(formatter.value(row).to_string()),
            Err(_) => Value::Null,
        },
    }
}

/// JSON has no word for what is not a number.
fn double(number: f64) -> Value {
    match number.is_finite() {
        true => json!(number),
        false => json!(number.to_string()),
    }
}

fn text(field: &Field, value: &str) -> Value {
    let is_json = field
        .metadata()
        .get(TYPE_METADATA_KEY)
        .is_some_and(|name| name == ColumnType::Json.name());
    match is_json {
        true => serde_json::from_str(value).unwrap_or_else(|_| json!(value)),
        false => json!(value),
    }
}

fn timestamp(unit: TimeUnit, column: &ArrayRef, row: usize) -> Value {
    let instant = match unit {
        TimeUnit::Second => jiff::Timestamp::from_second(column.as_primitive::<TimestampSecondType>().value(row)),
        TimeUnit::Millisecond => {
            jiff::Timestamp::from_millisecond(column.as_primitive::<TimestampMillisecondType>().value(row))
        }
        TimeUnit::Microsecond => {
            jiff::Timestamp::from_microsecond(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        TimeUnit::Nanosecond => {
            jiff::Timestamp::from_nanosecond(i128::from(column.as_primitive::<TimestampNanosecondType>().value(row)))
        }
    };
    match instant {
        Ok(instant) => json!(instant.to_string()),
        // A year of more than four digits: as `cast` writes it.
        Err(_) if unit == TimeUnit::Microsecond => {
            let mut text = String::new();
            write_timestamp(column.as_primitive::<TimestampMicrosecondType>().value(row), &mut text);
            json!(text)
        }
        Err(_) => Value::Null,
    }
}

/// The rows of a batch as JSON objects.
pub fn json_rows(batch: &RecordBatch) -> Vec<Value> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|row| {
            let object = schema
                .fields()
                .iter()
                .zip(batch.columns())
                .map(|(field, column)| (field.name().clone(), json_value(field, column, row)))
                .collect::<Map<_, _>>();
            Value::Object(object)
        })
        .collect()
}

/// The rows of a batch, one value a column, as JSON.
pub fn json_arrays(batch: &RecordBatch) -> Vec<Vec<Value>> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|row| {
            let values = schema.fields().iter().zip(batch.columns());
            values.map(|(field, column)| json_value(field, column, row)).collect()
        })
        .collect()
}

/// The same for people and for CSV: a JSON column is its text, as it is stored.
pub fn text_arrays(batch: &RecordBatch) -> Vec<Vec<Value>> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|row| {
            let values = schema.fields().iter().zip(batch.columns());
            values
                .map(|(field, column)| json_value(&Field::clone(field).with_metadata(HashMap::new()), column, row))
                .collect()
        })
        .collect()
}

/// A value as a person reads it in a cell; control characters are shown, not sent to the terminal.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars()
        .flat_map(|character| match character {
            '\n' => vec!['\\', 'n'],
            '\r' => vec!['\\', 'r'],
            '\t' => vec!['\\', 't'],
            other if other.is_control() => other.escape_unicode().collect(),
            other => vec![other],
        })
        .collect()
}

/// Draws rows as a table with `headers`.
pub fn table(headers: &[String], rows: &[Vec<Value>]) -> String {
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let is_number: Vec<bool> = (0..headers.len())
        .map(|column| {
            let mut values = rows
                .iter()
                .filter_map(|row| row.get(column))
                .filter(|value| !value.is_null())
                .peekable();
            values.peek().is_some() && values.all(Value::is_number)
        })
        .collect();
    let widths: Vec<usize> = headers
        .iter()
        .enumerate()
        .map(|(column, header)| {
            let longest = cells.iter().map(|row| width(&row[column])).max().unwrap_or_default();
            longest.max(width(header))
        })
        .collect();
    let rule = |joint: char| {
        let bars: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        format!("{joint}{}{joint}\n", bars.join(&joint.to_string()))
    };
    let line = |cells: &[String], is_header: bool| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let gap = " ".repeat(widths[column] - width(cell));
                match is_number[column] && !is_header {
                    true => format!(" {gap}{cell} "),
                    false => format!(" {cell}{gap} "),
                }
            })
            .collect();
        format!("|{}|\n", padded.join("|"))
    };
    let mut drawn = rule('+');
    drawn.push_str(&line(headers, true));
    drawn.push_str(&rule('+'));
    for row in &cells {
        drawn.push_str(&line(row, false));
    }
    drawn.push_str(&rule('+'));
    drawn
}

/// Columns a text takes on a terminal: wide characters of East Asian scripts take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|character| match u32::from(character) {
            0x0300..=0x036F | 0x200B..=0x200F => 0,
            0x1100..=0x115F
            | 0x2E80..=0xA4CF
            | 0xAC00..=0xD7A3
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6
            | 0x1F300..=0x1FAFF
            | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}

/// A line of CSV, with a line end.
pub fn csv_line<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let fields: Vec<String> = values
        .map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => csv_field(text),
            other => csv_field(&other.to_string()),
        })
        .collect();
    format!("{}\n", fields.join(","))
}

fn csv_field(text: &str) -> String {
    let needs_quotes =
        text.is_empty() || text.contains(['"', ',', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ');
    match needs_quotes {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Float64Array, StringArray, TimestampMicrosecondArray};
    use std::sync::Arc;

    fn value(field: &Field, column: ArrayRef) -> Value {
        json_value(field, &column, 0)
    }

    #[test]
    fn values_are_written_as_their_types_say() {
        let timestamp = |micros| {
            value(
                &ColumnType::Timestamp.field("c"),
                Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC")),
            )
        };
        assert_eq!(timestamp(1_427_782_357_000_000), json!("2015-03-31T06:12:37Z"));
        assert_eq!(timestamp(1_427_782_357_500_000), json!("2015-03-31T06:12:37.5Z"));
        assert_eq!(timestamp(-1), json!("1969-12-31T23:59:59.999999Z"));
        assert_eq!(timestamp(253_402_300_800_000_000), json!("+10000-01-01T00:00:00Z"));
        assert_eq!(
            value(
                &ColumnType::Json.field("c"),
                Arc::new(StringArray::from(vec![r#"{"a":[1]}"#]))
            ),
            json!({"a": [1]})
        );
        assert_eq!(
            value(
                &ColumnType::Double.field("c"),
                Arc::new(Float64Array::from(vec![f64::NAN]))
            ),
            json!("NaN")
        );
        assert_eq!(
            value(
                &ColumnType::Boolean.field("c"),
                Arc::new(BooleanArray::from(vec![None]))
            ),
            Value::Null
        );
    }

    #[test]
    fn a_table_aligns_numbers_right_and_wide_text() {
        let drawn = table(
            &["n:long".to_owned(), "name:string".to_owned()],
            &[vec![json!(5), json!("日本")], vec![json!(1234567), json!("a\nb")]],
        );
        assert_eq!(
            drawn,
            "+---------+-------------+\n\
             | n:long  | name:string |\n\
             +---------+-------------+\n\
             |       5 | 日本        |\n\
             | 1234567 | a\\nb        |\n\
             +---------+-------------+\n"
        );
    }

    #[test]
    fn csv_tells_null_from_empty_text() {
        let values = [Value::Null, json!(""), json!("a\"b,c"), json!(-1)];
        assert_eq!(csv_line(values.iter()), ",\"\",\"a\"\"b,c\",-1\n");
    }
}
