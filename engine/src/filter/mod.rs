//! Turns configured filters into one logical plan.
//!
//! Each entry of `filters` adds nodes to the plan of its input, so that DataFusion optimises them together: a column that
//! nobody needs is not read, a condition sinks to the scan. What only chooses or computes columns is a projection; what may
//! reject a record is a `convert` node, which the optimizer cannot copy or move past another filter, so each record is judged
//! once and in list order. Everything that can be known from the schema is checked here, before any data is read.
//!
//! Nothing is executed here. A `filters` list with converting rules needs [`ConvertPlanner`] among the extension planners of the
//! session that runs the plan.
//!
//! Reading order: [`rules`] (what is configured, and a file for each rule), `sql`, `functions`, `convert` (rows that may be
//! rejected), `json_path`, `values`.

mod convert;
mod functions;
mod json_path;
pub mod rules;
mod sql;
mod values;

#[cfg(test)]
mod tests;

use crate::parse::columns::ColumnType;
use crate::parse::origin::ORIGIN_COLUMN_NAME;
use crate::parse::reject::RejectSink;
use datafusion::common::{Column, DFSchema, DataFusionError};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SessionContext};
use rules::hidden::is_hidden;
use rules::{Filter, FilterRule};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

pub(crate) use convert::CONVERT_NODE;
pub use convert::{ConvertNode, ConvertPlanner, InvalidRecord};
pub use functions::reference::functions_markdown;
pub use functions::register_functions;
pub use sql::{LookupPlace, LookupPlaces, WarehouseTables, WrongCondition, plan_condition, warehouse_tables};
pub(crate) use values::write_timestamp;

/// What filters need beside their configuration.
#[derive(Clone, Debug)]
pub struct FilterSurroundings {
    /// When the job started, microseconds since the epoch; the value of `upload_time`.
    pub started_micros: i64,
    /// Takes the records that a filter rejects.
    pub rejects: Arc<dyn RejectSink>,
    /// The tables that [`warehouse_tables`] names.
    pub tables: WarehouseTables,
    /// Where the files of `tables` are that were fetched.
    pub lookups: LookupPlaces,
    /// Whether rows keep their origins, for whoever may reject them behind the filters.
    pub keeps_origins: bool,
}

/// What in the configuration asks for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulePlace {
    /// An entry of `filters`.
    Filter {
        /// Its index.
        index: usize,
        /// Its `type`.
        kind: &'static str,
    },
    /// Another key, by its path.
    Key(&'static str),
}

impl RulePlace {
    /// Path in the configuration.
    pub fn path(&self) -> String {
        match self {
            RulePlace::Filter { index, .. } => format!("filters[{index}]"),
            RulePlace::Key(path) => (*path).to_owned(),
        }
    }
}

/// As reasons of rejects begin.
impl fmt::Display for RulePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RulePlace::Filter { index, kind } => write!(formatter, "filters[{index}] ({kind})"),
            RulePlace::Key(path) => formatter.write_str(path),
        }
    }
}

/// Why rules cannot be applied to the columns they would get.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The configuration does not fit the schema.
    #[error("{place}: {reason}{}", hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default())]
    Schema {
        /// What asks for the rule.
        place: RulePlace,
        /// What is wrong.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// DataFusion refused the plan.
    #[error("{place}: cannot be planned")]
    Plan {
        /// What asks for the rule.
        place: RulePlace,
        /// What it said.
        #[source]
        source: Box<DataFusionError>,
    },
    /// DataFusion refused the input itself.
    #[error("cannot plan the input of the filters")]
    Input(#[source] Box<DataFusionError>),
}

/// Applies `filters`, in list order, to the plan of `input`.
///
/// **Shape**: columns without qualifiers, and none of those that are [hidden](rules::hidden) but the origins of rows, if these are kept;
/// JSON columns keep their mark in the field's metadata.
/// **Errors**: the first rule that does not fit the columns it gets; nothing has been read.
/// **Cost**: builds a plan, runs nothing.
pub async fn apply(
    context: &SessionContext,
    input: DataFrame,
    filters: &[Filter],
    surroundings: &FilterSurroundings,
) -> Result<DataFrame, FilterError> {
    apply_noting(context, input, filters, surroundings, |_, _| {}).await
}

/// As [`apply`], telling `note` the plan after each filter.
pub(crate) async fn apply_noting(
    context: &SessionContext,
    input: DataFrame,
    filters: &[Filter],
    surroundings: &FilterSurroundings,
    mut note: impl FnMut(&Filter, &LogicalPlan),
) -> Result<DataFrame, FilterError> {
    let (state, plan) = input.into_parts();
    let mut plan = unqualified(plan).map_err(|source| FilterError::Input(Box::new(source)))?;
    for (index, filter) in filters.iter().enumerate() {
        let stage = Stage {
            place: RulePlace::Filter {
                index,
                kind: filter.kind,
            },
            index,
            surroundings,
        };
        plan = compile(&stage, context, plan, &filter.rule).await?;
        note(filter, &plan);
    }
    Ok(DataFrame::new(state, without_hidden(plan, surroundings)?))
}

/// Applies a rule that the key `path` asks for. **Shape**, **errors** and **cost**: as [`apply`].
pub(crate) async fn apply_rule(
    context: &SessionContext,
    input: DataFrame,
    rule: &FilterRule,
    path: &'static str,
    surroundings: &FilterSurroundings,
) -> Result<DataFrame, FilterError> {
    let (state, plan) = input.into_parts();
    let plan = unqualified(plan).map_err(|source| FilterError::Input(Box::new(source)))?;
    let stage = Stage {
        place: RulePlace::Key(path),
        index: 0,
        surroundings,
    };
    let plan = compile(&stage, context, plan, rule).await?;
    Ok(DataFrame::new(state, without_hidden(plan, surroundings)?))
}

async fn compile(
    stage: &Stage<'_>,
    context: &SessionContext,
    plan: LogicalPlan,
    rule: &FilterRule,
) -> Result<LogicalPlan, FilterError> {
    match rule {
        FilterRule::Column(rule) => rules::column::compile(stage, plan, rule),
        FilterRule::RemoveColumns(rule) => rules::remove_columns::compile(stage, plan, rule),
        FilterRule::ExpandJson(rule) => rules::expand_json::compile(stage, plan, rule),
        FilterRule::Digest(rule) => rules::digest::compile(stage, plan, rule),
        FilterRule::AddTime(rule) => rules::add_time::compile(stage, plan, rule),
        FilterRule::Rename(rule) => rules::rename::compile(stage, plan, rule),
        FilterRule::Cast(rule) => rules::cast::compile(stage, plan, rule),
        FilterRule::Row(rule) => sql::compile(stage, context, plan, &rule.query()).await,
        FilterRule::Conditions(rule) => rules::conditions::compile(stage, plan, rule),
        FilterRule::Dedup(rule) => rules::dedup::compile(stage, plan, rule),
        FilterRule::Sql(rule) => sql::compile(stage, context, plan, rule).await,
    }
}

/// Leaves out the hidden columns that nobody behind the rules wants.
fn without_hidden(plan: LogicalPlan, surroundings: &FilterSurroundings) -> Result<LogicalPlan, FilterError> {
    let is_kept = |name: &str| !is_hidden(name) || surroundings.keeps_origins && name == ORIGIN_COLUMN_NAME;
    let fields = plan.schema().fields();
    if fields.iter().all(|field| is_kept(field.name())) {
        return Ok(plan);
    }
    let kept = fields.iter().filter(|field| is_kept(field.name()));
    let shown: Vec<Expr> = kept.map(|field| column(field.name())).collect();
    LogicalPlanBuilder::from(plan)
        .project(shown)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|source| FilterError::Input(Box::new(source)))
}

/// Gives every column its bare name, so that rules need not know which table it came from.
fn unqualified(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let schema = plan.schema();
    if schema.iter().all(|(qualifier, _)| qualifier.is_none()) {
        return Ok(plan);
    }
    let columns: Vec<Expr> = schema
        .iter()
        .map(|(qualifier, field)| {
            Expr::Column(Column::new(qualifier.cloned(), field.name())).alias(field.name().as_str())
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// The rule being compiled: what its errors name, and what surrounds it.
struct Stage<'a> {
    place: RulePlace,
    /// Index in `filters`, for names of columns and files of this stage alone.
    index: usize,
    surroundings: &'a FilterSurroundings,
}

impl Stage<'_> {
    fn error(&self, reason: impl Into<String>) -> FilterError {
        self.error_with_hint(reason, None)
    }

    fn error_with_hint(&self, reason: impl Into<String>, hint: Option<String>) -> FilterError {
        FilterError::Schema {
            place: self.place,
            reason: reason.into(),
            hint,
        }
    }

    fn plan_error(&self, source: DataFusionError) -> FilterError {
        FilterError::Plan {
            place: self.place,
            source: Box::new(source),
        }
    }

    /// The error for a column that the input lacks; `reason` names it.
    fn missing_column(&self, reason: impl Into<String>, name: &str, schema: &DFSchema) -> FilterError {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        self.error_with_hint(
            reason,
            nearest(name, names).map(|name| format!("did you mean `{name}`?")),
        )
    }

    /// The type, in the configuration's words, of the column called `name`; an error if no such type holds its values.
    fn column_type(&self, schema: &DFSchema, name: &str) -> Result<Option<ColumnType>, FilterError> {
        let Some(index) = schema.index_of_column_by_name(None, name) else {
            return Ok(None);
        };
        let field = schema.field(index);
        match values::column_type(field) {
            Some(column_type) => Ok(Some(column_type)),
            None => Err(self.error(format!(
                "column `{name}` has the type `{}`, which filters cannot read",
                field.data_type()
            ))),
        }
    }

    /// A projection with these columns, named and in this order, and those that are hidden.
    ///
    /// **Errors**: no column is left, or two have one name.
    fn project(&self, input: LogicalPlan, outputs: Vec<(String, Expr)>) -> Result<LogicalPlan, FilterError> {
        if outputs.is_empty() {
            return Err(self.error("no column is left"));
        }
        let mut seen = HashSet::new();
        if let Some((name, _)) = outputs.iter().find(|(name, _)| !seen.insert(name.as_str())) {
            return Err(self.error(format!("output column `{name}` is duplicated")));
        }
        let hidden = input.schema().fields().iter().filter(|field| is_hidden(field.name()));
        let hidden: Vec<Expr> = hidden.map(|field| column(field.name())).collect();
        let columns: Vec<Expr> = outputs
            .into_iter()
            .map(|(name, expr)| match &expr {
                Expr::Column(column) if column.relation.is_none() && column.name == name => expr,
                _ => expr.alias(name),
            })
            .chain(hidden)
            .collect();
        LogicalPlanBuilder::from(input)
            .project(columns)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|source| self.plan_error(source))
    }
}

/// The column called exactly `name`: dots and upper case letters are part of the name.
fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The names of the columns of a plan that are part of the rows, in order.
pub(crate) fn column_names(plan: &LogicalPlan) -> Vec<String> {
    let names = plan.schema().fields().iter().map(|field| field.name());
    names.filter(|name| !is_hidden(name)).cloned().collect()
}

/// A name for the `number`th new column of a stage that no column of the input has.
fn new_column_name(stage: &Stage<'_>, schema: &DFSchema, number: usize) -> String {
    let mut name = format!("__filter{}_{number}", stage.index);
    while schema.index_of_column_by_name(None, &name).is_some() {
        name.insert(0, '_');
    }
    name
}

/// The candidate that `name` most likely was meant to be.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= name.chars().count().max(candidate.chars().count()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
