//! The whole life of an environment over an AWS of maps, with whatever may go wrong in a round: it always comes to what
//! is wished, harms nothing on a gap, and leaves nothing behind.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be is a failed test")]

mod check;
mod fake;
mod properties;
mod samples;
mod stories;
mod world;
