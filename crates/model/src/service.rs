//! Services, their deployments and their revisions, as DescribeServices and its neighbours give them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration};
use crate::placement::{PlacementConstraint, PlacementStrategy};
use crate::tag::Tag;
use crate::time::Timestamp;

crate::words! {
    /// Where a service is in its life.
    ServiceStatus {
        /// It keeps its tasks.
        Active = "ACTIVE",
        /// It was deleted, and its last tasks leave.
        Draining = "DRAINING",
        /// It is over.
        Inactive = "INACTIVE",
    }
}

crate::words! {
    /// How many tasks a service has, and where.
    SchedulingStrategy {
        /// As many as it desires.
        Replica = "REPLICA",
        /// One on each container instance.
        Daemon = "DAEMON",
    }
}

crate::words! {
    /// Which tags the tasks of a service get.
    PropagateTags {
        /// Those of the task definition.
        TaskDefinition = "TASK_DEFINITION",
        /// Those of the service.
        Service = "SERVICE",
        /// None.
        None = "NONE",
    }
}

crate::words! {
    /// How far a deployment is, in `deployments[].rolloutState`.
    RolloutState {
        /// The service reached its steady state with it.
        Completed = "COMPLETED",
        /// It will not: nothing is started for it any more.
        Failed = "FAILED",
        /// On the way.
        InProgress = "IN_PROGRESS",
    }
}

crate::words! {
    /// How far a service deployment is, in the API of that name.
    ServiceDeploymentStatus {
        /// Not begun.
        Pending = "PENDING",
        /// Done.
        Successful = "SUCCESSFUL",
        /// Ended before it was done, with nothing put back.
        Stopped = "STOPPED",
        /// Somebody asked to stop it.
        StopRequested = "STOP_REQUESTED",
        /// On the way.
        InProgress = "IN_PROGRESS",
        /// Somebody, or the circuit breaker, asked to put back what ran before.
        RollbackRequested = "ROLLBACK_REQUESTED",
        /// What ran before comes back.
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        /// What ran before runs again.
        RollbackSuccessful = "ROLLBACK_SUCCESSFUL",
        /// It does not.
        RollbackFailed = "ROLLBACK_FAILED",
    }
}

crate::words! {
    /// From what a circuit breaker's threshold is made.
    ThresholdType {
        /// The value itself.
        Count = "COUNT",
        /// A percentage of the desired count, from 3 to 200.
        BoundedPercent = "BOUNDED_PERCENT",
        /// A percentage of the desired count.
        UnboundedPercent = "UNBOUNDED_PERCENT",
    }
}

/// How tasks are replaced.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentConfiguration {
    /// Ends a deployment whose tasks fail.
    pub deployment_circuit_breaker: Option<DeploymentCircuitBreaker>,
    /// How many tasks at most, in percent of the desired count, rounded down.
    pub maximum_percent: Option<i32>,
    /// How many healthy tasks at least, in percent of the desired count, rounded up.
    pub minimum_healthy_percent: Option<i32>,
    /// CloudWatch alarms.
    pub alarms: Option<Value>,
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: Option<String>,
    /// Minutes for which both revisions run.
    pub bake_time_in_minutes: Option<i32>,
    /// Functions to call.
    pub lifecycle_hooks: Option<Value>,
    /// For `LINEAR`.
    pub linear_configuration: Option<Value>,
    /// For `CANARY`.
    pub canary_configuration: Option<Value>,
    /// When to call it done early.
    pub early_success_criteria: Option<Value>,
}

/// Ends a deployment whose tasks fail.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentCircuitBreaker {
    /// Whether it is on.
    pub enable: bool,
    /// Whether what ran before comes back.
    pub rollback: bool,
    /// Whether a healthy task sets the count of failures to 0; absent means yes.
    pub reset_on_healthy_task: Option<bool>,
    /// After how many failures; absent means half of the desired count, from 3 to 200.
    pub threshold_configuration: Option<ThresholdConfiguration>,
}

/// After how many failures a circuit breaker ends a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdConfiguration {
    /// What the value counts.
    #[serde(rename = "type")]
    pub kind: ThresholdType,
    /// A number of failures or a percentage.
    pub value: i32,
}

/// A target group with the container and port that serve it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// The target group.
    pub target_group_arn: Option<String>,
    /// A Classic Load Balancer.
    pub load_balancer_name: Option<String>,
    /// The container.
    pub container_name: Option<String>,
    /// Its port.
    pub container_port: Option<i32>,
    /// For deployments that are not rolling.
    pub advanced_configuration: Option<Value>,
}

/// What a service revision fixes: with what, where and behind what the tasks of a deployment run.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// The exact revision of the task definition.
    pub task_definition: String,
    /// Absent with a strategy.
    pub launch_type: Option<LaunchType>,
    /// Absent with a launch type.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    /// Fargate's.
    pub platform_version: Option<String>,
    /// Fargate's.
    pub platform_family: Option<String>,
    /// Subnets and security groups.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Target groups.
    pub load_balancers: Vec<LoadBalancer>,
    /// Service discovery.
    pub service_registries: Vec<Value>,
    /// Service Connect.
    pub service_connect_configuration: Option<Value>,
    /// EBS volumes.
    pub volume_configurations: Option<Vec<Value>>,
    /// VPC Lattice.
    pub vpc_lattice_configurations: Option<Vec<Value>>,
    /// Gateway connectors.
    pub gateway_connectors: Option<Vec<Value>>,
    /// Resolution of metrics.
    pub monitoring: Option<Value>,
}

/// A service.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of ECS's Service, word for word")]
pub struct Service {
    pub service_arn: String,
    pub service_name: String,
    pub cluster_arn: String,
    pub load_balancers: Vec<LoadBalancer>,
    pub service_registries: Vec<Value>,
    pub status: ServiceStatus,
    pub desired_count: i32,
    pub running_count: i32,
    pub pending_count: i32,
    pub launch_type: Option<LaunchType>,
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    pub platform_version: Option<String>,
    pub platform_family: Option<String>,
    pub task_definition: String,
    pub deployment_configuration: DeploymentConfiguration,
    pub deployments: Vec<Deployment>,
    pub role_arn: Option<String>,
    pub events: Vec<ServiceEvent>,
    pub created_at: Timestamp,
    pub current_service_deployment: Option<String>,
    pub current_service_revisions: Vec<RevisionSummary>,
    pub placement_constraints: Vec<PlacementConstraint>,
    pub placement_strategy: Vec<PlacementStrategy>,
    pub network_configuration: Option<NetworkConfiguration>,
    pub health_check_grace_period_seconds: Option<i32>,
    pub scheduling_strategy: SchedulingStrategy,
    pub deployment_controller: Value,
    /// Given only when asked for, and in the answers of what changes the service.
    pub tags: Option<Vec<Tag>>,
    pub created_by: Option<String>,
    #[serde(rename = "enableECSManagedTags")]
    pub enable_ecs_managed_tags: bool,
    pub propagate_tags: PropagateTags,
    pub enable_execute_command: bool,
    pub availability_zone_rebalancing: String,
    pub resource_management_type: String,
}

/// One entry of `deployments[]` of a service.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of ECS's Deployment, word for word")]
pub struct Deployment {
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    pub task_definition: String,
    pub desired_count: i32,
    pub pending_count: i32,
    pub running_count: i32,
    pub failed_tasks: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    pub launch_type: Option<LaunchType>,
    pub platform_version: Option<String>,
    pub platform_family: Option<String>,
    pub network_configuration: Option<NetworkConfiguration>,
    pub rollout_state: RolloutState,
    pub rollout_state_reason: String,
    pub service_connect_configuration: Option<Value>,
    pub volume_configurations: Option<Vec<Value>>,
    pub vpc_lattice_configurations: Option<Vec<Value>>,
}

/// What happened to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceEvent {
    /// A UUID.
    pub id: String,
    /// When.
    pub created_at: Timestamp,
    /// ECS's sentence.
    pub message: String,
}

/// How many tasks of a revision there are.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionSummary {
    /// `arn:aws:ecs:REGION:ACCOUNT:service-revision/CLUSTER/SERVICE/NUMBER`.
    pub arn: String,
    /// How many are wanted.
    pub requested_task_count: i32,
    /// How many are RUNNING.
    pub running_task_count: i32,
    /// How many are on the way there.
    pub pending_task_count: i32,
}

/// A revision of a service: it never changes.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of ECS's ServiceRevision, word for word")]
pub struct ServiceRevision {
    pub service_revision_arn: String,
    pub service_arn: String,
    pub cluster_arn: String,
    #[serde(flatten)]
    pub workload: Workload,
    pub container_images: Vec<ContainerImage>,
    pub guard_duty_enabled: bool,
    pub created_at: Timestamp,
}

/// The image of one container of a revision.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerImage {
    /// The container.
    pub container_name: String,
    /// `sha256:...`, where a task of the revision has told.
    pub image_digest: Option<String>,
    /// As the task definition has it.
    pub image: String,
}

/// A service deployment.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of ECS's ServiceDeployment, word for word")]
pub struct ServiceDeployment {
    pub service_deployment_arn: String,
    pub service_arn: String,
    pub cluster_arn: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    pub source_service_revisions: Vec<RevisionSummary>,
    pub target_service_revision: RevisionSummary,
    pub status: ServiceDeploymentStatus,
    pub status_reason: Option<String>,
    pub deployment_configuration: DeploymentConfiguration,
    pub rollback: Option<Rollback>,
    pub deployment_circuit_breaker: CircuitBreakerReading,
    pub alarms: Value,
}

/// How a deployment was put back.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// Why.
    pub reason: String,
    /// When that began.
    pub started_at: Timestamp,
    /// To what.
    pub service_revision_arn: String,
}

/// What a circuit breaker shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreakerReading {
    /// `TRIGGERED`, `MONITORING`, `MONITORING_COMPLETE` or `DISABLED`.
    pub status: String,
    /// Failed tasks so far.
    pub failure_count: i32,
    /// How many it takes.
    pub threshold: i32,
}

/// A service deployment, as ListServiceDeployments gives it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of ECS's ServiceDeploymentBrief, word for word")]
pub struct ServiceDeploymentBrief {
    pub service_deployment_arn: String,
    pub service_arn: String,
    pub cluster_arn: String,
    pub started_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub target_service_revision_arn: String,
    pub status: ServiceDeploymentStatus,
    pub status_reason: Option<String>,
}
