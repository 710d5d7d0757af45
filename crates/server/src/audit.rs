//! Who did what: written before it is done, and completed with what became of it.

use longshore_control::book::{self, Book};
use longshore_decide::preview::command;
use longshore_model::Error;
use longshore_model::preview::Deed;
use longshore_model::preview::view::{AnswerView, Command};
use longshore_world::{Expect, Scan};

use crate::app::Shared;
use crate::random;

/// Where it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Api,
    Dashboard,
    Slack,
}

impl Via {
    const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Dashboard => "dashboard",
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
pub(crate) async fn ask(
    shared: &Shared,
    who: &str,
    via: Via,
    command: &Command,
) -> Result<AnswerView, Error> {
    let asked = shared.desk().ask(command, who);
    during(shared, who, via, command::words(command), asked, |answer| answer.message.clone()).await
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
