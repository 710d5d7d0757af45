//! Preview environments: which there should be ([`repository`]), and what happens next to each ([`environment`]).

pub mod activity;
pub mod cadence;
pub mod check;
pub mod command;
pub mod comment;
pub mod cost;
pub mod environment;
pub mod events;
pub mod find;
pub mod github;
pub mod keeping;
pub mod names;
pub mod orphan;
pub mod output;
pub mod record;
pub mod repository;
pub mod request;
pub mod room;
pub mod show;
pub mod slack;
pub mod sns;
pub mod sweep;
pub mod telling;
pub mod timeline;
pub mod told;
pub mod trigger;
pub mod view;
pub mod webhook;
pub mod words;

#[cfg(test)]
mod samples;
