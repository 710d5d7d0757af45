//! What outlives us in Docker: taken up again, or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::timeout;

use super::{Daemon, label};
use crate::runtime::{Known, TaskKey};

/// How many containers are removed at once: what a daemon does well side by side.
const REMOVALS_AT_ONCE: usize = 16;

/// How long ending everything may take: a user waits for it.
const END_ALL_LIMIT: Duration = Duration::from_secs(20);

impl Daemon {
    /// Finds the containers of this engine, removes those that nobody knows, and gives the known ones with their ids.
    pub(super) async fn take_up(&self, known: Vec<Known>) -> Result<Vec<(Known, String)>, Error> {
        let labels = [(label::ENGINE, self.engine.as_str())];
        let tasks: BTreeSet<TaskKey> = known.iter().map(|known| known.key.task.clone()).collect();
        let mut known: BTreeMap<_, _> = known.into_iter().map(|known| (known.key.clone(), known)).collect();
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        for container in self.list(&labels).await? {
            let own = container.labels.clone().unwrap_or_default();
            let Some(id) = container.id.clone() else { continue };
            // A container that was made but not started is one whose start nobody was told of.
            let was_started = container.state != Some(State::CREATED);
            let taken = label::container_key(&own).filter(|_| was_started).and_then(|key| known.remove(&key));
            let is_of_known_task = label::task_key(&own).is_some_and(|key| tasks.contains(&key));
            match taken {
                Some(known) => found.push((known, id)),
                None if is_of_known_task && is_harmless(&container) => {}
                None => unknown.push(id),
            }
        }
        self.remove(unknown).await;
        self.remove_volumes(&labels, |task| !tasks.contains(task)).await;
        Ok(found)
    }

    /// Kills and removes all that carries this engine's label.
    pub(super) async fn end_all(&self) {
        let labels = [(label::ENGINE, self.engine.as_str())];
        let end = async {
            self.remove_all(&labels).await;
            self.remove_volumes(&labels, |_| true).await;
        };
        if timeout(END_ALL_LIMIT, end).await.is_err() {
            tracing::warn!("Docker did not end all containers in time");
        }
    }

    /// Kills and removes the containers with these labels.
    pub(super) async fn remove_all(&self, labels: &[(&str, &str)]) {
        match self.list(labels).await {
            Ok(found) => self.remove(found.into_iter().filter_map(|container| container.id).collect()).await,
            Err(error) => {
                tracing::warn!(%error, "containers stay behind until the next start: they cannot be listed")
            }
        }
    }

    async fn list(&self, labels: &[(&str, &str)]) -> Result<Vec<ContainerSummary>, Error> {
        let options = ListContainersOptionsBuilder::new().all(true).filters(&label::filter(labels)).build();
        self.docker.list_containers(Some(options)).await
    }

    /// Kills and removes containers.
    pub(super) async fn remove(&self, ids: Vec<String>) {
        stream::iter(ids)
            .for_each_concurrent(REMOVALS_AT_ONCE, async |id| {
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                match self.docker.remove_container(&id, Some(options)).await {
                    // 409: somebody else is removing it.
                    Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
                    Err(error) => tracing::warn!(container = id, %error, "cannot remove a container"),
                }
            })
            .await;
    }
}

/// Whether a container that nobody waits for may stay until its task is released: the one that holds the task's
/// namespaces, and those that have ended, whose volumes others may use.
fn is_harmless(container: &ContainerSummary) -> bool {
    let is_of_definition =
        container.labels.as_ref().is_some_and(|labels| labels.contains_key(label::CONTAINER));
    !is_of_definition || matches!(container.state, Some(State::EXITED | State::DEAD))
}
