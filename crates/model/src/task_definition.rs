//! A task definition, whole: what RegisterTaskDefinition takes and what DescribeTaskDefinition gives back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::container_definition::ContainerDefinition;
use crate::network::NetworkMode;
use crate::placement::Attribute;
use crate::tag::{KeyValuePair, Tag};
use crate::time::Timestamp;

/// What a user writes: the part of a task definition that RegisterTaskDefinition takes.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskSpec {
    /// The containers, at least one.
    pub container_definitions: Vec<ContainerDefinition>,
    /// 1-255 letters, digits, `-` and `_`.
    pub family: String,
    /// The role that the containers have.
    pub task_role_arn: Option<String>,
    /// The role with which ECS pulls images, reads secrets and writes logs.
    pub execution_role_arn: Option<String>,
    /// Absent means bridge on EC2.
    pub network_mode: Option<NetworkMode>,
    /// Volumes that containers mount.
    pub volumes: Option<Vec<Volume>>,
    /// Rules for the instances, at most 10.
    pub placement_constraints: Option<Vec<TaskDefinitionPlacementConstraint>>,
    /// `EC2`, `FARGATE`, `EXTERNAL`, `MANAGED_INSTANCES`: what the definition is checked against.
    pub requires_compatibilities: Option<Vec<String>>,
    /// CPU units as a number in a string (`256`); `0.25 vCPU` is turned into it.
    pub cpu: Option<String>,
    /// MiB as a number in a string (`512`); `0.5 GB` is turned into it.
    pub memory: Option<String>,
    /// `host` or `task`.
    pub pid_mode: Option<String>,
    /// `host`, `task` or `none`.
    pub ipc_mode: Option<String>,
    /// The App Mesh proxy.
    pub proxy_configuration: Option<ProxyConfiguration>,
    /// Elastic Inference accelerators.
    pub inference_accelerators: Option<Vec<InferenceAccelerator>>,
    /// Scratch space on Fargate.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Operating system and architecture.
    pub runtime_platform: Option<RuntimePlatform>,
    /// Whether faults may be injected.
    pub enable_fault_injection: Option<bool>,
    /// Tags of the revision: RegisterTaskDefinition takes them here, every answer has them beside the definition.
    pub tags: Option<Vec<Tag>>,
}

/// A registered revision.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDefinition {
    /// `arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION`.
    pub task_definition_arn: String,
    /// What the user wrote, with ECS's defaults filled in.
    #[serde(flatten)]
    pub spec: TaskSpec,
    /// Counts from 1 in each family; never used twice.
    pub revision: u32,
    /// Whether it can be run.
    pub status: TaskDefinitionStatus,
    /// What an instance must be able to do.
    pub requires_attributes: Option<Vec<Attribute>>,
    /// The launch types that it turned out to be valid for.
    pub compatibilities: Vec<String>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// ARN of the caller that registered it.
    pub registered_by: Option<String>,
    /// When it was deregistered.
    pub deregistered_at: Option<Timestamp>,
    /// When its deletion was asked for.
    pub delete_requested_at: Option<Timestamp>,
}

crate::words! {
    /// The state of a revision.
    TaskDefinitionStatus {
        /// Can be run.
        Active = "ACTIVE",
        /// Deregistered: what runs goes on, nothing new starts.
        Inactive = "INACTIVE",
        /// Being deleted.
        DeleteInProgress = "DELETE_IN_PROGRESS",
    }
}

/// A volume of a task; exactly one of the configurations, or none for an empty directory that lives with the task.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Up to 255 letters, digits, `-` and `_`.
    pub name: Option<String>,
    /// A directory of the host.
    pub host: Option<HostVolume>,
    /// A volume of Docker's.
    pub docker_volume_configuration: Option<DockerVolume>,
    /// An EFS file system.
    pub efs_volume_configuration: Option<EfsVolume>,
    /// An S3 Files file system.
    #[serde(rename = "s3filesVolumeConfiguration")]
    pub s3_files_volume_configuration: Option<S3FilesVolume>,
    /// An FSx for Windows file system.
    pub fsx_windows_file_server_volume_configuration: Option<FsxVolume>,
    /// Whether RunTask configures it (EBS).
    pub configured_at_launch: Option<bool>,
}

/// A directory of the host.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostVolume {
    /// Absent: a new empty directory for each task.
    pub source_path: Option<String>,
}

/// A volume of Docker's.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerVolume {
    /// `task` (ends with the task, the default) or `shared`.
    pub scope: Option<String>,
    /// Whether a shared volume is made when it is missing.
    pub autoprovision: Option<bool>,
    /// Absent means `local`.
    pub driver: Option<String>,
    /// The driver's options.
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Labels on the volume.
    pub labels: Option<BTreeMap<String, String>>,
}

/// An EFS file system.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EfsVolume {
    /// `fs-...`.
    pub file_system_id: String,
    /// The directory that appears as the volume's root; absent means `/`.
    pub root_directory: Option<String>,
    /// `ENABLED` or `DISABLED`.
    pub transit_encryption: Option<String>,
    /// The port for it.
    pub transit_encryption_port: Option<i32>,
    /// Access point and IAM.
    pub authorization_config: Option<EfsAuthorization>,
}

/// Access point and IAM of an EFS volume.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EfsAuthorization {
    /// `fsap-...`; fixes the root directory.
    pub access_point_id: Option<String>,
    /// `ENABLED` or `DISABLED`.
    pub iam: Option<String>,
}

/// An S3 Files file system.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct S3FilesVolume {
    /// Its ARN.
    pub file_system_arn: String,
    /// The directory that appears as the volume's root.
    pub root_directory: Option<String>,
    /// The port for encryption in transit.
    pub transit_encryption_port: Option<i32>,
    /// ARN of the access point.
    pub access_point_arn: Option<String>,
}

/// An FSx for Windows file system.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FsxVolume {
    /// `fs-...`.
    pub file_system_id: String,
    /// The directory that appears as the volume's root.
    pub root_directory: String,
    /// Credentials and domain.
    pub authorization_config: Option<FsxAuthorization>,
}

/// Credentials and domain of an FSx volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FsxAuthorization {
    /// ARN of the secret or parameter.
    pub credentials_parameter: String,
    /// The directory's domain.
    pub domain: String,
}

/// A placement rule in a task definition; its type is always `memberOf`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskDefinitionPlacementConstraint {
    /// `memberOf`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// In the cluster query language.
    pub expression: Option<String>,
}

/// The App Mesh proxy.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyConfiguration {
    /// `APPMESH`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The container that is the proxy.
    pub container_name: String,
    /// Its settings.
    pub properties: Option<Vec<KeyValuePair>>,
}

/// An Elastic Inference accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InferenceAccelerator {
    /// Its name in the task definition.
    pub device_name: String,
    /// Its type.
    pub device_type: String,
}

/// Scratch space on Fargate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EphemeralStorage {
    /// 21-200.
    #[serde(rename = "sizeInGiB")]
    pub size_in_gib: i32,
}

/// Operating system and architecture.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimePlatform {
    /// `X86_64` or `ARM64`.
    pub cpu_architecture: Option<String>,
    /// `LINUX` or one of the Windows versions.
    pub operating_system_family: Option<String>,
}
