//! Heads of requests: which pass, as what, and with which status the others are refused.

use hyper::Request as Head;

use super::*;

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let empty = Head::builder().method(method).uri(target).body(()).unwrap();
    let mut head = empty.into_parts().0;
    for (name, value) in headers {
        head.headers.append(hyper::header::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    head
}

fn verdict(head: &mut Parts) -> Result<(), u16> {
    check(head, &Limits::default()).map_err(|status| status.as_u16())
}

#[test]
fn the_request_line_may_name_the_host() {
    let seen = |method: &str, target: &str| {
        let mut head = head(method, target, &[("host", "a:1")]);
        verdict(&mut head)?;
        let request = Request::of(&head);
        Ok((request.host.to_owned(), head.uri.to_string()))
    };
    let expected = |host: &str, uri: &str| Ok((host.to_owned(), uri.to_owned()));
    assert_eq!(seen("GET", "/x?y"), expected("a:1", "/x?y"));
    assert_eq!(seen("GET", "http://b:1/x?y"), expected("b:1", "/x?y"));
    assert_eq!(seen("GET", "HTTPS://b"), expected("b", "/"));
    assert_eq!(seen("GET", "http://b?q"), expected("b", "/?q"));
    assert_eq!(seen("GET", "/x?http://b/"), expected("a:1", "/x?http://b/"));
    assert_eq!(seen("OPTIONS", "*"), expected("a:1", "*"));
    for target in ["*", "x", "ftp://b/", "http://u@b/", "b:80"] {
        assert_eq!(seen("GET", target), Err(400), "{target}");
    }
}

#[test]
fn heads_are_refused_with_their_status() {
    let (many, long) = (vec!["192.0.2.1"; 31].join(","), "a".repeat(20_000));
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);
    let cases: [Case<'_>; 11] = [
        ("GET", &[], 400),
        ("GET", &[("host", "a"), ("host", "a")], 400),
        ("GET", &[("host", "a b")], 400),
        ("GET", &[("host", "a/b")], 400),
        ("GET", &[("host", "a@b")], 400),
        ("TRACE", &[("host", "a")], 405),
        ("POST", &[("host", "a"), ("transfer-encoding", "gzip, chunked")], 400),
        ("POST", &[("host", "a"), ("transfer-encoding", "chunked, chunked")], 400),
        ("POST", &[("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], 400),
        ("GET", &[("host", "a"), ("x", &long)], 431),
        ("GET", &[("host", "a"), ("x-forwarded-for", &many)], 463),
    ];
    for (method, headers, status) in cases {
        assert_eq!(verdict(&mut head(method, "/", headers)), Err(status), "{method} {headers:?}");
    }
    assert_eq!(verdict(&mut head("GET", &format!("/{long}"), &[("host", "a")])), Err(414));
    let mut old = head("GET", "/", &[]);
    old.version = Version::HTTP_10;
    assert_eq!(verdict(&mut old), Ok(()));
}

#[test]
fn upgrades_pass_but_not_to_http2() {
    let seen = |headers: &[(&str, &str)]| upgrade(&head("GET", "/", headers)).is_some();
    assert!(seen(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]));
    assert!(!seen(&[("upgrade", "websocket")]));
    assert!(!seen(&[("connection", "upgrade")]));
    assert!(!seen(&[("connection", "upgrade"), ("upgrade", "h2c")]));
    assert!(!seen(&[("connection", "upgrade"), ("upgrade", "websocket, H2C")]));
}

#[test]
fn cookies_are_found_by_their_whole_name() {
    let head = head("GET", "/", &[("cookie", "xa=1; a=2;b"), ("cookie", "c=3=4")]);
    let request = Request::of(&head);
    let found = ["a", "c", "b"].map(|name| request.cookie(name));
    assert_eq!(found, [Some(&b"2"[..]), Some(b"3=4"), None]);
}

#[test]
fn a_port_is_cut_off() {
    let cases = [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", "")];
    for (host, expected) in cases {
        assert_eq!(without_port(host), expected);
    }
}
