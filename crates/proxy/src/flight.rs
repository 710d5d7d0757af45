//! A request that is under way to a target: counted as long as it lives.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::clock::date_in;
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
}

impl Flight {
    pub(crate) fn begin(view: View, group: usize, target: usize, worker: usize) -> Self {
        let flight = Self { view, group, target, worker };
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

    /// The lines that keep the client with this target, and with the group that was chosen for it.
    pub(crate) fn cookies(&self, of_group: Option<&(Cookie, u64)>) -> String {
        let mut lines = String::new();
        let of_target = self.group().stickiness.as_ref().map(|cookie| (cookie, self.state().cookie));
        for (cookie, value) in of_group.map(|(cookie, value)| (cookie, *value)).into_iter().chain(of_target) {
            let Cookie { name, lasts } = cookie;
            // Writing into a string never fails.
            let _: Result<(), std::fmt::Error> =
                write!(lines, "Set-Cookie: {name}={value:016x}; Expires={}; Path=/\r\n", date_in(*lasts));
        }
        lines
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.state().end(self.worker);
    }
}
