//! A condition on the columns of the parser, evaluated by DataFusion while rows are made.

use crate::parse::condition::RowCondition;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_expr_common::physical_expr::fmt_sql;
use datafusion::physical_plan::PhysicalExpr;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What rows must meet.
#[derive(Clone, Debug)]
pub(super) struct ScanCondition {
    pub(super) expr: Arc<dyn PhysicalExpr>,
    /// The columns that it looks at, as indices into those of the parser, ascending.
    pub(super) columns: Vec<usize>,
    /// The same columns; what `expr` is over.
    schema: SchemaRef,
}

impl ScanCondition {
    /// Whether a predicate can be decided from columns of the parser alone, of which `fields` are all.
    pub(super) fn can_decide(predicate: &Expr, fields: &[Field]) -> bool {
        let columns = predicate.column_refs();
        !columns.is_empty()
            && !predicate.is_volatile()
            && columns
                .iter()
                .all(|column| fields.iter().any(|field| *field.name() == column.name))
    }

    /// All of `predicates` at once; `None`: there are none.
    pub(super) fn new(state: &dyn Session, predicates: Vec<Expr>, fields: &[Field]) -> Result<Option<ScanCondition>> {
        let Some(predicate) = conjunction(predicates) else {
            return Ok(None);
        };
        let named = predicate.column_refs();
        let is_named = |index: &usize| named.iter().any(|column| column.name == *fields[*index].name());
        let columns: Vec<usize> = (0..fields.len()).filter(is_named).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields.to_vec()).project(&columns)?);
        let expr = state.create_physical_expr(predicate, &DFSchema::try_from(Arc::clone(&schema))?)?;
        Ok(Some(ScanCondition { expr, columns, schema }))
    }

    /// The condition for a parser with a projection, which has all of its columns.
    pub(super) fn for_projection(&self, projection: &[usize], time: &Arc<ConditionTime>) -> Box<dyn RowCondition> {
        let places = self.columns.iter().filter_map(|column| {
            let place = projection.iter().position(|index| index == column);
            debug_assert!(place.is_some(), "the projection has the columns of its condition");
            place
        });
        Box::new(EvaluatedCondition {
            columns: places.collect(),
            condition: self.clone(),
            time: Arc::clone(time),
        })
    }
}

impl fmt::Display for ScanCondition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_sql(self.expr.as_ref()).fmt(formatter)
    }
}

/// How long a condition was evaluated.
#[derive(Debug, Default)]
pub(super) struct ConditionTime {
    nanos: AtomicU64,
}

impl ConditionTime {
    /// The time since this was last asked.
    pub(super) fn take(&self) -> Duration {
        Duration::from_nanos(self.nanos.swap(0, Ordering::Relaxed))
    }
}

struct EvaluatedCondition {
    condition: ScanCondition,
    columns: Vec<usize>,
    time: Arc<ConditionTime>,
}

impl EvaluatedCondition {
    fn values(&self, columns: Vec<ArrayRef>) -> Result<BooleanArray> {
        let rows = RecordBatch::try_new(Arc::clone(&self.condition.schema), columns)?;
        let values = self.condition.expr.evaluate(&rows)?.into_array(rows.num_rows())?;
        Ok(values.as_boolean().clone())
    }
}

impl RowCondition for EvaluatedCondition {
    fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn evaluate(&mut self, columns: Vec<ArrayRef>) -> std::result::Result<BooleanArray, Box<dyn Error + Send + Sync>> {
        let begun = Instant::now();
        let values = self.values(columns);
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.time.nanos.fetch_add(nanos, Ordering::Relaxed);
        Ok(values?)
    }
}
