//! From the head of a request to what is to be done with it. No waiting here.

use bytes::Buf as _;

use super::Client;
use crate::http::answer::Answer;
use crate::http::body::Framing;
use crate::http::request::{Refused, Request, room};
use crate::http::rewrite;
use crate::retry::{self, is_idempotent};
use crate::routes::{Choice, Decision};
use crate::worker::View;

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Prepared {
    Refused(Refused),
    Answer { answer: Answer, to_head: bool, keep: bool },
    Forward(Order),
}

/// A request that goes to a target. Its head is in the client's `draft`.
#[derive(Debug)]
pub(super) struct Order {
    /// The routes that chose.
    pub(super) view: View,
    pub(super) choice: Choice,
    pub(super) framing: Framing,
    /// Bytes of the body that are all here. They stay in the client's input until an answer comes, so that they can be
    /// sent again.
    pub(super) held: usize,
    pub(super) idempotent: bool,
    pub(super) to_head: bool,
    pub(super) is_11: bool,
    pub(super) keep: bool,
    pub(super) upgrade: bool,
}

impl Order {
    /// Whether nothing of the body is read from the client after the head has been sent.
    pub(super) fn is_whole(&self) -> bool {
        self.framing == Framing::Empty || self.held > 0 || self.framing == Framing::Length(0)
    }

    pub(super) fn retry(&self) -> retry::Request {
        retry::Request { idempotent: self.idempotent, replayable: self.is_whole() }
    }
}

impl Client {
    /// Reads the head that is the first `length` bytes of the input, and takes it from there.
    pub(super) fn prepare(&mut self, length: usize) -> Prepared {
        let mut room = room();
        let (head, rest) = self.wire.input.split_at(length);
        let request = match Request::read(head, &mut room) {
            Ok(request) => request,
            Err(refused) => return Prepared::Refused(refused),
        };
        let view = self.worker.view();
        let decided = self.door.number().and_then(|number| view.decide(number, &request, &self.origin));
        // How much of the body is here, when all of it is.
        let held = match request.framing {
            Framing::Length(bytes) => usize::try_from(bytes).ok().filter(|bytes| *bytes <= rest.len()),
            Framing::Empty => Some(0),
            _ => None,
        };
        let keep = request.keeps_alive() && !self.door.is_closing();
        let to_head = request.method == "HEAD";
        let (prepared, taken) = match decided {
            Some(Decision::Forward(choice)) => {
                self.draft.clear();
                rewrite::request(&request, &self.origin, &mut self.draft);
                let (idempotent, is_11) = (is_idempotent(request.method), request.is_11);
                let (framing, upgrade, held) =
                    (request.framing, request.upgrade.is_some(), held.unwrap_or_default());
                let order = Order { view, choice, framing, held, idempotent, to_head, is_11, keep, upgrade };
                (Prepared::Forward(order), length)
            }
            Some(Decision::Answer(answer)) => (
                Prepared::Answer { answer, to_head, keep: keep && held.is_some() },
                length + held.unwrap_or_default(),
            ),
            // The listener has been removed.
            None => (Prepared::Answer { answer: Answer::page(503), to_head, keep: false }, length),
        };
        self.wire.input.advance(taken);
        prepared
    }
}
