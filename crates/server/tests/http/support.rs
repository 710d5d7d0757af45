//! A server on a real socket over the memory store, and a client that does what a browser or GitHub does.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use longshore_control::book::Book;
use longshore_control::preview::Desk;
use longshore_model::preview::view::Role;
use longshore_model::{Error, Timestamp};
use longshore_server::{App, Reply, Secrets, people, serve};
use longshore_world::Clock;
use sha2::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::samples;

/// Nothing here takes longer than this, or it has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// GitHub's secret, as in its published vector.
pub(crate) const GITHUB: &str = "It's a Secret to Everybody";
/// Slack's secret, as in its published vector.
pub(crate) const SLACK: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// The token of an outgoing webhook.
pub(crate) const SLACK_TOKEN: &str = "static-token-of-a-webhook";

/// A clock that stands until it is set.
#[derive(Debug)]
pub(crate) struct Hand(AtomicI64);

impl Hand {
    pub(crate) fn add_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Answers to slash commands that came later.
#[derive(Debug, Default)]
pub(crate) struct Later(pub(crate) Mutex<Vec<(String, String)>>);

#[async_trait]
impl Reply for Later {
    async fn reply(&self, response_url: &str, text: &str) -> Result<(), Error> {
        self.0.lock().unwrap().push((response_url.to_owned(), text.to_owned()));
        Ok(())
    }
}

/// A server.
pub(crate) struct Server {
    pub(crate) authority: String,
    pub(crate) book: Book,
    pub(crate) clock: Arc<Hand>,
    pub(crate) later: Arc<Later>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<()>,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// `NAME=VALUE` of a cookie that it sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let found = all.map(|line| line.split(';').next().unwrap()).find(|pair| pair.starts_with(name));
        found.map(str::to_owned)
    }

    /// The value of the form's token on a page.
    pub(crate) fn form_token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"csrf\" value=\"").expect("no form is on this page");
        rest.split_once('"').unwrap().0.to_owned()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// One whose `App` is changed before it starts.
    pub(crate) async fn with(change: impl FnOnce(&mut App)) -> Self {
        let book = Book::new(Arc::new(longshore_store::Memory::new()));
        Self::over(book, change).await
    }

    pub(crate) async fn over(book: Book, change: impl FnOnce(&mut App)) -> Self {
        // 2027-01-15T08:00:00Z
        let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000_000)));
        let later = Arc::new(Later::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let desk = Desk::new(book.clone(), samples::policies(), Arc::clone(&clock) as Arc<dyn Clock>);
        let mut app = App {
            desk: Arc::new(desk),
            secrets: Secrets {
                github: Some(GITHUB.into()),
                slack: Some(SLACK.into()),
                slack_token: Some(SLACK_TOKEN.to_owned()),
                key: [7; 32],
            },
            login: None,
            public_url: format!("http://{authority}"),
            repositories_url: Some("https://github.com".to_owned()),
            trusted_proxies: Vec::new(),
            glance: Arc::new(samples::Cluster { text: String::new() }),
            reply: Arc::clone(&later) as Arc<dyn Reply>,
            sign_link: Arc::new(|id, site, to| format!("{site}/.longshore/enter?token=for-{id}&to={to}")),
        };
        change(&mut app);
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(serve(listener, app, async {
            let _sender_gone = stopped.await;
        }));
        Self { authority, book, clock, later, stop: Some(stop), ended }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends it, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        tokio::time::timeout(LIMIT, self.ended).await.expect("it does not end").unwrap();
    }

    pub(crate) async fn token(&self, name: &str, role: Role) -> String {
        people::tokens::make(&self.book, name, role, "tests", self.now()).await.unwrap()
    }

    /// A request on a connection of its own.
    pub(crate) async fn open(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let stream = TcpStream::connect(&self.authority).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        tokio::time::timeout(LIMIT, sender.send_request(request)).await.expect("no answer").unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.open(request.body(Full::new(body.into())).unwrap()).await;
        let (parts, body) = response.into_parts();
        let body = tokio::time::timeout(LIMIT, body.collect()).await.expect("no end").unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").await
    }

    /// The API, with a token.
    pub(crate) async fn api(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        self.send(method, path, &[("authorization", &format!("Bearer {token}"))], body.to_owned()).await
    }

    /// A browser that has logged in with a token of this role.
    pub(crate) async fn browser(&self, role: Role) -> Browser<'_> {
        let token = self.token(&format!("browser-{role:?}"), role).await;
        self.log_in(&token).await
    }

    pub(crate) async fn log_in(&self, token: &str) -> Browser<'_> {
        let page = self.get("/login?to=%2Fdeliveries", &HTML).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let visit = page.cookie("longshore-visit").unwrap();
        let form = form(&[("csrf", &page.form_token()), ("token", token), ("to", "/deliveries")]);
        let headers = [("cookie", visit.as_str()), ("content-type", FORM), ("sec-fetch-site", "same-origin")];
        let answer = self.send("POST", "/login", &headers, form).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/deliveries"),
            "{}",
            answer.body
        );
        let cookie = answer.cookie("longshore-session").unwrap();
        let mut browser = Browser { server: self, cookie, csrf: String::new() };
        browser.csrf = browser.get("/").await.form_token();
        browser
    }
}

/// Somebody who has logged in.
pub(crate) struct Browser<'a> {
    pub(crate) server: &'a Server,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser<'_> {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.server.get(path, &[("cookie", &self.cookie), HTML[0]]).await
    }

    /// Sends a form from a page, as a browser does.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(fields);
        let origin = format!("http://{}", self.server.authority);
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("content-type", FORM),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
            HTML[0],
        ];
        self.server.send("POST", path, &headers, form(&all)).await
    }
}

pub(crate) const HTML: [(&str, &str); 1] = [("accept", "text/html,application/xhtml+xml")];
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// An HMAC-SHA256 in hexadecimal.
pub(crate) fn hmac(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !is_so() {
        assert!(tokio::time::Instant::now() < end, "it never came to this: {what}");
        tokio::task::yield_now().await;
    }
}
