//! The binary `longshore`: reads the command line, runs one verb, and turns its end into an exit code.

mod cli;
mod commands;
mod env;
mod error;
mod run;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    match commands::execute(arguments.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(error::print(&error)),
    }
}
