//! Filters applied to tables in memory, planned and run as in a job.

mod casts;
mod column_set;
mod digests;
mod expand_json;
mod one_plan;
mod oracle;
mod outside;
mod plans;
mod remove_columns;
mod rename;
mod rows;
mod sql_rules;
mod time;

use super::rules::*;
use super::*;
use crate::config::plan::ExecPlan;
use crate::job::environment::Budgets;
use crate::parse::Reject;
use crate::parse::columns::{TYPE_METADATA_KEY, TimestampOptions};
use crate::parse::origin::UNKNOWN_ORIGIN;
use arrow::array::*;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result as PlanResult;
use datafusion::datasource::MemTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::QueryPlanner;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use std::error::Error;
use std::sync::Mutex;

const STARTED_MICROS: i64 = 1_700_000_000_123_456;

#[derive(Debug, Default)]
struct Collected(Mutex<Vec<Reject>>);

impl RejectSink for Collected {
    fn push(&self, rejects: Vec<Reject>) {
        self.0.lock().unwrap().extend(rejects);
    }
}

#[derive(Debug)]
struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
        session: &dyn Session,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(ConvertPlanner)]);
        planner.create_physical_plan(logical_plan, session).await
    }
}

struct Job {
    context: SessionContext,
    rejects: Arc<Collected>,
    surroundings: FilterSurroundings,
}

impl Job {
    fn new(num_partitions: usize) -> Job {
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_config(SessionConfig::new().with_target_partitions(num_partitions))
            .with_query_planner(Arc::new(Planner))
            .build();
        let rejects = Arc::new(Collected::default());
        let surroundings = FilterSurroundings {
            started_micros: STARTED_MICROS,
            rejects: Arc::clone(&rejects) as _,
            tables: WarehouseTables::new(),
            lookups: LookupPlaces::new(),
            keeps_origins: false,
        };
        Job {
            context: SessionContext::new_with_state(state),
            rejects,
            surroundings,
        }
    }

    async fn apply(&self, partitions: Vec<RecordBatch>, rules: &[FilterRule]) -> Result<DataFrame, FilterError> {
        let schema = partitions[0].schema();
        let partitions = partitions.into_iter().map(|batch| vec![batch]).collect();
        let table = MemTable::try_new(schema, partitions).unwrap();
        let input = self.context.read_table(Arc::new(table)).unwrap();
        let filters: Vec<Filter> = rules.iter().cloned().map(Filter::from).collect();
        apply(&self.context, input, &filters, &self.surroundings).await
    }

    fn rejects(&self) -> Vec<Reject> {
        std::mem::take(&mut *self.rejects.0.lock().unwrap())
    }
}

fn batch(columns: Vec<(&str, ColumnType, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column_type, _)| column_type.field(name))
        .collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn longs(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn times(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
}

/// One column of each type, a row of values and a row of nulls.
fn all_types() -> RecordBatch {
    batch(vec![
        (
            "flag",
            ColumnType::Boolean,
            Arc::new(BooleanArray::from(vec![Some(true), None])),
        ),
        ("Count", ColumnType::Long, longs(&[Some(42), None])),
        (
            "ratio",
            ColumnType::Double,
            Arc::new(Float64Array::from(vec![Some(1e10), None])),
        ),
        ("a.name", ColumnType::String, texts(&[Some("x"), None])),
        ("at", ColumnType::Timestamp, times(&[Some(1_427_782_357_120_000), None])),
        (
            "payload",
            ColumnType::Json,
            texts(&[Some(r#"{"a":1,"b":{"c":"x","d":[1,2]}}"#), None]),
        ),
    ])
}

/// Applies the rules in one partition; the rows as a table, then the types of the columns, then the rejects.
async fn outcome(input: RecordBatch, rules: &[FilterRule]) -> String {
    let job = Job::new(1);
    let frame = match job.apply(vec![input], rules).await {
        Ok(frame) => frame,
        Err(error) => return format!("error: {error}"),
    };
    let plan_schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let batches = match frame.collect().await {
        Ok(batches) => batches,
        Err(error) => return format!("failed: {}", error.find_root()),
    };
    for batch in &batches {
        assert_eq!(
            types(batch.schema_ref()),
            types(&plan_schema),
            "the batches have the types of the plan"
        );
    }
    let batches: Vec<RecordBatch> = batches.into_iter().filter(|batch| batch.num_rows() > 0).collect();
    let mut text = format!("{}\n{}", pretty_format_batches(&batches).unwrap(), types(&plan_schema));
    for reject in job.rejects() {
        text.push_str(&format!(
            "\n{} [{}]",
            reject.reason.trim_end_matches(UNKNOWN_ORIGIN),
            reject.record.kept
        ));
    }
    text
}

fn types(schema: &SchemaRef) -> String {
    let types: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let column_type = values::column_type(field).unwrap();
            assert_eq!(*field.data_type(), column_type.data_type(), "{}", field.name());
            format!("{}:{}", field.name(), column_type.name())
        })
        .collect();
    types.join(" ")
}

#[track_caller]
fn check(input: RecordBatch, rules: &[FilterRule], expected: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let outcome = runtime.block_on(outcome(input, rules));
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    let actual: Vec<&str> = outcome.lines().map(str::trim).collect();
    assert_eq!(actual, expected, "\n{outcome}\n");
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn entry(name: &str) -> ColumnEntry {
    ColumnEntry {
        name: name.to_owned(),
        source: None,
        column_type: None,
        default: None,
        timestamp: timestamp("%Y-%m-%d %H:%M:%S"),
    }
}

fn constant(name: &str, column_type: ColumnType, default: &str) -> ColumnEntry {
    ColumnEntry {
        column_type: Some(column_type),
        default: Some(default.to_owned()),
        ..entry(name)
    }
}

fn sourced(name: &str, source: &str) -> ColumnEntry {
    ColumnEntry {
        source: Some(source.to_owned()),
        ..entry(name)
    }
}

fn timestamp(format: &str) -> TimestampOptions {
    TimestampOptions {
        formats: vec![format.to_owned()],
        ..TimestampOptions::default()
    }
}

fn keep(columns: &[&str]) -> FilterRule {
    FilterRule::RemoveColumns(RemoveColumnsRule {
        action: RemoveOrKeep::Keep,
        names: names(columns),
        accept_unmatched_columns: false,
    })
}

fn columns(columns: Vec<ColumnEntry>) -> FilterRule {
    FilterRule::Column(ColumnRule {
        columns: Some(columns),
        ..ColumnRule::default()
    })
}

fn add(columns: Vec<ColumnEntry>) -> FilterRule {
    FilterRule::Column(ColumnRule {
        add_columns: columns,
        ..ColumnRule::default()
    })
}

fn drop_columns(columns: &[&str]) -> FilterRule {
    FilterRule::Column(ColumnRule {
        drop_columns: names(columns),
        ..ColumnRule::default()
    })
}

fn cast(columns: &[(&str, ColumnType)]) -> FilterRule {
    FilterRule::Cast(CastRule {
        columns: columns
            .iter()
            .map(|(name, column_type)| ColumnEntry {
                column_type: Some(*column_type),
                ..entry(name)
            })
            .collect(),
    })
}

fn expand(columns: &[(&str, ColumnType)]) -> ExpandJsonRule {
    ExpandJsonRule {
        json_column_name: "payload".to_owned(),
        root: "$.".to_owned(),
        expanded_columns: columns
            .iter()
            .map(|(name, column_type)| ExpandedColumn {
                name: (*name).to_owned(),
                column_type: *column_type,
                timestamp: timestamp("%Y-%m-%d %H:%M:%S"),
            })
            .collect(),
        keep_expanding_json_column: false,
        stop_on_invalid_record: false,
    }
}

fn payloads(payloads: &[Option<&str>]) -> RecordBatch {
    let ids: Vec<Option<i64>> = (1..).take(payloads.len()).map(Some).collect();
    batch(vec![
        ("id", ColumnType::Long, longs(&ids)),
        ("payload", ColumnType::Json, texts(payloads)),
        ("last", ColumnType::String, texts(&vec![Some("z"); payloads.len()])),
    ])
}

fn sql(text: SqlText) -> FilterRule {
    let tables = Vec::new();
    FilterRule::Sql(SqlRule { text, tables })
}

fn select(select: &str) -> FilterRule {
    sql(SqlText::Clauses {
        where_clause: None,
        select: Some(select.to_owned()),
    })
}

fn condition(where_clause: &str) -> FilterRule {
    sql(SqlText::Clauses {
        where_clause: Some(where_clause.to_owned()),
        select: None,
    })
}

fn query(query: &str) -> FilterRule {
    sql(SqlText::Query(query.to_owned()))
}

fn digest(name: &str, algorithm: DigestAlgorithm) -> DigestColumn {
    DigestColumn {
        name: name.to_owned(),
        algorithm,
        secret_key: None,
        key_file: None,
        new_name: None,
    }
}

fn add_time(to_column: &str, to_unit: Option<UnixUnit>, source: AddTimeSource) -> FilterRule {
    FilterRule::AddTime(AddTimeRule {
        to_column: to_column.to_owned(),
        to_unit,
        source,
    })
}

fn from_column(name: &str, unit: UnixUnit, json_key: Option<&str>) -> AddTimeSource {
    AddTimeSource::FromColumn {
        name: name.to_owned(),
        unit,
        timestamp: timestamp("%Y-%m-%d %H:%M:%S"),
        json_key: json_key.map(str::to_owned),
    }
}
