//! What should happen next: one module for each kind of work, each of functions from values to values. No I/O, no async,
//! no clock, no randomness: `now` is an argument.

pub mod custom_resource;
pub mod preview;
pub mod run;
pub mod service;
pub mod task_definition;
