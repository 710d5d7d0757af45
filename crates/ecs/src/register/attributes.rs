//! `requiresAttributes`: what an instance's agent must be able to do, concluded from what the definition uses.
//!
//! ECS does not publish the mapping; this one is what real DescribeTaskDefinition answers have in common.

use std::collections::BTreeSet;

use longshore_model::container_definition::{ContainerDefinition, HealthCheck, Secret};
use longshore_model::network::NetworkMode;
use longshore_model::placement::Attribute;
use longshore_model::task_definition::{EfsVolume, TaskSpec, Volume};

use super::checks::each;
use super::logging::{AWSLOGS, FIRELENS, driver, has_option};

/// An attribute and when it is required.
type Rule = (&'static str, fn(&TaskSpec) -> bool);

const TASK_RULES: &[Rule] = &[
    ("com.amazonaws.ecs.capability.task-iam-role", |spec| has_task_role(spec) && !is_host(spec)),
    ("com.amazonaws.ecs.capability.task-iam-role-network-host", |spec| has_task_role(spec) && is_host(spec)),
    ("ecs.capability.execution-role-awslogs", |spec| has_execution_role(spec) && any(spec, uses_awslogs)),
    ("ecs.capability.execution-role-ecr-pull", |spec| has_execution_role(spec) && any(spec, uses_ecr)),
    ("ecs.capability.task-eni", is_awsvpc),
    ("ecs.capability.aws-appmesh", |spec| spec.proxy_configuration.is_some()),
    ("ecs.capability.pid-ipc-namespace-sharing", |spec| spec.pid_mode.is_some() || spec.ipc_mode.is_some()),
    ("ecs.capability.extensible-ephemeral-storage", |spec| spec.ephemeral_storage.is_some()),
    ("ecs.capability.fault-injection", |spec| spec.enable_fault_injection == Some(true)),
    ("ecs.capability.efs", |spec| any_efs(spec, |_| true)),
    ("ecs.capability.efsAuth", |spec| any_efs(spec, needs_efs_helper)),
    ("ecs.capability.storage.s3-files", |spec| {
        any_volume(spec, |v| v.s3_files_volume_configuration.is_some())
    }),
    ("ecs.capability.storage.ebs-task-volume-attach", |spec| {
        any_volume(spec, |volume| volume.configured_at_launch == Some(true))
    }),
    ("ecs.capability.fsxWindowsFileServer", |spec| {
        any_volume(spec, |volume| volume.fsx_windows_file_server_volume_configuration.is_some())
    }),
];

const CONTAINER_RULES: &[Rule] = &[
    ("com.amazonaws.ecs.capability.ecr-auth", |spec| any(spec, uses_ecr)),
    ("com.amazonaws.ecs.capability.privileged-container", |spec| any(spec, |c| c.privileged == Some(true))),
    ("com.amazonaws.ecs.capability.selinux", |spec| any(spec, |c| has_security_option(c, "label:"))),
    ("com.amazonaws.ecs.capability.apparmor", |spec| any(spec, |c| has_security_option(c, "apparmor:"))),
    ("ecs.capability.container-health-check", |spec| any(spec, |c| c.health_check.is_some())),
    ("ecs.capability.container-ordering", |spec| any(spec, is_ordered)),
    ("ecs.capability.container-restart-policy", |spec| any(spec, |c| c.restart_policy.is_some())),
    ("ecs.capability.network.container-port-range", |spec| any(spec, has_port_range)),
    ("ecs.capability.env-files.s3", |spec| any(spec, |c| has(c.environment_files.as_ref()))),
    ("ecs.capability.gmsa", |spec| any(spec, |c| has(c.credential_specs.as_ref()))),
    ("ecs.capability.private-registry-authentication.secretsmanager", |spec| {
        any(spec, |container| container.repository_credentials.is_some())
    }),
    ("ecs.capability.secrets.ssm.environment-variables", |spec| {
        any(spec, |c| has_secret(c.secrets.as_ref(), false))
    }),
    ("ecs.capability.secrets.asm.environment-variables", |spec| {
        any(spec, |c| has_secret(c.secrets.as_ref(), true))
    }),
    ("ecs.capability.secrets.ssm.bootstrap.log-driver", |spec| {
        any(spec, |c| has_secret(secret_options(c), false))
    }),
    ("ecs.capability.secrets.asm.bootstrap.log-driver", |spec| {
        any(spec, |c| has_secret(secret_options(c), true))
    }),
    ("ecs.capability.firelens.fluentd", |spec| any(spec, |c| is_router(c, "fluentd"))),
    ("ecs.capability.firelens.fluentbit", |spec| any(spec, |c| is_router(c, "fluentbit"))),
    ("ecs.capability.firelens.options.config.file", |spec| any(spec, |c| has_router_config(c, "file"))),
    ("ecs.capability.firelens.options.config.s3", |spec| any(spec, |c| has_router_config(c, "s3"))),
];

/// The Docker API versions that first had what is used.
const DOCKER_RULES: &[Rule] = &[
    ("com.amazonaws.ecs.capability.docker-remote-api.1.17", |spec| {
        any(spec, needs_docker_1_17) || any_volume(spec, |volume| volume.host.is_some())
    }),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.18", |spec| {
        is_awsvpc(spec) || any(spec, needs_docker_1_18)
    }),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.19", |spec| any(spec, needs_docker_1_19)),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.21", |spec| {
        any(spec, |c| c.memory_reservation.is_some())
    }),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.22", |spec| any(spec, needs_docker_1_22)),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.24", |spec| {
        any_check(spec, |h| h.start_period.is_none())
    }),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.25", |spec| {
        any(spec, needs_docker_1_25)
            || any_efs(spec, |_| true)
            || any_volume(spec, |volume| volume.docker_volume_configuration.is_some())
    }),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.28", |spec| {
        any(spec, |c| has_log_option(c, "mode") || has_log_option(c, "max-buffer-size"))
    }),
    ("com.amazonaws.ecs.capability.docker-remote-api.1.29", |spec| {
        any(spec, |c| has_log_option(c, "awslogs-create-group"))
            || any_check(spec, |h| h.start_period.is_some())
    }),
];

/// The attributes that the definition requires, each once.
pub(super) fn required(spec: &TaskSpec) -> Vec<Attribute> {
    let drivers: BTreeSet<_> = spec
        .container_definitions
        .iter()
        .filter_map(driver)
        .map(|driver| format!("com.amazonaws.ecs.capability.logging-driver.{driver}"))
        .collect();
    let plugins: BTreeSet<_> = each(spec.volumes.as_ref())
        .filter_map(|volume| volume.docker_volume_configuration.as_ref()?.driver.as_deref())
        .map(|plugin| format!("ecs.capability.docker-plugin.{}", plugin.replace(':', ".")))
        .collect();
    let rules = [CONTAINER_RULES, DOCKER_RULES, TASK_RULES].into_iter().flatten();
    drivers
        .into_iter()
        .chain(rules.filter(|(_, is_required)| is_required(spec)).map(|(name, _)| (*name).to_owned()))
        .chain(plugins)
        .map(|name| Attribute { name, value: None, target_type: None, target_id: None })
        .collect()
}

/// Whether the image is in a private registry of ECR's.
pub(super) fn is_ecr_image(image: &str) -> bool {
    let registry = image.split('/').next().unwrap_or_default();
    registry.contains(".dkr.ecr.") && registry.contains(".amazonaws.com")
}

fn any(spec: &TaskSpec, holds: fn(&ContainerDefinition) -> bool) -> bool {
    spec.container_definitions.iter().any(holds)
}

fn any_check(spec: &TaskSpec, holds: fn(&HealthCheck) -> bool) -> bool {
    spec.container_definitions.iter().filter_map(|container| container.health_check.as_ref()).any(holds)
}

fn any_volume(spec: &TaskSpec, holds: fn(&Volume) -> bool) -> bool {
    each(spec.volumes.as_ref()).any(holds)
}

fn any_efs(spec: &TaskSpec, holds: fn(&EfsVolume) -> bool) -> bool {
    each(spec.volumes.as_ref()).filter_map(|volume| volume.efs_volume_configuration.as_ref()).any(holds)
}

fn has<T>(list: Option<&Vec<T>>) -> bool {
    each(list).next().is_some()
}

fn has_task_role(spec: &TaskSpec) -> bool {
    spec.task_role_arn.is_some()
}

fn has_execution_role(spec: &TaskSpec) -> bool {
    spec.execution_role_arn.is_some()
}

fn is_awsvpc(spec: &TaskSpec) -> bool {
    spec.network_mode == Some(NetworkMode::Awsvpc)
}

fn is_host(spec: &TaskSpec) -> bool {
    spec.network_mode == Some(NetworkMode::Host)
}

/// Encryption, access points and IAM need the mount helper beside plain NFS.
fn needs_efs_helper(efs: &EfsVolume) -> bool {
    let enabled = |switch: Option<&String>| switch.is_some_and(|switch| switch == "ENABLED");
    let authorization = efs.authorization_config.as_ref();
    enabled(efs.transit_encryption.as_ref())
        || authorization.is_some_and(|auth| auth.access_point_id.is_some() || enabled(auth.iam.as_ref()))
}

fn uses_awslogs(container: &ContainerDefinition) -> bool {
    driver(container) == Some(AWSLOGS)
}

fn uses_ecr(container: &ContainerDefinition) -> bool {
    is_ecr_image(&container.image)
}

fn has_security_option(container: &ContainerDefinition, prefix: &str) -> bool {
    each(container.docker_security_options.as_ref()).any(|option| option.starts_with(prefix))
}

fn is_ordered(container: &ContainerDefinition) -> bool {
    has(container.depends_on.as_ref())
        || container.start_timeout.is_some()
        || container.stop_timeout.is_some()
}

fn has_port_range(container: &ContainerDefinition) -> bool {
    each(container.port_mappings.as_ref()).any(|mapping| mapping.container_port_range.is_some())
}

fn secret_options(container: &ContainerDefinition) -> Option<&Vec<Secret>> {
    container.log_configuration.as_ref()?.secret_options.as_ref()
}

fn has_secret(secrets: Option<&Vec<Secret>>, in_secrets_manager: bool) -> bool {
    each(secrets).any(|secret| secret.value_from.contains(":secretsmanager:") == in_secrets_manager)
}

fn is_router(container: &ContainerDefinition, kind: &str) -> bool {
    container.firelens_configuration.as_ref().is_some_and(|firelens| firelens.kind == kind)
}

fn has_router_config(container: &ContainerDefinition, source: &str) -> bool {
    let options = container.firelens_configuration.as_ref().and_then(|firelens| firelens.options.as_ref());
    options.and_then(|options| options.get("config-file-type")).is_some_and(|given| given == source)
}

fn has_log_option(container: &ContainerDefinition, name: &str) -> bool {
    driver(container) != Some(FIRELENS)
        && container.log_configuration.as_ref().is_some_and(|log| has_option(log, name))
}

fn needs_docker_1_17(container: &ContainerDefinition) -> bool {
    has(container.links.as_ref())
        || container.hostname.is_some()
        || container.working_directory.is_some()
        || container.readonly_root_filesystem.is_some()
}

fn needs_docker_1_18(container: &ContainerDefinition) -> bool {
    has(container.ulimits.as_ref())
        || container.docker_labels.as_ref().is_some_and(|labels| !labels.is_empty())
        || driver(container).is_some_and(|driver| driver != AWSLOGS && driver != FIRELENS)
}

fn needs_docker_1_19(container: &ContainerDefinition) -> bool {
    uses_ecr(container) || matches!(driver(container), Some(AWSLOGS | FIRELENS))
}

fn needs_docker_1_22(container: &ContainerDefinition) -> bool {
    container
        .linux_parameters
        .as_ref()
        .is_some_and(|linux| has(linux.tmpfs.as_ref()) || linux.shared_memory_size.is_some())
}

fn needs_docker_1_25(container: &ContainerDefinition) -> bool {
    container.linux_parameters.as_ref().is_some_and(|linux| linux.init_process_enabled == Some(true))
}
