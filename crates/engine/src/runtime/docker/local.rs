//! What the engine's own machine and Docker have to do with each other: the way back to it, and images made on it.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{CreateImageOptionsBuilder, InspectNetworkOptions};
use futures_util::StreamExt as _;

use super::words::docker_says;
use super::{Daemon, DockerRuntime, StartError};

/// How long an import may take: the archive is on this machine.
const IMPORT_LIMIT: Duration = Duration::from_mins(2);

impl DockerRuntime {
    /// The address under which containers on Docker's own network reach this machine.
    pub async fn gateway(&self) -> Option<IpAddr> {
        let network =
            self.daemon.docker.inspect_network("bridge", None::<InspectNetworkOptions>).await.ok()?;
        let configurations = network.ipam?.config?;
        configurations.iter().find_map(|it| gateway_of(it.gateway.as_deref(), it.subnet.as_deref()))
    }

    /// Whether an image is on this machine.
    pub async fn has_image(&self, image: &str) -> bool {
        self.daemon.docker.inspect_image(image).await.is_ok()
    }

    /// Makes an image of a tar archive of its root directory.
    ///
    /// # Errors
    /// What Docker says.
    pub async fn import_image(
        &self,
        repository: &str,
        tag: &str,
        archive: Vec<u8>,
    ) -> Result<(), StartError> {
        let import = self.daemon.import(repository, tag, archive);
        match tokio::time::timeout(IMPORT_LIMIT, import).await {
            Ok(imported) => imported.map_err(|error| StartError(docker_says(&error))),
            Err(_) => Err(StartError(format!("the import took more than {} s", IMPORT_LIMIT.as_secs()))),
        }
    }
}

/// A daemon that was never started before does not say the gateway of its bridge until it is started again. It is the
/// first address of the subnet then.
fn gateway_of(gateway: Option<&str>, subnet: Option<&str>) -> Option<IpAddr> {
    let said = gateway.and_then(|gateway| gateway.parse().ok());
    let first = || {
        let network: Ipv4Addr = subnet?.split('/').next()?.parse().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from_bits(network.to_bits().checked_add(1)?)))
    };
    said.or_else(first)
}

impl Daemon {
    /// Makes an image of a tar archive of its root directory. Doing it twice at the same time does no harm.
    pub(super) async fn import(&self, repository: &str, tag: &str, archive: Vec<u8>) -> Result<(), Error> {
        let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).build();
        let body = bollard::body_full(archive.into());
        let mut steps = pin!(self.docker.create_image(Some(options), Some(body), None));
        while let Some(step) = steps.next().await {
            step?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_what_docker_says_or_the_first_address() {
        let cases = [
            (Some("172.18.0.254"), Some("172.18.0.0/16"), Some("172.18.0.254")),
            (None, Some("172.17.0.0/16"), Some("172.17.0.1")),
            (Some(""), Some("10.1.0.0/24"), Some("10.1.0.1")),
            (None, Some("fd00::/64"), None),
            (None, None, None),
        ];
        for (gateway, subnet, expected) in cases {
            assert_eq!(
                gateway_of(gateway, subnet),
                expected.map(|ip| ip.parse().unwrap()),
                "{gateway:?} {subnet:?}"
            );
        }
    }
}
