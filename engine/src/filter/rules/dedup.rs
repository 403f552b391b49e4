//! Keeps one row of all that have the same key.
//!
//! Rows are numbered within their key and those with another number than one go. DataFusion sorts by the key for that, and a sort
//! sets aside on disk what memory has no room for, so any number of keys can be told apart. An aggregation would keep each key's
//! whole row in memory as the state of a function for each column.

use super::{DedupRule, Keep};
use crate::filter::{FilterError, Stage, column, column_names, new_column_name};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::HashSet;
use std::sync::Arc;

/// Compiles the rule.
///
/// **Shape**: the input's columns; rows in no promised order.
/// **Errors**: a column is missing, or stands twice in the key.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &DedupRule,
) -> Result<LogicalPlan, FilterError> {
    let schema = Arc::clone(input.schema());
    let names = column_names(&input);
    let by = rule.order.as_ref().map(|order| &order.by);
    if let Some(missing) = rule.columns.iter().chain(by).find(|name| !names.contains(name)) {
        let reason = format!("column `{missing}` doesn't exist in the schema");
        return Err(stage.missing_column(reason, missing, &schema));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = rule.columns.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(stage.error(format!("column `{twice}` stands twice in `columns`")));
    }
    let number = new_column_name(stage, &schema, 0);
    let plan = number_rows(input, rule, &number)
        .and_then(|numbered| {
            LogicalPlanBuilder::from(numbered)
                .filter(column(&number).eq(lit(1_u64)))?
                .build()
        })
        .map_err(|source| stage.plan_error(source))?;
    let outputs = names.into_iter().map(|name| (name.clone(), column(&name))).collect();
    stage.project(plan, outputs)
}

/// Adds a column that counts the rows of each key from 1, the row that stays first.
fn number_rows(input: LogicalPlan, rule: &DedupRule, number: &str) -> datafusion::common::Result<LogicalPlan> {
    let key: Vec<Expr> = rule.columns.iter().map(|name| column(name)).collect();
    let mut numbering = row_number().partition_by(key);
    if let Some(order) = &rule.order {
        numbering = numbering.order_by(vec![column(&order.by).sort(order.keep == Keep::First, false)]);
    }
    LogicalPlanBuilder::from(input)
        .window([numbering.build()?.alias(number)])?
        .build()
}
