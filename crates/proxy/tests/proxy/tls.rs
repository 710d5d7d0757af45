//! TLS and HTTP/2 on both sides.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use longshore_proxy::{Certificate, Protocol, Secret, Tls};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::{Raw, Upstream, proxy, soon, table};

pub(crate) fn certificate(names: &[&str]) -> Certificate {
    let names: Vec<_> = names.iter().map(|it| (*it).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names.clone()).unwrap();
    Certificate { names, chain: made.cert.pem(), key: Secret(made.signing_key.serialize_pem()) }
}

fn der(certificate: &Certificate) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(certificate.chain.as_bytes()).unwrap()
}

/// Connects, trusting one certificate only.
pub(crate) async fn connect(
    address: std::net::SocketAddr,
    name: &str,
    trusted: &Certificate,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(trusted)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

pub(crate) type H2 = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

pub(crate) async fn h2(stream: TlsStream<TcpStream>) -> (H2, tokio::task::JoinHandle<hyper::Result<()>>) {
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

pub(crate) fn request(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request =
        Request::post(format!("https://test{path}")).header("cookie", "a=1").header("cookie", "b=2");
    request.body(Full::new(body.into())).unwrap()
}

pub(crate) async fn text(answer: Response<hyper::body::Incoming>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn certificates_are_chosen_by_name() {
    let target = Upstream::named("a").await;
    let (first, second) = (certificate(&["first.test"]), certificate(&["*.second.test"]));
    let mut table = table(&[target.address]);
    table.listeners[0].tls = Some(Tls { certificates: vec![first.clone(), second.clone()] });
    let (_proxy, address) = proxy(table).await;
    for (name, trusted, fits) in [
        ("first.test", &first, true),
        ("first.test", &second, false),
        ("a.second.test", &second, true),
        ("A.SECOND.test", &second, true),
        ("a.b.second.test", &second, false),
    ] {
        assert_eq!(connect(address, name, trusted, &[]).await.is_ok(), fits, "{name}");
    }
    let stream = connect(address, "first.test", &first, &["http/1.1"]).await.unwrap();
    let answer = Raw::new(stream).ask("GET / HTTP/1.1\r\nHost: first.test\r\n\r\n").await;
    assert!(answer.text().contains("x-forwarded-proto: https\n"));
    // Who speaks no TLS gets no HTTP.
    let mut plain = Raw::connect(address).await;
    plain.send("GET / HTTP/1.1\r\nHost: first.test\r\n\r\n").await;
    assert!(soon(plain.message()).await.is_err());
}

#[tokio::test]
async fn http2_clients_reach_http1_targets() {
    let target = Upstream::named("a").await;
    let own = certificate(&["test"]);
    let mut table = table(&[target.address]);
    table.listeners[0].tls = Some(Tls { certificates: vec![own.clone()] });
    let (proxy, address) = proxy(table).await;
    let (mut sender, connection) =
        h2(connect(address, "test", &own, &["h2", "http/1.1"]).await.unwrap()).await;
    let big = "x".repeat(1 << 20);
    let mut answers = Vec::new();
    for number in 0..20 {
        answers.push(sender.send_request(request(
            &format!("/{number}?q"),
            if number == 7 { big.clone() } else { "hello".into() },
        )));
    }
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = soon(answer).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let seen = text(answer).await;
        assert!(seen.starts_with(&format!("a\nPOST /{number}?q HTTP/1.1\n")), "{:.200}", seen);
        assert!(seen.contains("\nhost: test\n"), "{:.300}", seen);
        assert!(seen.contains("\ncookie: a=1; b=2\n"), "{:.300}", seen);
        assert!(seen.contains("x-forwarded-proto: https\n") && seen.contains("x-forwarded-for: 127.0.0.1\n"));
        assert!(seen.ends_with(if number == 7 { &big } else { "\nhello" }));
    }
    let trace = Request::builder().method("TRACE").uri("https://test/").body(Full::default()).unwrap();
    assert_eq!(soon(sender.send_request(trace)).await.unwrap().status(), 405);
    // A shutdown tells the client to go away, and its connection ends in peace.
    soon(proxy.shutdown(Duration::from_secs(10))).await;
    soon(connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_http2_stream_that_is_broken_off_frees_its_target() {
    let target = Upstream::silent().await;
    let own = certificate(&["test"]);
    let mut table = table(&[target.address]);
    table.listeners[0].tls = Some(Tls { certificates: vec![own.clone()] });
    let (proxy, address) = proxy(table).await;
    let (mut sender, _connection) = h2(connect(address, "test", &own, &["h2"]).await.unwrap()).await;
    let asking = tokio::spawn(sender.send_request(request("/", "")));
    crate::support::until(|| proxy.in_flight("g/0") == 1).await;
    asking.abort();
    soon(proxy.drained("g/0")).await;
}

#[tokio::test]
async fn a_silent_target_and_a_silent_client_end_in_http2_as_well() {
    let target = Upstream::silent().await;
    let own = certificate(&["test"]);
    let mut table = table(&[target.address]);
    table.listeners[0].tls = Some(Tls { certificates: vec![own.clone()] });
    table.listeners[0].idle_timeout = Duration::from_millis(200);
    let (proxy, address) = proxy(table).await;
    let (mut sender, connection) = h2(connect(address, "test", &own, &["h2"]).await.unwrap()).await;
    let answer = soon(sender.send_request(request("/", "hello"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(text(answer).await.contains("504 Gateway Time-out"));
    let head = Request::head("https://test/").body(Full::default()).unwrap();
    let answer = soon(sender.send_request(head)).await.unwrap();
    assert_eq!((answer.status(), text(answer).await), (StatusCode::GATEWAY_TIMEOUT, String::new()));
    assert_eq!(proxy.in_flight("g/0"), 0);
    // Nothing more is asked: the client is told to go away, and its connection ends in peace.
    soon(connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn http2_targets_get_requests_of_http1_clients() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = connections.clone();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async {
                let line = format!("{:?} {} {}", request.version(), request.method(), request.uri());
                let body = request.into_body().collect().await?.to_bytes();
                let body = [line.as_bytes(), b"\n", &body].concat();
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(body))))
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    let mut table = table(&[address]);
    table.groups[0].protocol = Protocol::Http2;
    let (_proxy, address) = proxy(table).await;
    let mut client = Raw::connect(address).await;
    for number in 0..10 {
        let answer = client
            .ask(format!("POST /{number} HTTP/1.1\r\nHost: test:1\r\nContent-Length: 2\r\n\r\nhi"))
            .await;
        assert_eq!(answer.text(), format!("HTTP/2.0 POST http://test:1/{number}\nhi"));
    }
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    server.abort();
}

#[tokio::test]
async fn https_targets_are_not_asked_who_they_are() {
    let own = certificate(&["somebody.else"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.0.as_bytes()).unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![der(&own)], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut raw = Raw::new(acceptor.accept(stream).await.unwrap());
        while let Ok(request) = raw.message().await {
            raw.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}",
                request.first.len(),
                request.first
            ))
            .await;
        }
    });
    let mut table = table(&[address]);
    table.groups[0].protocol = Protocol::Https;
    let (_proxy, address) = proxy(table).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..3 {
        assert_eq!(client.get("/x").await.text(), "GET /x HTTP/1.1");
    }
    server.abort();
}
