//! Elastic Load Balancing as a value: load balancers, target groups, listeners, rules, and the health of targets.

use longshore_model::Timestamp;

use crate::cloud::Cloud;

/// What a target group's targets are named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetType {
    /// The EC2 instance's id.
    Instance,
    /// An address.
    Ip,
}

/// One target of a target group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// An EC2 instance's id, or an address.
    pub id: String,
    /// Its port.
    pub port: u16,
}

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Its first checks run.
    Initial,
    /// It answers its checks.
    Healthy,
    /// It does not.
    Unhealthy,
    /// It was deregistered and finishes what it has begun.
    Draining,
    /// No listener sends anything to its group.
    Unused,
}

impl Cloud {
    /// What the group's targets are named by, and whether a load balancer uses it; `None` when there is no such group.
    pub(crate) fn target_group(&self, _group_arn: &str) -> Option<(TargetType, bool)> {
        None
    }

    /// Registers a target. One that is being deregistered comes back.
    pub(crate) fn register_target(&mut self, _group_arn: &str, _target: &Target, _now: Timestamp) {}

    /// Deregisters a target: it drains until its delay is over or nothing is in flight any more.
    pub(crate) fn deregister_target(&mut self, _group_arn: &str, _target: &Target, _now: Timestamp) {}

    /// How a target is; `None` when it is not (or no longer) registered.
    pub(crate) fn target_state(&self, _group_arn: &str, _target: &Target) -> Option<TargetState> {
        None
    }

    /// Does what is due: delays of deregistration that are over.
    pub(crate) fn tick_balancing(&mut self, _now: Timestamp) {}

    /// When [`Cloud::tick_balancing`] has something to do next.
    pub(crate) fn balancing_wake(&self) -> Option<Timestamp> {
        None
    }
}
