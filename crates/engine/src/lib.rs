//! The local ECS engine: Amazon's wire protocols in front of `longshore-ecs`, and real runtimes behind it.

mod balance;
pub mod beside;
mod clock;
pub mod door;
mod engine;
mod events;
mod host;
pub mod keys;
mod local;
mod output;
pub mod refusal;
pub mod runtime;
pub mod store;
pub mod wire;
mod world;

pub use beside::queues::EVENTS_QUEUE;
pub use engine::{Engine, Options, reports};
pub use local::{LoadBalancer, Machine, Made};
