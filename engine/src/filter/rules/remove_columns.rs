//! Keeps or removes columns by name, in the input's order.

use super::{RemoveColumnsRule, RemoveOrKeep};
use crate::filter::{FilterError, Stage, column, column_names};
use datafusion::logical_expr::LogicalPlan;
use std::collections::HashSet;

/// Compiles the rule.
///
/// **Errors**: a named column is not in the input, unless that is accepted; no column is left.
pub(in crate::filter) fn compile(
    stage: &Stage<'_>,
    input: LogicalPlan,
    rule: &RemoveColumnsRule,
) -> Result<LogicalPlan, FilterError> {
    let names = column_names(&input);
    if !rule.accept_unmatched_columns
        && let Some(missing) = rule.names.iter().find(|name| !names.contains(name))
    {
        let reason = format!("column `{missing}` doesn't exist in the schema");
        return Err(stage.missing_column(reason, missing, input.schema()));
    }
    let named: HashSet<&str> = rule.names.iter().map(String::as_str).collect();
    let outputs = names
        .into_iter()
        .filter(|name| named.contains(name.as_str()) == (rule.action == RemoveOrKeep::Keep))
        .map(|name| (name.clone(), column(&name)))
        .collect();
    stage.project(input, outputs)
}
