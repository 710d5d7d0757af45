//! One timer for a connection. It is set for every request and hardly ever touches the runtime's timer wheel.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that is moved often and reached seldom. The timer beneath fires at an older deadline, sees that there
/// is a later one, and sleeps on.
#[derive(Debug)]
pub(crate) struct Pace {
    sleep: Pin<Box<Sleep>>,
    until: Instant,
}

impl Pace {
    pub(crate) fn new(limit: Duration) -> Self {
        let until = Instant::now() + limit;
        Self { sleep: Box::pin(sleep_until(until)), until }
    }

    /// From now on there is this much time.
    pub(crate) fn set(&mut self, limit: Duration) {
        self.until = Instant::now() + limit;
        if self.until < self.sleep.deadline() {
            self.sleep.as_mut().reset(self.until);
        }
    }

    /// Ready when the time is over.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.sleep.as_mut().poll(context).is_ready() {
            if Instant::now() >= self.until {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.until);
        }
        Poll::Pending
    }
}

impl Pace {
    /// Waits until something is done or the time is over.
    pub(crate) async fn within<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.poll(context).map(|()| None),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_deadline_counts() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(60));
        pace.set(Duration::from_secs(5));
        pace.set(Duration::from_secs(20));
        assert_eq!(pace.within(std::future::pending::<()>()).await, None);
        assert_eq!(start.elapsed().as_secs(), 20);
        pace.set(Duration::from_secs(1));
        assert_eq!(pace.within(async { 7 }).await, Some(7));
        assert_eq!(pace.within(std::future::pending::<()>()).await, None);
        assert_eq!(start.elapsed().as_secs(), 21);
    }
}
