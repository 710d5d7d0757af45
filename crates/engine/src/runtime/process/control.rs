//! What the engine and a container's supervisor say to each other over the supervisor's standard input, which is a
//! socket: one JSON line with the [`Order`], then single bytes; one JSON line for each [`Answer`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the supervisor is to run. It has the container's secrets, so it travels over the socket and is in no
/// command line, no environment of the supervisor and no file.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    /// Where the program is.
    pub(super) program: PathBuf,
    /// Its arguments; the first is the name it was called by.
    pub(super) arguments: Vec<String>,
    /// Its whole environment.
    pub(super) environment: BTreeMap<String, String>,
    /// Where it runs.
    pub(super) directory: PathBuf,
    /// The control groups it runs in.
    pub(super) groups: Vec<Membership>,
}

/// A control group, as the files to which a process writes `0` about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Membership {
    /// To be in the container's group.
    pub(super) join: PathBuf,
    /// To be back in the engine's own.
    pub(super) leave: PathBuf,
}

/// Byte: send SIGTERM to the container's process group.
pub(super) const TERMINATE: u8 = b't';

/// Byte: kill the container. The end of the stream means the same.
pub(super) const KILL: u8 = b'k';

/// What the supervisor reports: `Failed`, or `Started` and later `Exited`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The program could not be run.
    Failed(String),
    /// The program runs.
    Started,
    /// The program has ended with this exit code, and nothing that it started is left.
    Exited(i32),
}
