//! The writer as a node of the logical plan, and the planner that turns it into [`WriteExec`].

use super::exec::{WriteExec, WriteServices, manifest_schema};
use super::writer::WriteOptions;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// "Write these rows": the root of a job's logical plan.
#[derive(Clone, Debug)]
pub struct WriteNode {
    input: LogicalPlan,
    options: Arc<WriteOptions>,
    services: WriteServices,
    schema: DFSchemaRef,
}

impl WriteNode {
    /// Puts a writer on top of `input`.
    pub fn plan(input: LogicalPlan, options: WriteOptions, services: WriteServices) -> Result<LogicalPlan> {
        let schema = Arc::new(DFSchema::try_from(manifest_schema().as_ref().clone())?);
        let node = WriteNode {
            input,
            options: Arc::new(options),
            services,
            schema,
        };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }
}

// Two write nodes are the same exactly if they write the same rows under the same names; services do not take part.
impl PartialEq for WriteNode {
    fn eq(&self, other: &WriteNode) -> bool {
        self.input == other.input && self.options == other.options
    }
}

impl Eq for WriteNode {}

impl PartialOrd for WriteNode {
    fn partial_cmp(&self, other: &WriteNode) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl Hash for WriteNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.options.attempt.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for WriteNode {
    fn name(&self) -> &str {
        "Write"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Write: partition_by={}, time_column={}",
            self.options.partition_by.name(),
            self.options.time_column.as_deref().unwrap_or("none")
        )
    }

    fn with_exprs_and_inputs(&self, _expressions: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<WriteNode> {
        let input = inputs
            .pop()
            .ok_or_else(|| DataFusionError::Internal("Write has one input".to_owned()))?;
        Ok(WriteNode { input, ..self.clone() })
    }

    /// Every column of the input is written.
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.input.schema().fields().len()).collect()])
    }
}

/// Plans [`WriteNode`] as [`WriteExec`].
#[derive(Debug)]
pub struct WritePlanner;

#[async_trait]
impl ExtensionPlanner for WritePlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(write) = node.as_any().downcast_ref::<WriteNode>() else {
            return Ok(None);
        };
        let [input] = physical_inputs else {
            return Err(DataFusionError::Internal("Write has one input".to_owned()));
        };
        Ok(Some(Arc::new(WriteExec::new(
            Arc::clone(input),
            Arc::clone(&write.options),
            write.services.clone(),
        ))))
    }
}
