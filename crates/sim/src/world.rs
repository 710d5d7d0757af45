//! The traits of the world, answered by the simulation: each call takes its time, may go wrong, and is counted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_ecs::Answer;
use longshore_model::arn::last_part;
use longshore_model::call::{ListTasks, RunTask, StartTask};
use longshore_model::seen::{Described, Failure, Instance, LogPage, LogPosition, LogStream};
use longshore_model::seen::{Started, TaskDefinition};
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{Clock, CloudFormation, Ecs, Logs, Successor};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::logs::Name;
use crate::plan::{Operation, Plan, Trouble};
use crate::seen;
use crate::state::{BEGINNING, State};
use crate::truth::{self, Call, Known, Put};

/// An Amazon in this process.
pub struct Simulated {
    began: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    calls: Vec<Call>,
    stacks: BTreeMap<String, String>,
    answers: Vec<Put>,
    invocations: Vec<String>,
}

/// One call while it is carried out.
struct Now<'a> {
    inner: &'a mut Inner,
    at: Timestamp,
    since_beginning: Duration,
    trouble: Option<Trouble>,
    what: &'a str,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

impl Simulated {
    /// Begins now, in the runtime's time.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let inner = Inner {
            state: State::new(plan),
            calls: Vec::new(),
            stacks: BTreeMap::new(),
            answers: Vec::new(),
            invocations: Vec::new(),
        };
        Self { began: Instant::now(), inner: Mutex::new(inner) }
    }

    /// Registers a task definition, outside of all counting and faults. `body` is the input of
    /// RegisterTaskDefinition.
    ///
    /// # Errors
    /// When ECS refuses it.
    pub fn register(&self, body: Value) -> Result<TaskDefinition, Error> {
        let what = "register a task definition";
        let at = self.now();
        match self.settled().state.ask("RegisterTaskDefinition", body, at) {
            Ok(Answer::RegisterTaskDefinition(one)) => Ok(seen::definition(&one.task_definition)),
            Ok(_) => Err(strange(what)),
            Err(fault) => Err(seen::refusal(what, &fault)),
        }
    }

    /// Says in which state a stack is from now on.
    pub fn set_stack_status(&self, stack_id: &str, status: &str) {
        self.settled().stacks.insert(stack_id.to_owned(), status.to_owned());
    }

    /// The truth about all tasks that were ever made, in that order.
    #[must_use]
    pub fn tasks(&self) -> Vec<Known> {
        truth::tasks(&self.settled().state)
    }

    /// The ARNs of all container instances that have joined.
    #[must_use]
    pub fn instances(&self) -> Vec<String> {
        let mut inner = self.settled();
        match inner.state.ask("ListContainerInstances", json!({}), self.now()) {
            Ok(Answer::ListContainerInstances(listed)) => listed.container_instance_arns,
            _ => Vec::new(),
        }
    }

    /// All calls until now.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.settled().calls.clone()
    }

    /// All answers that arrived at a `ResponseURL`, in their order.
    #[must_use]
    pub fn answers(&self) -> Vec<Put> {
        self.settled().answers.clone()
    }

    /// Takes the events with which this function was invoked since the last look.
    #[must_use]
    pub fn take_invocations(&self) -> Vec<String> {
        std::mem::take(&mut self.settled().invocations)
    }

    /// How much time has passed since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// With everything done that is due.
    fn settled(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.state.settle(self.now());
        inner
    }

    /// Makes one call: counts it, lets it take its time, and lets go wrong what is to go wrong.
    async fn call<T>(
        &self,
        operation: Operation,
        what: &str,
        act: impl FnOnce(&mut Now<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let fate = {
            let mut inner = self.settled();
            let at = self.elapsed();
            inner.calls.push(Call { at, operation });
            inner.state.dice.draw(operation, at)
        };
        let no_answer =
            || Error::new(Kind::Unavailable, format!("cannot {what}: the service does not answer"));
        sleep(fate.there).await;
        let refused = |kind, code: &str| {
            Err(Error::new(kind, format!("cannot {what}: {code}: as the plan says")).with_code(code))
        };
        let answer = match fate.trouble {
            Some(Trouble::LostRequest) => Err(no_answer()),
            Some(Trouble::Throttled) => refused(Kind::Throttled, "ThrottlingException"),
            Some(Trouble::Denied) => refused(Kind::Denied, "AccessDeniedException"),
            trouble => {
                let since_beginning = self.elapsed();
                let inner = &mut *self.settled();
                act(&mut Now { inner, at: self.now(), since_beginning, trouble, what })
            }
        };
        sleep(fate.back).await;
        if fate.trouble == Some(Trouble::LostReply) { Err(no_answer()) } else { answer }
    }
}

impl Now<'_> {
    fn ask(&mut self, operation: &str, body: Value) -> Result<Answer, Error> {
        self.inner.state.ask(operation, body, self.at).map_err(|fault| seen::refusal(self.what, &fault))
    }

    /// The moment whose tasks are shown.
    fn shown_at(&self) -> Timestamp {
        let age = match self.trouble {
            Some(Trouble::Stale(age)) => age,
            _ => Duration::ZERO,
        };
        self.at.plus_ms(-i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
    }

    fn start(&mut self, operation: &str, body: Value, client_token: Option<&str>) -> Result<Started, Error> {
        let (Answer::RunTask(started) | Answer::StartTask(started)) = self.ask(operation, body)? else {
            return Err(strange(self.what));
        };
        for task in &started.tasks {
            if let Some(record) = self.inner.state.tasks.get_mut(last_part(task.arn())) {
                record.client_token = client_token.map(ToOwned::to_owned);
            }
        }
        Ok(Started {
            tasks: started.tasks.iter().map(seen::started).collect(),
            failures: started.failures.iter().map(seen::failure).collect(),
        })
    }

    /// The refusal of a call whose client token has started tasks.
    fn conflict(&self, client_token: Option<&str>) -> Option<Error> {
        let token = client_token.filter(|_| self.trouble == Some(Trouble::Conflict))?;
        let known = truth::tasks(&self.inner.state).into_iter();
        let known = known.filter(|it| it.client_token.as_deref() == Some(token));
        let ids: Vec<String> = known.map(|it| it.task.arn).collect();
        let code = "ConflictException";
        let text = format!("cannot {}: {code}: the client token is in use", self.what);
        let conflict = || Error::new(Kind::Conflict, text).with_code(code).with_resource_ids(ids.clone());
        (!ids.is_empty()).then(conflict)
    }

    fn describe_tasks(&mut self, body: Value) -> Result<Described, Error> {
        let Answer::DescribeTasks(answer) = self.ask("DescribeTasks", body)? else {
            return Err(strange(self.what));
        };
        let mut described = Described {
            tasks: Vec::with_capacity(answer.tasks.len()),
            failures: answer.failures.iter().map(seen::failure).collect(),
        };
        for view in &answer.tasks {
            match self.inner.state.task_at(&view.task_arn, self.shown_at()) {
                Some(task) => described.tasks.push(task),
                None => described.failures.push(Failure {
                    arn: Some(view.task_arn.clone()),
                    reason: "MISSING".to_owned(),
                    detail: None,
                }),
            }
        }
        Ok(described)
    }

    /// All pages, each of which is a call. A stale list lacks what has come into it since.
    fn list_tasks(&mut self, mut body: Value, status: &str) -> Result<Vec<String>, Error> {
        let mut arns = Vec::new();
        loop {
            let Answer::ListTasks(page) = self.ask("ListTasks", body.clone())? else {
                return Err(strange(self.what));
            };
            arns.extend(page.task_arns);
            let Some(next) = page.next_token else { break };
            body["nextToken"] = json!(next);
            self.inner.calls.push(Call { at: self.since_beginning, operation: Operation::ListTasks });
        }
        let shown_at = self.shown_at();
        let was = |arn: &String| {
            self.inner.state.task_at(arn, shown_at).is_some_and(|task| task.desired_status == status)
        };
        arns.retain(was);
        Ok(arns)
    }
}

#[async_trait]
impl Ecs for Simulated {
    async fn run_task(&self, request: &RunTask) -> Result<Started, Error> {
        let what = format!("run `{}` on cluster `{}`", request.task_definition, request.cluster);
        let body = body(&what, request)?;
        let token = request.client_token.as_deref();
        self.call(Operation::RunTask, &what, |now| match now.conflict(token) {
            Some(conflict) => Err(conflict),
            None => now.start("RunTask", body, token),
        })
        .await
    }

    async fn start_task(&self, request: &StartTask) -> Result<Started, Error> {
        let what = format!("start `{}` on cluster `{}`", request.task_definition, request.cluster);
        let body = body(&what, request)?;
        self.call(Operation::StartTask, &what, |now| now.start("StartTask", body, None)).await
    }

    async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Described, Error> {
        let what = format!("describe tasks of cluster `{cluster}`");
        let body = json!({"cluster": cluster, "tasks": arns});
        self.call(Operation::DescribeTasks, &what, |now| now.describe_tasks(body)).await
    }

    async fn list_tasks(&self, request: &ListTasks) -> Result<Vec<String>, Error> {
        let what = format!("list tasks of cluster `{}`", request.cluster);
        let status = if request.stopped { "STOPPED" } else { "RUNNING" };
        let body = json!({
            "cluster": request.cluster,
            "startedBy": request.started_by,
            "family": request.family,
            "desiredStatus": status,
        });
        self.call(Operation::ListTasks, &what, |now| now.list_tasks(body, status)).await
    }

    async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<(), Error> {
        let what = format!("stop task `{arn}` of cluster `{cluster}`");
        let body = json!({"cluster": cluster, "task": arn, "reason": reason});
        self.call(Operation::StopTask, &what, |now| {
            now.ask("StopTask", body)?;
            if let Some(record) = now.inner.state.tasks.get_mut(last_part(arn)) {
                record.stops.push(reason.to_owned());
            }
            Ok(())
        })
        .await
    }

    async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error> {
        let what = format!("describe task definition `{name}`");
        let body = json!({"taskDefinition": name});
        self.call(Operation::DescribeTaskDefinition, &what, |now| {
            match now.ask("DescribeTaskDefinition", body)? {
                Answer::DescribeTaskDefinition(one) => Ok(seen::definition(&one.task_definition)),
                _ => Err(strange(now.what)),
            }
        })
        .await
    }

    async fn describe_container_instances(
        &self,
        cluster: &str,
        arns: &[String],
    ) -> Result<Vec<Instance>, Error> {
        let what = format!("describe container instances of cluster `{cluster}`");
        let body = json!({"cluster": cluster, "containerInstances": arns});
        self.call(Operation::DescribeContainerInstances, &what, |now| {
            match now.ask("DescribeContainerInstances", body)? {
                Answer::DescribeContainerInstances(answer) => {
                    Ok(answer.container_instances.iter().map(seen::instance).collect())
                }
                _ => Err(strange(now.what)),
            }
        })
        .await
    }
}

#[async_trait]
impl Logs for Simulated {
    async fn read_log(&self, stream: &LogStream, position: &LogPosition) -> Result<Option<LogPage>, Error> {
        let what = format!("read log stream `{}` of group `{}`", stream.name, stream.group);
        let name = Name { group: stream.group.clone(), stream: stream.name.clone() };
        self.call(Operation::GetLogEvents, &what, |now| {
            let is_empty = now.trouble == Some(Trouble::EmptyPage);
            now.inner.state.streams.read(&name, position, now.at, is_empty).map_err(|token| {
                let code = "InvalidParameterException";
                let text = format!("cannot {}: {code}: no token: {token}", now.what);
                Error::new(Kind::Invalid, text).with_code(code)
            })
        })
        .await
    }
}

#[async_trait]
impl CloudFormation for Simulated {
    async fn stack_status(&self, stack_id: &str) -> Result<String, Error> {
        let what = format!("describe stack `{stack_id}`");
        self.call(Operation::DescribeStacks, &what, |now| {
            let text = || format!("cannot {}: ValidationError: it does not exist", now.what);
            let missing = || Error::new(Kind::NotFound, text()).with_code("ValidationError");
            now.inner.stacks.get(stack_id).cloned().ok_or_else(missing)
        })
        .await
    }

    async fn answer(&self, response_url: &str, body: &str) -> Result<(), Error> {
        self.call(Operation::PutAnswer, "answer CloudFormation", |now| {
            let (url, body) = (response_url.to_owned(), body.to_owned());
            now.inner.answers.push(Put { at: now.since_beginning, url, body });
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Successor for Simulated {
    async fn hand_over(&self, event: &str) -> Result<(), Error> {
        self.call(Operation::Invoke, "invoke this function again", |now| {
            now.inner.invocations.push(event.to_owned());
            Ok(())
        })
        .await
    }
}

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        BEGINNING.plus_ms(i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

fn body(what: &str, request: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(request).map_err(|error| Error::new(Kind::Bug, format!("cannot {what}: {error}")))
}

fn strange(what: &str) -> Error {
    Error::new(Kind::Bug, format!("cannot {what}: the answer is another operation's"))
}
