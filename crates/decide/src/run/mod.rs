//! A run: tasks are placed, watched to their end, and judged. One state machine for every front door.
//!
//! It makes no call and reads no clock. Whoever drives it asks what to do ([`Run::ask`]), does it, and brings the answers
//! ([`Run::take`]), until [`Run::outcome`] has something to say. All times are since the process began.

mod capacity;
mod class;
pub(crate) mod explain;
pub(crate) mod follow;
mod judge;
mod news;
mod outcome;
mod pace;
pub(crate) mod placing;
mod spec;
pub(crate) mod verdict;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_model::Error;
use longshore_model::call::{RunTask, StartTask};
use longshore_model::seen::{Described, Failure, Instance, LogPage, LogPosition, LogStream, Started, Task};
use serde::{Deserialize, Serialize};

pub use self::news::News;
pub use self::outcome::{ContainerOutcome, Ended, Outcome, TaskOutcome};
pub use self::pace::Pace;
pub use self::spec::{LogReading, OnTimeout, Spec};

use self::judge::Tail;
use self::placing::{Call, Placed, Send};
use self::watch::Watch;

/// What a run wants done. Each is answered once, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// RunTask.
    RunTask {
        /// Comes back with the answer.
        call: usize,
        /// What to send.
        request: RunTask,
    },
    /// StartTask.
    StartTask {
        /// Comes back with the answer.
        call: usize,
        /// What to send.
        request: StartTask,
    },
    /// All tasks of a family that are over, and all running tasks that somebody started.
    Find {
        /// Comes back with the answer.
        call: usize,
        /// The family.
        family: String,
        /// Whom the running ones belong to.
        started_by: Option<String>,
    },
    /// DescribeTasks.
    Describe(Vec<String>),
    /// StopTask.
    Stop {
        /// Which task.
        arn: String,
        /// Becomes its `stoppedReason`.
        reason: String,
    },
    /// GetLogEvents.
    ReadLog {
        /// Comes back with the answer; absent for the last lines.
        log: Option<usize>,
        /// Where.
        stream: LogStream,
        /// From where on.
        position: LogPosition,
    },
    /// DescribeContainerInstances.
    Instances(Vec<String>),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Of [`Ask::RunTask`] and [`Ask::StartTask`].
    Started(usize, Result<Started, Error>),
    /// Of [`Ask::Find`].
    Found(usize, Result<Vec<Task>, Error>),
    /// Of [`Ask::Describe`], with the time that the call took.
    Described(Result<Described, Error>, Duration),
    /// Of [`Ask::Stop`].
    Stopped(String, Result<(), Error>),
    /// Of [`Ask::ReadLog`], with the time at which it was asked.
    Read(Option<usize>, Result<Option<LogPage>, Error>, Duration),
    /// Of [`Ask::Instances`].
    Instances(Result<Vec<Instance>, Error>),
}

/// Why tasks are stopped before they are over.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// In words that complete "stopped ...".
    Interrupted(String),
    TimedOut,
    NotPlaced(Vec<Failure>),
    Broken(Ended, Error),
}

/// How long the stop of half a run waits for the answer that says what is missing.
const LOOK_FIRST: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
struct Stop {
    why: Why,
    at: Duration,
    /// Which tasks were told to stop.
    sent: BTreeSet<String>,
    /// Which of them are to be told again, with the next look.
    failed: BTreeSet<String>,
}

/// What another process needs to go on with a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The exact revision.
    definition: String,
    /// Calls that are not answered yet, or have tasks left to place.
    calls: Vec<Call>,
    /// ARNs, how often each place lost its host, and whether it was replaced.
    tasks: Vec<(String, u32, bool)>,
}

impl Progress {
    /// The exact revision that the run was begun with.
    #[must_use]
    pub fn definition(&self) -> &str {
        &self.definition
    }
}

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    spec: Spec,
    began: Duration,
    calls: Vec<Call>,
    watch: Watch,
    stop: Option<Stop>,
    /// Nobody waits for it any longer, although tasks may run.
    left: bool,
    nearest: Nearest,
    tail: Tail,
    /// Why what is not placed yet finds no place, as it was said.
    waiting_for: String,
    news: Vec<News>,
}

/// The instance that an unplaced task would fit on best.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Nearest {
    Unknown,
    Asked,
    Known(Option<String>),
}

impl Run {
    /// A run that begins now.
    #[must_use]
    pub fn new(spec: Spec, now: Duration) -> Self {
        let calls = Call::all(&spec);
        let news = watch::silent(&spec);
        let attached = spec.attach.iter().map(|arn| Task { arn: arn.clone(), ..Task::default() }).collect();
        let mut watch = Watch::default();
        watch.add(&spec, attached, 0, now);
        Self {
            spec,
            began: now,
            calls,
            watch,
            stop: None,
            left: false,
            nearest: Nearest::Unknown,
            tail: Tail::default(),
            waiting_for: String::new(),
            news,
        }
    }

    /// A run that another process has begun. The times of `spec` count from now.
    #[must_use]
    pub fn resume(spec: Spec, progress: Progress, now: Duration) -> Self {
        let mut run = Self::new(spec, now);
        run.calls = progress.calls;
        for (arn, lost, replaced) in progress.tasks {
            run.watch.add(&run.spec, vec![Task { arn, ..Task::default() }], lost, now);
            if let Some(task) = run.watch.tasks.last_mut() {
                task.replaced = replaced;
            }
        }
        run
    }

    /// What another process needs to go on. A call that is in flight is made again there, with the same token.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let open = self.calls.iter().filter(|call| !call.is_done());
        let tasks = self.watch.tasks.iter();
        Progress {
            definition: self.spec.definition.arn.clone(),
            calls: open.cloned().collect(),
            tasks: tasks.map(|known| (known.task.arn.clone(), known.lost, known.replaced)).collect(),
        }
    }

    /// What it runs.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether it is over although tasks may run on.
    #[must_use]
    pub const fn is_left(&self) -> bool {
        self.left
    }

    /// When it began.
    #[must_use]
    pub const fn began(&self) -> Duration {
        self.began
    }

    /// The tasks that were started, in the order of [`News::Lines`].
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> {
        self.watch.tasks.iter().map(|watched| &watched.task)
    }

    /// What happened since this was asked last.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Stops the tasks. `words` complete "stopped ...", such as "on Ctrl-C". A second time it leaves them to ECS.
    pub fn interrupt(&mut self, words: &str, now: Duration) {
        if self.stop.is_some() || !self.spec.attach.is_empty() {
            self.left = true;
        }
        self.end(Why::Interrupted(words.to_owned()), now);
    }

    /// What to do now. Nothing of it is asked again before it is answered.
    pub fn ask(&mut self, now: Duration) -> Vec<Ask> {
        self.keep_time(now);
        let mut asks = Vec::new();
        if self.left {
            return asks;
        }
        for (call, known) in self.calls.iter_mut().enumerate() {
            asks.extend(known.send(&self.spec, now).map(|send| match send {
                Send::Run(request) => Ask::RunTask { call, request },
                Send::Start(request) => Ask::StartTask { call, request },
                Send::Search { family, started_by } => Ask::Find { call, family, started_by },
            }));
        }
        let (describe, reads) = self.watch.due(now);
        if !describe.is_empty() {
            if let Some(stop) = &mut self.stop {
                let failed = std::mem::take(&mut stop.failed);
                stop.sent.retain(|arn| !failed.contains(arn));
            }
            asks.push(Ask::Describe(describe));
        }
        asks.extend(self.stops(now));
        asks.extend(reads.into_iter().map(|read| Ask::ReadLog {
            log: Some(read.log),
            stream: read.stream,
            position: read.position,
        }));
        asks.extend(self.last_questions(now));
        asks
    }

    /// When there may be something to do, without any answer.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let calls = self.calls.iter().filter_map(Call::due_at);
        let stop = self.stop.as_ref().filter(|_| !self.all_stopped()).map(|stop| {
            let waits = self.looks_first() && stop.sent.is_empty() && self.watch.running().next().is_some();
            stop.at.saturating_add(if waits { LOOK_FIRST } else { self.spec.stop_patience })
        });
        let deadline = if self.stop.is_none() { self.deadline() } else { None };
        calls.chain(self.watch.wake()).chain(stop).chain(deadline).chain(self.tail.wake()).min()
    }

    /// Takes an answer.
    pub fn take(&mut self, answer: Answer, now: Duration) {
        match answer {
            Answer::Found(call, found) => {
                self.take_placed(call, now, |known, spec| known.take_found(spec, found, now))
            }
            Answer::Started(call, started) => {
                let give_up_at = if self.stop.is_some() { now } else { self.give_up_at() };
                self.take_placed(call, now, |known, spec| known.take_started(spec, started, now, give_up_at));
            }
            Answer::Described(described, took) => {
                match self.watch.take_described(&self.spec, described, took, now) {
                    Ok(news) => self.news.extend(news),
                    Err(error) => {
                        self.left = true;
                        self.end(Why::Broken(Ended::Unknown, error), now);
                    }
                }
                self.replace_lost();
            }
            Answer::Stopped(arn, end) => self.take_stopped(&arn, end),
            Answer::Read(Some(log), page, asked) => {
                self.news.extend(self.watch.take_page(log, page, asked, now));
            }
            Answer::Read(None, page, _) => self.tail.take(page, self.watch.pace(), now),
            Answer::Instances(instances) => {
                let fit = instances.ok().and_then(|seen| capacity::nearest_fit(&self.spec.definition, &seen));
                self.nearest = Nearest::Known(fit);
            }
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.is_over().then(|| judge::outcome(self))
    }

    fn is_over(&self) -> bool {
        if self.left {
            return true;
        }
        if !self.calls.iter().all(Call::is_done) {
            return false;
        }
        if self.spec.detach && self.stop.is_none() {
            return true;
        }
        self.watch.is_over() && self.nearest != Nearest::Asked && !self.wants_nearest() && self.tail_is_read()
    }

    fn take_placed(
        &mut self,
        call: usize,
        now: Duration,
        take: impl FnOnce(&mut Call, &Spec) -> (Vec<Task>, Placed),
    ) {
        let Some(known) = self.calls.get_mut(call) else { return };
        let lost = known.lost;
        let (tasks, placed) = take(known, &self.spec);
        if self.stop.is_some() {
            known.cancel();
        }
        self.watch.add(&self.spec, tasks, lost, now);
        if self.stop.is_some() {
            self.watch.hurry(now);
        }
        match placed {
            Placed::Going => {}
            Placed::Waiting(failures) => self.say_waiting(&failures),
            Placed::NoPlace(failures) => self.end(Why::NotPlaced(failures), now),
            Placed::Refused(error) => {
                // The tasks of another run are not ours to stop.
                self.left |= error.kind() == longshore_model::Kind::Conflict;
                self.end(Why::Broken(Ended::Refused, error), now);
            }
            Placed::Unknown(error) => self.end(Why::Broken(Ended::Unknown, error), now),
        }
    }

    /// What is waited for, when that is not what was said last.
    fn say_waiting(&mut self, failures: &[Failure]) {
        let sentence = explain::not_placed(failures).sentence;
        if self.stop.is_none() && self.waiting_for != sentence {
            self.news.push(News::Say(format!("waiting for capacity: {sentence}")));
            self.waiting_for = sentence;
        }
    }

    /// From now on the tasks are wanted stopped, and no more are started. The first reason is the one that counts.
    fn end(&mut self, why: Why, now: Duration) {
        if self.stop.is_some() {
            return;
        }
        self.calls.iter_mut().for_each(Call::cancel);
        if !self.left {
            self.news.extend(judge::stopping(&why, &self.spec).map(News::Stopping));
        }
        self.stop = Some(Stop { why, at: now, sent: BTreeSet::new(), failed: BTreeSet::new() });
        self.watch.hurry(now);
    }

    fn keep_time(&mut self, now: Duration) {
        if self.stop.is_none() && !self.is_over() && self.deadline().is_some_and(|at| now >= at) {
            self.left = self.spec.on_timeout == OnTimeout::Leave;
            let failures: Vec<Failure> = self.calls.iter().flat_map(Call::failures).cloned().collect();
            // It was capacity that the time went by with.
            self.end(if failures.is_empty() { Why::TimedOut } else { Why::NotPlaced(failures) }, now);
        }
        let Some(stop) = &self.stop else { return };
        self.left |= !self.all_stopped() && now.saturating_sub(stop.at) >= self.spec.stop_patience;
    }

    /// Whether nothing runs, and nothing can be started any more.
    fn all_stopped(&self) -> bool {
        self.calls.iter().all(Call::is_done) && self.watch.all_stopped()
    }

    /// Whether no task is missing, be it that some have ended since.
    fn all_started(&self) -> bool {
        self.calls.iter().all(Call::has_started_all)
    }

    fn deadline(&self) -> Option<Duration> {
        self.spec.timeout.map(|timeout| self.began.saturating_add(timeout))
    }

    fn give_up_at(&self) -> Duration {
        let wait = self.began.saturating_add(self.spec.wait_for_capacity);
        self.deadline().map_or(wait, |deadline| wait.min(deadline))
    }

    /// Whether what is missing on the instances is not known yet. Tasks that stop would give it back before it is seen.
    fn looks_first(&self) -> bool {
        self.nearest == Nearest::Asked || self.wants_nearest()
    }

    /// The tasks that are still to be told to stop.
    fn stops(&mut self, now: Duration) -> Vec<Ask> {
        let looks_first = self.looks_first();
        let Some(stop) = &mut self.stop else { return Vec::new() };
        if looks_first && now.saturating_sub(stop.at) < LOOK_FIRST {
            return Vec::new();
        }
        let reason = judge::stop_reason(&stop.why, &self.spec);
        let arns = self.watch.running().map(|task| task.arn.clone());
        let new: Vec<String> = arns.filter(|arn| !stop.sent.contains(arn)).collect();
        stop.sent.extend(new.iter().cloned());
        new.into_iter().map(|arn| Ask::Stop { arn, reason: reason.clone() }).collect()
    }

    fn take_stopped(&mut self, arn: &str, end: Result<(), Error>) {
        match (end, &mut self.stop) {
            (Err(error), Some(stop)) if error.is_passing() => {
                stop.failed.insert(arn.to_owned());
            }
            (Err(error), _) if error.kind() != longshore_model::Kind::NotFound => {
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                self.news.push(News::Warn(format!("{error}{hint}")));
            }
            _ => {}
        }
    }

    /// Starts again what lost its host, as often as the user allows.
    fn replace_lost(&mut self) {
        if self.stop.is_some() {
            return;
        }
        for watched in self.watch.tasks.iter_mut().filter(|watched| watched.is_over() && !watched.replaced) {
            let verdict = judge::verdict(&watched.task, &self.spec);
            if class::of_task(&watched.task, &verdict) != Ended::Infrastructure
                || watched.lost >= self.spec.retry_infrastructure
                || !self.spec.attach.is_empty()
            {
                continue;
            }
            watched.replaced = true;
            let (lost, most) = (watched.lost + 1, self.spec.retry_infrastructure);
            let explanation = explain::explain(&watched.task, &verdict, true);
            self.news.push(News::Say(format!(
                "task {} was lost: {}; starting it again ({lost} of {most})",
                watched.task.short_id(),
                explanation.sentence
            )));
            self.calls.push(Call::again(&watched.task, lost, !self.spec.instances.is_empty()));
        }
    }
}
