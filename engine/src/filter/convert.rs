//! Computes columns from values that may be invalid, and takes the records with invalid ones out of the rows.
//!
//! This is a plan node and not an expression in a projection: the optimizer may copy an expression, merge it with others and
//! carry it below a filter (even a volatile one), and each would change which records are judged and how often they are
//! counted. It leaves a node of unknown kind where it is. Columns of the input pass through at their indices, the new ones follow;
//! a projection above puts them into place. Columns that nobody above asks for are not asked of the input.
//!
//! What a rule does to its values is written beside the rule; here is only what all share.

use super::rules::add_time::TimeConversion;
use super::rules::cast::CastConversion;
use super::rules::expand_json::JsonConversion;
use super::values::{Values, shown};
use super::{RejectSink, Stage};
use crate::filter::FilterError;
use crate::parse::columns::ColumnType;
use crate::parse::origin::{ORIGIN_COLUMN_NAME, Origin, UNKNOWN_ORIGIN};
use crate::parse::reject::{RecordText, Reject, RejectCode};
use crate::position::Position;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Name of the node. Each of its rows comes of one of its input.
pub(crate) const CONVERT_NODE: &str = "Convert";

/// Metadata columns that say where a record stands, where the input has them.
const FILE_COLUMN: &str = "_file_path";
const RECORD_COLUMN: &str = "_row_number";

/// One or more columns made from at most one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conversion {
    /// The input column, and the type its values are read as.
    pub(crate) source: Option<(String, ColumnType)>,
    /// Names in the node's output, which a projection above replaces, and types.
    pub(crate) outputs: Vec<(String, ColumnType)>,
    /// What is done.
    pub(crate) rule: ConversionRule,
}

/// What a [`Conversion`] does, as plain data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConversionRule {
    Json(JsonConversion),
    Cast(CastConversion),
    Time(TimeConversion),
}

/// What is done with the record of an invalid value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OnInvalid {
    Reject,
    Fail,
}

/// A [`ConversionRule`] at work in one partition.
pub(crate) trait Converter: Send {
    /// Makes the output arrays of one batch; null where a row is rejected.
    fn convert(&mut self, source: Option<&Values>, num_rows: usize, invalid: &mut InvalidRows)
    -> Result<Vec<ArrayRef>>;
}

/// The rows of one batch with a value that is not valid; the first reason of each row counts.
#[derive(Debug, Default)]
pub(crate) struct InvalidRows {
    rows: BTreeMap<usize, InvalidValue>,
}

#[derive(Debug)]
struct InvalidValue {
    column: String,
    value: String,
    reason: String,
    record: RecordText,
}

impl InvalidRows {
    /// Says that `text`, a value of the row, cannot become the value of `column`; `record` is what is kept of the record.
    pub(crate) fn cannot_read(&mut self, row: usize, column: &str, text: &str, column_type: ColumnType, record: &str) {
        self.rows.entry(row).or_insert_with(|| {
            let reason = format!(
                "column `{column}` cannot read `{}` as {}",
                shown(text),
                column_type.name()
            );
            InvalidValue {
                column: column.to_owned(),
                value: Reject::value_text(text),
                reason,
                record: RecordText::new(record),
            }
        });
    }
}

/// A filter that was told to stop met an invalid record.
#[derive(Debug, thiserror::Error)]
#[error("found an invalid record: {reason}")]
pub struct InvalidRecord {
    /// The filter, the column and the value.
    pub reason: String,
    /// Where the record stands, as far as the row says.
    pub position: Position,
}

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
struct Work {
    /// The filter, as reasons name it.
    label: String,
    conversions: Vec<Conversion>,
    on_invalid: OnInvalid,
    rejects: Arc<dyn RejectSink>,
}

impl Work {
    fn new_fields(&self) -> impl Iterator<Item = Field> {
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
pub(super) fn convert(
    stage: &Stage<'_>,
    input: LogicalPlan,
    conversions: Vec<Conversion>,
    on_invalid: OnInvalid,
) -> std::result::Result<LogicalPlan, FilterError> {
    let rejects = Arc::clone(&stage.surroundings.rejects);
    let work = Work {
        label: stage.label(),
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

/// The physical node; see the module.
#[derive(Debug)]
struct ConvertExec {
    input: Arc<dyn ExecutionPlan>,
    work: Arc<Work>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ConvertExec {
    fn new(input: Arc<dyn ExecutionPlan>, work: Arc<Work>) -> ConvertExec {
        let input_schema = input.schema();
        let fields: Vec<_> = input_schema
            .fields()
            .iter()
            .cloned()
            .chain(work.new_fields().map(Arc::new))
            .collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, input_schema.metadata().clone()));
        // Columns pass through at their indices, so the input's partitioning holds as it is written.
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        ConvertExec {
            input,
            work,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for ConvertExec {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConvertExec: {}", self.work)
    }
}

impl ExecutionPlan for ConvertExec {
    fn name(&self) -> &str {
        "ConvertExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children
            .pop()
            .ok_or_else(|| DataFusionError::Internal("ConvertExec has one input".to_owned()))?;
        Ok(Arc::new(ConvertExec::new(input, Arc::clone(&self.work))))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let input_schema = self.input.schema();
        let mut steps = Vec::with_capacity(self.work.conversions.len());
        for conversion in &self.work.conversions {
            let source = match &conversion.source {
                Some((name, column_type)) => Some((input_schema.index_of(name)?, *column_type)),
                None => None,
            };
            let converter: Box<dyn Converter> = match &conversion.rule {
                ConversionRule::Json(rule) => rule.converter()?,
                ConversionRule::Cast(rule) => rule.converter()?,
                ConversionRule::Time(rule) => rule.converter()?,
            };
            steps.push(Step { source, converter });
        }
        let mut convert = PartitionConvert {
            schema: Arc::clone(&schema),
            work: Arc::clone(&self.work),
            steps,
            num_rejected: MetricBuilder::new(&self.metrics).counter("rejected_rows", partition),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = self
            .input
            .execute(partition, context)?
            .map(move |batch| convert.batch(batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// One conversion at work.
struct Step {
    /// Index of the source column and the type its values are read as.
    source: Option<(usize, ColumnType)>,
    converter: Box<dyn Converter>,
}

/// All conversions at work in one partition.
struct PartitionConvert {
    schema: SchemaRef,
    work: Arc<Work>,
    steps: Vec<Step>,
    num_rejected: Count,
    metrics: BaselineMetrics,
}

impl PartitionConvert {
    fn batch(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let elapsed = self.metrics.elapsed_compute().clone();
        let _timer = elapsed.timer();
        let num_rows = batch.num_rows();
        let mut invalid = InvalidRows::default();
        let mut columns = batch.columns().to_vec();
        for Step { source, converter } in &mut self.steps {
            let values = match source {
                Some((index, column_type)) => Some(Values::new(batch.column(*index), *column_type)?),
                None => None,
            };
            columns.extend(converter.convert(values.as_ref(), num_rows, &mut invalid)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(num_rows));
        let mut converted = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        if !invalid.rows.is_empty() {
            let is_valid: BooleanArray = (0..num_rows)
                .map(|row| Some(!invalid.rows.contains_key(&row)))
                .collect();
            self.reject(&batch, invalid)?;
            converted = filter_record_batch(&converted, &is_valid)?;
        }
        self.metrics.record_output(converted.num_rows());
        Ok(converted)
    }

    fn reject(&self, batch: &RecordBatch, invalid: InvalidRows) -> Result<()> {
        let places = Places::new(batch)?;
        let mut rejects: Vec<Reject> = invalid
            .rows
            .into_iter()
            .map(|(row, value)| {
                let origin = places.origin(row).unwrap_or_else(|| Origin {
                    position: places.position(row),
                    header: None,
                    text: value.record,
                });
                Reject {
                    position: origin.position,
                    column: Some(value.column),
                    value: Some(value.value),
                    code: RejectCode::BadValueInFilter,
                    header: origin.header,
                    reason: format!("{}: {}", self.work.label, value.reason),
                    record: origin.text,
                }
            })
            .collect();
        if self.work.on_invalid == OnInvalid::Fail
            && let Some(first) = rejects.first()
        {
            let error = InvalidRecord {
                reason: first.reason.clone(),
                position: first.position.clone(),
            };
            return Err(DataFusionError::External(Box::new(error)));
        }
        for reject in rejects.iter_mut().filter(|reject| reject.position.file.is_empty()) {
            reject.reason.push_str(UNKNOWN_ORIGIN);
        }
        self.num_rejected.add(rejects.len());
        self.work.rejects.push(rejects);
        Ok(())
    }
}

/// Where the rows of a batch come from, as far as its columns say.
struct Places {
    origins: Option<ArrayRef>,
    files: Option<Values>,
    records: Option<Values>,
}

impl Places {
    fn new(batch: &RecordBatch) -> Result<Places> {
        let read = |name: &str, column_type: ColumnType| -> Result<Option<Values>> {
            let Some((index, field)) = batch.schema_ref().column_with_name(name) else {
                return Ok(None);
            };
            // A user's own column of that name may hold anything.
            if super::values::column_type(field) != Some(column_type) {
                return Ok(None);
            }
            Ok(Some(Values::new(batch.column(index), column_type)?))
        };
        Ok(Places {
            origins: batch.column_by_name(ORIGIN_COLUMN_NAME).cloned(),
            files: read(FILE_COLUMN, ColumnType::String)?,
            records: read(RECORD_COLUMN, ColumnType::Long)?,
        })
    }

    fn origin(&self, row: usize) -> Option<Origin> {
        Origin::of_row(self.origins.as_ref()?, row)
    }

    fn position(&self, row: usize) -> Position {
        let file = match &self.files {
            Some(Values::Text { values, .. }) if !values.is_null(row) => values.value(row),
            _ => "",
        };
        let record = match &self.records {
            Some(Values::Long(values)) if !values.is_null(row) => values.value(row),
            _ => 0,
        };
        Position {
            file: Arc::from(file),
            line: 0,
            byte: 0,
            record: u64::try_from(record).unwrap_or(0),
        }
    }
}
