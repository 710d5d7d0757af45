//! The tasks of a run and their logs while they are under way: what to ask next, and what the answers mean.
//! `now` is the time since the process began.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_model::Error;
use longshore_model::seen::{ContainerSummary, Described, LogLine, LogPage, LogPosition, LogStream, Task};

use super::follow::{Again, Follow, stream_of};
use super::news::News;
use super::pace::Pace;
use super::placing::{PATIENCE, TROUBLE_WAIT};
use super::spec::{LogReading, Spec};

/// So many last lines of a container are kept for the result document.
pub(crate) const TAIL_LINES: usize = 20;

/// Tasks and logs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    pub(crate) tasks: Vec<Watched>,
    logs: Vec<Log>,
    pace: Pace,
    /// Absent while DescribeTasks is being asked.
    describe_at: Option<Duration>,
    told: String,
    lines_came: bool,
    trouble_since: Option<Duration>,
    answered_at: Duration,
}

/// A task that was started.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) task: Task,
    /// Whether DescribeTasks has shown it: a replayed RunTask says next to nothing.
    pub(crate) described: bool,
    /// How many tasks in its place have lost their hosts before it.
    pub(crate) lost: u32,
    /// Another task was started in its place.
    pub(crate) replaced: bool,
}

/// The log of one container of one task.
#[derive(Debug, Clone)]
struct Log {
    task: usize,
    container: usize,
    /// Absent until the name of the stream is known.
    follow: Option<Follow>,
    /// Absent: with the next description.
    read_at: Option<Duration>,
    in_flight: bool,
    failing_since: Option<Duration>,
    closed: bool,
    tail: Vec<String>,
}

/// A stream to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) log: usize,
    pub(crate) stream: LogStream,
    pub(crate) position: LogPosition,
}

impl Watched {
    /// Whether everything is known that will ever be known of it.
    pub(crate) fn is_over(&self) -> bool {
        self.described && self.task.is_stopped()
    }
}

impl Watch {
    /// Adds tasks that were just started, and gives back how many of them are new: a repeated call names them again.
    pub(crate) fn add(&mut self, spec: &Spec, tasks: Vec<Task>, lost: u32, now: Duration) {
        for task in tasks {
            if task.arn.is_empty() || self.tasks.iter().any(|known| known.task.arn == task.arn) {
                continue;
            }
            if spec.logs == LogReading::Follow {
                let number = self.tasks.len();
                let followed =
                    |(_, container): &(usize, &ContainerSummary)| stream_of(container, None, "").is_ok();
                let containers = spec.definition.containers.iter().enumerate().filter(followed);
                self.logs.extend(containers.map(|(container, _)| Log::new(number, container)));
            }
            self.tasks.push(Watched { task, described: false, lost, replaced: false });
            self.describe_at = Some(spec.poll_interval.map_or(now, |interval| tick(now, interval)));
            self.answered_at = now;
        }
    }

    /// Whether every task has ended and every line has been read.
    pub(crate) fn is_over(&self) -> bool {
        self.all_stopped() && self.logs.iter().all(|log| log.closed)
    }

    pub(crate) fn all_stopped(&self) -> bool {
        self.tasks.iter().all(Watched::is_over)
    }

    /// The tasks that may still run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| !task.is_over()).map(|task| &task.task)
    }

    /// Asks at the next opportunity.
    pub(crate) fn hurry(&mut self, now: Duration) {
        self.describe_at = self.describe_at.map(|at| at.min(now));
    }

    /// When there is something to ask.
    pub(crate) fn wake(&self) -> Option<Duration> {
        let describe_at = self.describe_at.filter(|_| !self.all_stopped());
        let reads =
            self.logs.iter().filter(|log| log.is_open() && !log.in_flight).filter_map(|log| log.read_at);
        reads.chain(describe_at).min()
    }

    /// What is due: tasks to describe, and streams to read.
    pub(crate) fn due(&mut self, now: Duration) -> (Vec<String>, Vec<Read>) {
        let describes = self.describe_at.is_some_and(|at| now >= at) && !self.all_stopped();
        let mut reads = Vec::new();
        for (number, log) in self.logs.iter_mut().enumerate() {
            let due = log.read_at.map_or(describes, |at| now >= at);
            if !due || log.in_flight || !log.is_open() {
                continue;
            }
            let Some(follow) = &log.follow else { continue };
            reads.push(Read { log: number, stream: follow.stream.clone(), position: follow.position() });
            log.in_flight = true;
        }
        if !describes {
            return (Vec::new(), reads);
        }
        self.describe_at = None;
        (self.running().map(|task| task.arn.clone()).collect(), reads)
    }

    /// Takes the answer of DescribeTasks. An error is one that ends the run.
    pub(crate) fn take_described(
        &mut self,
        spec: &Spec,
        answer: Result<Described, Error>,
        took: Duration,
        now: Duration,
    ) -> Result<Vec<News>, Error> {
        let mut news = Vec::new();
        let described = match answer {
            Ok(described) => described,
            Err(error) => {
                let since = *self.trouble_since.get_or_insert(now);
                if !error.is_passing() || now.saturating_sub(since) >= PATIENCE {
                    return Err(error);
                }
                if since == now {
                    news.push(News::Warn(format!("{error}; trying for {} s", PATIENCE.as_secs())));
                }
                self.describe_at = Some(now + TROUBLE_WAIT);
                return Ok(news);
            }
        };
        if self.trouble_since.take().is_some() {
            news.push(News::Say("note: the service answers again".to_owned()));
        }
        let changed = self.take_tasks(described.tasks, now)?;
        self.pace.answered(took, changed || self.lines_came);
        self.lines_came = false;
        let wait = self.pace.wait(1 + self.logs.iter().filter(|log| log.is_open()).count());
        self.describe_at = Some(match spec.poll_interval {
            Some(interval) => tick(now, interval),
            None => now + wait,
        });
        self.wake_logs(spec, now);
        news.extend(self.state_news());
        Ok(news)
    }

    /// True when a task is in another state than before.
    fn take_tasks(&mut self, described: Vec<Task>, now: Duration) -> Result<bool, Error> {
        let mut changed = false;
        let mut missing = None;
        for known in self.tasks.iter_mut().filter(|task| !task.is_over()) {
            match described.iter().find(|task| task.arn == known.task.arn) {
                Some(task) => {
                    changed |= known.task.last_status != task.last_status || !known.described;
                    known.task = task.clone();
                    known.described = true;
                }
                None => missing = Some(known.task.arn.clone()),
            }
        }
        // ECS may take a while until it shows a new task everywhere.
        match missing {
            Some(arn) if now.saturating_sub(self.answered_at) >= PATIENCE => Err(unknown_task(&arn)),
            Some(_) => Ok(changed),
            None => {
                self.answered_at = now;
                Ok(changed)
            }
        }
    }

    /// Opens the logs of tasks that run, and lets those of ended tasks run dry.
    fn wake_logs(&mut self, spec: &Spec, now: Duration) {
        for log in self.logs.iter_mut().filter(|log| !log.closed) {
            let (Some(watched), Some(definition)) =
                (self.tasks.get(log.task), spec.definition.containers.get(log.container))
            else {
                continue;
            };
            let task = &watched.task;
            let container = task.containers.iter().find(|container| container.name == definition.name);
            if log.follow.is_none() {
                log.follow = stream_of(definition, container, task.id()).ok().flatten().map(Follow::new);
            }
            let Some(follow) = log.follow.as_mut() else {
                log.closed = watched.is_over();
                continue;
            };
            let news = if watched.is_over() {
                follow.task_stopped(now, container.is_some_and(|container| container.exit_code.is_some()))
            } else if matches!(task.last_status.as_str(), "" | "PROVISIONING" | "PENDING") {
                false
            } else {
                follow.task_started()
            };
            if news {
                log.read_at = Some(now);
            }
        }
    }

    /// Takes a page that was asked for at `asked`.
    pub(crate) fn take_page(
        &mut self,
        number: usize,
        page: Result<Option<LogPage>, Error>,
        asked: Duration,
        now: Duration,
    ) -> Option<News> {
        let (soon, grace) = (now + self.pace.confirm(), self.pace.grace());
        let log = self.logs.get_mut(number)?;
        log.in_flight = false;
        let follow = log.follow.as_mut()?;
        let error = match page {
            Ok(page) => {
                log.failing_since = None;
                let (lines, again) = follow.take(page, asked, grace);
                log.read_at = match again {
                    Again::AtOnce => Some(now),
                    Again::Soon => Some(soon),
                    Again::Later => None,
                    Again::Never => {
                        log.closed = true;
                        None
                    }
                };
                if lines.is_empty() {
                    return None;
                }
                self.lines_came = true;
                keep_tail(&mut log.tail, &lines);
                return Some(News::Lines { task: log.task, container: log.container, lines });
            }
            Err(error) => error,
        };
        let since = *log.failing_since.get_or_insert(asked);
        if error.is_passing() && now.saturating_sub(since) < PATIENCE {
            // A task that is over brings no more descriptions to read along with.
            let is_over = self.tasks.get(log.task).is_some_and(Watched::is_over);
            log.read_at = is_over.then_some(now + TROUBLE_WAIT);
            return None;
        }
        log.closed = true;
        follow.close();
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Some(News::Warn(format!("{error}; its lines are not shown from here on{hint}")))
    }

    /// The last lines of a container, as far as they were followed.
    pub(crate) fn tail(&self, task: usize, container: usize) -> &[String] {
        let log = self.logs.iter().find(|log| (log.task, log.container) == (task, container));
        log.map_or(&[], |log| &log.tail)
    }

    pub(crate) fn has_lines(&self) -> bool {
        self.logs.iter().any(|log| !log.tail.is_empty())
    }

    pub(crate) const fn pace(&self) -> Pace {
        self.pace
    }

    /// How the tasks are doing, when that is not what was said last.
    fn state_news(&mut self) -> Option<News> {
        let mut counted: Vec<(&str, usize)> = Vec::new();
        for watched in &self.tasks {
            let status = watched.task.last_status.as_str();
            match counted.iter_mut().find(|(known, _)| *known == status) {
                Some((_, count)) => *count += 1,
                None => counted.push((status, 1)),
            }
        }
        let states: Vec<String> = counted.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let states = states.join(", ");
        if states == self.told {
            return None;
        }
        self.told.clone_from(&states);
        match &self.tasks[..] {
            [only] => Some(News::State(only.task.last_status.clone())),
            _ => Some(News::States(states)),
        }
    }
}

impl Log {
    const fn new(task: usize, container: usize) -> Self {
        Self {
            task,
            container,
            follow: None,
            read_at: None,
            in_flight: false,
            failing_since: None,
            closed: false,
            tail: Vec::new(),
        }
    }

    fn is_open(&self) -> bool {
        !self.closed && self.follow.as_ref().is_some_and(Follow::is_open)
    }
}

/// The containers whose output cannot be followed, each with the reason, once.
pub(crate) fn silent(spec: &Spec) -> Vec<News> {
    let whys: BTreeSet<String> = match spec.logs {
        LogReading::Follow => spec
            .definition
            .containers
            .iter()
            .filter_map(|container| stream_of(container, None, "").err())
            .collect(),
        LogReading::Tail => BTreeSet::new(),
    };
    whys.into_iter().map(|why| News::Say(format!("note: {why}"))).collect()
}

/// The next multiple of the interval: runs in one process that look equally often look at the same moments, and share
/// a call. It is a little less than was asked for, so that what ends just after a look is answered within it.
fn tick(now: Duration, interval: Duration) -> Duration {
    const PART: u32 = 20;
    let interval = (interval - interval / PART).max(Duration::from_millis(1));
    let ticks = now.as_millis() / interval.as_millis() + 1;
    interval.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

pub(crate) fn keep_tail(tail: &mut Vec<String>, lines: &[LogLine]) {
    tail.extend(lines.iter().map(|line| line.message.trim_end_matches('\n').to_owned()));
    let surplus = tail.len().saturating_sub(TAIL_LINES);
    tail.drain(..surplus);
}

fn unknown_task(arn: &str) -> Error {
    Error::new(
        longshore_model::Kind::NotFound,
        format!("ECS does not know task `{arn}`; was its cluster deleted?"),
    )
}
