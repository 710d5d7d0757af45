//! For tests: an HTTP server of this process that answers as it is told, and remembers what it was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use longshore_model::Timestamp;
use longshore_model::preview::{Moment, Notice, Revision};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A value of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// `METHOD /path`, without the query.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap())
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    end: End,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum End {
    #[default]
    Whole,
    /// The connection ends before the body does.
    Broken,
    /// Nothing ever comes.
    Never,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string()).header("content-type", "application/json; charset=utf-8")
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self { status, body: body.to_owned(), ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(it, _)| it != name);
        self
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn broken(mut self) -> Self {
        self.end = End::Broken;
        self
    }

    pub(crate) fn never() -> Self {
        Self { end: End::Never, ..Self::default() }
    }
}

/// The server. It ends with this value.
#[derive(Debug)]
pub(crate) struct Stand {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stand {
    pub(crate) async fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (memory, answer) = (Arc::clone(&asked), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (memory, answer) = (Arc::clone(&memory), Arc::clone(&answer));
                let service = service_fn(move |request| {
                    let (memory, answer) = (Arc::clone(&memory), Arc::clone(&answer));
                    async move {
                        let asked = read(request).await;
                        memory.lock().unwrap().push(asked.clone());
                        Ok::<_, Infallible>(write(answer(&asked)).await)
                    }
                });
                // An error is that of the client, which has gone.
                tokio::spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new();
                    connection.serve_connection(TokioIo::new(stream), service).await.ok()
                });
            }
        });
        Self { address, asked, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has been asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The same in lines, each `METHOD /path`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    pub(crate) fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

async fn read(request: Request<Incoming>) -> Asked {
    let headers = request.headers().iter();
    Asked {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: String::from_utf8(request.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap(),
    }
}

async fn write(reply: Reply) -> Response<Piece> {
    if reply.end == End::Never {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let is_broken = reply.end == End::Broken;
    response.body(Piece { text: Some(reply.body.into()), is_broken }).unwrap()
}

/// A body that may end too early.
struct Piece {
    text: Option<Bytes>,
    is_broken: bool,
}

impl Body for Piece {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(match self.text.take() {
            Some(text) => Some(Ok(Frame::data(text))),
            None if self.is_broken => Some(Err(std::io::Error::other("the end of the connection"))),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        match &self.text {
            Some(text) if !self.is_broken => SizeHint::with_exact(text.len() as u64),
            _ => SizeHint::default(),
        }
    }
}

/// A notice of a pull request's environment.
pub(crate) fn notice(moment: Moment) -> Notice {
    Notice {
        at: Timestamp(1_558_000_000_000),
        moment,
        environment: "changes-3f2a.hello".into(),
        repository: "Codertocat/Hello-World".into(),
        revision: Revision {
            sha: "ec26c3e57ca3a959ca5aad62de7213c562f8c821".into(),
            branch: "changes".into(),
            pull_request: Some(2),
        },
        url: Some("https://changes-3f2a.hello.example.com".into()),
        text: "It answers.".into(),
        log_tail: Vec::new(),
    }
}
