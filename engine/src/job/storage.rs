//! Converts columns to what the original's tables store, on request; section 8.3 of the configuration reference.
//!
//! By default columns keep their types. Timestamps can become text or whole seconds, booleans numbers or text, single columns any
//! type there is a cast to.

use crate::config::plan::{BooleanStorage, StorageOptions, TimestampStorage};
use crate::error::{Error, Result};
use crate::filter::rules::{CastRule, ColumnEntry, FilterRule};
use crate::filter::write_timestamp;
use crate::parse::columns::{ColumnType, TimestampOptions};
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Schema, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Column, DataFusionError};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Volatility, create_udf};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// How timestamps are written as text where nothing else is said; the original's.
const DEFAULT_FORMAT: &str = "%Y-%m-%d %H:%M:%S.%6N";

/// What one column is stored as.
#[derive(Debug)]
enum Conversion {
    /// A timestamp as text.
    Text { format: String, timezone: String },
    /// Any other.
    Cast(ColumnType),
}

/// Writes timestamps as text where that is asked for, and gives the rule for all other conversions, to be applied after.
///
/// The time column stays what it is: partitions are made of it.
/// **Errors**: a zone or a format that cannot be used.
pub(super) fn convert(
    rows: DataFrame,
    storage: &StorageOptions,
    time_column: Option<&str>,
) -> Result<(DataFrame, Option<FilterRule>)> {
    let schema = rows.schema().as_arrow().clone();
    let conversions = conversions(&schema, storage, time_column);
    if conversions.is_empty() {
        return Ok((rows, None));
    }
    let mut columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| Expr::Column(Column::from_name(field.name())))
        .collect();
    let mut casts = Vec::new();
    for (index, conversion) in conversions {
        let name = schema.field(index).name();
        match conversion {
            Conversion::Text { format, timezone } => {
                columns[index] = text_function(&format, &timezone)?
                    .call(vec![columns[index].clone()])
                    .alias(name);
            }
            Conversion::Cast(column_type) => casts.push(ColumnEntry {
                name: name.clone(),
                source: None,
                column_type: Some(column_type),
                default: None,
                timestamp: TimestampOptions::default(),
            }),
        }
    }
    let rows = rows.select(columns).map_err(super::plan_error)?;
    Ok((
        rows,
        (!casts.is_empty()).then_some(FilterRule::Cast(CastRule { columns: casts })),
    ))
}

fn conversions(schema: &Schema, storage: &StorageOptions, time_column: Option<&str>) -> Vec<(usize, Conversion)> {
    let mut conversions = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        if time_column == Some(field.name().as_str()) {
            continue;
        }
        let single = storage.columns.iter().find(|column| column.name == *field.name());
        let wanted = single
            .and_then(|column| column.column_type)
            .or(match field.data_type() {
                DataType::Timestamp(_, _) => match storage.timestamps {
                    TimestampStorage::Native => None,
                    TimestampStorage::String => Some(ColumnType::String),
                    TimestampStorage::Sec => Some(ColumnType::Long),
                },
                DataType::Boolean => match storage.booleans {
                    BooleanStorage::Native => None,
                    BooleanStorage::Long => Some(ColumnType::Long),
                    BooleanStorage::String => Some(ColumnType::String),
                },
                _ => None,
            });
        let Some(wanted) = wanted else { continue };
        let is_timestamp = matches!(field.data_type(), DataType::Timestamp(_, _));
        let conversion = match wanted {
            ColumnType::String if is_timestamp => Conversion::Text {
                format: single.map_or_else(|| DEFAULT_FORMAT.to_owned(), |column| column.format.clone()),
                timezone: single
                    .and_then(|column| column.timezone.clone())
                    .unwrap_or_else(|| storage.timezone.clone()),
            },
            wanted => Conversion::Cast(wanted),
        };
        conversions.push((index, conversion));
    }
    conversions
}

/// A function that writes timestamps as text.
fn text_function(format: &str, timezone: &str) -> Result<ScalarUDF> {
    let zone = TimeZone::get(timezone).map_err(|_| {
        Error::config(format!("`{timezone}` is no time zone")).with_hint("use a name such as `UTC` or `Asia/Tokyo`")
    })?;
    let pattern = strftime_pattern(format);
    write_time(0, &zone, &pattern).ok_or_else(|| {
        Error::config(format!("`{format}` cannot be used to write timestamps"))
            .at("out.column_options")
            .with_hint(format!("the default is `{DEFAULT_FORMAT}`"))
    })?;
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
    let name = format!("format_timestamp[{format}, {timezone}]");
    Ok(create_udf(
        &name,
        vec![timestamp],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(move |arguments: &[ColumnarValue]| {
            let arrays = ColumnarValue::values_to_arrays(arguments)?;
            let [times] = arrays.as_slice() else {
                return Err(DataFusionError::Internal("one argument is expected".to_owned()));
            };
            let times = times.as_primitive::<TimestampMicrosecondType>();
            let mut texts = StringBuilder::with_capacity(times.len(), times.len() * 26);
            for row in 0..times.len() {
                if times.is_null(row) {
                    texts.append_null();
                    continue;
                }
                let written = write_time(times.value(row), &zone, &pattern);
                texts.append_value(written.unwrap_or_else(|| beyond_the_calendar(times.value(row))));
            }
            Ok(ColumnarValue::Array(Arc::new(texts.finish()) as ArrayRef))
        }),
    ))
}

fn write_time(micros: i64, zone: &TimeZone, pattern: &str) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(micros).ok()?.to_zoned(zone.clone());
    jiff::fmt::strtime::format(pattern, &time).ok()
}

/// A time that no format can write, since its year has more than four digits: as `cast` does.
fn beyond_the_calendar(micros: i64) -> String {
    let mut text = String::new();
    write_timestamp(micros, &mut text);
    text
}

/// Ruby's directives for fractions in the words of the library: `%6N` is `%6f`, `%N` nine digits, `%L` three.
fn strftime_pattern(format: &str) -> String {
    let mut pattern = String::with_capacity(format.len());
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        pattern.push(character);
        if character != '%' {
            continue;
        }
        let mut digits = String::new();
        while let Some(digit) = characters.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        match characters.next() {
            Some(directive @ ('N' | 'L')) => {
                let default = if directive == 'N' { "9" } else { "3" };
                pattern.push_str(if digits.is_empty() { default } else { &digits });
                pattern.push('f');
            }
            other => {
                pattern.push_str(&digits);
                pattern.extend(other);
            }
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, timezone: &str, expected: &str) {
        let zone = TimeZone::get(timezone).expect("a zone");
        let written = write_time(1_427_782_357_123_456, &zone, &strftime_pattern(format));
        assert_eq!(written.as_deref(), Some(expected));
    }

    #[test]
    fn fractions_are_written_as_ruby_does() {
        check(DEFAULT_FORMAT, "UTC", "2015-03-31 06:12:37.123456");
        check("%H:%M:%S.%L", "Asia/Tokyo", "15:12:37.123");
        check("%S.%N %z 100%%", "Asia/Tokyo", "37.123456000 +0900 100%");
    }

    #[test]
    fn a_time_that_no_format_can_write_is_not_lost() {
        let function = text_function("%Y", "UTC").expect("a format");
        let times = arrow::array::TimestampMicrosecondArray::from(vec![Some(253_402_300_800_000_000), None, Some(0)]);
        let arguments = datafusion::logical_expr::ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(Arc::new(times.with_timezone("UTC")))],
            arg_fields: Vec::new(),
            number_rows: 3,
            return_field: Arc::new(arrow::datatypes::Field::new("c", DataType::Utf8, true)),
            config_options: Arc::default(),
        };
        let written = function.invoke_with_args(arguments).expect("texts");
        let ColumnarValue::Array(written) = written else {
            panic!("a column is expected");
        };
        let written: Vec<Option<&str>> = written.as_string::<i32>().iter().collect();
        assert_eq!(written, [Some("+10000-01-01T00:00:00Z"), None, Some("1970")]);
    }
}
