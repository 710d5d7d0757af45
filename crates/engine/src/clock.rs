//! The one place of this crate that reads the clock.

use longshore_model::Timestamp;

/// Now, in milliseconds since 1970.
#[must_use]
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
