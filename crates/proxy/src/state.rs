//! What outlives a swap: whose turn it is, and how many requests each target has under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The states of targets and groups, by name.
#[derive(Debug)]
pub(crate) struct State {
    workers: usize,
    targets: Mutex<HashMap<String, Arc<TargetState>>>,
    groups: Mutex<HashMap<String, Arc<GroupState>>>,
    next_id: AtomicU64,
}

impl State {
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers, targets: Mutex::default(), groups: Mutex::default(), next_id: AtomicU64::new(0) }
    }

    /// The state of a target, old or new.
    pub(crate) fn target(&self, key: &str) -> Arc<TargetState> {
        let mut targets = lock(&self.targets);
        if let Some(known) = targets.get(key) {
            return known.clone();
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let fresh = Arc::new(TargetState::new(id, key, self.workers));
        targets.insert(key.to_owned(), fresh.clone());
        fresh
    }

    /// The state of a target that there is or was.
    pub(crate) fn known_target(&self, key: &str) -> Option<Arc<TargetState>> {
        lock(&self.targets).get(key).cloned()
    }

    /// The state of a group, old or new.
    pub(crate) fn group(&self, id: &str) -> Arc<GroupState> {
        lock(&self.groups).entry(id.to_owned()).or_default().clone()
    }

    /// Forgets what nobody uses.
    pub(crate) fn forget_unused(&self) {
        lock(&self.targets).retain(|_, state| Arc::strong_count(state) > 1);
        lock(&self.groups).retain(|_, state| Arc::strong_count(state) > 1);
    }
}

/// Nothing is left half done under these locks, so a panic elsewhere is no reason to stop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose turn it is in a group.
#[derive(Debug, Default)]
pub(crate) struct GroupState {
    turn: AtomicUsize,
}

impl GroupState {
    pub(crate) fn turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The turn that comes next, without taking it.
    pub(crate) fn next_turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }
}

/// The requests that a target has under way.
#[derive(Debug)]
pub(crate) struct TargetState {
    /// Tells targets apart.
    pub(crate) id: u64,
    /// What a cookie says that keeps a client with this target.
    pub(crate) cookie: u64,
    /// A count for each worker, so that they do not wait for each other's cache lines.
    counts: Box<[Count]>,
    idle: Notify,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Count(AtomicUsize);

impl TargetState {
    fn new(id: u64, key: &str, workers: usize) -> Self {
        let counts = (0..workers).map(|_| Count::default()).collect();
        Self { id, cookie: cookie_of(key), counts, idle: Notify::new() }
    }

    /// One more, on this worker.
    pub(crate) fn begin(&self, worker: usize) {
        self.counts[worker].0.fetch_add(1, Ordering::AcqRel);
    }

    /// One less, on this worker.
    pub(crate) fn end(&self, worker: usize) {
        if self.counts[worker].0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.notify_waiters();
        }
    }

    /// Those of all workers.
    pub(crate) fn in_flight(&self) -> usize {
        self.counts.iter().map(|count| count.0.load(Ordering::Acquire)).sum()
    }

    /// Waits until there is none.
    pub(crate) async fn drained(&self) {
        loop {
            let mut notified = std::pin::pin!(self.idle.notified());
            // Registered before the look, so that no end is missed.
            notified.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            notified.await;
        }
    }
}

/// What stands for a name in a cookie: FNV-1a, which stays the same over restarts and versions. It is no secret; a
/// client that makes one up only chooses its target.
pub(crate) fn cookie_of(name: &str) -> u64 {
    name.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_target_is_drained_when_no_worker_has_a_request_for_it() {
        let state = State::new(2);
        let target = state.target("t");
        target.begin(0);
        target.begin(1);
        assert_eq!(state.target("t").in_flight(), 2);
        let waiting = tokio::spawn({
            let target = target.clone();
            async move { target.drained().await }
        });
        tokio::task::yield_now().await;
        target.end(0);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        target.end(1);
        waiting.await.unwrap();
    }

    #[test]
    fn what_nobody_uses_is_forgotten() {
        let state = State::new(1);
        let kept = state.target("kept");
        drop(state.target("gone"));
        state.forget_unused();
        assert!(state.known_target("gone").is_none());
        assert!(Arc::ptr_eq(&state.known_target("kept").unwrap(), &kept));
    }
}
