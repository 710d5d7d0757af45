//! What ECS fills in, so that DescribeTaskDefinition shows it: only what is absent is touched.

use longshore_model::container_definition::{ContainerDefinition, HealthCheck, PortMapping};
use longshore_model::network::{NetworkMode, TransportProtocol};
use longshore_model::task_definition::{HostVolume, TaskSpec, Volume};

use super::network;

const HEALTH_INTERVAL_SECONDS: i32 = 30;
const HEALTH_TIMEOUT_SECONDS: i32 = 5;
const HEALTH_RETRIES: i32 = 3;

/// The definition as it will be described.
pub(super) fn fill(mut spec: TaskSpec) -> TaskSpec {
    let mode = network::mode(&spec);
    for container in &mut spec.container_definitions {
        fill_container(container, mode);
    }
    spec.volumes.get_or_insert_default().iter_mut().for_each(fill_volume);
    spec.placement_constraints.get_or_insert_default();
    spec
}

fn fill_container(container: &mut ContainerDefinition, mode: NetworkMode) {
    container.cpu.get_or_insert(0);
    container.essential.get_or_insert(true);
    container.environment.get_or_insert_default();
    container.mount_points.get_or_insert_default();
    container.volumes_from.get_or_insert_default();
    container.system_controls.get_or_insert_default();
    for mapping in container.port_mappings.get_or_insert_default() {
        fill_mapping(mapping, mode);
    }
    if let Some(check) = &mut container.health_check {
        fill_health_check(check);
    }
}

fn fill_mapping(mapping: &mut PortMapping, mode: NetworkMode) {
    mapping.protocol.get_or_insert(TransportProtocol::Tcp);
    if let Some(port) = mapping.container_port {
        let host_port = if mode == NetworkMode::Bridge { 0 } else { port };
        mapping.host_port.get_or_insert(host_port);
    }
}

fn fill_health_check(check: &mut HealthCheck) {
    check.interval.get_or_insert(HEALTH_INTERVAL_SECONDS);
    check.timeout.get_or_insert(HEALTH_TIMEOUT_SECONDS);
    check.retries.get_or_insert(HEALTH_RETRIES);
}

fn fill_volume(volume: &mut Volume) {
    if let Some(docker) = &mut volume.docker_volume_configuration {
        docker.scope.get_or_insert_with(|| "task".to_owned());
        docker.driver.get_or_insert_with(|| "local".to_owned());
    } else if let Some(efs) = &mut volume.efs_volume_configuration {
        efs.root_directory.get_or_insert_with(|| "/".to_owned());
    } else if is_bare(volume) {
        volume.host = Some(HostVolume::default());
    }
}

/// Only a name: an empty directory for the life of the task.
fn is_bare(volume: &Volume) -> bool {
    *volume == Volume { name: volume.name.clone(), ..Volume::default() }
}
