//! Shows the lines of a service's tasks: does what `decide::service::Tail` asks, and brings the answers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use longshore_decide::service::{Tail, TailAnswer, TailAsk, TailNews};
use longshore_model::Error;
use longshore_model::call::ListTasks;
use longshore_world::{Ecs, Logs};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::run::sleep_until;

/// A service whose lines are read.
#[derive(Debug)]
pub struct Tailer {
    cluster: String,
    service: String,
    ecs: Arc<dyn Ecs>,
    logs: Arc<dyn Logs>,
    began: Instant,
}

impl Tailer {
    /// For a service of a cluster, each by name or ARN.
    #[must_use]
    pub fn new(cluster: String, service: String, ecs: Arc<dyn Ecs>, logs: Arc<dyn Logs>) -> Self {
        Self { cluster, service, ecs, logs, began: Instant::now() }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Reads until all is read, a word comes through `interrupts`, or `tell` says that nobody listens any more.
    ///
    /// # Errors
    ///
    /// When the service's tasks cannot be seen (any longer).
    pub async fn drive(
        &self,
        tail: &mut Tail,
        interrupts: &mut mpsc::UnboundedReceiver<String>,
        tell: &mut (dyn FnMut(&Tail, TailNews) -> bool + Send),
    ) -> Result<(), Error> {
        let mut in_flight = FuturesUnordered::new();
        loop {
            for ask in tail.ask(self.now()) {
                in_flight.push(self.act(ask));
            }
            for news in tail.news() {
                if !tell(tail, news) {
                    return Ok(());
                }
            }
            if tail.is_over() {
                return tail.failed().map_or(Ok(()), |error| Err(error.clone()));
            }
            let wake = tail.wake().map(|at| self.began + at);
            tokio::select! {
                biased;
                Some(_) = interrupts.recv() => {
                    let rest = tail.rest();
                    tell(tail, TailNews::Lines(rest));
                    return Ok(());
                }
                Some(answer) = in_flight.next() => tail.take(answer, self.now()),
                () = sleep_until(wake) => {}
            }
        }
    }

    fn act(&self, ask: TailAsk) -> BoxFuture<'_, TailAnswer> {
        Box::pin(async move {
            let asked = self.now();
            match ask {
                TailAsk::List { stopped } => {
                    let request = ListTasks {
                        cluster: self.cluster.clone(),
                        service: Some(self.service.clone()),
                        stopped,
                        ..ListTasks::default()
                    };
                    let arns = self.ecs.list_tasks(&request).await;
                    TailAnswer::Listed(stopped, arns, self.now().saturating_sub(asked))
                }
                TailAsk::Describe(arns) => {
                    let described = self.ecs.describe_tasks(&self.cluster, &arns).await;
                    TailAnswer::Described(arns, described)
                }
                TailAsk::Revision(arn) => {
                    let definition = self.ecs.describe_task_definition(&arn).await;
                    TailAnswer::Revision(arn, definition)
                }
                TailAsk::Read { log, stream, position } => {
                    TailAnswer::Read(log, self.logs.read_log(&stream, &position).await, asked)
                }
            }
        })
    }
}
