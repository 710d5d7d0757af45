//! The binary `longshore`: reads the command line, runs one verb, and turns its end into an exit code.

mod cli;
mod commands;
mod config;
mod env;
mod error;
mod example_image;
mod run;
mod serve;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

/// The first argument with which the process runtime starts this program as the supervisor of a container.
const SUPERVISE: &str = "supervise-container";

fn main() -> ExitCode {
    // Before anything else: a supervisor starts no threads, and every container waits for it.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == SUPERVISE) {
        return longshore_engine::runtime::process::supervise();
    }
    let arguments = cli::Cli::parse();
    match commands::execute(arguments.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(error::print(&error)),
    }
}
