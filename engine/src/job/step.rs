//! One step of a job: the plan of its rows, run with the writer on top.

use super::environment::{Budgets, Environment};
use super::filters::{FilterContext, filtered_rows};
use super::output::{self, ArrangedOutput};
use super::plan_error;
use super::rejects::{RejectCollector, RejectLimits};
use crate::config::plan::{JobPlan, OutputLayout};
use crate::error::{Blame, Error, Result};
use crate::parse::Reject;
use crate::parse::reject::{RejectCode, RejectSink};
use crate::scan::table::PrefixTable;
use crate::table::plain;
use crate::write::StagedFile;
use crate::write::exec::{WriteServices, from_manifest};
use crate::write::node::WriteNode;
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// The rows of a table of files as the output wants them, and the session that can run them.
pub(super) struct PlannedRows {
    pub(super) session: SessionContext,
    pub(super) arranged: ArrangedOutput,
}

/// Plans filters and output on top of a table of files.
pub(super) async fn plan_rows(
    environment: &Environment,
    plan: &JobPlan,
    budgets: &Budgets,
    started: jiff::Timestamp,
    table: PrefixTable,
    rejects: Arc<dyn RejectSink>,
) -> Result<PlannedRows> {
    let session = environment.session(budgets)?;
    let context = FilterContext {
        environment,
        session: &session,
        plan,
        started,
        keeps_origins: true,
    };
    let rows = filtered_rows(&context, table, Arc::clone(&rejects)).await?;
    let arranged = output::arrange(&session, rows, &plan.output, started, rejects).await?;
    Ok(PlannedRows { session, arranged })
}

/// Takes no rejects: for plans that are looked at and not run.
#[derive(Debug)]
pub(super) struct NoRejects;

impl RejectSink for NoRejects {
    fn push(&self, _rejects: Vec<Reject>) {}
}

/// Runs the plan with the writer on top, and gives what it wrote.
pub(super) async fn write(
    planned: PlannedRows,
    plan: &JobPlan,
    budgets: &Budgets,
    attempt: &str,
    services: WriteServices,
) -> Result<Vec<StagedFile>> {
    let PlannedRows { session, arranged } = planned;
    let prefix = match plan.output.layout {
        OutputLayout::Delta => "",
        OutputLayout::Parquet => plain::STAGED_PREFIX,
    };
    let options = arranged.write_options(plan, budgets, format!("{prefix}{attempt}"));
    let rows = arranged.rows.into_unoptimized_plan();
    let write = WriteNode::plan(rows, options, services).map_err(plan_error)?;
    let manifest = session
        .execute_logical_plan(write)
        .await
        .map_err(plan_error)?
        .collect()
        .await;
    from_manifest(&manifest.map_err(plan_error)?).map_err(plan_error)
}

/// A job that failed because of a reject says where that reject stands.
pub(super) fn explain_rejects(error: Error, collector: &RejectCollector) -> Error {
    let Some(verdict) = collector.verdict() else {
        return error;
    };
    let Some(first) = &verdict.first else {
        return Error::new(Blame::Data, verdict.message.clone()).caused_by(verdict);
    };
    // Either the first one was enough to fail, or there is a limit that is worth a look at the first one.
    let (message, otherwise) = match verdict.limit_key {
        None => (
            verdict.message.clone(),
            "set `in.parser.on_error: skip` to keep going".to_owned(),
        ),
        Some(key) => (
            format!("{}; the first: {}", verdict.message, first.reason),
            format!("raise `{key}`"),
        ),
    };
    let mut explained = Error::new(Blame::Data, message).with_hint(match &first.column {
        Some(column) if first.code == RejectCode::NoTime => {
            format!("set `out.time_column` to another column than `{column}`, mend the record, or {otherwise}")
        }
        Some(column) => format!("set `type: string` for `{column}`, mend the record, or {otherwise}"),
        None => format!("mend the record, or {otherwise}"),
    });
    if !first.position.file.is_empty() {
        explained = explained.at(first.position.to_string());
    }
    explained.caused_by(verdict)
}

impl RejectLimits {
    pub(super) fn of(on_error: &crate::config::plan::OnError) -> RejectLimits {
        RejectLimits {
            is_fail: on_error.is_fail,
            max_errors: on_error.max_errors,
            max_error_ratio: on_error.max_error_ratio,
        }
    }
}
