//! Calls of which an account has only so many a second, shared with everybody else in it.

use std::time::Duration;

use tokio::time::Instant;

/// Lets some calls through at once, and then one after each interval.
#[derive(Debug)]
pub(crate) struct Pace {
    at_once: usize,
    every: Duration,
    next: Option<Instant>,
}

impl Pace {
    pub(crate) const fn new((at_once, every): (usize, Duration)) -> Self {
        Self { at_once, every, next: None }
    }

    /// Waits until the next call may be made.
    pub(crate) async fn next(&mut self) {
        if self.at_once > 0 {
            self.at_once -= 1;
            return;
        }
        tokio::time::sleep_until(self.next.unwrap_or_else(Instant::now)).await;
        self.next = Some(Instant::now() + self.every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn some_at_once_and_then_one_after_each_interval() {
        let mut pace = Pace::new((2, Duration::from_secs(1)));
        let began = Instant::now();
        let mut seconds = Vec::new();
        for _ in 0..5 {
            pace.next().await;
            seconds.push(began.elapsed().as_secs());
        }
        assert_eq!(seconds, [0, 0, 0, 1, 2]);
    }
}
