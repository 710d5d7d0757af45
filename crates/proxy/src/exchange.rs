//! One request: what is decided about it, the target that answers it, and another one when that fails.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Version};
use tokio::time::{Instant, sleep_until};

use crate::answer::{Answer, fit};
use crate::body::{Download, Passing, Sending, Upload};
use crate::doorkeeper::Guard;
use crate::flight::Flight;
use crate::hold::{self, Entry};
use crate::life::Open;
use crate::pace::poll_until;
use crate::pool::Lease;
use crate::request::{self, check, is_idempotent};
use crate::retry::{self, Failure, Next};
use crate::rewrite;
use crate::routes::{Choice, Decision};
use crate::tunnel::Tunnel;
use crate::visit::Visit;
use crate::worker::View;

/// A request of a site whose targets have all failed waits so long for another one: a deployment has ended the old task a
/// moment before the new one is known, or a task has crashed and its successor is on the way.
const FAILED_PATIENCE: Duration = Duration::from_secs(20);

/// A request as it goes to targets.
type Outgoing = Request<Upload>;

/// Answers a request of a client, one way or the other.
pub(crate) async fn answer(
    visit: Rc<Visit>,
    mut request: Request<Incoming>,
) -> Result<Response<Download>, Infallible> {
    let open = Open::new(&visit.life);
    let on_upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (mut head, body) = request.into_parts();
    let own = Own { to_head: head.method == hyper::Method::HEAD, version: head.version };
    let upload = Upload::new(body);
    if let Err(status) = check(&mut head, &visit.worker.limits) {
        return Ok(own.refuse(&visit, open, status));
    }
    let view = visit.worker.view();
    let (view, choice, guard, counted) = match visit.decide(&view, &head) {
        Some(Decision::Forward(choice)) => (view, choice, None, false),
        Some(Decision::Guarded(choice, guard)) => {
            match hold::enter(&visit, &head, view, choice, guard).await {
                Entry::In { view, choice, guard, counted } => (view, choice, guard, counted),
                Entry::Out(response) => return Ok(own.answer_instead(&visit, open, response, &upload)),
            }
        }
        Some(Decision::Answer(answer)) => {
            return Ok(own.answer_instead(&visit, open, answer.response(), &upload));
        }
        // The listener has been removed.
        None => return Ok(own.refuse(&visit, open, StatusCode::SERVICE_UNAVAILABLE)),
    };
    let upgrade = on_upgrade.zip(request::upgrade(&head)).filter(|_| upload.sending().is_none());
    let (on_upgrade, protocol) = upgrade.unzip();
    let again = upload.sending().is_none() && is_idempotent(&head.method);
    rewrite::request(&mut head, protocol, &visit.origin);
    if let Some(guard) = &guard {
        guard.0.to_target(&mut head.headers);
    }
    let told = guard.clone().filter(|_| counted);
    let order =
        Order { visit, view, choice, own, again, upgrade: on_upgrade, is_patient: guard.is_some(), told };
    let mut response = order.forward(open, Request::from_parts(head, upload)).await;
    if let Some(guard) = &guard {
        guard.0.to_client(response.headers_mut());
    }
    Ok(response)
}

/// What matters for answers of our own.
#[derive(Debug, Clone, Copy)]
struct Own {
    to_head: bool,
    version: Version,
}

impl Own {
    fn answer(self, visit: &Visit, open: Open, answer: Response<Bytes>) -> Response<Download> {
        let mut response = fit(answer, self.to_head).map(|body| Download::own(open, body));
        if visit.door.is_closing() {
            self.close(visit, &mut response);
        }
        response
    }

    /// The same, to a request whose body nobody reads.
    fn answer_instead(
        self,
        visit: &Visit,
        open: Open,
        answer: Response<Bytes>,
        unread: &Upload,
    ) -> Response<Download> {
        if unread.sending().is_some() {
            visit.life.linger();
        }
        self.answer(visit, open, answer)
    }

    /// A page for a status, and the end of the connection.
    fn refuse(self, visit: &Visit, open: Open, status: StatusCode) -> Response<Download> {
        let mut response = self.answer(visit, open, Answer::page(status).response());
        self.close(visit, &mut response);
        response
    }

    /// The connection ends after this answer. One that speaks HTTP/2 has other means.
    fn close<T>(self, visit: &Visit, response: &mut Response<T>) {
        if self.version < Version::HTTP_2 {
            visit.life.linger();
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// A request that goes to a target.
struct Order {
    visit: Rc<Visit>,
    /// The routes that chose.
    view: View,
    choice: Choice,
    own: Own,
    /// It is idempotent and has no body.
    again: bool,
    upgrade: Option<OnUpgrade>,
    /// It has a doorkeeper: where all targets have failed, it waits for another one.
    is_patient: bool,
    /// Told of what moves.
    told: Option<Guard>,
}

/// The tries so far.
#[derive(Default)]
struct Tries {
    tried: Vec<u64>,
    fresh: bool,
    since: Option<Instant>,
    status: Option<StatusCode>,
}

impl Order {
    /// Finds a target that answers, and passes the answer on.
    async fn forward(self, open: Open, mut request: Outgoing) -> Response<Download> {
        let (mut tries, sending) = (Tries::default(), request.body().sending());
        if let (Some(sending), Some(guard)) = (&sending, &self.told) {
            sending.guard.get_or_init(|| guard.clone());
        }
        loop {
            let flight = match self.choose(&tries) {
                // In a box, for it is seldom needed.
                None if self.is_patient && tries.since.is_some() => Box::pin(self.choose_later(&tries)).await,
                chosen => chosen,
            };
            let Some(flight) = flight else {
                let status = tries.status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                return self.give_up(open, sending.as_deref(), status);
            };
            let (failure, left) = match self.reach(&flight, tries.fresh).await {
                Err(failure) => (failure, Some(request)),
                Ok(mut lease) => match self.ask(&flight, &mut lease, request, sending.as_deref()).await {
                    Ok(response) => return self.pass_on(open, response, sending, lease, flight),
                    Err(failed) => failed,
                },
            };
            tracing::debug!(target = flight.address().to_string(), ?failure, "a target did not answer");
            let next = match (retry::next(failure, self.again), left) {
                (Next::Answer(status), _) => Err(status),
                (next, Some(left)) => Ok((next, left)),
                (_, None) => Err(StatusCode::BAD_GATEWAY),
            };
            match next {
                Err(status) => return self.give_up(open, sending.as_deref(), status),
                Ok((next, left)) => {
                    request = left;
                    tries.fresh = next == Next::Fresh;
                    if let Next::Other(status) = next {
                        tries.tried.push(flight.state().id);
                        tries.status = Some(status);
                        let since = *tries.since.get_or_insert_with(Instant::now);
                        if since.elapsed() > self.visit.worker.limits.connect_time {
                            return self.give_up(open, sending.as_deref(), status);
                        }
                    }
                }
            }
        }
    }

    /// A target of the group as it is now: between two tries it may have changed.
    fn choose(&self, tries: &Tries) -> Option<Flight> {
        let view = self.visit.worker.view();
        let group = if Rc::ptr_eq(&view, &self.view) {
            self.choice.group
        } else {
            view.group(&self.view.groups[self.choice.group].id)?
        };
        let target = view.groups[group].pick(&tries.tried, self.choice.cookie)?;
        Some(Flight::begin(view, group, target, self.visit.worker.index, self.told.clone()))
    }

    /// A target that a later table brings: where all of them have failed, another one is about to come.
    async fn choose_later(&self, tries: &Tries) -> Option<Flight> {
        let end = tries.since? + FAILED_PATIENCE;
        loop {
            // Listened for before the look, so that no swap is missed.
            let (mut swapped, mut closing) =
                (pin!(self.visit.worker.swapped.notified()), pin!(self.visit.door.closing.notified()));
            swapped.as_mut().enable();
            closing.as_mut().enable();
            let chosen = self.choose(tries);
            if chosen.is_some() || self.visit.door.is_closing() {
                return chosen;
            }
            tokio::select! {
                () = swapped => {}
                () = closing => {}
                () = sleep_until(end) => return None,
            }
            self.visit.life.touch();
        }
    }

    /// No target answers.
    fn give_up(&self, open: Open, sending: Option<&Sending>, status: StatusCode) -> Response<Download> {
        if sending.is_some_and(is_left) {
            self.own.refuse(&self.visit, open, status)
        } else {
            self.own.answer(&self.visit, open, Answer::page(status).response())
        }
    }

    /// A connection to the target; a `fresh` one was not used before.
    async fn reach(&self, flight: &Flight, fresh: bool) -> Result<Lease, Failure> {
        let (worker, place) = (&self.visit.worker, flight.place());
        if !fresh && let Some(lease) = worker.lease(place) {
            return Ok(lease);
        }
        // In a box, for it is big and seldom needed.
        let connecting = Box::pin(tokio::time::timeout(worker.limits.connect_time, worker.connect(place)));
        match connecting.await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(_)) => Err(Failure::Refused),
            Err(_) => Err(Failure::ConnectTime),
        }
    }

    /// Sends a request and waits for the head of the answer. A request that may be sent again comes back.
    async fn ask(
        &self,
        flight: &Flight,
        lease: &mut Lease,
        mut request: Outgoing,
        sending: Option<&Sending>,
    ) -> Result<Response<Incoming>, (Failure, Option<Outgoing>)> {
        rewrite::speak(&mut request, flight.place().protocol);
        let copy = self.again.then(|| copy_of(&request));
        let limit = self.visit.door.idle_timeout();
        let reused = lease.reused;
        match within(limit, sending, pin!(lease.send(request))).await {
            Some(Ok(response)) => Ok(response),
            Some(Err(mut error)) => match error.take_message() {
                Some(unsent) => Err((Failure::Unsent { reused }, Some(unsent))),
                None if sending.is_some_and(|it| it.failed.get()) => Err((Failure::ClientGarbage, None)),
                None if error.error().is_parse() => Err((Failure::Garbage, None)),
                None => Err((Failure::Ended { reused }, copy)),
            },
            None if sending.is_some_and(|it| it.waits.get()) => Err((Failure::ClientSilent, None)),
            None => Err((Failure::Silent, None)),
        }
    }

    /// Passes the answer on.
    fn pass_on(
        self,
        open: Open,
        mut response: Response<Incoming>,
        sending: Option<Rc<Sending>>,
        lease: Lease,
        flight: Flight,
    ) -> Response<Download> {
        let (visit, own) = (&self.visit, self.own);
        let protocol = response.headers_mut().remove(UPGRADE);
        if !rewrite::response(response.headers_mut()) {
            return own.refuse(visit, open, StatusCode::BAD_GATEWAY);
        }
        flight.set_cookies(self.choice.keep.as_ref(), response.headers_mut());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(client) = self.upgrade else {
                return own.refuse(visit, open, StatusCode::BAD_GATEWAY);
            };
            let target = hyper::upgrade::on(&mut response);
            let _open = Open::new(&visit.life);
            visit.tunnel.replace(Some(Tunnel { client, target, _open, _lease: lease, flight }));
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.extend(protocol.map(|protocol| (UPGRADE, protocol)));
            return response.map(|_| Download::own(open, Bytes::new()));
        }
        if visit.door.is_closing() || sending.as_deref().is_some_and(is_left) {
            own.close(visit, &mut response);
        }
        // hyper would send the next request in HTTP/1.0, which has no chunks.
        let lease = (response.version() != Version::HTTP_10).then_some(lease);
        *response.version_mut() = Version::HTTP_11;
        let limit = visit.door.idle_timeout();
        response
            .map(|body| Download::passing(open, Passing { body, sending, limit, wait: None, lease, flight }))
    }
}

/// Whether something of a request's body is still to come from the client.
fn is_left(sending: &Sending) -> bool {
    !sending.done.get()
}

/// A request without a body, once more.
fn copy_of(request: &Outgoing) -> Outgoing {
    let mut copy = Request::new(Upload::default());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Waits for the head of an answer, as long as the rest of the request moves.
async fn within<F: Future>(
    limit: Duration,
    sending: Option<&Sending>,
    mut work: Pin<&mut F>,
) -> Option<F::Output> {
    let begun = Instant::now();
    let mut sleep = pin!(sleep_until(begun + limit));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            let last = sending.map_or(begun, |sending| sending.last.get().max(begun));
            poll_until(sleep.as_mut(), context, last + limit).map(|()| None)
        }
    })
    .await
}
