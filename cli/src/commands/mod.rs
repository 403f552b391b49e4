//! One file per command.

mod configuration;
mod explain;
mod guess;
mod issue;
mod preview;
mod query;
mod schema;
mod table;
mod tune;

use crate::args::{Arguments, Command, GlobalArguments};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::status_line::StatusLine;
use bucketload_engine::{Environment, Result};

/// Runs what was typed.
pub(crate) async fn run(arguments: Arguments, printer: &Printer, line: &StatusLine) -> Result<Exit> {
    let global = &arguments.global;
    match arguments.command {
        Command::Guess(arguments) => guess::run(global, &arguments, printer).await,
        Command::Preview(arguments) => preview::run(global, &arguments, printer).await,
        Command::Issue(arguments) => issue::run(global, &arguments, printer, line).await,
        Command::Explain(arguments) => explain::run(global, &arguments, printer).await,
        Command::Tune(arguments) => tune::run(global, &arguments, printer).await,
        Command::Query(arguments) => query::run(global, &arguments, printer).await,
        Command::Tables => table::list(global, printer).await,
        Command::Table(command) => table::run(global, command, printer).await,
        Command::Schema => Ok(schema::run(printer)),
        Command::Completions(arguments) => Ok(schema::completions(&arguments, printer)),
    }
}

/// What a command stands on.
fn environment(global: &GlobalArguments) -> Result<Environment> {
    Environment::new(&global.warehouse, jiff::Timestamp::now)
}
