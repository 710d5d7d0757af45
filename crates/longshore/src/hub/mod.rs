//! The local stand-in for GitHub: bare repositories on disk, the calls of GitHub's REST API that we make, and webhooks.
//!
//! It is for one person on one machine: it listens on loopback only and asks for no token. It answers from the
//! repositories themselves, so a push that it missed shows in the next list.

mod answer;
mod api;
mod comments;
mod deployments;
mod git;
mod place;
mod pulls;
mod pushes;
mod records;
mod webhook;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::place::Place;
use self::webhook::Webhook;
use crate::error::Failed;

pub(crate) use self::place::create_repository;

/// How many connections are served at once; further ones wait to be accepted.
const CONNECTIONS_LIMIT: usize = 256;
/// How long a client may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// What it needs.
pub(crate) struct Options {
    /// Where the repositories are: `OWNER/NAME.git` each, made by [`create_repository`].
    pub(crate) repositories: PathBuf,
    /// A loopback address; port 0 for any free one.
    pub(crate) listen: SocketAddr,
    /// Who is told of pushes and pull requests: `http://HOST:PORT/PATH` on this machine.
    pub(crate) webhook: String,
    /// What webhooks are signed with.
    pub(crate) secret: String,
}

/// A stand-in that serves until it is dropped.
pub(crate) struct Hub {
    /// What a client takes for GitHub's address; with `/api/v3` behind it, it does, too.
    pub(crate) url: String,
    _tasks: JoinSet<()>,
}

/// What the parts share.
struct Shared {
    repositories: PathBuf,
    url: String,
    webhook: Webhook,
    /// Held while records are read and written again.
    records: tokio::sync::Mutex<()>,
}

impl Shared {
    fn place(&self, owner: &str, name: &str) -> Option<Place> {
        Place::of(&self.repositories, owner, name).filter(|place| place.directory.join("HEAD").is_file())
    }
}

/// Starts it.
///
/// # Errors
/// There is no `git`, or it cannot listen there.
pub(crate) async fn start(options: Options) -> Result<Hub> {
    git::check().await?;
    if !options.listen.ip().is_loopback() {
        return Err(Failed::usage(format!("the stand-in for GitHub does not listen on {}", options.listen))
            .with_hint("it asks for no token, so it is on loopback only: 127.0.0.1:0 takes any free port")
            .into());
    }
    let webhook = Webhook::new(&options.webhook, options.secret)?;
    fs_err::create_dir_all(&options.repositories)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("cannot listen on {} for the stand-in for GitHub", options.listen))?;
    let url = format!("http://{}", listener.local_addr().context("the listener has no address")?);
    let shared = Shared {
        repositories: options.repositories,
        url: url.clone(),
        webhook,
        records: tokio::sync::Mutex::default(),
    };
    let shared = Arc::new(shared);
    let mut tasks = JoinSet::new();
    tasks.spawn(pushes::watch(Arc::clone(&shared)));
    tasks.spawn(serve(shared, listener));
    Ok(Hub { url, _tasks: tasks })
}

/// Connections end with the task that accepts them.
async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            serve_connection(shared, stream).await;
            drop(permit);
        });
    }
}

/// A client that goes away in the middle is its own affair.
async fn serve_connection(shared: Arc<Shared>, stream: TcpStream) {
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    drop(served.await);
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let if_none_match = answer::header(request.headers(), "if-none-match");
    let answer = api::answer(&shared, request).await;
    Ok(answer.into_response(if_none_match.as_deref()))
}

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod push_tests;
#[cfg(test)]
mod support;
