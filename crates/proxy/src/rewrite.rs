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
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

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

#[cfg(test)]
mod tests {
    use super::*;

    fn request_with(headers: &[(&'static str, &str)], body: String) -> Request<String> {
        let mut request = Request::new(body);
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut all: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        all.sort();
        all
    }

    fn sent(headers: &[(&'static str, &str)], protocol: Protocol) -> Vec<String> {
        let (mut head, body) = request_with(headers, "hi".into()).into_parts();
        request(&mut head, None, &Origin::new([192, 0, 2, 7].into(), true, 443));
        let mut request = Request::from_parts(head, body);
        speak(&mut request, protocol);
        let mut all = shown(request.headers());
        all.push(request.uri().to_string());
        all
    }

    #[test]
    fn a_target_is_told_where_a_request_came_from() {
        let came = [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "10.0.0.2, 10.0.0.3")];
        let made_up = [("host", "a:1"), ("x-forwarded-proto", "gopher"), ("x-forwarded-port", "7")];
        let told = [
            "x-forwarded-for: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7",
            "x-forwarded-port: 443",
            "x-forwarded-proto: https",
        ];
        let all = [&came[..], &made_up].concat();
        assert_eq!(sent(&all, Protocol::Http1), [&["host: a:1"][..], &told, &["/"]].concat());
        assert_eq!(sent(&all, Protocol::Http2), [&told[..], &["http://a:1/"]].concat());
    }

    #[test]
    fn headers_of_one_connection_do_not_pass() {
        let hop = [
            ("connection", "x-secret, close, Host, Content-Length, X-Forwarded-For"),
            ("x-secret", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("trailer", "b"),
            ("proxy-connection", "close"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("expect", "100-continue"),
            ("host", "a"),
            ("content-length", "2"),
            ("transfer-encoding", "chunked"),
        ];
        let expected = [
            "content-length: 2",
            "host: a",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-port: 443",
            "x-forwarded-proto: https",
            "/",
        ];
        assert_eq!(sent(&hop, Protocol::Http1), expected);
        // A length that is not the body's is not told.
        let wrong = hop.map(|(name, value)| (name, if value == "2" { "3" } else { value }));
        assert_eq!(sent(&wrong, Protocol::Http1), expected[1..]);
    }

    #[test]
    fn a_request_that_was_meant_for_another_protocol_is_whole() {
        let mut request = request_with(&[("host", "a")], String::new());
        *request.uri_mut() = "/x?y".parse().unwrap();
        speak(&mut request, Protocol::Http2);
        assert_eq!((request.uri().to_string(), shown(request.headers())), ("http://a/x?y".into(), vec![]));
        speak(&mut request, Protocol::Https);
        assert_eq!(request.uri(), "/x?y");
        assert_eq!(shown(request.headers()), ["host: a"]);
    }

    #[test]
    fn an_answer_has_one_length() {
        let verdict = |headers: &[(&'static str, &str)]| {
            let mut headers = request_with(headers, String::new()).headers().clone();
            (response(&mut headers), shown(&headers))
        };
        assert_eq!(verdict(&[("transfer-encoding", "Chunked"), ("a", "b")]), (true, vec!["a: b".into()]));
        assert_eq!(verdict(&[("content-length", "1")]), (true, vec!["content-length: 1".into()]));
        assert!(!verdict(&[("transfer-encoding", "chunked"), ("content-length", "1")]).0);
        assert!(!verdict(&[("transfer-encoding", "gzip")]).0);
        assert!(!verdict(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]).0);
    }
}
