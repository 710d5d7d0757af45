//! Changes heads on their way, in place: to the target, and back to the client.

use std::net::IpAddr;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, Entry, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Request, Uri, Version};

use crate::request::{take_host, words};
use crate::table::Protocol;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// Headers that are for one connection only (RFC 9110, section 7.6.1).
const HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    // Goes with `Upgrade: h2c`, which is never passed on.
    HeaderName::from_static("http2-settings"),
];

/// Where a request came from, as the target is told.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) ip: IpAddr,
    /// Whether the client speaks TLS.
    pub(crate) tls: bool,
    /// The listener's port.
    pub(crate) port: u16,
    address: HeaderValue,
    port_value: HeaderValue,
}

impl Origin {
    pub(crate) fn new(ip: IpAddr, tls: bool, port: u16) -> Self {
        let ip = ip.to_canonical();
        let address = HeaderValue::try_from(ip.to_string());
        let address = address.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { ip, tls, port, address, port_value: port.into() }
    }

    /// The protocol that the client speaks.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

/// Makes the head of a checked request what a target may see. `upgrade`: the protocol that is asked for.
pub(crate) fn request(head: &mut Parts, upgrade: Option<HeaderValue>, origin: &Origin) {
    let headers = &mut head.headers;
    strip(headers);
    // hyper tells the client to go on when the body is first read, as Application Load Balancers do at once.
    headers.remove(EXPECT);
    if head.version == Version::HTTP_2 {
        join_cookies(headers);
    }
    if let Entry::Vacant(host) = headers.entry(HOST) {
        host.insert(HeaderValue::from_static(""));
    }
    let address = forwarded_for(headers, &origin.address);
    headers.insert(X_FORWARDED_FOR, address);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(origin.scheme()));
    headers.insert(X_FORWARDED_PORT, origin.port_value.clone());
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    head.version = Version::HTTP_11;
}

/// Makes a request what the protocol of a target wants. It may have been meant for another before.
pub(crate) fn speak<B: Body>(request: &mut Request<B>, protocol: Protocol) {
    let length = request.body().size_hint().exact();
    let (mut uri, headers) = (std::mem::take(request.uri_mut()), request.headers_mut());
    let is_told = headers
        .get(CONTENT_LENGTH)
        .is_some_and(|told| length.is_some_and(|length| told == length.to_string().as_str()));
    if !is_told {
        headers.remove(CONTENT_LENGTH);
    }
    if protocol == Protocol::Http2 {
        headers.remove(TRANSFER_ENCODING);
        // A host that is none has been refused; an empty one stays where it is.
        let authority = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if let Ok(whole) = Uri::builder().scheme("http").authority(authority).path_and_query(path).build() {
            uri = whole;
            headers.remove(HOST);
        }
    } else {
        // It cannot fail: the host was the value of a header before.
        let _: Option<()> = take_host(&mut uri, headers);
        if length.is_none() {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    *request.uri_mut() = uri;
}

/// Makes the headers of an answer what a client may see. False when the length of its body is told in two ways.
pub(crate) fn response(headers: &mut HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(one), None) => {
            one.as_bytes().eq_ignore_ascii_case(b"chunked") && !headers.contains_key(CONTENT_LENGTH)
        }
        _ => false,
    };
    strip(headers);
    is_plain
}

/// Removes what is for one connection only, and what `Connection` names.
fn strip(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).iter().flat_map(words).filter(|word| !is_usual(word));
    let named: Vec<_> = named.filter_map(|word| HeaderName::from_bytes(word).ok()).collect();
    for name in named.iter().filter(|name| **name != HOST && **name != CONTENT_LENGTH) {
        headers.remove(name);
    }
    for name in &HOP {
        headers.remove(name);
    }
}

/// What `Connection` says most, and what is removed anyway.
fn is_usual(word: &[u8]) -> bool {
    [&b"close"[..], b"keep-alive", b"upgrade"].iter().any(|usual| word.eq_ignore_ascii_case(usual))
}

/// The addresses that a request has come through, and the last.
fn forwarded_for(headers: &HeaderMap, last: &HeaderValue) -> HeaderValue {
    let mut all = Vec::new();
    for value in headers.get_all(X_FORWARDED_FOR).iter().filter(|value| !value.is_empty()) {
        all.extend_from_slice(value.as_bytes());
        all.extend_from_slice(b", ");
    }
    if all.is_empty() {
        return last.clone();
    }
    all.extend_from_slice(last.as_bytes());
    HeaderValue::from_maybe_shared(Bytes::from(all)).unwrap_or_else(|_| last.clone())
}

/// HTTP/2 may split cookies over many headers, HTTP/1.1 may not (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}
