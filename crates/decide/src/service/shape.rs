//! A service's documents: what CreateService takes, what DescribeServices answers, and the one made from the other.

use serde_json::{Map, Value, json};

/// The members of CreateService that say what a service is. `clientToken` says which call it is.
pub const MEMBERS: [&str; 28] = [
    "cluster",
    "serviceName",
    "taskDefinition",
    "availabilityZoneRebalancing",
    "loadBalancers",
    "serviceRegistries",
    "desiredCount",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "role",
    "deploymentConfiguration",
    "placementConstraints",
    "placementStrategy",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "schedulingStrategy",
    "deploymentController",
    "tags",
    "enableECSManagedTags",
    "propagateTags",
    "enableExecuteCommand",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
    "clientToken",
];

/// Members that DescribeServices shows with each deployment and not with the service.
const OF_DEPLOYMENT: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// Members of DescribeServices that CreateService does not take.
const DESCRIBED_ONLY: [&str; 16] = [
    "serviceArn",
    "clusterArn",
    "status",
    "runningCount",
    "pendingCount",
    "deployments",
    "taskSets",
    "events",
    "createdAt",
    "createdBy",
    "roleArn",
    "platformFamily",
    "resourceManagementType",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "failures",
];

/// The input of CreateService that a document describes: it is that already, or a service as DescribeServices shows it,
/// with or without `services` or `service` around it. `None` when it is neither.
#[must_use]
pub fn create_input(document: &Value) -> Option<Map<String, Value>> {
    let document = match (document.get("services"), document.get("service")) {
        (Some(services), _) => match services.as_array()?.as_slice() {
            [only] => only,
            _ => return None,
        },
        (None, Some(service)) => service,
        (None, None) => document,
    };
    let mut input = without_nulls(document.as_object()?);
    if input.contains_key("containerDefinitions") || input.contains_key("taskDefinitionArn") {
        return None;
    }
    // A daemon's count is described, and refused when it is given.
    if input.contains_key("serviceArn") && input.get("schedulingStrategy") == Some(&json!("DAEMON")) {
        input.remove("desiredCount");
    }
    let primary = input.get("deployments").and_then(Value::as_array).and_then(|deployments| {
        deployments.iter().find(|deployment| deployment["status"] == "PRIMARY").cloned()
    });
    if let Some(primary) = primary {
        for member in OF_DEPLOYMENT {
            if let Some(value) = primary.get(member).filter(|value| !is_empty(value)) {
                input.entry(member).or_insert_with(|| value.clone());
            }
        }
    }
    if let Some(Value::Array(tags)) = input.get_mut("tags") {
        tags.retain(|tag| !tag["key"].as_str().is_some_and(|key| key.starts_with("aws:")));
    }
    // The role that ECS itself uses may not be given.
    let own_role = |arn: &str| !arn.contains("/aws-service-role/");
    let role = input.get("roleArn").and_then(Value::as_str).filter(|arn| own_role(arn)).map(|arn| json!(arn));
    input.retain(|member, _| !DESCRIBED_ONLY.contains(&member.as_str()));
    if let Some(role) = role {
        input.entry("role").or_insert(role);
    }
    // As some descriptions show a service that has a strategy.
    if input.get("launchType").and_then(Value::as_str) == Some("") {
        input.remove("launchType");
    }
    Some(input)
}

/// Without the members that say null, at any depth: to ECS they say as much as those that are absent.
pub(crate) fn without_nulls(members: &Map<String, Value>) -> Map<String, Value> {
    fn clear(value: &Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(without_nulls(members)),
            Value::Array(items) => items.iter().map(clear).collect(),
            other => other.clone(),
        }
    }
    let said = members.iter().filter(|(_, value)| !value.is_null());
    said.map(|(member, value)| (member.clone(), clear(value))).collect()
}

/// Whether a value says no more than that there is none.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_as_what_was_created() {
        let described = json!({"serviceName": "web", "serviceArn": "a", "status": "ACTIVE", "events": [],
            "desiredCount": 2, "launchType": "", "roleArn": "arn:aws:iam::1:role/aws-service-role/ecs/x",
            "tags": [{"key": "aws:cloudformation:stack-name"}, {"key": "a", "value": "b"}], "memberOfTomorrow": 1,
            "deployments": [{"status": "ACTIVE", "volumeConfigurations": [{"name": "old"}]},
                {"status": "PRIMARY", "volumeConfigurations": [], "serviceConnectConfiguration": {"enabled": true}}]});
        let expected = json!({"serviceName": "web", "desiredCount": 2, "tags": [{"key": "a", "value": "b"}],
            "memberOfTomorrow": 1, "serviceConnectConfiguration": {"enabled": true}});
        for document in [
            described.clone(),
            json!({"services": [described], "failures": []}),
            json!({"service": described}),
            expected.clone(),
        ] {
            assert_eq!(create_input(&document).map(Value::Object).as_ref(), Some(&expected));
        }
        let role = json!({"serviceName": "web", "roleArn": "arn:aws:iam::1:role/mine"});
        assert_eq!(create_input(&role).unwrap()["role"], "arn:aws:iam::1:role/mine");
        let neither = [
            json!([]),
            json!(null),
            json!("web"),
            json!({"services": []}),
            json!({"services": [{}, {}]}),
            json!({"services": {}}),
            json!({"service": "web"}),
            json!({"containerDefinitions": []}),
            json!({"taskDefinitionArn": "a"}),
        ];
        for document in neither {
            assert_eq!(create_input(&document), None, "{document}");
        }
    }

    #[test]
    fn what_a_description_keeps_elsewhere_or_invents_is_mended() {
        let described = json!({"serviceArn": "a", "launchType": "", "schedulingStrategy": "DAEMON", "desiredCount": 3,
            "tags": [{"key": "aws:cloudformation:stack-name", "value": "s"}, {"key": "team", "value": "web"}],
            "deployments": [{"status": "ACTIVE", "serviceConnectConfiguration": {"namespace": "old"}},
                {"status": "PRIMARY", "serviceConnectConfiguration": {"enabled": true}, "volumeConfigurations": [1]}]});
        assert_eq!(
            create_input(&described).map(Value::Object),
            Some(json!({"schedulingStrategy": "DAEMON", "tags": [{"key": "team", "value": "web"}],
                "serviceConnectConfiguration": {"enabled": true}, "volumeConfigurations": [1]}))
        );
        // What a user writes is left to ECS to refuse.
        let written = json!({"schedulingStrategy": "DAEMON", "desiredCount": 3});
        assert_eq!(create_input(&written).map(Value::Object), Some(written));
    }
}
