//! The lines of all tasks of a service: which tasks there are, which streams they write to, and when all has been shown.
//!
//! It makes no call and reads no clock. Whoever drives it asks what to do ([`Tail::ask`]), does it, and brings the answers
//! ([`Tail::take`]), until [`Tail::is_over`]. All times are since the process began.

mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use longshore_model::call::MAX_TASKS_PER_DESCRIBE;
use longshore_model::seen::{Described, LogLine, LogPage, LogPosition, LogStream, Task, TaskDefinition};
use longshore_model::{Error, Kind, Timestamp};

use self::streams::Streams;
use super::{failing, revision_name};
use crate::run::follow::stream_of;
use crate::run::placing::{PATIENCE, TROUBLE_WAIT};

/// Whoever follows a service lists its tasks about so often, the running ones and the stopped ones in turn...
const FAR_LIST_WAIT: Duration = Duration::from_millis(2_500);

/// ...and where the service is near, so often.
const NEAR_LIST_WAIT: Duration = Duration::from_millis(100);

/// What the user wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TailWish {
    /// Goes on with what comes, also of new tasks.
    pub follow: bool,
    /// Lines from then on, also those of tasks that have stopped since; absent means from the first one on.
    pub since: Option<Timestamp>,
    /// Without `follow`: the moment at which the command began. What is written later need not be shown.
    pub until: Timestamp,
    /// The one container of each task; absent means all of them.
    pub container: Option<String>,
}

/// What is to be done. Each is answered once, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailAsk {
    /// ListTasks of the service.
    List {
        /// Those that are over; else those that are to run.
        stopped: bool,
    },
    /// DescribeTasks, of at most 100.
    Describe(Vec<String>),
    /// DescribeTaskDefinition.
    Revision(String),
    /// GetLogEvents.
    Read {
        /// Comes back with the answer.
        log: usize,
        /// Where.
        stream: LogStream,
        /// From where on.
        position: LogPosition,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailAnswer {
    /// Of [`TailAsk::List`], with the time that the call took.
    Listed(bool, Result<Vec<String>, Error>, Duration),
    /// Of [`TailAsk::Describe`], with what was asked for.
    Described(Vec<String>, Result<Described, Error>),
    /// Of [`TailAsk::Revision`].
    Revision(String, Result<TaskDefinition, Error>),
    /// Of [`TailAsk::Read`], with the time at which it was asked.
    Read(usize, Result<Option<LogPage>, Error>, Duration),
}

/// Something to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailNews {
    /// Lines in order of time, each with the number of its stream.
    Lines(Vec<(usize, LogLine)>),
    /// Something that happened.
    Say(String),
    /// Something that the user should not miss.
    Warn(String),
}

/// The lines of a service.
#[derive(Debug, Clone)]
pub struct Tail {
    wish: TailWish,
    tasks: BTreeMap<String, Known>,
    /// By ARN; without a value while it is asked for.
    definitions: BTreeMap<String, Option<TaskDefinition>>,
    streams: Streams,
    lists: Lists,
    describe: BTreeSet<String>,
    describing: bool,
    /// After trouble, nothing is asked of ECS before.
    calm_until: Duration,
    trouble_since: Option<Duration>,
    noted: BTreeSet<String>,
    news: Vec<TailNews>,
    end: Option<Error>,
}

/// When the service's tasks are listed.
#[derive(Debug, Clone)]
struct Lists {
    /// Absent while ListTasks is being asked, and when nothing is to be listed any more.
    at: Option<Duration>,
    /// Which ones are next.
    stopped: bool,
    /// How many lists came.
    count: u64,
    done: bool,
}

/// A task of the service.
#[derive(Debug, Clone, Default)]
struct Known {
    task: Option<Task>,
    /// It was there when we began...
    at_first: bool,
    /// ...and was over, or about to be.
    before: bool,
    /// The containers whose streams are known, or known not to be there.
    opened: BTreeSet<String>,
    /// Whether that is all of them.
    is_open: bool,
    said: bool,
    /// Nothing more is to be known of it.
    over: bool,
}

impl Tail {
    /// For a service whose name only those who ask know.
    #[must_use]
    pub fn new(wish: TailWish) -> Self {
        // A task that ends between two lists is in the second one: whoever follows begins with those that are over, to
        // tell them from those that end later; whoever does not, with those that run.
        let lists = Lists { at: Some(Duration::ZERO), stopped: wish.follow, count: 0, done: false };
        Self {
            wish,
            tasks: BTreeMap::new(),
            definitions: BTreeMap::new(),
            streams: Streams::default(),
            lists,
            describe: BTreeSet::new(),
            describing: false,
            calm_until: Duration::ZERO,
            trouble_since: None,
            noted: BTreeSet::new(),
            news: Vec::new(),
            end: None,
        }
    }

    /// The ARN of the task and the name of the container whose stream has this number.
    #[must_use]
    pub fn source(&self, log: usize) -> Option<(&str, &str)> {
        self.streams.get(log).map(|stream| (stream.task_arn.as_str(), stream.container.as_str()))
    }

    /// Whether the service has, or had, tasks that belong to what is wanted.
    #[must_use]
    pub fn has_tasks(&self) -> bool {
        self.tasks.values().any(|known| !known.opened.is_empty())
    }

    /// What happened since this was asked last.
    pub fn news(&mut self) -> Vec<TailNews> {
        std::mem::take(&mut self.news)
    }

    /// The lines that wait for others to be in order: for whoever is interrupted.
    pub fn rest(&mut self) -> Vec<(usize, LogLine)> {
        self.streams.rest()
    }

    /// Why it ended before its time.
    #[must_use]
    pub const fn failed(&self) -> Option<&Error> {
        self.end.as_ref()
    }

    /// Whether there is nothing left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let settled = || self.lists.done && !self.describing && self.describe.is_empty();
        let known = || {
            self.unknown_definitions().is_empty()
                && self.definitions.values().all(Option::is_some)
                && (!self.wish.follow || self.tasks.values().all(|known| known.over))
        };
        self.end.is_some() || settled() && known() && self.streams.is_over()
    }

    /// What to do now.
    pub fn ask(&mut self, now: Duration) -> Vec<TailAsk> {
        let mut asks = Vec::new();
        if now >= self.calm_until {
            if self.lists.at.is_some_and(|at| now >= at) {
                self.lists.at = None;
                asks.push(TailAsk::List { stopped: self.lists.stopped });
            }
            if !self.describing && !self.describe.is_empty() {
                let arns: Vec<String> = self.describe.iter().take(MAX_TASKS_PER_DESCRIBE).cloned().collect();
                self.describe.retain(|arn| !arns.contains(arn));
                self.describing = true;
                asks.push(TailAsk::Describe(arns));
            }
            for arn in self.unknown_definitions() {
                self.definitions.insert(arn.clone(), None);
                asks.push(TailAsk::Revision(arn));
            }
        }
        asks.extend(self.streams.ask(&self.wish, now));
        asks
    }

    /// When there may be something to do, without any answer.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let describes = !self.describing && !self.describe.is_empty();
        let waits = describes || !self.unknown_definitions().is_empty();
        let calm = waits.then_some(self.calm_until);
        let list = self.lists.at.map(|at| at.max(self.calm_until));
        list.into_iter().chain(calm).chain(self.streams.wake()).min()
    }

    /// Takes an answer.
    pub fn take(&mut self, answer: TailAnswer, now: Duration) {
        match answer {
            TailAnswer::Listed(stopped, Ok(arns), took) => self.take_list(stopped, &arns, took, now),
            TailAnswer::Listed(_, Err(error), _)
                if error.kind() == Kind::NotFound && self.lists.count > 0 =>
            {
                self.note("the service is gone".to_owned());
                self.lists.done = true;
                self.describe_all(now);
            }
            TailAnswer::Listed(_, Err(error), _) => {
                self.lists.at = Some(now);
                self.take_trouble(error, now);
            }
            TailAnswer::Described(arns, described) => self.take_described(arns, described, now),
            TailAnswer::Revision(arn, Ok(definition)) => {
                self.well();
                self.definitions.insert(arn, Some(definition));
                self.open_streams(now);
            }
            TailAnswer::Revision(arn, Err(error)) if error.is_passing() => {
                self.definitions.remove(&arn);
                self.take_trouble(error, now);
            }
            TailAnswer::Revision(arn, Err(error)) => {
                self.news.push(TailNews::Warn(format!("{error}; the lines of its tasks are not shown")));
                self.definitions.insert(arn, Some(TaskDefinition::default()));
                self.open_streams(now);
            }
            TailAnswer::Read(log, page, asked) => {
                let warning = self.streams.take(log, page, &self.wish, asked, now);
                self.news.extend(warning.map(TailNews::Warn));
            }
        }
        let lines = self.streams.show(now);
        if !lines.is_empty() {
            self.news.push(TailNews::Lines(lines));
        }
    }

    fn take_list(&mut self, stopped: bool, arns: &[String], took: Duration, now: Duration) {
        self.well();
        self.streams.pace.answered(took, false);
        let is_first = self.lists.count == 0;
        self.lists.count += 1;
        self.lists.stopped = !stopped;
        if self.wish.follow {
            // The first two belong together.
            self.lists.at = Some(if is_first { now } else { now + self.list_wait() });
        } else {
            self.lists.done = stopped;
            self.lists.at = (!stopped).then_some(now);
        }
        let listed: BTreeSet<&str> = arns.iter().map(String::as_str).collect();
        let (at_first, before) = (self.lists.count <= 2, is_first && stopped);
        for arn in arns {
            let new = || Known { at_first, before, ..Known::default() };
            self.tasks.entry(arn.clone()).or_insert_with(new);
        }
        for (arn, known) in self.tasks.iter().filter(|(_, known)| !known.over) {
            // One that is no longer listed as running is about to end, or has ended.
            if !known.is_open || listed.contains(arn.as_str()) == stopped {
                self.describe.insert(arn.clone());
            }
        }
    }

    fn take_described(&mut self, arns: Vec<String>, described: Result<Described, Error>, now: Duration) {
        self.describing = false;
        let described = match described {
            Ok(described) => described,
            Err(error) => {
                self.describe.extend(arns);
                return self.take_trouble(error, now);
            }
        };
        self.well();
        for task in described.tasks {
            if let Some(known) = self.tasks.get_mut(&task.arn) {
                known.task = Some(task);
            }
        }
        for arn in arns {
            let Some(known) = self.tasks.get_mut(&arn) else { continue };
            let is_missing = described.failures.iter().any(|failure| failure.arn.as_deref() == Some(&arn));
            // ECS forgets ended tasks after an hour; one that is new may not be shown everywhere yet.
            if is_missing && (known.task.is_some() || known.before || self.lists.done) {
                known.over = true;
                self.streams.task_ended(&arn, |_| true, now);
            }
        }
        self.open_streams(now);
        if self.lists.done {
            self.describe_all(now);
        }
    }

    /// Once nothing is listed any more, those that still run are asked for until they end.
    fn describe_all(&mut self, now: Duration) {
        if self.wish.follow {
            let open = self.tasks.iter().filter(|(_, known)| !known.over).map(|(arn, _)| arn.clone());
            self.describe.extend(open);
            self.calm_until = now + self.list_wait();
        }
    }

    fn list_wait(&self) -> Duration {
        if self.streams.pace.is_near() { NEAR_LIST_WAIT } else { FAR_LIST_WAIT }
    }

    /// Opens what is known of the tasks, and closes what is over.
    fn open_streams(&mut self, now: Duration) {
        for (arn, known) in self.tasks.iter_mut().filter(|(_, known)| !known.over) {
            let Some(task) = &known.task else { continue };
            let before = match self.wish.since {
                Some(since) => task.stopped_at.is_some_and(|at| at < since),
                None => self.wish.follow && known.before,
            };
            if task.is_stopped() && before {
                known.over = true;
                continue;
            }
            let Some(Some(definition)) = self.definitions.get(&task.task_definition_arn) else { continue };
            if is_asleep(task) {
                continue;
            }
            if self.wish.follow && !known.at_first && !known.said {
                known.said = true;
                let text = format!("task {} started ({})", task.short_id(), revision_name(&definition.arn));
                self.news.push(TailNews::Say(text));
            }
            known.is_open = true;
            let wanted = |name: &str| self.wish.container.as_deref().is_none_or(|only| only == name);
            for container in definition.containers.iter().filter(|container| wanted(&container.name)) {
                if known.opened.contains(&container.name) {
                    continue;
                }
                let seen = task.containers.iter().find(|seen| seen.name == container.name);
                match stream_of(container, seen, task.id()) {
                    Ok(Some(stream)) => self.streams.add(arn, &container.name, stream, &self.wish, now),
                    // Its name is that of the container in Docker, which is not created yet.
                    Ok(None) => {
                        known.is_open = false;
                        continue;
                    }
                    Err(why) if self.noted.insert(why.clone()) => {
                        self.news.push(TailNews::Say(format!("note: {why}")));
                    }
                    Err(_) => {}
                }
                known.opened.insert(container.name.clone());
            }
            if task.is_stopped() {
                known.over = true;
                if self.wish.follow && !known.before {
                    let why = failing::why_it_ended(task, definition);
                    self.news.push(TailNews::Say(format!("task {} stopped: {why}", task.short_id())));
                }
                let ran = |name: &str| {
                    task.containers.iter().any(|seen| seen.name == name && seen.exit_code.is_some())
                };
                self.streams.task_ended(arn, ran, now);
            }
        }
    }

    fn unknown_definitions(&self) -> BTreeSet<String> {
        let tasks = self.tasks.values().filter(|known| !known.over).filter_map(|known| known.task.as_ref());
        let arns = tasks.map(|task| task.task_definition_arn.clone());
        arns.filter(|arn| !self.definitions.contains_key(arn)).collect()
    }

    fn note(&mut self, text: String) {
        self.news.push(TailNews::Say(format!("note: {text}")));
    }

    fn well(&mut self) {
        if self.trouble_since.take().is_some() {
            self.note("the service answers again".to_owned());
        }
    }

    fn take_trouble(&mut self, error: Error, now: Duration) {
        let since = *self.trouble_since.get_or_insert(now);
        if !error.is_passing() || now.saturating_sub(since) >= PATIENCE {
            self.end = Some(error);
            return;
        }
        if since == now {
            self.news.push(TailNews::Warn(format!("{error}; trying for {} s", PATIENCE.as_secs())));
        }
        self.calm_until = now + TROUBLE_WAIT;
    }
}

/// Whether none of its containers runs yet.
fn is_asleep(task: &Task) -> bool {
    matches!(task.last_status.as_str(), "" | "PROVISIONING" | "PENDING")
}

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
