//! Answers SQL over the tables of the warehouse.

use super::environment::{Budgets, Environment};
use super::plan_error;
use super::replay::RejectFilter;
use super::tables::no_such_table;
use crate::config::plan::ExecPlan;
use crate::error::{Blame, Error, Result};
use crate::filter::register_functions;
use crate::table::warehouse::{TableFolder, TableName};
use crate::table::{delta, plain, promise, rejects};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use std::sync::Arc;

/// The rows of an answer as they come.
pub struct Answer {
    /// Columns.
    pub schema: SchemaRef,
    rows: SendableRecordBatchStream,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Answer")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// The next rows; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.rows.next().await.transpose().map_err(plan_error)
    }
}

/// Starts a query. Tables are named `database.table`; it can only read.
///
/// **Errors**: the SQL cannot be read, or names a table or column that does not exist, or would change something.
pub async fn query(environment: &Environment, sql: &str) -> Result<Answer> {
    let session = environment.session(&Budgets::new(&ExecPlan::default()))?;
    register_functions(&mut session.clone()).map_err(plan_error)?;
    let state = session.state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect).map_err(plan_error)?;
    for reference in state.resolve_table_references(&statement).map_err(plan_error)? {
        register(environment, &session, &reference).await?;
    }
    let plan = session.state().statement_to_plan(statement).await.map_err(plan_error)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|error| Error::config(format!("a query can only read: {}", error.strip_backtrace())))?;
    let answer = session.execute_logical_plan(plan).await.map_err(plan_error)?;
    let schema = Arc::new(answer.schema().as_arrow().clone());
    let rows = answer.execute_stream().await.map_err(plan_error)?;
    Ok(Answer { schema, rows })
}

/// The rejects of a table, by file and line; `None` if nothing of it was ever rejected.
///
/// **Errors**: there is no such table.
pub async fn rejects(
    environment: &Environment,
    name: &TableName,
    filter: &RejectFilter,
    max_rows: usize,
) -> Result<Option<Answer>> {
    let folder = environment.warehouse.table(name);
    match delta::open(&folder).await? {
        Some(data) => promise::settle(&environment.warehouse, &data, name).await?,
        None if plain::complete(&environment.warehouse, &folder).await? => {}
        None => return Err(no_such_table(environment, name).await),
    }
    let Some(table) = delta::open(&environment.warehouse.table(&name.rejects())).await? else {
        return Ok(None);
    };
    // A table that an older version made has fewer columns until its next rejects.
    let schema = table.schema()?;
    let wanted = rejects::reject_schema();
    let names: Vec<&str> = wanted
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|column| schema.field_with_name(column).is_ok())
        .collect();
    let mut conditions = vec!["true".to_owned()];
    if let Some(job_id) = &filter.job_id {
        conditions.push(format!("job_id = '{}'", job_id.replace('\'', "''")));
    }
    if let Some(code) = filter.code {
        conditions.push(match names.contains(&"reason_code") {
            true => format!("reason_code = '{}'", code.name()),
            false => "false".to_owned(),
        });
    }
    let sql = format!(
        "SELECT {} FROM \"{}\".\"{}\" WHERE {} ORDER BY file, line, byte_offset LIMIT {max_rows}",
        names.join(", "),
        name.database,
        name.rejects().table,
        conditions.join(" AND ")
    );
    query(environment, &sql).await.map(Some)
}

/// Makes a table of the warehouse known to the session under its name.
async fn register(environment: &Environment, session: &SessionContext, reference: &TableReference) -> Result<()> {
    let Some(database) = reference.schema() else {
        return Err(Error::config(format!("`{}` names no database", reference.table()))
            .with_hint(format!("write `DATABASE.{}`", reference.table())));
    };
    let name = TableName::new(database, reference.table())?;
    let provider = open_table(environment, session, &name).await?;
    let catalog = session
        .catalog(&session.state().config().options().catalog.default_catalog)
        .ok_or_else(|| Error::internal("the session has no catalog"))?;
    if catalog.schema(database).is_none() {
        catalog
            .register_schema(database, Arc::new(MemorySchemaProvider::new()))
            .map_err(plan_error)?;
    }
    let schema: Arc<dyn SchemaProvider> = catalog
        .schema(database)
        .ok_or_else(|| Error::internal("a database that was registered is gone"))?;
    if !schema.table_exist(&name.table) {
        schema
            .register_table(name.table.clone(), provider)
            .map_err(plan_error)?;
    }
    Ok(())
}

/// Opens a table of the warehouse as it is now, for queries of this session.
///
/// **Errors**: there is no such table, or it cannot be read.
pub(super) async fn open_table(
    environment: &Environment,
    session: &SessionContext,
    name: &TableName,
) -> Result<Arc<dyn TableProvider>> {
    if let Some(data) = name.data() {
        settle(environment, &data).await?;
    }
    let folder = environment.warehouse.table(name);
    match delta::open(&folder).await? {
        Some(table) => {
            let broken = |error: deltalake_core::DeltaTableError| {
                Error::new(Blame::Storage, format!("cannot read table `{name}`")).caused_by(error)
            };
            table
                .delta_table()
                .update_datafusion_session(&session.state())
                .map_err(broken)?;
            table.delta_table().table_provider().await.map_err(plan_error)
        }
        None if plain::complete(&environment.warehouse, &folder).await? => {
            Ok(Arc::new(plain_table(session, &folder).await?))
        }
        None => Err(no_such_table(environment, name).await),
    }
}

async fn settle(environment: &Environment, name: &TableName) -> Result<()> {
    let folder = environment.warehouse.table(name);
    match delta::open(&folder).await? {
        Some(table) => promise::settle(&environment.warehouse, &table, name).await,
        None => plain::complete(&environment.warehouse, &folder).await.map(drop),
    }
}

/// The columns of a table of bare files, as its files and folders tell.
pub(super) async fn plain_schema(environment: &Environment, folder: &TableFolder) -> Result<SchemaRef> {
    let session = environment.session(&Budgets::new(&ExecPlan::default()))?;
    Ok(plain_table(&session, folder).await?.schema())
}

async fn plain_table(session: &SessionContext, folder: &TableFolder) -> Result<ListingTable> {
    session.register_object_store(&folder.url, Arc::clone(&folder.root_store));
    let url = ListingTableUrl::parse(&folder.url).map_err(plan_error)?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new(url).with_listing_options(options);
    let config = config
        .infer_partitions_from_path(&session.state())
        .await
        .map_err(plan_error)?;
    let config = config.infer_schema(&session.state()).await.map_err(plan_error)?;
    ListingTable::try_new(config).map_err(plan_error)
}
