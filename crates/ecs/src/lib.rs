//! Amazon's side as a value: an ECS cluster that changes only by being told what happened, and when.

pub mod fault;
pub mod random;
