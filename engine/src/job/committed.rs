//! Says what a table knows of a job, for whoever is left when the job's process has died.

use super::environment::Environment;
use crate::error::Result;
use crate::table::delta;
use crate::table::warehouse::TableName;
use serde_json::{Value, json};

/// The bookkeeping of the last commit of a job, in the words of its report; `None`: the table shows nothing of it.
///
/// **Shape**: `job_id`, `database`, `table`, `next` and `rows`; what only the process knew is missing.
/// **Errors**: the log of the table cannot be read; then nothing is known.
/// **Cost**: reads the commits of the table's log.
pub async fn committed(environment: &Environment, target: &TableName, job_id: &str) -> Result<Option<Value>> {
    let Some(table) = delta::open(&environment.warehouse.table(target)).await? else {
        return Ok(None);
    };
    let commits = table.bookkeeping().await?;
    let commit = commits.into_iter().find(|commit| commit["job_id"] == job_id);
    Ok(commit.map(|commit| {
        json!({
            "job_id": job_id,
            "status": "success",
            "database": target.database,
            "table": target.table,
            "rows": {"written": commit["rows"], "rejected": commit["rejected"]},
            "next": commit["next"],
        })
    }))
}
