//! The table of a job: what is there before, and the commit that decides.

use super::environment::Environment;
use crate::config::plan::{JobPlan, OutputLayout};
use crate::crash::crash_point;
use crate::error::{Error, Result};
use crate::table::commit::{self, commit as commit_to_log};
use crate::table::runs::keep_few_runs;
use crate::table::warehouse::{TableFolder, TableName};
use crate::table::{CommittedLoad, StagedLoad, TableLayout, delta, plain, promise};

/// What is known of the table before the job reads anything.
pub(super) enum Existing {
    Delta(Option<Box<delta::ExistingTable>>),
    Plain { exists: bool },
}

impl Existing {
    /// The log, if there is one.
    pub(super) fn delta(&self) -> Option<&delta::ExistingTable> {
        match self {
            Existing::Delta(existing) => existing.as_deref(),
            Existing::Plain { .. } => None,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        match self {
            Existing::Delta(existing) => existing.is_some(),
            Existing::Plain { exists } => *exists,
        }
    }
}

/// Opens the table, and completes what its log promises.
///
/// **Errors**: there is none and none is to be made; it is of another kind.
pub(super) async fn existing_table(
    environment: &Environment,
    plan: &JobPlan,
    folder: &TableFolder,
) -> Result<Existing> {
    match plan.output.layout {
        OutputLayout::Delta => {
            let existing = delta::open(folder).await?;
            match &existing {
                Some(existing) => promise::settle(&environment.warehouse, existing, &folder.name).await?,
                None if plain::exists(folder).await? => {
                    return Err(Error::config(format!("table `{}` is one of bare files", folder.name))
                        .at("out.type")
                        .with_hint("set `out.type: parquet`, or load into another table"));
                }
                None if !plan.output.auto_create_table => {
                    return Err(missing_table(&folder.name));
                }
                None => {}
            }
            Ok(Existing::Delta(existing.map(Box::new)))
        }
        OutputLayout::Parquet => {
            if delta::open(folder).await?.is_some() {
                return Err(Error::config(format!("table `{}` is a Delta table", folder.name))
                    .at("out.type")
                    .with_hint("leave `out.type` out, or load into another table"));
            }
            let exists = plain::complete(&environment.warehouse, folder).await?;
            if !exists && !plan.output.auto_create_table {
                return Err(missing_table(&folder.name));
            }
            Ok(Existing::Plain { exists })
        }
    }
}

fn missing_table(name: &TableName) -> Error {
    Error::config(format!(
        "database `{}` or table `{}` doesn't exist",
        name.database, name.table
    ))
    .with_hint(format!(
        "add `--auto-create-table`, or run `bucketload table create {name}` first"
    ))
}

/// **Errors**: the rows do not fit the table.
pub(super) fn check_fit(existing: &Existing, target: &TableName, layout: &TableLayout, plan: &JobPlan) -> Result<()> {
    match existing {
        Existing::Delta(existing) => commit::check_fit(
            existing.as_deref(),
            target,
            layout,
            plan.output.mode,
            plan.output.auto_create_table,
        ),
        Existing::Plain { exists } => {
            tracing::debug!(exists, "bare files fit any others");
            Ok(())
        }
    }
}

/// Makes a load visible, and after it what follows from it in the tables beside.
///
/// **Errors**: after one, nothing of the load is visible.
pub(super) async fn commit(
    environment: &Environment,
    plan: &JobPlan,
    folder: &TableFolder,
    staged: StagedLoad,
) -> Result<CommittedLoad> {
    crash_point("before_commit");
    let committed = match plan.output.layout {
        OutputLayout::Delta => commit_to_log(folder, staged.clone()).await?,
        // The rejects are part of what its record says.
        OutputLayout::Parquet => return plain::commit(&environment.warehouse, folder, &staged).await,
    };
    crash_point("after_commit");
    // The load is visible from here on. What cannot be shown beside it now is shown by whoever comes next.
    if let Err(error) = settle(environment, folder, &staged.job_id).await {
        tracing::warn!(%error, "the tables beside `{}` could not be completed, the next job will", folder.name);
    }
    Ok(committed)
}

async fn settle(environment: &Environment, folder: &TableFolder, job_id: &str) -> Result<()> {
    if let Some(table) = delta::open(folder).await? {
        promise::settle(&environment.warehouse, &table, &folder.name).await?;
        crash_point("after_settle");
        keep_few_runs(&environment.warehouse.table(&folder.name.files()), job_id).await?;
    }
    Ok(())
}
