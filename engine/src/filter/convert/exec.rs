//! The conversions at work: the physical node, and the records that it rejects.

use super::node::Work;
use super::{ConversionRule, Converter, FILE_COLUMN, InvalidRecord, InvalidRows, OnInvalid, RECORD_COLUMN};
use crate::filter::values::{self, Values};
use crate::parse::columns::ColumnType;
use crate::parse::origin::{ORIGIN_COLUMN_NAME, Origin, UNKNOWN_ORIGIN};
use crate::parse::reject::{Reject, RejectCode};
use crate::position::Position;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;

/// The physical node; see the module.
#[derive(Debug)]
pub(super) struct ConvertExec {
    input: Arc<dyn ExecutionPlan>,
    work: Arc<Work>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ConvertExec {
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, work: Arc<Work>) -> ConvertExec {
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
            if values::column_type(field) != Some(column_type) {
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
