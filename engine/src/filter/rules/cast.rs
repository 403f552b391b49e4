//! Casts columns to another type, in place; a value that has no such meaning rejects its record.
//!
//! Text is read as a CSV field is. From a json column the content of a string counts as text, and json null is null. Numbers are
//! cut at their point, a timestamp becomes its seconds since the epoch, and a long becomes a timestamp by a format such as `%s`.

use super::{CastRule, ColumnEntry};
use crate::filter::convert::{Conversion, ConversionRule, Converter, InvalidRows, OnInvalid, convert};
use crate::filter::json_path::{compact, parse_json, text_of_json};
use crate::filter::values::{Values, boolean_of_text, double_of_text, long_of_text};
use crate::filter::{FilterError, Stage, column, column_names, new_column_name};
use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::parse::timestamp::TimestampParser;
use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::sync::Arc;

/// The rule of one column as the plan node keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::filter) struct CastConversion {
    column: String,
    to: ColumnType,
    timestamp: TimestampOptions,
}

/// Compiles the rule. Columns that are of the wanted type already are left alone.
///
/// **Errors**: a column is missing, named twice or has no cast to the wanted type; a format cannot be read.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &CastRule,
) -> Result<LogicalPlan, FilterError> {
    let schema = Arc::clone(input.schema());
    let names = column_names(&input);
    let mut outputs: Vec<(String, Expr)> = names.iter().map(|name| (name.clone(), column(name))).collect();
    let mut is_cast = vec![false; names.len()];
    let mut conversions = Vec::new();
    for entry in &rule.columns {
        let source = entry.source.as_ref().unwrap_or(&entry.name);
        let Some(index) = names.iter().position(|name| name == source) else {
            return Err(stage.missing_column(
                format!("column `{source}` doesn't exist in the schema"),
                source,
                &schema,
            ));
        };
        if is_cast[index] {
            return Err(stage.error(format!("column `{source}` appears twice in `columns`")));
        }
        is_cast[index] = true;
        let Some(from) = stage.column_type(&schema, source)? else {
            continue;
        };
        let to = entry
            .column_type
            .ok_or_else(|| stage.error(format!("column `{source}` has no `type` to cast to")))?;
        check_cast(stage, source, from, to, entry)?;
        let mut output = column(source);
        if from != to {
            let name = new_column_name(stage, &schema, conversions.len());
            output = column(&name);
            conversions.push(Conversion {
                source: Some((source.clone(), from)),
                outputs: vec![(name, to)],
                rule: ConversionRule::Cast(CastConversion {
                    column: source.clone(),
                    to,
                    timestamp: entry.timestamp.clone(),
                }),
            });
        }
        outputs[index] = (entry.name.clone(), super::column::or_default(stage, output, entry, to)?);
    }
    let plan = if conversions.is_empty() {
        input
    } else {
        convert(stage, input, conversions, OnInvalid::Reject)?
    };
    stage.project(plan, outputs)
}

fn check_cast(
    stage: &Stage<'_>,
    name: &str,
    from: ColumnType,
    to: ColumnType,
    entry: &ColumnEntry,
) -> Result<(), FilterError> {
    let has_cast = !matches!(
        (from, to),
        (ColumnType::Boolean | ColumnType::Double, ColumnType::Timestamp)
            | (ColumnType::Timestamp, ColumnType::Boolean)
    );
    if !has_cast {
        return Err(stage.error(format!(
            "column `{name}` cannot be cast from {} to {}",
            from.name(),
            to.name()
        )));
    }
    if to == ColumnType::Timestamp && from != to {
        TimestampParser::new(&entry.timestamp).map_err(|error| stage.error(format!("column `{name}`: {error}")))?;
    }
    Ok(())
}

impl CastConversion {
    /// Compiles the formats and makes room for values.
    pub(in crate::filter) fn converter(&self) -> PlanResult<Box<dyn Converter>> {
        let parser = match self.to {
            ColumnType::Timestamp => {
                Some(TimestampParser::new(&self.timestamp).map_err(|error| DataFusionError::External(error.into()))?)
            }
            _ => None,
        };
        Ok(Box::new(CastConverter {
            column: self.column.clone(),
            to: self.to,
            parser,
        }))
    }
}

struct CastConverter {
    column: String,
    to: ColumnType,
    parser: Option<TimestampParser>,
}

/// What one value becomes.
enum Cast<T> {
    Null,
    Value(T),
    Invalid,
}

impl<T> From<Option<T>> for Cast<T> {
    /// `None`: the text or number has no such meaning.
    fn from(value: Option<T>) -> Self {
        value.map_or(Cast::Invalid, Cast::Value)
    }
}

impl Converter for CastConverter {
    fn convert(
        &mut self,
        source: Option<&Values>,
        num_rows: usize,
        invalid: &mut InvalidRows,
    ) -> PlanResult<Vec<ArrayRef>> {
        let Some(values) = source else {
            return Err(DataFusionError::Internal("cast has a source".to_owned()));
        };
        let rows = Rows {
            values,
            num_rows,
            column: &self.column,
            to: self.to,
        };
        let array: ArrayRef = match self.to {
            ColumnType::Boolean => {
                let mut builder = BooleanBuilder::with_capacity(num_rows);
                rows.cast(invalid, boolean_of, |value| builder.append_option(value));
                Arc::new(builder.finish())
            }
            ColumnType::Long => {
                let mut builder = Int64Builder::with_capacity(num_rows);
                rows.cast(invalid, long_of, |value| builder.append_option(value));
                Arc::new(builder.finish())
            }
            ColumnType::Double => {
                let mut builder = Float64Builder::with_capacity(num_rows);
                rows.cast(invalid, double_of, |value| builder.append_option(value));
                Arc::new(builder.finish())
            }
            ColumnType::String | ColumnType::Json => {
                let mut builder = StringBuilder::with_capacity(num_rows, num_rows * 16);
                let of = if self.to == ColumnType::Json {
                    json_of
                } else {
                    string_of
                };
                rows.cast(invalid, of, |value| builder.append_option(value));
                Arc::new(builder.finish())
            }
            ColumnType::Timestamp => {
                let mut builder =
                    TimestampMicrosecondBuilder::with_capacity(num_rows).with_data_type(self.to.data_type());
                let Some(parser) = &mut self.parser else {
                    return Err(DataFusionError::Internal("a cast to timestamp has a format".to_owned()));
                };
                let of = |values: &Values, row: usize, buffer: &mut String| match text_of(values, row, buffer) {
                    Some(text) => parser.parse(text.as_bytes()).into(),
                    None => Cast::Null,
                };
                rows.cast(invalid, of, |value| builder.append_option(value));
                Arc::new(builder.finish())
            }
        };
        Ok(vec![array])
    }
}

/// The rows of one source column.
struct Rows<'a> {
    values: &'a Values,
    num_rows: usize,
    column: &'a str,
    to: ColumnType,
}

impl Rows<'_> {
    fn cast<T>(
        &self,
        invalid: &mut InvalidRows,
        mut of: impl FnMut(&Values, usize, &mut String) -> Cast<T>,
        mut append: impl FnMut(Option<T>),
    ) {
        let mut buffer = String::new();
        for row in 0..self.num_rows {
            if self.values.is_null(row) {
                append(None);
                continue;
            }
            match of(self.values, row, &mut buffer) {
                Cast::Null => append(None),
                Cast::Value(value) => append(Some(value)),
                Cast::Invalid => {
                    append(None);
                    let text = self.values.text(row, &mut buffer);
                    invalid.cannot_read(row, self.column, text, self.to, text);
                }
            }
        }
    }
}

/// The text form of a value; of a JSON value that of its content, `None` for JSON null.
fn text_of<'a>(values: &'a Values, row: usize, buffer: &'a mut String) -> Option<&'a str> {
    match values {
        Values::Text { values, is_json: true } => {
            let text = values.value(row);
            // Only null and strings differ from their JSON text.
            match text.as_bytes().first() {
                Some(b'n' | b'"' | b' ' | b'\t' | b'\r' | b'\n') => match parse_json(text) {
                    Some(value) => {
                        let mut own = String::new();
                        let content = text_of_json(&value, &mut own)?;
                        buffer.clear();
                        buffer.push_str(content);
                        Some(buffer)
                    }
                    None => Some(text),
                },
                _ => Some(text),
            }
        }
        _ => Some(values.text(row, buffer)),
    }
}

fn boolean_of(values: &Values, row: usize, buffer: &mut String) -> Cast<bool> {
    match values {
        Values::Long(values) => Cast::Value(values.value(row) != 0),
        Values::Double(values) => Cast::Value(values.value(row) != 0.0),
        Values::Text { is_json: true, .. } => match text_of(values, row, buffer) {
            Some(text) => Cast::Value(text.eq_ignore_ascii_case("true")),
            None => Cast::Null,
        },
        _ => Cast::Value(boolean_of_text(values.text(row, buffer))),
    }
}

fn long_of(values: &Values, row: usize, buffer: &mut String) -> Cast<i64> {
    match values {
        Values::Boolean(values) => Cast::Value(i64::from(values.value(row))),
        Values::Timestamp(values) => Cast::Value(values.value(row).div_euclid(1_000_000)),
        Values::Double(values) => {
            let value = values.value(row);
            // Both bounds are powers of two, so they are exact; NaN is in no range.
            (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
                .contains(&value)
                .then_some(value as i64)
                .into()
        }
        _ => match text_of(values, row, buffer) {
            Some(text) => long_of_text(text).into(),
            None => Cast::Null,
        },
    }
}

fn double_of(values: &Values, row: usize, buffer: &mut String) -> Cast<f64> {
    match values {
        Values::Boolean(values) => Cast::Value(f64::from(u8::from(values.value(row)))),
        Values::Long(values) => Cast::Value(values.value(row) as f64),
        Values::Timestamp(values) => Cast::Value(values.value(row) as f64 / 1e6),
        _ => match text_of(values, row, buffer) {
            Some(text) => double_of_text(text).into(),
            None => Cast::Null,
        },
    }
}

fn string_of(values: &Values, row: usize, buffer: &mut String) -> Cast<String> {
    text_of(values, row, buffer).map_or(Cast::Null, |text| Cast::Value(text.to_owned()))
}

fn json_of(values: &Values, row: usize, buffer: &mut String) -> Cast<String> {
    match values {
        Values::Timestamp(_) => Cast::Value(format!("\"{}\"", values.text(row, buffer))),
        // NaN and the infinities have no JSON.
        _ => parse_json(values.text(row, buffer)).as_ref().map(compact).into(),
    }
}
