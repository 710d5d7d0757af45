//! What was seen of a service: DescribeServices' own document, and the members of it that we reason about.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration};
use crate::placement::{PlacementConstraint, PlacementStrategy};

/// A service.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// `arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME`.
    #[serde(rename = "serviceArn")]
    pub arn: String,
    /// Its name, unique in its cluster.
    #[serde(rename = "serviceName")]
    pub name: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// The revision that it runs.
    pub task_definition: String,
    /// How many tasks are wanted.
    pub desired_count: i64,
    /// How many are RUNNING.
    pub running_count: i64,
    /// How many are on their way there.
    pub pending_count: i64,
    /// Its launch type, when it has no strategy.
    pub launch_type: Option<LaunchType>,
    /// Its capacity provider strategy.
    pub capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// Its subnets and security groups.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Fargate's platform version.
    pub platform_version: Option<String>,
    /// Its placement constraints.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Its placement strategy.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// The newest first.
    pub deployments: Vec<Deployment>,
    /// The newest first, at most 100.
    pub events: Vec<ServiceEvent>,
    /// What DescribeServices answered, with members that this version does not know.
    #[serde(skip)]
    pub document: Map<String, Value>,
}

/// A deployment of a service, as DescribeServices shows it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// `ecs-svc/` and a number.
    pub id: String,
    /// `PRIMARY` (the newest), `ACTIVE` (being replaced) or `INACTIVE`.
    pub status: String,
    /// The exact revision.
    pub task_definition: String,
    /// How many tasks are wanted of it.
    pub desired_count: i64,
    /// How many are on their way to RUNNING.
    pub pending_count: i64,
    /// How many are RUNNING.
    pub running_count: i64,
    /// How many failed to start.
    pub failed_tasks: i64,
    /// When it began.
    pub created_at: Option<Timestamp>,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`; absent with controllers other than ECS's.
    pub rollout_state: Option<String>,
    /// ECS's words for it.
    pub rollout_state_reason: Option<String>,
}

/// What ECS says has happened to a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEvent {
    /// Unique.
    pub id: String,
    /// When.
    pub created_at: Option<Timestamp>,
    /// One sentence.
    pub message: String,
}

/// A deployment in a service's history, as ListServiceDeployments shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PastDeployment {
    /// Its ARN.
    #[serde(rename = "serviceDeploymentArn")]
    pub arn: String,
    /// `SUCCESSFUL`, `ROLLBACK_SUCCESSFUL`, `IN_PROGRESS` and so on.
    pub status: String,
    /// ECS's words for it.
    pub status_reason: Option<String>,
    /// What it deployed.
    #[serde(rename = "targetServiceRevisionArn")]
    pub revision_arn: Option<String>,
    /// When it began.
    pub created_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

impl Service {
    /// Reads one of the services in DescribeServices' answer.
    ///
    /// # Errors
    ///
    /// When a member has another type than ECS gives it.
    pub fn read(document: Value) -> Result<Self, serde_json::Error> {
        let mut service = Self::deserialize(&document)?;
        if let Value::Object(document) = document {
            service.document = document;
        }
        Ok(service)
    }

    /// The deployment that ECS works towards.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }

    /// Whether it is a service of this cluster, by ARN.
    #[must_use]
    pub fn is_in(&self, cluster_arn: &str) -> bool {
        self.document.get("clusterArn").and_then(Value::as_str) == Some(cluster_arn)
    }

    /// The value of a tag, where tags were asked for.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        let tags = self.document.get("tags")?.as_array()?;
        tags.iter().find(|tag| tag["key"] == key)?["value"].as_str()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_keeps_what_it_does_not_know() {
        let document = json!({"serviceName": "web", "status": "ACTIVE", "memberOfTomorrow": 1, "desiredCount": 2,
            "tags": [{"key": "team", "value": "a"}], "events": [{"id": "1", "createdAt": 1.5, "message": "x"}],
            "deployments": [{"id": "ecs-svc/1", "status": "ACTIVE"}, {"id": "ecs-svc/2", "status": "PRIMARY"}]});
        let service = Service::read(document).unwrap();
        assert_eq!((service.name.as_str(), service.desired_count), ("web", 2));
        assert_eq!(service.document["memberOfTomorrow"], 1);
        assert_eq!(service.primary().unwrap().id, "ecs-svc/2");
        assert_eq!((service.tag("team"), service.tag("x")), (Some("a"), None));
        assert!(Service::read(json!({"desiredCount": "two"})).is_err());
    }
}
