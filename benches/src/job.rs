//! What a job makes of the records: its configuration, its filters and its writer.

use crate::records::{EVENT_COLUMNS, Shape, TIME_FORMAT};
use arrow::array::RecordBatch;
use bucketload_engine::Environment;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::config::{ConfigErrors, Document, Node, ResolveOptions, resolve};
use bucketload_engine::filter::rules::Filter;
use bucketload_engine::filter::{FilterSurroundings, LookupPlaces, WarehouseTables, apply};
use bucketload_engine::job::environment::Budgets;
use bucketload_engine::parse::Reject;
use bucketload_engine::parse::columns::ColumnType;
use bucketload_engine::parse::reject::RejectSink;
use bucketload_engine::write::encoding::Compression;
use bucketload_engine::write::partition::PartitionBy;
use bucketload_engine::write::writer::WriteOptions;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use serde_json::{Value, json};
use std::error::Error;
use std::sync::Arc;

/// The `parser` section for [`Records::csv`](crate::records::Records::csv).
pub fn csv_parser(shape: Shape) -> Value {
    json!({"type": "csv", "newline": "LF", "escape": "\"", "columns": columns(shape)})
}

/// The `parser` section for [`Records::tsv`](crate::records::Records::tsv).
pub fn tsv_parser(shape: Shape) -> Value {
    json!({
        "type": "tsv", "newline": "LF", "quote": null, "escape": null, "null_string": "-", "columns": columns(shape),
    })
}

/// The `parser` section for [`Records::jsonl`](crate::records::Records::jsonl).
pub fn jsonl_parser(shape: Shape) -> Value {
    json!({"type": "jsonl", "columns": columns(shape)})
}

/// The `parser` section for [`events`](crate::records::events).
pub fn event_parser() -> Value {
    let columns: Vec<Value> = EVENT_COLUMNS
        .iter()
        .map(|(name, column_type, pointer)| {
            let mut column = column(name, *column_type);
            column["element_at"] = json!(pointer);
            column
        })
        .collect();
    json!({"type": "jsonl", "columns": columns})
}

fn columns(shape: Shape) -> Vec<Value> {
    shape
        .columns()
        .iter()
        .map(|(name, column_type)| column(name, *column_type))
        .collect()
}

fn column(name: &str, column_type: ColumnType) -> Value {
    match column_type {
        ColumnType::Timestamp => json!({"name": name, "type": column_type.name(), "format": TIME_FORMAT}),
        _ => json!({"name": name, "type": column_type.name()}),
    }
}

/// The configuration of a load of the files below `directory`, by hour.
pub fn load_config(directory: &str, parser: &Value, filters: &Value) -> Value {
    json!({
        "in": {"type": "file", "path_prefix": directory, "parser": parser},
        "filters": filters,
        "out": {"mode": "append", "time_column": "time", "partition_by": "hour", "auto_create_table": true},
    })
}

/// The job of a configuration.
///
/// **Errors**: the configuration is wrong.
pub fn plan(config: &Value) -> Result<JobPlan, ConfigErrors> {
    let document = Document::from_node(Node::from_json(config), "bench")?;
    let options = ResolveOptions {
        is_strict: true,
        lookup: &|_| None,
    };
    Ok(resolve(&document, &options)?.plan)
}

/// What a load configured by [`load_config`] makes its writer do.
pub fn write_options(compression: Compression) -> WriteOptions {
    WriteOptions {
        attempt: "bench".to_owned(),
        extension: "parquet",
        partition_by: PartitionBy::Hour,
        partition_columns: vec!["date".to_owned(), "hour".to_owned()],
        timezone: "UTC".to_owned(),
        time_column: Some("time".to_owned()),
        is_sorted_by_time: false,
        units_per_second: 1,
        is_missing_time_fatal: true,
        compression,
        target_file_size_bytes: 256 * 1024 * 1024,
        max_held_bytes: 128 * 1024 * 1024,
        min_row_group_bytes: 16 * 1024 * 1024,
        max_open_files: 192,
        scratch_folder: None,
    }
}

/// Configured filters over batches in memory, in a session as jobs have it, but with one partition.
pub struct Filtering {
    session: SessionContext,
    filters: Vec<Filter>,
    surroundings: FilterSurroundings,
}

impl Filtering {
    /// The filters of a configuration's `filters` section.
    ///
    /// **Errors**: the filters are configured wrongly.
    pub fn new(filters: &Value) -> Result<Filtering, Box<dyn Error>> {
        let mut config = load_config("", &csv_parser(Shape::Log), filters);
        config["exec"] = json!({"max_threads": 1});
        let plan = plan(&config)?;
        let environment = Environment::new("warehouse", jiff::Timestamp::now)?;
        Ok(Filtering {
            session: environment.session(&Budgets::new(&plan.exec))?,
            filters: plan.filters,
            surroundings: FilterSurroundings {
                started_micros: environment.now().as_microsecond(),
                rejects: Arc::new(NoRejects),
                tables: WarehouseTables::new(),
                lookups: LookupPlaces::new(),
                keeps_origins: false,
            },
        })
    }

    /// A plan that filters these batches when it is run.
    ///
    /// **Errors**: the filters do not fit the columns.
    pub async fn plan(&self, batches: Vec<RecordBatch>) -> Result<Arc<dyn ExecutionPlan>, Box<dyn Error>> {
        let schema = batches
            .first()
            .map(RecordBatch::schema)
            .ok_or("there is nothing to filter")?;
        let table = MemTable::try_new(schema, vec![batches])?;
        let rows = self.session.read_table(Arc::new(table))?;
        let rows = apply(&self.session, rows, &self.filters, &self.surroundings).await?;
        Ok(rows.create_physical_plan().await?)
    }

    /// Runs such a plan.
    ///
    /// **Errors**: an operator failed.
    pub async fn run(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Vec<RecordBatch>, Box<dyn Error>> {
        Ok(collect(plan, self.session.task_ctx()).await?)
    }
}

/// The records are made so that none is rejected.
#[derive(Debug)]
struct NoRejects;

impl RejectSink for NoRejects {
    fn push(&self, rejects: Vec<Reject>) {
        assert!(rejects.is_empty(), "a record was rejected: {:?}", rejects[0]);
    }
}
