//! Who did what: written before it is done, and completed with what became of it.

use longshore_control::book::{self, Book};
use longshore_model::preview::view::Command;
use longshore_model::{Error, Timestamp};
use longshore_world::{Expect, Scan};
use serde::{Deserialize, Serialize};

use crate::app::Shared;
use crate::random;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deed {
    pub(crate) at: Timestamp,
    /// A login, a token's name, or a name in Slack.
    pub(crate) who: String,
    /// `api`, `dashboard`, `github` (a comment) or `slack`.
    pub(crate) via: String,
    /// In words, such as `down x.web`.
    pub(crate) what: String,
    /// What became of it; absent when this process ended in between.
    pub(crate) outcome: Option<String>,
}

/// Where it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Api,
    Dashboard,
    Github,
    Slack,
}

impl Via {
    const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Dashboard => "dashboard",
            Self::Github => "github",
            Self::Slack => "slack",
        }
    }
}

/// Does something and notes it. What cannot be noted is not done.
pub(crate) async fn during<T>(
    shared: &Shared,
    who: &str,
    via: Via,
    what: String,
    deed: impl Future<Output = Result<T, Error>>,
    outcome: impl FnOnce(&T) -> String,
) -> Result<T, Error> {
    let book = shared.desk().book();
    let at = shared.now();
    let key = format!("{:020}/{}", at.0, random::id());
    let mut note = Deed { at, who: who.to_owned(), via: via.word().to_owned(), what, outcome: None };
    write(book, &key, &note).await?;
    let done = deed.await;
    note.outcome = Some(match &done {
        Ok(value) => outcome(value),
        Err(error) => format!("failed: {error}"),
    });
    if let Err(error) = write(book, &key, &note).await {
        tracing::error!(%error, key, "cannot complete a line of the audit log");
    }
    done
}

/// Asks the desk, and notes it.
pub(crate) async fn ask(shared: &Shared, who: &str, via: Via, command: &Command) -> Result<String, Error> {
    let asked = shared.desk().ask(command, who);
    during(shared, who, via, words(command), asked, Clone::clone).await
}

/// A command, as the log says it.
fn words(command: &Command) -> String {
    match command {
        Command::Up { repository, branch, pull_request } => {
            let subject = match (pull_request, branch) {
                (Some(number), _) => format!("#{number}"),
                (None, branch) => branch.clone().unwrap_or_default(),
            };
            let of = repository.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            format!("up {subject}{of}")
        }
        Command::Down { environment } => format!("down {environment}"),
        Command::Extend { environment, seconds: Some(seconds) } => {
            format!("extend {environment} by {seconds} s")
        }
        Command::Extend { environment, seconds: None } => format!("extend {environment}"),
        Command::Pin { environment, pinned: true } => format!("pin {environment}"),
        Command::Pin { environment, pinned: false } => format!("unpin {environment}"),
        Command::Sleep { environment } => format!("sleep {environment}"),
        Command::Wake { environment } => format!("wake {environment}"),
        Command::Confirm { repository } => format!("confirm removals of {repository}"),
    }
}

/// Notes something that has happened already, such as a login.
pub(crate) async fn note(
    shared: &Shared,
    who: &str,
    via: Via,
    what: &str,
    outcome: &str,
) -> Result<(), Error> {
    let done = async { Ok(()) };
    during(shared, who, via, what.to_owned(), done, |()| outcome.to_owned()).await
}

/// The newest first, from behind a key.
pub(crate) async fn page(
    book: &Book,
    after: Option<String>,
    limit: usize,
) -> Result<Vec<(String, Deed)>, Error> {
    let scan = Scan { after, limit, descending: true, ..Scan::default() };
    let rows = book.scan::<Deed>(book::AUDIT, &scan).await?;
    Ok(rows.into_iter().map(|(key, kept)| (key, kept.value)).collect())
}

async fn write(book: &Book, key: &str, deed: &Deed) -> Result<(), Error> {
    book.write(vec![book::put(book::AUDIT, key, Expect::Anything, deed)]).await.map(|_| ())
}
