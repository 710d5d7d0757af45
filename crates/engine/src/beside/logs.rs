//! CloudWatch Logs of one account and region: what `aws logs` and the `awslogs` driver need.
//!
//! Groups and streams are in memory and stored as records; events are in the store's table alone, in the order of
//! their timestamps, those of the same millisecond in the order of their arrival.

mod events;
mod groups;
mod pattern;
mod position;
mod search;
mod state;
mod streams;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard};

use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use rusqlite::OptionalExtension;
use serde_json::{Value, json};

use self::state::State;
use super::request::{parse, unknown_operation};
use super::{Answer, lock, when_durable};
use crate::refusal::Refusal;
use crate::store::{Record, Store, StoreError, Ticket, Write};

const GROUP: &str = "log-group";
const STREAM: &str = "log-stream";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What CloudWatch counts for an event beside its message, in bytes.
const EVENT_OVERHEAD: u16 = 26;

/// The log groups of one account and region.
pub struct Logs {
    scope: Scope,
    key: Arc<str>,
    store: Arc<Store>,
    state: Mutex<State>,
}

impl Logs {
    /// No groups yet; stored ones come back through [`Logs::restore`].
    #[must_use]
    pub fn new(scope: Scope, store: Arc<Store>) -> Self {
        let key = format!("{}/{}", scope.account, scope.region).into();
        Self { scope, key, store, state: Mutex::new(State::new()) }
    }

    /// Takes a stored record back, at the start; a record of another kind is ignored.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn restore(&self, record: &Record) -> Result<(), serde_json::Error> {
        match record.kind.as_str() {
            GROUP => self.state().restore_group(serde_json::from_str(&record.body)?),
            STREAM => self.state().restore_stream(serde_json::from_str(&record.body)?),
            _ => {}
        }
        Ok(())
    }

    /// Learns from the stored events where each restored stream ends. Once, after the last record and before any call.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn resume(&self) -> Result<(), StoreError> {
        let streams = self.state().stream_ids();
        let ends = self
            .store
            .read(move |connection| {
                let mut newest = connection.prepare(
                    "SELECT number, ingested_ms, (SELECT min(at_ms) FROM log_event WHERE stream = ?1),
                        (SELECT max(at_ms) FROM log_event WHERE stream = ?1)
                     FROM log_event WHERE stream = ?1 ORDER BY number DESC LIMIT 1",
                )?;
                let mut ends = Vec::with_capacity(streams.len());
                for stream in streams {
                    let end = newest
                        .query_row([stream], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                        .optional()?;
                    ends.extend(end.map(|(number, ingested_ms, oldest_ms, newest_ms)| {
                        (stream, state::End { number, ingested_ms, oldest_ms, newest_ms })
                    }));
                }
                Ok(ends)
            })
            .await?;
        self.state().resume(&ends.into_iter().collect());
        Ok(())
    }

    /// Answers a call of the API `Logs_20140328`.
    ///
    /// # Errors
    /// What CloudWatch Logs refuses, and what the engine does not offer.
    pub async fn call(&self, operation: &str, body: Value, now: Timestamp) -> Result<Value, Refusal> {
        let answer = match operation {
            "CreateLogGroup" => parse(body).and_then(|request| self.create_group(request, now)),
            "DeleteLogGroup" => parse(body).and_then(|request| self.delete_group(request)),
            "DescribeLogGroups" => return self.describe_groups(parse(body)?).await,
            "PutRetentionPolicy" => parse(body).and_then(|request| self.put_retention(request)),
            "DeleteRetentionPolicy" => parse(body).and_then(|request| self.delete_retention(request)),
            "TagResource" => parse(body).and_then(|request| self.tag(request)),
            "UntagResource" => parse(body).and_then(|request| self.untag(request)),
            "ListTagsForResource" => parse(body).and_then(|request| self.list_tags(request)),
            "CreateLogStream" => parse(body).and_then(|request| self.create_stream(request, now)),
            "DeleteLogStream" => parse(body).and_then(|request| self.delete_stream(request)),
            "DescribeLogStreams" => return self.describe_streams(parse(body)?).await,
            "PutLogEvents" => parse(body).and_then(|request| self.put_events(request, now)),
            "GetLogEvents" => return self.get_events(parse(body)?).await,
            "FilterLogEvents" => return self.filter_events(parse(body)?).await,
            _ => Err(unknown_operation()),
        };
        when_durable(&self.store, answer).await
    }

    /// Appends lines (time in milliseconds since 1970, and message) to a stream that exists, for the `awslogs` driver.
    /// What is given beside them is committed together with them.
    ///
    /// Lines keep their order even when the clock steps back: none gets a time before its predecessor's. Empty ones
    /// are left out, as CloudWatch takes none.
    ///
    /// # Errors
    /// When there is no such group or stream.
    pub fn append(
        &self,
        group: &str,
        stream: &str,
        mut events: Vec<(i64, String)>,
        together_with: Option<Write>,
        now: Timestamp,
    ) -> Result<Ticket, Refusal> {
        events.retain(|(_, message)| !message.is_empty());
        let mut state = self.state();
        let first = state.next_number;
        let stream = state.stream_mut(group, stream)?;
        if events.is_empty() {
            return Ok(self.store.submit(together_with.into_iter().collect()));
        }
        let mut latest = stream.newest_ms.unwrap_or(0);
        for (at_ms, _) in &mut events {
            latest = latest.max(*at_ms);
            *at_ms = latest;
        }
        let write = stream.add(first, events, now);
        state.next_number = state.end_of(&write);
        Ok(self.store.submit(std::iter::once(write).chain(together_with).collect()))
    }

    /// Whether there is such a group.
    #[must_use]
    pub fn has_group(&self, group: &str) -> bool {
        self.state().group(group).is_ok()
    }

    /// Makes the stream for the `awslogs` driver when it is not there yet, and with `create_group` its group, too.
    ///
    /// # Errors
    /// When the group is missing and must not be made, or a name is not allowed.
    pub async fn ensure_stream(
        &self,
        group: &str,
        stream: &str,
        create_group: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let answer = self.make_missing(group, stream, create_group, now);
        when_durable(&self.store, answer).await.map(drop)
    }

    fn make_missing(&self, group: &str, stream: &str, create_group: bool, now: Timestamp) -> Answer {
        state::check_names(group, Some(stream))?;
        let mut state = self.state();
        let mut writes = Vec::new();
        if create_group && state.group(group).is_err() {
            let settings =
                state::GroupSettings { name: group.into(), created_ms: now.0, ..Default::default() };
            writes.push(self.put_group(&settings)?);
            state.restore_group(settings);
        }
        if !state.group(group)?.streams.contains_key(stream) {
            writes.push(self.add_stream(&mut state, group, stream, now)?);
        }
        let ticket = if writes.is_empty() { self.store.barrier() } else { self.store.submit(writes) };
        Ok((Value::Null, ticket))
    }

    /// Forgets the events that are older than their group's retention.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        let ticket = self.store.submit(self.state().expire(now));
        ticket.durable().await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn arn(&self, group: &str) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:logs:{region}:{account}:log-group:{group}", self.scope.partition())
    }

    /// The group that a request names in one of AWS's two ways: by name, or by identifier (a name or an ARN).
    fn named_group(&self, name: Option<String>, identifier: Option<String>) -> Result<String, Refusal> {
        let name = match (name, identifier) {
            (Some(_), Some(_)) => {
                return Err(invalid("LogGroup name and LogGroup ARN are mutually exclusive parameters."));
            }
            (Some(name), None) => name,
            (None, Some(identifier)) if identifier.starts_with("arn:") => self.group_of_arn(&identifier)?,
            (None, Some(identifier)) => identifier,
            (None, None) => String::new(),
        };
        if name.is_empty() {
            return Err(invalid(
                "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: \
                 Member must not be null",
            ));
        }
        state::check_names(&name, None)?;
        Ok(name)
    }

    /// The group's name in its ARN, with or without `:*`; another account's or region's group is not there.
    fn group_of_arn(&self, arn: &str) -> Result<String, Refusal> {
        arn.strip_prefix(&self.arn(""))
            .map(|name| name.strip_suffix(":*").unwrap_or(name).to_owned())
            .ok_or_else(state::no_group)
    }

    fn write(&self, kind: &'static str, id: String, body: &impl serde::Serialize) -> Result<Write, Refusal> {
        let body = serde_json::to_string(body)
            .map_err(|error| Refusal::new("InternalServerException", error.to_string()).with_status(500))?;
        Ok(Write::Put { scope: Arc::clone(&self.key), kind, id, body })
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// What CloudWatch answers to a call that has nothing to tell.
fn done(ticket: Ticket) -> Answer {
    Ok((json!({}), ticket))
}
