//! FilterLogEvents: the events of many streams in one order, found without sorting what is not asked for.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::events::{BYTES, EVENTS, Event, Range, read};
use super::pattern::Pattern;
use super::position::Position;
use super::state::{Group, Stream, no_stream};
use super::{EVENT_OVERHEAD, Logs, invalid};
use crate::beside::request::Constraints;
use crate::refusal::Refusal;

/// How many events one call looks at before it gives a token instead of more results.
const SCAN_LIMIT: usize = 100_000;

/// How much of a stream is read at a time, at most: many streams are searched at once.
const CHUNK: usize = 256;
const CHUNK_BYTES: usize = 65_536;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// One stream in a search: its events that were read and not yet looked at.
struct Cursor {
    stream: i64,
    name: String,
    waiting: VecDeque<Event>,
}

/// What to find.
struct Search {
    cursors: Vec<Cursor>,
    pattern: Pattern,
    after: Position,
    before: Position,
    limit: usize,
    /// How many events of a stream are read at a time.
    chunk: i64,
}

/// What was found, and after which event to go on.
struct Found {
    events: Vec<Value>,
    next: Option<Position>,
}

impl Logs {
    pub(super) async fn filter_events(&self, mut request: FilterLogEvents) -> Result<Value, Refusal> {
        let group = self.named_group(request.log_group_name.take(), request.log_group_identifier.take())?;
        request.check()?;
        let (search, ticket) = {
            let state = self.state();
            (request.search(state.group(&group)?)?, self.store.barrier())
        };
        ticket.durable().await?;
        let found = self.store.read(move |connection| search.run(connection)).await?;
        // CloudWatch has left the list of searched streams empty since 2020.
        let mut answer = json!({"events": found.events, "searchedLogStreams": []});
        if let Some(next) = found.next {
            answer["nextToken"] = json!(next.to_string());
        }
        Ok(answer)
    }
}

impl FilterLogEvents {
    fn check(&self) -> Result<(), Refusal> {
        let mut constraints = Constraints::new("InvalidParameterException");
        constraints.range("limit", self.limit.unwrap_or(EVENTS), 1, EVENTS);
        constraints.range("startTime", self.start_time.unwrap_or(0), 0, i64::MAX);
        constraints.range("endTime", self.end_time.unwrap_or(0), 0, i64::MAX);
        if let Some(names) = &self.log_stream_names {
            constraints.count("logStreamNames", names.len(), 1, 100);
        }
        constraints.length("filterPattern", self.filter_pattern.as_deref().unwrap_or(""), 0, 1024);
        constraints.check()?;
        if self.log_stream_names.is_some() && self.log_stream_name_prefix.is_some() {
            return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters."));
        }
        Ok(())
    }

    fn search(&self, group: &Group) -> Result<Search, Refusal> {
        let start = Position::start_of(self.start_time.unwrap_or(0));
        let after = match &self.next_token {
            Some(token) => Position::parse(token)?.max(start),
            None => start,
        };
        // Unlike GetLogEvents, this call includes events at `endTime` itself.
        let before = Position::start_of(self.end_time.unwrap_or(i64::MAX).saturating_add(1));
        let mut streams: Vec<&Stream> = match &self.log_stream_names {
            Some(names) => names
                .iter()
                .map(|name| group.streams.get(name).ok_or_else(no_stream))
                .collect::<Result<_, _>>()?,
            None => group.streams.values().collect(),
        };
        streams.sort_by_key(|stream| stream.identity.number);
        streams.dedup_by_key(|stream| stream.identity.number);
        let prefix = self.log_stream_name_prefix.as_deref().unwrap_or("");
        let cursors: Vec<Cursor> = streams
            .into_iter()
            .filter(|stream| stream.identity.name.starts_with(prefix))
            .filter(|stream| stream.oldest_ms < before.at_ms && stream.newest_ms >= Some(after.at_ms))
            .map(|stream| Cursor {
                stream: stream.identity.number,
                name: stream.identity.name.clone(),
                waiting: VecDeque::new(),
            })
            .collect();
        let pattern = Pattern::parse(self.filter_pattern.as_deref().unwrap_or(""))?;
        let limit = usize::try_from(self.limit.unwrap_or(EVENTS)).unwrap_or(0);
        let chunk = i64::try_from((limit / cursors.len().max(1) + 1).min(CHUNK)).unwrap_or(1);
        Ok(Search { cursors, pattern, after, before, limit, chunk })
    }
}

impl Search {
    /// Merges the streams by the places of their next events.
    fn run(mut self, connection: &Connection) -> rusqlite::Result<Found> {
        let mut found = Found { events: Vec::new(), next: None };
        let (mut bytes, mut seen, mut last) = (0, 0, self.after);
        let mut heads = BinaryHeap::new();
        for index in 0..self.cursors.len() {
            heads.extend(self.head(connection, index, self.after)?.map(|place| Reverse((place, index))));
        }
        while let Some(Reverse((place, index))) = heads.pop() {
            let Some(event) = self.cursors[index].waiting.pop_front() else { continue };
            let wanted = self.pattern.matches(&event.message);
            let size = if wanted { event.message.len() + usize::from(EVENT_OVERHEAD) } else { 0 };
            let full = found.events.len() == self.limit || (bytes + size > BYTES && !found.events.is_empty());
            if full || seen == SCAN_LIMIT {
                found.next = Some(last);
                break;
            }
            (bytes, seen, last) = (bytes + size, seen + 1, place);
            heads.extend(self.head(connection, index, place)?.map(|place| Reverse((place, index))));
            if wanted {
                found.events.push(self.describe(index, event));
            }
        }
        Ok(found)
    }

    /// The place of a stream's next event after a place, which is read when it is not waiting yet.
    fn head(
        &mut self,
        connection: &Connection,
        index: usize,
        after: Position,
    ) -> rusqlite::Result<Option<Position>> {
        let cursor = &mut self.cursors[index];
        if cursor.waiting.is_empty() {
            let range = Range { after, before: self.before, limit: self.chunk, newest_first: false };
            let mut bytes = 0;
            read(connection, cursor.stream, range, |event| {
                bytes += event.message.len();
                cursor.waiting.push_back(event);
                bytes < CHUNK_BYTES
            })?;
        }
        Ok(cursor.waiting.front().map(|event| event.place))
    }

    fn describe(&self, index: usize, event: Event) -> Value {
        json!({
            "logStreamName": self.cursors[index].name,
            "timestamp": event.place.at_ms,
            "message": event.message,
            "ingestionTime": event.ingested_ms,
            "eventId": event.place.to_string(),
        })
    }
}
