//! From a container definition to what Docker's API takes.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, DeviceMapping, HealthConfig, HostConfig, HostConfigLogConfig, ResourcesUlimits,
};
use longshore_model::container_definition::{ContainerDefinition, Device, LinuxParameters, Tmpfs};
use longshore_model::network::NetworkMode;

use super::words::CREATE;
use super::{label, namespace, port, volume};
use crate::runtime::{ContainerPlan, StartError, TaskPlan};

const MIB: i64 = 1024 * 1024;
/// Docker refuses less.
const MEMORY_MIN_MIB: i64 = 6;
/// The kernel's least, which the ECS agent gives a container without CPU units.
const CPU_SHARES_MIN: i64 = 2;
const CPU_UNITS_PER_CPU: i64 = 1024;
const NANO_CPUS_PER_CPU: i64 = 1_000_000_000;
/// Lines are counted to find our place again after a restart, so that the log must not be rotated, whatever the
/// daemon's default; Docker's own default is not to.
const LOG_MAX_SIZE: &str = "1t";

/// What a container needs to know beyond its plan.
pub(super) struct Surroundings<'a> {
    /// The engine's id, a label.
    pub(super) engine: &'a str,
    /// How many CPUs the daemon has: it refuses a cap beyond that.
    pub(super) cpus: i64,
    /// The ids of the task's other containers, by name.
    pub(super) peers: &'a BTreeMap<String, String>,
}

/// What to create.
pub(super) fn body(plan: &ContainerPlan, around: &Surroundings) -> Result<ContainerCreateBody, StartError> {
    let definition = &plan.definition;
    let host_config = host_config(plan, around)?;
    let joins_network = plan.task.network_mode == NetworkMode::Awsvpc;
    let exposed = host_config.port_bindings.as_ref().map(|ports| ports.keys().cloned().collect());
    Ok(ContainerCreateBody {
        image: Some(definition.image.clone()),
        entrypoint: filled(definition.entry_point.as_ref()),
        cmd: filled(definition.command.as_ref()),
        env: Some(plan.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: definition.working_directory.clone(),
        user: definition.user.clone(),
        hostname: definition.hostname.clone().filter(|_| !joins_network),
        labels: Some(label::of_container(around.engine, plan)),
        exposed_ports: exposed,
        open_stdin: definition.interactive,
        tty: definition.pseudo_terminal,
        network_disabled: definition.disable_networking,
        // ECS ignores the image's own check, and runs the definition's itself.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() }),
        host_config: Some(host_config),
        ..Default::default()
    })
}

/// An empty list means the image's own, as on ECS.
fn filled(words: Option<&Vec<String>>) -> Option<Vec<String>> {
    words.filter(|words| !words.is_empty()).cloned()
}

fn host_config(plan: &ContainerPlan, around: &Surroundings) -> Result<HostConfig, StartError> {
    let (definition, task) = (&plan.definition, &*plan.task);
    let mut config = HostConfig {
        binds: Some(volume::binds(task, definition.mount_points.as_deref().unwrap_or_default())?),
        volumes_from: Some(volumes_from(definition, around.peers)?),
        cpu_shares: Some(i64::from(definition.cpu.unwrap_or(0)).max(CPU_SHARES_MIN)),
        nano_cpus: nano_cpus(task, around.cpus),
        memory: memory(definition, task),
        memory_reservation: definition.memory_reservation.map(mebibytes),
        ulimits: definition.ulimits.as_ref().map(|limits| limits.iter().map(ulimit).collect()),
        privileged: definition.privileged,
        readonly_rootfs: definition.readonly_root_filesystem,
        security_opt: definition.docker_security_options.clone(),
        sysctls: Some(sysctls(definition).filter(|(name, _)| !namespace::is_of_task(task, name)).collect()),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([("max-size".to_owned(), LOG_MAX_SIZE.to_owned())])),
        }),
        ..Default::default()
    };
    add_linux_parameters(&mut config, definition.linux_parameters.as_ref());
    add_namespaces(&mut config, task);
    add_network(&mut config, plan, around.peers)?;
    Ok(config)
}

fn memory(definition: &ContainerDefinition, task: &TaskPlan) -> Option<i64> {
    definition.memory.map(mebibytes).or_else(|| Some(i64::from(task.memory_mib?) * MIB))
}

fn mebibytes(mib: i32) -> i64 {
    i64::from(mib).max(MEMORY_MIN_MIB) * MIB
}

/// No container gets more than the task as a whole may use; what the machine does not have needs no cap.
fn nano_cpus(task: &TaskPlan, cpus: i64) -> Option<i64> {
    let units = i64::from(task.cpu?);
    (units < cpus * CPU_UNITS_PER_CPU).then_some(units * NANO_CPUS_PER_CPU / CPU_UNITS_PER_CPU)
}

fn ulimit(limit: &longshore_model::container_definition::Ulimit) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(limit.name.clone()),
        soft: Some(limit.soft_limit.into()),
        hard: Some(limit.hard_limit.into()),
    }
}

/// The kernel parameters of a container definition.
pub(super) fn sysctls(definition: &ContainerDefinition) -> impl Iterator<Item = (String, String)> {
    let controls = definition.system_controls.iter().flatten();
    controls.filter_map(|control| Some((control.namespace.clone()?, control.value.clone()?)))
}

/// The lines for /etc/hosts of a container definition.
pub(super) fn extra_hosts(definition: &ContainerDefinition) -> impl Iterator<Item = String> {
    let hosts = definition.extra_hosts.iter().flatten();
    hosts.map(|host| format!("{}:{}", host.hostname, host.ip_address))
}

fn add_linux_parameters(config: &mut HostConfig, parameters: Option<&LinuxParameters>) {
    let Some(parameters) = parameters else { return };
    if let Some(capabilities) = &parameters.capabilities {
        config.cap_add.clone_from(&capabilities.add);
        config.cap_drop.clone_from(&capabilities.drop);
    }
    config.devices = parameters.devices.as_ref().map(|devices| devices.iter().map(device).collect());
    config.init = parameters.init_process_enabled;
    config.shm_size = parameters.shared_memory_size.map(|mib| i64::from(mib) * MIB);
    config.tmpfs = parameters.tmpfs.as_ref().map(|mounts| mounts.iter().map(tmpfs).collect());
    config.memory_swappiness = parameters.swappiness.map(i64::from);
    // Docker counts memory and swap together.
    config.memory_swap =
        config.memory.zip(parameters.max_swap).map(|(memory, swap)| memory + i64::from(swap) * MIB);
}

fn device(device: &Device) -> DeviceMapping {
    let permissions = device.permissions.as_ref().filter(|words| !words.is_empty());
    let letters = permissions.map_or_else(
        || "rwm".to_owned(),
        |words| words.iter().filter_map(|word| word.chars().next()).collect(),
    );
    DeviceMapping {
        path_on_host: Some(device.host_path.clone()),
        path_in_container: Some(device.container_path.clone().unwrap_or_else(|| device.host_path.clone())),
        cgroup_permissions: Some(letters),
    }
}

fn tmpfs(mount: &Tmpfs) -> (String, String) {
    let mut options = mount.mount_options.clone().unwrap_or_default();
    options.push(format!("size={}m", mount.size));
    (mount.container_path.clone(), options.join(","))
}

fn add_namespaces(config: &mut HostConfig, task: &TaskPlan) {
    let of_pause = format!("container:{}", label::pause_name(&task.key));
    let spec = &task.definition.spec;
    config.pid_mode = match spec.pid_mode.as_deref() {
        Some("task") => Some(of_pause.clone()),
        other => other.map(str::to_owned),
    };
    config.ipc_mode = match spec.ipc_mode.as_deref() {
        Some("task") => Some(of_pause),
        other => other.map(str::to_owned),
    };
}

fn add_network(
    config: &mut HostConfig,
    plan: &ContainerPlan,
    peers: &BTreeMap<String, String>,
) -> Result<(), StartError> {
    let definition = &plan.definition;
    let mode = match plan.task.network_mode {
        NetworkMode::Bridge => "bridge".to_owned(),
        NetworkMode::Host => "host".to_owned(),
        NetworkMode::None => "none".to_owned(),
        // What else there is to say about the network was said when the pause container was made.
        NetworkMode::Awsvpc => {
            config.network_mode = Some(format!("container:{}", label::pause_name(&plan.task.key)));
            return Ok(());
        }
    };
    if plan.task.network_mode == NetworkMode::Bridge {
        config.port_bindings = definition.port_mappings.as_deref().map(port::published);
        config.links = Some(links(definition, peers)?);
    }
    config.network_mode = Some(mode);
    config.dns.clone_from(&definition.dns_servers);
    config.dns_search.clone_from(&definition.dns_search_domains);
    config.extra_hosts = Some(extra_hosts(definition).collect());
    Ok(())
}

/// Links in Docker's form, `ID:ALIAS`.
fn links(
    definition: &ContainerDefinition,
    peers: &BTreeMap<String, String>,
) -> Result<Vec<String>, StartError> {
    let link = |link: &String| {
        let (name, alias) = link.split_once(':').unwrap_or((link, link));
        Ok(format!("{}:{alias}", peer(peers, name)?))
    };
    definition.links.iter().flatten().map(link).collect()
}

/// Volumes of other containers in Docker's form, `ID[:ro]`.
fn volumes_from(
    definition: &ContainerDefinition,
    peers: &BTreeMap<String, String>,
) -> Result<Vec<String>, StartError> {
    let from = |from: &longshore_model::container_definition::VolumeFrom| {
        let id = peer(peers, from.source_container.as_deref().unwrap_or_default())?;
        Ok(format!("{id}{}", if from.read_only == Some(true) { ":ro" } else { "" }))
    };
    definition.volumes_from.iter().flatten().map(from).collect()
}

fn peer<'a>(peers: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str, StartError> {
    peers.get(name).map(String::as_str).ok_or_else(|| {
        CREATE.because(&format!("the container {name} of the same task was not created before"))
    })
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
