//! Shows the first rows of a job: its own plan with a limit, reading only what the limit needs, writing nothing.

use super::discover::{self, Extent};
use super::environment::{Budgets, Environment};
use super::filters::{FilterContext, filtered_rows};
use super::input::{self, Wanted};
use super::plan_error;
use super::present::json_arrays;
use super::progress::Progress;
use crate::config::plan::JobPlan;
use crate::error::{Error, Result};
use crate::parse::Reject;
use crate::parse::reject::RejectSink;
use crate::table::schema::type_name;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows shown where nobody says how many.
const DEFAULT_ROWS: usize = 15;

/// Bounds of the rows parsed at a time: a few at least, since filters may drop some, and no more than a job's.
const MIN_BATCH_ROWS: usize = 8;
const MAX_BATCH_ROWS: usize = 8_192;

/// Rejects kept for display; more are only counted.
const SHOWN_REJECTS: usize = 100;

/// What is looked at for new columns, where they are to be added: a job looks at everything.
const DISCOVERED: Extent = Extent::First {
    files: 4,
    records: 1_000,
};

/// The first rows of a job.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Name and type of each column, in the words of the configuration.
    pub columns: Vec<(String, String)>,
    /// The rows, one value a column, as JSON.
    pub rows: Vec<Vec<Value>>,
    /// Records that were skipped on the way to these rows.
    pub rejects: Vec<Reject>,
    /// Number of those, also where there are too many to keep.
    pub num_rejects: u64,
    /// Files that were selected.
    pub num_files: u64,
}

impl Preview {
    /// As JSON: columns, rows as arrays, records that were skipped.
    pub fn document(&self) -> Value {
        let columns: Vec<Value> = self
            .columns
            .iter()
            .map(|(name, kind)| json!({"name": name, "type": kind}))
            .collect();
        let rejected: Vec<Value> = self
            .rejects
            .iter()
            .map(|reject| {
                json!({
                    "file": reject.position.file.as_ref(),
                    "line": reject.position.line,
                    "reason": reject.reason,
                    "record": reject.record.kept,
                })
            })
            .collect();
        json!({"columns": columns, "rows": self.rows, "rejected": rejected})
    }
}

/// What of a job is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreviewOptions {
    /// Rows; `None`: as many as the configuration says.
    pub num_rows: Option<usize>,
    /// The filters that the rows have gone through, the first of the list; `None`: all of them and what `out` adds.
    pub num_filters: Option<usize>,
}

/// Reads the first rows.
///
/// **Errors**: as a job's, without those of the table.
/// **Cost**: the listing, and of the files what the rows need.
pub async fn preview(environment: &Environment, plan: &JobPlan, options: PreviewOptions) -> Result<Preview> {
    let started = environment.now();
    let plan = &match options.num_filters {
        Some(num_filters) => up_to(plan, num_filters)?,
        None => plan.clone(),
    };
    let num_rows = options
        .num_rows
        .or(plan.exec.preview_sample_rows)
        .unwrap_or(DEFAULT_ROWS);
    // One partition reads the files in order, so the rows shown are the first ones; small batches and one request at a time,
    // so that little is read beyond them.
    let batch_rows = num_rows.clamp(MIN_BATCH_ROWS, MAX_BATCH_ROWS);
    let budgets = Budgets {
        num_partitions: 1,
        batch_rows,
        max_requests: 1,
        ..Budgets::new(&plan.exec)
    };
    let input = input::open(environment, &plan.input, &budgets, started, Wanted::Selected).await?;
    let plan = discover::with_new_columns(environment, plan, &input, &budgets, DISCOVERED).await?;
    let plan = plan.as_ref();
    let rejects = Arc::new(ShownRejects::default());
    let progress = Progress::default();
    let table = input.table(
        plan,
        environment,
        &budgets,
        Arc::clone(&rejects) as _,
        Arc::clone(&progress.scan),
    )?;
    let session = environment.session(&budgets)?;
    let context = FilterContext {
        environment,
        session: &session,
        plan,
        started,
        keeps_origins: false,
    };
    let rows = filtered_rows(&context, table, Arc::clone(&rejects) as _).await?;
    let columns = rows
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), type_name(field)))
        .collect();
    let batches = rows
        // A plan holds the number with a sign.
        .limit(0, Some(num_rows.min(i64::MAX as usize)))
        .map_err(plan_error)?
        .collect()
        .await
        .map_err(plan_error)?;
    let rows = batches.iter().flat_map(json_arrays).collect();
    let (shown, num_rejects) = rejects.take();
    Ok(Preview {
        columns,
        rows,
        rejects: shown,
        num_rejects,
        num_files: input.listing.files.len() as u64,
    })
}

/// The job as far as its first filters go.
fn up_to(plan: &JobPlan, num_filters: usize) -> Result<JobPlan> {
    if num_filters > plan.filters.len() {
        let there_are = match plan.filters.len() {
            0 => "has no filters".to_owned(),
            1 => "has one filter".to_owned(),
            number => format!("has {number} filters"),
        };
        return Err(Error::config(format!(
            "rows after {num_filters} filters cannot be shown: the job {there_are}"
        )));
    }
    let mut plan = plan.clone();
    plan.filters.truncate(num_filters);
    plan.output.time_value = None;
    Ok(plan)
}

#[derive(Debug, Default)]
struct ShownRejects {
    state: Mutex<(Vec<Reject>, u64)>,
}

impl ShownRejects {
    fn take(&self) -> (Vec<Reject>, u64) {
        std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RejectSink for ShownRejects {
    fn push(&self, rejects: Vec<Reject>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += rejects.len() as u64;
        let room = SHOWN_REJECTS.saturating_sub(state.0.len());
        state.0.extend(rejects.into_iter().take(room));
    }
}
