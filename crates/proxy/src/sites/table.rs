//! Sites in the proxy's words: rules, groups and health checks. Pure.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longshore_model::preview::Health;
use longshore_model::{Error, Kind};
use longshore_world::{Site, SiteService, SiteTarget};

use super::door::Door;
use crate::doorkeeper::Guard;
use crate::health::{Check, Codes, Probe, Thresholds};
use crate::table::{
    Action, Balance, Condition, Fixed, Forward, Group, Listener, Protocol, Rule, Table, Target,
};

/// The one listener.
pub(super) const LISTENER: &str = "sites";
/// How long a connection may be silent. Load balancers close theirs after a minute, and must be the first to do so.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// From one check of a target that has never been healthy to the next, when the policy would have it later: somebody
/// waits for it.
const FIRST_INTERVAL: Duration = Duration::from_millis(200);

/// All sites. The rules of each are for its own host, so that their order matters only within it.
pub(super) fn table<'a>(
    addresses: &[SocketAddr],
    sites: impl Iterator<Item = (&'a Site, &'a Arc<Door>)>,
) -> Table {
    let (mut rules, mut groups) = (Vec::new(), Vec::new());
    for (site, door) in sites {
        let guard = Guard(door.clone());
        let services = site.policy.services.iter().enumerate();
        // The first comes last, and takes what is left.
        for (number, policy) in services.clone().skip(1).chain(services.take(1)) {
            let id = group_id(site, number);
            let mut conditions = vec![Condition::Host(vec![site.host.clone()])];
            if number > 0 {
                conditions.push(Condition::Path(policy.paths.clone()));
            }
            let action = Action::Guarded(Forward::to(id.clone()), guard.clone());
            rules.push(Rule { priority: 0, conditions, action });
            groups.push(group(id, site.services.get(number)));
        }
    }
    rules.push(own_health());
    let default = text(404, "There is no preview under this name.\n");
    let (id, addresses) = (LISTENER.to_owned(), addresses.to_vec());
    Table {
        listeners: vec![Listener { id, addresses, tls: None, rules, default, idle_timeout: IDLE_TIMEOUT }],
        groups,
    }
}

/// A load balancer that asks whether the proxy itself is well does so by its address, not by the host of a site.
fn own_health() -> Rule {
    let agents =
        Condition::Header { name: "user-agent".to_owned(), values: vec!["ELB-HealthChecker/*".to_owned()] };
    Rule { priority: 0, conditions: vec![agents], action: text(200, "ok\n") }
}

fn text(status: u16, text: &str) -> Action {
    let (content_type, body) = ("text/plain; charset=utf-8".to_owned(), text.to_owned());
    Action::Fixed(Fixed { status, content_type, body })
}

/// Environments' ids have no slash.
fn group_id(site: &Site, service: usize) -> String {
    format!("{}/{service}", site.environment)
}

/// The environment of a group.
pub(super) fn environment(group: &str) -> &str {
    group.rsplit_once('/').map_or(group, |(environment, _)| environment)
}

fn group(id: String, service: Option<&SiteService>) -> Group {
    let mut known = BTreeSet::new();
    let targets =
        service.into_iter().flat_map(|service| &service.active).filter(|target| known.insert(&target.key));
    let targets = targets.map(|it| Target { key: it.key.clone(), address: it.address }).collect();
    Group { id, targets, protocol: Protocol::Http1, balance: Balance::RoundRobin, stickiness: None }
}

/// The checks of a site's targets, active and probed.
///
/// # Errors
/// When the policy's matcher is no list of codes.
pub(super) fn checks(site: &Site) -> Result<Vec<Check>, Error> {
    let mut all = Vec::new();
    for (number, policy) in site.policy.services.iter().enumerate() {
        let Some(SiteService { active, probed }) = site.services.get(number) else { continue };
        let codes: Codes = policy.health.matcher.parse().map_err(|error| {
            let what = format!("cannot check service `{}` of `{}`: {error}", policy.name, site.environment);
            Error::new(Kind::Invalid, what).with_hint("correct `matcher` in its health check")
        })?;
        let targets: BTreeSet<_> = active.iter().chain(probed).collect();
        all.extend(
            targets.into_iter().map(|target| check(group_id(site, number), target, &policy.health, &codes)),
        );
    }
    Ok(all)
}

fn check(group: String, target: &SiteTarget, health: &Health, codes: &Codes) -> Check {
    let seconds = |seconds| Duration::from_secs(u64::from(seconds));
    let port = health.port.unwrap_or(target.address.port());
    Check {
        group,
        target: target.key.clone(),
        address: SocketAddr::new(target.address.ip(), port),
        probe: Probe::Http {
            tls: health.protocol.eq_ignore_ascii_case("https"),
            path: health.path.clone(),
            codes: codes.clone(),
        },
        interval: seconds(health.interval_s),
        first_interval: seconds(health.interval_s).min(FIRST_INTERVAL),
        timeout: seconds(health.timeout_s),
        thresholds: Thresholds { healthy: health.healthy, unhealthy: health.unhealthy },
    }
}
