//! The hands of one process in the world: what it calls, and where it may be cut off.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use longshore_model::{Error, Kind};
use longshore_world::Site;
use serde_json::Value;

use super::{Inner, Stage};

/// What all calls of a process pass, before their effect and after it.
#[derive(Debug)]
pub struct Wire {
    /// So many passages are left until it is cut; none are when it is below zero.
    left: AtomicI64,
    /// Who waits for it to be mended.
    waiting: Mutex<Vec<Waker>>,
    /// Each passage takes so many milliseconds of tokio's time; at 0 none is needed.
    latency_ms: AtomicU64,
    /// Each passage lets others go first, once.
    yields: AtomicBool,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            left: AtomicI64::new(i64::MAX),
            waiting: Mutex::default(),
            latency_ms: AtomicU64::new(0),
            yields: AtomicBool::new(false),
        }
    }
}

impl Wire {
    /// Cuts it after so many more passages.
    pub fn cut_after(&self, passages: u32) {
        self.left.store(i64::from(passages), Ordering::SeqCst);
    }

    /// It is whole again: who polls goes on.
    pub fn mend(&self) {
        self.left.store(i64::MAX, Ordering::SeqCst);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }

    /// From now on each passage takes this much of tokio's time: for rounds that a runtime drives.
    pub fn set_latency_ms(&self, latency: u64) {
        self.latency_ms.store(latency, Ordering::SeqCst);
    }

    /// From now on each passage waits once, so that rounds which are polled together come between each other.
    pub fn let_others_go_first(&self) {
        self.yields.store(true, Ordering::SeqCst);
    }

    /// Whether somebody was stopped by it.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    pub(crate) async fn pass(&self) {
        let latency = self.latency_ms.load(Ordering::SeqCst);
        if latency > 0 {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        let mut yields = self.yields.load(Ordering::SeqCst);
        let mut counted = false;
        poll_fn(|context| {
            if !counted {
                counted = true;
                self.left.fetch_sub(1, Ordering::SeqCst);
            }
            if !self.is_cut() && std::mem::take(&mut yields) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.is_cut() {
                return Poll::Ready(());
            }
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// An answer that is older than this is never shown again: AWS is eventually consistent, not for ever out of date.
const STALE_MS: i64 = 5_000;

/// The hands of one process, and its proxy.
#[derive(Debug, Clone)]
pub struct Hands {
    pub(crate) stage: Arc<Stage>,
    pub(crate) wire: Arc<Wire>,
    sites: Arc<Mutex<BTreeMap<String, Site>>>,
    /// How far its clock is ahead, in milliseconds.
    ahead: Arc<AtomicI64>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    LostRequest,
    LostReply,
    Throttled,
}

impl Hands {
    /// Of a process that was just started.
    #[must_use]
    pub fn new(stage: Arc<Stage>) -> Self {
        Self { stage, wire: Arc::default(), sites: Arc::default(), ahead: Arc::default() }
    }

    /// The sites of its proxy, by environment. They end with the process.
    #[must_use]
    pub fn sites(&self) -> BTreeMap<String, Site> {
        self.own_sites().clone()
    }

    /// How far the clock of this process is ahead of all others, in milliseconds.
    #[must_use]
    pub fn ahead_ms(&self) -> i64 {
        self.ahead.load(Ordering::SeqCst)
    }

    /// Sets the clock of this process.
    pub fn set_ahead_ms(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::SeqCst);
    }

    pub(crate) fn own_sites(&self) -> MutexGuard<'_, BTreeMap<String, Site>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wire that its calls pass.
    #[must_use]
    pub fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    /// A call that changes something.
    pub(crate) async fn act<T>(
        &self,
        operation: &'static str,
        what: &str,
        act: impl FnOnce(&mut Inner) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.wire.pass().await;
        let (answer, fate) = {
            let inner = &mut *self.stage.lock();
            let fate = draw(inner, operation);
            let answer = match fate {
                Fate::LostRequest => Err(lost(what)),
                Fate::Throttled => Err(throttled(what)),
                Fate::Well | Fate::LostReply => act(inner),
            };
            (answer, fate)
        };
        self.wire.pass().await;
        if fate == Fate::LostReply { Err(lost(what)) } else { answer }
    }

    /// A call that only looks, and may see what it saw before.
    pub(crate) async fn look(
        &self,
        operation: &'static str,
        what: &str,
        question: &Value,
        look: impl FnOnce(&mut Inner) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        let key = format!("{operation} {question}");
        self.act(operation, what, |inner| {
            let (chance, now) = (inner.chances.stale, inner.now);
            if inner.happens(chance)
                && let Some((_, earlier)) =
                    inner.answered.get(&key).filter(|(at, _)| now.ms_since(*at).abs() <= STALE_MS)
            {
                return Ok(earlier.clone());
            }
            let answer = look(inner)?;
            if chance > 0 {
                inner.answered.insert(key, (now, answer.clone()));
            }
            Ok(answer)
        })
        .await
    }
}

fn draw(inner: &mut Inner, operation: &'static str) -> Fate {
    *inner.calls.entry(operation).or_default() += 1;
    let chances = inner.chances;
    if inner.happens(chances.lost_requests) {
        Fate::LostRequest
    } else if inner.happens(chances.lost_replies) {
        Fate::LostReply
    } else if inner.happens(chances.throttled) {
        Fate::Throttled
    } else {
        Fate::Well
    }
}

fn lost(what: &str) -> Error {
    Error::new(Kind::Unavailable, format!("cannot {what}: the service does not answer"))
}

fn throttled(what: &str) -> Error {
    Error::new(Kind::Throttled, format!("cannot {what}: ThrottlingException: Rate exceeded"))
        .with_code("ThrottlingException")
}
