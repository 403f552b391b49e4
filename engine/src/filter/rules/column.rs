//! Chooses, orders, adds and drops columns, also inside JSON columns.
//!
//! A name that starts with `$.` or `$[` is a path whose first name is a json column. In `columns` such entries keep only the named
//! members of that column; in `add_columns` they put members into it; in `drop_columns` they take members out. All entries of one
//! column are done together, so that its text is parsed and written once.

use super::{ColumnEntry, ColumnRule};
use crate::filter::functions::as_json;
use crate::filter::json_path::{JsonPath, Segment, compact, find, parse_json};
use crate::filter::values::{double_of_text, long_of_text};
use crate::filter::{FilterError, Stage, column, column_names};
use crate::parse::columns::{ColumnType, TYPE_METADATA_KEY};
use crate::parse::timestamp::TimestampParser;
use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::{DataFusionError, Result as PlanResult, ScalarValue};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
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
        let function = ScalarUDF::new_from_impl(JsonEditFunction {
            edits,
            signature: Signature::any(1, Volatility::Immutable),
        });
        *expr = function.call(vec![std::mem::take(expr)]);
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
    let has_wildcard = [Some(&path), source.as_ref()]
        .into_iter()
        .flatten()
        .any(|path| path.contains(&Segment::Every));
    if has_wildcard && (list == "add_columns" || source.is_some() || default.is_some()) {
        return Err(stage.error(format!(
            "{list}: `{}` has a wildcard, so it can only be kept or dropped",
            entry.name
        )));
    }
    if list == "add_columns" && source.is_none() && default.is_none() {
        return Err(stage.error(format!(
            "{list}: column `{}` does not have `type` and `default`",
            entry.name
        )));
    }
    Ok((json_column, Member { path, source, default }))
}

/// What is done to the text of one json column, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct JsonEdits {
    /// Nothing else stays, unless this is empty.
    kept: Vec<Member>,
    dropped: Vec<Vec<Segment>>,
    added: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Member {
    path: Vec<Segment>,
    /// Where the value is taken from; `None`: from `path`.
    source: Option<Vec<Segment>>,
    /// JSON text that stands in for a missing value and null.
    default: Option<String>,
}

impl JsonEdits {
    /// The edited value as text. A value that is neither object nor array has no members and stays as it is.
    fn apply(&self, root: &Value) -> String {
        if !(root.is_object() || root.is_array()) {
            return compact(root);
        }
        let defaults: Vec<Option<Value>> = self
            .kept
            .iter()
            .chain(&self.added)
            .map(|member| member.default.as_deref().and_then(parse_json))
            .collect();
        let mut edited = Tree::Value(root);
        if !self.kept.is_empty() {
            let in_place = self.kept.iter().filter(|member| member.source.is_none());
            let paths: Vec<&[Segment]> = in_place.map(|member| member.path.as_slice()).collect();
            edited = Tree::kept(root, &paths);
        }
        for path in &self.dropped {
            edited.drop_member(path);
        }
        for (index, (member, default)) in self.kept.iter().chain(&self.added).zip(&defaults).enumerate() {
            let is_in_place = index < self.kept.len() && member.source.is_none() && member.default.is_none();
            if !is_in_place && let Some(value) = member.value(root, default.as_ref()) {
                edited.set_member(&member.path, value);
            }
        }
        let mut text = String::new();
        edited.write(&mut text);
        text
    }
}

impl Member {
    fn value<'a>(&self, root: &'a Value, default: Option<&'a Value>) -> Option<&'a Value> {
        let path = self.source.as_ref().unwrap_or(&self.path);
        match find(path, root) {
            Some(value) if default.is_none() || !value.is_null() => Some(value),
            _ => default,
        }
    }
}

/// A JSON value of which the edited parts are taken apart; members keep their order.
enum Tree<'a> {
    Value(&'a Value),
    Object(Vec<(String, Tree<'a>)>),
    Array(Vec<Tree<'a>>),
}

impl<'a> Tree<'a> {
    /// What `paths` name of a value, in the order of the value; elements of arrays close up.
    fn kept(value: &'a Value, paths: &[&[Segment]]) -> Tree<'a> {
        if paths.iter().any(|path| path.is_empty()) {
            return Tree::Value(value);
        }
        let below = |is_on_path: &dyn Fn(&Segment) -> bool| -> Vec<&[Segment]> {
            paths
                .iter()
                .filter(|path| is_on_path(&path[0]))
                .map(|path| &path[1..])
                .collect()
        };
        if let Some(object) = value.as_object() {
            let mut members = Vec::new();
            for (key, member) in object.iter() {
                let paths = below(&|segment| matches!(segment, Segment::Name(name) if name == key));
                if !paths.is_empty() {
                    members.push((key.to_owned(), Tree::kept(member, &paths)));
                }
            }
            return Tree::Object(members);
        }
        if let Some(array) = value.as_array() {
            let mut elements = Vec::new();
            for (index, element) in array.iter().enumerate() {
                let paths = below(&|segment| match segment {
                    Segment::Index(wanted) => *wanted == index,
                    Segment::Every => true,
                    Segment::Name(_) => false,
                });
                if !paths.is_empty() {
                    elements.push(Tree::kept(element, &paths));
                }
            }
            return Tree::Array(elements);
        }
        Tree::Value(value)
    }

    /// Takes one level apart.
    fn open(&mut self) {
        if let Tree::Value(value) = self {
            let value: &'a Value = value;
            if let Some(object) = value.as_object() {
                *self = Tree::Object(
                    object
                        .iter()
                        .map(|(key, member)| (key.to_owned(), Tree::Value(member)))
                        .collect(),
                );
            } else if let Some(array) = value.as_array() {
                *self = Tree::Array(array.iter().map(Tree::Value).collect());
            }
        }
    }

    fn drop_member(&mut self, path: &[Segment]) {
        let Some((segment, rest)) = path.split_first() else {
            return;
        };
        self.open();
        match (self, segment) {
            (Tree::Object(members), Segment::Name(name)) if rest.is_empty() => members.retain(|(key, _)| key != name),
            (Tree::Object(members), Segment::Name(name)) => {
                members
                    .iter_mut()
                    .filter(|(key, _)| key == name)
                    .for_each(|(_, member)| member.drop_member(rest));
            }
            (Tree::Array(elements), Segment::Index(index)) if *index < elements.len() => {
                if rest.is_empty() {
                    elements.remove(*index);
                } else {
                    elements[*index].drop_member(rest);
                }
            }
            (Tree::Array(elements), Segment::Every) if rest.is_empty() => elements.clear(),
            (Tree::Array(elements), Segment::Every) => {
                elements.iter_mut().for_each(|element| element.drop_member(rest));
            }
            _ => {}
        }
    }

    /// Puts a value at a path, with the objects and arrays on the way. An index behind the end appends.
    fn set_member(&mut self, path: &[Segment], new: &'a Value) {
        let Some((segment, rest)) = path.split_first() else {
            *self = Tree::Value(new);
            return;
        };
        self.open();
        match segment {
            Segment::Name(name) => {
                if !matches!(self, Tree::Object(_)) {
                    *self = Tree::Object(Vec::new());
                }
                let Tree::Object(members) = self else {
                    return;
                };
                let index = members.iter().rposition(|(key, _)| key == name).unwrap_or_else(|| {
                    members.push((name.clone(), Tree::Object(Vec::new())));
                    members.len() - 1
                });
                members[index].1.set_member(rest, new);
            }
            Segment::Index(index) => {
                if !matches!(self, Tree::Array(_)) {
                    *self = Tree::Array(Vec::new());
                }
                let Tree::Array(elements) = self else {
                    return;
                };
                let index = (*index).min(elements.len());
                if index == elements.len() {
                    elements.push(Tree::Object(Vec::new()));
                }
                elements[index].set_member(rest, new);
            }
            // Refused when the rule is compiled.
            Segment::Every => {}
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Tree::Value(value) => text.push_str(&compact(value)),
            Tree::Object(members) => {
                text.push('{');
                for (index, (key, member)) in members.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    text.push_str(&json_string(key));
                    text.push(':');
                    member.write(text);
                }
                text.push('}');
            }
            Tree::Array(elements) => {
                text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    element.write(text);
                }
                text.push(']');
            }
        }
    }
}

fn json_string(text: &str) -> String {
    sonic_rs::to_string(text).expect("text can be written as JSON")
}

/// JSON text to edited JSON text; null stays null, and so does text that is not JSON.
#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonEditFunction {
    edits: JsonEdits,
    signature: Signature,
}

impl ScalarUDFImpl for JsonEditFunction {
    fn name(&self) -> &str {
        "json_edit"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> PlanResult<DataType> {
        Err(DataFusionError::Internal(
            "return_field_from_args is used instead".to_owned(),
        ))
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> PlanResult<FieldRef> {
        Ok(Arc::new(ColumnType::Json.field(self.name())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let Some(argument) = args.args.first() else {
            return Err(DataFusionError::Internal("json_edit has one argument".to_owned()));
        };
        let array = argument.to_array(args.number_rows)?;
        let array = arrow::compute::cast(&array, &DataType::Utf8)?;
        let texts = array.as_string::<i32>();
        let mut builder = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
        for text in texts {
            builder.append_option(text.map(|text| match parse_json(text) {
                Some(root) => self.edits.apply(&root),
                None => text.to_owned(),
            }));
        }
        let edited: ArrayRef = Arc::new(builder.finish());
        Ok(ColumnarValue::Array(edited))
    }
}
