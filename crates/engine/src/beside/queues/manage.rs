//! Queues made, found, described, changed, emptied and deleted.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{invalid_parameter, missing_parameter, no_queue, out_of_range};
use super::state::{Counts, Queue, Settings};
use super::{Client, QUEUE, Queues, attributes, done};
use crate::beside::Answer;
use crate::refusal::Refusal;

/// How many queues a page has at most.
const PAGE: i64 = 1000;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CreateQueue {
    queue_name: Option<String>,
    attributes: BTreeMap<String, String>,
    #[serde(rename = "tags")]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GetQueueUrl {
    queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListQueues {
    queue_name_prefix: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// A request about one queue.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct OfQueue {
    queue_url: Option<String>,
    attribute_names: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SetQueueAttributes {
    queue_url: Option<String>,
    attributes: BTreeMap<String, String>,
}

impl Queues {
    /// The same name with the same attributes is the same queue.
    pub(super) fn create(&self, request: CreateQueue, client: Client<'_>, now: Timestamp) -> Answer {
        let name = request.queue_name.ok_or_else(|| missing_parameter("QueueName"))?;
        check_name(&name)?;
        attributes::check(&request.attributes)?;
        let answer = json!({"QueueUrl": self.url(&name, client)});
        let mut state = self.state();
        if let Some(queue) = state.all.get(&name) {
            let own = attributes::all(&queue.settings.attributes);
            let differs =
                |(name, value): &(&String, &String)| own.get(*name).map_or("", String::as_str) != *value;
            return match request.attributes.iter().find(differs) {
                Some((other, _)) => Err(Refusal::new(
                    "QueueNameExists",
                    format!(
                        "A queue already exists with the same name and a different value for attribute {other}"
                    ),
                )),
                None => Ok((answer, self.store.barrier())),
            };
        }
        let settings = Settings {
            name: name.clone(),
            created: now,
            modified: now,
            attributes: request.attributes,
            tags: request.tags,
        };
        let write = self.put(QUEUE, name.clone(), &settings)?;
        self.note_events_queue(&name, true);
        state.all.insert(name, Queue::new(settings));
        Ok((answer, self.store.submit(vec![write])))
    }

    /// Deletes a queue with its messages. Another of its name may be created at once: unlike AWS's it is gone by then.
    pub(super) fn delete(&self, request: &OfQueue) -> Answer {
        let name = self.name_in(request.queue_url.as_ref())?;
        let mut state = self.state();
        let mut queue = state.all.remove(&name).ok_or_else(no_queue)?;
        self.note_events_queue(&name, false);
        let mut writes = self.forget(&name, &queue.trim(0));
        writes.push(self.remove(QUEUE, name));
        done(self.store.submit(writes))
    }

    /// Nothing is in progress afterwards, so that nobody has to wait for a minute to do it again.
    pub(super) fn purge(&self, request: &OfQueue) -> Answer {
        let name = self.name_in(request.queue_url.as_ref())?;
        let mut state = self.state();
        let queue = state.all.get_mut(&name).ok_or_else(no_queue)?;
        let gone = queue.trim(0);
        done(self.store.submit(self.forget(&name, &gone)))
    }

    pub(super) fn url_of(&self, request: &GetQueueUrl, client: Client<'_>) -> Answer {
        let name = request.queue_name.as_ref().ok_or_else(|| missing_parameter("QueueName"))?;
        let is_ours = request.owner.as_ref().is_none_or(|owner| *owner == self.scope.account);
        if !is_ours || !self.state().all.contains_key(name) {
            return Err(no_queue());
        }
        Ok((json!({"QueueUrl": self.url(name, client)}), self.store.barrier()))
    }

    /// Without MaxResults there is one page and no token, as with SQS.
    pub(super) fn list(&self, request: &ListQueues, client: Client<'_>) -> Answer {
        let page = request.max_results.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&page) {
            return Err(out_of_range("MaxResults", page, 1, PAGE));
        }
        let prefix = request.queue_name_prefix.as_deref().unwrap_or("");
        let after = request.next_token.as_deref().unwrap_or("");
        let limit = usize::try_from(page).unwrap_or(0);
        let state = self.state();
        let wanted = state.all.keys().filter(|name| name.starts_with(prefix) && name.as_str() > after);
        let mut names: Vec<&String> = wanted.take(limit + 1).collect();
        let has_more = names.len() > limit;
        names.truncate(limit);
        let mut answer = json!({});
        if !names.is_empty() {
            answer["QueueUrls"] = names.iter().map(|name| Value::from(self.url(name, client))).collect();
        }
        if let Some(last) = names.last().filter(|_| has_more && request.max_results.is_some()) {
            answer["NextToken"] = json!(last);
        }
        Ok((answer, self.store.barrier()))
    }

    pub(super) fn describe(&self, request: &OfQueue, now: Timestamp) -> Answer {
        attributes::check_names(&request.attribute_names)?;
        let mut state = self.state();
        let queue = self.named(&mut state, request.queue_url.as_ref(), now)?;
        let Counts { visible, in_flight, delayed } = queue.counts();
        let settings = &queue.settings;
        let mut all = attributes::all(&settings.attributes);
        let seconds = |at: Timestamp| (at.0 / 1000).to_string();
        let read_only = [
            visible.to_string(),
            delayed.to_string(),
            in_flight.to_string(),
            seconds(settings.created),
            seconds(settings.modified),
            self.arn(&settings.name),
        ];
        all.extend(attributes::READ_ONLY.map(String::from).into_iter().zip(read_only));
        let wanted = &request.attribute_names;
        all.retain(|name, _| wanted.iter().any(|it| it == "All" || it == name));
        let answer = if all.is_empty() { json!({}) } else { json!({ "Attributes": all }) };
        Ok((answer, self.store.barrier()))
    }

    pub(super) fn change(&self, request: SetQueueAttributes, now: Timestamp) -> Answer {
        attributes::check(&request.attributes)?;
        let mut state = self.state();
        let queue = self.named(&mut state, request.queue_url.as_ref(), now)?;
        let mut settings = queue.settings.clone();
        settings.attributes.extend(request.attributes);
        settings.modified = now;
        let write = self.put(QUEUE, settings.name.clone(), &settings)?;
        queue.settings = settings;
        done(self.store.submit(vec![write]))
    }

    pub(super) fn tags(&self, request: &OfQueue) -> Answer {
        let name = self.name_in(request.queue_url.as_ref())?;
        let state = self.state();
        let tags = &state.all.get(&name).ok_or_else(no_queue)?.settings.tags;
        let answer = if tags.is_empty() { json!({}) } else { json!({ "Tags": tags }) };
        Ok((answer, self.store.barrier()))
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if name.ends_with(".fifo") {
        return Err(attributes::no_fifo());
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=80).contains(&name.len()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    Err(invalid_parameter(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}
