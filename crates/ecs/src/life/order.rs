//! In which order the containers of a task start and stop.

use longshore_model::Timestamp;
use longshore_model::container_definition::{ContainerDefinition, DependencyCondition};
use longshore_model::task::HealthStatus;

use crate::register::link_target;
use crate::task::{Stage, TaskEntry};

/// Whether a container may start.
pub(super) enum Readiness {
    Ready,
    NotYet,
    /// With the ECS agent's sentence.
    Never(String),
}

/// How far a dependency is.
enum Met {
    Yes,
    NotYet,
    /// With what the agent's sentence ends in.
    Never(&'static str),
}

/// Whether a container's dependencies let it start.
pub(super) fn may_start(entry: &TaskEntry, index: usize, now: Timestamp) -> Readiness {
    let (definition, mut readiness) = (definition(entry, index), Readiness::Ready);
    for (other, condition) in awaited(entry, index) {
        let names = format!("[{}] for target [{}]", entry.view.containers[other].name, definition.name);
        match met(entry, other, condition) {
            Met::Yes => continue,
            Met::Never(why) => {
                return Readiness::Never(format!(
                    "dependency graph: failed to resolve container ordering dependency {names} {why}"
                ));
            }
            Met::NotYet if deadline(entry, other).is_some_and(|at| now >= at) => {
                return Readiness::Never(format!(
                    "dependency graph: container ordering dependency {names} has timed out."
                ));
            }
            Met::NotYet => readiness = Readiness::NotYet,
        }
    }
    readiness
}

/// Whether a container that is still up depends on this one.
pub(super) fn is_needed(entry: &TaskEntry, index: usize) -> bool {
    let name = &definition(entry, index).name;
    let up = (0..entry.runs.len()).filter(|other| entry.runs[*other].stage != Stage::Ended);
    up.flat_map(|other| needs(definition(entry, other))).any(|(needed, _)| needed == name)
}

/// The first moment at which a container has waited too long for another one.
pub(super) fn next_deadline(entry: &TaskEntry) -> Option<Timestamp> {
    let waiting = (0..entry.runs.len()).filter(|index| entry.runs[*index].stage == Stage::Waiting);
    let unmet = waiting
        .flat_map(|index| awaited(entry, index))
        .filter(|(other, condition)| matches!(met(entry, *other, *condition), Met::NotYet));
    unmet.filter_map(|(other, _)| deadline(entry, other)).min()
}

/// When those that wait for this container give up.
fn deadline(entry: &TaskEntry, index: usize) -> Option<Timestamp> {
    let asked = entry.runs[index].asked_at?;
    Some(asked.plus_seconds(definition(entry, index).start_timeout?.into()))
}

fn definition(entry: &TaskEntry, index: usize) -> &ContainerDefinition {
    &entry.definition.spec.container_definitions[index]
}

/// The containers that a container waits for before its first start; its restarts wait for nothing.
fn awaited(entry: &TaskEntry, index: usize) -> impl Iterator<Item = (usize, DependencyCondition)> {
    let all = &entry.definition.spec.container_definitions;
    needs(definition(entry, index))
        .filter(move |_| entry.runs[index].attempt == 0)
        .filter_map(|(name, condition)| Some((all.iter().position(|it| it.name == name)?, condition)))
}

/// What a container says it depends on. As in the agent, so it does on what it links to and takes volumes from.
fn needs(definition: &ContainerDefinition) -> impl Iterator<Item = (&str, DependencyCondition)> {
    let named = definition.depends_on.iter().flatten();
    let links = definition.links.iter().flatten().map(|link| link_target(link));
    let sources = definition.volumes_from.iter().flatten().filter_map(|it| it.source_container.as_deref());
    let implied = links.chain(sources).map(|name| (name, DependencyCondition::Start));
    named.map(|it| (it.container_name.as_str(), it.condition)).chain(implied)
}

fn met(entry: &TaskEntry, index: usize, condition: DependencyCondition) -> Met {
    let (run, view) = (&entry.runs[index], &entry.view.containers[index]);
    let (has_run, ended) = (run.has_run(), run.stage == Stage::Ended);
    let is_met = match condition {
        DependencyCondition::Start => has_run,
        DependencyCondition::Complete => has_run && ended,
        DependencyCondition::Success => has_run && ended && view.exit_code == Some(0),
        DependencyCondition::Healthy => !ended && view.health_status == HealthStatus::Healthy,
    };
    let has_code = condition == DependencyCondition::Success && view.exit_code.is_some();
    match (is_met, ended) {
        (true, _) => Met::Yes,
        (false, false) => Met::NotYet,
        (false, true) if has_run || has_code => Met::Never("as dependency did not exit successfully."),
        (false, true) => Met::Never("because dependency will never start"),
    }
}
