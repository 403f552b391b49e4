//! One file per command.

mod configuration;
mod explain;
mod guess;
mod issue;
mod jobs;
mod listing;
mod outcome;
mod preview;
mod query;
mod rejects;
mod run;
mod schedules;
mod schema;
mod serve;
mod state;
mod table;
mod tune;
mod vacuum;

use crate::args::{Arguments, Command, GlobalArguments};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::status_line::StatusLine;
use bucketload_engine::{Environment, Result};
use bucketload_serve::log::JobLogs;

/// Runs what was typed.
pub(crate) async fn run(arguments: Arguments, printer: &Printer, line: &StatusLine, logs: &JobLogs) -> Result<Exit> {
    let global = &arguments.global;
    match arguments.command {
        Command::Guess(arguments) => guess::run(global, &arguments, printer).await,
        Command::Preview(arguments) => preview::run(global, &arguments, printer).await,
        Command::Issue(arguments) => issue::run(global, &arguments, printer, line, logs).await,
        Command::Explain(arguments) => explain::run(global, &arguments, printer).await,
        Command::Tune(arguments) => tune::run(global, &arguments, printer).await,
        Command::Jobs(arguments) => jobs::list(global, &arguments, printer).await,
        Command::Job(arguments) => jobs::show(global, &arguments, printer).await,
        Command::Cancel(arguments) => jobs::cancel(global, &arguments, printer).await,
        Command::Create(arguments) => schedules::create(global, &arguments, printer).await,
        Command::List(arguments) => schedules::list(global, &arguments, printer),
        Command::Show(arguments) => schedules::show(global, &arguments, printer),
        Command::History(arguments) => schedules::history(global, &arguments, printer).await,
        Command::Update(arguments) => schedules::update(global, &arguments, printer).await,
        Command::Run(arguments) => run::run(global, &arguments, printer, line, logs).await,
        Command::Delete(arguments) => schedules::delete(global, &arguments, printer),
        Command::Serve(arguments) => serve::run(global, &arguments, printer, logs).await,
        Command::Query(arguments) => query::run(global, &arguments, printer).await,
        Command::Tables => table::list(global, printer).await,
        Command::Table(command) => table::run(global, command, printer).await,
        Command::Rejects(command) => rejects::run(global, command, printer, line, logs).await,
        Command::Vacuum(arguments) => vacuum::run(global, &arguments, printer).await,
        Command::Schema => Ok(schema::run(printer)),
        Command::Completions(arguments) => Ok(schema::completions(&arguments, printer)),
    }
}

/// What a command stands on.
fn environment(global: &GlobalArguments) -> Result<Environment> {
    Environment::new(&global.warehouse, jiff::Timestamp::now)
}
