//! Messages received, hidden for longer or shorter, and deleted.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use longshore_model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::batch::Batch;
use super::digest;
use super::fault::{invalid_handle, invalid_parameter, missing_parameter, out_of_range};
use super::state::{Delivery, Message, Queue};
use super::{DELIVERY, Queues, attributes, done};
use crate::beside::Answer;
use crate::clock::now;
use crate::refusal::Refusal;
use crate::store::{Ticket, Write};

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ReceiveMessage {
    queue_url: Option<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    /// The older member for `message_system_attribute_names`.
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
}

/// A message that was received, and for how long it is to be hidden from now on.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Held {
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

/// The same with its queue.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct OfMessage {
    queue_url: Option<String>,
    #[serde(flatten)]
    held: Held,
}

/// A look into a queue.
enum Look {
    Found(Value, Ticket),
    /// Nothing yet; who tells when to look again, when a hidden message can be received, and how long the queue waits.
    Nothing(watch::Receiver<()>, Option<Timestamp>, i64),
}

impl Queues {
    /// Waits for the first message, where that is asked for, and answers as soon as there is one.
    pub(super) async fn receive(&self, request: &ReceiveMessage) -> Answer {
        request.check()?;
        let mut deadline = None;
        loop {
            let (mut arrivals, next, wait_seconds) = match self.look(request, now())? {
                Look::Found(answer, ticket) => return Ok((answer, ticket)),
                Look::Nothing(arrivals, next, wait_seconds) => (arrivals, next, wait_seconds),
            };
            let wait = Duration::from_secs(wait_seconds.max(0).unsigned_abs());
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + wait);
            if Instant::now() >= deadline {
                return done(self.store.barrier());
            }
            let next = next.map(|at| Duration::from_millis(at.ms_since(now()).max(0).unsigned_abs()));
            let until = next.map_or(deadline, |wait| deadline.min(Instant::now() + wait));
            tokio::select! {
                // The queue may be gone: the next look says so.
                _ = arrivals.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    fn look(&self, request: &ReceiveMessage, now: Timestamp) -> Result<Look, Refusal> {
        let mut state = self.state();
        let queue = self.named(&mut state, request.queue_url.as_ref(), now)?;
        let usual = |name| attributes::number(&queue.settings.attributes, name);
        let hidden_seconds = request.visibility_timeout.unwrap_or_else(|| usual(attributes::VISIBILITY));
        let wait_seconds = request.wait_time_seconds.unwrap_or_else(|| usual(attributes::WAIT));
        let limit = usize::try_from(request.max_number_of_messages.unwrap_or(1)).unwrap_or(1);
        let (mut found, mut writes) = (Vec::new(), Vec::new());
        for message in queue.take(limit, hidden_seconds, now) {
            found.push(request.shown(message));
            if let Some(delivery) = &message.delivery {
                writes.push(self.put(DELIVERY, delivery.record_id(), delivery)?);
            }
        }
        if found.is_empty() {
            return Ok(Look::Nothing(queue.arrivals(), queue.next_visible(), wait_seconds));
        }
        Ok(Look::Found(json!({ "Messages": found }), self.store.submit(writes)))
    }

    pub(super) fn delete_message(&self, request: &OfMessage, now: Timestamp) -> Answer {
        let mut state = self.state();
        let queue = self.named(&mut state, request.queue_url.as_ref(), now)?;
        let writes = self.let_go(queue, &request.held)?;
        Ok((json!({}), self.after(writes)))
    }

    pub(super) fn delete_batch(&self, batch: Batch<Held>, now: Timestamp) -> Answer {
        batch.check("DeleteMessageBatchRequestEntry")?;
        self.each(batch, now, |queue, held| self.let_go(queue, held))
    }

    pub(super) fn change_visibility(&self, request: &OfMessage, now: Timestamp) -> Answer {
        let mut state = self.state();
        let queue = self.named(&mut state, request.queue_url.as_ref(), now)?;
        let writes = self.hide(queue, &request.held, now)?;
        Ok((json!({}), self.after(writes)))
    }

    pub(super) fn change_visibility_batch(&self, batch: Batch<Held>, now: Timestamp) -> Answer {
        batch.check("ChangeMessageVisibilityBatchRequestEntry")?;
        self.each(batch, now, |queue, held| self.hide(queue, held, now))
    }

    fn each(
        &self,
        batch: Batch<Held>,
        now: Timestamp,
        change: impl Fn(&mut Queue, &Held) -> Result<Vec<Write>, Refusal>,
    ) -> Answer {
        let mut state = self.state();
        let queue = self.named(&mut state, batch.queue_url.as_ref(), now)?;
        let mut writes = Vec::new();
        let answer = batch.answer(|held| {
            writes.extend(change(queue, &held)?);
            Ok(json!({}))
        });
        Ok((answer, self.after(writes)))
    }

    /// Deletes a message that was received. One that has been received again since then stays, and one that is gone is
    /// no error, as with SQS.
    fn let_go(&self, queue: &mut Queue, held: &Held) -> Result<Vec<Write>, Refusal> {
        let handle = Handle::of(queue, held)?;
        if !handle.is_latest_of(queue) {
            return Ok(Vec::new());
        }
        queue.remove(handle.number);
        Ok(self.forget(&queue.settings.name, &[handle.number]))
    }

    fn hide(&self, queue: &mut Queue, held: &Held, now: Timestamp) -> Result<Vec<Write>, Refusal> {
        let seconds = held.visibility_timeout.ok_or_else(|| missing_parameter("VisibilityTimeout"))?;
        check_range("VisibilityTimeout", Some(seconds), 0, 43_200)?;
        let handle = Handle::of(queue, held)?;
        let Some(message) = queue.get(handle.number).filter(|message| message.letter.id == handle.id) else {
            return Err(invalid_parameter(format!(
                "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
                 visibility timeout change.",
                held.receipt_handle.as_deref().unwrap_or_default()
            )));
        };
        let delivery = message.delivery.clone().filter(|_| handle.is_latest_of(queue));
        let Some(delivery) = delivery.filter(|_| queue.is_in_flight(handle.number)) else {
            return Err(Refusal::new("MessageNotInflight", "The specified message isn't in flight."));
        };
        let delivery = Delivery { visible_at: now.plus_seconds(seconds), ..delivery };
        let write = self.put(DELIVERY, delivery.record_id(), &delivery)?;
        queue.set_delivery(delivery);
        Ok(vec![write])
    }

    fn after(&self, writes: Vec<Write>) -> Ticket {
        if writes.is_empty() { self.store.barrier() } else { self.store.submit(writes) }
    }
}

impl ReceiveMessage {
    fn check(&self) -> Result<(), Refusal> {
        check_range("MaxNumberOfMessages", self.max_number_of_messages, 1, 10)?;
        check_range("WaitTimeSeconds", self.wait_time_seconds, 0, 20)?;
        check_range("VisibilityTimeout", self.visibility_timeout, 0, 43_200)
    }

    /// A message that was just received.
    fn shown(&self, message: &Message) -> Value {
        let Message { letter, delivery } = message;
        let delivery = delivery.clone().unwrap_or_default();
        let mut shown = json!({
            "MessageId": letter.id,
            "ReceiptHandle": Handle::to(message).written(),
            "MD5OfBody": digest::of_body(&letter.body),
            "Body": letter.body,
        });
        let mut own = Map::from_iter([
            ("SenderId".to_owned(), json!(letter.sender)),
            ("SentTimestamp".to_owned(), json!(letter.sent.0.to_string())),
            ("ApproximateReceiveCount".to_owned(), json!(delivery.count.to_string())),
            ("ApproximateFirstReceiveTimestamp".to_owned(), json!(delivery.first.0.to_string())),
        ]);
        if let Some(header) = letter.trace_header.as_ref().and_then(|header| header.string_value.as_ref()) {
            own.insert("AWSTraceHeader".into(), json!(header));
        }
        if let Some(group) = &letter.group {
            own.insert("MessageGroupId".into(), json!(group));
        }
        let wanted = || self.attribute_names.iter().chain(&self.message_system_attribute_names);
        own.retain(|name, _| wanted().any(|it| it == "All" || it == name));
        if !own.is_empty() {
            shown["Attributes"] = Value::Object(own);
        }
        let wanted = |name: &str| self.message_attribute_names.iter().any(|pattern| is_like(pattern, name));
        let attributes: Vec<_> = letter.attributes.iter().filter(|(name, _)| wanted(name)).collect();
        if let Some(sum) = digest::of_attributes(attributes.iter().copied()) {
            shown["MD5OfMessageAttributes"] = json!(sum);
            shown["MessageAttributes"] =
                attributes.into_iter().map(|(name, attribute)| (name.clone(), json!(attribute))).collect();
        }
        shown
    }
}

/// `All`, `.*`, a name, or the beginning of one before `.*`.
fn is_like(pattern: &str, name: &str) -> bool {
    let beginning = pattern.strip_suffix(".*");
    pattern == "All" || pattern == name || beginning.is_some_and(|it| name.starts_with(it))
}

/// What a receipt handle says, in base64: which message of which queue, and which of its deliveries.
#[derive(Debug, PartialEq, Eq)]
struct Handle {
    queue: String,
    number: u64,
    id: String,
    count: u32,
}

impl Handle {
    fn to(message: &Message) -> Self {
        let letter = &message.letter;
        let count = message.delivery.as_ref().map_or(0, |delivery| delivery.count);
        Self { queue: letter.queue.clone(), number: letter.number, id: letter.id.clone(), count }
    }

    fn written(&self) -> String {
        BASE64_URL_SAFE.encode(format!("{} {} {} {}", self.queue, self.number, self.id, self.count))
    }

    /// The handle of a request, which must be one of this queue.
    fn of(queue: &Queue, held: &Held) -> Result<Self, Refusal> {
        let text = held.receipt_handle.as_ref().ok_or_else(|| missing_parameter("ReceiptHandle"))?;
        let handle = Self::read(text).filter(|handle| handle.queue == queue.settings.name);
        handle.ok_or_else(|| invalid_handle(text))
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE.decode(text).ok()?).ok()?;
        let mut parts = text.split(' ');
        let handle = Self {
            queue: parts.next()?.to_owned(),
            number: parts.next()?.parse().ok()?,
            id: parts.next()?.to_owned(),
            count: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(handle)
    }

    /// Whether the message is there and has not been received again since.
    fn is_latest_of(&self, queue: &Queue) -> bool {
        queue.get(self.number).is_some_and(|message| Self::to(message) == *self)
    }
}

fn check_range(name: &str, value: Option<i64>, least: i64, most: i64) -> Result<(), Refusal> {
    match value.filter(|value| !(least..=most).contains(value)) {
        Some(value) => Err(out_of_range(name, value, least, most)),
        None => Ok(()),
    }
}
