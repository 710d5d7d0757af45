//! The rules for the members of the task as a whole: family, modes, roles, placement, platform, proxy, storage.

use longshore_model::task_definition::TaskSpec;

use super::checks::{Checked, each, is_account, is_name, one_of, refuse, refuse_if};
use crate::placement::definition_constraints;

const PID_MODES: &[&str] = &["task", "host"];
const IPC_MODES: &[&str] = &["task", "host", "none"];
const CPU_ARCHITECTURES: &[&str] = &["X86_64", "ARM64"];
const OPERATING_SYSTEMS: &[&str] = &[
    "WINDOWS_SERVER_2019_FULL",
    "WINDOWS_SERVER_2019_CORE",
    "WINDOWS_SERVER_2016_FULL",
    "WINDOWS_SERVER_2004_CORE",
    "WINDOWS_SERVER_2022_CORE",
    "WINDOWS_SERVER_2022_FULL",
    "WINDOWS_SERVER_2025_CORE",
    "WINDOWS_SERVER_2025_FULL",
    "WINDOWS_SERVER_20H2_CORE",
    "LINUX",
];

/// The family is there and is a name.
pub(super) fn check_family(spec: &TaskSpec) -> Checked {
    refuse_if(spec.family.is_empty(), || "Family can not be blank.".to_owned())?;
    refuse_if(!is_name(&spec.family), || "Family contains invalid characters.".to_owned())
}

/// The words that choose a mode or a platform are known ones.
pub(super) fn check_words(spec: &TaskSpec) -> Checked {
    one_of(spec.pid_mode.as_deref(), "pidMode", PID_MODES)?;
    one_of(spec.ipc_mode.as_deref(), "ipcMode", IPC_MODES)?;
    let Some(platform) = &spec.runtime_platform else { return Ok(()) };
    one_of(platform.cpu_architecture.as_deref(), "cpuArchitecture", CPU_ARCHITECTURES)?;
    one_of(platform.operating_system_family.as_deref(), "operatingSystemFamily", OPERATING_SYSTEMS)
}

/// What is left of the task when its containers and volumes are checked.
pub(super) fn check(spec: &TaskSpec) -> Checked {
    definition_constraints(spec.placement_constraints.as_deref().unwrap_or_default())?;
    check_proxy(spec)?;
    check_storage(spec)?;
    refuse_if(each(spec.inference_accelerators.as_ref()).next().is_some(), || {
        "Unsupported field 'inferenceAccelerators'".to_owned()
    })?;
    for role in [&spec.task_role_arn, &spec.execution_role_arn].into_iter().flatten() {
        refuse_if(!is_role(role), || "Role is not valid".to_owned())?;
    }
    Ok(())
}

fn check_proxy(spec: &TaskSpec) -> Checked {
    let Some(proxy) = &spec.proxy_configuration else { return Ok(()) };
    one_of(proxy.kind.as_deref(), "proxyConfiguration.type", &["APPMESH"])?;
    let name = &proxy.container_name;
    let exists = spec.container_definitions.iter().any(|container| container.name == *name);
    refuse_if(!exists, || format!("Proxy container [{name}] does not exist"))
}

fn check_storage(spec: &TaskSpec) -> Checked {
    match spec.ephemeral_storage.as_ref().map(|storage| storage.size_in_gib) {
        Some(..=20) => refuse("EphemeralStorage size should be at least 21"),
        Some(201..) => refuse("EphemeralStorage size should be at most 200"),
        _ => Ok(()),
    }
}

/// A role's ARN, or its name alone, to which ECS adds the caller's account.
fn is_role(role: &str) -> bool {
    let path = match role.strip_prefix("arn:") {
        None => role,
        Some(arn) => match arn.splitn(5, ':').collect::<Vec<_>>()[..] {
            [partition, "iam", "", account, resource]
                if partition.starts_with("aws") && is_account(account) =>
            {
                resource.strip_prefix("role/").unwrap_or_default()
            }
            _ => return false,
        },
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    !name.is_empty() && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte))
}
