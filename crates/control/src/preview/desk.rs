//! What people and webhooks can ask: the one door to the reconcilers, for the API, the dashboard and Slack.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_model::preview::view::{Command, DeliveryView, EnvironmentDetail, EnvironmentView};
use longshore_model::preview::{Delivery, Policy};
use longshore_model::{Error, Kind};
use longshore_world::Clock;
use tokio::sync::broadcast;

use crate::book::Book;

/// How many changes a slow listener may be behind before it loses the oldest.
const BACKLOG: usize = 1024;

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
    book: Book,
    policies: BTreeMap<String, Arc<Policy>>,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<String>,
}

impl Desk {
    /// Over what is kept. `policies` are by repository.
    #[must_use]
    pub fn new(book: Book, policies: BTreeMap<String, Arc<Policy>>, clock: Arc<dyn Clock>) -> Self {
        Self { book, policies, clock, changes: broadcast::Sender::new(BACKLOG) }
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

    /// The ids of environments whose record changed, from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }

    /// Stores a delivery with its bytes, and wakes the reconciler of its repository. When this returns, it survives the
    /// end of this process.
    ///
    /// # Errors
    /// Those of the store: then the sender must be told to send it again.
    pub async fn deliver(&self, _delivery: Delivery, _payload: Vec<u8>) -> Result<Accepted, Error> {
        Err(Error::new(Kind::Unavailable, "cannot take deliveries"))
    }

    /// All environments, in the order of their ids.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn environments(&self) -> Result<Vec<EnvironmentView>, Error> {
        Ok(Vec::new())
    }

    /// An environment with its services, tasks and timeline. `name` is an id, a branch, or `#NUMBER`.
    ///
    /// # Errors
    /// Those of the store; [`Kind::NotFound`] with the nearest names when there is none.
    pub async fn environment(&self, name: &str) -> Result<EnvironmentDetail, Error> {
        Err(Error::new(Kind::NotFound, format!("there is no environment `{name}`")))
    }

    /// The last lines of its tasks' logs, the oldest first.
    ///
    /// # Errors
    /// Those of the calls; [`Kind::NotFound`] when there is none.
    pub async fn logs(&self, name: &str, _lines: u16) -> Result<Vec<String>, Error> {
        Err(Error::new(Kind::NotFound, format!("there is no environment `{name}`")))
    }

    /// Does what a person asks, as far as it can be done at once: records are changed, and reconcilers woken. The answer
    /// is a sentence for them. `who` goes into the timeline.
    ///
    /// # Errors
    /// Those of the store; [`Kind::NotFound`] and [`Kind::Invalid`] for what cannot be asked.
    pub async fn ask(&self, _command: &Command, _who: &str) -> Result<String, Error> {
        Err(Error::new(Kind::Unavailable, "cannot take commands"))
    }

    /// Deliveries, the newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn deliveries(&self, _limit: usize) -> Result<Vec<DeliveryView>, Error> {
        Ok(Vec::new())
    }
}
