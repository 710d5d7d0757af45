//! The rules for a container by itself: name, image, health check, timeouts, restarts, environment.

use longshore_model::container_definition::{ContainerDefinition, HealthCheck};

use super::checks::{
    Checked, at_least, each, invalid_setting, is_name, not_blank, one_of, refuse, refuse_if, repeated,
};

const MAX_CONTAINERS: usize = 10;
const MAX_IMAGE_CHARACTERS: usize = 255;
const MAX_IGNORED_EXIT_CODES: usize = 50;
const RESTART_ATTEMPT_PERIOD_SECONDS: std::ops::RangeInclusive<i32> = 60..=1800;

/// The list is there, its names are names and unique, every container has an image, and one of them is essential.
pub(super) fn check_names(containers: &[ContainerDefinition]) -> Checked {
    refuse_if(containers.is_empty(), || "Container list cannot be empty.".to_owned())?;
    refuse_if(containers.len() > MAX_CONTAINERS, || "Too many containers.".to_owned())?;
    for container in containers {
        not_blank(&container.name, "Container.name")?;
        refuse_if(!is_name(&container.name), || "Container.name contains invalid characters.".to_owned())?;
        not_blank(&container.image, "Container.image")?;
        refuse_if(!is_image(&container.image), || "Container.image contains invalid characters.".to_owned())?;
    }
    refuse_if(repeated(containers.iter().map(|container| &container.name)).is_some(), || {
        "Container names must be unique within a task definition.".to_owned()
    })?;
    refuse_if(!containers.iter().any(ContainerDefinition::is_essential), || {
        "Task definition doesn't have any essential container".to_owned()
    })
}

/// What one container says, without the other containers and the task.
pub(super) fn check(container: &ContainerDefinition) -> Checked {
    let name = container.name.as_str();
    container.health_check.as_ref().map_or(Ok(()), |check| check_health(check, name))?;
    at_least(container.start_timeout, 0, "startTimeout", name)?;
    at_least(container.stop_timeout, 0, "stopTimeout", name)?;
    check_restarts(container)?;
    one_of(container.version_consistency.as_deref(), "versionConsistency", &["enabled", "disabled"])?;
    for variable in each(container.environment.as_ref()) {
        not_blank(variable.name.as_deref().unwrap_or_default(), "Container.environment.name")?;
    }
    for requirement in each(container.resource_requirements.as_ref()) {
        one_of(Some(&requirement.kind), "resourceRequirements.type", &["GPU", "InferenceAccelerator"])?;
        let counts = requirement.value.parse::<u32>().is_ok_and(|count| count > 0);
        refuse_if(requirement.kind == "GPU" && !counts, || invalid_setting("resourceRequirements", name))?;
    }
    Ok(())
}

fn check_health(check: &HealthCheck, container: &str) -> Checked {
    refuse_if(check.command.is_empty(), || {
        format!("Health check command must not be empty for container '{container}'")
    })?;
    let bounds = [
        ("interval", check.interval, 5, 300),
        ("timeout", check.timeout, 2, 60),
        ("retries", check.retries, 1, 10),
        ("startPeriod", check.start_period, 0, 300),
    ];
    for (member, value, least, most) in bounds {
        refuse_if(value.is_some_and(|value| value < least), || {
            format!(
                "Health check {member} must be greater than or equal to the minimum allowed value {least} for container '{container}'"
            )
        })?;
        refuse_if(value.is_some_and(|value| value > most), || {
            format!(
                "Health check {member} must be less than or equal to the maximum allowed value {most} for container '{container}'"
            )
        })?;
    }
    Ok(())
}

fn check_restarts(container: &ContainerDefinition) -> Checked {
    let Some(policy) = &container.restart_policy else { return Ok(()) };
    let name = &container.name;
    if policy.restart_attempt_period.is_some_and(|period| !RESTART_ATTEMPT_PERIOD_SECONDS.contains(&period)) {
        return refuse(format!(
            "The 'restartAttemptPeriod' setting for container '{name}' must be between {} and {}.",
            RESTART_ATTEMPT_PERIOD_SECONDS.start(),
            RESTART_ATTEMPT_PERIOD_SECONDS.end()
        ));
    }
    refuse_if(each(policy.ignored_exit_codes.as_ref()).count() > MAX_IGNORED_EXIT_CODES, || {
        format!(
            "The 'ignoredExitCodes' setting for container '{name}' must have at most {MAX_IGNORED_EXIT_CODES} exit codes."
        )
    })
}

/// `repository:tag` or `repository@sha256:digest` in the characters that Docker's references have.
fn is_image(image: &str) -> bool {
    let (reference, digest) = match image.split_once('@') {
        Some((reference, digest)) => (reference, Some(digest)),
        None => (image, None),
    };
    let is_reference = !reference.is_empty()
        && reference.len() <= MAX_IMAGE_CHARACTERS
        && reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:./#".contains(&byte));
    is_reference && digest.is_none_or(is_digest)
}

fn is_digest(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
