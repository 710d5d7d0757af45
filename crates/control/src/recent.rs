//! What was asked a moment ago is not asked again: however many look at the same, it is looked at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use longshore_model::Timestamp;
use longshore_world::Clock;

/// The place of an answer. Whoever asks for it holds it.
type Place<V> = Arc<tokio::sync::Mutex<Option<(Timestamp, V)>>>;

/// Answers by their key, each good for a while.
#[derive(Debug)]
pub struct Recent<K, V> {
    good_for_ms: i64,
    places: Mutex<BTreeMap<K, Place<V>>>,
}

impl<K: Ord, V: Clone> Recent<K, V> {
    /// Answers are good for so long.
    #[must_use]
    pub const fn new(good_for_ms: i64) -> Self {
        Self { good_for_ms, places: Mutex::new(BTreeMap::new()) }
    }

    /// The answer of a moment ago, else that of `ask`. Who comes while it is asked waits for the same answer.
    pub async fn get(&self, key: K, clock: &dyn Clock, ask: impl Future<Output = V>) -> V {
        let place = self.place(key, clock.now());
        let mut answer = place.lock().await;
        if let Some((at, value)) = answer.as_ref()
            && self.is_young(*at, clock.now())
        {
            return value.clone();
        }
        let value = ask.await;
        *answer = Some((clock.now(), value.clone()));
        value
    }

    /// What is old goes on the way, so that no more is kept than was asked for lately.
    fn place(&self, key: K, now: Timestamp) -> Place<V> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, place| {
            let is_young = || {
                let answer = place.try_lock();
                answer.is_ok_and(|it| it.as_ref().is_some_and(|(at, _)| self.is_young(*at, now)))
            };
            Arc::strong_count(place) > 1 || is_young()
        });
        Arc::clone(places.entry(key).or_default())
    }

    fn is_young(&self, at: Timestamp, now: Timestamp) -> bool {
        now.ms_since(at).abs() < self.good_for_ms
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[derive(Debug, Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    #[tokio::test]
    async fn many_who_look_at_once_cost_one_look() {
        let (clock, looks) = (Hand::default(), AtomicUsize::new(0));
        let recent: Recent<&str, usize> = Recent::new(1000);
        let look = |key| {
            recent.get(key, &clock, async {
                tokio::task::yield_now().await;
                looks.fetch_add(1, Ordering::SeqCst)
            })
        };
        assert_eq!(join_all((0..50).map(|_| look("a"))).await, [0; 50]);
        clock.0.store(999, Ordering::SeqCst);
        assert_eq!((look("a").await, look("b").await), (0, 1), "another question has an answer of its own");
        clock.0.store(1000, Ordering::SeqCst);
        assert_eq!(look("a").await, 2);
        clock.0.store(9000, Ordering::SeqCst);
        look("c").await;
        assert_eq!(recent.places.lock().unwrap().len(), 1, "what is old is forgotten");
    }

    #[tokio::test]
    async fn who_goes_away_while_it_is_asked_leaves_it_to_the_next() {
        let clock = Hand::default();
        let recent: Recent<&str, usize> = Recent::new(1000);
        tokio::select! {
            biased;
            _ = recent.get("a", &clock, std::future::pending()) => panic!("it was not asked"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(recent.get("a", &clock, async { 7 }).await, 7);
    }
}
