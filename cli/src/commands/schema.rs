//! `bucketload schema` and `bucketload completions`

use crate::args::{Arguments, CompletionsArguments};
use crate::exit::Exit;
use crate::printer::Printer;
use bucketload_engine::config::json_schema;
use clap::CommandFactory;
use serde_json::json;

/// Prints the JSON Schema of the configuration file.
pub(super) fn run(printer: &Printer) -> Exit {
    printer.document(&json_schema());
    Exit::Done
}

/// Prints a completion script.
pub(super) fn completions(arguments: &CompletionsArguments, printer: &Printer) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "bucketload", &mut script);
    let script = String::from_utf8_lossy(&script);
    match printer.is_json() {
        true => printer.document(&json!({"shell": arguments.shell.to_string(), "script": script})),
        false => printer.result(&script),
    }
    Exit::Done
}
