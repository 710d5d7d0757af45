//! An Amazon in this process, for tests: the world's traits over `ecs::step`, in virtual time, with a runtime that is
//! data and with faults by a seeded plan. It counts the calls and knows what really happened.
//!
//! Nothing runs between two calls: each call, and each question of [`Simulated::tasks`] and its like, first lets
//! happen what was due until now, in its order. Time is tokio's, so a test pauses it (`start_paused = true`) and hours
//! pass at once.

mod logs;
mod plan;
mod seen;
pub mod stage;
mod state;
mod trouble;
mod truth;
mod world;

pub use plan::{Arrival, End, Faults, Life, Line, Lives, Operation, Plan, Trouble};
pub use truth::{Call, Known, Put};
pub use world::Simulated;
