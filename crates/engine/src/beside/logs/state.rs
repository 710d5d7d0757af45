//! Log groups and streams as they are in memory, and the rules for their names.

use std::collections::BTreeMap;

use longshore_ecs::random::Random;
use longshore_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DAY_MS, EVENT_OVERHEAD};
use crate::beside::random;
use crate::beside::request::Constraints;
use crate::refusal::Refusal;
use crate::store::Write;

/// All groups of one account and region.
pub(super) struct State {
    pub(super) groups: BTreeMap<String, Group>,
    /// The next event's number, over all streams.
    pub(super) next_number: i64,
    random: Random,
}

/// A group with its streams.
#[derive(Default)]
pub(super) struct Group {
    pub(super) settings: GroupSettings,
    pub(super) streams: BTreeMap<String, Stream>,
}

/// What is stored of a group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct GroupSettings {
    pub(super) name: String,
    pub(super) created_ms: i64,
    pub(super) retention_days: Option<i64>,
    pub(super) class: Option<String>,
    pub(super) kms_key_id: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
}

/// What is stored of a stream, once: the rest follows from its events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StreamIdentity {
    pub(super) group: String,
    pub(super) name: String,
    /// Its number in the table of events: random, so that no two in the store are the same, not even later on.
    pub(super) number: i64,
    pub(super) created_ms: i64,
}

/// A stream and what is known about its events.
pub(super) struct Stream {
    pub(super) identity: StreamIdentity,
    /// No event is older; some may be younger.
    pub(super) oldest_ms: i64,
    pub(super) newest_ms: Option<i64>,
    pub(super) ingested_ms: Option<i64>,
    pub(super) last_number: i64,
    pub(super) size: Size,
}

/// A stream's size in bytes, in two parts, so that the first can be counted while events arrive.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    /// The last event of the first part.
    pub(super) boundary: i64,
    /// The first part, once it has been counted.
    pub(super) before: Option<i64>,
    /// The second part.
    pub(super) since: i64,
}

/// What the table of events tells about a stream at the start.
pub(super) struct End {
    pub(super) number: i64,
    pub(super) ingested_ms: i64,
    pub(super) oldest_ms: i64,
    pub(super) newest_ms: i64,
}

impl State {
    pub(super) fn new() -> Self {
        Self { groups: BTreeMap::new(), next_number: 1, random: random() }
    }

    pub(super) fn group(&self, name: &str) -> Result<&Group, Refusal> {
        self.groups.get(name).ok_or_else(no_group)
    }

    pub(super) fn group_mut(&mut self, name: &str) -> Result<&mut Group, Refusal> {
        self.groups.get_mut(name).ok_or_else(no_group)
    }

    pub(super) fn stream_mut(&mut self, group: &str, stream: &str) -> Result<&mut Stream, Refusal> {
        self.group_mut(group)?.streams.get_mut(stream).ok_or_else(no_stream)
    }

    /// A number for a new stream.
    pub(super) fn new_stream_number(&mut self) -> i64 {
        (self.random.next_u64() >> 1).cast_signed()
    }

    /// The number after the last event of a write.
    pub(super) fn end_of(&self, write: &Write) -> i64 {
        match write {
            Write::LogEvents { first, events, .. } => first.saturating_add(length(events)),
            _ => self.next_number,
        }
    }

    pub(super) fn restore_group(&mut self, settings: GroupSettings) {
        let group = self.groups.entry(settings.name.clone()).or_default();
        group.settings = settings;
    }

    pub(super) fn restore_stream(&mut self, identity: StreamIdentity) {
        let streams = &mut self.groups.entry(identity.group.clone()).or_default().streams;
        streams.insert(identity.name.clone(), Stream::new(identity));
    }

    pub(super) fn stream_ids(&self) -> Vec<i64> {
        self.groups.values().flat_map(|group| group.streams.values()).map(|s| s.identity.number).collect()
    }

    pub(super) fn resume(&mut self, ends: &BTreeMap<i64, End>) {
        for stream in self.groups.values_mut().flat_map(|group| group.streams.values_mut()) {
            let Some(end) = ends.get(&stream.identity.number) else { continue };
            stream.oldest_ms = end.oldest_ms;
            stream.newest_ms = Some(end.newest_ms);
            stream.ingested_ms = Some(end.ingested_ms);
            stream.last_number = end.number;
            stream.size = Size { boundary: end.number, before: None, since: 0 };
            self.next_number = self.next_number.max(end.number.saturating_add(1));
        }
    }

    /// Takes in the first parts of streams' sizes, by stream and boundary: how many events, and their messages' bytes.
    pub(super) fn learn_sizes(&mut self, counted: &BTreeMap<(i64, i64), (i64, i64)>) {
        for stream in self.groups.values_mut().flat_map(|group| group.streams.values_mut()) {
            if let Some((events, bytes)) = counted.get(&(stream.identity.number, stream.size.boundary)) {
                stream.size.before = Some(bytes.saturating_add(events.saturating_mul(EVENT_OVERHEAD.into())));
            }
        }
    }

    /// What must be forgotten by the groups' retention.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Write> {
        let mut writes = Vec::new();
        for group in self.groups.values_mut() {
            let Some(before_ms) = group.settings.oldest_kept(now) else { continue };
            for stream in group.streams.values_mut().filter(|stream| stream.oldest_ms < before_ms) {
                writes.push(Write::ForgetLogEvents { stream: stream.identity.number, before_ms });
                stream.forget(before_ms);
            }
        }
        writes
    }
}

impl GroupSettings {
    /// The moment before which the retention keeps nothing.
    pub(super) fn oldest_kept(&self, now: Timestamp) -> Option<i64> {
        self.retention_days.map(|days| now.0.saturating_sub(days.saturating_mul(DAY_MS)))
    }
}

impl Stream {
    pub(super) fn new(identity: StreamIdentity) -> Self {
        let size = Size { boundary: 0, before: Some(0), since: 0 };
        Self { identity, oldest_ms: i64::MAX, newest_ms: None, ingested_ms: None, last_number: 0, size }
    }

    /// Takes events in, which get the numbers from `first`.
    pub(super) fn add(&mut self, first: i64, events: Vec<(i64, String)>, now: Timestamp) -> Write {
        for (at_ms, message) in &events {
            self.oldest_ms = self.oldest_ms.min(*at_ms);
            self.newest_ms = self.newest_ms.max(Some(*at_ms));
            let bytes =
                i64::try_from(message.len()).unwrap_or(i64::MAX).saturating_add(EVENT_OVERHEAD.into());
            self.size.since = self.size.since.saturating_add(bytes);
        }
        self.last_number = first.saturating_add(length(&events)).saturating_sub(1);
        self.ingested_ms = Some(now.0);
        Write::LogEvents { stream: self.identity.number, first, ingested_ms: now.0, events }
    }

    fn forget(&mut self, before_ms: i64) {
        if self.newest_ms < Some(before_ms) {
            self.newest_ms = None;
            self.oldest_ms = i64::MAX;
        } else {
            self.oldest_ms = before_ms;
        }
        self.size = Size { boundary: self.last_number, before: None, since: 0 };
    }
}

fn length(events: &[(i64, String)]) -> i64 {
    i64::try_from(events.len()).unwrap_or(i64::MAX)
}

/// CloudWatch's rules for the names of groups and streams.
pub(super) fn check_names(group: &str, stream: Option<&str>) -> Result<(), Refusal> {
    let mut constraints = Constraints::new("InvalidParameterException");
    constrain_group(&mut constraints, "logGroupName", group);
    if let Some(stream) = stream {
        constraints.length("logStreamName", stream, 1, 512);
        constraints.characters("logStreamName", stream, "[^:*]*", |c| !matches!(c, ':' | '*'));
    }
    constraints.check()
}

/// The rules for a group's name or a part of it.
pub(super) fn constrain_group(constraints: &mut Constraints, member: &str, name: &str) {
    constraints.length(member, name, 1, 512);
    constraints.characters(member, name, r"[\.\-_/#A-Za-z0-9]+", |c| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#')
    });
}

pub(super) fn no_group() -> Refusal {
    Refusal::new("ResourceNotFoundException", "The specified log group does not exist.")
}

pub(super) fn no_stream() -> Refusal {
    Refusal::new("ResourceNotFoundException", "The specified log stream does not exist.")
}
