//! Handles the requests of the CloudFormation custom resource `Custom::ECSTask`: learns the facts that the decision needs,
//! does what is decided, and answers, whatever happens.
//!
//! Every front door hands its events to [`Provider::handle`]: a Lambda function, a file on a terminal, a queue.

mod conclusion;
mod delete;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use longshore_decide::custom_resource::{
    AtTheEnd, Decision, Facts, Handover, Need, Properties, Request, ReturnAddress, TaskDefinitions,
    Unreadable, answer, at_the_end, deadline, decide, spec, when_to_hand_over, withdrawn,
};
use longshore_decide::run::{News, Outcome, Progress, Run, Spec};
use longshore_model::{Error, Timestamp};
use longshore_world::{Clock, CloudFormation, Ecs, Successor};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

pub use self::conclusion::{Handled, Unanswered};

use self::conclusion::Conclusion;
use crate::patience::{PATIENCE, patiently};
use crate::run::Runner;

/// How often a stack is asked whether it still wants what we do for it.
const STACK_INTERVAL: Duration = Duration::from_secs(30);

/// The first wait before an answer that was not taken is put again; it doubles...
const FIRST_ANSWER_WAIT: Duration = Duration::from_millis(200);
/// ...up to this...
const LONGEST_ANSWER_WAIT: Duration = Duration::from_secs(5);
/// ...for so many attempts, which are half a minute.
const ANSWER_ATTEMPTS: u32 = 10;

/// Handles requests. There is one for each process.
#[derive(Debug)]
pub struct Provider {
    /// Drives the runs.
    pub runner: Runner,
    /// For what is asked beside the runs.
    pub ecs: Arc<dyn Ecs>,
    /// Where the answers go.
    pub cloudformation: Arc<dyn CloudFormation>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Who goes on when the time of this invocation is up. Without one the time is never up.
    pub successor: Option<Arc<dyn Successor>>,
}

/// The time that there is for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invocation {
    /// When it began.
    pub began: Timestamp,
    /// When it is ended by force, if it is.
    pub deadline: Option<Timestamp>,
}

/// What is being worked on.
struct Job {
    request: Request,
    received_at: Timestamp,
    hop: u32,
    /// Of a run that another invocation has begun.
    progress: Option<Value>,
}

impl Provider {
    /// Handles an event to its answer.
    ///
    /// # Errors
    ///
    /// When there is nobody to answer, or the answer was not taken. The event should then be delivered again.
    pub async fn handle(&self, event: &Value, invocation: Invocation) -> Result<Handled, Unanswered> {
        let job = match self.read(event) {
            Ok(job) => job,
            Err(unreadable) => return self.answer_unreadable(unreadable).await,
        };
        let address = job.request.address.clone();
        tracing::info!(request = ?job.request, hop = job.hop, "received");
        // A panic is a bug, and CloudFormation would wait an hour for the answer.
        let end = AssertUnwindSafe(self.conclude(job, invocation)).catch_unwind().await;
        match end {
            Ok(Conclusion::Answer(body)) => self.answer(&address, body).await,
            Ok(Conclusion::HandedOver { hop }) => {
                tracing::info!(hop, "handed over to the next invocation");
                Ok(Handled::HandedOver { hop })
            }
            Err(_) => {
                let why = "longshore itself failed while it handled the request; its own log says where. A task may run";
                self.answer(&address, answer::failed(&address, why)).await
            }
        }
    }

    /// What [`Self::handle`] would do. Nothing is changed and nothing is answered.
    ///
    /// # Errors
    ///
    /// When the event is no request.
    pub async fn preview(&self, event: &Value) -> Result<Decision, Unreadable> {
        Ok(self.decide(&Request::read(event)?).await)
    }

    fn read(&self, event: &Value) -> Result<Job, Unreadable> {
        if let Some(Handover { request, received_at, hop, run }) = Handover::read(event)? {
            return Ok(Job { request, received_at, hop, progress: Some(run) });
        }
        Ok(Job { request: Request::read(event)?, received_at: self.clock.now(), hop: 0, progress: None })
    }

    async fn answer_unreadable(&self, unreadable: Unreadable) -> Result<Handled, Unanswered> {
        let why = unreadable.to_string();
        match &unreadable.address {
            Some(address) => self.answer(address, answer::failed(address, &why)).await,
            None => Err(Unanswered::Nobody(unreadable)),
        }
    }

    async fn conclude(&self, job: Job, invocation: Invocation) -> Conclusion {
        let address = job.request.address.clone();
        let Some(progress) = &job.progress else {
            return match self.decide(&job.request).await {
                Decision::Run { properties, why } => {
                    tracing::info!(why, "runs");
                    self.run(&job, &properties, None, invocation).await
                }
                Decision::StopTasks { cluster, reason, why } => {
                    let stopping = delete::stop_tasks(self, &job.request, &cluster, &reason).await;
                    Conclusion::stopped(&address, &why, &stopping)
                }
                Decision::Nothing { why } => Conclusion::Answer(answer::succeeded(&address, &why)),
                Decision::Refuse { why } => Conclusion::Answer(answer::failed(&address, &why)),
                Decision::Need(_) => Conclusion::Answer(answer::failed(
                    &address,
                    "longshore asked for one fact twice, which is a bug; nothing was run",
                )),
            };
        };
        match Properties::read(&job.request.properties) {
            Ok(properties) => self.run(&job, &properties, Some(progress), invocation).await,
            Err(error) => Conclusion::Answer(answer::failed(&address, &error.to_string())),
        }
    }

    /// Learns what the decision depends on, until it is made.
    async fn decide(&self, request: &Request) -> Decision {
        let mut facts = Facts::default();
        let patience = self.patience(request, self.clock.now());
        loop {
            let decision = decide(request, &facts, self.clock.now());
            match &decision {
                Decision::Need(Need::StackStatus) if facts.stack_status.is_none() => {
                    let stack = request.address.stack_id();
                    let status = patiently(patience, || self.cloudformation.stack_status(stack)).await;
                    facts.stack_status = Some(status);
                }
                Decision::Need(Need::TaskDefinitions { old, new }) if facts.task_definitions.is_none() => {
                    let old = patiently(patience, || self.runner.describe_task_definition(old)).await;
                    let new = patiently(patience, || self.runner.describe_task_definition(new)).await;
                    facts.task_definitions = Some(TaskDefinitions { old, new });
                }
                _ => return decision,
            }
        }
    }

    /// How long what a request needs may be asked for: no longer than its run may take.
    fn patience(&self, request: &Request, received_at: Timestamp) -> Duration {
        let properties = Properties::read(&request.properties);
        properties.map_or(PATIENCE, |known| self.until(deadline(request, &known, received_at)).min(PATIENCE))
    }

    async fn run(
        &self,
        job: &Job,
        properties: &Properties,
        progress: Option<&Value>,
        invocation: Invocation,
    ) -> Conclusion {
        let address = &job.request.address;
        let patience = self.patience(&job.request, job.received_at);
        let progress: Option<Progress> = match progress.map(Progress::deserialize).transpose() {
            Ok(progress) => progress,
            Err(error) => {
                let why =
                    format!("what the last invocation handed over cannot be read: {error}; a task may run");
                return Conclusion::Answer(answer::failed(address, &why));
            }
        };
        // The family may have another latest revision by now.
        let name = progress.as_ref().map_or(properties.task_definition.as_str(), Progress::definition);
        let describe = || self.runner.describe_task_definition(name);
        let definition = match patiently(patience, describe).await {
            Ok(definition) => definition,
            Err(error) => return Conclusion::Answer(answer::failed(address, &told(&error))),
        };
        if let Err(error) = properties.fit(&definition) {
            return Conclusion::Answer(answer::failed(address, &error.to_string()));
        }
        let spec = |now| spec(&job.request, properties, definition.clone(), job.received_at, now);
        let mut run = match progress {
            None => Run::new(spec(self.clock.now()), self.runner.now()),
            Some(progress) => Run::resume(spec(self.clock.now()), progress, self.runner.now()),
        };
        let time_is_up = self.successor.is_some().then_some(invocation.deadline).flatten();
        let Some(ends_at) = time_is_up else {
            return Conclusion::of_run(address, &self.drive(job, properties, &mut run).await);
        };
        let rest = self.until(when_to_hand_over(invocation.began, ends_at));
        if let Ok(outcome) = tokio::time::timeout(rest, self.drive(job, properties, &mut run)).await {
            return Conclusion::of_run(address, &outcome);
        }
        if let AtTheEnd::HandOver { hop } = at_the_end(job.hop) {
            match self.hand_over(job, &run, hop).await {
                Ok(()) => return Conclusion::HandedOver { hop },
                Err(error) => {
                    tracing::error!(%error, "cannot hand over to the next invocation");
                    let words =
                        format!("because its time is up and it cannot hand over to the next one: {error}");
                    return self.stop_in_time(job, spec(self.clock.now()), &run, ends_at, &words).await;
                }
            }
        }
        let words = "because its time is up and it was handed over too often";
        self.stop_in_time(job, spec(self.clock.now()), &run, ends_at, words).await
    }

    async fn hand_over(&self, job: &Job, run: &Run, hop: u32) -> Result<(), Error> {
        let Some(successor) = &self.successor else { return Ok(()) };
        let run = serde_json::to_value(run.progress()).unwrap_or_default();
        let next = Handover { request: job.request.clone(), received_at: job.received_at, hop, run };
        successor.hand_over(&next.event().to_string()).await
    }

    /// Drives the run, and stops it when its stack no longer wants it.
    async fn drive(&self, job: &Job, properties: &Properties, run: &mut Run) -> Outcome {
        let (interrupt, mut interrupts) = mpsc::unbounded_channel();
        let tell = &mut |_: &Run, news: News| match news {
            News::Warn(text) => tracing::warn!("{text}"),
            News::State(status) => tracing::info!(status, "task"),
            News::States(counted) => tracing::info!(counted, "tasks"),
            News::Say(text) | News::Stopping(text) => tracing::info!("{text}"),
            News::Lines { .. } => {}
        };
        let run = self.runner.drive(run, &mut interrupts, tell);
        tokio::select! {
            outcome = run => outcome,
            never = self.watch_stack(&job.request, properties, interrupt) => match never {},
        }
    }

    /// CloudFormation does not tell a resource that its Create is cancelled because another one failed.
    async fn watch_stack(
        &self,
        request: &Request,
        properties: &Properties,
        interrupt: mpsc::UnboundedSender<String>,
    ) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(STACK_INTERVAL).await;
            let Ok(status) = self.cloudformation.stack_status(request.address.stack_id()).await else {
                continue;
            };
            if let Some(words) = withdrawn(request.kind, properties, &status) {
                drop(interrupt.send(words));
                return std::future::pending().await;
            }
        }
    }

    /// Nobody goes on after this invocation: the rest of its time is for stopping the tasks and saying so.
    async fn stop_in_time(
        &self,
        job: &Job,
        spec: Spec,
        run: &Run,
        ends_at: Timestamp,
        words: &str,
    ) -> Conclusion {
        let rest = self.until(ends_at);
        // Half of it for the tasks, the other half for their last lines and the answer.
        let spec = Spec { stop_patience: spec.stop_patience.min(rest / 2), ..spec };
        let mut run = Run::resume(spec, run.progress(), self.runner.now());
        run.interrupt(words, self.runner.now());
        let (_interrupt, mut interrupts) = mpsc::unbounded_channel();
        let outcome = self.runner.drive(&mut run, &mut interrupts, &mut |_, _| {}).await;
        Conclusion::of_run(&job.request.address, &outcome)
    }

    async fn answer(&self, address: &ReturnAddress, body: String) -> Result<Handled, Unanswered> {
        let mut wait = FIRST_ANSWER_WAIT;
        let mut attempt = 1;
        loop {
            match self.cloudformation.answer(address.response_url().expose(), &body).await {
                Ok(()) => {
                    tracing::info!(body, "answered");
                    return Ok(Handled::Answered { body });
                }
                Err(error) if attempt == ANSWER_ATTEMPTS => return Err(Unanswered::NotTaken { body, error }),
                Err(error) => tracing::warn!(%error, "the answer was not taken"),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_ANSWER_WAIT);
            attempt += 1;
        }
    }

    fn until(&self, moment: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(moment.ms_since(self.clock.now())).unwrap_or(0))
    }
}

/// An error with its hint, for a Reason.
fn told(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nNext: {hint}"),
        None => error.to_string(),
    }
}
