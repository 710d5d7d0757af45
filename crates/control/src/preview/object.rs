//! What has rounds of its own among preview environments.

use std::fmt;

use crate::driver;

/// What has rounds of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// All of AWS that environments have, in batches: who differs is woken.
    Sweep,
    /// What is old in the store goes.
    Tidy,
    /// A repository, by its name: which environments there should be.
    Repository(String),
    /// An environment, by its id: what happens next to it.
    Environment(String),
    /// The hooks of an environment, by its id.
    Hooks(String),
    /// A notifier, by its name: what it is told.
    Notifier(String),
}

impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sweep => write!(out, "sweep"),
            Self::Tidy => write!(out, "tidy"),
            Self::Repository(name) => write!(out, "repository {name}"),
            Self::Environment(id) => write!(out, "environment {id}"),
            Self::Hooks(id) => write!(out, "hooks of {id}"),
            Self::Notifier(name) => write!(out, "notifier {name}"),
        }
    }
}

impl driver::Object for Object {
    fn lane(&self) -> driver::Lane {
        match self {
            // Both wait for people's own programs and for other people's services.
            Self::Hooks(_) | Self::Notifier(_) => driver::Lane::Slow,
            Self::Sweep | Self::Tidy | Self::Repository(_) | Self::Environment(_) => driver::Lane::Quick,
        }
    }
}
