//! The word to end: said once, heard by everybody who holds it, with the moment by which all must have ended.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The word to end. Clones are the same word.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Sender<Option<Instant>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Nobody has said it yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Says it: what is under way may take so long. Said again, the earlier end holds.
    pub fn request(&self, grace: Duration) {
        let by = Instant::now() + grace;
        self.0.send_modify(|end| *end = Some(end.map_or(by, |end| end.min(by))));
    }

    /// Whether it was said.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until it is said, and tells by when all must have ended.
    pub async fn requested(&self) -> Instant {
        let mut said = self.0.subscribe();
        loop {
            if let Some(by) = *said.borrow_and_update() {
                return by;
            }
            if said.changed().await.is_err() {
                // Cannot be: the sender is `self`.
                return Instant::now();
            }
        }
    }

    /// Waits until it was said and its time is over, even when a later word has made that earlier.
    pub async fn over(&self) {
        let mut said = self.0.subscribe();
        loop {
            let by = *said.borrow_and_update();
            tokio::select! {
                biased;
                changed = said.changed() => if changed.is_err() { return },
                () = crate::run::sleep_until(by) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earliest_end_holds_and_late_listeners_hear_it() {
        let word = Shutdown::new();
        assert!(!word.is_requested());
        let began = Instant::now();
        word.request(Duration::from_secs(20));
        word.request(Duration::from_secs(60));
        assert_eq!(word.requested().await - began, Duration::from_secs(20));
        let sooner = word.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            sooner.request(Duration::from_secs(1));
        });
        word.over().await;
        assert_eq!(began.elapsed(), Duration::from_secs(6));
    }
}
