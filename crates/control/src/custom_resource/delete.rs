//! Stops what still runs of a resource.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_decide::custom_resource::{Request, STOP_PATIENCE, Stopping, started_by};
use longshore_model::Kind;
use longshore_model::call::{ListTasks, MAX_TASKS_PER_DESCRIBE};
use longshore_model::seen::Task;
use tokio::time::Instant;

use super::Provider;
use crate::patience::{PATIENCE, patiently};

/// How often they are looked at meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Stops the running tasks of the request's resource and waits a while for their end. One that cannot be stopped does not
/// keep the others from it.
pub(crate) async fn stop_tasks(
    provider: &Provider,
    request: &Request,
    cluster: &str,
    reason: &str,
) -> Stopping {
    let filter = ListTasks {
        cluster: cluster.to_owned(),
        started_by: Some(started_by(&request.address)),
        ..ListTasks::default()
    };
    let arns = match patiently(PATIENCE, || provider.ecs.list_tasks(&filter)).await {
        Ok(arns) => arns,
        Err(error) => return Stopping { error: Some(error), ..Stopping::default() },
    };
    let mut errors = Vec::new();
    for arn in &arns {
        let stopped = patiently(PATIENCE, || provider.ecs.stop_task(cluster, arn, reason)).await;
        errors.extend(stopped.err().filter(|error| error.kind() != Kind::NotFound));
    }
    let found = arns.len();
    let running = if errors.is_empty() { still_running(provider, cluster, arns).await } else { found };
    Stopping { found, running, error: errors.into_iter().next() }
}

/// How many tasks have not stopped after a while.
async fn still_running(provider: &Provider, cluster: &str, arns: Vec<String>) -> usize {
    let mut running: BTreeSet<String> = arns.into_iter().collect();
    let give_up_at = Instant::now() + STOP_PATIENCE;
    while !running.is_empty() && Instant::now() < give_up_at {
        let some: Vec<String> = running.iter().take(MAX_TASKS_PER_DESCRIBE).cloned().collect();
        let seen = provider.ecs.describe_tasks(cluster, &some).await.unwrap_or_default();
        let gone = seen.failures.into_iter().filter_map(|failure| failure.arn);
        let stopped = seen.tasks.into_iter().filter(Task::is_stopped).map(|task| task.arn);
        stopped.chain(gone).for_each(|arn| {
            running.remove(&arn);
        });
        if !running.is_empty() {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
    running.len()
}
