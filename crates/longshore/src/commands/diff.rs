//! `longshore diff DIR`.

use std::io;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::apply::difference::{differences, unified};
use crate::apply::{Files, Output, Scene};
use crate::error;
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore diff deploy                     what `longshore apply deploy` would change
  longshore diff deploy --only web | less -R
  longshore diff deploy --output json | jq '.[].title'

Defaults that ECS fills in are no difference. What a file does not say about the count is left alone, for auto
scaling. Values of environment variables with names like DB_PASSWORD are told apart, but not shown.

Exit code: 0 when there is nothing to change, 2 when there is, 1 when it could not be found out.";

/// Show what apply would change
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// What is on stdout: unified differences (text), or both documents of each (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// As diff(1) has it, but one further: 1 is a failure.
const DIFFERENT: u8 = 2;

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    error::as_unknown(show(arguments).await)
}

async fn show(arguments: Arguments) -> Result<u8> {
    let scene = Scene::open(&arguments.files, "diff").await?;
    let observed = scene.cluster.applier.observe(&scene.wanted, &scene.project).await?;
    let found = differences(&observed);
    if arguments.output == Output::Json {
        let document =
            found.iter().map(|it| json!({"title": it.title, "live": it.live, "wanted": it.wanted}));
        let document: Vec<_> = document.collect();
        terminal::data(format!("{}\n", serde_json::to_string_pretty(&document)?).as_bytes())?;
    } else {
        let colours = terminal::colours(&io::stdout());
        let text: String = found.iter().map(|difference| unified(difference, colours)).collect();
        terminal::data(text.as_bytes())?;
        if found.is_empty() {
            terminal::talk("nothing to change", Style::Plain);
        }
    }
    Ok(if found.is_empty() { 0 } else { DIFFERENT })
}
