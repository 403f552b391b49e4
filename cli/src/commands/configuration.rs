//! Reads a configuration file and what the command line changes in it.

use crate::args::GlobalArguments;
use crate::printer::Printer;
use bucketload_engine::config::plan::JobPlan;
use bucketload_engine::config::{ConfigErrors, Document, Problem, ResolveOptions, Seed, resolve, resolve_seed};
use bucketload_engine::{Error, Result};
use std::path::Path;

/// Reads a file into a document, with `--set` applied.
pub(super) fn read_document(path: &Path, overrides: &[String], printer: &Printer) -> Result<Document> {
    let text = read_text(path)?;
    let mut document =
        Document::parse(&text, &path.display().to_string()).map_err(|errors| config_error(&errors, printer))?;
    for assignment in overrides {
        document.set(assignment).map_err(|problem| problem_error(&problem))?;
    }
    Ok(document)
}

/// The text of a configuration file.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::config(format!("configuration file: {name} not found")),
        _ => Error::config(format!("configuration file: {name} cannot be read: {error}")),
    })?;
    String::from_utf8(bytes).map_err(|_| Error::config(format!("configuration file: {name} is not text in UTF-8")))
}

/// Makes a job of a file.
pub(super) fn read_plan(
    path: &Path,
    overrides: &[String],
    global: &GlobalArguments,
    printer: &Printer,
) -> Result<JobPlan> {
    resolve_document(&read_document(path, overrides, printer)?, global, printer)
}

/// Makes a job of a document.
pub(super) fn resolve_document(document: &Document, global: &GlobalArguments, printer: &Printer) -> Result<JobPlan> {
    let options = ResolveOptions {
        is_strict: global.strict,
        lookup: &variable,
    };
    let resolved = resolve(document, &options).map_err(|errors| config_error(&errors, printer))?;
    warn(&resolved.warnings, printer);
    Ok(resolved.plan)
}

/// Makes the start of a guess of a document.
pub(super) fn read_seed(document: &Document, global: &GlobalArguments, printer: &Printer) -> Result<Seed> {
    let options = ResolveOptions {
        is_strict: global.strict,
        lookup: &variable,
    };
    let seed = resolve_seed(document, &options).map_err(|errors| config_error(&errors, printer))?;
    warn(&seed.warnings, printer);
    Ok(seed)
}

/// The value of a variable of the environment.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn warn(warnings: &[Problem], printer: &Printer) {
    for warning in warnings {
        printer.hint(&format!("warning: {warning}"));
    }
}

/// Tells all problems but the last, which becomes the error of the command.
pub(super) fn config_error(errors: &ConfigErrors, printer: &Printer) -> Error {
    warn(&errors.warnings, printer);
    match errors.problems.split_last() {
        None => Error::internal("a configuration is wrong without a reason"),
        Some((last, others)) => {
            for problem in others {
                printer.talk(&format!("error: {problem}"));
            }
            problem_error(last)
        }
    }
}

/// A problem as the error of the command.
pub(super) fn problem_error(problem: &Problem) -> Error {
    let message = match problem.path.is_empty() {
        true => problem.message.clone(),
        false => format!("`{}`: {}", problem.path, problem.message),
    };
    let error = Error::config(message).with_optional_hint(problem.hint.clone());
    match problem.line {
        0 => error,
        line => error.at(format!("{} line {line}, column {}", problem.file, problem.column)),
    }
}
