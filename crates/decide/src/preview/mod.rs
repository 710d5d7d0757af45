//! Preview environments: which there should be ([`repository`]), and what happens next to each ([`environment`]).

pub mod environment;
pub mod repository;
