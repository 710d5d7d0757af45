//! Amazon SQS of one account and region: standard queues, one of which may take the engine's own events.
//!
//! Messages are in memory and stored, each once, before they are acknowledged. What changes with every delivery (how
//! often, invisible until when) is a small record beside them, so that a restart forgets no delivery either.

mod attributes;
mod batch;
mod digest;
mod fault;
mod manage;
mod receive;
mod send;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use longshore_ecs::random::Random;
use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use serde::Serialize;
use serde_json::{Value, json};

pub(crate) use self::fault::query_code;
use self::fault::{invalid_address, missing_parameter, no_queue};
use self::state::{Delivery, Letter, Queue, Settings};
use super::request::{parse, unknown_operation};
use super::{Answer, lock, random, when_durable};
use crate::refusal::Refusal;
use crate::store::{Record, Store, Ticket, Write};

/// The queue that takes the engine's own events, in EventBridge's shape, where somebody has created it.
pub const EVENTS_QUEUE: &str = "longshore-events";

/// How many events wait for a reader at most: they are hints, so that the oldest may go.
const EVENTS_LIMIT: usize = 4096;

const QUEUE: &str = "queue";
const LETTER: &str = "queue-message";
const DELIVERY: &str = "queue-delivery";

/// The kinds of records that are restored here.
pub(crate) const KINDS: [&str; 3] = [QUEUE, LETTER, DELIVERY];

/// Who calls, as far as answers show it.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The host and port that the client reached us under: queue URLs begin with it.
    pub host: &'a str,
    /// The id of the user of the signature's key.
    pub user_id: &'a str,
}

/// The queues of one account and region.
pub struct Queues {
    scope: Scope,
    key: Arc<str>,
    store: Arc<Store>,
    state: Mutex<State>,
    hears_events: AtomicBool,
}

struct State {
    all: BTreeMap<String, Queue>,
    random: Random,
}

impl Queues {
    /// No queues yet; stored ones come back through [`Queues::restore`].
    #[must_use]
    pub fn new(scope: Scope, store: Arc<Store>) -> Self {
        let key = format!("{}/{}", scope.account, scope.region).into();
        let state = Mutex::new(State { all: BTreeMap::new(), random: random() });
        Self { scope, key, store, state, hears_events: AtomicBool::new(false) }
    }

    /// Takes a stored record back, at the start; a record of another kind is ignored.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn restore(&self, record: &Record) -> Result<(), serde_json::Error> {
        let mut state = self.state();
        match record.kind.as_str() {
            QUEUE => {
                let settings: Settings = serde_json::from_str(&record.body)?;
                self.note_events_queue(&settings.name, true);
                state.all.insert(settings.name.clone(), Queue::new(settings));
            }
            LETTER => {
                let letter: Letter = serde_json::from_str(&record.body)?;
                if let Some(queue) = state.all.get_mut(&letter.queue) {
                    queue.restore(letter);
                }
            }
            DELIVERY => {
                let delivery: Delivery = serde_json::from_str(&record.body)?;
                if let Some(queue) = state.all.get_mut(&delivery.queue) {
                    queue.set_delivery(delivery);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Answers a call of the API `AmazonSQS`.
    ///
    /// # Errors
    /// What SQS refuses, and what the engine does not offer.
    pub async fn call(
        &self,
        operation: &str,
        body: Value,
        client: Client<'_>,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let answer = match operation {
            "CreateQueue" => parse(body).and_then(|request| self.create(request, client, now)),
            "DeleteQueue" => parse(body).and_then(|request| self.delete(&request)),
            "PurgeQueue" => parse(body).and_then(|request| self.purge(&request)),
            "GetQueueUrl" => parse(body).and_then(|request| self.url_of(&request, client)),
            "ListQueues" => parse(body).and_then(|request| self.list(&request, client)),
            "GetQueueAttributes" => parse(body).and_then(|request| self.describe(&request, now)),
            "SetQueueAttributes" => parse(body).and_then(|request| self.change(request, now)),
            "ListQueueTags" => parse(body).and_then(|request| self.tags(&request)),
            "SendMessage" => parse(body).and_then(|request| self.send(request, client, now)),
            "SendMessageBatch" => parse(body).and_then(|request| self.send_batch(request, client, now)),
            "ReceiveMessage" => match parse(body) {
                Ok(request) => self.receive(&request).await,
                Err(refusal) => Err(refusal),
            },
            "DeleteMessage" => parse(body).and_then(|request| self.delete_message(&request, now)),
            "DeleteMessageBatch" => parse(body).and_then(|request| self.delete_batch(request, now)),
            "ChangeMessageVisibility" => {
                parse(body).and_then(|request| self.change_visibility(&request, now))
            }
            "ChangeMessageVisibilityBatch" => {
                parse(body).and_then(|request| self.change_visibility_batch(request, now))
            }
            _ => Err(unknown_operation()),
        };
        when_durable(&self.store, answer).await
    }

    /// Whether there is a queue for the engine's own events.
    #[must_use]
    pub fn hears_events(&self) -> bool {
        self.hears_events.load(Ordering::Acquire)
    }

    /// Puts an event into the queue for them, where there is one. It is stored like any message, but nobody waits for
    /// that: what led to it is stored already, and whoever reads it is told only once it is stored, too.
    pub(crate) fn publish(&self, event: &Value, now: Timestamp) {
        let mut state = self.state();
        let State { all, random } = &mut *state;
        let Some(queue) = all.get_mut(EVENTS_QUEUE) else { return };
        let mut over = queue.advance(now);
        over.extend(queue.trim(EVENTS_LIMIT - 1));
        let mut writes = self.forget(EVENTS_QUEUE, &over);
        let letter = Letter {
            queue: EVENTS_QUEUE.to_owned(),
            id: random.uuid(),
            body: event.to_string(),
            sender: "events.amazonaws.com".to_owned(),
            sent: now,
            visible_at: now,
            ..Letter::default()
        };
        let letter = queue.add(letter);
        writes.extend(self.put(LETTER, letter.record_id(), letter).ok());
        drop(self.store.submit(writes));
    }

    /// Forgets the messages that are older than their queue's retention.
    pub(crate) fn sweep(&self, now: Timestamp) -> Ticket {
        let mut state = self.state();
        let over = state.all.iter_mut().map(|(name, queue)| (name.clone(), queue.advance(now)));
        let writes = over.flat_map(|(name, numbers)| self.forget(&name, &numbers)).collect();
        self.store.submit(writes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The queue that a URL names, without its messages that are over; their records go away.
    fn named<'a>(
        &self,
        state: &'a mut State,
        url: Option<&String>,
        now: Timestamp,
    ) -> Result<&'a mut Queue, Refusal> {
        let name = self.name_in(url)?;
        let queue = state.all.get_mut(&name).ok_or_else(no_queue)?;
        let over = queue.advance(now);
        if !over.is_empty() {
            // Nobody waits for it: what comes back after a crash is over again.
            drop(self.store.submit(self.forget(&name, &over)));
        }
        Ok(queue)
    }

    /// The last part of a queue's URL. Host and scheme do not matter: they depend on how the engine is reached.
    fn name_in(&self, url: Option<&String>) -> Result<String, Refusal> {
        let url = url.ok_or_else(|| missing_parameter("QueueUrl"))?;
        let mut parts = url.rsplit('/');
        match (parts.next(), parts.next()) {
            (Some(name), Some(account)) if account == self.scope.account => Ok(name.to_owned()),
            (Some(_), Some(account)) if account.len() == 12 => Err(no_queue()),
            _ => Err(invalid_address(url)),
        }
    }

    fn url(&self, name: &str, client: Client<'_>) -> String {
        format!("http://{}/{}/{name}", client.host, self.scope.account)
    }

    fn arn(&self, name: &str) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:sqs:{region}:{account}:{name}", self.scope.partition())
    }

    fn note_events_queue(&self, name: &str, is_there: bool) {
        if name == EVENTS_QUEUE {
            self.hears_events.store(is_there, Ordering::Release);
        }
    }

    fn put(&self, kind: &'static str, id: String, body: &impl Serialize) -> Result<Write, Refusal> {
        let body = serde_json::to_string(body)
            .map_err(|error| Refusal::new("InternalFailure", error.to_string()).with_status(500))?;
        Ok(Write::Put { scope: Arc::clone(&self.key), kind, id, body })
    }

    /// The writes that forget messages.
    fn forget(&self, queue: &str, numbers: &[u64]) -> Vec<Write> {
        let ids = numbers.iter().map(|number| state::record_id(queue, *number));
        ids.flat_map(|id| [LETTER, DELIVERY].map(|kind| self.remove(kind, id.clone()))).collect()
    }

    fn remove(&self, kind: &'static str, id: String) -> Write {
        Write::Delete { scope: Arc::clone(&self.key), kind, id }
    }
}

/// What SQS answers to a call that has nothing to tell.
fn done(ticket: Ticket) -> Answer {
    Ok((json!({}), ticket))
}
