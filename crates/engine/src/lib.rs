//! The local ECS engine: Amazon's wire protocols in front of `longshore-ecs`, and real runtimes behind it.

pub mod refusal;
pub mod runtime;
pub mod store;
