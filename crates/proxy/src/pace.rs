//! Deadlines that move often and are reached seldom.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

/// Ready once a moment has come that may be another at every call. The timer beneath hardly ever moves: it fires at
/// an older deadline, and sleeps on when there is a later one.
pub(crate) fn poll_until(mut sleep: Pin<&mut Sleep>, context: &mut Context<'_>, until: Instant) -> Poll<()> {
    if until < sleep.deadline() {
        sleep.as_mut().reset(until);
    }
    while sleep.as_mut().poll(context).is_ready() {
        if Instant::now() >= until {
            return Poll::Ready(());
        }
        sleep.as_mut().reset(until);
    }
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::sleep_until;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_deadline_counts() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut sleep = pin!(sleep_until(after(60)));
        let until = Cell::new(after(5));
        let ended = async { poll_fn(|context| poll_until(sleep.as_mut(), context, until.get())).await };
        let moved = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            until.set(after(20));
        };
        tokio::join!(ended, moved);
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}
