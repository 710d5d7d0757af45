//! What CreateService and UpdateService refuse, in ECS's sentences where they are known.

use longshore_model::network::NetworkMode;
use longshore_model::service::{
    DeploymentCircuitBreaker, DeploymentConfiguration, LoadBalancer, SchedulingStrategy,
};
use longshore_model::task_definition::TaskDefinition;

use super::api::{CreateService, DeploymentController};
use crate::balancing::TargetType;
use crate::cloud::Cloud;
use crate::fault::{Fault, FaultKind};

/// ECS's quota: tasks per service.
const TASKS_LIMIT: i32 = 5000;
/// ECS's limit on the token of CreateService.
const TOKEN_LIMIT: usize = 36;

/// Up to 255 letters, digits, `-` and `_`.
pub(super) fn name(given: Option<&str>) -> Result<String, Fault> {
    let Some(name) = given.filter(|name| !name.is_empty()) else {
        return Err(Fault::invalid("Service name can not be blank."));
    };
    if name.len() > 255 {
        return Err(Fault::invalid("Service name longer than 255."));
    }
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Ok(name.to_owned());
    }
    Err(Fault::invalid("Service name contains invalid characters."))
}

/// Up to 36 characters of ASCII 33-126.
pub(super) fn token(given: Option<&str>) -> Result<(), Fault> {
    let given = given.unwrap_or_default();
    if given.len() > TOKEN_LIMIT {
        return Err(Fault::invalid(format!("clientToken longer than {TOKEN_LIMIT}.")));
    }
    if given.bytes().all(|byte| (33..=126).contains(&byte)) {
        return Ok(());
    }
    Err(Fault::invalid("clientToken contains invalid characters."))
}

/// How many tasks a service is to have: none yet for a daemon, which counts the instances.
pub(super) fn desired(given: Option<i32>, scheduling: SchedulingStrategy) -> Result<i32, Fault> {
    match (given, scheduling) {
        (None, SchedulingStrategy::Daemon) => Ok(0),
        (Some(_), SchedulingStrategy::Daemon) => Err(Fault::invalid(
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired count \
             value and try again",
        )),
        (None, SchedulingStrategy::Replica) => Err(Fault::invalid("Desired count can not be blank.")),
        (Some(count), _) if count < 0 => Err(Fault::invalid("Desired count cannot be less than 0.")),
        (Some(count), _) if count > TASKS_LIMIT => {
            Err(Fault::invalid(format!("Desired count cannot be greater than {TASKS_LIMIT}.")))
        }
        (Some(count), _) => Ok(count),
    }
}

/// What a daemon cannot have.
pub(super) fn daemon(scheduling: SchedulingStrategy, request: &CreateService) -> Result<(), Fault> {
    if scheduling != SchedulingStrategy::Daemon {
        return Ok(());
    }
    if request.launch_type == Some(longshore_model::network::LaunchType::Fargate) {
        return Err(Fault::invalid(
            "The daemon scheduling strategy is not supported with the FARGATE launch type.",
        ));
    }
    if !request.placement_strategy.is_empty() {
        return Err(Fault::invalid(
            "The daemon scheduling strategy does not support a placement strategy. Remove the placement strategy and \
             try again",
        ));
    }
    Ok(())
}

/// `ECS` or `CODE_DEPLOY`; nobody here could play the part of an external controller.
pub(super) fn controller(given: Option<&DeploymentController>) -> Result<String, Fault> {
    match given.and_then(|given| given.kind.as_deref()) {
        None | Some("" | "ECS") => Ok("ECS".to_owned()),
        Some("CODE_DEPLOY") => Ok("CODE_DEPLOY".to_owned()),
        Some("EXTERNAL") => Err(Fault::new(
            FaultKind::UnsupportedFeature,
            "The EXTERNAL deployment controller needs task sets, which this engine does not offer. Use the deployment \
             controller ECS.",
        )),
        Some(_) => {
            Err(Fault::invalid("deploymentController.type should be one of [ECS,CODE_DEPLOY,EXTERNAL]"))
        }
    }
}

pub(super) fn grace(given: Option<i32>) -> Result<(), Fault> {
    if given.is_none_or(|seconds| seconds >= 0) {
        return Ok(());
    }
    Err(Fault::invalid("healthCheckGracePeriodSeconds cannot be negative."))
}

pub(super) fn zone_rebalancing(given: Option<&str>) -> Result<(), Fault> {
    if matches!(given, None | Some("ENABLED" | "DISABLED")) {
        return Ok(());
    }
    Err(Fault::invalid("availabilityZoneRebalancing should be one of [ENABLED,DISABLED]"))
}

/// What a service has that names nothing.
pub(super) fn usual_configuration(scheduling: SchedulingStrategy) -> DeploymentConfiguration {
    let (maximum, minimum) = if scheduling == SchedulingStrategy::Daemon { (100, 0) } else { (200, 100) };
    DeploymentConfiguration {
        deployment_circuit_breaker: Some(DeploymentCircuitBreaker::default()),
        maximum_percent: Some(maximum),
        minimum_healthy_percent: Some(minimum),
        strategy: Some("ROLLING".to_owned()),
        bake_time_in_minutes: Some(0),
        ..DeploymentConfiguration::default()
    }
}

/// The configuration with what was given in place of what was there.
pub(super) fn configuration(
    before: &DeploymentConfiguration,
    given: &DeploymentConfiguration,
    scheduling: SchedulingStrategy,
) -> Result<DeploymentConfiguration, Fault> {
    let or = |given: &Option<_>, before: &Option<_>| given.clone().or_else(|| before.clone());
    let merged = DeploymentConfiguration {
        deployment_circuit_breaker: given
            .deployment_circuit_breaker
            .clone()
            .or_else(|| before.deployment_circuit_breaker.clone()),
        maximum_percent: given.maximum_percent.or(before.maximum_percent),
        minimum_healthy_percent: given.minimum_healthy_percent.or(before.minimum_healthy_percent),
        alarms: or(&given.alarms, &before.alarms),
        strategy: given.strategy.clone().or_else(|| before.strategy.clone()),
        bake_time_in_minutes: given.bake_time_in_minutes.or(before.bake_time_in_minutes),
        lifecycle_hooks: or(&given.lifecycle_hooks, &before.lifecycle_hooks),
        linear_configuration: or(&given.linear_configuration, &before.linear_configuration),
        canary_configuration: or(&given.canary_configuration, &before.canary_configuration),
        early_success_criteria: or(&given.early_success_criteria, &before.early_success_criteria),
    };
    match merged.strategy.as_deref() {
        None | Some("ROLLING") => {}
        Some(strategy @ ("BLUE_GREEN" | "LINEAR" | "CANARY")) => {
            return Err(Fault::new(
                FaultKind::UnsupportedFeature,
                format!(
                    "The deployment strategy {strategy} is not offered by this engine, which deploys with ROLLING. Leave \
                     the strategy out, or set it to ROLLING."
                ),
            ));
        }
        Some(_) => {
            return Err(Fault::invalid(
                "deploymentConfiguration.strategy should be one of [ROLLING,BLUE_GREEN,LINEAR,CANARY]",
            ));
        }
    }
    percents(&merged, scheduling)?;
    Ok(merged)
}

fn percents(configuration: &DeploymentConfiguration, scheduling: SchedulingStrategy) -> Result<(), Fault> {
    let maximum = configuration.maximum_percent.unwrap_or(200);
    let minimum = configuration.minimum_healthy_percent.unwrap_or(100);
    if !(0..=100).contains(&minimum) {
        return Err(Fault::invalid("minimumHealthyPercent must be between 0 and 100."));
    }
    if scheduling == SchedulingStrategy::Daemon && maximum > 100 {
        return Err(Fault::invalid(
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment \
             configuration. Change the maximumPercent value to 100, and try again",
        ));
    }
    if maximum < 100 {
        return Err(Fault::invalid("maximumPercent must be at least 100."));
    }
    if (minimum, maximum) == (100, 100) {
        return Err(Fault::invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    Ok(())
}

impl Cloud {
    /// A target group must be in use, and of a kind that the tasks can be registered in.
    pub(super) fn check_balancer(
        &self,
        given: &LoadBalancer,
        definition: &TaskDefinition,
    ) -> Result<(), Fault> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let Some(group) = text(&given.target_group_arn) else {
            return Err(match text(&given.load_balancer_name) {
                Some(name) => Fault::invalid(format!("The load balancer {name} does not exist.")),
                None => Fault::invalid("Target Group ARN can not be blank."),
            });
        };
        let Some(name) = text(&given.container_name) else {
            return Err(Fault::invalid("Container Name can not be blank."));
        };
        let Some(port) = given.container_port else {
            return Err(Fault::invalid("Container Port can not be blank."));
        };
        let containers = &definition.spec.container_definitions;
        let Some(container) = containers.iter().find(|container| container.name == name) else {
            return Err(Fault::invalid(format!(
                "The container {name} does not exist in the task definition."
            )));
        };
        if !container.port_mappings.iter().flatten().any(|mapping| mapping.container_port == Some(port)) {
            return Err(Fault::invalid(format!(
                "The container {name} did not have a container port {port} defined."
            )));
        }
        let mode = definition.spec.network_mode.unwrap_or(NetworkMode::Bridge);
        let unfit = |kind: &str| {
            Fault::invalid(format!(
                "The provided target group {group} has target type {kind}, which is incompatible with the {mode} \
                 network mode specified in the task definition."
            ))
        };
        match (self.target_group(&group), mode == NetworkMode::Awsvpc) {
            (None, _) => Err(Fault::invalid(format!(
                "The target group with targetGroupArn {group} was not found. Specify a target group that exists and try \
                 again."
            ))),
            (Some((_, false)), _) => Err(Fault::invalid(format!(
                "The target group with targetGroupArn {group} does not have an associated load balancer."
            ))),
            (Some((TargetType::Instance, _)), true) => Err(unfit("instance")),
            (Some((TargetType::Ip, _)), false) => Err(unfit("ip")),
            (Some(_), _) => Ok(()),
        }
    }
}
