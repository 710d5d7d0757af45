//! Preview environments: which there should be ([`repository`]), and what happens next to each ([`environment`]).

pub mod environment;
pub mod names;
pub mod record;
pub mod repository;
pub mod trigger;

#[cfg(test)]
mod samples;
