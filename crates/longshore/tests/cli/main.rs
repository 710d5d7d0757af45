//! The binary as a user meets it: words, streams and exit codes, against a scripted service or none.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

mod account;
mod drift;
mod files;
mod logs;
mod remove;
mod run;
mod run_flags;
mod service;
mod usage;
mod verify;
