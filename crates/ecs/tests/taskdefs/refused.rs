//! One line per rule: a change to a valid definition, and ECS's sentence for it.

use longshore_ecs::fault::Fault;
use longshore_ecs::register::{check_tags, register};
use longshore_model::tag::Tag;
use longshore_model::task_definition::TaskSpec;
use serde_json::{Value, json};

use super::{on_ec2, on_fargate, try_register, with};

fn refuses(definition: &Value, cases: &[(Value, &str)]) {
    for (change, sentence) in cases {
        let outcome = try_register(&with(definition.clone(), change)).map(|registered| registered.spec);
        assert_eq!(outcome, Err((*sentence).to_owned()), "{change}");
    }
}

#[test]
fn names_and_words() {
    let long = "x".repeat(256);
    let too_many: Vec<_> = (0..10).map(|number| json!({"name": format!("c{number}")})).collect();
    let container_names = "Container names must be unique within a task definition.";
    refuses(
        &on_ec2(),
        &[
            (json!({"family": ""}), "Family can not be blank."),
            (json!({"family": null}), "Family can not be blank."),
            (json!({"family": "a b"}), "Family contains invalid characters."),
            (json!({"family": long}), "Family contains invalid characters."),
            (json!({"containerDefinitions": []}), "Container list cannot be empty."),
            (json!({"others": too_many}), "Too many containers."),
            (json!({"app": {"name": null}}), "Container.name should not be null or empty."),
            (json!({"app": {"name": "a.b"}}), "Container.name contains invalid characters."),
            (json!({"others": [{"name": "app"}]}), container_names),
            (json!({"app": {"image": ""}}), "Container.image should not be null or empty."),
            (json!({"app": {"image": "$IMAGE:$TAG"}}), "Container.image contains invalid characters."),
            (json!({"app": {"image": long}}), "Container.image contains invalid characters."),
            (json!({"app": {"image": "nginx@sha256:12"}}), "Container.image contains invalid characters."),
            (json!({"app": {"essential": false}}), "Task definition doesn't have any essential container"),
            (
                json!({"pidMode": ""}),
                " is not a valid value for pidMode. The value must be one of [task,host]",
            ),
            (
                json!({"ipcMode": "x"}),
                "x is not a valid value for ipcMode. The value must be one of [task,host,none]",
            ),
            (
                json!({"requiresCompatibilities": ["ECS"]}),
                "ECS is not a valid value for requiresCompatibilities. The value must be one of [EXTERNAL,EC2,FARGATE,MANAGED_INSTANCES]",
            ),
            (
                json!({"runtimePlatform": {"cpuArchitecture": "arm"}}),
                "arm is not a valid value for cpuArchitecture. The value must be one of [X86_64,ARM64]",
            ),
            (json!({"taskRoleArn": ""}), "Role is not valid"),
            (json!({"executionRoleArn": "arn:aws:iam::XXXXXXXXXXXX:role/r"}), "Role is not valid"),
            (json!({"executionRoleArn": "arn:aws:iam::123456789012:user/u"}), "Role is not valid"),
            (json!({"executionRoleArn": "$ROLE"}), "Role is not valid"),
            (
                json!({"app": {"versionConsistency": ""}}),
                " is not a valid value for versionConsistency. The value must be one of [enabled,disabled]",
            ),
            (
                json!({"app": {"environment": [{"value": "x"}]}}),
                "Container.environment.name should not be null or empty.",
            ),
            (
                json!({"placementConstraints": [{"type": "distinctInstance"}]}),
                "constraint.type 'distinctInstance' is not supported.",
            ),
            (
                json!({"proxyConfiguration": {"containerName": "envoy"}}),
                "Proxy container [envoy] does not exist",
            ),
            (
                json!({"inferenceAccelerators": [{"deviceName": "d", "deviceType": "t"}]}),
                "Unsupported field 'inferenceAccelerators'",
            ),
            (json!({"ephemeralStorage": {"sizeInGiB": 20}}), "EphemeralStorage size should be at least 21"),
            (json!({"ephemeralStorage": {"sizeInGiB": 201}}), "EphemeralStorage size should be at most 200"),
            (
                json!({"ephemeralStorage": {"sizeInGiB": 30}, "requiresCompatibilities": ["EC2"]}),
                "Tasks using the EC2 launch type do not support EphemeralStorage.",
            ),
        ],
    );
}

#[test]
fn sizes() {
    let cpu = "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    let memory = "Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    let no_memory = "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.";
    let sum = "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.";
    refuses(
        &on_ec2(),
        &[
            (json!({"cpu": ""}), cpu),
            (json!({"cpu": "$CPU"}), cpu),
            (json!({"cpu": "127"}), cpu),
            (json!({"cpu": "193 vCPU"}), cpu),
            (json!({"memory": "1 TB"}), memory),
            (json!({"memory": "0"}), memory),
            (json!({"app": {"memory": null}}), no_memory),
            (json!({"app": {"memory": 3}}), "Invalid 'memory' setting for container 'app'."),
            (
                json!({"app": {"memoryReservation": 129}}),
                "Invalid setting for container 'app'. 'memory' must be greater than or equal to 'memoryReservation'.",
            ),
            (
                json!({"memory": "64"}),
                "The 'memory' setting for container 'app' is greater than for the task.",
            ),
            (
                json!({"memory": "64", "app": {"memory": null, "memoryReservation": 65}}),
                "The 'memoryReservation' setting for container 'app' is greater than for the task.",
            ),
            (json!({"app": {"cpu": -1}}), "Invalid 'cpu' setting for container 'app'."),
            (json!({"cpu": "0.25 vCPU", "app": {"cpu": 200}, "others": [{"name": "b", "cpu": 57}]}), sum),
        ],
    );
    let spec: TaskSpec = serde_json::from_value(on_ec2()).unwrap();
    let message = "Actual length: '65537'. Max allowed length is '65536' bytes.";
    assert_eq!(register(spec.clone(), 65_537), Err(Fault::client(message)));
    assert!(register(spec, 65_536).is_ok());
}

#[test]
fn containers() {
    let health = |member: &str, value: i32| json!({"app": {"healthCheck": {"command": ["CMD", "true"], member: value}}});
    let period = "The 'restartAttemptPeriod' setting for container 'app' must be between 60 and 1800.";
    let codes: Vec<_> = (0..51).collect();
    refuses(
        &on_ec2(),
        &[
            (
                health("interval", 4),
                "Health check interval must be greater than or equal to the minimum allowed value 5 for container 'app'",
            ),
            (
                health("interval", 301),
                "Health check interval must be less than or equal to the maximum allowed value 300 for container 'app'",
            ),
            (
                health("timeout", 61),
                "Health check timeout must be less than or equal to the maximum allowed value 60 for container 'app'",
            ),
            (
                health("retries", 0),
                "Health check retries must be greater than or equal to the minimum allowed value 1 for container 'app'",
            ),
            (
                health("startPeriod", 301),
                "Health check startPeriod must be less than or equal to the maximum allowed value 300 for container 'app'",
            ),
            (
                json!({"app": {"healthCheck": {"command": []}}}),
                "Health check command must not be empty for container 'app'",
            ),
            (json!({"app": {"startTimeout": -1}}), "Invalid 'startTimeout' setting for container 'app'."),
            (json!({"app": {"stopTimeout": -1}}), "Invalid 'stopTimeout' setting for container 'app'."),
            (json!({"app": {"restartPolicy": {"enabled": true, "restartAttemptPeriod": 59}}}), period),
            (json!({"app": {"restartPolicy": {"enabled": true, "restartAttemptPeriod": 1801}}}), period),
            (
                json!({"app": {"restartPolicy": {"enabled": true, "ignoredExitCodes": codes}}}),
                "The 'ignoredExitCodes' setting for container 'app' must have at most 50 exit codes.",
            ),
            (
                json!({"app": {"ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 1}]}}),
                "Soft limit exceeds hard limit for ulimit nofile",
            ),
            (
                json!({"app": {"ulimits": [{"name": "core", "softLimit": -1, "hardLimit": 1}]}}),
                "Soft limit exceeds hard limit for ulimit core",
            ),
            (
                json!({"app": {"linuxParameters": {"swappiness": 101}}}),
                "Invalid 'swappiness' setting for container 'app'.",
            ),
            (
                json!({"app": {"linuxParameters": {"maxSwap": -1}}}),
                "Invalid 'maxSwap' setting for container 'app'.",
            ),
            (
                json!({"app": {"linuxParameters": {"sharedMemorySize": 0}}}),
                "Invalid 'sharedMemorySize' setting for container 'app'.",
            ),
            (
                json!({"app": {"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 0}]}}}),
                "Invalid 'tmpfs.size' setting for container 'app'.",
            ),
            (
                json!({"app": {"linuxParameters": {"devices": [{"hostPath": ""}]}}}),
                "Device.hostPath should not be null or empty.",
            ),
            (
                json!({"app": {"resourceRequirements": [{"type": "GPU", "value": "0"}]}}),
                "Invalid 'resourceRequirements' setting for container 'app'.",
            ),
            (
                json!({"app": {"resourceRequirements": [{"type": "TPU", "value": "1"}]}}),
                "TPU is not a valid value for resourceRequirements.type. The value must be one of [GPU,InferenceAccelerator]",
            ),
        ],
    );
}

#[test]
fn networks() {
    let ports =
        |network: &str, mappings: Value| json!({"networkMode": network, "app": {"portMappings": mappings}});
    let own = |member: &str, value: Value| json!({"networkMode": "awsvpc", "app": {member: value}});
    refuses(
        &on_ec2(),
        &[
            (
                ports("bridge", json!([{"containerPort": 65_536}])),
                "Invalid 'containerPort' setting for container 'app'.",
            ),
            (ports("bridge", json!([{}])), "Invalid 'containerPort' setting for container 'app'."),
            (
                ports("bridge", json!([{"containerPort": 1, "hostPort": -1}])),
                "Invalid 'hostPort' setting for container 'app'.",
            ),
            (
                ports("bridge", json!([{"containerPort": 1, "containerPortRange": "1-2"}])),
                "Invalid port mapping for container 'app', cannot specify both single port and port range.",
            ),
            (
                ports("bridge", json!([{"containerPortRange": "9-1"}])),
                "Invalid 'containerPortRange' setting for container 'app'.",
            ),
            (
                ports("bridge", json!([{"containerPortRange": "1-65536"}])),
                "Invalid 'containerPortRange' setting for container 'app'.",
            ),
            (
                ports("bridge", json!([{"containerPortRange": "1-2", "hostPort": 1}])),
                "Invalid 'hostPort' setting for container 'app'.",
            ),
            (
                ports("bridge", json!([{"containerPort": 1, "appProtocol": "tcp"}])),
                "tcp is not a valid value for appProtocol. The value must be one of [http,http2,grpc]",
            ),
            (
                ports("bridge", json!([{"containerPort": 1, "name": "Web"}])),
                "Invalid port mapping name for container 'app'.",
            ),
            (
                ports("awsvpc", json!([{"containerPort": 1, "hostPort": 2}])),
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
            ),
            (
                ports("host", json!([{"containerPort": 1, "hostPort": 0}])),
                "When networkMode=host, the host ports and container ports in port mappings must match.",
            ),
            (
                ports("none", json!([{"containerPort": 1}])),
                "Port mappings are not supported when networkMode=none.",
            ),
            (
                ports("awsvpc", json!([{"containerPort": 85}, {"containerPort": 85}])),
                "TCP container port '85' is used multiple times in task when networkMode=awsvpc.",
            ),
            (
                ports(
                    "awsvpc",
                    json!([{"containerPort": 1, "name": "w"}, {"containerPort": 2, "name": "w"}]),
                ),
                "When networkMode=awsvpc, port mapping name is already used",
            ),
            (own("links", json!(["app"])), "Links are not supported when networkMode=awsvpc."),
            (
                json!({"networkMode": "host", "app": {"links": ["app"]}}),
                "Links are not supported when networkMode=host.",
            ),
            (own("hostname", json!("h")), "hostname is not supported on container when networkMode=awsvpc."),
            (
                own("extraHosts", json!([{"hostname": "h", "ipAddress": "1.2.3.4"}])),
                "Extra hosts are not supported on container when networkMode=awsvpc.",
            ),
            (
                own("dnsServers", json!(["1.1.1.1"])),
                "DNS servers are not supported on container when networkMode=awsvpc.",
            ),
            (
                own("dnsSearchDomains", json!(["a.b"])),
                "DNS search domains are not supported on container when networkMode=awsvpc.",
            ),
            (
                own("disableNetworking", json!(true)),
                "Disable Networking is not supported on container when networkMode=awsvpc.",
            ),
            (json!({"app": {"links": ["db:database"]}}), "Invalid 'links' setting. Unknown container: 'db'."),
            (
                json!({"app": {"links": ["b"]}, "others": [{"name": "b", "links": ["app"]}]}),
                "Container links should not have a cycle",
            ),
        ],
    );
}

#[test]
fn volumes() {
    let volume = |settings: Value| json!({"volumes": [with(json!({"name": "v"}), &settings)]});
    let efs = |settings: Value| {
        volume(json!({"efsVolumeConfiguration": with(json!({"fileSystemId": "fs-1"}), &settings)}))
    };
    refuses(
        &on_ec2(),
        &[
            (json!({"volumes": [{}]}), "Volume.name should not be null or empty."),
            (json!({"volumes": [{"name": "a b"}]}), "Volume.name contains invalid characters."),
            (
                json!({"volumes": [{"name": "v"}, {"name": "v"}]}),
                "Volume names must be unique within a task definition",
            ),
            (volume(json!({"host": {"sourcePath": ""}})), "host.sourcePath should not be blank."),
            (
                volume(json!({"host": {"sourcePath": "/a"}, "dockerVolumeConfiguration": {}})),
                "Only one volume configuration can be specified for volume 'v'.",
            ),
            (
                volume(json!({"dockerVolumeConfiguration": {"scope": "x"}})),
                "x is not a valid value for dockerVolumeConfiguration.scope. The value must be one of [task,shared]",
            ),
            (
                volume(json!({"configuredAtLaunch": true})),
                "Volumes [v] are not referenced by any of the containers",
            ),
            (
                volume(json!({"efsVolumeConfiguration": {}})),
                "EFSVolumeConfiguration.fileSystemId should not be null or empty.",
            ),
            (
                efs(json!({"transitEncryptionPort": 2049})),
                "TransitEncryptionPort requires that TransitEncryption is enabled.",
            ),
            (
                efs(json!({"authorizationConfig": {"iam": "ENABLED"}})),
                "EFS IAM authorization requires TransitEncryption to be enabled.",
            ),
            (
                efs(json!({"rootDirectory": "/a", "authorizationConfig": {"accessPointId": "fsap-1"}})),
                "When using an EFS access point, the root directory must either be set to \"/\" or be omitted.",
            ),
            (
                json!({"app": {"mountPoints": [{"sourceVolume": "nope", "containerPath": "/a"}]}}),
                "Unknown volume 'nope'.",
            ),
            (
                json!({"app": {"mountPoints": [{"containerPath": "/a"}]}}),
                "MountPoint.sourceVolume should not be null or empty.",
            ),
            (
                json!({"volumes": [{"name": "v"}], "app": {"mountPoints": [{"sourceVolume": "v"}]}}),
                "MountPoint.containerPath should not be null or empty.",
            ),
            (
                json!({"app": {"volumesFrom": [{"sourceContainer": "nope"}]}}),
                "Invalid 'volumesFrom' setting. Unknown container: 'nope'.",
            ),
            (
                json!({"app": {"volumesFrom": [{"sourceContainer": "app"}]}}),
                "Container volumesFrom should not have a cycle",
            ),
        ],
    );
}

#[test]
fn dependencies() {
    let on = |name: &str, condition: &str| json!([{"containerName": name, "condition": condition}]);
    let ends = "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container";
    let cycle = "Container dependencies should not have a cycle";
    let pair = |own: Value, other: Value| json!({"app": {"dependsOn": own}, "others": [{"name": "b", "dependsOn": other}]});
    refuses(
        &on_ec2(),
        &[
            (
                json!({"app": {"dependsOn": on("nope", "START")}}),
                "Cannot depend on container + 'nope' because it does not exist",
            ),
            (
                pair(on("b", "HEALTHY"), json!([])),
                "A dependency container with HEALTHY condition must have health check configured",
            ),
            (pair(on("b", "SUCCESS"), json!([])), ends),
            (pair(on("b", "COMPLETE"), json!([])), ends),
            (pair(on("b", "START"), on("app", "START")), cycle),
            (pair(on("app", "START"), json!([])), cycle),
        ],
    );
}

#[test]
fn secrets_and_files() {
    let no_role =
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.";
    let with_role = |app: Value| json!({"executionRoleArn": "reader", "app": app});
    let secret = |from: &str| with_role(json!({"secrets": [{"name": "KEY", "valueFrom": from}]}));
    let bad = "The Systems Manager parameter name specified for secret KEY is invalid.";
    let taken = "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'KEY'.";
    let key = json!({"name": "KEY", "valueFrom": "/a"});
    let files: Vec<_> = (0..11).map(|_| json!({"type": "s3", "value": "arn:aws:s3:::b/a.env"})).collect();
    refuses(
        &on_ec2(),
        &[
            (json!({"app": {"secrets": [key]}}), no_role),
            (json!({"app": {"logConfiguration": {"logDriver": "splunk", "secretOptions": [key]}}}), no_role),
            (secret("{{ arn }}"), bad),
            (secret("arn:aws:secretsmanager:region:account:secret:s"), bad),
            (secret("arn:aws:s3:::bucket"), bad),
            (
                with_role(json!({"secrets": [{"valueFrom": "/a"}]})),
                "Secret.name should not be null or empty.",
            ),
            (with_role(json!({"secrets": [key, key]})), taken),
            (with_role(json!({"secrets": [key], "environment": [{"name": "KEY", "value": "v"}]})), taken),
            (
                json!({"app": {"environmentFiles": [{"type": "s3", "value": "s3://b/a.env"}]}}),
                "Invalid arn syntax.",
            ),
            (
                json!({"app": {"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b"}]}}),
                "Invalid arn syntax.",
            ),
            (
                json!({"app": {"environmentFiles": files}}),
                "The maximum number of environment files was exceeded. Specify ten or less and try again.",
            ),
        ],
    );
}

#[test]
fn logs() {
    let log = |driver: &str, options: Value| json!({"app": {"logConfiguration": {"logDriver": driver, "options": options}}});
    refuses(
        &on_ec2(),
        &[
            (
                log("logentries", json!({})),
                "logentries is not a valid value for logDriver. The value must be one of [json-file,syslog,journald,gelf,fluentd,awslogs,splunk,awsfirelens]",
            ),
            (
                log("awslogs", json!({"awslogs-region": "r"})),
                "Log driver awslogs requires options: awslogs-group",
            ),
            (log("awslogs", json!({})), "Log driver awslogs requires options: awslogs-region, awslogs-group"),
            (
                log("awsfirelens", json!({})),
                "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers.",
            ),
            (
                json!({"app": {"firelensConfiguration": {"type": "fluentbit"}}}),
                "When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver",
            ),
            (
                json!({"app": {"firelensConfiguration": {"type": "vector"}}}),
                "vector is not a valid value for firelensConfiguration.type. The value must be one of [fluentd,fluentbit]",
            ),
        ],
    );
}

#[test]
fn fargate() {
    let log =
        |driver: &str, options: Value| json!({"logConfiguration": {"logDriver": driver, "options": options}});
    let awslogs = json!({"awslogs-region": "r", "awslogs-group": "g"});
    let router = json!({"type": "fluentbit", "options": {"config-file-type": "s3"}});
    let linux = |member: &str, value: Value| json!({"app": {"linuxParameters": {member: value}}});
    let not = |member: &'static str| format!("Fargate compatible task definitions do not support {member}");
    let missing = |cpu: u32, memory: u32| {
        format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )
    };
    let windows = json!({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"});
    let timeout =
        "Invalid 'stopTimeout' setting for container 'app'. Fargate requires a value between 2 and 120.";
    refuses(
        &on_fargate(),
        &[
            (json!({"networkMode": null}), "Fargate only supports network mode ‘awsvpc’."),
            (json!({"networkMode": "bridge"}), "Fargate only supports network mode ‘awsvpc’."),
            (json!({"cpu": null}), "Fargate requires that 'cpu' be defined at the task level."),
            (
                json!({"memory": null, "app": {"memory": 64}}),
                "Fargate requires that 'memory' be defined at the task level.",
            ),
            (json!({"cpu": "1 vCPU", "memory": "1 GB"}), &missing(1024, 1024)),
            (json!({"memory": "1536"}), &missing(256, 1536)),
            (json!({"cpu": "300"}), &missing(300, 512)),
            (json!({"runtimePlatform": windows}), &missing(256, 512)),
            (
                json!({"placementConstraints": [{"type": "memberOf", "expression": "attribute:a == b"}]}),
                &not("constraints"),
            ),
            (
                json!({"pidMode": "host"}),
                "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.",
            ),
            (json!({"ipcMode": "task"}), &not("ipcMode")),
            (json!({"volumes": [{"name": "v", "host": {"sourcePath": "/a"}}]}), &not("sourcePath")),
            (
                json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {}}]}),
                &not("dockerVolumeConfiguration"),
            ),
            (
                json!({"app": {"privileged": true}}),
                "Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.",
            ),
            (
                json!({"app": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}}),
                "Tasks using the Fargate launch type do not support GPU resource requirements.",
            ),
            (json!({"app": {"dockerSecurityOptions": ["label:x"]}}), &not("dockerSecurityOptions")),
            (linux("devices", json!([{"hostPath": "/dev/x"}])), &not("devices")),
            (linux("sharedMemorySize", json!(64)), &not("sharedMemorySize")),
            (linux("maxSwap", json!(0)), &not("maxSwap")),
            (linux("swappiness", json!(0)), &not("swappiness")),
            (
                linux("capabilities", json!({"add": ["SYS_PTRACE", "NET_ADMIN"]})),
                "NET_ADMIN is not allowed on Fargate.",
            ),
            (json!({"app": {"stopTimeout": 121}}), timeout),
            (
                json!({"app": {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a"}}),
                "Fargate requires task definition to have execution role ARN to support ECR images.",
            ),
            (
                json!({"app": log("awslogs", awslogs.clone())}),
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            ),
            (
                json!({"executionRoleArn": "r", "app": log("awslogs", awslogs)}),
                "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.",
            ),
            (
                json!({"app": log("syslog", json!({}))}),
                "Fargate only supports log driver(s) awslogs, splunk, awsfirelens.",
            ),
            (
                json!({"app": log("awsfirelens", json!({})), "others": [{"name": "router", "firelensConfiguration": router}]}),
                "Fargate launch type does not support FirelensConfiguration config file from 's3'",
            ),
        ],
    );
}

#[test]
fn other_launch_types() {
    let requires =
        |launch_type: &str, change: Value| with(json!({"requiresCompatibilities": [launch_type]}), &change);
    refuses(
        &on_ec2(),
        &[
            (
                requires("EXTERNAL", json!({"networkMode": "awsvpc"})),
                "Tasks using the EXTERNAL launch type do not support network mode 'awsvpc'.",
            ),
            (
                requires("MANAGED_INSTANCES", json!({})),
                "Tasks using the MANAGED_INSTANCES launch type do not support network modes other than 'awsvpc' and 'host'.",
            ),
            (
                requires("MANAGED_INSTANCES", json!({"networkMode": "host"})),
                "MANAGED_INSTANCES requires that 'cpu' be defined at the task level.",
            ),
        ],
    );
}

#[test]
fn tags() {
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: Some(value.to_owned()) };
    let bare = Tag { key: "Größe".to_owned(), value: None };
    assert_eq!(
        check_tags(&[tag("a:b/c@d", "+-=._:/@ x"), bare, tag(&"k".repeat(128), &"v".repeat(256))]),
        Ok(())
    );
    let many: Vec<_> = (0..51).map(|number| tag(&number.to_string(), "")).collect();
    assert_eq!(check_tags(&many[..50]), Ok(()));
    let cases = [
        (many, "The number of tags exceeds the limit of 50."),
        (vec![tag("", "v")], "Tag key can not be blank."),
        (vec![tag(&"k".repeat(129), "v")], "Tag key longer than 128."),
        (vec![tag("a\"b", "v")], "Tag key 'a\"b' contains invalid characters."),
        (vec![tag("AWS:x", "v")], "Tag keys cannot start with the reserved prefix aws:"),
        (vec![tag("k", &"v".repeat(257))], "Tag value for key 'k' longer than 256."),
        (vec![tag("k", "\n")], "Tag value for key 'k' contains invalid characters."),
        (vec![tag("k", "1"), tag("k", "2")], "Tag keys must be unique. Duplicate key: 'k'."),
    ];
    for (tags, sentence) in cases {
        assert_eq!(check_tags(&tags), Err(Fault::invalid(sentence)));
    }
}
