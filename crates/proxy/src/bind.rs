//! Opens a listener's sockets: one for each worker, all on one port, and nobody else's.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits::LISTEN_QUEUE;

/// Opens sockets on the first address that can be had.
pub(crate) fn bind(addresses: &[SocketAddr], count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the listener has no address");
    for address in addresses {
        match bind_all(*address, count) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(last)
}

fn bind_all(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    // Sockets that share a port share it with any other process of the same user, without a word. One that does not
    // share finds out whether somebody is there.
    drop(open(address, false)?);
    let first = open(address, true)?;
    let bound = first.local_addr()?;
    let mut all = vec![first];
    while all.len() < count {
        all.push(open(bound, true)?);
    }
    Ok((bound, all))
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier socket that are still closing are no hindrance.
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if shared {
        socket.listen(LISTEN_QUEUE)?;
    }
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_free_address_is_taken_and_a_taken_port_is_not_shared() {
        let (taken, _sockets) = bind(&["127.0.0.1:0".parse().unwrap()], 2).unwrap();
        assert_ne!(taken.port(), 0);
        let error = bind(&[taken], 2).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&taken.to_string()));
        let (second, sockets) = bind(&[taken, "127.0.0.1:0".parse().unwrap()], 2).unwrap();
        assert_ne!(second, taken);
        assert_eq!(sockets.len(), 2);
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == second));
    }
}
