//! Says what a job would do: the files selected, the tasks, the plan, with nothing fetched.

use super::environment::{Budgets, Environment};
use super::filters::{FilterContext, FilterStep, filtered_steps};
use super::input::{self, Wanted};
use super::progress::Progress;
use super::step::NoRejects;
use super::{output, plan_error};
use crate::config::plan::JobPlan;
use crate::error::Result;
use crate::pack::Tasks;
use crate::parse::reject::RejectSink;
use crate::table::ledger::Ledger;
use crate::table::schema::type_name;
use crate::table::warehouse::TableName;
use crate::table::{OutputMode, delta, promise};
use crate::write::exec::WriteServices;
use crate::write::node::WriteNode;
use datafusion::physical_plan::displayable;
use serde_json::Value;
use std::sync::Arc;

/// What a job would do.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The files selected, in load order, as tasks.
    pub tasks: Arc<Tasks>,
    /// `in.where`, and how many files it passed over.
    pub condition: Option<(String, u64)>,
    /// What the next incremental run must add to its configuration.
    pub next: Value,
    /// The filters in list order.
    pub filters: Vec<FilterStep>,
    /// Name and type of each column of the table.
    pub schema: Vec<(String, String)>,
    /// The physical plan, one node a line.
    pub plan: String,
    /// Requests for bytes, the listing's not counted.
    pub num_requests: u64,
    /// Bytes to fetch.
    pub size_bytes: u64,
}

/// Plans a job and runs nothing.
///
/// **Errors**: as a job's, as far as they show without reading files.
/// **Cost**: the listing.
pub async fn explain(environment: &Environment, plan: &JobPlan, target: Option<&TableName>) -> Result<Explanation> {
    let started = environment.now();
    let budgets = Budgets::new(&plan.exec);
    let wanted = match (target, plan.input.ledger) {
        (Some(target), Some(on_changed_file)) if plan.output.mode == OutputMode::Append => {
            match delta::open(&environment.warehouse.table(target)).await? {
                Some(table) => {
                    promise::settle(&environment.warehouse, &table, target).await?;
                    let folder = environment.warehouse.table(&target.files());
                    Wanted::Unknown(Ledger::open(&table, &folder).await?, on_changed_file)
                }
                None => Wanted::Selected,
            }
        }
        _ => Wanted::Selected,
    };
    let input = input::open(environment, &plan.input, &budgets, started, wanted).await?;
    let progress = Progress::default();
    let rejects: Arc<dyn RejectSink> = Arc::new(NoRejects);
    let table = input.table(
        plan,
        environment,
        &budgets,
        Arc::clone(&rejects),
        Arc::clone(&progress.scan),
    )?;
    let tasks = Arc::clone(table.tasks());
    let session = environment.session(&budgets)?;
    let context = FilterContext {
        environment,
        session: &session,
        plan,
        started,
        keeps_origins: false,
    };
    let (rows, filters) = filtered_steps(&context, table, Arc::clone(&rejects) as _).await?;
    let arranged = output::arrange(&session, rows, &plan.output, started, Arc::clone(&rejects)).await?;
    let schema = arranged
        .layout
        .schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), type_name(field)))
        .collect();
    let services = WriteServices {
        store: Arc::new(object_store::memory::InMemory::new()),
        place: String::new(),
        rejects,
        counters: Arc::clone(&progress.write),
    };
    let options = arranged.write_options(plan, &budgets, String::new());
    let write = WriteNode::plan(arranged.rows.into_unoptimized_plan(), options, services).map_err(plan_error)?;
    let write = session.execute_logical_plan(write).await.map_err(plan_error)?;
    let physical = write.create_physical_plan().await.map_err(plan_error)?;
    Ok(Explanation {
        condition: plan
            .input
            .where_clause
            .clone()
            .map(|condition| (condition, input.listing.num_passed_over)),
        next: input.next(),
        filters,
        schema,
        plan: displayable(physical.as_ref()).indent(false).to_string(),
        num_requests: input.num_requests(),
        size_bytes: input.size_bytes(),
        tasks,
    })
}
