//! The binary `longshore`: reads the command line, runs one verb, and turns its end into an exit code.

mod apply;
mod cli;
mod commands;
mod config;
mod daemon;
mod env;
mod error;
mod example_image;
mod files;
mod hub;
mod lambda;
mod package;
mod provider;
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
    // Lambda starts a function's `bootstrap` without arguments.
    if env::is_lambda() && std::env::args_os().len() == 1 {
        return exit_code(lambda::serve());
    }
    let arguments = cli::Cli::parse();
    exit_code(commands::execute(arguments.command))
}

fn exit_code(end: anyhow::Result<u8>) -> ExitCode {
    match end {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(error::print(&error)),
    }
}
