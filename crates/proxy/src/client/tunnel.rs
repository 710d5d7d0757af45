//! After 101: bytes both ways, whatever they are.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::{Client, End};
use crate::flight::Flight;
use crate::http::body::{Framing, Transfer};
use crate::wire::{Wire, poll_transfer};

/// One direction of a tunnel.
#[derive(Debug)]
struct Way {
    bytes: Transfer,
    closed: bool,
}

impl Way {
    fn new() -> Self {
        Self { bytes: Transfer::new(Framing::UntilClose, false), closed: false }
    }

    /// Ready when the direction has ended, and the end has been passed on. The error: it broke.
    fn poll(&mut self, context: &mut Context<'_>, from: &mut Wire, to: &mut Wire) -> Poll<Result<(), ()>> {
        if !self.closed {
            std::task::ready!(poll_transfer(context, &mut self.bytes, from, to)).map_err(|_| ())?;
            std::task::ready!(to.poll_shutdown(context)).map_err(|_| ())?;
            self.closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl Client {
    /// Moves bytes until both sides have ended, one has failed, or both are silent for too long.
    pub(super) async fn tunnel(&mut self, mut target: Wire, _flight: Flight) -> End {
        let (mut up, mut down) = (Way::new(), Way::new());
        let mut seen = 0;
        poll_fn(|context| {
            let up = up.poll(context, &mut self.wire, &mut target);
            let down = down.poll(context, &mut target, &mut self.wire);
            match (up, down) {
                (Poll::Ready(Err(())), _) | (_, Poll::Ready(Err(()))) => return Poll::Ready(()),
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(()),
                _ => {}
            }
            let traffic = self.wire.traffic + target.traffic;
            if traffic != seen {
                seen = traffic;
                self.pace.set(self.door.idle_timeout(&self.worker));
            }
            self.pace.poll(context)
        })
        .await;
        End::Close
    }
}
