//! The rules of Fargate: sizes come from a table, and the host is nobody's.

use longshore_model::container_definition::{ContainerDefinition, LinuxParameters};
use longshore_model::network::NetworkMode;
use longshore_model::task_definition::TaskSpec;

use super::attributes::is_ecr_image;
use super::checks::{Checked, each, refuse, refuse_if};
use super::logging::{AWSLOGS, FIRELENS, has_option};
use super::size;

const MAX_TIMEOUT_SECONDS: i32 = 120;
const MIN_TIMEOUT_SECONDS: i32 = 2;
const LOG_DRIVERS: &[&str] = &[AWSLOGS, "splunk", FIRELENS];
/// The sizes that Windows tasks may have, in CPU units.
const WINDOWS_CPU: std::ops::RangeInclusive<i64> = 1024..=4096;

/// CPU units, and the memory in MiB that goes with them: from, to, step.
const SIZES: &[(i64, i64, i64, i64)] = &[
    (256, 512, 1024, 512),
    (256, 2048, 2048, 1),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
    (32_768, 61_440, 122_880, 61_440),
    (32_768, 249_856, 249_856, 1),
];

/// Whether Fargate takes the definition.
pub(super) fn check(spec: &TaskSpec) -> Checked {
    check_task(spec)?;
    check_volumes(spec)?;
    spec.container_definitions
        .iter()
        .try_for_each(|container| check_container(container, spec.execution_role_arn.is_some()))
}

fn check_task(spec: &TaskSpec) -> Checked {
    if spec.network_mode != Some(NetworkMode::Awsvpc) {
        return refuse("Fargate only supports network mode \u{2018}awsvpc\u{2019}.");
    }
    check_size(spec)?;
    refuse_if(each(spec.placement_constraints.as_ref()).next().is_some(), || unsupported("constraints"))?;
    refuse_if(spec.pid_mode.as_deref() == Some("host"), || {
        "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'."
            .to_owned()
    })?;
    refuse_if(spec.ipc_mode.is_some(), || unsupported("ipcMode"))
}

fn check_size(spec: &TaskSpec) -> Checked {
    let defined = |size: Option<&str>, member: &str| match size::units(size) {
        Some(units) => Ok(units),
        None => refuse(format!("Fargate requires that '{member}' be defined at the task level.")),
    };
    let cpu = defined(spec.cpu.as_deref(), "cpu")?;
    let memory = defined(spec.memory.as_deref(), "memory")?;
    let exists = SIZES.iter().any(|(units, from, to, step)| {
        *units == cpu && (*from..=*to).contains(&memory) && (memory - from) % step == 0
    });
    let is_windows = spec
        .runtime_platform
        .as_ref()
        .and_then(|platform| platform.operating_system_family.as_deref())
        .is_some_and(|family| family.starts_with("WINDOWS"));
    refuse_if(!exists || (is_windows && !WINDOWS_CPU.contains(&cpu)), || {
        format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )
    })
}

fn check_volumes(spec: &TaskSpec) -> Checked {
    for volume in each(spec.volumes.as_ref()) {
        let has_path = volume.host.as_ref().is_some_and(|host| host.source_path.is_some());
        refuse_if(has_path, || unsupported("sourcePath"))?;
        refuse_if(volume.docker_volume_configuration.is_some(), || unsupported("dockerVolumeConfiguration"))?;
        refuse_if(volume.fsx_windows_file_server_volume_configuration.is_some(), || {
            unsupported("fsxWindowsFileServerVolumeConfiguration")
        })?;
    }
    Ok(())
}

fn check_container(container: &ContainerDefinition, has_execution_role: bool) -> Checked {
    refuse_if(container.privileged == Some(true), || {
        "Fargate requires that the \u{2018}privileged\u{2019} setting be \u{2018}false\u{2019} at the container level."
            .to_owned()
    })?;
    refuse_if(
        each(container.resource_requirements.as_ref()).any(|requirement| requirement.kind == "GPU"),
        || "Tasks using the Fargate launch type do not support GPU resource requirements.".to_owned(),
    )?;
    refuse_if(each(container.docker_security_options.as_ref()).next().is_some(), || {
        unsupported("dockerSecurityOptions")
    })?;
    container.linux_parameters.as_ref().map_or(Ok(()), check_linux)?;
    for (member, value) in
        [("startTimeout", container.start_timeout), ("stopTimeout", container.stop_timeout)]
    {
        refuse_if(
            value.is_some_and(|value| !(MIN_TIMEOUT_SECONDS..=MAX_TIMEOUT_SECONDS).contains(&value)),
            || {
                format!(
                    "Invalid '{member}' setting for container '{}'. Fargate requires a value between {MIN_TIMEOUT_SECONDS} and {MAX_TIMEOUT_SECONDS}.",
                    container.name
                )
            },
        )?;
    }
    refuse_if(is_ecr_image(&container.image) && !has_execution_role, || {
        "Fargate requires task definition to have execution role ARN to support ECR images.".to_owned()
    })?;
    check_logging(container, has_execution_role)
}

fn check_linux(linux: &LinuxParameters) -> Checked {
    let members = [
        (each(linux.devices.as_ref()).next().is_some(), "devices"),
        (linux.shared_memory_size.is_some(), "sharedMemorySize"),
        (linux.max_swap.is_some(), "maxSwap"),
        (linux.swappiness.is_some(), "swappiness"),
    ];
    members.into_iter().try_for_each(|(given, member)| refuse_if(given, || unsupported(member)))?;
    let added = linux.capabilities.as_ref().and_then(|capabilities| capabilities.add.as_ref());
    each(added).try_for_each(|capability| {
        refuse_if(capability != "SYS_PTRACE", || format!("{capability} is not allowed on Fargate."))
    })
}

fn check_logging(container: &ContainerDefinition, has_execution_role: bool) -> Checked {
    let config_type = container
        .firelens_configuration
        .as_ref()
        .and_then(|firelens| firelens.options.as_ref())
        .and_then(|options| options.get("config-file-type"));
    refuse_if(config_type.is_some_and(|kind| kind == "s3"), || {
        "Fargate launch type does not support FirelensConfiguration config file from 's3'".to_owned()
    })?;
    let Some(log) = &container.log_configuration else { return Ok(()) };
    refuse_if(!LOG_DRIVERS.contains(&log.log_driver.as_str()), || {
        format!("Fargate only supports log driver(s) {}.", LOG_DRIVERS.join(", "))
    })?;
    refuse_if(log.log_driver == AWSLOGS && !has_execution_role, || {
        "Fargate requires task definition to have execution role ARN to support log driver awslogs."
            .to_owned()
    })?;
    refuse_if(log.log_driver == AWSLOGS && !has_option(log, "awslogs-stream-prefix"), || {
        "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs."
            .to_owned()
    })
}

fn unsupported(member: &str) -> String {
    format!("Fargate compatible task definitions do not support {member}")
}
