//! `bucketload serve`

use super::configuration::variable;
use super::state;
use crate::args::GlobalArguments;
use crate::args::service::ServeArguments;
use crate::exit::Exit;
use crate::printer::Printer;
use bucketload_engine::{Blame, Error, Result};
use bucketload_serve::http::{Api, serve};
use bucketload_serve::log::JobLogs;
use bucketload_serve::scheduler::{SchedulerOptions, Shutdown, run_scheduler};
use bucketload_serve::service::Service;
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

pub(super) async fn run(
    global: &GlobalArguments,
    arguments: &ServeArguments,
    printer: &Printer,
    logs: &JobLogs,
) -> Result<Exit> {
    let service = Arc::new(Service::new(
        state::open(global)?,
        logs.clone(),
        Timestamp::now,
        variable,
    ));
    let options = SchedulerOptions {
        max_jobs: arguments.max_jobs,
        shutdown_wait: Duration::from_secs(arguments.shutdown_wait.into()),
        keep: state::kept(global),
        is_once: arguments.once,
    };
    let shutdown = Shutdown::new();
    end_on_signals(&shutdown)?;
    // A server that ends by itself has nobody to answer to.
    let answering = match arguments.listen.as_str() {
        "none" => None,
        _ if arguments.once => None,
        address => Some(listen(address, global, &service, printer).await?),
    };
    let taken = run_scheduler(&service, options, &shutdown).await;
    if let Some(answering) = answering {
        answering.abort();
    }
    let taken = taken?;
    if printer.is_json() {
        let now = Timestamp::now();
        let mut jobs = Vec::new();
        for job_id in taken {
            // One that turned out to be done before is gone.
            jobs.extend(service.state.job(&job_id).map(|job| job.summary(now)));
        }
        printer.document(&json!({"status": "ended", "jobs": jobs}));
    }
    Ok(Exit::Done)
}

/// Begins to answer, where no job computes.
async fn listen(
    address: &str,
    global: &GlobalArguments,
    service: &Arc<Service>,
    printer: &Printer,
) -> Result<JoinHandle<()>> {
    let failed = |error: std::io::Error| {
        Error::new(Blame::Config, format!("cannot listen on `{address}`: {error}"))
            .at("--listen")
            .with_hint("write an address such as `127.0.0.1:8750` that nobody else listens on, or `none`")
    };
    let environment = service.environment(&global.warehouse)?;
    let warehouse = environment.warehouse.place();
    let address = address.to_owned();
    let runtime = environment.io_runtime();
    let listener = runtime
        .spawn({
            let address = address.clone();
            async move { TcpListener::bind(address).await }
        })
        .await
        .map_err(|error| Error::internal("the listener broke off").caused_by(error))?
        .map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let directory = std::env::current_dir().map_err(failed)?;
    let token = std::env::var("BUCKETLOAD_TOKEN").ok();
    let api = Api::new(
        Arc::clone(service),
        warehouse,
        directory,
        token,
        bound,
        Handle::current(),
    )?;
    printer.hint(&format!("listening on http://{bound}"));
    Ok(runtime.spawn(serve(listener, Arc::new(api))))
}

/// The first signal ends the server in good order, the next one at once.
fn end_on_signals(shutdown: &Shutdown) -> Result<()> {
    let failed = |error: std::io::Error| Error::internal("cannot listen for signals").caused_by(error);
    let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(failed)?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut is_again = false;
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
            shutdown.request(is_again);
            is_again = true;
        }
    });
    Ok(())
}
