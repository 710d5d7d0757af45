//! What the load balancers do with requests, as plain values for whatever carries it out.

use std::collections::BTreeMap;

use core::net::Ipv4Addr;

use super::attribute::{OF_BALANCER, OF_GROUP};
use super::group::TargetGroup;
use super::health_check::{GroupProtocol, HealthCheck, ProtocolVersion};
use super::listener::{Listener, ListenerProtocol};
use super::{Action, Condition, Target, TargetState, TargetType};
use crate::cloud::Cloud;

/// All listeners, and the target groups that they name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// By ARN.
    pub listeners: Vec<ListenerRoutes>,
    /// By ARN. The targets of groups that no listener names get no requests and no health checks.
    pub groups: BTreeMap<String, GroupRoutes>,
}

/// A listener and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRoutes {
    /// Its ARN.
    pub arn: String,
    /// Its load balancer's ARN.
    pub balancer_arn: String,
    /// Its load balancer's address on the loopback network.
    pub address: Ipv4Addr,
    /// The port to listen on.
    pub port: u16,
    /// With or without TLS.
    pub protocol: ListenerProtocol,
    /// The ARNs of its certificates, the default one first.
    pub certificates: Vec<String>,
    /// How long a connection may be silent.
    pub idle_timeout_seconds: u32,
    /// In the order in which they are tried. The last one takes every request.
    pub rules: Vec<RuleRoutes>,
}

/// A rule: a request that meets all conditions is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRoutes {
    /// Its ARN.
    pub arn: String,
    /// What a request must have.
    pub conditions: Vec<Condition>,
    /// What is done with it.
    pub action: Action,
}

/// A target group and its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRoutes {
    /// What its targets speak.
    pub protocol: GroupProtocol,
    /// Which HTTP.
    pub version: ProtocolVersion,
    /// Whether a target's id is an instance's, or an address.
    pub target_type: TargetType,
    /// How its targets are checked: all but those that drain.
    pub health_check: HealthCheck,
    /// How a target is chosen.
    pub algorithm: Algorithm,
    /// How a client stays with its target.
    pub stickiness: Option<Stickiness>,
    /// For how long a newly healthy target gets less than its share; 0 for not at all.
    pub slow_start_seconds: u32,
    /// All registered ones.
    pub targets: Vec<TargetRoutes>,
}

/// A registered target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetRoutes {
    /// Which.
    pub target: Target,
    /// How it is. One that drains finishes what it has begun.
    pub state: TargetState,
    /// Whether it gets new requests: when it is healthy, and when too few of the group are, like all that do not drain.
    pub receives: bool,
}

/// How a target is chosen among those that get requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// One after the other.
    RoundRobin,
    /// The one that has the fewest requests in flight.
    LeastOutstandingRequests,
    /// By chance.
    WeightedRandom,
}

/// How a client stays with its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stickiness {
    /// By a cookie of the load balancer.
    LbCookie {
        /// For so long.
        seconds: u32,
    },
    /// By a cookie of the load balancer that comes and goes with one of the application.
    AppCookie {
        /// The application's.
        name: String,
        /// For so long.
        seconds: u32,
    },
}

impl Cloud {
    /// What the load balancers do now. [`crate::Effect::RoutesChanged`] says when it is no longer that.
    #[must_use]
    pub fn routing(&self) -> Routing {
        let listeners = self.balancing.listeners.values().filter_map(|it| self.listener_routes(it)).collect();
        let used = self.balancing.groups.values().filter(|group| self.balancing.is_used(&group.arn));
        Routing { listeners, groups: used.map(|group| (group.arn.clone(), group.routes())).collect() }
    }

    fn listener_routes(&self, listener: &Listener) -> Option<ListenerRoutes> {
        let balancer = self.balancing.balancers.get(&listener.balancer)?;
        let idle = OF_BALANCER.number(&balancer.attributes, "idle_timeout.timeout_seconds");
        let rules = listener.in_order().map(|(_, rule)| RuleRoutes {
            arn: rule.arn.clone(),
            conditions: rule.conditions.clone(),
            action: rule.actions.action.clone(),
        });
        Some(ListenerRoutes {
            arn: listener.arn.clone(),
            balancer_arn: balancer.arn.clone(),
            address: balancer.address,
            port: listener.port,
            protocol: listener.protocol,
            certificates: listener.certificate.iter().chain(&listener.certificates).cloned().collect(),
            idle_timeout_seconds: idle.unwrap_or_default(),
            rules: rules.collect(),
        })
    }
}

impl TargetGroup {
    /// How requests go to the targets of a group that a listener names.
    fn routes(&self) -> GroupRoutes {
        let states: Vec<_> = self.targets.iter().map(|(target, it)| (target, it.state(true))).collect();
        let healthy = states.iter().filter(|(_, state)| *state == TargetState::Healthy).count();
        let standing = states.iter().filter(|(_, state)| *state != TargetState::Draining).count();
        let fails_open = self.fails_open(healthy, standing);
        let receives = |state| match state {
            TargetState::Healthy => true,
            TargetState::Draining => false,
            _ => fails_open,
        };
        GroupRoutes {
            protocol: self.protocol,
            version: self.version,
            target_type: self.target_type,
            health_check: self.health_check.clone(),
            algorithm: self.algorithm(),
            stickiness: self.stickiness(),
            slow_start_seconds: OF_GROUP
                .number(&self.attributes, "slow_start.duration_seconds")
                .unwrap_or_default(),
            targets: states
                .into_iter()
                .map(|(target, state)| TargetRoutes {
                    target: target.clone(),
                    state,
                    receives: receives(state),
                })
                .collect(),
        }
    }

    /// Whether so few are healthy that all get requests.
    fn fails_open(&self, healthy: usize, standing: usize) -> bool {
        let number = |name: &str| {
            let key = format!("target_group_health.unhealthy_state_routing.minimum_healthy_targets.{name}");
            let number = OF_GROUP.number(&self.attributes, &key).unwrap_or_default();
            usize::try_from(number).unwrap_or_default()
        };
        healthy < number("count") || healthy * 100 < number("percentage") * standing
    }

    fn algorithm(&self) -> Algorithm {
        match OF_GROUP.value(&self.attributes, "load_balancing.algorithm.type") {
            "least_outstanding_requests" => Algorithm::LeastOutstandingRequests,
            "weighted_random" => Algorithm::WeightedRandom,
            _ => Algorithm::RoundRobin,
        }
    }

    fn stickiness(&self) -> Option<Stickiness> {
        let seconds = |key: &str| OF_GROUP.number(&self.attributes, key).unwrap_or_default();
        if !OF_GROUP.is_on(&self.attributes, "stickiness.enabled") {
            return None;
        }
        Some(match OF_GROUP.value(&self.attributes, "stickiness.type") {
            "app_cookie" => Stickiness::AppCookie {
                name: OF_GROUP.value(&self.attributes, "stickiness.app_cookie.cookie_name").to_owned(),
                seconds: seconds("stickiness.app_cookie.duration_seconds"),
            },
            _ => Stickiness::LbCookie { seconds: seconds("stickiness.lb_cookie.duration_seconds") },
        })
    }
}
