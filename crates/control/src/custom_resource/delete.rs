//! Stops what still runs of a resource.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_decide::custom_resource::{Request, STOP_PATIENCE, started_by};
use longshore_model::Error;
use longshore_model::call::{ListTasks, MAX_TASKS_PER_DESCRIBE};
use longshore_model::seen::Task;
use tokio::time::Instant;

use super::Provider;
use crate::patience::{PATIENCE, patiently};

/// How often they are looked at meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Stops the running tasks of the request's resource and waits a while for their end. Gives back how many there were.
pub(crate) async fn stop_tasks(
    provider: &Provider,
    request: &Request,
    cluster: &str,
    reason: &str,
) -> Result<usize, Error> {
    let filter = ListTasks {
        cluster: cluster.to_owned(),
        started_by: Some(started_by(&request.address)),
        ..ListTasks::default()
    };
    let arns = patiently(PATIENCE, || provider.ecs.list_tasks(&filter)).await?;
    for arn in &arns {
        match patiently(PATIENCE, || provider.ecs.stop_task(cluster, arn, reason)).await {
            Err(error) if error.kind() != longshore_model::Kind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut running: BTreeSet<String> = arns.iter().cloned().collect();
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
    Ok(arns.len())
}
