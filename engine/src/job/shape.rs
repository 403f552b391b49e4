//! Looks at the plan of a job's rows: whether each row comes of one record, and whether a column still is what the scan gave.

use crate::config::plan::JobPlan;
use crate::filter::CONVERT_NODE;
use crate::filter::rules::{AddTimeSource, FilterRule};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, LogicalPlan, UNNAMED_TABLE};

/// Whether the rows of some files together are the rows of each of them, one after the other. Then a job can be cut into steps.
///
/// Nodes that are not known to be so are taken not to be.
pub(super) fn is_row_by_row(rows: &LogicalPlan, plan: &JobPlan) -> bool {
    let counts = |source: &AddTimeSource| matches!(source, AddTimeSource::IncrementalTime { .. });
    let is_counted = plan
        .filters
        .iter()
        .any(|filter| matches!(&filter.rule, FilterRule::AddTime(rule) if counts(&rule.source)));
    let is_time_counted = plan.output.time_value.as_ref().is_some_and(counts);
    !is_counted && !is_time_counted && keeps_rows_apart(rows)
}

fn keeps_rows_apart(rows: &LogicalPlan) -> bool {
    let is_known = match rows {
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => true,
        LogicalPlan::Extension(extension) => extension.node.name() == CONVERT_NODE,
        LogicalPlan::TableScan(scan) => {
            // Another table than the input is whole in every step.
            return match scan.source.get_logical_plan() {
                Some(view) => keeps_rows_apart(&view),
                None => scan.table_name.table() == UNNAMED_TABLE,
            };
        }
        _ => false,
    };
    is_known && !rows.expressions().iter().any(has_subquery) && rows.inputs().into_iter().all(keeps_rows_apart)
}

fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)
        ))
    };
    expr.exists(is_subquery).unwrap_or(true)
}

/// Whether the column `name` of `rows` is the column `origin` of the scan, whatever it was called on the way.
pub(super) fn comes_from_scan(rows: &LogicalPlan, name: &str, origin: &str) -> bool {
    scan_column(rows, name).is_some_and(|column| column == origin)
}

/// Whether the column `name` of `rows` is one value for all of them, such as the time of the upload.
pub(super) fn is_constant(rows: &LogicalPlan, name: &str) -> bool {
    let LogicalPlan::Projection(projection) = rows else {
        return false;
    };
    let fields = projection.schema.fields().iter();
    let expr = fields.zip(&projection.expr).find(|(field, _)| field.name() == name);
    match expr.map(|(_, expr)| expr.clone().unalias()) {
        Some(Expr::Column(column)) => is_constant(&projection.input, &column.name),
        Some(expr) => expr.column_refs().is_empty() && !expr.is_volatile() && !has_subquery(&expr),
        None => false,
    }
}

/// The column of the scan that the column `name` of `rows` is, if it is one as it was.
pub(super) fn scan_column(rows: &LogicalPlan, name: &str) -> Option<String> {
    match rows {
        LogicalPlan::Projection(projection) => {
            let fields = projection.schema.fields().iter();
            let (_, expr) = fields.zip(&projection.expr).find(|(field, _)| field.name() == name)?;
            match expr.clone().unalias() {
                Expr::Column(column) => scan_column(&projection.input, &column.name),
                _ => None,
            }
        }
        LogicalPlan::TableScan(scan) => match scan.source.get_logical_plan() {
            Some(view) => scan_column(&view, name),
            None => (scan.table_name.table() == UNNAMED_TABLE).then(|| name.to_owned()),
        },
        LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Window(_) => {
            let input = rows.inputs().into_iter().next()?;
            let is_passed = input.schema().has_column_with_unqualified_name(name);
            is_passed.then(|| scan_column(input, name)).flatten()
        }
        _ => None,
    }
}
