//! `longshore example`: the example app, which needs nothing but this program.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  longshore example migrate    what the task definition examples/migrate.json runs";

/// The steps that the example migration pretends to do.
const STEPS: [&str; 4] = [
    "0001 create table ships",
    "0002 create table berths",
    "0003 add column ships.draught",
    "0004 backfill ships.draught (1,204 rows)",
];

/// Be the example app of `longshore up`
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Part {
    /// Pretends to migrate a database
    Migrate,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<u8> {
    let Part::Migrate = arguments.part;
    terminal::data(b"migrating the harbour database\n")?;
    for step in STEPS {
        // Long enough for the eye to see that the lines come one by one.
        sleep(Duration::from_millis(150));
        terminal::data(format!("  applied {step}\n").as_bytes())?;
    }
    terminal::data(b"done: 4 migrations applied\n")?;
    Ok(0)
}
