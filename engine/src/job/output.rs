//! Gives the rows of a job the shape their table wants: a time column to make partitions of, and types a table can hold.

use super::environment::Budgets;
use super::filters::filter_error;
use super::shape::{is_constant, scan_column};
use super::storage;
use crate::config::plan::{JobPlan, OutputPlan};
use crate::error::{Error, Result};
use crate::filter::rules::{AddTimeRule, FilterRule, UnixUnit};
use crate::filter::{self, FilterSurroundings, LookupPlaces, WarehouseTables};
use crate::parse::origin::{OriginRows, TimeSource, without_origins};
use crate::parse::reject::RejectSink;
use crate::table::TableLayout;
use crate::table::schema::{partition_column_names, storable_type, type_name};
use crate::write::partition::{MICROS_PER_SECOND, PartitionBy, usable_numbers};
use crate::write::writer::WriteOptions;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::{Column, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::expr_fn::cast;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// Name of the time column that is added when the data has none, and that is looked for when none is configured.
const TIME_COLUMN: &str = "time";

/// Bytes of an output file where the configuration does not say: large enough for readers that open few files at a time.
const TARGET_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes of a row group that may end early, in memory: some hundred thousand rows, of which a reader's core takes one group at a time.
const MIN_ROW_GROUP_BYTES: usize = 16 * 1024 * 1024;

/// Files one plan partition keeps open: a week of hours, and memory for their column writers stays in tens of MB.
const MAX_OPEN_FILES: usize = 192;

/// Rows ready to be written, and how.
pub(super) struct ArrangedOutput {
    pub(super) rows: DataFrame,
    pub(super) layout: TableLayout,
    /// How many of a long time column's units make a second.
    pub(super) units_per_second: i64,
    /// Whether `out` asks for conversions that may reject a row.
    has_casts: bool,
}

impl ArrangedOutput {
    /// Of which rows somebody may want to know where they come from, to reject them: filters, conversions of the output, and the writer,
    /// which rejects rows without a time.
    pub(super) fn origin_rows(&self, plan: &JobPlan) -> OriginRows {
        if self.has_casts || plan.filters.iter().any(|filter| filter.rule.may_reject()) {
            return OriginRows::All;
        }
        let Some(time_column) = &self.layout.time_column else {
            return OriginRows::None;
        };
        if is_constant(self.rows.logical_plan(), time_column) {
            return OriginRows::None;
        }
        // A time that is made on the way may turn out to be none for any row.
        let source = scan_column(self.rows.logical_plan(), time_column).and_then(|name| {
            let fields = plan.input.parser.as_ref()?.fields();
            fields.iter().position(|field| *field.name() == name)
        });
        match source {
            None => OriginRows::All,
            Some(column) => OriginRows::Untimed(TimeSource {
                column,
                usable: usable_numbers(self.layout.partition_by, self.units_of(time_column)),
            }),
        }
    }

    /// How many of the units of the time column make a second.
    fn units_of(&self, time_column: &str) -> i64 {
        match self.layout.schema.field_with_name(time_column).map(Field::data_type) {
            Ok(DataType::Int64) => self.units_per_second,
            _ => MICROS_PER_SECOND,
        }
    }

    /// What the writer of these rows has to know; `attempt` becomes part of every file's name.
    pub(super) fn write_options(&self, plan: &JobPlan, budgets: &Budgets, attempt: String) -> WriteOptions {
        WriteOptions {
            attempt,
            extension: "parquet",
            partition_by: self.layout.partition_by,
            partition_columns: self.layout.partition_columns.clone(),
            timezone: self.layout.timezone.clone(),
            time_column: self.layout.time_column.clone(),
            is_sorted_by_time: plan.output.is_sorted_by_time,
            units_per_second: self.units_per_second,
            is_missing_time_fatal: plan.output.stop_on_invalid_record,
            compression: plan.output.compression,
            target_file_size_bytes: plan.exec.target_file_size_bytes.unwrap_or(TARGET_FILE_BYTES),
            max_held_bytes: budgets.writer_bytes,
            min_row_group_bytes: MIN_ROW_GROUP_BYTES,
            max_open_files: MAX_OPEN_FILES,
            scratch_folder: budgets.scratch_folder.clone(),
        }
    }
}

/// Arranges the rows for their table.
///
/// **Errors**: the time column does not exist or has a type that tells no time; two columns differ in case only.
pub(super) async fn arrange(
    session: &SessionContext,
    rows: DataFrame,
    output: &OutputPlan,
    started: jiff::Timestamp,
    rejects: Arc<dyn RejectSink>,
) -> Result<ArrangedOutput> {
    let rows = with_storable_types(rows)?;
    let (rows, time_column) = with_time_column(rows, output, started)?;
    let (mut rows, casts) = storage::convert(rows, &output.storage, time_column.as_deref())?;
    let has_casts = casts.is_some();
    if let Some(casts) = casts {
        let surroundings = FilterSurroundings {
            started_micros: started.as_microsecond(),
            rejects,
            tables: WarehouseTables::new(),
            lookups: LookupPlaces::new(),
            keeps_origins: true,
        };
        rows = filter::apply_rule(session, rows, &casts, "out.column_options", &surroundings)
            .await
            .map_err(filter_error)?;
    }
    let schema = Arc::new(without_origins(rows.schema().as_arrow()));
    check_names(&schema)?;
    let time_column = match output.partition_by {
        PartitionBy::None => time_column.filter(|_| output.is_sorted_by_time),
        _ => time_column,
    };
    let layout = TableLayout {
        partition_columns: partition_column_names(output.partition_by, &schema),
        schema,
        partition_by: output.partition_by,
        timezone: output.timezone.clone(),
        time_column,
    };
    Ok(ArrangedOutput {
        rows,
        layout,
        units_per_second: units_per_second(output.unix_timestamp_unit),
        has_casts,
    })
}

fn units_per_second(unit: UnixUnit) -> i64 {
    match unit {
        UnixUnit::Sec => 1,
        UnixUnit::Milli => 1_000,
        UnixUnit::Micro => 1_000_000,
        UnixUnit::Nano => 1_000_000_000,
    }
}

/// Casts columns of types that no table can hold, as a query may produce them.
fn with_storable_types(rows: DataFrame) -> Result<DataFrame> {
    let fields = rows.schema().fields().clone();
    if fields.iter().all(|field| storable_type(field.data_type()).is_none()) {
        return Ok(rows);
    }
    let columns: Vec<Expr> = fields
        .iter()
        .map(|field| {
            let column = Expr::Column(Column::from_name(field.name()));
            match storable_type(field.data_type()) {
                Some(data_type) => cast(column, data_type).alias(field.name()),
                None => column,
            }
        })
        .collect();
    rows.select(columns)
        .map_err(|error| Error::internal("cannot cast the output's columns").caused_by(error))
}

/// The rule that adds the configured constant or counted time, unless a `time` column of the data is preferred.
pub(super) fn time_value_rule(output: &OutputPlan, schema: &Schema) -> Option<FilterRule> {
    let source = output.time_value.clone()?;
    if output.is_existing_time_preferred && schema.field_with_name(TIME_COLUMN).is_ok() {
        return None;
    }
    Some(FilterRule::AddTime(AddTimeRule {
        to_column: TIME_COLUMN.to_owned(),
        to_unit: None,
        source,
    }))
}

/// Finds the time column, or adds one; the rules of section 8.2 of the configuration reference.
fn with_time_column(
    rows: DataFrame,
    output: &OutputPlan,
    started: jiff::Timestamp,
) -> Result<(DataFrame, Option<String>)> {
    let schema = rows.schema().as_arrow().clone();
    let tells_time = |data_type: &DataType| matches!(data_type, DataType::Int64 | DataType::Timestamp(_, _));
    let preferred = output.is_existing_time_preferred && schema.field_with_name(TIME_COLUMN).is_ok();
    if let Some(name) = output.time_column.as_ref().filter(|_| !preferred) {
        let field = schema.field_with_name(name).map_err(|_| {
            let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            Error::config(format!("a specified time_column `{name}` does not exist"))
                .at("out.time_column")
                .with_hint(format!("the columns are `{}`", known.join("`, `")))
        })?;
        if !tells_time(field.data_type()) {
            return Err(Error::config(format!(
                "type of `{name}` column must be long or timestamp but got {}",
                type_name(field)
            ))
            .at("out.time_column")
            .with_hint(format!(
                "give `{name}` `type: timestamp` and a `format` in `in.parser.columns`"
            )));
        }
        return Ok((rows, Some(name.clone())));
    }
    if let Ok(field) = schema.field_with_name(TIME_COLUMN) {
        if tells_time(field.data_type()) {
            return Ok((rows, Some(TIME_COLUMN.to_owned())));
        }
        if output.partition_by == PartitionBy::None {
            return Ok((rows, None));
        }
        return Err(Error::config(format!(
            "type of `time` column must be long or timestamp but got {}",
            type_name(field)
        ))
        .at("out.time_column")
        .with_hint("give `time` another type or name, or set `out.time_column` to another column"));
    }
    if output.is_first_time_column_taken
        && let Some(field) = schema.fields().iter().find(|field| tells_time(field.data_type()))
    {
        tracing::info!(
            column = field.name(),
            "the first column that tells a time is the time column"
        );
        return Ok((rows, Some(field.name().clone())));
    }
    if output.partition_by == PartitionBy::None {
        return Ok((rows, None));
    }
    tracing::info!("no time column was found, column `time` with the upload time is added");
    let upload_time = ScalarValue::TimestampMicrosecond(Some(started.as_microsecond()), Some(Arc::from("UTC")));
    let upload_time = cast(
        lit(upload_time),
        DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
    );
    let rows = rows
        .with_column(TIME_COLUMN, upload_time)
        .map_err(|error| Error::internal("cannot add the upload time").caused_by(error))?;
    Ok((rows, Some(TIME_COLUMN.to_owned())))
}

/// Readers compare the names of columns without regard to case, so a table must not have two that differ in it alone.
fn check_names(schema: &Schema) -> Result<()> {
    for (index, field) in schema.fields().iter().enumerate() {
        let twin = schema.fields()[..index]
            .iter()
            .find(|other| other.name().eq_ignore_ascii_case(field.name()));
        if let Some(twin) = twin {
            return Err(Error::config(format!(
                "columns `{}` and `{}` differ in case only, readers cannot tell them apart",
                twin.name(),
                field.name()
            ))
            .with_hint("rename one of them in `in.parser.columns` or with a `rename` filter"));
        }
        if field.name().is_empty() {
            return Err(Error::config("a column has an empty name").with_hint("name it in `in.parser.columns`"));
        }
    }
    Ok(())
}
