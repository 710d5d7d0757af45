//! The rules for what containers wait for: everything they name exists, can happen, and does not wait for them.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::container_definition::{ContainerDefinition, DependencyCondition};

use super::checks::{Checked, each, refuse_if};
use super::network::link_target;

/// Which containers each container needs first.
type Needs<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Dependencies, links and shared volumes all order the start, so none of them may go in a circle.
pub(super) fn check(containers: &[ContainerDefinition]) -> Checked {
    for dependency in containers.iter().flat_map(|container| each(container.depends_on.as_ref())) {
        check_condition(containers, &dependency.container_name, dependency.condition)?;
    }
    let circles = [
        ("Container links should not have a cycle", has_cycle(needs(containers, links))),
        ("Container volumesFrom should not have a cycle", has_cycle(needs(containers, sources))),
        ("Container dependencies should not have a cycle", has_cycle(needs(containers, dependencies))),
    ];
    circles.into_iter().try_for_each(|(message, found)| refuse_if(found, || message.to_owned()))
}

fn check_condition(
    containers: &[ContainerDefinition],
    name: &str,
    condition: DependencyCondition,
) -> Checked {
    let target = containers.iter().find(|container| container.name == name);
    refuse_if(target.is_none(), || {
        format!("Cannot depend on container + '{name}' because it does not exist")
    })?;
    let ends = matches!(condition, DependencyCondition::Success | DependencyCondition::Complete);
    refuse_if(ends && target.is_some_and(ContainerDefinition::is_essential), || {
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
            .to_owned()
    })?;
    let unchecked = target.is_some_and(|container| container.health_check.is_none());
    refuse_if(condition == DependencyCondition::Healthy && unchecked, || {
        "A dependency container with HEALTHY condition must have health check configured".to_owned()
    })
}

fn links(container: &ContainerDefinition) -> BTreeSet<&str> {
    each(container.links.as_ref()).map(|link| link_target(link)).collect()
}

fn sources(container: &ContainerDefinition) -> BTreeSet<&str> {
    each(container.volumes_from.as_ref()).filter_map(|from| from.source_container.as_deref()).collect()
}

fn dependencies(container: &ContainerDefinition) -> BTreeSet<&str> {
    each(container.depends_on.as_ref()).map(|dependency| dependency.container_name.as_str()).collect()
}

fn needs(
    containers: &[ContainerDefinition],
    edges: for<'a> fn(&'a ContainerDefinition) -> BTreeSet<&'a str>,
) -> Needs<'_> {
    containers.iter().map(|container| (container.name.as_str(), edges(container))).collect()
}

/// Takes away, round by round, what needs nothing that is left; a circle stays.
fn has_cycle(mut left: Needs<'_>) -> bool {
    loop {
        let ready: Vec<_> = left
            .iter()
            .filter(|(_, needs)| needs.iter().all(|need| !left.contains_key(need)))
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            return !left.is_empty();
        }
        for name in ready {
            left.remove(name);
        }
    }
}
