//! The calls that start the tasks: each with a token that makes it the same call however often it is sent.
//!
//! A call that placed only some of its tasks is followed by one for the missing number, with the next token: the old
//! token would give the old answer. A call whose answer was lost is sent again with its own token.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>
//!
//! StartTask has no token. There the run's mark is the group of its tasks, and they are looked for before any is started.

use std::time::Duration;

use longshore_model::call::{MAX_TASKS_PER_CALL, RunTask, StartTask};
use longshore_model::seen::{Failure, Started, Task};
use longshore_model::{Error, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::class::{NO_INSTANCES, may_fit_later};
use super::spec::Spec;

/// The wait before what found no place is tried again; it doubles...
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// ...up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);

/// For so long a service that does not answer is asked again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is asked meanwhile.
pub(crate) const TROUBLE_WAIT: Duration = Duration::from_secs(1);

/// A lost answer of StartTask: ListTasks may take so long to show what was started.
const LIST_LAG: Duration = Duration::from_secs(5);

/// One call of RunTask or StartTask, with all its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Which call of the run it is: its number, or the task that it replaces.
    key: String,
    attempt: u32,
    /// How many tasks are still to be started.
    missing: usize,
    /// For StartTask: where.
    instances: Vec<String>,
    /// How many tasks in this place have lost their hosts.
    pub(crate) lost: u32,
    #[serde(skip)]
    state: State,
    #[serde(skip)]
    trouble_since: Option<Duration>,
    /// The error of the last attempt.
    #[serde(skip)]
    trouble: Option<Error>,
    /// The refusals of the last attempt.
    #[serde(skip)]
    failures: Vec<Failure>,
    #[serde(skip)]
    doubtful: bool,
    #[serde(skip)]
    searched: bool,
    /// How often it found no place, for the pauses.
    #[serde(skip)]
    tries: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// To be sent at the first opportunity.
    #[default]
    Due,
    At(Duration),
    InFlight,
    Done,
}

/// What a call wants to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Send {
    Run(RunTask),
    Search { family: String, started_by: Option<String> },
    Start(StartTask),
}

/// What an answer means for the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It goes on.
    Going,
    /// There is no place now; it is tried again.
    Waiting(Vec<Failure>),
    /// There is no place, and no time to wait for one.
    NoPlace(Vec<Failure>),
    /// ECS refuses the call.
    Refused(Error),
    /// ECS does not answer: something may have been started.
    Unknown(Error),
}

impl Call {
    /// The calls of a new run.
    pub(crate) fn all(spec: &Spec) -> Vec<Self> {
        if !spec.attach.is_empty() {
            return Vec::new();
        }
        if !spec.instances.is_empty() {
            let parts = spec.instances.chunks(MAX_TASKS_PER_CALL).enumerate();
            return parts
                .map(|(number, part)| Self::of(number.to_string(), part.len(), part.to_vec()))
                .collect();
        }
        let starts = (0..spec.count).step_by(MAX_TASKS_PER_CALL).enumerate();
        let missing = |start: usize| (spec.count - start).min(MAX_TASKS_PER_CALL);
        starts.map(|(number, start)| Self::of(number.to_string(), missing(start), Vec::new())).collect()
    }

    /// The call that starts a task again whose host was lost. Its key is the lost task, so that whoever sees the loss
    /// makes the same call.
    pub(crate) fn again(task: &Task, lost: u32, on_instance: bool) -> Self {
        let instance = task.container_instance_arn.clone().filter(|_| on_instance);
        Self { lost, ..Self::of(format!("after {}", task.arn), 1, instance.into_iter().collect()) }
    }

    fn of(key: String, missing: usize, instances: Vec<String>) -> Self {
        Self {
            key,
            attempt: 0,
            missing,
            instances,
            lost: 0,
            state: State::Due,
            trouble_since: None,
            trouble: None,
            failures: Vec::new(),
            doubtful: false,
            searched: false,
            tries: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether all its tasks were started.
    pub(crate) fn has_started_all(&self) -> bool {
        self.missing == 0
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.state == State::InFlight
    }

    /// Whether an attempt was made whose outcome is not known.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful || self.is_in_flight()
    }

    /// Why nothing is started by it so far, when that is an error.
    pub(crate) fn trouble(&self) -> Option<&Error> {
        self.trouble.as_ref()
    }

    /// Why its tasks find no place so far.
    pub(crate) fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Nothing more is started by it. An attempt whose outcome is not known is made again all the same: its answer says what
    /// is to be stopped.
    pub(crate) fn cancel(&mut self) {
        if !self.is_doubtful() {
            self.state = State::Done;
        }
    }

    pub(crate) fn due_at(&self) -> Option<Duration> {
        match self.state {
            State::Due => Some(Duration::ZERO),
            State::At(at) => Some(at),
            State::InFlight | State::Done => None,
        }
    }

    /// What is to be sent now.
    pub(crate) fn send(&mut self, spec: &Spec, now: Duration) -> Option<Send> {
        if self.due_at().is_none_or(|at| at > now) {
            return None;
        }
        self.state = State::InFlight;
        if self.instances.is_empty() {
            let client_token = Some(token(&spec.id, &self.key, self.attempt));
            return Some(Send::Run(RunTask { count: self.missing, client_token, ..spec.request.clone() }));
        }
        if !self.searched {
            let family = family(&spec.definition.arn).to_owned();
            return Some(Send::Search { family, started_by: spec.request.started_by.clone() });
        }
        let request = spec.request.clone();
        Some(Send::Start(StartTask {
            cluster: request.cluster,
            task_definition: request.task_definition,
            container_instances: self.instances.clone(),
            network_configuration: request.network_configuration,
            overrides: request.overrides,
            group: Some(self.mark(spec)),
            started_by: request.started_by,
            tags: request.tags,
        }))
    }

    /// Takes what was found of an earlier attempt of StartTask; gives back the tasks that are this call's.
    pub(crate) fn take_found(
        &mut self,
        spec: &Spec,
        found: Result<Vec<Task>, Error>,
        now: Duration,
    ) -> (Vec<Task>, Placed) {
        let mark = self.mark(spec);
        let found = match found {
            Ok(found) => found,
            Err(error) => return (Vec::new(), self.take_trouble(spec, error, now)),
        };
        let is_ours = |task: &Task| task.group.as_ref() == Some(&mark);
        let ours: Vec<Task> = found.into_iter().filter(is_ours).collect();
        let taken = |instance: &String| {
            ours.iter().any(|task| same(task.container_instance_arn.as_deref(), instance))
        };
        self.instances.retain(|instance| !taken(instance));
        self.searched = true;
        self.doubtful = false;
        self.missing = self.instances.len();
        self.state = if self.missing == 0 { State::Done } else { State::Due };
        (ours, Placed::Going)
    }

    /// Takes the answer of RunTask or StartTask; gives back the tasks that were started.
    pub(crate) fn take_started(
        &mut self,
        spec: &Spec,
        answer: Result<Started, Error>,
        now: Duration,
        give_up_at: Duration,
    ) -> (Vec<Task>, Placed) {
        let refused = answer.is_err();
        let started = match answer {
            Ok(started) => started,
            Err(error) if error.kind() == Kind::Conflict && error.resource_ids().len() >= self.missing => {
                adopted(&error)
            }
            // With fewer tasks it was another run that had this name. Its tasks are not ours to stop.
            Err(error) if error.kind() == Kind::Conflict && !error.resource_ids().is_empty() => {
                return (Vec::new(), self.take_trouble(spec, error.with_hint(OTHER_RUN), now));
            }
            Err(error) if error.to_string().contains(NO_INSTANCES) => no_instances(),
            Err(error) => return (Vec::new(), self.take_trouble(spec, error, now)),
        };
        self.trouble_since = None;
        self.trouble = None;
        self.doubtful = false;
        self.failures.clear();
        self.missing = self.missing.saturating_sub(started.tasks.len());
        let taken = |instance: &String| {
            started.tasks.iter().any(|task| same(task.container_instance_arn.as_deref(), instance))
        };
        self.instances.retain(|instance| !taken(instance));
        if self.missing == 0 {
            self.state = State::Done;
            return (started.tasks, Placed::Going);
        }
        if !may_fit_later(&started.failures) || now >= give_up_at {
            self.state = State::Done;
            return (started.tasks, Placed::NoPlace(started.failures));
        }
        self.failures.clone_from(&started.failures);
        let backoff = FIRST_BACKOFF.saturating_mul(1 << self.tries.min(8)).min(LONGEST_BACKOFF);
        self.tries += 1;
        // ECS forgets the token of a call that it refuses. With the next one, whoever begins the run again would start
        // with this one, and not find what was started.
        self.attempt += u32::from(!refused);
        self.state = State::At((now + backoff).min(give_up_at));
        (started.tasks, Placed::Waiting(started.failures))
    }

    fn take_trouble(&mut self, spec: &Spec, error: Error, now: Duration) -> Placed {
        let since = *self.trouble_since.get_or_insert(now);
        self.doubtful |= error.kind() == Kind::Unavailable;
        // Too many tasks that wait for capacity are a want of capacity, too.
        let throttled = error.kind() == Kind::Throttled;
        let patience = if throttled { PATIENCE.max(spec.wait_for_capacity) } else { PATIENCE };
        if error.is_passing() && now.saturating_sub(since) < patience {
            // Only a search can tell whether a lost StartTask has started something.
            let wait = if self.searched && !throttled { LIST_LAG } else { TROUBLE_WAIT };
            self.searched = false;
            self.state = State::At(now + wait);
            self.trouble = Some(error);
            return Placed::Going;
        }
        self.state = State::Done;
        if self.doubtful { Placed::Unknown(error) } else { Placed::Refused(error) }
    }

    fn mark(&self, spec: &Spec) -> String {
        let token = token(&spec.id, &self.key, 0);
        format!("longshore-{}", token.get(..MARK).unwrap_or_default())
    }
}

/// So many characters of a token tell runs apart.
const MARK: usize = 32;

const OTHER_RUN: &str =
    "a run of this name has started fewer tasks: name this one differently, or ask for as many";

/// The tasks that a token has started before, when the request is not quite the same as then.
fn adopted(conflict: &Error) -> Started {
    let task = |arn: &String| Task { arn: arn.clone(), ..Task::default() };
    Started { tasks: conflict.resource_ids().iter().map(task).collect(), failures: Vec::new() }
}

fn no_instances() -> Started {
    let failure = Failure { reason: NO_INSTANCES.to_owned(), ..Failure::default() };
    Started { tasks: Vec::new(), failures: vec![failure] }
}

/// An instance may be named by its id or its ARN.
fn same(arn: Option<&str>, instance: &str) -> bool {
    arn.is_some_and(|arn| arn == instance || arn.rsplit('/').next() == Some(instance))
}

/// `web` of `arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3`.
fn family(arn: &str) -> &str {
    let name = arn.rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default()
}

/// 64 characters, the most that ECS takes, that are the same for the same attempt of the same call of the same run.
fn token(run: &str, key: &str, attempt: u32) -> String {
    let mut hash = Sha256::new();
    for part in [run, key, &attempt.to_string()] {
        hash.update(part.len().to_string());
        hash.update(":");
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
#[path = "placing_tests.rs"]
mod tests;
