//! One line per rule: a change to a valid definition, and ECS's sentence for it.

use longshore_ecs::fault::Fault;
use longshore_ecs::register::{check_tags, register};
use longshore_model::tag::Tag;
use longshore_model::task_definition::TaskSpec;
use serde_json::{Value, json};

use super::support::{on_ec2, on_fargate, try_register, with};

/// Lines of `CHANGE => SENTENCE`, the change as in [`with`].
fn refuses(definition: &Value, lines: &str) {
    for line in lines.trim().lines() {
        let (change, sentence) = line.split_once(" => ").expect("CHANGE => SENTENCE");
        refuses_one(definition, &serde_json::from_str(change).expect(line), sentence);
    }
}

fn refuses_one(definition: &Value, change: &Value, sentence: &str) {
    let outcome = try_register(&with(definition.clone(), change)).map(|registered| registered.spec);
    assert_eq!(outcome, Err(sentence.to_owned()), "{change}");
}

#[test]
fn names_and_words() {
    refuses(
        &on_ec2(),
        r#"
{"family": ""} => Family can not be blank.
{"family": null} => Family can not be blank.
{"family": "a b"} => Family contains invalid characters.
{"containerDefinitions": []} => Container list cannot be empty.
{"app": {"name": null}} => Container.name should not be null or empty.
{"app": {"name": "a.b"}} => Container.name contains invalid characters.
{"others": [{"name": "app"}]} => Container names must be unique within a task definition.
{"app": {"image": ""}} => Container.image should not be null or empty.
{"app": {"image": "$IMAGE:$TAG"}} => Container.image contains invalid characters.
{"app": {"image": "nginx@sha256:12"}} => Container.image contains invalid characters.
{"app": {"essential": false}} => Task definition doesn't have any essential container
{"pidMode": ""} =>  is not a valid value for pidMode. The value must be one of [task,host]
{"ipcMode": "x"} => x is not a valid value for ipcMode. The value must be one of [task,host,none]
{"requiresCompatibilities": ["ECS"]} => ECS is not a valid value for requiresCompatibilities. The value must be one of [EXTERNAL,EC2,FARGATE,MANAGED_INSTANCES]
{"runtimePlatform": {"cpuArchitecture": "arm"}} => arm is not a valid value for cpuArchitecture. The value must be one of [X86_64,ARM64]
{"taskRoleArn": ""} => Role is not valid
{"executionRoleArn": "arn:aws:iam::<account>:role/r"} => Role is not valid
{"executionRoleArn": "arn:aws:iam::123456789012:user/u"} => Role is not valid
{"executionRoleArn": "$ROLE"} => Role is not valid
{"app": {"versionConsistency": ""}} =>  is not a valid value for versionConsistency. The value must be one of [enabled,disabled]
{"app": {"environment": [{"value": "x"}]}} => Container.environment.name should not be null or empty.
{"placementConstraints": [{"type": "distinctInstance"}]} => constraint.type 'distinctInstance' is not supported.
{"proxyConfiguration": {"containerName": "envoy"}} => Proxy container [envoy] does not exist
{"inferenceAccelerators": [{"deviceName": "d", "deviceType": "t"}]} => Unsupported field 'inferenceAccelerators'
{"ephemeralStorage": {"sizeInGiB": 20}} => EphemeralStorage size should be at least 21
{"ephemeralStorage": {"sizeInGiB": 201}} => EphemeralStorage size should be at most 200
{"ephemeralStorage": {"sizeInGiB": 30}, "requiresCompatibilities": ["EC2"]} => Tasks using the EC2 launch type do not support EphemeralStorage.
"#,
    );
    let long = "x".repeat(256);
    let many: Vec<_> = (0..10).map(|number| json!({"name": format!("c{number}")})).collect();
    refuses_one(&on_ec2(), &json!({"family": long}), "Family contains invalid characters.");
    refuses_one(&on_ec2(), &json!({"app": {"image": long}}), "Container.image contains invalid characters.");
    refuses_one(&on_ec2(), &json!({"others": many}), "Too many containers.");
}

#[test]
fn sizes() {
    refuses(
        &on_ec2(),
        r#"
{"cpu": ""} => Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
{"cpu": "$CPU"} => Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
{"cpu": "127"} => Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
{"cpu": "193 vCPU"} => Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
{"memory": "1 TB"} => Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
{"memory": "0"} => Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.
{"app": {"memory": null}} => Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified.
{"app": {"memory": 3}} => Invalid 'memory' setting for container 'app'.
{"app": {"memoryReservation": 129}} => Invalid setting for container 'app'. 'memory' must be greater than or equal to 'memoryReservation'.
{"memory": "64"} => The 'memory' setting for container 'app' is greater than for the task.
{"app": {"memory": null, "memoryReservation": 65}, "memory": "64"} => The 'memoryReservation' setting for container 'app' is greater than for the task.
{"app": {"cpu": -1}} => Invalid 'cpu' setting for container 'app'.
{"app": {"cpu": 200}, "cpu": "0.25 vCPU", "others": [{"cpu": 57, "name": "b"}]} => The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.
"#,
    );
    let spec: TaskSpec = serde_json::from_value(on_ec2()).unwrap();
    let message = "Actual length: '65537'. Max allowed length is '65536' bytes.";
    assert_eq!(register(spec.clone(), 65_537), Err(Fault::client(message)));
    assert!(register(spec, 65_536).is_ok());
}

#[test]
fn containers() {
    refuses(
        &on_ec2(),
        r#"
{"app": {"healthCheck": {"command": ["CMD", "true"], "interval": 4}}} => Health check interval must be greater than or equal to the minimum allowed value 5 for container 'app'
{"app": {"healthCheck": {"command": ["CMD", "true"], "interval": 301}}} => Health check interval must be less than or equal to the maximum allowed value 300 for container 'app'
{"app": {"healthCheck": {"command": ["CMD", "true"], "timeout": 61}}} => Health check timeout must be less than or equal to the maximum allowed value 60 for container 'app'
{"app": {"healthCheck": {"command": ["CMD", "true"], "retries": 0}}} => Health check retries must be greater than or equal to the minimum allowed value 1 for container 'app'
{"app": {"healthCheck": {"command": ["CMD", "true"], "startPeriod": 301}}} => Health check startPeriod must be less than or equal to the maximum allowed value 300 for container 'app'
{"app": {"healthCheck": {"command": []}}} => Health check command must not be empty for container 'app'
{"app": {"startTimeout": -1}} => Invalid 'startTimeout' setting for container 'app'.
{"app": {"stopTimeout": -1}} => Invalid 'stopTimeout' setting for container 'app'.
{"app": {"restartPolicy": {"enabled": true, "restartAttemptPeriod": 59}}} => The 'restartAttemptPeriod' setting for container 'app' must be between 60 and 1800.
{"app": {"restartPolicy": {"enabled": true, "restartAttemptPeriod": 1801}}} => The 'restartAttemptPeriod' setting for container 'app' must be between 60 and 1800.
{"app": {"ulimits": [{"hardLimit": 1, "name": "nofile", "softLimit": 2}]}} => Soft limit exceeds hard limit for ulimit nofile
{"app": {"ulimits": [{"hardLimit": 1, "name": "core", "softLimit": -1}]}} => Soft limit exceeds hard limit for ulimit core
{"app": {"linuxParameters": {"swappiness": 101}}} => Invalid 'swappiness' setting for container 'app'.
{"app": {"linuxParameters": {"maxSwap": -1}}} => Invalid 'maxSwap' setting for container 'app'.
{"app": {"linuxParameters": {"sharedMemorySize": 0}}} => Invalid 'sharedMemorySize' setting for container 'app'.
{"app": {"linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 0}]}}} => Invalid 'tmpfs.size' setting for container 'app'.
{"app": {"linuxParameters": {"devices": [{"hostPath": ""}]}}} => Device.hostPath should not be null or empty.
{"app": {"resourceRequirements": [{"type": "GPU", "value": "0"}]}} => Invalid 'resourceRequirements' setting for container 'app'.
{"app": {"resourceRequirements": [{"type": "TPU", "value": "1"}]}} => TPU is not a valid value for resourceRequirements.type. The value must be one of [GPU,InferenceAccelerator]
"#,
    );
    let codes: Vec<_> = (0..51).collect();
    let change = json!({"app": {"restartPolicy": {"enabled": true, "ignoredExitCodes": codes}}});
    let sentence = "The 'ignoredExitCodes' setting for container 'app' must have at most 50 exit codes.";
    refuses_one(&on_ec2(), &change, sentence);
}

#[test]
fn networks() {
    refuses(
        &on_ec2(),
        r#"
{"app": {"portMappings": [{"containerPort": 65536}]}, "networkMode": "bridge"} => Invalid 'containerPort' setting for container 'app'.
{"app": {"portMappings": [{}]}, "networkMode": "bridge"} => Invalid 'containerPort' setting for container 'app'.
{"app": {"portMappings": [{"containerPort": 1, "hostPort": -1}]}, "networkMode": "bridge"} => Invalid 'hostPort' setting for container 'app'.
{"app": {"portMappings": [{"containerPort": 1, "containerPortRange": "1-2"}]}, "networkMode": "bridge"} => Invalid port mapping for container 'app', cannot specify both single port and port range.
{"app": {"portMappings": [{"containerPortRange": "9-1"}]}, "networkMode": "bridge"} => Invalid 'containerPortRange' setting for container 'app'.
{"app": {"portMappings": [{"containerPortRange": "1-65536"}]}, "networkMode": "bridge"} => Invalid 'containerPortRange' setting for container 'app'.
{"app": {"portMappings": [{"containerPortRange": "1-2", "hostPort": 1}]}, "networkMode": "bridge"} => Invalid 'hostPort' setting for container 'app'.
{"app": {"portMappings": [{"appProtocol": "tcp", "containerPort": 1}]}, "networkMode": "bridge"} => tcp is not a valid value for appProtocol. The value must be one of [http,http2,grpc]
{"app": {"portMappings": [{"containerPort": 1, "name": "Web"}]}, "networkMode": "bridge"} => Invalid port mapping name for container 'app'.
{"app": {"portMappings": [{"containerPort": 1, "hostPort": 2}]}, "networkMode": "awsvpc"} => When networkMode=awsvpc, the host ports and container ports in port mappings must match.
{"app": {"portMappings": [{"containerPort": 1, "hostPort": 0}]}, "networkMode": "host"} => When networkMode=host, the host ports and container ports in port mappings must match.
{"app": {"portMappings": [{"containerPort": 1}]}, "networkMode": "none"} => Port mappings are not supported when networkMode=none.
{"app": {"portMappings": [{"containerPort": 85}, {"containerPort": 85}]}, "networkMode": "awsvpc"} => TCP container port '85' is used multiple times in task when networkMode=awsvpc.
{"app": {"portMappings": [{"containerPort": 1, "name": "w"}, {"containerPort": 2, "name": "w"}]}, "networkMode": "awsvpc"} => When networkMode=awsvpc, port mapping name is already used
{"app": {"links": ["app"]}, "networkMode": "awsvpc"} => Links are not supported when networkMode=awsvpc.
{"app": {"links": ["app"]}, "networkMode": "host"} => Links are not supported when networkMode=host.
{"app": {"hostname": "h"}, "networkMode": "awsvpc"} => hostname is not supported on container when networkMode=awsvpc.
{"app": {"extraHosts": [{"hostname": "h", "ipAddress": "1.2.3.4"}]}, "networkMode": "awsvpc"} => Extra hosts are not supported on container when networkMode=awsvpc.
{"app": {"dnsServers": ["1.1.1.1"]}, "networkMode": "awsvpc"} => DNS servers are not supported on container when networkMode=awsvpc.
{"app": {"dnsSearchDomains": ["a.b"]}, "networkMode": "awsvpc"} => DNS search domains are not supported on container when networkMode=awsvpc.
{"app": {"disableNetworking": true}, "networkMode": "awsvpc"} => Disable Networking is not supported on container when networkMode=awsvpc.
{"app": {"links": ["db:database"]}} => Invalid 'links' setting. Unknown container: 'db'.
{"app": {"links": ["b"]}, "others": [{"links": ["app"], "name": "b"}]} => Container links should not have a cycle
"#,
    );
}

#[test]
fn volumes() {
    refuses(
        &on_ec2(),
        r#"
{"volumes": [{}]} => Volume.name should not be null or empty.
{"volumes": [{"name": "a b"}]} => Volume.name contains invalid characters.
{"volumes": [{"name": "v"}, {"name": "v"}]} => Volume names must be unique within a task definition
{"volumes": [{"host": {"sourcePath": ""}, "name": "v"}]} => host.sourcePath should not be blank.
{"volumes": [{"dockerVolumeConfiguration": {}, "host": {"sourcePath": "/a"}, "name": "v"}]} => Only one volume configuration can be specified for volume 'v'.
{"volumes": [{"dockerVolumeConfiguration": {"scope": "x"}, "name": "v"}]} => x is not a valid value for dockerVolumeConfiguration.scope. The value must be one of [task,shared]
{"volumes": [{"configuredAtLaunch": true, "name": "v"}]} => Volumes [v] are not referenced by any of the containers
{"volumes": [{"efsVolumeConfiguration": {}, "name": "v"}]} => EFSVolumeConfiguration.fileSystemId should not be null or empty.
{"volumes": [{"efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryptionPort": 2049}, "name": "v"}]} => TransitEncryptionPort requires that TransitEncryption is enabled.
{"volumes": [{"efsVolumeConfiguration": {"authorizationConfig": {"iam": "ENABLED"}, "fileSystemId": "fs-1"}, "name": "v"}]} => EFS IAM authorization requires TransitEncryption to be enabled.
{"volumes": [{"efsVolumeConfiguration": {"authorizationConfig": {"accessPointId": "fsap-1"}, "fileSystemId": "fs-1", "rootDirectory": "/a"}, "name": "v"}]} => When using an EFS access point, the root directory must either be set to "/" or be omitted.
{"app": {"mountPoints": [{"containerPath": "/a", "sourceVolume": "nope"}]}} => Unknown volume 'nope'.
{"app": {"mountPoints": [{"containerPath": "/a"}]}} => MountPoint.sourceVolume should not be null or empty.
{"app": {"mountPoints": [{"sourceVolume": "v"}]}, "volumes": [{"name": "v"}]} => MountPoint.containerPath should not be null or empty.
{"app": {"volumesFrom": [{"sourceContainer": "nope"}]}} => Invalid 'volumesFrom' setting. Unknown container: 'nope'.
{"app": {"volumesFrom": [{"sourceContainer": "app"}]}} => Container volumesFrom should not have a cycle
"#,
    );
}

#[test]
fn dependencies() {
    refuses(
        &on_ec2(),
        r#"
{"app": {"dependsOn": [{"condition": "START", "containerName": "nope"}]}} => Cannot depend on container + 'nope' because it does not exist
{"app": {"dependsOn": [{"condition": "HEALTHY", "containerName": "b"}]}, "others": [{"dependsOn": [], "name": "b"}]} => A dependency container with HEALTHY condition must have health check configured
{"app": {"dependsOn": [{"condition": "SUCCESS", "containerName": "b"}]}, "others": [{"dependsOn": [], "name": "b"}]} => A dependency container with SUCCESS or COMPLETE condition cannot be an essential container
{"app": {"dependsOn": [{"condition": "COMPLETE", "containerName": "b"}]}, "others": [{"dependsOn": [], "name": "b"}]} => A dependency container with SUCCESS or COMPLETE condition cannot be an essential container
{"app": {"dependsOn": [{"condition": "START", "containerName": "b"}]}, "others": [{"dependsOn": [{"condition": "START", "containerName": "app"}], "name": "b"}]} => Container dependencies should not have a cycle
{"app": {"dependsOn": [{"condition": "START", "containerName": "app"}]}, "others": [{"dependsOn": [], "name": "b"}]} => Container dependencies should not have a cycle
"#,
    );
}

#[test]
fn secrets_and_files() {
    refuses(
        &on_ec2(),
        r#"
{"app": {"secrets": [{"name": "KEY", "valueFrom": "/a"}]}} => When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.
{"app": {"logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "KEY", "valueFrom": "/a"}]}}} => When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.
{"app": {"secrets": [{"name": "KEY", "valueFrom": "{{ arn }}"}]}, "executionRoleArn": "reader"} => The Systems Manager parameter name specified for secret KEY is invalid.
{"app": {"secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:region:${ACCOUNT}:secret:s"}]}, "executionRoleArn": "reader"} => The Systems Manager parameter name specified for secret KEY is invalid.
{"app": {"secrets": [{"name": "KEY", "valueFrom": "arn:aws:s3:::bucket"}]}, "executionRoleArn": "reader"} => The Systems Manager parameter name specified for secret KEY is invalid.
{"app": {"secrets": [{"valueFrom": "/a"}]}, "executionRoleArn": "reader"} => Secret.name should not be null or empty.
{"app": {"secrets": [{"name": "KEY", "valueFrom": "/a"}, {"name": "KEY", "valueFrom": "/a"}]}, "executionRoleArn": "reader"} => The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'KEY'.
{"app": {"environment": [{"name": "KEY", "value": "v"}], "secrets": [{"name": "KEY", "valueFrom": "/a"}]}, "executionRoleArn": "reader"} => The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'KEY'.
{"app": {"environmentFiles": [{"type": "s3", "value": "s3://b/a.env"}]}} => Invalid arn syntax.
{"app": {"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b"}]}} => Invalid arn syntax.
"#,
    );
    let files = vec![json!({"type": "s3", "value": "arn:aws:s3:::b/a.env"}); 11];
    let sentence = "The maximum number of environment files was exceeded. Specify ten or less and try again.";
    refuses_one(&on_ec2(), &json!({"app": {"environmentFiles": files}}), sentence);
}

#[test]
fn logs() {
    refuses(
        &on_ec2(),
        r#"
{"app": {"logConfiguration": {"logDriver": "logentries", "options": {}}}} => logentries is not a valid value for logDriver. The value must be one of [json-file,syslog,journald,gelf,fluentd,awslogs,splunk,awsfirelens]
{"app": {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "r"}}}} => Log driver awslogs requires options: awslogs-group
{"app": {"logConfiguration": {"logDriver": "awslogs", "options": {}}}} => Log driver awslogs requires options: awslogs-region, awslogs-group
{"app": {"logConfiguration": {"logDriver": "awsfirelens", "options": {}}}} => When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers.
{"app": {"firelensConfiguration": {"type": "fluentbit"}}} => When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver
{"app": {"firelensConfiguration": {"type": "vector"}}} => vector is not a valid value for firelensConfiguration.type. The value must be one of [fluentd,fluentbit]
"#,
    );
}

#[test]
fn fargate() {
    refuses(
        &on_fargate(),
        r#"
{"networkMode": null} => Fargate only supports network mode ‘awsvpc’.
{"networkMode": "bridge"} => Fargate only supports network mode ‘awsvpc’.
{"cpu": null} => Fargate requires that 'cpu' be defined at the task level.
{"app": {"memory": 64}, "memory": null} => Fargate requires that 'memory' be defined at the task level.
{"cpu": "1 vCPU", "memory": "1 GB"} => No Fargate configuration exists for given values: 1024 CPU, 1024 memory. See the Amazon ECS documentation for the valid values.
{"memory": "1536"} => No Fargate configuration exists for given values: 256 CPU, 1536 memory. See the Amazon ECS documentation for the valid values.
{"cpu": "300"} => No Fargate configuration exists for given values: 300 CPU, 512 memory. See the Amazon ECS documentation for the valid values.
{"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}} => No Fargate configuration exists for given values: 256 CPU, 512 memory. See the Amazon ECS documentation for the valid values.
{"placementConstraints": [{"expression": "attribute:a == b", "type": "memberOf"}]} => Fargate compatible task definitions do not support constraints
{"pidMode": "host"} => Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.
{"ipcMode": "task"} => Fargate compatible task definitions do not support ipcMode
{"volumes": [{"host": {"sourcePath": "/a"}, "name": "v"}]} => Fargate compatible task definitions do not support sourcePath
{"volumes": [{"dockerVolumeConfiguration": {}, "name": "v"}]} => Fargate compatible task definitions do not support dockerVolumeConfiguration
{"app": {"privileged": true}} => Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.
{"app": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}} => Tasks using the Fargate launch type do not support GPU resource requirements.
{"app": {"dockerSecurityOptions": ["label:x"]}} => Fargate compatible task definitions do not support dockerSecurityOptions
{"app": {"linuxParameters": {"devices": [{"hostPath": "/dev/x"}]}}} => Fargate compatible task definitions do not support devices
{"app": {"linuxParameters": {"sharedMemorySize": 64}}} => Fargate compatible task definitions do not support sharedMemorySize
{"app": {"linuxParameters": {"maxSwap": 0}}} => Fargate compatible task definitions do not support maxSwap
{"app": {"linuxParameters": {"swappiness": 0}}} => Fargate compatible task definitions do not support swappiness
{"app": {"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE", "NET_ADMIN"]}}}} => NET_ADMIN is not allowed on Fargate.
{"app": {"stopTimeout": 121}} => Invalid 'stopTimeout' setting for container 'app'. Fargate requires a value between 2 and 120.
{"app": {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a"}} => Fargate requires task definition to have execution role ARN to support ECR images.
{"app": {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r"}}}} => Fargate requires task definition to have execution role ARN to support log driver awslogs.
{"app": {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "r"}}}, "executionRoleArn": "r"} => Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.
{"app": {"logConfiguration": {"logDriver": "syslog", "options": {}}}} => Fargate only supports log driver(s) awslogs, splunk, awsfirelens.
{"app": {"logConfiguration": {"logDriver": "awsfirelens", "options": {}}}, "others": [{"firelensConfiguration": {"options": {"config-file-type": "s3"}, "type": "fluentbit"}, "name": "router"}]} => Fargate launch type does not support FirelensConfiguration config file from 's3'
"#,
    );
}

#[test]
fn other_launch_types() {
    refuses(
        &on_ec2(),
        r#"
{"networkMode": "awsvpc", "requiresCompatibilities": ["EXTERNAL"]} => Tasks using the EXTERNAL launch type do not support network mode 'awsvpc'.
{"requiresCompatibilities": ["MANAGED_INSTANCES"]} => Tasks using the MANAGED_INSTANCES launch type do not support network modes other than 'awsvpc' and 'host'.
{"networkMode": "host", "requiresCompatibilities": ["MANAGED_INSTANCES"]} => MANAGED_INSTANCES requires that 'cpu' be defined at the task level.
"#,
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
