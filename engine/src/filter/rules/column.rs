//! Chooses, orders, adds and drops columns, also inside JSON columns.
//!
//! A name that starts with `$.` or `$[` is a path whose first name is a json column. In `columns` such entries keep only the named
//! members of that column; in `add_columns` they put members into it; in `drop_columns` they take members out. All entries of one
//! column are done together (see [`json_edit`](super::json_edit)), so that its text is parsed and written once.

use super::json_edit::{JsonEdits, Member, json_string};
use super::{ColumnEntry, ColumnRule};
use crate::filter::functions::as_json;
use crate::filter::json_path::{JsonPath, Segment, compact, parse_json};
use crate::filter::values::{double_of_text, long_of_text};
use crate::filter::{FilterError, Stage, column, column_names};
use crate::parse::columns::{ColumnType, TYPE_METADATA_KEY};
use crate::parse::timestamp::TimestampParser;
use datafusion::common::ScalarValue;
use datafusion::common::metadata::FieldMetadata;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Compiles the rule.
///
/// **Errors**: a column is missing and cannot be made from `type` and `default`; a default cannot be read as its type; a path does
/// not lead into a json column; an output name appears twice.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &ColumnRule,
) -> Result<LogicalPlan, FilterError> {
    if rule.columns.is_some() && !rule.drop_columns.is_empty() {
        return Err(stage.error("either of `columns` and `drop_columns` can be specified, not both"));
    }
    let names = column_names(&input);
    let mut edits: BTreeMap<String, JsonEdits> = BTreeMap::new();
    let mut outputs: Vec<(String, Expr)> = Vec::new();
    match &rule.columns {
        Some(columns) => {
            // A json column may be named by itself and by paths; it stands where it is named first.
            for entry in columns {
                if is_path(&entry.name) {
                    let (json_column, member) = json_member(stage, &input, "columns", entry)?;
                    if !outputs.iter().any(|(name, _)| *name == json_column) {
                        outputs.push((json_column.clone(), column(&json_column)));
                    }
                    edits.entry(json_column).or_default().kept.push(member);
                } else if !(edits.contains_key(&entry.name) && entry.source.is_none()) {
                    outputs.push((
                        entry.name.clone(),
                        existing_or_constant(stage, &input, "columns", entry)?,
                    ));
                }
            }
        }
        None => outputs.extend(names.iter().map(|name| (name.clone(), column(name)))),
    }
    for name in &rule.drop_columns {
        if is_path(name) {
            let (json_column, path) = json_path(stage, &input, "drop_columns", name)?;
            edits.entry(json_column).or_default().dropped.push(path);
        } else if names.contains(name) {
            outputs.retain(|(output, _)| output != name);
        } else {
            // Files written for the original rely on this; a slip must not pass in silence, though.
            tracing::warn!("drop_columns: column `{name}` doesn't exist in the schema, nothing is dropped for it");
        }
    }
    for entry in &rule.add_columns {
        if is_path(&entry.name) {
            let (json_column, member) = json_member(stage, &input, "add_columns", entry)?;
            edits.entry(json_column).or_default().added.push(member);
        } else if entry.source.is_some() {
            outputs.push((
                entry.name.clone(),
                existing_or_constant(stage, &input, "add_columns", entry)?,
            ));
        } else {
            let constant = constant(stage, entry)?.ok_or_else(|| {
                stage.error(format!(
                    "add_columns: column `{}` does not have `type` and `default`",
                    entry.name
                ))
            })?;
            outputs.push((entry.name.clone(), constant));
        }
    }
    for (json_column, edits) in edits {
        let Some((_, expr)) = outputs.iter_mut().find(|(name, _)| *name == json_column) else {
            return Err(stage.error(format!(
                "json column `{json_column}` is named by a path but is not in the output"
            )));
        };
        *expr = edits.of(std::mem::take(expr));
    }
    stage.project(input, outputs)
}

/// The input column of an entry, its nulls replaced by the default; without such a column the default alone.
fn existing_or_constant(
    stage: &Stage<'_>,
    input: &LogicalPlan,
    list: &str,
    entry: &ColumnEntry,
) -> Result<Expr, FilterError> {
    let source = entry.source.as_ref().unwrap_or(&entry.name);
    if input.schema().index_of_column_by_name(None, source).is_some() {
        return match &entry.default {
            // A column that only passes may be of any type.
            None => Ok(column(source)),
            Some(_) => {
                let column_type = stage.column_type(input.schema(), source)?.unwrap_or(ColumnType::String);
                or_default(stage, column(source), entry, column_type)
            }
        };
    }
    if let Some(constant) = constant(stage, entry)? {
        return Ok(constant);
    }
    let reason = format!(
        "{list}: column src `{source}` is not found in the input, and column `{}` does not have `type` and `default`",
        entry.name
    );
    Err(stage.missing_column(reason, source, input.schema()))
}

/// The expression with its nulls replaced by the entry's default, if it has one.
pub(in crate::filter) fn or_default(
    stage: &Stage<'_>,
    expr: Expr,
    entry: &ColumnEntry,
    column_type: ColumnType,
) -> Result<Expr, FilterError> {
    let Some(text) = &entry.default else {
        return Ok(expr);
    };
    let value = coalesce(vec![
        expr,
        literal(default_value(stage, entry, text, column_type)?, ColumnType::String),
    ]);
    Ok(if column_type == ColumnType::Json {
        as_json(value)
    } else {
        value
    })
}

/// The constant of an entry that has both `type` and `default`.
fn constant(stage: &Stage<'_>, entry: &ColumnEntry) -> Result<Option<Expr>, FilterError> {
    let (Some(column_type), Some(text)) = (entry.column_type, &entry.default) else {
        return Ok(None);
    };
    Ok(Some(literal(
        default_value(stage, entry, text, column_type)?,
        column_type,
    )))
}

fn literal(value: ScalarValue, column_type: ColumnType) -> Expr {
    let metadata = (column_type == ColumnType::Json).then(|| {
        FieldMetadata::from(BTreeMap::from([(
            TYPE_METADATA_KEY.to_owned(),
            ColumnType::Json.name().to_owned(),
        )]))
    });
    Expr::Literal(value, metadata)
}

fn default_value(
    stage: &Stage<'_>,
    entry: &ColumnEntry,
    text: &str,
    column_type: ColumnType,
) -> Result<ScalarValue, FilterError> {
    let value = match column_type {
        ColumnType::Boolean => boolean_of_default(text).map(|value| ScalarValue::Boolean(Some(value))),
        ColumnType::Long => long_of_text(text).map(|value| ScalarValue::Int64(Some(value))),
        ColumnType::Double => double_of_text(text).map(|value| ScalarValue::Float64(Some(value))),
        ColumnType::String => Some(ScalarValue::Utf8(Some(text.to_owned()))),
        ColumnType::Json => parse_json(text).map(|value| ScalarValue::Utf8(Some(compact(&value)))),
        ColumnType::Timestamp => TimestampParser::new(&entry.timestamp)
            .map_err(|error| stage.error(format!("column `{}`: {error}", entry.name)))?
            .parse(text.as_bytes())
            .map(|micros| ScalarValue::TimestampMicrosecond(Some(micros), Some(Arc::from("UTC")))),
    };
    value.ok_or_else(|| {
        let name = &entry.name;
        stage.error(format!(
            "column `{name}` cannot read its default `{text}` as {}",
            column_type.name()
        ))
    })
}

fn boolean_of_default(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn is_path(name: &str) -> bool {
    name.starts_with("$.") || name.starts_with("$[")
}

/// The json column that a path leads into, and the rest of the path.
fn json_path(
    stage: &Stage<'_>,
    input: &LogicalPlan,
    list: &str,
    text: &str,
) -> Result<(String, Vec<Segment>), FilterError> {
    let path = JsonPath::parse_with_wildcards(text).map_err(|reason| stage.error(format!("{list}: {reason}")))?;
    let mut segments = path.segments.into_iter();
    let (Some(Segment::Name(json_column)), rest) = (segments.next(), segments.collect::<Vec<Segment>>()) else {
        return Err(stage.error(format!("{list}: path `{text}` does not begin with a column's name")));
    };
    match stage.column_type(input.schema(), &json_column)? {
        None => {
            let reason = format!("{list}: column `{json_column}` of path `{text}` doesn't exist in the schema");
            Err(stage.missing_column(reason, &json_column, input.schema()))
        }
        Some(ColumnType::Json) if rest.is_empty() => Err(stage.error(format!(
            "{list}: path `{text}` names no member of column `{json_column}`"
        ))),
        Some(ColumnType::Json) => Ok((json_column, rest)),
        Some(other) => Err(stage.error(format!(
            "{list}: column `{json_column}` of path `{text}` must be json, but it's {}",
            other.name()
        ))),
    }
}

/// The edit that an entry with a path asks for.
fn json_member(
    stage: &Stage<'_>,
    input: &LogicalPlan,
    list: &str,
    entry: &ColumnEntry,
) -> Result<(String, Member), FilterError> {
    let (json_column, path) = json_path(stage, input, list, &entry.name)?;
    let source = match &entry.source {
        None => None,
        Some(source) => {
            let (source_column, source_path) = json_path(stage, input, list, source)?;
            if source_column != json_column {
                return Err(stage.error(format!(
                    "{list}: src `{source}` of `{}` leads into another column",
                    entry.name
                )));
            }
            Some(source_path)
        }
    };
    let default = match (&entry.default, entry.column_type) {
        (None, _) => None,
        (Some(_), Some(ColumnType::Timestamp)) => {
            return Err(stage.error(format!("{list}: `{}` cannot be a timestamp inside json", entry.name)));
        }
        (Some(text), column_type) => {
            let column_type = column_type.unwrap_or(ColumnType::String);
            Some(match default_value(stage, entry, text, column_type)? {
                ScalarValue::Utf8(Some(text)) if column_type == ColumnType::Json => text,
                ScalarValue::Utf8(Some(text)) => json_string(&text),
                value => value.to_string(),
            })
        }
    };
    if path.last() == Some(&Segment::Every) {
        return Err(stage.error_with_hint(
            format!("{list}: `{}` ends with a wildcard", entry.name),
            Some("name the array itself, without `[*]`".to_owned()),
        ));
    }
    if source
        .as_ref()
        .is_some_and(|source| source.last() == Some(&Segment::Every))
    {
        return Err(stage.error(format!("{list}: the src of `{}` ends with a wildcard", entry.name)));
    }
    if list == "add_columns" && source.is_none() && default.is_none() {
        return Err(stage.error(format!(
            "{list}: column `{}` does not have `type` and `default`",
            entry.name
        )));
    }
    Ok((json_column, Member { path, source, default }))
}
