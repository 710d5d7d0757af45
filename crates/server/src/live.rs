//! What changes, as it changes (server-sent events). An event carries only the id of an environment: what it is like now is
//! asked for, by whoever may see it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::app::Shared;
use crate::problem::Problem;

/// A comment so often, so that nobody in between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A stream ends after this, and its listener comes again: then it is asked anew whether they may listen.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// A listener whose stream has ended waits so long before it comes again.
const RETRY: Duration = Duration::from_secs(2);

struct Listener {
    changes: broadcast::Receiver<String>,
    closing: watch::Receiver<bool>,
    ends_at: Instant,
    is_greeted: bool,
    _place: OwnedSemaphorePermit,
}

/// `changed` with an environment, or `refresh` when some changes were lost on the way.
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = Arc::clone(&shared.listeners).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("too many are listening at once"))?;
    let listener = Listener {
        changes: shared.desk().changes(),
        closing: shared.closing.clone(),
        ends_at: Instant::now() + LIFE,
        is_greeted: false,
        _place: place,
    };
    let stream = unfold(listener, async |mut listener| {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Ok(Sse::new(stream).keep_alive(heartbeat))
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        if !self.is_greeted {
            // What changed while nobody listened is asked for at once.
            self.is_greeted = true;
            return Some(Event::default().event("refresh").retry(RETRY).data("{}"));
        }
        tokio::select! {
            change = self.changes.recv() => match change {
                Ok(id) => Some(Event::default().event("changed").data(json!({"environment": id}).to_string())),
                Err(RecvError::Lagged(_)) => Some(Event::default().event("refresh").data("{}")),
                Err(RecvError::Closed) => None,
            },
            () = closed(&mut self.closing) => None,
            () = tokio::time::sleep_until(self.ends_at) => None,
        }
    }
}

async fn closed(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|is_closing| *is_closing).await.is_err() {
        // Nobody will ever say so.
        std::future::pending::<()>().await;
    }
}
