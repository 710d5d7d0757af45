//! The nouns: what the parts of Longshore talk about. Plain values, no I/O, no clock.
//!
//! The shapes that ECS itself publishes (task definitions, tasks, container instances) carry serde's derives with
//! ECS's own member names: for them the published shape *is* the noun.

pub mod arn;
pub mod call;
pub mod container_definition;
pub mod create_service;
pub mod error;
pub mod image;
pub mod instance;
pub mod network;
pub mod placement;
pub mod preview;
pub mod seen;
pub mod service;
pub mod tag;
pub mod task;
pub mod task_definition;
mod time;
mod word;

pub use error::{Error, Kind};
pub use time::Timestamp;
pub use word::{UNKNOWN_WORD, UnknownWord};
