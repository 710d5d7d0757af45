//! The daemon's part: drives while the lease is held, and listens to events meanwhile.

use std::sync::Arc;

use longshore_world::Queue;

use super::listen::listen;
use super::{Object, Previews};
use crate::driver::{Driver, Rounds};
use crate::lease::Lease;
use crate::shutdown::Shutdown;

/// Drives the rounds of preview environments for as long as this process holds the lease, and listens to events. Ends
/// when `stop` is said and the rounds under way have ended, or their time is over.
pub async fn serve(
    previews: Arc<Previews>,
    driver: &Driver<Object>,
    lease: &Lease,
    queue: Option<Arc<dyn Queue>>,
    stop: &Shutdown,
) {
    let work = |end: Shutdown| {
        let (previews, queue) = (Arc::clone(&previews), queue.clone());
        // Another process may have driven since our proxy was told of these.
        previews.sites().into_iter().for_each(|id| driver.wake(Object::Environment(id)));
        async move {
            let rounds: Arc<dyn Rounds<Object>> = Arc::clone(&previews) as _;
            let driving = driver.run(rounds, &end);
            let listening = async {
                if let Some(queue) = &queue {
                    listen(queue.as_ref(), &previews, driver, &end).await;
                }
            };
            futures_util::future::join(driving, listening).await;
        }
    };
    lease.hold(stop, work).await;
}
