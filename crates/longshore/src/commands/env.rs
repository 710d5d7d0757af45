//! `longshore env`: how to reach the running engine, for a shell.

use std::path::PathBuf;

use anyhow::Result;

use crate::{daemon, serve, terminal};

const EXAMPLES: &str = "\
Examples:
  eval \"$(longshore env)\"     then `aws ecs list-tasks` asks the local engine
  longshore env --state DIR   for an engine with a state directory of its own";

/// Print the exports with which AWS tools use the running engine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The engine's state directory [default: longshore/engine in XDG_DATA_HOME or ~/.local/share]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

pub(crate) fn execute(arguments: Arguments) -> Result<u8> {
    let state = match arguments.state {
        Some(directory) => directory,
        None => serve::default_state()?,
    };
    terminal::data(serve::access(&state)?.exports().as_bytes())?;
    if let Some(local) = daemon::reach(&daemon::within(&state)) {
        let exports =
            format!("export LONGSHORE_SERVER={}\nexport LONGSHORE_TOKEN={}\n", local.endpoint, local.token);
        terminal::data(exports.as_bytes())?;
    }
    Ok(0)
}
