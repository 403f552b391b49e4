//! The commands: the only place that knows every stage.
//!
//! Reading order: [`environment`] (what all commands stand on) with `memory`, [`run`] (a load from beginning to end) and [`stop`] (one that
//! can be stopped), then what it is made of: `target`, `work` with `steps`, `parts`, `notes`, `process` and `fingerprint`, `resume`, `input` with
//! `discover`, `ledger`, [`filters`] with `lookup`, `step` with `shape`, `output` with `storage`, [`rejects`] with [`replay`], `finish` with `replaced`,
//! [`progress`], [`report`] with `counts` and [`limit`], `spans`, and what a table says of a job that died
//! ([`committed`]); then the commands that read: [`preview`], [`explain`], [`guess`], [`tune`], [`query`], [`tables`], [`vacuum`], and how rows are
//! shown ([`present`]).

pub mod committed;
mod counts;
mod discover;
pub mod environment;
pub mod explain;
pub mod filters;
mod fingerprint;
mod finish;
pub mod guess;
mod input;
mod ledger;
pub mod limit;
mod lookup;
mod memory;
mod notes;
mod output;
mod parts;
pub mod present;
pub mod preview;
mod process;
pub mod progress;
pub mod query;
pub mod rejects;
mod replaced;
pub mod replay;
pub mod report;
mod resume;
pub mod run;
mod shape;
mod spans;
mod step;
mod steps;
pub mod stop;
mod storage;
pub mod tables;
mod target;
#[cfg(test)]
mod tests;
pub mod tune;
pub mod vacuum;
mod work;

use crate::error::{Blame, Error, innermost};
use crate::filter::InvalidRecord;
use crate::parse::reject::TooManyRejects;
use crate::write::WriteError;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use std::error::Error as StdError;

/// The error a user reads when planning or running a plan failed: ours if it was one of ours, else the engine's own words.
fn plan_error(error: DataFusionError) -> Error {
    explain_plan_error(&error).unwrap_or_else(|| match &error {
        DataFusionError::SQL(source, _) => Error::config(format!("cannot read the SQL: {source}")),
        DataFusionError::Plan(message) => Error::config(message.clone()),
        DataFusionError::SchemaError(source, _) => Error::config(source.to_string()),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            Error::new(Blame::Config, inner.strip_backtrace())
        }
        DataFusionError::ResourcesExhausted(message) => Error::new(Blame::Config, format!("out of memory: {message}"))
            .at("exec.memory_limit")
            .with_hint("raise `exec.memory_limit`, or lower `exec.batch_rows`: operators put together whole batches"),
        _ => match error.find_root() {
            DataFusionError::ArrowError(source, _) if is_of_a_value(source) => {
                Error::new(Blame::Data, format!("an expression cannot be computed: {source}"))
                    .with_hint("`TRY_CAST(x AS ...)` is null where `CAST` fails, and `a / NULLIF(b, 0)` where `b` is 0")
            }
            _ => Error::new(Blame::Data, error.strip_backtrace()),
        },
    })
}

/// Whether an expression met a value that it has no answer to.
fn is_of_a_value(error: &ArrowError) -> bool {
    use ArrowError::*;
    matches!(
        error,
        DivideByZero | ArithmeticOverflow(_) | CastError(_) | ParseError(_) | ComputeError(_)
    )
}

/// Our own error inside one of the engine's, which wraps, shares and collects them on their way up.
fn explain_plan_error(error: &DataFusionError) -> Option<Error> {
    match error {
        DataFusionError::External(source) => explain_source(source.as_ref()),
        DataFusionError::ArrowError(source, _) => match source.as_ref() {
            ArrowError::ExternalError(source) => explain_source(source.as_ref()),
            _ => None,
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => explain_plan_error(inner),
        DataFusionError::Collection(errors) => errors.iter().find_map(explain_plan_error),
        DataFusionError::Shared(inner) => explain_plan_error(inner),
        _ => None,
    }
}

fn explain_source(source: &(dyn StdError + 'static)) -> Option<Error> {
    if let Some(ours) = source.downcast_ref::<Error>() {
        return Some(ours.restated());
    }
    if let Some(write) = source.downcast_ref::<WriteError>() {
        return Some(write_error(write));
    }
    if let Some(verdict) = source.downcast_ref::<TooManyRejects>() {
        return Some(Error::new(Blame::Data, verdict.to_string()).caused_by(verdict.clone()));
    }
    if let Some(invalid) = source.downcast_ref::<InvalidRecord>() {
        return Some(Error::new(Blame::Data, invalid.to_string()));
    }
    source.downcast_ref::<DataFusionError>().and_then(explain_plan_error)
}

fn write_error(error: &WriteError) -> Error {
    match error {
        WriteError::NoTime(reject) => Error::new(Blame::Data, error.to_string())
            .at(match reject.position.file.is_empty() {
                true => "out.time_column".to_owned(),
                false => reject.position.to_string(),
            })
            .with_hint("set `out.stop_on_invalid_record: false` to reject such rows and keep going"),
        WriteError::Store { source, .. } => {
            let text = format!("{source:?}");
            let hint = match () {
                () if ["StorageFull", "No space left", "FileTooLarge", "QuotaExceeded"]
                    .iter()
                    .any(|kind| text.contains(kind)) =>
                {
                    Some("free some space; nothing was committed".to_owned())
                }
                () if ["PermissionDenied", "Permission denied", "ReadOnlyFilesystem"]
                    .iter()
                    .any(|kind| text.contains(kind)) =>
                {
                    Some("check who may write to the warehouse; nothing was committed".to_owned())
                }
                () => Some("nothing was committed".to_owned()),
            };
            let message = format!("{error}: {}", innermost(source.as_ref()));
            Error::new(Blame::Storage, message).with_optional_hint(hint)
        }
        WriteError::Scratch(source) => Error::new(Blame::Storage, format!("{error}: {}", innermost(source.as_ref())))
            .at("exec.scratch_folder")
            .with_hint(
                "name a folder with enough room, or allow more memory in `exec.memory_limit`; nothing was committed",
            ),
        WriteError::Encode(_) | WriteError::Batch(_) => Error::internal(format!("{error}: {}", innermost(error))),
    }
}
