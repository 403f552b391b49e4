//! Says what a table knows of a job, for whoever is left when the job's process has died.

use super::environment::Environment;
use crate::error::Result;
use crate::table::delta;
use crate::table::warehouse::TableName;
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::future::ready;

/// What a table has of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// Nothing.
    Nothing,
    /// Some of its steps; the next run goes on from this difference of the configuration.
    Part(Value),
    /// All of it: `job_id`, `database`, `table`, `next` and `rows` of its report; what only the process knew is missing.
    All(Value),
}

/// Asks a table what it has of a job.
///
/// **Errors**: the log of the table cannot be read; then nothing is known.
/// **Cost**: reads the commits of the table's log, the newest first, until there is one of the job.
pub async fn committed(environment: &Environment, target: &TableName, job_id: &str) -> Result<Committed> {
    let Some(table) = delta::open(&environment.warehouse.table(target)).await? else {
        return Ok(Committed::Nothing);
    };
    let is_its = |commit: &Value| ready(commit["job_id"] == job_id);
    let Some(last) = table.bookkeeping().try_filter(is_its).try_next().await? else {
        return Ok(Committed::Nothing);
    };
    // A job that commits in steps says in each which one it is.
    if last.get("step").is_some_and(|step| step["is_last"] == false) {
        return Ok(Committed::Part(last["next"].clone()));
    }
    Ok(Committed::All(json!({
        "job_id": job_id,
        "status": "success",
        "database": target.database,
        "table": target.table,
        "rows": {"written": last["rows"], "rejected": last["rejected"]},
        "next": last["next"],
    })))
}
