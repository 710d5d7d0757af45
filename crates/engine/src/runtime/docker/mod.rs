//! The `docker` runtime: containers of a Docker daemon, found again by their labels.

mod check;
mod container;
mod follow;
mod image;
mod label;
mod local;
mod namespace;
mod output;
mod pause;
mod port;
mod recover;
mod volume;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    ListContainersOptionsBuilder, StatsOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt as _;
use futures_util::future::{join_all, join3};
use longshore_model::network::NetworkMode;
use longshore_model::task::NetworkBinding;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{
    ContainerKey, ContainerPlan, Found, Known, Prepared, RecoverError, Reports, Runtime, StartError, Started,
    TaskKey, TaskPlan,
};
use words::{CREATE, INSPECT, START, docker_says};

/// Where Docker listens unless told otherwise.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// A daemon that does not answer a ping in this time is none.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// The longest that any call without a limit of its own may take: removing a container is the slowest.
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// What a [`DockerRuntime`] needs to know.
#[derive(Debug, Clone, Default)]
pub struct DockerOptions {
    /// The engine's id: it takes up, and removes, only what carries it.
    pub engine: String,
    /// `DOCKER_HOST`: `unix://PATH` or `tcp://HOST:PORT`. Absent means Docker's usual socket.
    pub host: Option<String>,
}

/// Why Docker cannot be used, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Runs containers by a Docker daemon.
#[derive(Debug)]
pub struct DockerRuntime {
    daemon: Arc<Daemon>,
    /// One for each container that runs; they end with this value.
    followers: Mutex<JoinSet<()>>,
}

/// The daemon, and what is known of it.
#[derive(Debug)]
struct Daemon {
    docker: Docker,
    engine: String,
    cpus: i64,
    architecture: String,
    reports: Reports,
}

impl DockerRuntime {
    /// Looks for the daemon.
    ///
    /// # Errors
    ///
    /// Says what was tried and why it did not work.
    pub async fn connect(options: DockerOptions, reports: Reports) -> Result<Self, Unavailable> {
        let host = options.host.as_deref().unwrap_or(DEFAULT_HOST);
        let unavailable = |why: &str| Unavailable(format!("no Docker daemon can be used at {host}: {why}"));
        let docker = open(host).map_err(|why| unavailable(&why))?;
        match timeout(PING_LIMIT, docker.ping()).await {
            Err(_) => return Err(unavailable(&format!("no answer within {} s", PING_LIMIT.as_secs()))),
            Ok(Err(error)) => return Err(unavailable(&docker_says(&error))),
            Ok(Ok(_)) => {}
        }
        let info = docker.info().await.map_err(|error| unavailable(&docker_says(&error)))?;
        let daemon = Daemon {
            docker,
            engine: options.engine,
            cpus: info.ncpu.unwrap_or(1),
            architecture: info.architecture.unwrap_or_default(),
            reports,
        };
        Ok(Self { daemon: Arc::new(daemon), followers: Mutex::default() })
    }

    /// Follows a container to its end.
    fn follow(&self, key: ContainerKey, id: String, lines_stored: u64) {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        // What ended is forgotten, or the set would grow for ever.
        while followers.try_join_next().is_some() {}
        followers.spawn(Arc::clone(&self.daemon).follow(key, id, lines_stored));
    }

    /// Removes the start before this one: a container that is restarted for weeks must not fill the disk.
    fn forget_former(&self, key: &ContainerKey) {
        let Some(attempt) = key.attempt.checked_sub(1) else { return };
        let former = label::container_name(&ContainerKey { attempt, ..key.clone() });
        let daemon = Arc::clone(&self.daemon);
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.spawn(async move { daemon.remove(vec![former]).await });
    }
}

fn open(host: &str) -> Result<Docker, String> {
    let opened = if host.starts_with("unix://") {
        Docker::connect_with_socket(host, CALL_LIMIT.as_secs(), API_DEFAULT_VERSION)
    } else if host.starts_with("tcp://") || host.starts_with("http://") {
        Docker::connect_with_http(host, CALL_LIMIT.as_secs(), API_DEFAULT_VERSION)
    } else {
        return Err("only unix://PATH and tcp://HOST:PORT are supported".to_owned());
    };
    opened.map_err(|error| docker_says(&error))
}

#[async_trait]
impl Runtime for DockerRuntime {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn survives(&self) -> bool {
        true
    }

    async fn prepare(&self, plan: &TaskPlan) -> Result<Prepared, StartError> {
        let daemon = &self.daemon;
        let containers = &plan.definition.spec.container_definitions;
        let images = join_all(containers.iter().map(|container| daemon.image(&container.image)));
        // All are waited for even when one fails, so that nothing is made after the release that follows.
        let (images, ip, volumes) =
            join3(images, daemon.make_namespaces(plan), daemon.make_volumes(plan)).await;
        let mut prepared = Prepared::default();
        for (container, image) in containers.iter().zip(images) {
            let image = image?;
            prepared.pulled |= image.pulled;
            prepared.digests.extend(image.digest.map(|digest| (container.name.clone(), digest)));
        }
        prepared.ip = ip?;
        volumes?;
        Ok(prepared)
    }

    async fn start(&self, plan: ContainerPlan) -> Result<Started, StartError> {
        let id = self.daemon.create(&plan).await?;
        let patient = self.daemon.docker.clone().with_timeout(START.limit);
        patient.start_container(&id, None).await.map_err(|error| START.failed(&error))?;
        self.follow(plan.key.clone(), id.clone(), 0);
        self.forget_former(&plan.key);
        let bindings = self.daemon.bindings(&plan, &id).await?;
        Ok(Started { runtime_id: id, bindings })
    }

    async fn terminate(&self, key: &ContainerKey) {
        let name = label::container_name(key);
        let inspected = self.daemon.docker.inspect_container(&name, None::<InspectContainerOptions>);
        let config = inspected.await.ok().and_then(|container| container.config);
        let signal = config.and_then(|config| config.stop_signal).filter(|signal| !signal.is_empty());
        self.daemon.signal(key, signal.as_deref().unwrap_or("SIGTERM")).await;
    }

    async fn kill(&self, key: &ContainerKey) {
        self.daemon.signal(key, "SIGKILL").await;
    }

    async fn check(&self, key: &ContainerKey, command: &[String], timeout: Duration) -> bool {
        self.daemon.check(&label::container_name(key), command, timeout).await
    }

    async fn stats(&self, key: &ContainerKey) -> Option<serde_json::Value> {
        self.daemon.stats(&label::container_name(key)).await
    }

    async fn release(&self, task: &TaskKey) {
        let labels = [(label::ENGINE, self.daemon.engine.as_str()), (label::TASK, task.task.as_str())];
        self.daemon.remove_all(&labels).await;
        self.daemon.remove_volumes(&labels, |key| key == task).await;
    }

    async fn recover(&self, known: Vec<Known>) -> Result<Vec<Found>, RecoverError> {
        let mut found = Vec::new();
        let taken = self.daemon.take_up(known).await;
        for (known, id) in taken.map_err(|error| RecoverError(docker_says(&error)))? {
            self.follow(known.key.clone(), id.clone(), known.lines_stored);
            found.push(Found { key: known.key, runtime_id: id });
        }
        Ok(found)
    }

    async fn shutdown(&self) {
        self.daemon.end_all().await;
    }
}

impl Daemon {
    async fn create(&self, plan: &ContainerPlan) -> Result<String, StartError> {
        let peers = self.peers(plan).await?;
        let around = container::Surroundings { engine: &self.engine, cpus: self.cpus, peers: &peers };
        let body = container::body(plan, &around)?;
        let options = CreateContainerOptionsBuilder::new().name(&label::container_name(&plan.key)).build();
        let patient = self.docker.clone().with_timeout(CREATE.limit);
        let created =
            patient.create_container(Some(options), body).await.map_err(|error| CREATE.failed(&error))?;
        Ok(created.id)
    }

    /// The latest containers of the task by name, when this one refers to others.
    async fn peers(&self, plan: &ContainerPlan) -> Result<BTreeMap<String, String>, StartError> {
        let definition = &plan.definition;
        if definition.links.iter().flatten().next().is_none()
            && definition.volumes_from.iter().flatten().next().is_none()
        {
            return Ok(BTreeMap::new());
        }
        let labels = label::filter(&[(label::ENGINE, &self.engine), (label::TASK, &plan.key.task.task)]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&labels).build();
        let listed =
            self.docker.list_containers(Some(options)).await.map_err(|error| INSPECT.failed(&error))?;
        let mut starts: Vec<_> = listed
            .into_iter()
            .filter_map(|one| Some((label::container_key(&one.labels?)?, one.id?)))
            .collect();
        starts.sort();
        // Of several starts of a container the last stays.
        Ok(starts.into_iter().map(|(key, id)| (key.name, id)).collect())
    }

    /// The ports of a container that runs.
    async fn bindings(&self, plan: &ContainerPlan, id: &str) -> Result<Vec<NetworkBinding>, StartError> {
        let mappings = plan.definition.port_mappings.as_deref().unwrap_or_default();
        match plan.task.network_mode {
            NetworkMode::Host => Ok(port::host_bindings(mappings)),
            NetworkMode::Bridge if !mappings.is_empty() => {
                let inspected = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
                let settings = inspected.map_err(|error| INSPECT.failed(&error))?.network_settings;
                Ok(port::bindings(&settings.and_then(|settings| settings.ports).unwrap_or_default()))
            }
            NetworkMode::Bridge | NetworkMode::Awsvpc | NetworkMode::None => Ok(Vec::new()),
        }
    }

    async fn signal(&self, key: &ContainerKey, signal: &str) {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        match self.docker.kill_container(&label::container_name(key), Some(options)).await {
            // 409: it does not run any more.
            Ok(())
            | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
            Err(error) => tracing::warn!(container = key.name, signal, %error, "cannot signal a container"),
        }
    }

    async fn stats(&self, id: &str) -> Option<serde_json::Value> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut samples = std::pin::pin!(self.docker.stats(id, Some(options)));
        let sample = timeout(CALL_LIMIT, samples.next()).await.ok()??.ok()?;
        // Docker gives a container that does not run an empty sample, of the year 1.
        sample.read.as_ref().filter(|read| !read.starts_with("0001-"))?;
        serde_json::to_value(sample).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_absent_daemon_is_told_in_a_sentence() {
        let (reports, _inbox) = tokio::sync::mpsc::channel(1);
        let folder = tempfile::tempdir().unwrap();
        let socket = format!("unix://{}/docker.sock", folder.path().display());
        let tell = async |host: &str| {
            let options = DockerOptions { engine: "e".into(), host: Some(host.to_owned()) };
            DockerRuntime::connect(options, reports.clone()).await.unwrap_err().to_string()
        };
        assert!(tell(&socket).await.contains("docker.sock: Socket not found: "));
        assert_eq!(
            tell("ssh://host").await,
            "no Docker daemon can be used at ssh://host: only unix://PATH and tcp://HOST:PORT are supported"
        );
        // A socket that takes connections and never answers.
        let _silent = tokio::net::UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        assert!(tell(&socket).await.ends_with("no answer within 2 s"));
    }
}
