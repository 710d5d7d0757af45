//! One form for everything that says the same of a task definition: without members that say what would be so without
//! them, and with what is a set in one order.
//!
//! What ECS means by an absent member is from the API reference (`RegisterTaskDefinition`). A default that is not
//! documented there is none here.

use serde_json::{Map, Value, json};

use super::size::{cpu_units, mebibytes};

/// Lists whose order means nothing to ECS, which may give them back in another one.
const SETS: [&str; 14] = [
    "containerDefinitions",
    "dependsOn",
    "environment",
    "mountPoints",
    "placementConstraints",
    "portMappings",
    "properties",
    "requiresCompatibilities",
    "secretOptions",
    "secrets",
    "tags",
    "ulimits",
    "volumes",
    "volumesFrom",
];

/// Members that say nothing when they are empty: ECS leaves them out or writes them empty as it likes. A member that is
/// not here may mean something by being there.
const EMPTY_IS_ABSENT: [&str; 36] = [
    "add",
    "authorizationConfig",
    "capabilities",
    "credentialSpecs",
    "dependsOn",
    "devices",
    "dnsSearchDomains",
    "dnsServers",
    "dockerLabels",
    "dockerSecurityOptions",
    "driverOpts",
    "drop",
    "environment",
    "environmentFiles",
    "extraHosts",
    "host",
    "ignoredExitCodes",
    "inferenceAccelerators",
    "labels",
    "linuxParameters",
    "links",
    "mountOptions",
    "mountPoints",
    "options",
    "placementConstraints",
    "portMappings",
    "requiresCompatibilities",
    "resourceRequirements",
    "secretOptions",
    "secrets",
    "systemControls",
    "tags",
    "tmpfs",
    "ulimits",
    "volumes",
    "volumesFrom",
];

/// What an absent member means: where, which, and its value.
fn defaults() -> [(&'static str, &'static str, Value); 11] {
    [
        ("", "enableFaultInjection", json!(false)),
        ("containerDefinitions", "cpu", json!(0)),
        ("containerDefinitions", "essential", json!(true)),
        ("containerDefinitions", "versionConsistency", json!("enabled")),
        ("portMappings", "protocol", json!("tcp")),
        ("healthCheck", "interval", json!(30)),
        ("healthCheck", "timeout", json!(5)),
        ("healthCheck", "retries", json!(3)),
        ("efsVolumeConfiguration", "rootDirectory", json!("/")),
        ("efsVolumeConfiguration", "transitEncryption", json!("DISABLED")),
        ("authorizationConfig", "iam", json!("DISABLED")),
    ]
}

/// The one form of a task definition, as RegisterTaskDefinition takes it.
#[must_use]
pub fn normalised(input: &Map<String, Value>) -> Value {
    let mut definition = normal("", &Value::Object(input.clone()));
    let mode = definition["networkMode"].as_str().unwrap_or("bridge").to_owned();
    let containers = definition.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let mappings = container.get_mut("portMappings").and_then(Value::as_array_mut);
        mappings.into_iter().flatten().for_each(|mapping| drop_host_port(mapping, &mode));
    }
    let Some(members) = definition.as_object_mut() else { return definition };
    // On Windows an absent mode is another one.
    let system =
        members.get("runtimePlatform").and_then(|platform| platform["operatingSystemFamily"].as_str());
    if mode == "bridge" && !system.is_some_and(|system| system.starts_with("WINDOWS")) {
        members.remove("networkMode");
    }
    for (member, read) in [("cpu", cpu_units as fn(&str) -> Option<u64>), ("memory", mebibytes)] {
        if let Some(size) = members.get_mut(member) {
            let text = size.as_str().map_or_else(|| size.to_string(), ToOwned::to_owned);
            *size = read(&text).map_or(Value::String(text), Value::from);
        }
    }
    definition
}

/// `place` is the name of the member that the value is, or is an item of.
fn normal(place: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let said = members.iter().filter(|(_, value)| !value.is_null());
            let said = said.map(|(name, value)| (name.clone(), normal(name, value)));
            Value::Object(said.filter(|(name, value)| !goes_without_saying(place, name, value)).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| normal(place, item)).collect();
            if SETS.contains(&place) {
                // Stable, because of two variables of one name the later one counts.
                items.sort_by_cached_key(sort_key);
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

fn goes_without_saying(place: &str, name: &str, value: &Value) -> bool {
    let is_empty =
        value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    let is_default =
        |(at, member, default): &(&str, &str, Value)| *at == place && *member == name && default == value;
    (is_empty && EMPTY_IS_ABSENT.contains(&name)) || defaults().iter().any(is_default)
}

fn sort_key(item: &Value) -> String {
    let name = item.get("name").or_else(|| item.get("key")).and_then(Value::as_str);
    name.map_or_else(|| item.to_string(), ToOwned::to_owned)
}

/// Takes the host port away where it is the one that an absent host port means.
fn drop_host_port(mapping: &mut Value, mode: &str) {
    let Some(members) = mapping.as_object_mut() else { return };
    let (host, container) = (members.get("hostPort"), members.get("containerPort"));
    let is_default = match mode {
        "awsvpc" => host == Some(&json!(0)) || host == container,
        "host" => host == container,
        _ => host == Some(&json!(0)),
    };
    if is_default {
        members.remove("hostPort");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(definition: &Value) -> Value {
        normalised(definition.as_object().unwrap())
    }

    fn of_container(members: Value) -> Value {
        json!({"family": "f", "containerDefinitions": [members]})
    }

    #[test]
    fn what_goes_without_saying_makes_no_difference() {
        let port = |mode: &str, mapping: Value| json!({"networkMode": mode, "containerDefinitions": [{"name": "a", "portMappings": [mapping]}]});
        let cases = [
            (json!({"family": "f", "volumes": [], "tags": null}), json!({"family": "f"})),
            (json!({"networkMode": "bridge"}), json!({"enableFaultInjection": false})),
            (json!({"cpu": "0.25 vCPU", "memory": "1 GB"}), json!({"cpu": 256, "memory": "1024"})),
            (
                json!({"requiresCompatibilities": ["EC2", "FARGATE"]}),
                json!({"requiresCompatibilities": ["FARGATE", "EC2"]}),
            ),
            (
                of_container(
                    json!({"essential": true, "cpu": 0, "environment": [], "linuxParameters": {"capabilities": {"add": []}}}),
                ),
                of_container(json!({"systemControls": [], "versionConsistency": "enabled"})),
            ),
            (
                of_container(
                    json!({"environment": [{"name": "B", "value": ""}, {"name": "A", "value": "1"}]}),
                ),
                of_container(
                    json!({"environment": [{"value": "1", "name": "A"}, {"name": "B", "value": ""}]}),
                ),
            ),
            (
                of_container(
                    json!({"healthCheck": {"command": ["CMD", "x"], "interval": 30, "timeout": 5, "retries": 3}}),
                ),
                of_container(json!({"healthCheck": {"command": ["CMD", "x"]}})),
            ),
            (
                of_container(json!({"logConfiguration": {"logDriver": "awslogs", "secretOptions": []}})),
                of_container(json!({"logConfiguration": {"logDriver": "awslogs", "options": {}}})),
            ),
            (json!({"volumes": [{"name": "v", "host": {}}]}), json!({"volumes": [{"name": "v"}]})),
            (
                json!({"volumes": [{"efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}}]}),
                json!({"volumes": [{"efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryption": "DISABLED"}}]}),
            ),
            (
                port("bridge", json!({"containerPort": 80, "hostPort": 0, "protocol": "tcp"})),
                port("bridge", json!({"containerPort": 80})),
            ),
            (
                port("awsvpc", json!({"containerPort": 80, "hostPort": 80})),
                port("awsvpc", json!({"containerPort": 80})),
            ),
            (
                port("host", json!({"containerPort": 80, "hostPort": 80})),
                port("host", json!({"containerPort": 80})),
            ),
        ];
        for (one, other) in &cases {
            assert_eq!(form(one), form(other), "{one} {other}");
        }
    }

    #[test]
    fn what_may_mean_something_is_kept() {
        let windows = |mode: Value| json!({"networkMode": mode, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}});
        let cases = [
            (windows(json!("bridge")), windows(Value::Null)),
            (json!({"memberOfTomorrow": {}}), json!({})),
            (
                json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {}}]}),
                json!({"volumes": [{"name": "v"}]}),
            ),
            (json!({"runtimePlatform": {"cpuArchitecture": "X86_64"}}), json!({})),
            (json!({"cpu": "0.1 vCPU"}), json!({"cpu": "102"})),
            (of_container(json!({"essential": false})), of_container(json!({}))),
            (of_container(json!({"command": []})), of_container(json!({}))),
            (of_container(json!({"readonlyRootFilesystem": false})), of_container(json!({}))),
            (
                of_container(json!({"environment": [{"name": "A", "value": ""}]})),
                of_container(json!({"environment": [{"name": "A"}]})),
            ),
            (
                of_container(
                    json!({"environment": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
                ),
                of_container(
                    json!({"environment": [{"name": "A", "value": "2"}, {"name": "A", "value": "1"}]}),
                ),
            ),
            (of_container(json!({"command": ["a", "b"]})), of_container(json!({"command": ["b", "a"]}))),
            (of_container(json!({"dockerLabels": {"cpu": "0"}})), of_container(json!({"dockerLabels": {}}))),
        ];
        for (one, other) in &cases {
            assert_ne!(form(one), form(other), "{one} {other}");
        }
    }
}
