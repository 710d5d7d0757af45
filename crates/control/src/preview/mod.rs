//! Preview environments: what drives `decide::preview` over the world.

mod desk;

pub use self::desk::{Accepted, Desk};
