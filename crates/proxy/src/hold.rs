//! A request before its doorkeeper: it goes in, is answered, or waits until a swap brings a target.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::time::{Instant, sleep_until};

use crate::answer::Answer;
use crate::doorkeeper::{Admission, Guard, Head};
use crate::routes::{Choice, Decision};
use crate::visit::Visit;
use crate::worker::View;

/// What came of it.
#[derive(Debug)]
pub(crate) enum Entry {
    In {
        /// The routes that chose.
        view: View,
        choice: Choice,
        /// Who let it in; nobody when the newest table asks for nobody.
        guard: Option<Guard>,
        /// Whether the guard is told what moves.
        counted: bool,
    },
    Out(Response<Bytes>),
}

/// A place among those who wait.
#[derive(Debug)]
struct Held(Guard);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.let_go();
    }
}

/// Asks the doorkeeper, and does as it says.
pub(crate) async fn enter(visit: &Visit, head: &Parts, view: View, choice: Choice, guard: Guard) -> Entry {
    match guard.0.admit(&Head::of(head, view.has_target(choice.group))) {
        Admission::Pass { counted } => Entry::In { view, choice, guard: Some(guard), counted },
        Admission::Answer(answer) => out(&guard, answer),
        // In a box, for it is big and seldom needed.
        Admission::Hold(longest) => Box::pin(wait(visit, head, Held(guard), longest)).await,
    }
}

fn out(guard: &Guard, mut answer: Response<Bytes>) -> Entry {
    guard.0.to_client(answer.headers_mut());
    Entry::Out(answer)
}

async fn wait(visit: &Visit, head: &Parts, held: Held, longest: Duration) -> Entry {
    let end = Instant::now() + longest.min(visit.door.idle_timeout());
    let mut held = Some(held);
    let entry = loop {
        // Listened for before the look, so that no swap is missed.
        let (mut swapped, mut closing) =
            (pin!(visit.worker.swapped.notified()), pin!(visit.door.closing.notified()));
        swapped.as_mut().enable();
        closing.as_mut().enable();
        if let Some(entry) = look(visit, head, &mut held) {
            break entry;
        }
        let in_time = tokio::select! {
            () = swapped => true,
            () = closing => false,
            () = sleep_until(end) => false,
        };
        if !in_time && let Some(Held(guard)) = &held {
            break out(guard, guard.0.in_vain(&Head::of(head, false)));
        }
    };
    // It has been silent for a reason.
    visit.life.touch();
    entry
}

/// What the routes say now, if it is anything else than to wait.
fn look(visit: &Visit, head: &Parts, held: &mut Option<Held>) -> Option<Entry> {
    let view = visit.worker.view();
    let (choice, guard) = match visit.decide(&view, head) {
        Some(Decision::Guarded(choice, guard)) => (choice, guard),
        Some(Decision::Forward(choice)) => {
            return Some(Entry::In { view, choice, guard: None, counted: false });
        }
        Some(Decision::Answer(answer)) => return Some(Entry::Out(answer.response())),
        // The listener has been removed.
        None => return Some(Entry::Out(Answer::page(StatusCode::SERVICE_UNAVAILABLE).response())),
    };
    let request = Head::of(head, view.has_target(choice.group));
    if held.as_ref().is_some_and(|held| held.0 == guard) {
        if visit.door.is_closing() && !request.has_target {
            return Some(out(&guard, guard.0.in_vain(&request)));
        }
        return request.has_target.then(|| {
            guard.0.moved();
            Entry::In { view, choice, guard: Some(guard), counted: true }
        });
    }
    // Another doorkeeper, who may think otherwise. The place is given back first: it may be the same one.
    *held = None;
    match guard.0.admit(&request) {
        Admission::Pass { counted } => Some(Entry::In { view, choice, guard: Some(guard), counted }),
        Admission::Answer(answer) => Some(out(&guard, answer)),
        Admission::Hold(_) => {
            *held = Some(Held(guard));
            None
        }
    }
}
