//! Targets: registered, deregistered, and how they are.

use std::collections::BTreeSet;

use core::net::Ipv4Addr;
use longshore_model::{Timestamp, words};
use serde::{Deserialize, Serialize};

use super::attribute::OF_GROUP;
use super::check;
use super::fault::{Fault, FaultKind};
use super::group::{TargetGroup, TargetType};
use super::limit;
use super::shape::{Done, shape};
use super::{Target, TargetState};
use crate::cloud::{Cloud, Key};

words! {
    /// Why a target is not healthy.
    UnhealthyReason {
        /// Its answers have other codes than the expected ones.
        ResponseCodeMismatch = "Target.ResponseCodeMismatch",
        /// It does not answer in time.
        Timeout = "Target.Timeout",
        /// It cannot be connected to, or does not speak HTTP.
        FailedHealthChecks = "Target.FailedHealthChecks",
    }
}

/// What the checks of a target have come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// The target group's ARN.
    pub group_arn: String,
    /// The target.
    pub target: Target,
    /// How it is now.
    pub health: Health,
}

/// What checks come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// The first ones have begun.
    Checking,
    /// As many as it takes have succeeded.
    Healthy,
    /// As many as it takes have failed.
    Unhealthy {
        /// ELB's word for it.
        reason: UnhealthyReason,
        /// A sentence, such as `Health checks failed with these codes: [500]`.
        description: String,
    },
}

/// What is known of a registered target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registered {
    /// The zone that its caller named.
    zone: Option<String>,
    pub(super) stage: Stage,
}

/// Where in its life a registered target is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Nothing has looked at it yet.
    Registering,
    /// Checks say how it is.
    Checked(Health),
    /// It is being deregistered, until this moment at the latest.
    Draining(Timestamp),
}

impl Registered {
    /// How it is in a group that a load balancer uses, or does not use.
    pub(super) fn state(&self, is_used: bool) -> TargetState {
        match &self.stage {
            Stage::Draining(_) => TargetState::Draining,
            _ if !is_used => TargetState::Unused,
            Stage::Registering | Stage::Checked(Health::Checking) => TargetState::Initial,
            Stage::Checked(Health::Healthy) => TargetState::Healthy,
            Stage::Checked(Health::Unhealthy { .. }) => TargetState::Unhealthy,
        }
    }
}

shape! {
    /// RegisterTargets, DeregisterTargets, DescribeTargetHealth.
    OfTargets { target_group_arn: Option<String>, targets: Vec<TargetDescription> }
}
shape! {
    /// A target.
    TargetDescription { id: Option<String>, port: Option<i32>, availability_zone: Option<String> }
}
shape! {
    /// A target and how it is.
    TargetHealthDescription {
        target: TargetDescription,
        health_check_port: Option<String>,
        target_health: TargetHealth,
    }
}
shape! {
    /// How a target is, and why.
    TargetHealth { state: String, reason: Option<String>, description: Option<String> }
}

/// The answer of DescribeTargetHealth.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetHealths {
    /// All targets of the group, or those that were asked for.
    pub target_health_descriptions: Vec<TargetHealthDescription>,
}

impl Cloud {
    pub(super) fn register_targets(&mut self, request: &OfTargets, now: Timestamp) -> Result<Done, Fault> {
        let group = self.group(request.target_group_arn.as_ref())?;
        if request.targets.is_empty() {
            return Err(Fault::invalid("At least one target must be specified"));
        }
        let targets =
            request.targets.iter().map(|given| read(group, given)).collect::<Result<Vec<_>, _>>()?;
        let arn = group.arn.clone();
        let new: BTreeSet<&Target> = targets.iter().filter(|it| !group.targets.contains_key(it)).collect();
        let beside = self.balancing.targets_beside(&arn);
        if group.targets.len() + new.len() > limit::TARGETS || beside + new.len() > limit::TARGETS {
            let message = format!("The maximum number of targets, {}, has been reached", limit::TARGETS);
            return Err(Fault::new(FaultKind::TooManyTargets, message));
        }
        for (target, given) in targets.iter().zip(&request.targets) {
            self.register(&arn, target, given.availability_zone.clone(), now);
        }
        Ok(Done {})
    }

    /// A target that is not registered is deregistered already.
    pub(super) fn deregister_targets(&mut self, request: &OfTargets, now: Timestamp) -> Result<Done, Fault> {
        let group = self.group(request.target_group_arn.as_ref())?;
        if request.targets.is_empty() {
            return Err(Fault::invalid("At least one target must be specified"));
        }
        let targets =
            request.targets.iter().map(|given| read(group, given)).collect::<Result<Vec<_>, _>>()?;
        let arn = group.arn.clone();
        for target in targets {
            self.deregister(&arn, &target, now);
        }
        Ok(Done {})
    }

    pub(super) fn describe_target_health(&self, request: &OfTargets) -> Result<TargetHealths, Fault> {
        let group = self.group(request.target_group_arn.as_ref())?;
        let is_used = self.balancing.is_used(&group.arn);
        let targets: Vec<Target> = if request.targets.is_empty() {
            group.targets.keys().cloned().collect()
        } else {
            request.targets.iter().map(|given| read(group, given)).collect::<Result<_, _>>()?
        };
        let show = |target: &Target| {
            let registered = group.targets.get(target);
            TargetHealthDescription {
                target: TargetDescription {
                    id: Some(target.id.clone()),
                    port: Some(target.port.into()),
                    availability_zone: registered.and_then(|it| it.zone.clone()),
                },
                health_check_port: Some(group.health_check.port_of(target.port).to_string()),
                target_health: show_health(registered, is_used),
            }
        };
        Ok(TargetHealths { target_health_descriptions: targets.iter().map(show).collect() })
    }

    /// Registers a target, if the group is there. One that is registered stays as it is; one that drains comes back.
    pub(super) fn register(&mut self, arn: &str, target: &Target, zone: Option<String>, now: Timestamp) {
        let Some(group) = self.balancing.groups.get_mut(arn) else { return };
        let stage = group.targets.get(target).map(|registered| &registered.stage);
        if stage.is_some_and(|stage| !matches!(stage, Stage::Draining(_))) {
            return;
        }
        group.targets.insert(target.clone(), Registered { zone, stage: Stage::Registering });
        self.target_is_another(arn, target, now);
    }

    /// Deregisters a target: it drains as long as the group says, or is gone at once when nothing was sent to it.
    pub(super) fn deregister(&mut self, arn: &str, target: &Target, now: Timestamp) {
        let is_used = self.balancing.is_used(arn);
        let Some(group) = self.balancing.groups.get_mut(arn) else { return };
        let delay =
            OF_GROUP.number(&group.attributes, "deregistration_delay.timeout_seconds").unwrap_or_default();
        match group.targets.get_mut(target) {
            None => return,
            Some(Registered { stage: Stage::Draining(_), .. }) => return,
            Some(registered) if is_used && delay > 0 => {
                let until = now.plus_seconds(delay.into());
                registered.stage = Stage::Draining(until);
                self.balancing.drains.insert((until, arn.to_owned(), target.clone()));
            }
            Some(_) => {
                group.targets.remove(target);
            }
        }
        self.target_is_another(arn, target, now);
    }

    /// Takes in what checks have come to. What is said of targets that are not checked (any more) is not heard.
    pub(crate) fn health_changed(&mut self, changes: Vec<HealthChange>, now: Timestamp) {
        for HealthChange { group_arn, target, health } in changes {
            let is_used = self.balancing.is_used(&group_arn);
            let Some(group) = self.balancing.groups.get_mut(&group_arn).filter(|_| is_used) else { continue };
            let Some(registered) = group.targets.get_mut(&target) else { continue };
            let is_news = match &registered.stage {
                Stage::Draining(_) => false,
                Stage::Registering => true,
                // Whether a target is healthy is not forgotten when its checks begin anew.
                Stage::Checked(known) => *known != health && health != Health::Checking,
            };
            if !is_news {
                continue;
            }
            let before = registered.state(true);
            registered.stage = Stage::Checked(health);
            if registered.state(true) == before {
                self.touch(Key::TargetGroup(group_arn));
            } else {
                self.target_is_another(&group_arn, &target, now);
            }
        }
    }

    /// Nothing is in flight to a target any more: if it drains, it is gone.
    pub(crate) fn target_drained(&mut self, arn: &str, target: &Target, now: Timestamp) {
        let Some(group) = self.balancing.groups.get_mut(arn) else { return };
        if let Some(Registered { stage: Stage::Draining(_), .. }) = group.targets.get(target) {
            group.targets.remove(target);
            self.target_is_another(arn, target, now);
        }
    }

    /// Ends the deregistrations whose delay is over.
    pub(super) fn end_drains(&mut self, now: Timestamp) {
        while let Some(drain) = self.balancing.drains.first().filter(|(until, ..)| *until <= now).cloned() {
            self.balancing.drains.remove(&drain);
            let (until, arn, target) = drain;
            let Some(group) = self.balancing.groups.get_mut(&arn) else { continue };
            // It may have come back, and drain anew.
            if group.targets.get(&target).is_some_and(|it| it.stage == Stage::Draining(until)) {
                group.targets.remove(&target);
                self.target_is_another(&arn, &target, now);
            }
        }
    }

    /// A load balancer began to use the group, or stopped: its targets are checked from the beginning, or no more.
    pub(super) fn use_changed(&mut self, arn: &str, now: Timestamp) {
        let is_used = self.balancing.is_used(arn);
        let Some(group) = self.balancing.groups.get_mut(arn) else { return };
        let targets: Vec<Target> = group.targets.keys().cloned().collect();
        group.targets.retain(|_, registered| {
            let is_draining = matches!(registered.stage, Stage::Draining(_));
            if !is_draining {
                registered.stage = Stage::Registering;
            }
            is_used || !is_draining
        });
        for target in targets {
            self.target_is_another(arn, &target, now);
        }
    }

    /// Tells those who go by it that a target has another state, or is gone.
    fn target_is_another(&mut self, arn: &str, target: &Target, now: Timestamp) {
        self.touch(Key::TargetGroup(arn.to_owned()));
        if self.balancing.is_used(arn) {
            self.routes_changed();
        }
        self.target_changed(arn, target, now);
    }

    /// The group is deleted, and its targets with it.
    pub(super) fn targets_gone(&mut self, group: &TargetGroup, now: Timestamp) {
        for target in group.targets.keys() {
            self.target_changed(&group.arn, target, now);
        }
    }
}

/// The target that a description means, with the group's port where it names none.
fn read(group: &TargetGroup, given: &TargetDescription) -> Result<Target, Fault> {
    let id = check::required("targets.1.member.id", given.id.as_ref())?;
    match group.target_type {
        TargetType::Instance if !check::is_id(id, "i") => {
            let message = format!("The following targets are not valid instance IDs: '{id}'");
            return Err(Fault::new(FaultKind::InvalidTarget, message));
        }
        TargetType::Ip if id.parse::<Ipv4Addr>().is_err() => {
            return Err(Fault::invalid(format!("The IP address '{id}' is not a valid IPv4 address")));
        }
        TargetType::Instance | TargetType::Ip => {}
    }
    let port = given.port.map_or(Ok(group.port), |port| check::port("targets.1.member.port", port))?;
    Ok(Target { id: id.to_owned(), port })
}

/// ELB's words for a target's state.
fn show_health(registered: Option<&Registered>, is_used: bool) -> TargetHealth {
    let health = |state: &str, reason: &str, description: &str| TargetHealth {
        state: state.to_owned(),
        reason: Some(reason.to_owned()),
        description: Some(description.to_owned()),
    };
    let Some(registered) = registered else {
        return health("unused", "Target.NotRegistered", "Target is not registered to the target group");
    };
    match &registered.stage {
        Stage::Draining(_) => {
            health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
        }
        _ if !is_used => health(
            "unused",
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        ),
        Stage::Registering => {
            health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
        }
        Stage::Checked(Health::Checking) => {
            health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
        }
        Stage::Checked(Health::Healthy) => {
            TargetHealth { state: "healthy".into(), ..TargetHealth::default() }
        }
        Stage::Checked(Health::Unhealthy { reason, description }) => {
            health("unhealthy", reason.as_str(), description)
        }
    }
}
