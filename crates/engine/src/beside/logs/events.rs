//! Events of one stream: written in batches, read in pages in either direction.

use longshore_model::Timestamp;
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::position::{Direction, Position};
use super::state::{GroupSettings, check_names};
use super::{Answer, DAY_MS, EVENT_OVERHEAD, Logs, invalid};
use crate::beside::request::Constraints;
use crate::refusal::Refusal;

/// How many bytes a batch or a page has at most.
pub(super) const BYTES: usize = 1_048_576;

/// How many events a batch or a page has at most.
pub(super) const EVENTS: i64 = 10_000;

const TOO_OLD_MS: i64 = 14 * DAY_MS;
const TOO_NEW_MS: i64 = DAY_MS / 12;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PutLogEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputLogEvent>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputLogEvent {
    timestamp: Option<i64>,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: bool,
}

/// An event as it is read.
pub(super) struct Event {
    pub(super) place: Position,
    pub(super) ingested_ms: i64,
    pub(super) message: String,
}

/// Which events to read: after one place, before another, how many, and which first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) after: Position,
    pub(super) before: Position,
    pub(super) limit: i64,
    pub(super) newest_first: bool,
}

impl Logs {
    pub(super) fn put_events(&self, mut request: PutLogEvents, now: Timestamp) -> Answer {
        check_names(&request.log_group_name, Some(&request.log_stream_name))?;
        let mut events = request.take_events()?;
        let mut state = self.state();
        let first = state.next_number;
        let rejected = Rejected::find(&events, &state.group(&request.log_group_name)?.settings, now);
        let stream = state.stream_mut(&request.log_group_name, &request.log_stream_name)?;
        events.truncate(rejected.new_from);
        let accepted = events.split_off(rejected.old_to.max(rejected.expired_to).min(events.len()));
        let mut writes = Vec::new();
        if !accepted.is_empty() {
            writes.push(stream.add(first, accepted, now));
        }
        let mut answer = json!({"nextSequenceToken": stream.sequence_token()});
        if let Some(info) = rejected.info() {
            answer["rejectedLogEventsInfo"] = info;
        }
        if let Some(write) = writes.first() {
            state.next_number = state.end_of(write);
        }
        Ok((answer, self.store.submit(writes)))
    }

    pub(super) async fn get_events(&self, mut request: GetLogEvents) -> Result<Value, Refusal> {
        let group = self.named_group(request.log_group_name.take(), request.log_group_identifier.take())?;
        check_names(&group, Some(&request.log_stream_name))?;
        let direction = request.direction()?;
        let range = request.range(direction);
        let (stream, ticket) = {
            let mut state = self.state();
            let stream = state.stream_mut(&group, &request.log_stream_name)?.identity.number;
            (stream, self.store.barrier())
        };
        ticket.durable().await?;
        let mut events = self.store.read(move |connection| page(connection, stream, range)).await?;
        if range.newest_first {
            events.reverse();
        }
        let (forward, backward) = request.tokens(direction, &events);
        let events: Vec<Value> = events
            .into_iter()
            .map(|event| {
                json!({
                    "timestamp": event.place.at_ms,
                    "message": event.message,
                    "ingestionTime": event.ingested_ms,
                })
            })
            .collect();
        Ok(json!({
            "events": events,
            "nextForwardToken": Direction::Forward(forward).to_string(),
            "nextBackwardToken": Direction::Backward(backward).to_string(),
        }))
    }
}

/// Reads the events in a range, until they are a page by count or by bytes. One event is always read.
fn page(connection: &Connection, stream: i64, range: Range) -> rusqlite::Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut bytes = 0;
    read(connection, stream, range, |event| {
        bytes += event.message.len() + usize::from(EVENT_OVERHEAD);
        let fits = bytes <= BYTES || events.is_empty();
        if fits {
            events.push(event);
        }
        fits
    })?;
    Ok(events)
}

/// Hands a stream's events over until `take` wants no more.
pub(super) fn read(
    connection: &Connection,
    stream: i64,
    range: Range,
    mut take: impl FnMut(Event) -> bool,
) -> rusqlite::Result<()> {
    let order = if range.newest_first { "at_ms DESC, number DESC" } else { "at_ms, number" };
    let mut select = connection.prepare_cached(&format!(
        "SELECT at_ms, number, ingested_ms, message FROM log_event
         WHERE stream = ?1 AND (at_ms, number) > (?2, ?3) AND (at_ms, number) < (?4, ?5)
         ORDER BY {order} LIMIT ?6"
    ))?;
    let Range { after, before, limit, .. } = range;
    let mut rows = select.query((stream, after.at_ms, after.number, before.at_ms, before.number, limit))?;
    while let Some(row) = rows.next()? {
        let place = Position { at_ms: row.get(0)?, number: row.get(1)? };
        if !take(Event { place, ingested_ms: row.get(2)?, message: row.get(3)? }) {
            break;
        }
    }
    Ok(())
}

impl PutLogEvents {
    /// The batch, when CloudWatch would take it.
    fn take_events(&mut self) -> Result<Vec<(i64, String)>, Refusal> {
        let input = std::mem::take(&mut self.log_events);
        let mut constraints = Constraints::new("InvalidParameterException");
        constraints.count("logEvents", input.len(), 1, usize::try_from(EVENTS).unwrap_or(0));
        let mut events = Vec::with_capacity(input.len());
        for (index, event) in (1..).zip(input) {
            match (event.timestamp, event.message) {
                (Some(at_ms), Some(message)) if at_ms >= 0 && !message.is_empty() => {
                    events.push((at_ms, message))
                }
                (at_ms, message) => constrain(&mut constraints, index, at_ms, message.as_deref()),
            }
        }
        constraints.check()?;
        if !events.is_sorted_by_key(|(at_ms, _)| *at_ms) {
            return Err(invalid(
                "Log events in a single PutLogEvents request must be in chronological order.",
            ));
        }
        let span = events.last().map_or(0, |last| last.0) - events.first().map_or(0, |first| first.0);
        if span > DAY_MS {
            return Err(invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ));
        }
        let bytes: usize =
            events.iter().map(|(_, message)| message.len() + usize::from(EVENT_OVERHEAD)).sum();
        if bytes > BYTES {
            return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BYTES}")));
        }
        Ok(events)
    }
}

/// Names what is wrong with one event.
fn constrain(constraints: &mut Constraints, index: usize, at_ms: Option<i64>, message: Option<&str>) {
    let member = |name: &str| format!("logEvents.{index}.member.{name}");
    constraints.required(&member("timestamp"), at_ms.as_ref());
    constraints.range(&member("timestamp"), at_ms.unwrap_or(0), 0, i64::MAX);
    constraints.required(&member("message"), message.as_ref());
    constraints.length(&member("message"), message.unwrap_or("-"), 1, BYTES);
}

/// Which events of a sorted batch are not taken in, by index.
struct Rejected {
    events: usize,
    /// From here on they are more than two hours ahead.
    new_from: usize,
    /// Before this one they are older than 14 days.
    old_to: usize,
    /// Before this one they are older than the group's retention.
    expired_to: usize,
}

impl Rejected {
    fn find(events: &[(i64, String)], group: &GroupSettings, now: Timestamp) -> Self {
        let before = |moment: i64| events.partition_point(|(at_ms, _)| *at_ms < moment);
        Self {
            events: events.len(),
            new_from: before(now.0.saturating_add(TOO_NEW_MS).saturating_add(1)),
            old_to: before(now.0.saturating_sub(TOO_OLD_MS)),
            expired_to: group.oldest_kept(now).map_or(0, before),
        }
    }

    /// What the answer tells about them, when there are any.
    fn info(&self) -> Option<Value> {
        let mut info = serde_json::Map::new();
        if self.new_from < self.events {
            info.insert("tooNewLogEventStartIndex".into(), json!(self.new_from));
        }
        if self.old_to > 0 {
            info.insert("tooOldLogEventEndIndex".into(), json!(self.old_to));
        }
        if self.expired_to > 0 {
            info.insert("expiredLogEventEndIndex".into(), json!(self.expired_to));
        }
        (!info.is_empty()).then_some(Value::Object(info))
    }
}

impl GetLogEvents {
    fn start(&self) -> Position {
        Position::start_of(self.start_time.unwrap_or(0))
    }

    fn direction(&self) -> Result<Direction, Refusal> {
        let mut constraints = Constraints::new("InvalidParameterException");
        constraints.range("limit", self.limit.unwrap_or(EVENTS), 1, EVENTS);
        constraints.range("startTime", self.start_time.unwrap_or(0), 0, i64::MAX);
        constraints.range("endTime", self.end_time.unwrap_or(0), 0, i64::MAX);
        constraints.check()?;
        match &self.next_token {
            Some(token) => Direction::parse(token),
            None if self.start_from_head => Ok(Direction::Forward(self.start())),
            None => Ok(Direction::Backward(Position::start_of(i64::MAX))),
        }
    }

    fn range(&self, direction: Direction) -> Range {
        let start = self.start();
        // An event at `endTime` itself is not wanted.
        let end = Position::start_of(self.end_time.unwrap_or(i64::MAX));
        let (after, before) = match direction {
            Direction::Forward(place) => (place.max(start), end),
            Direction::Backward(place) => (start, place.min(end)),
        };
        let newest_first = matches!(direction, Direction::Backward(_));
        Range { after, before, limit: self.limit.unwrap_or(EVENTS), newest_first }
    }

    /// Where the pages after and before this one begin. At an end the token that was given comes back.
    fn tokens(&self, direction: Direction, events: &[Event]) -> (Position, Position) {
        match (direction, events) {
            (_, [only]) => (only.place, only.place),
            (_, [first, .., last]) => (last.place, first.place),
            (Direction::Forward(place), []) => (place, place.next()),
            (Direction::Backward(place), []) if self.next_token.is_some() => (place.previous(), place),
            (Direction::Backward(_), []) => (self.start(), self.start()),
        }
    }
}
