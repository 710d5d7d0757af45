//! What registering makes of valid definitions: defaults, launch types, required attributes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{must_register, on_ec2, on_fargate, try_register, with};

fn described(definition: &Value) -> Value {
    serde_json::to_value(must_register(definition).spec).expect("a definition can be written")
}

#[test]
fn defaults_are_filled_in() {
    let described = described(&on_ec2());
    let expected = json!({
        "family": "web",
        "containerDefinitions": [{
            "name": "app", "image": "nginx", "memory": 128, "cpu": 0, "essential": true,
            "environment": [], "mountPoints": [], "volumesFrom": [], "portMappings": [], "systemControls": [],
        }],
        "volumes": [],
        "placementConstraints": [],
    });
    assert_eq!(described, expected);
}

#[test]
fn ports_get_what_their_network_gives_them() {
    let mappings = json!([{"containerPort": 80}, {"containerPort": 53, "protocol": "udp"}, {"containerPortRange": "1-9"}]);
    let cases =
        [(json!(null), 0, 0), (json!("bridge"), 0, 0), (json!("host"), 80, 53), (json!("awsvpc"), 80, 53)];
    for (network, web, dns) in cases {
        let definition = with(on_ec2(), &json!({"networkMode": network, "app": {"portMappings": mappings}}));
        let expected = json!([
            {"containerPort": 80, "hostPort": web, "protocol": "tcp"},
            {"containerPort": 53, "hostPort": dns, "protocol": "udp"},
            {"containerPortRange": "1-9", "protocol": "tcp"},
        ]);
        assert_eq!(described(&definition)["containerDefinitions"][0]["portMappings"], expected, "{network}");
    }
}

#[test]
fn health_checks_and_volumes_are_completed() {
    let efs = json!({"fileSystemId": "fs-1"});
    let definition = with(
        on_ec2(),
        &json!({
            "app": {"healthCheck": {"command": ["CMD", "true"], "retries": 9}},
            "volumes": [
                {"name": "bare"}, {"name": "docker", "dockerVolumeConfiguration": {}},
                {"name": "efs", "efsVolumeConfiguration": efs}, {"name": "host", "host": {"sourcePath": "/srv"}},
            ],
        }),
    );
    let described = described(&definition);
    let check = json!({"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 9});
    assert_eq!(described["containerDefinitions"][0]["healthCheck"], check);
    let volumes = json!([
        {"name": "bare", "host": {}},
        {"name": "docker", "dockerVolumeConfiguration": {"scope": "task", "driver": "local"}},
        {"name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}},
        {"name": "host", "host": {"sourcePath": "/srv"}},
    ]);
    assert_eq!(described["volumes"], volumes);
}

#[test]
fn sizes_become_numbers() {
    let definition = with(on_fargate(), &json!({"cpu": ".5 vCPU", "memory": "1GB"}));
    let described = described(&definition);
    assert_eq!((&described["cpu"], &described["memory"]), (&json!("512"), &json!("1024")));
}

/// The table of the Amazon ECS Developer Guide, written out again.
#[test]
fn fargate_has_these_sizes_and_no_others() {
    let steps =
        |from: u32, to: u32, step: usize| (from..=to).step_by(step).map(|gb| gb * 1024).collect::<Vec<_>>();
    let expected = [
        (256, vec![512, 1024, 2048]),
        (512, steps(1, 4, 1)),
        (1024, steps(2, 8, 1)),
        (2048, steps(4, 16, 1)),
        (4096, steps(8, 30, 1)),
        (8192, steps(16, 60, 4)),
        (16_384, steps(32, 120, 8)),
        (32_768, vec![61_440, 122_880, 249_856]),
    ];
    for (cpu, memories) in expected {
        let accepted: Vec<u32> = (1..=512_u32)
            .map(|half_gb| half_gb * 512)
            .filter(|memory| {
                let size = json!({"cpu": cpu.to_string(), "memory": memory.to_string()});
                try_register(&with(on_fargate(), &size)).is_ok()
            })
            .collect();
        assert_eq!(accepted, memories, "{cpu}");
    }
}

#[test]
fn compatibilities_are_found_out() {
    let size = json!({"networkMode": "awsvpc", "cpu": "512", "memory": "717"});
    let service_connect = json!({"app": {"portMappings": [{"containerPort": 80, "name": "web"}]}});
    let storage = json!({"ephemeralStorage": {"sizeInGiB": 21}});
    let cases = [
        (on_ec2(), &["EXTERNAL", "EC2"][..]),
        (with(on_ec2(), &service_connect), &["EC2"]),
        (with(on_ec2(), &json!({"networkMode": "awsvpc"})), &["EC2"]),
        (with(on_ec2(), &size), &["EC2", "MANAGED_INSTANCES"]),
        (on_fargate(), &["EC2", "FARGATE", "MANAGED_INSTANCES"]),
        (
            with(on_fargate(), &json!({"requiresCompatibilities": null})),
            &["EC2", "FARGATE", "MANAGED_INSTANCES"],
        ),
        (with(on_fargate(), &storage), &["EC2", "FARGATE"]),
    ];
    for (definition, expected) in cases {
        assert_eq!(must_register(&definition).compatibilities, expected, "{definition}");
    }
}

#[test]
fn what_looks_odd_but_is_allowed_is_allowed() {
    let cases = [
        json!({"taskRoleArn": "just-a-name", "executionRoleArn": "arn:aws-cn:iam::123456789012:role/path/name"}),
        json!({"app": {"image": format!("quay.io/a/b:1@sha256:{}", "0".repeat(64))}}),
        json!({"app": {"links": ["b:alias"]}, "others": [{"name": "b"}]}),
        json!({"app": {"ulimits": [{"name": "core", "softLimit": 5, "hardLimit": -1}]}}),
        json!({"app": {"portMappings": [{"containerPort": 80}, {"containerPort": 80}]}}),
        json!({"app": {"dependsOn": [{"containerName": "b", "condition": "SUCCESS"}]}, "others": [{"name": "b", "essential": false}]}),
        json!({"executionRoleArn": "r", "app": {"secrets": [{"name": "A", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-1:key::"}]}}),
        json!({"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t2.*"}]}),
        json!({"pidMode": "host", "ipcMode": "none", "networkMode": "none"}),
    ];
    for change in cases {
        must_register(&with(on_ec2(), &change));
    }
}

#[test]
fn attributes_follow_from_what_is_used() {
    let docker = |version: &str| format!("com.amazonaws.ecs.capability.docker-remote-api.{version}");
    let legacy = |name: &str| format!("com.amazonaws.ecs.capability.{name}");
    let modern = |name: &str| format!("ecs.capability.{name}");
    let log = json!({"logDriver": "awslogs", "options": {"awslogs-region": "r", "awslogs-group": "g", "mode": "non-blocking"}});
    let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a";
    let secrets = json!([{"name": "A", "valueFrom": "/a"}, {"name": "B", "valueFrom": "arn:aws:secretsmanager:r:123456789012:secret:b"}]);
    let health = json!({"command": ["CMD", "true"], "startPeriod": 1});
    let efs = json!({"fileSystemId": "fs-1", "transitEncryption": "ENABLED"});
    let cases = [
        (json!({}), vec![]),
        (json!({"networkMode": "awsvpc"}), vec![modern("task-eni"), docker("1.18")]),
        (json!({"taskRoleArn": "r"}), vec![legacy("task-iam-role")]),
        (json!({"taskRoleArn": "r", "networkMode": "host"}), vec![legacy("task-iam-role-network-host")]),
        (
            json!({"executionRoleArn": "r", "app": {"logConfiguration": log}}),
            vec![
                legacy("logging-driver.awslogs"),
                modern("execution-role-awslogs"),
                docker("1.19"),
                docker("1.28"),
            ],
        ),
        (
            json!({"executionRoleArn": "r", "app": {"image": ecr}}),
            vec![legacy("ecr-auth"), modern("execution-role-ecr-pull"), docker("1.19")],
        ),
        (
            json!({"executionRoleArn": "r", "app": {"secrets": secrets}}),
            vec![modern("secrets.ssm.environment-variables"), modern("secrets.asm.environment-variables")],
        ),
        (
            json!({"app": {"healthCheck": {"command": ["CMD", "true"]}}}),
            vec![modern("container-health-check"), docker("1.24")],
        ),
        (json!({"app": {"healthCheck": health}}), vec![modern("container-health-check"), docker("1.29")]),
        (
            json!({"app": {"memoryReservation": 64, "privileged": true}}),
            vec![docker("1.21"), legacy("privileged-container")],
        ),
        (json!({"app": {"stopTimeout": 5}}), vec![modern("container-ordering")]),
        (
            json!({"app": {"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/a.env"}]}}),
            vec![modern("env-files.s3")],
        ),
        (
            json!({"volumes": [{"name": "v", "efsVolumeConfiguration": efs}]}),
            vec![modern("efs"), modern("efsAuth"), docker("1.25")],
        ),
        (
            json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {}}]}),
            vec![modern("docker-plugin.local"), docker("1.25")],
        ),
        (json!({"pidMode": "task"}), vec![modern("pid-ipc-namespace-sharing")]),
    ];
    for (change, expected) in cases {
        let attributes = must_register(&with(on_ec2(), &change)).requires_attributes;
        let names: BTreeSet<_> = attributes.iter().map(|attribute| attribute.name.clone()).collect();
        assert_eq!(names.len(), attributes.len(), "each attribute once: {change}");
        assert_eq!(names, expected.into_iter().collect(), "{change}");
    }
}
