//! Whatever is written, registering does not panic; and what it gives back it takes again and changes no more.

use longshore_ecs::register::register;
use longshore_model::task_definition::TaskSpec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::support::{merge, must_register, on_ec2, on_fargate};

/// Changes to the task that leave every definition valid that was.
fn valid_task_changes() -> Vec<Value> {
    vec![
        json!({"networkMode": "awsvpc"}),
        json!({"cpu": "0.5 vCPU", "memory": "1 GB"}),
        json!({"taskRoleArn": "arn:aws:iam::123456789012:role/task"}),
        json!({"executionRoleArn": "execution"}),
        json!({"pidMode": "task"}),
        json!({"volumes": [{"name": "a"}, {"name": "b", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]}),
        json!({"placementConstraints": []}),
        json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}}),
        json!({"enableFaultInjection": true}),
    ]
}

/// The same for a container.
fn valid_container_changes() -> Vec<Value> {
    vec![
        json!({"cpu": 10}),
        json!({"memoryReservation": 64}),
        json!({"portMappings": [{"containerPort": 80}, {"containerPortRange": "90-99", "protocol": "udp"}]}),
        json!({"environment": [{"name": "A", "value": "b"}, {"name": "A"}]}),
        json!({"command": ["a", ""], "entryPoint": []}),
        json!({"healthCheck": {"command": ["CMD", "true"], "timeout": 60}}),
        json!({"stopTimeout": 2, "startTimeout": 120}),
        json!({"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}]}),
        json!({"linuxParameters": {"initProcessEnabled": true, "capabilities": {"drop": ["ALL"]}}}),
        json!({"logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": "u"}}}),
        json!({"restartPolicy": {"enabled": true, "ignoredExitCodes": [0]}}),
        json!({"dockerLabels": {}, "user": "0", "interactive": false}),
        json!({"dependsOn": []}),
    ]
}

fn valid_definition() -> impl Strategy<Value = Value> {
    let (task, container) = (valid_task_changes(), valid_container_changes());
    let bases = select(vec![on_ec2(), on_fargate()]);
    (bases, subsequence(task.clone(), 0..=task.len()), subsequence(container.clone(), 0..=container.len()))
        .prop_map(|(mut definition, task, container)| {
            task.iter().for_each(|change| merge(&mut definition, change));
            container.iter().for_each(|change| merge(&mut definition["containerDefinitions"][0], change));
            definition
        })
}

/// Texts that mean something somewhere, and any others.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "",
        "app",
        "a:b",
        "1-2",
        "9-",
        "-1",
        ".vCPU",
        "1.vCPU",
        "999999999 GB",
        "arn:aws:iam::1:role/",
        "awsvpc",
        "@",
    ];
    prop_oneof![select(words.to_vec()).prop_map(str::to_owned), any::<String>()]
}

/// Any values for the members that the rules look into, the right type being all that is sure.
fn any_definition() -> impl Strategy<Value = Value> {
    let container = (
        text(),
        text(),
        any::<Option<i32>>(),
        any::<Option<i32>>(),
        text(),
        any::<i32>(),
        text(),
    )
        .prop_map(|(name, image, cpu, memory, other, number, word)| {
            json!({
                "name": name, "image": image, "cpu": cpu, "memory": memory, "links": [other],
                "portMappings": [{"containerPort": number, "hostPort": number}, {"containerPortRange": word}],
                "dependsOn": [{"containerName": other, "condition": "START"}],
                "volumesFrom": [{"sourceContainer": other}],
                "mountPoints": [{"sourceVolume": word, "containerPath": other}],
                "secrets": [{"name": word, "valueFrom": other}],
                "environmentFiles": [{"type": "s3", "value": other}],
                "logConfiguration": {"logDriver": word, "options": {word.clone(): other}},
                "healthCheck": {"command": [word], "interval": number},
                "ulimits": [{"name": "nofile", "softLimit": number, "hardLimit": 0}],
            })
        });
    let containers = proptest::collection::vec(container, 0..4);
    (text(), text(), text(), text(), containers).prop_map(|(family, cpu, memory, role, containers)| {
        json!({
            "family": family, "cpu": cpu, "memory": memory, "taskRoleArn": role, "containerDefinitions": containers,
            "requiresCompatibilities": ["FARGATE"], "volumes": [{"name": family}],
            "placementConstraints": [{"type": "memberOf", "expression": role}],
        })
    })
}

proptest! {
    #[test]
    fn registering_again_changes_nothing(definition in valid_definition()) {
        let first = must_register(&definition);
        let second = register(first.spec.clone(), 0);
        prop_assert_eq!(second, Ok(first));
    }

    #[test]
    fn nothing_makes_it_panic(definition in any_definition()) {
        let spec: TaskSpec = serde_json::from_value(definition).expect("the types are right");
        if let Ok(registered) = register(spec, 0) {
            prop_assert_eq!(register(registered.spec.clone(), 0), Ok(registered));
        }
    }

    /// One wrong or odd value in a definition that is otherwise valid, so that the later rules are reached too.
    #[test]
    fn one_odd_value_does_not_make_it_panic(definition in valid_definition(), odd in any_definition(), member in any::<prop::sample::Index>()) {
        let mut changed = definition;
        if let Some(container) = odd["containerDefinitions"].get(0).and_then(Value::as_object) {
            let (member, value) = member.get(&container.iter().collect::<Vec<_>>()).to_owned();
            changed["containerDefinitions"][0][member] = value.clone();
        }
        let spec: TaskSpec = serde_json::from_value(changed).expect("the types are right");
        if let Ok(registered) = register(spec, 0) {
            prop_assert_eq!(register(registered.spec.clone(), 0), Ok(registered));
        }
    }
}
