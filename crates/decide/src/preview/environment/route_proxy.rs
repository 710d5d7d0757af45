//! Route `proxy`: what our own proxy should know. Nothing of it is in AWS.

use core::net::{IpAddr, SocketAddr};

use longshore_model::preview::Policy;
use longshore_model::seen::Task;

use super::draft::Draft;
use super::seen::SitePlan;
use super::tokens::Part;
use super::wanted::Goal;
use super::{hooks, place, ready, service};

type Targets = Vec<Vec<(String, SocketAddr)>>;

/// Whether our own proxy answers for it.
pub(super) fn is_used(draft: &Draft<'_>) -> bool {
    place::entrance(&draft.record, draft.seen.policy.as_deref()).is_some()
}

/// Requests are answered with why there is nothing.
pub(super) fn close(draft: &mut Draft<'_>, policy: &Policy, why: &str) {
    let none = vec![Vec::new(); policy.services.len()];
    set(draft, none.clone(), none, Some(why.to_owned()));
}

/// Requests wait for what is coming.
pub(super) fn hold(draft: &mut Draft<'_>, policy: &Policy) {
    let none = vec![Vec::new(); policy.services.len()];
    set(draft, none.clone(), none, None);
}

/// The site is taken away.
pub(super) fn remove(draft: &mut Draft<'_>) {
    draft.site = Some(None);
}

/// Which tasks requests go to, and which are only checked.
pub(super) fn site(draft: &mut Draft<'_>, policy: &Policy, parts: &[Part<'_>], goal: Goal) {
    if parts.is_empty() || !is_used(draft) {
        return;
    }
    match goal {
        Goal::Sleep => return hold(draft, policy),
        Goal::Stop => return close(draft, policy, "what should run here has failed to start"),
        Goal::Deploy | Goal::Serve => {}
    }
    let Some(tasks) = draft.seen.tasks.seen() else {
        // Before anything was made there is nothing to look at.
        if draft.record.progress.deployed.is_none() && draft.record.progress.resources.services.is_empty() {
            hold(draft, policy);
        }
        return;
    };
    let of = |goal: Goal| -> Targets {
        let of_part = |part: &Part<'_>| {
            let Some(revision) = service::revision(draft, part.index, goal) else { return Vec::new() };
            let own = tasks.iter().filter(|task| ready::runs(task, &revision));
            own.filter_map(|task| Some((task.arn.clone(), address(draft, task, part)?))).collect()
        };
        parts.iter().map(of_part).collect()
    };
    let none = || vec![Vec::new(); parts.len()];
    let is_new_in_use = draft.record.progress.deploying.is_none() || hooks::has_begun_after(&draft.record);
    let (active, probed) = match goal {
        Goal::Deploy if draft.record.progress.deploying.is_none() => (of(Goal::Serve), none()),
        // Healthy as a whole: the old ones get no more requests.
        Goal::Deploy if is_new_in_use => (of(Goal::Deploy), none()),
        Goal::Deploy => (of(Goal::Serve), of(Goal::Deploy)),
        _ if draft.record.progress.asleep_since.is_some() => (none(), of(Goal::Serve)),
        _ => (of(Goal::Serve), none()),
    };
    set(draft, active, probed, None);
}

fn set(draft: &mut Draft<'_>, active: Targets, probed: Targets, closed: Option<String>) {
    let policy = draft.seen.policy.as_deref();
    let Some(entrance) = place::entrance(&draft.record, policy) else { return };
    let Some(host) = place::host(&draft.record, policy) else { return };
    draft.site = Some(Some(Box::new(SitePlan { host, entrance, active, probed, closed })));
}

/// Where a task answers: at its own address, or at its instance's and the port that was mapped there.
pub(super) fn address(draft: &Draft<'_>, task: &Task, part: &Part<'_>) -> Option<SocketAddr> {
    let port = part.policy.port;
    if let Some(own) = &task.private_ip {
        return own.parse::<IpAddr>().ok().map(|own| SocketAddr::new(own, port));
    }
    let instance = draft.seen.addresses.get(task.container_instance_arn.as_ref()?)?;
    Some(SocketAddr::new(*instance, host_port(task, part)))
}

/// The port on the instance. Mode host has no mappings: there it is the container's own.
pub(super) fn host_port(task: &Task, part: &Part<'_>) -> u16 {
    let port = part.policy.port;
    let named = |name: &str| part.policy.container.as_ref().is_none_or(|wanted| wanted == name);
    let containers = task.containers.iter().filter(|container| named(&container.name));
    let mut bindings = containers.flat_map(|container| &container.bindings);
    bindings.find(|binding| binding.container_port == port).map_or(port, |binding| binding.host_port)
}
