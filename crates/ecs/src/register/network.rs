//! The rules of the network modes: ports, links, host names.

use std::collections::BTreeSet;

use longshore_model::container_definition::{ContainerDefinition, PortMapping};
use longshore_model::network::{NetworkMode, TransportProtocol};
use longshore_model::task_definition::TaskSpec;

use super::checks::{Checked, each, invalid_setting, one_of, refuse, refuse_if};

const MAX_PORT: i32 = 65_535;
const MAX_PORT_NAME_CHARACTERS: usize = 64;

/// The mode that the tasks will have.
pub(super) fn mode(spec: &TaskSpec) -> NetworkMode {
    spec.network_mode.unwrap_or(NetworkMode::Bridge)
}

/// Every port mapping by itself, and what the mode allows.
pub(super) fn check(spec: &TaskSpec) -> Checked {
    let mode = mode(spec);
    for container in &spec.container_definitions {
        for mapping in each(container.port_mappings.as_ref()) {
            check_mapping(mapping, &container.name)?;
            check_host_port(mapping, mode)?;
        }
        check_links(container, &spec.container_definitions, mode)?;
        if mode == NetworkMode::Awsvpc {
            check_own_interface(container)?;
        }
    }
    if mode == NetworkMode::Awsvpc { check_shared_ports(&spec.container_definitions) } else { Ok(()) }
}

/// `FIRST-LAST`, in order and not beyond the last port.
fn is_range(range: &str) -> bool {
    let ports = range.split_once('-').map(|(first, last)| (first.parse::<i32>(), last.parse::<i32>()));
    matches!(ports, Some((Ok(first), Ok(last))) if 1 <= first && first <= last && last <= MAX_PORT)
}

fn check_mapping(mapping: &PortMapping, container: &str) -> Checked {
    match (&mapping.container_port_range, mapping.container_port) {
        (Some(_), Some(_)) => {
            return refuse(format!(
                "Invalid port mapping for container '{container}', cannot specify both single port and port range."
            ));
        }
        (Some(_), None) if mapping.host_port.is_some() => {
            return refuse(invalid_setting("hostPort", container));
        }
        (Some(range), None) if !is_range(range) => {
            return refuse(invalid_setting("containerPortRange", container));
        }
        (None, port) if !port.is_some_and(|port| (0..=MAX_PORT).contains(&port)) => {
            return refuse(invalid_setting("containerPort", container));
        }
        _ => {}
    }
    refuse_if(mapping.host_port.is_some_and(|port| !(0..=MAX_PORT).contains(&port)), || {
        invalid_setting("hostPort", container)
    })?;
    one_of(mapping.app_protocol.as_deref(), "appProtocol", &["http", "http2", "grpc"])?;
    refuse_if(mapping.name.as_deref().is_some_and(|name| !is_port_name(name)), || {
        format!("Invalid port mapping name for container '{container}'.")
    })
}

fn is_port_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_PORT_NAME_CHARACTERS
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

fn check_host_port(mapping: &PortMapping, mode: NetworkMode) -> Checked {
    match mode {
        NetworkMode::Bridge => Ok(()),
        NetworkMode::None => refuse("Port mappings are not supported when networkMode=none."),
        NetworkMode::Awsvpc | NetworkMode::Host => {
            refuse_if(mapping.host_port.is_some_and(|port| Some(port) != mapping.container_port), || {
                format!(
                    "When networkMode={mode}, the host ports and container ports in port mappings must match."
                )
            })
        }
    }
}

fn check_links(container: &ContainerDefinition, all: &[ContainerDefinition], mode: NetworkMode) -> Checked {
    for link in each(container.links.as_ref()) {
        refuse_if(mode != NetworkMode::Bridge, || {
            format!("Links are not supported when networkMode={mode}.")
        })?;
        let target = link_target(link);
        refuse_if(!all.iter().any(|other| other.name == target), || {
            format!("Invalid 'links' setting. Unknown container: '{target}'.")
        })?;
    }
    Ok(())
}

/// The container that a link, `NAME` or `NAME:ALIAS`, leads to.
pub(crate) fn link_target(link: &str) -> &str {
    link.split_once(':').map_or(link, |(name, _alias)| name)
}

/// With an interface of the task's own, the containers share its names and its resolver.
fn check_own_interface(container: &ContainerDefinition) -> Checked {
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let unsupported = [
        (container.hostname.is_some(), "hostname is"),
        (each(container.extra_hosts.as_ref()).next().is_some(), "Extra hosts are"),
        (given(&container.dns_servers), "DNS servers are"),
        (given(&container.dns_search_domains), "DNS search domains are"),
        (container.disable_networking.is_some(), "Disable Networking is"),
    ];
    unsupported.into_iter().try_for_each(|(given, what)| {
        refuse_if(given, || format!("{what} not supported on container when networkMode=awsvpc."))
    })
}

/// The containers share one interface, so a port belongs to one of them, and so does a mapping's name.
fn check_shared_ports(containers: &[ContainerDefinition]) -> Checked {
    let (mut ports, mut names) = (BTreeSet::new(), BTreeSet::new());
    for mapping in containers.iter().flat_map(|container| each(container.port_mappings.as_ref())) {
        let protocol = mapping.protocol.unwrap_or(TransportProtocol::Tcp);
        if let Some(port) = mapping.container_port {
            refuse_if(!ports.insert((protocol, port)), || {
                let protocol = protocol.as_str().to_ascii_uppercase();
                format!(
                    "{protocol} container port '{port}' is used multiple times in task when networkMode=awsvpc."
                )
            })?;
        }
        if let Some(name) = &mapping.name {
            refuse_if(!names.insert(name), || {
                "When networkMode=awsvpc, port mapping name is already used".to_owned()
            })?;
        }
    }
    Ok(())
}
