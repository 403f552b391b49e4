//! Opens the state file, and cleans up in it.

use super::configuration::variable;
use crate::args::GlobalArguments;
use bucketload_engine::{Blame, Error, Result};
use bucketload_serve::log::JobLogs;
use bucketload_serve::record::state_error;
use bucketload_serve::service::Service;
use bucketload_serve::settle::ask_tables;
use bucketload_state::{State, StateResult};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;

/// Days that finished jobs are kept if nobody says how many: a month of history.
const KEPT_DAYS: u32 = 30;

/// Opens the file that the command line, the environment or the user's state directory names.
pub(super) fn open(global: &GlobalArguments) -> Result<Arc<State>> {
    let path = match &global.state {
        Some(path) => path.clone(),
        None => default_path().ok_or_else(|| {
            Error::new(
                Blame::Config,
                "there is no state directory: neither XDG_STATE_HOME nor HOME is set",
            )
            .with_hint("name the file with `--state` or BUCKETLOAD_STATE")
        })?,
    };
    State::open(&path).map(Arc::new).map_err(state_error)
}

fn default_path() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let states = folder("XDG_STATE_HOME")
        .or_else(|| Some(folder("HOME")?.join(".local/state")))
        .or_else(|| folder("LOCALAPPDATA"))?;
    Some(states.join("bucketload/state.db"))
}

/// Opens the file, shows the jobs of dead processes as what they are, and asks the tables what became of jobs that nobody knows it of.
///
/// Who only looks removes nothing, unless they say how long jobs are kept: a server may keep them for longer.
pub(super) async fn open_tidy(global: &GlobalArguments) -> Result<Arc<Service>> {
    let state = open(global)?;
    match global.keep {
        Some(_) => tidy(&state, global),
        None => state.bury_dead(Timestamp::now()).map(drop),
    }
    .map_err(state_error)?;
    let service = Arc::new(Service::new(state, JobLogs::new(), Timestamp::now, variable));
    ask_tables(&service).await?;
    Ok(service)
}

/// Shows the jobs of dead processes as what they are, and removes what has been kept long enough.
pub(super) fn tidy(state: &State, global: &GlobalArguments) -> StateResult<()> {
    let now = Timestamp::now();
    state.bury_dead(now)?;
    state.prune_jobs(now.saturating_sub(kept(global)).unwrap_or(Timestamp::MIN))?;
    Ok(())
}

/// How long finished jobs are kept.
pub(super) fn kept(global: &GlobalArguments) -> SignedDuration {
    SignedDuration::from_hours(i64::from(global.keep.unwrap_or(KEPT_DAYS)) * 24)
}
