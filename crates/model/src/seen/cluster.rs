//! Clusters as ECS shows them.

use serde::Deserialize;

/// A cluster, with as many of its counts as say whether a list of what is in it is whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cluster {
    /// `arn:aws:ecs:REGION:ACCOUNT:cluster/NAME`.
    #[serde(rename = "clusterArn")]
    pub arn: String,
    /// Its name.
    #[serde(rename = "clusterName")]
    pub name: String,
    /// `ACTIVE`, `PROVISIONING`, `DEPROVISIONING`, `FAILED` or `INACTIVE`.
    pub status: String,
    /// Its services that are ACTIVE.
    pub active_services_count: usize,
}
