//! Drives runs: does what `decide::run` asks, brings the answers, and wakes it when it wants to be woken.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use longshore_decide::run::{Answer, Ask, News, Outcome, Run};
use longshore_model::call::{ListTasks, MAX_TASKS_PER_DESCRIBE};
use longshore_model::seen::{Task, TaskDefinition};
use longshore_model::{Error, Kind};
use longshore_world::{Ecs, Logs};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::poller::Poller;
use crate::revisions::Revisions;

/// So many calls that start or stop tasks are made at the same time, for all runs of the process together.
const CHANGES_AT_ONCE: usize = 10;

/// Drives the runs of one process.
#[derive(Debug)]
pub struct Runner {
    ecs: Arc<dyn Ecs>,
    logs: Arc<dyn Logs>,
    poller: Poller,
    revisions: Revisions,
    changes: Semaphore,
    began: Instant,
}

impl Runner {
    /// Must be made inside a tokio runtime. There is one for each process.
    #[must_use]
    pub fn new(ecs: Arc<dyn Ecs>, logs: Arc<dyn Logs>) -> Self {
        let poller = Poller::new(Arc::clone(&ecs));
        Self {
            ecs,
            logs,
            poller,
            revisions: Revisions::default(),
            changes: Semaphore::new(CHANGES_AT_ONCE),
            began: Instant::now(),
        }
    }

    /// The time that runs count in.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Describes a task definition for a run; a revision that was described before is not asked for again.
    ///
    /// # Errors
    ///
    /// Those of DescribeTaskDefinition.
    pub async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error> {
        self.revisions.describe(self.ecs.as_ref(), name).await
    }

    /// Drives a run to its end. Words that come through `interrupts` stop its tasks, as [`Run::interrupt`] says.
    /// `tell` is given what happens. When the future is dropped, calls that are in flight are lost to this run; its
    /// [`Run::progress`] can go on elsewhere.
    pub async fn drive(
        &self,
        run: &mut Run,
        interrupts: &mut mpsc::UnboundedReceiver<String>,
        tell: &mut (dyn FnMut(&Run, News) + Send),
    ) -> Outcome {
        let mut in_flight = FuturesUnordered::new();
        loop {
            for ask in run.ask(self.now()) {
                in_flight.push(self.act(run.spec().request.cluster.clone(), ask));
            }
            for news in run.news() {
                tell(run, news);
            }
            if let Some(outcome) = run.outcome() {
                return outcome;
            }
            let wake = run.wake().map(|at| self.began + at);
            tokio::select! {
                biased;
                Some(words) = interrupts.recv() => run.interrupt(&words, self.now()),
                Some(answer) = in_flight.next() => run.take(answer, self.now()),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn act(&self, cluster: String, ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            match ask {
                Ask::RunTask { call, request } => {
                    let _turn = self.changes.acquire().await;
                    Answer::Started(call, self.ecs.run_task(&request).await)
                }
                Ask::StartTask { call, request } => {
                    let _turn = self.changes.acquire().await;
                    Answer::Started(call, self.ecs.start_task(&request).await)
                }
                Ask::Find { call, family, started_by } => {
                    Answer::Found(call, self.find(&cluster, family, started_by).await)
                }
                Ask::Describe(arns) => {
                    let (described, took) = self.poller.describe(&cluster, arns).await;
                    Answer::Described(described, took)
                }
                Ask::Stop { arn, reason } => {
                    let _turn = self.changes.acquire().await;
                    let end = self.ecs.stop_task(&cluster, &arn, &reason).await;
                    Answer::Stopped(arn, end)
                }
                Ask::ReadLog { log, stream, position } => {
                    let asked = self.now();
                    Answer::Read(log, self.logs.read_log(&stream, &position).await, asked)
                }
                Ask::Instances(arns) => {
                    Answer::Instances(self.ecs.describe_container_instances(&cluster, &arns).await)
                }
            }
        })
    }

    /// Running tasks can be listed by whom they belong to, stopped ones only by their family.
    async fn find(
        &self,
        cluster: &str,
        family: String,
        started_by: Option<String>,
    ) -> Result<Vec<Task>, Error> {
        let cluster = cluster.to_owned();
        let running = ListTasks { cluster: cluster.clone(), started_by, ..ListTasks::default() };
        let stopped = ListTasks { cluster, family: Some(family), stopped: true, ..ListTasks::default() };
        let mut arns = self.ecs.list_tasks(&running).await?;
        arns.extend(self.ecs.list_tasks(&stopped).await?);
        let mut tasks = Vec::new();
        for part in arns.chunks(MAX_TASKS_PER_DESCRIBE) {
            let described = self.ecs.describe_tasks(&running.cluster, part).await?;
            if let Some(missing) = described.failures.first().and_then(|failure| failure.arn.as_ref()) {
                // One that has expired meanwhile is not listed the next time.
                let text = format!("ECS lists task `{missing}` and does not describe it yet");
                return Err(Error::new(Kind::Unavailable, text));
            }
            tasks.extend(described.tasks);
        }
        Ok(tasks)
    }
}

pub(crate) async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
