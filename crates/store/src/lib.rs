//! Where the control plane keeps its rows: in memory for simulations and tests, in SQLite for everybody else. Both pass
//! the suite [`contract`].

#[doc(hidden)]
pub mod contract;
mod memory;
mod rules;
mod sqlite;

pub use memory::Memory;
pub use rules::{BODY_LIMIT_BYTES, KEY_LIMIT_BYTES, WRITES_LIMIT};
pub use sqlite::Sqlite;
