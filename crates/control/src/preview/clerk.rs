//! Carries out what somebody asks of an environment: its record is changed, and what is said of it is written with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_decide::preview::{command, find, names};
use longshore_model::preview::view::Command;
use longshore_model::preview::{Environment, Policy, Revision};
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{GitHub, Write};

use super::chronicle::Chronicle;
use super::records::{self, Change};
use crate::book::{Book, ENVIRONMENTS, Kept};

/// Over what is kept, and GitHub where it can be asked.
pub(super) struct Clerk<'a> {
    pub(super) book: &'a Book,
    pub(super) policies: &'a BTreeMap<String, Arc<Policy>>,
    pub(super) github: Option<&'a dyn GitHub>,
    pub(super) now: Timestamp,
}

/// Which record, by its policy; and what GitHub has of it, when that was asked.
struct Target<'a> {
    id: String,
    policy: Option<&'a Policy>,
    revision: Option<Revision>,
}

/// What was answered, or why it was not done.
pub(super) type Answered = Result<String, Error>;

impl Clerk<'_> {
    /// Writes what `who` asks into the record that it speaks of, and says which one that is; its reconciler is the caller's to
    /// wake. `place` is for the timeline. What `also` makes of the id and the answer is written together with it.
    ///
    /// # Errors
    /// It could not be found out what is meant, or not be written: then nothing is.
    pub(super) async fn carry_out(
        &self,
        command: &Command,
        who: &str,
        place: &str,
        also: impl Fn(&str, &Answered) -> Vec<Write> + Send + Sync,
    ) -> Result<(String, Answered), Error> {
        let Target { id, policy, revision } = self.target(command).await?;
        let (now, revision) = (self.now, revision.as_ref());
        let change = |record: &mut Option<Environment>| match policy {
            Some(policy) => command::apply(record, command, policy, who, now, revision),
            None => command::apply_without_policy(record, command, who, now),
        };
        let said = Change { by: Some(who), ..Change::default() };
        let mut chronicle = Chronicle::new(&id, place);
        let also = |answer: &Answered| also(&id, answer);
        let answer = records::amend_with(self.book, &id, &said, &mut chronicle, now, change, also).await?;
        Ok((id, answer))
    }

    /// The record that somebody means.
    pub(super) async fn find(&self, name: &str) -> Result<Kept<Environment>, Error> {
        if let Some(kept) = records::read(self.book, name).await? {
            return Ok(kept);
        }
        let all = self.book.all::<Environment>(ENVIRONMENTS, "").await?;
        let values: Vec<Environment> = all.iter().map(|(_, kept)| kept.value.clone()).collect();
        let found = &find::environment(name, &values)?.names.id;
        let kept = all.into_iter().map(|(_, kept)| kept).find(|kept| kept.value.names.id == *found);
        kept.ok_or_else(|| Error::new(Kind::NotFound, format!("there is no environment `{name}`")))
    }

    async fn target(&self, command: &Command) -> Result<Target<'_>, Error> {
        let name = match command {
            Command::Up { repository, .. } => return self.wanted(command, repository.as_deref()).await,
            Command::Confirm { repository } => repository,
            Command::Down { environment }
            | Command::Extend { environment, .. }
            | Command::Pin { environment, .. }
            | Command::Sleep { environment }
            | Command::Wake { environment } => environment,
        };
        let record = self.find(name).await?.value;
        let policy = find::by_repository(self.policies, &record.repository).map(AsRef::as_ref);
        Ok(Target { id: record.names.id, policy, revision: None })
    }

    async fn wanted(&self, command: &Command, repository: Option<&str>) -> Result<Target<'_>, Error> {
        let policy = find::policy(repository, self.policies.values())?;
        let subject = command::subject(command)?;
        let unreachable = || Error::new(Kind::Unavailable, "this process cannot ask GitHub for the commit");
        let github = self.github.ok_or_else(unreachable)?;
        let revision = github.head(&policy.repository, &subject).await?;
        let all = records::of_repository(self.book, &policy.repository).await?;
        let all: Vec<Environment> = all.into_iter().map(|kept| kept.value).collect();
        let known = find::of_subject(&policy.repository, &subject, &all);
        let id = known.map_or_else(|| names::names(policy, &subject).id, |known| known.names.id.clone());
        Ok(Target { id, policy: Some(policy), revision })
    }
}
