//! Tests of `container`: what of a definition reaches Docker, and how.

use std::sync::Arc;

use longshore_model::task_definition::{TaskDefinition, TaskDefinitionStatus, TaskSpec};
use serde_json::{Value, json};

use super::*;
use crate::runtime::{ContainerKey, TaskKey};

/// A task of one container, from the JSON of both.
fn plan(spec: Value, container: Value) -> ContainerPlan {
    let mut spec: TaskSpec = serde_json::from_value(spec).unwrap();
    let definition: ContainerDefinition = serde_json::from_value(container).unwrap();
    spec.container_definitions = vec![definition.clone()];
    let key = TaskKey { account: "123456789012".into(), region: "eu-west-1".into(), task: "0a".repeat(16) };
    let network_mode = spec.network_mode.unwrap_or(NetworkMode::Bridge);
    let task = TaskPlan {
        key: key.clone(),
        cluster: "default".into(),
        network_mode,
        directories: BTreeMap::from([("shared".to_owned(), "/state/shared".into())]),
        cpu: spec.cpu.as_ref().map(|cpu| cpu.parse().unwrap()),
        memory_mib: spec.memory.as_ref().map(|memory| memory.parse().unwrap()),
        definition: Arc::new(TaskDefinition {
            task_definition_arn: String::new(),
            spec,
            revision: 3,
            status: TaskDefinitionStatus::Active,
            requires_attributes: None,
            compatibilities: Vec::new(),
            registered_at: serde_json::from_value(json!(0)).unwrap(),
            registered_by: None,
            deregistered_at: None,
            delete_requested_at: None,
        }),
    };
    ContainerPlan {
        key: ContainerKey { task: key, name: definition.name.clone(), attempt: 0 },
        task: Arc::new(task),
        definition,
        environment: BTreeMap::from([("KEY".to_owned(), "a=b $c \"d\"".to_owned())]),
    }
}

/// What Docker is told, as JSON.
fn told(spec: Value, container: Value) -> Value {
    let peers = BTreeMap::from([("db".to_owned(), "id-of-db".to_owned())]);
    let around = Surroundings { engine: "engine-1", cpus: 2, peers: &peers };
    serde_json::to_value(body(&plan(spec, container), &around).unwrap()).unwrap()
}

/// Checks the members that are named.
fn assert_has(told: &Value, expected: Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
}

#[test]
fn the_process_is_as_defined() {
    let told = told(
        json!({"family": "web"}),
        json!({
            "name": "app", "image": "app:1", "entryPoint": [], "command": ["serve", "--all"], "workingDirectory": "/srv",
            "user": "1000:1000", "hostname": "app-1", "interactive": true, "pseudoTerminal": true,
            "dockerLabels": {"team": "dock", "com.amazonaws.ecs.cluster": "mine"},
            "healthCheck": {"command": ["CMD", "true"]},
        }),
    );
    assert_has(
        &told,
        json!({
            "Image": "app:1", "Cmd": ["serve", "--all"], "Env": ["KEY=a=b $c \"d\""], "WorkingDir": "/srv",
            "User": "1000:1000", "Hostname": "app-1", "OpenStdin": true, "Tty": true,
            "Healthcheck": {"Test": ["NONE"]},
            "Labels": {
                "team": "dock",
                "com.amazonaws.ecs.cluster": "default",
                "com.amazonaws.ecs.container-name": "app",
                "com.amazonaws.ecs.task-arn":
                    "arn:aws:ecs:eu-west-1:123456789012:task/default/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
                "com.amazonaws.ecs.task-definition-family": "web",
                "com.amazonaws.ecs.task-definition-version": "3",
                "longshore.engine": "engine-1", "longshore.account": "123456789012", "longshore.region": "eu-west-1",
                "longshore.task": "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "longshore.container": "app",
                "longshore.attempt": "0",
            },
        }),
    );
    assert_eq!(told.get("Entrypoint"), None, "an empty list means the image's own");
}

#[test]
fn resources_are_capped_by_the_container_and_the_task() {
    let limited = json!({"name": "app", "memory": 4, "memoryReservation": 64, "cpu": 1,
        "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}]});
    let by_container = told(json!({"cpu": "512", "memory": "1024"}), limited);
    assert_has(
        &by_container["HostConfig"],
        json!({
            "Memory": 6 * MIB, "MemoryReservation": 64 * MIB, "CpuShares": 2, "NanoCpus": 500_000_000,
            "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
        }),
    );
    let by_task = told(json!({"cpu": "4096", "memory": "1024"}), json!({"name": "app", "cpu": 256}));
    assert_has(&by_task["HostConfig"], json!({"Memory": 1024 * MIB, "CpuShares": 256}));
    assert_eq!(by_task["HostConfig"].get("NanoCpus"), None, "the machine has fewer CPUs anyway");
}

#[test]
fn linux_parameters_are_docker_options() {
    let told = told(
        json!({}),
        json!({
            "name": "app", "memory": 64, "privileged": true, "readonlyRootFilesystem": true,
            "dockerSecurityOptions": ["no-new-privileges"],
            "linuxParameters": {
                "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "initProcessEnabled": true,
                "devices": [{"hostPath": "/dev/fuse"}, {"hostPath": "/dev/a", "containerPath": "/dev/b", "permissions": ["read", "write"]}],
                "sharedMemorySize": 32, "tmpfs": [{"containerPath": "/scratch", "size": 16, "mountOptions": ["noexec"]}],
                "maxSwap": 32, "swappiness": 10,
            },
        }),
    );
    assert_has(
        &told["HostConfig"],
        json!({
            "Privileged": true, "ReadonlyRootfs": true, "SecurityOpt": ["no-new-privileges"],
            "CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"], "Init": true, "ShmSize": 32 * MIB,
            "Devices": [
                {"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"},
                {"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rw"},
            ],
            "Tmpfs": {"/scratch": "noexec,size=16m"}, "MemorySwap": 96 * MIB, "MemorySwappiness": 10,
        }),
    );
}

#[test]
fn each_network_mode_takes_what_docker_allows_in_it() {
    let container = json!({
        "name": "app", "hostname": "app-1", "links": ["db:database"], "portMappings": [{"containerPort": 80}],
        "dnsServers": ["10.0.0.2"], "dnsSearchDomains": ["example.com"],
        "extraHosts": [{"hostname": "db.local", "ipAddress": "10.0.0.3"}],
        "systemControls": [{"namespace": "net.core.somaxconn", "value": "128"}, {"namespace": "kernel.msgmax", "value": "9"}],
    });
    let bridge = told(json!({}), container.clone());
    assert_has(
        &bridge["HostConfig"],
        json!({
            "NetworkMode": "bridge", "Links": ["id-of-db:database"], "Dns": ["10.0.0.2"], "DnsSearch": ["example.com"],
            "PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "0"}]}, "ExtraHosts": ["db.local:10.0.0.3"],
            "Sysctls": {"net.core.somaxconn": "128", "kernel.msgmax": "9"},
        }),
    );
    assert_eq!(bridge["ExposedPorts"], json!({"80/tcp": {}}));
    let host = told(json!({"networkMode": "host"}), container.clone());
    assert_has(&host["HostConfig"], json!({"NetworkMode": "host", "PortBindings": null, "Links": null}));
    let awsvpc = told(json!({"networkMode": "awsvpc", "pidMode": "task"}), container);
    let pause = "container:longshore-.pause-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
    assert_has(
        &awsvpc["HostConfig"],
        json!({
            "NetworkMode": pause, "PidMode": pause, "IpcMode": null, "Links": null, "Dns": null, "ExtraHosts": null,
            "PortBindings": null, "Sysctls": {"kernel.msgmax": "9"},
        }),
    );
    assert_eq!(awsvpc.get("Hostname"), None);
}

#[test]
fn volumes_are_directories_or_dockers_own() {
    let spec = json!({"volumes": [
        {"name": "shared"},
        {"name": "logs", "host": {"sourcePath": "/var/log"}},
        {"name": "cache", "dockerVolumeConfiguration": {"scope": "task"}},
        {"name": "models", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": true}},
    ]});
    let mount = |volume: &str, read_only: bool| json!({"sourceVolume": volume, "containerPath": format!("/{volume}"), "readOnly": read_only});
    let mounts = [mount("shared", false), mount("logs", true), mount("cache", false), mount("models", false)];
    let from = json!([{"sourceContainer": "db", "readOnly": true}]);
    let told = told(spec.clone(), json!({"name": "app", "mountPoints": mounts, "volumesFrom": from}));
    assert_has(
        &told["HostConfig"],
        json!({
            "Binds": [
                "/state/shared:/shared", "/var/log:/logs:ro",
                "longshore-cache-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a:/cache", "models:/models",
            ],
            "VolumesFrom": ["id-of-db:ro"],
        }),
    );
    let around = Surroundings { engine: "engine-1", cpus: 2, peers: &BTreeMap::new() };
    let refused = |container: Value| body(&plan(spec.clone(), container), &around).unwrap_err().to_string();
    assert_eq!(
        refused(json!({"name": "app", "mountPoints": [mount("nope", false)]})),
        "InvalidVolumeError: Invalid volume referenced: nope"
    );
    assert_eq!(
        refused(json!({"name": "app", "volumesFrom": from})),
        "CannotCreateContainerError: the container db of the same task was not created before"
    );
}
