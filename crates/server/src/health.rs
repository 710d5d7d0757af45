//! Whether this process lives, and whether it can be of use.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use longshore_control::book;
use longshore_world::Scan;

use crate::app::Shared;

/// A store that takes longer is not ready.
const TIME: Duration = Duration::from_secs(2);

/// The process lives.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The store can be read, and it is known whether this process acts or stands by.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if *shared.closing.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "this process is ending\n");
    }
    let one = Scan { limit: 1, ..Scan::default() };
    let read = shared.desk().book().store().scan(book::LEASES, &one);
    match tokio::time::timeout(TIME, read).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the store cannot be read");
            return (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n");
        }
        Err(_late) => return (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer in time\n"),
    }
    match shared.app.glance.standing().acts {
        Some(true) => (StatusCode::OK, "ready, and acting\n"),
        Some(false) => {
            (StatusCode::SERVICE_UNAVAILABLE, "standing by: another process acts, and has the sites\n")
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "it is not known yet who holds the lease\n"),
    }
}
