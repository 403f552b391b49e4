//! Plans the SQL of a filter over the table `input`.
//!
//! The SQL is planned in a catalog of its own that holds nothing but `input`, so that filters cannot see each other's inputs nor
//! the tables of the session, and nothing is left behind. Identifiers are taken as they are written: columns of files have
//! upper case letters more often than not. Only queries are accepted.

use super::rules::SqlRule;
use super::{FilterError, Stage, functions, nearest, unqualified, values};
use crate::parse::columns::ColumnType;
use crate::parse::origin::ORIGIN_COLUMN_NAME;
use datafusion::catalog::CatalogProviderList;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::datasource::ViewTable;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use std::collections::HashSet;
use std::sync::Arc;

/// What the table is called.
const TABLE: &str = "input";

/// Compiles the rule.
///
/// **Shape**: the query's columns, in the types of the configuration: integers as long, decimals as double, dates as timestamp.
/// **Errors**: the text is not one query, or does not fit the columns; with its place in the text of the configuration.
pub(super) async fn compile(
    stage: &Stage<'_>,
    context: &SessionContext,
    input: LogicalPlan,
    rule: &SqlRule,
) -> Result<LogicalPlan, FilterError> {
    if input
        .schema()
        .index_of_column_by_name(None, ORIGIN_COLUMN_NAME)
        .is_none()
    {
        return compile_query(stage, context, input, rule).await;
    }
    // Rows that are still what a record was made into keep their origin. Where that does not work out, as in an aggregation, each row
    // is made of many, and has none.
    if let Some(rule) = carrying_origins(rule)
        && let Ok(plan) = compile_query(stage, context, input.clone(), &rule).await
    {
        return Ok(plan);
    }
    let columns: Vec<Expr> = super::column_names(&input)
        .iter()
        .map(|name| super::column(name))
        .collect();
    let input = LogicalPlanBuilder::from(input)
        .project(columns)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|source| stage.plan_error(source))?;
    compile_query(stage, context, input, rule).await
}

/// The same rule, which also selects the origin of rows; `None` if that would change which rows there are.
fn carrying_origins(rule: &SqlRule) -> Option<SqlRule> {
    let SqlRule::Clauses { where_clause, select } = rule else {
        return None;
    };
    let select = select.as_deref().unwrap_or("*").trim_start();
    if select.len() >= "DISTINCT".len() && select.is_char_boundary(8) && select[..8].eq_ignore_ascii_case("DISTINCT") {
        return None;
    }
    // `*` is all columns, the origin among them. A comment at the end of a list must not swallow what is added.
    let select = match select.starts_with('*') {
        true => select.to_owned(),
        false => format!("{select}\n, {ORIGIN_COLUMN_NAME}"),
    };
    Some(SqlRule::Clauses {
        where_clause: where_clause.clone(),
        select: Some(select),
    })
}

/// Plans the query.
async fn compile_query(
    stage: &Stage<'_>,
    context: &SessionContext,
    input: LogicalPlan,
    rule: &SqlRule,
) -> Result<LogicalPlan, FilterError> {
    let text = SqlText::new(rule);
    let state = scoped_state(context, input).map_err(|source| stage.plan_error(source))?;
    let explained = |error: DataFusionError| explain(stage, &text, error);
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(&text.sql, &dialect).map_err(explained)?;
    if !matches!(&statement, Statement::Statement(statement) if matches!(**statement, SqlStatement::Query(_))) {
        return Err(stage.error("only a query can be a filter: `SELECT ... FROM input`"));
    }
    let plan = state.statement_to_plan(statement).await.map_err(explained)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|_| stage.error("only a query can be a filter: `SELECT ... FROM input`"))?;
    in_our_types(stage, plan)
}

/// A session like that of `context`, but for its tables.
fn scoped_state(context: &SessionContext, input: LogicalPlan) -> Result<SessionState, DataFusionError> {
    let state = context.state();
    // Otherwise an empty catalog would take the place of ours.
    let mut config = state.config().clone().with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.collect_spans = true;
    // Views are slower to write than plain strings, and a string is a string to the other filters.
    options.sql_parser.map_string_types_to_utf8view = false;
    let schema = MemorySchemaProvider::new();
    schema.register_table(TABLE.to_owned(), Arc::new(ViewTable::new(input, None)))?;
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(&options.catalog.default_schema, Arc::new(schema))?;
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
        if field.name() == ORIGIN_COLUMN_NAME {
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
            expr = Expr::Cast(Cast::new(Box::new(expr), column_type.data_type()));
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

/// One query, and where the texts of the configuration stand in it.
struct SqlText {
    sql: String,
    /// Key of the configuration, and the lines before its text.
    parts: Vec<(&'static str, u64)>,
}

impl SqlText {
    fn new(rule: &SqlRule) -> SqlText {
        match rule {
            SqlRule::Query(query) => SqlText {
                sql: query.clone(),
                parts: vec![("query", 0)],
            },
            // Each text has lines of its own: places in it are easily found, and a comment at its end ends there.
            SqlRule::Clauses { where_clause, select } => {
                let select = select.as_deref().unwrap_or("*");
                let mut sql = format!("SELECT\n{select}\nFROM {TABLE}\n");
                let mut parts = vec![("select", 1)];
                if let Some(where_clause) = where_clause {
                    sql.push_str("WHERE (\n");
                    parts.push(("where", sql.matches('\n').count() as u64));
                    sql.push_str(where_clause);
                    sql.push_str("\n)");
                }
                SqlText { sql, parts }
            }
        }
    }

    /// The place as the author of the configuration sees it.
    fn place(&self, line: u64, column: u64) -> String {
        match self.parts.iter().rev().find(|(_, lines_before)| line > *lines_before) {
            Some((key, lines_before)) => format!("`{key}` line {}, column {column}", line - lines_before),
            None => format!("line {line}, column {column}"),
        }
    }
}

/// Says what is wrong in words that name the text of the configuration.
fn explain(stage: &Stage<'_>, text: &SqlText, error: DataFusionError) -> FilterError {
    let place = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .filter(|span| span.start.line > 0)
        .map(|span| format!(" at {}", text.place(span.start.line, span.start.column)))
        .unwrap_or_default();
    match error.find_root() {
        DataFusionError::SchemaError(schema_error, _) => {
            if let SchemaError::FieldNotFound { field, valid_fields } = schema_error.as_ref() {
                let names = valid_fields.iter().map(|valid| valid.name.as_str());
                let hint = nearest(&field.name, names).map(|name| format!("did you mean `{name}`?"));
                return stage.error_with_hint(format!("column `{}` not found{place}", field.flat_name()), hint);
            }
            stage.error(format!("{schema_error}{place}"))
        }
        DataFusionError::SQL(parser_error, _) => {
            let message = parser_error.to_string();
            let message = message.strip_prefix("sql parser error: ").unwrap_or(&message);
            stage.error(format!("cannot parse the SQL: {}", with_place(text, message)))
        }
        DataFusionError::Plan(message) if message.contains("table '") => stage.error_with_hint(
            format!("{}{place}", lower_first(message)),
            Some(format!("the only table is `{TABLE}`")),
        ),
        root => {
            let message = root.strip_backtrace();
            let message = message
                .split_once(": ")
                .map_or(message.as_str(), |(_, message)| message);
            let message = lower_first(message.trim_end_matches('.')).replace('"', "`");
            match message.split_once(". Consider aliasing") {
                Some((message, _)) => stage.error_with_hint(
                    format!("{message}{place}"),
                    Some("name the columns with `AS`".to_owned()),
                ),
                None => stage.error(format!("{message}{place}")),
            }
        }
    }
}

/// Replaces the parser's ` at Line: 2, Column: 5` by the place in the text of the configuration.
fn with_place(text: &SqlText, message: &str) -> String {
    let parsed = message.rsplit_once(" at Line: ").and_then(|(what, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((what, line.trim().parse().ok()?, column.trim().parse().ok()?))
    });
    match parsed {
        Some((what, line, column)) => format!("{} at {}", lower_first(what), text.place(line, column)),
        None => lower_first(message),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
