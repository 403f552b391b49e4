//! Puts the configured filters on top of the rows of the input, with the tables of the warehouse that they name.

use super::environment::Environment;
use super::lookup::lookup_places;
use super::query::open_table;
use super::{output, plan_error};
use crate::config::plan::JobPlan;
use crate::error::{Error, Result};
use crate::filter::rules::Filter;
use crate::filter::{self, FilterError, FilterSurroundings, RulePlace, WarehouseTables};
use crate::parse::reject::RejectSink;
use crate::scan::table::PrefixTable;
use crate::table::warehouse::TableName;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// What filters stand on.
pub(super) struct FilterContext<'a> {
    pub(super) environment: &'a Environment,
    pub(super) session: &'a SessionContext,
    pub(super) plan: &'a JobPlan,
    /// When the job started.
    pub(super) started: jiff::Timestamp,
    /// Whether rows keep their origins, for the writer.
    pub(super) keeps_origins: bool,
}

/// A filter, and what it gives.
#[derive(Clone, Debug)]
pub struct FilterStep {
    /// Its `type` as it was written.
    pub kind: &'static str,
    /// Names of the columns after it.
    pub columns: Vec<String>,
}

/// The rows of the input after the configured filters.
pub(super) async fn filtered_rows(
    context: &FilterContext<'_>,
    table: PrefixTable,
    rejects: Arc<dyn RejectSink>,
) -> Result<DataFrame> {
    let (rows, _) = filtered_steps(context, table, rejects).await?;
    Ok(rows)
}

/// The rows of the input after the configured filters, and what each filter gives.
pub(super) async fn filtered_steps(
    context: &FilterContext<'_>,
    table: PrefixTable,
    rejects: Arc<dyn RejectSink>,
) -> Result<(DataFrame, Vec<FilterStep>)> {
    let FilterContext { session, plan, .. } = context;
    let rows = session.read_table(Arc::new(table)).map_err(plan_error)?;
    let surroundings = FilterSurroundings {
        started_micros: context.started.as_microsecond(),
        rejects,
        tables: warehouse_tables(context).await?,
        lookups: lookup_places(context).await?,
        keeps_origins: context.keeps_origins,
    };
    let mut steps = Vec::with_capacity(plan.filters.len());
    let note = |filter: &Filter, plan: &LogicalPlan| {
        let (kind, columns) = (filter.kind, filter::column_names(plan));
        steps.push(FilterStep { kind, columns });
    };
    let mut rows = filter::apply_noting(session, rows, &plan.filters, &surroundings, note)
        .await
        .map_err(filter_error)?;
    if let Some(rule) = output::time_value_rule(&plan.output, rows.schema().as_arrow()) {
        rows = filter::apply_rule(session, rows, &rule, "out.time_value", &surroundings)
            .await
            .map_err(filter_error)?;
    }
    Ok((rows, steps))
}

/// Opens the tables of the warehouse that the SQL of filters names, as they are now.
async fn warehouse_tables(context: &FilterContext<'_>) -> Result<WarehouseTables> {
    let mut tables = WarehouseTables::new();
    for (index, database, table) in filter::warehouse_tables(context.session, &context.plan.filters) {
        let name = TableName::new(&database, &table);
        let opened = match &name {
            Ok(name) => open_table(context.environment, context.session, name).await,
            Err(error) => Err(error.restated()),
        };
        let provider = opened.map_err(|error| error.at(format!("filters[{index}]")))?;
        tables.insert((database, table), provider);
    }
    Ok(tables)
}

pub(super) fn filter_error(error: FilterError) -> Error {
    let with_type = |message: String, place: &RulePlace| match place {
        RulePlace::Filter { kind, .. } => format!("{message} (type `{kind}`)"),
        RulePlace::Key(_) => message,
    };
    match error {
        FilterError::Schema { place, reason, hint } => Error::config(with_type(reason, &place))
            .at(place.path())
            .with_optional_hint(hint),
        FilterError::Plan { place, source } => {
            let planned = plan_error(*source);
            Error::config(with_type(planned.to_string(), &place))
                .at(place.path())
                .caused_by(planned)
        }
        FilterError::Input(source) => plan_error(*source),
    }
}
