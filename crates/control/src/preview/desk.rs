//! What people and webhooks can ask: the one door to the reconcilers, for the API, the dashboard and Slack.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longshore_decide::preview::activity::{self, Requested};
use longshore_decide::preview::find;
use longshore_decide::preview::telling::moment;
use longshore_model::preview::view::{AnswerView, Command};
use longshore_model::preview::{Delivery, DeliveryState, Environment, Policy};
use longshore_model::{Error, Timestamp};
use longshore_world::{Clock, Expect, Write};
use tokio::sync::broadcast;

use super::chronicle::Chronicle;
use super::clerk::Clerk;
use super::records::{self, Change};
use super::repository::Ledger;
use super::{Object, Previews};
use crate::book::{ARRIVALS, Book, DELIVERIES, Kept, PAYLOADS, PENDING, REPOSITORIES, put};
use crate::driver::Driver;

/// What became of a delivery at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It was stored, and its repository's reconciler is woken.
    New,
    /// It was here before: nothing is done again.
    Known,
}

/// The door.
#[derive(Debug)]
pub struct Desk {
    pub(super) book: Book,
    policies: BTreeMap<String, Arc<Policy>>,
    clock: Arc<dyn Clock>,
    /// The world behind the door; absent where only what is kept can be shown.
    pub(super) previews: Option<Arc<Previews>>,
    driver: Driver<Object>,
    asked: AtomicU64,
}

impl Desk {
    /// Over what is kept. `policies` are by repository. Nothing can be asked of GitHub or AWS through it.
    #[must_use]
    pub fn new(book: Book, policies: BTreeMap<String, Arc<Policy>>, clock: Arc<dyn Clock>) -> Self {
        let driver = Driver::new(Arc::clone(&clock));
        Self { book, policies, clock, previews: None, driver, asked: AtomicU64::default() }
    }

    /// The door to these reconcilers: what is asked wakes them, whether this process drives them or another one does.
    #[must_use]
    pub fn of(previews: Arc<Previews>, driver: Driver<Object>) -> Self {
        let (book, policies) = (previews.book.clone(), previews.policies.clone());
        let clock = Arc::clone(&previews.world.clock);
        Self { book, policies, clock, previews: Some(previews), driver, asked: AtomicU64::default() }
    }

    /// The store with meaning, for tokens, sessions and the audit log.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The wall clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The policies, by repository.
    #[must_use]
    pub fn policies(&self) -> &BTreeMap<String, Arc<Policy>> {
        &self.policies
    }

    /// The rounds behind the door, for `/metrics` and for people who ask how they are.
    #[must_use]
    pub fn driver(&self) -> &Driver<Object> {
        &self.driver
    }

    /// The ids of environments whose record changed, from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<String> {
        self.book.changes()
    }

    /// Stores a delivery with its bytes, and wakes the reconciler of its repository. When this returns, it survives the
    /// end of this process.
    ///
    /// # Errors
    /// Those of the store: then the sender must be told to send it again.
    pub async fn deliver(&self, delivery: Delivery, payload: Vec<u8>) -> Result<Accepted, Error> {
        let id = &delivery.id;
        let arrival = format!("{}/{id}", moment(delivery.at));
        let raw = Write { table: PAYLOADS, key: id.clone(), expect: Expect::Anything, body: Some(payload) };
        let mut writes = vec![
            put(DELIVERIES, id.as_str(), Expect::Absent, &delivery),
            raw,
            put(ARRIVALS, arrival.as_str(), Expect::Anything, id),
        ];
        let repository = delivery.repository.as_ref().filter(|_| delivery.state == DeliveryState::Accepted);
        writes.extend(repository.map(|name| put(PENDING, format!("{name}/{arrival}"), Expect::Anything, id)));
        if !self.book.write(writes).await? {
            return Ok(Accepted::Known);
        }
        if let Some(name) = repository {
            self.driver.wake(Object::Repository(name.clone()));
        }
        Ok(Accepted::New)
    }

    /// Does what a person asks, as far as it can be done at once: records are changed, and reconcilers woken. The answer
    /// is a sentence for them. `who` goes into the timeline.
    ///
    /// # Errors
    /// Those of the store; [`longshore_model::Kind::NotFound`] and [`longshore_model::Kind::Invalid`] for what cannot be
    /// asked.
    pub async fn ask(&self, command: &Command, who: &str) -> Result<AnswerView, Error> {
        if let Command::Confirm { repository } = command {
            return self.confirm(repository).await;
        }
        // Not a round, but a place in the timeline of its own.
        let place = format!("asked-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let (id, answer) = self.clerk().carry_out(command, who, &place, |_, _| Vec::new()).await?;
        let message = answer?;
        self.driver.wake(Object::Environment(id.clone()));
        Ok(AnswerView { message, environment: Some(id) })
    }

    /// Takes requests of clients, by environment, that our own proxy has seen: at most a write a minute for each, and one
    /// at once where it wakes somebody.
    ///
    /// # Errors
    /// Those of the store, once all others were taken.
    pub async fn requested(&self, requests: &[(String, Timestamp)]) -> Result<(), Error> {
        let mut end = Ok(());
        for (id, at) in requests {
            match self.request(id, *at).await {
                Ok(Requested::Wakes) => self.driver.wake(Object::Environment(id.clone())),
                Ok(Requested::Noted | Requested::Known) => {}
                Err(error) => end = Err(error),
            }
        }
        end
    }

    async fn request(&self, id: &str, at: Timestamp) -> Result<Requested, Error> {
        let mut chronicle = Chronicle::new(id, "request");
        records::amend(&self.book, id, &Change::default(), &mut chronicle, self.clock.now(), |record| {
            let Some(record) = record else { return Requested::Known };
            let policy = find::by_repository(&self.policies, &record.repository);
            activity::requested(record, policy.map(AsRef::as_ref), at)
        })
        .await
    }

    async fn confirm(&self, repository: &str) -> Result<AnswerView, Error> {
        let policy = find::policy(Some(repository), self.policies.values())?;
        let (name, now) = (&policy.repository, self.clock.now());
        let change = |row: &mut Option<Ledger>| row.get_or_insert_default().confirmed_at = Some(now);
        self.book.amend(REPOSITORIES, name, change).await?;
        self.driver.wake(Object::Repository(name.clone()));
        let message = format!("{name} is looked at again, and what should go goes, however much it is");
        Ok(AnswerView { message, environment: None })
    }

    /// The record that somebody means.
    pub(super) async fn find(&self, name: &str) -> Result<Kept<Environment>, Error> {
        self.clerk().find(name).await
    }

    fn clerk(&self) -> Clerk<'_> {
        let github = self.previews.as_ref().map(|previews| previews.world.github.as_ref());
        Clerk { book: &self.book, policies: &self.policies, github, now: self.clock.now() }
    }
}
