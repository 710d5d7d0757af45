//! A client's connection: one request after the other.

mod exchange;
mod order;
mod tunnel;

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Buf as _;
use order::Prepared;
use tokio::sync::futures::Notified;

use crate::door::Door;
use crate::http::answer::{Answer, Manner};
use crate::http::request::Refused;
use crate::http::rewrite::Origin;
use crate::http::scan::Scan;
use crate::limits::{LINGER_BYTES, LINGER_TIME};
use crate::pace::Pace;
use crate::wire::{Stream, Wire};
use crate::worker::Worker;

/// A client that is connected.
#[derive(Debug)]
pub(crate) struct Client {
    worker: Rc<Worker>,
    door: Rc<Door>,
    origin: Rc<Origin>,
    wire: Wire,
    pace: Pace,
    /// The head of the request as targets get it.
    draft: Vec<u8>,
}

/// What becomes of a connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The next request may come.
    Keep,
    /// It ends.
    Close,
    /// It ends once the client has had time to read the answer, though it may still be sending.
    Linger,
}

impl Client {
    pub(crate) fn new(worker: Rc<Worker>, door: Rc<Door>, origin: Rc<Origin>, stream: Stream) -> Self {
        let pace = Pace::new(worker.limits.head_time);
        Self { worker, door, origin, wire: Wire::new(stream), pace, draft: Vec::new() }
    }

    /// Serves the client until its connection ends.
    pub(crate) async fn run(mut self) {
        let door = self.door.clone();
        let mut closing = std::pin::pin!(door.closing.notified());
        closing.as_mut().enable();
        loop {
            let end = match self.next_head(closing.as_mut()).await {
                Ok(length) => self.serve(length).await,
                Err(None) => End::Close,
                Err(Some(Refused(status))) => self.refuse(status).await,
            };
            match end {
                End::Keep => self.wire.rest(),
                End::Close => break,
                End::Linger => {
                    self.linger().await;
                    break;
                }
            }
        }
    }

    /// Waits for the head of the next request. The error is why there is none: a refusal, or just the end.
    async fn next_head(&mut self, mut closing: Pin<&mut Notified<'_>>) -> Result<usize, Option<Refused>> {
        let mut waiting = Waiting { scan: Scan::default(), begun: false, told: false };
        self.pace.set(self.door.idle_timeout(&self.worker));
        poll_fn(|context| self.poll_head(context, &mut waiting, closing.as_mut())).await
    }

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        waiting: &mut Waiting,
        closing: Pin<&mut Notified<'_>>,
    ) -> Poll<Result<usize, Option<Refused>>> {
        loop {
            // An empty line before a request is left over from the last one (RFC 9112, section 2.2).
            while self.wire.input.starts_with(b"\r\n") && !waiting.begun {
                self.wire.input.advance(2);
            }
            if !self.wire.input.is_empty() && self.wire.input[..] != b"\r"[..] {
                if !waiting.begun {
                    waiting.begun = true;
                    self.pace.set(self.worker.limits.head_time);
                }
                let limits = &self.worker.limits;
                match waiting.scan.run(&self.wire.input, limits.line, limits.head) {
                    Ok(Some(length)) => return Poll::Ready(Ok(length)),
                    Ok(None) => {}
                    Err(bad) => return Poll::Ready(Err(Some(bad.into()))),
                }
            }
            match self.wire.poll_fill(context) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(Err(None)),
                Poll::Pending => break,
            }
        }
        if !waiting.begun && !waiting.told && (self.door.is_closing() || closing.poll(context).is_ready()) {
            waiting.told = true;
            self.pace.set(self.worker.limits.grace);
        }
        self.pace.poll(context).map(|()| Err(waiting.begun.then_some(Refused(408))))
    }

    async fn serve(&mut self, length: usize) -> End {
        match self.prepare(length) {
            Prepared::Refused(Refused(status)) => self.refuse(status).await,
            Prepared::Answer { answer, to_head, keep } => self.answer(&answer, to_head, keep).await,
            Prepared::Forward(order) => self.forward(order).await,
        }
    }

    /// Answers a request that went wrong; nothing more is read from the client.
    async fn refuse(&mut self, status: u16) -> End {
        self.answer(&Answer::page(status), false, false).await
    }

    /// Answers a request here.
    async fn answer(&mut self, answer: &Answer, to_head: bool, keep: bool) -> End {
        let date = self.worker.clock.date();
        answer.write(Manner { date: &date, keep, to_head }, &mut self.wire.output);
        self.pace.set(self.door.idle_timeout(&self.worker));
        match self.pace.within(self.wire.flush()).await {
            Some(Ok(())) if keep => End::Keep,
            Some(Ok(())) => End::Linger,
            _ => End::Close,
        }
    }

    /// Lets the client read its answer: closing while it sends would make the kernel throw the answer away.
    async fn linger(&mut self) {
        self.pace.set(LINGER_TIME);
        let start = self.wire.traffic;
        let wire = &mut self.wire;
        let _over: Option<()> = self
            .pace
            .within(poll_fn(|context| {
                if wire.poll_shutdown(context)?.is_pending() {
                    return Poll::Pending;
                }
                loop {
                    wire.input.clear();
                    match std::task::ready!(wire.poll_fill(context))? {
                        0 => return Poll::Ready(Ok(())),
                        _ if wire.traffic - start > LINGER_BYTES as u64 => return Poll::Ready(Ok(())),
                        _ => {}
                    }
                }
            }))
            .await
            .map(|_: std::io::Result<()>| ());
    }

    /// Whether the client has left. What it sends meanwhile is the next request, and waits.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> bool {
        while self.wire.input.len() < crate::limits::AHEAD_MAX {
            match self.wire.poll_fill(context) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return true,
                Poll::Pending => return false,
            }
        }
        false
    }
}

/// How far the wait for a head is.
struct Waiting {
    scan: Scan,
    begun: bool,
    /// The listener closes: the time that is left has been set.
    told: bool,
}
