//! Services: what is wanted of each, its deployments, and the scheduler that brings tasks to match.

use longshore_model::Timestamp;

use crate::balancing::Target;
use crate::cloud::Cloud;

impl Cloud {
    /// A target of a group changed its state, or is gone: services wait for that.
    pub(crate) fn target_changed(&mut self, _group_arn: &str, _target: &Target, _now: Timestamp) {}

    /// Does what is due: retries after a pause, grace periods, back-off.
    pub(crate) fn tick_services(&mut self, _now: Timestamp) {}

    /// When [`Cloud::tick_services`] has something to do next.
    pub(crate) fn services_wake(&self) -> Option<Timestamp> {
        None
    }
}
