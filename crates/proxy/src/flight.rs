//! A request that is under way to a target: counted as long as it lives.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use hyper::header::{HeaderMap, HeaderValue, SET_COOKIE};

use crate::doorkeeper::Guard;
use crate::pool::Place;
use crate::routes::{GroupRoutes, TargetRoute};
use crate::state::TargetState;
use crate::table::Cookie;
use crate::worker::View;

/// A request under way.
#[derive(Debug)]
pub(crate) struct Flight {
    view: View,
    group: usize,
    target: usize,
    worker: usize,
    /// Told of what moves.
    guard: Option<Guard>,
}

impl Flight {
    pub(crate) fn begin(
        view: View,
        group: usize,
        target: usize,
        worker: usize,
        guard: Option<Guard>,
    ) -> Self {
        let flight = Self { view, group, target, worker, guard };
        flight.state().begin(worker);
        flight
    }

    fn group(&self) -> &GroupRoutes {
        &self.view.groups[self.group]
    }

    fn target(&self) -> &TargetRoute {
        &self.group().targets[self.target]
    }

    pub(crate) fn state(&self) -> &TargetState {
        &self.target().state
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.target().address
    }

    pub(crate) fn place(&self) -> Place {
        Place { address: self.target().address, protocol: self.group().protocol }
    }

    /// Something of the answer has moved.
    pub(crate) fn moved(&self) {
        if let Some(Guard(guard)) = &self.guard {
            guard.moved();
        }
    }

    /// Keeps the client with this target, and with the group that was chosen for it.
    pub(crate) fn set_cookies(&self, of_group: Option<&(Cookie, u64)>, headers: &mut HeaderMap) {
        let of_target = self.group().stickiness.as_ref().map(|cookie| (cookie, self.state().cookie));
        for (cookie, value) in of_group.map(|(cookie, value)| (cookie, *value)).into_iter().chain(of_target) {
            let Cookie { name, lasts } = cookie;
            let text = format!("{name}={value:016x}; Expires={}; Path=/", date_in(*lasts));
            // Names that are no text for a header are not in the table.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.append(SET_COOKIE, value);
            }
        }
    }
}

/// The date after some time, as cookies write it.
#[expect(clippy::disallowed_methods, reason = "the one place where this crate looks at the calendar")]
fn date_in(time: Duration) -> String {
    // HTTP dates end with the year 9999.
    let longest = Duration::from_secs(3600 * 24 * 365 * 100);
    httpdate::fmt_http_date(SystemTime::now() + time.min(longest))
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.state().end(self.worker);
    }
}
