//! Trying again what may pass.

use std::time::Duration;

use longshore_model::Error;
use tokio::time::Instant;

/// For so long, at most, a service that does not answer is asked again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The first wait; it doubles...
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// ...up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Makes a call until it succeeds, fails for good, or the time is up.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, Error>>>(
    patience: Duration,
    mut call: impl FnMut() -> F,
) -> Result<T, Error> {
    let give_up_at = Instant::now() + patience;
    let mut wait = FIRST_WAIT;
    loop {
        match call().await {
            Err(error) if error.is_passing() && Instant::now() + wait < give_up_at => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            end => return end,
        }
    }
}
