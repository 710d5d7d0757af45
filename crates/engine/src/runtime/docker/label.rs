//! Names and labels of what we make in Docker: all that is needed to find it again, so that nothing is kept in memory.

use std::collections::HashMap;

use longshore_model::arn::Scope;

use crate::runtime::{ContainerKey, ContainerPlan, TaskKey, TaskPlan};

/// Whose it is: two engines on one daemon leave each other's containers alone.
pub(super) const ENGINE: &str = "longshore.engine";
/// The task's 32 digits.
pub(super) const TASK: &str = "longshore.task";
/// The container's name in the task definition; what lacks it is no container of the task definition.
pub(super) const CONTAINER: &str = "longshore.container";
const ACCOUNT: &str = "longshore.account";
const REGION: &str = "longshore.region";
const ATTEMPT: &str = "longshore.attempt";

/// The name of a container in Docker.
pub(super) fn container_name(key: &ContainerKey) -> String {
    format!("longshore-{}-{}-{}", key.name, key.task.task, key.attempt)
}

/// The name of the container that holds a task's namespaces. A dot is in no container's name, so none collides.
pub(super) fn pause_name(task: &TaskKey) -> String {
    format!("longshore-.pause-{}", task.task)
}

/// The name of a volume that lives with its task.
pub(super) fn volume_name(task: &TaskKey, volume: &str) -> String {
    format!("longshore-{volume}-{}", task.task)
}

/// The labels of everything that belongs to a task.
pub(super) fn of_task(engine: &str, task: &TaskKey) -> HashMap<String, String> {
    HashMap::from([
        (ENGINE.to_owned(), engine.to_owned()),
        (ACCOUNT.to_owned(), task.account.clone()),
        (REGION.to_owned(), task.region.clone()),
        (TASK.to_owned(), task.task.clone()),
    ])
}

/// The labels of a container: the user's own, then those that the ECS agent sets, then ours.
pub(super) fn of_container(engine: &str, plan: &ContainerPlan) -> HashMap<String, String> {
    let mut labels: HashMap<_, _> =
        plan.definition.docker_labels.clone().unwrap_or_default().into_iter().collect();
    labels.extend(of_agent(&plan.task, &plan.key.name));
    labels.extend(of_task(engine, &plan.key.task));
    labels.insert(CONTAINER.to_owned(), plan.key.name.clone());
    labels.insert(ATTEMPT.to_owned(), plan.key.attempt.to_string());
    labels
}

fn of_agent(task: &TaskPlan, container: &str) -> [(String, String); 5] {
    let scope = Scope { account: task.key.account.clone(), region: task.key.region.clone() };
    [
        ("cluster", task.cluster.clone()),
        ("container-name", container.to_owned()),
        ("task-arn", scope.task(&task.cluster, &task.key.task)),
        ("task-definition-family", task.definition.spec.family.clone()),
        ("task-definition-version", task.definition.revision.to_string()),
    ]
    .map(|(name, value)| (format!("com.amazonaws.ecs.{name}"), value))
}

/// The task that something labelled so belongs to.
pub(super) fn task_key(labels: &HashMap<String, String>) -> Option<TaskKey> {
    Some(TaskKey {
        account: labels.get(ACCOUNT)?.clone(),
        region: labels.get(REGION)?.clone(),
        task: labels.get(TASK)?.clone(),
    })
}

/// The start that a container labelled so is.
pub(super) fn container_key(labels: &HashMap<String, String>) -> Option<ContainerKey> {
    Some(ContainerKey {
        task: task_key(labels)?,
        name: labels.get(CONTAINER)?.clone(),
        attempt: labels.get(ATTEMPT)?.parse().ok()?,
    })
}

/// A filter for lists: what carries all these labels.
pub(super) fn filter(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    let labels = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    HashMap::from([("label".to_owned(), labels)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_found_again_by_its_labels() {
        let task =
            TaskKey { account: "123456789012".into(), region: "eu-west-1".into(), task: "0f".repeat(16) };
        let mut labels = of_task("engine-1", &task);
        assert_eq!(task_key(&labels), Some(task.clone()));
        assert_eq!(container_key(&labels), None);
        labels.insert(CONTAINER.into(), "app".into());
        labels.insert(ATTEMPT.into(), "3".into());
        assert_eq!(container_key(&labels), Some(ContainerKey { task, name: "app".into(), attempt: 3 }));
    }
}
