//! From what the user chose, and the service that the task is to be like, to the input of RunTask.

use longshore_model::call::{MAX_TASKS_PER_DESCRIBE, RunTask};
use longshore_model::network::{
    AwsVpcConfiguration, CapacityProviderStrategyItem, LaunchType, NetworkConfiguration,
};
use longshore_model::placement::{PlacementConstraint, PlacementStrategy};
use longshore_model::seen::{ContainerSummary, Service};
use longshore_model::tag::Tag;

use super::overrides::Changes;
use crate::error::Failed;

/// The most tasks of one run: as many as one call describes. What needs more is work for a service.
pub(crate) const MAX_TASKS: usize = MAX_TASKS_PER_DESCRIBE;

/// What the user chose.
#[derive(Clone, Default)]
pub(crate) struct Choices {
    pub(crate) cluster: String,
    /// Whether the instances are named: then nothing is placed.
    pub(crate) on_instances: bool,
    pub(crate) launch_type: Option<LaunchType>,
    pub(crate) capacity_providers: Vec<CapacityProviderStrategyItem>,
    pub(crate) platform_version: Option<String>,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) public_ip: bool,
    pub(crate) placement_constraints: Vec<PlacementConstraint>,
    pub(crate) placement_strategies: Vec<PlacementStrategy>,
    pub(crate) changes: Changes,
    pub(crate) group: Option<String>,
    pub(crate) started_by: String,
    pub(crate) tags: Vec<Tag>,
}

/// The input of RunTask for a task definition with these containers. What the user chose wins over what the service has.
pub(crate) fn build(
    choices: &Choices,
    like: Option<&Service>,
    task_definition: &str,
    containers: &[ContainerSummary],
) -> Result<RunTask, Failed> {
    let mut request = RunTask {
        cluster: choices.cluster.clone(),
        task_definition: task_definition.to_owned(),
        launch_type: choices.launch_type,
        capacity_provider_strategy: some(&choices.capacity_providers),
        platform_version: choices.platform_version.clone(),
        network_configuration: network(choices, like),
        placement_constraints: some(&choices.placement_constraints),
        placement_strategy: some(&choices.placement_strategies),
        overrides: choices.changes.overrides(containers)?,
        group: choices.group.clone(),
        started_by: Some(choices.started_by.clone()),
        tags: some(&choices.tags),
        ..RunTask::default()
    };
    // A platform version and placement rules belong to the capacity that they were made for.
    let capacity_chosen = choices.launch_type.is_some() || !choices.capacity_providers.is_empty();
    if let Some(service) = like.filter(|_| !capacity_chosen && !choices.on_instances) {
        request.launch_type = service.launch_type;
        request.capacity_provider_strategy = some(&service.capacity_provider_strategy);
        request.platform_version = request.platform_version.or_else(|| service.platform_version.clone());
        request.placement_constraints =
            request.placement_constraints.or_else(|| some(&service.placement_constraints));
        request.placement_strategy = request.placement_strategy.or_else(|| some(&service.placement_strategy));
    }
    Ok(request)
}

fn network(choices: &Choices, like: Option<&Service>) -> Option<NetworkConfiguration> {
    let of_service =
        like.and_then(|service| service.network_configuration.as_ref()?.awsvpc_configuration.clone());
    let chosen = AwsVpcConfiguration {
        subnets: choices.subnets.clone(),
        security_groups: some(&choices.security_groups),
        assign_public_ip: choices.public_ip.then(|| "ENABLED".to_owned()),
    };
    if chosen == AwsVpcConfiguration::default() {
        return of_service.map(|network| NetworkConfiguration { awsvpc_configuration: Some(network) });
    }
    let known = of_service.unwrap_or_default();
    let network = AwsVpcConfiguration {
        subnets: if chosen.subnets.is_empty() { known.subnets } else { chosen.subnets },
        security_groups: chosen.security_groups.or(known.security_groups),
        assign_public_ip: chosen.assign_public_ip.or(known.assign_public_ip),
    };
    Some(NetworkConfiguration { awsvpc_configuration: Some(network) })
}

fn some<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;
    use crate::run::words::{capacity_provider, placement_constraint, placement_strategy, tag};

    fn choices() -> Choices {
        Choices { cluster: "default".into(), started_by: "longshore".into(), ..Choices::default() }
    }

    fn app() -> [ContainerSummary; 1] {
        [ContainerSummary { name: "app".into(), essential: true, ..ContainerSummary::default() }]
    }

    /// Without what every request has.
    fn sent(choices: &Choices, like: Option<&Service>) -> Value {
        let mut request = to_value(build(choices, like, "web:3", &app()).unwrap()).unwrap();
        let members = request.as_object_mut().unwrap();
        for member in ["cluster", "taskDefinition", "startedBy", "count"] {
            assert!(members.remove(member).is_some(), "{member}");
        }
        request
    }

    fn service() -> Service {
        Service {
            launch_type: Some(LaunchType::Fargate),
            network_configuration: Some(NetworkConfiguration {
                awsvpc_configuration: Some(AwsVpcConfiguration {
                    subnets: vec!["subnet-s".into()],
                    security_groups: Some(vec!["sg-s".into()]),
                    assign_public_ip: Some("DISABLED".into()),
                }),
            }),
            platform_version: Some("1.4.0".into()),
            placement_constraints: vec![placement_constraint("distinctInstance").unwrap()],
            placement_strategy: vec![placement_strategy("random").unwrap()],
            ..Service::default()
        }
    }

    #[test]
    fn only_what_was_chosen_is_sent() {
        assert_eq!(sent(&choices(), None), json!({}));
        assert_eq!(sent(&choices(), Some(&Service::default())), json!({}));
    }

    #[test]
    fn everything_has_its_place() {
        let choices = Choices {
            capacity_providers: vec![capacity_provider("FARGATE_SPOT=2,base=1").unwrap()],
            platform_version: Some("LATEST".into()),
            subnets: vec!["subnet-1".into()],
            security_groups: vec!["sg-1".into()],
            public_ip: true,
            placement_constraints: vec![placement_constraint("attribute:a == b").unwrap()],
            placement_strategies: vec![
                placement_strategy("spread=instanceId").unwrap(),
                placement_strategy("binpack=cpu").unwrap(),
            ],
            changes: Changes { command: vec!["./migrate".into()], ..Changes::default() },
            group: Some("nightly".into()),
            tags: vec![tag("team=dock").unwrap()],
            ..choices()
        };
        let expected = json!({
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 2, "base": 1}],
            "platformVersion": "LATEST",
            "networkConfiguration": {"awsvpcConfiguration":
                {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}},
            "placementConstraints": [{"type": "memberOf", "expression": "attribute:a == b"}],
            "placementStrategy": [{"type": "spread", "field": "instanceId"}, {"type": "binpack", "field": "cpu"}],
            "overrides": {"containerOverrides": [{"name": "app", "command": ["./migrate"]}]},
            "group": "nightly",
            "tags": [{"key": "team", "value": "dock"}],
        });
        assert_eq!(sent(&choices, None), expected);
        // All of it wins over the service's, and its platform and placement are not mixed in.
        assert_eq!(sent(&choices, Some(&service())), expected);
    }

    #[test]
    fn a_task_like_a_service_runs_where_it_runs() {
        let network = |subnet: &str, group: &str, public: &str| {
            json!({"awsvpcConfiguration":
                {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": public}})
        };
        let mut expected = json!({
            "launchType": "FARGATE", "platformVersion": "1.4.0",
            "networkConfiguration": network("subnet-s", "sg-s", "DISABLED"),
            "placementConstraints": [{"type": "distinctInstance"}], "placementStrategy": [{"type": "random"}],
        });
        assert_eq!(sent(&choices(), Some(&service())), expected);

        let public = Choices { public_ip: true, ..choices() };
        expected["networkConfiguration"] = network("subnet-s", "sg-s", "ENABLED");
        assert_eq!(sent(&public, Some(&service())), expected, "only what is named differs");

        let elsewhere =
            Choices { launch_type: Some(LaunchType::Ec2), subnets: vec!["subnet-1".into()], ..choices() };
        let expected =
            json!({"launchType": "EC2", "networkConfiguration": network("subnet-1", "sg-s", "DISABLED")});
        assert_eq!(
            sent(&elsewhere, Some(&service())),
            expected,
            "another capacity has its own platform and placement"
        );

        let on_instances = Choices { on_instances: true, ..choices() };
        let expected = json!({"networkConfiguration": network("subnet-s", "sg-s", "DISABLED")});
        assert_eq!(sent(&on_instances, Some(&service())), expected);

        let spot = Service {
            launch_type: None,
            capacity_provider_strategy: vec![capacity_provider("FARGATE_SPOT=1").unwrap()],
            ..Service::default()
        };
        let strategy =
            json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]});
        assert_eq!(sent(&choices(), Some(&spot)), strategy);
    }
}
