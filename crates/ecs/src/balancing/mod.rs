//! Elastic Load Balancing as a value: load balancers, target groups, listeners, rules, and the health of targets.

mod action;
mod api;
mod attribute;
mod balancer;
mod certificate;
mod check;
mod condition;
mod fault;
mod group;
mod health_check;
mod limit;
mod listener;
pub mod network;
mod page;
mod routing;
mod rule;
mod shape;
mod subnet;
mod tags;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use serde::{Deserialize, Serialize};

use crate::cloud::Cloud;
use balancer::LoadBalancer;
use group::TargetGroup;
use listener::Listener;
use target::Stage;

pub use action::{Action, Redirect, Share};
pub(crate) use api::Call;
pub use api::{Answer, Request};
pub use condition::{Cidr, Condition};
pub use fault::{Fault, FaultKind};
pub use group::TargetType;
pub use health_check::{GroupProtocol, HealthCheck, ProtocolVersion};
pub use listener::ListenerProtocol;
pub use routing::{Algorithm, GroupRoutes, ListenerRoutes, Routing, RuleRoutes, Stickiness, TargetRoutes};
pub use target::{Health, HealthChange, UnhealthyReason};

/// Everything that ELB knows. Resources are kept by their ARNs.
#[derive(Debug, Default)]
pub(crate) struct Balancing {
    pub(crate) balancers: BTreeMap<String, LoadBalancer>,
    pub(crate) groups: BTreeMap<String, TargetGroup>,
    pub(crate) listeners: BTreeMap<String, Listener>,
    /// The listeners that name a target group; made out of these, not stored.
    users: BTreeMap<String, BTreeSet<String>>,
    /// When which target's deregistration ends; made out of the groups, not stored. It may name some that have ended.
    drains: BTreeSet<(Timestamp, String, Target)>,
}

/// One target of a target group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// What services ask of load balancers.
impl Cloud {
    /// What the group's targets are named by, and whether a load balancer uses it; `None` when there is no such group.
    pub(crate) fn target_group(&self, group_arn: &str) -> Option<(TargetType, bool)> {
        let group = self.balancing.groups.get(group_arn)?;
        Some((group.target_type, self.balancing.is_used(group_arn)))
    }

    /// Registers a target. One that is being deregistered comes back.
    pub(crate) fn register_target(&mut self, group_arn: &str, target: &Target, now: Timestamp) {
        self.register(group_arn, target, None, now);
    }

    /// Deregisters a target: it drains until its delay is over or nothing is in flight any more.
    pub(crate) fn deregister_target(&mut self, group_arn: &str, target: &Target, now: Timestamp) {
        self.deregister(group_arn, target, now);
    }

    /// How a target is; `None` when it is not (or no longer) registered.
    pub(crate) fn target_state(&self, group_arn: &str, target: &Target) -> Option<TargetState> {
        let registered = self.balancing.groups.get(group_arn)?.targets.get(target)?;
        Some(registered.state(self.balancing.is_used(group_arn)))
    }

    /// Does what is due: delays of deregistration that are over.
    pub(crate) fn tick_balancing(&mut self, now: Timestamp) {
        self.end_drains(now);
    }

    /// When [`Cloud::tick_balancing`] has something to do next.
    pub(crate) fn balancing_wake(&self) -> Option<Timestamp> {
        self.balancing.drains.first().map(|(until, ..)| *until)
    }
}

impl Balancing {
    /// Makes what is not stored out of the restored parts.
    pub(crate) fn link(&mut self) {
        for listener in self.listeners.values() {
            for group in listener.groups() {
                self.users.entry(group.clone()).or_default().insert(listener.arn.clone());
            }
        }
        for group in self.groups.values() {
            for (target, registered) in &group.targets {
                if let Stage::Draining(until) = registered.stage {
                    self.drains.insert((until, group.arn.clone(), target.clone()));
                }
            }
        }
    }

    /// Whether a listener or a rule names the group.
    fn is_used(&self, group_arn: &str) -> bool {
        self.users.contains_key(group_arn)
    }

    fn link_user(&mut self, group_arn: &str, listener_arn: &str) {
        self.users.entry(group_arn.to_owned()).or_default().insert(listener_arn.to_owned());
    }

    fn unlink_user(&mut self, group_arn: &str, listener_arn: &str) {
        if let Some(users) = self.users.get_mut(group_arn) {
            users.remove(listener_arn);
            if users.is_empty() {
                self.users.remove(group_arn);
            }
        }
    }

    fn listeners_of<'a>(&'a self, balancer_arn: &'a str) -> impl Iterator<Item = &'a Listener> {
        self.listeners.values().filter(move |listener| listener.balancer == balancer_arn)
    }

    /// The load balancers whose listeners name the group: ELB allows one.
    fn balancers_of(&self, group_arn: &str) -> BTreeSet<&str> {
        let users = self.users.get(group_arn).into_iter().flatten();
        users.filter_map(|user| self.listeners.get(user)).map(|listener| listener.balancer.as_str()).collect()
    }

    /// How many targets the groups have together.
    fn count_targets(&self, groups: &BTreeSet<&String>) -> usize {
        groups.iter().filter_map(|arn| self.groups.get(*arn)).map(|group| group.targets.len()).sum()
    }

    /// How many targets there are behind the load balancer that uses the group.
    fn targets_beside(&self, group_arn: &str) -> usize {
        let balancers = self.balancers_of(group_arn);
        let listeners = balancers.into_iter().flat_map(|arn| self.listeners_of(arn));
        self.count_targets(&listeners.flat_map(Listener::groups).collect())
    }
}

/// Refuses what is no ARN of this kind in this scope.
fn of_kind(scope: &Scope, kind: &str, arn: &str) -> Result<(), Fault> {
    if arn.starts_with(&scope.elb(format_args!("{kind}/"))) {
        return Ok(());
    }
    let kind = match kind {
        "loadbalancer" => "load balancer",
        "targetgroup" => "target group",
        "listener-rule" => "listener rule",
        other => other,
    };
    Err(Fault::invalid(format!("'{arn}' is not a valid {kind} ARN")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(2_000_000_000_000);

    fn call(cloud: &mut Cloud, operation: &str, body: serde_json::Value) -> String {
        let request = Request::read(operation, body).unwrap().unwrap();
        let answer = serde_json::to_value(crate::balance(cloud, request, NOW).unwrap()).unwrap();
        let lists = answer.as_object().unwrap().values().filter_map(|list| list[0].as_object());
        let arns = lists.flat_map(|it| it.iter()).filter(|(name, _)| name.ends_with("Arn"));
        arns.map(|(_, arn)| arn.as_str().unwrap().to_owned()).next().unwrap_or_default()
    }

    #[test]
    fn services_register_their_tasks() {
        let mut cloud = Cloud::new(Scope { account: "123456789012".into(), region: "eu-west-1".into() }, 1);
        let (cloud, target) = (&mut cloud, Target { id: "i-0123abcd".into(), port: 32768 });
        assert_eq!(cloud.target_group("web"), None);
        let group = json!({"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0123abcd"});
        let group = call(cloud, "CreateTargetGroup", group);
        assert_eq!(cloud.target_group(&group), Some((TargetType::Instance, false)));
        cloud.register_target(&group, &target, NOW);
        assert_eq!(cloud.target_state(&group, &target), Some(TargetState::Unused));

        let balancer = json!({"Name": "web", "Subnets": ["subnet-0123abcd", "subnet-0123abce"]});
        let balancer = call(cloud, "CreateLoadBalancer", balancer);
        let forward = json!([{"Type": "forward", "TargetGroupArn": group}]);
        let listener =
            json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": forward});
        call(cloud, "CreateListener", listener);
        assert_eq!(cloud.target_group(&group), Some((TargetType::Instance, true)));
        assert_eq!(cloud.target_state(&group, &target), Some(TargetState::Initial));
        let health =
            HealthChange { group_arn: group.clone(), target: target.clone(), health: Health::Healthy };
        crate::step(cloud, crate::Event::Health(vec![health]), NOW);
        assert_eq!(cloud.target_state(&group, &target), Some(TargetState::Healthy));

        cloud.deregister_target(&group, &target, NOW);
        assert_eq!(cloud.target_state(&group, &target), Some(TargetState::Draining));
        cloud.register_target(&group, &target, NOW);
        assert_eq!(cloud.target_state(&group, &target), Some(TargetState::Initial));
        cloud.deregister_target(&group, &target, NOW);
        assert_eq!(cloud.balancing_wake(), Some(NOW.plus_seconds(300)));
        cloud.tick_balancing(NOW.plus_seconds(300));
        assert_eq!(cloud.target_state(&group, &target), None);
        cloud.register_target("web", &target, NOW);
        assert_eq!(cloud.target_state("web", &target), None, "there is no such group");
    }
}
