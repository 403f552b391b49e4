//! Puts members of a JSON column into columns of their own, in its place.
//!
//! Each text is parsed once, for all the columns together. Numbers keep the spelling of the text, so that a string column made
//! from `1.10` holds `1.10`.

use super::{ExpandJsonRule, ExpandedColumn};
use crate::filter::convert::{Conversion, ConversionRule, Converter, InvalidRows, OnInvalid, convert};
use crate::filter::json_path::{JsonQuery, SeveralPaths, compact, parse_json, text_of_json};
use crate::filter::values::{Values, double_of_text, long_of_text};
use crate::filter::{FilterError, Stage, column, column_names, new_column_name};
use crate::parse::columns::ColumnType;
use crate::parse::timestamp::TimestampParser;
use arrow::array::{
    Array, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::common::{DataFusionError, Result as PlanResult};
use datafusion::logical_expr::LogicalPlan;
use std::collections::HashSet;
use std::sync::Arc;

/// The rule as the plan node keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::filter) struct JsonConversion {
    source: String,
    columns: Vec<(JsonQuery, ExpandedColumn)>,
}

/// Compiles the rule.
///
/// **Errors**: the column is missing or neither string nor json; a path or format cannot be read; an output name appears twice.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &ExpandJsonRule,
) -> Result<LogicalPlan, FilterError> {
    let source = rule.json_column_name.as_str();
    let schema = Arc::clone(input.schema());
    let source_type = source_type(stage, &input, source)?;
    if rule.expanded_columns.is_empty() {
        return Err(stage.error("`expanded_columns` is empty"));
    }
    let names = column_names(&input);
    let columns = checked_columns(stage, rule, &names)?;
    let outputs: Vec<(String, ColumnType)> = columns
        .iter()
        .enumerate()
        .map(|(number, (_, expanded))| (new_column_name(stage, &schema, number), expanded.column_type))
        .collect();
    let mut projected = Vec::with_capacity(names.len() + columns.len());
    for name in names {
        let is_source = name == source;
        if !is_source || rule.keep_expanding_json_column {
            projected.push((name.clone(), column(&name)));
        }
        if is_source {
            let expanded = rule.expanded_columns.iter().zip(&outputs);
            projected.extend(expanded.map(|(expanded, (output, _))| (expanded.name.clone(), column(output))));
        }
    }
    let conversion = Conversion {
        source: Some((source.to_owned(), source_type)),
        outputs,
        rule: ConversionRule::Json(JsonConversion {
            source: source.to_owned(),
            columns,
        }),
    };
    let on_invalid = if rule.stop_on_invalid_record {
        OnInvalid::Fail
    } else {
        OnInvalid::Reject
    };
    let converted = convert(stage, input, vec![conversion], on_invalid)?;
    stage.project(converted, projected)
}

fn source_type(stage: &Stage<'_>, input: &LogicalPlan, source: &str) -> Result<ColumnType, FilterError> {
    let schema = input.schema();
    match stage.column_type(schema, source)? {
        None => {
            let reason = format!("column `{source}` of `json_column_name` doesn't exist in the schema");
            Err(stage.missing_column(reason, source, schema))
        }
        Some(column_type @ (ColumnType::String | ColumnType::Json)) => Ok(column_type),
        Some(other) => Err(stage.error(format!(
            "a column specified as `json_column_name` must be string or json: `{source}` is {}",
            other.name()
        ))),
    }
}

/// The columns with the paths that they are found by; `names` are those of the input.
fn checked_columns(
    stage: &Stage<'_>,
    rule: &ExpandJsonRule,
    names: &[String],
) -> Result<Vec<(JsonQuery, ExpandedColumn)>, FilterError> {
    let source = &rule.json_column_name;
    let mut columns = Vec::with_capacity(rule.expanded_columns.len());
    let mut seen = HashSet::new();
    for expanded in &rule.expanded_columns {
        let name = &expanded.name;
        if !seen.insert(name.as_str()) {
            return Err(stage.error(format!(
                "column config for `{name}` is duplicated at `expanded_columns`"
            )));
        }
        if names.contains(name) && (name != source || rule.keep_expanding_json_column) {
            return Err(stage.error_with_hint(
                format!("output column `{name}` is duplicated: the input has a column of that name"),
                Some(format!(
                    "remove or rename the input's `{name}` by a filter before this one"
                )),
            ));
        }
        let path = JsonQuery::parse(&format!("{}{name}", rule.root))
            .map_err(|reason| stage.error(format!("column `{name}`: {reason}")))?;
        if expanded.column_type == ColumnType::Timestamp {
            TimestampParser::new(&expanded.timestamp)
                .map_err(|error| stage.error(format!("column `{name}`: {error}")))?;
        }
        columns.push((path, expanded.clone()));
    }
    Ok(columns)
}

impl JsonConversion {
    /// Compiles the formats and makes room for values.
    pub(in crate::filter) fn converter(&self) -> PlanResult<Box<dyn Converter>> {
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut single_paths = SeveralPaths::default();
        for (number, (path, column)) in self.columns.iter().enumerate() {
            if let Some(path) = path.as_single() {
                single_paths.add(number, path);
            }
            let builder = match column.column_type {
                ColumnType::Boolean => MemberBuilder::Boolean(BooleanBuilder::new()),
                ColumnType::Long => MemberBuilder::Long(Int64Builder::new()),
                ColumnType::Double => MemberBuilder::Double(Float64Builder::new()),
                ColumnType::String => MemberBuilder::String(StringBuilder::new()),
                ColumnType::Json => MemberBuilder::Json(StringBuilder::new()),
                ColumnType::Timestamp => MemberBuilder::Timestamp(
                    TimestampMicrosecondBuilder::new().with_data_type(column.column_type.data_type()),
                    TimestampParser::new(&column.timestamp).map_err(|error| DataFusionError::External(error.into()))?,
                ),
            };
            let (name, column_type) = (column.name.clone(), column.column_type);
            columns.push(Member {
                path: path.clone(),
                name,
                column_type,
                builder,
            });
        }
        Ok(Box::new(JsonConverter {
            source: self.source.clone(),
            columns,
            single_paths,
            buffer: String::new(),
        }))
    }
}

struct JsonConverter {
    source: String,
    columns: Vec<Member>,
    /// Those of the columns' paths that name single values.
    single_paths: SeveralPaths,
    buffer: String,
}

struct Member {
    path: JsonQuery,
    name: String,
    column_type: ColumnType,
    builder: MemberBuilder,
}

enum MemberBuilder {
    Boolean(BooleanBuilder),
    Long(Int64Builder),
    Double(Float64Builder),
    String(StringBuilder),
    Json(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder, TimestampParser),
}

impl Converter for JsonConverter {
    fn convert(
        &mut self,
        source: Option<&Values>,
        num_rows: usize,
        invalid: &mut InvalidRows,
    ) -> PlanResult<Vec<ArrayRef>> {
        let Some(Values::Text { values, .. }) = source else {
            return Err(DataFusionError::Internal("expand_json reads text".to_owned()));
        };
        for row in 0..num_rows {
            let record = if values.is_null(row) { "" } else { values.value(row) };
            let root = if record.is_empty() { None } else { parse_json(record) };
            if root.is_none() && !record.is_empty() {
                invalid.cannot_read(row, &self.source, record, ColumnType::Json, record);
            }
            let mut found = vec![None; self.columns.len()];
            if let Some(root) = &root {
                self.single_paths.find(root, &mut found);
            }
            for (member, found) in self.columns.iter_mut().zip(found) {
                let text = match (found, &root) {
                    (Some(value), _) => text_of_json(value, &mut self.buffer),
                    (None, Some(root)) if member.path.as_single().is_none() => member.path.text(root, &mut self.buffer),
                    (None, _) => None,
                };
                if !member.builder.append(text)
                    && let Some(text) = text
                {
                    invalid.cannot_read(row, &member.name, text, member.column_type, record);
                }
            }
        }
        Ok(self.columns.iter_mut().map(|member| member.builder.finish()).collect())
    }
}

impl MemberBuilder {
    /// Appends the value that `text` means; null, and `false` returned, if it means none.
    fn append(&mut self, text: Option<&str>) -> bool {
        match self {
            MemberBuilder::Boolean(builder) => {
                builder.append_option(text.map(|text| text.eq_ignore_ascii_case("true")))
            }
            MemberBuilder::String(builder) => builder.append_option(text),
            MemberBuilder::Long(builder) => {
                let value = text.and_then(|text| {
                    // A float is cut at its point and held at the ends of the range, as by a cast in Java.
                    long_of_text(text).or_else(|| double_of_text(text).map(|value| value as i64))
                });
                builder.append_option(value);
                return value.is_some() || text.is_none();
            }
            MemberBuilder::Double(builder) => {
                let value = text.and_then(double_of_text);
                builder.append_option(value);
                return value.is_some() || text.is_none();
            }
            MemberBuilder::Json(builder) => {
                let value = text.and_then(parse_json);
                builder.append_option(value.as_ref().map(compact));
                return value.is_some() || text.is_none();
            }
            MemberBuilder::Timestamp(builder, parser) => {
                let value = text.and_then(|text| parser.parse(text.as_bytes()));
                builder.append_option(value);
                return value.is_some() || text.is_none();
            }
        }
        true
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            MemberBuilder::Boolean(builder) => Arc::new(builder.finish()),
            MemberBuilder::Long(builder) => Arc::new(builder.finish()),
            MemberBuilder::Double(builder) => Arc::new(builder.finish()),
            MemberBuilder::String(builder) | MemberBuilder::Json(builder) => Arc::new(builder.finish()),
            MemberBuilder::Timestamp(builder, _) => Arc::new(builder.finish()),
        }
    }
}
