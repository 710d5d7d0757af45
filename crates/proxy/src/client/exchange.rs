//! One request to a target, and its answer back; another target when one fails.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Buf as _;
use tokio::time::Instant;

use super::order::Order;
use super::{Client, End};
use crate::flight::Flight;
use crate::http::answer::Answer;
use crate::http::body::{Framing, Transfer};
use crate::http::request::room;
use crate::http::response::Response;
use crate::http::rewrite::{self, Way};
use crate::http::scan::Scan;
use crate::retry::{self, Failure, Next};
use crate::wire::{Broken, Wire, poll_transfer};

/// A request that has been sent, or is being sent, and whose answer has not begun.
struct Asked {
    target: Wire,
    /// The connection was used before.
    reused: bool,
    /// The rest of the request's body.
    sending: Transfer,
    /// The target takes no more of it.
    deaf: bool,
    scan: Scan,
    /// An answer such as 100 has come.
    interim: bool,
    /// Bytes that had moved over this connection before.
    before: u64,
    /// Bytes of both sides when the timer was set.
    seen: u64,
}

/// The tries so far.
#[derive(Default)]
struct Tries {
    tried: Vec<u64>,
    fresh: bool,
    since: Option<Instant>,
    status: Option<u16>,
}

impl Client {
    /// Finds a target that answers, and passes the answer on.
    pub(super) async fn forward(&mut self, order: Order) -> End {
        let mut tries = Tries::default();
        loop {
            let Some(flight) = self.choose(&order, &tries) else {
                return self.give_up(&order, tries.status.unwrap_or(503)).await;
            };
            let failure = match self.reach(&order, &flight, tries.fresh).await {
                Ok((target, reused)) => {
                    let mut asked = self.ask(&order, target, reused);
                    match poll_fn(|context| self.poll_answer(context, &order, &mut asked)).await {
                        Ok(length) => return self.pass_on(order, asked, length, flight).await,
                        Err(failure) => failure,
                    }
                }
                Err(failure) => failure,
            };
            tracing::debug!(target = flight.address().to_string(), ?failure, "a target did not answer");
            let failed = flight.state().id;
            drop(flight);
            match retry::next(failure, order.retry()) {
                Next::Fresh => tries.fresh = true,
                Next::Other(status) => {
                    tries.tried.push(failed);
                    tries.status = Some(status);
                    let since = *tries.since.get_or_insert_with(Instant::now);
                    if since.elapsed() > self.worker.limits.connect_time {
                        return self.give_up(&order, status).await;
                    }
                }
                Next::Answer(status) => return self.give_up(&order, status).await,
                Next::Leave => return End::Close,
            }
        }
    }

    /// A target of the group as it is now: between two tries it may have changed.
    fn choose(&self, order: &Order, tries: &Tries) -> Option<Flight> {
        let view = self.worker.view();
        let group = if std::rc::Rc::ptr_eq(&view, &order.view) {
            order.choice.group
        } else {
            view.group(&order.view.groups[order.choice.group].id)?
        };
        let target = view.groups[group].pick(&tries.tried, order.choice.cookie)?;
        Some(Flight::begin(view, group, target, self.worker.index))
    }

    /// No target answers.
    async fn give_up(&mut self, order: &Order, status: u16) -> End {
        let keep = order.keep && order.is_whole() && status != 400 && !self.door.is_closing();
        if order.is_whole() {
            self.wire.input.advance(order.held);
        }
        self.answer(&Answer::page(status), order.to_head, keep).await
    }

    /// A connection to the target, and whether it was used before.
    async fn reach(&mut self, order: &Order, flight: &Flight, fresh: bool) -> Result<(Wire, bool), Failure> {
        let place = flight.place();
        // What cannot be repeated had better not meet a connection that has just ended.
        let careful = order.retry() != retry::Request { idempotent: true, replayable: true };
        while !fresh && let Some(mut wire) = self.worker.idle(&place) {
            if !careful || wire.is_quiet_now() {
                return Ok((wire, true));
            }
        }
        self.pace.set(self.worker.limits.connect_time);
        match self.pace.within(self.worker.connect(&place, fresh)).await {
            Some(Ok(connected)) => Ok(connected),
            Some(Err(_)) => Err(Failure::Refused),
            None => Err(Failure::ConnectTime),
        }
    }

    /// Begins to send a request.
    fn ask(&mut self, order: &Order, mut target: Wire, reused: bool) -> Asked {
        target.output.extend_from_slice(&self.draft);
        target.output.extend_from_slice(&self.wire.input[..order.held]);
        let framing = if order.is_whole() { Framing::Empty } else { order.framing };
        let sending = Transfer::new(framing, framing == Framing::Chunked);
        let before = target.traffic;
        self.pace.set(self.door.idle_timeout(&self.worker));
        let seen = before + self.wire.traffic;
        Asked { target, reused, sending, deaf: false, scan: Scan::default(), interim: false, before, seen }
    }

    /// Sends what is left of the request, and waits for the head of the final answer; its length.
    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        order: &Order,
        asked: &mut Asked,
    ) -> Poll<Result<usize, Failure>> {
        loop {
            if self.poll_send(context, asked)? && self.poll_gone(context) {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            match self.poll_target_head(context, asked)? {
                Poll::Ready(length) if is_interim(&asked.target.input) => {
                    self.interim(order, asked, length)?
                }
                Poll::Ready(length) => return Poll::Ready(Ok(length)),
                Poll::Pending => break,
            }
        }
        let traffic = self.wire.traffic + asked.target.traffic;
        if traffic != asked.seen {
            asked.seen = traffic;
            self.pace.set(self.door.idle_timeout(&self.worker));
        }
        ready!(self.pace.poll(context));
        let waits_for_client = !asked.sending.is_done() && asked.target.output.is_empty();
        Poll::Ready(Err(if waits_for_client { Failure::ClientSilent } else { Failure::Silent }))
    }

    /// True when nothing of the request is left to be read from the client.
    fn poll_send(&mut self, context: &mut Context<'_>, asked: &mut Asked) -> Result<bool, Failure> {
        if let Poll::Ready(Err(_)) = self.wire.poll_flush(context) {
            return Err(Failure::ClientGone);
        }
        if asked.deaf {
            return Ok(true);
        }
        match poll_transfer(context, &mut asked.sending, &mut self.wire, &mut asked.target) {
            Poll::Ready(Err(Broken::To)) => asked.deaf = true,
            Poll::Ready(Err(Broken::From)) => return Err(Failure::ClientGone),
            Poll::Ready(Err(Broken::Framing)) => return Err(Failure::ClientGarbage),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        Ok(asked.deaf || asked.sending.is_done())
    }

    fn poll_target_head(&self, context: &mut Context<'_>, asked: &mut Asked) -> Result<Poll<usize>, Failure> {
        let max = self.worker.limits.head;
        loop {
            match asked.scan.run(&asked.target.input, max, max) {
                Ok(Some(length)) => return Ok(Poll::Ready(length)),
                Ok(None) => {}
                Err(_) => return Err(Failure::Garbage),
            }
            let (reused, interim) = (asked.reused, asked.interim);
            match asked.target.poll_fill(context) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) if asked.target.traffic == asked.before => {
                    return Err(Failure::Unsent { reused });
                }
                Poll::Ready(_) => return Err(Failure::Ended { reused, interim }),
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
    }

    /// Passes on an answer such as 100, if the client can understand it.
    fn interim(&mut self, order: &Order, asked: &mut Asked, length: usize) -> Result<(), Failure> {
        let mut room = room();
        let head = &asked.target.input[..length];
        let answer = Response::read(head, &mut room, false).map_err(|_| Failure::Garbage)?;
        if order.is_11 {
            rewrite::interim(&answer, &mut self.wire.output);
        }
        asked.target.input.advance(length);
        asked.scan = Scan::default();
        asked.interim = true;
        Ok(())
    }

    /// Passes the answer on, whose head is the first `length` bytes of what the target sent.
    async fn pass_on(&mut self, order: Order, mut asked: Asked, length: usize, flight: Flight) -> End {
        if order.is_whole() {
            self.wire.input.advance(order.held);
        }
        let mut room = room();
        let head = &asked.target.input[..length];
        let answer = match Response::read(head, &mut room, order.to_head) {
            Ok(answer) if answer.status == 101 && order.upgrade => {
                rewrite::interim(&answer, &mut self.wire.output);
                asked.target.input.advance(length);
                return self.tunnel(asked.target, flight).await;
            }
            Ok(answer) if answer.status != 101 => answer,
            _ => {
                let status = Answer::page(502);
                return self.answer(&status, order.to_head, false).await;
            }
        };
        let framing = answer.framing;
        let delimited = order.is_11 || matches!(framing, Framing::Empty | Framing::Length(_));
        let keep = order.keep && delimited && asked.sending.is_done() && !self.door.is_closing();
        let target_keeps = answer.keeps_alive();
        let way = Way { is_11: order.is_11, keep, to_head: order.to_head };
        rewrite::response(&answer, way, &flight.cookies(order.choice.keep.as_ref()), &mut self.wire.output);
        asked.target.input.advance(length);
        let chunks = order.is_11 && matches!(framing, Framing::Chunked | Framing::UntilClose);
        let mut receiving = Transfer::new(framing, chunks);
        self.pace.set(self.door.idle_timeout(&self.worker));
        if !poll_fn(|context| self.poll_pass(context, &mut asked, &mut receiving)).await {
            return End::Close;
        }
        let Asked { target, sending, deaf, .. } = asked;
        let sent = sending.is_done() && !deaf && target.output.is_empty();
        if target_keeps && sent && target.input.is_empty() {
            self.worker.keep(flight.place(), target);
        }
        match (keep, sent) {
            (true, _) => End::Keep,
            (false, true) => End::Close,
            (false, false) => End::Linger,
        }
    }

    /// Moves both bodies; true when the answer is all written, false when it cannot be.
    fn poll_pass(
        &mut self,
        context: &mut Context<'_>,
        asked: &mut Asked,
        receiving: &mut Transfer,
    ) -> Poll<bool> {
        let passed = poll_transfer(context, receiving, &mut asked.target, &mut self.wire);
        if let Poll::Ready(passed) = passed {
            return Poll::Ready(passed.is_ok());
        }
        match self.poll_send(context, asked) {
            Ok(true) if self.poll_gone(context) => return Poll::Ready(false),
            Err(_) => return Poll::Ready(false),
            Ok(_) => {}
        }
        let traffic = self.wire.traffic + asked.target.traffic;
        if traffic != asked.seen {
            asked.seen = traffic;
            self.pace.set(self.door.idle_timeout(&self.worker));
        }
        self.pace.poll(context).map(|()| false)
    }
}

/// Whether an answer is one of those before the final one. 101 is final: after it there is no HTTP.
fn is_interim(input: &[u8]) -> bool {
    input.get(8..10) == Some(b" 1") && input.get(9..12) != Some(b"101")
}
