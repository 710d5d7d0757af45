//! A worker's connections to targets.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::body::Upload;
use crate::deaf::Deaf;
use crate::limits::BUFFER_MIN;
use crate::table::Protocol;
use crate::worker::Worker;

/// Where a connection leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
}

/// The right to send a request over a connection.
#[derive(Debug)]
pub(crate) struct Lease {
    worker: Rc<Worker>,
    place: Place,
    way: Way,
    /// The connection was used before.
    pub(crate) reused: bool,
}

#[derive(Debug)]
enum Way {
    /// A connection that carries one request at a time.
    Http1(http1::SendRequest<Upload>),
    /// A connection that carries many requests at once.
    Http2(http2::SendRequest<Upload>),
}

impl Lease {
    /// Sends a request. One that was not written comes back with the error.
    pub(crate) async fn send(
        &mut self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Upload>>> {
        match &mut self.way {
            Way::Http1(sender) => sender.try_send_request(request).await,
            Way::Http2(sender) => sender.try_send_request(request).await,
        }
    }

    /// The answer has come whole: another request may be sent.
    pub(crate) fn keep(self) {
        if let Way::Http1(sender) = self.way
            && self.worker.view().has(&self.place)
        {
            self.worker.pool.borrow_mut().put(self.place, sender, self.worker.limits.idle_to_target);
        }
    }
}

/// Connections by where they lead; of idle ones, the last that was used is used first.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: HashMap<Place, Vec<(Instant, http1::SendRequest<Upload>)>>,
    shared: HashMap<Place, http2::SendRequest<Upload>>,
}

impl Pool {
    /// A connection that has not ended.
    fn take(&mut self, place: &Place) -> Option<Way> {
        if let Some(sender) = self.shared.get(place).filter(|sender| !sender.is_closed()) {
            return Some(Way::Http2(sender.clone()));
        }
        let idle = self.idle.get_mut(place)?;
        while let Some((_, sender)) = idle.pop() {
            if sender.is_ready() {
                return Some(Way::Http1(sender));
            }
        }
        None
    }

    fn put(&mut self, place: Place, sender: http1::SendRequest<Upload>, max: usize) {
        let idle = self.idle.entry(place).or_default();
        if idle.len() < max && !sender.is_closed() {
            idle.push((Instant::now(), sender));
        }
    }

    /// Closes what leads elsewhere.
    pub(crate) fn keep_only(&mut self, wanted: impl Fn(&Place) -> bool) {
        self.idle.retain(|place, _| wanted(place));
        self.shared.retain(|place, _| wanted(place));
    }

    /// Closes what has been idle for too long, and forgets what its target has closed.
    pub(crate) fn sweep(&mut self, longest: Duration) {
        let now = Instant::now();
        for idle in self.idle.values_mut() {
            idle.retain(|(since, sender)| now.duration_since(*since) < longest && !sender.is_closed());
        }
        self.idle.retain(|_, idle| !idle.is_empty());
        self.shared.retain(|_, sender| !sender.is_closed());
    }
}

impl Worker {
    /// A connection to a target that is there already.
    pub(crate) fn lease(self: &Rc<Self>, place: Place) -> Option<Lease> {
        let way = self.pool.borrow_mut().take(&place)?;
        Some(Lease { worker: self.clone(), place, way, reused: true })
    }

    /// A new connection to a target.
    pub(crate) async fn connect(self: &Rc<Self>, place: Place) -> io::Result<Lease> {
        let stream = TcpStream::connect(place.address).await?;
        stream.set_nodelay(true)?;
        let way = match place.protocol {
            Protocol::Http1 => self.link(Deaf(stream)).await,
            Protocol::Https => {
                let connector = TlsConnector::from(self.tls.clone());
                self.link(connector.connect(place.address.ip().into(), Deaf(stream)).await?).await
            }
            Protocol::Http2 => {
                let sender = share(stream, self.limits.head).await;
                if let Ok(sender) = &sender {
                    self.pool.borrow_mut().shared.insert(place, sender.clone());
                }
                sender.map(Way::Http2)
            }
        };
        let way = way.map_err(io::Error::other)?;
        Ok(Lease { worker: self.clone(), place, way, reused: false })
    }

    /// Begins to speak HTTP/1.1 with a target.
    async fn link<S>(&self, stream: S) -> hyper::Result<Way>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(self.limits.head.max(BUFFER_MIN));
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(async {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to a target broke");
            }
        });
        Ok(Way::Http1(sender))
    }
}

/// Begins to speak HTTP/2 with a target.
async fn share(stream: TcpStream, head_max: usize) -> hyper::Result<http2::SendRequest<Upload>> {
    let mut builder = http2::Builder::new(OnThisThread);
    builder.timer(TokioTimer::new()).max_header_list_size(u32::try_from(head_max).unwrap_or(u32::MAX));
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the HTTP/2 connection to a target broke");
        }
    });
    Ok(sender)
}

/// Starts hyper's tasks on the worker's own thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnThisThread;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, work: F) {
        tokio::task::spawn_local(async move {
            work.await;
        });
    }
}
