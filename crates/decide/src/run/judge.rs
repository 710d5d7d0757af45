//! The end of a run: the last questions, and the result document.

use std::time::Duration;

use longshore_model::Error;
use longshore_model::seen::{Container, LogPage, LogPosition, Task};

use super::class;
use super::explain::{self, Explanation};
use super::follow::stream_of;
use super::outcome::{ContainerOutcome, Ended, Outcome, TaskOutcome};
use super::pace::Pace;
use super::placing::Call;
use super::spec::{LogReading, OnTimeout, Spec};
use super::verdict::{self, Verdict};
use super::watch::{TAIL_LINES, Watched, keep_tail};
use super::{Ask, Nearest, Run, Why, capacity};

/// The last lines of the container that decided, where logs are not followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    state: TailState,
    lines: Vec<String>,
    /// Why they cannot be read.
    trouble: Option<Error>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum TailState {
    #[default]
    Unread,
    InFlight {
        since: Duration,
    },
    /// Nothing was there yet.
    Again {
        at: Duration,
        since: Duration,
    },
    Done,
}

impl Tail {
    pub(crate) fn wake(&self) -> Option<Duration> {
        match self.state {
            TailState::Again { at, .. } => Some(at),
            _ => None,
        }
    }

    /// CloudWatch Logs may take a while to show the last lines.
    pub(crate) fn take(&mut self, page: Result<Option<LogPage>, Error>, pace: Pace, now: Duration) {
        let TailState::InFlight { since } = self.state else { return };
        self.trouble = page.as_ref().err().cloned();
        let lines = page.ok().flatten().map(|page| page.lines).unwrap_or_default();
        if lines.is_empty() && now.saturating_sub(since) < pace.grace() {
            self.state = TailState::Again { at: now + pace.confirm(), since };
            return;
        }
        keep_tail(&mut self.lines, &lines);
        self.state = TailState::Done;
    }
}

impl Run {
    /// What is asked only once the tasks are over.
    pub(crate) fn last_questions(&mut self, now: Duration) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.wants_nearest()
            && let Some(Why::NotPlaced(failures)) = self.stop.as_ref().map(|stop| &stop.why)
        {
            asks.push(Ask::Instances(capacity::too_small(failures)));
            self.nearest = Nearest::Asked;
        }
        if self.tail_is_read() || !self.all_stopped() {
            return asks;
        }
        let since = match self.tail.state {
            TailState::Unread => now,
            TailState::Again { at, since } if now >= at => since,
            _ => return asks,
        };
        if let Some((task, container, stream)) = self.decisive().and_then(|(task, container)| {
            let definition = self.spec.definition.containers.get(container)?;
            let seen = self.watch.tasks.get(task)?;
            let known = seen.task.containers.iter().find(|known| known.name == definition.name);
            Some((task, container, stream_of(definition, known, seen.task.id()).ok().flatten()?))
        }) {
            let ran = self.code(task, container).is_some();
            self.tail.state = TailState::InFlight { since: if ran { since } else { Duration::ZERO } };
            let lines = u16::try_from(TAIL_LINES).unwrap_or(u16::MAX);
            asks.push(Ask::ReadLog { log: None, stream, position: LogPosition::Tail(lines) });
        } else {
            self.tail.state = TailState::Done;
        }
        asks
    }

    /// Whether it is worth asking which instance has most room.
    pub(crate) fn wants_nearest(&self) -> bool {
        let failures = match self.stop.as_ref().map(|stop| &stop.why) {
            Some(Why::NotPlaced(failures)) => failures,
            _ => return false,
        };
        self.nearest == Nearest::Unknown && !capacity::too_small(failures).is_empty()
    }

    /// Whether any output of the tasks was read.
    fn has_lines(&self) -> bool {
        self.watch.has_lines() || !self.tail.lines.is_empty()
    }

    /// Whether the last lines are known, or of no interest.
    pub(crate) fn tail_is_read(&self) -> bool {
        self.spec.logs == LogReading::Follow || self.tail.state == TailState::Done || self.failed().is_none()
    }

    fn code(&self, task: usize, container: usize) -> Option<i32> {
        let name = &self.spec.definition.containers.get(container)?.name;
        let containers = &self.watch.tasks.get(task)?.task.containers;
        containers.iter().find(|known: &&Container| known.name == *name)?.exit_code
    }

    /// The first task that failed.
    fn failed(&self) -> Option<usize> {
        let fails = |watched: &Watched| {
            watched.is_over() && !watched.replaced && !verdict(&watched.task, &self.spec).success
        };
        self.watch.tasks.iter().position(fails)
    }

    /// The task and the container that decide.
    fn decisive(&self) -> Option<(usize, usize)> {
        let task = self.failed().or_else(|| self.watch.tasks.iter().position(|watched| !watched.replaced))?;
        let name = verdict(&self.watch.tasks.get(task)?.task, &self.spec).container;
        let container = self.spec.definition.containers.iter().position(|known| known.name == name);
        Some((task, container.unwrap_or_default()))
    }
}

pub(crate) fn verdict(task: &Task, spec: &Spec) -> Verdict {
    verdict::of_task(task, &spec.definition.containers, spec.container.as_deref(), &spec.accept_exit_codes)
}

/// The `stoppedReason` of a task that we stop: who stopped it and why.
pub(crate) fn stop_reason(why: &Why, spec: &Spec) -> String {
    let who = &spec.who;
    match why {
        Why::Interrupted(words) => format!("Stopped by {who} {words}"),
        Why::TimedOut => format!("Stopped by {who} after its timeout{}", in_words(spec)),
        Why::NotPlaced(_) => format!("Stopped by {who}: not all tasks of the run could be placed"),
        Why::Broken(..) => format!("Stopped by {who}: not all tasks of the run could be started"),
    }
}

/// Completes "stopping the task ...".
pub(crate) fn stopping(why: &Why, spec: &Spec) -> Option<String> {
    match why {
        Why::Interrupted(words) => Some(words.clone()),
        Why::TimedOut => Some(format!("after its timeout{}", in_words(spec))),
        Why::NotPlaced(_) | Why::Broken(..) => None,
    }
}

fn in_words(spec: &Spec) -> String {
    spec.timeout_in_full.map(|timeout| format!(" of {timeout:?}")).unwrap_or_default()
}

/// The result document of a run that is over.
pub(crate) fn outcome(run: &Run) -> Outcome {
    let decisive = run.decisive();
    let deciding = decisive.and_then(|(task, _)| run.watch.tasks.get(task));
    let over = deciding.filter(|watched| watched.is_over());
    let judged = over.map(|watched| verdict(&watched.task, &run.spec));
    let (result, explanation) = verdict_of(run, over.zip(judged.as_ref()));
    let tail = match decisive {
        Some((task, container)) if run.spec.logs == LogReading::Follow => run.watch.tail(task, container),
        _ => &run.tail.lines,
    };
    Outcome {
        result,
        exit_code: judged.as_ref().and_then(|judged| judged.code),
        container: judged.as_ref().map(|judged| judged.container.clone()),
        explanation: explanation.sentence,
        next_step: explanation.next,
        run_id: run.spec.id.clone(),
        cluster: run.spec.request.cluster.clone(),
        // A run that was begun with another revision keeps it.
        task_definition_arn: deciding
            .map(|watched| watched.task.task_definition_arn.clone())
            .filter(|arn| !arn.is_empty())
            .unwrap_or_else(|| run.spec.definition.arn.clone()),
        task_arn: deciding.map(|watched| watched.task.arn.clone()),
        tasks: run.watch.tasks.iter().map(|watched| task_outcome(run, watched)).collect(),
        log_tail: if result == Ended::Succeeded { Vec::new() } else { tail.to_vec() },
    }
}

fn verdict_of(run: &Run, decided: Option<(&Watched, &Verdict)>) -> (Ended, Explanation) {
    let by_tasks = || match decided {
        Some((watched, judged)) => {
            let mut explanation = explain::explain(&watched.task, judged, run.has_lines());
            if let Some(error) = &run.tail.trouble {
                explanation.sentence = format!("{}; its log is not shown: {error}", explanation.sentence);
                explanation.next = error.hint().map(ToOwned::to_owned).or(explanation.next);
            }
            (class::of_task(&watched.task, judged), explanation)
        }
        None => (Ended::Succeeded, Explanation { sentence: "nothing was to be run".to_owned(), next: None }),
    };
    let Some(stop) = &run.stop else {
        if run.spec.detach {
            let count = run.watch.tasks.len();
            let tasks = if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") };
            return (Ended::Detached, Explanation { sentence: format!("started {tasks}"), next: None });
        }
        return by_tasks();
    };
    let (result, mut explanation) = match &stop.why {
        // What came to a good end by itself before the stop reached it, came to a good end.
        Why::TimedOut
            if run.all_started()
                && run.watch.all_stopped()
                && by_tasks().0 == Ended::Succeeded
                && decided.is_some() =>
        {
            return by_tasks();
        }
        Why::TimedOut => (Ended::TimedOut, timed_out(run)),
        Why::Interrupted(words) => {
            (Ended::Interrupted, Explanation { sentence: format!("stopped {words}"), next: None })
        }
        Why::NotPlaced(failures) => (Ended::NotPlaced, not_placed(run, failures)),
        Why::Broken(result, error) => (*result, broken(error)),
    };
    let running: Vec<&str> = run.watch.running().map(Task::short_id).collect();
    if !running.is_empty() {
        let tasks = tasks_in_words(&running);
        explanation.sentence = match &stop.why {
            Why::Interrupted(words) => format!("left {tasks}, which may still run, {words}"),
            _ => format!("{}; {tasks} may still run", explanation.sentence),
        };
        explanation.next = Some(how_to_stop(run));
    }
    if run.calls.iter().any(Call::is_doubtful) {
        explanation.sentence.push_str("; a task may have been started all the same");
    }
    (result, explanation)
}

fn timed_out(run: &Run) -> Explanation {
    let what = if run.spec.on_timeout == OnTimeout::Leave { "left" } else { "stopped" };
    let mut sentence = format!("timed out: {what} after its timeout{}", in_words(&run.spec));
    if let Some(error) = run.calls.iter().find_map(Call::trouble) {
        let missing = if run.watch.tasks.is_empty() { "nothing was" } else { "not all tasks were" };
        sentence = format!("{sentence}; {missing} started, because ECS answered last: {error}");
    }
    let next = "allow it more time, or find out from its log what it waits for".to_owned();
    Explanation { sentence, next: Some(next) }
}

fn not_placed(run: &Run, failures: &[longshore_model::seen::Failure]) -> Explanation {
    let explanation = explain::not_placed(failures);
    let what = format!("`{}` on cluster `{}`", run.spec.definition.arn, run.spec.request.cluster);
    let (placed, count) = (run.watch.tasks.len(), run.spec.instances.len().max(run.spec.count));
    let mut sentence = match placed {
        0 => format!("no task was started of {what}: {}", explanation.sentence),
        _ => format!("only {placed} of {count} tasks were started of {what}: {}", explanation.sentence),
    };
    if let Nearest::Known(Some(fit)) = &run.nearest {
        sentence = format!("{sentence}; {fit}");
    }
    Explanation { sentence, next: explanation.next }
}

fn broken(error: &Error) -> Explanation {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Explanation { sentence: format!("{error}{cause}"), next: error.hint().map(ToOwned::to_owned) }
}

fn tasks_in_words(ids: &[&str]) -> String {
    match ids {
        [only] => format!("task {only}"),
        _ => format!("tasks {}", ids.join(", ")),
    }
}

/// The commands that stop what still runs.
fn how_to_stop(run: &Run) -> String {
    let cluster = &run.spec.request.cluster;
    let stop = |task: &Task| format!("aws ecs stop-task --cluster {cluster} --task {}", task.id());
    let commands: Vec<String> = run.watch.running().map(stop).collect();
    commands.join(" && ")
}

fn task_outcome(run: &Run, watched: &Watched) -> TaskOutcome {
    let task = &watched.task;
    let judged = watched.is_over().then(|| verdict(task, &run.spec));
    let explanation = judged.as_ref().map(|judged| explain::explain(task, judged, run.has_lines()).sentence);
    TaskOutcome {
        task_arn: task.arn.clone(),
        last_status: task.last_status.clone(),
        exit_code: judged.as_ref().and_then(|judged| judged.code),
        failed: judged.is_some_and(|judged| !judged.success),
        stop_code: task.stop_code.clone(),
        stopped_reason: task.stopped_reason.clone(),
        explanation,
        containers: task.containers.iter().map(|container| container_outcome(run, task, container)).collect(),
        created_at: task.created_at,
        started_at: task.started_at,
        stopped_at: task.stopped_at,
    }
}

fn container_outcome(run: &Run, task: &Task, container: &Container) -> ContainerOutcome {
    let definition = run.spec.definition.containers.iter().find(|known| known.name == container.name);
    let stream = definition.and_then(|known| stream_of(known, Some(container), task.id()).ok().flatten());
    ContainerOutcome {
        name: container.name.clone(),
        last_status: container.last_status.clone(),
        exit_code: container.exit_code,
        reason: container.reason.clone(),
        log_stream: stream.map(|stream| format!("{}:{}", stream.group, stream.name)),
    }
}
