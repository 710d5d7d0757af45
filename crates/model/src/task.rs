//! A task and its containers, as DescribeTasks gives them.

use serde::{Deserialize, Serialize};

use crate::container_definition::{EnvironmentFile, ResourceRequirement};
use crate::network::{LaunchType, TransportProtocol};
use crate::placement::Attribute;
use crate::tag::{KeyValuePair, Tag};
use crate::task_definition::{EphemeralStorage, InferenceAccelerator};
use crate::time::Timestamp;

crate::words! {
    /// Where a task (or, with fewer of them, a container) is in its life. A task only ever moves down this list.
    LastStatus {
        /// Capacity or a network interface is being made ready.
        Provisioning = "PROVISIONING",
        /// Placed; images and containers are being made ready.
        Pending = "PENDING",
        /// Started, but not yet known as running.
        Activating = "ACTIVATING",
        /// Running.
        Running = "RUNNING",
        /// Taken out of load balancers and registries.
        Deactivating = "DEACTIVATING",
        /// The stop signal was sent, or is about to be.
        Stopping = "STOPPING",
        /// Network interfaces are being given back.
        Deprovisioning = "DEPROVISIONING",
        /// Over.
        Stopped = "STOPPED",
    }
}

crate::words! {
    /// What ECS wants of a task.
    DesiredStatus {
        /// To run.
        Running = "RUNNING",
        /// To be over.
        Stopped = "STOPPED",
    }
}

crate::words! {
    /// Why a task was stopped, in one word.
    StopCode {
        /// It never ran: image, secret, network, capacity.
        TaskFailedToStart = "TaskFailedToStart",
        /// An essential container ended.
        EssentialContainerExited = "EssentialContainerExited",
        /// StopTask was called.
        UserInitiated = "UserInitiated",
        /// Its service wanted it gone.
        ServiceSchedulerInitiated = "ServiceSchedulerInitiated",
        /// Spot capacity was taken back.
        SpotInterruption = "SpotInterruption",
        /// Its host goes away.
        TerminationNotice = "TerminationNotice",
    }
}

crate::words! {
    /// What the health checks say.
    HealthStatus {
        /// Passing.
        Healthy = "HEALTHY",
        /// Failed too often.
        Unhealthy = "UNHEALTHY",
        /// No check, or no result yet.
        Unknown = "UNKNOWN",
    }
}

/// A task.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Network interfaces and volumes.
    pub attachments: Vec<Attachment>,
    /// Attributes such as `ecs.cpu-architecture`.
    pub attributes: Vec<Attribute>,
    /// Where it was placed.
    pub availability_zone: Option<String>,
    /// The provider whose share it is.
    pub capacity_provider_name: Option<String>,
    /// Its cluster.
    pub cluster_arn: String,
    /// `CONNECTED` once the agent (or Fargate) has it.
    pub connectivity: Option<String>,
    /// Since when.
    pub connectivity_at: Option<Timestamp>,
    /// The instance it runs on; none on Fargate.
    pub container_instance_arn: Option<String>,
    /// Its containers, in the task definition's order.
    pub containers: Vec<Container>,
    /// CPU units as a number in a string.
    pub cpu: Option<String>,
    /// When RunTask took it.
    pub created_at: Timestamp,
    /// What ECS wants of it.
    pub desired_status: DesiredStatus,
    /// Whether ECS Exec is on.
    pub enable_execute_command: bool,
    /// When its containers had stopped running.
    pub execution_stopped_at: Option<Timestamp>,
    /// `family:NAME`, `service:NAME` or the caller's own.
    pub group: Option<String>,
    /// All its essential containers' health, in one word.
    pub health_status: HealthStatus,
    /// Accelerators.
    pub inference_accelerators: Option<Vec<InferenceAccelerator>>,
    /// Where it is in its life.
    pub last_status: LastStatus,
    /// On what it runs.
    pub launch_type: Option<LaunchType>,
    /// MiB as a number in a string.
    pub memory: Option<String>,
    /// What the caller changed.
    pub overrides: TaskOverride,
    /// Fargate's platform version.
    pub platform_version: Option<String>,
    /// Fargate's platform family.
    pub platform_family: Option<String>,
    /// When the first image pull began.
    pub pull_started_at: Option<Timestamp>,
    /// When the last image pull ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// When it became RUNNING.
    pub started_at: Option<Timestamp>,
    /// Who started it, in the caller's words; at most 128 characters.
    pub started_by: Option<String>,
    /// Why it was stopped, in one word.
    pub stop_code: Option<StopCode>,
    /// When it became STOPPED.
    pub stopped_at: Option<Timestamp>,
    /// Why it was stopped, in a sentence.
    pub stopped_reason: Option<String>,
    /// When it began to stop.
    pub stopping_at: Option<Timestamp>,
    /// Tags; DescribeTasks gives them only when asked to.
    pub tags: Vec<Tag>,
    /// `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
    pub task_arn: String,
    /// The exact revision that it runs.
    pub task_definition_arn: String,
    /// Grows with each change of the task.
    pub version: i64,
    /// Scratch space on Fargate.
    pub ephemeral_storage: Option<EphemeralStorage>,
}

/// A network interface or volume of a task.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// A UUID.
    pub id: String,
    /// `ElasticNetworkInterface` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// `PRECREATED`, `CREATED`, `ATTACHING`, `ATTACHED`, `DETACHING`, `DETACHED`, `DELETED`.
    pub status: String,
    /// Such as `privateIPv4Address`.
    pub details: Vec<KeyValuePair>,
}

/// A container of a task.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// `arn:aws:ecs:REGION:ACCOUNT:container/CLUSTER/TASK/UUID`.
    pub container_arn: String,
    /// Its task.
    pub task_arn: String,
    /// Its name in the task definition.
    pub name: String,
    /// The image as written there.
    pub image: String,
    /// `sha256:...` of what was pulled.
    pub image_digest: Option<String>,
    /// Docker's id, or the process runtime's own.
    pub runtime_id: Option<String>,
    /// PENDING, RUNNING or STOPPED.
    pub last_status: LastStatus,
    /// The exit code; absent when it never ran, or nobody saw it end.
    pub exit_code: Option<i32>,
    /// What went wrong, beyond the exit code.
    pub reason: Option<String>,
    /// Published ports.
    pub network_bindings: Vec<NetworkBinding>,
    /// Its addresses with awsvpc.
    pub network_interfaces: Vec<NetworkInterface>,
    /// What its health check says.
    pub health_status: HealthStatus,
    /// CPU units as a number in a string.
    pub cpu: String,
    /// Hard limit, MiB as a number in a string.
    pub memory: Option<String>,
    /// Soft limit, MiB as a number in a string.
    pub memory_reservation: Option<String>,
}

/// A published port.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkBinding {
    /// The host address it is published on.
    #[serde(rename = "bindIP")]
    pub bind_ip: String,
    /// In the container.
    pub container_port: Option<i32>,
    /// On the host.
    pub host_port: Option<i32>,
    /// tcp or udp.
    pub protocol: TransportProtocol,
}

/// A container's address with awsvpc.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterface {
    /// The task's attachment.
    pub attachment_id: String,
    /// The address.
    pub private_ipv4_address: Option<String>,
}

/// What a caller of RunTask changes in the task definition; at most 8192 characters as JSON.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskOverride {
    /// For containers, by name.
    pub container_overrides: Vec<ContainerOverride>,
    /// CPU units of the task.
    pub cpu: Option<String>,
    /// Accelerators of the task.
    pub inference_accelerator_overrides: Vec<InferenceAccelerator>,
    /// Another execution role.
    pub execution_role_arn: Option<String>,
    /// MiB of the task.
    pub memory: Option<String>,
    /// Another task role.
    pub task_role_arn: Option<String>,
    /// Scratch space on Fargate.
    pub ephemeral_storage: Option<EphemeralStorage>,
}

/// What a caller of RunTask changes in one container.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerOverride {
    /// The container.
    pub name: Option<String>,
    /// Replaces its command.
    pub command: Option<Vec<String>>,
    /// Added to its environment, replacing variables of the same name.
    pub environment: Option<Vec<KeyValuePair>>,
    /// Replaces its environment files.
    pub environment_files: Option<Vec<EnvironmentFile>>,
    /// CPU units.
    pub cpu: Option<i32>,
    /// Hard limit in MiB.
    pub memory: Option<i32>,
    /// Soft limit in MiB.
    pub memory_reservation: Option<i32>,
    /// GPUs.
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
}
