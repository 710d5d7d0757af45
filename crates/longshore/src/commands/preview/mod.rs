//! `longshore preview`: the environments of a running `longshore serve`.

mod change;
mod client;
mod list;
mod logs;
mod names;
mod show;
mod wait;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::apply::Output;

use self::client::Client;

const EXAMPLES: &str = "\
Examples:
  longshore preview list
  longshore preview up feature/login         make it, and wait until it answers
  longshore preview open                     that of the branch which is checked out here
  longshore preview why '#12'                what the one of a pull request waits for
  longshore preview extend feature/login 3d
  longshore preview list --output json | jq -r '.[] | select(.state == \"failed\") | .id'

They are asked of a `longshore serve`: the one on this machine, or the one that LONGSHORE_SERVER
names, with the token in LONGSHORE_TOKEN.";

/// Work with the environments of branches and pull requests
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::Arguments),
    Up(change::Up),
    Down(change::Down),
    /// Show one environment: its state, tasks and timeline
    Status(show::Arguments),
    /// Say what an environment waits for, or why it failed
    Why(show::Arguments),
    Logs(logs::Arguments),
    /// Open an environment in the browser
    Open(show::Arguments),
    Extend(change::Extend),
    Pin(change::Pin),
    /// Take an environment's tasks away until it is woken
    Sleep(change::Plain),
    /// Bring an environment's tasks back
    Wake(change::Plain),
    Confirm(change::Confirm),
}

/// Where the daemon is, and what is on stdout.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The `longshore serve` to ask; the one on this machine when it is not given
    #[arg(long, value_name = "URL", env = "LONGSHORE_SERVER")]
    server: Option<String>,
    /// What is on stdout: text for people, or what the API answers (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    match arguments.verb {
        Verb::List(arguments) => list::execute(&arguments).await,
        Verb::Up(arguments) => change::up(&arguments).await,
        Verb::Down(arguments) => change::down(&arguments).await,
        Verb::Status(arguments) => show::status(&arguments).await,
        Verb::Why(arguments) => show::why(&arguments).await,
        Verb::Logs(arguments) => logs::execute(&arguments).await,
        Verb::Open(arguments) => show::open(&arguments).await,
        Verb::Extend(arguments) => change::extend(&arguments).await,
        Verb::Pin(arguments) => change::pin(&arguments).await,
        Verb::Sleep(arguments) => change::sleep(&arguments).await,
        Verb::Wake(arguments) => change::wake(&arguments).await,
        Verb::Confirm(arguments) => change::confirm(&arguments).await,
    }
}

/// Writes a JSON document to stdout.
fn json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(crate::terminal::data(format!("{text}\n").as_bytes())?)
}
