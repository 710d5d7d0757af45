//! The `awslogs` driver: from a container's lines to the events of a log stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_model::arn::Scope;
use longshore_model::container_definition::{ContainerDefinition, LogConfiguration};
use regex_lite::Regex;

use crate::clock::now;
use crate::refusal::Refusal;
use crate::runtime::{ContainerKey, LINE_LIMIT_BYTES, LogLine};
use crate::store::Write;
use crate::world::{World, scope_key};

/// The sort of record that counts the stored lines of a container.
pub(crate) const LINES: &str = "container-lines";

/// How long the rest of a multi-line event is waited for.
const REST_LIMIT_MS: i64 = 1000;

/// Where a container's lines go.
#[derive(Debug, Clone)]
pub(crate) struct LogTarget {
    /// `awslogs-region`.
    pub(crate) region: Option<String>,
    /// `awslogs-group`.
    pub(crate) group: String,
    /// `awslogs-stream-prefix`; without it a stream is named after Docker's id of the container.
    prefix: Option<String>,
    /// `awslogs-create-group`.
    pub(crate) create_group: bool,
    /// `awslogs-multiline-pattern`: a line that matches begins a new event.
    multiline: Option<Regex>,
}

impl LogTarget {
    /// The target that a container's log configuration names; none for other drivers.
    ///
    /// # Errors
    /// What the driver says of options that it cannot use.
    pub(crate) fn of(definition: &ContainerDefinition) -> Result<Option<Self>, String> {
        let Some(LogConfiguration { log_driver, options, .. }) = &definition.log_configuration else {
            return Ok(None);
        };
        if log_driver != "awslogs" {
            return Ok(None);
        }
        let option = |name: &str| options.as_ref().and_then(|options| options.get(name)).cloned();
        let pattern = option("awslogs-multiline-pattern");
        let pattern =
            pattern.or_else(|| option("awslogs-datetime-format").map(|format| date_pattern(&format)));
        let multiline = pattern.map(|text| {
            Regex::new(&text).map_err(|_| format!("awslogs cannot parse the multiline pattern {text:?}"))
        });
        Ok(Some(Self {
            region: option("awslogs-region"),
            group: option("awslogs-group").ok_or("awslogs-group is required")?,
            prefix: option("awslogs-stream-prefix"),
            create_group: option("awslogs-create-group")
                .is_some_and(|text| text.eq_ignore_ascii_case("true")),
            multiline: multiline.transpose()?,
        }))
    }

    /// The stream's name, where it is known before the container has an id of the runtime's.
    pub(crate) fn stream(&self, key: &ContainerKey) -> Option<String> {
        self.prefix.as_ref().map(|prefix| format!("{prefix}/{}/{}", key.name, key.task.task))
    }
}

/// The pattern for a date in strftime's words, as the awslogs driver builds it.
fn date_pattern(format: &str) -> String {
    let mut pattern = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            pattern.push_str(&regex_lite::escape(&letter.to_string()));
            continue;
        }
        pattern.push_str(match letters.next() {
            Some('A' | 'a' | 'B' | 'b' | 'p' | 'Z') => r"\w+",
            Some('w') => r"\d",
            Some('d' | 'm' | 'y' | 'H' | 'I' | 'M' | 'S') => r"\d{2}",
            Some('f') => r"\d{6}",
            Some('L' | 'j') => r"\d{3}",
            Some('Y') => r"\d{4}",
            Some('z') => r"[+-]\d{4}",
            Some('%') => "%",
            Some(_) | None => "",
        });
    }
    pattern
}

/// A container's output on its way.
struct Stream {
    /// Whose logs they are.
    world: Arc<World>,
    /// The store's name for the task's own account and region, which may differ from those of the logs.
    scope: Arc<str>,
    target: LogTarget,
    /// None until the runtime's id is known.
    name: Option<String>,
    /// Events that came before the name was known, or whose rest may still come.
    waiting: Vec<Waiting>,
    /// How many lines came.
    lines: u64,
    /// The id of the record that counts the stored ones.
    count: Option<String>,
}

/// An event that is not yet passed on, and of how many lines it was made.
struct Waiting {
    at_ms: i64,
    /// When its last line came.
    last_ms: i64,
    text: String,
    lines: u64,
}

/// All containers' output on its way.
#[derive(Default)]
pub(crate) struct Output {
    streams: Mutex<BTreeMap<ContainerKey, Stream>>,
}

impl Output {
    fn streams(&self) -> MutexGuard<'_, BTreeMap<ContainerKey, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a container's output known before it starts; with a name its stream must exist.
    pub(crate) fn open(&self, key: ContainerKey, world: Arc<World>, target: LogTarget, name: Option<String>) {
        let scope = Scope { account: key.task.account.clone(), region: key.task.region.clone() };
        let scope = scope_key(&scope).into();
        let stream = Stream { world, scope, target, name, waiting: Vec::new(), lines: 0, count: None };
        self.streams().insert(key, stream);
    }

    /// Names the stream of a container that was opened without a name.
    pub(crate) fn name(&self, key: &ContainerKey, name: String) {
        if let Some(stream) = self.streams().get_mut(key) {
            stream.name.get_or_insert(name);
            stream.flush(false);
        }
    }

    /// Takes lines. With `count`, the number of those that are stored is kept in the record of that id.
    pub(crate) fn take(&self, key: &ContainerKey, lines: Vec<LogLine>, count: Option<String>) {
        if let Some(stream) = self.streams().get_mut(key) {
            stream.count = count;
            for line in lines {
                stream.push(line);
            }
            stream.flush(false);
        }
    }

    /// Passes on the events whose rest did not come within a second.
    pub(crate) fn flush_waiting(&self) {
        let late_ms = now().plus_ms(-REST_LIMIT_MS).0;
        for stream in self.streams().values_mut() {
            let is_late = stream.waiting.last().is_some_and(|event| event.last_ms <= late_ms);
            stream.flush(is_late);
        }
    }

    /// Forgets all output on its way: the engine is emptied.
    pub(crate) fn clear(&self) {
        self.streams().clear();
    }

    /// The container has ended: passes on what is left.
    pub(crate) fn close(&self, key: &ContainerKey) {
        if let Some(mut stream) = self.streams().remove(key) {
            stream.flush(true);
        }
    }
}

impl Stream {
    fn push(&mut self, line: LogLine) {
        let joined = match (&self.target.multiline, self.waiting.last_mut()) {
            (Some(pattern), Some(event)) if !pattern.is_match(&line.text) => {
                let fits = event.text.len() + line.text.len() < LINE_LIMIT_BYTES;
                if fits {
                    event.text.push('\n');
                    event.text.push_str(&line.text);
                    event.lines = event.lines.saturating_add(1);
                    event.last_ms = line.at_ms;
                }
                fits
            }
            _ => false,
        };
        if !joined {
            self.waiting.push(Waiting { at_ms: line.at_ms, last_ms: line.at_ms, text: line.text, lines: 1 });
        }
        self.lines = line.number.saturating_add(1);
    }

    /// Passes events on; the last one of a multi-line stream only when `all` are wanted. The store takes them, and the
    /// count of their lines with them, before it takes anything that is handed to it later.
    fn flush(&mut self, all: bool) {
        let Some(name) = &self.name else { return };
        let keep = usize::from(self.target.multiline.is_some() && !all);
        let ready = self.waiting.len().saturating_sub(keep);
        if ready == 0 {
            return;
        }
        let rest = self.waiting.split_off(ready);
        let events = std::mem::replace(&mut self.waiting, rest).into_iter();
        let events = events.map(|event| (event.at_ms, event.text)).collect();
        let left: u64 = self.waiting.iter().map(|event| event.lines).sum();
        let count = self.count.clone().map(|id| Write::Put {
            scope: self.scope.clone(),
            kind: LINES,
            id,
            body: self.lines.saturating_sub(left).to_string(),
        });
        if let Err(refusal) = self.world.logs.append(&self.target.group, name, events, count, now()) {
            warn_lost(&self.target.group, &refusal);
        }
    }
}

fn warn_lost(group: &str, refusal: &Refusal) {
    let why = refusal.message.as_deref().unwrap_or("");
    tracing::warn!(group, why, "lines of a container are lost");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_format_becomes_a_pattern() {
        let pattern = Regex::new(&date_pattern("[%b %d, %Y %H:%M:%S]")).unwrap();
        assert!(pattern.is_match("[May 01, 2026 19:01:09] An event"));
        assert!(!pattern.is_match("    at line 12"));
    }
}
