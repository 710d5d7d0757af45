//! Ports: from a task definition's mappings to Docker's, and from what Docker chose to ECS's network bindings.

use std::collections::BTreeSet;

use bollard::models::{PortBinding, PortMap};
use longshore_model::container_definition::PortMapping;
use longshore_model::network::TransportProtocol;
use longshore_model::task::NetworkBinding;

/// Where ports are published, as on a container instance. Named to Docker, because it would publish on IPv6 too, and
/// choose another port there.
const BIND_IP: &str = "0.0.0.0";

/// What Docker shall publish: with the host's port 0 it chooses one.
pub(super) fn published(mappings: &[PortMapping]) -> PortMap {
    let mut ports = PortMap::new();
    for (container, host, protocol) in mappings.iter().flat_map(expand) {
        let binding = PortBinding { host_ip: Some(BIND_IP.to_owned()), host_port: Some(host.to_string()) };
        ports.entry(format!("{container}/{protocol}")).or_default().get_or_insert_default().push(binding);
    }
    ports
}

/// What Docker published.
pub(super) fn bindings(ports: &PortMap) -> Vec<NetworkBinding> {
    let all = ports.iter().flat_map(|(port, bound)| bound.iter().flatten().map(move |one| (port, one)));
    let found: BTreeSet<_> = all.filter_map(|(port, one)| one_binding(port, one)).collect();
    found.into_iter().map(|(container, host, protocol)| binding(container, host, protocol)).collect()
}

/// What a container on the host's own network publishes: every port is the host's.
pub(super) fn host_bindings(mappings: &[PortMapping]) -> Vec<NetworkBinding> {
    let found: BTreeSet<_> = mappings.iter().flat_map(expand).collect();
    found.into_iter().map(|(container, _, protocol)| binding(container, container, protocol)).collect()
}

/// The container port, host port and protocol of each port of a mapping.
fn expand(mapping: &PortMapping) -> Vec<(i32, i32, TransportProtocol)> {
    let protocol = mapping.protocol.unwrap_or(TransportProtocol::Tcp);
    let range = mapping.container_port_range.as_deref().and_then(|range| range.split_once('-'));
    if let Some((Ok(first), Ok(last))) =
        range.map(|(first, last)| (first.parse::<u16>(), last.parse::<u16>()))
    {
        return (first..=last).map(|port| (i32::from(port), 0, protocol)).collect();
    }
    let one = mapping.container_port.map(|port| (port, mapping.host_port.unwrap_or(0), protocol));
    one.into_iter().collect()
}

fn one_binding(port: &str, bound: &PortBinding) -> Option<(i32, i32, TransportProtocol)> {
    let (container, protocol) = port.split_once('/')?;
    Some((container.parse().ok()?, bound.host_port.as_ref()?.parse().ok()?, protocol.parse().ok()?))
}

fn binding(container_port: i32, host_port: i32, protocol: TransportProtocol) -> NetworkBinding {
    NetworkBinding {
        bind_ip: BIND_IP.to_owned(),
        container_port: Some(container_port),
        host_port: Some(host_port),
        protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(container: i32, host: Option<i32>) -> PortMapping {
        PortMapping { container_port: Some(container), host_port: host, ..Default::default() }
    }

    #[test]
    fn ports_are_published_one_by_one() {
        let range = PortMapping {
            container_port_range: Some("8000-8002".into()),
            protocol: Some(TransportProtocol::Udp),
            ..Default::default()
        };
        let ports = published(&[mapping(80, None), mapping(80, Some(8080)), mapping(443, Some(0)), range]);
        let hosts = |port: &str| -> Vec<String> {
            ports[port].iter().flatten().map(|one| one.host_port.clone().unwrap_or_default()).collect()
        };
        assert_eq!(hosts("80/tcp"), ["0", "8080"]);
        assert_eq!(hosts("443/tcp"), ["0"]);
        assert_eq!(hosts("8001/udp"), ["0"]);
        assert_eq!(ports.len(), 5);
    }

    #[test]
    fn what_docker_chose_becomes_bindings_in_order() {
        let bound = |host: &str| PortBinding { host_ip: None, host_port: Some(host.into()) };
        let ports = PortMap::from([
            ("443/tcp".to_owned(), Some(vec![bound("49154")])),
            ("80/tcp".to_owned(), Some(vec![bound("49153"), bound("8080"), bound("8080")])),
            ("81/tcp".to_owned(), None),
        ]);
        let seen: Vec<_> = bindings(&ports).iter().map(|one| (one.container_port, one.host_port)).collect();
        assert_eq!(seen, [(Some(80), Some(8080)), (Some(80), Some(49153)), (Some(443), Some(49154))]);
    }

    #[test]
    fn on_the_hosts_network_a_port_is_the_hosts() {
        assert_eq!(host_bindings(&[mapping(80, Some(0))]), [binding(80, 80, TransportProtocol::Tcp)]);
    }
}
