//! Gates: tasks that run with the revision of a deployment, before it or after it, and must do well for it to go on.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_model::call::RunTask;
use longshore_model::seen::TaskDefinition;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::run::{LogReading, OnTimeout, Spec};

/// What a service's tasks and its gates have in common: where they run.
const SHARED: [&str; 6] = [
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
];

/// A task that must do well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// For words, such as `before: bin/migrate`.
    pub name: String,
    /// What runs instead of the container's own command.
    pub command: Vec<String>,
    /// Which container that is for; the first essential one where this is silent.
    pub container: Option<String>,
    /// More environment variables.
    pub environment: BTreeMap<String, String>,
    /// It is stopped, and has failed, after this time.
    pub timeout: Duration,
}

/// Whom the task of a gate belongs to: an apply that was killed and is repeated finds the task that still runs.
#[must_use]
pub fn gate_started_by(cluster: &str, service: &str, revision: &str, gate: &Gate) -> String {
    let what = json!([cluster, service, revision, gate.name, gate.command, gate.container, gate.environment]);
    let digest = Sha256::digest(what.to_string().as_bytes());
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("longshore-{hex}")
}

/// What a gate comes to: one task of the revision, where the service runs. `running` are tasks of the same gate that
/// run already.
#[must_use]
pub fn gate_spec(
    gate: &Gate,
    service: &Map<String, Value>,
    cluster: &str,
    definition: TaskDefinition,
    running: Vec<String>,
    who: &str,
    id: String,
) -> Spec {
    fn member<T: DeserializeOwned>(service: &Map<String, Value>, name: &str) -> Option<T> {
        let value = service.get(name).filter(|value| !super::shape::is_empty(value))?;
        serde_json::from_value(value.clone()).ok()
    }
    let essential = definition.containers.iter().find(|container| container.essential);
    let container = gate.container.clone().or_else(|| essential.map(|found| found.name.clone()));
    let name = service.get("serviceName").and_then(Value::as_str).unwrap_or_default();
    let environment: Vec<Value> =
        gate.environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let mut change = json!({"name": container, "command": gate.command});
    if !environment.is_empty() {
        change["environment"] = Value::Array(environment);
    }
    let [launch, strategy, platform, network, constraints, placement] = SHARED;
    let request = RunTask {
        cluster: cluster.to_owned(),
        task_definition: definition.arn.clone(),
        launch_type: member(service, launch),
        capacity_provider_strategy: member(service, strategy),
        network_configuration: member(service, network),
        platform_version: member(service, platform),
        placement_constraints: member(service, constraints),
        placement_strategy: member(service, placement),
        overrides: Some(json!({"containerOverrides": [change]})),
        started_by: Some(gate_started_by(cluster, name, &definition.arn, gate)),
        ..RunTask::default()
    };
    Spec {
        id,
        request,
        count: 1,
        instances: Vec::new(),
        attach: running,
        definition,
        container,
        accept_exit_codes: Vec::new(),
        timeout: Some(gate.timeout),
        timeout_in_full: Some(gate.timeout),
        on_timeout: OnTimeout::Stop,
        stop_patience: Duration::from_secs(150),
        wait_for_capacity: gate.timeout,
        retry_infrastructure: 0,
        logs: LogReading::Follow,
        poll_interval: None,
        detach: false,
        who: who.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::network::LaunchType;
    use longshore_model::seen::ContainerSummary;

    use super::*;

    #[test]
    fn a_gate_runs_the_revision_where_the_service_runs() {
        let gate = Gate {
            name: "before: bin/migrate".into(),
            command: vec!["bin/migrate".into()],
            container: None,
            environment: BTreeMap::from([("A".into(), "1".into())]),
            timeout: Duration::from_secs(600),
        };
        let Value::Object(service) = json!({"serviceName": "web", "launchType": "FARGATE", "placementStrategy": [],
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}})
        else {
            panic!()
        };
        let containers = [("log", false), ("app", true)].map(|(name, essential)| ContainerSummary {
            name: name.into(),
            essential,
            ..ContainerSummary::default()
        });
        let definition = TaskDefinition {
            arn: "x/web:3".into(),
            containers: containers.to_vec(),
            ..TaskDefinition::default()
        };
        let spec =
            gate_spec(&gate, &service, "c", definition, Vec::new(), "longshore apply (a@b)", "r-1".into());
        assert_eq!(spec.request.launch_type, Some(LaunchType::Fargate));
        assert_eq!(spec.request.placement_strategy, None);
        assert_eq!(
            spec.request.network_configuration.unwrap().awsvpc_configuration.unwrap().subnets,
            ["subnet-1"]
        );
        assert_eq!(
            spec.request.overrides.unwrap()["containerOverrides"],
            json!([{"name": "app", "command": ["bin/migrate"], "environment": [{"name": "A", "value": "1"}]}])
        );
        let owner = spec.request.started_by.unwrap();
        assert!(owner.len() <= longshore_model::call::MAX_STARTED_BY, "{owner}");
        assert_ne!(owner, gate_started_by("c", "web", "x/web:4", &gate));
        let other = Gate { environment: BTreeMap::from([("A".into(), "2".into())]), ..gate };
        assert_ne!(owner, gate_started_by("c", "web", "x/web:3", &other), "another shard is another gate");
    }
}
