//! The host ports of process containers: which are ours, and which are free.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_model::network::TransportProtocol;
use longshore_model::task::NetworkBinding;

use crate::runtime::StartError;
use crate::runtime::ports::WantedPort;

/// Where containers are told to be reachable: the engine is for this machine only.
const BIND_IP: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How often a port that the kernel calls free may turn out to be promised to another container already.
const TRIES: usize = 1000;

/// The ports promised to containers, whether they listen on them yet or not.
#[derive(Debug, Default)]
pub(super) struct PortBook {
    taken: Mutex<BTreeSet<(TransportProtocol, u16)>>,
}

/// The ports of one container; they are free again when this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    book: Arc<PortBook>,
    ports: Vec<(TransportProtocol, u16)>,
    /// As ECS shows them.
    pub(super) bindings: Vec<NetworkBinding>,
}

impl PortBook {
    /// Takes all the ports that a container wants, or none.
    pub(super) fn take(self: &Arc<Self>, wanted: &[WantedPort]) -> Result<Claim, StartError> {
        let mut claim = Claim { book: Arc::clone(self), ports: Vec::new(), bindings: Vec::new() };
        for port in wanted {
            let mut taken = self.lock();
            let number = match port.host_port {
                Some(number) if taken.contains(&(port.protocol, number)) => return Err(allocated(number)),
                Some(number) => probe(port.protocol, number).map_err(|error| refused(number, &error))?,
                None => free_port(port.protocol, &taken)?,
            };
            taken.insert((port.protocol, number));
            claim.ports.push((port.protocol, number));
            claim.bindings.push(binding(port, number));
        }
        Ok(claim)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(TransportProtocol, u16)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut taken = self.book.lock();
        for port in &self.ports {
            taken.remove(port);
        }
    }
}

fn binding(port: &WantedPort, number: u16) -> NetworkBinding {
    NetworkBinding {
        bind_ip: BIND_IP.to_string(),
        container_port: Some(port.container_port.into()),
        host_port: Some(number.into()),
        protocol: port.protocol,
    }
}

/// A port that the kernel gives to whoever asks for any, and that no container of ours was promised.
fn free_port(
    protocol: TransportProtocol,
    taken: &BTreeSet<(TransportProtocol, u16)>,
) -> Result<u16, StartError> {
    for _ in 0..TRIES {
        let number = probe(protocol, 0).map_err(|error| refused(0, &error))?;
        if !taken.contains(&(protocol, number)) {
            return Ok(number);
        }
    }
    Err(StartError("CannotStartContainerError: all dynamic host ports are allocated".to_owned()))
}

/// Binds a port for a moment; 0 means any.
fn probe(protocol: TransportProtocol, number: u16) -> io::Result<u16> {
    let address = (BIND_IP, number);
    let bound = match protocol {
        TransportProtocol::Udp => UdpSocket::bind(address)?.local_addr(),
        _ => TcpListener::bind(address)?.local_addr(),
    };
    Ok(bound?.port())
}

fn allocated(number: u16) -> StartError {
    StartError(format!(
        "CannotStartContainerError: Bind for {BIND_IP}:{number} failed: port is already allocated"
    ))
}

fn refused(number: u16, error: &io::Error) -> StartError {
    match error.kind() {
        io::ErrorKind::AddrInUse => allocated(number),
        _ => StartError(format!("CannotStartContainerError: Bind for {BIND_IP}:{number} failed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host_port: Option<u16>) -> WantedPort {
        WantedPort { container_port: 80, host_port, protocol: TransportProtocol::Tcp }
    }

    #[test]
    fn ports_are_unique_and_come_back() {
        let book = Arc::new(PortBook::default());
        let claim = book.take(&[tcp(None); 200]).unwrap();
        let numbers: BTreeSet<_> = claim.bindings.iter().map(|binding| binding.host_port).collect();
        assert_eq!(numbers.len(), 200);
        drop(claim);
        assert!(book.lock().is_empty());
    }

    #[test]
    fn a_port_that_somebody_has_is_refused_and_nothing_is_kept() {
        let listener = TcpListener::bind((BIND_IP, 0)).unwrap();
        let number = listener.local_addr().unwrap().port();
        let book = Arc::new(PortBook::default());
        let message = format!(
            "CannotStartContainerError: Bind for 127.0.0.1:{number} failed: port is already allocated"
        );
        assert_eq!(book.take(&[tcp(None), tcp(Some(number))]).unwrap_err().0, message);
        assert!(book.lock().is_empty());
        drop(listener);
        let claim = book.take(&[tcp(Some(number))]).unwrap();
        assert_eq!(claim.bindings.len(), 1);
        assert_eq!(
            book.take(&[tcp(Some(number))]).unwrap_err().0,
            message,
            "promised, though nobody listens yet"
        );
    }
}
