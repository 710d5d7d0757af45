//! The head of a request: what could be understood in two ways is refused, and what rules look at is found.

use hyper::header::{CONNECTION, COOKIE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::Scheme;
use hyper::{Method, StatusCode, Uri, Version};

use crate::limits::{FORWARDED_FOR_MAX, Limits};
use crate::rewrite::X_FORWARDED_FOR;

/// What rules look at.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// With its port; empty when HTTP/1.0 says nothing.
    pub(crate) host: &'a str,
    /// The path as it was sent, or `*`.
    pub(crate) path: &'a str,
    /// Without its question mark.
    pub(crate) query: Option<&'a str>,
    headers: &'a HeaderMap,
}

impl<'a> Request<'a> {
    /// Of a head that has been checked.
    pub(crate) fn of(head: &'a Parts) -> Self {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let (path, query) = (head.uri.path(), head.uri.query());
        Self { method: head.method.as_str(), host, path, query, headers: &head.headers }
    }

    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        let pairs = self.headers.get_all(COOKIE).iter().flat_map(|it| it.as_bytes().split(|it| *it == b';'));
        pairs.map(<[u8]>::trim_ascii).find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

/// Refuses what may not pass, with a status. Afterwards the request line has only a path, and `Host` is the host.
///
/// hyper has refused much before, and has framed the body by what is left: of two lengths only one is here.
pub(crate) fn check(head: &mut Parts, limits: &Limits) -> Result<(), StatusCode> {
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    take_host(&mut head.uri, &mut head.headers).ok_or(StatusCode::BAD_REQUEST)?;
    let path = head.uri.path();
    if !path.starts_with('/') && (path != "*" || head.method != Method::OPTIONS) {
        return Err(StatusCode::BAD_REQUEST);
    }
    if head.uri.path_and_query().is_some_and(|path| path.as_str().len() > limits.line) {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let (mut hosts, mut codings, mut addresses) = (0, 0, 0);
    for (name, value) in &head.headers {
        if name.as_str().len() + value.len() > limits.line {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        if name == HOST {
            hosts += 1;
            if !value.as_bytes().iter().all(|byte| is_host_byte(*byte)) {
                return Err(StatusCode::BAD_REQUEST);
            }
        } else if name == TRANSFER_ENCODING {
            codings += 1;
            if !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err(StatusCode::BAD_REQUEST);
            }
        } else if name == X_FORWARDED_FOR {
            addresses += words(value).count();
        }
    }
    if codings > 1 || hosts > 1 || (hosts == 0 && head.version != Version::HTTP_10) {
        return Err(StatusCode::BAD_REQUEST);
    }
    if addresses > FORWARDED_FOR_MAX {
        return Err(StatusCode::from_u16(463).unwrap_or(StatusCode::BAD_REQUEST));
    }
    Ok(())
}

/// A host in the request line is the one that counts (RFC 9112, section 3.2.2): it becomes `Host`.
pub(crate) fn take_host(uri: &mut Uri, headers: &mut HeaderMap) -> Option<()> {
    match (uri.scheme(), uri.authority()) {
        (None, None) => {}
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
            headers.insert(HOST, HeaderValue::from_str(authority.as_str()).ok()?);
            *uri = uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        }
        _ => return None,
    }
    Some(())
}

/// The protocol that the client asks to speak from here on, if that may pass. One without a body may, and HTTP/2 may
/// not.
pub(crate) fn upgrade(head: &Parts) -> Option<HeaderValue> {
    let wanted = head.headers.get(UPGRADE)?;
    let asked = head.headers.get_all(CONNECTION).iter().flat_map(words);
    let may = head.version == Version::HTTP_11
        && asked.into_iter().any(|word| word.eq_ignore_ascii_case(b"upgrade"))
        && !words(wanted).any(|word| word.len() >= 2 && word[..2].eq_ignore_ascii_case(b"h2"));
    may.then(|| wanted.clone())
}

/// The words of a list such as the value of `Connection`.
pub(crate) fn words(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
}

/// No user name, no path, no space: what a host name or an address with a port may hold.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%' | b'~' | b'*')
}

/// A host without its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // The colons of an IPv6 address are inside brackets.
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

/// May the method be repeated (RFC 9110, section 9.2.2)?
pub(crate) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS].contains(method)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
