//! The process runtime: a container is its entryPoint and command as a process group of this machine.
//!
//! There are no images and no namespaces; what a definition says about them has no effect, and what cannot be done
//! is refused with a sentence. In detail:
//!
//! - **Command**: entryPoint and command; when both are absent, what [`ProcessOptions::commands`] has for the image.
//!   Programs are found on the container's `PATH`.
//! - **Directory**: a private one (mode 0700), `STATE/tasks/TASK/CONTAINER`, which is `HOME` and where the command
//!   runs. A `workingDirectory` is the path inside a volume where the container has one there, else that directory of
//!   this machine where it exists, else one made inside the private directory.
//! - **Environment**: the engine's `PATH`, `HOME`, `HOSTNAME`, and the container's own variables, which win. `PORT`
//!   is the host port of the container's first port; a `PORT` of its own that names one of its container ports
//!   becomes that one's host port, any other stays.
//! - **Ports**: nothing is forwarded. A dynamic host port is a free one that the program is told in `PORT`; a port
//!   that is written, or is the container's own (`host`, `awsvpc`), must be free. A task has the address 127.0.0.1.
//! - **Volumes** are links: at the mount's path inside the private directory, and in `LONGSHORE_VOLUME_NAME`.
//!   `readOnly` cannot be kept.
//! - **User**: another `user` than the engine's own is refused.
//! - **Limits**: memory and CPU by control groups where they can be made; [`ProcessRuntime::limits`] says which.
//! - **Ends**: a container ends with its main process, and everything that it started ends with it (see
//!   [`supervise`]). No container survives the engine.

mod cgroup;
mod command;
mod container;
mod control;
mod files;
mod launch;
mod left_over;
mod output;
mod ports;
mod supervisor;
mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_model::network::NetworkMode;
use tokio::time::timeout;

use self::cgroup::Limits;
use self::container::Shared;
use self::control::{KILL, TERMINATE};
use super::{
    ContainerKey, ContainerPlan, Found, Known, Prepared, RecoverError, Reports, Runtime, StartError, Started,
    TaskKey, TaskPlan,
};

pub use self::supervisor::supervise;

/// How long a shutdown waits for the killed containers' last lines to be taken.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// What the process runtime needs to know.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// The engine's state directory.
    pub state: PathBuf,
    /// Letters and digits that are unique to this state directory and the same whenever it is opened.
    pub engine_id: String,
    /// The program that calls [`supervise`].
    pub supervisor: PathBuf,
    /// The arguments with which it does.
    pub supervisor_arguments: Vec<String>,
    /// The `PATH` of the engine, and of containers that have none of their own.
    pub path: String,
    /// Command lines by image, with or without its tag, for containers that have none of their own.
    pub commands: BTreeMap<String, Vec<String>>,
}

/// Runs containers as processes of this machine.
pub struct ProcessRuntime {
    shared: Arc<Shared>,
}

impl ProcessRuntime {
    /// A runtime that reports to `reports`. Looks for control groups that it can use.
    #[must_use]
    pub fn new(options: ProcessOptions, reports: Reports) -> Self {
        Self { shared: Arc::new(Shared::new(options, reports)) }
    }

    /// Which limits are enforced here, in one sentence for the user.
    #[must_use]
    pub fn limits(&self) -> String {
        match &self.shared.cgroups {
            Ok(cgroups) => cgroups.describe(),
            Err(reason) => {
                format!("there are no memory and CPU limits: no control group can be made here ({reason})")
            }
        }
    }
}

#[async_trait]
impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    fn survives(&self) -> bool {
        false
    }

    async fn prepare(&self, plan: &TaskPlan) -> Result<Prepared, StartError> {
        self.shared.check_open()?;
        let limits = Limits { memory_mib: plan.memory_mib, cpu_shares: None, cpu_cap: plan.cpu };
        let (shared, task) = (Arc::clone(&self.shared), plan.key.task.clone());
        let outcome = in_background(move || {
            shared.files.add_task(&task)?;
            shared.cgroups.as_ref().map_or(Ok(()), |cgroups| cgroups.add_task(&task, limits))
        });
        let failed =
            |error| StartError(format!("ResourceInitializationError: cannot prepare the task: {error}"));
        outcome.await.map_err(failed)?;
        let ip = (plan.network_mode == NetworkMode::Awsvpc).then(|| "127.0.0.1".to_owned());
        Ok(Prepared { ip, ..Prepared::default() })
    }

    async fn start(&self, plan: ContainerPlan) -> Result<Started, StartError> {
        Arc::clone(&self.shared).start(plan).await
    }

    async fn terminate(&self, key: &ContainerKey) {
        if let Some(container) = self.shared.container(key) {
            container.orders.send(TERMINATE).await;
        }
    }

    async fn kill(&self, key: &ContainerKey) {
        if let Some(container) = self.shared.container(key) {
            container.orders.send(KILL).await;
        }
    }

    async fn check(&self, key: &ContainerKey, command: &[String], limit: Duration) -> bool {
        match self.shared.container(key) {
            Some(container) => timeout(limit, self.shared.check(&container, command)).await.unwrap_or(false),
            None => false,
        }
    }

    async fn stats(&self, key: &ContainerKey) -> Option<serde_json::Value> {
        let (container, shared) = (self.shared.container(key)?, Arc::clone(&self.shared));
        in_background(move || shared.stats(&container)).await.ok()
    }

    async fn release(&self, task: &TaskKey) {
        let (shared, task) = (Arc::clone(&self.shared), task.task.clone());
        let outcome = in_background(move || {
            shared.files.remove_task(&task);
            if let Ok(cgroups) = &shared.cgroups {
                cgroups.remove_task(&task);
            }
            Ok(())
        });
        outcome.await.ok();
    }

    /// Must come before any start. Kills what an earlier engine with the same id left, and finds nothing: containers
    /// of this runtime do not survive their engine.
    async fn recover(&self, _known: Vec<Known>) -> Result<Vec<Found>, RecoverError> {
        left_over::end_all(&self.shared.program.engine_id).await;
        let shared = Arc::clone(&self.shared);
        let outcome = in_background(move || {
            shared.files.remove_tasks();
            if let Ok(cgroups) = &shared.cgroups {
                cgroups.remove_tasks();
            }
            Ok(())
        });
        outcome.await.ok();
        Ok(Vec::new())
    }

    async fn shutdown(&self) {
        for container in self.shared.close() {
            container.orders.send(KILL).await;
        }
        if timeout(SHUTDOWN_LIMIT, self.shared.all_ended()).await.is_err() {
            tracing::warn!("some containers' last lines were not taken in {SHUTDOWN_LIMIT:?}");
        }
        let shared = Arc::clone(&self.shared);
        let outcome = in_background(move || {
            shared.files.remove_tasks();
            if let Ok(cgroups) = &shared.cgroups {
                cgroups.remove_all();
            }
            Ok(())
        });
        outcome.await.ok();
    }
}

/// Runs calls that may wait for the disk.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
