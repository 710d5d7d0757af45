//! A task as DescribeTasks gives it, together with its JSON: a task is written far more often than it changes.

use std::ops::Deref;
use std::sync::OnceLock;

use longshore_model::task::Task;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// A task that remembers its JSON. It reads as a [`Task`] and is written as one.
#[derive(Debug)]
pub struct TaskView {
    task: Task,
    json: OnceLock<Box<RawValue>>,
}

impl TaskView {
    /// The task, to be changed: its JSON is forgotten.
    pub(crate) fn change(&mut self) -> &mut Task {
        self.json.take();
        &mut self.task
    }
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        Self { task, json: OnceLock::new() }
    }
}

impl Clone for TaskView {
    /// The copy is about to be changed, so it does not take the JSON along.
    fn clone(&self) -> Self {
        self.task.clone().into()
    }
}

impl PartialEq for TaskView {
    fn eq(&self, other: &Self) -> bool {
        self.task == other.task
    }
}

impl Deref for TaskView {
    type Target = Task;

    fn deref(&self) -> &Task {
        &self.task
    }
}

impl Serialize for TaskView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(json) = self.json.get() {
            return json.serialize(serializer);
        }
        let json = to_raw_value(&self.task).map_err(serde::ser::Error::custom)?;
        self.json.get_or_init(|| json).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TaskView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Task::deserialize(deserializer).map(Self::from)
    }
}
