//! Heads of requests: which pass, as what, and with which status the others are refused.

use super::*;

fn read<T>(head: &str, look: impl FnOnce(&Request<'_>) -> T) -> Result<T, Refused> {
    Request::read(head.as_bytes(), &mut room()).map(|request| look(&request))
}

#[test]
fn a_request_is_read() {
    let head = "POST /a/b?c=d&e HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 3\r\n\r\n";
    read(head, |request| {
        assert_eq!((request.method, request.path, request.query), ("POST", "/a/b", Some("c=d&e")));
        assert_eq!((request.host, request.framing), ("example.com:8080", Framing::Length(3)));
        assert!(request.keeps_alive());
    })
    .unwrap();
}

#[test]
fn the_request_line_may_name_the_host() {
    let seen = |line: &str| {
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n");
        read(&head, |it| (it.host.to_owned(), it.path.to_owned(), it.query.map(str::to_owned)))
    };
    let expected = |host: &str, path: &str, query: Option<&str>| {
        Ok((host.to_owned(), path.to_owned(), query.map(str::to_owned)))
    };
    assert_eq!(seen("GET /x"), expected("a", "/x", None));
    assert_eq!(seen("GET http://b:1/x?y"), expected("b:1", "/x", Some("y")));
    assert_eq!(seen("GET HTTPS://b"), expected("b", "/", None));
    assert_eq!(seen("GET http://b?q"), expected("b", "/", Some("q")));
    assert_eq!(seen("GET /x?http://b/"), expected("a", "/x", Some("http://b/")));
    assert_eq!(seen("OPTIONS *"), expected("a", "*", None));
    for line in ["GET *", "GET x", "GET http:///x", "GET ftp://b/", "GET http://u@b/", "GET /x#y", "GET b:80"]
    {
        assert_eq!(seen(line), Err(Refused(400)), "{line}");
    }
}

#[test]
fn heads_are_refused_with_their_status() {
    let many = "A: b\r\n".repeat(HEADERS_MAX);
    let forwarded = format!("X-Forwarded-For: {}\r\n", vec!["192.0.2.1"; 31].join(","));
    let cases = [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nB: c\0d\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nB: c\rd\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nB\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("GET /\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (&format!("GET / HTTP/1.1\r\nHost: a\r\n{forwarded}\r\n"), 463),
    ];
    for (head, status) in cases {
        assert_eq!(read(head, |_| ()), Err(Refused(status)), "{head:?}");
    }
}

#[test]
fn upgrades_pass_but_not_to_http2_and_not_with_a_body() {
    let seen = |headers: &str| {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        read(&head, |it| it.upgrade.map(<[u8]>::to_vec)).unwrap()
    };
    assert_eq!(
        seen("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"),
        Some(b"websocket".to_vec())
    );
    assert_eq!(seen("Upgrade: websocket\r\n"), None);
    assert_eq!(seen("Connection: Upgrade\r\n"), None);
    assert_eq!(seen("Connection: Upgrade\r\nUpgrade: h2c\r\n"), None);
    assert_eq!(seen("Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n"), None);
    assert_eq!(seen("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n"), None);
}

#[test]
fn connections_stay_open_by_version_and_header() {
    let seen = |version: &str, headers: &str| {
        read(&format!("GET / HTTP/{version}\r\nHost: a\r\n{headers}\r\n"), |it| it.keeps_alive()).unwrap()
    };
    assert!(seen("1.1", ""));
    assert!(!seen("1.1", "Connection: x, Close\r\n"));
    assert!(!seen("1.0", ""));
    assert!(seen("1.0", "Connection: Keep-Alive\r\n"));
}

#[test]
fn cookies_are_found_by_their_whole_name() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nCookie: xa=1; a=2;b\r\ncookie: c=3=4\r\n\r\n";
    read(head, |request| {
        assert_eq!(request.cookie("a"), Some(&b"2"[..]));
        assert_eq!(request.cookie("c"), Some(&b"3=4"[..]));
        assert_eq!(request.cookie("b"), None);
    })
    .unwrap();
}

#[test]
fn a_port_is_cut_off() {
    let cases = [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", "")];
    for (host, expected) in cases {
        assert_eq!(without_port(host), expected);
    }
}
