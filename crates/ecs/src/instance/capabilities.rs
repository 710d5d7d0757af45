//! The capabilities of the agent that is built in here: what a real agent says of itself when it registers.
//!
//! The list is the ECS agent's own (agent/app/agent_capability.go) for Linux with Docker, without EBS, GPUs, gMSA and
//! trunking, which there is nothing for on one machine.

use longshore_model::placement::Attribute;

const OF_AGENT: [&str; 36] = [
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-restart-policy",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.ecr-endpoint",
    "ecs.capability.efs",
    "ecs.capability.efsAuth",
    "ecs.capability.env-files.s3",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.firelens.fluentbit",
    "ecs.capability.firelens.fluentd",
    "ecs.capability.firelens.options.config.file",
    "ecs.capability.firelens.options.config.s3",
    "ecs.capability.full-sync",
    "ecs.capability.network.container-port-range",
    "ecs.capability.pid-ipc-namespace-sharing",
    "ecs.capability.private-registry-authentication.secretsmanager",
    "ecs.capability.secrets.asm.bootstrap.log-driver",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.bootstrap.log-driver",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.storage.s3-files",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.logging-driver.awsfirelens",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.logging-driver.fluentd",
    "com.amazonaws.ecs.capability.logging-driver.journald",
    "com.amazonaws.ecs.capability.logging-driver.json-file",
    "com.amazonaws.ecs.capability.logging-driver.none",
    "com.amazonaws.ecs.capability.logging-driver.syslog",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.task-iam-role-network-host",
];

/// Versions of Docker's API that an agent names one by one: 1.17 to 1.32.
const DOCKER_API_VERSIONS: std::ops::RangeInclusive<u32> = 17..=32;

/// An instance's attributes, with the built-in agent's capabilities where no agent named its own: whoever registers an
/// instance by hand has no agent that would.
pub(super) fn with_agent(mut given: Vec<Attribute>) -> Vec<Attribute> {
    if given.iter().any(|attribute| attribute.name.contains("ecs.capability.")) {
        return given;
    }
    let attribute = |name: String| Attribute { name, value: None, target_type: None, target_id: None };
    given.extend(OF_AGENT.map(|name| attribute(name.to_owned())));
    given.extend(
        DOCKER_API_VERSIONS
            .map(|minor| attribute(format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}"))),
    );
    given
}
