//! Bodies, read whole and within bounds: of each, of all together, and of time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::BODY_UNIT;
use crate::problem::Problem;

/// A body must be here within this. GitHub itself gives up after ten seconds (GitHub: "Best practices for using
/// webhooks"), its Enterprise Server after thirty.
const TIME: Duration = Duration::from_secs(30);

/// A body, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `limit` bytes. No body is read in another way: what comes slowly would hold its connection for
/// as long as its sender likes. All that are being read share `room`, so that many large ones are refused and not stored up.
pub(crate) async fn whole(room: &Arc<Semaphore>, body: Body, limit: usize) -> Result<Whole, Problem> {
    match tokio::time::timeout(TIME, collect(room, body, limit)).await {
        Ok(whole) => whole,
        Err(_late) => {
            let error = format!("the body was not here within {} seconds", TIME.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, error, "send it again"))
        }
    }
}

async fn collect(room: &Arc<Semaphore>, mut body: Body, limit: usize) -> Result<Whole, Problem> {
    let mut bytes = Vec::new();
    let mut held: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad("the body ended too early", "send it again"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            let error = format!("the body is longer than {limit} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error, "send less"));
        }
        bytes.extend_from_slice(&data);
        let wanted = bytes.len().div_ceil(BODY_UNIT);
        let more = wanted.saturating_sub(held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            let got = Arc::clone(room).try_acquire_many_owned(more);
            let got = got.map_err(|_| Problem::busy("too many bodies are being read at once"))?;
            match &mut held {
                Some(held) => held.merge(got),
                None => held = Some(got),
            }
        }
    }
    Ok(Whole { bytes: bytes.into(), _room: held })
}
