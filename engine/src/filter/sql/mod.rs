//! Plans the SQL of a filter over the table `input`.
//!
//! The SQL is planned in a catalog of its own that holds `input`, the files named in `tables` and the tables of the warehouse that it names,
//! so that filters cannot see each other's inputs nor the tables of the session, and nothing is left behind. Identifiers are taken
//! as they are written: columns of files have upper case letters more often than not. Only queries are accepted.
//!
//! Reading order: `text` (SQL from the configuration, errors in its words), `outside` (other tables), `hidden` (metadata columns
//! that nobody asked for but SQL), `condition` (of a section that is no filter).

mod condition;
mod hidden;
mod outside;
mod text;

use super::rules::hidden::is_hidden;
use super::rules::{SqlRule, SqlText};
use super::{FilterError, Stage, functions, unqualified, values};
use crate::parse::columns::ColumnType;
use arrow::datatypes::DataType;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::ViewTable;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, cast};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use hidden::ShownInput;
use outside::Outside;
use std::collections::HashSet;
use std::sync::Arc;
use text::{SqlStatement, explain};

pub use condition::{WrongCondition, plan_condition};
pub use outside::{LookupPlace, LookupPlaces, WarehouseTables, warehouse_tables};

/// What the table is called.
const TABLE: &str = "input";

/// Compiles the rule.
///
/// **Shape**: the query's columns, in the types of the configuration: integers as long, decimals as double, dates as timestamp.
/// **Errors**: the text is not one query, or does not fit the columns, with its place in the text of the configuration; a file of `tables`
/// cannot be opened.
/// **Cost**: reads as much of the files in `tables` as tells their columns.
pub(super) async fn compile(
    stage: &Stage<'_>,
    context: &SessionContext,
    input: LogicalPlan,
    rule: &SqlRule,
) -> Result<LogicalPlan, FilterError> {
    let outside = outside::open(stage, context, &rule.tables).await?;
    let input = hidden::shown(stage, input)?;
    // Rows that are still what a record was made into keep their origin. Where that does not work out, as in an aggregation, each row
    // is made of many, and has none.
    if input.has_origins
        && let Some(text) = SqlStatement::with_origins(&rule.text)
        && let Ok(plan) = compile_query(stage, context, &input, rule, &outside, &text).await
    {
        return Ok(plan);
    }
    compile_query(stage, context, &input, rule, &outside, &SqlStatement::new(&rule.text)).await
}

async fn compile_query(
    stage: &Stage<'_>,
    context: &SessionContext,
    input: &ShownInput,
    rule: &SqlRule,
    outside: &[Outside],
    text: &SqlStatement,
) -> Result<LogicalPlan, FilterError> {
    let state = scoped_state(stage, context, input.plan.clone(), outside).map_err(|source| stage.plan_error(source))?;
    let explained = |error: DataFusionError| explain(stage, text, outside, error);
    let dialect = state.config().options().sql_parser.dialect;
    let mut statement = state.sql_to_statement(&text.sql, &dialect).map_err(explained)?;
    let Statement::Statement(query) = &mut statement else {
        return Err(not_a_query(stage));
    };
    if !matches!(**query, ast::Statement::Query(_)) {
        return Err(not_a_query(stage));
    }
    // Where nothing is selected, rows are all that changes, and what is hidden stays for the filters to come.
    let is_choosing_rows = matches!(&rule.text, SqlText::Clauses { select: None, .. });
    if !is_choosing_rows {
        hidden::keep_out_of_wildcards(query, input);
    }
    let plan = state.statement_to_plan(statement).await.map_err(explained)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|_| not_a_query(stage))?;
    check_limits(&plan).map_err(explained)?;
    let plan = functions::join_concatenations(plan).map_err(explained)?;
    let plan = in_our_types(stage, plan)?;
    match is_choosing_rows {
        true => hidden::hide(stage, plan, &input.names),
        false => Ok(plan),
    }
}

/// Refuses limits below zero: the engine does so only when it runs the plan, and then nobody knows whose limit it was.
fn check_limits(plan: &LogicalPlan) -> datafusion::error::Result<()> {
    let simplifier = ExprSimplifier::new(SimplifyContext::default());
    let check =
        |word: &str, expr: Option<&Expr>| match expr.map(|expr| simplifier.simplify(expr.clone())).transpose()? {
            Some(Expr::Literal(ScalarValue::Int64(Some(number)), _)) if number < 0 => Err(DataFusionError::Plan(
                format!("`{word}` must be at least 0, not `{number}`"),
            )),
            _ => Ok(()),
        };
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            check("LIMIT", limit.fetch.as_deref())?;
            check("OFFSET", limit.skip.as_deref())?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn not_a_query(stage: &Stage<'_>) -> FilterError {
    stage.error("only a query can be a filter: `SELECT ... FROM input`")
}

/// A session like that of `context`, but for its tables.
fn scoped_state(
    stage: &Stage<'_>,
    context: &SessionContext,
    input: LogicalPlan,
    outside: &[Outside],
) -> Result<SessionState, DataFusionError> {
    let state = context.state();
    // Otherwise an empty catalog would take the place of ours.
    let mut config = state.config().clone().with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.collect_spans = true;
    // Views are slower to write than plain strings, and a string is a string to the other filters.
    options.sql_parser.map_string_types_to_utf8view = false;
    let catalog = MemoryCatalogProvider::new();
    for ((database, table), provider) in &stage.surroundings.tables {
        if catalog.schema(database).is_none() {
            catalog.register_schema(database, Arc::new(MemorySchemaProvider::new()))?;
        }
        if let Some(schema) = catalog.schema(database) {
            schema.register_table(table.clone(), Arc::clone(provider))?;
        }
    }
    let default_schema = &options.catalog.default_schema;
    if catalog.schema(default_schema).is_none() {
        catalog.register_schema(default_schema, Arc::new(MemorySchemaProvider::new()))?;
    }
    if let Some(schema) = catalog.schema(default_schema) {
        for table in outside {
            schema.register_table(table.name.clone(), Arc::clone(&table.provider))?;
        }
        schema.register_table(TABLE.to_owned(), Arc::new(ViewTable::new(input, None)))?;
    }
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(options.catalog.default_catalog.clone(), Arc::new(catalog));
    let mut state = SessionStateBuilder::new_from_existing(state)
        .with_config(config)
        .with_catalog_list(Arc::new(catalogs))
        .build();
    functions::register_functions(&mut state)?;
    Ok(state)
}

/// Bare names, and the types that the configuration has words for.
fn in_our_types(stage: &Stage<'_>, plan: LogicalPlan) -> Result<LogicalPlan, FilterError> {
    let mut seen = HashSet::new();
    if let Some(field) = plan
        .schema()
        .fields()
        .iter()
        .find(|field| !seen.insert(field.name().clone()))
    {
        return Err(stage.error_with_hint(
            format!("output column `{}` is duplicated", field.name()),
            Some("name the columns with `AS`".to_owned()),
        ));
    }
    let plan = unqualified(plan).map_err(|source| stage.plan_error(source))?;
    let mut is_changed = false;
    let mut outputs = Vec::with_capacity(plan.schema().fields().len());
    for field in plan.schema().fields() {
        if is_hidden(field.name()) {
            // Comes along with whatever is projected.
            continue;
        }
        let Some(column_type) = values::column_type(field) else {
            return Err(stage.error_with_hint(
                format!(
                    "column `{}` has the type `{}`, which no column can have",
                    field.name(),
                    field.data_type()
                ),
                Some("make it one of boolean, long, double, string and timestamp".to_owned()),
            ));
        };
        let mut expr = super::column(field.name());
        if *field.data_type() != column_type.data_type() {
            is_changed = true;
            expr = cast_to(expr, field.data_type(), column_type.data_type());
            if column_type == ColumnType::Json {
                expr = functions::as_json(expr);
            }
        }
        outputs.push((field.name().clone(), expr));
    }
    if is_changed {
        stage.project(plan, outputs)
    } else {
        Ok(plan)
    }
}

/// Casts what a query gives to the type of its column.
fn cast_to(expr: Expr, found: &DataType, wanted: DataType) -> Expr {
    match (found, &wanted) {
        // Without a zone it is UTC. Said directly, each value would be put into the zone with the help of a calendar.
        (DataType::Timestamp(_, None), DataType::Timestamp(unit, Some(_))) => {
            let number = cast(cast(expr, DataType::Timestamp(*unit, None)), DataType::Int64);
            cast(number, wanted)
        }
        _ => cast(expr, wanted),
    }
}
