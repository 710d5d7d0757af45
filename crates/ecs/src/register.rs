//! RegisterTaskDefinition as a function: what ECS refuses, what it fills in, and what it concludes.
//!
//! The checks run in a fixed order and the first problem is the answer, as in ECS: the definition's names and words,
//! its sizes, each container by itself, what the containers say about each other and about the volumes, the task as a
//! whole, and at last the rules of the launch types that the definition requires.

mod attributes;
mod checks;
mod compatibility;
mod container;
mod defaults;
mod depends;
mod fargate;
mod linux;
mod logging;
mod network;
mod secrets;
mod size;
mod tags;
mod task;
mod volumes;

use longshore_model::placement::Attribute;
use longshore_model::task_definition::TaskSpec;

use crate::fault::Fault;
pub(crate) use network::link_target;

pub use tags::check_tags;

/// The most bytes that the JSON of a task definition may have.
const MAX_SIZE_BYTES: usize = 64 * 1024;

/// What registering made of what the user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// What was written, with ECS's defaults filled in and the task's size as plain numbers.
    pub spec: TaskSpec,
    /// What an instance must be able to do.
    pub requires_attributes: Vec<Attribute>,
    /// The launch types that the definition is valid for.
    pub compatibilities: Vec<String>,
}

/// Checks as ECS does and fills in ECS's defaults; `size_bytes` is the size of the request's JSON.
///
/// # Errors
/// The first thing that ECS would refuse, in ECS's own sentence where that is known.
pub fn register(spec: TaskSpec, size_bytes: usize) -> Result<Registered, Fault> {
    if size_bytes > MAX_SIZE_BYTES {
        return checks::refuse(format!(
            "Actual length: '{size_bytes}'. Max allowed length is '{MAX_SIZE_BYTES}' bytes."
        ));
    }
    task::check_family(&spec)?;
    task::check_words(&spec)?;
    compatibility::check_words(&spec)?;
    container::check_names(&spec.container_definitions)?;
    let spec = size::normalise(spec)?;
    size::check(&spec)?;
    for container in &spec.container_definitions {
        container::check(container)?;
        linux::check(container)?;
        secrets::check(container, spec.execution_role_arn.is_some())?;
        logging::check(container)?;
    }
    network::check(&spec)?;
    volumes::check(&spec)?;
    depends::check(&spec.container_definitions)?;
    logging::check_firelens(&spec.container_definitions)?;
    task::check(&spec)?;
    compatibility::check_required(&spec)?;
    let spec = defaults::fill(spec);
    Ok(Registered {
        requires_attributes: attributes::required(&spec),
        compatibilities: compatibility::all(&spec),
        spec,
    })
}
