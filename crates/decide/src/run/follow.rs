//! When a container's log stream is read, and when all of it has been read.
//!
//! Guarantees: every line is given out once and in order, because a page and its token are taken together; and no
//! line that the service has when the task ends is missed, because reading goes on until the token stops moving.

use std::time::Duration;

use longshore_model::seen::{
    Container, ContainerSummary, LogDriver, LogLine, LogPage, LogPosition, LogStream,
};

/// A page with this many lines is probably not the last: the next one is read without a pause.
const BUSY_PAGE: usize = 1_000;

/// A stream that something else keeps writing to is not read for ever after the task's end.
const LONGEST_DRAIN: Duration = Duration::from_secs(600);

/// One log stream, and how far it has been read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Follow {
    pub(crate) stream: LogStream,
    token: Option<String>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// The task has not started: there is nothing to read.
    #[default]
    Asleep,
    Reading,
    /// The task is over. What is there is read to its end; `late` is whether this gave anything.
    Draining {
        since: Duration,
        ran: bool,
        late: bool,
        quiet_reads: u32,
    },
    Closed,
}

/// When the stream is to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    AtOnce,
    /// After the short wait that catches what the service shows late.
    Soon,
    /// With the next round.
    Later,
    Never,
}

impl Follow {
    pub(crate) fn new(stream: LogStream) -> Self {
        Self { stream, ..Self::default() }
    }

    /// Where to read on.
    pub(crate) fn position(&self) -> LogPosition {
        self.token.clone().map_or(LogPosition::Head, LogPosition::After)
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Reading | Phase::Draining { .. })
    }

    /// The task was seen running. True when this is news.
    pub(crate) fn task_started(&mut self) -> bool {
        let news = self.phase == Phase::Asleep;
        if news {
            self.phase = Phase::Reading;
        }
        news
    }

    /// The task was seen stopped; `ran` is whether this container ever started. True when this is news.
    pub(crate) fn task_stopped(&mut self, now: Duration, ran: bool) -> bool {
        let news = matches!(self.phase, Phase::Asleep | Phase::Reading);
        if news {
            self.phase = Phase::Draining { since: now, ran, late: false, quiet_reads: 0 };
        }
        news
    }

    /// Nothing more can be read.
    pub(crate) fn close(&mut self) {
        self.phase = Phase::Closed;
    }

    /// Takes a page (`None`: the stream is not there). `now` is when it was asked for, `grace` how long an ended
    /// task's stream may take to appear.
    pub(crate) fn take(
        &mut self,
        page: Option<LogPage>,
        now: Duration,
        grace: Duration,
    ) -> (Vec<LogLine>, Again) {
        let Some(page) = page else { return (Vec::new(), self.take_nothing(now, grace)) };
        let moved = page.token.is_some() && page.token != self.token;
        if page.token.is_some() {
            self.token = page.token;
        }
        let again = self.after_page(page.lines.len(), moved, now);
        if again == Again::Never {
            self.close();
        }
        (page.lines, again)
    }

    fn take_nothing(&mut self, now: Duration, grace: Duration) -> Again {
        let Phase::Draining { since, ran, .. } = self.phase else { return Again::Later };
        if now < since {
            return Again::AtOnce;
        }
        // A stream that was there and is gone, one of a container that never started, or one that never came.
        if self.token.is_some() || !ran || now.saturating_sub(since) >= grace {
            self.close();
            return Again::Never;
        }
        Again::Soon
    }

    fn after_page(&mut self, lines: usize, moved: bool, now: Duration) -> Again {
        let Phase::Draining { since, late, quiet_reads, .. } = &mut self.phase else {
            return if lines >= BUSY_PAGE { Again::AtOnce } else { Again::Later };
        };
        // It was asked for before the end was known, so it says nothing about what comes after it.
        if now < *since {
            return Again::AtOnce;
        }
        if now.saturating_sub(*since) >= LONGEST_DRAIN {
            return Again::Never;
        }
        // An empty page is not the end; a token that does not move is.
        if lines > 0 || moved {
            *late |= lines > 0;
            *quiet_reads = 0;
            return Again::AtOnce;
        }
        *quiet_reads += 1;
        // What came after the task's end may have more behind it that the service does not show yet.
        if *late && *quiet_reads < 2 { Again::Soon } else { Again::Never }
    }
}

/// The stream that a container's output goes to, or why it cannot be followed.
pub(crate) fn stream_of(
    definition: &ContainerSummary,
    container: Option<&Container>,
    task_id: &str,
) -> Result<Option<LogStream>, String> {
    let name = &definition.name;
    let Some(LogDriver { name: driver, options }) = &definition.log_driver else {
        return Err(format!("container `{name}` has no logConfiguration: its output stays where it runs"));
    };
    if driver != "awslogs" {
        return Err(format!("container `{name}` logs with `{driver}`, which cannot be followed from here"));
    }
    let Some(group) = options.get("awslogs-group") else {
        return Err(format!("container `{name}` has no `awslogs-group`: its log cannot be found"));
    };
    // Without a prefix, the stream is named after Docker's id, which is known once the container is created.
    let stream =
        match (options.get("awslogs-stream-prefix"), container.and_then(|known| known.runtime_id.as_ref())) {
            (Some(prefix), _) => format!("{prefix}/{name}/{task_id}"),
            (None, Some(runtime_id)) => runtime_id.clone(),
            (None, None) => return Ok(None),
        };
    Ok(Some(LogStream { region: options.get("awslogs-region").cloned(), group: group.clone(), name: stream }))
}

#[cfg(test)]
mod tests {
    use longshore_model::Timestamp;

    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    fn page(lines: usize, token: &str) -> Option<LogPage> {
        let line = LogLine { timestamp: Timestamp(1), message: "x".into() };
        Some(LogPage { lines: vec![line; lines], token: Some(token.into()) })
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn read(follow: &mut Follow, page: Option<LogPage>, seconds: u64) -> Again {
        follow.take(page, at(seconds), GRACE).1
    }

    fn reading() -> Follow {
        let mut follow = Follow::new(LogStream::default());
        assert!(!follow.is_open());
        assert!(follow.task_started() && !follow.task_started());
        follow
    }

    #[test]
    fn a_busy_stream_is_read_without_pauses_and_a_calm_one_with_the_rounds() {
        let mut follow = reading();
        assert_eq!(read(&mut follow, None, 0), Again::Later, "not there yet");
        assert_eq!(read(&mut follow, page(3, "a"), 0), Again::Later);
        assert_eq!(follow.position(), LogPosition::After("a".into()));
        assert_eq!(read(&mut follow, page(BUSY_PAGE, "b"), 0), Again::AtOnce);
        assert_eq!(read(&mut follow, page(0, "b"), 0), Again::Later);
    }

    #[test]
    fn an_ended_stream_with_nothing_new_takes_one_read() {
        let mut follow = reading();
        read(&mut follow, page(3, "a"), 0);
        assert!(follow.task_stopped(at(9), true) && !follow.task_stopped(at(9), true));
        assert_eq!(read(&mut follow, page(0, "a"), 9), Again::Never);
        assert!(!follow.is_open());
    }

    #[test]
    fn a_page_that_was_asked_for_before_the_end_was_known_is_not_taken_for_the_last() {
        let mut follow = reading();
        read(&mut follow, page(3, "a"), 0);
        follow.task_stopped(at(9), true);
        assert_eq!(read(&mut follow, page(0, "a"), 8), Again::AtOnce);
        assert_eq!(read(&mut follow, page(0, "a"), 9), Again::Never);
    }

    #[test]
    fn the_last_lines_are_read_until_the_token_stands_still_twice() {
        let mut follow = reading();
        follow.task_stopped(at(0), true);
        assert_eq!(read(&mut follow, page(10_000, "a"), 0), Again::AtOnce);
        assert_eq!(read(&mut follow, page(0, "b"), 0), Again::AtOnce, "an empty page is not the end");
        assert_eq!(read(&mut follow, page(7, "c"), 0), Again::AtOnce);
        assert_eq!(read(&mut follow, page(0, "c"), 0), Again::Soon);
        assert_eq!(read(&mut follow, page(1, "d"), 1), Again::AtOnce, "it came late");
        assert_eq!(read(&mut follow, page(0, "d"), 1), Again::Soon);
        assert_eq!(read(&mut follow, page(0, "d"), 2), Again::Never);
    }

    #[test]
    fn a_stream_that_is_missing_after_the_end_has_a_grace() {
        let mut follow = reading();
        follow.task_stopped(at(10), true);
        assert_eq!(read(&mut follow, None, 10), Again::Soon);
        assert_eq!(read(&mut follow, None, 14), Again::Soon);
        assert_eq!(read(&mut follow, None, 15), Again::Never);

        let mut never_ran = Follow::new(LogStream::default());
        never_ran.task_stopped(at(10), false);
        assert_eq!(read(&mut never_ran, None, 10), Again::Never);
    }

    #[test]
    fn a_stream_that_never_ends_is_left() {
        let mut follow = reading();
        follow.task_stopped(at(0), true);
        assert_eq!(read(&mut follow, page(5, "a"), 599), Again::AtOnce);
        assert_eq!(read(&mut follow, page(5, "b"), 600), Again::Never);
    }

    #[test]
    fn where_the_output_is() {
        let container = |driver: &str, options: &[(&str, &str)]| ContainerSummary {
            name: "app".into(),
            essential: true,
            log_driver: Some(LogDriver {
                name: driver.into(),
                options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            }),
            ..ContainerSummary::default()
        };
        let with_prefix = container(
            "awslogs",
            &[("awslogs-group", "/g"), ("awslogs-stream-prefix", "run"), ("awslogs-region", "r")],
        );
        let found = stream_of(&with_prefix, None, "0af3").unwrap().unwrap();
        assert_eq!(
            found,
            LogStream { region: Some("r".into()), group: "/g".into(), name: "run/app/0af3".into() }
        );

        let without = container("awslogs", &[("awslogs-group", "/g")]);
        assert_eq!(stream_of(&without, None, "0af3"), Ok(None));
        let created = Container { runtime_id: Some("d0c".into()), ..Container::default() };
        assert_eq!(stream_of(&without, Some(&created), "0af3").unwrap().unwrap().name, "d0c");

        let refused = |definition| stream_of(&definition, None, "0af3").unwrap_err();
        assert!(refused(container("splunk", &[])).contains("`splunk`"));
        assert!(refused(container("awslogs", &[])).contains("awslogs-group"));
        assert!(
            refused(ContainerSummary { name: "app".into(), ..ContainerSummary::default() }).contains("stays")
        );
    }
}
