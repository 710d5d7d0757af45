//! Whose address a request comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

use crate::network::Network;

/// The address of the client, as far as it can be known: the peer of the connection, or what a proxy that we trust says.
pub(crate) fn client(extensions: &Extensions, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    // Each proxy adds whom it talked to at the end. What the client wrote itself stands before all of them.
    let listed = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = listed.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut farthest = peer;
    for hop in hops.iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { return farthest };
        farthest = address.to_canonical();
        if !is_trusted(farthest) {
            return farthest;
        }
    }
    farthest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut extensions = Extensions::new();
        let peer: IpAddr = peer.parse().unwrap();
        let _none = extensions.insert(ConnectInfo(SocketAddr::new(peer, 1)));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|it| it.parse().unwrap()).collect();
        client(&extensions, &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(seen("192.0.2.1", &["203.0.113.9"], &[]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &["203.0.113.9"], &["10.0.0.0/8"]), "192.0.2.1");
    }

    #[test]
    fn of_a_trusted_proxy_the_last_stranger_counts() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"], &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", "203.0.113.9"], &trusted), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["nonsense, 10.0.0.2"], &trusted), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", &[], &trusted), "10.0.0.1");
    }
}
