//! The ports that a container's definition publishes, one by one, for the runtimes that do not leave this to Docker.

use longshore_model::container_definition::{ContainerDefinition, PortMapping};
use longshore_model::network::{NetworkMode, TransportProtocol};

/// A port to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WantedPort {
    /// As the container knows it.
    pub(super) container_port: u16,
    /// On the host; absent means that the host chooses.
    pub(super) host_port: Option<u16>,
    /// tcp unless the definition says otherwise.
    pub(super) protocol: TransportProtocol,
}

/// The ports that a container publishes in a network mode: in `host` and `awsvpc` the same number on the host.
pub(super) fn wanted(definition: &ContainerDefinition, mode: NetworkMode) -> Vec<WantedPort> {
    let mappings = definition.port_mappings.as_deref().unwrap_or_default();
    let ports = mappings.iter().flat_map(|mapping| {
        let protocol = mapping.protocol.unwrap_or(TransportProtocol::Tcp);
        container_ports(mapping).filter(|port| *port > 0).map(move |container_port| WantedPort {
            container_port,
            host_port: match mode {
                NetworkMode::Bridge => written(mapping.host_port).filter(|port| *port > 0),
                _ => Some(container_port),
            },
            protocol,
        })
    });
    if mode == NetworkMode::None { Vec::new() } else { ports.collect() }
}

/// The mapping's port, or all of its range.
fn container_ports(mapping: &PortMapping) -> std::ops::RangeInclusive<u16> {
    let range = mapping.container_port_range.as_deref().and_then(|range| {
        let (first, last) = range.split_once('-')?;
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    range.unwrap_or_else(|| {
        let port = written(mapping.container_port).unwrap_or(0);
        port..=port
    })
}

fn written(port: Option<i32>) -> Option<u16> {
    port.and_then(|port| u16::try_from(port).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(mode: NetworkMode, mappings: &[PortMapping]) -> Vec<(u16, Option<u16>)> {
        let definition =
            ContainerDefinition { port_mappings: Some(mappings.to_vec()), ..ContainerDefinition::default() };
        wanted(&definition, mode).iter().map(|port| (port.container_port, port.host_port)).collect()
    }

    fn mapping(container_port: i32, host_port: Option<i32>) -> PortMapping {
        PortMapping { container_port: Some(container_port), host_port, ..PortMapping::default() }
    }

    #[test]
    fn the_host_chooses_in_bridge_mode_only() {
        let mappings = [mapping(80, None), mapping(81, Some(0)), mapping(82, Some(8082))];
        assert_eq!(hosts(NetworkMode::Bridge, &mappings), [(80, None), (81, None), (82, Some(8082))]);
        assert_eq!(hosts(NetworkMode::Awsvpc, &mappings[..2]), [(80, Some(80)), (81, Some(81))]);
        assert_eq!(hosts(NetworkMode::Host, &mappings[..1]), [(80, Some(80))]);
        assert_eq!(hosts(NetworkMode::None, &mappings), []);
    }

    #[test]
    fn a_range_is_every_port_of_it() {
        let range =
            PortMapping { container_port_range: Some("7000-7002".to_owned()), ..PortMapping::default() };
        assert_eq!(hosts(NetworkMode::Bridge, &[range]), [(7000, None), (7001, None), (7002, None)]);
    }
}
