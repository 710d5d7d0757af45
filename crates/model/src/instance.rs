//! A container instance, as DescribeContainerInstances gives it.

use serde::{Deserialize, Serialize};

use crate::placement::Attribute;
use crate::tag::Tag;
use crate::task::Attachment;
use crate::time::Timestamp;

crate::words! {
    /// The state of a container instance.
    InstanceStatus {
        /// Being registered.
        Registering = "REGISTERING",
        /// Registration failed.
        RegistrationFailed = "REGISTRATION_FAILED",
        /// Takes tasks.
        Active = "ACTIVE",
        /// Gone.
        Inactive = "INACTIVE",
        /// Being deregistered.
        Deregistering = "DEREGISTERING",
        /// Keeps its tasks but takes no new ones.
        Draining = "DRAINING",
    }
}

/// A container instance.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerInstance {
    /// `arn:aws:ecs:REGION:ACCOUNT:container-instance/CLUSTER/ID`.
    pub container_instance_arn: String,
    /// `i-...`.
    pub ec2_instance_id: Option<String>,
    /// The provider whose instance it is.
    pub capacity_provider_name: Option<String>,
    /// Grows with each change.
    pub version: i64,
    /// The agent's and Docker's versions.
    pub version_info: VersionInfo,
    /// What is left for tasks.
    pub remaining_resources: Vec<Resource>,
    /// What it registered with.
    pub registered_resources: Vec<Resource>,
    /// Whether it takes tasks.
    pub status: InstanceStatus,
    /// Why it is in that state.
    pub status_reason: Option<String>,
    /// Whether its agent answers.
    pub agent_connected: bool,
    /// Tasks in RUNNING.
    pub running_tasks_count: i32,
    /// Tasks that are not yet RUNNING.
    pub pending_tasks_count: i32,
    /// What it is and can do.
    pub attributes: Vec<Attribute>,
    /// When it joined.
    pub registered_at: Timestamp,
    /// Network interfaces.
    pub attachments: Vec<Attachment>,
    /// Tags; given only when asked for.
    pub tags: Vec<Tag>,
}

/// The agent's and Docker's versions.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionInfo {
    /// The agent's version.
    pub agent_version: Option<String>,
    /// The agent's commit.
    pub agent_hash: Option<String>,
    /// Docker's version.
    pub docker_version: Option<String>,
}

/// An amount of something: `CPU` and `MEMORY` (INTEGER), `PORTS` and `PORTS_UDP` (STRINGSET, those in use).
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct Resource {
    /// What.
    pub name: String,
    /// `INTEGER`, `DOUBLE`, `LONG` or `STRINGSET`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For DOUBLE; else 0.
    pub double_value: f64,
    /// For LONG; else 0.
    pub long_value: i64,
    /// For INTEGER; else 0.
    pub integer_value: i32,
    /// For STRINGSET.
    pub string_set_value: Option<Vec<String>>,
}

impl Eq for Resource {}

impl Resource {
    /// An INTEGER resource.
    pub fn integer(name: &str, value: i32) -> Self {
        Self { name: name.into(), kind: "INTEGER".into(), integer_value: value, ..Self::default() }
    }

    /// A STRINGSET resource.
    pub fn set(name: &str, values: Vec<String>) -> Self {
        Self {
            name: name.into(),
            kind: "STRINGSET".into(),
            string_set_value: Some(values),
            ..Self::default()
        }
    }
}
