//! `longshore example`: the example app, which needs nothing but this program.

mod web;

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  longshore example migrate    what runs before each deployment of examples/harbour
  longshore example web        its page, on the port in PORT
  longshore example api        what the page asks, on the port in PORT";

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
    /// Serves a page
    Web(web::Arguments),
    /// Serves what the page asks for
    Api(web::Arguments),
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    match arguments.part {
        Part::Migrate => migrate(),
        Part::Web(arguments) => web::serve(arguments, web::page).await,
        Part::Api(arguments) => web::serve(arguments, web::ships).await,
    }
}

fn migrate() -> Result<u8> {
    terminal::data(b"migrating the harbour database\n")?;
    for step in STEPS {
        // Long enough for the eye to see that the lines come one by one.
        sleep(Duration::from_millis(150));
        terminal::data(format!("  applied {step}\n").as_bytes())?;
    }
    terminal::data(b"done: 4 migrations applied\n")?;
    Ok(0)
}
