//! The `docker` runtime against a real daemon. Where none answers, one line says so and nothing is tested.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod life;
mod network;
mod recover;
mod support;
mod trouble;
mod volume;
