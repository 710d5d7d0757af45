//! A worker's idle connections to targets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::table::Protocol;
use crate::wire::Wire;

/// Where a connection leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
}

/// Idle connections by where they lead; the last that was used is used first.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: HashMap<Place, Vec<(Instant, Wire)>>,
}

impl Pool {
    /// A connection that has not ended while it was idle.
    pub(crate) fn take(&mut self, place: &Place) -> Option<Wire> {
        let idle = self.idle.get_mut(place)?;
        while let Some((_, mut wire)) = idle.pop() {
            if wire.is_quiet() {
                return Some(wire);
            }
        }
        None
    }

    /// Keeps a connection for the next request, unless there are enough.
    pub(crate) fn put(&mut self, place: Place, mut wire: Wire, max: usize) {
        let idle = self.idle.entry(place).or_default();
        if idle.len() < max {
            wire.rest();
            idle.push((Instant::now(), wire));
        }
    }

    /// Closes what leads elsewhere.
    pub(crate) fn keep_only(&mut self, wanted: impl Fn(&Place) -> bool) {
        self.idle.retain(|place, _| wanted(place));
    }

    /// Closes what has been idle for too long, and what its target has closed.
    pub(crate) fn sweep(&mut self, longest: Duration) {
        let now = Instant::now();
        for idle in self.idle.values_mut() {
            idle.retain_mut(|(since, wire)| now.duration_since(*since) < longest && wire.is_quiet());
        }
        self.idle.retain(|_, idle| !idle.is_empty());
    }
}
