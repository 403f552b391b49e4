//! The scan of a prefix as DataFusion executes it.

use super::exchange::{Exchange, Seat};
use super::queue::TaskQueue;
use super::read::PartitionReader;
use super::row_condition::ScanCondition;
use super::{ScanOptions, ScanServices};
use crate::pack::Tasks;
use crate::source::fetch::RANGE_BYTES;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use futures::stream;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The leaf of a job's plan: each partition fetches, decodes and parses the files it takes from a shared queue.
#[derive(Debug)]
pub struct ScanExec {
    options: Arc<ScanOptions>,
    tasks: Arc<Tasks>,
    wanted: Wanted,
    services: ScanServices,
    properties: Arc<PlanProperties>,
    run: Mutex<Run>,
}

/// What a plan wants of a table.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Indices into the table's columns: the parser's, then the metadata columns.
    pub(super) projection: Vec<usize>,
    /// Other rows are left out.
    pub(super) condition: Option<ScanCondition>,
    /// Of the rows that are not left out.
    pub(super) limit: Option<usize>,
}

/// One execution of the plan: what its partitions share, and which of them have begun.
#[derive(Debug)]
struct Run {
    queue: Arc<TaskQueue>,
    exchange: Arc<Exchange>,
    has_begun: Vec<bool>,
}

impl ScanExec {
    /// A scan with at most `target_partitions` partitions; with a limit it has one, which reads the files in order and stops.
    pub(super) fn new(
        options: Arc<ScanOptions>,
        tasks: Arc<Tasks>,
        wanted: Wanted,
        target_partitions: usize,
        services: ScanServices,
    ) -> Result<ScanExec> {
        let schema: SchemaRef = Arc::new(Schema::new(options.fields()).project(&wanted.projection)?);
        let has_large_file = tasks.files().largest_bytes() > RANGE_BYTES;
        let num_partitions = match wanted.limit {
            Some(_) => 1,
            // Partitions without a file help those that read a large one.
            None if has_large_file => target_partitions.max(1),
            None => target_partitions.min(tasks.files().len()).max(1),
        };
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(num_partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let run = Mutex::new(Run {
            queue: Arc::new(TaskQueue::new(&tasks, num_partitions)),
            exchange: Arc::new(Exchange::new(services.io_runtime.clone())),
            has_begun: vec![false; num_partitions],
        });
        Ok(ScanExec {
            options,
            tasks,
            wanted,
            services,
            properties,
            run,
        })
    }

    /// The tasks of this scan.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// What a partition that begins shares with the others. A partition that begins a second time starts another run of the plan.
    fn begin(&self, partition: usize) -> (Arc<TaskQueue>, Seat) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if run.has_begun[partition] {
            run.queue = Arc::new(TaskQueue::new(&self.tasks, run.has_begun.len()));
            run.exchange = Arc::new(Exchange::new(self.services.io_runtime.clone()));
            run.has_begun.fill(false);
        }
        run.has_begun[partition] = true;
        (Arc::clone(&run.queue), Arc::clone(&run.exchange).join())
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self
            .properties
            .eq_properties
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        write!(
            formatter,
            "ScanExec: format={}, tasks={}, files={}, projection=[{}]",
            self.options.parser.format_name(),
            self.tasks.len(),
            self.tasks.files().len(),
            columns.join(", ")
        )?;
        if let Some(condition) = &self.wanted.condition {
            write!(formatter, ", where=[{condition}]")?;
        }
        match self.wanted.limit {
            Some(limit) => write!(formatter, ", limit={limit}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        match &self.wanted.condition {
            Some(condition) => visit(&condition.expr),
            None => Ok(TreeNodeRecursion::Continue),
        }
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (queue, seat) = self.begin(partition);
        let clock = self.services.counters.clocks.of(partition);
        let reader = PartitionReader::new(
            Arc::clone(&self.options),
            &self.wanted,
            context.session_config().batch_size(),
            queue,
            seat,
            self.services.clone(),
        )
        .map_err(|error| DataFusionError::External(Box::new(error)))?
        .timed_by(clock);
        let batches = stream::try_unfold(reader, |mut reader| async move {
            match reader.next_batch().await {
                Ok(Some(batch)) => Ok(Some((batch, reader))),
                Ok(None) => Ok(None),
                Err(error) => Err(DataFusionError::External(Box::new(error))),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
