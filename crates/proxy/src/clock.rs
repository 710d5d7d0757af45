//! The date that answers of our own carry, made at most once a second.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A date and when it was made.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    made: RefCell<Option<(Instant, String)>>,
}

impl Clock {
    /// The date as HTTP writes it.
    pub(crate) fn date(&self) -> String {
        let now = Instant::now();
        let mut made = self.made.borrow_mut();
        match &*made {
            Some((at, text)) if now.duration_since(*at) < Duration::from_secs(1) => text.clone(),
            _ => made.insert((now, httpdate::fmt_http_date(system_time()))).1.clone(),
        }
    }
}

/// The date after some time, as cookies write it.
pub(crate) fn date_in(time: Duration) -> String {
    // HTTP dates end with the year 9999.
    let longest = Duration::from_secs(3600 * 24 * 365 * 100);
    httpdate::fmt_http_date(system_time() + time.min(longest))
}

#[expect(clippy::disallowed_methods, reason = "the one place where this crate looks at the calendar")]
fn system_time() -> SystemTime {
    SystemTime::now()
}
