//! From the model's own nouns to what a caller sees of them, in the shapes that the crate `aws` gives.

use longshore_ecs::api::Failure as EcsFailure;
use longshore_ecs::fault::{Fault, FaultKind};
use longshore_ecs::run::TaskAnswer;
use longshore_model::container_definition::ContainerDefinition;
use longshore_model::instance::ContainerInstance;
use longshore_model::seen::{
    Binding, Container, ContainerSummary, Environment, Failure, Instance, LogDriver, Task, TaskDefinition,
};
use longshore_model::task::{NetworkBinding, Task as EcsTask};
use longshore_model::task_definition::TaskDefinition as EcsDefinition;
use longshore_model::{Error, Kind};

/// A refusal in the words of the crate `aws`. `what` completes "cannot ...".
pub(crate) fn refusal(what: &str, fault: &Fault) -> Error {
    let message = &fault.message;
    let kind = match fault.kind {
        FaultKind::Conflict | FaultKind::ResourceInUse => Kind::Conflict,
        FaultKind::AccessDenied => Kind::Denied,
        FaultKind::Server => Kind::Unavailable,
        FaultKind::ClusterNotFound | FaultKind::ResourceNotFound | FaultKind::TargetNotFound => {
            Kind::NotFound
        }
        FaultKind::Client if message.contains("PROVISIONING") => Kind::Throttled,
        FaultKind::Client | FaultKind::InvalidParameter
            if message.contains("not found") || message.starts_with("Unable to describe task definition") =>
        {
            Kind::NotFound
        }
        _ => Kind::Invalid,
    };
    Error::new(kind, format!("cannot {what}: {fault}"))
        .with_code(fault.kind.as_str())
        .with_resource_ids(fault.resource_ids.clone())
}

/// A task of RunTask's answer: one of a replay has little more than its ARN.
pub(crate) fn started(answer: &TaskAnswer) -> Task {
    match answer {
        TaskAnswer::Full(view) => task(view),
        TaskAnswer::Thin(thin) => Task {
            arn: thin.task_arn.clone(),
            last_status: thin.last_status.to_string(),
            desired_status: thin.desired_status.to_string(),
            ..Task::default()
        },
    }
}

pub(crate) fn task(task: &EcsTask) -> Task {
    Task {
        arn: task.task_arn.clone(),
        cluster_arn: task.cluster_arn.clone(),
        task_definition_arn: task.task_definition_arn.clone(),
        container_instance_arn: task.container_instance_arn.clone(),
        group: task.group.clone(),
        started_by: task.started_by.clone(),
        last_status: task.last_status.to_string(),
        desired_status: task.desired_status.to_string(),
        stop_code: task.stop_code.map(|code| code.to_string()),
        stopped_reason: task.stopped_reason.clone(),
        created_at: Some(task.created_at),
        started_at: task.started_at,
        stopped_at: task.stopped_at,
        containers: task
            .containers
            .iter()
            .map(|container| Container {
                name: container.name.clone(),
                last_status: container.last_status.to_string(),
                exit_code: container.exit_code,
                reason: container.reason.clone(),
                runtime_id: container.runtime_id.clone(),
                bindings: container.network_bindings.iter().filter_map(binding).collect(),
            })
            .collect(),
        private_ip: task
            .containers
            .iter()
            .flat_map(|container| &container.network_interfaces)
            .find_map(|interface| interface.private_ipv4_address.clone()),
    }
}

fn binding(binding: &NetworkBinding) -> Option<Binding> {
    let port = |port: Option<i32>| port.and_then(|port| u16::try_from(port).ok());
    Some(Binding { container_port: port(binding.container_port)?, host_port: port(binding.host_port)? })
}

pub(crate) fn failure(failure: &EcsFailure) -> Failure {
    Failure { arn: failure.arn.clone(), reason: failure.reason.clone(), detail: failure.detail.clone() }
}

pub(crate) fn instance(answer: &ContainerInstance) -> Instance {
    let free = |name: &str| {
        let resource = answer.remaining_resources.iter().find(|resource| resource.name == name);
        resource.map_or(0, |resource| i64::from(resource.integer_value))
    };
    Instance {
        arn: answer.container_instance_arn.clone(),
        free_cpu: free("CPU"),
        free_memory: free("MEMORY"),
    }
}

pub(crate) fn definition(answer: &EcsDefinition) -> TaskDefinition {
    let containers = &answer.spec.container_definitions;
    let size = |of_task: &Option<String>, of_container: fn(&ContainerDefinition) -> i32| {
        let sum = || containers.iter().map(|container| i64::from(of_container(container))).sum();
        of_task.as_ref().and_then(|size| size.parse().ok()).unwrap_or_else(sum)
    };
    TaskDefinition {
        arn: answer.task_definition_arn.clone(),
        network_mode: answer.spec.network_mode.map(|mode| mode.to_string()),
        compatibilities: answer.compatibilities.iter().map(ToString::to_string).collect(),
        cpu: size(&answer.spec.cpu, |container| container.cpu.unwrap_or_default()),
        memory: size(&answer.spec.memory, ContainerDefinition::reserved_memory),
        containers: containers.iter().map(container).collect(),
    }
}

fn container(definition: &ContainerDefinition) -> ContainerSummary {
    let values = definition.environment.iter().flatten();
    let values = values.filter_map(|pair| Some((pair.name.clone()?, pair.value.clone()?)));
    let secrets = definition.secrets.iter().flatten();
    let secrets = secrets.map(|secret| (secret.name.clone(), secret.value_from.clone()));
    ContainerSummary {
        name: definition.name.clone(),
        essential: definition.is_essential(),
        log_driver: definition.log_configuration.as_ref().map(|log| LogDriver {
            name: log.log_driver.to_string(),
            options: log.options.clone().unwrap_or_default(),
        }),
        environment: Environment(values.chain(secrets).collect()),
    }
}
