//! The proxy over loopback, with clients and targets that speak raw bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod access;
mod basics;
mod corpus;
mod doorkeeper;
mod failures;
mod health;
mod life;
mod limits;
mod rules;
mod site_support;
mod sites;
mod streams;
mod support;
mod tls;
