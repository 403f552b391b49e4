//! Loads files on one core, as often as asked for.

use crate::job::plan;
use bucketload_engine::job::progress::Progress;
use bucketload_engine::table::warehouse::TableName;
use bucketload_engine::{Environment, run_job};
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// The best of some loads.
#[derive(Clone, Copy, Debug)]
pub struct BestLoad {
    /// Wall time.
    pub time: Duration,
    /// Rows that each of them has written.
    pub num_rows: u64,
}

/// Runs the load that `config` describes `num_runs` times on one core, each time into a new table. The tables lie below `folder` for
/// a moment.
///
/// **Errors**: the configuration is wrong, or a load failed.
pub fn best_load(
    runtime: &Runtime,
    folder: &Path,
    config: &Value,
    num_runs: usize,
) -> Result<BestLoad, Box<dyn Error>> {
    let mut config = config.clone();
    config["exec"] = json!({"max_threads": 1});
    let plan = plan(&config)?;
    let warehouse = folder.join("warehouse");
    let location = warehouse.to_str().ok_or("a temporary directory without a name")?;
    let target = TableName::new("bench", "log")?;
    let mut best = BestLoad {
        time: Duration::MAX,
        num_rows: 0,
    };
    for _ in 0..num_runs {
        let environment = Environment::new(location, jiff::Timestamp::now)?;
        let begun = Instant::now();
        let report = runtime.block_on(run_job(&environment, &plan, &target, &Progress::new()));
        let report = report.map_err(|failed| failed.error)?;
        best.time = best.time.min(begun.elapsed());
        best.num_rows = report.rows.written;
        fs::remove_dir_all(&warehouse)?;
    }
    Ok(best)
}
