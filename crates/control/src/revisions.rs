//! Revisions of task definitions never change: what is known of one is asked for once by all runs of a process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use longshore_model::Error;
use longshore_model::seen::TaskDefinition;
use longshore_world::Ecs;
use tokio::sync::OnceCell;

/// So many are remembered.
const MOST: usize = 100;

/// Those that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Revisions(Mutex<BTreeMap<String, Arc<OnceCell<TaskDefinition>>>>);

impl Revisions {
    /// Describes a task definition. A family is asked for each time, because its latest revision is another one tomorrow.
    pub(crate) async fn describe(&self, ecs: &dyn Ecs, name: &str) -> Result<TaskDefinition, Error> {
        if !is_revision(name) {
            return ecs.describe_task_definition(name).await;
        }
        let cell = self.cell(name);
        cell.get_or_try_init(|| ecs.describe_task_definition(name)).await.cloned()
    }

    fn cell(&self, name: &str) -> Arc<OnceCell<TaskDefinition>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(name) {
            known.clear();
        }
        Arc::clone(known.entry(name.to_owned()).or_default())
    }
}

/// `web:3`, or an ARN that ends so.
fn is_revision(name: &str) -> bool {
    name.rsplit_once(':').is_some_and(|(_, revision)| revision.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_change_and_revisions_do_not() {
        for name in ["web:3", "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3"] {
            assert!(is_revision(name), "{name}");
        }
        for name in ["web", "arn:aws:ecs:eu-west-1:123456789012:task-definition/web", "web:latest"] {
            assert!(!is_revision(name), "{name}");
        }
    }
}
