//! The log streams of a service's tasks: which are read next, and which lines are shown.
//!
//! Reading goes in rounds: each open stream is read to where it ends now. Lines are shown in order of time as far as no
//! stream of the round can still bring an earlier one, so that no more than a page of each stream is held.

use std::collections::VecDeque;
use std::time::Duration;

use longshore_model::seen::{LogLine, LogPage, LogPosition, LogStream};
use longshore_model::{Error, Timestamp};

use super::{TailAsk, TailWish};
use crate::run::Pace;
use crate::run::follow::{Again, Follow};
use crate::run::placing::PATIENCE;
use crate::service::look_again;

/// So many streams are read at the same time.
const READS_AT_ONCE: usize = 5;

/// GetLogEvents allows 10 calls a second for a whole account where it allows the fewest; we use at most half of them.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const FAR_TIME_PER_READ: Duration = Duration::from_millis(200);

/// All streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams {
    all: Vec<Stream>,
    pub(super) pace: Pace,
    /// No stream is read before.
    slot_at: Duration,
    round_at: Duration,
    round_began: Option<Duration>,
}

/// The stream of one container of one task.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) task_arn: String,
    pub(super) container: String,
    follow: Follow,
    /// Lines that were read and not shown, each with its place in time: no earlier than that of the line before it.
    held: VecDeque<(Timestamp, LogLine)>,
    /// The place of the last line that was read.
    last: Timestamp,
    due_at: Option<Duration>,
    in_flight: bool,
    failing_since: Option<Duration>,
    closed: bool,
}

impl Stream {
    /// Whether what it brings now may belong before what others brought.
    fn holds_back(&self, now: Duration) -> bool {
        self.in_flight || self.due_at.is_some_and(|at| at <= now)
    }
}

impl Streams {
    /// Adds a stream. Without following, it is read to where it ends now.
    pub(super) fn add(
        &mut self,
        task_arn: &str,
        container: &str,
        stream: LogStream,
        wish: &TailWish,
        now: Duration,
    ) {
        let mut follow = Follow::new(stream);
        if wish.follow {
            follow.task_started();
        } else {
            follow.task_stopped(now, false);
        }
        self.all.push(Stream {
            task_arn: task_arn.to_owned(),
            container: container.to_owned(),
            follow,
            held: VecDeque::new(),
            last: wish.since.unwrap_or(Timestamp(i64::MIN)),
            due_at: Some(now),
            in_flight: false,
            failing_since: None,
            closed: false,
        });
    }

    /// The task is over; `ran` says whether a container of it has run.
    pub(super) fn task_ended(&mut self, task_arn: &str, ran: impl Fn(&str) -> bool, now: Duration) {
        for stream in self.all.iter_mut().filter(|stream| stream.task_arn == task_arn && !stream.closed) {
            if stream.follow.task_stopped(now, ran(&stream.container)) {
                stream.due_at = Some(now);
            }
        }
    }

    pub(super) fn get(&self, log: usize) -> Option<&Stream> {
        self.all.get(log)
    }

    /// Whether there is nothing left to read and to show.
    pub(super) fn is_over(&self) -> bool {
        self.all.iter().all(|stream| stream.closed && stream.held.is_empty())
    }

    /// What to read now.
    pub(super) fn ask(&mut self, wish: &TailWish, now: Duration) -> Vec<TailAsk> {
        if self.round_began.is_none() && now >= self.round_at {
            for stream in self.all.iter_mut().filter(|stream| !stream.closed) {
                stream.due_at.get_or_insert(now);
                self.round_began = Some(now);
            }
        }
        let mut under_way = self.all.iter().filter(|stream| stream.in_flight).count();
        let mut asks = Vec::new();
        for (log, stream) in self.all.iter_mut().enumerate() {
            if now < self.slot_at || under_way == READS_AT_ONCE {
                break;
            }
            let is_due = stream.due_at.is_some_and(|at| at <= now);
            if !is_due || stream.in_flight || !stream.held.is_empty() {
                continue;
            }
            stream.in_flight = true;
            under_way += 1;
            if !self.pace.is_near() {
                self.slot_at = now + FAR_TIME_PER_READ;
            }
            let position = match (stream.follow.position(), wish.since) {
                (LogPosition::Head, Some(since)) => LogPosition::Since(since),
                (position, _) => position,
            };
            asks.push(TailAsk::Read { log, stream: stream.follow.stream.clone(), position });
        }
        asks
    }

    /// When there is something to read, without any answer.
    pub(super) fn wake(&self) -> Option<Duration> {
        if self.all.iter().filter(|stream| stream.in_flight).count() == READS_AT_ONCE {
            return None;
        }
        let next_round = self.round_at_rest();
        let open = self.all.iter().filter(|stream| !stream.closed && !stream.in_flight);
        let readable = open.filter(|stream| stream.held.is_empty());
        readable.filter_map(|stream| stream.due_at.or(next_round)).min().map(|at| at.max(self.slot_at))
    }

    /// When the next round begins, while there is none.
    fn round_at_rest(&self) -> Option<Duration> {
        self.round_began.is_none().then_some(self.round_at)
    }

    /// Takes a page that was asked for at `asked`. A warning says that no more comes of this stream.
    pub(super) fn take(
        &mut self,
        log: usize,
        page: Result<Option<LogPage>, Error>,
        wish: &TailWish,
        asked: Duration,
        now: Duration,
    ) -> Option<String> {
        self.pace.answered(now.saturating_sub(asked), false);
        let (soon, grace) = (now + self.pace.confirm(), self.pace.grace());
        let stream = self.all.get_mut(log)?;
        stream.in_flight = false;
        stream.due_at = None;
        let error = match page {
            Ok(page) => {
                stream.failing_since = None;
                let (lines, again) = stream.follow.take(page, asked, grace);
                // What comes while we read is for those who follow.
                let is_past = !wish.follow && lines.last().is_some_and(|line| line.timestamp >= wish.until);
                stream.hold(lines, wish.since);
                match again {
                    _ if is_past => stream.closed = true,
                    Again::Soon if !wish.follow => stream.closed = true,
                    Again::AtOnce => stream.due_at = Some(now),
                    Again::Soon => stream.due_at = Some(soon),
                    Again::Later => {}
                    Again::Never => stream.closed = true,
                }
                return None;
            }
            Err(error) => error,
        };
        let since = *stream.failing_since.get_or_insert(asked);
        if error.is_passing() && now.saturating_sub(since) < PATIENCE {
            return None;
        }
        stream.closed = true;
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Some(format!("{error}; its lines are not shown from here on{hint}"))
    }

    /// The lines that can be shown now, in order of time.
    pub(super) fn show(&mut self, now: Duration) -> Vec<(usize, LogLine)> {
        let holding = self.all.iter().filter(|stream| stream.holds_back(now));
        let until = holding.map(|stream| stream.last).min();
        if until.is_none()
            && let Some(began) = self.round_began.take()
        {
            self.round_at = now + look_again(now.saturating_sub(began));
        }
        self.take_held(until.unwrap_or(Timestamp(i64::MAX)))
    }

    /// All lines that were read and not shown.
    pub(super) fn rest(&mut self) -> Vec<(usize, LogLine)> {
        self.take_held(Timestamp(i64::MAX))
    }

    fn take_held(&mut self, until: Timestamp) -> Vec<(usize, LogLine)> {
        let mut lines = Vec::new();
        for (log, stream) in self.all.iter_mut().enumerate() {
            let count = stream.held.partition_point(|(place, _)| *place <= until);
            lines.extend(stream.held.drain(..count).map(|(place, line)| (place, log, line)));
        }
        // Lines of the same moment stay in the order of their stream: the sort is stable.
        lines.sort_by_key(|(place, ..)| *place);
        lines.into_iter().map(|(_, log, line)| (log, line)).collect()
    }
}

impl Stream {
    fn hold(&mut self, lines: Vec<LogLine>, since: Option<Timestamp>) {
        for line in lines {
            // A token need not remember from when on was asked for.
            if since.is_some_and(|since| line.timestamp < since) {
                continue;
            }
            self.last = self.last.max(line.timestamp);
            self.held.push_back((self.last, line));
        }
    }
}
