//! How a task reaches the network, and what capacity it asks for.

use serde::{Deserialize, Serialize};

crate::words! {
    /// A task definition's network mode. Absent means `bridge` on EC2.
    NetworkMode {
        /// Docker's own network, with host ports mapped to container ports.
        Bridge = "bridge",
        /// The instance's own network.
        Host = "host",
        /// A network interface of the task's own; the only mode on Fargate.
        Awsvpc = "awsvpc",
        /// No network.
        None = "none",
    }
}

crate::words! {
    /// Where a task runs.
    LaunchType {
        /// On container instances of the cluster.
        Ec2 = "EC2",
        /// On capacity that AWS (here: the engine's own pool) provides.
        Fargate = "FARGATE",
        /// On servers outside AWS that were registered with the cluster.
        External = "EXTERNAL",
        /// On instances that ECS itself starts and ends.
        ManagedInstances = "MANAGED_INSTANCES",
    }
}

crate::words! {
    /// A transport protocol of a port mapping.
    TransportProtocol {
        /// TCP, the default.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

/// The network of a task with [`NetworkMode::Awsvpc`].
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkConfiguration {
    /// Subnets, security groups and public address.
    pub awsvpc_configuration: Option<AwsVpcConfiguration>,
}

/// Subnets, security groups and public address of a task's network interface.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AwsVpcConfiguration {
    /// 1-16 subnet ids.
    pub subnets: Vec<String>,
    /// At most 5 ids; absent means the VPC's default group.
    pub security_groups: Option<Vec<String>>,
    /// `ENABLED` or `DISABLED`.
    pub assign_public_ip: Option<String>,
}

/// A share of tasks for a capacity provider; at most 20 in one strategy.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapacityProviderStrategyItem {
    /// `FARGATE`, `FARGATE_SPOT` or the name of one of the cluster's providers.
    #[serde(default)]
    pub capacity_provider: String,
    /// Relative share of the tasks beyond the base, 0-1000.
    pub weight: Option<i32>,
    /// How many tasks at least, 0-100000; only one item may have it.
    pub base: Option<i32>,
}
