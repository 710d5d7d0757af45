//! Bodies on their way, as hyper reads and writes them; here they are only watched.

use std::cell::{Cell, OnceCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::doorkeeper::Guard;
use crate::flight::Flight;
use crate::life::Open;
use crate::pace::poll_until;
use crate::pool::Lease;

/// As hyper wants the errors of bodies.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How far a request's body is.
#[derive(Debug)]
pub(crate) struct Sending {
    /// When something of it came last.
    pub(crate) last: Cell<Instant>,
    /// The target could take more, but the client does not send it.
    pub(crate) waits: Cell<bool>,
    /// What came was no body.
    pub(crate) failed: Cell<bool>,
    pub(crate) done: Cell<bool>,
    /// Told of what comes.
    pub(crate) guard: OnceCell<Guard>,
}

/// A request's body. One that is empty needs nothing at all, and can be made again.
#[derive(Debug, Default)]
pub(crate) struct Upload(Option<(Incoming, Rc<Sending>)>);

impl Upload {
    pub(crate) fn new(body: Incoming) -> Self {
        let sending = || {
            let (last, waits) = (Cell::new(Instant::now()), Cell::new(false));
            let (failed, done) = (Cell::new(false), Cell::new(false));
            Rc::new(Sending { last, waits, failed, done, guard: OnceCell::new() })
        };
        Self((!body.is_end_stream()).then(|| (body, sending())))
    }

    pub(crate) fn sending(&self) -> Option<Rc<Sending>> {
        self.0.as_ref().map(|(_, sending)| sending.clone())
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some((body, sending)) = &mut self.0 else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *body).poll_frame(context);
        sending.waits.set(polled.is_pending());
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                sending.last.set(Instant::now());
                if let Some(Guard(guard)) = sending.guard.get() {
                    guard.moved();
                }
                // Nothing comes after trailers.
                sending.done.set(body.is_end_stream() || frame.is_trailers());
            }
            Poll::Ready(Some(Err(_))) => sending.failed.set(true),
            Poll::Ready(None) => sending.done.set(true),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

/// The body of an answer. As long as it lives, its request is under way.
#[derive(Debug)]
pub(crate) struct Download {
    open: Open,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// An answer of our own.
    Own(Bytes),
    Passing(Passing),
}

/// The body of a target's answer, and what it holds until it ends.
#[derive(Debug)]
pub(crate) struct Passing {
    pub(crate) body: Incoming,
    /// The rest of the request.
    pub(crate) sending: Option<Rc<Sending>>,
    /// How long nothing may come.
    pub(crate) limit: Duration,
    /// The wait for the next part, since when.
    pub(crate) wait: Option<(Instant, Pin<Box<Sleep>>)>,
    /// The connection, if it may be used again.
    pub(crate) lease: Option<Lease>,
    pub(crate) flight: Flight,
}

impl Passing {
    /// The body has come whole.
    fn end(&mut self) {
        if let Some(lease) = self.lease.take()
            && self.sending.as_ref().is_none_or(|sending| sending.done.get())
        {
            lease.keep();
        }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.wait = None;
                if frame.is_none() {
                    self.end();
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)))
            }
            Poll::Pending => {
                let now = Instant::now();
                let (since, sleep) =
                    self.wait.get_or_insert_with(|| (now, Box::pin(sleep_until(now + self.limit))));
                let last = self.sending.as_ref().map_or(*since, |sending| sending.last.get().max(*since));
                poll_until(sleep.as_mut(), context, last + self.limit)
                    .map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
            }
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }
}

impl Download {
    pub(crate) fn own(open: Open, body: Bytes) -> Self {
        Self { open, content: Content::Own(body) }
    }

    pub(crate) fn passing(open: Open, passing: Passing) -> Self {
        Self { open, content: Content::Passing(passing) }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.content {
            Content::Own(body) if body.is_empty() => Poll::Ready(None),
            Content::Own(body) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            Content::Passing(passing) => {
                let polled = passing.poll_frame(context);
                if polled.is_ready() {
                    passing.flight.moved();
                    self.open.0.has_moved();
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(body) => body.is_empty(),
            Content::Passing(passing) => passing.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(body) => SizeHint::with_exact(body.len() as u64),
            Content::Passing(passing) => passing.body.size_hint(),
        }
    }
}
