//! The server over real HTTP, with the memory store.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod api;
mod github;
mod headers;
mod live;
mod pages;
mod people;
mod roles;
mod samples;
mod slack;
mod slow;
mod support;
mod watch;
