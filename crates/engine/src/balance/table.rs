//! What `ecs` decides about load balancers, in the proxy's words.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use longshore_ecs::balancing::{
    self as elb, Algorithm, GroupProtocol, GroupRoutes, ListenerRoutes, Routing, RuleRoutes, TargetType,
};
use longshore_proxy::{
    Action, Balance, Condition, Cookie, Fixed, Forward, Group, Listener, Protocol, Redirect, Rule, Table,
    Target, Tls,
};

use super::certificate::Certificates;

/// The cookies of Application Load Balancers for a target, and for a target group.
const TARGET_COOKIE: &str = "AWSALB";
const GROUP_COOKIE: &str = "AWSALBTG";

/// The rules of a world's listeners, and its groups.
pub(super) fn table(routing: &Routing, certificates: &mut Certificates) -> Table {
    let listeners = routing.listeners.iter().map(|routes| listener(routes, certificates.of(routes)));
    Table {
        listeners: listeners.collect(),
        groups: routing.groups.iter().map(|(arn, routes)| group(arn, routes)).collect(),
    }
}

fn listener(routes: &ListenerRoutes, tls: Option<Tls>) -> Listener {
    let (last, others) =
        routes.rules.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
    let rules = others.iter().zip(1..).map(|(rule, priority)| self::rule(rule, priority));
    Listener {
        id: routes.arn.clone(),
        addresses: addresses(routes),
        tls,
        rules: rules.collect(),
        default: last.map_or_else(unavailable, |rule| action(&rule.action)),
        idle_timeout: Duration::from_secs(u64::from(routes.idle_timeout_seconds)),
    }
}

/// Its own address and port. A port that only root may open, or that another program has, moves: the listener's tag says
/// where to.
fn addresses(routes: &ListenerRoutes) -> Vec<SocketAddr> {
    /// How far: 80 becomes 8080, 443 becomes 8443.
    const FROM_PRIVILEGED: u16 = 8000;
    let at = |address: Ipv4Addr, port| SocketAddr::from((address, port));
    let moved = routes.port.checked_add(FROM_PRIVILEGED).filter(|_| routes.port < 1024);
    let own = [Some(routes.port), moved, Some(0)].into_iter().flatten().map(|port| at(routes.address, port));
    // Where only 127.0.0.1 is configured, as on macOS.
    own.chain([at(Ipv4Addr::LOCALHOST, 0)]).collect()
}

fn rule(routes: &RuleRoutes, priority: u32) -> Rule {
    Rule {
        priority,
        conditions: routes.conditions.iter().map(condition).collect(),
        action: action(&routes.action),
    }
}

fn condition(condition: &elb::Condition) -> Condition {
    match condition.clone() {
        elb::Condition::HostHeader(values) => Condition::Host(values),
        elb::Condition::PathPattern(values) => Condition::Path(values),
        elb::Condition::HttpHeader { name, values } => Condition::Header { name, values },
        elb::Condition::QueryString(pairs) => Condition::Query(pairs),
        elb::Condition::RequestMethod(values) => Condition::Method(values),
        elb::Condition::SourceIp(blocks) => {
            // Both sides write a block as address/length.
            Condition::SourceIp(blocks.iter().filter_map(|block| block.to_string().parse().ok()).collect())
        }
    }
}

fn action(action: &elb::Action) -> Action {
    match action {
        elb::Action::Forward { groups, sticky_seconds } => Action::Forward(Forward {
            groups: groups.iter().map(|share| (share.group_arn.clone(), u32::from(share.weight))).collect(),
            stickiness: sticky_seconds.map(|seconds| cookie(GROUP_COOKIE, seconds)),
        }),
        elb::Action::Redirect(to) => Action::Redirect(Redirect {
            protocol: to.protocol.clone(),
            host: to.host.clone(),
            port: to.port.clone(),
            path: to.path.clone(),
            query: to.query.clone(),
            status: to.status,
        }),
        elb::Action::FixedResponse { status, content_type, body } => Action::Fixed(Fixed {
            status: *status,
            content_type: content_type.clone().unwrap_or_else(|| "text/plain".to_owned()),
            body: body.clone().unwrap_or_default(),
        }),
    }
}

/// ELB has no listener without a default action.
fn unavailable() -> Action {
    Action::Fixed(Fixed { status: 503, content_type: "text/plain".to_owned(), body: String::new() })
}

fn cookie(name: &str, seconds: u32) -> Cookie {
    Cookie { name: name.to_owned(), lasts: Duration::from_secs(u64::from(seconds)) }
}

fn group(arn: &str, routes: &GroupRoutes) -> Group {
    let receiving = routes.targets.iter().filter(|target| target.receives);
    let targets = receiving.filter_map(|it| {
        Some(Target { key: key(arn, &it.target), address: address(routes, &it.target, it.target.port)? })
    });
    Group {
        id: arn.to_owned(),
        targets: targets.collect(),
        protocol: match routes.protocol {
            GroupProtocol::Http => Protocol::Http1,
            GroupProtocol::Https => Protocol::Https,
        },
        balance: match routes.algorithm {
            Algorithm::LeastOutstandingRequests => Balance::LeastOutstanding,
            Algorithm::RoundRobin | Algorithm::WeightedRandom => Balance::RoundRobin,
        },
        // A cookie that follows the application's own is followed as one of ours.
        stickiness: routes.stickiness.as_ref().map(|stickiness| match stickiness {
            elb::Stickiness::LbCookie { seconds } | elb::Stickiness::AppCookie { seconds, .. } => {
                cookie(TARGET_COOKIE, *seconds)
            }
        }),
    }
}

/// What a target's requests are counted under.
pub(super) fn key(group_arn: &str, target: &elb::Target) -> String {
    format!("{group_arn} {}:{}", target.id, target.port)
}

/// Where a target listens. Every instance is this machine.
pub(super) fn address(routes: &GroupRoutes, target: &elb::Target, port: u16) -> Option<SocketAddr> {
    let ip = match routes.target_type {
        TargetType::Instance => IpAddr::V4(Ipv4Addr::LOCALHOST),
        TargetType::Ip => target.id.parse().ok()?,
    };
    Some(SocketAddr::new(ip, port))
}
