//! Preview environments over a world in memory, with rounds that are polled by hand.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

#[path = "../support/amazon.rs"]
mod amazon;
mod comments;
mod daemon;
mod doors;
mod hooks;
mod life;
mod looking;
#[path = "../support/memory.rs"]
mod memory;
mod read_again;
mod stage;
mod sweeps;
mod telling;
mod two;
#[path = "../support/world.rs"]
mod world;
