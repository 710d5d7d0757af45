//! Changes as they happen.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use longshore_model::preview::State;
use longshore_model::preview::view::Role;

use crate::samples;
use crate::support::{LIMIT, Server};

async fn listen(server: &Server, path: &str, name: &str, value: &str) -> Incoming {
    let request = hyper::Request::get(path).header("host", &server.authority).header(name, value);
    let response = server.open(request.body(String::new().into()).unwrap()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    response.into_body()
}

/// The next event; `None` when the stream has ended.
async fn next(stream: &mut Incoming) -> Option<String> {
    let frame = tokio::time::timeout(LIMIT, stream.frame()).await.expect("nothing comes")?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_listener_hears_of_changes_and_of_the_end() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/x", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    let token = server.token("ci", Role::Operator).await;
    let browser = server.browser(Role::Viewer).await;
    let mut api = listen(&server, "/api/v1/events", "authorization", &format!("Bearer {token}")).await;
    let mut page = listen(&server, "/events", "cookie", &browser.cookie).await;
    for stream in [&mut api, &mut page] {
        let first = next(stream).await.unwrap();
        assert!(first.contains("event: refresh") && first.contains("retry: 2000"), "{first}");
    }
    let pin = r#"{"verb":"pin","environment":"feature/x","pinned":true}"#;
    assert_eq!(server.api("POST", "/api/v1/environments", &token, pin).await.status, 200);
    for stream in [&mut api, &mut page] {
        let change = next(stream).await.unwrap();
        assert_eq!(change, "event: changed\ndata: {\"environment\":\"x.shop\"}\n\n");
    }
    server.stop().await;
    assert_eq!(next(&mut api).await, None, "the end of the server ends the stream");
    assert_eq!(next(&mut page).await, None);
}

#[tokio::test]
async fn listeners_are_bounded_and_give_their_places_back() {
    let server = Server::start().await;
    let token = server.token("ci", Role::Viewer).await;
    let bearer = format!("Bearer {token}");
    let mut streams = Vec::new();
    for _ in 0..256 {
        streams.push(listen(&server, "/api/v1/events", "authorization", &bearer).await);
    }
    let metrics = server.api("GET", "/metrics", &token, "").await;
    assert!(metrics.body.contains("\nlongshore_event_listeners 256\n"), "{}", metrics.body);
    let refused = server.api("GET", "/api/v1/events", &token, "").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "5"));
    drop(streams);
    let end = tokio::time::Instant::now() + LIMIT;
    while !server.api("GET", "/metrics", &token, "").await.body.contains("\nlongshore_event_listeners 0\n") {
        assert!(tokio::time::Instant::now() < end, "the places are not given back");
    }
    server.stop().await;
}
