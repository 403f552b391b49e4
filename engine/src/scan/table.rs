//! A prefix of files as a table that any DataFusion session can query.

use super::condition::{ListingColumns, verdicts};
use super::exec::{ScanExec, Wanted};
use super::metadata::MetadataColumn;
use super::row_condition::ScanCondition;
use super::{ScanCounters, ScanOptions, ScanServices};
use crate::error::Error;
use crate::pack::{Tasks, pack};
use crate::parse::Reject;
use crate::parse::reject::RejectSink;
use crate::source::budget::ByteBudget;
use crate::source::file::{FileList, SourceFile};
use crate::source::list::list;
use crate::source::select::SelectOptions;
use crate::source::store::FileStore;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Bytes that a table opened by [`PrefixTable::open`] may fetch ahead: what a job does with its default memory limit.
const FETCH_AHEAD_BYTES: u64 = 128 * 1024 * 1024;

/// Files that a predicate is evaluated for at a time, so that a prefix of any size takes no more room than a batch of rows.
const PRUNED_AT_A_TIME: usize = 8_192;

/// The files of a prefix, as rows.
///
/// **Shape**: the parser's columns, then the metadata columns; every column nullable; rows in no promised order unless the scan
/// has one partition.
#[derive(Debug)]
pub struct PrefixTable {
    options: Arc<ScanOptions>,
    tasks: Arc<Tasks>,
    min_task_size_bytes: u64,
    services: ScanServices,
    schema: SchemaRef,
}

impl PrefixTable {
    /// Lists the files that `select` asks for and makes a table of them, ready to be registered in a session of any kind.
    ///
    /// Records that cannot become rows are left out and counted in [`PrefixTable::counters`]; for anything else about them, and for
    /// limits of one's own, see [`PrefixTable::new`]. All requests wait on `io_runtime`, which may be the runtime of the caller.
    ///
    /// **Errors**: the store cannot be listed, or an archived file is wanted. No file at all is an empty table.
    /// **Cost**: the listing.
    pub async fn open(
        store: Arc<dyn FileStore>,
        select: &SelectOptions,
        options: ScanOptions,
        io_runtime: Handle,
    ) -> crate::error::Result<PrefixTable> {
        // A query leaves no cursor behind, so no moment must be known before which every file was seen.
        let listed_until_micros = i64::MAX;
        let (lister, select) = (Arc::clone(&store), select.clone());
        let listing = io_runtime
            .spawn(async move { list(lister, &select, None, listed_until_micros).await })
            .await
            .map_err(|error| Error::internal("the listing stopped").caused_by(error))??;
        let services = ScanServices {
            store,
            io_runtime,
            budget: Arc::new(ByteBudget::new(FETCH_AHEAD_BYTES)),
            rejects: Arc::new(UnwantedRejects),
            counters: Arc::default(),
            file_rows: None,
            early_end: Arc::default(),
        };
        Ok(PrefixTable::new(options, listing.files, 0, services))
    }

    /// A table over files that were listed and selected before.
    ///
    /// **Cost**: nothing is requested, neither here nor when a query is planned.
    pub fn new(
        options: ScanOptions,
        files: Arc<FileList>,
        min_task_size_bytes: u64,
        services: ScanServices,
    ) -> PrefixTable {
        let fields = options.fields();
        PrefixTable {
            options: Arc::new(options),
            tasks: Arc::new(pack(files, min_task_size_bytes)),
            min_task_size_bytes,
            services,
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// The tasks of a scan of everything.
    pub fn tasks(&self) -> &Arc<Tasks> {
        &self.tasks
    }

    /// What all scans of this table have read so far.
    pub fn counters(&self) -> &Arc<ScanCounters> {
        &self.services.counters
    }

    /// The metadata column at a position of the schema, if there is one.
    fn metadata_column(&self, name: &str) -> Option<&MetadataColumn> {
        self.options.metadata_columns.iter().find(|column| column.name == name)
    }

    /// Whether a predicate can be decided from the listing alone.
    fn is_decided_by_listing(&self, predicate: &Expr) -> bool {
        let columns = predicate.column_refs();
        !columns.is_empty()
            && !predicate.is_volatile()
            && columns.iter().all(|column| {
                self.metadata_column(&column.name)
                    .is_some_and(|column| column.kind.is_known_from_listing())
            })
    }

    /// The tasks left when files that fail a predicate are left out.
    fn prune(&self, state: &dyn Session, predicates: &[Expr]) -> Result<Arc<Tasks>> {
        let decided = predicates
            .iter()
            .filter(|predicate| self.is_decided_by_listing(predicate))
            .cloned();
        let Some(predicate) = conjunction(decided) else {
            return Ok(Arc::clone(&self.tasks));
        };
        let columns = self.options.metadata_columns.iter();
        let known = columns
            .filter(|column| column.kind.is_known_from_listing())
            .cloned()
            .collect();
        let known = ListingColumns::new(known);
        let predicate = state.create_physical_expr(predicate, &DFSchema::try_from(Arc::clone(&known.schema))?)?;
        let mut kept = FileList::default();
        let mut rest = self.tasks.files().iter();
        while rest.len() > 0 {
            let files: Vec<SourceFile> = rest.by_ref().take(PRUNED_AT_A_TIME).collect();
            let urls: Vec<String> = files.iter().map(|file| self.services.store.url(&file.key)).collect();
            let listing = known.rows(files.iter().zip(urls.iter().map(String::as_str)), Vec::new())?;
            for (file, is_kept) in files.iter().zip(verdicts(predicate.as_ref(), &listing)?) {
                if is_kept {
                    kept.push(file);
                }
            }
        }
        Ok(Arc::new(pack(Arc::new(kept), self.min_task_size_bytes)))
    }
}

/// Rejects that nobody asked for; the scan has counted them.
#[derive(Debug)]
struct UnwantedRejects;

impl RejectSink for UnwantedRejects {
    fn push(&self, _rejects: Vec<Reject>) {}
}

#[async_trait]
impl TableProvider for PrefixTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let tasks = self.prune(state, filters)?;
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let fields = self.options.parser.fields();
        let on_rows = filters
            .iter()
            .filter(|predicate| !self.is_decided_by_listing(predicate))
            .cloned();
        let wanted = Wanted {
            projection,
            condition: ScanCondition::new(state, on_rows.collect(), &fields)?,
            limit,
        };
        Ok(Arc::new(ScanExec::new(
            Arc::clone(&self.options),
            tasks,
            wanted,
            state.config().target_partitions(),
            self.services.clone(),
        )?))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let fields = self.options.parser.fields();
        let is_decided =
            |predicate: &Expr| self.is_decided_by_listing(predicate) || ScanCondition::can_decide(predicate, &fields);
        Ok(filters
            .iter()
            .map(|predicate| match is_decided(predicate) {
                true => TableProviderFilterPushDown::Exact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }
}
