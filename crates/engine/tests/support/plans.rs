//! Plans for tests of runtimes.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_engine::runtime::{ContainerKey, ContainerPlan, TaskKey, TaskPlan};
use longshore_model::Timestamp;
use longshore_model::container_definition::ContainerDefinition;
use longshore_model::network::NetworkMode;
use longshore_model::task_definition::{TaskDefinition, TaskDefinitionStatus, TaskSpec};

/// A task without limits.
pub(crate) fn task(id: &str) -> TaskPlan {
    let key =
        TaskKey { account: "123456789012".to_owned(), region: "eu-west-1".to_owned(), task: id.to_owned() };
    let definition = TaskDefinition {
        task_definition_arn: "arn:aws:ecs:eu-west-1:123456789012:task-definition/test:1".to_owned(),
        spec: TaskSpec::default(),
        revision: 1,
        status: TaskDefinitionStatus::Active,
        requires_attributes: None,
        compatibilities: Vec::new(),
        registered_at: Timestamp(0),
        registered_by: None,
        deregistered_at: None,
        delete_requested_at: None,
    };
    TaskPlan {
        key,
        cluster: "default".to_owned(),
        definition: Arc::new(definition),
        network_mode: NetworkMode::Bridge,
        directories: BTreeMap::new(),
        cpu: None,
        memory_mib: None,
    }
}

/// The container `main` of a task: a shell script.
pub(crate) fn container(task: &TaskPlan, script: &str) -> ContainerPlan {
    let definition = ContainerDefinition {
        name: "main".to_owned(),
        image: "busybox:1".to_owned(),
        entry_point: Some(vec!["sh".to_owned(), "-c".to_owned()]),
        command: Some(vec![script.to_owned()]),
        ..ContainerDefinition::default()
    };
    ContainerPlan {
        key: ContainerKey { task: task.key.clone(), name: "main".to_owned(), attempt: 0 },
        task: Arc::new(task.clone()),
        definition,
        environment: BTreeMap::new(),
    }
}
