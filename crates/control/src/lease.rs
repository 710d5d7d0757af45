//! A lease: of several daemons over one store, the one that holds it drives; the others stand by.
//!
//! The row names its holder and the end of the lease by the wall clock, and changes only by conditional writes. A row that
//! nobody renews while a whole lease passes here is over, too, whatever the clock says: it may have gone back. A clock that
//! jumps can give a second daemon the lease early; the first then finds the row changed at its next renewal, after a
//! third of the time at most, and ends. So the lease only saves work. What guards an object is the conditional write of
//! its own record before each action: of two daemons that act on it at once, one is refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_model::{Error, Timestamp};
use longshore_world::{Clock, Expect};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::book::{Book, LEASES, put};
use crate::shutdown::Shutdown;

/// The row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    holder: String,
    until: Timestamp,
}

/// What a claim came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    /// It is ours, from now on for as long as it lasts.
    Ours,
    /// Another holds it, until this moment.
    Of(String, Timestamp),
}

/// A lease that this process wants.
#[derive(Debug, Clone)]
pub struct Lease {
    book: Book,
    name: &'static str,
    holder: String,
    lasts: Duration,
    clock: Arc<dyn Clock>,
    held: Arc<AtomicBool>,
    /// The generation of another's row, and since when it is known.
    seen: Arc<Mutex<Option<(u64, Instant)>>>,
}

impl Lease {
    /// `holder` is this process among all that ever wanted it; `lasts` is how long a holder that died blocks the others.
    #[must_use]
    pub fn new(
        book: Book,
        name: &'static str,
        holder: String,
        lasts: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { book, name, holder, lasts, clock, held: Arc::default(), seen: Arc::default() }
    }

    /// Whether this process drives now, for people who ask.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Stands by until the lease is ours, does `work` while it is, and stands by again when it was lost. Ends when `stop`
    /// is said and `work` has ended, and then gives the lease back. `work` is told when to end, and must: the word comes
    /// early enough for it to have ended before somebody else begins.
    pub async fn hold<F: Future<Output = ()>>(&self, stop: &Shutdown, mut work: impl FnMut(Shutdown) -> F) {
        while !stop.is_requested() {
            let asked = Instant::now();
            match self.claim().await {
                Ok(Claim::Ours) => {
                    tracing::info!(lease = self.name, holder = self.holder, "this process drives now");
                    let end = Shutdown::new();
                    self.held.store(true, Ordering::Relaxed);
                    self.renew_during(asked, stop, &end, work(end.clone())).await;
                    self.held.store(false, Ordering::Relaxed);
                }
                Ok(Claim::Of(holder, until)) => {
                    tracing::debug!(lease = self.name, holder, until = until.0, "standing by");
                    self.wait(stop).await;
                }
                Err(error) => {
                    tracing::warn!(lease = self.name, error = %error, "cannot take the lease");
                    self.wait(stop).await;
                }
            }
        }
    }

    /// Between two tries, a third of the lease.
    async fn wait(&self, stop: &Shutdown) {
        tokio::select! {
            biased;
            _ = stop.requested() => {}
            () = tokio::time::sleep(self.lasts / 3) => {}
        }
    }

    async fn renew_during(
        &self,
        held: Instant,
        stop: &Shutdown,
        end: &Shutdown,
        work: impl Future<Output = ()>,
    ) {
        let mut work = std::pin::pin!(work);
        // The shutdown is passed on while the lease is kept, so that rounds under way may take their time.
        let renewed = async {
            let mut lost = std::pin::pin!(self.keep(held));
            tokio::select! {
                biased;
                () = &mut lost => {}
                by = stop.requested() => {
                    end.request(by.saturating_duration_since(Instant::now()));
                    lost.await;
                }
            }
        };
        let is_ours = tokio::select! {
            biased;
            () = &mut work => true,
            () = renewed => false,
        };
        if is_ours {
            self.release().await;
            // Whoever ended without being told to is not begun again at once.
            return self.wait(stop).await;
        }
        tracing::warn!(lease = self.name, holder = self.holder, "the lease is lost: this process stands by");
        end.request(self.lasts / 6);
        work.await;
    }

    /// Renews at each third of the lease, until it is another's or two thirds have passed without a renewal.
    async fn keep(&self, held: Instant) {
        let mut held = held;
        let mut wait = self.lasts / 3;
        loop {
            let give_up = held + self.lasts * 2 / 3;
            tokio::time::sleep_until((Instant::now() + wait).min(give_up)).await;
            // Counted from before the question: a slow answer does not make the lease longer.
            let asked = Instant::now();
            match tokio::time::timeout_at(give_up, self.claim()).await {
                Ok(Ok(Claim::Ours)) => (held, wait) = (asked, self.lasts / 3),
                Ok(Ok(Claim::Of(holder, _))) => {
                    tracing::warn!(lease = self.name, holder, "another process has taken the lease");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(lease = self.name, error = %error, "cannot renew the lease");
                    wait = self.lasts / 12;
                }
                Err(_) => {}
            }
            if Instant::now() >= held + self.lasts * 2 / 3 {
                return;
            }
        }
    }

    /// Takes or renews it with one conditional write.
    async fn claim(&self) -> Result<Claim, Error> {
        let now = self.clock.now();
        let kept = self.book.read::<Row>(LEASES, self.name).await?;
        if let Some(kept) = &kept
            && kept.value.holder != self.holder
            && kept.value.until > now
            && !self.is_abandoned(kept.generation)
        {
            return Ok(Claim::Of(kept.value.holder.clone(), kept.value.until));
        }
        let expect = kept.map_or(Expect::Absent, |kept| Expect::Generation(kept.generation));
        let until = now.plus_ms(i64::try_from(self.lasts.as_millis()).unwrap_or(i64::MAX));
        let row = Row { holder: self.holder.clone(), until };
        if self.book.write(vec![put(LEASES, self.name, expect, &row)]).await? {
            return Ok(Claim::Ours);
        }
        let faster = self.book.read::<Row>(LEASES, self.name).await?.map(|kept| kept.value);
        Ok(faster.map_or(Claim::Of(String::new(), now), |row| Claim::Of(row.holder, row.until)))
    }

    /// Whether another's row was not written anew for as long as a lease lasts.
    fn is_abandoned(&self, generation: u64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match *seen {
            Some((known, since)) if known == generation => since.elapsed() >= self.lasts,
            _ => {
                *seen = Some((generation, Instant::now()));
                false
            }
        }
    }

    /// Gives it back: the next holder need not wait for its end.
    async fn release(&self) {
        let mine = |row: &mut Option<Row>| row.take_if(|row| row.holder == self.holder).is_some();
        if let Err(error) = self.book.amend(LEASES, self.name, mine).await {
            tracing::warn!(lease = self.name, error = %error, "cannot give the lease back: it ends by itself");
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
