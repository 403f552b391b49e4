//! The `bucketload` command.
//!
//! Reading order: [`args`] (what can be typed), [`commands`] (one file each), [`printer`] (what is read: results on standard output,
//! talk on standard error), [`progress`] with [`status_line`], [`logging`],
//! [`exit`] (the status).

mod allocator;
mod args;
mod commands;
mod exit;
mod logging;
mod printer;
mod progress;
mod status_line;

use args::Arguments;
use clap::Parser;
use exit::Exit;
use printer::Printer;
use status_line::StatusLine;
use std::process::ExitCode;

/// Stack of each worker thread. The query planner is deeply recursive, above all in unoptimised builds.
const STACK_BYTES: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return Printer::misuse(&error).into(),
    };
    let printer = Printer::new(&arguments.global);
    let line = StatusLine::new();
    let logs = logging::start(&arguments.global, &line);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("bucketload")
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build();
    let exit = match runtime {
        Err(error) => {
            printer.talk(&format!("error: cannot start threads: {error}"));
            Exit::Failed
        }
        Ok(runtime) => {
            let exit = match runtime.block_on(commands::run(arguments, &printer, &line, &logs)) {
                Ok(exit) => exit,
                Err(error) => printer.error(&error),
            };
            // Nothing that is still under way is worth waiting for: it is visible or it is not.
            // Taking the runtime down would break threads that wait for a part of it, and they would say so.
            std::mem::forget(runtime);
            exit
        }
    };
    exit.into()
}
