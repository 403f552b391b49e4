//! The node in the logical plan, and the planner that makes the physical one of it.

use super::exec::ConvertExec;
use super::{CONVERT_NODE, Conversion, FILE_COLUMN, OnInvalid, RECORD_COLUMN};
use crate::filter::{FilterError, RejectSink, Stage};
use crate::parse::origin::ORIGIN_COLUMN_NAME;
use arrow::datatypes::Field;
use async_trait::async_trait;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The plan node of the rules that can reject a record: `expand_json`, `cast` and `add_time`.
///
/// **Shape**: the columns of the input, then the new ones under names that a projection above replaces; without rejected rows.
#[derive(Clone)]
pub struct ConvertNode {
    input: LogicalPlan,
    schema: DFSchemaRef,
    work: Arc<Work>,
}

/// What a node does, the same in the logical and the physical plan.
#[derive(Debug)]
pub(super) struct Work {
    /// The filter, as reasons name it.
    pub(super) label: String,
    pub(super) conversions: Vec<Conversion>,
    pub(super) on_invalid: OnInvalid,
    pub(super) rejects: Arc<dyn RejectSink>,
}

impl Work {
    pub(super) fn new_fields(&self) -> impl Iterator<Item = Field> {
        self.conversions.iter().flat_map(|conversion| {
            conversion
                .outputs
                .iter()
                .map(|(name, column_type)| column_type.field(name))
        })
    }

    /// The columns the node itself reads.
    fn read_columns(&self) -> impl Iterator<Item = &str> {
        let sources = self
            .conversions
            .iter()
            .filter_map(|conversion| conversion.source.as_ref());
        sources
            .map(|(name, _)| name.as_str())
            .chain([ORIGIN_COLUMN_NAME, FILE_COLUMN, RECORD_COLUMN])
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Convert: {}", self.label)?;
        for (index, conversion) in self.conversions.iter().enumerate() {
            formatter.write_str(if index == 0 { " " } else { ", " })?;
            if let Some((source, _)) = &conversion.source {
                write!(formatter, "{source} ")?;
            }
            let types: Vec<&str> = conversion
                .outputs
                .iter()
                .map(|(_, column_type)| column_type.name())
                .collect();
            write!(formatter, "-> {}", types.join(" "))?;
        }
        Ok(())
    }
}

/// Puts a node that does these conversions on top of `input`.
pub(in crate::filter) fn convert(
    stage: &Stage<'_>,
    input: LogicalPlan,
    conversions: Vec<Conversion>,
    on_invalid: OnInvalid,
) -> std::result::Result<LogicalPlan, FilterError> {
    let rejects = Arc::clone(&stage.surroundings.rejects);
    let work = Work {
        label: stage.place.to_string(),
        conversions,
        on_invalid,
        rejects,
    };
    let node = ConvertNode::new(input, Arc::new(work)).map_err(|source| stage.plan_error(source))?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

impl ConvertNode {
    fn new(input: LogicalPlan, work: Arc<Work>) -> Result<ConvertNode> {
        let fields = input
            .schema()
            .iter()
            .map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)))
            .chain(work.new_fields().map(|field| (None, Arc::new(field))))
            .collect();
        let schema = DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?;
        Ok(ConvertNode {
            input,
            schema: Arc::new(schema),
            work,
        })
    }
}

impl fmt::Debug for ConvertNode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.work, formatter)
    }
}

impl PartialEq for ConvertNode {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input
            && self.work.label == other.work.label
            && self.work.conversions == other.work.conversions
            && self.work.on_invalid == other.work.on_invalid
            && Arc::ptr_eq(&self.work.rejects, &other.work.rejects)
    }
}

impl Eq for ConvertNode {}

impl PartialOrd for ConvertNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl Hash for ConvertNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.work.label.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for ConvertNode {
    fn name(&self) -> &str {
        CONVERT_NODE
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
        fmt::Display::fmt(&self.work, formatter)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input = inputs
            .pop()
            .ok_or_else(|| DataFusionError::Internal("Convert has one input".to_owned()))?;
        ConvertNode::new(input, Arc::clone(&self.work))
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let input = self.input.schema();
        let read = self
            .work
            .read_columns()
            .filter_map(|name| input.index_of_column_by_name(None, name));
        let passed = output_columns
            .iter()
            .copied()
            .filter(|index| *index < input.fields().len());
        let mut needed: Vec<usize> = read.chain(passed).collect();
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}

/// Makes the physical node of a [`ConvertNode`]; to be among the extension planners of the session that runs the plan.
#[derive(Debug, Default)]
pub struct ConvertPlanner;

#[async_trait]
impl datafusion::physical_planner::ExtensionPlanner for ConvertPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn datafusion::physical_planner::PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn datafusion::catalog::Session,
        _planning_context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<ConvertNode>() else {
            return Ok(None);
        };
        let [input] = physical_inputs else {
            return Err(DataFusionError::Internal("Convert has one input".to_owned()));
        };
        Ok(Some(Arc::new(ConvertExec::new(
            Arc::clone(input),
            Arc::clone(&node.work),
        ))))
    }
}
