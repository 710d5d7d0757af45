//! CloudWatch Logs, as far as it is read: streams of lines, and pages of them.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use longshore_model::seen::{LogLine, LogPage, LogPosition};

/// GetLogEvents gives at most this many events in one page.
const PAGE: usize = 10_000;

/// All streams, by group and name.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    streams: BTreeMap<Name, Vec<Written>>,
    /// Makes the tokens of empty pages different from each other.
    empty_pages: u64,
}

/// A stream's group and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) group: String,
    pub(crate) stream: String,
}

#[derive(Debug)]
struct Written {
    line: LogLine,
    shows_at: Timestamp,
}

impl Streams {
    /// Makes a stream, unless it is there.
    pub(crate) fn open(&mut self, name: &Name) {
        self.streams.entry(name.clone()).or_default();
    }

    /// Appends a line that shows from a moment on, but not before its predecessors.
    pub(crate) fn write(&mut self, name: &Name, line: LogLine, shows_at: Timestamp) {
        let lines = self.streams.entry(name.clone()).or_default();
        let shows_at = lines.last().map_or(shows_at, |last| last.shows_at.max(shows_at));
        lines.push(Written { line, shows_at });
    }

    /// Its container has ended: from now on all of it shows.
    pub(crate) fn flush(&mut self, name: &Name, now: Timestamp) {
        for written in self.streams.get_mut(name).into_iter().flatten().rev() {
            if written.shows_at <= now {
                break;
            }
            written.shows_at = now;
        }
    }

    /// GetLogEvents: `Ok(None)` when there is no such stream, `Err` with a token that is not one of ours.
    pub(crate) fn read(
        &mut self,
        name: &Name,
        position: &LogPosition,
        now: Timestamp,
        as_empty_page: bool,
    ) -> Result<Option<LogPage>, String> {
        let Some(lines) = self.streams.get(name) else { return Ok(None) };
        let end = lines.partition_point(|written| written.shows_at <= now);
        let from = match position {
            LogPosition::Head => 0,
            LogPosition::Since(time) => lines.partition_point(|written| written.line.timestamp < *time),
            LogPosition::After(token) => place(token).ok_or_else(|| token.clone())?.min(end),
            LogPosition::Tail(count) => end.saturating_sub(usize::from(*count)),
        };
        let is_tail = matches!(position, LogPosition::Tail(_));
        if as_empty_page && !is_tail && from < end {
            self.empty_pages += 1;
            let token = Some(format!("f/{from}/{}", self.empty_pages));
            return Ok(Some(LogPage { lines: Vec::new(), token }));
        }
        let to = end.min(from.saturating_add(PAGE));
        let page = lines[from..to].iter().map(|written| written.line.clone()).collect();
        let token = match position {
            LogPosition::After(token) if from == to => token.clone(),
            _ => format!("f/{to}/0"),
        };
        Ok(Some(LogPage { lines: page, token: Some(token) }))
    }
}

fn place(token: &str) -> Option<usize> {
    token.strip_prefix("f/")?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Name {
        Name { group: "g".into(), stream: "s".into() }
    }

    fn stream(lines: &[(&str, i64)]) -> Streams {
        let mut streams = Streams::default();
        streams.open(&name());
        for (text, shows_at) in lines {
            let line = LogLine { timestamp: Timestamp(0), message: (*text).into() };
            streams.write(&name(), line, Timestamp(*shows_at));
        }
        streams
    }

    fn texts(page: &LogPage) -> Vec<&str> {
        page.lines.iter().map(|line| line.message.as_str()).collect()
    }

    fn read(streams: &mut Streams, position: &LogPosition, now: i64) -> LogPage {
        streams.read(&name(), position, Timestamp(now), false).unwrap().unwrap()
    }

    #[test]
    fn pages_go_on_and_the_token_stands_still_at_the_end() {
        let mut streams = stream(&[("a", 1), ("b", 5), ("c", 3)]);
        let first = read(&mut streams, &LogPosition::Head, 4);
        assert_eq!(texts(&first), ["a"], "a line does not show before its predecessor");
        let after = LogPosition::After(first.token.unwrap());
        let second = read(&mut streams, &after, 5);
        assert_eq!(texts(&second), ["b", "c"]);
        let end = LogPosition::After(second.token.clone().unwrap());
        assert_eq!(read(&mut streams, &end, 5), LogPage { lines: Vec::new(), token: second.token });
        assert_eq!(texts(&read(&mut streams, &LogPosition::Tail(2), 5)), ["b", "c"]);
    }

    #[test]
    fn an_empty_page_moves_the_token_and_loses_nothing() {
        let mut streams = stream(&[("a", 1)]);
        let empty = streams.read(&name(), &LogPosition::Head, Timestamp(1), true).unwrap().unwrap();
        assert!(empty.lines.is_empty());
        let after = LogPosition::After(empty.token.clone().unwrap());
        let again = streams.read(&name(), &after, Timestamp(1), true).unwrap().unwrap();
        assert_ne!(again.token, empty.token);
        assert_eq!(texts(&read(&mut streams, &LogPosition::After(again.token.unwrap()), 1)), ["a"]);
    }

    #[test]
    fn what_is_not_there_is_none_and_what_was_flushed_shows() {
        let mut streams = stream(&[("a", 9), ("b", 9)]);
        let elsewhere = Name { group: "g".into(), stream: "t".into() };
        assert_eq!(streams.read(&elsewhere, &LogPosition::Head, Timestamp(9), false), Ok(None));
        assert!(streams.read(&name(), &LogPosition::After("x".into()), Timestamp(9), false).is_err());
        assert!(read(&mut streams, &LogPosition::Head, 4).lines.is_empty());
        streams.flush(&name(), Timestamp(4));
        assert_eq!(read(&mut streams, &LogPosition::Head, 4).lines.len(), 2);
    }
}
