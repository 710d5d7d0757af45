//! Writes the head that goes on: to the target, and back to the client.

use std::net::IpAddr;

use super::body::Framing;
use super::name::{Name, is_named, sort};
use super::request::Request;
use super::response::Response;

/// Where a request came from, as the target is told.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) ip: IpAddr,
    /// The client's address as text.
    pub(crate) address: String,
    /// Whether it speaks TLS.
    pub(crate) tls: bool,
    /// The listener's port.
    pub(crate) port: String,
}

impl Origin {
    pub(crate) fn new(ip: IpAddr, tls: bool, port: u16) -> Self {
        let ip = ip.to_canonical();
        Self { ip, address: ip.to_string(), tls, port: port.to_string() }
    }
}

/// Appends the head of a request as the target gets it.
pub(crate) fn request(request: &Request<'_>, origin: &Origin, out: &mut Vec<u8>) {
    put(out, &[request.method.as_bytes(), b" ", request.path.as_bytes()]);
    if let Some(query) = request.query {
        put(out, &[b"?", query.as_bytes()]);
    }
    put(out, &[b" HTTP/1.1\r\nHost: ", request.host.as_bytes(), b"\r\n"]);
    let mut forwarded = false;
    for header in request.headers {
        match sort(header.name) {
            _ if request.connection.names && is_named(header.name, request.headers) => {}
            Name::Other | Name::Cookie => put(out, &[header.name.as_bytes(), b": ", header.value, b"\r\n"]),
            Name::ForwardedFor => forwarded = true,
            _ => {}
        }
    }
    out.extend_from_slice(b"X-Forwarded-For: ");
    if forwarded {
        for value in request.values("x-forwarded-for").filter(|value| !value.is_empty()) {
            put(out, &[value, b", "]);
        }
    }
    let protocol: &[u8] = if origin.tls { b"https" } else { b"http" };
    put(out, &[origin.address.as_bytes(), b"\r\nX-Forwarded-Proto: ", protocol]);
    put(out, &[b"\r\nX-Forwarded-Port: ", origin.port.as_bytes(), b"\r\n"]);
    delimit(request.framing, out);
    if let Some(protocol) = request.upgrade {
        put(out, &[b"Connection: upgrade\r\nUpgrade: ", protocol, b"\r\n"]);
    }
    out.extend_from_slice(b"\r\n");
}

/// How an answer goes to the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// The client speaks HTTP/1.1.
    pub(crate) is_11: bool,
    /// Its connection stays open.
    pub(crate) keep: bool,
    /// It asked with HEAD, which is told the length of what it does not get.
    pub(crate) to_head: bool,
}

/// Appends the head of a final answer as the client gets it.
pub(crate) fn response(response: &Response<'_>, way: Way, cookies: &str, out: &mut Vec<u8>) {
    start(response, out);
    for header in response.headers {
        let name = sort(header.name);
        let bodiless = way.to_head || response.status == 304;
        let passes = matches!(name, Name::Other | Name::Cookie | Name::Host | Name::Hop)
            || matches!(name, Name::ForwardedFor | Name::ForwardedPort | Name::ForwardedProto)
            || (name == Name::ContentLength && bodiless);
        if passes
            && name != Name::Hop
            && !(response.connection.names && is_named(header.name, response.headers))
        {
            put(out, &[header.name.as_bytes(), b": ", header.value, b"\r\n"]);
        }
    }
    out.extend_from_slice(cookies.as_bytes());
    match response.framing {
        Framing::UntilClose if way.is_11 => delimit(Framing::Chunked, out),
        Framing::Chunked if !way.is_11 => {}
        framing => delimit(framing, out),
    }
    out.extend_from_slice(match (way.keep, way.is_11) {
        (false, _) => b"Connection: close\r\n\r\n",
        (true, true) => b"\r\n",
        (true, false) => b"Connection: keep-alive\r\n\r\n",
    });
}

/// Appends the head of an answer before the final one: 100 and its like, and 101.
pub(crate) fn interim(response: &Response<'_>, out: &mut Vec<u8>) {
    start(response, out);
    for header in response.headers {
        let name = sort(header.name);
        let upgrade = response.status == 101 && name == Name::Upgrade;
        if matches!(name, Name::Other) || upgrade {
            put(out, &[header.name.as_bytes(), b": ", header.value, b"\r\n"]);
        }
    }
    if response.status == 101 {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn start(response: &Response<'_>, out: &mut Vec<u8>) {
    put(out, &[b"HTTP/1.1 "]);
    put_number(out, u64::from(response.status));
    put(out, &[b" ", response.reason.as_bytes(), b"\r\n"]);
}

fn delimit(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::Empty | Framing::UntilClose => {}
        Framing::Length(bytes) => {
            out.extend_from_slice(b"Content-Length: ");
            put_number(out, bytes);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Appends a number in decimal.
pub(crate) fn put_number(out: &mut Vec<u8>, number: u64) {
    if number >= 10 {
        put_number(out, number / 10);
    }
    out.push(b"0123456789"[usize::try_from(number % 10).unwrap_or_default()]);
}

#[cfg(test)]
mod tests {
    use super::super::request::room;
    use super::*;

    fn sent(head: &str) -> String {
        let mut room = room();
        let read = Request::read(head.as_bytes(), &mut room).unwrap();
        let origin = Origin::new("192.0.2.7".parse().unwrap(), true, 443);
        let mut out = Vec::new();
        request(&read, &origin, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn answered(head: &str, way: Way) -> String {
        let mut room = room();
        let read = Response::read(head.as_bytes(), &mut room, way.to_head).unwrap();
        let mut out = Vec::new();
        if read.status < 200 {
            interim(&read, &mut out)
        } else {
            response(&read, way, "Set-Cookie: s=1\r\n", &mut out)
        }
        String::from_utf8(out).unwrap()
    }

    const WAY: Way = Way { is_11: true, keep: true, to_head: false };

    #[test]
    fn a_target_is_told_where_a_request_came_from() {
        let head = "GET /a?b HTTP/1.1\r\nhost: x:1\r\nX-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2, 10.0.0.3\r\n\
                    X-Forwarded-Proto: gopher\r\nX-Forwarded-Port: 7\r\nAccept: */*\r\n\r\n";
        assert_eq!(
            sent(head),
            "GET /a?b HTTP/1.1\r\nHost: x:1\r\nAccept: */*\r\n\
             X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\
             X-Forwarded-Port: 443\r\n\r\n"
        );
    }

    #[test]
    fn headers_of_one_connection_do_not_pass() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: x-secret, close, Host, Content-Length\r\nX-Secret: 1\r\n\
                    Keep-Alive: 5\r\nTE: trailers\r\nTrailer: b\r\nProxy-Connection: close\r\nUpgrade: h2c\r\n\
                    HTTP2-Settings: x\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(
            sent(head),
            "POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\
             X-Forwarded-Port: 443\r\nContent-Length: 12\r\n\r\n"
        );
    }

    #[test]
    fn an_upgrade_is_asked_for_and_confirmed() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n";
        assert!(sent(head).ends_with("Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nA: b\r\n\r\n";
        assert_eq!(
            answered(answer, WAY),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nA: b\r\nConnection: upgrade\r\n\r\n"
        );
    }

    #[test]
    fn answers_are_framed_for_the_client() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: 5\r\nA: b\r\n\r\n";
        let old = Way { is_11: false, keep: false, to_head: false };
        let cases = [
            (
                chunked,
                WAY,
                "HTTP/1.1 200 OK\r\nA: b\r\nSet-Cookie: s=1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (chunked, old, "HTTP/1.1 200 OK\r\nA: b\r\nSet-Cookie: s=1\r\nConnection: close\r\n\r\n"),
            (
                "HTTP/1.0 200 OK\r\n\r\n",
                WAY,
                "HTTP/1.1 200 OK\r\nSet-Cookie: s=1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1234567890\r\n\r\n",
                Way { to_head: true, ..WAY },
                "HTTP/1.1 200 OK\r\nContent-Length: 1234567890\r\nSet-Cookie: s=1\r\n\r\n",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 105\r\n\r\n",
                Way { is_11: false, keep: true, to_head: false },
                "HTTP/1.1 200 OK\r\nSet-Cookie: s=1\r\nContent-Length: 105\r\nConnection: keep-alive\r\n\r\n",
            ),
            (
                "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
                WAY,
                "HTTP/1.1 204 No Content\r\nSet-Cookie: s=1\r\n\r\n",
            ),
        ];
        for (head, way, expected) in cases {
            assert_eq!(answered(head, way), expected);
        }
    }
}
