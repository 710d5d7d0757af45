//! Services from outside: random files against random services, real files, and the whole way of one.

#![expect(clippy::unwrap_used, reason = "what cannot be read is a failed test")]

mod files;
mod model;
mod plans;
mod ways;
