//! `longshore preview logs`.

use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::{Client, Common, json, names};
use crate::apply::Output;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  longshore preview logs feature/login
  longshore preview logs '#12' --lines 500";

/// Show the last lines of an environment's tasks
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Its id, its branch, or `#NUMBER`; the branch that is checked out here when it is not given
    environment: Option<String>,
    /// How many lines
    #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    lines: u16,
    #[command(flatten)]
    common: Common,
}

/// What the API answers.
#[derive(Debug, Serialize, Deserialize)]
struct Lines {
    lines: Vec<String>,
}

pub(super) async fn execute(arguments: &Arguments) -> Result<u8> {
    let name = names::environment(arguments.environment.as_deref())?;
    let client = Client::of(&arguments.common)?;
    let found: Lines =
        client.get(&client.path_of(&name, &format!("/logs?lines={}", arguments.lines))).await?;
    if arguments.common.output == Output::Json {
        json(&found)?;
        return Ok(0);
    }
    let text: String = found.lines.iter().map(|line| format!("{line}\n")).collect();
    terminal::data(text.as_bytes())?;
    Ok(0)
}
