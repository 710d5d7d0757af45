//! Looks of many environments at about the same time, as few calls: services in tens, tasks in hundreds. For the daemon;
//! rounds know nothing of it, and a simulator does without.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_model::call::{ListTasks, MAX_SERVICES_PER_DESCRIBE, RunTask, StartTask};
use longshore_model::seen::{Cluster, Described, Instance, PastDeployment, Service, Started, TaskDefinition};
use longshore_model::tag::Tag;
use longshore_model::{Error, Kind};
use longshore_world::{Ecs, Services};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::poller::Poller;
use crate::revisions::Revisions;

/// Those that look at the same moment have so long to ask, once the first of them has.
const GATHER: Duration = Duration::from_millis(5);

/// Amazon ECS, with looks at services gathered. All other calls are passed on.
#[derive(Debug)]
pub struct GatheredServices {
    calls: Arc<dyn Services>,
    questions: mpsc::UnboundedSender<Question>,
    asking: AbortHandle,
}

#[derive(Debug)]
struct Question {
    cluster: String,
    names: Vec<String>,
    answer: oneshot::Sender<Result<Vec<Service>, Error>>,
}

impl GatheredServices {
    /// Must be made inside a tokio runtime. Ends with its last handle.
    #[must_use]
    pub fn new(calls: Arc<dyn Services>) -> Self {
        let (questions, asked) = mpsc::unbounded_channel();
        let asking = tokio::spawn(keep_asking(Arc::clone(&calls), asked)).abort_handle();
        Self { calls, questions, asking }
    }
}

impl Drop for GatheredServices {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

async fn keep_asking(calls: Arc<dyn Services>, mut asked: mpsc::UnboundedReceiver<Question>) {
    while let Some(question) = asked.recv().await {
        tokio::time::sleep(GATHER).await;
        let mut by_cluster: BTreeMap<String, Vec<Question>> = BTreeMap::new();
        by_cluster.entry(question.cluster.clone()).or_default().push(question);
        while let Ok(question) = asked.try_recv() {
            by_cluster.entry(question.cluster.clone()).or_default().push(question);
        }
        for (cluster, questions) in by_cluster {
            for together in packed(questions) {
                let names: Vec<String> =
                    together.iter().flat_map(|question| question.names.iter().cloned()).collect();
                let seen = calls.describe_services(&cluster, &names).await;
                give_out(together, &seen);
            }
        }
    }
}

/// Questions that fit into one call, and the next ones. One that is larger than a call is alone, and refused by ECS.
fn packed(questions: Vec<Question>) -> Vec<Vec<Question>> {
    let mut packed: Vec<Vec<Question>> = Vec::new();
    let mut count = MAX_SERVICES_PER_DESCRIBE;
    for question in questions {
        count += question.names.len();
        match packed.last_mut() {
            Some(last) if count <= MAX_SERVICES_PER_DESCRIBE => last.push(question),
            _ => {
                count = question.names.len();
                packed.push(vec![question]);
            }
        }
    }
    packed
}

/// To each its own. Who asked and went away is no loss.
fn give_out(together: Vec<Question>, seen: &Result<Vec<Service>, Error>) {
    for question in together {
        let own = seen.as_ref().map_err(Clone::clone).map(|services| {
            services.iter().filter(|service| question.names.contains(&service.name)).cloned().collect()
        });
        drop(question.answer.send(own));
    }
}

#[async_trait]
impl Services for GatheredServices {
    async fn describe_services(&self, cluster: &str, names: &[String]) -> Result<Vec<Service>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let question = Question { cluster: cluster.to_owned(), names: names.to_vec(), answer };
        let ended = || Err(Error::new(Kind::Bug, "nobody gathers looks at services any more"));
        if self.questions.send(question).is_err() {
            return ended();
        }
        answered.await.unwrap_or_else(|_| ended())
    }

    async fn list_services(&self, cluster: &str) -> Result<Vec<String>, Error> {
        self.calls.list_services(cluster).await
    }

    async fn create_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        self.calls.create_service(input).await
    }

    async fn update_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        self.calls.update_service(input).await
    }

    async fn delete_service(&self, cluster: &str, name: &str) -> Result<Service, Error> {
        self.calls.delete_service(cluster, name).await
    }

    async fn past_deployments(&self, cluster: &str, name: &str) -> Result<Vec<PastDeployment>, Error> {
        self.calls.past_deployments(cluster, name).await
    }

    async fn revisions(&self, arns: &[String]) -> Result<BTreeMap<String, String>, Error> {
        self.calls.revisions(arns).await
    }

    async fn tag(&self, arn: &str, tags: &[Tag]) -> Result<(), Error> {
        self.calls.tag(arn, tags).await
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Error> {
        self.calls.untag(arn, keys).await
    }

    async fn register(&self, input: &Map<String, Value>) -> Result<TaskDefinition, Error> {
        self.calls.register(input).await
    }

    async fn task_definition(&self, name: &str) -> Result<Option<Value>, Error> {
        self.calls.task_definition(name).await
    }

    async fn active_revisions(&self, family: &str) -> Result<Vec<String>, Error> {
        self.calls.active_revisions(family).await
    }

    async fn families(&self) -> Result<Vec<String>, Error> {
        self.calls.families().await
    }

    async fn list_clusters(&self) -> Result<Vec<String>, Error> {
        self.calls.list_clusters().await
    }

    async fn describe_clusters(&self, arns: &[String]) -> Result<Vec<Cluster>, Error> {
        self.calls.describe_clusters(arns).await
    }

    async fn deregister(&self, arn: &str) -> Result<(), Error> {
        self.calls.deregister(arn).await
    }
}

/// Amazon ECS, with looks at tasks gathered and revisions asked for once. All other calls are passed on.
#[derive(Debug)]
pub struct GatheredEcs {
    calls: Arc<dyn Ecs>,
    poller: Poller,
    revisions: Revisions,
}

impl GatheredEcs {
    /// Must be made inside a tokio runtime. Ends with its last handle.
    #[must_use]
    pub fn new(calls: Arc<dyn Ecs>) -> Self {
        Self { poller: Poller::new(Arc::clone(&calls)), calls, revisions: Revisions::default() }
    }
}

#[async_trait]
impl Ecs for GatheredEcs {
    async fn run_task(&self, request: &RunTask) -> Result<Started, Error> {
        self.calls.run_task(request).await
    }

    async fn start_task(&self, request: &StartTask) -> Result<Started, Error> {
        self.calls.start_task(request).await
    }

    async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Described, Error> {
        self.poller.describe(cluster, arns.to_vec()).await.0
    }

    async fn list_tasks(&self, request: &ListTasks) -> Result<Vec<String>, Error> {
        self.calls.list_tasks(request).await
    }

    async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<(), Error> {
        self.calls.stop_task(cluster, arn, reason).await
    }

    async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error> {
        self.revisions.describe(self.calls.as_ref(), name).await
    }

    async fn describe_container_instances(
        &self,
        cluster: &str,
        arns: &[String],
    ) -> Result<Vec<Instance>, Error> {
        self.calls.describe_container_instances(cluster, arns).await
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
