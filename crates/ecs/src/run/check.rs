//! What RunTask and StartTask refuse, in ECS's sentences.

use longshore_model::network::{NetworkConfiguration, NetworkMode};
use longshore_model::task::TaskOverride;
use longshore_model::task_definition::TaskDefinition;

use super::Target;
use crate::fault::{Fault, FaultKind};

/// ECS's limit on the JSON of the overrides, in characters.
const OVERRIDES_LIMIT: usize = 8192;

/// How many tasks one call starts: 1-10.
pub(super) fn count(given: Option<i32>) -> Result<usize, Fault> {
    match given {
        None => Ok(1),
        Some(n @ 1..=10) => Ok(usize::try_from(n).unwrap_or(1)),
        Some(n) if n > 10 => Err(Fault::invalid("Count cannot be greater than 10.")),
        Some(_) => Err(Fault::invalid("Count cannot be less than 1.")),
    }
}

/// 1-64 characters of ASCII 33-126.
pub(super) fn client_token(token: &str) -> Result<(), Fault> {
    if token.len() > 64 {
        return Err(Fault::invalid("clientToken longer than 64."));
    }
    if token.bytes().all(|byte| (33..=126).contains(&byte)) {
        return Ok(());
    }
    Err(Fault::invalid("clientToken contains invalid characters."))
}

/// Letters, digits, `-`, `_`, `/` and what ECS itself writes there (`ecs-svc/...`, CloudWatch's and EventBridge's
/// rule names with `.`, `:` and `@`).
pub(super) fn started_by(given: Option<&str>, limit: usize) -> Result<(), Fault> {
    let given = given.unwrap_or("");
    if given.chars().count() > limit {
        return Err(Fault::invalid(format!("startedBy longer than {limit}.")));
    }
    if given.chars().all(|c| c.is_ascii_alphanumeric() || "-_/.:@=+".contains(c)) {
        return Ok(());
    }
    Err(Fault::invalid("startedBy contains invalid characters."))
}

pub(super) fn group(given: Option<&str>) -> Result<(), Fault> {
    match given {
        None => Ok(()),
        Some("") => Err(Fault::invalid("Group can not be blank.")),
        Some(group) if group.chars().count() > 255 => Err(Fault::invalid("group longer than 255.")),
        // `service:` is for the service scheduler alone.
        Some(group) if group.starts_with("service:") => {
            Err(Fault::invalid("The group name cannot begin with service:."))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn overrides(given: &TaskOverride, definition: &TaskDefinition) -> Result<(), Fault> {
    let size = serde_json::to_string(given).map_or(0, |text| text.chars().count());
    if size > OVERRIDES_LIMIT {
        return Err(Fault::invalid(format!("Container Overrides length must be at most {OVERRIDES_LIMIT}")));
    }
    for change in &given.container_overrides {
        let Some(name) = &change.name else {
            return Err(Fault::invalid("Container override name can not be blank."));
        };
        if !definition.spec.container_definitions.iter().any(|container| container.name == *name) {
            return Err(Fault::invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
        let too_small = |memory: Option<i32>| memory.is_some_and(|memory| memory < 4);
        if change.cpu.is_some_and(|cpu| cpu < 0)
            || too_small(change.memory)
            || too_small(change.memory_reservation)
        {
            return Err(Fault::invalid(format!(
                "Invalid override for container {name}: cpu cannot be negative and memory cannot be less than 4 MiB."
            )));
        }
    }
    let number =
        |text: &Option<String>| text.as_ref().is_none_or(|text| text.parse::<i32>().is_ok_and(|n| n >= 0));
    if number(&given.cpu) && number(&given.memory) {
        return Ok(());
    }
    Err(Fault::invalid("Overrides of the task's cpu and memory must be whole numbers of CPU units and MiB."))
}

pub(crate) fn network(given: Option<&NetworkConfiguration>, mode: Option<NetworkMode>) -> Result<(), Fault> {
    let given = given.and_then(|given| given.awsvpc_configuration.as_ref());
    match (given, mode == Some(NetworkMode::Awsvpc)) {
        (None, true) => Err(Fault::invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        )),
        (Some(_), false) => Err(Fault::invalid(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        )),
        (Some(vpc), true) if vpc.subnets.is_empty() => Err(Fault::invalid("subnets can not be empty.")),
        (Some(vpc), true) if vpc.subnets.len() > 16 => {
            Err(Fault::invalid("subnets can not contain more than 16 elements."))
        }
        (Some(vpc), true) if vpc.security_groups.as_ref().is_some_and(|groups| groups.len() > 5) => {
            Err(Fault::invalid("securityGroups can not contain more than 5 elements."))
        }
        _ => Ok(()),
    }
}

pub(crate) fn target(
    target: &Target,
    definition: &TaskDefinition,
    network: Option<&NetworkConfiguration>,
    platform_version: Option<&str>,
) -> Result<(), Fault> {
    let (word, fargate) = match target {
        Target::Fargate { .. } => ("FARGATE", true),
        Target::Instances { .. } | Target::Instance(_) => ("EC2", false),
    };
    if !definition.compatibilities.iter().any(|known| known == word) {
        return Err(Fault::invalid(format!("Task definition does not support launch_type {word}.")));
    }
    let public = network.and_then(|it| it.awsvpc_configuration.as_ref());
    let public = public.is_some_and(|it| it.assign_public_ip.as_deref() == Some("ENABLED"));
    if public && !fargate {
        return Err(Fault::invalid("Assign public IP is not supported for this launch type."));
    }
    match platform_version {
        None => Ok(()),
        Some(_) if !fargate => {
            Err(Fault::invalid("The platform version must be null when specifying an EC2 launch type."))
        }
        Some("LATEST" | "" | "1.4.0" | "1.3.0") => Ok(()),
        Some(_) => {
            Err(Fault::new(FaultKind::PlatformUnknown, "The specified platform version does not exist."))
        }
    }
}
