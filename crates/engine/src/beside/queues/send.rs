//! Messages sent, one by one and in batches.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::{self, LARGEST_MESSAGE};
use super::batch::Batch;
use super::digest::{self, Attribute};
use super::fault::{invalid_parameter, missing_parameter, out_of_range};
use super::state::{Letter, Queue, size_bytes};
use super::{Client, LETTER, Queues};
use crate::beside::Answer;
use crate::refusal::Refusal;
use crate::store::Write;

/// How many attributes a message may have.
const ATTRIBUTES_LIMIT: usize = 10;

/// How many bytes of messages a queue holds at most: they are in memory.
const QUEUE_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// The only attribute that SQS itself understands.
const TRACE_HEADER: &str = "AWSTraceHeader";

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SendMessage {
    queue_url: Option<String>,
    #[serde(flatten)]
    message: NewMessage,
}

/// A message, as SendMessage and an entry of SendMessageBatch have it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NewMessage {
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    message_attributes: BTreeMap<String, Attribute>,
    message_system_attributes: BTreeMap<String, Attribute>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

impl Queues {
    pub(super) fn send(&self, request: SendMessage, client: Client<'_>, now: Timestamp) -> Answer {
        let mut state = self.state();
        let id = state.random.uuid();
        let queue = self.named(&mut state, request.queue_url.as_ref(), now)?;
        let (answer, write) = self.accept(queue, request.message, id, client, now)?;
        Ok((answer, self.store.submit(vec![write])))
    }

    pub(super) fn send_batch(&self, batch: Batch<NewMessage>, client: Client<'_>, now: Timestamp) -> Answer {
        batch.check("SendMessageBatchRequestEntry")?;
        let size: usize = batch.entries.iter().map(|entry| entry.request.size_bytes()).sum();
        if i64::try_from(size).unwrap_or(i64::MAX) > LARGEST_MESSAGE {
            let message = format!(
                "Batch requests cannot be longer than {LARGEST_MESSAGE} bytes. You have sent {size} bytes."
            );
            return Err(Refusal::new("BatchRequestTooLong", message));
        }
        let mut state = self.state();
        let mut ids: Vec<String> = batch.entries.iter().map(|_| state.random.uuid()).collect();
        let queue = self.named(&mut state, batch.queue_url.as_ref(), now)?;
        let mut writes = Vec::new();
        let answer = batch.answer(|message| {
            let id = ids.pop().unwrap_or_default();
            let (answer, write) = self.accept(queue, message, id, client, now)?;
            writes.push(write);
            Ok(answer)
        });
        Ok((answer, self.store.submit(writes)))
    }

    fn accept(
        &self,
        queue: &mut Queue,
        message: NewMessage,
        id: String,
        client: Client<'_>,
        now: Timestamp,
    ) -> Result<(Value, Write), Refusal> {
        let settings = &queue.settings.attributes;
        message.check(attributes::number(settings, attributes::MESSAGE_SIZE))?;
        let delay = message.delay_seconds.unwrap_or_else(|| attributes::number(settings, attributes::DELAY));
        if queue.size_bytes().saturating_add(message.size_bytes()) > QUEUE_LIMIT_BYTES {
            let message = format!(
                "Longshore's engine holds at most {QUEUE_LIMIT_BYTES} bytes of messages in a queue: receive and delete \
                 some, or purge it."
            );
            return Err(Refusal::new("OverLimit", message));
        }
        let letter = Letter {
            queue: queue.settings.name.clone(),
            number: 0,
            id,
            body: message.message_body.unwrap_or_default(),
            sender: client.user_id.to_owned(),
            sent: now,
            visible_at: now.plus_seconds(delay),
            attributes: message.message_attributes,
            trace_header: message.message_system_attributes.into_values().next(),
            group: message.message_group_id,
        };
        let mut answer = json!({"MessageId": letter.id, "MD5OfMessageBody": digest::of_body(&letter.body)});
        if let Some(sum) = digest::of_attributes(&letter.attributes) {
            answer["MD5OfMessageAttributes"] = json!(sum);
        }
        let name = TRACE_HEADER.to_owned();
        if let Some(sum) = digest::of_attributes(letter.trace_header.as_ref().map(|header| (&name, header))) {
            answer["MD5OfMessageSystemAttributes"] = json!(sum);
        }
        let letter = queue.add(letter);
        Ok((answer, self.put(LETTER, letter.record_id(), letter)?))
    }
}

impl NewMessage {
    fn size_bytes(&self) -> usize {
        size_bytes(self.message_body.as_deref().unwrap_or_default(), &self.message_attributes)
    }

    fn check(&self, largest: i64) -> Result<(), Refusal> {
        let body = self.message_body.as_ref().filter(|body| !body.is_empty());
        let body = body.ok_or_else(|| missing_parameter("MessageBody"))?;
        if i64::try_from(self.size_bytes()).unwrap_or(i64::MAX) > largest {
            return Err(invalid_parameter(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {largest} bytes."
            )));
        }
        check_characters(body)?;
        if let Some(delay) = self.delay_seconds.filter(|delay| !(0..=900).contains(delay)) {
            return Err(out_of_range("DelaySeconds", delay, 0, 900));
        }
        if self.message_deduplication_id.is_some() {
            return Err(invalid_parameter(
                "The request include parameter MessageDeduplicationId which is not valid for this queue type",
            ));
        }
        if self.message_attributes.len() > ATTRIBUTES_LIMIT {
            let count = self.message_attributes.len();
            return Err(invalid_parameter(format!(
                "Number of message attributes [{count}] exceeds the allowed maximum [{ATTRIBUTES_LIMIT}]."
            )));
        }
        if let Some(other) = self.message_system_attributes.keys().find(|name| *name != TRACE_HEADER) {
            return Err(invalid_parameter(format!("Message system attribute name '{other}' is invalid.")));
        }
        let all = self.message_attributes.iter().chain(&self.message_system_attributes);
        all.into_iter().try_for_each(|(name, attribute)| attribute.check(name))
    }
}

impl Attribute {
    fn check(&self, name: &str) -> Result<(), Refusal> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let lower = name.to_ascii_lowercase();
        let is_reserved = name != TRACE_HEADER && (lower.starts_with("aws.") || lower.starts_with("amazon."));
        if !(1..=256).contains(&name.len()) || !name.chars().all(is_allowed) || is_reserved {
            return Err(invalid_parameter(format!("The message attribute name '{name}' is invalid.")));
        }
        let kind = self.data_type.split('.').next().unwrap_or("");
        let is_right = match kind {
            "String" => self.string_value.as_ref().is_some_and(|text| !text.is_empty()),
            "Number" => self.string_value.as_ref().is_some_and(|text| text.parse::<f64>().is_ok()),
            "Binary" => self.binary().is_some_and(|bytes| !bytes.is_empty()),
            _ => {
                return Err(invalid_parameter(format!(
                    "The type of message attribute '{name}' is invalid. You must use only the following supported type \
                     prefixes: Binary, Number, String."
                )));
            }
        };
        if is_right && self.string_value.is_some() != self.binary_value.is_some() {
            return self.string_value.as_deref().map_or(Ok(()), check_characters);
        }
        Err(invalid_parameter(format!(
            "The message attribute '{name}' must contain a non-empty value of its type {kind}."
        )))
    }
}

/// What XML 1.0 can hold.
fn check_characters(text: &str) -> Result<(), Refusal> {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    match text.chars().find(|c| !is_allowed(*c)) {
        Some(other) => Err(Refusal::new(
            "InvalidMessageContents",
            format!(
                "Invalid binary character '#x{:x}' was found in the message body, the set of allowed characters is #x9 | \
                 #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
                u32::from(other)
            ),
        )),
        None => Ok(()),
    }
}
