//! A service as CreateService takes it: what a user writes in a file, read to find slips. ECS is sent the user's own
//! JSON, so the deeper members that are rarely written are not spelled out.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>

use serde::Deserialize;
use serde_json::Value;

use crate::container_definition::LogConfiguration;
use crate::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration};
use crate::placement::{PlacementConstraint, PlacementStrategy};
use crate::tag::Tag;

/// The input of CreateService.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateService {
    /// Name or ARN; absent means `default`.
    pub cluster: Option<String>,
    /// Unique in the cluster; 1-255 letters, digits, `-` and `_`.
    pub service_name: Option<String>,
    /// Family, `family:revision` or ARN; absent only when another controller deploys.
    pub task_definition: Option<String>,
    /// How many tasks; absent for `DAEMON`.
    pub desired_count: Option<i32>,
    /// `REPLICA` (the default) or `DAEMON`.
    pub scheduling_strategy: Option<String>,
    /// Where the tasks run; excludes a strategy.
    pub launch_type: Option<LaunchType>,
    /// Which capacity they run on; excludes a launch type.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    /// Fargate's, such as `1.4.0` or `LATEST`.
    pub platform_version: Option<String>,
    /// For networkMode awsvpc.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Rules for the instances, at most 10.
    pub placement_constraints: Option<Vec<PlacementConstraint>>,
    /// Preferences among the instances, at most 5.
    pub placement_strategy: Option<Vec<PlacementStrategy>>,
    /// Whether tasks are spread anew when the zones are uneven: `ENABLED` or `DISABLED`.
    pub availability_zone_rebalancing: Option<String>,
    /// Where traffic comes from.
    pub load_balancers: Option<Vec<ServiceLoadBalancer>>,
    /// The classic load balancer's role, for services without the service-linked one.
    pub role: Option<String>,
    /// Seconds in which a new task's failing health checks do not count.
    pub health_check_grace_period_seconds: Option<i32>,
    /// Entries in Cloud Map.
    pub service_registries: Option<Vec<ServiceRegistry>>,
    /// How a new revision replaces the old one.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Who deploys: `ECS` (the default), `CODE_DEPLOY` or `EXTERNAL`.
    pub deployment_controller: Option<DeploymentController>,
    /// Service Connect.
    pub service_connect_configuration: Option<ServiceConnect>,
    /// EBS volumes that each task gets.
    pub volume_configurations: Option<Vec<ServiceVolume>>,
    /// Target groups of VPC Lattice.
    pub vpc_lattice_configurations: Option<Vec<VpcLattice>>,
    /// Ports that gateways reach.
    pub gateway_connectors: Option<Vec<Value>>,
    /// Metrics in finer steps.
    pub monitoring: Option<Value>,
    /// At most 50.
    pub tags: Option<Vec<Tag>>,
    /// Whether tasks are tagged with the names of their cluster and service.
    #[serde(rename = "enableECSManagedTags")]
    pub enable_ecs_managed_tags: Option<bool>,
    /// Whose tags a task gets: `TASK_DEFINITION`, `SERVICE` or `NONE`.
    pub propagate_tags: Option<String>,
    /// Whether ExecuteCommand may be used.
    pub enable_execute_command: Option<bool>,
    /// The same token makes the same service once.
    pub client_token: Option<String>,
}

/// A target group or classic load balancer that sends traffic to a container.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceLoadBalancer {
    /// The target group; excludes a name.
    pub target_group_arn: Option<String>,
    /// The classic load balancer.
    pub load_balancer_name: Option<String>,
    /// The container that answers.
    pub container_name: Option<String>,
    /// The port that it answers on.
    pub container_port: Option<i32>,
    /// The second target group of a blue/green deployment.
    pub advanced_configuration: Option<AdvancedConfiguration>,
}

/// The second target group of a blue/green deployment, and the rules that choose between the two.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AdvancedConfiguration {
    /// The second target group.
    pub alternate_target_group_arn: Option<String>,
    /// The rule for everybody's traffic.
    pub production_listener_rule: Option<String>,
    /// The rule for traffic that tests the new revision.
    pub test_listener_rule: Option<String>,
    /// The role that may change the rules.
    pub role_arn: Option<String>,
}

/// An entry in Cloud Map.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceRegistry {
    /// Cloud Map's service.
    pub registry_arn: Option<String>,
    /// For SRV records.
    pub port: Option<i32>,
    /// The container in the entry.
    pub container_name: Option<String>,
    /// Its port.
    pub container_port: Option<i32>,
}

/// How a new revision replaces the old one.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentConfiguration {
    /// Percent of the desired count that may run at once; absent means 200 (100 for a daemon).
    pub maximum_percent: Option<i32>,
    /// Percent of the desired count that must stay healthy; absent means 100 (0 for a daemon).
    pub minimum_healthy_percent: Option<i32>,
    /// Whether a deployment whose tasks fail is given up.
    pub deployment_circuit_breaker: Option<CircuitBreaker>,
    /// Alarms that give a deployment up.
    pub alarms: Option<DeploymentAlarms>,
    /// `ROLLING` (the default), `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: Option<String>,
    /// Minutes for which the old revision is kept beside the new one.
    pub bake_time_in_minutes: Option<i32>,
    /// Functions that are asked between the steps.
    pub lifecycle_hooks: Option<Vec<Value>>,
    /// The steps of `LINEAR`.
    pub linear_configuration: Option<Value>,
    /// The steps of `CANARY`.
    pub canary_configuration: Option<Value>,
    /// When a deployment counts as done before all of its tasks are healthy.
    pub early_success_criteria: Option<Value>,
}

/// Whether a deployment whose tasks fail is given up.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CircuitBreaker {
    /// Whether it is.
    pub enable: bool,
    /// Whether the last good revision comes back then.
    pub rollback: bool,
    /// Whether a healthy task sets the count of failures back.
    pub reset_on_healthy_task: Option<bool>,
    /// How many failures are too many.
    pub threshold_configuration: Option<Value>,
}

/// Alarms that give a deployment up.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentAlarms {
    /// Names of CloudWatch alarms.
    pub alarm_names: Vec<String>,
    /// Whether they are looked at.
    pub enable: bool,
    /// Whether the last good revision comes back then.
    pub rollback: bool,
}

/// Who deploys.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct DeploymentController {
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// Service Connect.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceConnect {
    /// Whether it is used.
    pub enabled: bool,
    /// Cloud Map's namespace.
    pub namespace: Option<String>,
    /// What others reach by name.
    pub services: Option<Vec<ServiceConnectService>>,
    /// Where the proxy logs.
    pub log_configuration: Option<LogConfiguration>,
    /// How the proxy logs requests.
    pub access_log_configuration: Option<Value>,
    /// How the proxy's container runs.
    pub container_configurations: Option<Value>,
}

/// What others reach by name.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceConnectService {
    /// The name of a port mapping.
    pub port_name: Option<String>,
    /// Its name in Cloud Map.
    pub discovery_name: Option<String>,
    /// Names and ports for clients.
    pub client_aliases: Option<Vec<Value>>,
    /// The proxy's port.
    pub ingress_port_override: Option<i32>,
    /// How long requests may take.
    pub timeout: Option<Value>,
    /// Certificates.
    pub tls: Option<Value>,
}

/// A volume that each task gets.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceVolume {
    /// The task definition's volume that is configured at launch.
    pub name: Option<String>,
    /// An EBS volume.
    #[serde(rename = "managedEBSVolume")]
    pub managed_ebs_volume: Option<Value>,
}

/// A target group of VPC Lattice.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VpcLattice {
    /// The role with which targets are registered.
    pub role_arn: Option<String>,
    /// The target group.
    pub target_group_arn: Option<String>,
    /// The name of a port mapping.
    pub port_name: Option<String>,
    /// The second target group of a blue/green deployment.
    pub advanced_configuration: Option<AdvancedConfiguration>,
}
