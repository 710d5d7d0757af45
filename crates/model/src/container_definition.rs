//! A container of a task definition, whole: every member that RegisterTaskDefinition takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::network::TransportProtocol;
use crate::tag::KeyValuePair;

/// One container of a task definition.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerDefinition {
    /// Unique in the task definition; 1-255 letters, digits, `-` and `_`.
    pub name: String,
    /// `repository:tag` or `repository@digest`, up to 255 characters.
    pub image: String,
    /// The secret with the login of a private registry.
    pub repository_credentials: Option<RepositoryCredentials>,
    /// CPU units, 1024 to a vCPU; a share under contention, not a cap, unless the task has a size.
    pub cpu: Option<i32>,
    /// Hard limit in MiB: the container is killed above it.
    pub memory: Option<i32>,
    /// Soft limit in MiB: what is reserved on the instance.
    pub memory_reservation: Option<i32>,
    /// Names of containers to resolve (bridge mode only).
    pub links: Option<Vec<String>>,
    /// Ports to publish.
    pub port_mappings: Option<Vec<PortMapping>>,
    /// Whether its end ends the task. Absent means true.
    pub essential: Option<bool>,
    /// Whether and how the container is restarted within the task.
    pub restart_policy: Option<RestartPolicy>,
    /// Replaces the image's ENTRYPOINT.
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's CMD.
    pub command: Option<Vec<String>>,
    /// Plain environment variables.
    pub environment: Option<Vec<KeyValuePair>>,
    /// Files of variables in S3, at most 10.
    pub environment_files: Option<Vec<EnvironmentFile>>,
    /// Volumes of the task mounted into the container.
    pub mount_points: Option<Vec<MountPoint>>,
    /// Containers whose volumes are mounted too.
    pub volumes_from: Option<Vec<VolumeFrom>>,
    /// Linux options.
    pub linux_parameters: Option<LinuxParameters>,
    /// Environment variables whose values come from SSM or Secrets Manager.
    pub secrets: Option<Vec<Secret>>,
    /// Containers that must have reached a condition before this one starts.
    pub depends_on: Option<Vec<ContainerDependency>>,
    /// Seconds that the containers which depend on this one wait for it.
    pub start_timeout: Option<i32>,
    /// Seconds between the stop signal and SIGKILL. Absent means 30.
    pub stop_timeout: Option<i32>,
    /// Whether the tag is resolved to a digest (`enabled`, `disabled`).
    pub version_consistency: Option<String>,
    /// The container's host name (not with awsvpc).
    pub hostname: Option<String>,
    /// `user`, `uid`, `user:group` and so on.
    pub user: Option<String>,
    /// Where the command runs.
    pub working_directory: Option<String>,
    /// Whether networking is off in the container.
    pub disable_networking: Option<bool>,
    /// Whether the container has root's powers on the host.
    pub privileged: Option<bool>,
    /// Whether the root file system is read-only.
    pub readonly_root_filesystem: Option<bool>,
    /// DNS servers (not with awsvpc).
    pub dns_servers: Option<Vec<String>>,
    /// DNS search domains (not with awsvpc).
    pub dns_search_domains: Option<Vec<String>>,
    /// Lines for /etc/hosts.
    pub extra_hosts: Option<Vec<HostEntry>>,
    /// Labels for SELinux and AppArmor, and credential specs.
    pub docker_security_options: Option<Vec<String>>,
    /// Whether stdin is open.
    pub interactive: Option<bool>,
    /// Whether a TTY is allocated.
    pub pseudo_terminal: Option<bool>,
    /// Labels on the container.
    pub docker_labels: Option<BTreeMap<String, String>>,
    /// Resource limits.
    pub ulimits: Option<Vec<Ulimit>>,
    /// Where stdout and stderr go.
    pub log_configuration: Option<LogConfiguration>,
    /// The command that tells whether the container is healthy.
    pub health_check: Option<HealthCheck>,
    /// Kernel parameters.
    pub system_controls: Option<Vec<SystemControl>>,
    /// GPUs and inference accelerators.
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
    /// Makes this container the task's FireLens log router.
    pub firelens_configuration: Option<FirelensConfiguration>,
    /// Files for group Managed Service Accounts.
    pub credential_specs: Option<Vec<String>>,
}

impl ContainerDefinition {
    /// Whether the end of this container ends its task.
    #[must_use]
    pub fn is_essential(&self) -> bool {
        self.essential.unwrap_or(true)
    }

    /// MiB that the container takes from its instance: the soft limit, else the hard one.
    #[must_use]
    pub fn reserved_memory(&self) -> i32 {
        self.memory_reservation.or(self.memory).unwrap_or(0)
    }
}

/// A registry login.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RepositoryCredentials {
    /// ARN of the secret.
    pub credentials_parameter: String,
}

/// A port, or a range of ports, that the container publishes.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortMapping {
    /// 0-65535.
    pub container_port: Option<i32>,
    /// 0 or absent in bridge mode: the host chooses.
    pub host_port: Option<i32>,
    /// Absent means tcp.
    pub protocol: Option<TransportProtocol>,
    /// For Service Connect.
    pub name: Option<String>,
    /// `http`, `http2` or `grpc`.
    pub app_protocol: Option<String>,
    /// `FIRST-LAST`, instead of `container_port`.
    pub container_port_range: Option<String>,
}

/// Restarts of one container within its task.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestartPolicy {
    /// Whether it is restarted.
    pub enabled: bool,
    /// Exit codes after which it is not restarted, at most 50.
    pub ignored_exit_codes: Option<Vec<i32>>,
    /// Seconds that it must have run before it is restarted: 60-1800, absent means 300.
    pub restart_attempt_period: Option<i32>,
}

/// A file of environment variables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvironmentFile {
    /// The ARN of an S3 object whose name ends in `.env`.
    pub value: String,
    /// `s3`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A volume of the task at a path of the container.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MountPoint {
    /// The name of one of the task definition's volumes.
    pub source_volume: Option<String>,
    /// Where it appears.
    pub container_path: Option<String>,
    /// Absent means false.
    pub read_only: Option<bool>,
}

/// Another container whose mounts this one takes over.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeFrom {
    /// The other container's name.
    pub source_container: Option<String>,
    /// Absent means false.
    pub read_only: Option<bool>,
}

/// Linux options of a container.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxParameters {
    /// Capabilities beyond Docker's own set.
    pub capabilities: Option<KernelCapabilities>,
    /// Host devices.
    pub devices: Option<Vec<Device>>,
    /// Whether an init process reaps zombies.
    pub init_process_enabled: Option<bool>,
    /// MiB of /dev/shm.
    pub shared_memory_size: Option<i32>,
    /// tmpfs mounts.
    pub tmpfs: Option<Vec<Tmpfs>>,
    /// MiB of swap.
    pub max_swap: Option<i32>,
    /// 0-100.
    pub swappiness: Option<i32>,
}

/// Capabilities added and dropped.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelCapabilities {
    /// Added.
    pub add: Option<Vec<String>>,
    /// Dropped.
    pub drop: Option<Vec<String>>,
}

/// A host device in a container.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Device {
    /// On the host.
    pub host_path: String,
    /// In the container; absent means the same path.
    pub container_path: Option<String>,
    /// `read`, `write`, `mknod`.
    pub permissions: Option<Vec<String>>,
}

/// A tmpfs mount.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tmpfs {
    /// Where it is mounted.
    pub container_path: String,
    /// MiB.
    pub size: i32,
    /// Mount options such as `ro`, `noexec`.
    pub mount_options: Option<Vec<String>>,
}

/// A variable whose value is fetched when the task starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Secret {
    /// The variable.
    pub name: String,
    /// An SSM parameter's name or ARN, or a Secrets Manager ARN with optional `:json-key:version-stage:version-id`.
    pub value_from: String,
}

crate::words! {
    /// What a container waits for in another one.
    DependencyCondition {
        /// It has started.
        Start = "START",
        /// It has ended, however.
        Complete = "COMPLETE",
        /// It has ended with exit code 0.
        Success = "SUCCESS",
        /// Its health check passed.
        Healthy = "HEALTHY",
    }
}

/// A dependency on another container of the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDependency {
    /// The other container.
    #[serde(default)]
    pub container_name: String,
    /// What it must have reached.
    pub condition: DependencyCondition,
}

/// A line for /etc/hosts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostEntry {
    /// The name.
    pub hostname: String,
    /// Its address.
    pub ip_address: String,
}

/// A resource limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ulimit {
    /// As in setrlimit: `nofile`, `core` and so on.
    pub name: String,
    /// The soft limit.
    pub soft_limit: i32,
    /// The hard limit.
    pub hard_limit: i32,
}

/// Where a container's output goes.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogConfiguration {
    /// `awslogs`, `awsfirelens`, or one of Docker's own.
    pub log_driver: String,
    /// The driver's options.
    pub options: Option<BTreeMap<String, String>>,
    /// Options whose values are secrets.
    pub secret_options: Option<Vec<Secret>>,
}

/// The command that tells whether a container is healthy.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    /// `["CMD", ...]` or `["CMD-SHELL", "line"]`.
    pub command: Vec<String>,
    /// Seconds between checks: 5-300, absent means 30.
    pub interval: Option<i32>,
    /// Seconds that one check may take: 2-60, absent means 5.
    pub timeout: Option<i32>,
    /// Failures before the container is unhealthy: 1-10, absent means 3.
    pub retries: Option<i32>,
    /// Seconds at the start in which failures do not count: 0-300.
    pub start_period: Option<i32>,
}

/// A kernel parameter.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SystemControl {
    /// Such as `net.core.somaxconn`.
    pub namespace: Option<String>,
    /// Its value.
    pub value: Option<String>,
}

/// A GPU count or an accelerator's name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceRequirement {
    /// How many GPUs, or the accelerator's device name.
    pub value: String,
    /// `GPU` or `InferenceAccelerator`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The FireLens log router.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FirelensConfiguration {
    /// `fluentd` or `fluentbit`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `enable-ecs-log-metadata`, `config-file-type`, `config-file-value`.
    pub options: Option<BTreeMap<String, String>>,
}
