//! The commands: the only place that knows every stage.
//!
//! Reading order: [`environment`] (what all commands stand on), [`run`] (a load from beginning to end), then what it is made of:
//! `input`, `output`, [`rejects`], [`progress`], [`report`]; then the commands that read: [`preview`], [`explain`], [`guess`],
//! [`query`], [`tables`], and how rows are shown ([`present`]).

pub mod environment;
pub mod explain;
pub mod guess;
mod input;
mod output;
pub mod present;
pub mod preview;
pub mod progress;
pub mod query;
pub mod rejects;
pub mod report;
pub mod run;
pub mod tables;

use crate::error::{Blame, Error};
use crate::parse::reject::TooManyRejects;
use crate::write::WriteError;
use datafusion::error::DataFusionError;

/// The error a user reads when planning or running a plan failed: ours if it was one of ours, else the engine's own words.
fn plan_error(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => match source.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(source) => match source.downcast::<WriteError>() {
                Ok(write) => write_error(*write),
                Err(source) => match source.downcast::<TooManyRejects>() {
                    Ok(verdict) => Error::new(Blame::Data, verdict.to_string()).caused_by(*verdict),
                    Err(source) => match source.downcast::<DataFusionError>() {
                        Ok(inner) => plan_error(*inner),
                        Err(source) => Error::new(Blame::Data, source.to_string()),
                    },
                },
            },
        },
        DataFusionError::Context(_, inner) => plan_error(*inner),
        DataFusionError::Diagnostic(_, inner) => plan_error(*inner),
        DataFusionError::Collection(mut errors) if !errors.is_empty() => plan_error(errors.swap_remove(0)),
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => plan_error(inner),
            Err(shared) => Error::new(Blame::Data, shared.strip_backtrace()),
        },
        DataFusionError::SQL(source, _) => Error::config(format!("cannot read the SQL: {source}")),
        DataFusionError::Plan(message) => Error::config(message),
        DataFusionError::SchemaError(source, _) => Error::config(source.to_string()),
        DataFusionError::ResourcesExhausted(message) => Error::new(Blame::Config, format!("out of memory: {message}"))
            .at("exec.memory_limit")
            .with_hint("raise `exec.memory_limit`"),
        other => Error::new(Blame::Data, other.strip_backtrace()).caused_by(other),
    }
}

fn write_error(error: WriteError) -> Error {
    match error {
        WriteError::NoTime { .. } => Error::new(Blame::Data, error.to_string())
            .at("out.time_column")
            .with_hint("set `out.stop_on_invalid_record: false` to reject such rows and keep going"),
        WriteError::Store { ref source, .. } => {
            let text = format!("{source:?}");
            let hint = match () {
                () if text.contains("StorageFull") || text.contains("No space left") || text.contains("FileTooLarge") => {
                    Some("free some space; nothing was committed".to_owned())
                }
                () if text.contains("PermissionDenied") || text.contains("Permission denied") => {
                    Some("check who may write to the warehouse; nothing was committed".to_owned())
                }
                () => Some("nothing was committed".to_owned()),
            };
            let message = match source.source().or(Some(source.as_ref() as &dyn std::error::Error)) {
                Some(cause) => format!("{error}: {}", last_cause(cause)),
                None => error.to_string(),
            };
            Error::new(Blame::Storage, message).with_optional_hint(hint).caused_by(error)
        }
        WriteError::Encode(_) | WriteError::Batch(_) => Error::internal(error.to_string()).caused_by(error),
    }
}

/// The innermost cause, which names the reason in the fewest words.
fn last_cause(mut error: &dyn std::error::Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
