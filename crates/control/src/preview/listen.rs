//! Listens to a queue of events. Each is a hint: it wakes whom it names, and is deleted.

use std::time::Duration;

use longshore_world::Queue;

use super::{Object, Previews};
use crate::driver::Driver;
use crate::shutdown::Shutdown;

/// The first wait after a queue did not answer; it doubles...
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// ...up to this. Meanwhile environments look by their timers alone.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Listens until `stop` is said.
pub(super) async fn listen(queue: &dyn Queue, previews: &Previews, driver: &Driver<Object>, stop: &Shutdown) {
    let mut wait = FIRST_WAIT;
    loop {
        let received = tokio::select! {
            biased;
            _ = stop.requested() => return,
            received = queue.receive() => received,
        };
        let error = match received {
            Ok(messages) => {
                let objects = messages.iter().flat_map(|message| previews.on_event(&message.body));
                objects.for_each(|object| driver.wake(object));
                let receipts: Vec<String> = messages.into_iter().map(|message| message.receipt).collect();
                // A message that is not deleted comes again, and wakes once more.
                let deleted = if receipts.is_empty() { Ok(()) } else { queue.delete(&receipts).await };
                let Err(error) = deleted else {
                    wait = FIRST_WAIT;
                    continue;
                };
                error
            }
            Err(error) => error,
        };
        tracing::warn!(error = %error, wait_s = wait.as_secs(), "cannot hear events: environments look by the clock");
        tokio::select! {
            biased;
            _ = stop.requested() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
