//! Preview environments: which there should be ([`repository`]), and what happens next to each ([`environment`]).

pub mod command;
pub mod cost;
pub mod environment;
pub mod find;
pub mod github;
pub mod names;
pub mod record;
pub mod repository;
pub mod request;
pub mod slack;
pub mod sns;
pub mod trigger;
pub mod view;
pub mod webhook;
pub mod words;

#[cfg(test)]
mod samples;
