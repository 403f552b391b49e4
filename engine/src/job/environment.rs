//! What every command stands on: the warehouse, the runtime for requests, the clock, the budgets.

use super::memory::OperatorPool;
use crate::config::plan::ExecPlan;
use crate::error::{Error, Result};
use crate::filter::ConvertPlanner;
use crate::table::warehouse::Warehouse;
use crate::write::node::WritePlanner;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::{Builder, Handle, Runtime};

/// Bytes that a process takes where the configuration does not say, and for each core if that is more.
const DEFAULT_MEMORY_LIMIT_BYTES: u64 = 512 * 1024 * 1024;
const DEFAULT_MEMORY_LIMIT_BYTES_PER_CORE: u64 = 128 * 1024 * 1024;

/// Requests that a job may have in flight, where the configuration does not say: at the latency of S3 (30 ms) 8,500 a second, more than
/// it takes from a prefix. Each may hold a connection and its buffers, which no budget counts.
pub(super) const MAX_REQUESTS: usize = 256;

/// Requests that each partition begins with and may have in any case: what hides 30 ms when a file takes a millisecond to load. Fewer
/// would have to grow first, and a job of some hundred files is over by then.
pub(super) const PARTITION_REQUESTS: usize = 32;

/// One in so many bytes of the limit is for what is fetched ahead.
pub(super) const FETCH_PARTS: u64 = 12;

/// One in so many bytes of the limit is for the pages of open files. When the last of them end, uploads hold half as much beside them, and
/// the allocator cannot give back what is free between pages yet: with a fourth, rows in random order of time took more than the limit.
const WRITER_PARTS: usize = 5;

/// One in so many bytes that a partition has for its operators is for a sort that puts together what it set aside.
const MERGE_PARTS: usize = 8;

/// Threads that wait for the network. They compute next to nothing, so two keep up with any bandwidth.
const IO_THREADS: usize = 2;

/// Shared by all commands of a process.
pub struct Environment {
    /// Where tables live.
    pub warehouse: Warehouse,
    io_runtime: IoRuntime,
    clock: Clock,
}

/// Tells the time.
pub(super) type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("warehouse", &self.warehouse)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Starts the runtime for requests and opens the warehouse at a directory or an `s3://` location.
    ///
    /// **Errors**: a location that cannot be a warehouse; no threads to be had.
    pub fn new(warehouse: &str, clock: impl Fn() -> jiff::Timestamp + Send + Sync + 'static) -> Result<Environment> {
        let io_runtime = Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("bucketload-io")
            .enable_all()
            .build()
            .map_err(|error| Error::internal("cannot start the threads for requests").caused_by(error))?;
        let io_runtime = IoRuntime(Some(io_runtime));
        let warehouse = Warehouse::open(warehouse, io_runtime.handle())?;
        super::spans::hand_on();
        Ok(Environment {
            warehouse,
            io_runtime,
            clock: Arc::new(clock),
        })
    }

    /// Runs requests.
    pub fn io_runtime(&self) -> &Handle {
        self.io_runtime.handle()
    }

    /// The time now.
    pub fn now(&self) -> jiff::Timestamp {
        (self.clock)()
    }

    /// The clock, for tasks that outlive a borrow.
    pub(super) fn clock(&self) -> Clock {
        Arc::clone(&self.clock)
    }

    /// A DataFusion session that can plan and run jobs.
    ///
    /// **Errors**: no temporary directory for operators that spill.
    pub fn session(&self, budgets: &Budgets) -> Result<SessionContext> {
        let mut config = SessionConfig::new()
            .with_target_partitions(budgets.num_partitions)
            .with_batch_size(budgets.batch_rows)
            .with_information_schema(false)
            .with_collect_statistics(false);
        config.options_mut().sql_parser.enable_ident_normalization = false;
        // What each sort keeps free for putting together what it set aside; the usual 10 MB are more than small budgets have.
        let reservation_bytes = budgets.operator_bytes / (MERGE_PARTS * budgets.num_partitions);
        let execution = &mut config.options_mut().execution;
        execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(reservation_bytes);
        let spill_mode = match &budgets.scratch_folder {
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(OperatorPool::new(budgets.operator_bytes)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill_mode))
            .build_arc()
            .map_err(|error| Error::internal("cannot set up the query engine").caused_by(error))?;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_query_planner(Arc::new(JobPlanner))
            .build();
        Ok(SessionContext::new_with_state(state))
    }
}

/// The runtime for requests; there is one until it is dropped.
struct IoRuntime(Option<Runtime>);

impl IoRuntime {
    fn handle(&self) -> &Handle {
        self.0
            .as_ref()
            .expect("the runtime is there until it is dropped")
            .handle()
    }
}

impl Drop for IoRuntime {
    fn drop(&mut self) {
        // A runtime must not be dropped where async code may run; nothing that is still under way is worth waiting for.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How the memory limit and the cores are shared out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Partitions of the plan.
    pub num_partitions: usize,
    /// Rows of a batch.
    pub batch_rows: usize,
    /// Requests in flight, all partitions together.
    pub max_requests: usize,
    /// Bytes fetched ahead, all partitions together.
    pub fetch_bytes: u64,
    /// Bytes that the open files of one partition hold.
    pub writer_bytes: usize,
    /// Bytes for DataFusion's own operators.
    pub operator_bytes: usize,
    /// Folder for what memory has no room for; `None`: the system's for temporary files.
    pub scratch_folder: Option<PathBuf>,
}

/// Rows of a batch where there is memory enough, as DataFusion has it.
const MAX_BATCH_ROWS: usize = 8_192;
/// Fewer rows than this make each batch cost more than its rows.
const MIN_BATCH_ROWS: usize = 256;
/// Bytes that a row is taken to have at most, with the text of its record beside it.
const BATCH_ROW_BYTES: usize = 2_048;
/// Operators of a partition that share its memory; each holds a batch twice at least while it sorts it.
const SHARING_OPERATORS: usize = 4;

/// Rows of a batch, so that an operator has room for one; `operator_bytes` are those of one partition.
fn batch_rows(operator_bytes: usize) -> usize {
    (operator_bytes / SHARING_OPERATORS / BATCH_ROW_BYTES).clamp(MIN_BATCH_ROWS, MAX_BATCH_ROWS)
}

impl Budgets {
    /// Cores that this process may use.
    pub(super) fn num_cores() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// Follows the `exec` section; what it leaves open follows the machine.
    ///
    /// The shares do not add up to the limit: batches on their way, the room of decoders, and what the allocator keeps for later
    /// take the rest.
    pub fn new(exec: &ExecPlan) -> Budgets {
        let num_partitions = exec.max_threads.unwrap_or_else(Budgets::num_cores).max(1);
        let limit_bytes = exec.memory_limit_bytes.unwrap_or_else(|| {
            DEFAULT_MEMORY_LIMIT_BYTES.max(DEFAULT_MEMORY_LIMIT_BYTES_PER_CORE * num_partitions as u64)
        });
        let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
        let default_batch_rows = match exec.memory_limit_bytes {
            Some(_) => batch_rows(limit / 4 / num_partitions),
            None => MAX_BATCH_ROWS,
        };
        Budgets {
            num_partitions,
            batch_rows: exec.batch_rows.unwrap_or(default_batch_rows).max(1),
            max_requests: exec
                .max_requests
                .unwrap_or(MAX_REQUESTS.max(PARTITION_REQUESTS * num_partitions)),
            fetch_bytes: limit_bytes / FETCH_PARTS,
            writer_bytes: limit / WRITER_PARTS / num_partitions,
            operator_bytes: limit / 4,
            scratch_folder: exec.scratch_folder.clone(),
        }
    }
}

/// DataFusion's planner, which also knows the writer and the filters that can reject records.
#[derive(Debug)]
struct JobPlanner;

#[async_trait]
impl QueryPlanner for JobPlanner {
    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
        session: &dyn Session,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(WritePlanner), Arc::new(ConvertPlanner)])
            .create_physical_plan(logical_plan, session)
            .await
    }
}
