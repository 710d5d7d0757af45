//! The properties of a resource, read and checked.

use std::fmt;

use longshore_model::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration};
use longshore_model::seen::TaskDefinition;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::criteria::Criterion;
use super::schema::PROPERTIES;
use super::shape::Shape::Object;
use super::shape::{self, PropertyError};
use crate::run::OnTimeout;

/// CloudFormation waits at most so long for an answer, and so long when nothing is said.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudformation-customresource.html>
pub(super) const LONGEST_SERVICE_TIMEOUT_S: i64 = 3600;

/// Of what CloudFormation waits, so much is kept back to stop the tasks, read their last lines and answer.
pub(super) const MARGIN_S: i64 = 60;

/// The longest run when nothing is said: what the system that this one replaces documents.
const DEFAULT_TIMEOUT_S: i64 = 290;

/// The most tasks of one resource, by Count or by Instances: as many as one call of DescribeTasks takes.
pub const MAX_COUNT: i64 = 100;

/// The properties of a resource, read and checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Properties {
    /// For how long CloudFormation waits, in seconds.
    pub service_timeout: i64,
    /// Name or ARN.
    pub cluster: String,
    /// Family, `family:revision` or ARN.
    pub task_definition: String,
    /// How many tasks; with `instances` it says nothing unless it is 0.
    pub count: usize,
    /// The run ends so many seconds after CloudFormation asked for it.
    pub timeout: i64,
    /// Whether an Update runs anything.
    pub run_on_update: bool,
    /// If there are any, an Update only runs when one of them says so.
    pub update_criteria: Vec<Criterion>,
    /// Seconds between two looks at the tasks.
    pub poll_interval: u64,
    /// What differs from the task definition.
    pub overrides: Overrides,
    /// One task on each of these container instances.
    pub instances: Vec<String>,
    /// Whether a Delete runs the task.
    pub run_on_delete: bool,
    /// Whether anything runs while the stack is rolled back.
    pub run_on_rollback: bool,
    /// What becomes of the tasks when the time is up.
    #[serde(deserialize_with = "on_timeout")]
    pub on_timeout: OnTimeout,
    /// Where they run.
    pub launch_type: Option<LaunchType>,
    /// Which capacity they run on.
    pub capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// For networkMode awsvpc.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Whose exit code counts; absent means the essential containers.
    pub container: Option<String>,
    /// Exit codes that are a success, beside 0.
    pub accept_exit_codes: Vec<i32>,
    /// For so many seconds tasks that found no place are tried again; absent means as long as the run may take.
    pub wait_for_capacity: Option<i64>,
}

impl Default for Properties {
    fn default() -> Self {
        Self {
            service_timeout: LONGEST_SERVICE_TIMEOUT_S,
            cluster: String::new(),
            task_definition: String::new(),
            count: 1,
            timeout: DEFAULT_TIMEOUT_S,
            run_on_update: true,
            update_criteria: Vec::new(),
            poll_interval: 10,
            overrides: Overrides::default(),
            instances: Vec::new(),
            run_on_delete: false,
            run_on_rollback: false,
            on_timeout: OnTimeout::Stop,
            launch_type: None,
            capacity_provider_strategy: Vec::new(),
            network_configuration: None,
            container: None,
            accept_exit_codes: Vec::new(),
            wait_for_capacity: None,
        }
    }
}

/// A TaskOverride in ECS's own words. Its `Debug` shows nothing: it holds the values of environment variables.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Overrides(pub Map<String, Value>);

impl Overrides {
    /// What the overrides make of an environment variable of a container.
    pub(super) fn variable(&self, container: &str, key: &str) -> Option<&str> {
        let of_container = items(self.0.get("containerOverrides")).filter(|item| item["name"] == container);
        let pairs = of_container.flat_map(|item| items(item.get("environment")));
        let pair = pairs.filter(|pair| pair["name"] == key).last()?;
        Some(pair.get("value").and_then(Value::as_str).unwrap_or_default())
    }
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Overrides(not shown)")
    }
}

impl Properties {
    /// From a request's `ResourceProperties`.
    ///
    /// # Errors
    ///
    /// The first property that is wrong: unknown, missing, of another type, out of its range, or against another one.
    pub fn read(given: &Value) -> Result<Self, PropertyError> {
        let Some(given) = given.as_object() else {
            let problem = format!("are {}", shape::shown(&Object(PROPERTIES), given));
            return Err(PropertyError::new(
                "",
                problem,
                "write an object with Cluster and TaskDefinition at least",
            ));
        };
        let mut found = shape::object(PROPERTIES, given, "")?;
        let longest = longest_timeout(&found);
        let timeout = found.get("Timeout").and_then(Value::as_i64);
        if let Some(timeout) = timeout.filter(|timeout| *timeout > longest) {
            return Err(too_long(timeout, longest));
        }
        found.entry("Timeout").or_insert_with(|| DEFAULT_TIMEOUT_S.min(longest).into());
        let properties: Self = serde_json::from_value(Value::Object(found))
            .map_err(|error| PropertyError::new("", "cannot be read", error.to_string()))?;
        properties.agree()?;
        Ok(properties)
    }

    /// Whether they fit the revision that is run.
    ///
    /// # Errors
    ///
    /// When Container is none of its containers: the task would run, and nobody could say how it ended.
    pub fn fit(&self, definition: &TaskDefinition) -> Result<(), PropertyError> {
        let names = || definition.containers.iter().map(|container| container.name.as_str());
        let Some(container) = self.container.as_deref().filter(|name| !names().any(|known| known == *name))
        else {
            return Ok(());
        };
        let problem = format!("is `{container}`, which is not in {}", definition.arn);
        let known = names().collect::<Vec<_>>().join(", ");
        let remedy = format!("did you mean `{}`? It has {known}", shape::nearest(container, names()));
        Err(PropertyError::new("Container", problem, remedy))
    }

    /// Whether the properties fit each other.
    fn agree(&self) -> Result<(), PropertyError> {
        let strategy = !self.capacity_provider_strategy.is_empty();
        if strategy && self.launch_type.is_some() {
            let problem = "excludes CapacityProviderStrategy, which says where tasks run as well";
            return Err(PropertyError::new("LaunchType", problem, "keep one of them"));
        }
        if !self.instances.is_empty() && (strategy || self.launch_type.is_some()) {
            let other = if strategy { "CapacityProviderStrategy" } else { "LaunchType" };
            let problem = "excludes Instances, which says where each task runs (StartTask)";
            return Err(PropertyError::new(other, problem, "keep one of them"));
        }
        if i64::try_from(self.instances.len()).is_ok_and(|instances| instances > MAX_COUNT) {
            let problem = format!("names {} container instances", self.instances.len());
            return Err(PropertyError::new("Instances", problem, format!("name at most {MAX_COUNT}")));
        }
        if let Some(index) = self.update_criteria.iter().position(|it| it.environment_keys.is_empty()) {
            let path = format!("UpdateCriteria[{index}].EnvironmentKeys");
            return Err(PropertyError::new(&path, "names no key", "name those whose values are compared"));
        }
        Ok(())
    }
}

/// The longest run that can still be answered.
fn longest_timeout(found: &Map<String, Value>) -> i64 {
    let service_timeout = found.get("ServiceTimeout").and_then(Value::as_i64);
    service_timeout.unwrap_or(LONGEST_SERVICE_TIMEOUT_S) - MARGIN_S
}

fn too_long(timeout: i64, longest: i64) -> PropertyError {
    let waits = longest + MARGIN_S;
    let problem = format!(
        "is {timeout} s, longer than can be waited for, since CloudFormation waits {waits} s for an answer \
         (ServiceTimeout, at most {LONGEST_SERVICE_TIMEOUT_S}) and {MARGIN_S} s of them are kept back to stop the \
         tasks and to answer"
    );
    PropertyError::new("Timeout", problem, format!("write at most {longest}"))
}

fn on_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnTimeout, D::Error> {
    let word = String::deserialize(deserializer)?;
    Ok(if word == "leave" { OnTimeout::Leave } else { OnTimeout::Stop })
}

/// The cluster, also of properties that are wrong elsewhere.
pub(super) fn cluster_of(given: &Value) -> Option<&str> {
    given.get("Cluster").and_then(Value::as_str).filter(|cluster| !cluster.is_empty())
}

#[cfg(test)]
#[path = "properties_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "properties_any.rs"]
mod any_tests;
