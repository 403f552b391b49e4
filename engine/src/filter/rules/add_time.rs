//! Appends a time column: from another column, a constant, a count of seconds or the start of the job.

use super::{AddTimeRule, AddTimeSource, UnixUnit};
use crate::filter::convert::{Conversion, ConversionRule, Converter, InvalidRows, OnInvalid, convert};
use crate::filter::json_path::parse_json;
use crate::filter::values::Values;
use crate::filter::{FilterError, Stage, column, column_names, new_column_name};
use crate::parse::columns::{ColumnType, TimestampOptions};
use crate::parse::timestamp::TimestampParser;
use arrow::array::{ArrayRef, Int64Builder, TimestampMicrosecondBuilder};
use datafusion::common::{DataFusionError, Result as PlanResult, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::lit;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::sync::Arc;

/// The part of the rule that the plan node keeps.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::filter) struct TimeConversion {
    /// The input column, or the new one where there is none; as reasons name it.
    column: String,
    to_unit: Option<UnixUnit>,
    source: TimeSource,
}

#[derive(Clone, Debug, PartialEq)]
enum TimeSource {
    Column {
        unit: UnixUnit,
        timestamp: TimestampOptions,
        json_key: Option<String>,
    },
    Incremental {
        from: i64,
        to: i64,
    },
}

/// Compiles the rule. An existing column of the new one's name is renamed, with a warning.
///
/// **Errors**: the source column is missing or of a type without a time; a format cannot be read; a constant is out of range.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &AddTimeRule,
) -> Result<LogicalPlan, FilterError> {
    let names = column_names(&input);
    let (plan, time) = match &rule.source {
        AddTimeSource::FixedTime(micros) => (input, constant(stage, rule, *micros)?),
        AddTimeSource::UploadTime => (input, constant(stage, rule, stage.surroundings.started_micros)?),
        AddTimeSource::IncrementalTime { from, to } => {
            if to < from {
                return Err(stage.error("`to` is before `from`"));
            }
            let fits = |seconds: i64| {
                let nanos = i128::from(seconds) * 1_000_000_000;
                in_unit(nanos, rule.to_unit.unwrap_or(UnixUnit::Micro)).is_some()
            };
            if !fits(*from) || !fits(*to) {
                return Err(does_not_fit(stage, rule));
            }
            converted(
                stage,
                input,
                rule,
                None,
                TimeSource::Incremental { from: *from, to: *to },
            )?
        }
        AddTimeSource::FromColumn {
            name,
            unit,
            timestamp,
            json_key,
        } => {
            let source_type = source_type(stage, &input, name)?;
            if matches!(source_type, ColumnType::String | ColumnType::Json) {
                TimestampParser::new(timestamp)
                    .map_err(|error| stage.error(format!("from_column `{name}`: {error}")))?;
            }
            if source_type == ColumnType::Json && json_key.is_none() {
                return Err(stage.error(format!(
                    "from_column `{name}` is json, so `json_key` must name its member"
                )));
            }
            match (source_type, rule.to_unit) {
                (ColumnType::Timestamp, None) => (input, column(name)),
                _ => {
                    let source = TimeSource::Column {
                        unit: *unit,
                        timestamp: timestamp.clone(),
                        json_key: json_key.clone(),
                    };
                    converted(stage, input, rule, Some((name.clone(), source_type)), source)?
                }
            }
        }
    };

    let mut outputs = Vec::with_capacity(names.len() + 1);
    for name in &names {
        let mut output = name.clone();
        if *name == rule.to_column {
            while names.contains(&output) {
                output.push('_');
            }
            tracing::warn!(column = %name, renamed = %output, "column renamed to make room for the time column");
        }
        outputs.push((output, column(name)));
    }
    outputs.push((rule.to_column.clone(), time));
    stage.project(plan, outputs)
}

/// The same time for every row.
fn constant(stage: &Stage<'_>, rule: &AddTimeRule, micros: i64) -> Result<Expr, FilterError> {
    let Some(unit) = rule.to_unit else {
        let zone = Some(Arc::from("UTC"));
        return Ok(lit(ScalarValue::TimestampMicrosecond(Some(micros), zone)));
    };
    let value = in_unit(i128::from(micros) * 1000, unit).ok_or_else(|| does_not_fit(stage, rule))?;
    Ok(lit(value))
}

fn does_not_fit(stage: &Stage<'_>, rule: &AddTimeRule) -> FilterError {
    stage.error(format!("the time of column `{}` does not fit its unit", rule.to_column))
}

/// The plan with a node that makes the time of each row, and the column that it stands in.
fn converted(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &AddTimeRule,
    source: Option<(String, ColumnType)>,
    time_source: TimeSource,
) -> Result<(LogicalPlan, Expr), FilterError> {
    let output = new_column_name(stage, input.schema(), 0);
    let target_type = match rule.to_unit {
        Some(_) => ColumnType::Long,
        None => ColumnType::Timestamp,
    };
    let time = column(&output);
    let conversion = Conversion {
        outputs: vec![(output, target_type)],
        rule: ConversionRule::Time(TimeConversion {
            column: source
                .as_ref()
                .map_or_else(|| rule.to_column.clone(), |(name, _)| name.clone()),
            to_unit: rule.to_unit,
            source: time_source,
        }),
        source,
    };
    Ok((convert(stage, input, vec![conversion], OnInvalid::Reject)?, time))
}

fn source_type(stage: &Stage<'_>, input: &LogicalPlan, name: &str) -> Result<ColumnType, FilterError> {
    match stage.column_type(input.schema(), name)? {
        None => Err(stage.missing_column(
            format!("from_column `{name}` doesn't exist in the schema"),
            name,
            input.schema(),
        )),
        Some(other @ (ColumnType::Boolean | ColumnType::Double)) => Err(stage.error(format!(
            "the type of the `{name}` column specified as from_column must be long, string, timestamp or json, but it's {}",
            other.name()
        ))),
        Some(column_type) => Ok(column_type),
    }
}

/// Nanoseconds of one unit.
fn nanos_per(unit: UnixUnit) -> i128 {
    match unit {
        UnixUnit::Sec => 1_000_000_000,
        UnixUnit::Milli => 1_000_000,
        UnixUnit::Micro => 1_000,
        UnixUnit::Nano => 1,
    }
}

/// Whole units since the epoch, towards the past; `None` if they do not fit.
fn in_unit(nanos: i128, unit: UnixUnit) -> Option<i64> {
    i64::try_from(nanos.div_euclid(nanos_per(unit))).ok()
}

impl TimeConversion {
    /// Compiles the formats and makes room for values.
    pub(in crate::filter) fn converter(&self) -> PlanResult<Box<dyn Converter>> {
        let builder = match self.to_unit {
            Some(unit) => TimeBuilder::Long(Int64Builder::new(), unit),
            None => TimeBuilder::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(ColumnType::Timestamp.data_type()),
            ),
        };
        let column = self.column.clone();
        Ok(match &self.source {
            TimeSource::Incremental { from, to } => Box::new(IncrementalConverter {
                next: *from,
                from: *from,
                to: *to,
                builder,
            }),
            TimeSource::Column {
                unit,
                timestamp,
                json_key,
            } => {
                let parser =
                    TimestampParser::new(timestamp).map_err(|error| DataFusionError::External(error.into()))?;
                let json_key = json_key.clone().unwrap_or_default();
                Box::new(TimeConverter {
                    column,
                    unit: *unit,
                    parser,
                    json_key,
                    has_warned: false,
                    builder,
                })
            }
        })
    }
}

enum TimeBuilder {
    Timestamp(TimestampMicrosecondBuilder),
    Long(Int64Builder, UnixUnit),
}

impl TimeBuilder {
    /// Appends an instant; null, and `false` returned, if it does not fit.
    fn append(&mut self, nanos: i128) -> bool {
        let value = match self {
            TimeBuilder::Timestamp(_) => in_unit(nanos, UnixUnit::Micro),
            TimeBuilder::Long(_, unit) => in_unit(nanos, *unit),
        };
        match self {
            TimeBuilder::Timestamp(builder) => builder.append_option(value),
            TimeBuilder::Long(builder, _) => builder.append_option(value),
        }
        value.is_some()
    }

    fn append_null(&mut self) {
        match self {
            TimeBuilder::Timestamp(builder) => builder.append_null(),
            TimeBuilder::Long(builder, _) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            TimeBuilder::Timestamp(builder) => Arc::new(builder.finish()),
            TimeBuilder::Long(builder, _) => Arc::new(builder.finish()),
        }
    }
}

/// One second a record; starts anew in every partition of the plan.
struct IncrementalConverter {
    next: i64,
    from: i64,
    to: i64,
    builder: TimeBuilder,
}

impl Converter for IncrementalConverter {
    fn convert(
        &mut self,
        _source: Option<&Values>,
        num_rows: usize,
        _invalid: &mut InvalidRows,
    ) -> PlanResult<Vec<ArrayRef>> {
        for _ in 0..num_rows {
            self.builder.append(i128::from(self.next) * 1_000_000_000);
            self.next = if self.next < self.to { self.next + 1 } else { self.from };
        }
        Ok(vec![self.builder.finish()])
    }
}

struct TimeConverter {
    column: String,
    unit: UnixUnit,
    parser: TimestampParser,
    json_key: String,
    /// A line per record would bury the log.
    has_warned: bool,
    builder: TimeBuilder,
}

impl Converter for TimeConverter {
    fn convert(
        &mut self,
        source: Option<&Values>,
        num_rows: usize,
        invalid: &mut InvalidRows,
    ) -> PlanResult<Vec<ArrayRef>> {
        let Some(values) = source else {
            return Err(DataFusionError::Internal("from_column has a source".to_owned()));
        };
        let mut buffer = String::new();
        for row in 0..num_rows {
            if values.is_null(row) {
                self.builder.append_null();
                continue;
            }
            let nanos = match values {
                Values::Long(values) => Some(i128::from(values.value(row)) * nanos_per(self.unit)),
                Values::Timestamp(values) => Some(i128::from(values.value(row)) * 1000),
                Values::Text { values, is_json: false } => self.text_nanos(values.value(row)),
                Values::Text { values, is_json: true } => {
                    let nanos = self.json_nanos(values.value(row));
                    if !self.append_or_null(nanos) {
                        self.warn_once();
                    }
                    continue;
                }
                Values::Boolean(_) | Values::Double(_) => None,
            };
            if !self.append_or_null(nanos) {
                let text = values.text(row, &mut buffer);
                invalid.cannot_read(row, &self.column, text, ColumnType::Timestamp, text);
            }
        }
        Ok(vec![self.builder.finish()])
    }
}

impl TimeConverter {
    /// Appends an instant; null, and `false` returned, if there is none or it does not fit.
    fn append_or_null(&mut self, nanos: Option<i128>) -> bool {
        match nanos {
            Some(nanos) => self.builder.append(nanos),
            None => {
                self.builder.append_null();
                false
            }
        }
    }

    fn warn_once(&mut self) {
        if !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                column = %self.column, json_key = %self.json_key,
                "a json value has no time under its key; the time is null in such records"
            );
        }
    }

    fn text_nanos(&mut self, text: &str) -> Option<i128> {
        self.parser
            .parse(text.as_bytes())
            .map(|micros| i128::from(micros) * 1000)
    }

    fn json_nanos(&mut self, text: &str) -> Option<i128> {
        let root: Value = parse_json(text)?;
        let member = root
            .as_object()?
            .iter()
            .filter(|(key, _)| *key == self.json_key)
            .last()?
            .1;
        match member.as_str() {
            Some(text) => self.text_nanos(text),
            None => {
                let number: i64 = member.as_raw_number()?.as_str().parse().ok()?;
                Some(i128::from(number) * nanos_per(self.unit))
            }
        }
    }
}
