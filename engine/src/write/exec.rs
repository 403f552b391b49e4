//! The writer as DataFusion executes it: rows in, a manifest of the files written out.
//!
//! DataFusion's own `DataSinkExec` takes a single input partition, which would leave the encoding to one core. This node runs
//! once per partition of its input and returns, instead of a count, one batch that lists what it wrote (see [`manifest_schema`]).
//! Nothing it writes is visible before the driver commits that list.

use super::writer::{PartitionedWriter, WriteOptions};
use super::{StagedFile, WriteError, untimed};
use crate::parse::origin::{origin_index, without_origins};
use crate::parse::reject::RejectSink;
use crate::stages::{Lap, Spent, StageClock, StageClocks, timed};
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use futures::StreamExt;
use object_store::ObjectStore;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// What the writer needs where it runs and what is not part of the plan.
#[derive(Clone, Debug)]
pub struct WriteServices {
    /// The table's folder.
    pub store: Arc<dyn ObjectStore>,
    /// How users know that folder.
    pub place: String,
    /// Where rows without a time go.
    pub rejects: Arc<dyn RejectSink>,
    /// What has been written so far.
    pub counters: Arc<WriteCounters>,
}

impl WriteServices {
    fn external(&self, error: WriteError) -> DataFusionError {
        DataFusionError::External(Box::new(error.below(&self.place)))
    }
}

/// Counts of a running writer, all partitions together.
#[derive(Debug, Default)]
pub struct WriteCounters {
    /// Rows that reached the writer.
    pub num_rows: AtomicU64,
    /// Where the time of each partition went.
    pub clocks: StageClocks,
}

/// Columns of the manifest: path, partition values (a JSON array of pairs), rows, bytes, statistics (JSON).
pub fn manifest_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("path", DataType::Utf8, false),
            Field::new("partition_values", DataType::Utf8, false),
            Field::new("num_rows", DataType::Int64, false),
            Field::new("size_bytes", DataType::Int64, false),
            Field::new("statistics", DataType::Utf8, false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Lists staged files as a batch of [`manifest_schema`].
pub fn to_manifest(files: &[StagedFile]) -> Result<RecordBatch> {
    let partition_values = files.iter().map(|file| {
        serde_json::to_string(&file.partition_values).expect("pairs of strings can always be written as JSON")
    });
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(files.iter().map(|file| &file.path))),
        Arc::new(StringArray::from_iter_values(partition_values)),
        Arc::new(Int64Array::from_iter_values(
            files.iter().map(|file| count(file.num_rows)),
        )),
        Arc::new(Int64Array::from_iter_values(
            files.iter().map(|file| count(file.size_bytes)),
        )),
        Arc::new(StringArray::from_iter_values(files.iter().map(|file| &file.statistics))),
    ];
    Ok(RecordBatch::try_new(manifest_schema(), columns)?)
}

/// Reads batches of [`manifest_schema`] back.
///
/// **Errors**: partition values that are no JSON, or a count below zero.
pub fn from_manifest(batches: &[RecordBatch]) -> Result<Vec<StagedFile>> {
    let mut files = Vec::new();
    for batch in batches {
        let text = |index: usize| batch.column(index).as_string::<i32>();
        let number = |index: usize| batch.column(index).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            files.push(StagedFile {
                path: text(0).value(row).to_owned(),
                partition_values: serde_json::from_str(text(1).value(row))
                    .map_err(|error| DataFusionError::External(Box::new(error)))?,
                num_rows: from_count(number(2).value(row))?,
                size_bytes: from_count(number(3).value(row))?,
                statistics: text(4).value(row).to_owned(),
            });
        }
    }
    Ok(files)
}

fn from_count(count: i64) -> Result<u64> {
    u64::try_from(count).map_err(|_| DataFusionError::Internal(format!("a manifest of staged files counts {count}")))
}

/// The root of a job's plan. Options are plain data; services are looked up where it runs.
#[derive(Debug)]
pub struct WriteExec {
    input: Arc<dyn ExecutionPlan>,
    options: Arc<WriteOptions>,
    services: WriteServices,
    properties: Arc<PlanProperties>,
}

impl WriteExec {
    /// Writes the rows of `input`.
    pub fn new(input: Arc<dyn ExecutionPlan>, options: Arc<WriteOptions>, services: WriteServices) -> WriteExec {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(manifest_schema()),
            Partitioning::UnknownPartitioning(input.properties().partitioning.partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        WriteExec {
            input,
            options,
            services,
            properties,
        }
    }
}

impl DisplayAs for WriteExec {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "WriteExec: partition_by={}, time_column={}, compression={:?}",
            self.options.partition_by.name(),
            self.options.time_column.as_deref().unwrap_or("none"),
            self.options.compression
        )
    }
}

impl ExecutionPlan for WriteExec {
    fn name(&self) -> &'static str {
        "WriteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(WriteExec::new(
                input,
                Arc::clone(&self.options),
                self.services.clone(),
            ))),
            _ => Err(DataFusionError::Internal("WriteExec has exactly one child".to_owned())),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let writer = PartitionedWriter::new(
            Arc::clone(&self.services.store),
            self.options.as_ref().clone(),
            &Arc::new(without_origins(&self.input.schema())),
            partition,
        )
        .map_err(|error| self.services.external(error))?;
        let clock = self.services.counters.clocks.of(partition);
        let options = Arc::clone(&self.options);
        let manifest = write_all(input, writer, options, self.services.clone(), clock);
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            manifest_schema(),
            futures::stream::once(manifest),
        )))
    }
}

/// Writes a whole partition and lists its files; after an error nothing of it is left but what the store refused to delete.
async fn write_all(
    mut input: SendableRecordBatchStream,
    mut writer: PartitionedWriter,
    options: Arc<WriteOptions>,
    services: WriteServices,
    clock: Arc<StageClock>,
) -> Result<RecordBatch> {
    let note_write = |spent: Spent| {
        clock.add(Lap::Write, spent.computing);
        clock.add(Lap::UploadWait, spent.waiting);
    };
    let origins = origin_index(&input.schema());
    let outcome = loop {
        let (batch, spent) = timed(input.next()).await;
        clock.add(Lap::Input, spent.computing);
        let batch = match batch {
            None => break Ok(()),
            Some(Err(error)) => break Err(error),
            Some(Ok(batch)) => batch,
        };
        services
            .counters
            .num_rows
            .fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        // Where rows come from is told and not written.
        let (batch, origins) = match origins {
            Some(index) => {
                let mut batch = batch;
                let origins = batch.remove_column(index);
                (batch, Some(origins))
            }
            None => (batch, None),
        };
        let (written, spent) = timed(writer.write(batch.clone())).await;
        note_write(spent);
        match written {
            Err(error) => break Err(services.external(error)),
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => match untimed::rejects(&rows, &batch, origins.as_ref(), &options) {
                Ok(rejects) => services.rejects.push(rejects),
                Err(error) => break Err(services.external(error)),
            },
        }
        if let Some(verdict) = services.rejects.verdict() {
            break Err(DataFusionError::External(Box::new(verdict)));
        }
    };
    match outcome {
        Ok(()) => {
            let (files, spent) = timed(writer.finish()).await;
            note_write(spent);
            to_manifest(&files.map_err(|error| services.external(error))?)
        }
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}
