//! The rules for a container's kernel side: resource limits and Linux parameters.

use longshore_model::container_definition::{ContainerDefinition, Ulimit};

use super::checks::{Checked, at_least, each, invalid_setting, not_blank, one_of, refuse_if};

const ULIMITS: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];
const DEVICE_PERMISSIONS: &[&str] = &["read", "write", "mknod"];
/// In setrlimit's words for Docker: no limit.
const UNLIMITED: i32 = -1;
const MAX_SWAPPINESS: i32 = 100;

/// Limits in order, sizes not negative, paths where they are needed.
pub(super) fn check(container: &ContainerDefinition) -> Checked {
    each(container.ulimits.as_ref()).try_for_each(check_ulimit)?;
    let Some(linux) = &container.linux_parameters else { return Ok(()) };
    let name = container.name.as_str();
    at_least(linux.shared_memory_size, 1, "sharedMemorySize", name)?;
    at_least(linux.max_swap, 0, "maxSwap", name)?;
    at_least(linux.swappiness, 0, "swappiness", name)?;
    refuse_if(linux.swappiness > Some(MAX_SWAPPINESS), || invalid_setting("swappiness", name))?;
    for device in each(linux.devices.as_ref()) {
        not_blank(&device.host_path, "Device.hostPath")?;
        for permission in each(device.permissions.as_ref()) {
            one_of(Some(permission), "devices.permissions", DEVICE_PERMISSIONS)?;
        }
    }
    for mount in each(linux.tmpfs.as_ref()) {
        not_blank(&mount.container_path, "Tmpfs.containerPath")?;
        at_least(Some(mount.size), 1, "tmpfs.size", name)?;
    }
    Ok(())
}

fn check_ulimit(ulimit: &Ulimit) -> Checked {
    let Ulimit { name, soft_limit, hard_limit } = ulimit;
    one_of(Some(name), "ulimits.name", ULIMITS)?;
    let exceeds = *hard_limit != UNLIMITED && (*soft_limit == UNLIMITED || soft_limit > hard_limit);
    refuse_if(exceeds, || format!("Soft limit exceeds hard limit for ulimit {name}"))
}
