//! After 101: bytes both ways, whatever they are.

use std::future::poll_fn;
use std::pin::pin;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::time::sleep_until;

use crate::flight::Flight;
use crate::life::Open;
use crate::pace::poll_until;
use crate::pool::Lease;
use crate::visit::Visit;

/// Two connections that become one once both sides have ended their HTTP.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) client: OnUpgrade,
    pub(crate) target: OnUpgrade,
    pub(crate) _open: Open,
    pub(crate) _lease: Lease,
    pub(crate) flight: Flight,
}

impl Tunnel {
    /// Moves bytes until both sides have ended, one has failed, or both are silent for too long.
    pub(crate) async fn run(self, visit: &Visit) {
        let (opening, flight) = (async { tokio::try_join!(self.client, self.target) }, self.flight);
        let moving = async {
            let (client, target) = opening.await?;
            let (mut client, mut target) = (TokioIo::new(client), TokioIo::new(target));
            copy_bidirectional(&mut client, &mut target).await?;
            Ok::<_, Box<dyn std::error::Error>>(())
        };
        // All bytes pass the client's side.
        let end = || visit.life.last_moved() + visit.door.idle_timeout();
        let mut sleep = pin!(sleep_until(end()));
        let mut last = visit.life.last_moved();
        tokio::select! {
            // First the bytes, then the look at whether some have moved.
            biased;
            moved = moving => if let Err(error) = moved {
                tracing::debug!(%error, "an upgraded connection broke");
            },
            () = poll_fn(|context| {
                if std::mem::replace(&mut last, visit.life.last_moved()) != last {
                    flight.moved();
                }
                poll_until(sleep.as_mut(), context, end())
            }) => {}
        }
    }
}
