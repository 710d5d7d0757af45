//! A run while it is under way: what to ask next, and what the answers mean. It makes no call and reads no clock;
//! `now` is the time since the run began.

use std::time::Duration;

use anyhow::{Result, anyhow};
use longshore_aws::{ContainerSummary, Error, Kind, LogLine, LogPage, Task};

use super::follow::{Again, Follow, stream_of};
use super::look::{Answers, Questions};
use super::pace::Pace;

/// For so long a service that does not answer, or does not know the task, is asked again.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is asked meanwhile.
const TROUBLE_WAIT: Duration = Duration::from_secs(1);

/// For so long a task that was told to stop is waited for. Fargate kills after two minutes at most; an instance whose
/// agent is gone never does.
const LONGEST_STOP: Duration = Duration::from_secs(600);

/// What the user is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    Lines {
        task: usize,
        container: usize,
        lines: Vec<LogLine>,
    },
    /// The only task is in another state.
    State(String),
    /// Of several tasks, so many are in each state.
    States(String),
    Say(String),
    Warn(String),
}

/// The tasks of a run and their logs.
#[derive(Debug)]
pub(crate) struct Watch {
    tasks: Vec<Task>,
    logs: Vec<Log>,
    definition: Vec<ContainerSummary>,
    pace: Pace,
    describe_at: Duration,
    told: String,
    lines_came: bool,
    trouble_since: Option<Duration>,
    answered_at: Duration,
    stop_wanted_at: Option<Duration>,
    stop_sent: Vec<String>,
}

/// The log of one container of one task.
#[derive(Debug)]
struct Log {
    task: usize,
    container: usize,
    /// Absent until the name of the stream is known.
    follow: Option<Follow>,
    /// Absent: with the next description.
    read_at: Option<Duration>,
    failing_since: Option<Duration>,
    closed: bool,
}

impl Watch {
    /// Of tasks that were just started. Containers whose output cannot be followed are named once.
    pub(crate) fn new(tasks: Vec<Task>, definition: Vec<ContainerSummary>) -> (Self, Vec<News>) {
        let mut news = Vec::new();
        let mut logs = Vec::new();
        for (container, summary) in definition.iter().enumerate() {
            match stream_of(summary, None, "") {
                Ok(_) => logs.extend((0..tasks.len()).map(|task| Log::new(task, container))),
                Err(why) => news.push(News::Say(format!("note: {why}"))),
            }
        }
        let watch = Self {
            tasks,
            logs,
            definition,
            pace: Pace::default(),
            describe_at: Duration::ZERO,
            told: String::new(),
            lines_came: false,
            trouble_since: None,
            answered_at: Duration::ZERO,
            stop_wanted_at: None,
            stop_sent: Vec::new(),
        };
        (watch, news)
    }

    pub(crate) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Whether every task has ended and every line has been read.
    pub(crate) fn is_over(&self) -> bool {
        self.all_stopped() && self.logs.iter().all(|log| log.closed)
    }

    /// From now on the tasks are wanted stopped.
    pub(crate) fn stop(&mut self, now: Duration) {
        self.stop_wanted_at = Some(now);
        self.describe_at = now;
    }

    /// When there is something to ask.
    pub(crate) fn next_look(&self) -> Duration {
        let describe_at = (!self.all_stopped()).then_some(self.describe_at);
        let reads = self.logs.iter().filter(|log| log.is_open()).filter_map(|log| log.read_at);
        reads.chain(describe_at).min().unwrap_or_default()
    }

    /// What is due.
    pub(crate) fn questions(&self, now: Duration) -> Questions {
        let running = || self.tasks.iter().filter(|task| !task.is_stopped()).map(|task| task.arn.clone());
        let describes = now >= self.describe_at && !self.all_stopped();
        let read = self.logs.iter().enumerate().filter_map(|(number, log)| {
            let due = log.read_at.map_or(describes, |at| now >= at);
            let follow = log.follow.as_ref().filter(|_| due && log.is_open())?;
            Some((number, follow.stream.clone(), follow.token().map(ToOwned::to_owned)))
        });
        Questions {
            describe: if describes { running().collect() } else { Vec::new() },
            stop: if describes && self.stop_wanted_at.is_some() {
                running().filter(|arn| !self.stop_sent.contains(arn)).collect()
            } else {
                Vec::new()
            },
            read: read.collect(),
        }
    }

    /// Takes the answers to questions that were asked at `asked`.
    pub(crate) fn take(&mut self, answers: Answers, asked: Duration, now: Duration) -> Result<Vec<News>> {
        let mut news = Vec::new();
        for (arn, end) in answers.stopped {
            self.take_stopped(arn, end, &mut news);
        }
        // Pages first: they were asked for before the description could say that the task is over.
        for (number, page) in answers.pages {
            self.take_page(number, page, asked, now, &mut news);
        }
        match answers.described {
            None => {}
            Some(Ok(described)) => {
                if self.trouble_since.take().is_some() {
                    news.push(News::Say("note: the service answers again".to_owned()));
                }
                let changed = self.take_tasks(described.tasks, now)?;
                self.pace.answered(answers.round_trip, changed || self.lines_came);
                self.lines_came = false;
                self.describe_at = now + self.pace.wait(self.calls_per_round());
                self.wake_logs(now);
                news.extend(self.state_news());
            }
            Some(Err(error)) => self.take_trouble(error, now, &mut news)?,
        }
        if !self.all_stopped() && self.stop_wanted_at.is_some_and(|at| now.saturating_sub(at) >= LONGEST_STOP)
        {
            return Err(anyhow!("ECS has not stopped it within {} s", LONGEST_STOP.as_secs()));
        }
        Ok(news)
    }

    fn take_stopped(&mut self, arn: String, end: Result<(), Error>, news: &mut Vec<News>) {
        match end {
            Err(error) if is_passing(&error) => {}
            Err(error) if error.kind() != Kind::NotFound => {
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                news.push(News::Warn(format!("{error}{hint}")));
                self.stop_sent.push(arn);
            }
            _ => self.stop_sent.push(arn),
        }
    }

    fn take_page(
        &mut self,
        number: usize,
        page: Result<Option<LogPage>, Error>,
        asked: Duration,
        now: Duration,
        news: &mut Vec<News>,
    ) {
        let (soon, grace, all_stopped) = (now + self.pace.confirm(), self.pace.grace(), self.all_stopped());
        let Some(log) = self.logs.get_mut(number) else { return };
        let Some(follow) = log.follow.as_mut() else { return };
        match page {
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
                if !lines.is_empty() {
                    self.lines_came = true;
                    news.push(News::Lines { task: log.task, container: log.container, lines });
                }
            }
            Err(error) => {
                let since = *log.failing_since.get_or_insert(asked);
                if is_passing(&error) && now.saturating_sub(since) < PATIENCE {
                    log.read_at = all_stopped.then_some(now + TROUBLE_WAIT);
                    return;
                }
                log.closed = true;
                follow.close();
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                news.push(News::Warn(format!("{error}; its lines are not shown from here on{hint}")));
            }
        }
    }

    /// True when a task is in another state than before.
    fn take_tasks(&mut self, described: Vec<Task>, now: Duration) -> Result<bool> {
        let mut changed = false;
        let mut missing = None;
        for known in &mut self.tasks {
            match described.iter().find(|task| task.arn == known.arn) {
                Some(task) => {
                    changed |= known.last_status != task.last_status;
                    *known = task.clone();
                }
                None if !known.is_stopped() => missing = Some(known.arn.clone()),
                None => {}
            }
        }
        // ECS may take a while until it shows a new task everywhere.
        match missing {
            Some(arn) if now.saturating_sub(self.answered_at) >= PATIENCE => {
                Err(anyhow!("ECS does not know task `{arn}`; was its cluster deleted?"))
            }
            Some(_) => Ok(changed),
            None => {
                self.answered_at = now;
                Ok(changed)
            }
        }
    }

    /// Opens the logs of tasks that run, and lets those of ended tasks run dry.
    fn wake_logs(&mut self, now: Duration) {
        for log in self.logs.iter_mut().filter(|log| !log.closed) {
            let (Some(task), Some(definition)) =
                (self.tasks.get(log.task), self.definition.get(log.container))
            else {
                continue;
            };
            let container = task.containers.iter().find(|container| container.name == definition.name);
            if log.follow.is_none() {
                log.follow = stream_of(definition, container, task.id()).ok().flatten().map(Follow::new);
            }
            let Some(follow) = log.follow.as_mut() else {
                log.closed = task.is_stopped();
                continue;
            };
            let news = if task.is_stopped() {
                follow.task_stopped(now, container.is_some_and(|container| container.exit_code.is_some()))
            } else if matches!(task.last_status.as_str(), "PROVISIONING" | "PENDING") {
                false
            } else {
                follow.task_started()
            };
            if news {
                log.read_at = Some(now);
            }
        }
    }

    fn take_trouble(&mut self, error: Error, now: Duration, news: &mut Vec<News>) -> Result<()> {
        let since = *self.trouble_since.get_or_insert(now);
        if !is_passing(&error) || now.saturating_sub(since) >= PATIENCE {
            return Err(error.into());
        }
        if since == now {
            news.push(News::Warn(format!("{error}; trying for {} s", PATIENCE.as_secs())));
        }
        self.describe_at = now + TROUBLE_WAIT;
        Ok(())
    }

    /// How the tasks are doing, when that is not what was said last.
    fn state_news(&mut self) -> Option<News> {
        let mut counted: Vec<(&str, usize)> = Vec::new();
        for task in &self.tasks {
            match counted.iter_mut().find(|(status, _)| *status == task.last_status) {
                Some((_, count)) => *count += 1,
                None => counted.push((&task.last_status, 1)),
            }
        }
        let states: Vec<String> = counted.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let states = states.join(", ");
        if states == self.told {
            return None;
        }
        self.told.clone_from(&states);
        match &self.tasks[..] {
            [only] => Some(News::State(only.last_status.clone())),
            _ => Some(News::States(states)),
        }
    }

    fn all_stopped(&self) -> bool {
        self.tasks.iter().all(Task::is_stopped)
    }

    fn calls_per_round(&self) -> usize {
        1 + self.logs.iter().filter(|log| log.is_open()).count()
    }
}

impl Log {
    const fn new(task: usize, container: usize) -> Self {
        Self { task, container, follow: None, read_at: None, failing_since: None, closed: false }
    }

    fn is_open(&self) -> bool {
        !self.closed && self.follow.as_ref().is_some_and(Follow::is_open)
    }
}

/// Whether trying again may help.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Throttled)
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
