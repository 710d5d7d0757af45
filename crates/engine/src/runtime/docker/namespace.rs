//! What the containers of a task share: with awsvpc the network, with `pidMode` or `ipcMode` `task` those namespaces.
//! A container that only sleeps owns them, as on ECS, so that they live as long as the task.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptionsBuilder, InspectContainerOptions};
use longshore_model::network::NetworkMode;

use super::words::{INSPECT, NETWORK, is_absent};
use super::{Daemon, container, label, pause};
use crate::runtime::{StartError, TaskPlan};

impl Daemon {
    /// Makes and starts the task's pause container if it needs one. Gives the task's own address, with awsvpc.
    pub(super) async fn make_namespaces(&self, plan: &TaskPlan) -> Result<Option<String>, StartError> {
        if !is_needed(plan) {
            return Ok(None);
        }
        let name = label::pause_name(&plan.key);
        let patient = self.docker.clone().with_timeout(NETWORK.limit);
        let create = || {
            let options = CreateContainerOptionsBuilder::new().name(&name).build();
            patient.create_container(Some(options), body(&self.engine, plan))
        };
        match create().await {
            Err(error) if is_absent(&error) => {
                self.import_pause().await?;
                create().await.map(drop)
            }
            // It outlived the engine, which prepares the task once more.
            Err(Error::DockerResponseServerError { status_code: 409, .. }) => Ok(()),
            created => created.map(drop),
        }
        .map_err(|error| NETWORK.failed(&error))?;
        patient.start_container(&name, None).await.map_err(|error| NETWORK.failed(&error))?;
        if plan.network_mode == NetworkMode::Awsvpc { self.address(&name).await.map(Some) } else { Ok(None) }
    }

    async fn address(&self, name: &str) -> Result<String, StartError> {
        let inspected = self.docker.inspect_container(name, None::<InspectContainerOptions>).await;
        let networks =
            inspected.map_err(|error| INSPECT.failed(&error))?.network_settings.and_then(|all| all.networks);
        networks
            .and_then(|all| all.into_values().find_map(|one| one.ip_address.filter(|ip| !ip.is_empty())))
            .ok_or_else(|| NETWORK.because("Docker gave the task no address"))
    }

    async fn import_pause(&self) -> Result<(), StartError> {
        let archive = pause::archive(&self.architecture).ok_or_else(|| {
            NETWORK.because(&format!("awsvpc is not possible on the architecture {}", self.architecture))
        })?;
        let import = self.import(pause::REPOSITORY, pause::TAG, archive);
        tokio::time::timeout(NETWORK.limit, import)
            .await
            .unwrap_or(Err(Error::RequestTimeoutError))
            .map_err(|error| NETWORK.failed(&error))
    }
}

/// Whether the task's containers share a namespace.
pub(super) fn is_needed(plan: &TaskPlan) -> bool {
    plan.network_mode == NetworkMode::Awsvpc || has_shared_pids(plan) || has_shared_ipc(plan)
}

pub(super) fn has_shared_pids(plan: &TaskPlan) -> bool {
    plan.definition.spec.pid_mode.as_deref() == Some("task")
}

pub(super) fn has_shared_ipc(plan: &TaskPlan) -> bool {
    plan.definition.spec.ipc_mode.as_deref() == Some("task")
}

/// Whether a kernel parameter belongs to a namespace that the task shares: then it is set once, where that is made.
pub(super) fn is_of_task(plan: &TaskPlan, parameter: &str) -> bool {
    if parameter.starts_with("net.") {
        plan.network_mode == NetworkMode::Awsvpc
    } else {
        has_shared_ipc(plan)
    }
}

fn body(engine: &str, plan: &TaskPlan) -> ContainerCreateBody {
    let containers = &plan.definition.spec.container_definitions;
    let sysctls: HashMap<_, _> = containers
        .iter()
        .flat_map(container::sysctls)
        .filter(|(parameter, _)| is_of_task(plan, parameter))
        .collect();
    let awsvpc = plan.network_mode == NetworkMode::Awsvpc;
    ContainerCreateBody {
        image: Some(format!("{}:{}", pause::REPOSITORY, pause::TAG)),
        entrypoint: Some(vec![pause::PROGRAM.to_owned()]),
        labels: Some(label::of_task(engine, &plan.key)),
        host_config: Some(HostConfig {
            network_mode: Some(if awsvpc { "bridge" } else { "none" }.to_owned()),
            // Docker takes them only where the network is made.
            extra_hosts: awsvpc.then(|| containers.iter().flat_map(container::extra_hosts).collect()),
            ipc_mode: Some("shareable".to_owned()),
            sysctls: Some(sysctls),
            readonly_rootfs: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    }
}
