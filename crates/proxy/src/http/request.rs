//! Reads the head of a request, and refuses what two readers could understand in two ways.

use std::mem::MaybeUninit;

use httparse::Header;

use super::body::{Framing, framing};
use super::name::{Connection, Name, sort, words};
use super::scan::Bad;
use crate::limits::{FORWARDED_FOR_MAX, HEADERS_MAX};

/// Room for the headers of a head; what is not used is never touched.
pub(crate) type Room<'a> = [MaybeUninit<Header<'a>>; HEADERS_MAX];

/// Room for the headers of a head.
pub(crate) fn room<'a>() -> Room<'a> {
    [const { MaybeUninit::uninit() }; HEADERS_MAX]
}

/// A request that may pass.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// The path as it was sent, or `*`.
    pub(crate) path: &'a str,
    /// Without its question mark.
    pub(crate) query: Option<&'a str>,
    /// What `Host` says, or the request line where it names a host; with its port, and empty when HTTP/1.0 says nothing.
    pub(crate) host: &'a str,
    /// HTTP/1.1; otherwise 1.0.
    pub(crate) is_11: bool,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) framing: Framing,
    pub(crate) connection: Connection,
    /// The protocol that the client asks to speak from here on.
    pub(crate) upgrade: Option<&'a [u8]>,
}

/// A request that is answered with this status, and its connection closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16);

impl From<Bad> for Refused {
    fn from(bad: Bad) -> Self {
        Self(match bad {
            Bad::Line => 400,
            Bad::FirstLineTooLong => 414,
            Bad::TooLong => 431,
        })
    }
}

impl<'a> Request<'a> {
    /// Reads a whole head.
    pub(crate) fn read(head: &'a [u8], room: &'a mut Room<'a>) -> Result<Self, Refused> {
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(head, room) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Refused(431)),
            Err(httparse::Error::Version) => return Err(Refused(version_status(head))),
            _ => return Err(Refused(400)),
        }
        let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Refused(400));
        };
        let is_11 = version == 1;
        let headers: &'a [Header<'a>] = parsed.headers;
        if matches!(method, "CONNECT" | "TRACE") {
            return Err(Refused(405));
        }
        let said = Said::read(headers)?;
        if is_11 && said.host.is_none() {
            return Err(Refused(400));
        }
        let (named, path, query) = split_target(method, target).ok_or(Refused(400))?;
        let host = named.or(said.host).unwrap_or_default();
        if !host.bytes().all(is_host_byte) {
            return Err(Refused(400));
        }
        let framing = framing(headers).map_err(|_| Refused(400))?.unwrap_or(Framing::Empty);
        if framing == Framing::Chunked && !is_11 {
            return Err(Refused(400));
        }
        let may_upgrade =
            is_11 && said.connection.upgrade && !matches!(framing, Framing::Length(1..) | Framing::Chunked);
        let upgrade = said.upgrade.filter(|value| may_upgrade && !speaks_h2(value));
        Ok(Self { method, path, query, host, is_11, headers, framing, connection: said.connection, upgrade })
    }

    /// Whether the client may send another request afterwards.
    pub(crate) fn keeps_alive(&self) -> bool {
        !self.connection.close && (self.is_11 || self.connection.keep_alive)
    }

    /// The values of a header.
    pub(crate) fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.headers.iter().filter(move |it| it.name.eq_ignore_ascii_case(name)).map(|it| it.value)
    }

    /// The value of a cookie.
    pub(crate) fn cookie<'s>(&'s self, name: &'s str) -> Option<&'s [u8]> {
        let pairs = self.values("cookie").flat_map(|value| value.split(|byte| *byte == b';'));
        pairs.map(<[u8]>::trim_ascii).find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

/// What single headers say.
#[derive(Default)]
struct Said<'a> {
    host: Option<&'a str>,
    connection: Connection,
    upgrade: Option<&'a [u8]>,
}

impl<'a> Said<'a> {
    fn read(headers: &'a [Header<'a>]) -> Result<Self, Refused> {
        let mut said = Self::default();
        let mut addresses = 0;
        for header in headers {
            match sort(header.name) {
                Name::Host => {
                    let host = str::from_utf8(header.value).map_err(|_| Refused(400))?;
                    if said.host.replace(host).is_some() {
                        return Err(Refused(400));
                    }
                }
                Name::Connection => said.connection.read(header.value),
                Name::Upgrade => said.upgrade = Some(header.value),
                Name::ForwardedFor => addresses += words(header.value).count(),
                _ => {}
            }
        }
        if addresses > FORWARDED_FOR_MAX { Err(Refused(463)) } else { Ok(said) }
    }
}

/// A version that is well formed but not ours is told apart from garbage.
fn version_status(head: &[u8]) -> u16 {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (_method, _target, version, more) = (words.next(), words.next(), words.next(), words.next());
    match version.unwrap_or_default() {
        _ if more.is_some() => 400,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            505
        }
        _ => 400,
    }
}

/// The host, the path and the query that a request line names.
fn split_target<'a>(method: &str, target: &'a str) -> Option<(Option<&'a str>, &'a str, Option<&'a str>)> {
    if target.contains('#') {
        return None;
    }
    if target == "*" {
        return (method == "OPTIONS").then_some((None, target, None));
    }
    let (host, rest) = match target.strip_prefix('/') {
        Some(_) => (None, target),
        None => {
            let (scheme, rest) = target.split_once("://")?;
            if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
                return None;
            }
            let (host, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(host).filter(|host| !host.is_empty())?.into(), rest)
        }
    };
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    Some((host, if path.is_empty() { "/" } else { path }, query))
}

/// No user name, no path, no space: what a host name or an address with a port may hold.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%' | b'~' | b'*')
}

fn speaks_h2(upgrade: &[u8]) -> bool {
    words(upgrade).any(|word| word.len() >= 2 && word[..2].eq_ignore_ascii_case(b"h2"))
}

/// A host without its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // The colons of an IPv6 address are inside brackets.
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
