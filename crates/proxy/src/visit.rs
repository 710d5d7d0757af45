//! A client's connection: hyper serves it, and here it is held to its time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use hyper::http::request::Parts;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use crate::door::Door;
use crate::exchange::answer;
use crate::life::{Life, Phase};
use crate::limits::{BUFFER_MIN, LINGER_TIME, RESETS_MAX};
use crate::pace::poll_until;
use crate::pool::OnThisThread;
use crate::request::Request;
use crate::rewrite::Origin;
use crate::routes::Decision;
use crate::tunnel::Tunnel;
use crate::worker::{View, Worker};

/// What the requests of a connection share.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) worker: Rc<Worker>,
    pub(crate) door: Rc<Door>,
    pub(crate) origin: Origin,
    pub(crate) life: Arc<Life>,
    /// What becomes of the connection once an answer of 101 has been written.
    pub(crate) tunnel: RefCell<Option<Tunnel>>,
}

impl Visit {
    pub(crate) fn new(worker: Rc<Worker>, door: Rc<Door>, origin: Origin, life: Arc<Life>) -> Self {
        Self { worker, door, origin, life, tunnel: RefCell::default() }
    }

    /// What the routes say of a request.
    pub(crate) fn decide(&self, view: &View, head: &Parts) -> Option<Decision> {
        view.decide(self.door.number()?, &Request::of(head), &self.origin)
    }

    /// Serves a client that speaks HTTP/1.1 until its connection ends.
    pub(crate) async fn http1<S>(self: Rc<Self>, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.life.count_bytes();
        let mut builder = http1::Builder::new();
        // The time for heads is ours to hold: hyper's runs while a connection is idle as well.
        builder.max_buf_size(self.worker.limits.head.max(BUFFER_MIN)).header_read_timeout(None);
        let visit = self.clone();
        let service = service_fn(move |request| answer(visit.clone(), request));
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        self.watch(connection, false, |connection| connection.graceful_shutdown()).await;
        let tunnel = self.tunnel.take();
        if let Some(tunnel) = tunnel {
            tunnel.run(&self).await;
        }
    }

    /// Serves a client that speaks HTTP/2 until its connection ends.
    pub(crate) async fn http2<S>(self: Rc<Self>, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let limits = &self.worker.limits;
        let mut builder = http2::Builder::new(OnThisThread);
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(RESETS_MAX);
        let visit = self.clone();
        let service = service_fn(move |request| answer(visit.clone(), request));
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        self.watch(connection, true, |connection| connection.graceful_shutdown()).await;
    }

    /// Drives a connection until it ends, or its time is over. `leave` asks it to end after its requests; one that
    /// can be told so at any time is `told_early` that its listener closes.
    async fn watch<C>(&self, connection: C, told_early: bool, leave: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = pin!(connection);
        let mut closing = pin!(self.door.closing.notified());
        closing.as_mut().enable();
        let (mut closes, mut left) = (None, None);
        let mut sleep = pin!(sleep_until(self.end(closes, left)));
        poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    if let Err(error) = ended {
                        tracing::debug!(listener = self.door.id, %error, "a client's connection broke");
                    }
                    return Poll::Ready(());
                }
                if closes.is_none() && (self.door.is_closing() || closing.as_mut().poll(context).is_ready()) {
                    closes = Some(Instant::now());
                    if told_early {
                        left = closes;
                        leave(connection.as_mut());
                        continue;
                    }
                }
                std::task::ready!(poll_until(sleep.as_mut(), context, self.end(closes, left)));
                if left.is_some() || !matches!(self.life.phase(), Phase::Idle(_)) {
                    return Poll::Ready(());
                }
                left = Some(Instant::now());
                leave(connection.as_mut());
            }
        })
        .await;
    }

    /// When the connection has been silent for too long: if nothing changes.
    fn end(&self, closes: Option<Instant>, left: Option<Instant>) -> Instant {
        let limits = &self.worker.limits;
        match self.life.phase() {
            Phase::Idle(last) => match left.or(closes) {
                Some(since) => since.max(last) + limits.grace,
                None => last + self.door.idle_timeout(),
            },
            Phase::Head(begun) => begun + limits.head_time,
            // Requests have timers of their own. This is for a client that does not take its answer.
            Phase::Busy(last) => last + self.door.idle_timeout() + limits.grace,
            Phase::Ended(at) => at + LINGER_TIME,
        }
    }
}
