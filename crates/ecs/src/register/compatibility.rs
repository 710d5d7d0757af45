//! Which launch types take a definition: those it requires must, the others are found out.

use longshore_model::network::NetworkMode;
use longshore_model::task_definition::TaskSpec;

use super::checks::{Checked, each, one_of, refuse, refuse_if};
use super::{fargate, network};

/// A launch type's name and its rules.
type LaunchType = (&'static str, fn(&TaskSpec) -> Checked);

/// In the order in which ECS lists them.
const LAUNCH_TYPES: &[LaunchType] = &[
    ("EXTERNAL", check_external),
    (EC2, check_ec2),
    ("FARGATE", fargate::check),
    ("MANAGED_INSTANCES", check_managed),
];
const EC2: &str = "EC2";

/// The launch types in `requiresCompatibilities` are known ones.
pub(super) fn check_words(spec: &TaskSpec) -> Checked {
    let known: Vec<_> = LAUNCH_TYPES.iter().map(|(name, _)| *name).collect();
    each(spec.requires_compatibilities.as_ref())
        .try_for_each(|required| one_of(Some(required), "requiresCompatibilities", &known))
}

/// The definition obeys the rules of every launch type in its `requiresCompatibilities`.
pub(super) fn check_required(spec: &TaskSpec) -> Checked {
    each(spec.requires_compatibilities.as_ref()).try_for_each(|required| {
        LAUNCH_TYPES.iter().filter(|(name, _)| name == required).try_for_each(|(_, check)| check(spec))
    })
}

/// The launch types whose rules the definition obeys. ECS always lists EC2, even beside `ephemeralStorage`, which it
/// refuses only where EC2 is required.
pub(super) fn all(spec: &TaskSpec) -> Vec<String> {
    LAUNCH_TYPES
        .iter()
        .filter(|(name, check)| *name == EC2 || check(spec).is_ok())
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

fn check_ec2(spec: &TaskSpec) -> Checked {
    refuse_if(spec.ephemeral_storage.is_some(), || {
        "Tasks using the EC2 launch type do not support EphemeralStorage.".to_owned()
    })
}

/// Outside AWS there is no VPC, and so none of what is reached through one.
fn check_external(spec: &TaskSpec) -> Checked {
    let mappings =
        || spec.container_definitions.iter().flat_map(|container| each(container.port_mappings.as_ref()));
    let members = [
        (network::mode(spec) == NetworkMode::Awsvpc, "network mode 'awsvpc'"),
        (
            mappings().any(|mapping| mapping.name.is_some() || mapping.app_protocol.is_some()),
            "Service Connect",
        ),
        (each(spec.volumes.as_ref()).any(|volume| volume.efs_volume_configuration.is_some()), "EFS volumes"),
        (each(spec.volumes.as_ref()).any(|volume| volume.configured_at_launch == Some(true)), "EBS volumes"),
        (spec.proxy_configuration.is_some(), "proxyConfiguration"),
        (spec.ephemeral_storage.is_some(), "EphemeralStorage"),
    ];
    unsupported(&members, "EXTERNAL")
}

/// On instances that ECS picks by the task's size, so it must be known.
fn check_managed(spec: &TaskSpec) -> Checked {
    let mode = network::mode(spec);
    let members = [
        (
            !matches!(mode, NetworkMode::Awsvpc | NetworkMode::Host),
            "network modes other than 'awsvpc' and 'host'",
        ),
        (
            each(spec.volumes.as_ref()).any(|volume| volume.docker_volume_configuration.is_some()),
            "dockerVolumeConfiguration",
        ),
        (spec.ephemeral_storage.is_some(), "EphemeralStorage"),
        (spec.proxy_configuration.is_some(), "proxyConfiguration"),
    ];
    unsupported(&members, "MANAGED_INSTANCES")?;
    for (member, size) in [("cpu", &spec.cpu), ("memory", &spec.memory)] {
        if size.is_none() {
            return refuse(format!(
                "MANAGED_INSTANCES requires that '{member}' be defined at the task level."
            ));
        }
    }
    Ok(())
}

fn unsupported(members: &[(bool, &str)], launch_type: &str) -> Checked {
    members.iter().try_for_each(|(given, member)| {
        refuse_if(*given, || format!("Tasks using the {launch_type} launch type do not support {member}."))
    })
}
