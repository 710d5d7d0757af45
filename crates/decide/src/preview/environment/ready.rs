//! Ready: as many tasks of the revision as wished are healthy where requests come from. That tasks run says nothing.

use std::collections::BTreeMap;

use longshore_model::preview::Policy;
use longshore_model::seen::Task;

use super::draft::Draft;
use super::tokens::Part;
use super::wanted::Goal;
use super::{route_elb, route_proxy, service};

/// Whether what should run answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It was not looked at, or could not be.
    Unknown,
    /// What is missing, in sentences.
    No(Vec<String>),
    /// All of it.
    Yes,
}

/// Whether a task of this revision runs, and is to go on.
pub(super) fn runs(task: &Task, revision: &str) -> bool {
    task.task_definition_arn == revision && task.last_status == "RUNNING" && task.desired_status != "STOPPED"
}

/// Whether all services are ready for the goal.
pub(super) fn of(draft: &Draft<'_>, policy: &Policy, parts: &[Part<'_>], goal: Goal) -> Readiness {
    let Some(tasks) = draft.seen.tasks.seen() else { return Readiness::Unknown };
    let has_elb = route_elb::is_used(&draft.record, policy);
    let mut missing = Vec::new();
    for part in parts {
        if !service::runs(draft, part, goal) {
            continue;
        }
        let Some(revision) = service::revision(draft, part.index, goal) else { return Readiness::Unknown };
        let running: Vec<&Task> = tasks.iter().filter(|task| runs(task, &revision)).collect();
        let healthy = if has_elb {
            let Some(healthy) = behind_balancer(draft, part, &running) else { return Readiness::Unknown };
            healthy
        } else {
            running.iter().filter(|task| draft.seen.proxy_health.get(&task.arn) == Some(&Ok(()))).count()
        };
        let wanted = usize::try_from(part.policy.count).unwrap_or(usize::MAX);
        if healthy >= wanted {
            continue;
        }
        let (name, count, of) = (&part.policy.name, running.len(), part.policy.count);
        missing.push(if count < wanted {
            format!("{count} of {of} tasks of service `{name}` run")
        } else if !has_elb && running.iter().any(|task| route_proxy::address(draft, task, part).is_none()) {
            format!("tasks of service `{name}` have no address that the proxy can reach")
        } else {
            let health = &part.policy.health;
            let port = health.port.unwrap_or(part.policy.port);
            let why = if has_elb { said_by_balancer(draft, part) } else { found_by_proxy(draft, &running) };
            let why = why.map(|why| format!("; {why}")).unwrap_or_default();
            format!(
                "{healthy} of {of} tasks of service `{name}` answer their health check: {} {} on port {port} with {}{why}",
                health.protocol, health.path, health.matcher
            )
        });
    }
    if missing.is_empty() {
        return Readiness::Yes;
    }
    missing.extend(service::complaint(draft, parts));
    Readiness::No(missing)
}

/// What our own proxy's checks of these tasks came to, of one that failed.
fn found_by_proxy(draft: &Draft<'_>, running: &[&Task]) -> Option<String> {
    let mut found = running.iter().filter_map(|task| draft.seen.proxy_health.get(&task.arn));
    found.find_map(|found| found.as_ref().err()).cloned()
}

/// What the load balancer says of a target that does not get requests yet.
fn said_by_balancer(draft: &Draft<'_>, part: &Part<'_>) -> Option<String> {
    let arn = draft.record.progress.resources.target_groups.get(&part.policy.name)?;
    let mut found = draft.seen.target_health.seen()?.get(arn)?.values();
    let said = found
        .find(|it| ["initial", "unhealthy"].contains(&it.state.as_str()) && !it.description.is_empty())?;
    Some(format!("the load balancer says: {}", said.description))
}

/// How many of these tasks the load balancer finds healthy; `None` when that was not looked at. Targets are an address or
/// an instance, and a port: of instances we know only the port, so every target with a task's port must be healthy.
fn behind_balancer(draft: &Draft<'_>, part: &Part<'_>, running: &[&Task]) -> Option<usize> {
    let arn = draft.record.progress.resources.target_groups.get(&part.policy.name)?;
    let none = BTreeMap::new();
    let health = draft.seen.target_health.seen()?.get(arn).unwrap_or(&none);
    let is_healthy = |task: &Task| {
        if let Some(own) = &task.private_ip {
            return health
                .get(&format!("{own}:{}", part.policy.port))
                .is_some_and(|found| found.state == "healthy");
        }
        let port = format!(":{}", route_proxy::host_port(task, part));
        let states =
            health.iter().filter(|(target, _)| target.ends_with(&port)).map(|(_, it)| it.state.as_str());
        let states: Vec<&str> = states.filter(|state| *state != "draining").collect();
        !states.is_empty() && states.iter().all(|state| *state == "healthy")
    };
    Some(running.iter().filter(|task| is_healthy(task)).count())
}

/// Of a settled environment: whether fewer tasks run than should, or more are to run. `None` when it is neither, or nobody
/// has seen.
pub(super) fn other_tasks(draft: &Draft<'_>, parts: &[Part<'_>]) -> Option<String> {
    let tasks = draft.seen.tasks.seen()?;
    parts.iter().find_map(|part| {
        let revision = service::revision(draft, part.index, Goal::Serve)?;
        let own = tasks.iter().filter(|task| task.task_definition_arn == revision);
        let (name, wanted) = (&part.policy.name, part.policy.count);
        let most = usize::try_from(wanted).unwrap_or(usize::MAX);
        let running = own.clone().filter(|task| runs(task, &revision)).count();
        // Somebody has scaled the service by hand.
        let to_run = own.filter(|task| task.desired_status != "STOPPED").count();
        if running < most {
            Some(format!("{running} of {wanted} tasks of service `{name}` run"))
        } else {
            (to_run > most)
                .then(|| format!("{to_run} tasks of service `{name}` are to run instead of {wanted}"))
        }
    })
}

#[cfg(test)]
#[path = "ready_tests.rs"]
mod tests;
