//! Measures how a job would go, and says which knobs to turn.
//!
//! What a bucket can deliver is probed with the job's own files; what this machine makes of them is measured by running the job's
//! own plan over a sample in memory. Out of both, two pure functions make the advice and a forecast. Nothing is written to any table.
//!
//! Reading order: [`mod@probe`] (the bucket), [`sample`] (the machine), [`advice`] (knobs, with their evidence), [`mod@forecast`].

pub mod advice;
pub mod forecast;
pub mod probe;
pub mod sample;

use super::environment::{Budgets, Environment};
use super::input::{self, Wanted};
use super::limit::LimitContext;
use crate::config::plan::JobPlan;
use crate::error::{Blame, Error, Result};
use crate::guess::sampled_indices;
use crate::pack::pack;
use crate::source::file::SourceFile;
use advice::{Advice, Settings, advise};
use forecast::{Forecast, forecast};
use probe::{MAX_REQUESTS, Probe, probe};
use sample::Sample;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// What `tune` found.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// What was measured.
    pub measurements: Measurements,
    /// Knobs to turn.
    pub advice: Advice,
    /// How the job would go with them.
    pub forecast: Forecast,
}

/// What was measured; the members of the JSON document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measurements {
    /// The files that the job would read.
    pub input: Input,
    /// How the bucket answers.
    pub probe: Probe,
    /// What the machine makes of the files.
    pub sample: Sample,
    /// Cores that this process may use.
    pub cores: usize,
}

/// The files that a job would read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Input {
    /// Files.
    pub files: u64,
    /// Bytes as stored.
    pub bytes: u64,
    /// Bytes of the largest file.
    pub largest_file_bytes: u64,
    /// Requests of the listing.
    pub list_requests: u64,
    /// Wall time of the listing.
    pub list_seconds: f64,
    /// Requests for bytes.
    pub get_requests: u64,
    /// Tasks that the files are packed into.
    pub tasks: u64,
}

/// Lists, probes and samples.
///
/// **Errors**: there is nothing to measure; a file that cannot be read; otherwise as a job's, without those of the table.
/// **Cost**: the listing, at most [`MAX_REQUESTS`] requests to probe, and a sample of 64 files or 8 MiB.
pub async fn tune(environment: &Environment, plan: &JobPlan) -> Result<Tuning> {
    let started = environment.now();
    let budgets = Budgets::new(&plan.exec);
    let begun = Instant::now();
    let input = input::open(environment, &plan.input, &budgets, started, Wanted::Selected).await?;
    let list_seconds = begun.elapsed().as_secs_f64();
    let files = &input.listing.files;
    if files.is_empty() {
        return Err(
            Error::new(Blame::Data, "no input files matched, so there is nothing to measure")
                .at(input.store.url(&plan.input.select.path_prefix))
                .with_hint("check `in.path_prefix` and `in.path_match_pattern`"),
        );
    }
    let sample = sample::measure(environment, plan, &input, started).await?;
    let probed: Vec<SourceFile> = sampled_indices(files.len(), MAX_REQUESTS)
        .into_iter()
        .filter_map(|index| files.get(index))
        .collect();
    let store = Arc::clone(&input.store);
    let probe = environment
        .io_runtime()
        .spawn(async move { probe(store, probed).await })
        .await
        .map_err(|error| Error::internal("the probe stopped").caused_by(error))??;
    let measurements = Measurements {
        input: Input {
            files: files.len() as u64,
            bytes: input.size_bytes(),
            largest_file_bytes: files.largest_bytes(),
            list_requests: input.listing.num_requests,
            list_seconds,
            get_requests: input.num_requests(),
            tasks: pack(Arc::clone(files), plan.input.min_task_size_bytes).len() as u64,
        },
        probe,
        sample,
        cores: Budgets::num_cores(),
    };
    let settings = Settings {
        num_threads: budgets.num_partitions,
        is_threads_written: plan.exec.max_threads.is_some(),
        fetch_bytes: budgets.fetch_bytes,
        min_task_size_bytes: plan.input.min_task_size_bytes,
    };
    let advice = advise(&measurements, &settings);
    let max_requests = advice.max_requests.unwrap_or(input.max_requests());
    let context = LimitContext {
        is_slowed_down: measurements.probe.is_slowed_down,
        is_probed: true,
        ..LimitContext::new(plan, &budgets, max_requests, measurements.input.get_requests)
    };
    let forecast = forecast(&measurements, &context);
    Ok(Tuning {
        measurements,
        advice,
        forecast,
    })
}
