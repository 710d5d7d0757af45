//! HTTP/2 on both sides. hyper speaks it, and translates each request to HTTP/1.1 through a pipe inside the process:
//! behind the pipe is the same loop with the same rules and limits as for any other connection.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use hyper::body::Incoming;
use hyper::header::{COOKIE, HOST, HeaderValue};
use hyper::rt::Executor as _;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Uri, Version, client, server};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::time::{Instant, sleep_until};

use crate::client::Client;
use crate::door::Door;
use crate::http::rewrite::Origin;
use crate::wire::Stream;
use crate::worker::Worker;

/// Bytes that a pipe holds in each direction.
const PIPE: usize = 16 * 1024;

/// A connection to a target, on which many requests can be under way.
pub(crate) type Sender = client::conn::http2::SendRequest<Incoming>;

/// Starts hyper's tasks on the worker's own thread.
#[derive(Debug, Clone, Copy)]
struct OnThisThread;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, work: F) {
        tokio::task::spawn_local(async move {
            work.await;
        });
    }
}

/// The requests of one connection.
#[derive(Debug)]
struct Streams {
    open: Cell<usize>,
    /// When one began or ended.
    last: Cell<Instant>,
}

/// One request; it counts until its answer has been handed over.
struct Open(Rc<Streams>);

impl Open {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.open.update(|open| open + 1);
        streams.last.set(Instant::now());
        Self(streams.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.update(|open| open - 1);
        self.0.last.set(Instant::now());
    }
}

/// Serves a client that speaks HTTP/2 until its connection ends.
pub(crate) async fn serve<S>(worker: Rc<Worker>, door: Rc<Door>, origin: Rc<Origin>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let streams = Rc::new(Streams { open: Cell::new(0), last: Cell::new(Instant::now()) });
    let limits = &worker.limits;
    let mut builder = server::conn::http2::Builder::new(OnThisThread);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .auto_date_header(false);
    let service = service_fn({
        let (worker, door, streams) = (worker.clone(), door.clone(), streams.clone());
        move |request| {
            let (near, far) = duplex(PIPE);
            let client = Client::new(worker.clone(), door.clone(), origin.clone(), Stream::Pipe(far));
            let open = Open::new(&streams);
            OnThisThread.execute(async move {
                client.run().await;
                drop(open);
            });
            ask_in_http1(near, request)
        }
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut closing = std::pin::pin!(door.closing.notified());
    closing.as_mut().enable();
    let mut is_told = false;
    loop {
        if door.is_closing() && !is_told {
            is_told = true;
            streams.last.set(Instant::now());
            connection.as_mut().graceful_shutdown();
        }
        let end = streams.last.get() + if is_told { limits.grace } else { door.idle_timeout(&worker) };
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a client's HTTP/2 connection broke");
                }
                return;
            }
            () = closing.as_mut(), if !is_told => {}
            () = sleep_until(end) => match (streams.open.get(), is_told) {
                (0, true) => return,
                (0, false) => {
                    is_told = true;
                    connection.as_mut().graceful_shutdown();
                    streams.last.set(Instant::now());
                }
                // Each request has a timer of its own.
                _ => streams.last.set(Instant::now()),
            }
        }
    }
}

/// Sends a request into a pipe as HTTP/1.1.
async fn ask_in_http1(
    pipe: DuplexStream,
    mut request: Request<Incoming>,
) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(pipe)).await?;
    OnThisThread.execute(async {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a request over HTTP/2 was cut");
        }
    });
    if let Some(host) = request.uri().authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    join_cookies(&mut request);
    // In HTTP/1.1 this method takes over the connection; there it is refused as well.
    if request.method() == Method::CONNECT {
        *request.method_mut() = Method::TRACE;
    }
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    *request.version_mut() = Version::HTTP_11;
    sender.send_request(request).await
}

/// HTTP/2 may split cookies over many headers, HTTP/1.1 may not (RFC 9113, section 8.2.3).
fn join_cookies(request: &mut Request<Incoming>) {
    let cookies: Vec<_> = request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        request.headers_mut().insert(COOKIE, joined);
    }
}

/// Begins to speak HTTP/2 with a target.
pub(crate) async fn connect<S>(stream: S) -> io::Result<Sender>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let handshake = client::conn::http2::Builder::new(OnThisThread)
        .timer(TokioTimer::new())
        .handshake(TokioIo::new(stream));
    let (sender, connection) = handshake.await.map_err(io::Error::other)?;
    OnThisThread.execute(async {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the HTTP/2 connection to a target broke");
        }
    });
    Ok(sender)
}

/// A pipe that takes requests in HTTP/1.1, one after the other, and sends them to a target in HTTP/2.
pub(crate) fn pipe_to(sender: Sender, head_max: usize) -> DuplexStream {
    let (near, far) = duplex(PIPE);
    let service = service_fn(move |request| ask_in_http2(sender.clone(), request));
    let mut builder = server::conn::http1::Builder::new();
    builder.auto_date_header(false).max_header_size(head_max);
    OnThisThread.execute(async move {
        if let Err(error) = builder.serve_connection(TokioIo::new(far), service).await {
            tracing::debug!(%error, "a request to a target over HTTP/2 failed");
        }
    });
    near
}

async fn ask_in_http2(
    mut sender: Sender,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let host = request.headers_mut().remove(HOST);
    let host = host.as_ref().map_or(Ok(""), HeaderValue::to_str)?;
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let uri = Uri::builder().scheme("http").authority(host).path_and_query(path);
    *request.uri_mut() = uri.build()?;
    *request.version_mut() = Version::HTTP_2;
    let mut answer = sender.send_request(request).await?;
    *answer.version_mut() = Version::HTTP_11;
    Ok(answer)
}
