//! How many tasks to start and to stop, from numbers alone: the bounds of a rolling deployment are kept here.

use super::census::Condition;

/// How many tasks are how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) pending: usize,
    pub(super) starting: usize,
    pub(super) healthy: usize,
    pub(super) unhealthy: usize,
}

impl Tally {
    pub(super) fn add(&mut self, condition: Condition, count: usize) {
        match condition {
            Condition::Pending => self.pending += count,
            Condition::Starting => self.starting += count,
            Condition::Healthy => self.healthy += count,
            Condition::Unhealthy => self.unhealthy += count,
            Condition::Leaving => {}
        }
    }

    /// All of them.
    pub(super) fn live(&self) -> usize {
        self.useful() + self.unhealthy
    }

    /// Those that are well, or may become so.
    pub(super) fn useful(&self) -> usize {
        self.pending + self.starting + self.healthy
    }

    /// Those that are RUNNING.
    pub(super) fn running(&self) -> usize {
        self.starting + self.healthy + self.unhealthy
    }
}

/// What a service has and wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) desired: usize,
    /// So many healthy tasks must stay.
    pub(super) lower: usize,
    /// So many tasks there may be.
    pub(super) upper: usize,
    /// The tasks of the PRIMARY deployment.
    pub(super) current: Tally,
    /// Those that are to be replaced.
    pub(super) outgoing: Tally,
    /// The deployment has failed, and nothing takes its place.
    pub(super) is_frozen: bool,
    /// Nothing forbids to start tasks now.
    pub(super) may_start: bool,
    /// The last task found no place, for want of what other tasks hold.
    pub(super) is_short: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) start: usize,
    pub(super) stop_current: Tally,
    pub(super) stop_outgoing: Tally,
}

impl Moves {
    fn stops(&self) -> usize {
        self.stop_current.live() + self.stop_outgoing.live()
    }
}

/// What to do next. The healthy tasks that stay are never fewer than `lower`, and what is started never makes more
/// tasks than `upper`.
pub(super) fn plan(numbers: &Numbers) -> Moves {
    let Numbers { desired, lower, upper, current, outgoing, .. } = *numbers;
    let mut moves = Moves { stop_current: surplus(&current, desired), ..Moves::default() };
    if !numbers.is_frozen {
        // Nobody waits for what is not yet, or no longer, of use and is to be replaced anyway.
        moves.stop_outgoing = Tally { healthy: 0, ..outgoing };
    }
    let healthy = current.healthy - moves.stop_current.healthy;
    // An unhealthy task goes once its replacement is healthy.
    moves.stop_current.unhealthy =
        (healthy + current.unhealthy).saturating_sub(desired).min(current.unhealthy);
    let mut spare = (healthy + outgoing.healthy).saturating_sub(lower).min(outgoing.healthy);
    let superseded = (healthy + outgoing.healthy).saturating_sub(desired).min(spare);
    moves.stop_outgoing.healthy = superseded;
    spare -= superseded;
    let need = desired.saturating_sub(current.useful());
    if numbers.is_frozen || !numbers.may_start || need == 0 {
        return moves;
    }
    let live = current.live() + outgoing.live();
    let too_many = (live - moves.stops() + need).saturating_sub(upper);
    let lacking = if numbers.is_short { need.max(too_many) } else { too_many };
    let unhealthy = lacking.min(current.unhealthy - moves.stop_current.unhealthy);
    moves.stop_current.unhealthy += unhealthy;
    moves.stop_outgoing.healthy += (lacking - unhealthy).min(spare);
    let room = upper.saturating_sub(live - moves.stops());
    moves.start = need.min(room);
    moves
}

/// What is too much of the current deployment: what has come least far goes first.
fn surplus(current: &Tally, desired: usize) -> Tally {
    let mut left = current.useful().saturating_sub(desired);
    let mut take = |of: usize| {
        let taken = left.min(of);
        left -= taken;
        taken
    };
    let (pending, starting, healthy) = (take(current.pending), take(current.starting), take(current.healthy));
    Tally { pending, starting, healthy, unhealthy: 0 }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
