//! What everything here stands on: the state file, the logs of jobs, an environment for each warehouse, the clock.

use crate::log::JobLogs;
use crate::record::{state_error, with_state};
use crate::totals::Totals;
use crate::traces::Traces;
use bucketload_engine::{Environment, Result};
use bucketload_state::{State, StateResult};
use jiff::Timestamp;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Finds the value of a variable.
type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Shared by all jobs and all requests of a process.
pub struct Service {
    /// Records and schedules.
    pub state: Arc<State>,
    /// Where log lines wait for records.
    pub logs: JobLogs,
    /// What jobs have done since the process started.
    pub totals: Totals,
    /// Where traces of jobs are sent; `None`: nowhere.
    pub traces: Option<Traces>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    variables: Box<Variables>,
    environments: Mutex<HashMap<String, Arc<Environment>>>,
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Service")
            .field("state", &self.state.path())
            .finish_non_exhaustive()
    }
}

impl Service {
    /// Nothing is opened yet.
    pub fn new(
        state: Arc<State>,
        logs: JobLogs,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Service {
        Service {
            state,
            logs,
            totals: Totals::default(),
            traces: Traces::from_environment(&variables),
            clock: Box::new(clock),
            variables: Box::new(variables),
            environments: Mutex::default(),
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The value of a variable that a configuration asks for.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name)
    }

    /// What jobs of a warehouse stand on.
    ///
    /// **Errors**: those of [`Environment::new`].
    pub fn environment(&self, warehouse: &str) -> Result<Arc<Environment>> {
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = environments.get(warehouse) {
            return Ok(Arc::clone(environment));
        }
        let environment = Arc::new(Environment::new(warehouse, Timestamp::now)?);
        for name in [warehouse.to_owned(), environment.warehouse.place()] {
            environments.insert(name, Arc::clone(&environment));
        }
        Ok(environment)
    }

    /// Sends the trace of a job that has ended, if there is a collector.
    pub async fn trace(&self, job_id: &str) {
        let Some(traces) = &self.traces else { return };
        let job_id = job_id.to_owned();
        match self.ask(move |state| state.job(&job_id)).await {
            Ok(job) => traces.send(&job).await,
            Err(error) => tracing::debug!(%error, "a job without a record has no trace"),
        }
    }

    /// Asks the state file, with its answers as errors for people.
    ///
    /// **Errors**: those of the state file.
    pub async fn ask<T: Send + 'static>(
        &self,
        body: impl FnOnce(&State) -> StateResult<T> + Send + 'static,
    ) -> Result<T> {
        with_state(&self.state, body).await.map_err(state_error)
    }
}
