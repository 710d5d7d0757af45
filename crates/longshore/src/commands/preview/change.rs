//! The verbs of `longshore preview` that change something.

use anyhow::Result;
use clap::Args;
use longshore_model::preview::view::{AnswerView, Command};

use super::wait::{self, Wanted};
use super::{Client, Common, json, names};
use crate::apply::Output;
use crate::config::Span;
use crate::terminal::{self, Style};

/// What every verb has.
#[derive(Debug, Args)]
pub(crate) struct Changing {
    /// Say what would be asked, and ask nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

const UP: &str = "\
Examples:
  longshore preview up                      for the branch that is checked out here
  longshore preview up feature/login        make it, or try again after it failed
  longshore preview up '#12' --detach
  URL=$(longshore preview up feature/login --output json | jq -r .url)";

/// Make an environment, or try again, and wait until it answers
#[derive(Debug, Args)]
#[command(after_help = UP)]
pub(crate) struct Up {
    /// A branch, or `#NUMBER` of a pull request; the branch that is checked out here when it is not given
    branch: Option<String>,
    /// OWNER/NAME; may be left out where only one repository has environments
    #[arg(long)]
    repository: Option<String>,
    /// Do not wait for it
    #[arg(long)]
    detach: bool,
    /// Wait at most so long, such as 15m
    #[arg(long, default_value = "15m", value_parser = crate::run::words::timeout)]
    timeout: std::time::Duration,
    #[command(flatten)]
    changing: Changing,
}

const DOWN: &str = "\
Examples:
  longshore preview down feature/login      its hooks run first; then everything of it is removed
  longshore preview down login.shop --dry-run";

/// Remove an environment, and wait until nothing of it is left
#[derive(Debug, Args)]
#[command(after_help = DOWN)]
pub(crate) struct Down {
    /// Its id, its branch, or `#NUMBER`
    environment: String,
    /// Do not wait for it
    #[arg(long)]
    detach: bool,
    /// Wait at most so long, such as 15m
    #[arg(long, default_value = "15m", value_parser = crate::run::words::timeout)]
    timeout: std::time::Duration,
    #[command(flatten)]
    changing: Changing,
}

const EXTEND: &str = "\
Examples:
  longshore preview extend feature/login        by its usual lifetime, from now on
  longshore preview extend login.shop 3d";

/// Keep an environment for longer
#[derive(Debug, Args)]
#[command(after_help = EXTEND)]
pub(crate) struct Extend {
    /// Its id, its branch, or `#NUMBER`
    environment: String,
    /// For so long from now on, such as 12h or 3d; its usual lifetime when it is not given
    #[arg(value_name = "TIME", value_parser = crate::run::words::timeout)]
    time: Option<std::time::Duration>,
    #[command(flatten)]
    changing: Changing,
}

const PIN: &str = "\
Examples:
  longshore preview pin feature/login
  longshore preview pin feature/login --off";

/// Keep an environment until its branch ends
#[derive(Debug, Args)]
#[command(after_help = PIN)]
pub(crate) struct Pin {
    /// Its id, its branch, or `#NUMBER`
    environment: String,
    /// No longer
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    changing: Changing,
}

const PLAIN: &str = "\
Examples:
  longshore preview sleep feature/login
  longshore preview wake login.shop";

#[derive(Debug, Args)]
#[command(after_help = PLAIN)]
pub(crate) struct Plain {
    /// Its id, its branch, or `#NUMBER`
    environment: String,
    #[command(flatten)]
    changing: Changing,
}

const CONFIRM: &str = "\
Examples:
  longshore preview confirm octo-org/shop

What is held, and why, is in `longshore preview list`. The word holds for ten minutes.";

/// Let removals go on that were held because they were many at once
#[derive(Debug, Args)]
#[command(after_help = CONFIRM)]
pub(crate) struct Confirm {
    /// OWNER/NAME
    repository: String,
    #[command(flatten)]
    changing: Changing,
}

pub(super) async fn up(arguments: &Up) -> Result<u8> {
    let name = names::environment(arguments.branch.as_deref())?;
    let pull_request = names::pull_request(&name);
    let branch = pull_request.is_none().then(|| name.clone());
    let command = Command::Up { repository: arguments.repository.clone(), branch, pull_request };
    let what = format!("make the environment of `{name}`");
    let Some((client, id)) = ask(&arguments.changing, &command, &what, !arguments.detach).await? else {
        return Ok(0);
    };
    if arguments.detach {
        return Ok(0);
    }
    let id = id.unwrap_or(name);
    wait::until(&client, &id, Wanted::Ready, arguments.timeout, arguments.changing.common.output).await
}

pub(super) async fn down(arguments: &Down) -> Result<u8> {
    let command = Command::Down { environment: arguments.environment.clone() };
    let what = format!("remove environment `{}`", arguments.environment);
    let Some((client, id)) = ask(&arguments.changing, &command, &what, false).await? else { return Ok(0) };
    if arguments.detach {
        return Ok(0);
    }
    let output = arguments.changing.common.output;
    let id = id.unwrap_or_else(|| arguments.environment.clone());
    wait::until(&client, &id, Wanted::Gone, arguments.timeout, output).await
}

pub(super) async fn extend(arguments: &Extend) -> Result<u8> {
    let seconds = arguments.time.map(|time| Span(time).seconds());
    let command = Command::Extend { environment: arguments.environment.clone(), seconds };
    say(&arguments.changing, &command, &format!("keep environment `{}` for longer", arguments.environment))
        .await
}

pub(super) async fn pin(arguments: &Pin) -> Result<u8> {
    let command = Command::Pin { environment: arguments.environment.clone(), pinned: !arguments.off };
    let verb = if arguments.off { "unpin" } else { "pin" };
    say(&arguments.changing, &command, &format!("{verb} environment `{}`", arguments.environment)).await
}

pub(super) async fn sleep(arguments: &Plain) -> Result<u8> {
    let command = Command::Sleep { environment: arguments.environment.clone() };
    say(&arguments.changing, &command, &format!("put environment `{}` to sleep", arguments.environment)).await
}

pub(super) async fn wake(arguments: &Plain) -> Result<u8> {
    let command = Command::Wake { environment: arguments.environment.clone() };
    say(&arguments.changing, &command, &format!("wake environment `{}`", arguments.environment)).await
}

pub(super) async fn confirm(arguments: &Confirm) -> Result<u8> {
    let command = Command::Confirm { repository: arguments.repository.clone() };
    say(&arguments.changing, &command, &format!("let the held removals of `{}` go on", arguments.repository))
        .await
}

/// Asks, and is done.
async fn say(changing: &Changing, command: &Command, what: &str) -> Result<u8> {
    ask(changing, command, what, false).await.map(|_| 0)
}

/// Asks, and shows the answer; gives back whom to ask further, and the environment's id. Nothing is asked in a dry run. Where
/// the environment itself is shown later (`is_shown`), the answer is no document of its own.
async fn ask(
    changing: &Changing,
    command: &Command,
    what: &str,
    is_shown: bool,
) -> Result<Option<(Client, Option<String>)>> {
    if changing.dry_run {
        terminal::talk(&format!("would {what}"), Style::Plain);
        return Ok(None);
    }
    let client = Client::of(&changing.common)?;
    let AnswerView { message, environment } = client.ask(command).await?;
    match changing.common.output {
        Output::Json if !is_shown => json(&serde_json::json!({"message": message}))?,
        Output::Json | Output::Text => terminal::talk(&message, Style::Plain),
    }
    Ok(Some((client, environment)))
}
