//! Drives rounds: one of an object at a time, woken without data, by a timer or every few minutes.
//!
//! A wake says only that a round is wanted. What has happened the round finds out by itself, so that a wake that is lost,
//! late or doubled changes nothing but time.

mod queue;

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::Clock;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::Instrument;

use self::queue::Queue;
pub use self::queue::{Lane, Object, Status};
use crate::run::sleep_until;
use crate::shutdown::Shutdown;

/// So many quick rounds run at the same time.
const QUICK_AT_ONCE: usize = 64;
/// So many slow rounds run at the same time.
const SLOW_AT_ONCE: usize = 64;
/// So often [`Rounds::everything`] is woken: it heals what lost wakes have left behind.
const EVERYTHING_EVERY: Duration = Duration::from_secs(120);

/// What a driver drives.
#[async_trait]
pub trait Rounds<K>: Send + Sync {
    /// A round. `id` is its own, for what it writes down. An error has it tried again after a while that grows.
    async fn round(&self, object: &K, id: &str) -> Result<Round<K>, Error>;

    /// What is woken at the start and every few minutes.
    fn everything(&self) -> Vec<K>;
}

/// What a round came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Round<K> {
    /// When the next is wanted, wakes or not.
    pub look_again_at: Option<Timestamp>,
    /// Other objects that have to look now.
    pub wake: Vec<K>,
    /// Why nothing more happens now, in sentences.
    pub waiting: Vec<String>,
    /// A call that failed and whose next try is in `look_again_at`: shown, and counted as an error.
    pub trouble: Option<Error>,
    /// The object is no more.
    pub gone: bool,
}

impl<K> Default for Round<K> {
    fn default() -> Self {
        Self { look_again_at: None, wake: Vec::new(), waiting: Vec::new(), trouble: None, gone: false }
    }
}

/// What `/metrics` shows of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counters {
    /// Rounds that have ended.
    pub rounds: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Rounds under way.
    pub in_flight: usize,
    /// Objects that wait for their round.
    pub queued: usize,
    /// The time of all rounds together.
    pub spent: Duration,
}

/// Drives rounds. Clones are the same driver.
pub struct Driver<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    state: Mutex<State<K>>,
    woken: Notify,
    clock: Arc<dyn Clock>,
    began: Timestamp,
}

struct State<K> {
    queue: Queue<K>,
    counters: Counters,
    begun: u64,
}

/// A round under way. When it is dropped before its end, its object is wanted again.
struct Running<'a, K: Object> {
    driver: &'a Driver<K>,
    object: &'a K,
    ended: bool,
}

impl<K: Object> Drop for Running<'_, K> {
    fn drop(&mut self) {
        if !self.ended {
            let mut state = self.driver.state();
            let status = state.queue.status(self.object).cloned().unwrap_or_default();
            state.queue.end(self.object, None, false, Status { running: false, ..status });
            state.queue.wake(self.object.clone());
        }
    }
}

impl<K> Clone for Driver<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K> Debug for Driver<K> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl<K: Object> Driver<K> {
    /// Nothing is driven until [`Driver::run`]; wakes are kept until then.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State { queue: Queue::default(), counters: Counters::default(), begun: 0 };
        let began = clock.now();
        Self { shared: Arc::new(Shared { state: Mutex::new(state), woken: Notify::new(), clock, began }) }
    }

    /// Wants a round of this object, soon.
    pub fn wake(&self, object: K) {
        self.state().queue.wake(object);
        self.shared.woken.notify_one();
    }

    /// What is known of an object's rounds.
    #[must_use]
    pub fn status(&self, object: &K) -> Option<Status> {
        self.state().queue.status(object).cloned()
    }

    /// What is known of all objects' rounds.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)> {
        let state = self.state();
        state.queue.statuses().map(|(object, status)| (object.clone(), status.clone())).collect()
    }

    /// What `/metrics` shows.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let state = self.state();
        Counters { in_flight: state.queue.running(), queued: state.queue.waiting(), ..state.counters }
    }

    /// Drives until `stop` is said: then no round begins any more, and those under way have until its end. What did not
    /// end by then is dropped where it waits, as if the process had died there, and is wanted again by the next `run`.
    pub async fn run(&self, rounds: Arc<dyn Rounds<K>>, stop: &Shutdown) {
        let mut in_flight = JoinSet::new();
        let mut period = tokio::time::interval(EVERYTHING_EVERY);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_requested() {
            for (object, id) in self.begin() {
                in_flight.spawn(self.clone().round(Arc::clone(&rounds), object, id));
            }
            let timer = self.state().queue.next_timer();
            tokio::select! {
                biased;
                _ = stop.requested() => break,
                _ = period.tick() => rounds.everything().into_iter().for_each(|object| self.wake(object)),
                Some(_) = in_flight.join_next() => {}
                () = self.shared.woken.notified() => {}
                () = sleep_until(timer) => self.state().queue.tick(Instant::now()),
            }
        }
        tokio::select! {
            biased;
            () = async { while in_flight.join_next().await.is_some() {} } => {}
            () = stop.over() => {
                tracing::warn!(rounds = in_flight.len(), "rounds did not end in time");
                in_flight.shutdown().await;
            }
        }
    }

    /// Begins what is ready, as far as there is room.
    fn begin(&self) -> Vec<(K, String)> {
        let mut state = self.state();
        let mut begun = Vec::new();
        for (lane, most) in [(Lane::Quick, QUICK_AT_ONCE), (Lane::Slow, SLOW_AT_ONCE)] {
            while let Some(object) = state.queue.begin(lane, most) {
                state.begun += 1;
                // Unique over restarts, too: timelines name the round that wrote a line.
                begun.push((object, format!("{:x}-{}", self.shared.began.0, state.begun)));
            }
        }
        begun
    }

    async fn round(self, rounds: Arc<dyn Rounds<K>>, object: K, id: String) {
        let span = tracing::info_span!("round", id = %id, object = %object);
        let began = Instant::now();
        let mut running = Running { driver: &self, object: &object, ended: false };
        let round = AssertUnwindSafe(rounds.round(&object, &id)).catch_unwind();
        let end = round
            .instrument(span.clone())
            .await
            .unwrap_or_else(|_| Err(Error::new(Kind::Bug, format!("the round of {object} panicked"))));
        running.ended = true;
        span.in_scope(|| self.end(&object, id, end, began.elapsed()));
        self.shared.woken.notify_one();
    }

    /// Writes down what a round came to, and sets its next.
    fn end(&self, object: &K, id: String, end: Result<Round<K>, Error>, took: Duration) {
        let now = self.shared.clock.now();
        let mut state = self.state();
        let errors = state.queue.status(object).map_or(0, |status| status.errors);
        let (round, failed) = match end {
            Ok(round) => (round, None),
            Err(error) => (Round::default(), Some(error)),
        };
        let error = failed.as_ref().or(round.trouble.as_ref());
        let errors = if error.is_some() { errors.saturating_add(1) } else { 0 };
        let wait = match (&failed, round.look_again_at) {
            (Some(_), _) => Some(queue::backoff(errors)),
            (None, at) => at.map(|at| Duration::from_millis(u64::try_from(at.ms_since(now)).unwrap_or(0))),
        };
        if let Some(error) = error {
            tracing::warn!(error = %error, cause = ?std::error::Error::source(error), errors, "the round failed");
        } else {
            tracing::debug!(took_ms = took.as_millis(), "the round has ended");
        }
        state.counters.rounds += 1;
        state.counters.errors += u64::from(error.is_some());
        state.counters.spent += took;
        let status = Status {
            last_round: Some(id),
            ended_at: Some(now),
            took,
            error: error.map(ToString::to_string),
            errors,
            waiting: round.waiting,
            next_look_at: wait.map(|wait| now.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))),
            running: false,
        };
        // A moment that is years away is beyond what a timer takes; the periodic wakes come before.
        let next = wait.and_then(|wait| Instant::now().checked_add(wait));
        state.queue.end(object, next, round.gone, status);
        for other in round.wake {
            state.queue.wake(other);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
